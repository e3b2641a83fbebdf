"""Rows of Arrow tables, such as Parquet holds, as the JSON lines that they stand for."""

import io
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import UserFileError
from harness.userfile.bounded import MAX_FILE, PACKED, open_file, read_bytes, size

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 1_000_000
MAX_TABLE = 64_000_000_000  # bytes of a file of which a few columns are read
BATCH = 64_000_000  # bytes that the rows of one batch may come to, should each hold the largest value of the file

Keep = Callable[["pa.Schema", str | None], list[str]]
"""The columns to read, of a file's schema and the name of an index that is no column of the file."""


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
    """Where each row stands, and the row. What the format adds is left out: nulls, at every depth, and an index.

    A column of whole numbers in which some are missing is a column of floats for many programs: 7.0 there is 7. A
    column with any other float, or without a missing value, stays as it is.
    """
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
    """Whether a column of floats has missing values, and nothing else but whole numbers."""
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
