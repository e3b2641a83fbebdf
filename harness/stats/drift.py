"""Does a difference change while the run goes on, or between calls of the run?"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.tails import normal_tail, two_sided_t
from harness.stats.units import Clusters, Codes, Vector, cluster_codes, sum_by, vectors

SHUFFLES, MANY = 4_999, 2_000  # shuffles of the order; and units above which their distribution is taken as its limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a mean changes with the place in the run."""

    change: Estimate  # of the mean, from the first to the last unit, along a straight line
    p_value: float  # that units come in an order that has nothing to do with their values
    units: int


def trend(
    values: ArrayLike, times: ArrayLike, clusters: Clusters = None, level: float = 0.95, *, seed: int | None = 0
) -> Drift:
    """The change of ``values`` (a task's difference, say) over the run, by least squares on the ranks of ``times``.

    The unit is the task, or the cluster at its mean time. p is that of the slope when the order is shuffled (Fisher
    1935; Pitman 1937), above 2,000 units or without a seed by its normal limit; the interval t on the HC3 error
    (MacKinnon & White 1985). Fewer than three units, or one time for all, have no slope: p 1, and no value.
    """
    x, t = vectors(values=values, times=times)
    codes, groups = cluster_codes(clusters, len(x))
    sizes = np.bincount(codes, minlength=groups).astype(np.float64)
    y, place = sum_by(codes, x, groups) / sizes, _ranks(sum_by(codes, t, groups) / sizes)
    spread = place - place.mean() if groups else place
    square = float(spread @ spread)
    blank = Estimate(value=None, level=level, n_tasks=len(x), method="least squares on the order, HC3")
    if groups < 3 or square <= 1e-12:
        return Drift(change=Estimate(value=None, level=level, method="none", why="no order to look at"), p_value=1.0,
                     units=groups)  # fmt: skip
    slope = float(spread @ y) / square
    rest = y - y.mean() - slope * spread
    hat = 1.0 / groups + spread**2 / square
    error = math.sqrt(float(((spread * rest / np.maximum(1.0 - hat, 1e-9)) ** 2).sum())) / square
    reach, width = two_sided_t(level, groups - 2) * error, float(place.max() - place.min())
    seen = abs(float(spread @ y))
    if seed is None or groups > MANY:
        variance = square * float(np.square(y - y.mean()).sum()) / (groups - 1)
        p = 2.0 * normal_tail(seen / math.sqrt(variance)) if variance > 0.0 else 1.0
    else:
        rng = np.random.default_rng(seed)
        hits = sum(abs(float(rng.permutation(spread) @ y)) >= seen - 1e-12 * max(1.0, seen) for _ in range(SHUFFLES))
        p = (1 + hits) / (1 + SHUFFLES)
    low, high = sorted((width * (slope - reach), width * (slope + reach)))
    change = replace(blank, value=width * slope, low=low, high=high)
    return Drift(change=change, p_value=p, units=groups)


def run_effect(values: ArrayLike, runs: ArrayLike, *, seed: int = 0) -> tuple[float, dict[int, float]]:
    """The p of "the calls of the run do not differ", by shuffling which call made which task; each call's mean.

    Above 2,000 values by the limit of what is shuffled, chi-square of Kruskal and Wallis's form.
    """
    x, names = np.asarray(values, dtype=np.float64), np.asarray(runs)
    kinds, codes = np.unique(names, return_inverse=True)
    means = sum_by(codes, x, len(kinds)) / np.bincount(codes)
    found = dict(zip(kinds.tolist(), means.tolist(), strict=True))
    if len(kinds) < 2:
        return 1.0, found
    if len(x) > MANY:
        from scipy.special import chdtrc

        variance = float(x.var(ddof=1))
        excess = (_between(x, codes) - float(x.sum()) ** 2 / len(x)) / variance if variance > 0.0 else 0.0
        return float(chdtrc(len(kinds) - 1, excess)), found
    rng, seen = np.random.default_rng(seed), _between(x, codes)
    hits = sum(_between(rng.permutation(x), codes) >= seen * (1.0 - 1e-12) for _ in range(SHUFFLES))
    return (1 + hits) / (1 + SHUFFLES), found


def _between(x: Vector, codes: Codes) -> float:
    sums, sizes = np.bincount(codes, weights=x), np.bincount(codes)
    return float((sums**2 / sizes).sum())


def _ranks(values: Vector) -> Vector:
    """Places in order, equal values sharing their mean place."""
    order, start = np.unique(values, return_inverse=True)
    counts = np.bincount(start, minlength=len(order))
    first = np.cumsum(counts) - counts
    return np.asarray((first + (counts - 1) / 2.0)[start], dtype=np.float64)
