"""Tables as people save them: by rows, as JSON lines have them; or columns, for tables too long to be held by rows."""

import ast
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import UserFileError
from harness.userfile.arrow import MAX_ROWS, MAX_TABLE, arrow_rows, parquet_batches
from harness.userfile.bounded import PACKED
from harness.userfile.delimited import Knows, open_delimited
from harness.userfile.json_text import flattened, json_rows, rows_anywhere, rows_under
from harness.userfile.parsing import read_json_lines

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Rows = Iterator[tuple[str, dict[str, Any]]]  # where a row is in its file (``line 3``, ``row 3``; from 1), and the row

KINDS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
READ = f"{', '.join(KINDS)}, packed (.gz, .bz2, .xz, .zst) or not"  # endings, for a message
_ALSO = {".ndjson": ".jsonl", ".tab": ".tsv", ".txt": ".csv", ".psv": ".psv", ".pq": ".parquet"}
_CHUNK = 50_000


def table_kind(path: Path) -> str | None:
    """The ending that says what kind of table this is, ``.gz`` left out; None where it is none that can be read."""
    endings = [ending.lower() for ending in path.suffixes]
    if len(endings) > 1 and endings[-1] in PACKED:
        endings.pop()
    kind = endings[-1] if endings else ""
    return kind if kind in KINDS else _ALSO.get(kind)


def _needed_kind(path: Path) -> str:
    """As `table_kind`. Raises UserFileError: the ending says nothing."""
    kind = table_kind(path)
    if kind is None:
        sheet = "; save a sheet as CSV" if path.suffix.lower() in {".xlsx", ".xls", ".ods", ".xlsm"} else ""
        advice = f"give a file that ends in {READ}{sheet}"
        raise UserFileError(path, "cannot tell what kind of table this is", advice=advice)
    return kind


# ------------------------------------------------------------------------------------------------------- by rows


def table_rows(path: Path, *, field: str | None = None) -> Rows:
    """The rows; those of JSON under the key ``field``, as in ``a.b``. Raises UserFileError: no file, or no table."""
    kind = _needed_kind(path)
    if field is not None and kind != ".json":
        raise UserFileError(path, f"field: {field} is of a .json file only", advice="take it out")
    if kind == ".parquet":
        rows = arrow_rows(parquet_batches(path))
    elif kind == ".json":
        rows = json_rows(path, rows_under(path, field))
    elif kind == ".jsonl":
        rows = ((f"line {number}", row) for number, row in read_json_lines(path))
    else:
        rows = _text_rows(path, kind)
    for number, row in enumerate(rows, 1):
        if number > MAX_ROWS:
            raise UserFileError(path, f"more than {MAX_ROWS:,} rows", advice="take a part of it")
        yield row


def _text_rows(path: Path, kind: str) -> Rows:
    """Rows of a text; a column without a name, as an index has, is passed over."""
    table = open_delimited(path, kind)
    _refuse_twins(path, [name for name in table.names if name])
    for line, cells in table.rows():
        pairs = zip(table.names, cells, strict=False)
        yield f"line {line}", {name: cell for name, cell in pairs if name and cell.strip()}


def _refuse_twins(path: Path, names: list[str], where: str = "") -> None:
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise UserFileError(path, f"the column {twice!r} is there twice", field=where, advice="rename one")


# ------------------------------------------------------------------------------------------------------- by columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A file's wanted columns under its own names, and where its rows are."""

    names: tuple[str, ...]  # of all columns, in the file's order
    frame: "pd.DataFrame"  # the wanted ones
    lines: Any  # of each row the number of its line in the file, or of the row
    place: str = "line"  # what ``lines`` counts: ``line`` or ``row``
    header: str = ""  # where the names are, as in ``line 1``; empty where a file has no such place
    notes: list[str] = field(default_factory=list)  # how odd rows were read


def table_columns(path: Path, knows: Knows, keeps: Knows) -> Loaded:
    """The columns that ``keeps`` takes. Raises UserFileError: the file cannot be read, or has such a column twice.

    A field of an object in a row is the column ``outer.inner``. Cells of text and of JSON are texts; a list stays a
    list. ``knows``, whether a name may be in the header, finds it below titles, and the rows within a JSON file.
    """
    kind = _needed_kind(path)
    if kind == ".parquet":
        return _from_parquet(path, keeps)
    return _from_json(path, knows, keeps) if kind.startswith(".json") else _from_text(path, kind, knows, keeps)


