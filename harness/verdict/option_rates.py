"""The options on the tasks that all of them met: pass rates, costs a task, and both resampled.

One joint bootstrap over tasks or clusters serves everything: what makes a task hard or dear for all options cancels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.core import EvidenceError
from harness.stats import compare, non_inferiority, resampled_sums
from harness.store import TaskTable
from harness.verdict.arrays import Floats, Mask
from harness.verdict.options import MIX, RENT, Candidate

RESAMPLES = 4_999
MANY = 10_000
"""Clusters from which resampled means are drawn from their normal limit: the same in a small part of the time."""

BEST, SHOWN, OPEN, BELOW = "best", "shown", "open", "below"
"""Of the required quality: it sets it; it is shown to have it; neither is shown; it is shown to fall short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionFigures:
    """Figures a task of each option, on the shared tasks; one column an option."""

    candidates: tuple[Candidate, ...]
    shared: Mask
    """Which of the table's tasks are shared."""
    rates: Floats
    costs: Floats
    """NaN where unknown."""
    api: Floats
    """The share of tasks that need the API."""
    drawn_rates: Floats
    """Shape (resamples, options), and the same for the other three."""
    drawn_costs: Floats
    drawn_api: Floats
    machine: Floats
    """The part of ``costs`` that is paid by the hour of a machine, at the price on record; NaN where unknown."""
    drawn_machine: Floats
    notes: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """Contenders that would be options, were they not without so many of the tasks."""

    def cost(self, i: int) -> float | None:
        """Dollars a task of one option; None where unknown."""
        return None if np.isnan(self.costs[i]) else float(self.costs[i])

    def drawn_cost(self, i: int) -> Floats | None:
        """The same on each resample."""
        return None if np.isnan(self.costs[i]) else self.drawn_costs[:, i]


def option_figures(
    table: TaskTable, candidates: Sequence[Candidate], work: Mask, seed: int, machine: Floats
) -> OptionFigures:
    """The options on their shared tasks.

    Args:
        table: the outcomes.
        candidates: the options; one with graded attempts at fewer than half of the tasks is left out, with a note.
        work: which tasks are the work; a general suite's are not.
        seed: seeds the resamples.
        machine: the part of the table's costs that is paid by the hour of a machine, in its shape.

    Raises:
        EvidenceError: no options, or no task that all of them have.
    """
    there = (table.counts > 0) & work
    covered = {c.contender: int(there[table.index(c.contender)].sum()) for c in candidates}
    enough = max(0.5 * max(covered.values(), default=0), 1)
    kept = tuple(c for c in candidates if covered[c.contender] >= enough)
    left_out = tuple(name for name, n in covered.items() if n < enough)
    places = [table.index(c.contender) for c in kept]
    shared = np.asarray(there[places].all(axis=0)) if places else np.zeros(len(table.tasks), dtype=bool)
    n, k = int(shared.sum()), len(kept)
    if n == 0:
        raise EvidenceError(f"{table.report}: there is no task that every option has a graded attempt at")
    counts = table.counts[places][:, shared]
    passed, cost, hours = (x[places][:, shared] / counts for x in (table.sums, table.cost_sums, machine))
    api = np.stack([_needs_api(c, table, i, shared) for c, i in zip(kept, places, strict=True)])
    # All of a cost, or none of it, needs no draws of its own: only where a cost is mixed is there something to draw.
    whole = [np.array_equal(h, c, equal_nan=True) for h, c in zip(hours, cost, strict=True)]
    mixed = [i for i in range(k) if hours[i].any() and not whole[i]]
    _, codes = np.unique(table.clusters[shared], return_inverse=True)
    columns = np.concatenate([passed, cost, api, hours[mixed], np.ones((1, n))]).T
    sums = np.zeros((int(codes.max()) + 1, columns.shape[1]))
    np.add.at(sums, codes, columns)
    drawn, means = _drawn(sums, seed), columns[:, :-1].mean(axis=0)
    drawn_machine = np.where(whole, drawn[:, k : 2 * k], 0.0)
    drawn_machine[:, mixed] = drawn[:, 3 * k :]
    return OptionFigures(
        candidates=kept,
        shared=shared,
        rates=means[:k],
        costs=means[k : 2 * k],
        api=means[2 * k : 3 * k],
        drawn_rates=drawn[:, :k],
        drawn_costs=drawn[:, k : 2 * k],
        drawn_api=drawn[:, 2 * k : 3 * k],
        machine=hours.mean(axis=1),
        drawn_machine=drawn_machine,
        notes=tuple(f"{name} is left out: only {covered[name]:,} tasks of the work" for name in left_out),
        left_out=left_out,
    )


