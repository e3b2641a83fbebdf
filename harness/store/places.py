"""Where the lines of a journal stand, by digests: some tens of bytes a line, where a dictionary takes hundreds."""

import hashlib
import json
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import orjson

from harness.store.columns import HEX
from harness.store.words import Ints

_BYTES = HEX // 2
_READ_AT_ONCE = 100  # lines
_AT_ONCE = 16_384  # names that are packed together
T = TypeVar("T")


class Keys:
    """Names in the order of their coming, found again by row; of a name that came twice its last row counts."""

    def __init__(self, choose: Callable[[Sequence[int]], int] | None = None) -> None:
        """``choose``: which of the rows of one name counts."""
        self._packed, self._choose = bytearray(), choose
        self._waiting = list[str]()  # to be packed
        self._sorted: tuple[Any, Any, Ints] | None = None  # both halves of each name, and the rows

    def __len__(self) -> int:
        return len(self._packed) // _BYTES + len(self._waiting)

    def add(self, name: str) -> None:
        """One more."""
        self._waiting.append(name)
        if len(self._waiting) == _AT_ONCE:
            self.packed()

    def row(self, name: str) -> int:
        """Its last row; -1 where there is none."""
        return int(self.rows([name])[0]) if len(self) else -1

    def rows(self, names: Iterable[str]) -> Ints:
        """The last row of each; -1 where there is none."""
        return self.rows_of(b"".join(_packed(some) for some in batched(names, _AT_ONCE)))

    def rows_of(self, packed: bytes | bytearray) -> Ints:
        """As `rows`, of names that are packed."""
        if len(packed) > _AT_ONCE * _BYTES:  # a part at a time, for what it takes meanwhile
            step = _AT_ONCE * _BYTES
            parts = [self.rows_of(packed[at : at + step]) for at in range(0, len(packed), step)]
            return np.concatenate(parts)
        wanted = np.frombuffer(packed, dtype=np.uint64).reshape(-1, 2)
        if not len(self):
            return np.full(len(wanted), -1, dtype=np.int64)
        first, second, rows = self._in_order()
        places = np.searchsorted(first, wanted[:, 0], side="right") - 1
        hits = (places >= 0) & (first[places] == wanted[:, 0])
        for at in np.flatnonzero(hits & (second[places] != wanted[:, 1])).tolist():  # halves that are equal by chance
            place = int(places[at])
            while place >= 0 and first[place] == wanted[at, 0] and second[place] != wanted[at, 1]:
                place -= 1
            places[at], hits[at] = place, place >= 0 and first[place] == wanted[at, 0]
        return np.where(hits, rows[places], -1)

    def last(self) -> Ints:
        """The last row of each name, in the order of the names' first coming."""
        if not len(self):
            return np.zeros(0, dtype=np.int64)
        first, second, rows = self._in_order()
        ends = np.append((first[1:] != first[:-1]) | (second[1:] != second[:-1]), True)
        starts = np.append(True, ends[:-1])
        lasts: Ints = rows[ends][np.argsort(rows[starts])]
        return lasts

    def packed(self) -> bytearray:
        """All of them."""
        if self._waiting:
            self._packed = self._packed + _packed(self._waiting)  # who holds the one before keeps it
            self._waiting, self._sorted = [], None
        return self._packed

    def _in_order(self) -> tuple[Any, Any, Ints]:
        packed = self.packed()
        if self._sorted is None:
            halves = np.frombuffer(packed, dtype=np.uint64).reshape(-1, 2)
            rows = np.lexsort((halves[:, 1], halves[:, 0]))  # equal ones stay in their order
            first, second = halves[rows, 0], halves[rows, 1]
            same = (first[1:] == first[:-1]) & (second[1:] == second[:-1])
            if self._choose is not None and same.any():
                bounds = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
                for start, end in bounds.reshape(-1, 2).tolist():
                    some = rows[start : end + 1].tolist()
                    some.append(some.pop(some.index(self._choose(some))))
                    rows[start : end + 1] = some
            self._sorted = first, second, rows
        return self._sorted


def batched(values: Iterable[T], most: int) -> Iterator[list[T]]:
    """So many at once, and the rest."""
    left = iter(values)
    while some := list(islice(left, most)):
        yield some


def _packed(names: Sequence[str]) -> bytes:
    """The digests' own bytes, as all names are that this program gives; of other texts digests."""
    if all(len(name) == HEX for name in names):
        text = "".join(names)
        with suppress(ValueError):
            if (packed := bytes.fromhex(text)).hex() == text:
                return packed
    if len(names) > 1:
        return b"".join(_packed([name]) for name in names)
    (name,) = names
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()


