"""The columns of the three tables of a report, and reading them from files that others may have written.

Of the outcomes a column is read at a time, into arrays that are small enough to be kept.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from harness.core import Acted, Call, EvidenceError, Outcome, nearest
from harness.store.ranges import in_range
from harness.store.words import Array, Words, no_words, words_in

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

OUTCOMES_FILE, CALLS_FILE, TRANSCRIPTS_FILE = "outcomes.parquet", "calls.parquet", "transcripts.parquet"
ACTIONS_FILE = "actions.parquet"
_KINDS = {bool: "bool", int: "int64", float: "float64", datetime: "timestamp", tuple[str, ...]: "strings"}
_SMALL = dict.fromkeys(("trial", "calls", "retries", "lost_tries", "run", "draw", "turn", "exit_code"), "int32")


def _places(record: Any, within: str = "") -> Iterator[tuple[str, str]]:
    """Where in a record each value stands, and its type as a word for `arrow_type`."""
    for one in fields(record):
        if is_dataclass(one.type):
            yield from _places(one.type, f"{one.name}.")
        elif one.name != "signals":
            known = [_KINDS[part] for part in (one.type, *get_args(one.type)) if part in _KINDS]
            yield within + one.name, _SMALL.get(one.name) or next(iter(known), "string")


OUTCOMES: dict[str, str] = dict(_places(Outcome))
"""Column names of ``outcomes.parquet`` in their order, and their types: the fields of an `Outcome`."""

_NAMES = {f"usage.{name}": f"{name}_tokens" for name in ("input", "cached_input", "cache_write", "output", "reasoning")}
_NAMES |= {"usage.source": "usage_source", "cost.usd": "cost_usd", "cost.basis": "cost_basis"}
CALL_PLACES = dict(_places(Call))
SIGNALS = ("logprob_mean", "logprob_min", "margin")
CALLS: dict[str, str] = {
    **{_NAMES.get(place, place.rpartition(".")[2]): word for place, word in CALL_PLACES.items()},
    **dict.fromkeys(SIGNALS, "float64"),
}  # the same of ``calls.parquet``: what stands in a `Call`, and its signals
ACTIONS: dict[str, str] = {
    name: word for name, word in _places(Acted) if name not in {"request_digest", "place"}
}  # the same of ``actions.parquet``, which is there where something was done in a box
TRANSCRIPTS: dict[str, str] = dict.fromkeys(("attempt_id", "messages", "reason", "replies"), "string")
"""``messages`` and ``replies`` are JSON text; a reply stands with its request's digest, so that a report without its
journal can be replayed."""
REQUIRED = ("contender", "task", "trial", "status", "passed")
"""Without these columns an outcome table cannot be judged; the others may be missing and are then unknown."""


def schema(columns: Mapping[str, str]) -> "pa.Schema":
    """The Arrow schema of a table's columns."""
    import pyarrow as pa

    return pa.schema([(name, arrow_type(word)) for name, word in columns.items()])


def arrow_type(word: str) -> "pa.DataType":
    """The Arrow type that a word of the column lists stands for."""
    import pyarrow as pa

    own = {"strings": pa.list_(pa.string()), "timestamp": pa.timestamp("us", tz="UTC")}
    return own[word] if word in own else pa.type_for_alias(word)


def open_table(path: Path, columns: Mapping[str, str], *, required: Sequence[str] = ()) -> "pq.ParquetFile":
    """A Parquet file, opened. Raises EvidenceError: it is missing or broken, or a column is missing or does not fit."""
    import pyarrow.parquet as pq

    if not path.is_file():
        what = "holds no results yet: run it, or import a table" if path.name == OUTCOMES_FILE else "has no such file"
        raise EvidenceError(f"{path}: missing; the report {what}")
    with undamaged(path, "not a readable Parquet file: it is cut off or damaged"):
        file = pq.ParquetFile(path)
    found: pa.Schema = file.schema_arrow
    if missing := [name for name in required if name not in found.names]:
        raise EvidenceError(f"{path}: the column {missing[0]} is missing; {nearest(missing[0], found.names)}")
    for name, word in columns.items():
        if name in found.names and not _fits(found.field(name).type, word):
            raise EvidenceError(f"{path}: the column {name} holds {found.field(name).type}, needed {arrow_type(word)}")
    return file


