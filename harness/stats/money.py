"""Cost beside quality: ratios whose intervals may have no end, the front as a probability, the area under it."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from harness.core import NOTHING_PASSED, Estimate
from harness.stats.bootstrap import RESAMPLES, resampled_sums
from harness.stats.clustered import clusters_named
from harness.stats.comparison import pair_tasks
from harness.stats.tails import two_sided_t, two_sided_z
from harness.stats.units import (
    Clusters,
    Contender,
    Flags,
    Matrix,
    Vector,
    cluster_codes,
    kish_units,
    sum_by,
    vector,
    vectors,
)


def fieller_ratio(
    numerator: ArrayLike, denominator: ArrayLike, clusters: Clusters = None, level: float = 0.95
) -> Estimate:
    """The ratio of two sums over tasks (cost over passes) with Fieller's interval.

    The roots of ``(x^2 - t^2 Vxx) r^2 - 2 (x y - t^2 Vxy) r + (y^2 - t^2 Vyy) = 0``, with x the mean denominator, y the
    mean numerator, V the (co)variances of those means by leaving out each cluster and t on the df of `cr3` (Fieller
    1954). Failed tasks cost too; NaN is unknown and makes the ratio None. Where ``g = t^2 Vxx / x^2 >= 1`` the interval
    is unbounded: no limits, and ``why``. A limit below 0 is cut at 0 where neither part can be negative.
    """
    two_sided_z(level)
    y, x = vectors(numerator=numerator, denominator=denominator)
    n, unknown = len(y), int((np.isnan(y) | np.isnan(x)).sum())
    codes, groups = cluster_codes(clusters, n)
    found = Estimate(value=None, level=level, n_tasks=n, method="none")
    if n == 0 or unknown:
        return replace(found, why=f"unknown for {unknown} of {n} tasks" if unknown else "no tasks")
    if float(x.sum()) == 0.0:
        return replace(found, method="Fieller", why=NOTHING_PASSED)
    sizes = np.bincount(codes, minlength=groups)
    units = kish_units(sizes)
    found = replace(found, value=float(y.sum() / x.sum()), method=f"Fieller, {clusters_named(groups, units)}")
    if groups < 2:
        return replace(found, why="one cluster has no interval")
    means = float(y.mean()), float(x.mean())
    off = np.stack([sum_by(codes, values - values.mean(), groups) for values in (y, x)]) / (n - sizes)
    (vyy, vxy), (_, vxx) = (off @ off.T * (groups - 1) / groups).tolist()
    low, high, g = fieller_roots(means, (vyy, vxy, vxx), two_sided_t(level, units - 1.0))
    if low is None or high is None:
        return replace(found, why=f"too few passes to bound the ratio (g = {g:.2f}, it must be below 1)")
    return replace(found, low=max(0.0, low) if np.all(x >= 0.0) and np.all(y >= 0.0) else low, high=high)


DEAREST, TOO_DEAR = 0.01, 0.2  # the share of tasks that are the dearest, and of the cost that they may hold
BY_CHANCE = 2.5**2 * 6.0  # a squared skewness times n that symmetric costs have too: 2.5 standard deviations


def tail_share(costs: ArrayLike, of: float = DEAREST) -> float | None:
    """The share of the whole cost that the dearest of the tasks hold (by default the dearest 1%, one task at least).

    Above a fifth, means and ratios of costs have intervals that are too narrow. None where nothing is paid or a cost is
    unknown.
    """
    x = vector(costs, "costs")
    if len(x) == 0 or not np.all(np.isfinite(x)) or x.sum() <= 0.0:
        return None
    count = max(1, round(of * len(x)))
    return float(np.partition(x, len(x) - count)[len(x) - count :].sum() / x.sum())


def heavy_tail(costs: ArrayLike) -> float | None:
    """What the dearest 1% of the tasks hold, where that is over a fifth of the cost: then intervals are too narrow."""
    share, n = tail_share(costs), len(np.asarray(costs))
    # Of a dozen tasks one may well hold a fifth.
    return None if share is None or share <= max(TOO_DEAR, 3.0 * max(1, round(DEAREST * n)) / n) else share


def skewed_costs(costs: ArrayLike, clusters: Clusters = None) -> int | None:
    """How many tasks (or clusters) an interval of a mean or ratio of so skewed costs asks for, where there are fewer.

    25 times the squared skewness (Cochran 1977, section 2.15). None where there are enough, or a cost is unknown.
    """
    x = vector(costs, "costs")
    codes, groups = cluster_codes(clusters, len(x))
    if groups < 2 or not np.all(np.isfinite(x)):
        return None
    away = sum_by(codes, x - x.mean(), groups)
    square = float(away @ away) / groups
    skewed = float((away**3).mean()) ** 2 / square**3 if square > 1e-24 else 0.0
    return None if groups >= 25.0 * skewed or skewed <= BY_CHANCE / groups else math.ceil(25.0 * skewed - 1e-9)


def fieller_roots(
    means: tuple[float, float], variances: tuple[float, float, float], t: float
) -> tuple[float | None, float | None, float]:
    """Fieller's limits of y / x from means (y, x), variances (Vyy, Vxy, Vxx) and t, None where g >= 1; and g."""
    (y, x), (vyy, vxy, vxx) = means, variances
    g = t * t * vxx / (x * x) if x else math.inf
    if g >= 1.0:
        return None, None, g
    square, half, rest = x * x - t * t * vxx, x * y - t * t * vxy, y * y - t * t * vyy
    root = math.sqrt(max(0.0, half * half - square * rest))
    return (half - root) / square, (half + root) / square, g


