"""What a view says, as one list of blocks, texts and tables; terminal, Markdown, HTML and pages write the same list."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

from harness.core import UNKNOWN

TERMINAL, MARKDOWN, PAGE, NOWHERE = "terminal", "markdown", "page", "nowhere"
HEADS = {"title", "section", "head", "loud", "word"}  # kinds of texts that belong to what follows
LISTS = {"reasons", "notes"}  # kinds of texts of which each line is an item


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure or a name, and what is said of it."""

    text: str
    hover: str = ""  # what a reader is told who rests on it; a terminal says it of single figures
    under: str = ""  # a second line, smaller: an interval, say. Texts have it behind the first, if in brackets
    ground: str = ""  # of the cell, as ``rgb(…)``, on which black is read well; on a dark page style.css darkens it
    night: str = ""  # of the cell on a dark page, on which white is read well, where ``ground`` darkened would not do
    code: bool = False  # a name of the user's, set as such
    link: str = ""  # where the text leads: a page of the dashboard, ``?page=…``, or a part of this page, ``#part-…``
    dot: tuple[str, str] | None = None  # a contender's colour by day and on a dark page, which a page sets before it


@dataclass(frozen=True, slots=True)
class Column:
    """What a column is headed by, and where it is shown."""

    title: str
    short: str = ""  # its title in a terminal and in Markdown, where that is another one
    left: bool = False  # set left: words, not figures
    only: str = ""  # ``page`` or ``text`` where the other does not show it
    expendable: bool = False  # it goes first where a terminal has no room for all
    under: str = ""
    code: bool = False  # the title is a name of the user's
    sort: tuple[str, str] = ("", "")  # in a table that is a part: what a click leads to, all rows sorted, and in words
    sorted: str = ""  # ``up`` or ``down``, where all rows are sorted by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under columns; the first column says what each row is of."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()  # what the columns mean
    kind: str = ""  # a class of the table on a page
    scale: tuple[Cell, ...] = ()  # what the grounds of its cells mean, on a page
    part: bool = False  # its rows are a page of more: sorted are all of them, by the links of its columns, or none

    def shown(self, place: str) -> tuple[Sequence[Column], Sequence[Sequence[Cell]]]:
        """What a ``page`` or a ``text`` shows of it."""
        found = self._with([column.only in {"", place} for column in self.columns])
        return found.columns, found.rows

    def without_empty(self, titles: Iterable[str]) -> "Table":
        """Without those of the columns of these ``titles`` in which nothing is known."""
        empty = [all(row[i].text == UNKNOWN for row in self.rows) for i in range(len(self.columns))]
        return self._with([c.title not in titles or not gone for c, gone in zip(self.columns, empty, strict=True)])

    def _with(self, kept: Sequence[bool]) -> "Table":
        rows = tuple(tuple(compress(row, kept)) for row in self.rows)
        return replace(self, columns=tuple(compress(self.columns, kept)), rows=rows)


@dataclass(frozen=True, slots=True)
class Text:
    """Sentences."""

    lines: Sequence[str]  # one under the other; those that are empty are not written, and where all are nothing is
    kind: str = ""
    """Of `HEADS` or `LISTS`, ``lead``, ``legend`` or ``row`` (rows stand under one another); ``good``, ``bad`` or
    ``open`` behind it is its colour."""
    names: Iterable[str] = ()  # names of the user's that stand in backticks in it
    only: str = ""  # where it is written, if not everywhere: names of places
    label: str = ""  # before it, as ``Exempt by policy``
    hover: str = ""
    most: int | None = None  # items that a page shows at first


