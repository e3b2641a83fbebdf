"""Tasks that got worse: which of them chance alone would have made worse, and which are confirmed."""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.bootstrap import RESAMPLES, bootstrap_estimate
from harness.stats.multiplicity import benjamini_hochberg
from harness.stats.units import Counts, Vector, cluster_codes, same_length, sum_by, vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Worse:
    """How many tasks got worse, next to how many would have if nothing had changed."""

    observed: int
    expected: float  # tasks that look worse by chance alone, given each task's passes in all trials
    sd: float
    excess: Estimate  # observed minus expected, with a bootstrap over tasks (clusters)
    flagged: tuple[int, ...]  # places of the tasks that look worse, surest first: those to try again with fresh trials
    confirmed: tuple[int, ...]  # places of those that survive Benjamini-Hochberg at ``rate``
    p_values: Vector  # one a task, one-sided; 1 where the task says nothing
    rate: float


def tasks_worse(
    candidate: tuple[ArrayLike, ArrayLike],
    baseline: tuple[ArrayLike, ArrayLike],
    clusters: ArrayLike | None = None,
    *,
    rate: float = 0.10,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Worse:
    """Counts tasks whose pass rate fell, against the null that both contenders pass each task equally often.

    Given s = x + y passes of a task in K_x + K_y trials, x is hypergeometric under the null (Fisher 1935), so ``E0 =
    sum P(x/K_x < y/K_y | s)``. The raw count is biased upward by trial noise; the excess over E0 is not. With one trial
    no single task can ever be confirmed; from three trials each the least p is 1/20.

    Both are (passes, trials), whole numbers; ``rate`` is the false discovery rate of the confirmed list.
    """
    x, trials_x = _whole(candidate)
    y, trials_y = _whole(baseline)
    n = same_length(candidate=x, baseline=y)
    chance, p = np.zeros(n), np.ones(n)
    tried = (trials_x > 0) & (trials_y > 0)
    cases, place = np.unique(np.stack([x, trials_x, y, trials_y], axis=1), axis=0, return_inverse=True)
    for row, case in enumerate(cases.tolist()):
        here = place.reshape(-1) == row
        if case[1] and case[3]:
            chance[here], p[here] = _null(*case)
    worse = tried & (x * trials_y < y * trials_x)
    codes, groups = cluster_codes(clusters, n)
    sums = np.stack([sum_by(codes, worse.astype(np.float64), groups), sum_by(codes, chance, groups)], axis=1)
    excess = bootstrap_estimate(
        sums, lambda totals: totals[:, 0] - totals[:, 1], level=level, resamples=resamples, seed=seed,
        n_tasks=int(tried.sum()), n_trials=int((trials_x + trials_y)[tried].sum()),
    )  # fmt: skip
    flagged = np.flatnonzero(worse)
    flagged = flagged[np.argsort(p[flagged], kind="stable")]
    adjusted = np.ones(n)
    adjusted[tried] = benjamini_hochberg(p[tried])
    return Worse(
        observed=int(worse.sum()),
        expected=float(chance.sum()),
        sd=float(np.sqrt((chance * (1.0 - chance)).sum())),
        excess=excess,
        flagged=tuple(flagged.tolist()),
        confirmed=tuple(i for i in flagged.tolist() if adjusted[i] <= rate),
        p_values=p,
        rate=rate,
    )


def _null(x: int, trials_x: int, y: int, trials_y: int) -> tuple[float, float]:
    """P(the candidate looks worse | s), and P(X <= x | s), both under the hypergeometric null."""
    total, s = trials_x + trials_y, x + y
    ways = {k: comb(trials_x, k) * comb(trials_y, s - k) for k in range(max(0, s - trials_y), min(s, trials_x) + 1)}
    whole = comb(total, s)
    looks_worse = sum(w for k, w in ways.items() if k * trials_y < (s - k) * trials_x)
    return looks_worse / whole, sum(w for k, w in ways.items() if k <= x) / whole


def _whole(side: tuple[ArrayLike, ArrayLike]) -> tuple[Counts, Counts]:
    passes, trials = vector(side[0], "passes"), vector(side[1], "trials")
    same_length(passes=passes, trials=trials)
    if np.any(passes != np.round(passes)) or np.any(passes < 0) or np.any(passes > trials):
        raise ValueError("passes must be whole numbers between 0 and the number of trials")
    return passes.astype(np.int64), trials.astype(np.int64)
