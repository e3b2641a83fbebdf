"""One contender's figures over several trials or shared sources; the unit is the task, or the cluster of tasks."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.tables import wilson_interval
from harness.stats.tails import two_sided_t, two_sided_z
from harness.stats.units import (
    Clusters,
    Codes,
    Vector,
    cluster_codes,
    is_binary,
    kish_units,
    sum_by,
    vector,
    vectors,
    whole_counts,
)

EQUAL = 0.9  # clusters that count as at least so large a share of their number are about equal
TOO_FEW = 10  # clusters below which no interval deserves trust, and the method says so
ENOUGH = 30  # clusters that hold a failure, and that hold a pass, from which on t is right for a rate
THIS_SUITE = "exactly this suite: trial noise only, normal"
Side = tuple[ArrayLike, ArrayLike, ArrayLike]  # a task's sum of values, number of graded trials, sum of squared values


def clustered_rate(sums: ArrayLike, counts: ArrayLike, clusters: Clusters = None, level: float = 0.95) -> Estimate:
    """The mean of the tasks' means, with an interval that holds for new tasks (or clusters) like these.

    One 0/1 trial a task and no shared clusters: `wilson_interval`. About equal clusters, 30 of which hold a failure and
    30 a pass: ``rate +- t * SE``. Otherwise Wilson's interval on an effective number of tasks, ``p (1-p) / SE^2``,
    shrunk by ``(z / t_df)^2`` (Korn & Graubard 1998) because the variance behind it is itself estimated; SE and df are
    `cr3`'s. Where everything is at 0 or at 1 no variance can be seen, and the effective number is that of equal
    clusters. Value None, with ``why``, where nothing was graded.
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
    found = Estimate(value=rate, level=level, n_tasks=tasks, n_trials=trials)
    if groups == tasks and trials == tasks and is_binary(total):
        low, high = wilson_interval(float(total.sum()), tasks, level)
        return replace(found, low=low, high=high, method="Wilson")
    error, df = cr3(means, codes)
    # How many clusters hold the rarer of failure and pass at all, and how unequal they are: t is right where neither
    # matters (simulated: docs/coverage.md).
    failed, passed = (sum_by(codes, there.astype(float), groups) for there in (means < 1.0, means > 0.0))
    held = min(int((failed > 0).sum()), int((passed > 0).sum()))
    equal = df + 1.0 >= EQUAL * groups
    if error is None or bool(np.all(means == 0.0) or np.all(means == 1.0)):
        size = df + 1.0
    elif equal and held >= ENOUGH:
        half = two_sided_t(level, df) * error
        method = f"CR3/t, {clusters_named(groups, df + 1.0)}"
        return replace(found, low=max(0.0, rate - half), high=min(1.0, rate + half), method=method)
    else:
        seen = rate * (1.0 - rate) / (error * error) if error > 0.0 else math.inf
        size = max(1.0, min(seen, float(trials)) * (z / two_sided_t(level, df)) ** 2)
    low, high = wilson_interval(rate * size, size, level)
    method = f"Wilson on effective n {size:.1f}, {clusters_named(groups, df + 1.0)}"
    method = method if groups < TOO_FEW or not equal else method.partition(",")[0]
    return replace(found, low=min(low, rate), high=max(high, rate), method=method)


def clusters_named(groups: int, units: float) -> str:
    """How many clusters, and as how many of equal size they count."""
    word = f"{'only ' if groups < TOO_FEW else ''}{groups} cluster{'s' if groups > 1 else ''}"
    return word if units > groups - 0.05 else f"{word} that count as {units:.1f}"


def _graded(sums: ArrayLike, counts: ArrayLike, clusters: Clusters) -> tuple[Vector, Vector, Codes, int]:
    """Sums and trials of the tasks that were tried, with the codes and the number of their clusters."""
    total, n = vectors(sums=sums, counts=counts)
    kept = n > 0
    return total[kept], n[kept], *cluster_codes(clusters, len(n), kept)


