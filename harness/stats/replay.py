"""When a worker hands over to an expert: what a threshold is chosen for, and thresholds replayed on resampled clusters.

The worker is always asked and paid for; where its confidence lies below the threshold the expert's answer counts and is
paid for too. A threshold looks better on the tasks that it was chosen on than it is: `Replayer` cross-fits it.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.core import Estimate
from harness.stats.bootstrap import cluster_weights, with_percentiles
from harness.stats.units import Codes, Matrix, Vector, vectors

PASS, COST, LATENCY, ESCALATED = range(
    4
)  # columns of every figure: pass rate, dollars, seconds a task, share escalated
NO_INTERVALS = "intervals were not asked for"
ROOM = 1_000_000  # numbers of one table held at a time


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


def _best_steps(objective: Objective, passed: Matrix, cost: Matrix) -> Codes:
    """The first best column of each row; what is within rounding of the best, or of a bound, is as good."""
    # Columns are thresholds by rising share escalated, so ties go to the one that escalates least. Unknown costs are 0.
    known = np.where(np.isfinite(cost), cost, 0.0)
    values = objective.values(passed.ravel() + 1e-12, known.ravel() * (1.0 - 1e-12)).reshape(passed.shape)
    values = np.where(np.isfinite(values), values, -np.inf)
    top = values.max(axis=1, keepdims=True)
    return np.asarray(np.argmax(values >= top - 1e-12, axis=1), dtype=np.intp)


def choose_threshold(confidence: ArrayLike, worker: ArrayLike, expert: ArrayLike) -> tuple[float, float]:
    """The threshold with the highest pass rate on these tasks, and the share that it escalates: the least among equals.

    It lies midway between the two confidences that it separates; 0 escalates nothing, anything above 1 everything.
    ``confidence`` is the worker's; ``worker`` and ``expert`` are what their answers were worth, 0 to 1.
    """
    sure, own, other = vectors(confidence=confidence, worker=worker, expert=expert)
    if len(sure) == 0:
        raise ValueError("no task to choose a threshold on")
    levels, where = np.unique(sure, return_inverse=True)
    passed = (own.sum() + np.concatenate([[0.0], np.cumsum(np.bincount(where, weights=other - own))])) / len(sure)
    step = int(_best_steps(Objective(max_cost=math.inf), passed[None], np.zeros((1, len(passed))))[0])
    if step in (0, len(levels)):
        return (2.0, 1.0) if step else (0.0, 0.0)
    return float(levels[step - 1] + levels[step]) / 2, float(np.mean(where < step))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRows:
    """One entry a task and trial that worker and expert have both graded; none unknown but money and time."""

    confidence: Vector
    worker: Vector  # graded value, 0 to 1
    expert: Vector
    worker_cost: Vector  # NaN where unknown; the costs and latencies below likewise
    expert_cost: Vector
    worker_latency: Vector
    expert_latency: Vector
    weight: Vector  # 1 over the trials of the task here: each task weighs the same
    clusters: Codes
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """A policy's four figures on all tasks, and on each resample."""

    value: Vector  # shape (4,)
    drawn: Matrix  # shape (resamples, 4)


