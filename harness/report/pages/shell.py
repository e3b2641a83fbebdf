"""The frame of the dashboard: which reports, which part of them, which page, and what is said when one is broken.

The state is in the address: a link opens the same reports, page and choices.
"""

import gc
import importlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path

import streamlit as st

from harness.core import OwnbenchError, listed, visible
from harness.report.app import reports_and_problems
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.html_parts import html_text, style
from harness.report.pages import (
    answer,
    by_domain,
    distributions,
    escalation,
    head_to_head,
    history,
    live,
    loading,
    money,
    skill_use,
    task_names,
    tasks,
)
from harness.report.pages.choices import choose, complaints, held, one_of, several, visit
from harness.report.pages.loading import Shown
from harness.report.pages.parts import errors_told, html, loud, made, title, write
from harness.report.vega import DAY, NIGHT
from harness.store import running_process

ICON = Path(__file__).with_name("icon.png")  # of the browser's tab; a named icon would be fetched from outside

FAULT = (
    "This part of the page cannot be drawn: a fault of ownbench, which is printed where the dashboard was started. "
    "Other pages are not affected, and `ownbench show REPORT` prints the figures."
)
# What Streamlit says in place of an exception that it does not show speaks of its makers' cloud. Should the name be
# another in a later version, that text is back, and no more.
vars(importlib.import_module("streamlit.elements.exception"))["_GENERIC_UNCAUGHT_EXCEPTION_TEXT"] = FAULT

PAGES: dict[str, Callable[[Shown], None]] = {
    "Answer": answer.page,
    "Head to head": head_to_head.page,
    "Domains": by_domain.page,
    "Escalation": escalation.page,
    "Money": money.page,
    "Skills": skill_use.page,
    "Tasks": tasks.page,
    "Distributions": distributions.page,
    "Gate and history": history.page,
}  # by their titles, which stand in the address: for a path of its own Streamlit asks the server for files that are not


def show(given: Sequence[Path]) -> None:
    """Draws the page that the address asks for."""
    st.set_page_config(page_title="ownbench", page_icon=str(ICON), layout="wide")
    html(f"<style>{style()}</style>")
    with visit():
        _draw(given)


def _draw(given: Sequence[Path]) -> None:
    top = st.container()
    folders, problems = reports_and_problems(given)
    with st.sidebar:
        st.html(SORTS, unsafe_allow_javascript=True)
        titles = list(PAGES)
        page = held("page", st.radio, "Page", titles, default=titles[0], read=one_of(titles), aloud=False)
        shown = _chosen(folders, given)
    names = [e.name for e in shown.chosen] if shown else []
    st.set_page_config(page_title=" - ".join([", ".join(visible(n, 60) for n in names[:3]) or "no report", page]))
    with top:
        write(*problems, *complaints("page", "report", "split"), kind="loud")
        if shown:
            _where(shown)
    if not shown:
        title("ownbench")
        st.info("No report is chosen. The side bar lists those that are here; ownbench run makes one.")
        return
    with errors_told():
        if live.is_all_there_is(shown):
            live.page(shown)
        else:
            for one in shown.chosen:
                live.watch(one, whole=page == "Answer")
            PAGES[page](shown)
    _from_the_top(page)


def first_shown(found: Sequence[Path], given: Sequence[Path]) -> Path | None:
    """The report that is shown before one is chosen: of a run under way, else the first given; of a folder the newest.

    One that is broken is not, where another is sound.
    """
    if running := [folder for folder in found if running_process(folder) is not None]:
        return running[0]
    sound = [folder for folder in found if loading.opens(folder / "outcomes.parquet")]
    named = [folder for folder in sound if any(folder in {one, "reports" / one} for one in given)]
    made = {folder: loading.stamp_of(folder, ["outcomes.parquet"]) for folder in sound}
    newest = sorted(made, key=lambda folder: [-at for _, at, _ in made[folder]])
    return next(iter([*named, *newest, *found]), None)