def clustered_mean(sums: ArrayLike, counts: ArrayLike, clusters: Clusters = None, level: float = 0.95) -> Estimate:
    """The mean of the tasks' means of any quantity (cost, seconds, tokens), with ``mean +- t * CR3``.

    A NaN among the sums is an unknown and makes the figure None with ``why``: unknown never becomes 0. With one cluster
    the interval is None.
    """
    two_sided_z(level)
    total, n, codes, groups = _graded(sums, counts, clusters)
    blank = Estimate(value=None, level=level, n_tasks=len(n), n_trials=int(n.sum()), method="none")
    if len(n) == 0:
        return replace(blank, why="nothing was recorded")
    if unknown := int(np.isnan(total).sum()):
        return replace(blank, why=f"unknown for {unknown} tasks")
    means = total / n
    (error, df), value = cr3(means, codes), float(means.mean())
    if error is None:
        return replace(blank, value=value, method="mean", why="one cluster has no interval")
    half = two_sided_t(level, df) * error
    method = f"CR3/t, {clusters_named(groups, df + 1.0)}"
    return replace(blank, value=value, low=value - half, high=value + half, method=method)


def cr3(values: ArrayLike, clusters: Clusters = None) -> tuple[float | None, float]:
    """The standard error of a mean by leaving out each cluster in turn, and its degrees of freedom.

    ``SE^2 = (G-1)/G sum_g (mean without g - mean)^2`` (CR3: Bell & McCaffrey 2002; MacKinnon, Nielsen & Webb 2023) on
    Kish's number of equal clusters less one; of equal clusters it is the standard deviation of their means over
    ``sqrt(G)``, on G - 1. CR1 is too small where a few clusters hold most tasks. None with a single cluster.
    """
    x = vector(values, "values")
    if len(x) == 0:
        raise ValueError("a standard error needs at least one value")
    codes, groups = cluster_codes(clusters, len(x))
    sizes = np.bincount(codes, minlength=groups).astype(np.float64)
    df = kish_units(sizes) - 1.0
    if groups < 2:
        return None, df
    without = sum_by(codes, x - x.mean(), groups) / (
        len(x) - sizes
    )  # how far the mean moves when a cluster is left out
    return math.sqrt(float(without @ without) * (groups - 1) / groups), df


def pass_at_k(passes: ArrayLike, trials: ArrayLike, k: int, clusters: Clusters = None, level: float = 0.95) -> Estimate:
    """The chance that at least one of k tries passes: mean over tasks of ``1 - C(n-c, k) / C(n, k)``, c of n passed.

    The unbiased estimator of Chen et al. 2021, the interval of `clustered_rate`; tasks of fewer trials are left out.
    """
    return _over_tasks(passes, trials, k, clusters, level, all_of_them=False)


def pass_hat_k(
    passes: ArrayLike, trials: ArrayLike, k: int, clusters: Clusters = None, level: float = 0.95
) -> Estimate:
    """As `pass_at_k`, that all of k tries pass: mean of ``C(c, k) / C(n, k)`` (Yao et al. 2024, tau-bench)."""
    return _over_tasks(passes, trials, k, clusters, level, all_of_them=True)


def _over_tasks(
    passes: ArrayLike, trials: ArrayLike, k: int, clusters: Clusters, level: float, *, all_of_them: bool
) -> Estimate:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k!r}")
    c, n = whole_counts(passes, trials)
    kept = n >= k
    if not kept.any():
        return Estimate(value=None, level=level, method="none", why=f"no task has {k} graded trials")
    good, tried = c[kept] if all_of_them else n[kept] - c[kept], n[kept]
    share = np.ones(len(tried))  # C(good, k) / C(n, k) as a product, which neither overflows nor needs factorials
    for i in range(k):
        share *= np.maximum(good - i, 0.0) / (tried - i)
    codes = None if clusters is None else np.asarray(clusters)[kept]
    share = share if all_of_them else 1.0 - share
    sets = n[kept] // k  # of k tries each that share none; for k = 1 the rate is the pass rate, its interval too
    found = clustered_rate(share * sets, sets, codes, level)
    left_out = f", {int((~kept).sum())} tasks with fewer than {k} trials left out" if not kept.all() else ""
    name = f"pass^{k}" if all_of_them else f"pass@{k}"
    return replace(found, n_trials=int(tried.sum()), method=f"{name}, {found.method}{left_out}")