def read_table(
    path: Path, columns: Mapping[str, str], *, chosen: Sequence[str] | None = None, required: Sequence[str] = ()
) -> "pa.Table":
    """The chosen columns, null where the file has none. Raises EvidenceError: as `open_table`; or one does not fit."""
    import pyarrow as pa

    names = list(columns) if chosen is None else list(chosen)
    if unknown := next((name for name in names if name not in columns), None):
        raise EvidenceError(f"{path}: there is no column {unknown}; {nearest(unknown, columns)}")
    wanted = {name: columns[name] for name in names}
    with open_table(path, columns, required=required) as file:
        with undamaged(path):
            table = file.read(columns=[name for name in names if name in file.schema_arrow.names])
        rows = file.metadata.num_rows
    arrays = [
        fitted(table.column(name), word, path, name) if name in table.column_names else pa.nulls(rows, arrow_type(word))
        for name, word in wanted.items()
    ]
    return pa.table(arrays, schema=schema(wanted))


def fitted(values: Any, word: str, path: Path, name: str) -> Any:
    """As a column's own type, with nothing for what it may not be. Raises EvidenceError: a value does not fit that."""
    import pyarrow as pa

    try:
        return in_range(values if values.type == arrow_type(word) else values.cast(arrow_type(word)), name)
    except pa.ArrowException as error:
        raise EvidenceError(f"{path}: the column {name}: {str(error).splitlines()[0]}") from None


@contextmanager
def undamaged(path: Path, what: str = "damaged: a part of the file cannot be read") -> Iterator[None]:
    """Raises EvidenceError where the library fails within: what is wrong with a table, and what to do about it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        words = next(iter(str(error).splitlines()), "").split(". ")[0].strip().rstrip(".:") or type(error).__name__
        remedy = "restore it from a copy, or import the table again into a new report"
        again = "restore it from a copy, or remove it and start ownbench run again"
        if any(path.parent.glob("attempts*.jsonl")):
            remedy = f"{again}: paid answers are kept in the journal"
        elif (path.parent / "experiment.yaml").is_file():
            remedy = again
        raise EvidenceError(f"{path}: {what} ({words}); {remedy}") from None


def nearest_first(groups: int, near: float) -> list[int]:
    """The row groups of a file, those first that lie the nearest to a place given as a share of the file."""
    return sorted(range(groups), key=lambda group: abs(group + 0.5 - near * groups))


def _fits(found: "pa.DataType", word: str) -> bool:
    """Whether a column of another writer's type can be read as ours without guessing."""
    from pyarrow import types

    if types.is_null(found):
        return True
    if types.is_dictionary(found):
        return _fits(found.value_type, word)
    if word == "strings":
        return (types.is_list(found) or types.is_large_list(found)) and _fits(found.value_type, "string")
    tests = {
        "string": (types.is_string, types.is_large_string, types.is_string_view),
        "bool": (types.is_boolean, types.is_integer),
        "int32": (types.is_integer,),
        "int64": (types.is_integer,),
        "float64": (types.is_floating, types.is_integer, types.is_decimal),
        "timestamp": (types.is_timestamp,),
    }
    return any(bool(test(found)) for test in tests[word])


HEX = 32  # characters of a digest, as which attempts are named


@dataclass(slots=True)
class Ahead:
    """What of a file was read before it was asked for, or is asked for again while it is loaded."""

    columns: "dict[str, pa.ChunkedArray]" = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)
    keeps: bool = False  # whether what is read now is kept


