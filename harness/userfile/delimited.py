"""Text tables: finds the header and the mark between cells, and knows the line of each row."""

import csv
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import UserFileError
from harness.userfile.bounded import MAX_FILE, MAX_LINE, read_lines

MAX_COLUMNS = 10_000
INVISIBLE = "[\ufeff\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\u00ad]"
_MARKS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_USUAL = {".tsv": "\t", ".psv": "|"}
_HEAD = 60  # lines that are looked at to find the header and the mark
_BROKEN = (
    ("unexpected end", "a cell begins with a quote that is never closed", "close it, or double a quote that is meant"),
    ("expected after", "a quoted cell goes on after its closing quote", 'write a quote within it twice: ""'),
    ("field larger", "a cell is too long", "is a quote not closed?"),
)

Knows = Callable[[str], bool]


def tidy(text: str) -> str:
    """A name without invisible marks and needless space: a line break in a header's cell is a space."""
    return " ".join(re.sub(INVISIBLE, "", text).split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimited:
    """A text table whose header was read; every cell is a text: 007 stays 007."""

    path: Path
    names: list[str]
    mark: str
    before: int  # lines before the header
    lines: Iterator[str]  # from the header on
    results: bool
    quoting: bool = True
    notes: list[str] = field(default_factory=list)  # how odd rows were read; complete once the rows have been taken

    @property
    def header(self) -> str:
        """Where the names are, as in ``line 1``."""
        return f"line {self.before + 1}"

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The first line's number and the cells of each row. Raises UserFileError: it is broken, or too wide."""
        odd: dict[str, list[int]] = {}
        last = [""]
        start = short = 0
        records = self._records(last)
        _, header = next(records, (0, []))
        for start, record in records:
            if not any(cell.strip() for cell in record):
                continue
            if self.results and record[0].startswith("# "):
                odd.setdefault("begins with # and was left out as a comment", []).append(start)
                continue
            if self.results and record == header:
                odd.setdefault("is the header again and was left out", []).append(start)
                continue
            if self.results and self.mark == "|" and all(re.fullmatch(r"\s*:?-*:?\s*", cell) for cell in record):
                continue  # the rule under the header of a table in Markdown
            if any(cell.strip() for cell in record[len(self.names) :]):
                listed = ", ".join(self.names[:8]) + (", …" if len(self.names) > 8 else "")
                problem = f"found {len(record)} cells where the header has {len(self.names)} columns ({listed})"
                mark = _MARKS.get(self.mark, self.mark)
                advice = f"quote a cell that holds a {mark}, or name each column in the header"
                raise UserFileError(self.path, problem, field=f"line {start}", advice=advice)
            if self.results and len(record) < len(self.names):
                short = start
                if any(self.names[len(record) :]):
                    what = "has fewer cells than the header: the missing ones were taken as empty"
                    odd.setdefault(what, []).append(start)
                record.extend([""] * (len(self.names) - len(record)))
            yield start, record
        for what, found in odd.items():
            more = f", and {len(found) - 1:,} more like it," if len(found) > 1 else ""
            self.notes.append(f"line {found[0]}{more} {what}")
        if short and short == start and not last[0].endswith("\n"):
            problem = "the file ends within the row"
            raise UserFileError(self.path, problem, field=f"line {short}", advice="get the whole file")

    def _records(self, last: list[str]) -> Iterator[tuple[int, list[str]]]:
        """The number of each record's first line, and its cells; ``last`` holds the line that was read last."""

        def lines() -> Iterator[str]:
            for text in self.lines:
                last[0] = text
                yield text

        line = self.before + 1
        how: Any = csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE
        spaced = self.results and self.mark != "\t"
        with _long_cells():
            reader = csv.reader(lines(), delimiter=self.mark, strict=True, skipinitialspace=spaced, quoting=how)
            try:
                for record in reader:
                    yield line, record
                    line = self.before + reader.line_num + 1
            except csv.Error as error:
                known = ((problem, advice) for words, problem, advice in _BROKEN if words in str(error))
                problem, advice = next(known, ("the row cannot be read", "write it as the other rows are written"))
                problem = f"not a readable table: {problem}"
                raise UserFileError(self.path, problem, field=f"line {line}", advice=advice) from None


def open_delimited(path: Path, kind: str, *, most: int = MAX_FILE, knows: Knows | None = None) -> Delimited:
    """The table that a text holds; ``kind`` is its ending. Raises UserFileError: the file is empty, or is no text.

    ``knows`` makes it a table of results, and says whether a name may be in its header, which is then looked for below
    titles and comments; comments and headers further down are no rows; and nothing is guessed. Without it the first
    line is the header, every other a row, and an encoding or a quotation mark that does not fit is taken as meant.
    """
    lines = (line for _, line in read_lines(path, most=most, guess=knows is None))
    head = list(itertools.islice(lines, _HEAD))
    if not any(line.strip() for line in head):
        raise UserFileError(path, "not a readable table: the file is empty")
    if head[0].startswith("PK\x03\x04"):
        raise UserFileError(path, "this is a zip archive or a spreadsheet", advice="unpack it, or save it as CSV")
    if knows and (head[0].startswith("[{") or re.match(r"\{\s*\"", head[0])):
        raise UserFileError(path, "this looks like JSON", field="line 1", advice="name the file .json or .jsonl")
    mark, names, before, above = _layout(head, kind, knows)
    if len(names) > MAX_COLUMNS:
        problem = f"{len(names):,} columns, at most {MAX_COLUMNS:,} are read"
        raise UserFileError(path, problem, field=f"line {before + 1}")
    results, body = knows is not None, itertools.chain(head[before:], lines)
    quoting = results or kind != ".tsv" or _is_quoted(path, most, mark)
    table = Delimited(path=path, names=names, mark=mark, before=before, lines=body, results=results, quoting=quoting)
    if above:
        table.notes.append(f"the header was found on {table.header}; what is above it was left out")
    return table


def _layout(head: list[str], kind: str, knows: Knows | None) -> tuple[str, list[str], int, bool]:
    """Mark, names, lines before the header, and whether anything but comments is among these."""
    # The header names most of the known columns, under the mark that finds the most of them; else it is the first line,
    # under the mark that occurs most in it.
    said = re.fullmatch(r'"?sep=(.?)"?,*\s*', head[0], re.IGNORECASE)  # a spreadsheet's own way to name the mark
    usual = (said[1] or "\t") if said else _USUAL.get(kind, ",")
    found = usual, _cells(head, usual), 0, False
    best = (-1, -1)
    sure = said or (knows is None and usual in _USUAL.values() and any(usual in line for line in head))
    for mark in [usual] if sure else sorted(_MARKS, key=lambda m: m != usual):
        above = False
        for before in range(1 if said else 0, len(head)):
            line = head[before]
            if not line.strip(" \n\t,;|"):
                continue
            comment = knows is not None and line.lstrip().startswith("#")
            names = _cells([line.lstrip("# ")] if comment else head[before:], mark)
            ours = len({name for name in names if name and knows(name)}) if knows else 0
            if ours > 1 or not (above or comment):
                even = "".join(line.split('"')[::2]).count(mark)  # outside quotation marks
                if knows:
                    even = sum(len(_cells([other], mark)) == len(names) for other in head[before + 1 :])
                rank = (ours, even if len(names) > 1 else -1)
                if rank[0] > best[0] or (rank > best and mark != found[0]):
                    best, found = rank, (mark, names, before, above)
            above = above or not comment
            if knows is None:
                break
    return found


def _cells(lines: list[str], mark: str) -> list[str]:
    try:
        return [tidy(cell) for cell in next(csv.reader(lines, delimiter=mark, skipinitialspace=mark != "\t"), [])]
    except csv.Error:
        return []


def _is_quoted(path: Path, most: int, mark: str) -> bool:
    """Whether quotation marks in a TSV fit as such; else they are nothing but signs."""
    lines = (line for _, line in read_lines(path, most=most, guess=True))
    try:
        with _long_cells():
            deque(csv.reader(lines, delimiter=mark, strict=True), maxlen=0)
    except csv.Error:
        return False
    return True


@contextmanager
def _long_cells() -> Iterator[None]:
    """Cells of any length that a line may have; the limit is the whole process's."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)
