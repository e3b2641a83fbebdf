"""One contender's pass rate when a task was tried several times, or when tasks share a source.

The unit is the task, or the cluster of tasks: trials lessen only the noise within a task, so they enter through the
task's mean and never as rows of their own.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.proportion import wilson_interval
from harness.stats.tails import two_sided_t, two_sided_z
from harness.stats.units import Codes, Vector, cluster_codes, is_binary, same_length, sum_by, vector

FEW_CLUSTERS = 30
"""Below this many clusters the t interval is left for Wilson's on the effective number of tasks."""
TOO_FEW_CLUSTERS = 10
"""Below this many clusters the method says so: no interval from so few sources deserves trust."""


def clustered_rate(
    sums: ArrayLike, counts: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """The mean of the tasks' means, with an interval that holds for new tasks (or clusters) like these.

    One 0/1 trial a task and no shared clusters: `wilson_interval`. Otherwise ``rate +- t_{G-1} * CR1`` (Liang & Zeger
    1986; Miller 2024) with G clusters. Where that cannot be trusted (fewer than 30 clusters, a failure or a pass in
    fewer than 10 of them, or all tasks alike at 0 or 1) it is Wilson's interval on an effective number of tasks,
    ``p (1-p) / SE^2``, shrunk by ``(z / t_{G-1})^2`` (Korn & Graubard 1998) because the variance behind it is itself
    estimated from few clusters; with everything at 0 or at 1 no variance can be seen, and the effective number is the
    number of clusters. With very unequal clusters even this is too narrow: the method names what it rests on.

    Args:
        sums: For each task the sum of its graded values, each in [0, 1].
        counts: For each task the number of graded trials; tasks with none are dropped.
        clusters: A code for each task; tasks with the same code share a source. None: every task by itself.
        level: Confidence, between 0 and 1.

    Returns:
        The rate; its ``method`` names what was done, and warns below 10 clusters. Value None, with ``why``, where
        nothing was graded.

    Raises:
        ValueError: The arrays do not match, or a sum lies outside [0, count].
    """
    z = two_sided_z(level)
    total, n, codes, groups = _graded(sums, counts, clusters)
    if np.any(total < 0.0) or np.any(total > n + 1e-9):
        raise ValueError("each task's sum must lie between 0 and its number of trials")
    tasks, trials = len(n), int(n.sum())
    if tasks == 0:
        return Estimate(value=None, level=level, method="none", why="no graded attempts")
    means = np.clip(total / n, 0.0, 1.0)
    rate = float(means.mean())
    blank = Estimate(value=rate, level=level, n_tasks=tasks, n_trials=trials)
    if groups == tasks and trials == tasks and is_binary(total):
        low, high = wilson_interval(float(total.sum()), tasks, level)
        return replace(blank, low=low, high=high, method="Wilson")
    alike = bool(np.all(means == 0.0) or np.all(means == 1.0))
    error = cr1(means, codes)
    note, seldom = "", _seldom(means, codes, groups)
    if alike or error is None:
        size = float(groups)
    elif groups < FEW_CLUSTERS or seldom[0] < TOO_FEW_CLUSTERS:
        seen = rate * (1.0 - rate) / (error * error) if error > 0.0 else math.inf
        size = max(1.0, min(seen, float(trials)) * (z / two_sided_t(level, groups - 1)) ** 2)
        if groups >= FEW_CLUSTERS:
            note = f", only {seldom[0]} of {groups} clusters hold a {seldom[1]}"
    else:
        half = two_sided_t(level, groups - 1) * error
        return replace(blank, low=max(0.0, rate - half), high=min(1.0, rate + half), method=f"CR1/t, {groups} clusters")
    if groups < TOO_FEW_CLUSTERS:
        note = f", only {groups} cluster{'s' if groups > 1 else ''}"
    low, high = wilson_interval(rate * size, size, level)
    return replace(blank, low=min(low, rate), high=max(high, rate), method=f"Wilson on effective n {size:.1f}{note}")


def _graded(sums: ArrayLike, counts: ArrayLike, clusters: ArrayLike | None) -> tuple[Vector, Vector, Codes, int]:
    """Sums and trials of the tasks that were tried, with the codes and the number of their clusters."""
    total, n = vector(sums, "sums"), vector(counts, "counts")
    same_length(sums=total, counts=n)
    kept = n > 0
    return (
        total[kept],
        n[kept],
        *cluster_codes(None if clusters is None else np.asarray(clusters)[kept], int(kept.sum())),
    )


def _seldom(means: Vector, codes: Codes, groups: int) -> tuple[int, str]:
    """In how many clusters the rarer of failure and pass occurs at all; CR1 says too little where it is in a few."""
    failing = int((sum_by(codes, (means < 1.0).astype(float), groups) > 0).sum())
    passing = int((sum_by(codes, (means > 0.0).astype(float), groups) > 0).sum())
    return (failing, "failure") if failing <= passing else (passing, "pass")


def clustered_mean(
    sums: ArrayLike, counts: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """The mean of the tasks' means of any quantity (cost, seconds, tokens), with ``mean +- t_{G-1} * CR1``.

    Arguments as `clustered_rate`, but the values may be any numbers. A NaN among the sums is an unknown and makes the
    figure None with ``why``: unknown never becomes 0. With one cluster the interval is None.
    """
    two_sided_z(level)
    total, n, codes, groups = _graded(sums, counts, clusters)
    blank = Estimate(value=None, level=level, n_tasks=len(n), n_trials=int(n.sum()), method="none")
    if len(n) == 0:
        return replace(blank, why="nothing was recorded")
    unknown = int(np.isnan(total).sum())
    if unknown:
        return replace(blank, why=f"unknown for {unknown} tasks")
    means = total / n
    error, value = cr1(means, codes), float(means.mean())
    if error is None:
        return replace(blank, value=value, method="mean", why="one cluster has no interval")
    half = two_sided_t(level, groups - 1) * error
    return replace(blank, value=value, low=value - half, high=value + half, method=f"CR1/t, {groups} clusters")


def cr1(values: ArrayLike, clusters: ArrayLike | None = None) -> float | None:
    """The cluster-robust standard error of a mean, ``sqrt(G / (G-1) sum_g (sum_{i in g} (x_i - xbar))^2) / N``.

    Liang & Zeger 1986 with the correction for few clusters, as statsmodels' ``cov_type='cluster'`` gives it. With equal
    clusters it is the standard deviation of the clusters' means over ``sqrt(G)``. None with a single cluster.

    Raises:
        ValueError: There is no value.
    """
    x = vector(values, "values")
    if len(x) == 0:
        raise ValueError("a standard error needs at least one value")
    codes, groups = cluster_codes(clusters, len(x))
    if groups < 2:
        return None
    deviations = sum_by(codes, x - x.mean(), groups)
    return math.sqrt(float(deviations @ deviations) * groups / (groups - 1)) / len(x)


def pass_at_k(
    passes: ArrayLike, trials: ArrayLike, k: int, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """The chance that at least one of k tries passes: mean over tasks of ``1 - C(n-c, k) / C(n, k)``.

    Chen et al. 2021, the unbiased estimator. Tasks with fewer than k graded trials are left out and counted in the
    method; value None, with ``why``, where no task has k.

    ``passes`` and ``trials`` are c and n of each task; the interval is `clustered_rate`'s.
    """
    return _over_tasks(passes, trials, k, clusters, level, all_of_them=False)


def pass_hat_k(
    passes: ArrayLike, trials: ArrayLike, k: int, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """The chance that all of k tries pass (pass^k): mean over tasks of ``C(c, k) / C(n, k)``.

    Yao et al. 2024 (tau-bench). Arguments and result as `pass_at_k`.
    """
    return _over_tasks(passes, trials, k, clusters, level, all_of_them=True)


def _over_tasks(
    passes: ArrayLike, trials: ArrayLike, k: int, clusters: ArrayLike | None, level: float, *, all_of_them: bool
) -> Estimate:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k!r}")
    c, n = vector(passes, "passes"), vector(trials, "trials")
    same_length(passes=c, trials=n)
    if np.any(c != np.round(c)) or np.any(c < 0) or np.any(c > n):
        raise ValueError("passes must be whole numbers between 0 and the number of trials")
    kept = n >= k
    if not kept.any():
        return Estimate(value=None, level=level, method="none", why=f"no task has {k} graded trials")
    drawn = c[kept] if all_of_them else n[kept] - c[kept]
    share = _share_of_draws(drawn, n[kept], k)
    codes = None if clusters is None else np.asarray(clusters)[kept]
    found = clustered_rate(share if all_of_them else 1.0 - share, np.ones(len(share)), codes, level)
    left_out = f", {int((~kept).sum())} tasks with fewer than {k} trials left out" if not kept.all() else ""
    name = f"pass^{k}" if all_of_them else f"pass@{k}"
    return replace(found, n_trials=int(n[kept].sum()), method=f"{name}, {found.method}{left_out}")


def _share_of_draws(good: Vector, n: Vector, k: int) -> Vector:
    """C(good, k) / C(n, k) as a product, which neither overflows nor needs factorials."""
    share = np.ones(len(n))
    for i in range(k):
        share *= np.maximum(good - i, 0.0) / (n - i)
    return share
