"""A live hybrid beside the replay: the same thresholds on the parts' own attempts, and what came out otherwise."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core import Estimate, EvidenceError, Manifest, UsageError, points, points_interval
from harness.stats import bootstrap_estimate
from harness.store import TaskTable
from harness.verdict.sweep_rows import NO_SIGNAL, Rows, Vector, paired_rows, side
from harness.verdict.sweep_view import Live, Measured

READ_FROM = {"logprob_mean": "confidence", "logprob_min": "logprob_min", "margin": "margin"}
"""A hybrid's signal, and where the worker's own attempts have it."""
FIXED = ("always", "never")
Figures = NDArray[np.float64]
"""Shape (rows, 4): graded value, dollars, seconds, whether escalated."""


def check_live(
    table: TaskTable, manifest: Manifest | None, hybrid: str, worker: str, expert: str, *, level: float, seed: int
) -> Live:
    """Replays the hybrid's own rule on its parts' attempts and lays its live outcomes beside it.

    Raises:
        UsageError: no such contender, not a hybrid of these two, or one whose rule cannot be replayed.
        EvidenceError: the thresholds it ran with are not recorded, or there is no attempt of all three.
    """
    live = side(table, hybrid)
    if manifest is None:
        raise EvidenceError(f"{table.report}: without a manifest the thresholds of {hybrid!r} are unknown")
    entry = manifest.contender(hybrid)
    if entry is None or not entry.escalate:
        raise UsageError(f"{hybrid!r} is no hybrid; --check-live takes one of {worker} and {expert}")
    if (entry.worker, entry.expert) != (worker, expert):
        raise UsageError(f"{hybrid!r} is a hybrid of {entry.worker} and {entry.expert}; name these two")
    rule = entry.escalate
    signal = str(rule.get("signal", ""))
    if signal not in {*READ_FROM, *FIXED, "oracle"}:
        raise UsageError(f"the rule {signal!r} of {hybrid!r} cannot be replayed from what its parts recorded")
    rows = paired_rows(table, worker, expert, signal=READ_FROM.get(signal, NO_SIGNAL))
    keys = (rows.tasks << 32) + rows.trials
    common, mine, theirs = np.intersect1d(keys, live.keys, return_indices=True)
    if not len(common):
        raise EvidenceError(f"{table.report}: {hybrid!r} has no graded attempt beside those of {worker} and {expert}")
    up = _escalated(table, manifest, hybrid, rule, rows)[mine]
    value = np.where(up, rows.expert[mine], rows.worker[mine])
    cost = rows.worker_cost[mine] + np.where(up, rows.expert_cost[mine], 0.0)
    _, where, counts = np.unique(rows.tasks[mine], return_inverse=True, return_counts=True)
    weight = 1.0 / counts[where]
    told = _Means(rows.clusters[mine], weight, len(counts), level, seed)
    decision = live.escalated[theirs] == up
    outcome = live.value[theirs] == value
    difference = told.mean(live.value[theirs] - value)
    agrees = difference.low is None or difference.high is None or difference.low <= 0.0 <= difference.high
    found = Live(
        hybrid=hybrid,
        n_tasks=len(counts),
        n_attempts=len(common),
        live_pass_rate=told.mean(live.value[theirs]),
        replayed_pass_rate=told.mean(value),
        difference=difference,
        cost_difference_usd=told.mean(live.cost[theirs] - cost),
        live_escalated=float(np.average(np.nan_to_num(live.escalated[theirs]), weights=weight)),
        replayed_escalated=float(np.average(up, weights=weight)),
        same_decision=int(decision.sum()),
        same_outcome=int((decision & outcome).sum()),
        agrees=bool(agrees),
        sentence="",
    )
    return replace(found, sentence=_sentence(found))


def hybrids_run(
    table: TaskTable, manifest: Manifest | None, rows: Rows, worker: str, expert: str
) -> list[tuple[Measured, Figures]]:
    """Hybrids of these two on record, without their figures, and beside each what it did at each row, NaN where not.

    Those that always or never escalate are left out: they are the ends of the curve.
    """
    found, keys = [], (rows.tasks << 32) + rows.trials
    for entry in manifest.contenders if manifest else ():
        name, rule = entry.name, entry.escalate or {}
        signal, _, like = str(rule.get("signal", "")).partition(":")
        if (entry.worker, entry.expert) != (worker, expert) or name not in table.contenders:
            continue
        if signal in FIXED or not signal:
            continue
        own = side(table, name)
        common, mine, theirs = np.intersect1d(keys, own.keys, return_indices=True)
        if not len(common):
            continue
        figures = np.full((len(keys), 4), np.nan)
        figures[mine] = np.stack([own.value, own.cost, own.latency, own.escalated], axis=1)[theirs]
        suites = {table.suites[task] for task in np.unique(rows.tasks[mine]).tolist()}
        by_suite, on_dev = _limits(manifest.thresholds.get(name, {}) if manifest else {}, rule, suites)
        nothing = Estimate(value=None, n_tasks=0, method="none")
        one = Measured(
            name=name,
            control=signal in {"random", "oracle"},
            rule=signal,
            like=like if signal == "random" and like and not _number(like) else None,
            by_suite=by_suite,
            chosen_on_dev=on_dev,
            n_tasks=len(np.unique(rows.tasks[mine])),
            escalated=None,
            pass_rate=nothing,
            cost_per_task_usd=nothing,
            latency_s=nothing,
            sentence="",
        )
        found.append((one, figures))
    return found


def _limits(
    recorded: Mapping[str, Mapping[str, Any]], rule: Mapping[str, Any], suites: set[str]
) -> tuple[dict[str, float], bool]:
    """The threshold, or for ``random`` the rate, in each suite, and whether all of them were chosen on dev tasks."""
    signal, _, rate = str(rule["signal"]).partition(":")
    key, given = ("rate", _number(rate)) if signal == "random" else ("threshold", rule.get("threshold"))
    found, on_dev = {}, True
    for suite in sorted(suites):
        limit = (recorded.get(suite) or {}).get(key)
        on_dev &= limit is not None
        limit = limit if limit is not None else given
        if signal != "oracle" and isinstance(limit, (int, float)):
            found[suite] = float(limit)
    return found, on_dev and bool(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _escalated(
    table: TaskTable, manifest: Manifest, hybrid: str, rule: Mapping[str, Any], rows: Rows
) -> NDArray[np.bool_]:
    signal = str(rule["signal"])
    if signal == "oracle":
        return np.asarray(rows.worker < 1.0)
    if signal in FIXED:
        return np.full(len(rows.tasks), signal == "always")
    chosen = manifest.thresholds.get(hybrid, {})
    given = rule.get("threshold")
    limits = np.empty(len(rows.tasks))
    names = np.array([table.suites[task] for task in rows.tasks.tolist()], dtype=object)
    for name in sorted(set(names.tolist())):
        recorded = (chosen.get(name) or {}).get("threshold")
        limit = recorded if recorded is not None else given
        if not isinstance(limit, (int, float)):
            raise EvidenceError(f"{table.report}: the manifest has no threshold of {hybrid!r} for the suite {name}")
        limits[names == name] = limit
    return np.asarray(rows.confidence < limits)


class _Means:
    """Means over tasks with a bootstrap of their clusters."""

    def __init__(self, clusters: NDArray[np.intp], weight: Vector, n_tasks: int, level: float, seed: int) -> None:
        names, self.codes = np.unique(clusters, return_inverse=True)
        self.groups, self.weight, self.n_tasks, self.level, self.seed = len(names), weight, n_tasks, level, seed

    def mean(self, values: Vector) -> Estimate:
        unknown = int(np.isnan(values).sum())
        if unknown:
            why = f"unknown for {unknown:,} of {len(values):,} attempts"
            return Estimate(value=None, level=self.level, n_tasks=self.n_tasks, method="none", why=why)
        sums = np.stack(
            [np.bincount(self.codes, weights=w, minlength=self.groups) for w in (self.weight * values, self.weight)], 1
        )
        return bootstrap_estimate(
            sums,
            lambda s: np.asarray(s[:, 0] / s[:, 1]),
            level=self.level,
            resamples=1_999,
            seed=self.seed,
            n_tasks=self.n_tasks,
            n_trials=len(values),
        )


def _sentence(live: Live) -> str:
    n = live.n_attempts
    other_way, other_value = n - live.same_decision, live.same_decision - live.same_outcome
    if not other_way and not other_value:
        return f"The live {live.hybrid} did what the replay says in all {n:,} attempts."
    d = live.difference
    interval = "" if d.low is None or d.high is None else f" {points_interval(d.low, d.high)}"
    equal = "equal within noise" if live.agrees else "not equal"
    why = []
    if other_way:
        why.append(f"{other_way:,} of {n:,} attempts were decided the other way (the confidence differed)")
    if other_value:
        why.append(f"{other_value:,} went the same way to another result (the answers differed)")
    return (
        f"The live {live.hybrid} less the replay: {points(d.value or 0.0)} points{interval}, {equal}; "
        f"{' and '.join(why)}."
    )
