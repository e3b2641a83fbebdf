"""The attempts of a worker and an expert side by side, trial by trial, with the signal that decides between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core import Cause, EvidenceError, UsageError, nearest, plural
from harness.stats import ReplayRows
from harness.store import Attempts, TaskTable, read_calls

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]

SIGNALS = ("confidence", "logprob_mean", "logprob_min", "margin")
"""The outcome column, and the signals of the worker's calls."""
NO_SIGNAL = "none"
"""For rules that look at nothing: every attempt that both have."""
OWN_FAULTS = {cause.value for cause in (Cause.REFUSED, Cause.CONTEXT, Cause.TURNS, Cause.TOO_SLOW, Cause.TOO_DEAR)}
"""Causes by which the worker itself ended without an answer; a hybrid then escalates whatever its threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(ReplayRows):
    """The attempts that both have graded and the signal speaks on."""

    tasks: NDArray[np.int64]
    """Positions in the table's ``tasks``."""
    keys: NDArray[np.int64]
    """Task and trial in one number, rising."""
    notes: tuple[str, ...]

    @property
    def n_tasks(self) -> int:
        """Distinct tasks."""
        return len(np.unique(self.tasks))


def paired_rows(
    table: TaskTable, worker: str, expert: str, *, signal: str = "confidence", confidence_from: str | None = None
) -> Rows:
    """The attempts that can be replayed.

    Raises:
        UsageError: an unknown contender or signal, or a worker that is its own expert.
        EvidenceError: no attempt that both have, or no signal on any.
    """
    table.index(worker), table.index(expert)
    if worker == expert:
        raise UsageError(f"{worker!r} cannot escalate to itself; name two contenders of {', '.join(table.contenders)}")
    if signal not in {*SIGNALS, NO_SIGNAL}:
        raise UsageError(f"unknown signal {signal!r}; {nearest(signal, SIGNALS)}")
    if confidence_from is not None and signal != "confidence":
        raise UsageError("--confidence-from takes the column confidence; leave out --signal")
    of = confidence_from or worker
    table.index(of)
    attempts = table.every_attempt()
    left, right = _Side.of(table, attempts, worker), _Side.of(table, attempts, expert)
    source = left if of == worker else _Side.of(table, attempts, of)
    if signal == NO_SIGNAL:
        spoken = np.zeros(len(left.keys))
    else:
        spoken = source.confidence if signal == "confidence" else _from_calls(table, left, worker, signal)
    if of == worker:
        spoken = np.where(left.faulted, 0.0, spoken)
    common = np.intersect1d(left.keys, right.keys)
    if not len(common):
        raise EvidenceError(f"{table.report}: {worker!r} and {expert!r} have no graded task and trial in common")
    keys = np.intersect1d(common, source.keys[np.isfinite(spoken)])
    if not len(keys):
        other = "name another with --signal, or another contender's with --confidence-from"
        raise EvidenceError(f"{table.report}: no attempt of {of!r} has the signal {signal}; {other}")
    i, j = left.at(keys), right.at(keys)
    tasks = left.tasks[i]
    _, where, counts = np.unique(tasks, return_inverse=True, return_counts=True)
    codes, clusters = np.unique(table.clusters[tasks], return_inverse=True)
    left_out = (
        (len(left.keys) - len(common), f"of {worker} without a graded one of {expert} left out"),
        (len(right.keys) - len(common), f"of {expert} without a graded one of {worker} left out"),
        (len(common) - len(keys), f"without the signal {signal} of {of} left out"),
    )
    notes = [f"{plural(count, 'attempt')} {what}" for count, what in left_out if count]
    if of == worker and left.faulted[i].any():
        notes.append(f"{int(left.faulted[i].sum()):,} attempts in which {worker} gave no answer escalate first")
    return Rows(
        tasks=tasks,
        keys=keys,
        confidence=spoken[source.at(keys)],
        worker=left.value[i],
        expert=right.value[j],
        worker_cost=left.cost[i],
        expert_cost=right.cost[j],
        worker_latency=left.latency[i],
        expert_latency=right.latency[j],
        weight=1.0 / counts[where],
        clusters=clusters.astype(np.intp),
        groups=len(codes),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """The graded attempts of one contender, by rising key."""

    keys: NDArray[np.int64]
    tasks: NDArray[np.int64]
    value: Vector
    confidence: Vector
    cost: Vector
    latency: Vector
    escalated: Vector
    faulted: NDArray[np.bool_]

    @staticmethod
    def of(table: TaskTable, attempts: Attempts, contender: str) -> "_Side":
        one = attempts.of(table.index(contender))
        tasks = one.tasks.astype(np.int64)
        keys = (tasks << 32) + one.trials.astype(np.int64)
        order = np.argsort(keys, kind="stable")
        known = order[np.isfinite(one.values[order])]
        causes = one.causes
        faults = np.array([name in OWN_FAULTS for name in (*causes.every, None)], dtype=np.bool_)  # the last is code -1
        return _Side(
            keys=keys[known],
            tasks=tasks[known],
            value=one.values[known],
            confidence=one.confidences[known],
            cost=one.costs[known],
            latency=one.seconds[known],
            escalated=np.where(one.escalated < 0, np.nan, one.escalated)[known],
            faulted=faults[causes.codes[known]],
        )

    def at(self, keys: NDArray[np.int64]) -> Codes:
        """Positions of the keys, all of which are here."""
        return np.searchsorted(self.keys, keys).astype(np.intp)


def side(table: TaskTable, contender: str) -> _Side:
    """The graded attempts of one contender; a `UsageError` where there is no such contender."""
    return _Side.of(table, table.every_attempt(), contender)


def _from_calls(table: TaskTable, left: _Side, worker: str, signal: str) -> Vector:
    """The signal of the last call of each of the worker's attempts that has one, as a confidence in [0, 1]."""
    calls = read_calls(table.report, ["attempt_id", "role", signal])
    last = {
        attempt: value
        for attempt, role, value in zip(*(calls[name].to_pylist() for name in calls.column_names), strict=True)
        if value is not None and role in {"answer", "worker"}
    }
    rows = table.attempts(worker, ["attempt_id"])
    keys = (np.asarray(rows["task_index"], np.int64) << 32) + np.asarray(rows["trial_index"], np.int64)
    named = dict(zip(keys.tolist(), rows["attempt_id"].to_pylist(), strict=True))
    raw = np.array([last.get(named.get(key) or "", np.nan) for key in left.keys.tolist()], dtype=np.float64)
    return np.clip(np.exp(np.minimum(raw, 0.0)) if signal.startswith("logprob") else raw, 0.0, 1.0)
