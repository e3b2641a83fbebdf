"""Two contenders on the same tasks: the difference, how surely, where it lies, and the tasks on which they part."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from harness.analysis import (
    ERRORS_AS,
    TRIALS_AS,
    ContenderScore,
    Flip,
    Pairing,
    Scoreboard,
    ShownText,
    safe_csv,
    shares_tasks,
)
from harness.core import OwnbenchError, as_json, listed, plural
from harness.report import scoreboard_tables as tables
from harness.report.pages import loading, parts
from harness.report.pages.choices import choose, href, turned
from harness.report.pages.loading import Evidence, Shown
from harness.report.pages.parts import section, show, write
from harness.report.pages.task_links import FLIPPED, behind_domains
from harness.report.pages.task_names import short_name
from harness.report.palette import Colour, coloured
from harness.report.scoreboard_tables import WAYS
from harness.report.sorting import natural

if TYPE_CHECKING:
    from harness.store import TaskKey, TaskTable

FLIPS_A_PAGE = 20
ASKED = 400  # characters of a task's text beside a flip
PAGE_KEYS = {"all of them": "flips", WAYS["lost"]: "flips_lost", WAYS["gained"]: "flips_gained"}
"""Which flips may be shown, and where their page stands in the address."""
LONE = "This report has one contender with attempts. A comparison needs two: run another, or choose a second report."
APART = "These two share no task: at none have both a graded attempt. Choose another, or run both on the same tasks."


def page(shown: Shown) -> None:
    """A pair, its figures, its domains, its flips."""
    words = "Which of two contenders passes more of the same tasks, how surely, and where they part."
    parts.title("Head to head", words)
    evidence = against = shown.evidence
    if len(shown.chosen) > 1:
        names = sorted(shown.named, key=lambda name: shown.named[name] is not evidence)
        against = shown.named[choose("Report of the second contender", names, "against")]
    apart = against is not evidence
    of = loading.scoreboard_by_seed if apart else loading.scoreboard_for  # a seed of one report has no pair in another
    view, other = of(evidence), of(against)
    if not view.shown or len(other.shown) < (1 if apart else 2):
        parts.loud(view.warning)
        st.info(LONE)
        return
    a, b = loading.choose_pair(view, other if apart else None)
    scores = view.score_of(a), other.score_of(b)
    # How trials and errors count is asked only where it makes a difference to these two.
    trials_as, errors_as = "mean", "excluded"
    left, right = st.columns(2)
    if any(c.n_trials > c.n_tasks for c in scores):
        trials_as = choose("Several tries of a task count as", list(TRIALS_AS), "trials", at=left)
    if any(c.errored or c.ungraded for c in scores):
        errors_as = choose("Attempts that errored or are ungraded are", list(ERRORS_AS), "errors", at=right)
    table, _ = loading.table_of(evidence)
    if not apart and (a == b or not shares_tasks(table, a, b)):
        st.info(parts.SAME if a == b else APART)
        return
    if apart:
        found = loading.pairing_between((evidence, a), (against, b), trials_as, errors_as)
        st.caption("Of two reports: at the tasks that both have. What else differs is said by Gate and history.")
    else:
        found = loading.pairing_for(evidence, a, b, trials_as=trials_as, errors_as=errors_as)
    parts.loud(found.warning)
    parts.compared_sentence(found.comparison)
    if controls := [f"{c.name} ({c.control})" for c in scores if c.control is not None]:
        write(f"A control, which is a yardstick and no option to choose: {listed(controls)}.")
    _each(found, [(scores[0], view), (scores[1], other)], {} if apart else loading.colours_for(evidence, (a, b)))
    show(tables.pairing_table(found))
    section("By domain")
    parts.domains_drawn("forest", found, shown.theme, *([] if apart else [partial(behind_domains, a=a, b=b)]))
    section("Tasks that flipped")
    which = {"shown": str(st.session_state["shown"])} if len(shown.chosen) > 1 else {}
    flips = {**which, "left": a, "right": b, "flipped": FLIPPED, "a": a, "b": b}  # those before and after are flips too
    _flips(against, found, None if apart else partial(_link, table, flips))
    if any(s.n_trials > s.n_tasks for s in scores):
        words = "The pass rates above are for tasks like these. Asked of exactly these tasks, only tries vary."
        section("Several tries of a task", words)
        write(tables.this_suite_words(found.this_suite))
        show(tables.this_suite_table(scores))
        show(tables.repeats_table(scores, found.comparison.level))
    _downloads(found, parts.file_name(f"{evidence.name}-{a}-{b}"))
    parts.notes((f"interval of the difference: {found.comparison.interval_method or 'none'}", *found.notes))


def _each(found: Pairing, sides: list[tuple[ContenderScore, Scoreboard]], colours: Mapping[str, Colour]) -> None:
    """The two, each by itself, and why a rate may be another than below."""
    show(coloured(tables.sides_table(sides), colours))
    if any(c.n_tasks != found.comparison.n_tasks for c, _ in sides):
        write("Each rate is over all tasks of its contender; what follows is over those that both have.")


def _downloads(found: Pairing, stem: str) -> None:
    section("Downloads")
    left, middle, right = st.columns(3)
    parts.download("Comparison (JSON)", lambda: parts.json_of(found), f"{stem}.json", at=left)
    parts.download("Domains (CSV)", lambda: safe_csv(as_json(found.domains)), f"{stem}-domains.csv", at=middle)
    parts.download("Flips (CSV)", lambda: safe_csv(as_json(found.flips)), f"{stem}-flips.csv", at=right)


def _link(table: "TaskTable", choices: dict[str, str], place: int) -> str:
    """What leads to both contenders' attempts at the task of a row."""
    suite = table.suite_digests[place] or table.suites[place] or ""
    return href("Tasks", task=short_name(suite, table.task_digests[place] or table.tasks[place]), **choices)


