"""Tables as people save them: by rows, as JSON lines have them; or columns, for tables too long to be held by rows."""

import ast
import io
import itertools
import math
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import UserFileError
from harness.userfile.bounded import MAX_FILE, PACKED, open_file, read_bytes, size
from harness.userfile.cells import AT_ONCE, Cells, words_of
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
MAX_ROWS = 1_000_000
MAX_TABLE = 64_000_000_000  # bytes of a file of which a few columns are read
BATCH = 64_000_000  # bytes that the rows of one batch may come to, should each hold the largest value of the file

Keep = Callable[["pa.Schema", str | None], list[str]]
"""The columns to read, of a file's schema and the name of an index that is no column of the file."""


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
    if path.is_dir():
        raise UserFileError(path, "this is a folder", advice=f"give a file of it that ends in {READ}")
    if kind is None:
        sheet = "; save a sheet as CSV" if path.suffix.lower() in {".xlsx", ".xls", ".ods", ".xlsm"} else ""
        advice = f"give a file that ends in {READ}{sheet}"
        raise UserFileError(path, "cannot tell what kind of table this is", advice=advice)
    return kind


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
    while chunk := list(itertools.islice(rows, AT_ONCE)):
        numbers.append(np.fromiter((line for line, _ in chunk), dtype=np.int64, count=len(chunk)))
        for place in chosen:
            pieces[names[place]].append(pa.array([cells[place] for _, cells in chunk], pa.string()).dictionary_encode())
        pa.default_memory_pool().release_unused()  # or what packed the cells is kept: a third of the whole
    lines = np.concatenate(numbers) if numbers else np.zeros(0, dtype=np.int64)
    columns = {}
    for name in [*pieces]:  # each is let go of where it has become another
        columns[name] = words_of(pieces.pop(name))
        pa.default_memory_pool().release_unused()
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(lines)))
    return Loaded(names=tuple(names), frame=frame, lines=lines, header=table.header, notes=table.notes)


def _from_json(path: Path, knows: Knows, keeps: Knows) -> Loaded:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    kept: dict[str, bool] = {}
    columns: dict[str, Cells] = {}
    lines = array("q")
    where = "row"
    for where, row in json_rows(path, rows_anywhere(knows), most=MAX_TABLE):
        for name, value in flattened(row):
            if name not in kept:
                kept[name] = keeps(name)
            if kept[name]:
                cells = columns.setdefault(name, Cells())
                if cells.count > len(lines):
                    raise UserFileError(path, f"{name!r} is there twice", field=where, advice="keep one")
                cells.add(repr(value) if isinstance(value, bool | int | float) else value, len(lines))
        lines.append(int(where.partition(" ")[2]))
    series = {}
    for name in [*columns]:
        series[name] = columns.pop(name).series(len(lines))
        pa.default_memory_pool().release_unused()
    frame = pd.DataFrame(series, index=pd.RangeIndex(len(lines)))
    numbers = np.array(lines, dtype=np.int64)
    return Loaded(names=tuple(kept), frame=frame, lines=numbers, place=where.partition(" ")[0])


def _from_parquet(path: Path, keeps: Knows) -> Loaded:
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
    rows = table.num_rows
    table = _flat(table.rename_columns([_one_level(name) for name in table.column_names]))
    columns = {}
    for name in chosen:  # each is let go of where it has become another
        columns[name] = _series(table.column(name))
        table = table.drop_columns(name)
    frame = pd.DataFrame(columns, index=pd.RangeIndex(rows))
    pa.default_memory_pool().release_unused()
    return Loaded(names=tuple(names), frame=frame, lines=range(1, rows + 1), place="row")


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
    if types.is_string(column.type) or types.is_large_string(column.type):
        return words_of(column.dictionary_encode().chunks)
    return column.to_pandas()  # type: ignore[no-any-return]


