"""When a worker hands over to an expert: what a threshold is chosen for, the one that is chosen, and what it is worth.

The worker is always asked and always paid for; where its confidence lies below the threshold the expert's answer counts
and is paid for too. A threshold looks better on the tasks that it was chosen on than it is: `Replayer` cross-fits it.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.units import Codes, Vector, same_length, vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a threshold is chosen for; give one of the three."""

    cost_weight: float | None = None  # maximise pass - cost_weight * cost
    max_cost: float | None = None  # maximise pass with a mean cost of at most this
    min_pass: float | None = None  # minimise cost with a pass rate of at least this

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


HIGHEST_PASS_RATE = Objective(max_cost=math.inf)


def best_steps(objective: Objective, passed: "NDArray[np.float64]", cost: "NDArray[np.float64]") -> Codes:
    """The first best column of each row; what is within rounding of the best, or of a bound, is as good.

    Columns are thresholds by rising share escalated, so ties go to the one that escalates least. Unknown costs are 0.
    """
    known = np.where(np.isfinite(cost), cost, 0.0)
    values = objective.values(passed.ravel() + 1e-12, known.ravel() * (1.0 - 1e-12)).reshape(passed.shape)
    values = np.where(np.isfinite(values), values, -np.inf)
    top = values.max(axis=1, keepdims=True)
    return np.asarray(np.argmax(values >= top - 1e-12, axis=1), dtype=np.intp)


def choose_threshold(confidence: ArrayLike, worker: ArrayLike, expert: ArrayLike) -> tuple[float, float]:
    """The threshold with the highest pass rate on these tasks, and the share that it escalates.

    It lies midway between the two confidences that it separates; 0 escalates nothing, anything above 1 everything.
    Among equals the fewest escalations win.

    ``confidence`` is the worker's, below the threshold the expert is asked; ``worker`` and ``expert`` are what their
    answers were worth, 0 to 1.
    """
    sure, own, other = vector(confidence, "confidence"), vector(worker, "worker"), vector(expert, "expert")
    n = same_length(confidence=sure, worker=own, expert=other)
    if n == 0:
        raise ValueError("no task to choose a threshold on")
    levels, where = np.unique(sure, return_inverse=True)
    passed = (own.sum() + np.concatenate([[0.0], np.cumsum(np.bincount(where, weights=other - own))])) / n
    step = int(best_steps(HIGHEST_PASS_RATE, passed[None], np.zeros((1, len(passed))))[0])
    if step == 0:
        return 0.0, 0.0
    if step == len(levels):
        return 2.0, 1.0
    return float(levels[step - 1] + levels[step]) / 2, float(np.mean(where < step))


@dataclass(frozen=True, slots=True, kw_only=True)
class Aiq:
    """Average quality over the cost range, under the best non-decreasing frontier of the points."""

    hull: tuple[tuple[float, float], ...]
    over_max: float  # area divided by the largest cost
    over_range: float  # area divided by the width of the cost range


def aiq(costs: ArrayLike, qualities: ArrayLike) -> Aiq | None:
    """Area under the non-decreasing concave hull of (cost, quality) from the least to the greatest cost.

    Hu et al. 2024 (RouterBench), who divide by the largest cost; dividing by the range does not reward a cheap start
    less the dearer its end is. Say which was used. None where all costs are equal, or there is no point.
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
