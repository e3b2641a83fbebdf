"""When a worker hands over to an expert: every threshold replayed from recorded outcomes, and the one chosen honestly.

The worker is always asked and always paid for; where its confidence lies below the threshold the expert's answer counts
and is paid for too. The threshold that looks best on its own tasks looks better than it is, so it is scored on tasks
that it was not chosen on.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.bootstrap import cluster_weights, percentile_limits
from harness.stats.money import fieller_ratio
from harness.stats.tails import two_sided_z
from harness.stats.units import Codes, Vector, cluster_codes, same_length, vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Recorded outcomes of worker and expert on the same tasks; one entry a task, none unknown."""

    confidence: Vector
    worker: Vector
    """Mean graded value of the worker."""
    expert: Vector
    worker_cost: Vector
    expert_cost: Vector


def replay(
    confidence: ArrayLike, worker: ArrayLike, expert: ArrayLike, worker_cost: ArrayLike, expert_cost: ArrayLike
) -> Replay:
    """The arrays, checked.

    Raises:
        ValueError: They do not match or hold an unknown; leave such tasks out, and say how many.
    """
    arrays = [vector(x, "values") for x in (confidence, worker, expert, worker_cost, expert_cost)]
    names = ("confidence", "worker", "expert", "worker_cost", "expert_cost")
    if same_length(**dict(zip(names, arrays, strict=True))) == 0 or not all(np.all(np.isfinite(x)) for x in arrays):
        raise ValueError("a replay needs at least one task and no unknown value")
    return Replay(**dict(zip(names, arrays, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What every distinct threshold would have given, from never escalating to always; one entry a threshold."""

    threshold: Vector
    """Escalate where confidence < threshold; the last is infinite."""
    escalated: Vector
    passed: Vector
    cost: Vector


def escalation_curve(tasks: Replay) -> Curve:
    """Share escalated, pass rate and mean cost at every distinct threshold."""
    order, ends, threshold = _steps(tasks.confidence)
    n = len(order)
    gain = np.concatenate([[0.0], np.cumsum((tasks.expert - tasks.worker)[order])])[ends]
    cost = np.concatenate([[0.0], np.cumsum(tasks.expert_cost[order])])[ends]
    return Curve(
        threshold=threshold,
        escalated=ends / n,
        passed=tasks.worker.mean() + gain / n,
        cost=tasks.worker_cost.mean() + cost / n,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a threshold is chosen for; give one of the three."""

    cost_weight: float | None = None
    """Maximise pass - cost_weight * cost."""
    max_cost: float | None = None
    """Maximise pass with a mean cost of at most this."""
    min_pass: float | None = None
    """Minimise cost with a pass rate of at least this."""

    def __post_init__(self) -> None:
        if sum(x is not None for x in (self.cost_weight, self.max_cost, self.min_pass)) != 1:
            raise ValueError("an objective is exactly one of cost_weight, max_cost and min_pass")

    def values(self, passed: Vector, cost: Vector) -> Vector:
        """What is maximised, for each point; where no point meets the bound, the nearest to it is best."""
        if self.cost_weight is not None:
            return passed - self.cost_weight * cost
        if self.max_cost is not None:
            over = np.maximum(cost - self.max_cost, 0.0)
            return np.where(over > 0.0, -1e6 - over, passed)
        short = np.maximum((self.min_pass or 0.0) - passed, 0.0)
        return np.where(short > 0.0, -1e6 * (1.0 + short), -cost)

    def score(self, passed: float, cost: float) -> float:
        """What a policy is judged by on fresh tasks: the objective without its bound."""
        if self.cost_weight is not None:
            return passed - self.cost_weight * cost
        return passed if self.max_cost is not None else cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A threshold, how good it looks, and how good the way of choosing it is on tasks not used to choose."""

    threshold: float
    apparent: float
    crossfit: Estimate
    passed: float
    cost: float
    """Cross-fitted pass rate and mean cost."""


def choose_threshold(
    tasks: Replay,
    objective: Objective,
    clusters: ArrayLike | None = None,
    *,
    folds: int = 5,
    repeats: int = 5,
    resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> Chosen:
    """The best threshold on all tasks, and the cross-fitted score of choosing one so.

    Clusters are dealt to folds; each fold is served by the threshold that was best on the others (Stone 1974); repeated
    dealings are averaged. The interval bootstraps the whole procedure over clusters, the choosing included; a cluster
    drawn twice stays in one fold. Ties go to the lower threshold, which escalates less.

    Args:
        tasks: From `replay`.
        objective: What the threshold is chosen for.
        clusters: A code for each task, or None.
        folds: At least 2; fewer where there are fewer clusters.
        repeats: Dealings.
        resamples: Size of the bootstrap.
        level: Confidence.
        seed: Seeds dealings and bootstrap.

    Returns:
        The choice; ``crossfit`` is None, with ``why``, with a single cluster.
    """
    two_sided_z(level)
    n = len(tasks.confidence)
    codes, groups = cluster_codes(clusters, n)
    curve = escalation_curve(tasks)
    values = objective.values(curve.passed, curve.cost)
    best = int(np.argmax(values))
    apparent = objective.score(float(curve.passed[best]), float(curve.cost[best]))
    threshold = float(curve.threshold[best])
    method = f"cross-fitted in {min(folds, groups)} folds, {repeats} times; bootstrap of {groups} clusters, seed {seed}"
    if groups < 2 or folds < 2:
        why = "one cluster cannot be held out"
        lacking = Estimate(value=None, level=level, n_tasks=n, method="none", why=why)
        return Chosen(
            threshold=threshold,
            apparent=apparent,
            crossfit=lacking,
            passed=float(curve.passed[best]),
            cost=float(curve.cost[best]),
        )
    rng = np.random.default_rng(seed)
    deals = [(rng.permutation(groups) % min(folds, groups))[codes] for _ in range(repeats)]
    steps = _steps(tasks.confidence)
    passed, cost = _crossfit(tasks, objective, deals, np.ones(n), steps)
    value = objective.score(passed, cost)
    weights = cluster_weights(groups, resamples, seed)
    drawn = [_crossfit(tasks, objective, deals[:1], row[codes].astype(np.float64), steps) for row in weights]
    limits = percentile_limits(np.array([objective.score(*one) for one in drawn]), level)
    found = Estimate(value=value, level=level, n_tasks=n, method=method, why="no resample could be scored")
    if limits is not None:
        low, high = min(limits[0], value), max(limits[1], value)
        found = Estimate(value=value, low=low, high=high, level=level, n_tasks=n, method=method)
    return Chosen(threshold=threshold, apparent=apparent, crossfit=found, passed=passed, cost=cost)


Steps = tuple[Codes, Codes, Vector]


def _steps(confidence: Vector) -> Steps:
    """Tasks by rising confidence, how many lie below each distinct threshold, and the thresholds."""
    order = np.argsort(confidence, kind="stable")
    levels, counts = np.unique(confidence, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
    return order.astype(np.intp), ends, np.append(levels, np.inf)


def _crossfit(
    tasks: Replay, objective: Objective, deals: "list[Codes]", weight: Vector, steps: Steps
) -> tuple[float, float]:
    """Weighted pass rate and cost over all tasks, each served by the threshold chosen without its fold."""
    order, ends, threshold = steps
    gain, extra = (tasks.expert - tasks.worker)[order], tasks.expert_cost[order]
    base_pass, base_cost = tasks.worker[order], tasks.worker_cost[order]
    sorted_weight, confidence = weight[order], tasks.confidence[order]
    passed = cost = 0.0
    total = float(weight.sum())
    for deal in deals:
        dealt = deal[order]
        for fold in range(int(dealt.max()) + 1):
            mine = dealt == fold
            train = np.where(mine, 0.0, sorted_weight)
            test = np.where(mine, sorted_weight, 0.0)
            mass = float(train.sum())
            if mass == 0.0:
                continue
            more = np.concatenate([[0.0], np.cumsum(train * gain)])[ends]
            dear = np.concatenate([[0.0], np.cumsum(train * extra)])[ends]
            scores = objective.values(
                (float(train @ base_pass) + more) / mass, (float(train @ base_cost) + dear) / mass
            )
            up = confidence < threshold[int(np.argmax(scores))]
            passed += float(test @ (base_pass + up * gain))
            cost += float(test @ (base_cost + up * extra))
    return passed / (total * len(deals)), cost / (total * len(deals))


@dataclass(frozen=True, slots=True, kw_only=True)
class Aiq:
    """Average quality over the cost range, under the best non-decreasing frontier of the points."""

    hull: tuple[tuple[float, float], ...]
    over_max: float
    """Area divided by the largest cost."""
    over_range: float
    """Area divided by the width of the cost range."""


def aiq(costs: ArrayLike, qualities: ArrayLike) -> Aiq | None:
    """Area under the non-decreasing concave hull of (cost, quality) from the least to the greatest cost.

    Hu et al. 2024 (RouterBench), who divide by the largest cost; dividing by the range does not reward a cheap start
    less the dearer its end is. Say which was used. None where all costs are equal, or there is no point.

    Raises:
        ValueError: The arrays do not match.
    """
    x, y = vector(costs, "costs"), vector(qualities, "qualities")
    if same_length(costs=x, qualities=y) == 0 or float(x.max()) <= float(x.min()):
        return None
    hull: list[tuple[float, float]] = []
    order = np.lexsort((-y, x))
    highest = np.maximum.accumulate(y[order])
    order = order[np.concatenate([[True], highest[1:] > highest[:-1]])]  # those that nothing cheaper is as good as
    for point in zip(x[order].tolist(), y[order].tolist(), strict=True):
        while len(hull) > 1 and _above(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    last = float(x.max())
    flat = hull if hull[-1][0] == last else [*hull, (last, hull[-1][1])]
    area = math.fsum((b[0] - a[0]) * (a[1] + b[1]) / 2.0 for a, b in pairwise(flat))
    return Aiq(hull=tuple(hull), over_max=area / last, over_range=area / (last - float(x.min())))


def _above(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or below the line from a to c, and so is no corner of the hull."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


def gap_recovered(
    policy: ArrayLike, weak: ArrayLike, strong: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """The share of the gap between weak and strong that a policy closes: ``(r - weak) / (strong - weak)``.

    Burns et al. 2023 (performance gap recovered), a ratio of means over tasks with Fieller's interval. Unbounded, with
    ``why``, where the gap itself cannot be told from 0.

    Args:
        policy: Mean graded value of the policy, one a task.
        weak: Of the weak contender, same tasks.
        strong: Of the strong one.
        clusters: A code for each task, or None.
        level: Confidence.
    """
    r, low, high = vector(policy, "policy"), vector(weak, "weak"), vector(strong, "strong")
    same_length(policy=r, weak=low, strong=high)
    found = fieller_ratio(r - low, high - low, clusters, level)
    if found.low is None:
        return replace(found, why="the gap between weak and strong cannot be told from 0")
    return found
