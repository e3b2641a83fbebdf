"""Is a candidate not worse than its baseline by a margin, and is it shown to be worse at all?

Two different questions: 0 wins and 6 losses in 800 tasks are significantly worse *and* non-inferior at 3 points.
Differences here are candidate minus baseline.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.clustered import cr1
from harness.stats.compare import Pairs, clusters_named, gained_and_lost, pair_tasks, seldom_differs
from harness.stats.multiplicity import max_t_sign_flip
from harness.stats.paired import tango_interval, tango_z
from harness.stats.signflip import sign_flip_test
from harness.stats.tails import normal_tail, t_quantile, t_tail
from harness.stats.units import sum_by

Contender = tuple[ArrayLike, ArrayLike]
"""(sums, counts), one of each a task, as in `compare`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """Whether the difference is shown to lie above minus the margin."""

    delta: float | None
    margin: float
    p_value: float
    """One-sided, of the hypothesis that the difference is at most minus the margin."""
    low: float | None
    """Lower end of the one-sided interval at 1 - alpha; above minus the margin exactly when it holds."""
    alpha: float
    holds: bool
    n_tasks: int
    method: str


def non_inferiority(
    candidate: Contender,
    baseline: Contender,
    margin: float,
    clusters: ArrayLike | None = None,
    *,
    alpha: float = 0.05,
) -> NonInferiority:
    """Tests ``delta <= -margin`` one-sided on the common tasks.

    One 0/1 trial a task: Tango's ``Z(-margin)`` (Tango 1998; Nam 1997), which is the same as asking whether the lower
    end of the (1 - 2 alpha) Tango interval lies above -margin. Several trials or clusters: ``t = (mean + margin) /
    CR1`` on G - 1 df; where few clusters differ at all, CR1 says too little and Tango's test on clusters, which is
    never the bolder of the two, takes its place. Without common tasks it does not hold: missing evidence never ships.

    Raises:
        ValueError: The margin is not in (0, 1], alpha not in (0, .5), or the arrays do not match.
    """
    _check(margin, alpha)
    return _tested(pair_tasks(*candidate, *baseline, clusters), margin, alpha)


def non_inferiority_counts(wins: int, losses: int, tasks: int, margin: float, alpha: float = 0.05) -> NonInferiority:
    """`non_inferiority` from the paired table alone: wins and losses of the candidate among one-trial tasks."""
    _check(margin, alpha)
    p, low = normal_tail(tango_z(wins, losses, tasks, -margin)), tango_interval(wins, losses, tasks, 1 - 2 * alpha)[0]
    return NonInferiority(
        delta=(wins - losses) / tasks,
        margin=margin,
        p_value=p,
        low=low,
        alpha=alpha,
        holds=p < alpha,
        n_tasks=tasks,
        method="Tango score",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Whether the candidate is shown to be worse, by however little."""

    delta: float | None
    p_value: float
    """One-sided, of the hypothesis that the difference is not below 0."""
    n_tasks: int
    method: str


def harm_test(
    candidate: Contender,
    baseline: Contender,
    clusters: ArrayLike | None = None,
    *,
    seed: int = 0,
    resamples: int = 9_999,
) -> Harm:
    """The one-sided sign-flip test of ``delta >= 0``; on one 0/1 trial a task it is McNemar's exact one-sided test.

    Exact, not mid-p: whoever blocks on it must not block an equal candidate more often than the level says.
    """
    pairs = pair_tasks(*candidate, *baseline, clusters)
    if len(pairs.a) == 0:
        return Harm(delta=None, p_value=1.0, n_tasks=0, method="no common task")
    sums = sum_by(pairs.codes, pairs.differences, pairs.clusters)
    found = sign_flip_test(sums, alternative="less", seed=seed, resamples=resamples)
    delta = float(pairs.differences.mean())
    return Harm(delta=delta, p_value=found.p_value, n_tasks=len(pairs.a), method=f"{found.method}, one-sided")


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainHarm:
    """One domain's evidence of harm, adjusted for looking at all of them."""

    domain: str
    delta: float
    p_adjusted: float
    margin: float
    n_tasks: int
    harmed: bool
    """Significant within the family, and below minus the margin: both."""


def harmed_domains(
    candidate: Contender,
    baseline: Contender,
    domains: ArrayLike,
    margins: float | Mapping[Any, float],
    clusters: ArrayLike | None = None,
    *,
    alpha: float = 0.05,
    seed: int = 0,
    resamples: int = 9_999,
) -> tuple[DomainHarm, ...]:
    """Which domains are harmed: one-sided step-down max-T sign-flip, and an estimate below minus the domain's margin.

    Westfall & Young 1993. The units are clusters, so tasks of one source that fall in two domains keep their bond.

    Args:
        candidate: (sums, counts), one of each a task.
        baseline: The same, same tasks, same order.
        domains: A name for each task.
        margins: One margin for all, or one for each domain.
        clusters: A code for each task, or None.
        alpha: Family-wise level.
        seed: Seeds the sign patterns, where not all are looked at.
        resamples: How many.

    Returns:
        One entry a domain with common tasks, sorted by name.
    """
    pairs = pair_tasks(*candidate, *baseline, clusters)
    if len(pairs.a) == 0:
        return ()
    names, codes = np.unique(np.asarray(domains)[pairs.kept], return_inverse=True)
    d = pairs.differences
    table = np.stack([sum_by(pairs.codes, np.where(codes == k, d, 0.0), pairs.clusters) for k in range(len(names))], 1)
    adjusted = max_t_sign_flip(table, "less", seed=seed, resamples=resamples)
    found = []
    for k, name in enumerate(names.tolist()):
        margin = margins[name] if isinstance(margins, Mapping) else margins
        here = d[codes == k]
        delta, p = float(here.mean()), float(adjusted[k])
        found.append(
            DomainHarm(
                domain=str(name),
                delta=delta,
                p_adjusted=p,
                margin=margin,
                n_tasks=len(here),
                harmed=p <= alpha and delta < -margin,
            )
        )
    return tuple(found)


def _tested(pairs: Pairs, margin: float, alpha: float) -> NonInferiority:
    n, groups, d = len(pairs.a), pairs.clusters, pairs.differences
    if n == 0:
        return NonInferiority(
            delta=None,
            margin=margin,
            p_value=1.0,
            low=None,
            alpha=alpha,
            holds=False,
            n_tasks=0,
            method="no common task",
        )
    error = cr1(d, pairs.codes)
    delta = float(d.mean())
    if pairs.single or error is None or error <= 1e-12 or seldom_differs(d, pairs.codes, groups):
        gained, lost, size = gained_and_lost(d, pairs.codes, groups)
        p = normal_tail(tango_z(gained, lost, size, -margin))
        low = min(delta, tango_interval(gained, lost, size, 1.0 - 2.0 * alpha)[0])
        method = "Tango score" if pairs.single else f"Tango score on {clusters_named(groups, size)}"
    else:
        p = t_tail((delta + margin) / error, groups - 1)
        low = max(-1.0, delta - t_quantile(1.0 - alpha, groups - 1) * error)
        method = f"CR1/t, {groups} clusters"
    return NonInferiority(
        delta=delta, margin=margin, p_value=p, low=low, alpha=alpha, holds=p < alpha, n_tasks=n, method=method
    )


def _check(margin: float, alpha: float) -> None:
    if not 0.0 < margin <= 1.0 or not 0.0 < alpha < 0.5:
        raise ValueError(f"margin must lie in (0, 1] and alpha in (0, .5): {margin!r} and {alpha!r}")
