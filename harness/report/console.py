"""Lines and tables for a terminal, and plain ones for a pipe: no colour, cropping or rules where nobody looks."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from harness.core import visible
from harness.report.blocks import HEADS, LISTS, TERMINAL, Block, Cell, Shown, Table, Text, written

if TYPE_CHECKING:
    from rich.console import Console

NAME_LENGTH = 40  # characters of a name in a table; JSON and report.md have it whole
STYLES = {"title": "bold", "section": "bold", "head": "bold", "lead": "bold", "loud": "bold red",
          "good": "bold green", "bad": "bold red", "open": "bold yellow"}  # fmt: skip


def name_text(text: str) -> str:
    """A name as a table shows it."""
    return visible(text, NAME_LENGTH)


def print_blocks(blocks: Iterable[Block], file: TextIO | None = None) -> None:
    """Writes blocks to ``file``, standard output by default, each apart from the one before unless that heads it."""
    from rich.console import Console

    console = Console(file=file or sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:  # a pipe has no edge
        console.width = 100_000
    before = "title"
    for block in written(blocks, TERMINAL):
        words = block.kind.split() if isinstance(block, Text) else [""]
        kind = words[0] if words else ""
        if before not in HEADS and not kind == before == "row" and not (kind in LISTS and before in {*LISTS, "lead"}):
            _print_line(console, "")
        if isinstance(block, Shown):
            _print_table(console, block.table, titled=block.titled)
        elif isinstance(block, Text):
            style = next((STYLES[word] for word in words[::-1] if word in STYLES), "")
            for line in filter(None, block.lines):
                label = f"{block.label}: " if block.label else ""
                _print_line(console, f"{'- ' * (kind in LISTS)}{label}{line}", style)
        before = kind


def _print_line(console: "Console", text: str, style: str = "") -> None:
    from rich.text import Text as Line

    console.print(Line(visible(text), style=style))


def _text_of(cell: Cell) -> str:
    """A cell as a terminal writes it: an interval behind its figure, a name cut."""
    text = name_text(cell.text) if cell.code else visible(cell.text)
    return f"{text} {cell.under}".strip() if cell.under[:1] in {"[", "("} else text


def _print_table(console: "Console", table: Table, *, titled: bool) -> None:
    """Prints a table and its notes; where too wide, expendable columns go, and the last ones into further tables."""
    from rich.cells import cell_len

    columns, cells = table.shown("text")
    if titled and table.title:
        _print_line(console, table.title, "bold")
    if table.kind == "figures":
        lines = [[_text_of(name), _text_of(of) + (f" ({visible(of.hover)})" if of.hover else "")] for name, of in cells]
        _print_grid(console, ["", ""], lines, ["left", "fold"])
        return
    titles = [f"{name_text(c.title)} {c.under}".strip() if c.code else c.short or c.title for c in columns]
    rows = [[_text_of(cell) for cell in row] for row in cells]
    apart = 3 if console.is_terminal else 2
    widths = [max(cell_len(text) for text in column) + apart for column in zip(titles, *rows, strict=True)]
    kept, dropped = list(range(len(columns))), []
    for i, column in enumerate(columns):
        if column.expendable and sum(widths[k] for k in kept) > console.width:
            kept.remove(i)
            dropped.append(titles[i])
    first, *others = kept
    tables, used = [[first]], widths[first]  # as many as fit, the first repeated at the head of each
    for i in others:
        if used + widths[i] > console.width and len(tables[-1]) > 1:
            tables.append([first])
            used = widths[first]
        tables[-1].append(i)
        used += widths[i]
    for number, chosen in enumerate(tables):
        if number:
            _print_line(console, "")
        sides = ["left" if columns[i].left or not i else "right" for i in chosen]
        _print_grid(console, [titles[i] for i in chosen], [[row[i] for i in chosen] for row in rows], sides)
    left_out = [f"left out for want of width: {', '.join(dropped)}"] if dropped else []
    for note in ("", *left_out, *table.notes) if left_out or table.notes else ():
        _print_line(console, note)


def _print_grid(console: "Console", titles: Sequence[str], rows: Sequence[Sequence[str]], sides: Sequence[Any]) -> None:
    """Prints a table without rules; in a column that is to ``fold`` long texts are broken, elsewhere they are cut."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text as Line

    headed = any(titles)
    grid = Grid(box=box.SIMPLE_HEAD if console.is_terminal and headed else None, show_header=headed, pad_edge=False,
                padding=(0, 2, 0, 0), show_edge=False)  # fmt: skip
    for title, side in zip(titles, sides, strict=True):
        form: Any = {"justify": side, "no_wrap": True, "overflow": "ellipsis"}
        if side == "fold":
            form = {"justify": "left", "overflow": "fold"}
        grid.add_column(Line(title), **form)
    for row in rows:
        grid.add_row(*map(Line, row))
    with console.capture() as captured:
        console.print(grid)
    lines = captured.get().rstrip("\n").split("\n")
    console.file.write("\n".join(line.rstrip() for line in lines) + "\n")