def latency_quantile(values: ArrayLike, quantile: float, clusters: Clusters = None, level: float = 0.95) -> Estimate:
    """A quantile, linear between ranks, and the two ordered values that enclose it, whatever the distribution.

    Each value an independent unit: the values of rank ``binom.ppf(tail, n, q)`` and ``binom.ppf(1 - tail, n, q) + 1``
    (Conover 1999, section 3.2; `scipy.stats.quantile_test`). With clusters (several trials of a task are one): the
    values at ``q -+ t * CR3`` of the share below the quantile (Woodruff 1952). A limit beyond the values seen is
    None, and ``why`` says so. NaN is left out as unknown; timeouts are cut-off values: leave them out too.
    """
    two_sided_z(level)
    if not 0.0 < quantile < 1.0:
        raise ValueError(f"quantile must lie between 0 and 1, not {quantile!r}")
    given = vector(values, "values")
    known = ~np.isnan(given)
    codes, groups = cluster_codes(clusters, len(given), known)
    x = given[known]
    n = len(x)
    if n == 0:
        return Estimate(value=None, level=level, method="none", why="nothing was timed")
    value, ordered = float(np.quantile(x, quantile)), np.sort(x)
    tail = (1.0 - level) / 2.0
    found = Estimate(value=value, level=level, n_tasks=groups, n_trials=n, method="order statistics")
    if groups == n:
        first, last = _binomial_quantile(tail, n, quantile), _binomial_quantile(1.0 - tail, n, quantile) + 1
    else:
        error, df = cr3((x <= value).astype(np.float64), codes)
        found = replace(found, method=f"Woodruff, {groups} clusters")
        if error is None:
            return replace(found, why="one cluster has no interval")
        half = two_sided_t(level, df) * error
        first, last = math.floor(n * (quantile - half)), math.ceil(n * (quantile + half)) + 1
    low, high = (float(ordered[rank - 1]) if 1 <= rank <= n else None for rank in (first, last))
    why = None if low is not None and high is not None else "too few values to enclose this quantile"
    return replace(found, low=low, high=high, why=why)


def _binomial_quantile(probability: float, n: int, p: float) -> int:
    """The smallest k with P(X <= k) >= probability for X ~ Binomial(n, p)."""
    from scipy.special import bdtr, bdtrik

    k = math.ceil(float(bdtrik(probability, n, p)))
    below = max(k - 1, 0)
    return below if float(bdtr(below, n, p)) >= probability else k


def this_suite_rate(sums: ArrayLike, counts: ArrayLike, squares: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean of the tasks' means, with an interval for these very tasks: only the noise of the trials remains.

    ``Var = (1 / n^2) sum_i s_i^2 / K_i`` with the unbiased variance ``s_i^2`` within task i (the second term of Miller
    2024, section 2, alone), normal limits cut to [0, 1]. ``squares`` has each task's sum of squared values, for 0/1
    values the same as ``sums``. No limits, but ``why``, where a task was tried once or no two trials disagree.
    """
    return _with_noise(*_means((sums, counts, squares), level), 0.0)


def this_suite_difference(a: Side, b: Side, level: float = 0.95) -> Estimate:
    """The difference of two such rates on the tasks that both have; the variances add, since trials are independent."""
    a_counts, b_counts = vectors(a=a[1], b=b[1])
    common = (a_counts > 0) & (b_counts > 0)
    (one, noise), (two, other) = (_means([np.asarray(part)[common] for part in side], level) for side in (a, b))
    value = None if one.value is None or two.value is None else one.value - two.value
    found = replace(one, value=value, n_trials=one.n_trials + two.n_trials, why=one.why or two.why)
    return _with_noise(found, noise + other, -1.0)


def _means(side: Sequence[ArrayLike], level: float) -> tuple[Estimate, float]:
    """The mean of task means, and its variance from trials alone; ``why`` there is none."""
    total, n, squared = vectors(sums=side[0], counts=side[1], squares=side[2])
    kept = n > 0
    total, n, squared = total[kept], n[kept], squared[kept]
    found = Estimate(value=None, level=level, n_tasks=len(n), n_trials=int(n.sum()), method=THIS_SUITE)
    if len(n) == 0:
        return replace(found, why="no graded attempts"), 0.0
    found = replace(found, value=float((total / n).mean()))
    if once := int((n < 2).sum()):
        why = f"{once} of {len(n)} tasks were tried once: their trial noise cannot be seen"
        return replace(found, why=why), 0.0
    within = np.maximum(squared - total**2 / n, 0.0) / (n - 1)
    return found, float((within / n).sum()) / len(n) ** 2


def _with_noise(found: Estimate, variance: float, least: float) -> Estimate:
    if found.value is None or found.why is not None:
        return found
    if variance == 0.0:
        return replace(found, why="no two trials of a task disagree: the noise is too small to be seen")
    half = two_sided_z(found.level) * variance**0.5
    return replace(found, low=max(least, found.value - half), high=min(1.0, found.value + half))
