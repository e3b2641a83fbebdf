"""Two contenders domain by domain: do the domains differ, which tasks got worse, and where the noise comes from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis.general import apart_note, is_work, work_of
from harness.analysis.loading import Evidence, load_evidence, progress_of
from harness.analysis.pairs import CommonTasks
from harness.analysis.scores import reference_of
from harness.analysis.views import NO_PREDICTION, ONE_CONTENDER, DomainDifference
from harness.core import Comparison, Estimate, EvidenceError, UsageError, as_json, is_shown, plural
from harness.stats import Heterogeneity, VarianceComponents, normalised_gain, tasks_worse, variance_components
from harness.store import TaskTable

SOURCES = ("domain", "task", "trial")  # of the variance of a pass rate, or of a difference
LIKELY = 0.9  # a domain has regressed where its true difference is below 0 with more than this chance


@dataclass(frozen=True, slots=True, kw_only=True)
class WorseTasks:
    """Tasks at which a passes a smaller share of its trials than b, next to what chance alone makes of them."""

    observed: int
    expected_null: float  # how many would look worse if nothing had changed
    sd_null: float
    excess: Estimate
    confirmed: tuple[str, ...]  # those that survive Benjamini-Hochberg at ``rate``
    again: tuple[str, ...]  # all that look worse, surest first: those to try again with fresh trials
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """What ``ownbench domains`` shows. A figure that cannot be had is ``None``, its reason in ``reasons``."""

    a: str
    b: str | None  # ``None`` where the report has one contender: then only its own variance can be had
    n_tasks: int
    n_trials: int
    level: float
    unit: str
    comparison: Comparison | None
    spread: Heterogeneity | None  # ``None`` with fewer than two domains
    mean: (
        Estimate  # of the true differences of domains like these: random effects, surer ones weighing more; in [-1, 1]
    )
    tau2: Estimate  # the variance of the domains' true differences
    prediction: tuple[float, float] | None  # where another domain's true difference would lie; with three domains
    domains: tuple[DomainDifference, ...]
    worse: WorseTasks | None
    variance: VarianceComponents | None
    gain: Estimate  # share of b's failures that a makes good (Hake 1998); its value ``None`` where nothing was gained
    reasons: dict[str, str]
    warning: str | None
    notes: tuple[str, ...]

    @property
    def regressed(self) -> tuple[DomainDifference, ...]:
        """The domains whose true difference is likely to be below 0, the likeliest first."""
        found = [d for d in self.domains if not d.general and d.below_zero is not None and d.below_zero > LIKELY]
        return tuple(sorted(found, key=lambda d: -(d.below_zero or 0.0)))

    @property
    def shown_worse(self) -> tuple[DomainDifference, ...]:
        """The domains that are shown to be worse, all of them judged together, the lowest first."""
        alpha = 1.0 - self.level
        known = [d for d in self.domains if not d.general and (d.delta or 0.0) < 0]
        found = [d for d in known if is_shown(d.p_adjusted, d.low, d.high, alpha)]
        return tuple(sorted(found, key=lambda d: d.delta or 0.0))

    @property
    def variance_shares(self) -> dict[str, float] | None:
        """The known components as shares of their sum; ``None`` where there are none, or nothing varies."""
        parts = {name: getattr(self.variance, name).value for name in SOURCES} if self.variance else {}
        known = {name: value for name, value in parts.items() if value is not None}
        whole = sum(known.values())
        return {name: value / whole for name, value in known.items()} if whole > 0 else None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; a null has its reason under ``why`` next to it."""
        found = {name: as_json(getattr(self, name)) for name in ("a", "b", "n_tasks", "n_trials", "level")}
        found |= {name: getattr(self.spread, name, None) for name in ("q", "df", "p_value", "i2")}
        found |= {name: as_json(getattr(self, name)) for name in ("tau2", "mean", "prediction")}
        worse = ("observed", "expected_null", "sd_null", "excess", "confirmed", "again")
        return found | {
            "expected_below_zero": getattr(self.spread, "expected_below_zero", None),
            "domains": as_json(self.domains),
            "regressed": [d.domain for d in self.regressed],
            "worse": {name: as_json(getattr(self.worse, name, None)) for name in worse}
            | {"why": None if self.worse else self.reasons.get("worse")},
            "variance": self._variance_json(),
            "gain": as_json(self.gain),
            "sentence": self.comparison.sentence if self.comparison else None,
            "notes": [*([self.warning] if self.warning else []), *self.notes],
            "why": "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items()) or None,
        }

    def _variance_json(self) -> dict[str, Any]:
        variance = self.variance
        if variance is None:
            return {**dict.fromkeys((*SOURCES, "icc", "intervals", "advice")), "why": self.reasons.get("variance")}
        parts = {name: getattr(variance, name) for name in SOURCES}
        reasons = [f"{name}: {part.why}" for name, part in parts.items() if part.why]
        if variance.icc is None and variance.trial.value is not None:
            reasons.append("icc: nothing varies within domains")
        intervals = {name: as_json((part.low, part.high)) for name, part in parts.items()}
        more = {"intervals": intervals, "advice": variance.advice, "why": "; ".join(reasons) or None}
        return {**{name: part.value for name, part in parts.items()}, "icc": variance.icc, **more}


