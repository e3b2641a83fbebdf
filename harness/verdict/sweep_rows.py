"""The attempts of a worker and an expert side by side, with the signal that decides between them; how good that is."""

from dataclasses import dataclass, replace

import numpy as np

from harness import stats
from harness.core import Cause, Estimate, EvidenceError, UsageError, nearest, plural
from harness.stats import ESCALATED, NO_INTERVALS, PASS, Replayer, ReplayRows, replay_estimate
from harness.store import Attempts, TaskTable, read_calls
from harness.verdict.arrays import Floats, Ints

SIGNALS = ("confidence", "logprob_mean", "logprob_min", "margin")  # an outcome column; signals of the worker's calls
NO_SIGNAL = "none"  # for rules that look at nothing: every attempt that both have
OWN_FAULTS = {cause.value for cause in (Cause.REFUSED, Cause.CONTEXT, Cause.TURNS, Cause.TOO_SLOW, Cause.TOO_DEAR)}
"""Causes by which the worker itself ended without an answer; a hybrid then escalates whatever its threshold."""
FOLDS = 5
_NOT_BINARY = "some scores lie between 0 and 1; this needs answers that pass or fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(ReplayRows):
    """The attempts that both have graded and the signal speaks on."""

    tasks: Ints  # positions in the table's ``tasks``
    keys: Ints  # task and trial in one number, rising
    notes: tuple[str, ...]

    @property
    def n_tasks(self) -> int:
        """Distinct tasks."""
        return len(np.unique(self.tasks))


def paired_rows(
    table: TaskTable, worker: str, expert: str, *, signal: str = "confidence", confidence_from: str | None = None
) -> Rows:
    """The attempts that can be replayed.

    Raises UsageError: an unknown contender or signal, or the two are one; EvidenceError: none of both, or no signal.
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
        spoken: Floats = np.zeros(len(left_keys))
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


def graded(table: TaskTable, contender: str) -> tuple[Attempts, Ints]:
    """The graded attempts of one contender and their keys, which rise; a `UsageError` where there is none."""
    one = table.attempts_of(contender)
    keys = (one.tasks.astype(np.int64) << 32) + one.trials
    order = np.argsort(keys, kind="stable")
    known = order[np.isfinite(one.values[order])]
    return Attempts(table, one.rows[known]), keys[known]


def _from_calls(attempts: Attempts, signal: str) -> Floats:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the signal says, and what came true. ``None`` where a figure cannot be had."""

    bins: tuple[stats.Bin, ...] = ()
    ece: float | None = None
    brier: float | None = None
    brier_isotonic: float | None = None  # of the signal mapped to a pass rate by an isotonic fit on other folds
    brier_constant: float | None = None  # of always saying the worker's pass rate
    why: str | None = None


def ranking(replayer: Replayer, rows: Rows, level: float) -> Estimate:
    """The chance that an attempt which the worker passed has the higher confidence (AUROC), ties counting half.

    DeLong's interval where every attempt is a unit of its own; else a bootstrap of clusters.
    """
    attempts = len(rows.tasks)
    told = Estimate(value=None, level=level, n_tasks=rows.n_tasks, n_trials=attempts, method="none")
    if not np.isin(rows.worker, (0.0, 1.0)).all():
        return replace(told, why=_NOT_BINARY)
    if rows.groups == attempts:
        return stats.auroc(rows.confidence, rows.worker, level)
    right, wrong = ((x * rows.weight)[replayer.order] for x in (rows.worker, 1.0 - rows.worker))
    if not right.any() or not wrong.any():
        return replace(told, why="all answers are right, or all wrong")
    value = float(replayer.concordance(right, wrong, whole=True)[0])
    how = f"bootstrap of {rows.groups:,} clusters, {replayer.resamples:,} resamples, seed {replayer.seed}"
    return replay_estimate(value, replayer.concordance(right, wrong), replace(told, method=how))


def calibration(rows: Rows, seed: int, level: float) -> Calibration:
    """Reliability in ten bins of equal mass, calibration error, and Brier scores as it is and calibrated."""
    said, right = rows.confidence, rows.worker
    if not np.isin(right, (0.0, 1.0)).all():
        return Calibration(why=_NOT_BINARY)
    if said.min() < 0.0 or said.max() > 1.0:
        return Calibration(why="the signal does not lie between 0 and 1, so it is no chance of passing")
    rate, fitted = float(right.mean()), None
    if rows.groups > 1:  # each attempt's pass rate by a fit on the other folds; clusters stay in one
        fold = (np.random.default_rng(seed).permutation(rows.groups) % min(FOLDS, rows.groups))[rows.clusters]
        fitted = np.empty(len(fold))
        for k in range(int(fold.max()) + 1):
            fitted[fold == k] = stats.isotonic_fit(said[fold != k], right[fold != k])(said[fold == k])
    return Calibration(
        bins=stats.reliability_bins(said, right, level=level),
        ece=stats.expected_calibration_error(said, right),
        brier=stats.brier_score(said, right),
        brier_isotonic=None if fitted is None else stats.brier_score(fitted, right),
        brier_constant=rate * (1.0 - rate),
    )


def gap_area(exact: Floats, drawn: Floats, told: Estimate) -> Estimate:
    """APGR, the share of the gap between worker and expert recovered; None where the gap is not significant.

    The area under (pass - never) / (always - never) against the share escalated, straight between thresholds (Ong et
    al. 2024, who average ten points); random escalation has one half.
    """

    def area(figures: Floats) -> Floats:
        passed = figures[..., PASS]
        found = np.trapezoid(passed - passed[:, :1], figures[..., ESCALATED], axis=1)
        return np.asarray(found / (passed[:, -1] - passed[:, 0]))

    if not len(drawn):
        return replace(told, method="none", why=NO_INTERVALS)
    tail = (1.0 - told.level) / 2.0
    low, high = np.quantile(drawn[:, -1, PASS] - drawn[:, 0, PASS], [tail, 1.0 - tail])
    if not (low > 0.0 or high < 0.0):
        return replace(told, method="none", why="there is no significant gap between worker and expert")
    if high < 0.0:
        return replace(told, method="none", why="the expert passes less than the worker: there is no gap to recover")
    with np.errstate(invalid="ignore", divide="ignore"):
        return replay_estimate(float(area(exact[None])[0]), area(drawn), told)


def cpt(exact: Floats) -> dict[str, float | None]:
    """The least share escalated that recovers 50% and 80% of the gap, straight between thresholds (Ong et al. 2024)."""
    recovered, share = (exact[:, PASS] - exact[0, PASS]) / (exact[-1, PASS] - exact[0, PASS]), exact[:, ESCALATED]
    found: dict[str, float | None] = {}
    for part in (0.5, 0.8):
        k = int(np.argmax(recovered >= part - 1e-12))
        rise = recovered[k] - recovered[k - 1]
        inside = (part - recovered[k - 1]) / rise if rise > 0.0 else 1.0
        found[f"{part:.0%}"] = float(share[k - 1] + inside * (share[k] - share[k - 1]))
    return found
