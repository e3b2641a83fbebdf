"""How far each of several contenders lies from the best of them, whoever that is, and which are good enough."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.comparison import Pairs, pair_tasks
from harness.stats.ranking import DRAWS
from harness.stats.score import score_z
from harness.stats.tables import tango_z
from harness.stats.tails import normal_quantile
from harness.stats.units import Clusters, Contender, Flags, Matrix, Vector, cluster_codes, sum_by

HOPELESS = -5.0  # z of "within the margin of the leader" below which a contender has no part in what the others pay for
NEAREST = 5  # rivals that may set a bound: those of which Wald's bound is the furthest out


@dataclass(frozen=True, slots=True, kw_only=True)
class Sufficiency:
    """Contenders against the best of them, one value each; a single one is its own best."""

    difference: Vector  # its rate minus the best rate of the others, as seen
    low: Vector  # of its rate minus the best one: holds for all contenders at once
    high: Vector  # the same from above: holds for each contender, against all of its rivals at once
    shown: Flags  # within the margin of the best
    below: Flags  # more than the margin below the best
    tasks: Vector  # that would show it in four of five tries, if all of them passed equally often; infinite at margin 0


def sufficiency(
    contenders: Sequence[Contender],
    margin: float,
    clusters: Clusters = None,
    *,
    alpha: float = 0.05,
    replicates: Sequence[tuple[float, int]] | None = None,
    seed: int = 0,
) -> Sufficiency:
    """Which contenders pass within ``margin`` of the best, whoever is truly the best: comparisons with the best.

    Every one is compared with every other on the tasks that all share: by Tango's score, or by `score_z` where tasks
    have several trials or share clusters. ``low`` of i is the least over rivals j of the lower bounds of i - j, each
    with j's own critical value, that of comparisons with the control j (Dunnett 1955; Edwards & Hsu 1983). The true
    best is one of those j, so the chance that anybody who misses the margin is ``shown`` is at most ``alpha`` whatever
    their number. ``high`` is the least upper bound, with i's own critical value: a contender that holds the margin is
    said to be ``below`` with a chance of at most ``alpha``, whatever the number of its rivals. Critical values are of
    normals correlated as the contenders are. Who is beyond reason below the leader (`HOPELESS`) is no rival.

    ``replicates`` gives of each contender the variance of its rate between trained replicates, and how many there are;
    it enters with its degrees of freedom (Satterthwaite 1946).
    """
    many, between = len(contenders), list(replicates or [(0.0, 1)] * len(contenders))
    means = np.stack([np.asarray(s, np.float64) / np.asarray(c, np.float64) for s, c in contenders], axis=1)
    rates, n, one = means.mean(axis=0), len(means), np.zeros(many)
    if many < 2:
        return Sufficiency(difference=one, low=one, high=one, shown=one == 0.0, below=one > 0.0, tasks=one)
    codes, groups = cluster_codes(clusters, n)
    table = np.stack([sum_by(codes, column, groups) for column in (means - rates).T], axis=1)
    covariance = table.T @ table / n**2 * groups / max(groups - 1, 1) + np.diag([v for v, _ in between])
    spread = np.diag(covariance)
    apart = np.sqrt(np.maximum(spread[:, None] + spread[None, :] - 2.0 * covariance, 0.0) + 1.0 / n**2)
    leader = int(rates.argmax())

    def z_of(i: int, j: int) -> Callable[[float], float]:
        return _z_of(pair_tasks(*contenders[i], *contenders[j], clusters), between[i], between[j])

    near = np.array([i == leader or z_of(i, leader)(-margin) > HOPELESS for i in range(many)])
    critical, luck = _critical(covariance, near, (1.0 - alpha, 0.8), seed)
    difference, low, high, tasks = np.zeros((4, many))
    for i in range(many):
        rivals = np.flatnonzero(near & (np.arange(many) != i))
        if not len(rivals):  # everybody else is beyond reason below it
            rivals = np.array([int(np.where(np.arange(many) == i, -np.inf, rates).argmax())])
        gap, error = rates[i] - rates[rivals], apart[i, rivals]
        difference[i] = rates[i] - np.delete(rates, i).max()
        lowest = rivals[np.argsort(gap - critical[rivals] * error)[:NEAREST]].tolist()
        highest = rivals[np.argsort(gap + critical[i] * error)[:NEAREST]].tolist()
        low[i] = min(_where(z_of(i, j), critical[j]) for j in lowest)
        high[i] = min(_where(z_of(i, j), -critical[i]) for j in highest)
        reach = float(((critical[rivals] + luck[i]) * error).max())
        tasks[i] = n * (reach / margin) ** 2 if margin else math.inf
    return Sufficiency(
        difference=difference, low=low, high=high, shown=low > -margin, below=high < -margin, tasks=tasks
    )


def rivals_from(
    contenders: Sequence[Contender],
    clusters: Clusters = None,
    *,
    replicates: Sequence[tuple[float, int]] | None = None,
) -> Vector:
    """Of each contender the margin beyond which `sufficiency` takes it for a rival of the others; at most 1.

    Between two of these nothing but ``shown``, ``below`` and ``tasks`` depends on the margin.
    """
    between = list(replicates or [(0.0, 1)] * len(contenders))
    rates = np.array([float((np.asarray(s, np.float64) / np.asarray(c, np.float64)).mean()) for s, c in contenders])
    leader = int(rates.argmax())

    def from_there(i: int) -> float:
        if i == leader:
            return -1.0
        pairs = pair_tasks(*contenders[i], *contenders[leader], clusters)
        return -_where(_z_of(pairs, between[i], between[leader]), HOPELESS)

    return np.array([from_there(i) for i in range(len(contenders))])


def _critical(covariance: Matrix, near: Flags, levels: tuple[float, ...], seed: int) -> Matrix:
    """Of each contender quantiles of the largest of its rivals' standardised differences from it; a row a level."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((DRAWS, len(values))) @ root.T
    found = np.repeat([[normal_quantile(level)] for level in levels], len(near), axis=1)
    for i in range(len(near)):
        rivals = np.flatnonzero(near & (np.arange(len(near)) != i))
        if len(rivals) < 2:
            continue
        variance = covariance[i, i] + np.diag(covariance)[rivals] - 2.0 * covariance[i, rivals]
        alike = variance <= 1e-15  # who does the same on every task has no correlation with the others that is known
        z = (drawn[:, rivals] - drawn[:, [i]]) / np.sqrt(np.where(alike, 1.0, variance))
        z[:, alike] = rng.standard_normal((DRAWS, int(alike.sum())))
        found[:, i] = np.quantile(z.max(axis=1), levels)
    return found


