"""Whether the difference of two contenders changed while they were asked: a trend, or a call of the run apart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness import stats
from harness.analysis.loading import Floats, Ints, Mask
from harness.analysis.sides import Pairs
from harness.core import Estimate, as_json, p_equation, points
from harness.store import TaskTable

SAID = 0.01  # the p up to which a change is said: two tests of every comparison
_APART_S = 3_600.0  # seconds between the last question to one and the first to the other, from which on it is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """When one contender was asked, at each task."""

    seconds: Floats  # since 1970, the mean over graded attempts; NaN where one is unknown
    run: Floats  # the first call of the run that made one; NaN where none says

    def at(self, mask: Mask | Ints) -> "Asked":
        """The same at some of the tasks."""
        return Asked(seconds=self.seconds[mask], run=self.run[mask])


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The difference of two contenders at tasks, first minus second, and of what kind each task is."""

    values: Floats
    clusters: Ints
    strata: Ints  # suite and domain: these may be asked one after another, which is no change over time

    def at(self, mask: Mask | Ints) -> "Differences":
        """The same at some of the tasks."""
        return Differences(values=self.values[mask], clusters=self.clusters[mask], strata=self.strata[mask])

    @property
    def shuffled(self) -> str:
        """How a test by shuffling goes about it, in words."""
        return "tasks shuffled" + " within domains" * (len(np.unique(self.strata)) > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTime:
    """How a difference changed over the run."""

    trend: Estimate  # its change from the first task asked to the last, along a straight line
    p_value: float | None  # of the trend
    order: str = ""  # by when which contender was asked: a name, or ``both``
    run_p: float | None = None  # that the calls of the run do not differ; ``None``: one call, or unknown
    run_means: dict[str, float] | None = None  # the difference at tasks of each call; of two contenders' calls, "1, 2"
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()  # of the notes those that tell of a change

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        one = self.trend
        trend = {"change": one.value, "low": one.low, "high": one.high, "p": self.p_value, "order": self.order,
                 "why": one.why}  # fmt: skip
        effect = None if self.run_p is None else {"p": self.run_p, "means": as_json(self.run_means)}
        return {"trend": trend, "run_effect": effect}


def asked(table: TaskTable, contender: str) -> Asked | None:
    """When a contender was asked at each task of the table; ``None`` where nothing says it."""
    if table.graded is None or table.outcomes.numbers("started_at") is None:
        return None
    own, n = table.attempts_of(contender), len(table.tasks)
    counts = np.bincount(own.tasks, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        seconds = np.bincount(own.tasks, weights=own.numbers("started_at"), minlength=n) / counts
    run = np.full(n, np.inf)
    np.fmin.at(run, own.tasks, own.numbers("run"))
    return Asked(seconds=seconds, run=np.where(np.isfinite(run), run, np.nan))


def strata_of(table: TaskTable) -> Ints:
    """Of each task of the table a code for its suite and domain."""
    found: Ints = table.suite_codes * (len(table.domain_names) + 1) + table.domains
    return found


def changed_over_time(
    names: tuple[str, str], differences: Differences, asked_of: Sequence[Asked | None], level: float = 0.95
) -> OverTime:
    """Tests whether the differences of tasks change with the time at which these were asked, within each domain.

    Where the two were asked one after the other the order of each is looked at, and the smaller p is doubled.
    """
    one, two = asked_of
    if one is None or two is None:
        return _unknown(level, "started_at is unknown")
    known = np.isfinite(one.seconds) & np.isfinite(two.seconds)
    if 2 * known.sum() <= len(known):
        return _unknown(level, "started_at is unknown for most tasks")
    one, two = one.at(known), two.at(known)
    d, times = differences.at(known), (one.seconds, two.seconds)
    ends = [(float(seconds.min()), float(seconds.max())) for seconds in times]
    gap = max(low for low, _ in ends) - min(high for _, high in ends)
    orders = {"both": times[0] + times[1]} if gap <= 0 else dict(zip(names, times, strict=True))
    found = {name: stats.trend(d.values, by, d.clusters, level, strata=d.strata) for name, by in orders.items()}
    order = min(found, key=lambda name: found[name].p_value)
    trend, p = _possible(found[order].change), min(1.0, len(found) * found[order].p_value)
    notes, changes = [], []
    if gap > _APART_S:
        first, second = names if ends[0] <= ends[1] else names[::-1]
        notes.append(f"{second} was asked {_duration(gap)} after {first}: what changed between is in the difference")
    if trend.value is not None and trend.low is not None and trend.high is not None and p <= SAID:
        ends_ = f"[{points(trend.low)}, {points(trend.high)}]"
        by = "" if order == "both" else f" in the order in which {order} was asked"
        changes.append(
            f"the difference is not steady: it changed by {points(trend.value)} points {ends_} from the first task to "
            f"the last{by} ({p_equation(p)}, {d.shuffled})"
        )
    run_p, means = _of_calls(d, one.run, two.run)
    if run_p is not None and run_p <= SAID and means:
        said = ", ".join(f"call {name}: {points(mean)}" for name, mean in list(means.items())[:5])
        how = f"({p_equation(run_p)}, {d.shuffled})"
        changes.append(f"the difference is not the same in all calls of the run: {said} points {how}")
    return OverTime(
        trend=trend,
        p_value=None if trend.value is None else p,
        order=order if trend.value is not None else "",
        run_p=run_p,
        run_means=means,
        notes=(*notes, *changes),
        changes=tuple(changes),
    )


def changes_of_pairs(pairs: Pairs) -> tuple[str, ...]:
    """What is shown to have changed over the run of two sides' difference, in sentences."""
    out, keep = pairs.outcomes, pairs.outcomes.common
    sides = ((pairs.candidate, pairs.candidate_rows), (pairs.baseline, pairs.baseline_rows))
    times = [None if (one := asked(side.table, side.contender)) is None else one.at(at[keep]) for side, at in sides]
    (a, n), (b, m) = ((sums[keep], counts[keep]) for sums, counts in (out.candidate, out.baseline))
    strata = strata_of(pairs.baseline.table)[pairs.baseline_rows][keep]
    found = Differences(values=a / n - b / m, clusters=out.clusters[keep], strata=strata)
    return changed_over_time(("the candidate", "the baseline"), found, times).changes


def _possible(change: Estimate) -> Estimate:
    """A difference lies between -1 and 1."""
    if change.low is None or change.high is None:
        return change
    return replace(change, low=max(-2.0, change.low), high=min(2.0, change.high))


def _unknown(level: float, why: str) -> OverTime:
    return OverTime(trend=Estimate(value=None, level=level, method="none", why=why), p_value=None)


def _of_calls(d: Differences, one: Floats, two: Floats) -> tuple[float | None, dict[str, float] | None]:
    """The p of no run effect and each call's mean; a cluster is of the call that asked the first of its tasks."""
    if not (np.isfinite(one).all() and np.isfinite(two).all()) or not len(d.values):
        return None, None
    pairs, codes = np.unique(np.stack([one, two], axis=1), axis=0, return_inverse=True)
    if len(pairs) < 2:
        return None, None
    units, groups = stats.cluster_codes(d.clusters, len(d.values))
    call = np.full(groups, len(pairs))
    np.minimum.at(call, units, codes)
    of, _ = stats.strata_of_units(d.strata, units, groups)
    p, means = stats.run_effect(np.bincount(units, weights=d.values) / np.bincount(units), call, strata=of)
    same = bool((one == two).all())
    named = {f"{pairs[k][0]:.0f}" if same else f"{pairs[k][0]:.0f}, {pairs[k][1]:.0f}": m for k, m in means.items()}
    return (p, named) if len(named) > 1 else (None, None)


def _duration(seconds: float) -> str:
    hours = seconds / 3_600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:,.0f} days"