def domains(
    source: Path | Evidence,
    a: str | None = None,
    b: str | None = None,
    *,
    split: str | None = None,
    level: float = 0.95,
) -> Domains:
    """The difference of two by domain and its noise; both may be left out where no doubt is; the rest as in `pair`."""
    every, manifest = load_evidence(source, split, a, b)
    table, general = work_of((every, manifest))
    a, b = _pair(table, a, b)
    tasks = CommonTasks(table, a) if b is None else CommonTasks(table, a, b)
    if not tasks.n_tasks:
        who = f"{a!r} has no graded task" if b is None else f"{a!r} and {b!r} have no graded task in common"
        raise EvidenceError(f"{table.report}: {who}{'; nothing can be compared' if b else ''}")
    first, second = tasks.sides[0], tasks.sides[1] if b else None
    by_domain, spread = tasks.by_domain(level)
    reasons: dict[str, str] = {}
    numbers: dict[str, Any] = {"n_tasks": tasks.n_tasks, "n_trials": tasks.n_trials}
    missing = Estimate(value=None, level=level, **numbers)
    whole = worse = variance = prediction = None
    if second is None:
        reasons["q"] = reasons["worse"] = ONE_CONTENDER
        gain = replace(missing, why=ONE_CONTENDER)
    else:
        whole = replace(tasks.compared(level), bounds=None, errored=0, ungraded=0)
        if len(by_domain) < 2:
            spread, reasons["q"] = None, "one domain says nothing about differences between domains"
        gain = normalised_gain(first, second, tasks.clusters, level)
        if whole.delta is not None and whole.delta <= 0.0:
            gain = replace(missing, why="nothing was gained")
    mean = tau2 = replace(missing, why=reasons.get("q"))
    if spread is not None:
        low, high = (None if end is None else min(1.0, max(-1.0, end)) for end in (spread.mean.low, spread.mean.high))
        mean, tau2 = replace(spread.mean, low=low, high=high, **numbers), replace(spread.tau2, **numbers)
        if spread.prediction is None:
            reasons["prediction"] = NO_PREDICTION
        else:
            prediction = max(-1.0, spread.prediction[0]), min(1.0, spread.prediction[1])
    if (abs(table.squares[:, tasks.mask] - table.sums[:, tasks.mask]) <= 1e-9).all():
        variance = variance_components(first, second, tasks.domains, level)
        if second is not None:
            found = tasks_worse(first, second, tasks.clusters, level=level, resamples=tasks.resamples)
            names = [table.tasks[place] for place in tasks.mask.nonzero()[0].tolist()]
            worse = WorseTasks(
                observed=found.observed,
                expected_null=found.expected,
                sd_null=found.sd,
                excess=found.excess,
                confirmed=tuple(names[at] for at in found.confirmed),
                again=tuple(names[at] for at in found.flagged),
                rate=found.rate,
            )
    else:
        fractions = "some scores lie between 0 and 1; this needs trials that pass or fail"
        reasons |= dict.fromkeys(("worse", "variance") if b else ("variance",), fractions)
    left_out = f"{plural(tasks.lost, 'attempt')} that errored or could not be graded are left out"
    return Domains(
        a=a,
        b=b,
        **numbers,
        level=level,
        unit=tasks.unit,
        comparison=whole,
        spread=spread,
        mean=mean,
        tau2=tau2,
        prediction=prediction,
        domains=(*by_domain, *_apart(every, (a, b), general, level)),
        worse=worse,
        variance=variance,
        gain=gain,
        reasons=reasons,
        warning=progress_of(table, manifest).warning,
        notes=(
            *tasks.notes(level, trials=True),
            *apart_note(general),
            *([left_out] if tasks.lost else []),
            *_counted(tasks),
        ),
    )


def _counted(tasks: CommonTasks) -> list[str]:
    """What counts as passed by one alone, where a task has several tries."""
    if len(tasks.names) < 2 or tasks.n_trials == 2 * tasks.n_tasks:
        return []
    even = "" if tasks.seeded else ", of as many of both, the first by number"
    by = f"by more than half of its {tasks.tries}{even}"
    return [f"only the first, only the second: tasks that one alone passes, {by}"]


def _apart(
    every: TaskTable, names: tuple[str, str | None], general: Sequence[str], level: float
) -> list[DomainDifference]:
    """The domains of suites that are no work, judged together and apart from the work."""
    if not general:
        return []
    table = every.without(np.broadcast_to(is_work(every, general), every.counts.shape))
    tasks = CommonTasks(table, *(name for name in names if name is not None))
    return [replace(one, general=True) for one in tasks.by_domain(level)[0]] if tasks.n_tasks else []


def _pair(table: TaskTable, a: str | None, b: str | None) -> tuple[str, str | None]:
    """The two contenders meant; the second ``None`` where the report has only one."""
    names, (reference, _) = table.contenders, reference_of(table.report, table.contenders)
    b = reference if a is not None and b is None else b
    if a is not None and b is not None:
        table.index(a), table.index(b)
        if a == b:
            raise UsageError(f"{a!r} is compared with itself; name two contenders of {', '.join(names)}")
        return a, b
    if a is not None and len(names) > 1:
        table.index(a)
        raise UsageError(f"{a!r} and which other? the experiment names no reference; name two of {', '.join(names)}")
    if len(names) == 1:
        return names[table.index(a or names[0])], None
    if len(names) == 2:
        return (names[0], names[1]) if reference in {None, names[1]} else (names[1], names[0])
    against = f"; the reference is {reference}" if reference else ""
    raise UsageError(f"name two contenders of {', '.join(names)}{against}")
