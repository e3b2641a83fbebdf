"""Text tables: finds the header and the mark between cells, and knows the line of each row."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import UserFileError
from harness.store.table_file import LONGEST_LINE, Loaded, Wanted, text_lines
from harness.store.table_reading import tidy

_MARKS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_USUAL = {".tsv": "\t", ".tab": "\t", ".psv": "|"}
_HEAD = 60
"""Lines that are looked at to find the header and the mark."""
_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the header stands and what parts its cells."""

    mark: str
    names: list[str]
    first: int
    """Lines before the header."""
    above: bool = False
    """Whether something other than comments stands above the header."""


@dataclass(slots=True)
class _Oddities:
    """Rows that were read in a way that has to be said: of each way the first line, and how many."""

    found: dict[str, list[int]] = field(default_factory=dict)

    def add(self, what: str, line: int) -> None:
        self.found.setdefault(what, [line, 0])[1] += 1

    def notes(self) -> list[str]:
        return [
            f"line {line} {what}" if count == 1 else f"line {line}, and {count - 1:,} more like it, {what}"
            for what, (line, count) in self.found.items()
        ]


def load_text(path: Path, wanted: Wanted, ending: str) -> Loaded:
    """The wanted columns of a CSV or its like, every cell a text: 007 stays 007.

    Raises:
        UserFileError: the file is empty or broken; names the line.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    lines = text_lines(path)
    head = list(itertools.islice(lines, _HEAD))
    if not any(line.strip() for line in head):
        raise UserFileError(path, "not a readable table: it is empty")
    if head[0].startswith(('{"', "[{")):
        raise UserFileError(path, "this looks like JSON", field="line 1", advice="let its name end in .json or .jsonl")
    layout = _layout(head, wanted, ending)
    if layout.names[0] == "":
        layout.names[0] = "Unnamed: 0"  # an index that was saved without a name, as pandas calls it
    names, where = layout.names, f"line {layout.first + 1}"
    chosen = [place for place, name in enumerate(names) if name and wanted.keeps(name)]
    twice = next((names[place] for place in chosen if names.count(names[place]) > 1), None)
    if twice is not None:
        raise UserFileError(path, f"the column {twice!r} is there twice", field=where, advice="rename one")
    odd = _Oddities()
    numbers: list[Any] = []
    pieces: dict[str, list[pa.Array]] = {names[place]: [] for place in chosen}
    rows = _rows(path, itertools.chain(head[layout.first :], lines), layout, odd)
    while chunk := list(itertools.islice(rows, _CHUNK)):
        numbers.append(np.fromiter((line for line, _ in chunk), dtype=np.int64, count=len(chunk)))
        for place in chosen:
            pieces[names[place]].append(pa.array([cells[place] for _, cells in chunk], pa.string()))
    notes = [f"the header was found on {where}; what stands above it was left out"] if layout.above else []
    counts = np.concatenate(numbers) if numbers else np.zeros(0, dtype=np.int64)
    columns = {name: pa.chunked_array(parts, pa.string()).to_pandas() for name, parts in pieces.items()}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(counts)))
    return Loaded(names=tuple(names), frame=frame, lines=counts, header=where, notes=[*notes, *odd.notes()])


def _layout(head: list[str], wanted: Wanted, ending: str) -> _Layout:
    """The line that names most of our columns under the mark that finds the most of them; else the first line."""
    said = re.fullmatch(r'"?sep=(.)"?,*', head[0].rstrip("\n"))  # a spreadsheet's own way to name the mark
    begin = 1 if said else 0
    usual = said[1] if said else _USUAL.get(ending, ",")
    best: tuple[tuple[int, int], _Layout] | None = None
    for mark in [usual] if said else sorted(_MARKS, key=lambda m: m != usual):
        above = False
        for first in range(begin, len(head)):
            line, comment = head[first], head[first].lstrip().startswith("#")
            if not line.strip(" \n\r\t,;|"):
                continue
            names = _cells([line.lstrip("# ")] if comment else head[first:], mark)
            ours = len({name for name in names if name and wanted.knows(name)})
            if ours > 1 or not (above or comment):
                even = sum(len(_cells([other], mark)) == len(names) for other in head[first + 1 :])
                rank = (ours, even if len(names) > 1 else -1)
                if best is None or rank[0] > best[0][0] or (rank > best[0] and mark != best[1].mark):
                    best = rank, _Layout(mark, names, first, above)
            above = above or not comment
    return best[1] if best else _Layout(usual, _cells(head[begin:], usual), begin)


def _cells(lines: list[str], mark: str) -> list[str]:
    try:
        return [tidy(cell) for cell in next(csv.reader(lines, delimiter=mark, skipinitialspace=mark != "\t"), [])]
    except csv.Error:
        return []


def _rows(path: Path, lines: Iterable[str], layout: _Layout, odd: _Oddities) -> Iterator[tuple[int, list[str]]]:
    """The rows under the header, each with the number of its first line, as wide as the header."""
    csv.field_size_limit(LONGEST_LINE)
    last = [""]
    width = len(layout.names)
    reader = csv.reader(_watched(lines, last), delimiter=layout.mark, strict=True, skipinitialspace=layout.mark != "\t")
    header: list[str] = []
    line, short = layout.first + 1, 0
    try:
        for found in reader:
            start, line, record = line, layout.first + reader.line_num + 1, found
            if not header:
                header = record
            elif not any(record):
                continue
            elif record[0].startswith("# "):
                odd.add("begins with # and was left out as a comment", start)
            elif record == header:
                odd.add("is the header again and was left out", start)
            elif layout.mark == "|" and all(re.fullmatch(r"\s*:?-*:?\s*", cell) for cell in record):
                continue  # the rule under the header of a table in Markdown
            else:
                if len(record) != width:
                    short = start if len(record) < width else 0
                    record = _fitted(path, record, layout, start, odd)
                yield start, record
    except csv.Error as error:
        raise _broken(path, line, str(error)) from None
    if short and short == start and not last[0].endswith("\n"):
        raise UserFileError(path, "the file ends within the row", field=f"line {short}", advice="get the whole file")


def _watched(lines: Iterable[str], last: list[str]) -> Iterator[str]:
    for line in lines:
        last[0] = line
        yield line


def _fitted(path: Path, record: list[str], layout: _Layout, line: int, odd: _Oddities) -> list[str]:
    """A row with as many cells as the header; those that a row has more must be empty."""
    width = len(layout.names)
    if len(record) > width:
        if not any(cell.strip() for cell in record[width:]):
            return record[:width]
        problem = f"found {len(record)} cells where the header has {width} columns ({_listed(layout.names)})"
        advice = f"quote a cell that holds a {_MARKS.get(layout.mark, layout.mark)}, or name each column in the header"
        raise UserFileError(path, problem, field=f"line {line}", advice=advice)
    if any(layout.names[len(record) :]):
        odd.add("has fewer cells than the header: the missing ones were taken as empty", line)
    return record + [""] * (width - len(record))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def _broken(path: Path, line: int, words: str) -> UserFileError:
    """What is wrong with a row, by the reader's words."""
    problem, advice = "the row cannot be read", "write it as the other rows are written"
    if "unexpected end" in words:
        problem, advice = "a cell begins with a quote that is never closed", "close it, or double a quote that is meant"
    elif "expected after" in words:
        problem, advice = "a quoted cell goes on after its closing quote", 'write a quote within it twice: ""'
    elif "field larger" in words:
        problem, advice = "a cell is too long", "is a quote not closed?"
    return UserFileError(path, f"not a readable table: {problem}", field=f"line {line}", advice=advice)
