"""Money per pass, and the share of what was left to gain: ratios of two means, and intervals that may have no end."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.comparison import pair_tasks
from harness.stats.tails import two_sided_t, two_sided_z
from harness.stats.units import Vector, cluster_codes, same_length, sum_by, vector


def fieller_ratio(
    numerator: ArrayLike, denominator: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """The ratio of two sums over tasks (cost over passes) with Fieller's interval.

    The roots of ``(x^2 - t^2 Vxx) r^2 - 2 (x y - t^2 Vxy) r + (y^2 - t^2 Vyy) = 0``, with x the mean denominator, y the
    mean numerator and V the (co)variances of those means over G clusters, t on G - 1 df (Fieller 1954). Failed tasks
    cost too: give every task's cost, passed or not. Where ``g = t^2 Vxx / x^2 >= 1`` the denominator cannot be told
    from 0 and the interval is unbounded: the limits are None and ``why`` says so; nothing is put in its place.

    One value a task in each; NaN is unknown and makes the ratio None.

    Returns:
        The ratio. A limit below 0 is cut at 0 where neither numerator nor denominator can be negative.
    """
    two_sided_z(level)
    y, x = vector(numerator, "numerator"), vector(denominator, "denominator")
    n = same_length(numerator=y, denominator=x)
    unknown = int((np.isnan(y) | np.isnan(x)).sum())
    codes, groups = cluster_codes(clusters, n)
    blank = Estimate(value=None, level=level, n_tasks=n, method=f"Fieller, {groups} clusters")
    if n == 0 or unknown:
        return replace(blank, method="none", why=f"unknown for {unknown} of {n} tasks" if unknown else "no tasks")
    if float(x.sum()) == 0.0:
        return replace(blank, method="Fieller", why="nothing passed, so there is no cost per pass")
    blank = replace(blank, value=float(y.sum() / x.sum()))
    if groups < 2:
        return replace(blank, why="one cluster has no interval")
    low, high, g = fieller_limits(sum_by(codes, y, groups), sum_by(codes, x, groups), two_sided_t(level, groups - 1))
    if low is None or high is None:
        return replace(blank, why=f"too few passes to bound the ratio (g = {g:.2f}, it must be below 1)")
    return replace(blank, low=max(0.0, low) if np.all(x >= 0.0) and np.all(y >= 0.0) else low, high=high)


def fieller_limits(numerator: Vector, denominator: Vector, t: float) -> tuple[float | None, float | None, float]:
    """Fieller's limits from the sums of independent units, and g; the limits are None where g >= 1."""
    groups = len(numerator)
    y, x = float(numerator.mean()), float(denominator.mean())
    covariance = np.cov(numerator, denominator, ddof=1) / groups
    vyy, vxy, vxx = float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])
    return fieller_roots((y, x), (vyy, vxy, vxx), t)


def fieller_roots(
    means: tuple[float, float], variances: tuple[float, float, float], t: float
) -> tuple[float | None, float | None, float]:
    """Fieller's limits of y / x, and ``g = t^2 Vxx / x^2``; the limits are None where g >= 1.

    ``means`` are (y, x), ``variances`` (Vyy, Vxy, Vxx) of those means.
    """
    (y, x), (vyy, vxy, vxx) = means, variances
    if x == 0.0:
        return None, None, math.inf
    g = t * t * vxx / (x * x)
    if g >= 1.0:
        return None, None, g
    square, half, rest = x * x - t * t * vxx, x * y - t * t * vxy, y * y - t * t * vyy
    root = math.sqrt(max(0.0, half * half - square * rest))
    return (half - root) / square, (half + root) / square, g


def break_even(fixed: float, saving: Estimate) -> Estimate:
    """The number of tasks at which a fixed cost is earned back: ``fixed / saving a task``, at equal quality.

    The limits are those of the saving, turned over. Where the saving's interval holds 0 the upper limit is infinite,
    and so None with ``why``; where the saving itself is not above 0, the fixed cost is never earned back.
    """
    method = f"fixed cost over saving a task ({saving.method})" if saving.method else "fixed cost over saving a task"
    told = replace(saving, value=None, low=None, high=None, method=method, why=None)
    if saving.value is None:
        return replace(told, why=saving.why or "the saving a task is unknown")
    low = fixed / saving.high if saving.high is not None and saving.high > 0.0 else None
    if saving.value <= 0.0:
        return replace(told, low=low, why="nothing is saved a task, so the fixed cost is never earned back")
    value = fixed / saving.value
    if saving.low is None or saving.low <= 0.0:
        return replace(told, value=value, low=low, why="the saving may be 0, so there is no upper limit")
    return replace(told, value=value, low=low, high=fixed / saving.low)


def normalised_gain(
    a: tuple[ArrayLike, ArrayLike],
    b: tuple[ArrayLike, ArrayLike],
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """The share of b's failures that a makes good, net of what it breaks: ``(rate_a - rate_b) / (1 - rate_b)``.

    Hake 1998, as a ratio of means over the common tasks with Fieller's interval. It compares gains from different
    starting points, and overstates them near the ceiling: read it beside the plain difference. Unbounded, with ``why``,
    where b fails too seldom.

    ``a`` and ``b`` are (sums, counts), as in `compare`.
    """
    pairs = pair_tasks(*a, *b, clusters)
    found = fieller_ratio(pairs.differences, 1.0 - pairs.b, pairs.codes, level)
    if found.value is None:
        return replace(found, why="no common task" if len(pairs.a) == 0 else "nothing was left to gain")
    if found.low is None and found.why is not None and found.why.startswith("too few"):
        return replace(found, why="too few failures to bound the gain", n_trials=pairs.trials)
    return replace(found, n_trials=pairs.trials)
