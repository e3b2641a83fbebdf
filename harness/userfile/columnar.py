"""The columns of a table that are asked for, with the place of each row: for tables too long to be held by rows."""

import ast
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import UserFileError
from harness.userfile.arrow import MAX_TABLE, parquet_batches
from harness.userfile.delimited import Knows, open_delimited
from harness.userfile.json_rows import flattened, json_rows, rows_anywhere
from harness.userfile.tabular import needed_kind

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_CHUNK = 50_000


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
    """The columns whose names ``keeps`` takes; a field of an object in a row is the column ``outer.inner``.

    Cells of text and of JSON are texts; a list stays a list. ``knows`` says whether a name may be in the header: it
    finds the header below titles, and the rows within a JSON file. Raises UserFileError: the file cannot be read, is
    not what its ending says, or has a wanted column twice.
    """
    kind = needed_kind(path)
    if kind == ".parquet":
        return _from_parquet(path, keeps)
    return _from_json(path, knows, keeps) if kind.startswith(".json") else _from_text(path, kind, knows, keeps)


def _refuse_twins(path: Path, names: list[str], wanted: list[str], where: str = "") -> None:
    twice = next((name for name in wanted if names.count(name) > 1), None)
    if twice is not None:
        raise UserFileError(path, f"the column {twice!r} is there twice", field=where, advice="rename one")


def _from_text(path: Path, kind: str, knows: Knows, keeps: Knows) -> Loaded:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    table = open_delimited(path, kind, most=MAX_TABLE, knows=knows)
    names = table.names
    if names[0] == "":
        names[0] = "Unnamed: 0"  # an index that was saved without a name, as pandas calls it
    chosen = [place for place, name in enumerate(names) if name and keeps(name)]
    _refuse_twins(path, names, [names[place] for place in chosen], table.header)
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
    where = ""
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
    for cells in columns.values():
        cells.extend([None] * (len(lines) - len(cells)))
    kinds = {
        name: object if any(isinstance(cell, list | dict) for cell in cells) else "str"
        for name, cells in columns.items()
    }
    series = {name: pd.Series(cells, dtype=kinds[name]) for name, cells in columns.items()}
    frame = pd.DataFrame(series, index=pd.RangeIndex(len(lines)))
    place = where.partition(" ")[0] or "row"
    return Loaded(names=tuple(kept), frame=frame, lines=np.array(lines, dtype=np.int64), place=place)


def _from_parquet(path: Path, keeps: Knows) -> Loaded:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    names: list[str] = []
    chosen: list[str] = []

    def wanted(schema: "pa.Schema", index: str | None) -> list[str]:
        fields = [field for field in schema if not field.name.startswith("__index_level_")]
        leaves = [(field.name, leaf) for field in fields for leaf in _leaves(_one_level(field.name), field.type)]
        names.extend([leaf for _, leaf in leaves] + ([index] if index is not None else []))
        chosen.extend(name for name in names if keeps(name))
        _refuse_twins(path, names, chosen)
        return list(dict.fromkeys(top for top, leaf in leaves if keeps(leaf)))

    table = next(parquet_batches(path, wanted, bounded=False))
    table = table.rename_columns([_one_level(name) for name in table.column_names])
    while any(pa.types.is_struct(column.type) for column in table.schema):
        table = table.flatten()
    columns = {name: _series(table.column(name)) for name in chosen}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))
    return Loaded(names=tuple(names), frame=frame, lines=np.arange(1, len(frame) + 1), place="row")


def _leaves(name: str, kind: "pa.DataType") -> Iterator[str]:
    """The column's name; of a column of objects, one name for each of their fields."""
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        yield name
        return
    for part in kind:
        yield from _leaves(f"{name}.{part.name}", part.type)


def _one_level(name: str) -> str:
    """``('metrics', 'passed')`` as ``metrics.passed``; another name as it is."""
    if not name.startswith("('"):
        return name
    try:
        return ".".join(str(part) for part in ast.literal_eval(name) if str(part))
    except (ValueError, SyntaxError):
        return name


def _series(column: "pa.ChunkedArray") -> "pd.Series[Any]":
    """A column as pandas holds it, but that whole numbers stay whole where some are missing."""
    import pyarrow as pa
    from pyarrow import types

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
            column = _made(column, lambda value: value.hex(), pa.string())
    elif types.is_duration(kind):
        column = _made(column.cast(pa.duration("us"), safe=False), lambda value: value.total_seconds(), pa.float64())
    elif types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif types.is_float16(kind):
        column = column.cast(pa.float32())
    elif types.is_date(kind) or types.is_time(kind) or types.is_null(kind):
        column = column.cast(pa.string())
    return column.to_pandas()  # type: ignore[no-any-return]


def _made(column: "pa.ChunkedArray", make: Callable[[Any], Any], kind: "pa.DataType") -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([[None if value is None else make(value) for value in column.to_pylist()]], kind)