def _chosen(found: Sequence[Path], given: Sequence[Path]) -> Shown | None:
    """The reports and the part of them that the side bar says; ``None`` where no report is chosen."""
    folders = dict(zip(loading.names_of(found), found, strict=True))
    first = [name for name, folder in folders.items() if folder == first_shown(found, given)]
    names = several("Reports", list(folders), "report", default=first[:1], aloud=False)
    plain = [loading.evidence_of(live.place_of(folders[name])) for name in names]
    splits = list(dict.fromkeys(s for one in plain for s in loading.splits_of(one)))
    split = choose("Part of the suites", splits, "split", aloud=False) if splits else None
    chosen = tuple(loading.evidence_of(e.folder, split if loading.splits_of(e) else None) for e in plain)
    theme = NIGHT if st.context.theme.type == "dark" else DAY
    return Shown(chosen=chosen, theme=theme, every=tuple(found)) if chosen else None


def _where(shown: Shown) -> None:
    """What is shown, and on every page of a report that one of its files is cut."""
    for e in shown.chosen:
        damaged = [name for name in loading.BESIDE if (e.folder / name).exists() and not loading.opens(e.folder / name)]
        if damaged and loading.opens(e.folder / "outcomes.parquet"):
            lost = "cannot be opened, so what was asked, answered and called is not shown"
            loud(f"{e.name}: {listed(damaged)} {lost}. The figures rest on outcomes.parquet, which can.")
    parts = {e.split for e in shown.chosen}
    part = parts.pop() if len(parts) == 1 else None
    said = {None: "", "all": ", all parts of the suites"}.get(part, f", the {part} part of the suites")
    html(f'<p class="where">{html_text(listed([e.name for e in shown.chosen]) + said)}</p>')


SORTS = """<script>
if (!window.ownbenchSorts) {
  window.ownbenchSorts = true;
  document.addEventListener('change', ({target}) => {
    if (!target.matches('.wide > table > thead input')) return;
    const head = target.closest('th'), body = target.closest('table').tBodies[0];
    const down = target.className === 'down', column = `--${head.cellIndex}`;
    const place = row => {
      const rank = row.style.getPropertyValue(column);
      return rank === '' ? Infinity : down ? -rank : +rank;
    };
    body.append(...[...body.rows].sort((a, b) => place(a) === place(b) ? 0 : place(a) - place(b)));
    for (const one of head.parentNode.cells) one.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => location.reload());
}
</script>"""
"""Puts a table's rows in the order of the column that is chosen in its head; report.html does so without a script.

Where the system turns dark or light the page is loaded again, for its charts have the colours of before; what is chosen
stands in the address.
"""

TO_THE_TOP = """<script>
document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
if (innerWidth < 768) {
  const bar = document.querySelector('[data-testid="stSidebar"]');
  if (bar?.getBoundingClientRect().right > 0) {
    bar.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
  }
}
</script>"""  # with that above all there is of script: no text of anybody else's comes near it
"""The page from its start; on a phone, of which the side bar covers the most, without that."""


def _from_the_top(page: str) -> None:
    """Scrolls up where the page, or the task that is open on it, is another than at the last drawing."""
    now = page, st.session_state.get("task") if page == "Tasks" else None
    before = st.session_state.get("seen", now)
    turns = st.session_state.get("turns", 0) + (now != before)
    st.session_state["seen"], st.session_state["turns"] = now, turns
    if turns:  # a script runs where its text is new
        st.sidebar.html(TO_THE_TOP.replace("<script>", f"<script>/* {turns} */"), unsafe_allow_javascript=True)


def warm(reports: Sequence[Path], given: Sequence[Path] = ()) -> None:
    """Computes the figures of the page that is shown first, then those that its report's other pages begin with."""
    reports = [first_shown(reports, given) or reports[0], *reports]
    with suppress(OwnbenchError, OSError):
        live.read_ahead(reports)
    with suppress(OwnbenchError):  # what is broken is told where it is shown
        plain = loading.evidence_of(reports[0])
        first = loading.evidence_of(reports[0], next(iter(loading.splits_of(plain)), None))
        view = loading.scoreboard_for(first)
        for make, theme in product((pass_rate_figure, cost_figure), (DAY, NIGHT)):
            made(make, view, theme, ())
        loading.advice_for(first)
        task_names.places_of(plain)
        pair = loading.default_pair(view)
        loading.pairing_for(first, *pair)
        loading.domains_for(first, *pair)
        escalation.usual_sweep(first)
    # Streamlit collects garbage after every drawing, which takes longer than the drawing where a report is large: what
    # is kept to the end need not be looked at again.
    gc.collect()
    gc.freeze()
