"""How a sweep is asked for, and what it shows: one record, computed once and then only formatted; and its words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness import core
from harness.core import Estimate, UsageError, as_json, dollars, percent, percent_interval
from harness.stats import Bin, Objective

DOING = {"always": "always escalating", "random": "escalating at random as often", "never": "never escalating"}
JUDGED = {"utility": ("a utility of", "utility"), "pass": ("a pass rate of", "pass rate"),
          "cost": ("a cost of", "cost")}  # fmt: skip
"""Of each objective how its value is said, and what it is called."""
SIGNALS = ("confidence", "logprob_mean", "logprob_min", "margin")  # an outcome column; signals of the worker's calls
ASKED = ("agreement", "p_true")
"""Signals for which the worker was asked more than its answer, by a hybrid; what they came to are its confidences."""
NO_SIGNAL = "none"  # for rules that look at nothing: every attempt that both have
OBJECTIVES = {"utility": "cost_weight", "pass": "max_cost", "cost": "min_pass"}
"""What a threshold is chosen for, and the number that it needs; ``pass`` does without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepGoal:
    """What a threshold is chosen for; UsageError: unknown, or a number is missing or that of another objective."""

    name: str = "pass"  # a key of `OBJECTIVES`
    cost_weight: float | None = None
    max_cost: float | None = None
    min_pass: float | None = None

    def __post_init__(self) -> None:
        if self.name not in OBJECTIVES:
            raise UsageError(f"unknown objective {self.name!r}; use one of {', '.join(OBJECTIVES)}")
        for name, key in OBJECTIVES.items():
            given, option = getattr(self, key), "--" + key.replace("_", "-")
            if given is None and name == self.name != "pass":
                raise UsageError(f"the objective {name} needs {option}")
            if given is not None and name != self.name:
                raise UsageError(f"{option} belongs to --objective {name}, not to {self.name}")
            if given is not None and name != "cost" and not (math.isfinite(given) and given >= 0.0):
                raise UsageError(f"{option} is a number from 0 on, found {given}")
        if not 0.0 <= (self.min_pass or 0.0) <= 1.0:
            raise UsageError(f"--min-pass is a share from 0 to 1, found {self.min_pass}")

    @property
    def objective(self) -> Objective:
        """As the choosing takes it; without a bound on the cost the bound is infinite."""
        if self.name == "pass":
            return Objective(max_cost=math.inf if self.max_cost is None else self.max_cost)
        return Objective(cost_weight=self.cost_weight, min_pass=self.min_pass)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """How a sweep is asked for; the words are those of `sweep`. UsageError where the signal is none."""

    signal: str = "confidence"
    confidence_from: str | None = None
    live: str | None = None
    level: float = 0.95
    seed: int = 0
    intervals: bool = True  # without them every figure comes at once and alone, and nothing is said of the controls

    def __post_init__(self) -> None:
        if self.signal == NO_SIGNAL:
            raise UsageError(f"a sweep needs a signal; use one of {', '.join(SIGNALS)}")


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
    by_suite: Mapping[str, float]  # its threshold in each suite, of ``random`` the share that it escalates
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
    measured: tuple[Measured, ...] = ()  # hybrids that were run; always and never are the curve's ends
    live: Live | None = None
    warning: str | None = None
    notes: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)  # why a figure is ``None``

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints; an infinite threshold is null, which is always."""
        return dict(as_json(self))


def sentence(found: Sweep) -> str:
    """The finding in plain words: what the policy is worth, and whether it beats doing without a signal."""
    chosen, (what, on) = found.chosen, JUDGED[found.objective]
    apparent = f"{_amount(chosen.apparent, on)} on the tasks it was chosen on"
    subject, value = f"Escalating from {found.worker} to {found.expert} by {found.signal}", chosen.crossfit
    if value.value is None:
        return f"{subject} looks like {what} {apparent}; {value.why}, so whether that holds is unknown."
    if on == "utility":
        ends = "" if value.low is None or value.high is None else f" [{value.low:.4f}, {value.high:.4f}]"
        shown = f"{_amount(value.value, on)}{ends}"
    else:
        shown = percent_interval(value) if on == "pass rate" else _cost_interval(value)
    said = [f"{subject} gives {what} {shown} on tasks the threshold was not chosen on ({apparent})."]
    for result, verb, word, how in (
        ("worse", "is worse than", "and", ""),
        ("no significant difference", "does not beat", "or", " significantly"),
        ("better", "beats", "and", ""),
    ):
        here = [r for name in DOING for r in found.rivals if r.control == name and against_control(r) == result]
        if here:
            *names, last = [DOING[r.control] for r in here]
            doing = f"{', '.join(names)} {word} {last}" if names else last
            differences = "; ".join(f"{gap_text(rival)} against {rival.control}" for rival in here)
            said.append(f"It {verb} {doing}{how}: {differences}.")
    cost, passed, most, least = chosen.cost_per_task_usd.value, chosen.pass_rate.value, found.max_cost, found.min_pass
    if most is not None and cost is not None and cost > most:
        times, of = core.many_of(cost, most)
        costs = f"{dollars(times * cost)} per {of} tasks"
        said.append(f"On those tasks it costs {costs}, above the bound of {dollars(times * most)}.")
    elif least is not None and passed is not None and passed < least:
        said.append(f"On those tasks it passes {percent(passed)}, below the bound of {percent(least)}.")
    return " ".join(said)


def gap_text(rival: SweepRival) -> str:
    """How much better the policy is than a control, ``+8.28 [+0.54, +14.32] points``; sentences and tables have it."""

    def signed(value: float) -> str:  # nothing has no sign
        text = f"{value:+.4f}"
        return text if float(text) else text[1:]

    d = rival.difference
    if d.value is None:
        return f"unknown ({d.why})"
    if rival.on == "cost":
        times, of = core.many_of(d.value)
        return f"{core.dollars_interval(d.of_many(times))} per {of} tasks saved"
    flat = core.no_width(d.low, d.high)
    if rival.on == "pass rate":
        interval = "" if d.low is None or d.high is None else f" {core.points_interval(d.low, d.high)}"
        return f"{core.points(d.value)} points{interval}" if flat else f"{core.points(d.value)}{interval} points"
    between = "" if d.low is None or d.high is None else f" [{signed(d.low)}, {signed(d.high)}]"
    return f"{signed(d.value)}{f' ({core.NO_SPREAD})' if flat else between} in {rival.on}"


def against_control(rival: SweepRival) -> str:
    """What the difference says of the policy: ``better``, ``worse`` or ``no significant difference``."""
    return "better" if rival.beaten else "worse" if rival.worse else "no significant difference"


def measured_words(one: Measured, found: Sweep) -> str:
    """What a hybrid came to that was run with these two, and why that is another figure than those replayed here."""
    on = "" if one.n_tasks >= found.n_tasks else f" on {one.n_tasks:,} of these {found.n_tasks:,} tasks"
    up = "" if one.escalated is None else f", {percent(one.escalated)} of the tasks escalated"
    what = f"{one.name} was run and measured{on}: a pass rate of {percent_interval(one.pass_rate)}{up}."
    n, limits = len(one.by_suite), one.by_suite.values()
    low, high = min(limits, default=0.0), max(limits, default=0.0)
    how = "chosen on dev tasks" if one.chosen_on_dev else "written in the experiment"
    if one.rule == "oracle":
        share = found.controls["oracle"].escalated
        other = f"“oracle, as often” {percent(share)} of the tasks, as many as the chosen policy"
        more = ", so also tasks that the worker passes" if one.escalated is not None and share > one.escalated else ""
        return f"{what} It escalates the tasks that the worker fails and no other; {other}{more}."
    if one.rule == "random":
        row = percent(found.controls["random"].escalated)
        rate = f" {percent(low)} of all tasks" if n else ""
        if n < 2 or low == high:
            whose = f"as often as {one.like} did" if one.like else "a share chosen"
            dev = f" ({whose} on dev tasks)" if one.chosen_on_dev else ""
            return f"{what} It escalates at random{rate}{dev}; “random, as often” {row}."
        own = f"{percent(low)} to {percent(high)}, as often as {one.like} did there on dev tasks"
        too = (
            f"It escalates at random too, but in each suite at a rate of its own ({own}), so it makes use of the suite"
        )
        return f"{what} {too} that a task is in. “random, as often” escalates {row} of every suite alike."
    if not n or one.rule not in {"logprob_mean", "logprob_min", "margin", found.signal.partition(":")[0]}:
        return f"{what} It decides by {one.rule}, which is not what is replayed here."
    if n == 1 or low == high:
        own = f"It has one threshold, {low:.6g}, {how}"
        return f"{what} {own}; the threshold replayed here is chosen on these tasks themselves."
    has = f"it has a threshold for each of {n:,} suites ({low:.6g} to {high:.6g}), {how}"
    return f"{what} It differs from the replayed policies in this: {has}, and they have one for all suites."


def _cost_interval(cost: Estimate) -> str:
    times, of = core.many_of(cost.value)
    return f"{core.dollars_interval(cost.of_many(times))} per {of} tasks"


def _amount(value: float | None, on: str) -> str:
    if value is None:
        return "unknown"
    return core.cost_words(value) if on == "cost" else percent(value) if on == "pass rate" else f"{value:.4f}"