@dataclass(frozen=True, slots=True)
class Shown:
    """A table; nothing where it has no rows."""

    table: Table
    titled: bool = True  # with its title, in a terminal; a page has it as its caption anyhow
    fold: bool = False  # a page folds the later of many rows
    only: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The figure of ``make(*of)``; nothing where there is none, and in a terminal."""

    make: Callable[..., Any]
    of: tuple[Any, ...]
    file: str = ""  # its stem in the report's folder of figures, where it is written into files too
    told: bool = False  # a table of its figures stands under it, so that it needs none of its own
    only: str = MARKDOWN + PAGE


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks that a reader opens; a terminal leaves them out."""

    summary: str
    blocks: Sequence["Block"]
    head: str = ""  # before the summary: names of the user's, which no Markdown can hold in a folded part
    names: Iterable[str] = ()
    kind: str = ""
    only: str = MARKDOWN + PAGE
    part: str = ""  # what a link on the same page calls it


Block = Text | Shown | Drawn | Fold


def written(blocks: Iterable[Block], place: str) -> Iterator[Block]:
    """The blocks that a place writes, without those in which nothing stands."""
    for block in blocks:
        something = any(block.lines) if isinstance(block, Text) else not isinstance(block, Shown) or block.table.rows
        if something and (not block.only or place in block.only):
            yield block


def parts_of(text: str, names: Iterable[str]) -> list[str]:
    """A sentence in parts, every second of them one of ``names`` that stands in backticks in it."""
    known = "|".join(re.escape(name) for name in sorted(set(names), key=len, reverse=True))
    return re.split(f"`({known})`", text) if known else [text]


Row = Sequence[Cell | str]  # rows and heads as they are written down; `table` makes cells and columns of them
Head = Column | str
Heads = list[Head]


def table(
    title: str, heads: Iterable[Head], rows: Iterable[Row], *, kind: str = "", left: int = 1, notes: Iterable[str] = ()
) -> Table:
    """A table of cells and plain texts, whose first ``left`` columns are words."""
    columns = [Column(c, left=i < left) if isinstance(c, str) else c for i, c in enumerate(heads)]
    cells = (tuple(Cell(c) if isinstance(c, str) else c for c in row) for row in rows)
    return Table(title=title, columns=tuple(columns), rows=tuple(cells), kind=kind, notes=tuple(notes))


def linked(table: Table, link: Callable[[Sequence[Cell]], str]) -> Table:
    """A table whose rows' first cells lead somewhere; an empty link leaves one as it is."""
    rows = []
    for row in table.rows:
        to = link(row)
        rows.append((replace(row[0], link=to), *row[1:]) if to else row)
    return replace(table, rows=tuple(rows))


@dataclass(frozen=True, slots=True)
class Way:
    """One way to sort all rows of a table that shows them a page at a time."""

    name: str  # of the order
    link: str  # where it is shown
    words: str
    down: bool = False


def sorted_whole(table: Table, ways: Sequence[Sequence[Way]], now: str) -> Table:
    """A page of rows whose heads sort all of them: of each column the two ways, that of the first click first.

    ``now`` is the name of the order that is shown. A column without ways does not sort.
    """
    columns = []
    for column, offered in zip(table.columns, ways, strict=True):
        shown = next((way for way in offered if way.name == now), None)
        to = next((way for way in offered if way is not shown), None)
        sort = ("", "") if to is None else (to.link, to.words)
        columns.append(replace(column, sort=sort, sorted="" if shown is None else "down" if shown.down else "up"))
    return replace(table, columns=tuple(columns), part=True)


Columns = Sequence[tuple[Head, Callable[[Any], Cell | str]] | tuple[Head, Callable[[Any], Cell | str], Any]]


def by_column(title: str, items: Iterable[Any], columns: Columns, **more: Any) -> Table:
    """A table with a row an item. Of each column: its head, what makes its cell of an item, and if it is needed."""
    kept = [column for column in columns if all(column[2:])]
    rows = ([column[1](item) for column in kept] for item in items)
    return table(title, [column[0] for column in kept], rows, **more)


def figures(title: str, rows: Iterable[Row]) -> Table:
    """Single figures: what each is called, the figure with its method on hover, and what it means."""
    columns = (Column("figure", left=True), Column("value", left=True), Column("what it means", left=True, only="page"))
    return table(title, columns, rows, kind="figures")
