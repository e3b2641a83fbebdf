"""A column of words as codes, one number a row, smaller than texts and counted faster."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import UsageError, nearest

if TYPE_CHECKING:
    import pyarrow as pa

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


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

    @property
    def blank(self) -> int:
        """The code of the empty text, -1 where no row has it."""
        import pyarrow.compute as pc

        return int(pc.index(self.names, "").as_py())

    def texts(self, rows: Array | slice = slice(None)) -> "pa.Array":
        """The words of some rows."""
        return taken(self.names, self.codes[rows])

    def at(self, rows: Array) -> "Words":
        """The column of some rows."""
        return Words(codes=self.codes[rows], names=self.names)

    def code(self, word: str, what: str, path: Path) -> int:
        """The code of a word. Raises UsageError: no row has it; names the nearest."""
        known = self.every
        if word not in known:
            raise UsageError(f"{path}: there is no {what} {word!r}; {nearest(word, known)}")
        return known.index(word)


def no_words(rows: int) -> Words:
    """A column in which no row has a word."""
    import pyarrow as pa

    return Words(codes=np.full(rows, -1, dtype=np.int8), names=pa.array([], pa.string()))


def words_in(column: "pa.ChunkedArray") -> Words:
    """A column of texts as codes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ours = pa.dictionary(pa.int32(), pa.string())
    coded = column if column.type == ours else column.cast(pa.string()).dictionary_encode()
    whole = coded.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # no rows at all
        whole = pa.array([], ours)
    if whole.dictionary.null_count:
        whole = whole.cast(pa.string()).dictionary_encode()
    codes = None if whole.indices.null_count else np.asarray(whole.indices)
    if codes is not None and len(first_rows(codes)) == len(whole.dictionary):
        return Words(codes=codes.astype(_kind_for(len(whole.dictionary))), names=whole.dictionary.cast(pa.string()))
    used = pc.unique(whole.indices.drop_null())
    anew = np.full(len(whole.dictionary) + 1, -1, dtype=np.int64)
    anew[np.asarray(used)] = np.arange(len(used))
    codes = tight(anew)[np.asarray(whole.indices.fill_null(len(whole.dictionary)))]
    return Words(codes=codes, names=whole.dictionary.take(used).cast(pa.string()))


def taken(texts: "pa.Array", places: Array) -> "pa.Array":
    """The texts at these places, null where one is below 0; themselves where these are all places in their order."""
    import pyarrow as pa

    if len(places) == len(texts) and np.array_equal(places, np.arange(len(places))):
        return texts
    return texts.take(pa.array(places, pa.int64(), mask=places < 0))


def first_rows(codes: Array) -> Ints:
    """The first row of each code where codes are numbered from 0 in the order of their appearance; else none."""
    if not len(codes) or codes[0] != 0:
        return np.empty(0, np.int64)
    peaks = np.maximum.accumulate(codes)
    steps = np.diff(peaks, prepend=peaks.dtype.type(-1))
    return np.flatnonzero(steps) if steps.max() < 2 and codes.min() >= 0 else np.empty(0, np.int64)


def tight(codes: Array) -> Array:
    """The same in the smallest signed integers that hold them."""
    return codes.astype(_kind_for(int(codes.max(initial=0)) + 1, int(codes.min(initial=0))))


def _kind_for(size: int, low: int = -1) -> "np.dtype[Any]":
    kinds = np.min_scalar_type(min(low, -1)), np.min_scalar_type(-size)  # below 0: they have a sign
    return np.promote_types(*kinds)