@st.fragment
def _flips(evidence: Evidence, found: Pairing, link: Callable[[int], str] | None) -> None:
    """A page of flips; to turn it computes nothing anew."""
    if not found.flips:
        st.caption("None: both passed the same tasks.")
        return
    lost = sum(f.direction == "lost" for f in found.flips)
    several = found.comparison.n_trials > 2 * found.comparison.n_tasks
    st.caption(
        f"{plural(len(found.flips), 'task')} that only one of the two passed: {len(found.flips) - lost:,} the first, "
        f"{lost:,} the second." + (" With several tries of a task, more than half of them count." if several else "")
    )
    which = choose("Show", list(PAGE_KEYS), "flip")
    chosen = [f for f in found.flips if which in {"all of them", WAYS[f.direction]}]
    if not chosen:
        st.caption("No task flipped that way.")
        return
    pair = (evidence.folder, found.comparison.a, found.comparison.b)
    chosen = _in_order(chosen)
    start = FLIPS_A_PAGE * (turned(-(-len(chosen) // FLIPS_A_PAGE), PAGE_KEYS[which], of=pair) - 1)
    here = chosen[start : start + FLIPS_A_PAGE]
    texts, why = _asked(evidence, here, link)
    drawn = tables.flips_table(texts)
    show(replace(drawn, part=True) if len(here) < len(chosen) else drawn)
    st.caption(f"{start + 1:,} to {start + len(here):,} of {plural(len(chosen), 'task')}.")
    write(why)


FLIP_ORDERS: dict[str, Callable[[Flip], Any]] = {
    "as in the report": lambda _: 0,
    "by task": lambda flip: natural(flip.task),
    "by domain": lambda flip: (natural(flip.domain), natural(flip.task)),
    "by who passed": lambda flip: flip.direction,
}


def _in_order(flips: list[Flip]) -> list[Flip]:
    """All flips in the order that the reader chose, where they are more than a page: a head sorts a page alone."""
    if len(flips) <= FLIPS_A_PAGE:
        return flips
    return sorted(flips, key=FLIP_ORDERS[choose("Order", list(FLIP_ORDERS), "flip_order", short=True)])


def _asked(
    evidence: Evidence, flips: list[Flip], link: Callable[[int], str] | None
) -> tuple[list[tuple[Flip, ShownText | None, str]], str]:
    """The flips with the start of what was asked, and why it is not known of some."""
    table, _ = loading.table_of(evidence)
    wanted = {f.task for f in flips}
    places: dict[tuple[str, str], list[int]] = {}
    for row, name in enumerate(table.tasks):
        if name in wanted:
            places.setdefault((name, table.domain_names[table.domains[row]]), []).append(row)
    alone = {name: found[0] for name, found in places.items() if len(found) == 1}
    # Where two suites have a task of that name, a text could be the other's.
    why = "Several suites have a task of the same name; of such no text is shown." if len(alone) < len(places) else ""
    texts: dict[TaskKey, ShownText] = {}
    if evidence.keeps_conversations:
        try:
            texts |= loading.asked_at(evidence, tuple(table.keys[place] for place in alone.values()), ASKED)
        except OwnbenchError as error:  # the flips are known without them
            why = f"The question is not on record: {error}"
    else:
        why = "The report holds no transcripts: what was asked is not known here."
    rows = []
    for f in flips:
        place = alone.get((f.task, f.domain))
        text = None if place is None else texts.get(table.keys[place])
        rows.append((f, text, "" if place is None or link is None else link(place)))
    return rows, why