def _drawn(sums: Floats, seed: int) -> Floats:
    """Means a task over resampled clusters; ``sums`` holds each cluster's sums and, in the last column, its tasks."""
    if len(sums) < MANY:
        drawn = resampled_sums(sums, RESAMPLES, seed)
        return np.asarray(drawn[:, :-1] / drawn[:, -1:])
    # The linear part of the ratio of sums (its influence function) is what has the normal limit: van der Vaart 1998, 3.
    total = sums.sum(axis=0)
    means = total[:-1] / total[-1]
    parts = np.where(np.isnan(means), 0.0, sums[:, :-1] - means * sums[:, -1:]) / total[-1]
    rng = np.random.default_rng(seed)
    offsets = rng.multivariate_normal(np.zeros(len(means)), parts.T @ parts, RESAMPLES, method="eigh")
    return np.asarray(means + offsets)


def _needs_api(candidate: Candidate, table: TaskTable, i: int, shared: Mask) -> Floats:
    """Of each task the share of attempts that need the API; a hybrid on no record of escalations needs it always."""
    escalated = table.escalated[i][shared]
    if candidate.escalates and escalated.any():
        return np.asarray(escalated / table.counts[i][shared], dtype=np.float64)
    return np.full(int(shared.sum()), float(candidate.kind in {RENT, MIX}))


# --------------------------------------------------------------------------------------------------- quality and price


def at_quality(rates: Floats, allowed: Mask, margin: float) -> Mask:
    """Which options are allowed and pass within ``margin`` of the best allowed one; the last axis is the options."""
    best = np.where(allowed, rates, -np.inf).max(axis=-1, keepdims=True)
    return np.asarray(allowed & (rates >= best - margin - 1e-12))


def cheapest(usd: Floats, good: Mask) -> Floats:
    """The share of rows in which each option is the cheapest of the good ones; ties share."""
    price = np.where(good, usd, np.inf)
    least = price.min(axis=-1, keepdims=True)
    first = np.isfinite(price) & (price <= least + 1e-12 * np.abs(least))
    share = first / np.maximum(first.sum(axis=-1, keepdims=True), 1)
    return np.asarray(share.mean(axis=0), dtype=np.float64)


def quality(table: TaskTable, figures: OptionFigures, best: int, margin: float) -> tuple[str, ...]:
    """Of each option one of `BEST`, `SHOWN`, `OPEN` and `BELOW`, each tested one-sided at 5% on the shared tasks."""
    found, shared = [], figures.shared
    places = [table.index(candidate.contender) for candidate in figures.candidates]
    for k, here in enumerate(places):
        ours, theirs = ((table.sums[i][shared], table.counts[i][shared]) for i in (here, places[best]))
        clusters = table.clusters[shared]
        if k == best:
            found.append(BEST)
        elif margin > 0 and non_inferiority(ours, theirs, min(margin, 1.0), clusters).holds:
            found.append(SHOWN)
        else:
            high = compare(*ours, *theirs, clusters, level=0.9).high
            found.append(BELOW if high is not None and high < -margin else OPEN)
    return tuple(found)


def by_kind(candidates: Sequence[Candidate], values: Floats) -> Mapping[Any, float]:
    """The values summed over the options of each kind; None stands for those of no known kind."""
    total: dict[Any, float] = {}
    for candidate, value in zip(candidates, values.tolist(), strict=True):
        total[candidate.kind] = total.get(candidate.kind, 0.0) + value
    return total
