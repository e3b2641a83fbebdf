"""The frame of the dashboard: which reports, which part of them, which page, and what is said when one is broken.

The state is in the address: a link opens the same reports, page and choices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import streamlit as st

from harness.core import OwnbenchError, listed, visible
from harness.report.app import reports_and_problems
from harness.report.chart_style import DAY, NIGHT, Theme
from harness.report.html_parts import html_text, style
from harness.report.pages import (
    answer,
    by_domain,
    escalation,
    head_to_head,
    history,
    money,
    skill_use,
    tasks,
)
from harness.report.pages.address import complaints, held, visit
from harness.report.pages.choices import choose, one_of, several
from harness.report.pages.loading import Evidence, damage_of, evidence_of, splits_of
from harness.report.pages.parts import html, loud, title


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a page is given."""

    chosen: tuple[Evidence, ...]
    """The reports that are chosen, one at least."""
    theme: Theme
    every: tuple[Path, ...] = ()
    """The folders of all reports that the dashboard was given, chosen or not."""

    @cached_property
    def evidence(self) -> Evidence:
        """The one report of a page that shows one; where several are chosen, the reader says which, once a drawing."""
        if len(self.chosen) == 1:
            return self.chosen[0]
        named = dict(_named([e.folder for e in self.chosen]))
        name = choose("Report shown", list(named), "shown")
        return next(e for e in self.chosen if e.folder == named[name])


ICON = Path(__file__).with_name("icon.png")
"""Of the browser's tab; a named icon would be fetched from outside."""

PAGES: dict[str, Callable[[Shown], None]] = {
    "Answer": answer.page,
    "Head to head": head_to_head.page,
    "Domains": by_domain.page,
    "Escalation": escalation.page,
    "Money": money.page,
    "Skills": skill_use.page,
    "Tasks": tasks.page,
    "Gate and history": history.page,
}
"""The pages by their titles, which stand in the address: ``?page=Head+to+head``.

They are a choice like every other, and no paths of their own: for a path Streamlit first asks the server for files that
are not there.
"""


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
        page = _page()
        shown = _chosen(folders)
    names = [e.name for e in shown.chosen] if shown else []
    st.set_page_config(page_title=" - ".join([", ".join(visible(n, 60) for n in names[:3]) or "no report", page]))
    with top:
        for words in (*problems, *complaints("page", "report", "split"), *_damage(shown)):
            loud(words)
        if shown:
            html(f'<p class="where">{html_text(_where(shown))}</p>')
    if not shown:
        title("ownbench")
        st.info("No report is chosen. The side bar lists those that are here; ownbench run makes one.")
        return
    try:
        PAGES[page](shown)
    except OwnbenchError as error:  # a broken report says what is broken
        loud(str(error))


def _damage(shown: Shown | None) -> list[str]:
    """What is said on every page of a report of which a file is cut."""
    return [
        f"{e.name}: {listed(damaged)} cannot be opened, so what was asked, answered and called is not shown. The "
        "figures rest on outcomes.parquet, which can."
        for e in (shown.chosen if shown else ())
        if _opens(e.folder) and (damaged := damage_of(e))
    ]


def _page() -> str:
    titles = list(PAGES)
    draw = partial(st.radio, "Page", titles, key="page")
    return held("page", draw, default=titles[0], read=one_of(titles), texts=lambda value: [value], aloud=False)


def _chosen(found: Sequence[Path]) -> Shown | None:
    """The reports and the part of them that the side bar says; ``None`` where no report is chosen."""
    theme = NIGHT if st.context.theme.type == "dark" else DAY
    folders = dict(_named(found))
    first = next((name for name, folder in folders.items() if _opens(folder)), next(iter(folders), None))
    names = several("Reports", list(folders), "report", default=[first] if first else [], aloud=False)
    plain = [evidence_of(folders[name]) for name in names]
    splits = list(dict.fromkeys(s for one in plain for s in splits_of(one)))
    split = choose("Part of the suites", splits, "split", aloud=False) if splits else None
    chosen = tuple(evidence_of(e.folder, split if splits_of(e) else None) for e in plain)
    return Shown(chosen=chosen, theme=theme, every=tuple(found)) if chosen else None


def _opens(folder: Path) -> bool:
    """Whether there is something to show: a broken report is not the first that somebody sees."""
    import pyarrow.parquet as pq

    try:
        pq.read_schema(folder / "outcomes.parquet")
    except (OSError, ValueError):
        return False
    return True


def _where(shown: Shown) -> str:
    parts = {e.split for e in shown.chosen}
    part = next(iter(parts)) if len(parts) == 1 else None
    said = {None: "", "all": ", all parts of the suites"}.get(part, f", the {part} part of the suites")
    return listed([e.name for e in shown.chosen]) + said


def _named(folders: Sequence[Path]) -> list[tuple[str, Path]]:
    """A name for each folder; two of one name are told apart by where they stand."""
    names = [visible(f.name or f.resolve().name, 80) for f in folders]
    twice = {n for n in names if names.count(n) > 1}
    return [
        (f"{n} ({visible(str(f.parent), 80)})" if n in twice else n, f) for n, f in zip(names, folders, strict=True)
    ]
