"""Is a candidate not worse than its baseline by a margin, is it shown to be worse at all, and on which tasks?

Candidate minus baseline. 0 wins and 6 losses in 800 tasks are significantly worse *and* non-inferior at 3 points.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.bootstrap import RESAMPLES, bootstrap_estimate
from harness.stats.clustered import clusters_named
from harness.stats.comparison import pair_tasks
from harness.stats.domains import by_domain
from harness.stats.permutation import flip_test
from harness.stats.score import score_low, score_z
from harness.stats.signflip import benjamini_hochberg, sign_flip_test
from harness.stats.tables import tango_interval, tango_z
from harness.stats.tails import normal_quantile, normal_tail, t_quantile, t_tail
from harness.stats.units import (
    Clusters,
    Contender,
    Vector,
    cluster_codes,
    kish_units,
    sum_by,
    vectors,
    whole_counts,
)

RATE = 0.10  # the false discovery rate of tasks confirmed to be worse


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """Whether the difference is shown to lie above minus the margin."""

    delta: float | None
    margin: float
    p_value: float  # one-sided, of the hypothesis that the difference is at most minus the margin
    z: float  # the same as a standard normal value: large where it lies above; minus infinity without evidence
    low: float | None  # lower end of the one-sided interval at 1 - alpha; above minus the margin exactly when it holds
    alpha: float
    holds: bool
    n_tasks: int
    method: str


def non_inferiority(
    candidate: Contender, baseline: Contender, margin: float, clusters: Clusters = None, *, alpha: float = 0.05
) -> NonInferiority:
    """Tests ``delta <= -margin`` one-sided on the common tasks.

    One 0/1 trial a task: Tango's ``Z(-margin)`` (Tango 1998; Nam 1997), whose (1 - 2 alpha) interval then lies above
    -margin. Otherwise `score_z`, Tango's test for such units, on t with G - 1 df. A t test would take the spread of the
    losses seen for that of all, and so pass a candidate too often whose few heavy losses happen to be missing. Without
    common tasks, or with a single cluster, it does not hold: missing evidence never ships.
    """
    _check(margin, alpha)
    pairs = pair_tasks(*candidate, *baseline, clusters)
    n, groups, d = len(pairs.a), pairs.clusters, pairs.differences
    if pairs.single and n:
        return non_inferiority_counts(int((d > 0).sum()), int((d < 0).sum()), n, margin, alpha)
    blank = NonInferiority(delta=None, margin=margin, p_value=1.0, z=-math.inf, low=None, alpha=alpha, holds=False,
                           n_tasks=n, method="no common task")  # fmt: skip
    if n == 0:
        return blank
    sums, sizes = pairs.sums, sum_by(pairs.codes, np.ones(n), groups)
    p, z, low = 1.0, -math.inf, -1.0  # one cluster says nothing of others
    if groups > 1:
        t = score_z(sums, sizes, -margin)
        p, low = t_tail(t, groups - 1), score_low(sums, sizes, t_quantile(1.0 - alpha, groups - 1))
        z = -normal_quantile(p) if 0.0 < p < 1.0 else math.copysign(math.inf, t)
    method = f"Tango score on {clusters_named(groups, kish_units(sizes))}"
    return replace(blank, delta=float(d.mean()), p_value=p, z=z, low=low, holds=p < alpha, method=method)


def non_inferiority_counts(wins: int, losses: int, tasks: int, margin: float, alpha: float = 0.05) -> NonInferiority:
    """`non_inferiority` from the paired table alone: wins and losses of the candidate among one-trial tasks."""
    _check(margin, alpha)
    z = tango_z(wins, losses, tasks, -margin)
    p = normal_tail(z)
    low, _ = tango_interval(wins, losses, tasks, 1 - 2 * alpha)
    return NonInferiority(delta=(wins - losses) / tasks, margin=margin, p_value=p, z=z, low=low, alpha=alpha,
                          holds=p < alpha, n_tasks=tasks, method="Tango score")  # fmt: skip


def _check(margin: float, alpha: float) -> None:
    if not 0.0 < margin <= 1.0 or not 0.0 < alpha < 0.5:
        raise ValueError(f"margin must lie in (0, 1] and alpha in (0, .5): {margin!r} and {alpha!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Whether the candidate is shown to be worse, by however little."""

    delta: float | None
    p_value: float  # one-sided, of the hypothesis that the difference is not below 0
    n_tasks: int
    method: str


def harm_test(
    candidate: Contender, baseline: Contender, clusters: Clusters = None, *, seed: int = 0, resamples: int = 9_999
) -> Harm:
    """The one-sided sign-flip test of ``delta >= 0``: exact, so an equal candidate is blocked no more than said."""
    pairs = pair_tasks(*candidate, *baseline, clusters)
    if len(pairs.a) == 0:
        return Harm(delta=None, p_value=1.0, n_tasks=0, method="no common task")
    found = sign_flip_test(pairs.sums, alternative="less", seed=seed, resamples=resamples)
    delta = float(pairs.differences.mean())
    return Harm(delta=delta, p_value=found.p_value, n_tasks=len(pairs.a), method=f"{found.method}, one-sided")


