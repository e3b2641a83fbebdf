"""One contender's pass rate when a task was tried several times, or when tasks share a source.

The unit is the task, or the cluster of tasks: trials lessen only the noise within a task, so they enter through the
task's mean and never as rows of their own.
"""

import math

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
    `effective_n`, shrunk by ``(z / t_{G-1})^2`` (Korn & Graubard 1998) because the variance behind it is itself
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
    total, n = vector(sums, "sums"), vector(counts, "counts")
    same_length(sums=total, counts=n)
    if np.any(total < 0.0) or np.any(total > n + 1e-9):
        raise ValueError("each task's sum must lie between 0 and its number of trials")
    kept = n > 0
    total, n = total[kept], n[kept]
    tasks, trials = len(n), int(n.sum())
    if tasks == 0:
        return Estimate(value=None, level=level, method="none", why="no graded attempts")
    codes, groups = cluster_codes(None if clusters is None else np.asarray(clusters)[kept], tasks)
    means = np.clip(total / n, 0.0, 1.0)
    rate = float(means.mean())
    if groups == tasks and trials == tasks and is_binary(total):
        low, high = wilson_interval(float(total.sum()), tasks, level)
        return Estimate(value=rate, low=low, high=high, level=level, n_tasks=tasks, n_trials=trials, method="Wilson")
    alike = bool(np.all(means == 0.0) or np.all(means == 1.0))
    error = cr1(means, codes)
    note, seldom = "", _seldom(means, codes, groups)
    if alike or error is None:
        size = float(groups)
    elif groups < FEW_CLUSTERS or seldom[0] < TOO_FEW_CLUSTERS:
        seen = effective_n(rate, error) if error > 0.0 else math.inf
        size = max(1.0, min(seen, float(trials)) * (z / two_sided_t(level, groups - 1)) ** 2)
        if groups >= FEW_CLUSTERS:
            note = f", only {seldom[0]} of {groups} clusters hold a {seldom[1]}"
    else:
        half = two_sided_t(level, groups - 1) * error
        return Estimate(
            value=rate,
            low=max(0.0, rate - half),
            high=min(1.0, rate + half),
            level=level,
            n_tasks=tasks,
            n_trials=trials,
            method=f"CR1/t, {groups} clusters",
        )
    if groups < TOO_FEW_CLUSTERS:
        note = f", only {groups} cluster{'s' if groups > 1 else ''}"
    low, high = wilson_interval(rate * size, size, level)
    return Estimate(
        value=rate,
        low=min(low, rate),
        high=max(high, rate),
        level=level,
        n_tasks=tasks,
        n_trials=trials,
        method=f"Wilson on effective n {size:.1f}{note}",
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
    total, n = vector(sums, "sums"), vector(counts, "counts")
    same_length(sums=total, counts=n)
    kept = n > 0
    total, n = total[kept], n[kept]
    tasks, trials = len(n), int(n.sum())
    if tasks == 0:
        return Estimate(value=None, level=level, method="none", why="nothing was recorded")
    unknown = int(np.isnan(total).sum())
    if unknown:
        return Estimate(
            value=None, level=level, n_tasks=tasks, n_trials=trials, method="none", why=f"unknown for {unknown} tasks"
        )
    codes, groups = cluster_codes(None if clusters is None else np.asarray(clusters)[kept], tasks)
    means = total / n
    error = cr1(means, codes)
    value = float(means.mean())
    if error is None:
        return Estimate(
            value=value, level=level, n_tasks=tasks, n_trials=trials, method="mean", why="one cluster has no interval"
        )
    half = two_sided_t(level, groups - 1) * error
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n_tasks=tasks,
        n_trials=trials,
        method=f"CR1/t, {groups} clusters",
    )


def cr0(values: ArrayLike, clusters: ArrayLike | None = None) -> float:
    """The cluster-robust standard error of a mean: ``sqrt(sum_g (sum_{i in g} (x_i - xbar))^2) / N``.

    Liang & Zeger 1986. Biased downward when clusters are few; `cr1` corrects for that.
    """
    x = vector(values, "values")
    if len(x) == 0:
        raise ValueError("a standard error needs at least one value")
    codes, groups = cluster_codes(clusters, len(x))
    deviations = sum_by(codes, x - x.mean(), groups)
    return float(math.sqrt(float(deviations @ deviations)) / len(x))


