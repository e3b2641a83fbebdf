"""Is a candidate not worse than its baseline by a margin, and is it shown to be worse at all?

Two different questions: 0 wins and 6 losses in 800 tasks are significantly worse *and* non-inferior at 3 points.
Differences here are candidate minus baseline.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.comparison import Pairs, clusters_named, pair_tasks
from harness.stats.domains import by_domain
from harness.stats.paired import tango_interval, tango_z
from harness.stats.signflip import sign_flip_test
from harness.stats.tails import normal_quantile, normal_tail, t_quantile, t_tail
from harness.stats.units import Vector, same_length, sum_by, vector

Contender = tuple[ArrayLike, ArrayLike]  # (sums, counts), one of each a task, as in `compare`


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """Whether the difference is shown to lie above minus the margin."""

    delta: float | None
    margin: float
    p_value: float  # one-sided, of the hypothesis that the difference is at most minus the margin
    z: float
    """The same as a standard normal value: large where the difference lies above; minus infinity without evidence."""
    low: float | None  # lower end of the one-sided interval at 1 - alpha; above minus the margin exactly when it holds
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
    end of the (1 - 2 alpha) Tango interval lies above -margin. Several trials, fractional scores or clusters:
    `score_z`, which is Tango's test for such units, on t with G - 1 df. A t test would take the spread of the losses
    seen for that of all, and so pass a candidate too often whose few heavy losses happen to be missing. Without common
    tasks, or with a single cluster, it does not hold: missing evidence never ships.
    """
    _check(margin, alpha)
    return _tested(pair_tasks(*candidate, *baseline, clusters), margin, alpha)


def non_inferiority_counts(wins: int, losses: int, tasks: int, margin: float, alpha: float = 0.05) -> NonInferiority:
    """`non_inferiority` from the paired table alone: wins and losses of the candidate among one-trial tasks."""
    _check(margin, alpha)
    z = tango_z(wins, losses, tasks, -margin)
    p = normal_tail(z)
    low, _ = tango_interval(wins, losses, tasks, 1 - 2 * alpha)
    return NonInferiority(delta=(wins - losses) / tasks, margin=margin, p_value=p, z=z, low=low, alpha=alpha,
                          holds=p < alpha, n_tasks=tasks, method="Tango score")  # fmt: skip


def score_z(sums: ArrayLike, sizes: ArrayLike, delta: float) -> float:
    """Tango's score statistic for units that differ by any amount: large where the true difference lies above delta.

    A unit is a cluster of tasks, or a task with several trials. Tango puts the likeliest table under the hypothesis
    into the variance. So does this with the likeliest distribution (empirical likelihood, Owen 1988) of
    ``u_g = (S_g - delta m_g) / mbar``, in which a unit not yet seen may lose everything: its Lagrange multiplier is
    ``lam = argmax sum log(1 + lam u_g)`` up to ``1 / ((1 + delta) k)``, its variance of u is ``ubar / lam``, and
    ``Z = sqrt((G - 1) lam ubar)``, with G - 1 for G because the mean is estimated. The unseen unit has Kish's size
    ``k = sum m_g^2 / (G mbar^2)``, that of the unit of a task drawn at random. On one 0/1 trial a task Z is Tango's,
    but for ``sqrt((G - 1) / G)``. Z falls as delta rises. Below the difference seen the mirror image holds.

    ``sums`` holds S_g and ``sizes`` m_g, the number of tasks of each unit; ``delta`` is the difference supposed.
    """
    s, m = vector(sums, "sums"), vector(sizes, "sizes")
    if same_length(sums=s, sizes=m) == 0 or np.any(m <= 0) or np.any(np.abs(s) > m + 1e-9) or not -1 <= delta <= 1:
        raise ValueError("each sum must lie within plus and minus its size, and delta within plus and minus 1")
    return _score_z(s, m, delta)


def kish_units(sizes: ArrayLike) -> float:
    """As how many clusters of equal size these count: ``(sum m)^2 / sum m^2`` (Kish 1965)."""
    m = vector(sizes, "sizes")
    return float(m.sum() ** 2 / (m @ m))


