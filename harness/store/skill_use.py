"""Which skills the graded attempts were shown and opened, from one pass over the columns that say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError
from harness.store.columns import OUTCOMES_FILE
from harness.store.reduce import Reduction
from harness.store.tasktable import TaskTable, batches, used_rows

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillUse:
    """What was shown and opened at each task, in cells: the graded attempts of a contender at a task of one pattern.

    A pattern is what an attempt records: the skills shown, the skills opened, and whether there was an answer at all.
    An attempt that ended in a fault before any answer (a prompt too long, a refusal) records no skill, whatever its
    prompt held.
    """

    n_tasks: int
    shown: tuple[Names | None, ...]
    """Of each pattern; ``None`` where the rows do not say."""
    opened: tuple[Names | None, ...]
    answered: tuple[bool, ...]
    """Of each pattern, whether its attempts name who answered. Imported rows may never do so."""
    contenders: "Ints"
    """Of each cell, a position in the table's ``contenders``; in rising order."""
    tasks: "Ints"
    patterns: "Ints"
    counts: "Ints"
    """Graded attempts."""
    sums: "Floats"
    """Of their values, as in the table."""

    def patterns_of(self, contender: int) -> tuple[int, ...]:
        """The patterns that occur with a contender."""
        import numpy as np

        found: list[int] = np.flatnonzero(np.bincount(self.patterns[self._cells(contender)])).tolist()
        return tuple(found)

    def at_tasks(self, contender: int, weights: "Mapping[int, float]") -> "tuple[Floats, Floats, Ints]":
        """Sums over the attempts of a contender whose pattern has a weight.

        Args:
            contender: its position in the table.
            weights: a number for each pattern that counts.

        Returns:
            Three arrays of the shape [tasks]: the attempts' values, their weights, and how many they are.
        """
        import numpy as np

        cells = self._cells(contender)
        chosen = np.zeros(len(self.shown), dtype=bool)
        weight = np.zeros(len(self.shown), dtype=np.float64)
        chosen[list(weights)], weight[list(weights)] = True, list(weights.values())
        kept = chosen[self.patterns[cells]]
        tasks, patterns, counts = self.tasks[cells][kept], self.patterns[cells][kept], self.counts[cells][kept]
        values, weighed, numbers = (
            np.bincount(tasks, weights=column, minlength=self.n_tasks)
            for column in (self.sums[cells][kept], counts * weight[patterns], counts)
        )
        return values.astype(np.float64), weighed.astype(np.float64), numbers.astype(np.int64)

    def _cells(self, contender: int) -> slice:
        import numpy as np

        low, high = np.searchsorted(self.contenders, [contender, contender + 1]).tolist()
        return slice(low, high)


def load_skill_use(table: TaskTable) -> SkillUse:
    """The use of skills in the rows that a table was made from: the same split, and no row twice.

    Raises:
        EvidenceError: the file has changed since the table was read, or is damaged.
    """
    path = table.report / OUTCOMES_FILE
    found = _Uses(path, table)
    for batch in batches(path, _COLUMNS, coded=True):
        mask = used_rows(batch, table.split)
        found.add(batch if mask.all() else batch.filter(mask))
    return found.use()


_LISTS = ("skills_shown", "skills_used")
_COLUMNS = (
    *("contender", "contender_kind", "contender_digest", "suite", "suite_digest", "task", "task_digest"),
    *("domain", "cluster", "split", "trial", "status", "passed", "score", "served_by", *_LISTS),
)


