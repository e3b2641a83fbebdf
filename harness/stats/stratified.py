"""A paired difference with fixed weights for its strata (domains), whatever share of the tasks each happened to get."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Comparison
from harness.stats.comparison import Pairs, compare, pair_tasks
from harness.stats.sentence import comparison_sentence
from harness.stats.signflip import sign_flip_test
from harness.stats.tails import two_sided_t, two_sided_z
from harness.stats.units import Vector, sum_by


def compare_stratified(
    a: tuple[ArrayLike, ArrayLike],
    b: tuple[ArrayLike, ArrayLike],
    strata: ArrayLike,
    weights: Mapping[Any, float],
    clusters: ArrayLike | None = None,
    *,
    a_name: str = "a",
    b_name: str = "b",
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 9_999,
) -> Comparison:
    """Compares two contenders by ``sum_k w_k d_k`` with ``Var = sum_k w_k^2 v_k`` over strata k.

    The weights are taken as given (shares of the work one expects) and scaled to sum to 1; a difference in a rare but
    heavy stratum counts by its weight. One 0/1 trial a task: ``v_k`` with b + 1/2, c + 1/2, n + 1, so that a stratum
    without discordant tasks still has a variance, and a normal interval. Otherwise: the linearised cluster-robust
    variance of the weighted sum and t with (clusters - strata) df. The test is the sign-flip on weighted cluster sums.

    Args:
        a: (sums, counts) of the first contender, as in `compare`.
        b: The same of the second.
        strata: A name for each task.
        weights: A positive weight for each stratum that occurs among the common tasks.
        clusters: A code for each task, or None.
        a_name: What the sentence calls the first contender.
        b_name: What the sentence calls the second.
        level: Confidence.
        seed: Seeds the sign-flip simulation where no exact p can be had.
        resamples: Its size.

    Raises:
        ValueError: The arrays do not match, or a stratum lacks a positive weight.
    """
    z = two_sided_z(level)
    plain = compare(*a, *b, clusters, a_name=a_name, b_name=b_name, level=level, resamples=1)
    pairs = pair_tasks(*a, *b, clusters)
    if plain.delta is None:
        return plain
    names, codes, sizes = np.unique(np.asarray(strata)[pairs.kept], return_inverse=True, return_counts=True)
    share = np.array([float(weights.get(name, 0.0)) for name in names.tolist()])
    if np.any(share <= 0.0) or not np.all(np.isfinite(share)):
        lacking = names[~(share > 0.0)].tolist()
        raise ValueError(f"every stratum needs a positive weight: {lacking}")
    share /= share.sum()
    d = pairs.differences
    means = np.bincount(codes, weights=d) / sizes
    delta = float(share @ means)
    each = (share / sizes)[codes]
    if pairs.single:
        half = z * math.sqrt(float(share**2 @ discordant_variance(d, codes, sizes)))
        how = f"stratified, normal, {len(names)} strata"
    else:
        half, how = _linearised(pairs, each * (d - means[codes]), len(names), level)
    test = sign_flip_test(sum_by(pairs.codes, each * d, pairs.clusters), seed=seed, resamples=resamples)
    found = dataclasses.replace(
        plain,
        delta=delta,
        low=max(-1.0, delta - half) if math.isfinite(half) else None,
        high=min(1.0, delta + half) if math.isfinite(half) else None,
        interval_method=how,
        p_value=test.p_value,
        p_exact=test.p_value if test.exact else None,
        test=f"{test.method}, {len(names)} strata",
        tasks_needed=None,
    )
    unit = "task" if pairs.clusters == len(d) else "group of tasks"
    return dataclasses.replace(found, sentence=comparison_sentence(found, test.units, test.smallest_p, unit))


def discordant_variance(d: Vector, codes: "np.ndarray[Any, Any]", sizes: "np.ndarray[Any, Any]") -> Vector:
    """Var(d_k) of each stratum's mean paired 0/1 difference, from b + 1/2, c + 1/2 and n + 1; never 0."""
    n = sizes + 1.0
    win = (np.bincount(codes, weights=(d > 0).astype(float), minlength=len(sizes)) + 0.5) / n
    loss = (np.bincount(codes, weights=(d < 0).astype(float), minlength=len(sizes)) + 0.5) / n
    return np.asarray((win + loss - (win - loss) ** 2) / n, dtype=np.float64)


def _linearised(pairs: Pairs, scores: Vector, strata: int, level: float) -> tuple[float, str]:
    """Half the interval from the scores ``w_k / n_k (d_i - d_k)``, summed within clusters."""
    groups = pairs.clusters
    df = groups - strata
    how = f"stratified, CR1/t, {groups} clusters, {strata} strata"
    if df < 1:
        return math.inf, how
    total = sum_by(pairs.codes, scores, groups)
    return two_sided_t(level, df) * math.sqrt(float(total @ total) * groups / df), how
