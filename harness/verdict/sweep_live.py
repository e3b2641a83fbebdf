"""Hybrids that were run, next to the replay: what each did itself, and the same thresholds on its parts' attempts."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from harness.core import ContenderRecord, Estimate, EvidenceError, Manifest, UsageError, points, points_interval
from harness.stats import bootstrap_estimate
from harness.store import TaskTable
from harness.verdict.arrays import Floats, Mask
from harness.verdict.sweep_records import Live, Measured
from harness.verdict.sweep_rows import NO_SIGNAL, Rows, graded, paired_rows

READ_FROM = {"logprob_mean": "confidence", "logprob_min": "logprob_min", "margin": "margin"}
"""A hybrid's signal, and where the worker's own attempts have it."""
FIXED = ("always", "never")


def _rule(entry: ContenderRecord) -> str:
    """A hybrid's signal with its argument, as ``random:0.2``; empty of any other contender."""
    return str((entry.escalate or {}).get("signal", ""))


def _limits(manifest: Manifest, entry: ContenderRecord, suites: Iterable[str]) -> tuple[dict[str, float], bool]:
    """A hybrid's threshold (of ``random`` the rate) in each suite, and whether all were chosen on dev tasks."""
    chosen, blind = manifest.thresholds.get(entry.name, {}), entry.signal == "random"
    written = _number(_rule(entry).partition(":")[2]) if blind else (entry.escalate or {}).get("threshold")
    found, on_dev = {}, True
    for suite in sorted(suites):
        limit = (chosen.get(suite) or {}).get("rate" if blind else "threshold")
        on_dev &= limit is not None
        limit = limit if limit is not None else written
        if entry.signal != "oracle" and isinstance(limit, int | float):
            found[suite] = float(limit)
    return found, on_dev and bool(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def check_live(
    table: TaskTable, manifest: Manifest | None, hybrid: str, worker: str, expert: str, *, level: float, seed: int
) -> Live:
    """Replays the hybrid's own rule on its parts' attempts and compares with its live outcomes.

    Raises UsageError: no hybrid of these two, or its rule cannot be replayed; EvidenceError: its thresholds are not
    recorded, or there is no attempt of all three.
    """
    live, keys = graded(table, hybrid)
    if manifest is None:
        raise EvidenceError(f"{table.report}: without a manifest the thresholds of {hybrid!r} are unknown")
    one = manifest.contender(hybrid)
    if one is None or not one.escalate:
        raise UsageError(f"{hybrid!r} is no hybrid; --check-live takes one of {worker} and {expert}")
    if (one.worker, one.expert) != (worker, expert):
        raise UsageError(f"{hybrid!r} is a hybrid of {one.worker} and {one.expert}; name these two")
    if _rule(one) not in {*READ_FROM, *FIXED, "oracle"}:
        raise UsageError(f"the rule {_rule(one)!r} of {hybrid!r} cannot be replayed from what its parts recorded")
    rows = paired_rows(table, worker, expert, signal=READ_FROM.get(one.signal, NO_SIGNAL))
    common, mine, theirs = np.intersect1d(rows.keys, keys, return_indices=True)
    if not len(common):
        raise EvidenceError(f"{table.report}: {hybrid!r} has no graded attempt at a task and trial of both parts")
    up = _escalated(table, manifest, one, rows)[mine]
    value = np.where(up, rows.expert[mine], rows.worker[mine])
    cost = rows.worker_cost[mine] + np.where(up, rows.expert_cost[mine], 0.0)
    _, where, counts = np.unique(rows.tasks[mine], return_inverse=True, return_counts=True)
    names, codes = np.unique(rows.clusters[mine], return_inverse=True)
    weight, n, n_tasks = 1.0 / counts[where], len(common), len(counts)

    def mean(values: Floats) -> Estimate:
        if unknown := int(np.isnan(values).sum()):
            why = f"unknown for {unknown:,} of {n:,} attempts"
            return Estimate(value=None, level=level, n_tasks=n_tasks, method="none", why=why)
        sums = np.stack([np.bincount(codes, weights=w, minlength=len(names)) for w in (weight * values, weight)], 1)
        counted = {"resamples": 1_999, "seed": seed, "n_tasks": n_tasks, "n_trials": n}
        return bootstrap_estimate(sums, lambda s: np.asarray(s[:, 0] / s[:, 1]), level=level, **counted)

    did, escalated = live.values[theirs], live.escalated[theirs]
    same, d = escalated == up, mean(did - value)
    same_decision, same_outcome = int(same.sum()), int((same & (did == value)).sum())
    agrees = d.low is None or d.high is None or d.low <= 0.0 <= d.high
    if same_outcome == n:
        sentence = f"The live {hybrid} did what the replay says in all {n:,} attempts."
    else:
        interval = "" if d.low is None or d.high is None else f" {points_interval(d.low, d.high)}"
        equal = "no significant difference" if agrees else "not equal"
        why = (
            (n - same_decision, f"of {n:,} attempts were decided the other way (the confidence differed)"),
            (same_decision - same_outcome, "went the same way to another result (the answers differed)"),
        )
        whys = " and ".join(f"{count:,} {what}" for count, what in why if count)
        sentence = f"The live {hybrid} minus the replay: {points(d.value or 0.0)} points{interval}, {equal}; {whys}."
    return Live(
        hybrid=hybrid,
        n_tasks=n_tasks,
        n_attempts=n,
        live_pass_rate=mean(did),
        replayed_pass_rate=mean(value),
        difference=d,
        cost_difference_usd=mean(live.numbers("cost_usd")[theirs] - cost),
        live_escalated=float(np.average(np.maximum(escalated, 0), weights=weight)),
        replayed_escalated=float(np.average(up, weights=weight)),
        same_decision=same_decision,
        same_outcome=same_outcome,
        agrees=agrees,
        sentence=sentence,
    )


def _escalated(table: TaskTable, manifest: Manifest, one: ContenderRecord, rows: Rows) -> Mask:
    if one.signal == "oracle":
        return np.asarray(rows.worker < 1.0)
    if one.signal in FIXED:
        return np.full(len(rows.tasks), one.signal == "always")
    names = [table.suites[task] for task in rows.tasks.tolist()]
    limits, _ = _limits(manifest, one, set(names))
    for name in sorted(set(names) - limits.keys()):
        raise EvidenceError(f"{table.report}: the manifest has no threshold of {one.name!r} for the suite {name}")
    return np.asarray(rows.confidence < np.array([limits[name] for name in names]))


def hybrids_run(
    table: TaskTable,
    manifest: Manifest | None,
    rows: Rows,
    pair: tuple[str, str],
    figured: Callable[[Floats, int], dict[str, Any]],
) -> list[Measured]:
    """Hybrids of these two on record; those that always or never escalate are left out, as the ends of the curve.

    Their figures are made of what each did at each row (graded value, dollars, seconds, whether escalated; NaN where it
    was not tried) and of its number of tasks.
    """
    found = []
    ours = [one for one in manifest.contenders if (one.worker, one.expert) == pair] if manifest else []
    for one in ours:
        if manifest is None or one.name not in table.contenders or one.signal in {*FIXED, ""}:
            continue
        own, keys = graded(table, one.name)
        common, mine, theirs = np.intersect1d(rows.keys, keys, return_indices=True)
        if not len(common):
            continue
        figures = np.full((len(rows.keys), 4), np.nan)
        up = np.where(own.escalated < 0, np.nan, own.escalated)
        figures[mine] = np.stack([own.values, own.numbers("cost_usd"), own.numbers("latency_s"), up], axis=1)[theirs]
        tasks, like = np.unique(rows.tasks[mine]).tolist(), _rule(one).partition(":")[2]
        by_suite, on_dev = _limits(manifest, one, {table.suites[task] for task in tasks})
        measured = Measured(
            name=one.name,
            control=one.signal in {"random", "oracle"},
            rule=one.signal,
            like=like if one.signal == "random" and like and not _number(like) else None,
            by_suite=by_suite,
            chosen_on_dev=on_dev,
            n_tasks=len(tasks),
            sentence="",
            **figured(figures, len(tasks)),
        )
        found.append(measured)
    return found