class _Uses(Reduction):
    """Cells that grow batch by batch. Contenders, tasks and repeated rows are told as in the sums of the table."""

    def __init__(self, path: "Path", table: TaskTable) -> None:
        import numpy as np

        super().__init__(path)
        self._grids = {}
        self._words |= {"skill": type(self._words["task"])()}
        self._whole = table.duplicates == 0
        self._size = len(table.contenders), len(table.tasks)
        for name, kind, digest in zip(table.contenders, table.kinds, table.contender_digests, strict=True):
            self._contenders.append((name, kind, digest))
            self._words["contender"][name]
        for suite, task in table.keys:
            self._keys[suite, task] = len(self._tasks)
            self._tasks.append((suite, "", task, "", "", "", None))
        pairs = [self._words["suite"][s] * (1 << 32) + self._words["task"][t] for s, t in table.keys]
        self._places = np.argsort(np.array(pairs, dtype=np.int64))
        self._pairs = np.array(pairs, dtype=np.int64)[self._places]
        self._patterns: dict[int, int] = {}
        self._lists: list[tuple[Names | None, Names | None, bool]] = []
        self._cells: list[tuple[Any, ...]] = []

    def add(self, batch: "pa.Table") -> None:
        """Folds the rows of ``batch`` in, which has the columns `_COLUMNS`."""
        import numpy as np
        import pyarrow as pa

        if not batch.num_rows:
            return
        contender, task, status = self._contender_codes(batch), self._task_codes(batch), self._status_codes(batch)
        if (len(self._contenders), len(self._tasks)) != self._size:
            raise EvidenceError(f"{self.path}: changed while it was read; start again")
        fresh: Ints = np.arange(len(task))
        if not self._whole:
            self._grow(*self._size)
            fresh = self._first_of_its_kind(contender, task, np.asarray(batch["trial"].fill_null(0), dtype=np.int64))
        rows = fresh[status[fresh] <= 1]  # passed or failed
        value = self._values(batch, status, fresh)[rows]
        cell = self._cell(contender[rows], task[rows], self._pattern_codes(batch)[rows])
        coded = pa.array(cell).dictionary_encode()
        place = np.asarray(coded.indices)
        numbers = np.bincount(place, minlength=len(coded.dictionary))
        self._cells.append((np.asarray(coded.dictionary), numbers, np.bincount(place, weights=value)))

    def use(self) -> SkillUse:
        """The cells, those of several batches put together."""
        import numpy as np

        keys, counts, sums = (np.concatenate(parts) for parts in zip(*self._cells, strict=True))
        keys, place = np.unique(keys, return_inverse=True)
        shown, opened, answered = zip(*self._lists, strict=True)
        return SkillUse(
            n_tasks=self._size[1],
            shown=shown,
            opened=opened,
            answered=answered,
            contenders=keys >> (_TASK_BITS + _PATTERN_BITS),
            tasks=keys >> _PATTERN_BITS & ((1 << _TASK_BITS) - 1),
            patterns=keys & ((1 << _PATTERN_BITS) - 1),
            counts=np.bincount(place, weights=counts, minlength=len(keys)).astype(np.int64),
            sums=np.bincount(place, weights=sums, minlength=len(keys)).astype(np.float64),
        )

    def _cell(self, contender: "Ints", task: "Ints", pattern: "Ints") -> "Ints":
        """One number a cell: first the contender, so that a contender's cells stand together once they are sorted."""
        if len(self._tasks) >> _TASK_BITS or len(self._lists) >> _PATTERN_BITS:
            raise EvidenceError(f"{self.path}: too many different tasks, or sets of skills, to tell them apart")
        return (contender << _TASK_BITS | task) << _PATTERN_BITS | pattern

    def _pattern_codes(self, batch: "pa.Table") -> "Ints":
        """The pattern of each row. A list of names becomes one number, so that lists are told apart in bulk."""
        import numpy as np
        import pyarrow as pa

        answered = np.asarray(batch["served_by"].is_valid()).astype(np.uint64)
        number = answered
        for name in _LISTS:
            number = number * _ODD + self._list_numbers(batch[name])
        coded = pa.array(number).dictionary_encode()
        place = np.asarray(coded.indices, dtype=np.int64)
        first = np.empty(len(coded.dictionary), dtype=np.int64)
        first[place[::-1]] = np.arange(len(place))[::-1]
        codes = []
        for key, row in zip(coded.dictionary.to_pylist(), first.tolist(), strict=True):
            if key not in self._patterns:
                shown, opened = (_names(batch[name][row].as_py()) for name in _LISTS)
                self._patterns[key] = len(self._lists)
                self._lists.append((shown, opened, bool(answered[row])))
            codes.append(self._patterns[key])
        found: Ints = np.array(codes, dtype=np.int64)[place]
        return found

    def _list_numbers(self, column: "pa.ChunkedArray") -> "np.ndarray[tuple[int, ...], np.dtype[np.uint64]]":
        """A 64-bit number of each list that depends on its names and not on their order; 1 where it is null."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        words = self._words["skill"]
        codes = words.of(pa.chunked_array([pc.list_flatten(column.combine_chunks())]))
        drawn = np.random.default_rng(0).integers(1 << 64, size=len(words.names) + 1, dtype=np.uint64)
        sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(drawn[codes + 1], dtype=np.uint64)])
        ends = np.cumsum(np.asarray(pc.list_value_length(column).fill_null(0), dtype=np.int64))
        found: np.ndarray[tuple[int, ...], np.dtype[np.uint64]] = np.diff(sums[np.concatenate([[0], ends])])
        found[np.asarray(column.is_null())] = 1
        return found


_TASK_BITS, _PATTERN_BITS = 26, 24
_ODD = 0x9E3779B97F4A7C15
"""An odd number of 64 bits: what was shown and what was opened must not be told by their sum alone."""


def _names(value: Sequence[str | None] | None) -> Names | None:
    return None if value is None else tuple(dict.fromkeys(name for name in value if name))
