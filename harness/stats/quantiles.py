"""Quantiles of latency, with intervals read off the ordered values."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.clustered import cr1
from harness.stats.tails import binomial_quantile, two_sided_t, two_sided_z
from harness.stats.units import cluster_codes, vector


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

    Raises:
        ValueError: The quantile lies outside (0, 1), or the codes do not match.
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