def break_even(fixed: float, saving: Estimate) -> Estimate:
    """The number of tasks at which a fixed cost is earned back: ``fixed / saving a task``, at equal quality.

    The limits are those of the saving, turned over; None, with ``why``, where it may be 0 or is not above 0.
    """
    method = f"fixed cost over saving a task ({saving.method})" if saving.method else "fixed cost over saving a task"
    told = replace(saving, value=None, low=None, high=None, method=method, why=None)
    if saving.value is None:
        return replace(told, why=saving.why or "the saving a task is unknown")
    low = fixed / saving.high if saving.high is not None and saving.high > 0.0 else None
    if saving.value <= 0.0:
        return replace(told, low=low, why="nothing is saved a task, so the fixed cost is never earned back")
    told = replace(told, value=fixed / saving.value, low=low)
    if saving.low is None or saving.low <= 0.0:
        return replace(told, why="the saving may be 0, so there is no upper limit")
    return replace(told, high=fixed / saving.low)


def normalised_gain(a: Contender, b: Contender, clusters: Clusters = None, level: float = 0.95) -> Estimate:
    """The share of b's failures that a makes good, net of what it breaks: ``(rate_a - rate_b) / (1 - rate_b)``.

    Hake 1998, with Fieller's interval, unbounded where b fails too seldom. It overstates gains near the ceiling.
    """
    pairs = pair_tasks(*a, *b, clusters)
    found = fieller_ratio(pairs.differences, 1.0 - pairs.b, pairs.codes, level)
    if found.value is None:
        return replace(found, why="no common task" if len(pairs.a) == 0 else "nothing was left to gain")
    few = found.low is None and (found.why or "").startswith("too few")
    return replace(found, n_trials=pairs.trials, why="too few failures to bound the gain" if few else found.why)


def pareto_probability(
    passes: ArrayLike, costs: ArrayLike, clusters: Clusters = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> Vector:
    """How often each contender is Pareto-optimal when clusters are resampled jointly (Efron & Tibshirani 1993).

    What makes tasks hard or dear for all cancels. Both tables are (tasks, contenders): means, without unknowns.
    """
    p, c = np.asarray(passes, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    if p.ndim != 2 or p.shape != c.shape or p.size == 0 or np.isnan(p).any() or np.isnan(c).any():
        raise ValueError("passes and costs must be equal tables, tasks by contenders, without unknowns")
    codes, groups = cluster_codes(clusters, len(p))
    table = np.stack([sum_by(codes, column, groups) for column in (*p.T, *c.T)], axis=1)
    drawn = resampled_sums(table, resamples, seed)
    front = on_front(drawn[:, : p.shape[1]], drawn[:, p.shape[1] :])
    return np.asarray(front.mean(axis=0), dtype=np.float64)


def on_front(rate: Matrix, cost: Matrix) -> Flags:
    """Which columns of each row nobody dominates: sorted by cost, those above everything cheaper."""
    order = np.lexsort((-rate, cost), axis=1)
    r, c = np.take_along_axis(rate, order, axis=1), np.take_along_axis(cost, order, axis=1)
    before = np.maximum.accumulate(r, axis=1)
    before = np.concatenate([np.full((len(r), 1), -np.inf), before[:, :-1]], axis=1)
    better = r > before + 1e-9
    # An exact twin of the contender just before it on the front is on the front too.
    for k in range(1, r.shape[1]):
        better[:, k] |= better[:, k - 1] & (np.abs(r[:, k] - r[:, k - 1]) <= 1e-9) & (c[:, k] == c[:, k - 1])
    result = np.empty_like(better)
    np.put_along_axis(result, order, better, axis=1)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Aiq:
    """Average quality over the cost range, under the best non-decreasing frontier of the points."""

    hull: tuple[tuple[float, float], ...]
    over_max: float  # area divided by the largest cost
    over_range: float  # area divided by the width of the cost range


def aiq(costs: ArrayLike, qualities: ArrayLike) -> Aiq | None:
    """Area under the non-decreasing concave hull of (cost, quality) from the least to the greatest cost, None of one.

    Hu et al. 2024 (RouterBench) divide by the largest cost; by the range, a cheap start is not rewarded less the dearer
    its end is. Say which was used.
    """
    x, y = vectors(costs=costs, qualities=qualities)
    if len(x) == 0 or float(x.max()) <= float(x.min()):
        return None
    hull: list[tuple[float, float]] = []
    order = np.lexsort((-y, x))
    highest = np.maximum.accumulate(y[order])
    order = order[np.concatenate([[True], highest[1:] > highest[:-1]])]  # those that nothing cheaper is as good as
    for cost, quality in zip(x[order].tolist(), y[order].tolist(), strict=True):
        while len(hull) > 1:  # a corner on or below the line from the one before it to this point is none
            (x0, y0), (x1, y1) = hull[-2:]
            if (y1 - y0) * (cost - x0) > (quality - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append((cost, quality))
    last = float(x.max())
    flat = hull if hull[-1][0] == last else [*hull, (last, hull[-1][1])]
    area = math.fsum((b[0] - a[0]) * (a[1] + b[1]) / 2.0 for a, b in pairwise(flat))
    return Aiq(hull=tuple(hull), over_max=area / last, over_range=area / (last - float(x.min())))
