"""The attempts of a worker and an expert side by side, trial by trial, with the signal that decides between them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.core import Cause, EvidenceError, UsageError, nearest
from harness.store import TaskTable, read_calls

if TYPE_CHECKING:
    import pyarrow as pa

Vector = NDArray[np.float64]
Codes = NDArray[np.intp]

SIGNALS = ("confidence", "logprob_mean", "logprob_min", "margin")
"""The outcome column, and the signals of the worker's calls."""
NO_SIGNAL = "none"
"""For rules that look at nothing: every attempt that both have."""
OWN_FAULTS = {cause.value for cause in (Cause.REFUSED, Cause.CONTEXT, Cause.TURNS, Cause.TOO_SLOW, Cause.TOO_DEAR)}
"""Causes by which the worker itself ended without an answer; a hybrid then escalates whatever its threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One entry a task and trial that both have graded and the signal speaks on; none unknown but money and time."""

    tasks: NDArray[np.int64]
    """Positions in the table's ``tasks``."""
    trials: NDArray[np.int64]
    confidence: Vector
    worker: Vector
    """Graded value, 0 to 1."""
    expert: Vector
    worker_cost: Vector
    """NaN where unknown; the costs and latencies below likewise."""
    expert_cost: Vector
    worker_latency: Vector
    expert_latency: Vector
    weight: Vector
    """1 over the trials of the task here: each task weighs the same."""
    clusters: Codes
    groups: int
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
    left, right = _Side.of(table, worker), _Side.of(table, expert)
    source = left if of == worker else _Side.of(table, of)
    if signal == NO_SIGNAL:
        spoken = np.zeros(len(left.keys))
    else:
        spoken = source.confidence if signal == "confidence" else _from_calls(table.report, left, signal)
    if of == worker:
        spoken = np.where(left.faulted, 0.0, spoken)
    speaks = np.isfinite(spoken)
    common = np.intersect1d(left.keys, right.keys)
    if not len(common):
        raise EvidenceError(f"{table.report}: {worker!r} and {expert!r} have no graded task and trial in common")
    keys = np.intersect1d(common, source.keys[speaks])
    if not len(keys):
        other = "name another with --signal, or another contender's with --confidence-from"
        raise EvidenceError(f"{table.report}: no attempt of {of!r} has the signal {signal}; {other}")
    i, j = left.at(keys), right.at(keys)
    tasks = left.tasks[i]
    _, where, counts = np.unique(tasks, return_inverse=True, return_counts=True)
    codes, clusters = np.unique(table.clusters[tasks], return_inverse=True)
    notes = [_left_out(len(left.keys) - len(common), f"of {worker} without a graded one of {expert}")]
    notes += [_left_out(len(right.keys) - len(common), f"of {expert} without a graded one of {worker}")]
    notes += [_left_out(len(common) - len(keys), f"without the signal {signal} of {of}")]
    if int(left.faulted[i].sum()) and of == worker:
        notes.append(f"{int(left.faulted[i].sum()):,} attempts in which {worker} gave no answer escalate first")
    return Rows(
        tasks=tasks,
        trials=left.trials[i],
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
        notes=tuple(note for note in notes if note),
    )


def _left_out(count: int, what: str) -> str:
    return f"{count:,} attempt{'s' if count != 1 else ''} {what} left out" if count else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """The graded attempts of one contender, by rising key."""

    keys: NDArray[np.int64]
    tasks: NDArray[np.int64]
    trials: NDArray[np.int64]
    value: Vector
    confidence: Vector
    cost: Vector
    latency: Vector
    escalated: Vector
    faulted: NDArray[np.bool_]
    attempts: tuple[str | None, ...]

    @staticmethod
    def of(table: TaskTable, contender: str) -> "_Side":
        columns = ["passed", "score", "confidence", "cost_usd", "latency_s", "escalated", "cause", "attempt_id"]
        rows = table.attempts(contender, columns)
        tasks, trials = np.asarray(rows["task_index"], np.int64), np.asarray(rows["trial_index"], np.int64)
        keys = (tasks << 32) + trials
        order = np.argsort(keys, kind="stable")
        passed = _numbers(rows, "passed")
        value = np.where(np.isnan(passed), _numbers(rows, "score"), passed)
        known = order[np.isfinite(value[order])]
        ids: list[str | None] = rows["attempt_id"].to_pylist()
        causes: list[str | None] = rows["cause"].to_pylist()
        return _Side(
            keys=keys[known],
            tasks=tasks[known],
            trials=trials[known],
            value=value[known],
            confidence=_numbers(rows, "confidence")[known],
            cost=_numbers(rows, "cost_usd")[known],
            latency=_numbers(rows, "latency_s")[known],
            escalated=_numbers(rows, "escalated")[known],
            faulted=np.array([cause in OWN_FAULTS for cause in causes], dtype=bool)[known],
            attempts=tuple(ids[k] for k in known.tolist()),
        )

    def at(self, keys: NDArray[np.int64]) -> Codes:
        """Where the keys stand, all of which are here."""
        return np.searchsorted(self.keys, keys).astype(np.intp)


def side(table: TaskTable, contender: str) -> _Side:
    """The graded attempts of one contender.

    Raises:
        UsageError: there is no such contender.
    """
    return _Side.of(table, contender)


def _numbers(rows: "pa.Table", name: str) -> Vector:
    """A column as floats, NaN where it is null."""
    column: Any = rows[name].cast("float64") if str(rows[name].type) != "bool" else rows[name].cast("int8")
    return np.asarray(column.to_pandas(), dtype=np.float64)


def _from_calls(report: Path, left: _Side, signal: str) -> Vector:
    """The signal of the last call of each of the worker's attempts that has one, as a confidence in [0, 1]."""
    calls = read_calls(report, ["attempt_id", "role", signal])
    last = {
        attempt: value
        for attempt, role, value in zip(*(calls[name].to_pylist() for name in calls.column_names), strict=True)
        if value is not None and role in {"answer", "worker"}
    }
    raw = np.array([last.get(attempt or "", np.nan) for attempt in left.attempts], dtype=np.float64)
    return np.clip(np.exp(np.minimum(raw, 0.0)) if signal.startswith("logprob") else raw, 0.0, 1.0)
