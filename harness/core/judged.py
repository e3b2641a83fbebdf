"""Records of the judging half: figures with their intervals, and comparisons."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval; never shown without the number of tasks behind it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n_tasks: int = 0
    n_trials: int = 0  # graded attempts behind the figure, over all tasks
    method: str = ""
    why: str | None = None  # why the figure or its interval cannot be had, where it cannot


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
    wins: int = 0  # tasks that only a passed
    losses: int = 0
    both_passed: int = 0
    both_failed: int = 0
    errored: int = 0
    bounds: tuple[float, float] | None = None  # the difference if every errored attempt had gone worst, and best, for a
    tasks_needed: int | None = None
    sentence: str = ""