def harm_limit(
    candidate: Contender, baseline: Contender, clusters: Clusters = None, *, p_value: float, level: float = 0.95
) -> float | None:
    """The largest difference that `harm_test` does not refute, one-sided: below 0 exactly where p is at most 1 - level.

    The test's own inversion, `flip_test`; ``p_value`` is the test's. None without a common task, or without a limit.
    """
    pairs = pair_tasks(*candidate, *baseline, clusters)
    if len(pairs.a) == 0:
        return None
    sizes = sum_by(pairs.codes, np.ones(len(pairs.codes)), pairs.clusters)
    high = flip_test(pairs.sums, sizes, 2.0 * level - 1.0).high
    return None if high >= 1.0 else min(high, -1e-12) if p_value <= 1.0 - level else max(high, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainHarm:
    """One domain's evidence of harm, adjusted for looking at all of them."""

    domain: str
    delta: float
    p_adjusted: float
    margin: float
    n_tasks: int
    harmed: bool  # significant within the family, and below minus the margin: both


def harmed_domains(
    candidate: Contender,
    baseline: Contender,
    domains: ArrayLike,
    margins: float | Mapping[Any, float],
    clusters: Clusters = None,
    *,
    alpha: float = 0.05,
    seed: int = 0,
    resamples: int = 9_999,
) -> tuple[DomainHarm, ...]:
    """Which domains with common tasks, sorted, are harmed: max-T significant, and estimated below minus the margin.

    One-sided step-down max-T sign flips (Westfall & Young 1993) at the family-wise level ``alpha``. The units are
    clusters, so tasks of one source that fall in two domains keep their bond. ``margins`` is one for all, or by name.
    """
    pairs = pair_tasks(*candidate, *baseline, clusters)
    names, codes, adjusted = by_domain(pairs, domains, "less", seed=seed, resamples=resamples)
    found = []
    for k, (name, p) in enumerate(zip(names, adjusted.tolist(), strict=True)):
        margin = margins[name] if isinstance(margins, Mapping) else margins
        here = pairs.differences[codes == k]
        delta, n = float(here.mean()), len(here)
        harmed = p <= alpha and delta < -margin
        one = DomainHarm(domain=str(name), delta=delta, p_adjusted=p, margin=margin, n_tasks=n, harmed=harmed)
        found.append(one)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worse:
    """How many tasks got worse, next to how many would have if nothing had changed."""

    observed: int
    expected: float  # tasks that look worse by chance alone, given each task's passes in all trials
    sd: float
    excess: Estimate  # observed minus expected, with a bootstrap over tasks (clusters)
    flagged: tuple[int, ...]  # places of the tasks that look worse, surest first: those to try again with fresh trials
    confirmed: tuple[int, ...]  # places of those that survive Benjamini-Hochberg at `RATE`
    p_values: Vector  # one a task, one-sided; 1 where the task says nothing
    rate: float


def tasks_worse(
    candidate: Contender,
    baseline: Contender,
    clusters: Clusters = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Worse:
    """Counts tasks whose pass rate fell, against the null that both contenders pass each task equally often.

    Given s = x + y passes of a task in K_x + K_y trials, x is hypergeometric under the null (Fisher 1935), so ``E0 =
    sum P(x/K_x < y/K_y | s)``. The raw count is biased upward by trial noise; the excess over E0 is not. With one trial
    no task can ever be confirmed; from three trials each the least p is 1/20. Both sides are whole numbers.
    """
    x, trials_x, y, trials_y = (part.astype(np.int64) for side in (candidate, baseline) for part in whole_counts(*side))
    n = len(vectors(candidate=x, baseline=y)[0])
    chance, p = np.zeros(n), np.ones(n)
    tried = (trials_x > 0) & (trials_y > 0)
    cases, place = np.unique(np.stack([x, trials_x, y, trials_y], axis=1), axis=0, return_inverse=True)
    for row, case in enumerate(cases.tolist()):
        if case[1] and case[3]:
            here = place.reshape(-1) == row
            chance[here], p[here] = _null(*case)
    worse = tried & (x * trials_y < y * trials_x)
    codes, groups = cluster_codes(clusters, n)
    sums = np.stack([sum_by(codes, worse.astype(np.float64), groups), sum_by(codes, chance, groups)], axis=1)
    excess = bootstrap_estimate(
        sums, lambda totals: totals[:, 0] - totals[:, 1], level=level, resamples=resamples,
        n_tasks=int(tried.sum()), n_trials=int((trials_x + trials_y)[tried].sum()),
    )  # fmt: skip
    flagged = np.flatnonzero(worse)
    flagged = flagged[np.argsort(p[flagged], kind="stable")]
    adjusted = np.ones(n)
    adjusted[tried] = benjamini_hochberg(p[tried])
    observed, expected, sd = int(worse.sum()), float(chance.sum()), float(np.sqrt((chance * (1.0 - chance)).sum()))
    seen, sure = (tuple(some.tolist()) for some in (flagged, flagged[adjusted[flagged] <= RATE]))
    return Worse(
        observed=observed, expected=expected, sd=sd, excess=excess, flagged=seen, confirmed=sure, p_values=p, rate=RATE
    )


def _null(x: int, trials_x: int, y: int, trials_y: int) -> tuple[float, float]:
    """P(the candidate looks worse | s), and P(X <= x | s), both under the hypergeometric null."""
    s = x + y
    possible = range(max(0, s - trials_y), min(s, trials_x) + 1)
    ways = {k: math.comb(trials_x, k) * math.comb(trials_y, s - k) for k in possible}
    whole = math.comb(trials_x + trials_y, s)
    looks_worse = sum(w for k, w in ways.items() if k * trials_y < (s - k) * trials_x)
    return looks_worse / whole, sum(w for k, w in ways.items() if k <= x) / whole
