"""The attempts of a worker and an expert side by side: the signal, how good it is, and hybrids that were run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness import core, stats
from harness.core import ContenderRecord, Estimate, EvidenceError, Manifest, UsageError
from harness.stats import COST, ESCALATED, LATENCY, NO_INTERVALS, PASS, Replayer, ReplayRows, replay_estimate
from harness.store import Attempts, TaskTable, read_calls
from harness.verdict.arrays import Floats, Ints, Mask
from harness.verdict.sweep_records import ASKED, NO_SIGNAL, SIGNALS, Calibration, Live, Measured

OWN_FAULTS = {
    cause.value
    for cause in (core.Cause.REFUSED, core.Cause.CONTEXT, core.Cause.TURNS, core.Cause.TOO_SLOW, core.Cause.TOO_DEAR)
}
"""Causes by which the worker itself ended without an answer; a hybrid then escalates whatever its threshold."""
READ_FROM = {"logprob_mean": "confidence", "logprob_min": "logprob_min", "margin": "margin"}
"""A hybrid's signal, and where the worker's own attempts have it."""
FIXED = ("always", "never")
NOT_REPLAYED = {
    "ask": "the worker itself decides, so it has no confidence and no threshold",
    "verifier": "its scores are on record under the hybrid that asked it; name that hybrid with --confidence-from",
}
FOLDS = 5
_NOT_BINARY = "some scores lie between 0 and 1; this needs answers that pass or fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(ReplayRows):
    """The attempts that both have graded and the signal speaks on."""

    tasks: Ints  # positions in the table's ``tasks``
    keys: Ints  # task and trial in one number, rising
    notes: tuple[str, ...]
    asking: Floats | None = None  # of the four figures what the signal adds, where asking for it costs something

    @property
    def n_tasks(self) -> int:
        """Distinct tasks."""
        return len(np.unique(self.tasks))


def paired_rows(
    table: TaskTable,
    worker: str,
    expert: str,
    *,
    signal: str = "confidence",
    confidence_from: str | None = None,
    manifest: Manifest | None = None,
) -> Rows:
    """The attempts that can be replayed; EvidenceError: none of both, or none with the signal."""
    table.index(worker), table.index(expert)
    if worker == expert:
        raise UsageError(f"{worker!r} cannot escalate to itself; name two contenders of {', '.join(table.contenders)}")
    asked = signal.partition(":")[0] in ASKED
    if signal not in {*SIGNALS, NO_SIGNAL} and not asked:
        if signal in NOT_REPLAYED:
            raise UsageError(f"the signal {signal} cannot be replayed: {NOT_REPLAYED[signal]}")
        raise UsageError(f"unknown signal {signal!r}; {core.nearest(signal, [*SIGNALS, 'agreement:K', 'p_true'])}")
    if confidence_from is not None and signal != "confidence":
        raise UsageError("--confidence-from takes the column confidence; leave out --signal")
    of = confidence_from or (_asker(table, manifest, worker, expert, signal) if asked else worker)
    table.index(of)
    (left, left_keys), (right, right_keys) = graded(table, worker), graded(table, expert)
    source, keys_of = (left, left_keys) if of == worker else graded(table, of)
    causes = left.words("cause")
    faults = np.array([name in OWN_FAULTS for name in (*causes.every, None)], dtype=np.bool_)  # the last: code -1
    faulted = faults[causes.codes]
    if signal == NO_SIGNAL:
        spoken: Floats = np.zeros(len(left_keys))
    else:
        spoken = source.numbers("confidence") if asked or signal == "confidence" else _from_calls(left, signal)
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
    notes = [f"{core.plural(count, 'attempt')} {what}" for count, what in left_out if count]
    costs, seconds, asking = left.numbers("cost_usd")[i], left.numbers("latency_s")[i], None
    if asked:  # what the signal cost is the worker's too: all that the hybrid paid but for the expert
        up, asking = source.escalated[k] > 0, np.zeros((len(keys), 4))
        paid, took = (
            source.numbers(name)[k] - np.where(up, right.numbers(name)[j], 0.0) for name in ("cost_usd", "latency_s")
        )
        asking[:, COST], asking[:, LATENCY] = paid - costs, took - seconds
        costs, seconds = paid, took
        notes.append(f"the signal, and what asking for it costs, are those of {of}; the controls ask for none")
    if of == worker and faulted[i].any():
        notes.append(f"{int(faulted[i].sum()):,} attempts in which {worker} gave no answer escalate first")
    return Rows(
        tasks=tasks,
        keys=keys,
        confidence=spoken[k],
        worker=left.values[i],
        expert=right.values[j],
        worker_cost=costs,
        asking=asking,
        expert_cost=right.numbers("cost_usd")[j],
        worker_latency=seconds,
        expert_latency=right.numbers("latency_s")[j],
        weight=1.0 / counts[where],
        clusters=clusters.astype(np.intp),
        groups=len(codes),
        notes=tuple(notes),
    )


def can_be_replayed(hybrid: ContenderRecord) -> bool:
    """Whether its decisions can be taken again from what is on record."""
    return _rule(hybrid) in {*READ_FROM, *FIXED, "oracle"} or hybrid.signal in ASKED


def _asker(table: TaskTable, manifest: Manifest | None, worker: str, expert: str, signal: str) -> str:
    """The hybrid of these two that was run with the signal."""
    ours = [one for one in manifest.contenders if (one.worker, one.expert) == (worker, expert)] if manifest else []
    there = {_rule(one): one.name for one in ours if one.signal in ASKED and one.name in table.contenders}
    if signal not in there:
        known = f"of these two there are {core.listed([*there], 5)}" if there else "none of these two was run"
        problem = f"the signal {signal} is known where a hybrid asked for it, and {known}"
        raise EvidenceError(f"{table.report}: {problem}; name another, or run one with escalate: {{signal: {signal}}}")
    return there[signal]


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


def ranking(replayer: Replayer, rows: Rows, level: float) -> Estimate:
    """The chance that an attempt which the worker passed has the higher confidence (AUROC), ties counting half.

    DeLong's interval where every attempt is a unit of its own; else a bootstrap of clusters.
    """
    told = Estimate(value=None, level=level, n_tasks=rows.n_tasks, n_trials=len(rows.tasks), method="none")
    if not np.isin(rows.worker, (0.0, 1.0)).all():
        return replace(told, why=_NOT_BINARY)
    if rows.groups == len(rows.tasks):
        return stats.auroc(rows.confidence, rows.worker, level)
    sides = [(x * rows.weight)[replayer.order] for x in (rows.worker, 1.0 - rows.worker)]
    if not all(side.any() for side in sides):
        return replace(told, why="all answers are right, or all wrong")
    how = f"bootstrap of {rows.groups:,} clusters, {replayer.resamples:,} resamples, seed {replayer.seed}"
    value = float(replayer.concordance(*sides, whole=True)[0])
    return replay_estimate(value, replayer.concordance(*sides), replace(told, method=how))


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
    """APGR: the area under (pass - never) / (always - never) against the share escalated (Ong et al. 2024).

    Straight between thresholds, where they average ten points; random escalation has one half.
    """

    def area(figures: Floats) -> Floats:
        passed = figures[..., PASS]
        found = np.trapezoid(passed - passed[:, :1], figures[..., ESCALATED], axis=1)
        return np.asarray(found / (passed[:, -1] - passed[:, 0]))

    if not len(drawn):
        return replace(told, method="none", why=NO_INTERVALS)
    tail = (1.0 - told.level) / 2.0
    low, high = np.quantile(drawn[:, -1, PASS] - drawn[:, 0, PASS], [tail, 1.0 - tail])
    if not low > 0.0:
        less = "the expert passes less than the worker: there is no gap to recover"
        why = less if high < 0.0 else "there is no significant gap between worker and expert"
        return replace(told, method="none", why=why)
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
    """Replays the hybrid's own rule on its parts' attempts and compares with its live outcomes."""
    live, keys = graded(table, hybrid)
    if manifest is None:
        raise EvidenceError(f"{table.report}: without a manifest the thresholds of {hybrid!r} are unknown")
    one = manifest.contender(hybrid)
    if one is None or not one.escalate:
        raise UsageError(f"{hybrid!r} is no hybrid; --check-live takes one of {worker} and {expert}")
    if (one.worker, one.expert) != (worker, expert):
        raise UsageError(f"{hybrid!r} is a hybrid of {one.worker} and {one.expert}; name these two")
    if not can_be_replayed(one):
        raise UsageError(f"the rule {_rule(one)!r} of {hybrid!r} cannot be replayed from what its parts recorded")
    signal = _rule(one) if one.signal in ASKED else READ_FROM.get(one.signal, NO_SIGNAL)
    rows = paired_rows(table, worker, expert, signal=signal, manifest=manifest)
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
        return stats.bootstrap_estimate(sums, lambda s: np.asarray(s[:, 0] / s[:, 1]), level=level, **counted)

    _, first = np.unique(where, return_index=True)

    def rate(values: Floats) -> Estimate:
        return stats.clustered_rate(np.bincount(where, weights=values), counts, codes[first], level)

    did, escalated = live.values[theirs], live.escalated[theirs]
    same, d = escalated == up, mean(did - value)
    same_decision, same_outcome = int(same.sum()), int((same & (did == value)).sum())
    agrees = d.low is None or d.high is None or d.low <= 0.0 <= d.high
    if same_outcome == n:
        sentence = f"The live {hybrid} did what the replay says in all {n:,} attempts."
    else:
        interval = "" if d.low is None or d.high is None else f" {core.points_interval(d.low, d.high)}"
        equal = "no significant difference" if agrees else "not equal"
        why = (
            (n - same_decision, f"of {n:,} attempts were decided the other way (the confidence differed)"),
            (same_decision - same_outcome, "went the same way to another result (the answers differed)"),
        )
        whys = " and ".join(f"{count:,} {what}" for count, what in why if count)
        sentence = (
            f"The live {hybrid} minus the replay: {core.points(d.value or 0.0)} points{interval}, {equal}; {whys}."
        )
    return Live(
        hybrid=hybrid,
        n_tasks=n_tasks,
        n_attempts=n,
        live_pass_rate=rate(did),
        replayed_pass_rate=rate(value),
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
    """Hybrids of these two on record but the curve's ends; ``figured`` by what each did at each row, and its tasks."""
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