def cr1(values: ArrayLike, clusters: ArrayLike | None = None) -> float | None:
    """`cr0` times ``sqrt(G / (G-1))``, which is what statsmodels' ``cov_type='cluster'`` gives for a mean.

    Equal clusters: the standard deviation of the clusters' means over ``sqrt(G)``. None with a single cluster.
    """
    x = vector(values, "values")
    _, groups = cluster_codes(clusters, len(x))
    if groups < 2:
        return None
    return cr0(x, clusters) * math.sqrt(groups / (groups - 1))


def mean_squares(sums: ArrayLike, counts: ArrayLike, squares: ArrayLike | None = None) -> tuple[float, float, float]:
    """The one-way table of trials within tasks: mean square between, mean square within, trials a task.

    Args:
        sums: For each task the sum of its values.
        counts: For each task its number of trials, at least 1.
        squares: For each task the sum of its squared values; by default ``sums``, which is right for 0/1 values.

    Returns:
        (MSB, MSW, K0), K0 being the usual adjusted number of trials a task, ``(N - sum n_i^2 / N) / (G - 1)``.

    Raises:
        ValueError: Fewer than two tasks, or no task with two trials.
    """
    total, n = vector(sums, "sums"), vector(counts, "counts")
    square = total if squares is None else vector(squares, "squares")
    same_length(sums=total, counts=n, squares=square)
    groups, trials = len(n), float(n.sum())
    if groups < 2 or trials <= groups or np.any(n < 1):
        raise ValueError("at least two tasks, each tried, and one of them twice, are needed to part their variances")
    grand = float(total.sum()) / trials
    between = float((n * (total / n - grand) ** 2).sum()) / (groups - 1)
    within = float((square - total**2 / n).sum()) / (trials - groups)
    return between, within, (trials - float((n**2).sum()) / trials) / (groups - 1)


def icc(sums: ArrayLike, counts: ArrayLike, squares: ArrayLike | None = None) -> float | None:
    """How alike the trials of a task are: ``(MSB - MSW) / (MSB + (K-1) MSW)``, ICC(1) of Shrout & Fleiss 1979.

    Arguments and errors as `mean_squares`. May be negative; None where nothing varies at all.
    """
    between, within, k = mean_squares(sums, counts, squares)
    scale = between + (k - 1.0) * within
    return (between - within) / scale if scale > 0.0 else None


def design_effect(correlation: float, per_cluster: float) -> float:
    """By how much clustering inflates a variance: ``1 + (K-1) ICC`` (Kish 1965)."""
    return 1.0 + (per_cluster - 1.0) * correlation


def effective_n(rate: float, error: float) -> float:
    """The number of independent tasks that would give a rate this standard error: ``p (1-p) / SE^2``."""
    return rate * (1.0 - rate) / (error * error)


def pass_at_k(
    passes: ArrayLike, trials: ArrayLike, k: int, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """The chance that at least one of k tries passes: mean over tasks of ``1 - C(n-c, k) / C(n, k)``.

    Chen et al. 2021, the unbiased estimator. Tasks with fewer than k graded trials are left out and counted in the
    method; value None, with ``why``, where no task has k.

    Args:
        passes: c for each task, a whole number.
        trials: n for each task.
        k: How many tries, at least 1.
        clusters: A code for each task, or None.
        level: Confidence of the CR1/t interval over tasks (clusters).
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
    return Estimate(
        value=found.value,
        low=found.low,
        high=found.high,
        level=level,
        n_tasks=found.n_tasks,
        n_trials=int(n[kept].sum()),
        method=f"{name}, {found.method}{left_out}",
    )


def _share_of_draws(good: Vector, n: Vector, k: int) -> Vector:
    """C(good, k) / C(n, k) as a product, which neither overflows nor needs factorials."""
    share = np.ones(len(n))
    for i in range(k):
        share *= np.maximum(good - i, 0.0) / (n - i)
    return share
