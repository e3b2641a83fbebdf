"""Tails and quantiles: of many at once, or of few degrees of freedom, from ``scipy.special``.

Importing that takes a fifth of a second and ``scipy.stats`` takes seconds, so what one verdict needs does without.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.units import Vector

MANY_DF = 1_000  # degrees of freedom from which on Student's t is taken from the normal distribution, by an expansion
normal_quantile = NormalDist().inv_cdf  # the z below which a standard normal lies with the given probability


def normal_tail(z: float) -> float:
    """P(Z > z) for a standard normal, accurate far out in the tail."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def two_sided_z(level: float) -> float:
    """The z of a two-sided interval, 1.96 at level .95; raises `ValueError` for a level that cannot be."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, not {level!r}")
    return normal_quantile(0.5 + level / 2.0)


def t_tail(t: float, df: float) -> float:
    """P(T > t) for Student's t with ``df`` degrees of freedom (not necessarily whole)."""
    if df >= MANY_DF:
        return normal_tail(math.copysign(_normal_of_t(t, df), t))
    from scipy.special import stdtr

    return float(stdtr(df, -t))


def t_quantile(probability: float, df: float) -> float:
    """The quantile of Student's t with ``df`` degrees of freedom (not necessarily whole)."""
    if df >= MANY_DF and 1e-12 < probability < 1.0 - 1e-12:
        z = normal_quantile(probability)
        t = z
        for _ in range(8):  # Newton's method on the normal value, whose slope is close to 1
            t -= math.copysign(_normal_of_t(t, df), t) - z
        return t
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


def _normal_of_t(t: float, df: float) -> float:
    """The z of the same tail as |t|, to 12 digits from `MANY_DF` on (Hill 1970, algorithm 395)."""
    free = df - 0.5
    b, y = 48.0 * free * free, free * math.log1p(t * t / df)
    far = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b)
    return ((far + y + 3.0) / b + 1.0) * math.sqrt(y)


def two_sided_t(level: float, df: float) -> float:
    """The t of a two-sided interval with ``df`` degrees of freedom; raises like `two_sided_z`."""
    two_sided_z(level)
    return t_quantile(0.5 + level / 2.0, df)


def chi2_quantile(probability: float, df: float) -> float:
    """The quantile of the chi-squared distribution with ``df`` degrees of freedom."""
    from scipy.special import chdtri

    return float(chdtri(df, 1.0 - probability))


def binomial_chances(k: ArrayLike, n: float, p: float) -> Vector:
    """P(X = k) for X ~ Binomial(n, p)."""
    hits = np.asarray(k, dtype=np.float64)
    if hits.ndim == 1 and len(hits) > 2 and hits[0] >= 0 and hits[-1] <= n and (np.diff(hits) == 1.0).all():
        first = math.lgamma(hits[0] + 1.0) + math.lgamma(n - hits[0] + 1.0)
        ways = first + np.append(0.0, np.cumsum(np.log(hits[1:]) - np.log(n - hits[:-1])))
    else:
        ways = np.reshape([math.lgamma(x + 1.0) + math.lgamma(n - x + 1.0) for x in hits.ravel().tolist()], hits.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_hits, of_rest = np.where(hits > 0, hits * np.log(p), 0.0), np.where(n > hits, (n - hits) * np.log1p(-p), 0.0)
    return np.asarray(np.exp(math.lgamma(n + 1.0) - ways + of_hits + of_rest), dtype=np.float64)


def crossing(beyond: Callable[[float], bool], low: float, high: float, near: float = 0.0) -> tuple[float, float]:
    """Where a condition false at ``low`` becomes true up to ``high``: the last false and the first true found."""
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high) or high - low <= near:
            break
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return low, high


def root(function: Callable[[float], float], low: float, high: float, near: float = 1e-13) -> float:
    """Where a continuous function with opposite signs at the ends is 0 (Illinois: Dowell & Jarratt 1971)."""
    # Importing scipy.optimize takes half a second.
    at_low, at_high, moved, x = function(low), function(high), 0, low
    for _ in range(200):
        last, x = x, (low * at_high - high * at_low) / (at_high - at_low)
        y = function(x)
        if y == 0.0 or abs(x - last) <= near:
            break
        if (y > 0.0) == (at_high > 0.0):
            high, at_high, at_low, moved = x, y, at_low / 2.0 if moved == 1 else at_low, 1
        else:
            low, at_low, at_high, moved = x, y, at_high / 2.0 if moved == -1 else at_high, -1
    return x
