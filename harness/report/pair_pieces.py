"""A comparison as pieces of HTML: its figures with their meanings, the tasks that flipped, what several tries make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis import ContenderScore, Flip, Pairing
from harness.core import Comparison, Estimate, percent_interval, plural, points, visible
from harness.report.html_parts import Cell, html_code, html_sentence, html_table, rate_cell
from harness.report.tables import pairing_rows

MEANINGS: Mapping[str, str] = {
    "difference": "the pass rate of the first less that of the second at the same tasks, in points of a hundred; for "
    "tasks like these the true one lies between the brackets, as surely as it says",
    "test": "p: how often chance alone would make the two differ this much if they were equally good",
    "tasks": "at which both have a graded attempt; the others are left out",
    "only the first passed": "with several tries of a task: more than half of them",
    "both, neither": "tasks that tell nothing about which is better",
    "errored": "attempts that the instrument failed; they are in no rate",
    "errored as failed": "the same difference if every such attempt were counted as failed",
    "exactly this suite": "the smaller question: the difference if these very tasks were tried again",
    "tasks needed": "to show a difference of this size in four runs of five",
}
"""What the rows of `pairing_rows` mean, for people."""


def figures_html(rows: Sequence[Sequence[str]], meanings: Mapping[str, str], caption: str) -> str:
    """Rows of a name, a figure and what the figure means."""
    cells = [[name, figure, meanings.get(name, "")] for name, figure in rows]
    return html_table(["figure", "value", "what it means"], cells, left=3, caption=caption, kind="figures")


def pairing_html(view: Pairing) -> str:
    """The figures of a comparison, the same as in the terminal, each with its meaning."""
    c = view.comparison
    once = c.n_trials == 2 * c.n_tasks
    meanings = {name: words for name, words in MEANINGS.items() if not (once and name == "only the first passed")}
    return figures_html(pairing_rows(view), meanings, f"{c.a} and {c.b} on the same tasks")


def sentence_html(c: Comparison) -> str:
    """The comparison as a sentence that stands out, and which of the two is the first."""
    return (
        f'<p class="lead">{html_sentence(c.sentence, [c.a, c.b])}</p>'
        f"<p>The first is {html_code(c.a)}, the second {html_code(c.b)}; a difference above 0 speaks for the first.</p>"
    )


def interval_words(c: Comparison) -> str:
    """Which kind of interval stands in the brackets."""
    tango = c.interval_method.startswith("Tango")
    seen = "how many tasks only one of the two passed" if tango else "how much the tasks differ from one another"
    return (
        f"The intervals of differences follow by a formula from {seen} ({'Tango' if tango else 'CR1'}); the page on "
        "escalation draws tasks anew many times instead (bootstrap), so that its ends differ a little."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlippedTask:
    """A flip with the start of what was asked, where that is known."""

    flip: Flip
    asked: str | None = None
    """Visible, without keys."""
    cut_of: int | None = None
    """Characters of the whole, where ``asked`` is only its start."""
    link: str = ""
    """Where the attempts at the task are shown."""


WAYS = {"lost": "only the second passed", "gained": "only the first passed"}
"""The directions of a flip."""


def flips_html(shown: Sequence[FlippedTask]) -> str:
    """One row a task that flipped; the text in a column of its own where any is known."""
    texts = any(one.asked is not None for one in shown)
    header = ["task", "domain", "passed by", *(["what was asked"] if texts else [])]
    rows: list[list[Cell | str]] = []
    for one in shown:
        row: list[Cell | str] = [
            Cell(visible(one.flip.task, 120), code=True, link=one.link),
            visible(one.flip.domain, 80),
            WAYS[one.flip.direction],
        ]
        if texts:
            under = "" if one.cut_of is None else f"the start of {plural(one.cut_of, 'character')}"
            row.append(Cell("not known" if one.asked is None else one.asked, under=under))
        rows.append(row)
    return html_table(header, rows, left=4, caption="Tasks that only one of the two passed", kind="flips")


def tries_html(scores: Sequence[ContenderScore]) -> str:
    """What k tries of a task come to for each of the two, and their pass rates on exactly these tasks."""
    rows: list[list[Cell | str]] = []
    for c in scores:
        here = c.pass_rate_this_suite
        if here is not None and here.low is not None:
            words = f"were exactly these tasks tried again: {here.method}"
            figure, _, interval = percent_interval(here).partition(" ")
            rows.append([Cell(c.name, code=True), "1 try, these very tasks", Cell(figure, words, interval), "-"])
        rows += [
            [Cell(c.name, code=True), plural(r.k, "try").replace("trys", "tries"), rate_cell(r.pass_at_k),
             rate_cell(r.pass_hat_k)]
            for r in c.repeats
        ]  # fmt: skip
    if not rows:
        return ""
    header = ["contender", "of", "one passes (pass@k)", "all pass (pass^k)"]
    return html_table(header, rows, left=2, caption="What several tries of a task come to", kind="tries")


def this_suite_words(found: Estimate) -> str:
    """The smaller question in a sentence."""
    if found.low is None or found.high is None:
        return f"Not to be had: {found.why or 'no evidence'}."
    ends = f"{points(found.low)} and {points(found.high)} points, {100 * found.level:g}% sure"
    return f"Were exactly these {plural(found.n_tasks, 'task')} tried again, the true difference lies between {ends}."
