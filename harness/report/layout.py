"""Lines and tables for a terminal, and plain ones for a pipe: no colour, cropping or rules where nobody looks."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from harness.core import visible

if TYPE_CHECKING:
    from rich.console import Console

NAME_LENGTH = 40
"""Characters of a name in a table; JSON and report.md have it whole."""


def name_text(text: str) -> str:
    """A name as a table shows it."""
    return visible(text, NAME_LENGTH)


def of_units(method: str, unit: str) -> str:
    """A method's name; where every task is by itself it counts tasks and not clusters."""
    return method.replace("clusters", "tasks") if unit == "task" else method


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


def print_table(
    console: "Console",
    header: Sequence[str] | None,
    rows: Sequence[Sequence[str]],
    *,
    left: int = 1,
    expendable: Sequence[str] = (),
) -> None:
    """Prints a table; where it is too wide, ``expendable`` columns go, in this order, as far as that is needed.

    Columns that then still do not fit beside the first go into a further table under it.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    columns = list(zip(*(([header] if header else []) + list(rows)), strict=True))
    widths = [max(cell_len(cell) for cell in column) + 2 for column in columns]
    titles, kept = list(header or ()), list(range(len(widths)))
    dropped: list[str] = []
    for name in expendable:
        if sum(widths[i] for i in kept) > console.width and name in titles:
            kept.remove(titles.index(name))
            dropped.append(name)
    for chosen in _fitting(widths, kept, console.width):
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
    if dropped:
        print_line(console, f"left out for want of width: {', '.join(dropped)}")
        print_line(console, "")


def print_figures(console: "Console", rows: Sequence[Sequence[str]]) -> None:
    """Prints rows of a name and its figure, a long figure over several lines."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, figure in rows:
        table.add_row(Text(visible(name)), Text(visible(figure)))
    with console.capture() as captured:
        console.print(table)
    console.file.write("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")) + "\n\n")


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
