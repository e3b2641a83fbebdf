"""Tables for a terminal, and plain ones for a pipe: no colour, no cropping and no line drawing where nobody looks."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from harness.report.cells import comparison_cells, difference_cells, domain_cells, scoreboard_cells
from harness.report.text import UNKNOWN, p_text, plural, points, points_interval, visible
from harness.report.view import Pairing, Scoreboard

if TYPE_CHECKING:
    from rich.console import Console

FLIPS_SHOWN = 10
NAME_LENGTH = 40
"""Characters of a name in a table; JSON and report.md have it whole."""


def print_scoreboard(view: Scoreboard, file: TextIO | None = None) -> None:
    """Writes the scoreboard, the domains and the notes to ``file``, standard output by default."""
    console = _console(file)
    total = sum(c.n_trials for c in view.contenders)
    _line(console, f"{view.report}: {plural(view.n_tasks, 'task')}, {plural(total, 'graded attempt')}", "bold")
    if view.warning:
        _line(console, view.warning, "bold red")
    _table(console, *scoreboard_cells(view, _name))
    if len(view.domains) > 1:
        _line(console, f"Pass rate by domain, {100 * view.level:g}% intervals", "bold")
        _table(console, *domain_cells(view, _name))
    if view.comparisons:
        _line(console, "Paired differences, in points of the pass rate", "bold")
        _table(console, *comparison_cells(view, _name), left=2)
    _notes(console, view.notes)


def print_pairing(view: Pairing, file: TextIO | None = None) -> None:
    """Writes a comparison: its sentence, its numbers, its domains, the first flips and the notes."""
    console = _console(file)
    c = view.comparison
    if view.warning:
        _line(console, view.warning, "bold red")
    _line(console, c.sentence, "bold")
    _line(console, "", "")
    interval = f"{points_interval(c.low, c.high)} ({100 * c.level:g}%, {c.interval_method})"
    exact = "" if c.p_exact in {None, c.p_value} else f"; exact {p_text(c.p_exact)}"
    needed = UNKNOWN if c.tasks_needed is None else f"about {c.tasks_needed:,}, were this the true difference"
    rows = [
        ["difference", f"{points(c.delta)} points {interval}"],
        ["test", f"p = {p_text(c.p_value)} ({c.test}){exact}"],
        ["tasks", f"{c.n_tasks:,} shared, {plural(c.n_trials, 'graded attempt')}"],
        ["only the first passed", f"{c.wins:,}"],
        ["only the second passed", f"{c.losses:,}"],
        ["both, neither", f"{c.both_passed:,}, {c.both_failed:,}"],
        ["errored", f"{c.errored:,}" + _bounds_text(c.bounds, c.errored)],
        ["tasks needed", needed],
    ]  # fmt: skip
    _table(console, None, rows, left=2)
    if len(view.domains) > 1:
        _line(console, "By domain", "bold")
        _table(console, *difference_cells(view, _name))
    if view.flips:
        lost = sum(f.direction == "lost" for f in view.flips)
        _line(console, f"Tasks that flipped: {lost:,} lost, {len(view.flips) - lost:,} gained", "bold")
        _table(console, None, [[f.direction, _name(f.task), _name(f.domain)] for f in view.flips[:FLIPS_SHOWN]], left=3)
        if len(view.flips) > FLIPS_SHOWN:
            _line(console, f"and {len(view.flips) - FLIPS_SHOWN:,} more; --json lists all", "")
            _line(console, "", "")
    _notes(console, view.notes)


def _name(text: str) -> str:
    return visible(text, NAME_LENGTH)


def _bounds_text(bounds: tuple[float, float] | None, errored: int) -> str:
    if bounds is None or not errored:
        return ""
    return f"; had they all gone worst or best for the first: {points_interval(*bounds)} points"


# ------------------------------------------------------------------------------------------------------------ printing


def _console(file: TextIO | None) -> "Console":
    from rich.console import Console

    target = file or sys.stdout
    console = Console(file=target, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:  # a pipe has no edge
        console.width = 100_000
    return console


def _line(console: "Console", text: str, style: str) -> None:
    from rich.text import Text

    console.print(Text(visible(text), style=style))


def _notes(console: "Console", notes: Sequence[str]) -> None:
    for note in notes:
        _line(console, f"- {note}", "")


def _table(console: "Console", header: Sequence[str] | None, rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """Prints a table; columns that do not fit beside the first go into a further table under it."""
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    columns = list(zip(*(([header] if header else []) + list(rows)), strict=True))
    widths = [max(cell_len(cell) for cell in column) + 2 for column in columns]
    for chosen in _fitting(widths, console.width):
        table = Table(box=box.SIMPLE_HEAD if console.is_terminal and header else None, show_header=header is not None,
                      pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)  # fmt: skip
        for i in chosen:
            title = Text(header[i]) if header else ""
            table.add_column(title, justify="left" if i < left else "right", no_wrap=True, overflow="ellipsis")
        for row in rows:
            table.add_row(*(Text(row[i]) for i in chosen))
        with console.capture() as captured:
            console.print(table)
        lines = captured.get().rstrip("\n").split("\n")
        console.file.write("\n".join(line.rstrip() for line in lines) + "\n\n")


def _fitting(widths: list[int], room: int) -> list[list[int]]:
    """The columns of each table: as many as fit, the first repeated at the head of each."""
    tables, used = [[0]], widths[0]
    for i, width in enumerate(widths[1:], 1):
        if used + width > room and len(tables[-1]) > 1:
            tables.append([0])
            used = widths[0]
        tables[-1].append(i)
        used += width
    return tables
