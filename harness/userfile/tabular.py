"""Rows of a table as people save it: CSV, TSV, JSON, JSON lines or Parquet, each also packed by gzip.

Whatever the format, a row means what the same line of JSON lines means: a cell that is empty is absent.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.core import UserFileError, nearest
from harness.userfile.arrow import arrow_rows, parquet_batches
from harness.userfile.bounded import MAX_LINE, UTF_16, read_bytes
from harness.userfile.json_text import MORE, json_value
from harness.userfile.parsing import read_json_lines

Rows = Iterator[tuple[str, dict[str, Any]]]
"""Where a row stands in its file (``line 3``, ``row 3``; from 1), and the row."""

KINDS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
MAX_JSON = 32_000_000
"""Bytes of a JSON file that is no JSON lines: it is held as a whole."""
MAX_CSV = 128_000_000
MAX_ROWS = 1_000_000
MAX_COLUMNS = 10_000


def table_kind(path: Path) -> str | None:
    """The ending that says what kind of table this is, ``.gz`` left out; None where it is none that can be read."""
    endings = [ending.lower() for ending in path.suffixes]
    kind = endings[-2] if len(endings) > 1 and endings[-1] == ".gz" else endings[-1] if endings else ""
    kind = ".jsonl" if kind == ".ndjson" else ".tsv" if kind == ".tab" else kind
    return kind if kind in KINDS else None


def table_rows(path: Path, *, field: str | None = None) -> Rows:
    """The rows of a table. Of a JSON file ``field`` names the key that holds them (``a.b`` for one inside another).

    Raises:
        UserFileError: the file cannot be read (see `open_file`), or is not what its ending says.
    """
    kind = table_kind(path)
    if kind is None:
        advice = f"give a file that ends in {', '.join(KINDS)}, or in one of them and .gz"
        raise UserFileError(path, "cannot tell what kind of table this is", advice=advice)
    if field is not None and kind != ".json":
        raise UserFileError(path, f"field: {field} is of a .json file only", advice="take it out")
    for number, row in enumerate(_rows(path, kind, field), 1):
        if number > MAX_ROWS:
            raise UserFileError(path, f"more than {MAX_ROWS:,} rows", advice="take a part of it")
        yield row


def _rows(path: Path, kind: str, field: str | None) -> Rows:
    if kind == ".parquet":
        return arrow_rows(parquet_batches(path))
    if kind == ".json":
        return _json_rows(path, field)
    if kind == ".jsonl":
        return ((f"line {number}", row) for number, row in read_json_lines(path))
    return _text_rows(path, ".tsv" if kind == ".tsv" else ".csv")


def _json_rows(path: Path, field: str | None) -> Rows:
    text = _decoded(read_bytes(path, most=MAX_JSON), path, ("utf-8-sig",))
    if field is None and text.lstrip()[:1] == "{" and "\n" in text.strip():
        try:
            value = json_value(text, path)
        except UserFileError as error:  # people give JSON lines this ending too
            if MORE not in error.problem:
                raise
            yield from ((f"line {number}", row) for number, row in read_json_lines(path))
            return
    else:
        value = json_value(text, path)
    whole = value
    for key in field.split(".") if field else ():
        if not isinstance(value, dict) or key not in value:
            advice = nearest(str(field), [*_lists_in(whole)])
            raise UserFileError(path, f"there is no {field!r} in it", field="field", advice=advice)
        value = value[key]
    if not isinstance(value, list):
        found = next(iter(_lists_in(value, f"{field}." if field else "")), None)
        advice = f"add field: {found}" if found else "needed: [{…}, {…}], one object a row"
        raise UserFileError(path, "the rows are not a list", field=field or "", advice=advice)
    for number, row in enumerate(value, 1):
        if not isinstance(row, dict):
            raise UserFileError(path, "needed one JSON object", field=f"row {number}", advice="one object a row")
        yield f"row {number}", row


def _lists_in(value: Any, before: str = "", levels: int = 4) -> Iterable[str]:
    """Where a value has lists, as ``a.b``: those of a level before those inside."""
    below = [(f"{before}{key}", part) for key, part in value.items()] if isinstance(value, dict) else []
    yield from (name for name, part in below if isinstance(part, list))
    for name, part in below[:100] if levels > 1 else ():
        yield from _lists_in(part, f"{name}.", levels - 1)


def _text_rows(path: Path, kind: str) -> Rows:
    """Rows of CSV or TSV; every cell is a text: 007 stays 007."""
    text = _decoded(read_bytes(path, most=MAX_CSV), path, ("utf-8-sig", "cp1252"))
    text = text if "\n" in text else text.replace("\r", "\n")
    if "\0" in text:
        raise UserFileError(path, "this is no text", advice="save the table as CSV UTF-8")
    if found := text[:6].lower().startswith("sep=") and text.partition("\n")[0].strip():
        mark, text = found[4:] or "\t", text.partition("\n")[2]
    else:
        mark = "\t" if kind == ".tsv" else _separator(text)
    if kind == ".tsv" and _is_unquoted(text, path, mark):
        yield from _cells(text, path, mark, quoting=csv.QUOTE_NONE)
    else:
        yield from _cells(text, path, mark)


def _cells(text: str, path: Path, mark: str, **how: Any) -> Rows:
    with _long_cells():
        reader = csv.reader(_lines(text, path), delimiter=mark, strict=True, **how)
        line = 1
        names: list[str] | None = None
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                unclosed = "unexpected end" in str(error)
                problem = "a quotation mark is never closed" if unclosed else "a quotation mark stands in the middle"
                problem = "a cell is too long" if "limit" in str(error) else problem
                advice = 'quote the whole cell, and double the marks in it: "say ""hi"""'
                raise UserFileError(path, problem, field=f"line {line}", advice=advice) from None
            if cells is None:
                break
            where, line = f"line {line}", reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _header(cells, path)
                continue
            if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                problem = f"{len(cells)} cells under {len(names)} columns"
                raise UserFileError(path, problem, field=where, advice=f"quote cells that hold {mark!r}")
            pairs = zip(names, cells, strict=False)
            yield where, {name: cell for name, cell in pairs if name and cell.strip()}
    if names is None:
        raise UserFileError(path, "the file is empty")


