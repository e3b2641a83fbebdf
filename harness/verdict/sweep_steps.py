"""Thresholds replayed on resampled clusters, and the choosing of one repeated in each resample.

Tasks are laid by rising confidence and cut where the thresholds lie; a policy's figure is then the worker's sum plus a
running sum of what the expert changes. Weights are drawn once for all figures, so their differences are joint.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.core import Estimate
from harness.stats import Objective, cluster_weights, percentile_limits
from harness.verdict.sweep_rows import Codes, Rows, Vector

Matrix = NDArray[np.float64]
PASS, COST, LATENCY, ESCALATED = range(4)
"""Columns of every figure below: pass rate, dollars and seconds a task, share escalated."""
ROOM = 1_000_000
"""Numbers of one table held at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """A policy's four figures on all tasks, and on each resample."""

    value: Vector
    """Shape (4,)."""
    drawn: Matrix
    """Shape (resamples, 4)."""


class Replayer:
    """The replay of one signal: rows in its order, and the weights they are resampled by.

    Args:
        rows: From `paired_rows`.
        resamples: Size of the bootstrap; the same for all figures.
        seed: Seeds resamples and folds.
    """

    def __init__(self, rows: Rows, resamples: int, seed: int) -> None:
        self.rows, self.resamples, self.seed = rows, resamples, seed
        self.order = np.argsort(rows.confidence, kind="stable")
        self.levels, counts = np.unique(rows.confidence, return_counts=True)
        self.ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        self.thresholds: Vector = np.append(self.levels, np.inf)
        one = np.ones(len(rows.weight))
        base = (rows.worker, rows.worker_cost, rows.worker_latency, 0.0 * one, one)
        more = (rows.expert - rows.worker, rows.expert_cost, rows.expert_latency, one)
        self.base = np.stack([x * rows.weight for x in base], axis=1)[self.order]
        self.more = np.stack([x * rows.weight for x in more], axis=1)[self.order]
        self.codes: Codes = rows.clusters[self.order]

    @cached_property
    def weights(self) -> NDArray[np.uint8]:
        """Shape (resamples, clusters)."""
        return cluster_weights(self.rows.groups, self.resamples, self.seed)

    @cached_property
    def worker_sums(self) -> Matrix:
        """The worker's four sums and the weight of all tasks, on each resample: shape (resamples, 5)."""
        sums = np.zeros((self.rows.groups, 5))
        np.add.at(sums, self.codes, self.base)
        return np.asarray(self.weights @ sums)

    def fixed(self, escalated: NDArray[np.bool_]) -> Draws:
        """A policy that is the same on every resample; ``escalated`` is by row, in the order of the rows."""
        chosen = np.where(escalated[self.order][:, None], self.more, 0.0)
        sums = np.zeros((self.rows.groups, 4))
        np.add.at(sums, self.codes, chosen)
        mass = self.worker_sums[:, 4:]
        whole = (self.base[:, :4].sum(axis=0) + chosen.sum(axis=0)) / self.base[:, 4].sum()
        return Draws(value=whole, drawn=(self.worker_sums[:, :4] + self.weights @ sums) / mass)

    def exact(self) -> Matrix:
        """The four figures at every threshold on all tasks: shape (thresholds, 4)."""
        gain = np.concatenate([np.zeros((1, 4)), np.cumsum(self.more, axis=0)])[self.ends]
        return np.asarray((self.base[:, :4].sum(axis=0) + gain) / self.base[:, 4].sum())

    def drawn(self, steps: Codes) -> NDArray[np.float64]:
        """The four figures at the thresholds of these rising positions: shape (resamples, steps, 4)."""
        found = np.empty((self.resamples, len(steps), 4))
        ends = self.ends[steps]
        for block in self._blocks(len(self.codes)):
            weights = self.weights[block][:, self.codes].astype(np.float64)
            for column in range(4):
                running = _cut(weights * self.more[:, column], ends)
                base = self.worker_sums[block, column][:, None]
                found[block, :, column] = (base + running) / self.worker_sums[block, 4][:, None]
        return found

    def crossfit(self, objective: Objective, folds: int, repeats: int) -> Draws | None:
        """The four figures of choosing a threshold on other folds, averaged over dealings; None for one cluster.

        Clusters are dealt to folds; each fold is served by the threshold that was best on the others (Stone 1974). A
        resample repeats the choosing; a cluster drawn twice stays in one fold, so no task is judged by a threshold that
        it chose. Resample b uses dealing b modulo ``repeats``. Ties go to the lower threshold.
        """
        groups = self.rows.groups
        if groups < 2:
            return None
        rng = np.random.default_rng(self.seed)
        deals = [rng.permutation(groups) % min(folds, groups) for _ in range(repeats)]
        ones = np.ones((1, groups), dtype=np.float64)
        value = np.mean([self._dealt(objective, deal, ones)[0] for deal in deals], axis=0)
        drawn = np.empty((self.resamples, 4))
        for number, deal in enumerate(deals):
            mine = np.arange(number, self.resamples, repeats)
            for block in self._blocks(2 * len(self.codes), len(mine)):
                drawn[mine[block]] = self._dealt(objective, deal, self.weights[mine[block]].astype(np.float64))
        return Draws(value=value, drawn=drawn)

    def concordance(self, right: Vector, wrong: Vector, *, whole: bool = False) -> Vector:
        """The weighted share of (right, wrong) pairs in which the right one is surer, ties counting half.

        Both in the replay's order. One value a resample, or one on all tasks.
        """
        found = []
        ones = np.ones((1, self.rows.groups), dtype=np.uint8)
        for block in [slice(0, 1)] if whole else self._blocks(len(self.codes)):
            weights = (ones if whole else self.weights)[block][:, self.codes].astype(np.float64)
            good, bad = (np.add.reduceat(weights * x, self.ends[:-1], axis=1) for x in (right, wrong))
            below = np.cumsum(bad, axis=1) - bad / 2.0
            with np.errstate(invalid="ignore", divide="ignore"):
                found.append((good * below).sum(axis=1) / (good.sum(axis=1) * bad.sum(axis=1)))
        return np.concatenate(found)

    def _dealt(self, objective: Objective, deal: Codes, weights: Matrix) -> Matrix:
        """For each row of weights the four figures over all folds; NaN where a fold had nothing to choose on."""
        dealt = deal[self.codes]
        levels = np.repeat(np.arange(len(self.levels)), np.diff(self.ends))
        draws, k = len(weights), int(deal.max()) + 1
        more = np.zeros((k, 4, draws, len(self.levels) + 1))
        base = np.zeros((k, 5, draws))
        for fold in range(k):
            rows = np.flatnonzero(dealt == fold)
            if not len(rows):
                continue
            weight = weights[:, self.codes[rows]]
            base[fold] = (weight @ self.base[rows]).T
            here, first = np.unique(levels[rows], return_index=True)
            for column in range(4):
                summed = np.add.reduceat(weight * self.more[rows, column], first, axis=1)
                more[fold, column][:, here + 1] = summed
        np.cumsum(more, axis=3, out=more)
        every_more, every_base = more.sum(axis=0), base.sum(axis=0)
        total = np.zeros((4, draws))
        at = np.arange(draws)
        for fold in range(k):
            rest = every_base - base[fold]
            with np.errstate(invalid="ignore", divide="ignore"):
                passed, cost = (
                    (rest[c][:, None] + every_more[c] - more[fold, c]) / rest[4][:, None] for c in (PASS, COST)
                )
            best = _best(objective, passed, cost)
            missing = (rest[4] == 0.0) & (base[fold, 4] > 0.0)
            total += np.where(missing, np.nan, base[fold, :4] + more[fold][:, at, best])
        return np.asarray((total / every_base[4]).T)

    def _blocks(self, size: int, many: int | None = None) -> list[slice]:
        rows = max(1, ROOM // max(1, size))
        return [slice(i, i + rows) for i in range(0, self.resamples if many is None else many, rows)]


def best_step(objective: Objective, exact: Matrix) -> int:
    """The position of the best threshold of `Replayer.exact`; ties go to the lower one, which escalates less."""
    return int(_best(objective, exact[None, :, PASS], exact[None, :, COST])[0])


def mixed(never: Draws, always: Draws, share: Draws) -> Draws:
    """Escalating at random as often as another policy does: its expectation, on all tasks and on each resample."""
    s, drawn = share.value[ESCALATED], share.drawn[:, ESCALATED][:, None]
    return Draws(
        value=(1.0 - s) * never.value + s * always.value,
        drawn=(1.0 - drawn) * never.drawn + drawn * always.drawn,
    )


def estimate(value: float, drawn: Vector, told: Estimate) -> Estimate:
    """The figure with its percentile interval, widened where needed to hold it; ``told`` has the rest."""
    if not np.isfinite(value):
        return replace(told, value=None, method="none", why=told.why or "unknown for some tasks")
    limits = percentile_limits(drawn, told.level)
    if limits is None:
        return replace(told, value=float(value), why="undefined in too many resamples")
    return replace(told, value=float(value), low=min(limits[0], value), high=max(limits[1], value), why=None)


def _best(objective: Objective, passed: Matrix, cost: Matrix) -> Codes:
    """The first best column of each row; what is within rounding of the best, or of a bound, is as good."""
    known = np.where(np.isfinite(cost), cost, 0.0)
    values = objective.values(passed.ravel() + 1e-12, known.ravel() * (1.0 - 1e-12)).reshape(passed.shape)
    values = np.where(np.isfinite(values), values, -np.inf)
    top = values.max(axis=1, keepdims=True)
    return np.asarray(np.argmax(values >= top - 1e-12, axis=1), dtype=np.intp)


def _cut(values: Matrix, ends: Codes) -> Matrix:
    """Running sums of each row up to each of the rising ends: shape (rows, ends)."""
    found = np.zeros((len(values), len(ends)))
    starts = np.concatenate([[0], ends[:-1]])
    some = ends > starts
    if some.any():
        found[:, some] = np.add.reduceat(values[:, : ends[-1]], starts[some], axis=1)
    return np.cumsum(found, axis=1, out=found)