def _z_of(pairs: Pairs, first: tuple[float, int], second: tuple[float, int]) -> Callable[[float], float]:
    """Of a true difference the normal score that speaks against it: large where the one seen lies above it."""
    from scipy.special import stdtr

    if pairs.single and not first[0] and not second[0]:
        wins, losses, n = int((pairs.differences > 0).sum()), int((pairs.differences < 0).sum()), len(pairs.a)
        return lambda delta: tango_z(wins, losses, n, delta)
    sums, sizes = pairs.sums, sum_by(pairs.codes, np.ones(len(pairs.a)), pairs.clusters)
    if pairs.clusters < 2:
        return lambda _: 0.0  # one cluster says nothing of others
    off = sums - sizes * pairs.differences.mean()
    # Of the tasks' part never nothing: who does the same on every task is known to within one of them.
    parts = [
        (float(off @ off + 1.0) / len(pairs.a) ** 2, pairs.clusters - 1),
        *((v, s - 1) for v, s in (first, second) if v),
    ]
    whole = sum(v for v, _ in parts)
    df = pairs.clusters - 1.0
    shrunk = 1.0
    if len(parts) > 1 and whole > 0.0:
        df, shrunk = whole**2 / sum(v * v / d for v, d in parts), math.sqrt(parts[0][0] / whole)

    def z(delta: float) -> float:
        t = shrunk * score_z(sums, sizes, delta)
        tail = float(stdtr(df, -abs(t)))
        return math.copysign(-normal_quantile(tail) if tail > 0.0 else abs(t), t)

    return z


def _where(z: Callable[[float], float], target: float) -> float:
    """The difference at which a score that falls with it passes the target; within [-1, 1]."""
    from scipy.optimize import brentq

    def off(delta: float) -> float:
        return max(min(z(delta), 40.0), -40.0) - target

    ends = (-1.0, 1.0)
    if off(ends[0]) <= 0.0 or off(ends[1]) >= 0.0:
        return ends[0] if off(ends[0]) <= 0.0 else ends[1]
    return float(brentq(off, *ends, xtol=1e-10))