def parquet_batches(path: Path, keep: Keep | None = None, *, bounded: bool = True) -> Iterator["pa.Table"]:
    """The columns that ``keep`` takes, a named index of pandas' too. Raises UserFileError: no Parquet, or too much.

    ``bounded`` makes a table of each batch, and lets no more than `MAX_ROWS` rows and `MAX_FILE` bytes out.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    packed = path.suffix.lower() in PACKED
    with open_file(path, unpack=False, most=MAX_FILE if bounded else MAX_TABLE) as stream:
        source: Any = io.BytesIO(read_bytes(path, most=MAX_FILE)) if packed else stream
        try:
            file = pq.ParquetFile(source)
            rows, groups = file.metadata.num_rows, map(file.metadata.row_group, range(file.metadata.num_row_groups))
            sizes = [group.column(k).total_uncompressed_size for group in groups for k in range(group.num_columns)]
            if bounded and (rows > MAX_ROWS or sum(sizes) > MAX_FILE):
                problem = f"the table has {rows:,} rows, {size(sum(sizes))}"
                problem += f"; at most {MAX_ROWS:,} rows and {size(MAX_FILE)} are read"
                raise UserFileError(path, problem, advice="take a part of it")
            name, index = named_range(file.schema_arrow, rows)
            columns = None if keep is None else keep(file.schema_arrow, name)
            most = max(1, min(10_000, BATCH // max(1, *sizes, 1)))
            batches = file.iter_batches(batch_size=most, columns=columns) if bounded else [file.read(columns=columns)]
            read = first = 0
            for batch in batches:
                read += batch.nbytes
                if bounded and read > MAX_FILE:  # a value that is stored once may stand in a million rows
                    problem = f"the table unfolds to more than {size(MAX_FILE)}"
                    raise UserFileError(path, problem, advice="take a part of it")
                table = pa.Table.from_batches([batch]) if bounded else batch
                if name is not None:
                    table = table.append_column(name, pa.array(index[first : first + len(batch)], pa.int64()))
                first += len(batch)
                yield table
        except (pa.ArrowException, OSError, ValueError):
            source.seek(0)
            what = "it is cut off or damaged" if source.read(4) == b"PAR1" else "it does not begin as one"
            raise UserFileError(path, f"not a Parquet file: {what}", advice="save the table again") from None


def named_range(schema: "pa.Schema", rows: int) -> tuple[str | None, range]:
    """An index of pandas' that has a name and is no column of the file: only the schema's notes hold it."""
    strange = (ValueError, LookupError, TypeError, AttributeError, OverflowError)  # notes of others, or damaged ones
    with suppress(*strange):
        for index in (schema.pandas_metadata or {})["index_columns"]:
            if isinstance(index, dict) and index["kind"] == "range" and index["name"] is not None:
                name, values = str(index["name"]), range(index["start"], index["stop"], index["step"])
                fits = len(values) == rows and all(-(2**63) <= v < 2**63 for v in (values[0], values[-1]))
                if fits and name not in schema.names:
                    return name, values
    return None, range(0)


def arrow_rows(tables: Iterable["pa.Table"]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each row stands, and the row, without what the format adds: nulls, at every depth, and an index."""
    import pyarrow as pa

    kept = list(tables)
    names = [name for name in kept[0].column_names if not re.fullmatch("__index_level_.*__", name)] if kept else []
    whole = {name for name in names if _is_whole(pa.concat_tables(kept).column(name))}
    number = 0
    for table in kept:
        columns = [table.column(name) for name in names]
        values = [[_plain(value, column.type) for value in column.to_pylist()] for column in columns]
        for cells in zip(*values, strict=True):
            number += 1
            row = {name: cell for name, cell in zip(names, cells, strict=True) if cell is not None}
            yield f"row {number}", {name: int(cell) if name in whole else cell for name, cell in row.items()}


def _is_whole(column: "pa.ChunkedArray") -> bool:
    """Whether a column of floats stands for whole numbers of which some are missing, as for many programs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(column.type):
        return False
    there = column.drop_null().cast("float64")
    known = there.filter(pc.invert(pc.is_nan(there)))
    whole = pc.and_(pc.is_finite(known), pc.equal(pc.trunc(known), known))
    return len(known) < len(column) and pc.all(whole).as_py() is not False


def _plain(value: Any, kind: "pa.DataType") -> Any:
    """A cell as JSON has it; None where it is absent."""
    import pyarrow as pa

    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if pa.types.is_struct(kind):
        parts = {field.name: _plain(value[field.name], field.type) for field in kind}
        return {name: part for name, part in parts.items() if part is not None}
    if pa.types.is_map(kind):
        pairs = [(str(name), _plain(part, kind.item_type)) for name, part in value]
        return {name: part for name, part in pairs if part is not None}
    if isinstance(value, list):
        return [_plain(part, kind.value_type) for part in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):  # a text, to programs that do not mark it as one
        with suppress(UnicodeDecodeError):
            return value.decode()
    if isinstance(value, Decimal):
        return int(value) if kind.scale <= 0 else float(value)
    return value
