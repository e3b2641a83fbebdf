"""Records of the judging half: figures with their intervals, comparisons, and what a report was made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval; never shown without the number of tasks behind it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n_tasks: int = 0
    n_trials: int = 0
    """Graded attempts behind the figure, over all tasks."""
    method: str = ""
    why: str | None = None
    """Why the figure or its interval cannot be had, where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two contenders on the same tasks: a difference (a - b), its interval, its test."""

    a: str
    b: str
    n_tasks: int
    n_trials: int
    delta: float | None
    low: float | None
    high: float | None
    level: float = 0.95
    interval_method: str = ""
    p_value: float | None = None
    p_adjusted: float | None = None
    p_exact: float | None = None
    test: str = ""
    wins: int = 0
    """Tasks that only a passed."""
    losses: int = 0
    both_passed: int = 0
    both_failed: int = 0
    errored: int = 0
    bounds: tuple[float, float] | None = None
    """The difference if every errored attempt had gone worst, and best, for a."""
    tasks_needed: int | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a report was made from: enough to say whether two reports may be compared, and to make it again."""

    schema: int = 2
    """From 2 on, digests hold no names, and a task's holds no prompt."""
    report: str
    created_at: str
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    experiment_digest: str = ""
    seed: int = 0
    suites: tuple[Mapping[str, Any], ...] = ()
    models: tuple[Mapping[str, Any], ...] = ()
    contenders: tuple[Mapping[str, Any], ...] = ()
    prices: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    planned: int = 0
    plan_digest: str = ""
    done: int = 0
    without_outcome: int = 0
    """Recorded attempts that ended errored or ungraded."""
    complete: bool = False
    stopped_because: str | None = None
    early: Mapping[str, Any] | None = None
    """By the digests of contenders: the rule that each began with under ``--until-decided``, and what it came to."""
    notes: tuple[str, ...] = ()

    @property
    def early_records(self) -> dict[str, Mapping[str, Any]]:
        """What of ``early`` is a record of the contender that it is kept under."""
        kept = self.early if isinstance(self.early, Mapping) else {}
        return {
            digest: record
            for digest, record in kept.items()
            if isinstance(record, Mapping) and record.get("contender_digest") == digest
        }
