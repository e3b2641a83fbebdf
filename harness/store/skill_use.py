"""Which skills the graded attempts were shown and opened."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.store.sums import TaskTable
from harness.store.words import Floats, Ints

if TYPE_CHECKING:
    import pyarrow as pa

Names = tuple[str, ...]
_BETWEEN = "\x00"  # stands in no name of a skill


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillUse:
    """What was shown and opened at each task, in cells: the graded attempts of a contender at a task of one pattern.

    A pattern is what an attempt records: the skills shown, the skills opened, and whether there was an answer at all.
    An attempt that ended in a fault before any answer records no skill, whatever its prompt held.
    """

    n_tasks: int
    shown: tuple[Names | None, ...]  # of each pattern; ``None`` where the rows do not say
    opened: tuple[Names | None, ...]
    answered: tuple[bool, ...]  # whether the pattern's attempts name who answered; imported rows may never do so
    contenders: Ints  # of each cell, a position in the table's ``contenders``; in rising order
    tasks: Ints
    patterns: Ints
    counts: Ints  # graded attempts
    sums: Floats  # of their values, as in the table
    read: tuple[Mapping[str, int] | None, ...]  # by contender: attempts that read a file of a skill; ``None``: not told
    run: tuple[Mapping[str, int] | None, ...]  # and those that ran a script of it

    def patterns_of(self, contender: int) -> tuple[int, ...]:
        """The patterns that occur with a contender."""
        return tuple(np.unique(self.patterns[self._cells(contender)]).tolist())

    def at_tasks(self, contender: int, weights: Mapping[int, float]) -> tuple[Floats, Floats, Ints]:
        """By task the sums of values, weights and attempts, over a contender's attempts whose pattern has a weight."""
        cells = self._cells(contender)
        weight = np.zeros(len(self.shown), dtype=np.float64)
        weight[list(weights)] = list(weights.values())
        kept = np.isin(self.patterns[cells], list(weights))
        tasks, patterns, counts = self.tasks[cells][kept], self.patterns[cells][kept], self.counts[cells][kept]
        values, weighed, numbers = (
            np.bincount(tasks, weights=column, minlength=self.n_tasks)
            for column in (self.sums[cells][kept], counts * weight[patterns], counts)
        )
        return values.astype(np.float64), weighed.astype(np.float64), numbers.astype(np.int64)

    def _cells(self, contender: int) -> slice:
        low, high = np.searchsorted(self.contenders, [contender, contender + 1]).tolist()
        return slice(low, high)


def load_skill_use(table: TaskTable) -> SkillUse:
    """The use of skills in a table's graded attempts. Raises EvidenceError: the file is damaged, or has changed."""
    attempts, outcomes = table.every_attempt(), table.outcomes
    lists = [_lists(outcomes.column(name), attempts.rows) for name in ("skills_shown", "skills_used")]
    (shown, of_shown), (opened, of_opened) = lists
    answered = outcomes.words("served_by").codes[attempts.rows] >= 0
    known, patterns = np.unique((shown * len(of_opened) + opened) * 2 + answered, return_inverse=True)
    n, size = max(len(known), 1), max(len(table.tasks), 1)
    cells = (attempts.contenders.astype(np.int64) * len(table.tasks) + attempts.tasks) * n + patterns
    keys, place = np.unique(cells, return_inverse=True)
    return SkillUse(
        n_tasks=len(table.tasks),
        shown=tuple(of_shown[code] for code in (known // 2 // len(of_opened)).tolist()),
        opened=tuple(of_opened[code] for code in (known // 2 % len(of_opened)).tolist()),
        answered=tuple((known % 2 == 1).tolist()),
        contenders=keys // n // size,
        tasks=keys // n % size,
        patterns=keys % n,
        counts=np.bincount(place, minlength=len(keys)),
        sums=np.bincount(place, weights=outcomes.values(attempts.rows), minlength=len(keys)).astype(np.float64),
        read=_counted(table, "skills_read"),
        run=_counted(table, "skills_run"),
    )


def _counted(table: TaskTable, column: str) -> tuple[Mapping[str, int] | None, ...]:
    """By contender how many graded attempts name each skill in a column of lists; ``None`` where no row says."""
    attempts = table.every_attempt()
    codes, names = _lists(table.outcomes.column(column), attempts.rows)
    told = list[Mapping[str, int] | None]()
    for contender in range(len(table.contenders)):
        kinds, counts = np.unique(codes[attempts.contenders == contender], return_counts=True)
        found = Counter[str]()
        for kind, n in zip(kinds.tolist(), counts.tolist(), strict=True):
            found.update(dict.fromkeys(names[kind] or (), n))
        told.append(found if kinds.any() else None)
    return tuple(told)


def _lists(column: "pa.ChunkedArray", rows: Ints) -> tuple[Ints, list[Names | None]]:
    """The codes of these rows' lists of names, and what each code stands for; the order of the names is nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    taken = column.combine_chunks()
    if isinstance(taken, pa.ChunkedArray):  # no rows at all
        taken = pa.array([], column.type)
    joined = pc.binary_join(taken.take(pa.array(rows)), _BETWEEN).dictionary_encode()
    code: dict[frozenset[str] | None, int] = {None: 0}
    names: list[Names | None] = [None]
    anew = []
    for text in joined.dictionary.to_pylist():
        one = tuple(dict.fromkeys(name for name in text.split(_BETWEEN) if name))
        if code.setdefault(frozenset(one), len(names)) == len(names):
            names.append(one)
        anew.append(code[frozenset(one)])
    places = np.asarray(joined.indices.fill_null(len(anew)), dtype=np.int64)
    return np.array([*anew, 0], dtype=np.int64)[places], names
