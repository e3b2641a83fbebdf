"""Two contenders domain by domain: each comparison, adjusted for how many there are, raw and shrunk side by side."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Comparison, Estimate
from harness.stats.clustered import cr1
from harness.stats.comparison import Pairs, compare, gained_and_lost, pair_tasks, seldom_differs
from harness.stats.multiplicity import max_t_sign_flip
from harness.stats.random_effects import Heterogeneity, heterogeneity
from harness.stats.signflip import Alternative
from harness.stats.units import Codes, Vector, cluster_codes, sum_by


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainComparison:
    """One domain's comparison, its variance, and what is left of its effect after shrinking."""

    domain: str
    comparison: Comparison  # ``p_adjusted`` holds the family-wise error over all domains
    variance: float
    shrunk: Estimate
    below_zero: float  # the chance that the true difference is below 0


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

    ``a`` and ``b`` are (sums, counts), as in `compare`; ``domains`` has a name for each task.

    Returns:
        One entry a domain with common tasks, sorted by name; and the heterogeneity, None without any.
    """
    pairs = pair_tasks(*a, *b, clusters)
    names, codes, adjusted = by_domain(pairs, domains, seed=seed, resamples=resamples)
    if not names:
        return (), None
    d, shared = pairs.differences, pairs.codes
    how: dict[str, Any] = {"a_name": a_name, "b_name": b_name, "level": level, "seed": seed, "resamples": resamples}
    sides = [np.asarray(part, dtype=np.float64)[pairs.kept] for part in (*a, *b)]
    found, variances = [], []
    for k, p in enumerate(adjusted.tolist()):
        here = codes == k
        one = compare(*(x[here] for x in (*sides, shared)), **how)
        found.append(replace(one, p_adjusted=max(1.0 if one.p_value is None else one.p_value, p)))
        variances.append(domain_variance(d[here], shared[here], single=one.test == "McNemar mid-p"))
    whole = heterogeneity([one.delta or 0.0 for one in found], variances, level)
    return (
        tuple(
            DomainComparison(domain=str(name), comparison=one, variance=v, shrunk=shrunk, below_zero=below)
            for name, one, v, shrunk, below in zip(names, found, variances, whole.shrunk, whole.below_zero, strict=True)
        ),
        whole,
    )


def by_domain(
    pairs: Pairs, domains: ArrayLike, alternative: Alternative = "two-sided", *, seed: int, resamples: int
) -> tuple[list[Any], Codes, Vector]:
    """The domains of the common tasks, sorted; of each task a place among them; each one's p by max-T sign flips."""
    names, codes = np.unique(np.asarray(domains)[pairs.kept], return_inverse=True)
    sums = [sum_by(pairs.codes, np.where(codes == k, pairs.differences, 0.0), pairs.clusters)
            for k in range(len(names))]  # fmt: skip
    p = max_t_sign_flip(np.stack(sums, axis=1), alternative, seed=seed, resamples=resamples) if sums else np.ones(0)
    return names.tolist(), codes.astype(np.intp), p


def domain_variance(differences: Vector, clusters: ArrayLike | None = None, *, single: bool = False) -> float:
    """The squared standard error of a domain's mean difference, never 0.

    One 0/1 trial a task: from b + 1/2, c + 1/2 and n + 1 (the last also in the divisor), so that a domain without
    discordant tasks keeps a variance. Otherwise CR1 squared; where few clusters differ, the first formula on the sums
    of cluster means.
    """
    codes, groups = cluster_codes(clusters, len(differences))
    error = cr1(differences, codes)
    if not single and error is not None and error > 1e-12 and not seldom_differs(differences, codes, groups):
        return error * error
    gained, lost, units = gained_and_lost(differences, codes, groups)
    win, loss = (gained + 0.5) / (units + 1.0), (lost + 0.5) / (units + 1.0)
    return (win + loss - (win - loss) ** 2) / (units + 1.0)
