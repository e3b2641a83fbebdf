"""What a view says, as one list of blocks, texts and tables; terminal, Markdown, HTML and pages write the same list."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

from harness.core import (
    UNKNOWN,
    Comparison,
    Estimate,
    dollars,
    dollars_interval,
    p_equation,
    p_text,
    percent,
    percent_interval,
    plural,
    points,
    points_interval,
    seconds,
)

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
    link: str = ""  # a page of the dashboard that the text leads to, ``?page=…``


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under columns; the first column says what each row is of."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()  # what the columns mean
    kind: str = ""  # a class of the table on a page
    scale: tuple[Cell, ...] = ()  # what the grounds of its cells mean, on a page

    def shown(self, place: str) -> tuple[Sequence[Column], Sequence[Sequence[Cell]]]:
        """What a ``page`` or a ``text`` shows of it."""
        found = self._with([column.only in {"", place} for column in self.columns])
        return found.columns, found.rows

    def without_empty(self, places: Iterable[int]) -> "Table":
        """Without those of the columns in which nothing is known."""
        gone = {i for i in places if all(row[i].text == UNKNOWN for row in self.rows)}
        return self._with([i not in gone for i in range(len(self.columns))])

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


Block = Text | Shown | Drawn | Fold


def written(blocks: Iterable[Block], place: str) -> Iterator[Block]:
    """The blocks that a place writes, without those in which nothing stands."""
    for block in blocks:
        something = any(block.lines) if isinstance(block, Text) else not isinstance(block, Shown) or block.table.rows
        if something and (not block.only or place in block.only):
            yield block


def named_parts(text: str, names: Iterable[str]) -> list[str]:
    """A sentence in parts, every second of them one of ``names`` that stands in backticks in it."""
    known = "|".join(re.escape(name) for name in sorted(set(names), key=len, reverse=True))
    return re.split(f"`({known})`", text) if known else [text]


# ------------------------------------------------------------------------------------------------------ how to make one

Row = Sequence[Cell | str]
Heads = list[Column | str]  # rows and titles as they are written down; `table` makes cells and columns of them


def table(
    title: str,
    columns: Sequence[Column | str],
    rows: Iterable[Row],
    *,
    kind: str = "",
    left: int = 1,
    notes: Sequence[str] = (),
) -> Table:
    """A table of cells and plain texts, whose first ``left`` columns are words."""
    heads = [Column(c, left=i < left) if isinstance(c, str) else c for i, c in enumerate(columns)]
    cells = (tuple(Cell(c) if isinstance(c, str) else c for c in row) for row in rows)
    return Table(title=title, columns=tuple(heads), rows=tuple(cells), kind=kind, notes=tuple(notes))


def figures(title: str, rows: Iterable[Row]) -> Table:
    """Single figures: what each is called, the figure with its method on hover, and what it means."""
    columns = (Column("figure", left=True), Column("value", left=True), Column("what it means", left=True, only="page"))
    return table(title, columns, rows, kind="figures")


def name_cell(name: str, *, control: bool = False) -> Cell:
    """A name, and whether it is a control's."""
    return Cell(name, under="(control)" if control else "", code=True)


def rate_cell(estimate: Estimate) -> Cell:
    """A pass rate, its interval under it."""
    return parted(percent_interval(estimate), in_words(estimate))


def money_cell(estimate: Estimate) -> Cell:
    """An amount, its interval under it."""
    return parted(dollars_interval(estimate), in_words(estimate, "dollars"))


def seconds_cell(estimate: Estimate) -> Cell:
    """A duration."""
    return Cell(seconds(estimate.value), in_words(estimate, "seconds"))


def parted(text: str, hover: str = "") -> Cell:
    """``72.8% [69.6, 75.7]`` on two lines."""
    figure, _, interval = text.partition(" ")
    return Cell(figure, hover, interval)


def count_cell(number: int | None) -> Cell:
    """How many."""
    return Cell(UNKNOWN if number is None else f"{number:,}")


def difference_cells(c: Comparison) -> list[Cell]:
    """Difference, interval, p, p adjusted, wins and losses of a comparison."""
    return [
        Cell(points(c.delta), c.sentence.replace("`", "")),
        Cell(points_interval(c.low, c.high), f"{plural(c.n_tasks, 'shared task')}; {c.interval_method}"),
        Cell(p_text(c.p_value), f"{p_equation(c.p_value)}: {c.test}" if c.p_value is not None else "not known"),
        Cell(p_text(c.p_adjusted)),
        count_cell(c.wins),
        count_cell(c.losses),
    ]


def in_words(estimate: Estimate, form: str = "percent") -> str:
    """An estimate as a sentence for people, in a ``form`` of `_FORMS`: what was seen, where the truth lies."""
    if estimate.value is None:
        return f"not known: {estimate.why or 'no evidence'}"
    one = _FORMS[form]
    text = f"{one(estimate.value)} seen"
    if form == "dollars" and 0 < estimate.value < 0.01:
        text += f" ({dollars(1e6 * estimate.value)} for a million)"
    low, high = ("" if end is None else one(end) for end in (estimate.low, estimate.high))
    if low or high:
        span = f"between {low} and {high}" if low and high else f"at least {low}" if low else f"at most {high}"
        text += f"; for tasks like these {span}, {100 * estimate.level:g}% sure"
    elif estimate.why:
        text += f"; no interval: {estimate.why}"
    return f"{text}; {plural(estimate.n_tasks, 'task')}; {estimate.method}"


_FORMS: dict[str, Callable[[float], str]] = {
    "percent": percent,
    "points": lambda value: f"{points(value)} points",
    "dollars": dollars,
    "seconds": seconds,
    "number": "{:,.4g}".format,
}


def of_units(method: str, unit: str) -> str:
    """A method's name; where every task is by itself it counts tasks and not clusters."""
    return method.replace("clusters", "tasks") if unit == "task" else method
