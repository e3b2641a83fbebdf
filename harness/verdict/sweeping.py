"""When should the worker hand over to the expert? Every threshold replayed from recorded outcomes, without a model."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import stats
from harness.analysis import apart_note, load_evidence, load_note, priced, progress_of, work_of
from harness.core import Estimate, EvidenceError, Manifest
from harness.stats import COST, ESCALATED, LATENCY, NO_INTERVALS, PASS, Draws, Replayer, replay_estimate
from harness.store import TaskTable
from harness.verdict import sweep_records as records
from harness.verdict.arrays import Floats
from harness.verdict.sweep_records import Sweep, SweepGoal, SweepPoint, SweepSettings
from harness.verdict.sweep_rows import Rows, calibration, check_live, cpt, gap_area, hybrids_run, paired_rows, ranking

POINTS = 1_000  # thresholds shown at most; the choosing looks at all
FOLDS, REPEATS = 5, 20
AGAIN = "the choosing repeated"
ONE_CLUSTER = "one cluster cannot be held out"
COLUMNS = {"pass_rate": PASS, "cost_per_task_usd": COST, "latency_s": LATENCY}


def sweep(
    report: Path,
    worker: str,
    expert: str,
    goal: SweepGoal | None = None,
    *,
    signal: str = "confidence",
    confidence_from: str | None = None,
    live: str | None = None,
    split: str | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Sweep:
    """Every threshold of a signal replayed, and the one chosen for a goal: by default the highest pass rate.

    The ``expert`` is asked where the worker's ``signal`` lies below the threshold: ``confidence``, ``logprob_mean``,
    ``logprob_min``, ``margin``, another contender's confidence, or ``agreement:K`` and ``p_true`` where a hybrid of the
    two asked for it. ``live`` is a hybrid of the two that is compared with the replay at its own thresholds. Raises
    UsageError: no such folder, contender, signal or split; EvidenceError: no outcomes that both have, no signal, or a
    goal in dollars where costs are unknown.
    """
    settings = SweepSettings(signal=signal, confidence_from=confidence_from, live=live, level=level, seed=seed)
    return sweep_of(*load_evidence(report, split, apart=True), worker, expert, goal=goal, settings=settings)


def sweep_of(
    table: TaskTable,
    manifest: Manifest | None,
    worker: str,
    expert: str,
    *,
    goal: SweepGoal | None = None,
    settings: SweepSettings | None = None,
) -> Sweep:
    """The same from a table that is loaded already, best with its attempts: they are read again where it kept none."""
    goal, asked = goal or SweepGoal(), settings or SweepSettings()
    of, level, seed = asked.confidence_from, asked.level, asked.seed
    table, general = work_of((table, manifest))
    rows = paired_rows(table, worker, expert, signal=asked.signal, confidence_from=of, manifest=manifest)
    resamples = min(1_999, max(499, 15_000_000 // len(rows.tasks))) if asked.intervals else 0
    replayer = Replayer(rows, resamples, seed)
    one = _Figures(replayer, rows, goal, level)
    no_cost = one.unknown[COST]
    if no_cost and (goal.name != "pass" or goal.max_cost is not None):
        option = "--max-cost" if goal.name == "pass" else f"--objective {goal.name}"
        remedy = "use --objective pass without --max-cost, or record costs"
        raise EvidenceError(f"{table.report}: the cost is {no_cost}, so {option} cannot be judged; {remedy}")
    exact, best = replayer.exact, replayer.best_step(goal.objective)
    shown = np.linspace(0, len(exact) - 1, POINTS - 1).round()  # evenly many, the ends and the best among them
    steps = np.arange(len(exact)) if len(exact) <= POINTS else np.unique(np.append(shown, best)).astype(np.intp)
    drawn = replayer.drawn(steps)
    fitted = replayer.crossfit(goal.objective, FOLDS, REPEATS)
    policy = fitted or Draws(value=exact[best], drawn=drawn[:, int(np.searchsorted(steps, best))])
    never, always = (Draws(value=exact[k], drawn=drawn[:, k]) for k in (0, -1))
    oracle = _oracle(rows, goal, policy.value[ESCALATED])
    perfect = replayer.fixed(oracle)
    if rows.asking is not None:
        asking = replayer.seen(rows.asking)
        never, always, perfect = (
            Draws(value=one.value - asking.value, drawn=one.drawn - asking.drawn) for one in (never, always, perfect)
        )
    draws = {"never": never, "always": always, "random": stats.random_policy(never, always, policy), "oracle": perfect}
    share = float(policy.value[ESCALATED])
    always_up: dict[str, Floats | float] = {"never": 0.0, "always": 1.0, "random": share, "oracle": oracle}
    rivals = one.rivals(policy, draws) if fitted and asked.intervals else ()
    front = None if no_cost else stats.aiq(exact[:, COST], exact[:, PASS])
    area = gap_area(exact, drawn, one.told)
    free = "the expert costs nothing: there is no cost range" if not no_cost and rows.expert_cost.max() <= 0.0 else ""
    reasons = {
        "aiq": f"the cost is {no_cost}" if no_cost else free,
        "cpt": area.why or "" if area.value is None else None,
        "crossfit": None if fitted else ONE_CLUSTER,
    }
    progress = progress_of(table, manifest)
    found = Sweep(
        worker=worker,
        expert=expert,
        signal=f"confidence of {of}" if of else asked.signal,
        n_tasks=rows.n_tasks,
        n_attempts=len(rows.tasks),
        level=level,
        unit="task" if rows.groups == rows.n_tasks else "cluster",
        objective=goal.name,
        cost_weight=goal.cost_weight,
        max_cost=goal.max_cost,
        min_pass=goal.min_pass,
        curve=one.curve(steps, drawn),
        controls={
            name: records.SweepControl(**one.control(d.value), **one.three(d, up=always_up[name]))
            for name, d in draws.items()
        },
        chosen=one.choice(best, fitted),
        rivals=rivals,
        auroc=ranking(replayer, rows, level),
        calibration=calibration(rows, seed, level),
        aiq=front.over_range if front else None,
        aiq_over_max=front.over_max if front else None,
        hull=front.hull if front else (),
        apgr=area,
        cpt=cpt(exact) if area.value is not None else {"50%": None, "80%": None},
        beats_controls=bool(rivals) and all(rival.beaten for rival in rivals),
        sentence="",
        warning=f"{progress.word}: the run is not done; every figure is provisional" if progress.word else None,
        notes=(*_notes(one, table, of), *load_note(table, (worker, expert)), *apart_note(general), *rows.notes),
        reasons={name: why for name, why in reasons.items() if why},
    )
    run = hybrids_run(table, manifest, rows, (worker, expert), one.measured)
    found = replace(found, measured=tuple(replace(each, sentence=records.measured_words(each, found)) for each in run))
    unjudged = "" if asked.intervals else f" Whether it beats the controls is not judged: {NO_INTERVALS}."
    live = asked.live and check_live(table, manifest, asked.live, worker, expert, level=level, seed=seed)
    return replace(found, sentence=records.sentence(found) + unjudged, live=live or None)


class _Figures:
    """What turns the four figures of a policy into estimates."""

    def __init__(self, replayer: Replayer, rows: Rows, goal: SweepGoal, level: float) -> None:
        self.replayer, self.rows, self.goal, self.level = replayer, rows, goal, level
        unit = "tasks" if rows.groups == rows.n_tasks == len(rows.tasks) else "clusters"
        method = f"bootstrap of {rows.groups:,} {unit}, {replayer.resamples:,} resamples, seed {replayer.seed}"
        self.told = Estimate(value=None, level=level, n_tasks=rows.n_tasks, n_trials=len(rows.tasks), method=method)
        _, self.first, self.where = np.unique(rows.tasks, return_index=True, return_inverse=True)
        self.unknown: dict[int, str | None] = {PASS: None}
        amounts = ((COST, rows.worker_cost + rows.expert_cost), (LATENCY, rows.worker_latency + rows.expert_latency))
        for column, each in amounts:
            count = len(np.unique(rows.tasks[np.isnan(each)]))
            self.unknown[column] = f"unknown for {count:,} of {rows.n_tasks:,} tasks" if count else None

    def three(
        self, draws: Draws, told: Estimate | None = None, *, up: Floats | float | None = None, parts: bool = True
    ) -> dict[str, Any]:
        """Pass rate, cost and latency of a policy by their names in the records; of ``parts`` why one is unknown.

        ``up`` is the share of each row that it escalates, where that is fixed: its rate and its cost are then as any
        contender's. Those of controls, which ask no signal, lack what asking costs.
        """
        about = {c: replace(told or self.told, why=self.unknown[c] if parts else None) for c in COLUMNS.values()}
        found = {
            name: replay_estimate(float(draws.value[c]), draws.drawn[:, c], about[c]) for name, c in COLUMNS.items()
        }
        if up is None:
            return found
        spent = self.spent(up) - (0.0 if self.rows.asking is None else self.rows.asking[:, COST])
        return found | {
            "pass_rate": self.rate(self.passed(up)),
            "cost_per_task_usd": self.cost(spent, found["cost_per_task_usd"]),
        }

    def passed(self, up: Floats | float) -> Floats:
        """What each row is worth where so much of it is escalated."""
        return np.asarray(self.rows.worker + up * (self.rows.expert - self.rows.worker))

    def spent(self, up: Floats | float) -> Floats:
        """What each row costs where so much of it is escalated."""
        return np.asarray(self.rows.worker_cost + up * self.rows.expert_cost)

    def cost(self, values: Floats, resampled: Estimate) -> Estimate:
        """The mean cost of values by row, NaN where nothing was tried: by the same method as on the scoreboard."""
        if resampled.value is None or resampled.low is None:
            return resampled
        tried = np.isfinite(values)
        sums, counts = (np.bincount(self.where, weights=x) for x in (np.where(tried, values, 0.0), tried))
        found = stats.clustered_mean(sums, counts, self.rows.clusters[self.first], self.level)
        return replace(priced(found), value=resampled.value)

    def rate(self, values: Floats) -> Estimate:
        """The pass rate of values by row, NaN where nothing was tried: the same method as on the scoreboard."""
        tried, n = np.isfinite(values), len(self.first)
        if self.replayer.resamples and self.rows.groups == n == len(values) and ((values == 0) | (values == 1)).all():
            low, high = stats.wilson_interval(float(values.sum()), n, self.level)  # as `clustered_rate`, at once
            rate = float(values.mean())
            return replace(self.told, value=rate, low=low, high=high, n_tasks=n, n_trials=n, method="Wilson")
        sums, counts = (np.bincount(self.where, weights=x) for x in (np.where(tried, values, 0.0), tried))
        if not self.replayer.resamples:
            return replace(self.told, value=float((sums / counts)[counts > 0].mean()), method="none", why=NO_INTERVALS)
        return stats.clustered_rate(sums, counts, self.rows.clusters[self.first], self.level)

    def control(self, value: Floats) -> dict[str, Any]:
        weight = self.goal.cost_weight
        utility = None if weight is None else float(value[PASS] - weight * value[COST])
        return {"escalated": float(value[ESCALATED]), "utility": utility}

    def scores(self, draws: Draws, name: str) -> tuple[float, Floats]:
        """What a goal of this name judges by, the sign as it is: on all tasks and on each resample."""
        column, weight = COST if name == "cost" else PASS, (self.goal.cost_weight or 0.0) if name == "utility" else 0.0
        value, drawn = (a[..., column] - weight * a[..., COST] if weight else a[..., column]
                        for a in (draws.value, draws.drawn))  # fmt: skip
        return float(value), np.asarray(drawn)

    def curve(self, steps: Any, drawn: Floats) -> tuple[SweepPoint, ...]:
        exact, thresholds = self.replayer.exact, self.replayer.thresholds
        limits = thresholds[steps].tolist()
        columns = [
            [self.rate(self.passed(self.rows.confidence < limit)) for limit in limits],
            *(
                stats.replay_estimates(exact[steps, c], drawn[..., c], replace(self.told, why=self.unknown[c]))
                for c in (COST, LATENCY)
            ),
        ]
        spent = zip(limits, columns[1], strict=True)
        columns[1] = [self.cost(self.spent(self.rows.confidence < limit), figure) for limit, figure in spent]
        return tuple(
            SweepPoint(
                threshold=_finite(thresholds[step]),
                **self.control(exact[step]),
                **dict(zip(COLUMNS, figures, strict=True)),
            )
            for step, *figures in zip(steps.tolist(), *columns, strict=True)
        )

    def measured(self, seen: Floats, n_tasks: int) -> dict[str, Any]:
        """The figures of a hybrid that was run, on the resamples of all others."""
        draws = self.replayer.seen(seen)
        told = replace(self.told, n_tasks=n_tasks, n_trials=int(np.isfinite(seen[:, PASS]).sum()))
        found = self.three(draws, told, parts=False)
        found |= {"pass_rate": self.rate(seen[:, PASS])}
        found |= {"cost_per_task_usd": self.cost(seen[:, COST], found["cost_per_task_usd"])}
        return {"escalated": _finite(draws.value[ESCALATED]), **found}

    def choice(self, best: int, fitted: Draws | None) -> records.SweepChoice:
        value, name = self.replayer.exact[best], self.goal.name
        how = f"cross-fitted in {min(FOLDS, self.rows.groups)} folds, {REPEATS} dealings; {self.told.method}, {AGAIN}"
        told, none = replace(self.told, method=how), replace(self.told, method="none", why=ONE_CLUSTER)
        figures: dict[str, Any] = self.three(fitted, told) if fitted else dict.fromkeys(COLUMNS, none)
        return records.SweepChoice(
            threshold=_finite(self.replayer.thresholds[best]),
            escalated=float(value[ESCALATED]),
            apparent=_finite(self.scores(Draws(value=value, drawn=value[None]), name)[0]),
            crossfit=replay_estimate(*self.scores(fitted, name), told) if fitted else none,
            crossfit_escalated=None if fitted is None else float(fitted.value[ESCALATED]),
            **figures,
        )

    def rivals(self, policy: Draws, draws: dict[str, Draws]) -> tuple[records.SweepRival, ...]:
        """The policy against never, always and random; against those that keep the goal's bound."""
        found, goal, told = [], self.goal, replace(self.told, method=f"{self.told.method}, {AGAIN}")
        for name in ("never", "always", "random"):
            other = draws[name]
            dear = goal.max_cost is not None and not other.value[COST] <= goal.max_cost
            poor = goal.min_pass is not None and not other.value[PASS] >= goal.min_pass
            if name != "random" and (dear or poor):
                continue  # one that breaks the bound of the goal is no alternative
            on = "pass" if goal.name == "cost" and name == "random" else goal.name
            (mine, my_draws), (theirs, their_draws) = self.scores(policy, on), self.scores(other, on)
            sign = -1.0 if on == "cost" else 1.0
            dust = 1e-12 * max(abs(mine), abs(theirs))  # two sums of the same tasks are the same, and beat nobody
            gap, gaps = mine - theirs, my_draws - their_draws
            gap, gaps = (0.0 if abs(gap) <= dust else sign * gap), np.where(np.abs(gaps) <= dust, 0.0, sign * gaps)
            difference = replay_estimate(gap, gaps, told)
            beaten = difference.low is not None and difference.low > 0.0
            worse = difference.high is not None and difference.high < 0.0
            found.append(
                records.SweepRival(
                    control=name, on=records.JUDGED[on][1], difference=difference, beaten=beaten, worse=worse
                )
            )
        return tuple(found)