def _header(cells: list[str], path: Path) -> list[str]:
    """The columns' names; a column without one, as an index has, is passed over."""
    names = [cell.strip() for cell in cells]
    if len(names) > MAX_COLUMNS:
        raise UserFileError(path, f"{len(names):,} columns, at most {MAX_COLUMNS:,} are read", field="line 1")
    named = [name for name in names if name]
    if twice := next((name for place, name in enumerate(named) if name in named[:place]), None):
        raise UserFileError(path, f"the column {twice!r} is there twice", advice="rename one")
    return names


def _lines(text: str, path: Path) -> Iterator[str]:
    """The lines with their ends, one by one: the text is not held twice."""
    for found in re.finditer(r"[^\n]*\n|[^\n]+", text):
        line = found[0]
        if len(line) > MAX_LINE:
            raise UserFileError(path, f"a line has more than {MAX_LINE:,} characters", advice="take a part of it")
        yield line


def _separator(text: str) -> str:
    """What parts the cells of the first line, quoted ones left out."""
    head = "".join(text.partition("\n")[0].split('"')[::2])
    return max(",;\t|", key=head.count)


def _is_unquoted(text: str, path: Path, mark: str) -> bool:
    """Whether quotation marks in a TSV are nothing but signs: then read as quotes they would not fit."""
    with _long_cells():
        try:
            for _ in csv.reader(_lines(text, path), delimiter=mark, strict=True):
                pass
        except csv.Error:
            return True
    return False


@contextmanager
def _long_cells() -> Iterator[None]:
    """Cells of any length that a line may have; the limit is the whole process's."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _decoded(data: bytes, path: Path, encodings: tuple[str, ...]) -> str:
    """The text: as its byte order mark says, else in the first of ``encodings`` that fits."""
    if data[:2] in UTF_16:
        encodings = ("utf-16",)
    elif len(encodings) > 1 and b"\0" in (head := data[:200]):  # what some programs write without a mark
        encodings = ("utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be",)
    place = 0
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            place = place or error.start
    raise UserFileError(path, f"not UTF-8 at byte {place}", advice="save it as UTF-8") from None