class Distinct(Generic[T]):
    """Values by row of which there are few: each is made once, and known by its number."""

    def __init__(self, make: Callable[..., T]) -> None:
        self._make, self._numbers = make, dict[tuple[Any, ...], int]()
        self._codes, self._every = array("I"), list[T]()

    def add(self, parts: tuple[Any, ...]) -> None:
        """One more, made of these parts where it is new."""
        number = self._numbers.get(parts)
        if number is None:
            number = self._numbers[parts] = len(self._every)
            self._every.append(self._make(*parts))
        self._codes.append(number)

    def __getitem__(self, row: int) -> T:
        return self._every[self._codes[row]]

    def at(self, rows: Ints) -> list[T | None]:
        """The values in these rows; ``None`` for the row -1."""
        every: list[T | None] = [*self._every, None]
        codes = np.append(np.frombuffer(bytes(self._codes), dtype=self._codes.typecode), len(self._every))
        return [every[number] for number in codes[rows].tolist()]

    def among(self, rows: Ints) -> list[T]:
        """Each that stands in one of these rows."""
        codes = np.frombuffer(bytes(self._codes), dtype=self._codes.typecode)[rows]
        return [self._every[number] for number in np.flatnonzero(np.bincount(codes)).tolist()]


class Lines:
    """Where lines stand in the files of a journal, by row."""

    def __init__(self, files: list[Path]) -> None:
        """``files`` are those that `add` counts by; more may come."""
        self.files = files
        self._file, self._start, self._length = array("H"), array("q"), array("q")

    def __len__(self) -> int:
        return len(self._start)

    def add(self, file: int, start: int, length: int) -> None:
        """One more."""
        self._file.append(file)
        self._start.append(start)
        self._length.append(length)

    def file(self, row: int) -> int:
        """The number of the file in which a line stands."""
        return self._file[row]

    def length(self, row: int) -> int:
        """Bytes of a line."""
        return self._length[row]

    def read(self, row: int) -> dict[str, Any]:
        """The JSON object of a line."""
        handle = os.open(self.files[self._file[row]], os.O_RDONLY | os.O_CLOEXEC)  # a file object costs more
        try:
            return dict(json_of(os.pread(handle, self._length[row], self._start[row])))
        finally:
            os.close(handle)

    def opened(self) -> "Reading":
        """For many lines: the files stay open within it."""
        return Reading(self.files, (self._file, self._start, self._length))


class Reading:
    """Files that stay open while many of their lines are read."""

    def __init__(self, files: list[Path], at: tuple["array[int]", "array[int]", "array[int]"]) -> None:
        self._file, self._start, self._length = at
        self._files, self._handles = files, list[int]()

    def __enter__(self) -> "Reading":
        try:
            for path in self._files:
                self._handles.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        while self._handles:
            os.close(self._handles.pop())

    def __getitem__(self, row: int) -> bytes:
        return os.pread(self._handles[self._file[row]], self._length[row], self._start[row])

    def many(self, rows: Ints) -> list[bytes]:
        """The lines of some rows; those that stand close together are read at once."""
        found: list[bytes] = []
        for some in batched(rows.tolist(), _READ_AT_ONCE):
            files = [self._file[row] for row in some]
            if (one := files[0]) == files[-1] and files.count(one) == len(files):
                found += self._of_one(one, some)
                continue
            by_file: dict[int, list[int]] = {}
            for file, row in zip(files, some, strict=True):
                by_file.setdefault(file, []).append(row)
            read = {file: iter(self._of_one(file, here)) for file, here in by_file.items()}
            found += [next(read[file]) for file in files]
        return found

    def _of_one(self, file: int, rows: Sequence[int]) -> Iterable[bytes]:
        """Lines of one file."""
        spans = [(self._start[row], self._length[row]) for row in rows]
        first, size = min(start for start, _ in spans), sum(length for _, length in spans)
        whole = max(start + length for start, length in spans) - first
        if whole > 2 * size:
            return map(self.__getitem__, rows)
        text = os.pread(self._handles[file], whole, first)
        return [text[start - first : start - first + length] for start, length in spans]


def json_of(line: bytes) -> Any:
    """The JSON of a line. Raises ValueError or RecursionError: it is none."""
    try:
        return orjson.loads(line)
    except ValueError:  # torn; or what only the standard library reads, half of a surrogate pair
        return json.loads(line)
