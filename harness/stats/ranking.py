"""Several contenders on the same tasks: what holds where the data chose whom to compare, and who is best."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.domains import mixture_quantile, posterior
from harness.stats.signflip import LISTED, NORMAL, TIE, flipped
from harness.stats.tails import two_sided_z
from harness.stats.units import Clusters, Codes, Flags, Matrix, cluster_codes, sum_by

PAIRS_AT_ONCE = 200  # columns of a block of sums of differences
DRAWS = 20_000  # of the largest of correlated normals


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """All pairs of contenders on the same tasks."""

    p_adjusted: Matrix  # two-sided, of each pair, over all pairs: whoever is compared with whomever; 1 on the diagonal
    unbeaten: Flags  # one a contender: none is shown to pass more than it
    factor: float  # standard errors of the interval that holds for all contenders at once, so for the best of them too


def rank(
    means: ArrayLike, clusters: Clusters = None, level: float = 0.95, *, seed: int = 0, resamples: int = 9_999
) -> Ranking:
    """Compares all pairs of ``means``, one column a contender and one row a task, each task tried by all of them.

    p values by single-step max-T over all pairs (Westfall & Young 1993; Tukey's question), one sign of a cluster for
    all pairs, ``T = sum d / sqrt(sum d^2)``; they hold too where the data chose the pair, as "each with the leader"
    does. ``unbeaten`` are those that no other passes significantly more than at 1 - ``level`` (Hsu 1984 asks the same
    of intervals). ``factor`` is the ``level`` quantile of the largest of |Z| with the contenders' own correlation.
    """
    x = np.asarray(means, dtype=np.float64)
    if x.ndim != 2 or not np.all(np.isfinite(x)):
        raise ValueError("means must be a table of finite numbers: tasks by contenders")
    codes, groups = cluster_codes(clusters, len(x))
    many = x.shape[1]
    sums = _sums(x - x[:, :1], codes, groups)  # less the first: differences stay what they are, and fewer rows differ
    first, second = np.triu_indices(many, 1)
    cross = sums.T @ sums
    length = np.sqrt(np.maximum(cross[first, first] + cross[second, second] - 2.0 * cross[first, second], 0.0))
    whole = sums.sum(axis=0)
    live = length > 1e-9
    first, second, length = first[live], second[live], length[live]
    seen = np.abs(whole[first] - whole[second]) / length
    hits, drawn = np.zeros(len(seen)), 0
    blocks = iter(()) if not len(seen) else flipped(sums, seed, resamples)
    widest = float((sums.max(axis=1) - sums.min(axis=1)).max(initial=0.0)) if many else 0.0
    if groups * resamples > LISTED and len(seen) and length.min() >= math.sqrt(NORMAL) * widest:
        blocks = iter([_normals(cross, np.random.default_rng(seed), 9_999)])
    for block in blocks:
        largest, turned = np.zeros(len(block)), np.ascontiguousarray(block.T)
        for start in range(0, len(seen), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            moved = np.abs(turned[first[part]] - turned[second[part]]) / length[part, None]
            np.maximum(largest, moved.max(axis=0), out=largest)
        ordered = np.sort(largest)
        hits += len(ordered) - np.searchsorted(ordered, seen - 1e-9, side="left")
        drawn += len(block)
    p = np.ones((many, many))
    p[first, second] = p[second, first] = np.minimum(1.0, (hits + 1.0) / (drawn + 1.0))
    better = (whole[:, None] - whole[None, :]) > TIE * max(1.0, float(np.abs(whole).max(initial=0.0)))
    return Ranking(
        p_adjusted=p,
        unbeaten=~((p <= 1.0 - level) & better).any(axis=0),
        factor=simultaneous_factor(_sums(x - x.mean(axis=0), codes, groups), level, seed),
    )


def _sums(x: Matrix, codes: Codes, groups: int) -> Matrix:
    return np.stack([np.zeros(groups), *(sum_by(codes, column, groups) for column in x.T)], axis=1)[:, 1:]


def _normals(cross: Matrix, rng: np.random.Generator, draws: int) -> Matrix:
    """Normals with this covariance, one draw a row."""
    values, vectors = np.linalg.eigh(cross)
    drawn = rng.standard_normal((draws, len(values)))
    return np.asarray(drawn @ (vectors * np.sqrt(np.maximum(values, 0.0))).T, dtype=np.float64)


def simultaneous_factor(deviations: Matrix, level: float, seed: int = 0) -> float:
    """The quantile of the largest |Z| of normals correlated as the columns are; that of one where they are one."""
    spread = np.sqrt((deviations**2).sum(axis=0))
    z = deviations[:, spread > TIE] / spread[spread > TIE]
    if z.shape[1] < 2:
        return two_sided_z(level)
    drawn = _normals(z.T @ z, np.random.default_rng(seed), DRAWS)
    return float(np.quantile(np.abs(drawn).max(axis=1), level))


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The highest of several rates, which the data chose for being high."""

    place: int  # the column of the contender
    likely: float  # its true rate, drawn to the mean of all as far as noise asks; what lies above it is likely luck
    interval: Estimate  # holds although it was chosen


def best_of(
    means: ArrayLike, found: Estimate, factor: float, clusters: Clusters = None, *, place: int | None = None
) -> Best:
    """What the highest rate of several contenders on the same tasks is worth; ``found`` is its estimate by itself.

    That may rest on more tasks than all of them have; ``place`` then says whose it is. ``likely`` is the mean of the
    leader's rate where rates of contenders lie around a common mean (`heterogeneity` with its tau integrated out),
    which knows no selection. The interval goes down to the lower of that model's end and of the simultaneous one
    (``factor`` of `rank`), as one contender may be better than a normal curve allows, and up to the plain end: chosen
    rates are too high, never too low.
    """
    x = np.asarray(means, dtype=np.float64)
    many, rates = x.shape[1], x.mean(axis=0)
    place = int(rates.argmax()) if place is None else place
    if many < 2 or found.value is None or found.low is None:
        return Best(place=place, likely=float(rates[place]), interval=found)
    codes, groups = cluster_codes(clusters, len(x))
    sizes = np.bincount(codes, minlength=groups)[:, None]
    without = _sums(x - rates, codes, groups) / np.maximum(len(x) - sizes, 1)  # as in `cr3`
    noise = without.T @ without * (groups - 1) / groups
    center = np.eye(many) - 1.0 / many
    weight, middle, variance = posterior(rates - rates.mean(), np.maximum(np.diag(center @ noise @ center), 1e-12))
    (low,) = mixture_quantile(weight, middle[:, [place]], variance[:, [place]] + noise.mean(), 0.5 - found.level / 2.0)
    middle_rate = float(rates.mean()) + found.value - float(rates[place])
    likely = min(found.value, middle_rate + float(weight @ middle[:, place]))
    stretched = found.value - factor / two_sided_z(found.level) * (found.value - found.low)
    end = min(max(0.0, min(middle_rate + low, stretched)), likely)
    interval = replace(found, low=end, method=f"{found.method}, the best of {many}")
    return Best(place=place, likely=likely, interval=interval)
