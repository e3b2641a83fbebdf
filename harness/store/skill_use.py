"""Which skills the graded attempts were shown and opened."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.store.outcomes import Outcomes
from harness.store.tasktable import TaskTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from harness.store.columns import Floats, Ints

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillUse:
    """What was shown and opened at each task, in cells: the graded attempts of a contender at a task of one pattern.

    A pattern is what an attempt records: the skills shown, the skills opened, and whether there was an answer at all.
    An attempt that ended in a fault before any answer (a prompt too long, a refusal) records no skill, whatever its
    prompt held.
    """

    n_tasks: int
    shown: tuple[Names | None, ...]  # of each pattern; ``None`` where the rows do not say
    opened: tuple[Names | None, ...]
    answered: tuple[bool, ...]
    """Of each pattern, whether its attempts name who answered. Imported rows may never do so."""
    contenders: "Ints"  # of each cell, a position in the table's ``contenders``; in rising order
    tasks: "Ints"
    patterns: "Ints"
    counts: "Ints"  # graded attempts
    sums: "Floats"  # of their values, as in the table

    def patterns_of(self, contender: int) -> tuple[int, ...]:
        """The patterns that occur with a contender."""
        import numpy as np

        found: list[int] = np.flatnonzero(np.bincount(self.patterns[self._cells(contender)])).tolist()
        return tuple(found)

    def at_tasks(self, contender: int, weights: "Mapping[int, float]") -> "tuple[Floats, Floats, Ints]":
        """Sums over the attempts of a contender whose pattern has a weight, each of the shape [tasks].

        They are of the attempts' values, of their weights, and of the attempts.
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
    """The use of skills in the graded attempts of a table.

    Raises EvidenceError: the file has changed since the table was read, or is damaged.
    """
    import numpy as np

    attempts = table.every_attempt()
    patterns, known = _patterns(table.outcomes, attempts.rows)
    cells = (attempts.contenders.astype(np.int64) * len(table.tasks) + attempts.tasks) * len(known) + patterns
    keys, place = np.unique(cells, return_inverse=True)
    shown, opened, answered = zip(*known, strict=True) if known else ((), (), ())
    places, size = keys // max(len(known), 1), max(len(table.tasks), 1)
    return SkillUse(
        n_tasks=len(table.tasks),
        shown=shown,
        opened=opened,
        answered=answered,
        contenders=places // size,
        tasks=places % size,
        patterns=keys % max(len(known), 1),
        counts=np.bincount(place, minlength=len(keys)),
        sums=np.bincount(place, weights=table.outcomes.values(attempts.rows), minlength=len(keys)).astype(np.float64),
    )


def _patterns(outcomes: Outcomes, rows: "Ints") -> "tuple[Ints, list[tuple[Names | None, Names | None, bool]]]":
    """The pattern of each graded attempt, and what each pattern is."""
    import numpy as np

    lists = [_lists(outcomes.column(name), rows) for name in ("skills_shown", "skills_used")]
    answered = outcomes.words("served_by").codes[rows] >= 0
    (shown, of_shown), (opened, of_opened) = lists
    together = (shown * len(of_opened) + opened) * 2 + answered
    found, codes = np.unique(together, return_inverse=True)
    known = []
    for pair, last in zip((found // 2).tolist(), (found % 2).tolist(), strict=True):
        known.append((of_shown[pair // len(of_opened)], of_opened[pair % len(of_opened)], bool(last)))
    return codes, known


def _lists(column: "pa.ChunkedArray", rows: "Ints") -> "tuple[Ints, list[Names | None]]":
    """The codes of these rows' lists of names, and what each code stands for; the order of the names is nothing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    taken = column.combine_chunks()
    if isinstance(taken, pa.ChunkedArray):  # no rows at all
        taken = pa.array([], column.type)
    joined = pc.binary_join(taken.take(pa.array(rows)), _BETWEEN).dictionary_encode()
    raw = joined.dictionary.to_pylist()
    code: dict[frozenset[str] | None, int] = {None: 0}
    names: list[Names | None] = [None]
    anew = []
    for text in raw:
        one = tuple(dict.fromkeys(name for name in text.split(_BETWEEN) if name))
        if code.setdefault(frozenset(one), len(names)) == len(names):
            names.append(one)
        anew.append(code[frozenset(one)])
    places = np.asarray(joined.indices.fill_null(len(raw)), dtype=np.int64)
    return np.array([*anew, 0], dtype=np.int64)[places], names


_BETWEEN = "\x00"  # stands in no name of a skill