class OutcomeFile:
    """The file as it is when it is opened; a column of it is refused once the file is another."""

    def __init__(self, report: Path) -> None:
        """Looks at the columns. Raises EvidenceError: the file is missing or broken, or lacks one of `REQUIRED`."""
        self.path = report / OUTCOMES_FILE
        with open_table(self.path, OUTCOMES, required=REQUIRED) as file:
            self.metadata, self._schema = file.metadata, file.schema_arrow
            paths = [file.metadata.schema.column(i).path for i in range(file.metadata.num_columns)]
        self.places = {path: i for i, path in enumerate(paths)}  # of columns that are no lists
        self.stamp = self._stamp()
        self.ahead = Ahead()

    @property
    def rows(self) -> int:
        """How many outcomes there are."""
        return int(self.metadata.num_rows)

    def unchanged(self) -> None:
        """Passes while the file is the one that was loaded. Raises EvidenceError: it is another, or gone."""
        if self._stamp() != self.stamp:
            raise EvidenceError(f"{self.path}: changed while it was read; start again")

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def column(self, name: str, groups: Sequence[int] | None = None) -> "pa.ChunkedArray":
        """A whole column; texts as dictionaries, which is how the file holds them; nulls where the file lacks it.

        Of some row ``groups`` of the file these rows alone.
        """
        import pyarrow as pa

        self.unchanged()
        if not self.holds(name):
            return pa.chunked_array([pa.nulls(self.metadata.num_rows, arrow_type(OUTCOMES[name]))])
        there = self.ahead.columns.get(name) if groups is None else None
        column = self.read([name], groups).column(name) if there is None else there
        return column if pa.types.is_dictionary(column.type) else fitted(column, OUTCOMES[name], self.path, name)

    def read(self, names: Sequence[str], groups: Sequence[int] | None = None) -> "pa.Table":
        """Columns as the file has them, texts as dictionaries."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        texts = [name for name in names if pa.types.is_string(self._schema.field(name).type) and name != "attempt_id"]
        with undamaged(self.path), pq.ParquetFile(self.path, metadata=self.metadata, read_dictionary=texts) as reader:
            return reader.read(columns=names) if groups is None else reader.read_row_groups(groups, columns=names)

    def holds(self, name: str) -> bool:
        """Whether the file has a value in that column."""
        return name in self._schema.names and not self._is_empty(name)

    def _is_empty(self, name: str) -> bool:
        """Whether the file itself says that no row has a value: then nothing is read."""
        place = self.places.get(name)
        for i in range(self.metadata.num_row_groups if place is not None else 0):
            found = self.metadata.row_group(i).column(place).statistics
            if found is None or not found.has_null_count or found.null_count < self.metadata.row_group(i).num_rows:
                return False
        return place is not None

    def words_at(self, name: str, rows: Array) -> Words:
        """A column of texts at some rows, of which only the row groups that hold them are read."""
        if not self.holds(name):
            self.unchanged()
            return no_words(len(rows))
        if name in self.ahead.words or name in self.ahead.columns:
            return OutcomeFile.words(self, name).at(rows)
        sizes = [self.metadata.row_group(i).num_rows for i in range(self.metadata.num_row_groups)]
        ends = np.cumsum(sizes, dtype=np.int64)
        groups, inside = np.unique(np.searchsorted(ends, rows, side="right"), return_inverse=True)
        if len(groups) == len(sizes):
            return OutcomeFile.words(self, name).at(rows)
        before = np.cumsum([0, *(sizes[i] for i in groups.tolist())], dtype=np.int64)[:-1]
        starts = before - (ends - sizes)[groups]
        return words_in(self.column(name, groups.tolist())).at(rows + starts[inside])

    def words(self, name: str) -> Words:
        """A column of texts."""
        self.unchanged()
        if name not in self.ahead.words:
            found = words_in(self.column(name)) if self.holds(name) else no_words(self.rows)
            if not self.ahead.keeps:
                return found
            self.ahead.words[name] = found
        return self.ahead.words[name]

    def truth(self, name: str) -> Array:
        """A column of answers: 1, 0, or -1 where unknown."""
        return np.asarray(self.column(name).cast("int8").fill_null(-1), dtype=np.int8)

    def numbers(self, name: str) -> Array | None:
        """A column of numbers or times (seconds since 1970), NaN where unknown; ``None`` where all of them are."""
        column = self.column(name)
        if column.null_count == len(column):
            return None
        column, unit = (column.cast("int64"), 1e-6) if OUTCOMES[name] == "timestamp" else (column, 1.0)
        found = np.asarray(column.cast("float64", safe=False).fill_null(np.nan))
        return found if unit == 1.0 else found * unit

    @functools.cached_property
    def attempt_ids(self) -> "Array | pa.Array | None":
        """Two 64-bit halves a row where all ids are digests, else texts; ``None`` where the file has none."""
        import pyarrow.compute as pc

        column = self.column("attempt_id")
        if column.null_count == len(column):
            return None
        column = column.cast("string")
        lengths = pc.min_max(pc.binary_length(column)).as_py()
        packed = None if column.null_count or set(lengths.values()) != {HEX} else _packed(column)
        return column.combine_chunks() if packed is None else packed


def _packed(column: "pa.ChunkedArray") -> Array | None:
    """Texts of `HEX` characters as 16 bytes each; ``None`` where one has capitals or blanks, and is of another make."""
    packed = bytearray()
    for chunk in column.chunks:
        _, offsets, data = chunk.buffers()
        start = int(np.frombuffer(offsets, np.int32)[chunk.offset])
        text = data[start : start + HEX * len(chunk)].to_pybytes()
        try:
            digests = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            return None
        if digests.hex().encode() != text:
            return None
        packed += digests
    return np.frombuffer(bytes(packed), dtype=np.uint64).reshape(-1, 2)
