"""The cluster bootstrap by counts of clusters; figures of one seed share resamples, so differences are joint."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.core import Estimate
from harness.stats.tails import normal_tail, two_sided_t, two_sided_z
from harness.stats.units import Matrix, Vector, few_rows

RESAMPLES = 9_999
_KEPT = 40_000_000  # weights of a table that is made at once
_BLOCK = 200_000  # draws at a time: what the caches of a processor hold


def cluster_weights(groups: int, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.uint8]:
    """How often each of G clusters is drawn in each resample: shape (resamples, groups), rows sum to G (Efron 1979)."""
    if groups * resamples <= _KEPT:
        return _kept(groups, resamples, seed)
    return np.concatenate(list(_blocks(groups, resamples, seed)))


def resampled_sums(sums: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Matrix:
    """Sums over resampled clusters, block by block: ``W @ X`` for X (clusters, columns), shape (resamples, columns)."""
    X = _columns(sums)
    if len(X) * resamples <= _KEPT:
        weights, rows = cluster_weights(len(X), resamples, seed), max(1, _BLOCK // len(X))
        blocks: Iterator[NDArray[np.uint8]] = (weights[i : i + rows] for i in range(0, resamples, rows))
    else:
        blocks = _blocks(len(X), resamples, seed)
    return np.concatenate([block.astype(np.float64) @ X for block in blocks])


def bootstrap_estimate(
    sums: ArrayLike,
    figure: Callable[[Matrix], Vector],
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
    n_tasks: int = 0,
    n_trials: int = 0,
) -> Estimate:
    """A percentile interval for a figure of sums over clusters (Efron & Tibshirani 1993, chapter 13).

    ``sums`` has the shape (clusters, columns); ``figure`` makes m values of m rows of summed columns, NaN where it
    cannot be had: then the value is None, with ``why``, and the limits where it cannot in over half of ``1 - level`` of
    the resamples. With few clusters it is too narrow. Where many have few distinct rows of sums, it is drawn how often
    each row occurs: Multinomial(G; shares).
    """
    X = _columns(sums)
    two_sided_z(level)
    if len(X) == 0:
        return Estimate(value=None, level=level, method="none", why="no tasks")
    method = f"bootstrap of {len(X)} clusters, {resamples} resamples, seed {seed}"
    value = float(figure(X.sum(axis=0, keepdims=True))[0])
    found = Estimate(value=value, level=level, n_tasks=n_tasks, n_trials=n_trials, method=method)
    if not math.isfinite(value):
        return replace(found, value=None, why="undefined")
    if len(X) < 2:
        return replace(found, why="one cluster cannot be resampled")
    distinct = few_rows(X) if len(X) * resamples > _KEPT else None
    if distinct is None:
        drawn = resampled_sums(X, resamples, seed)
    else:  # the same resamples, counted instead of listed
        counts = np.random.default_rng(seed).multinomial(len(X), distinct[1] / len(X), size=resamples)
        drawn = np.asarray(counts.astype(np.float64) @ distinct[0])
    return with_percentiles(found, figure(drawn))


def expanded(level: float, units: int) -> float:
    """The level at which percentiles of so many resampled units are as wide as Student's t is (Hesterberg 2015)."""
    return 1.0 - 2.0 * normal_tail(math.sqrt(units / (units - 1.0)) * two_sided_t(level, units - 1))


def with_percentiles(found: Estimate, drawn: Vector, level: float | None = None) -> Estimate:
    """An estimate with the percentile interval of its resampled values, widened where needed to hold its value."""
    limits = percentile_limits(drawn, level or found.level)
    if limits is None or found.value is None:
        return replace(found, why="undefined in too many resamples")
    return replace(found, low=min(limits[0], found.value), high=max(limits[1], found.value))


def percentile_limits(drawn: Vector, level: float = 0.95) -> tuple[float, float] | None:
    """The central ``level`` of resampled values; None where more than a tail's worth of them are undefined (NaN)."""
    known = drawn[np.isfinite(drawn)]
    tail = (1.0 - level) / 2.0
    if len(known) == 0 or len(known) < (1.0 - tail) * len(drawn):
        return None
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return float(low), float(high)


def _columns(sums: ArrayLike) -> Matrix:
    X = np.asarray(sums, dtype=np.float64)
    return X[:, None] if X.ndim == 1 else X


@lru_cache(maxsize=4)
def _kept(groups: int, resamples: int, seed: int) -> NDArray[np.uint8]:
    weights = np.concatenate(list(_blocks(groups, resamples, seed)))
    weights.flags.writeable = False
    return weights


def _blocks(groups: int, resamples: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Blocks of weights, in one fixed order; a count above 255 has no chance of occurring (below 1 / 255! a cell)."""
    if groups < 1 or resamples < 1:
        raise ValueError(f"a bootstrap needs clusters and resamples, not {groups} and {resamples}")
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // groups)
    for done in range(0, resamples, rows):
        here = min(rows, resamples - done)
        picked = rng.integers(0, groups, size=(here, groups), dtype=np.int64)
        picked += (np.arange(here, dtype=np.int64) * groups)[:, None]
        yield np.bincount(picked.ravel(), minlength=here * groups).astype(np.uint8).reshape(here, groups)
