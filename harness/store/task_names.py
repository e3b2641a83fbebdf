"""What the tasks of a table are called; of half a million of them most commands never look at a name."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from harness.store.columns import HEX
from harness.store.words import Array, Ints, taken

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


class Named(Sequence[T]):
    """One entry a task, made when the first of them is asked for."""

    def __init__(self, size: int, make: Callable[[], Sequence[T]]) -> None:
        self._size, self._make = size, make

    @functools.cached_property
    def _every(self) -> Sequence[T]:
        return self._make()

    def at(self, places: Ints) -> "Named[T]":
        """Those of some tasks."""
        return Named(len(places), lambda: [self._every[place] for place in places.tolist()])

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: Any) -> Any:
        return self._every[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]


class Keys(Named[tuple[str, str]]):
    """Of each task its identity: the digests of its suite and of itself, or their names where there are none."""

    def __init__(self, suites: Sequence[str], of_suite: Ints, tasks: "pa.Array") -> None:
        """``of_suite``: of each task a position in ``suites``."""
        super().__init__(len(tasks), lambda: list(zip(self.suites.to_pylist(), tasks.to_pylist(), strict=True)))
        self.suites_there, self.of_suite, self.tasks = (*suites,), of_suite, tasks

    @property
    def suites(self) -> "pa.Array":
        """Of each task the suite's part of its identity."""
        import pyarrow as pa

        return pa.array(self.suites_there, pa.string()).take(pa.array(self.of_suite))

    @property
    def of_one_suite(self) -> str | None:
        """The suite's part where all tasks have the same; ``None`` otherwise, and without a task."""
        there = {self.suites_there[code] for code in np.flatnonzero(np.bincount(self.of_suite)).tolist()}
        return there.pop() if len(there) == 1 else None

    def at(self, places: Ints) -> "Keys":
        """Those of some tasks."""
        return Keys(self.suites_there, self.of_suite[places], taken(self.tasks, places))

    def places_in(self, other: "Keys") -> Array:
        """Of each task its position among others, -1 where it is none of them."""
        import pyarrow.compute as pc

        one, two = self.of_one_suite, other.of_one_suite
        mine, theirs = self.tasks, other.tasks
        if one is None or two is None:
            both = dict.fromkeys(self.suites_there + other.suites_there)
            number = {suite: f"{place} " for place, suite in enumerate(both)}
            mine, theirs = (_joined(keys, number) for keys in (self, other))
        elif one != two:
            return np.full(len(mine), -1)
        elif mine.equals(theirs):
            return np.arange(len(mine))
        return np.asarray(pc.index_in(mine, value_set=theirs).fill_null(-1), dtype=np.int64)

    def sorted(self) -> Ints:
        """The positions in the order of suite and task."""
        import pyarrow as pa
        import pyarrow.compute as pc

        alike = None if self.of_one_suite is None else _sorted_digests(self.tasks)
        if alike is not None:
            return alike
        columns = [("suite", "ascending"), ("task", "ascending")]
        found = pc.sort_indices(pa.table({"suite": self.suites, "task": self.tasks}), columns)
        return np.asarray(found, dtype=np.int64)

    @property
    def content(self) -> Iterator[bytes | memoryview]:
        """What a digest of these tasks is made of: of the suites and of the tasks the places and bytes of all texts."""
        for texts in (self.suites, self.tasks):
            places, data = _inside(texts)
            yield places.tobytes()
            yield data


def _joined(keys: Keys, number: Mapping[str, str]) -> "pa.Array":
    """The tasks' part of the identities, each with a number for its suite before it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    suites = pa.array([number[suite] for suite in keys.suites_there], pa.string()).take(pa.array(keys.of_suite))
    return pc.binary_join_element_wise(suites, keys.tasks, "")


def _inside(texts: "pa.Array") -> tuple[Array, memoryview]:
    """Where each text begins among the bytes of all, with the end of the last; and these bytes."""
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if not len(places):
        return np.zeros(1, np.int32), memoryview(b"")
    return places - places[0], memoryview(data or b"")[places[0] : places[-1]]


def _sorted_digests(texts: "pa.Array") -> Ints | None:
    """The positions of texts of `HEX` bytes in their order, in a tenth of the time; ``None`` where one is longer."""
    places, data = _inside(texts)
    if len(places) < 2 or not (np.diff(places) == HEX).all():
        return None
    words = np.frombuffer(data, ">u8").reshape(-1, HEX // 8)
    first = words[:, 0].astype(np.uint64)  # numbers, in the order of the texts they stand for
    order = np.argsort(first)
    tied = np.flatnonzero(first[order[1:]] == first[order[:-1]])
    if len(tied) > 1_000:
        return None
    for run in np.split(tied, np.flatnonzero(np.diff(tied) > 1) + 1) if len(tied) else ():
        these = slice(run[0], run[-1] + 2)
        order[these] = sorted(order[these].tolist(), key=lambda place: words[place].tobytes())
    return order