def _score_z(sums: Vector, sizes: Vector, delta: float) -> float:
    mean = float(sizes.mean())
    u = (sums - delta * sizes) / mean
    away = float(u.mean())
    if abs(away) <= 1e-12:
        return 0.0
    if away < 0.0:
        return -_score_z(-sums, sizes, -delta)
    # The worst that a unit can do, seen or not; 0 where the hypothesis allows of nothing but losing everything.
    worst = max((1.0 + delta) * len(u) / kish_units(sizes), -float(u.min()))
    if worst <= 1e-12:
        return math.inf
    return math.sqrt((len(u) - 1) * _multiplier(u / worst) / worst * away)


def _multiplier(u: Vector) -> float:
    """Where ``sum log(1 + x u)`` is greatest on [0, 1], of u from -1 on and a mean above 0; by Newton's steps."""
    if u.min() > -1.0 + 1e-12 and float((u / (1.0 + u)).sum()) >= 0.0:
        return 1.0
    low, high, x = 0.0, 1.0, 0.5
    for _ in range(100):
        each = u / (1.0 + x * u)
        slope = float(each.sum())
        low, high = (x, high) if slope > 0.0 else (low, x)
        following = x + slope / float(each @ each)
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - x) <= 1e-15:
            break
        x = following
    return x


def _score_low(sums: Vector, sizes: Vector, target: float) -> float:
    """The difference at which `score_z`, which is 0 at the difference seen, has come down to the target."""
    from scipy.optimize import brentq

    seen = float(sums.sum() / sizes.sum())
    if seen <= -1.0 + 1e-12:
        return -1.0
    return float(brentq(lambda delta: min(_score_z(sums, sizes, delta), 2.0 * target) - target, -1.0, seen, xtol=1e-12))


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Whether the candidate is shown to be worse, by however little."""

    delta: float | None
    p_value: float  # one-sided, of the hypothesis that the difference is not below 0
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
    harmed: bool  # significant within the family, and below minus the margin: both


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

    ``margins`` is one margin for all, or one for each domain by its name; ``alpha`` is the family-wise level.

    Returns:
        One entry a domain with common tasks, sorted by name.
    """
    pairs = pair_tasks(*candidate, *baseline, clusters)
    names, codes, adjusted = by_domain(pairs, domains, "less", seed=seed, resamples=resamples)
    found = []
    for k, (name, p) in enumerate(zip(names, adjusted.tolist(), strict=True)):
        margin = margins[name] if isinstance(margins, Mapping) else margins
        here = pairs.differences[codes == k]
        delta = float(here.mean())
        harmed, n = p <= alpha and delta < -margin, len(here)
        one = DomainHarm(domain=str(name), delta=delta, p_adjusted=p, margin=margin, n_tasks=n, harmed=harmed)
        found.append(one)
    return tuple(found)


def _tested(pairs: Pairs, margin: float, alpha: float) -> NonInferiority:
    n, groups, d = len(pairs.a), pairs.clusters, pairs.differences
    if pairs.single and n:
        return non_inferiority_counts(int((d > 0).sum()), int((d < 0).sum()), n, margin, alpha)
    blank = NonInferiority(delta=None, margin=margin, p_value=1.0, z=-math.inf, low=None, alpha=alpha, holds=False,
                           n_tasks=n, method="no common task")  # fmt: skip
    if n == 0:
        return blank
    sums, sizes = sum_by(pairs.codes, d, groups), sum_by(pairs.codes, np.ones(n), groups)
    p, z, low = 1.0, -math.inf, -1.0  # one cluster says nothing of others
    if groups > 1:
        t = _score_z(sums, sizes, -margin)
        p, low = t_tail(t, groups - 1), _score_low(sums, sizes, t_quantile(1.0 - alpha, groups - 1))
        z = -normal_quantile(p) if 0.0 < p < 1.0 else math.copysign(math.inf, t)
    method = f"Tango score on {clusters_named(groups, kish_units(sizes))}"
    return replace(blank, delta=float(d.mean()), p_value=p, z=z, low=low, holds=p < alpha, method=method)


def _check(margin: float, alpha: float) -> None:
    if not 0.0 < margin <= 1.0 or not 0.0 < alpha < 0.5:
        raise ValueError(f"margin must lie in (0, 1] and alpha in (0, .5): {margin!r} and {alpha!r}")
