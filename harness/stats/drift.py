"""Does a difference change while the run goes on, or between calls of the run?"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.tails import normal_tail, two_sided_t
from harness.stats.units import Clusters, Codes, Matrix, Vector, cluster_codes, strata_of_units, sum_by, vectors

SHUFFLES, MANY = 4_999, 2_000  # shuffles of the order; and units above which their distribution is taken as its limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a mean changes with the place in the run."""

    change: Estimate  # of the mean, from the first to the last unit, along a straight line
    p_value: float  # that units come in an order that has nothing to do with their values
    units: int


def trend(
    values: ArrayLike, times: ArrayLike, clusters: Clusters = None, level: float = 0.95, *,
    strata: ArrayLike | None = None, seed: int | None = 0,
) -> Drift:  # fmt: skip
    """The change of ``values`` (a task's difference, say) over the run, by least squares on the ranks of ``times``.

    The unit is the task, or the cluster at its mean time. ``strata`` (a task's domain, say) have means of their own,
    and each is shuffled within itself, so that one asked after another is no trend; those of one unit are together
    one. p is that of the slope when the order is shuffled (Fisher 1935; Pitman 1937), above 2,000 units or without a
    seed by its normal limit; the interval t on the HC3 error (MacKinnon & White 1985). Where no stratum has two times,
    or units are too few for an error, there is no slope: p 1, and no value.
    """
    x, t = vectors(values=values, times=times)
    codes, groups = cluster_codes(clusters, len(x))
    sizes = np.bincount(codes, minlength=groups).astype(np.float64)
    y, place = sum_by(codes, x, groups) / sizes, _ranks(sum_by(codes, t, groups) / sizes)
    of, number = strata_of_units(strata, codes, groups)
    spread, apart = _centred(place, of, number), _centred(y, of, number)
    square = float(spread @ spread)
    blank = Estimate(value=None, level=level, n_tasks=len(x), method="least squares on the order, HC3")
    if groups < number + 2 or square <= 1e-12:
        return Drift(change=Estimate(value=None, level=level, method="none", why=_no_order(number)), p_value=1.0,
                     units=groups)  # fmt: skip
    slope = float(spread @ apart) / square
    rest = apart - slope * spread
    hat = 1.0 / np.bincount(of)[of] + spread**2 / square
    error = math.sqrt(float(((spread * rest / np.maximum(1.0 - hat, 1e-9)) ** 2).sum())) / square
    reach, width = two_sided_t(level, groups - number - 1) * error, float(place.max() - place.min())
    seen = abs(float(spread @ apart))
    if seed is None or groups > MANY:
        variance = float((sum_by(of, spread**2, number) * _variances(apart, of, number)).sum())
        p = 2.0 * normal_tail(seen / math.sqrt(variance)) if variance > 0.0 else 1.0
    else:
        drawn = sum(order @ apart[units] for order, units in _shuffled(spread, of, number, seed))
        p = (1 + int((np.abs(drawn) >= seen - 1e-12 * max(1.0, seen)).sum())) / (1 + SHUFFLES)
    low, high = sorted((width * (slope - reach), width * (slope + reach)))
    change = replace(blank, value=width * slope, low=low, high=high)
    return Drift(change=change, p_value=p, units=groups)


def _no_order(strata: int) -> str:
    return "no order to look at" + " within any stratum" * (strata > 1)


def _centred(values: Vector, of: Codes, strata: int) -> Vector:
    return values - (sum_by(of, values, strata) / np.bincount(of, minlength=strata))[of]


def _variances(centred: Vector, of: Codes, strata: int) -> Vector:
    """Of each stratum, on its size minus 1; 0 where it has one unit."""
    sizes = np.bincount(of, minlength=strata)
    return np.asarray(sum_by(of, centred**2, strata) / np.maximum(sizes - 1, 1), dtype=np.float64)


def _shuffled(values: Vector, of: Codes, strata: int, seed: int) -> Iterator[tuple[Matrix, Codes]]:
    """Of each stratum its values in `SHUFFLES` orders, a row an order, and the units that they are of."""
    rng = np.random.default_rng(seed)
    for stratum in range(strata):
        units = np.flatnonzero(of == stratum)
        yield rng.permuted(np.broadcast_to(values[units], (SHUFFLES, len(units))), axis=1), units


def run_effect(
    values: ArrayLike, runs: ArrayLike, *, strata: ArrayLike | None = None, seed: int = 0
) -> tuple[float, dict[int, float]]:
    """The p of "the calls of the run do not differ", by shuffling which call made which task; each call's mean.

    The statistic is Kruskal and Wallis's, over ``strata`` as in `trend` that of Landis, Heyman & Koch (1978): what
    calls are above the means of their strata, in the metric of its covariance when each stratum is shuffled. Above
    2,000 values by its limit, chi-square. Where no stratum has two calls, p is 1.
    """
    x, names = np.asarray(values, dtype=np.float64), np.asarray(runs)
    kinds, codes = np.unique(names, return_inverse=True)
    means = sum_by(codes, x, len(kinds)) / np.bincount(codes)
    found = dict(zip(kinds.tolist(), means.tolist(), strict=True))
    of, number = strata_of_units(strata, np.arange(len(x), dtype=np.intp), len(x))
    metric, free = _metric(x, codes, of, number)
    if not free:
        return 1.0, found
    apart = _centred(x, of, number)
    above = np.bincount(codes, weights=apart, minlength=len(kinds))
    seen = float(above @ metric @ above)
    if len(x) > MANY:
        from scipy.special import chdtrc

        return float(chdtrc(free, seen)), found
    drawn = np.zeros((SHUFFLES, len(kinds)))
    for order, units in _shuffled(apart, of, number, seed):
        drawn += order @ np.eye(len(kinds))[codes[units]]
    hits = int((np.einsum("ij,jk,ik->i", drawn, metric, drawn) >= seen * (1.0 - 1e-9)).sum())
    return (1 + hits) / (1 + SHUFFLES), found


def _metric(x: Vector, codes: Codes, of: Codes, strata: int) -> tuple[Matrix, int]:
    """The inverse of the covariance of the calls' sums when each stratum is shuffled, and its rank."""
    kinds = int(codes.max(initial=-1)) + 1
    counts = np.bincount(of * kinds + codes, minlength=strata * kinds).reshape(strata, kinds).astype(np.float64)
    sizes, variances = counts.sum(axis=1), _variances(_centred(x, of, strata), of, strata)
    covariance = np.diag(variances @ counts) - (counts.T * (variances / sizes)) @ counts
    rank = int(np.linalg.matrix_rank(covariance, tol=1e-9 * max(1.0, float(np.trace(covariance))), hermitian=True))
    return np.linalg.pinv(covariance, rcond=1e-9, hermitian=True), rank if covariance.any() else 0


def _ranks(values: Vector) -> Vector:
    """Places in order, equal values sharing their mean place."""
    order, start = np.unique(values, return_inverse=True)
    counts = np.bincount(start, minlength=len(order))
    first = np.cumsum(counts) - counts
    return np.asarray((first + (counts - 1) / 2.0)[start], dtype=np.float64)
