"""Lines and tables for a terminal, and plain ones for a pipe: no colour, cropping or rules where nobody looks."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from harness.core import visible
from harness.report.tables import Cell, Table

if TYPE_CHECKING:
    from rich.console import Console

NAME_LENGTH = 40
"""Characters of a name in a table; JSON and report.md have it whole."""


def name_text(text: str) -> str:
    """A name as a table shows it."""
    return visible(text, NAME_LENGTH)


def open_console(file: TextIO | None) -> "Console":
    """What prints to ``file``, standard output by default; a pipe has no width and no colour."""
    from rich.console import Console

    target = file or sys.stdout
    console = Console(file=target, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:  # a pipe has no edge
        console.width = 100_000
    return console


def print_line(console: "Console", text: str, style: str = "") -> None:
    """Prints one line of text, whatever is in it."""
    from rich.text import Text

    console.print(Text(visible(text), style=style))


def print_notes(console: "Console", notes: Sequence[str]) -> None:
    """Prints each note as an item of a list."""
    for note in notes:
        print_line(console, f"- {note}", "")


def text_of(cell: Cell) -> str:
    """A cell as a terminal writes it: an interval behind its figure, a name cut."""
    text = name_text(cell.text) if cell.code else visible(cell.text)
    return f"{text} {cell.under}".strip() if cell.under[:1] in {"[", "("} else text


def print_table(console: "Console", table: Table, *, titled: bool = True, headed: bool = True) -> None:
    """Prints a table and its notes; where it is too wide, expendable columns go, as far as that is needed.

    Columns that then still do not fit beside the first go into a further table under it.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table as Grid
    from rich.text import Text

    columns, cells = table.shown("text")
    if not cells:
        return
    if titled:
        print_line(console, table.title, "bold")
    titles = [f"{name_text(c.title)} {c.under}".strip() if c.code else c.short or c.title for c in columns]
    rows = [[text_of(cell) for cell in row] for row in cells]
    lines = [titles, *rows] if headed else rows
    widths = [max(cell_len(text) for text in column) + 2 for column in zip(*lines, strict=True)]
    kept, dropped = list(range(len(columns))), []
    for i, column in enumerate(columns):
        if column.expendable and sum(widths[k] for k in kept) > console.width:
            kept.remove(i)
            dropped.append(titles[i])
    for chosen in _fitting(widths, kept, console.width):
        grid = Grid(box=box.SIMPLE_HEAD if console.is_terminal and headed else None, show_header=headed,
                    pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)  # fmt: skip
        for i in chosen:
            side: Any = "left" if columns[i].left or not i else "right"
            grid.add_column(Text(titles[i]), justify=side, no_wrap=True, overflow="ellipsis")
        for row in rows:
            grid.add_row(*(Text(row[i]) for i in chosen))
        _print_grid(console, grid)
    if dropped:
        print_line(console, f"left out for want of width: {', '.join(dropped)}")
        print_line(console, "")
    for note in table.notes:
        print_line(console, note)


def print_figures(console: "Console", table: Table, *, titled: bool = True) -> None:
    """Prints single figures, each with its method; a long one over several lines."""
    from rich.table import Table as Grid
    from rich.text import Text

    _, rows = table.shown("text")
    if not rows:
        return
    if titled:
        print_line(console, table.title, "bold")
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, figure in rows:
        method = f" ({visible(figure.hover)})" if figure.hover else ""
        grid.add_row(Text(text_of(name)), Text(text_of(figure) + method))
    _print_grid(console, grid)


def _print_grid(console: "Console", grid: Any) -> None:
    with console.capture() as captured:
        console.print(grid)
    lines = captured.get().rstrip("\n").split("\n")
    console.file.write("\n".join(line.rstrip() for line in lines) + "\n\n")


def _fitting(widths: list[int], columns: list[int], room: int) -> list[list[int]]:
    """The columns of each table: as many as fit, the first repeated at the head of each."""
    first, *others = columns
    tables, used = [[first]], widths[first]
    for i in others:
        if used + widths[i] > room and len(tables[-1]) > 1:
            tables.append([first])
            used = widths[first]
        tables[-1].append(i)
        used += widths[i]
    return tables
