"""Columns of texts that are held as the few different texts that they mostly are."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import pyarrow as pa

AT_ONCE = 20_000  # cells that are packed together


class Cells:
    """A column that grows, each of its texts held once; of a column with lists the cells as they are."""

    def __init__(self) -> None:
        self.count = 0
        self._last: list[Any] = []
        self._pieces: list[Any] = []
        self._whole: list[Any] | None = None

    def add(self, cell: Any, place: int) -> None:
        """The cell of a row; those between it and the last one are missing."""
        while self.count < place:
            self._put(None)
        self._put(cell)

    def _put(self, cell: Any) -> None:
        self._last.append(cell)
        self.count += 1
        if len(self._last) == AT_ONCE:
            self._close()

    def _close(self) -> None:
        import pyarrow as pa

        if self._whole is None:
            try:
                self._pieces.append(pa.array(self._last, pa.string()).dictionary_encode())
            except (pa.ArrowException, TypeError, UnicodeEncodeError):  # a list; or half of a surrogate pair
                self._whole = [cell for piece in self._pieces for cell in piece.to_pylist()]
        if self._whole is not None:
            self._whole += self._last
        self._last = []

    def series(self, rows: int) -> "pd.Series[Any]":
        """All of it, for a table of so many rows."""
        import pandas as pd

        while self.count < rows:
            self._put(None)
        self._close()
        if self._whole is None:
            return words_of(self._pieces)
        return pd.Series(self._whole, dtype=object if any(isinstance(c, list | dict) for c in self._whole) else "str")


def words_of(pieces: "Sequence[pa.DictionaryArray]") -> "pd.Series[Any]":
    """A column of texts of which each is held once, as a category, where that is worth while."""
    import pyarrow as pa

    column = pa.chunked_array(pieces, None if pieces else pa.dictionary(pa.int32(), pa.string())).unify_dictionaries()
    few = not len(column) or 2 * len(column.chunk(0).dictionary) < len(column)
    found: pd.Series[Any] = (column if few else column.cast(column.type.value_type)).to_pandas()
    return found
