"""What was shown to each contender and what it opened, beside what it was given: the ground of the page of skills."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.skill_arms import Given
from harness.core import Estimate
from harness.stats import clustered_rate
from harness.store import SkillUse, TaskTable

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

OUTCOMES_FILE = "outcomes.parquet"
LISTS = ("skills_shown", "skills_used")
"""Columns of the outcomes."""
CLOSED = ("flat", "placebo")
"""Arms in which the whole text stands in the prompt, and there is nothing to open."""
NOT_SAID = "the rows do not say"
NO_ARM = "the manifest does not say how its skills were delivered"
NOTHING_TO_OPEN = "the text stands in the prompt: there is nothing to open"
EVERYWHERE = "shown at every task: its lift is the contender's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillEvidence:
    """What every figure of the page is made of."""

    table: TaskTable
    use: SkillUse
    given: dict[str, Given]
    hybrids: dict[str, tuple[str, ...]]
    level: float

    @property
    def skilled(self) -> tuple[str, ...]:
        """Contenders that were given skills; without a manifest, those whose kind or rows say so. Not hybrids."""
        table, found = self.table, []
        for i, name in enumerate(table.contenders):
            one = self.given.get(name)
            if one is None:
                kind = table.kinds[i]
                chosen = kind in {"skilled", "both"} or (kind != "hybrid" and self.seen(name))
            else:
                chosen = one.arm is not None
            if chosen and table.trials[i].any():
                found.append(name)
        return tuple(found)

    @property
    def present(self) -> tuple[str, ...]:
        """Contenders with a graded attempt: only such a one can be compared with."""
        return tuple(name for i, name in enumerate(self.table.contenders) if self.table.counts[i].any())

    def patterns(self, name: str, chosen: Callable[[int], float | None]) -> "tuple[Floats, Floats, Ints]":
        """(values, weights, attempts) at each task, of the contender's patterns that ``chosen`` gives a weight."""
        i = self.table.index(name)
        weights = {p: chosen(p) for p in self.use.patterns_of(i)}
        return self.use.at_tasks(i, {p: w for p, w in weights.items() if w is not None})

    def seen(self, name: str) -> tuple[str, ...]:
        """The skills that its rows name, as shown or as opened."""
        found = [n for p in self.use.patterns_of(self.table.index(name)) for n in (*self.shown(p), *self.opened(p))]
        return tuple(dict.fromkeys(found))

    def names_of(self, name: str) -> tuple[str, ...]:
        """The skills that a contender was given at the suites it tried, and any other that its rows name."""
        table = self.table
        tried = (table.counts[table.index(name)] > 0).tolist()
        suites = dict.fromkeys(suite for suite, here in zip(table.suites, tried, strict=True) if here)
        one = self.given.get(name)
        return tuple(dict.fromkeys((*(one.names(suites) if one else ()), *self.seen(name))))

    def shown(self, pattern: int) -> tuple[str, ...]:
        """Names; none where it is not known."""
        return self.use.shown[pattern] or ()

    def opened(self, pattern: int) -> tuple[str, ...]:
        """Names; none where it is not known."""
        return self.use.opened[pattern] or ()

    def recorded(self, name: str) -> "dict[str, frozenset[int]]":
        """The patterns that tell what was shown, and what was opened.

        An attempt without an answer tells neither, where other attempts of the contender name who answered. Nor do
        imported rows whose column is empty throughout: it may never have been filled.
        """
        patterns = self.use.patterns_of(self.table.index(name))
        known = [p for p in patterns if p not in self.unrecorded(name)]
        ours = name in self.given
        found = {}
        for word, lists in (("shown", self.use.shown), ("opened", self.use.opened)):
            telling = ours or any(lists[p] for p in known)
            found[word] = frozenset(p for p in known if telling and lists[p] is not None)
        return found

    def unrecorded(self, name: str) -> frozenset[int]:
        """The patterns of attempts that ended before any answer."""
        use, patterns = self.use, self.use.patterns_of(self.table.index(name))
        if not any(use.answered[p] for p in patterns):
            return frozenset()
        return frozenset(p for p in patterns if not (use.answered[p] or use.shown[p] or use.opened[p]))

    def rate(self, name: str, patterns: Iterable[int], why: str) -> Estimate:
        """The pass rate of the attempts of these patterns."""
        chosen = frozenset(patterns)
        values, _, numbers = self.patterns(name, lambda p: 0.0 if p in chosen else None)
        found = clustered_rate(values, numbers, self.table.clusters, self.level)
        return found if found.value is not None else self.lacking(why)

    def lacking(self, why: str) -> Estimate:
        """A figure that cannot be had."""
        return Estimate(value=None, level=self.level, why=why)


def names_a_skill(table: TaskTable) -> bool:
    """Whether any row may name a skill, by what the file says of its columns; true where it says nothing of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        meta = pq.read_metadata(table.report / OUTCOMES_FILE)
    except (OSError, pa.ArrowInvalid):  # it has gone or changed: who reads it says so
        return True
    for group in range(meta.num_row_groups):
        for place in range(meta.num_columns):
            column = meta.row_group(group).column(place)
            if column.path_in_schema.split(".")[0] in LISTS:
                values = column.statistics
                if values is None or values.num_values:
                    return True
    return False


def nothing_used(table: TaskTable) -> SkillUse:
    """What rows that name no skill come to, without reading them."""
    import numpy as np

    none = np.zeros(0, dtype=np.int64)
    return SkillUse(n_tasks=len(table.tasks), shown=(), opened=(), answered=(), contenders=none, tasks=none,
                    patterns=none, counts=none, sums=np.zeros(0))  # fmt: skip