class Replayer:
    """The replay of one signal: tasks by rising confidence, cut where the thresholds lie, and weights of resamples.

    A policy's figure is the worker's sum plus a running sum of what the expert changes. Weights are drawn once for all
    figures, so their differences are joint; the seed is that of resamples and folds.
    """

    def __init__(self, rows: ReplayRows, resamples: int, seed: int) -> None:
        self.rows, self.resamples, self.seed = rows, resamples, seed
        self.order = np.argsort(rows.confidence, kind="stable")
        self.levels, counts = np.unique(rows.confidence, return_counts=True)
        self.ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        self.thresholds: Vector = np.append(self.levels, np.inf)
        self.codes: Codes = rows.clusters[self.order]
        one = np.ones(len(rows.weight))
        base = (rows.worker, rows.worker_cost, rows.worker_latency, 0.0 * one, one)
        more = (rows.expert - rows.worker, rows.expert_cost, rows.expert_latency, one)
        laid = (np.stack([x * rows.weight for x in parts], axis=1) for parts in (base, more))
        self.base, self.more = (table[self.order] for table in laid)

    @cached_property
    def weights(self) -> NDArray[np.uint8]:
        """Shape (resamples, clusters)."""
        if not self.resamples:
            return np.empty((0, self.rows.groups), dtype=np.uint8)
        return cluster_weights(self.rows.groups, self.resamples, self.seed)

    @cached_property
    def worker_sums(self) -> Matrix:
        """The worker's four sums and the weight of all tasks, on each resample: shape (resamples, 5)."""
        return self._resampled(self.by_cluster(self.base))

    def fixed(self, escalated: Vector) -> Draws:
        """A policy that is the same on every resample; ``escalated`` is the share of each row, in their order."""
        share = escalated[self.order][:, None]
        chosen = np.where(share > 0.0, share * self.more, 0.0)  # what is not paid may be unknown
        mass = self.worker_sums[:, 4:]
        whole = (self.base[:, :4].sum(axis=0) + chosen.sum(axis=0)) / self.base[:, 4].sum()
        return Draws(value=whole, drawn=(self.worker_sums[:, :4] + self._resampled(self.by_cluster(chosen))) / mass)

    def seen(self, figures: Matrix) -> Draws:
        """What a contender did itself, by row in the order of the rows; NaN where it has no value was not tried."""
        tried = np.isfinite(figures[:, PASS])
        weight = np.where(tried, self.rows.weight, 0.0)
        laid = np.where(tried[:, None], figures, 0.0) * weight[:, None]
        sums = self.by_cluster(np.column_stack([laid, weight])[self.order])
        drawn = self._resampled(sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            return Draws(value=sums[:, :4].sum(axis=0) / weight.sum(), drawn=drawn[:, :4] / drawn[:, 4:])

    @cached_property
    def exact(self) -> Matrix:
        """The four figures at every threshold on all tasks: shape (thresholds, 4)."""
        gain = np.concatenate([np.zeros((1, 4)), np.cumsum(self.more, axis=0)])[self.ends]
        return np.asarray((self.base[:, :4].sum(axis=0) + gain) / self.base[:, 4].sum())

    def best_step(self, objective: Objective) -> int:
        """The position of the best threshold; ties go to the lower one, which escalates less."""
        return int(_best_steps(objective, self.exact[None, :, PASS], self.exact[None, :, COST])[0])

    def drawn(self, steps: Codes) -> NDArray[np.float64]:
        """The four figures at the thresholds of these rising positions: shape (resamples, steps, 4)."""
        # Between two thresholds all resamples are one small product; side by side, for those who take quantiles.
        if not self.resamples:
            return np.empty((0, len(steps), 4))
        turned = np.ascontiguousarray(self.weights.T)
        found = np.zeros((len(steps), 4, self.resamples))
        rows, start = max(1, ROOM // self.resamples), 0
        for step, end in enumerate(self.ends[steps].tolist()):
            for first in range(start, end, rows):
                here = slice(first, min(first + rows, end))
                found[step] += self.more[here].T @ turned[self.codes[here]].astype(np.float64)
            start = end
        np.cumsum(found, axis=0, out=found)
        found += self.worker_sums[:, :4].T
        found /= self.worker_sums[:, 4]
        return found.transpose(2, 0, 1)

    def crossfit(self, objective: Objective, folds: int, repeats: int) -> Draws | None:
        """The four figures of choosing a threshold on other folds, averaged over dealings; None for one cluster.

        Clusters are dealt to folds, each served by the threshold best on the others (Stone 1974). Resample b repeats
        the choosing on dealing b modulo ``repeats``; a cluster drawn twice stays in one fold, so no task judges its own
        choice.
        """
        groups = self.rows.groups
        if groups < 2:
            return None
        rng = np.random.default_rng(self.seed)
        steps = self._candidates(objective)
        ones = np.ones((1, groups), dtype=np.uint8)
        drawn, values = np.empty((self.resamples, 4)), []
        for number in range(repeats):
            dealing = _Dealing(self, objective, steps, rng.permutation(groups) % min(folds, groups))
            values.append(dealing.figures(ones)[0])
            drawn[number::repeats] = dealing.figures(self.weights[number::repeats])
        return Draws(value=np.mean(values, axis=0), drawn=drawn)

    def concordance(self, right: Vector, wrong: Vector, *, whole: bool = False) -> Vector:
        """Weighted share of (right, wrong) pairs, both in `order`, the right one surer, ties half; a resample each."""
        level = np.repeat(np.arange(len(self.levels)), np.diff(self.ends))
        bad, good = np.flatnonzero(wrong), np.flatnonzero(right)
        rows, is_good = np.concatenate([bad, good]), np.repeat([False, True], [len(bad), len(good)])
        order = np.lexsort((is_good, level[rows]))
        rows, is_good = rows[order], is_good[order]
        mass, codes, level = np.where(is_good, right[rows], wrong[rows]), self.codes[rows], level[rows]
        # Runs of right answers, and of wrong ones, count as one level each as long as no level holds both.
        turn = np.flatnonzero(np.diff(is_good.astype(np.int8)) != 0) + 1
        mixed = level[turn] == level[turn - 1]  # the rows just before and after are of one level
        spans = [np.searchsorted(level, level[turn[mixed]], side=side) for side in ("left", "right")]
        ends = np.unique(np.concatenate([[0], *spans, turn, [len(rows)]]))
        good_cell = is_good[ends[:-1]]
        tied = np.isin(
            ends[:-1], turn[mixed]
        )  # cells of right answers; the cell before holds wrong ones of their level
        found = [np.empty(0)]
        ones = np.ones((1, self.rows.groups), dtype=np.uint8)
        for block in [slice(0, 1)] if whole else self.blocks(2 * len(rows)):
            weights = np.take((ones if whole else self.weights)[block], codes, axis=1) * mass
            cells = np.add.reduceat(weights, ends[:-1], axis=1)
            lost = np.where(good_cell, 0.0, cells)
            below = np.cumsum(lost, axis=1)
            below[:, tied] -= lost[:, np.flatnonzero(tied) - 1] / 2.0
            won = np.where(good_cell, cells, 0.0)
            with np.errstate(invalid="ignore", divide="ignore"):
                found.append((won * below).sum(axis=1) / (won.sum(axis=1) * lost.sum(axis=1)))
        return np.concatenate(found)

    def _candidates(self, objective: Objective) -> Codes:
        """Thresholds that can be the best one on any resample: the first, and those after a level that can add."""
        # Whatever the weights, a level none of whose rows is better escalated never makes the objective larger; where
        # escalating costs less than nothing, all are looked at.
        gain, cost = self.more[:, PASS], self.more[:, COST]
        if objective.cost_weight is not None:
            gain = gain - objective.cost_weight * cost
        elif (cost < 0.0).any():
            return np.arange(len(self.ends), dtype=np.intp)
        lifts = np.logical_or.reduceat(gain > 0.0, self.ends[:-1])
        return np.concatenate([[0], np.flatnonzero(lifts) + 1]).astype(np.intp)

    def by_cluster(self, values: Matrix) -> Matrix:
        """Sums over each cluster's rows: shape (clusters, columns)."""
        groups = self.rows.groups
        return np.stack([np.bincount(self.codes, weights=x, minlength=groups) for x in values.T], axis=1)

    def _resampled(self, sums: Matrix) -> Matrix:
        """Sums by cluster on each resample: shape (resamples, columns)."""
        none = np.empty((0, sums.shape[1]))
        blocks = self.blocks(len(sums))
        return np.concatenate([none, *(self.weights[block].astype(np.float64) @ sums for block in blocks)])

    def blocks(self, size: int, many: int | None = None) -> list[slice]:
        """Slices of the resamples (or of ``many`` rows) that hold `ROOM` numbers where each row has ``size``."""
        rows = max(1, ROOM // max(1, size))
        return [slice(i, i + rows) for i in range(0, self.resamples if many is None else many, rows)]


class _Dealing:
    """Clusters dealt to folds, rows laid fold by fold and in each by rising confidence."""

    def __init__(self, replay: Replayer, objective: Objective, steps: Codes, deal: Codes) -> None:
        dealt = deal[replay.codes]
        order = np.argsort(dealt.astype(np.uint16), kind="stable")
        self.replay, self.objective, self.folds = replay, objective, int(deal.max()) + 1
        self.members = np.argsort(deal.astype(np.uint16), kind="stable")  # the clusters, fold by fold
        every = np.arange(self.folds + 1)
        bounds = np.searchsorted(deal[self.members], every).tolist()  # where folds' clusters begin, and the last's end
        base = replay.by_cluster(replay.base)[self.members]
        self.parts = [(slice(first, last), base[first:last]) for first, last in pairwise(bounds)]
        self.codes, self.more = replay.codes[order], replay.more[order]
        # (folds, steps): how far a fold's rows below the step's threshold reach; at the first step that is its start.
        starts = np.searchsorted(dealt[order], every).tolist()
        self.ends = np.stack([a + np.searchsorted(order[a:b], replay.ends[steps]) for a, b in pairwise(starts)])

    def figures(self, weights: NDArray[np.uint8]) -> Matrix:
        """For each row of weights the four figures over all folds; NaN where a fold had nothing to choose on."""
        found = [np.empty((0, 4))]
        for block in self.replay.blocks(2 * len(self.codes), len(weights)):
            laid = np.take(weights[block], self.members, axis=1).astype(np.float64)
            own = np.stack([laid[:, members] @ base for members, base in self.parts])
            found.append(self._served(np.take(weights[block], self.codes, axis=1).astype(np.float64), own))
        return np.concatenate(found)

    def _served(self, weights: Matrix, own: NDArray[np.float64]) -> Matrix:
        """Each fold served by the step best on the others; of weights by row and the worker's sums in each fold."""
        every = own.sum(axis=0)
        best = self._best(weights, own, every)
        total = np.empty((len(weights), 4))
        for draw, row in enumerate(weights):
            gained = np.zeros(4)
            for fold in range(self.folds):
                here = slice(self.ends[fold, 0], self.ends[fold, best[fold, draw]])
                gained += row[here] @ self.more[here]
            total[draw] = gained
        mass, rest = own[..., 4], every[:, 4] - own[..., 4]
        with np.errstate(invalid="ignore", divide="ignore"):
            total = (every[:, :4] + total) / every[:, 4:]
        total[((rest == 0.0) & (mass > 0.0)).any(axis=0)] = np.nan
        return np.asarray(total)

    def _best(self, weights: Matrix, own: NDArray[np.float64], every: Matrix) -> Codes:
        """Of each fold and draw the step that is best on the other folds: shape (folds, draws)."""
        objective, rest = self.objective, every - own
        found = np.empty((self.folds, len(weights)), dtype=np.intp)
        if objective.cost_weight is None and objective.max_cost != math.inf:
            columns = [(column, self._running(weights, self.more[:, column])) for column in (PASS, COST)]
            for fold in range(self.folds):
                with np.errstate(invalid="ignore", divide="ignore"):
                    passed, cost = ((rest[fold][:, c : c + 1] + sums[:, -1] - sums[:, fold]) / rest[fold][:, 4:]
                                    for c, sums in columns)  # fmt: skip
                found[fold] = _best_steps(objective, passed, cost)
            return found
        # One number says how good a step is: where it is largest needs neither the sums of the worker nor the mass.
        gain = self.more[:, PASS]
        if objective.cost_weight:
            gain = gain - objective.cost_weight * self.more[:, COST]
        sums = self._running(weights, gain)
        for fold in range(self.folds):
            score = sums[:, -1] - sums[:, fold]
            near = score.max(axis=1) - 1e-12 * rest[fold, :, 4]
            found[fold] = np.argmax(score >= near[:, None], axis=1)
        return found

    def _running(self, weights: Matrix, values: Vector) -> NDArray[np.float64]:
        """Weighted sums of each fold's rows up to each step, and over all folds: shape (draws, folds + 1, steps)."""
        draws, steps = len(weights), self.ends.shape[1]
        running = np.zeros((draws, len(values) + 1))
        np.multiply(weights, values, out=running[:, 1:])
        np.cumsum(running, axis=1, out=running)
        found = np.empty((draws, self.folds + 1, steps))
        for fold in range(self.folds):
            np.take(running, self.ends[fold], axis=1, out=found[:, fold])
            found[:, fold] -= running[:, self.ends[fold, :1]]
        found[:, :-1].sum(axis=1, out=found[:, -1])
        return found


def random_policy(never: Draws, always: Draws, share: Draws) -> Draws:
    """Escalating at random as often as another policy does: its expectation, on all tasks and on each resample."""
    s, drawn = share.value[ESCALATED], share.drawn[:, ESCALATED][:, None]
    resampled = (1.0 - drawn) * never.drawn + drawn * always.drawn
    return Draws(value=(1.0 - s) * never.value + s * always.value, drawn=resampled)


def replay_estimate(value: float, drawn: Vector, told: Estimate) -> Estimate:
    """The figure with its percentile interval, widened where needed to hold it; ``told`` has the rest."""
    if not np.isfinite(value):
        return replace(told, value=None, method="none", why=told.why or "unknown for some tasks")
    if not len(drawn):
        return replace(told, value=float(value), method="none", why=NO_INTERVALS)
    return with_percentiles(replace(told, value=float(value), why=None), drawn)


def replay_estimates(values: Vector, drawn: Matrix, told: Estimate) -> list[Estimate]:
    """`replay_estimate` of many figures, one a column of ``drawn``."""
    if not (len(values) and len(drawn) and np.isfinite(values).all() and np.isfinite(drawn).all()):
        return [replay_estimate(float(value), drawn[:, k], told) for k, value in enumerate(values)]
    tail = (1.0 - told.level) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    limits = zip(np.minimum(low, values).tolist(), values.tolist(), np.maximum(high, values).tolist(), strict=True)
    known = replace(told, why=None)
    return [replace(known, low=low, value=value, high=high) for low, value, high in limits]
