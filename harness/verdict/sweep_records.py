"""How a sweep is asked for, and what it shows: one record, computed once and then only formatted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.core import Estimate, UsageError, as_json
from harness.stats import Bin, Objective
from harness.verdict.sweep_rows import NO_SIGNAL, SIGNALS

OBJECTIVES = {"utility": "cost_weight", "pass": "max_cost", "cost": "min_pass"}
"""What a threshold is chosen for, and the number that it needs; ``pass`` does without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepGoal:
    """What a threshold is chosen for."""

    name: str = "pass"  # a key of `OBJECTIVES`
    cost_weight: float | None = None
    max_cost: float | None = None
    min_pass: float | None = None

    @property
    def needs_cost(self) -> bool:
        """Whether it cannot do without known costs."""
        return self.name != "pass" or self.max_cost is not None

    @property
    def objective(self) -> Objective:
        """As the choosing takes it; without a bound on the cost the bound is infinite."""
        if self.name == "pass":
            return Objective(max_cost=math.inf if self.max_cost is None else self.max_cost)
        return Objective(cost_weight=self.cost_weight, min_pass=self.min_pass)

    def checked(self) -> "SweepGoal":
        """Itself; a `UsageError` for an unknown objective, a number missing or one of another objective."""
        if self.name not in OBJECTIVES:
            raise UsageError(f"unknown objective {self.name!r}; use one of {', '.join(OBJECTIVES)}")
        for name, key in OBJECTIVES.items():
            given, option = getattr(self, key), "--" + key.replace("_", "-")
            if given is None and name == self.name != "pass":
                raise UsageError(f"the objective {name} needs {option}")
            if given is not None and name != self.name:
                raise UsageError(f"{option} belongs to --objective {name}, not to {self.name}")
            if given is not None and not (math.isfinite(given) and given >= 0.0):
                raise UsageError(f"{option} is a number from 0, found {given}")
        if self.min_pass is not None and self.min_pass > 1.0:
            raise UsageError(f"--min-pass is a share from 0 to 1, found {self.min_pass}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """How a sweep is asked for; the words are those of `sweep`."""

    signal: str = "confidence"
    confidence_from: str | None = None
    live: str | None = None
    level: float = 0.95
    seed: int = 0
    intervals: bool = True
    """Without them every figure comes at once and alone, and nothing is said against the controls."""

    def checked(self) -> "SweepSettings":
        """Itself; a `UsageError` where the signal is none."""
        if self.signal == NO_SIGNAL:
            raise UsageError(f"a sweep needs a signal; use one of {', '.join(SIGNALS)}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFigures:
    """What a policy of escalation came to."""

    pass_rate: Estimate
    cost_per_task_usd: Estimate
    latency_s: Estimate  # mean seconds a task, the expert's after the worker's


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepControl(PolicyFigures):
    """A policy that needs no signal, at its share of escalations."""

    escalated: float
    utility: float | None  # pass rate minus cost times its weight; ``None`` under another objective


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint(SweepControl):
    """What one threshold would have given."""

    threshold: float | None  # escalate where confidence < threshold; ``None`` always escalates


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepChoice(PolicyFigures):
    """The threshold that is best on these tasks, and, cross-fitted, how good choosing so is on other tasks."""

    threshold: float | None
    escalated: float  # by this threshold, on all tasks
    apparent: float | None  # the objective at this threshold on the tasks it was chosen on: too good
    crossfit: Estimate  # the objective on tasks left out of the choosing
    crossfit_escalated: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRival:
    """The cross-fitted policy against one control, on the same resamples."""

    control: str
    on: str  # ``utility``, ``pass rate`` or ``cost``
    difference: Estimate  # how much better the policy is; above 0 is better also for cost
    beaten: bool  # the lower end of the difference lies above 0
    worse: bool  # the upper end lies below 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the signal says, and what came true. ``None`` where a figure cannot be had."""

    bins: tuple[Bin, ...] = ()
    ece: float | None = None
    brier: float | None = None
    brier_isotonic: float | None = None  # of the signal mapped to a pass rate by an isotonic fit on other folds
    brier_constant: float | None = None  # of always saying the worker's pass rate
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A live hybrid's outcomes and the replay at the thresholds it ran with."""

    hybrid: str
    n_tasks: int
    n_attempts: int
    live_pass_rate: Estimate
    replayed_pass_rate: Estimate
    difference: Estimate  # live minus replayed, in pass rate
    cost_difference_usd: Estimate
    live_escalated: float
    replayed_escalated: float
    same_decision: int  # attempts that went the same way
    same_outcome: int  # of these, attempts with the same value
    agrees: bool  # the interval of the difference in pass rate holds 0
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(PolicyFigures):
    """A hybrid of these two that was run: its own outcomes on the tasks that are replayed, and how it decided."""

    name: str
    control: bool  # whether it decides without looking or looks into the answers: a yardstick, and no option
    rule: str  # the signal it escalates by, or ``random`` or ``oracle``
    like: str | None  # of ``random``: the hybrid as often as which it escalates
    by_suite: Mapping[str, float]
    """Its threshold in each suite, of ``random`` the share that it escalates; empty where it has neither."""
    chosen_on_dev: bool  # whether the run chose these on dev tasks
    n_tasks: int
    escalated: float | None
    sentence: str  # what it came to, and why that is another figure than those replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Every threshold replayed from recorded outcomes, and the one chosen honestly."""

    worker: str
    expert: str
    signal: str
    n_tasks: int
    n_attempts: int
    level: float
    unit: str  # ``task`` or ``cluster``: what the intervals resample
    objective: str  # ``utility``, ``pass`` or ``cost``
    cost_weight: float | None
    max_cost: float | None
    min_pass: float | None
    curve: tuple[SweepPoint, ...]
    controls: Mapping[str, SweepControl]
    chosen: SweepChoice
    rivals: tuple[SweepRival, ...]
    auroc: Estimate
    calibration: Calibration
    aiq: float | None  # area under the hull of (cost, pass rate) divided by the width of the cost range
    aiq_normalisation: str = "the width of the cost range; aiq_over_max: by the largest cost (Hu et al. 2024)"
    aiq_over_max: float | None  # the same area divided by the largest cost
    hull: tuple[tuple[float, float], ...]
    apgr: Estimate
    cpt: Mapping[str, float | None]
    beats_controls: bool
    sentence: str
    measured: tuple[Measured, ...] = ()
    """Hybrids of these two that were run; those that always or never escalate are the curve's ends."""
    live: Live | None = None
    warning: str | None = None
    notes: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)  # why a figure is ``None``

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints; an infinite threshold is null, which is always."""
        plain: dict[str, Any] = as_json(self)
        return plain
