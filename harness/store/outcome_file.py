"""Reading ``outcomes.parquet`` a column at a time, into arrays that are small enough to be kept."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.core import EvidenceError, UsageError, nearest
from harness.store.columns import OUTCOMES, OUTCOMES_FILE, REQUIRED, Array, arrow_type, fitted, open_table, undamaged

if TYPE_CHECKING:
    import pyarrow as pa

HEX = 32  # characters of a digest, as which attempts are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A column of words as codes: -1 where it is null."""

    codes: Array
    names: "pa.Array"  # what the codes point into; each word once, in the order of their appearance

    def __getitem__(self, row: int) -> str | None:
        """The word of a row."""
        code = int(self.codes[row])
        return None if code < 0 else str(self.names[code].as_py())

    @property
    def every(self) -> tuple[str, ...]:
        """The distinct words."""
        return tuple(self.names.to_pylist())

    def texts(self, rows: Array | slice = slice(None)) -> "pa.Array":
        """The words of some rows."""
        import pyarrow as pa

        codes = self.codes[rows]
        return self.names.take(pa.array(codes, pa.int64(), mask=codes < 0))

    def at(self, rows: Array) -> "Words":
        """The column of some rows."""
        return Words(codes=self.codes[rows], names=self.names)

    def code(self, word: str, what: str, path: Path) -> int:
        """The code of a word. Raises UsageError: no row has it; names the nearest."""
        known = self.every
        if word not in known:
            raise UsageError(f"{path}: there is no {what} {word!r}; {nearest(word, known)}")
        return known.index(word)


class OutcomeFile:
    """The file as it is when it is opened; a column of it is refused once the file is another."""

    def __init__(self, report: Path) -> None:
        """Looks at the columns. Raises EvidenceError: the file is missing or broken, or lacks one of `REQUIRED`."""
        self.path = report / OUTCOMES_FILE
        with open_table(self.path, OUTCOMES, required=REQUIRED) as file:
            self._metadata, self._schema = file.metadata, file.schema_arrow
        self._seen = self._stamp()

    def unchanged(self) -> None:
        """Passes while the file is the one that was loaded. Raises EvidenceError: it is another, or gone."""
        if self._stamp() != self._seen:
            raise EvidenceError(f"{self.path}: changed while it was read; start again")

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def column(self, name: str) -> "pa.ChunkedArray":
        """A whole column; texts as dictionaries, which is how the file holds them; nulls where the file lacks it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.unchanged()
        if name not in self._schema.names:
            return pa.chunked_array([pa.nulls(self._metadata.num_rows, arrow_type(OUTCOMES[name]))])
        coded = [name] if pa.types.is_string(self._schema.field(name).type) and name != "attempt_id" else []
        with undamaged(self.path), pq.ParquetFile(self.path, metadata=self._metadata, read_dictionary=coded) as reader:
            column = reader.read(columns=[name]).column(0)
        return column if pa.types.is_dictionary(column.type) else fitted(column, OUTCOMES[name], self.path, name)

    def words(self, name: str) -> Words:
        """A column of texts."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column, ours = self.column(name), pa.dictionary(pa.int32(), pa.string())
        coded = column if column.type == ours else column.cast(pa.string()).dictionary_encode()
        whole = coded.unify_dictionaries().combine_chunks()
        if isinstance(whole, pa.ChunkedArray):  # no rows at all
            whole = pa.array([], ours)
        if whole.dictionary.null_count:
            whole = whole.cast(pa.string()).dictionary_encode()
        used = pc.unique(whole.indices.drop_null())
        anew = np.full(len(whole.dictionary) + 1, -1, dtype=np.int64)
        anew[np.asarray(used)] = np.arange(len(used))
        codes = tight(anew)[np.asarray(whole.indices.fill_null(len(whole.dictionary)))]
        return Words(codes=codes, names=whole.dictionary.take(used).cast(pa.string()))

    def truth(self, name: str) -> Array:
        """A column of answers: 1, 0, or -1 where unknown."""
        return np.asarray(self.column(name).cast("int8").fill_null(-1), dtype=np.int8)

    def numbers(self, name: str) -> Array | None:
        """A column of numbers, NaN where unknown; ``None`` where all of them are."""
        column = self.column(name)
        none = column.null_count == len(column)
        return None if none else np.asarray(column.fill_null(np.nan), dtype=np.float64)

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


def tight(codes: Array) -> Array:
    """The same in the smallest signed integers that hold them."""
    low, high = int(codes.min(initial=0)), int(codes.max(initial=0))
    kinds = np.min_scalar_type(min(low, -1)), np.min_scalar_type(-high - 1)  # below 0: they have a sign
    return codes.astype(np.promote_types(*kinds))
