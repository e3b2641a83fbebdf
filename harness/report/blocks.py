"""What a view says, as one list of blocks: terminal, Markdown, HTML and the dashboard each write the same list."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.tables import Table

TERMINAL, MARKDOWN, PAGE, NOWHERE = "terminal", "markdown", "page", "nowhere"
HEADS = {"title", "section", "head", "loud", "word"}  # kinds of texts that belong to what follows
LISTS = {"reasons", "notes"}  # kinds of texts of which each line is an item


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
