"""``report.md``: the report as a page for people, every figure of it as in ``statistics.json``."""

import re
from collections.abc import Iterable, Sequence

from harness.analysis import APART, Flip, Pairing, Scoreboard, leader_sentence, parted, strangers
from harness.core import Comparison, p_equation, plural
from harness.report.markdown_text import markdown_code, markdown_table, markdown_text
from harness.report.tables import (
    Cells,
    comparison_cells,
    difference_cells,
    domain_cells,
    repeat_cells,
    scoreboard_cells,
)

FLIPS_LISTED = 20
"""Tasks named on the page for each direction of a comparison; ``ownbench compare --json`` lists all."""

COLUMNS = (
    "Money is US dollars: `per task` is the mean cost of a task, `per pass` all that was spent for each pass, failures "
    "included. Latencies are quantiles over graded attempts. `errored` attempts failed through no fault of the "
    "contender and are left out of its rate."
)
DIFFERENCES = (
    "Differences are in points of the pass rate, the contender less the other, on the tasks that both have. "
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
    if view.warning:
        parts.append(["> [!WARNING]", f"> **{markdown_text(view.warning)}**"])
    if view.apart:
        parts.append(["> [!WARNING]", f"> {markdown_text(view.apart)}"])
    parts += [["\n".join(_headline(view))]]
    parts += [[f"![{title}]({path})"] for title, path in figures]
    parts += [["## Scoreboard"], _table(scoreboard_cells(view, _cell)), _legend(view)]
    if view.compared:
        parts += [["## Paired comparisons"], _table(comparison_cells(view, _cell), left=2)]
        parts.append([DIFFERENCES])
    if any(c.repeats for c in view.contenders):
        parts += [["## Several tries of a task"], _table(repeat_cells(view, _cell), left=2)]
    if len(view.domains) > 1:
        parts += [["## Domains"], _table(domain_cells(view, _cell))]
    if pairings:
        parts += [["## Comparison by comparison"], *(part for pairing in pairings for part in _details_of(pairing))]
    parts += [["## What these numbers rest on"], [f"- {markdown_text(note)}" for note in view.notes]]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _headline(view: Scoreboard) -> list[str]:
    """What was found, without a verdict: the highest pass rate, and the paired differences in words."""
    known = [c for c in view.ranked if c.pass_rate.value is not None]
    if not known:
        return ["No attempt has been graded yet."]
    every = [c.name for c in view.contenders]
    lines = [_sentence(leader_sentence(view), every)]
    controls = view.controls
    options = [c for c in view.compared if not {c.a, c.b} & controls]
    others = [c for c in view.compared if {c.a, c.b} & controls]
    together, apart, alone = parted(view, options)
    controls_are = "Controls, which decide without looking, look at the answers, or were shown something else"
    for title, comparisons, more in (
        (None, together, ""), (APART, apart, strangers(alone)), (controls_are, others, "")
    ):  # fmt: skip
        said = [f"- {_sentence(c.sentence, (c.a, c.b))}{_among_many(c, view)}" for c in comparisons]
        said += [f"- {_sentence(more, every)}"] if more else []
        if said:
            lines += [*(["", f"{title}:"] if title else []), "", *said]
    return lines


def _sentence(text: str, of: Iterable[str]) -> str:
    """A sentence with the names of ``of`` as code spans and the rest as plain text."""
    found = []
    names = sorted(set(of), key=len, reverse=True)
    pattern = "|".join(re.escape(f"`{name}`") for name in names)
    for part in re.split(f"({pattern})", text):
        name = part[1:-1]
        found.append(_code(name) if part == f"`{name}`" and name in names else markdown_text(part))
    return "".join(found)


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
    parts = [[f"### {_code(c.a)} less {_code(c.b)}"]]
    parts.append(
        ["<details>", f"<summary>{plural(len(lost), 'task')} lost, {len(gained):,} gained; by domain</summary>"]
    )
    if pairing.domains:
        parts.append(_table(difference_cells(pairing, _cell)))
    for flips, words in ((lost, f"Lost: only {_code(c.b)} passed"), (gained, f"Gained: only {_code(c.a)} passed")):
        if flips:
            parts += [[f"{words} {plural(len(flips), 'task')}."], _flip_lines(flips)]
    return [*parts, ["</details>"]]


def _flip_lines(flips: Sequence[Flip]) -> list[str]:
    """One line a domain, its tasks after it."""
    by_domain: dict[str, list[str]] = {}
    for flip in flips[:FLIPS_LISTED]:
        by_domain.setdefault(flip.domain, []).append(_code(flip.task))
    lines = [f"- {_code(domain)}: {', '.join(tasks)}" for domain, tasks in by_domain.items()]
    more = len(flips) - FLIPS_LISTED
    return [*lines, f"- and {more:,} more, which `ownbench compare --json` lists"] if more > 0 else lines


def _table(cells: Cells, *, left: int = 1) -> list[str]:
    """Names come as code spans already; in figures, a dollar sign would begin a formula and ``<`` a tag."""
    header, rows = cells
    plain = [[c if i < left else c.replace("$", "\\$").replace("<", "&lt;") for i, c in enumerate(row)] for row in rows]
    return markdown_table(header, plain, left=left)


def _cell(name: str) -> str:
    return markdown_code(name, cell=True)


def _code(name: str) -> str:
    return markdown_code(name)
