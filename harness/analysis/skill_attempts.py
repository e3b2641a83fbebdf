"""What the attempts of each contender were shown and opened, next to what it was given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.analysis.skill_arms import Given
from harness.core import Estimate
from harness.stats import clustered_mean, clustered_rate
from harness.store import SkillUse, TaskTable

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

OUTCOMES_FILE = "outcomes.parquet"
LISTS = ("skills_shown", "skills_used")  # columns of the outcomes


@dataclass(frozen=True, kw_only=True)
class SkillAttempts:
    """The graded attempts of one contender, by pattern: the skills shown, those opened, whether there was an answer."""

    table: TaskTable
    use: SkillUse
    name: str
    given: Given | None  # ``None`` where the manifest does not tell
    level: float

    @cached_property
    def index(self) -> int:
        """The contender's position in the table."""
        return self.table.index(self.name)

    @cached_property
    def shown(self) -> dict[int, tuple[str, ...]]:
        """By pattern the names of the skills shown; none where it is not known."""
        return {p: self.use.shown[p] or () for p in self.use.patterns_of(self.index)}

    @cached_property
    def opened(self) -> dict[int, tuple[str, ...]]:
        """By pattern the names of the skills opened; none where it is not known."""
        return {p: self.use.opened[p] or () for p in self.use.patterns_of(self.index)}

    @cached_property
    def silent(self) -> frozenset[int]:
        """The patterns of attempts that ended before any answer, where other attempts name who answered."""
        answered = self.use.answered
        if not any(answered[p] for p in self.shown):
            return frozenset()
        return frozenset(p for p in self.shown if not (answered[p] or self.shown[p] or self.opened[p]))

    @cached_property
    def recorded(self) -> dict[str, frozenset[int]]:
        """The patterns that tell what was ``shown``, and what was ``opened``.

        A silent attempt tells neither. Nor do imported rows whose column is empty throughout: it may never have been
        filled.
        """
        known = [p for p in self.shown if p not in self.silent]
        found = {}
        for word, lists in (("shown", self.use.shown), ("opened", self.use.opened)):
            telling = self.given is not None or any(lists[p] for p in known)
            found[word] = frozenset(p for p in known if telling and lists[p] is not None)
        return found

    @cached_property
    def seen(self) -> tuple[str, ...]:
        """The skills that the rows name, as shown or as opened."""
        return tuple(dict.fromkeys(name for p in self.shown for name in (*self.shown[p], *self.opened[p])))

    @cached_property
    def skills(self) -> tuple[str, ...]:
        """The skills that the contender was given at the suites it tried, and any other that its rows name."""
        tried = (self.table.counts[self.index] > 0).tolist()
        suites = dict.fromkeys(suite for suite, here in zip(self.table.suites, tried, strict=True) if here)
        return tuple(dict.fromkeys((*(self.given.names(suites) if self.given else ()), *self.seen)))

    def at_tasks(self, patterns: "Iterable[int] | Mapping[int, float]") -> "tuple[Floats, Floats, Ints]":
        """(values, weights, attempts) at each task, of the attempts of these patterns; a weight is 0 by default."""
        weights = patterns if isinstance(patterns, Mapping) else dict.fromkeys(patterns, 0.0)
        return self.use.at_tasks(self.index, weights)

    def share(self, weights: "Mapping[int, float]", why: str, *, mean: bool = False) -> Estimate:
        """The mean weight of the attempts of these patterns; why there is none where there are no patterns."""
        if not weights:
            return self.missing(why)
        _, weighed, numbers = self.at_tasks(weights)
        return (clustered_mean if mean else clustered_rate)(weighed, numbers, self.table.clusters, self.level)

    def pass_rate(self, patterns: Iterable[int], why: str) -> Estimate:
        """The pass rate of the attempts of these patterns."""
        values, _, numbers = self.at_tasks(patterns)
        found = clustered_rate(values, numbers, self.table.clusters, self.level)
        return found if found.value is not None else self.missing(why)

    def missing(self, why: str) -> Estimate:
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
    columns = (meta.row_group(g).column(c) for g in range(meta.num_row_groups) for c in range(meta.num_columns))
    found = (c.statistics for c in columns if c.path_in_schema.split(".")[0] in LISTS)
    return any(values is None or values.num_values for values in found)


def nothing_used(table: TaskTable) -> SkillUse:
    """What rows that name no skill come to, without reading them."""
    import numpy as np

    none = np.zeros(0, dtype=np.int64)
    return SkillUse(n_tasks=len(table.tasks), shown=(), opened=(), answered=(), contenders=none, tasks=none,
                    patterns=none, counts=none, sums=np.zeros(0))  # fmt: skip
