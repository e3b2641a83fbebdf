"""Tables as people save them: text with marks between the cells, JSON, JSON lines or Parquet, packed or not.

Whatever the format, a row means what the same line of JSON lines means: a cell that is empty is absent.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.core import UserFileError
from harness.userfile.arrow import MAX_ROWS, arrow_rows, parquet_batches
from harness.userfile.bounded import PACKED
from harness.userfile.delimited import open_delimited
from harness.userfile.json_rows import json_rows, rows_under
from harness.userfile.parsing import read_json_lines

Rows = Iterator[tuple[str, dict[str, Any]]]  # where a row is in its file (``line 3``, ``row 3``; from 1), and the row

KINDS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
READ = f"{', '.join(KINDS)}, packed (.gz, .bz2, .xz, .zst) or not"  # endings, for a message
_ALSO = {".ndjson": ".jsonl", ".tab": ".tsv", ".txt": ".csv", ".psv": ".psv", ".pq": ".parquet"}


def table_kind(path: Path) -> str | None:
    """The ending that says what kind of table this is, ``.gz`` left out; None where it is none that can be read."""
    endings = [ending.lower() for ending in path.suffixes]
    if len(endings) > 1 and endings[-1] in PACKED:
        endings.pop()
    kind = endings[-1] if endings else ""
    return kind if kind in KINDS else _ALSO.get(kind)


def needed_kind(path: Path) -> str:
    """As `table_kind`. Raises UserFileError: the ending says nothing."""
    kind = table_kind(path)
    if kind is None:
        sheet = path.suffix.lower() in {".xlsx", ".xls", ".ods", ".xlsm"}
        advice = f"give a file that ends in {READ}"
        advice = f"{advice}; save a sheet as CSV" if sheet else advice
        raise UserFileError(path, "cannot tell what kind of table this is", advice=advice)
    return kind


def table_rows(path: Path, *, field: str | None = None) -> Rows:
    """The rows of a table. Of a JSON file ``field`` names the key that holds them (``a.b`` for one inside another).

    Raises UserFileError: the file cannot be read (see `open_file`), or is not what its ending says.
    """
    kind = needed_kind(path)
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
        return json_rows(path, rows_under(path, field))
    if kind == ".jsonl":
        return ((f"line {number}", row) for number, row in read_json_lines(path))
    return _text_rows(path, kind)


def _text_rows(path: Path, kind: str) -> Rows:
    """Rows of a text; a column without a name, as an index has, is passed over."""
    table = open_delimited(path, kind)
    named = [name for name in table.names if name]
    if twice := next((name for place, name in enumerate(named) if name in named[:place]), None):
        raise UserFileError(path, f"the column {twice!r} is there twice", advice="rename one")
    for line, cells in table.rows():
        pairs = zip(table.names, cells, strict=False)
        yield f"line {line}", {name: cell for name, cell in pairs if name and cell.strip()}
