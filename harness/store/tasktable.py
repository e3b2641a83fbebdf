"""Outcomes as sums for each contender and task: what every statistic starts from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.core import EvidenceError, UsageError, nearest
from harness.store.columns import Array, Floats, Ints
from harness.store.outcome_file import Words
from harness.store.outcomes import Outcomes

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One thing that a reader must know before trusting a rate."""

    kind: str
    """``split``, ``copies``, ``duplicates``, ``contradictions``, ``unvalued``, ``trials``, ``missing``, ``errored`` or
    ``skipped``."""
    count: int  # rows, tasks or contenders concerned
    text: str  # one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTable:
    """Sums over trials for each contender and task.

    Arrays have the shape [contenders, tasks]. An attempt is graded when its status is passed or failed; only graded
    attempts enter ``counts``, ``sums``, ``squares``, costs, confidences and escalations.
    """

    report: Path
    split: str  # ``test``, ``dev`` or ``all``: the rows that were used
    contenders: tuple[str, ...]  # all of the file, in its order; one may have no row of the split
    kinds: tuple[str, ...]
    contender_digests: tuple[str, ...]
    tasks: tuple[str, ...]
    task_digests: tuple[str, ...]
    suites: tuple[str, ...]  # the name of each task's suite
    suite_digests: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]  # of each task its identity, the digests or names of its suite and itself
    domain_names: tuple[str, ...]
    domains: Ints  # of each task, a position in ``domain_names``
    clusters: Ints  # of each task, the code of its cluster, from 0; a label is unique within its suite only
    splits: tuple[str | None, ...]
    counts: Ints  # graded trials
    sums: Floats  # of the values of the graded trials: passed as 0 or 1, or the score where passed is unknown
    squares: Floats
    errored: Ints
    ungraded: Ints
    skipped: Ints
    cost_sums: Floats  # dollars over the graded trials; NaN as soon as the cost of one of them is unknown
    cost_known: Ints  # graded trials whose cost is known
    confidences: Floats  # the mean over the graded trials that have one; NaN where none has
    escalated: Ints  # graded trials that were escalated
    duplicates: int  # rows left out because their contender, task and trial had come before
    flags: tuple[Flag, ...]
    outcomes: Outcomes = field(repr=False)  # all outcomes of the file, of every split
    graded: Array | None = field(repr=False)
    """The rows there of the graded attempts; ``None`` where the table is of two reports, and has none of its own."""
    task_places: Array = field(repr=False)  # of each task of `outcomes` its position here, -1 where it is not here

    @property
    def notes(self) -> tuple[str, ...]:
        """The flags as sentences."""
        return tuple(flag.text for flag in self.flags)

    @property
    def trials(self) -> Ints:
        """Rows of each contender at each task, whatever their status."""
        return self.counts + self.errored + self.ungraded + self.skipped

    def index(self, contender: str) -> int:
        """The contender's position. Raises UsageError: there is no such contender; names the nearest."""
        if contender not in self.contenders:
            problem = f"{self.report} has no contender {contender!r}"
            raise UsageError(f"{problem}; {nearest(contender, self.contenders)}")
        return self.contenders.index(contender)

    # ------------------------------------------------------------------------------------------- single attempts

    def every_attempt(self) -> "Attempts":
        """All graded attempts; their columns raise an EvidenceError where the file has changed since, or is damaged.

        Raises EvidenceError: the table is of two reports.
        """
        if self.graded is None:
            raise EvidenceError(f"{self.report}: laid beside another report, it has no attempts of its own")
        return Attempts(self, self.graded)

    def attempts_of(self, contender: str) -> "Attempts":
        """The graded attempts of one contender; errors as `index` and `every_attempt`."""
        every, place = self.every_attempt(), self.index(contender)
        return Attempts(self, every.rows[every.contenders == place])

    def attempts(self, contender: str, columns: Sequence[str]) -> "pa.Table":
        """The same as ``task_index``, ``trial_index`` and chosen columns of texts and numbers, null where unknown."""
        import pyarrow as pa

        one = self.attempts_of(contender)
        found = {"task_index": one.tasks, "trial_index": one.trials}
        return pa.table(found | {name: self.outcomes.column_at(name, one.rows) for name in dict.fromkeys(columns)})

    def latencies(self, contender: str) -> Floats:
        """Seconds of each graded attempt whose latency is known, in no order that means anything."""
        seconds = self.attempts_of(contender).numbers("latency_s")
        return seconds[~np.isnan(seconds)]

    def labels(self, contender: str) -> tuple[list[str], list[str | None], Ints]:
        """Of the contender's labelled answers the true labels, those in the answers, and the tasks' positions."""
        one = self.attempts_of(contender)
        one = Attempts(self, one.rows[one.words("label_true").codes >= 0])
        true, predicted = (one.words(name).texts().to_pylist() for name in ("label_true", "label_predicted"))
        return true, predicted, one.tasks


@dataclass(frozen=True, slots=True)
class Attempts:
    """Graded attempts, one entry each, in the file's order; a column is read when it is first asked for."""

    table: TaskTable
    rows: Array

    @property
    def contenders(self) -> Array:
        """Positions in the table's ``contenders``."""
        return self.table.outcomes.contender.codes[self.rows]

    @property
    def tasks(self) -> Array:
        """Positions in the table's ``tasks``."""
        return self.table.task_places[self.table.outcomes.task[self.rows]]

    @property
    def trials(self) -> Array:
        """From 0."""
        return self.table.outcomes.trial[self.rows].astype("int64")

    @property
    def values(self) -> Floats:
        """Passed as 0 or 1, else the score; NaN where both are unknown."""
        of = self.table.outcomes
        given = (of.passed[self.rows] >= 0) | np.isfinite(of.numbers_at("score", self.rows))
        return np.where(given, of.values(self.rows), np.nan)

    @property
    def escalated(self) -> Array:
        """1, 0, or -1 where unknown."""
        return self.table.outcomes.escalated[self.rows]

    def numbers(self, column: str) -> Floats:
        """A column of numbers: NaN where unknown."""
        return self.table.outcomes.numbers_at(column, self.rows)

    def words(self, column: str) -> Words:
        """A column of texts."""
        return self.table.outcomes.words(column).at(self.rows)
