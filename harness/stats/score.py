"""Tango's score test for units that differ by any amount: it holds however skewed the differences are."""

import math

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.permutation import Tested
from harness.stats.tails import root, t_quantile, t_tail
from harness.stats.units import Vector, kish_units, vectors


def score_z(sums: ArrayLike, sizes: ArrayLike, delta: float) -> float:
    """Tango's score statistic for units that differ by any amount: large where the true difference lies above delta.

    A unit is a cluster of tasks, or a task with several trials, of sum S_g and size m_g. Tango puts the likeliest table
    under the hypothesis into the variance; this does so with the likeliest distribution (empirical likelihood, Owen
    1988) of ``u_g = (S_g - delta m_g) / mbar``, in which a unit not yet seen, of Kish's size ``k = sum m_g^2 / (G
    mbar^2)``, may lose everything: with ``lam = argmax sum log(1 + lam u_g)`` up to ``1 / ((1 + delta) k)`` the
    variance of u is ``ubar / lam``, and ``Z = sqrt((G - 1) lam ubar)``, G - 1 because the mean is estimated. On one 0/1
    trial a task Z is Tango's, but for ``sqrt((G - 1) / G)``. Z falls as delta rises; below the difference seen the
    mirror image holds.
    """
    s, m = vectors(sums=sums, sizes=sizes)
    if len(s) == 0 or np.any(m <= 0) or np.any(np.abs(s) > m + 1e-9) or not -1 <= delta <= 1:
        raise ValueError("each sum must lie within plus and minus its size, and delta within plus and minus 1")
    return _score_z(s, m, delta)


def _score_z(sums: Vector, sizes: Vector, delta: float) -> float:
    u = (sums - delta * sizes) / float(sizes.mean())
    away = float(u.mean())
    if abs(away) <= 1e-12:
        return 0.0
    if away < 0.0:
        return -_score_z(-sums, sizes, -delta)
    # The worst that a unit can do, seen or not; 0 where the hypothesis allows of nothing but losing everything.
    worst = max((1.0 + delta) * len(u) / kish_units(sizes), -float(u.min()))
    return math.inf if worst <= 1e-12 else math.sqrt((len(u) - 1) * _multiplier(u / worst) / worst * away)


def _multiplier(u: Vector) -> float:
    """Where ``sum log(1 + x u)`` is greatest on [0, 1], of u from -1 on and a mean above 0; by Newton's steps."""
    if u.min() > -1.0 + 1e-12 and float((u / (1.0 + u)).sum()) >= 0.0:
        return 1.0
    low, high, x = 0.0, 1.0, 0.5
    for _ in range(100):
        each = u / (1.0 + x * u)
        slope = float(each.sum())
        low, high = (x, high) if slope > 0.0 else (low, x)
        following = x + slope / float(each @ each)
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - x) <= 1e-15:
            break
        x = following
    return x


def score_low(sums: Vector, sizes: Vector, target: float) -> float:
    """The difference at which `score_z`, which is 0 at the difference seen, has come down to the target."""
    seen = float(sums.sum() / sizes.sum())
    if seen <= -1.0 + 1e-12:
        return -1.0
    return root(lambda delta: min(_score_z(sums, sizes, delta), 2.0 * target) - target, -1.0, seen)


def score_test(sums: ArrayLike, sizes: ArrayLike, level: float = 0.95) -> Tested:
    """Whether two contenders do equally well, by `score_z` on t with G - 1 df, and the differences not refuted by it.

    Where one has single yes or no trials and the other means of many, signs cannot be flipped and scores not shuffled.
    """
    s, m = vectors(sums=sums, sizes=sizes)
    units = int(np.count_nonzero(np.abs(s) > 1e-12))
    if len(s) < 2:
        return Tested(p_value=1.0, low=-1.0, high=1.0, method="score on t", units=units, smallest_p=1.0)
    df, target = len(s) - 1, t_quantile(0.5 + level / 2.0, len(s) - 1)
    p = 2.0 * t_tail(abs(score_z(s, m, 0.0)), df)
    low, high = score_low(s, m, target), -score_low(-s, m, target)
    return Tested(p_value=p, low=low, high=high, method="score on t", units=units, smallest_p=0.0)
