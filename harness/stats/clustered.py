"""One contender's figures when a task was tried several times, or when tasks share a source.

The unit is the task, or the cluster of tasks: trials lessen only the noise within a task, so they enter through the
task's mean and never as rows of their own.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.proportion import wilson_interval
from harness.stats.tails import binomial_quantile, two_sided_t, two_sided_z
from harness.stats.units import Codes, Vector, cluster_codes, is_binary, same_length, sum_by, vector

FEW_CLUSTERS = 30  # below this many clusters the t interval is left for Wilson's on the effective number of tasks
TOO_FEW_CLUSTERS = 10  # below this many clusters the method says so: no interval from so few sources deserves trust


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

    Its ``method`` names what was done, and warns below 10 clusters. Value None, with ``why``, where nothing was graded.
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
    codes = None if clusters is None else np.asarray(clusters)[kept]
    return total[kept], n[kept], *cluster_codes(codes, int(kept.sum()))


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


def latency_quantile(
    values: ArrayLike, quantile: float, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """A quantile and the two ordered values that enclose it, whatever the distribution.

    Each value an independent unit: the values of rank ``binom.ppf(tail, n, q)`` and ``binom.ppf(1 - tail, n, q) + 1``
    (Conover 1999, section 3.2; `scipy.stats.quantile_test`). With clusters (several trials of a task are one): the
    values at ``q -+ t_{G-1} * CR1`` of the share below the quantile (Woodruff 1952). Timeouts are cut-off values, not
    latencies: leave them out and report them apart.

    NaN is left out as unknown; ``clusters`` has a code for each value.

    Returns:
        The quantile, interpolated linearly between ranks. A limit beyond the smallest or largest value seen is None,
        and ``why`` says so.
    """
    two_sided_z(level)
    if not 0.0 < quantile < 1.0:
        raise ValueError(f"quantile must lie between 0 and 1, not {quantile!r}")
    x = vector(values, "values")
    known = ~np.isnan(x)
    codes, groups = cluster_codes(None if clusters is None else np.asarray(clusters)[known], int(known.sum()))
    x = x[known]
    n = len(x)
    if n == 0:
        return Estimate(value=None, level=level, method="none", why="nothing was timed")
    value, ordered = float(np.quantile(x, quantile)), np.sort(x)
    tail = (1.0 - level) / 2.0
    blank = Estimate(value=value, level=level, n_tasks=groups, n_trials=n, method="order statistics")
    if groups == n:
        first, last = binomial_quantile(tail, n, quantile), binomial_quantile(1.0 - tail, n, quantile) + 1
    else:
        error = cr1((x <= value).astype(np.float64), codes)
        blank = replace(blank, method=f"Woodruff, {groups} clusters")
        if error is None:
            return replace(blank, why="one cluster has no interval")
        half = two_sided_t(level, groups - 1) * error
        first, last = math.floor(n * (quantile - half)), math.ceil(n * (quantile + half)) + 1
    low, high = (float(ordered[rank - 1]) if 1 <= rank <= n else None for rank in (first, last))
    why = None if low is not None and high is not None else "too few values to enclose this quantile"
    return replace(blank, low=low, high=high, why=why)


Side = tuple[ArrayLike, ArrayLike, ArrayLike]
"""For each task: the sum of its values, the number of its graded trials, the sum of its squared values."""

THIS_SUITE = "exactly this suite: trial noise only, normal"


def this_suite_rate(sums: ArrayLike, counts: ArrayLike, squares: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean of the tasks' means, with an interval for these very tasks: only the noise of the trials remains.

    Far narrower than an interval for tasks like these, for a smaller question: the same tasks on another day.

    ``Var = (1 / n^2) sum_i s_i^2 / K_i`` with the unbiased variance ``s_i^2`` within task i (the second term of Miller
    2024, section 2, alone), and normal limits cut to [0, 1].

    ``squares`` has each task's sum of squared values, for 0/1 values the same as ``sums``; tasks without trials are
    dropped.

    Returns:
        The rate; without limits, and with ``why``, where a task was tried once or where no two trials disagree.
    """
    return _estimate(_noise((sums, counts, squares)), (0.0, 1.0), level)


def this_suite_difference(a: Side, b: Side, level: float = 0.95) -> Estimate:
    """The difference of two such rates on the tasks that both have; the variances add, since trials are independent."""
    a_counts, b_counts = vector(a[1], "counts"), vector(b[1], "counts")
    same_length(a=a_counts, b=b_counts)
    common = (a_counts > 0) & (b_counts > 0)
    of_a, of_b = (_noise((vector(s, "sums")[common], n[common], vector(q, "squares")[common]))
                  for (s, _, q), n in ((a, a_counts), (b, b_counts)))  # fmt: skip
    mean = None if of_a[0] is None or of_b[0] is None else of_a[0] - of_b[0]
    noise = (mean, of_a[1] + of_b[1], of_a[2], of_a[3] + of_b[3], of_a[4] or of_b[4])
    return _estimate(noise, (-1.0, 1.0), level)


def _noise(side: Side) -> tuple[float | None, float, int, int, str | None]:
    """Mean of task means, its variance from trials alone, tasks, trials, and why there is no variance."""
    total, n, squared = vector(side[0], "sums"), vector(side[1], "counts"), vector(side[2], "squares")
    same_length(sums=total, counts=n, squares=squared)
    kept = n > 0
    total, n, squared = total[kept], n[kept], squared[kept]
    tasks, trials = len(n), int(n.sum())
    if tasks == 0:
        return None, 0.0, 0, 0, "no graded attempts"
    mean = float((total / n).mean())
    if n.min() < 2:
        once = int((n < 2).sum())
        return mean, 0.0, tasks, trials, f"{once} of {tasks} tasks were tried once: their trial noise cannot be seen"
    within = np.maximum(squared - total**2 / n, 0.0) / (n - 1)
    return mean, float((within / n).sum()) / tasks**2, tasks, trials, None


def _estimate(
    noise: tuple[float | None, float, int, int, str | None], ends: tuple[float, float], level: float
) -> Estimate:
    mean, variance, tasks, trials, why = noise
    if mean is not None and why is None and variance == 0.0:
        why = "no two trials of a task disagree: the noise is too small to be seen"
    if mean is None or why is not None:
        return Estimate(value=mean, level=level, n_tasks=tasks, n_trials=trials, method=THIS_SUITE, why=why)
    half = two_sided_z(level) * variance**0.5
    low, high = max(ends[0], mean - half), min(ends[1], mean + half)
    return Estimate(value=mean, low=low, high=high, level=level, n_tasks=tasks, n_trials=trials, method=THIS_SUITE)
