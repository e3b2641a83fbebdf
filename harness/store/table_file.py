"""Opens the file that a user brings, packed or not, as text or as Parquet, and takes the columns that are wanted."""

import ast
import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.core import UsageError, UserFileError, nearest
from harness.store.table_reading import plain_name

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KINDS = ".parquet, .csv, .tsv, .json or .jsonl, packed (.gz, .bz2, .xz, .zst) or not"
_TEXT = (".csv", ".tsv", ".tab", ".psv", ".txt")
_JSON = (".json", ".jsonl", ".ndjson")
_PACKED = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ\x00", ".zst": b"\x28\xb5\x2f\xfd"}
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LONGEST_LINE = 16_000_000
_FAULT = re.compile(r"(^|_)(errors?|exceptions?|failure_(mode|reason)|traceback)(_|$)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of a file's columns are read."""

    chosen: frozenset[str]
    """Names that the user gave, in the file's spelling."""
    known: frozenset[str]
    """Names that tell a header from other lines, in our spelling."""
    ours: frozenset[str]
    """Of these, those whose columns are read."""
    everything: bool = False

    def knows(self, name: str) -> bool:
        """Whether the name may stand in a header of ours."""
        return name in self.chosen or plain_name(name) in self.known

    def keeps(self, name: str) -> bool:
        """Whether the column is read."""
        return self.everything or name in self.chosen or plain_name(name) in self.ours or is_fault(name)


def is_fault(name: str) -> bool:
    """Whether a column of this name tells what went wrong."""
    return bool(_FAULT.search(plain_name(name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A file's wanted columns under its own names, and where its rows stand."""

    names: tuple[str, ...]
    """Of all columns, in the file's order."""
    frame: "pd.DataFrame"
    """The wanted ones."""
    lines: Any
    """Of each row the number of its line in the file, or of the row."""
    place: str = "line"
    """What ``lines`` counts: ``line``, ``row`` or ``record``."""
    header: str = ""
    """Where the names stand, as in ``line 1``; empty where a file has no such place."""
    notes: list[str] = field(default_factory=list)


def kind_of(path: Path) -> str:
    """``parquet``, ``json`` or the text's ending, by the file's name.

    Raises:
        UsageError: the name ends in nothing that is read.
        UserFileError: there is no such file.
    """
    if path.is_dir():
        raise UserFileError(path, "this is a folder, a table is needed", advice=f"give a file that ends in {KINDS}")
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    if endings and endings[-1] in {*_PACKED, ".zstd"}:
        endings.pop()
    ending = endings[-1] if endings else ""
    kind = {".parquet": "parquet", ".pq": "parquet", **dict.fromkeys(_JSON, "json")}.get(ending, ending)
    if kind not in {"parquet", "json", *_TEXT}:
        sheet = "save the sheet as CSV" if ending in {".xlsx", ".xls", ".ods", ".xlsm"} else f"it may end in {KINDS}"
        raise UsageError(f"{path}: the ending does not say what kind of table this is; {sheet}")
    if path.exists() and not path.is_file():
        raise UserFileError(path, "this is no ordinary file", advice="save the table in one")
    if not path.is_file():
        names = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
        raise UserFileError(path, "there is no such file", advice=nearest(path.name, names[:40]))
    return kind


def unpacked(path: Path) -> IO[bytes]:
    """The file's bytes; a packed file is unpacked as it is read."""
    import pyarrow as pa

    with path.open("rb") as file:
        start = file.read(8)
    ending = {".zstd": ".zst"}.get(path.suffix.lower(), path.suffix.lower())
    found = next((end for end, magic in _PACKED.items() if start.startswith(magic)), "")
    if ending in _PACKED and not found:
        raise UserFileError(path, f"cannot be read: it is not packed as its ending {path.suffix} says")
    if start.startswith(b"PK\x03\x04"):
        raise UserFileError(path, "this is a zip archive or a spreadsheet", advice="unpack it, or save it as CSV")
    openers: dict[str, Callable[[], Any]] = {
        "": lambda: path.open("rb"),
        ".gz": lambda: gzip.GzipFile(path),
        ".bz2": lambda: bz2.BZ2File(path),
        ".xz": lambda: lzma.LZMAFile(path),  # noqa: SIM115
        ".zst": lambda: io.BufferedReader(pa.input_stream(str(path), compression="zstd")),
    }
    stream: IO[bytes] = openers[found]()
    return stream


def text_lines(path: Path, longest: int = LONGEST_LINE) -> Iterator[str]:
    r"""The file's lines, each with its end as ``\n``; they are counted as an editor counts them.

    Raises:
        UserFileError: the file is cut off, damaged, or not text; names the line.
    """
    number = 0
    try:
        with unpacked(path) as stream, _decoded(stream) as text:
            for line in iter(lambda: text.readline(longest), ""):
                number += 1
                if not line.isascii():
                    _check_text(path, number, line)
                if "\0" in line:
                    advice = "the file is damaged, or no UTF-8: save it as UTF-8"
                    raise UserFileError(path, "found a zero byte", field=f"line {number}", advice=advice)
                if len(line) >= longest:
                    problem = f"the line is longer than {longest:,} characters"
                    raise UserFileError(path, problem, field=f"line {number}", advice="write one row a line")
                yield line
    except UnicodeDecodeError:
        problem = "not the UTF-16 or UTF-32 that its first bytes promise"
        raise UserFileError(path, problem, field=f"line {number + 1}", advice="save it as UTF-8") from None
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise UserFileError(path, "cannot be unpacked: it is cut off or damaged", field=f"line {number + 1}") from None


def _decoded(stream: IO[bytes]) -> io.TextIOWrapper:
    buffered = stream if hasattr(stream, "peek") else io.BufferedReader(stream)  # type: ignore[type-var]
    start = buffered.peek(4)[:4]
    coding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
    errors = "surrogateescape" if coding.startswith("utf-8") else "strict"
    return io.TextIOWrapper(buffered, encoding=coding, errors=errors, newline=None)


def _check_text(path: Path, number: int, line: str) -> None:
    try:
        line.encode()
    except UnicodeEncodeError as error:
        problem = f"not UTF-8: found the byte 0x{ord(line[error.start]) & 0xFF:02x} at character {error.start + 1}"
        raise UserFileError(path, problem, field=f"line {number}", advice="save the file as UTF-8") from None


def load_parquet(path: Path, wanted: Wanted) -> Loaded:
    """The wanted columns of a Parquet file; a named index is a column, as in any other reader.

    Raises:
        UserFileError: the file is cut off or damaged.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from harness.userfile import named_range

    try:
        with pq.ParquetFile(path) as file:
            fields = [field for field in file.schema_arrow if not field.name.startswith("__index_level_")]
            leaves = [(field.name, leaf) for field in fields for leaf in _leaves(_one_level(field.name), field.type)]
            names = [leaf for _, leaf in leaves]
            index, values = named_range(file.schema_arrow, file.metadata.num_rows)
            chosen = [(top, leaf) for top, leaf in leaves if wanted.keeps(leaf)]
            twice = next((leaf for _, leaf in chosen if names.count(leaf) > 1), None)
            if twice is not None:
                raise UserFileError(path, f"the column {twice!r} is there twice", advice="rename one")
            table = file.read(columns=list(dict.fromkeys(top for top, _ in chosen)))
    except (pa.ArrowException, OSError, ValueError):
        raise UserFileError(path, "not a readable Parquet file: it is cut off or damaged") from None
    table = table.rename_columns([_one_level(name) for name in table.column_names])
    while any(pa.types.is_struct(column.type) for column in table.schema):
        table = table.flatten()
    frame = _frame(table.select([leaf for _, leaf in chosen]))
    if index is not None:
        names.append(index)
        if wanted.keeps(index):
            frame = frame.reindex(pd.RangeIndex(len(values))).assign(**{index: np.asarray(values)})
    return Loaded(names=tuple(names), frame=frame, lines=np.arange(1, len(frame) + 1), place="row")


def _leaves(name: str, kind: "pa.DataType") -> Iterator[str]:
    """The column's name; of a column of records, one name for each of their fields."""
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


def _frame(table: "pa.Table") -> "pd.DataFrame":
    import pandas as pd

    columns = {name: _series(column) for name, column in zip(table.column_names, table.columns, strict=True)}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))


def _series(column: "pa.ChunkedArray") -> "pd.Series[Any]":
    """A column as pandas holds it, but that whole numbers stay whole where some are missing."""
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        try:
            column = column.cast(pa.large_binary()).cast(pa.large_string())
        except pa.ArrowException:
            column = pa.chunked_array([[value and value.hex() for value in column.to_pylist()]], pa.string())
    elif types.is_duration(kind):
        column = pa.chunked_array(
            [[v and v.total_seconds() for v in column.cast(pa.duration("us"), safe=False).to_pylist()]], pa.float64()
        )
    elif types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif types.is_float16(kind):
        column = column.cast(pa.float32())
    elif types.is_date(kind) or types.is_time(kind) or types.is_null(kind):
        column = column.cast(pa.string())
    elif types.is_integer(kind) and column.null_count:
        whole: pd.Series[Any] = column.to_pandas(integer_object_nulls=True).astype(
            "Int64" if types.is_signed_integer(kind) else "UInt64"
        )
        return whole
    found: pd.Series[Any] = column.to_pandas()
    return found
