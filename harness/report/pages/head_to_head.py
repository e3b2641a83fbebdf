"""Two contenders on the same tasks: the difference, how surely, where it lies, and the tasks on which they part."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import streamlit as st

from harness.analysis import ERRORS_AS, TRIALS_AS, ContenderScore, Flip, Pairing, ShownText, safe_csv, shares_tasks
from harness.core import OwnbenchError, as_json, listed, plural
from harness.report import scoreboard_tables as tables
from harness.report.pages import loading, parts
from harness.report.pages.choices import choose, href, turned
from harness.report.pages.loading import Evidence, Shown
from harness.report.pages.task_state import short_name
from harness.report.scoreboard_tables import WAYS

if TYPE_CHECKING:
    from harness.store import TaskKey

Scores = tuple[ContenderScore, ContenderScore]
Links = Callable[[int], str]
AskedFlip = tuple[Flip, ShownText | None, str]  # a flip, the start of what was asked, and its link

FLIPS_A_PAGE = 20
ASKED = 400  # characters of a task's text beside a flip


def page(shown: Shown) -> None:
    """A pair, its figures, its domains, its flips."""
    parts.title(
        "Head to head", "Which of two contenders passes more of the same tasks, how surely, and where they part."
    )
    evidence = shown.evidence
    against = _against(shown, evidence)
    view, other = loading.scoreboard_for(evidence), loading.scoreboard_for(against)
    apart = against is not evidence
    if not view.shown or len(other.shown) < (1 if apart else 2):
        parts.loud(view.warning)
        st.info(
            "This report has one contender with attempts. A comparison needs two: run another in the same report, "
            "or choose a second report in the side bar."
        )
        return
    a, b = loading.choose_pair(view, other if apart else None)
    scores = view.score_of(a), other.score_of(b)
    trials_as, errors_as = _counted(scores)
    if a == b and not apart:
        st.info(parts.SAME)
        return
    if not apart and not shares_tasks(loading.table_of(evidence)[0], a, b):
        st.info(
            "These two share no task: at none have both a graded attempt, so there is nothing to compare. Choose "
            "another contender, or run the two on the same tasks."
        )
        return
    if apart:
        found = loading.pairing_between((evidence, a), (against, b), trials_as, errors_as)
        st.caption("Of two reports: at the tasks that both have. What else differs is said by Gate and history.")
    else:
        found = loading.pairing_for(evidence, a, b, trials_as=trials_as, errors_as=errors_as)
    _compared(found, scores)
    parts.section("By domain")
    parts.domains_drawn("forest", found, shown.theme)
    _flips(against, found, None if apart else _links(shown, evidence, a, b))
    _tries(found, scores)
    _downloads(evidence, found)
    parts.notes((tables.interval_words(found.comparison), *found.notes))


def _against(shown: Shown, evidence: Evidence) -> Evidence:
    """The report of the second contender: the same, unless the reader says another of those chosen."""
    if len(shown.chosen) < 2:
        return evidence
    reports = dict(zip(loading.names_of([one.folder for one in shown.chosen]), shown.chosen, strict=True))
    names = sorted(reports, key=lambda name: reports[name] is not evidence)
    return reports[choose("Report of the second contender", names, "against")]


def _counted(scores: Scores) -> tuple[str, str]:
    """How trials and errors count; asked only where it makes a difference to these two."""
    trials_as, errors_as = "mean", "excluded"
    left, right = st.columns(2)
    if any(c.n_trials > c.n_tasks for c in scores):
        trials_as = choose("Several tries of a task count as", list(TRIALS_AS), "trials", at=left)
    if any(c.errored or c.ungraded for c in scores):
        errors_as = choose("Attempts that errored are", list(ERRORS_AS), "errors", at=right)
    return trials_as, errors_as


def _compared(found: Pairing, scores: Scores) -> None:
    parts.loud(found.warning)
    parts.compared_sentence(found.comparison)
    controls = [f"{c.name} ({c.control})" for c in scores if c.control is not None]
    if controls:
        parts.paragraph(f"A control, which is a yardstick and no option to choose: {listed(controls)}.")
    parts.show(tables.pairing_table(found))


def _links(shown: Shown, evidence: Evidence, a: str, b: str) -> Links:
    table, _ = loading.table_of(evidence)
    which = {"shown": str(st.session_state["shown"])} if len(shown.chosen) > 1 else {}

    def link(place: int) -> str:
        suite = table.suite_digests[place] or table.suites[place] or ""
        task = short_name(suite, table.task_digests[place] or table.tasks[place])
        return href("Tasks", **which, task=task, left=a, right=b)

    return link


def _flips(evidence: Evidence, found: Pairing, link: Links | None) -> None:
    parts.section("Tasks that flipped")
    lost = sum(f.direction == "lost" for f in found.flips)
    if not found.flips:
        st.caption("None: both passed the same tasks.")
        return
    several = found.comparison.n_trials > 2 * found.comparison.n_tasks
    st.caption(
        f"{plural(len(found.flips), 'task')} that only one of the two passed: {len(found.flips) - lost:,} the first, "
        f"{lost:,} the second." + (" With several tries of a task, more than half of them count." if several else "")
    )
    _flip_pages(evidence, found, link)


@st.fragment
def _flip_pages(evidence: Evidence, found: Pairing, link: Links | None) -> None:
    """A page of flips; to turn it computes nothing anew."""
    which = choose("Show", list(PAGE_KEYS), "flip")
    chosen = [f for f in found.flips if which in {"all of them", WAYS[f.direction]}]
    if not chosen:
        st.caption("No task flipped that way.")
        return
    pair = (evidence.folder, found.comparison.a, found.comparison.b)
    start = FLIPS_A_PAGE * (turned(-(-len(chosen) // FLIPS_A_PAGE), PAGE_KEYS[which], of=pair) - 1)
    here = chosen[start : start + FLIPS_A_PAGE]
    texts, why = _asked(evidence, here, link)
    parts.show(tables.flips_table(texts))
    st.caption(f"{start + 1:,} to {start + len(here):,} of {plural(len(chosen), 'task')}.")
    parts.paragraph(why)


PAGE_KEYS = {"all of them": "flips", WAYS["lost"]: "flips_lost", WAYS["gained"]: "flips_gained"}
"""What may be shown, and where its page stands in the address."""


def _asked(evidence: Evidence, flips: list[Flip], link: Links | None) -> tuple[list[AskedFlip], str | None]:
    """The flips with the start of what was asked, and why it is not known of some."""
    table, _ = loading.table_of(evidence)
    wanted = {f.task for f in flips}
    places: dict[tuple[str, str], list[int]] = {}
    for row, name in enumerate(table.tasks):
        if name in wanted:
            places.setdefault((name, table.domain_names[table.domains[row]]), []).append(row)
    alone = {name: found[0] for name, found in places.items() if len(found) == 1}
    why = None
    texts: Mapping[TaskKey, ShownText] = {}
    if not loading.keeps_conversations(evidence):
        why = "The report holds no transcripts: what was asked is not known here."
    else:
        try:
            texts = loading.asked_at(evidence, tuple(table.keys[place] for place in alone.values()), ASKED)
        except OwnbenchError as error:  # the flips are known without them
            why = f"What was asked is not to be had: {error}"
    rows = []
    for f in flips:
        place = alone.get((f.task, f.domain))
        text = None if place is None else texts.get(table.keys[place])
        rows.append((f, text, "" if place is None or link is None else link(place)))
    if why is None and len(alone) < len(places):  # two suites have a task of that name: a text could be the other's
        why = "Several suites have a task of the same name; of such no text is shown."
    return rows, why


def _tries(found: Pairing, scores: Scores) -> None:
    if not any(s.n_trials > s.n_tasks for s in scores):
        return
    parts.section("Several tries of a task")
    st.caption("The pass rates above are for tasks like these. Asked of exactly these tasks, only tries vary.")
    parts.paragraph(tables.this_suite_words(found.this_suite))
    parts.show(tables.this_suite_table(scores))
    parts.show(tables.repeats_table(scores, found.comparison.level))


def _downloads(evidence: Evidence, found: Pairing) -> None:
    parts.section("Downloads")
    c = found.comparison
    stem = parts.file_name(f"{evidence.name}-{c.a}-{c.b}")
    left, middle, right = st.columns(3)
    with left:
        parts.download("Comparison (JSON)", lambda: parts.json_of(found), f"{stem}.json", "application/json")
    with middle:
        parts.download("Domains (CSV)", lambda: safe_csv(as_json(found.domains)), f"{stem}-domains.csv")
    with right:
        parts.download("Flips (CSV)", lambda: safe_csv(as_json(found.flips)), f"{stem}-flips.csv")
