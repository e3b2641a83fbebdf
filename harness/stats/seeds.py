"""Training seeds as replicates: how far they lie apart, and what that adds to an interval and to a test.

Tasks and seeds are two samples. An interval over tasks alone holds for these very adapters; that of the recipe is wider
by the variance between its seeds, of which there are few: t on their number less one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Comparison, Estimate
from harness.stats.tails import crossing, t_quantile, two_sided_t, two_sided_z
from harness.stats.units import Vector

LEAST_P = 1e-9  # a smaller one is not looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicates:
    """The rates of one recipe's training seeds, each on the same tasks."""

    rates: Vector  # NaN of a seed without any of them

    @property
    def known(self) -> Vector:
        """Those that there are."""
        found: Vector = self.rates[~np.isnan(self.rates)]
        return found

    @property
    def variance(self) -> tuple[float, int]:
        """The variance that the mean of so many seeds has by how far they lie apart, and their number."""
        rates = self.known
        apart = len(rates) > 1 and float(np.ptp(rates)) > 1e-12
        return (float(rates.var(ddof=1)) / len(rates) if apart else 0.0), len(rates)


def replicates(sums: ArrayLike, counts: ArrayLike) -> Replicates:
    """Rates by seed of passes and trials, [seeds, tasks], on the tasks that all seeds with any trial have."""
    passes, trials = np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    tried = (trials > 0).any(axis=1)
    common = (trials[tried] > 0).all(axis=0)
    rates = np.full(len(passes), np.nan)
    if tried.any() and common.any():
        rates[tried] = (passes[tried][:, common] / trials[tried][:, common]).mean(axis=1)
    return Replicates(rates=rates)


def between(a: Replicates | None, b: Replicates | None) -> tuple[tuple[float, int], ...]:
    """Variances that the difference of two has by training seeds, each with the number of seeds behind it.

    As many seeds on both sides are paired by their number, which holds whether or not they share anything.
    """
    if a is not None and b is not None and len(a.rates) == len(b.rates):
        return (Replicates(rates=a.rates - b.rates).variance,)
    return tuple(one.variance for one in (a, b) if one is not None)


def widened(found: Estimate, between: float, replicates: int, *, within: tuple[float, float] = (0.0, 1.0)) -> Estimate:
    """An estimate of one replicate's kind, with the variance ``between`` that the mean of so many replicates has.

    Each limit moves by the root of the squares of both halves (MOVER: Zou & Donner 2008), that of the replicates with t
    on their number less one; ``within`` is where the estimate can lie. A limit that is not known stays so.
    """
    value, (least, most) = found.value, within
    if value is None or (found.low is None and found.high is None) or replicates < 2:
        return found
    more = two_sided_t(found.level, replicates - 1) * math.sqrt(between)
    return replace(
        found,
        low=None if found.low is None else max(least, value - math.hypot(value - found.low, more)),
        high=None if found.high is None else min(most, value + math.hypot(found.high - value, more)),
        method=f"{found.method}, with t over {replicates} seeds",
    )


def of_values(values: ArrayLike) -> tuple[float, int]:
    """The variance that the mean of one value a seed has by how far they lie apart, and their number; NaN is none."""
    return Replicates(rates=np.asarray(values, dtype=np.float64)).variance


def of_ratio(costs: ArrayLike, passes: ArrayLike, counts: ArrayLike) -> tuple[float, int]:
    """The same of the ratio of their mean costs to their mean passes a task, all [seeds, tasks], in its linear part.

    Of each seed the deviation ``cost - ratio * passes``, over the mean of the passes: the delta method, which needs no
    ratio of a single seed that may pass nothing.
    """
    spent, passed = replicates(costs, counts).rates, replicates(passes, counts).rates
    known = ~np.isnan(spent) & ~np.isnan(passed)
    mean = float(passed[known].mean()) if known.any() else 0.0
    if mean <= 0.0:
        return 0.0, int(known.sum())
    ratio = float(spent[known].mean()) / mean
    return of_values((spent[known] - ratio * passed[known]) / mean)


def over_seeds(found: Comparison, variances: Sequence[tuple[float, int]]) -> Comparison:
    """A comparison over tasks with the variances between training seeds in its interval and its test.

    The interval as in `widened`. p is 1 less the level at which such an interval, its part over tasks taken as normal,
    would end at 0: what lies outside the interval has p below 1 less its level. It is never below the p over tasks.
    """
    parts = [(variance, seeds) for variance, seeds in variances if seeds > 1]
    if not parts or found.delta is None or found.low is None or found.high is None or found.p_value is None:
        return found
    delta, level = found.delta, found.level

    def more(at: float) -> float:
        return math.sqrt(sum(two_sided_t(at, seeds - 1) ** 2 * variance for variance, seeds in parts))

    below, above = delta - found.low, found.high - delta
    error = (below if delta > 0 else above) / two_sided_z(level)
    named = f"with t over {' and '.join(str(seeds) for _, seeds in parts)} seeds"
    least = found.smallest_difference
    if least is not None:
        reach = [t_quantile(0.5 + level / 2, seeds - 1) + t_quantile(0.8, seeds - 1) for _, seeds in parts]
        least = math.hypot(least, *(r * math.sqrt(variance) for r, (variance, _) in zip(reach, parts, strict=True)))
    return replace(
        found,
        low=max(-1.0, delta - math.hypot(below, more(level))),
        high=min(1.0, delta + math.hypot(above, more(level))),
        interval_method=f"{found.interval_method}, {named}",
        p_value=max(found.p_value, _p_at(abs(delta), lambda at: math.hypot(two_sided_z(at) * error, more(at)))),
        p_exact=None,
        test=f"{found.test}, {named}",
        smallest_difference=least if least is not None and least <= 1.0 else None,
    )


def _p_at(delta: float, reach: Callable[[float], float]) -> float:
    """1 less the level at which an interval that reaches so far just holds 0."""
    if delta >= reach(1.0 - LEAST_P):
        return LEAST_P
    _, digits = crossing(lambda x: reach(-math.expm1(-x)) > delta, 1e-9, -math.log(LEAST_P))
    return math.exp(-digits)
