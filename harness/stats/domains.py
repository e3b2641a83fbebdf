"""Two contenders domain by domain: each comparison, adjusted for how many there are, raw and shrunk side by side."""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Comparison, Estimate
from harness.stats.clustered import cr1
from harness.stats.comparison import compare, gained_and_lost, pair_tasks, seldom_differs
from harness.stats.multiplicity import max_t_sign_flip
from harness.stats.random_effects import Heterogeneity, heterogeneity
from harness.stats.units import Codes, Vector, cluster_codes, sum_by


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainComparison:
    """One domain's comparison, its variance, and what is left of its effect after shrinking."""

    domain: str
    comparison: Comparison
    """``p_adjusted`` holds the family-wise error over all domains."""
    variance: float
    shrunk: Estimate
    below_zero: float
    """The chance that the true difference is below 0."""


def compare_domains(
    a: tuple[ArrayLike, ArrayLike],
    b: tuple[ArrayLike, ArrayLike],
    domains: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    a_name: str = "a",
    b_name: str = "b",
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 9_999,
) -> tuple[tuple[DomainComparison, ...], Heterogeneity | None]:
    """Compares two contenders in each domain, and asks whether the domains differ (see `heterogeneity`).

    Each comparison is `compare`'s; p values are adjusted by step-down max-T sign flips over domains (Westfall & Young
    1993), two-sided.

    Args:
        a: (sums, counts) of the first contender, as in `compare`.
        b: The same of the second, same tasks, same order.
        domains: A name for each task.
        clusters: A code for each task, or None.
        a_name: What sentences call the first contender.
        b_name: What sentences call the second.
        level: Confidence.
        seed: Seeds simulations, where no exact answer can be had.
        resamples: Their size.

    Returns:
        One entry a domain with common tasks, sorted by name; and the heterogeneity, None without any.
    """
    pairs = pair_tasks(*a, *b, clusters)
    names, codes = np.unique(np.asarray(domains)[pairs.kept], return_inverse=True)
    if len(names) == 0:
        return (), None
    d, shared = pairs.differences, pairs.codes
    table = np.stack([sum_by(shared, np.where(codes == k, d, 0.0), pairs.clusters) for k in range(len(names))], axis=1)
    adjusted = max_t_sign_flip(table, seed=seed, resamples=resamples)
    sides = [np.asarray(part, dtype=np.float64)[pairs.kept] for part in (*a, *b)]
    found, variances = [], []
    for k, name in enumerate(names.tolist()):
        here = codes == k
        one = compare(
            sides[0][here],
            sides[1][here],
            sides[2][here],
            sides[3][here],
            shared[here],
            a_name=a_name,
            b_name=b_name,
            level=level,
            seed=seed,
            resamples=resamples,
        )
        raw = 1.0 if one.p_value is None else one.p_value
        found.append((str(name), dataclasses.replace(one, p_adjusted=max(raw, float(adjusted[k])))))
        variances.append(domain_variance(d[here], shared[here], single=one.test == "McNemar mid-p"))
    whole = heterogeneity([one.delta or 0.0 for _, one in found], variances, level)
    return (
        tuple(
            DomainComparison(domain=name, comparison=one, variance=v, shrunk=shrunk, below_zero=below)
            for (name, one), v, shrunk, below in zip(found, variances, whole.shrunk, whole.below_zero, strict=True)
        ),
        whole,
    )


def domain_variance(differences: Vector, clusters: ArrayLike | None = None, *, single: bool = False) -> float:
    """The squared standard error of a domain's mean difference, never 0.

    One 0/1 trial a task: from b + 1/2, c + 1/2 and n + 1 (the
    last also in the divisor), so that a domain without discordant tasks keeps a
    variance. Otherwise CR1 squared; where few clusters differ, the first formula on the sums of cluster means.
    """
    codes, groups = cluster_codes(clusters, len(differences))
    error = cr1(differences, codes)
    if not single and error is not None and error > 1e-12 and not seldom_differs(differences, codes, groups):
        return error * error
    return _corrected(differences, codes, groups)


def _corrected(differences: Vector, codes: Codes, groups: int) -> float:
    gained, lost, units = gained_and_lost(differences, codes, groups)
    win, loss = (gained + 0.5) / (units + 1.0), (lost + 0.5) / (units + 1.0)
    return (win + loss - (win - loss) ** 2) / (units + 1.0)
