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
NO_SIGNAL = "none"  # for rules that look at nothing: every attempt that both have
OWN_FAULTS = {cause.value for cause in (Cause.REFUSED, Cause.CONTEXT, Cause.TURNS, Cause.TOO_SLOW, Cause.TOO_DEAR)}
"""Causes by which the worker itself ended without an answer; a hybrid then escalates whatever its threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(ReplayRows):
    """The attempts that both have graded and the signal speaks on."""

    tasks: NDArray[np.int64]  # positions in the table's ``tasks``
    keys: NDArray[np.int64]  # task and trial in one number, rising
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
    (left, left_keys), (right, right_keys) = graded(table, worker), graded(table, expert)
    source, keys_of = (left, left_keys) if of == worker else graded(table, of)
    causes = left.words("cause")
    faults = np.array([name in OWN_FAULTS for name in (*causes.every, None)], dtype=np.bool_)  # the last: code -1
    faulted = faults[causes.codes]
    if signal == NO_SIGNAL:
        spoken: Vector = np.zeros(len(left_keys))
    else:
        spoken = source.numbers("confidence") if signal == "confidence" else _from_calls(left, signal)
    if of == worker:
        spoken = np.where(faulted, 0.0, spoken)
    common = np.intersect1d(left_keys, right_keys)
    if not len(common):
        raise EvidenceError(f"{table.report}: {worker!r} and {expert!r} have no graded task and trial in common")
    keys = np.intersect1d(common, keys_of[np.isfinite(spoken)])
    if not len(keys):
        other = "name another with --signal, or another contender's with --confidence-from"
        raise EvidenceError(f"{table.report}: no attempt of {of!r} has the signal {signal}; {other}")
    i, j, k = (np.searchsorted(each, keys) for each in (left_keys, right_keys, keys_of))
    tasks = left.tasks[i].astype(np.int64)
    _, where, counts = np.unique(tasks, return_inverse=True, return_counts=True)
    codes, clusters = np.unique(table.clusters[tasks], return_inverse=True)
    left_out = (
        (len(left_keys) - len(common), f"of {worker} without a graded one of {expert} left out"),
        (len(right_keys) - len(common), f"of {expert} without a graded one of {worker} left out"),
        (len(common) - len(keys), f"without the signal {signal} of {of} left out"),
    )
    notes = [f"{plural(count, 'attempt')} {what}" for count, what in left_out if count]
    if of == worker and faulted[i].any():
        notes.append(f"{int(faulted[i].sum()):,} attempts in which {worker} gave no answer escalate first")
    return Rows(
        tasks=tasks,
        keys=keys,
        confidence=spoken[k],
        worker=left.values[i],
        expert=right.values[j],
        worker_cost=left.numbers("cost_usd")[i],
        expert_cost=right.numbers("cost_usd")[j],
        worker_latency=left.numbers("latency_s")[i],
        expert_latency=right.numbers("latency_s")[j],
        weight=1.0 / counts[where],
        clusters=clusters.astype(np.intp),
        groups=len(codes),
        notes=tuple(notes),
    )


def graded(table: TaskTable, contender: str) -> tuple[Attempts, NDArray[np.int64]]:
    """The graded attempts of one contender and their keys, which rise; a `UsageError` where there is none."""
    one = table.attempts_of(contender)
    keys = (one.tasks.astype(np.int64) << 32) + one.trials
    order = np.argsort(keys, kind="stable")
    known = order[np.isfinite(one.values[order])]
    return Attempts(table, one.rows[known]), keys[known]


def _from_calls(attempts: Attempts, signal: str) -> Vector:
    """The signal of the last call of each attempt that has one, as a confidence in [0, 1]."""
    calls = read_calls(attempts.table.report, ["attempt_id", "role", signal])
    last = {
        attempt: value
        for attempt, role, value in zip(*(calls[name].to_pylist() for name in calls.column_names), strict=True)
        if value is not None and role in {"answer", "worker"}
    }
    ids = attempts.table.outcomes.column_at("attempt_id", attempts.rows).to_pylist()
    raw = np.array([last.get(one or "", np.nan) for one in ids], dtype=np.float64)
    return np.clip(np.exp(np.minimum(raw, 0.0)) if signal.startswith("logprob") else raw, 0.0, 1.0)
