"""Lines and tables for a terminal, and plain ones for a pipe: no colour, cropping or rules where nobody looks."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from harness.core import visible
from harness.report.blocks import HEADS, LISTS, TERMINAL, Block, Shown, Text, written
from harness.report.tables import Cell, Table

if TYPE_CHECKING:
    from rich.console import Console

NAME_LENGTH = 40  # characters of a name in a table; JSON and report.md have it whole


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


STYLES = {"title": "bold", "section": "bold", "head": "bold", "lead": "bold", "loud": "bold red",
          "good": "bold green", "bad": "bold red", "open": "bold yellow"}  # fmt: skip


def print_blocks(blocks: Iterable[Block], file: TextIO | None = None) -> None:
    """Writes blocks to ``file``, standard output by default, each apart from the one before unless that heads it."""
    console = open_console(file)
    before = "title"
    for block in written(blocks, TERMINAL):
        words = block.kind.split() if isinstance(block, Text) else [""]
        kind = words[0] if words else ""
        if before not in HEADS and not kind == before == "row" and not (kind in LISTS and before in {*LISTS, "lead"}):
            print_line(console, "")
        if isinstance(block, Shown):
            print_table(console, block.table, titled=block.titled)
        elif isinstance(block, Text):
            style = next((STYLES[word] for word in words[::-1] if word in STYLES), "")
            for line in filter(None, block.lines):
                label = f"{block.label}: " if block.label else ""
                print_line(console, f"{'- ' * (kind in LISTS)}{label}{line}", style)
        before = kind


def print_line(console: "Console", text: str, style: str = "") -> None:
    """Prints one line of text, whatever is in it."""
    from rich.text import Text as Line

    console.print(Line(visible(text), style=style))


def text_of(cell: Cell) -> str:
    """A cell as a terminal writes it: an interval behind its figure, a name cut."""
    text = name_text(cell.text) if cell.code else visible(cell.text)
    return f"{text} {cell.under}".strip() if cell.under[:1] in {"[", "("} else text


def print_table(console: "Console", table: Table, *, titled: bool = True) -> None:
    """Prints a table and its notes; where it is too wide, expendable columns go, as far as that is needed.

    Columns that then still do not fit beside the first go into a further table under it. Single figures stand each with
    its method, a long one over several lines.
    """
    from rich.cells import cell_len

    columns, cells = table.shown("text")
    if titled and table.title:
        print_line(console, table.title, "bold")
    if table.kind == "figures":
        lines = [[text_of(name), text_of(of) + (f" ({visible(of.hover)})" if of.hover else "")] for name, of in cells]
        _print_grid(console, ["", ""], lines, ["left", "fold"])
        return
    titles = [f"{name_text(c.title)} {c.under}".strip() if c.code else c.short or c.title for c in columns]
    rows = [[text_of(cell) for cell in row] for row in cells]
    widths = [max(cell_len(text) for text in column) + 2 for column in zip(titles, *rows, strict=True)]
    kept, dropped = list(range(len(columns))), []
    for i, column in enumerate(columns):
        if column.expendable and sum(widths[k] for k in kept) > console.width:
            kept.remove(i)
            dropped.append(titles[i])
    for number, chosen in enumerate(_fitting(widths, kept, console.width)):
        if number:
            print_line(console, "")
        sides = ["left" if columns[i].left or not i else "right" for i in chosen]
        _print_grid(console, [titles[i] for i in chosen], [[row[i] for i in chosen] for row in rows], sides)
    notes = [f"left out for want of width: {', '.join(dropped)}"] if dropped else []
    for note in ("", *notes, *table.notes) if notes or table.notes else ():
        print_line(console, note)


def _print_grid(console: "Console", titles: list[str], rows: list[list[str]], sides: list[Any]) -> None:
    """Prints a table without rules; in a column that is to ``fold`` long texts are broken, elsewhere they are cut."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text as Line

    headed = any(titles)
    grid = Grid(box=box.SIMPLE_HEAD if console.is_terminal and headed else None, show_header=headed, pad_edge=False,
                padding=(0, 2, 0, 0), show_edge=False)  # fmt: skip
    for title, side in zip(titles, sides, strict=True):
        fold = side == "fold"
        grid.add_column(
            Line(title), justify="left" if fold else side, no_wrap=not fold, overflow="fold" if fold else "ellipsis"
        )
    for row in rows:
        grid.add_row(*map(Line, row))
    with console.capture() as captured:
        console.print(grid)
    lines = captured.get().rstrip("\n").split("\n")
    console.file.write("\n".join(line.rstrip() for line in lines) + "\n")


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