def _oracle(rows: Rows, goal: SweepGoal, share: float) -> Floats:
    """Escalates the share of tasks at which the expert's answer is worth most; of the last of them a part."""
    gain, dear = rows.expert - rows.worker, np.nan_to_num(rows.expert_cost)
    key = (-(gain - goal.cost_weight * dear),) if goal.cost_weight is not None else (dear, -gain)
    order = np.lexsort((np.arange(len(gain)), *key))
    weight = rows.weight[order] / rows.weight.sum()
    part = np.clip((share - (np.cumsum(weight) - weight)) / weight, 0.0, 1.0)
    up = np.empty(len(gain))
    up[order] = np.where(part < 1e-6, 0.0, np.where(part > 1.0 - 1e-6, 1.0, part))
    return up


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _notes(one: _Figures, table: TaskTable, of: str | None) -> list[str]:
    rows, thresholds = one.rows, len(one.replayer.exact)
    suites = len({table.suites[task] for task in set(rows.tasks.tolist())})
    intervals = (
        f"{100 * one.level:g}% intervals: pass rates and costs of a fixed rule by the formulas of the scoreboard; "
        f"differences, latencies and what is chosen on other tasks by drawing the tasks again "
        f"{one.replayer.resamples:,} times, each time for pass rate, cost and the choice of a threshold together "
        f"({one.told.method})"
    )
    many, clustered = rows.n_tasks < len(rows.tasks), rows.groups < rows.n_tasks
    dealt = f"the tasks are dealt to {FOLDS} groups, the threshold for each is chosen on the others"
    blind = "what drawing the same share of tasks blindly gives on average"
    by_trial = f"{len(rows.tasks):,} attempts: worker and expert meet trial by trial, each task weighs the same"
    units = f"the unit is the cluster: {rows.groups:,} clusters of tasks that share a source, held out together"
    one_for_all = f"one threshold serves all {suites:,} suites; a hybrid with threshold: auto has one for each"
    notes = (
        f"split: {table.split}; {rows.n_tasks:,} tasks at which both have a graded attempt and the signal speaks",
        "escalate where confidence < threshold; the worker's call is always charged, the expert's where escalated",
        intervals if one.replayer.resamples else NO_INTERVALS,
        f"on unseen tasks: {dealt}, and this is repeated {REPEATS} times (cross-fitting)",
        f"random, as often: {blind}; oracle, as often: the same share, spent where the expert gains most",
        many and by_trial,
        clustered and units,
        suites > 1 and one_for_all,
        of and f"the signal is {of}'s; what asking {of} costs is not charged here",
        thresholds > POINTS and f"{thresholds:,} thresholds were tried; about {POINTS:,} of them are listed",
    )
    return [note for note in notes if note]
