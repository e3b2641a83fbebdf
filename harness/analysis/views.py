"""What the tables, figures and pages show: computed once from the evidence, then only formatted."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.analysis.action_counts import ActionCount
from harness.analysis.found import Found
from harness.analysis.over_time import OverTime
from harness.analysis.role_costs import RoleCost
from harness.core import Comparison, Estimate, Kind, as_json, many_of

NO_PREDICTION = "a prediction interval needs three domains"
ALL_PAIRS = 4  # up to so many contenders are all compared with one another where the experiment names no reference
AFTER_THE_FACT = (
    "tasks_needed: from the difference seen it is mostly luck; smallest_difference is what these tasks can show"
)
ONE_CONTENDER = "one contender: there is no difference to judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainScore:
    """One contender in one domain."""

    domain: str
    n_tasks: int
    n_trials: int
    pass_rate: Estimate
    cost_per_task_usd: Estimate
    errored: int
    ungraded: int
    skipped: int
    general: bool = False  # of a suite that is no work: it is in no other figure of the contender


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """What k tries of a task come to."""

    k: int
    pass_at_k: Estimate  # at least one of them passes
    pass_hat_k: Estimate  # all of them pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSpread:
    """The training seeds of a contender: how far their pass rates lie apart on the same tasks."""

    number: int
    n_tasks: int  # that all seeds have, of those of their mean: behind the lowest, the highest and the deviation
    lowest: float | None  # pass rate of the lowest one; ``None`` where no task is graded for all seeds
    highest: float | None
    sd: float | None  # between the seeds; ``None`` with fewer than two
    each: tuple["ContenderScore", ...]  # by itself, in the order of the seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class ContenderScore:
    """One contender over all its tasks. A figure that cannot be had is ``None`` and its ``…_why`` says why."""

    name: str
    kind: str
    setup: str = ""  # its kind, and of a hybrid its rule, of structured output its form
    pass_rate: Estimate
    cost_per_task_usd: Estimate
    cost_per_pass_usd: Estimate
    macro_f1: Estimate | None
    macro_f1_why: str | None
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_why: str | None
    latency_p50: Estimate
    latency_p95: Estimate
    n_tasks: int  # tasks with at least one graded attempt
    n_trials: int  # graded attempts
    errored: int
    ungraded: int
    skipped: int
    domains: tuple[DomainScore, ...]
    pass_rate_this_suite: Estimate  # its interval is for these very tasks, trial noise only: the smaller question
    repeats: tuple[Repeat, ...]  # for k from 1 on; empty where tasks were tried once, or scores are fractions
    pareto_probability: float | None  # in cost and pass rate, of resamples; ``None`` without costs, or of a control
    control: str | None  # of what (``oracle``, ``placebo`` …) it is a control: a yardstick, and no option to choose
    apart: bool  # measured on other tasks than most contenders: its pass rate cannot be compared with theirs
    seeds: SeedSpread | None = None  # of a contender with several training seeds, over which its figures are means


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSpread:
    """How much a difference a - b differs between domains."""

    a: str
    b: str
    n_domains: int
    q: float
    df: int
    p_value: float | None
    i2: float | None
    tau2: Estimate
    mean: Estimate  # of the true differences of domains like these: random effects, a surer domain weighing more
    prediction: tuple[float, float] | None  # where the true difference in another domain would lie
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """Who of several options on the same tasks has the highest pass rate, and what that is worth."""

    name: str
    of: int  # options that it was chosen among
    likely: float  # its true rate once it is allowed for that it was chosen
    interval: Estimate  # holds although it was chosen
    unbeaten: tuple[str, ...]  # it, and those that are not shown to pass less, all pairs together
    doubts: Mapping[str, str] = field(default_factory=dict)  # why not, where a figure of the page speaks for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoreboard:
    """Every contender of a report, and the comparisons between them: what ``statistics.json`` holds."""

    schema: int = 1
    report: str
    contenders: tuple[ContenderScore, ...]  # in the report's own order
    comparisons: tuple[Comparison, ...]  # against the reference; without one, all pairs where the contenders are few
    heterogeneity: tuple[DomainSpread, ...]  # of each comparison that has several domains
    reference: str | None
    level: float
    split: str | None  # the part of the suites that is shown; ``None`` is all of it
    unit: str  # what is resampled: ``task``, or ``cluster`` where tasks share a source
    n_tasks: int
    n_units: int
    planned: int | None  # attempts that the run meant to make; ``None`` for imported evidence
    done: int
    complete: bool
    stopped_because: str | None
    warning: str | None  # the loud line over a run that is not done
    best: "Leader | None"  # the highest pass rate, which was chosen for being so; ``None`` with fewer than two options
    apart: str  # the loud line over contenders that were not measured on the same tasks; empty where all were
    cautions: tuple[str, ...]  # loud lines: what makes intervals here worth less than they say; all are notes too
    notes: tuple[str, ...]
    actions: tuple[ActionCount, ...] = ()  # what contenders with tools did, by tool
    roles: tuple[RoleCost, ...] = ()  # what each role of its calls cost, of contenders whose calls have several
    found: tuple[Found, ...] = ()  # of what tasks name as what they need, where any does
    uncalibrated_judges: tuple[str, ...] = ()  # judges whose grades no labels of people confirm
    timed: tuple[str, ...] = ()  # whose costs hold a machine's time, of whose load their intervals know nothing

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values; a null always has its reason next to it."""
        record: dict[str, Any] = as_json(self)
        for comparison, written in zip(self.comparisons, record["comparisons"], strict=True):
            written["why"] = missing_why(comparison)
        return record

    @property
    def ranked(self) -> tuple[ContenderScore, ...]:
        """Options by pass rate, then controls, of each those on other tasks last; then those without a rate."""

        def place(c: ContenderScore) -> tuple[bool, bool, bool, float]:
            return c.pass_rate.value is None, c.control is not None, c.apart, -(c.pass_rate.value or 0.0)

        return tuple(sorted(self.contenders, key=place))

    @property
    def shown(self) -> tuple[ContenderScore, ...]:
        """`ranked` without `absent`."""
        absent = self.absent
        return tuple(c for c in self.ranked if c.name not in absent)

    @property
    def absent(self) -> frozenset[str]:
        """Contenders without any attempt in the split that is shown: a row of theirs would hold nothing."""
        tried = {c.name for c in self.contenders if c.n_trials + c.errored + c.ungraded + c.skipped}
        return frozenset(c.name for c in self.contenders if c.name not in tried) if tried else frozenset()

    @property
    def controls(self) -> frozenset[str]:
        """Names of the contenders that are yardsticks and no options."""
        return frozenset(c.name for c in self.contenders if c.control is not None)

    @property
    def yardsticks(self) -> frozenset[str]:
        """The controls, and what an import calls an oracle or random: nothing that somebody could choose."""
        called = {c.name for c in self.contenders if c.kind == Kind.IMPORTED
                  and {"oracle", "random"} & set(re.split(r"[^a-z]+", c.name.lower()))}  # fmt: skip
        return self.controls | called

    @property
    def compared(self) -> tuple[Comparison, ...]:
        """The comparisons of contenders that are shown, in their order there; those with a control after the others."""
        places = {c.name: place for place, c in enumerate(self.ranked)}
        shown = [c for c in self.comparisons if not {c.a, c.b} & self.absent]
        return tuple(sorted(shown, key=lambda c: (bool({c.a, c.b} & self.controls), places[c.a], places[c.b])))

    @property
    def n_adjusted(self) -> int:
        """How many comparisons have a p value, and are adjusted for together."""
        return sum(c.p_value is not None for c in self.comparisons)

    def adjusted_over(self, one: Comparison) -> tuple[str, str]:
        """The comparisons for which together its p adjusted holds, ``all 24 comparisons``, and the method."""
        if self.reference is not None or len(self.contenders) <= ALL_PAIRS:
            return f"all {self.n_adjusted:,} comparisons", "Holm 1979"
        unranked = {c.name for c in self.contenders if c.apart or c.control is not None}
        seeded = any(c.seeds for c in self.contenders)  # of few seeds no signs can be drawn
        by_ranks = self.best is not None and not seeded and not {one.a, one.b} & unranked
        many = self.best.of if self.best is not None and by_ranks else len(self.contenders)
        method = "max-T, Westfall & Young 1993" if by_ranks else "Bonferroni"
        return f"all {many * (many - 1) // 2:,} pairs of {many:,} contenders", method

    @property
    def adjustments(self) -> str:
        """For what p adjusted holds together, in words, of all comparisons; those by ranks first."""
        ways = Counter(self.adjusted_over(one) for one in self.comparisons if one.p_value is not None)
        texts = [f"{over} together ({how})" for over, how in sorted(ways, key=lambda way: way[1] == "Bonferroni")]
        return "; with a control, or one that is not ranked, over ".join(texts)

    @property
    def cost_unit(self) -> tuple[float, str]:
        """Of how many tasks costs are told, and in words, ``1,000`` or ``million``: by the dearest option."""
        return many_of(*(c.cost_per_task_usd.value for c in self.contenders if c.control is None))

    @property
    def other_notes(self) -> tuple[str, ...]:
        """The notes that are no cautions."""
        return tuple(note for note in self.notes if note not in self.cautions)

    @property
    def domains(self) -> tuple[str, ...]:
        """Every domain that any contender has, in the report's order."""
        return tuple(dict.fromkeys(d.domain for c in self.contenders for d in c.domains))

    def score_of(self, name: str) -> ContenderScore:
        """The contender of this name."""
        return next(c for c in self.contenders if c.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainDifference:
    """One domain: the pass rates, their difference a - b, raw and shrunk. ``None`` where there is no second."""

    domain: str
    n_tasks: int
    n_trials: int = 0
    a_rate: float | None = None
    b_rate: float | None = None
    wins: int | None = None
    losses: int | None = None
    delta: float | None = None
    low: float | None = None
    high: float | None = None
    interval_method: str = ""
    p_value: float | None = None
    p_adjusted: float | None = None  # over all domains together
    test: str = ""
    shrunk: float | None = None  # drawn towards the mean of all domains, as far as noise alone could have spread them
    shrunk_low: float | None = None
    shrunk_high: float | None = None
    below_zero: float | None = None  # the chance that the true difference is below 0
    why: str | None = None  # why a figure above is null, where one is
    general: bool = False  # of a suite that is no work: it is in no figure over several domains


OF_A_PAIR = ("domain", "n_tasks", "wins", "losses", "delta", "low", "high", "p_value", "p_adjusted", "shrunk",
             "shrunk_low", "shrunk_high", "why")  # fmt: skip
"""Keys of a domain in the JSON of a comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A task on which the two differ: ``gained`` where only a passed, ``lost`` where only b did."""

    task: str
    domain: str
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A comparison with what lies behind it."""

    comparison: Comparison
    domains: tuple[DomainDifference, ...]
    this_suite: Estimate  # the difference with an interval for these very tasks, trial noise only
    errored_as_failed: Comparison | None  # with every errored attempt counted as failed, where there are such
    flips: tuple[Flip, ...]  # lost ones first: they are what a change has cost
    over_time: OverTime  # whether the difference changed while the two were asked
    warning: str | None  # the loud line over a run that is not done
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """One flat mapping, the comparison's keys at the top, the bounds as ``{"low", "high"}``."""
        record: dict[str, Any] = as_json(self.comparison)
        del record["p_adjusted"]  # alone there is nothing to adjust for
        bounds, failed = self.comparison.bounds, self.errored_as_failed
        record["bounds"] = None if bounds is None else {"low": bounds[0], "high": bounds[1]}
        sentence = record.pop("sentence")
        record["this_suite"] = as_json(self.this_suite)
        record |= self.over_time.as_json()
        keys = ("delta", "low", "high", "p_value")
        record["errored_as_failed"] = None if failed is None else {key: getattr(failed, key) for key in keys}
        record["domains"] = [{key: as_json(getattr(d, key)) for key in OF_A_PAIR} for d in self.domains]
        record |= {"flips": as_json(self.flips), "sentence": sentence, "warning": self.warning, "notes": self.notes}
        return warned(record) | {"why": missing_why(self.comparison)}


def priced(cost: Estimate) -> Estimate:
    """A mean of costs has no end below zero."""
    return cost if cost.low is None or cost.low >= 0 else replace(cost, low=0.0)


def missing_why(c: Comparison) -> str | None:
    """Why some of a comparison's figures are null, where some are."""
    if c.delta is None:
        return "no graded task in common"
    reasons = (
        (c.p_exact, "p_exact: too many units for an exact test, p_value is simulated"),
        (c.smallest_difference, "smallest_difference: on so few the test cannot show even the largest difference"),
        (c.tasks_needed, AFTER_THE_FACT),
    )
    return "; ".join(reason for figure, reason in reasons if figure is None) or None


def warned(record: dict[str, Any]) -> dict[str, Any]:
    """A view as JSON, its warning the first of its notes."""
    warning = record.pop("warning")
    record["notes"] = [*([warning] if warning else []), *record["notes"]]
    return record