def _from_text(path: Path, kind: str, knows: Knows, keeps: Knows) -> Loaded:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    table = open_delimited(path, kind, most=MAX_TABLE, knows=knows)
    names = table.names
    if names[0] == "":
        names[0] = "Unnamed: 0"  # an index that was saved without a name, as pandas calls it
    chosen = [place for place, name in enumerate(names) if name and keeps(name)]
    _refuse_twins(path, [names[place] for place in chosen], table.header)
    numbers: list[Any] = []
    pieces: dict[str, list[pa.Array]] = {names[place]: [] for place in chosen}
    rows = table.rows()
    while chunk := list(itertools.islice(rows, _CHUNK)):
        numbers.append(np.fromiter((line for line, _ in chunk), dtype=np.int64, count=len(chunk)))
        for place in chosen:
            pieces[names[place]].append(pa.array([cells[place] for _, cells in chunk], pa.string()))
    lines = np.concatenate(numbers) if numbers else np.zeros(0, dtype=np.int64)
    columns = {name: pa.chunked_array(parts, pa.string()).to_pandas() for name, parts in pieces.items()}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(lines)))
    return Loaded(names=tuple(names), frame=frame, lines=lines, header=table.header, notes=table.notes)


def _from_json(path: Path, knows: Knows, keeps: Knows) -> Loaded:
    import numpy as np
    import pandas as pd

    kept: dict[str, bool] = {}
    columns: dict[str, list[Any]] = {}
    lines: list[int] = []
    where = "row"
    for where, row in json_rows(path, rows_anywhere(knows), most=MAX_TABLE):
        for name, value in flattened(row):
            if name not in kept:
                kept[name] = keeps(name)
            if kept[name]:
                cells = columns.setdefault(name, [])
                if len(cells) > len(lines):
                    raise UserFileError(path, f"{name!r} is there twice", field=where, advice="keep one")
                cells.extend([None] * (len(lines) - len(cells)))
                cells.append(repr(value) if isinstance(value, bool | int | float) else value)
        lines.append(int(where.partition(" ")[2]))
    series = {}
    for name, cells in columns.items():
        cells.extend([None] * (len(lines) - len(cells)))
        kind = object if any(isinstance(cell, list | dict) for cell in cells) else "str"
        series[name] = pd.Series(cells, dtype=kind)
    frame = pd.DataFrame(series, index=pd.RangeIndex(len(lines)))
    numbers = np.array(lines, dtype=np.int64)
    return Loaded(names=tuple(kept), frame=frame, lines=numbers, place=where.partition(" ")[0])


def _from_parquet(path: Path, keeps: Knows) -> Loaded:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    names: list[str] = []
    chosen: list[str] = []

    def wanted(schema: "pa.Schema", index: str | None) -> list[str]:
        fields = [field for field in schema if not field.name.startswith("__index_level_")]
        tables = [(field.name, pa.schema([field.with_name(_one_level(field.name))]).empty_table()) for field in fields]
        leaves = [(name, leaf) for name, table in tables for leaf in _flat(table).column_names]
        names.extend([leaf for _, leaf in leaves] + ([index] if index is not None else []))
        chosen.extend(name for name in names if keeps(name))
        _refuse_twins(path, chosen)
        return list(dict.fromkeys(top for top, leaf in leaves if keeps(leaf)))

    table = next(parquet_batches(path, wanted, bounded=False))
    table = _flat(table.rename_columns([_one_level(name) for name in table.column_names]))
    columns = {name: _series(table.column(name)) for name in chosen}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))
    return Loaded(names=tuple(names), frame=frame, lines=np.arange(1, len(frame) + 1), place="row")


def _flat(table: "pa.Table") -> "pa.Table":
    """A column for each field of a column of objects."""
    while any(str(kind).startswith("struct<") for kind in table.schema.types):
        table = table.flatten()
    return table


def _one_level(name: str) -> str:
    """``('metrics', 'passed')`` as ``metrics.passed``; another name as it is."""
    with suppress(ValueError, SyntaxError):
        if name.startswith("('"):
            return ".".join(str(part) for part in ast.literal_eval(name) if str(part))
    return name


def _series(column: "pa.ChunkedArray") -> "pd.Series[Any]":
    """A column as pandas holds it, but that whole numbers stay whole where some are missing."""
    import pyarrow as pa
    from pyarrow import types

    def made(make: Callable[[Any], Any], kind: "pa.DataType") -> "pa.ChunkedArray":
        return pa.chunked_array([[None if value is None else make(value) for value in column.to_pylist()]], kind)

    kind = column.type
    if types.is_dictionary(kind):
        return _series(column.cast(kind.value_type))
    if types.is_integer(kind) and column.null_count:
        whole = "Int64" if types.is_signed_integer(kind) else "UInt64"
        return column.to_pandas(integer_object_nulls=True).astype(whole)  # type: ignore[no-any-return]
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        try:
            column = column.cast(pa.large_binary()).cast(pa.large_string())
        except pa.ArrowException:
            column = made(lambda value: value.hex(), pa.string())
    elif types.is_duration(kind):
        column = column.cast(pa.duration("us"), safe=False)
        column = made(lambda value: value.total_seconds(), pa.float64())
    elif types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif types.is_float16(kind):
        column = column.cast(pa.float32())
    elif types.is_date(kind) or types.is_time(kind) or types.is_null(kind):
        column = column.cast(pa.string())
    return column.to_pandas()  # type: ignore[no-any-return]
