"""``report.md``: the report as a page for people, every figure of it as in ``statistics.json``."""

from collections.abc import Sequence

from harness.analysis import (
    OTHER_TASKS,
    Flip,
    Pairing,
    Scoreboard,
    best_sentence,
    no_overlap_sentence,
    split_by_overlap,
)
from harness.core import Comparison, p_equation, plural
from harness.report.markdown_text import markdown_code, markdown_sentence, markdown_text, table_lines
from harness.report.scoreboard_tables import (
    comparisons_table,
    domain_differences,
    domain_rates,
    repeats_table,
    scoreboard_table,
)
from harness.report.tables import Table

FLIPS_LISTED = 20
"""Tasks named on the page for each direction of a comparison; ``ownbench compare --json`` lists all."""

COLUMNS = (
    "Money is US dollars: `per task` is the mean cost of a task, `per pass` all that was spent for each pass, failures "
    "included. Latencies are quantiles over graded attempts. `errored` attempts failed through no fault of the "
    "contender and are left out of its rate."
)
DIFFERENCES = (
    "Differences are in points of the pass rate, the contender minus the other, on the tasks that both have. "
    "`p adjusted` holds for all rows together (Holm). `only it`: tasks that this contender alone passed."
)


def markdown_page(view: Scoreboard, pairings: Sequence[Pairing], figures: Sequence[tuple[str, str]] = ()) -> str:
    """The whole page.

    Args:
        view: the scoreboard.
        pairings: what lies behind the comparisons of the view, in their order.
        figures: title and relative path of each image.
    """
    parts = [[f"# {markdown_text(view.report)}"]]
    parts += [["> [!WARNING]", f"> **{markdown_text(view.warning)}**"]] if view.warning else []
    parts += [["> [!WARNING]", f"> {markdown_text(view.apart)}"]] if view.apart else []
    parts += [["\n".join(_headline(view))]]
    parts += [[f"![{title}]({path})"] for title, path in figures]
    parts += [["## Scoreboard"], table_lines(scoreboard_table(view)), _legend(view)]
    parts += _section("Paired comparisons", comparisons_table(view), DIFFERENCES)
    parts += _section("Several tries of a task", repeats_table(view.shown, view.level, view.controls))
    if len(view.domains) > 1:
        parts += _section("Domains", domain_rates(view))
    if pairings:
        parts += [["## Comparison by comparison"], *(part for pairing in pairings for part in _details_of(pairing))]
    parts += [["## What these numbers rest on"], [f"- {markdown_text(note)}" for note in view.notes]]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _section(title: str, table: Table, under: str = "") -> list[list[str]]:
    return [[f"## {title}"], table_lines(table), *([[under]] if under else [])] if table.rows else []


def _headline(view: Scoreboard) -> list[str]:
    """What was found, without a verdict: the highest pass rate, and the paired differences in words."""
    known = [c for c in view.ranked if c.pass_rate.value is not None]
    if not known:
        return ["No attempt has been graded yet."]
    every = [c.name for c in view.contenders]
    lines = [markdown_sentence(best_sentence(view), every)]
    controls = view.controls
    options = [c for c in view.compared if not {c.a, c.b} & controls]
    others = [c for c in view.compared if {c.a, c.b} & controls]
    together, apart, alone = split_by_overlap(view, options)
    controls_are = "Controls, which decide without looking, look at the answers, or were shown something else"
    for title, comparisons, more in (
        (None, together, ""), (OTHER_TASKS, apart, no_overlap_sentence(alone)), (controls_are, others, "")
    ):  # fmt: skip
        said = [f"- {markdown_sentence(c.sentence, (c.a, c.b))}{_among_many(c, view)}" for c in comparisons]
        said += [f"- {markdown_sentence(more, every)}"] if more else []
        if said:
            lines += [*(["", f"{title}:"] if title else []), "", *said]
    return lines


def _among_many(c: Comparison, view: Scoreboard) -> str:
    """A warning where a difference is shown alone, but not among all that were looked at."""
    alpha = 1 - view.level
    if c.p_value is None or c.p_adjusted is None or not c.p_value <= alpha < c.p_adjusted:
        return ""
    return f" Adjusted for all {view.n_adjusted} comparisons {p_equation(c.p_adjusted)}: among so many, not shown."


def _legend(view: Scoreboard) -> list[str]:
    unit = "tasks" if view.unit == "task" else f"{plural(view.n_units, 'cluster')} of tasks"
    if view.apart and view.unit != "task":  # each contender has some of them
        unit = "clusters of tasks"
    return [f"Brackets are {100 * view.level:g}% intervals over {unit}. {COLUMNS}"]


def _details_of(pairing: Pairing) -> list[list[str]]:
    """A heading for a comparison and, folded under it, its domains and the tasks that flipped."""
    c = pairing.comparison
    lost = [f for f in pairing.flips if f.direction == "lost"]
    gained = [f for f in pairing.flips if f.direction == "gained"]
    # No name of anybody's stands inside HTML: the heading has them, the folded summary only numbers.
    parts = [[f"### {markdown_code(c.a)} minus {markdown_code(c.b)}"]]
    parts.append(
        ["<details>", f"<summary>{plural(len(lost), 'task')} lost, {len(gained):,} gained; by domain</summary>"]
    )
    if pairing.domains:
        parts.append(table_lines(domain_differences(pairing)))
    for flips, words, who in ((lost, "Lost", c.b), (gained, "Gained", c.a)):
        if flips:
            told = f"{words}: only {markdown_code(who)} passed {plural(len(flips), 'task')}."
            parts += [[told], _flip_lines(flips)]
    return [*parts, ["</details>"]]


def _flip_lines(flips: Sequence[Flip]) -> list[str]:
    by_domain: dict[str, list[str]] = {}
    for flip in flips[:FLIPS_LISTED]:
        by_domain.setdefault(flip.domain, []).append(markdown_code(flip.task))
    lines = [f"- {markdown_code(domain)}: {', '.join(tasks)}" for domain, tasks in by_domain.items()]
    more = len(flips) - FLIPS_LISTED
    return [*lines, f"- and {more:,} more, which `ownbench compare --json` lists"] if more > 0 else lines
