"""Which contenders are Pareto-optimal in cost and quality: a probability, never a yes or no."""

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.bootstrap import RESAMPLES, Matrix, resampled_sums
from harness.stats.units import Vector, cluster_codes, sum_by


def pareto_probability(
    passes: ArrayLike,
    costs: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Vector:
    """How often each contender is Pareto-optimal when the tasks are resampled: a joint bootstrap over clusters.

    All contenders share each resample (Efron & Tibshirani 1993), so what makes tasks hard or dear for all cancels. It
    is a picture of the sampling noise, not a test.

    ``passes`` and ``costs`` have the shape (tasks, contenders): means of each at each task. Tasks with an unknown for
    any contender must be left out beforehand.
    """
    p, c = np.asarray(passes, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    if p.ndim != 2 or p.shape != c.shape or p.size == 0 or np.isnan(p).any() or np.isnan(c).any():
        raise ValueError("passes and costs must be equal tables, tasks by contenders, without unknowns")
    codes, groups = cluster_codes(clusters, len(p))
    table = np.stack([sum_by(codes, column, groups) for column in (*p.T, *c.T)], axis=1)
    drawn = resampled_sums(table, resamples, seed)
    front = on_front(drawn[:, : p.shape[1]], drawn[:, p.shape[1] :])
    return np.asarray(front.mean(axis=0), dtype=np.float64)


def on_front(rate: Matrix, cost: Matrix) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
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
