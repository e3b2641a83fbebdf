"""How many tasks a question needs, what a number of tasks can answer, and what a published headline supports."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import stats
from harness.analysis.loading import load_evidence
from harness.analysis.pairs import CommonTasks
from harness.core import (
    Estimate,
    EvidenceError,
    UsageError,
    as_json,
    p_equation,
    p_text,
    percent,
    percent_interval,
    plural,
    points,
)

EXACT_UP_TO = 5_000  # tasks up to which the exact power is summed beside the formula
MEAN_SQUARE = "mean square difference, Wilson on tasks"
SAME_TASKS = "counted as tasks tried once each; several trials of one task are weaker evidence than as many tasks"
LARGEST = 10_000_000  # tasks of a headline at most: each table that two counts allow is looked at
ROUNDING = 1e-9  # p values closer than this are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer to one question about the size of a study."""

    delta: float | None  # asked about, or found; ``None`` where the question was a margin, or nothing can be shown
    margin: float | None
    tasks: int  # needed, or given
    asked: str  # what was sought: ``tasks`` or ``delta``
    discordant: float
    method: str
    exact_power: float | None  # of the mid-p test at ``tasks`` and ``delta``, summed over every outcome
    observed: Estimate | None  # the discordant share of an earlier report, where it was taken from one
    sentence: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """``{"tasks", "method"}`` or ``{"delta"}``; and ``discordant`` where it came from a report."""
        record: dict[str, Any] = {"tasks": self.tasks, "method": self.method}
        if self.asked == "delta":
            why = "even a difference in every discordant task would stay unseen"
            record = {"delta": self.delta} | ({"why": why} if self.delta is None else {})
        return record if self.observed is None else record | {"discordant": as_json(self.observed)}


def plan_size(
    *,
    discordant: float | Estimate,
    delta: float | None = None,
    tasks: int | None = None,
    margin: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
) -> Plan:
    """Tasks for a difference of either sign, the difference for a number of tasks, or tasks for a margin (one-sided).

    ``discordant`` is the share of tasks that only one of the two passes, or what a report has shown of it; for a margin
    the truth is taken to be no difference. Raises UsageError: not exactly one question, or a number out of range.
    """
    given = [name for name, value in (("delta", delta), ("tasks", tasks), ("margin", margin)) if value is not None]
    if len(given) != 1:
        found = " and ".join(f"--{name}" for name in given) or "none"
        raise UsageError(f"power answers one question: give one of --delta, --tasks and --margin (found {found})")
    observed = discordant if isinstance(discordant, Estimate) else None
    share = discordant.value if isinstance(discordant, Estimate) else discordant
    for name, value, most in (("--discordant", share, 1.0), ("--power", power, None), ("--alpha", alpha, None),
                              ("--margin", margin, None)):  # fmt: skip
        if value is not None and not (0.0 < value < 1.0 or value == most):
            raise UsageError(f"{name} {value:g}: a share above 0 and {'at most' if most else 'below'} 1 is needed")
    psi, chance = share or 0.0, f"{100 * power:g}% of tries"
    method = f"Connor 1987, paired, two-sided {alpha:g}, power {power:g}"
    notes = [] if _single(observed) else ["at as many trials a task as the report has"]
    notes += [observed.why] if observed is not None and observed.why else []
    if delta is not None:
        number, more = _tasks_for(delta, psi, observed, power, alpha)
        notes += more
        size = f"a difference of {_points(delta)} in {chance}, if it is real."
    elif tasks is not None:
        if tasks < 1:
            raise UsageError(f"--tasks {tasks}: at least one task is needed")
        number, delta = tasks, stats.visible_difference(tasks, psi, power=power, alpha=alpha)
        size = "no difference at all, were it in every discordant task: add tasks."
        if delta is not None:
            size = f"a difference of {_points(delta)} or more in {chance}."
    else:
        number = _whole(stats.non_inferiority_tasks(margin or 0.0, psi, power=power, alpha=alpha))
        size = f"a drop below {_points(margin or 0.0)} in {chance}, if there is no drop."
        method = f"Nam 1997, non-inferiority at no true difference, one-sided {alpha:g}, power {power:g}"
    exact = None
    if delta is not None and _single(observed) and number <= EXACT_UP_TO:
        exact = stats.exact_power(number, (psi + abs(delta)) / 2.0, max(0.0, psi - abs(delta)) / 2.0, alpha)
    return Plan(
        delta=delta,
        margin=margin,
        tasks=number,
        asked="tasks" if tasks is None else "delta",
        discordant=psi,
        method=method,
        exact_power=exact,
        observed=observed,
        sentence=f"{plural(number, 'task')} show {size}",
        notes=tuple(notes),
    )


def _tasks_for(
    delta: float, psi: float, observed: Estimate | None, power: float, alpha: float
) -> tuple[int, list[str]]:
    """Tasks that show a difference, and how far that number is to be trusted."""
    if delta == 0.0:
        raise UsageError("--delta 0: no number of tasks shows that; --margin asks for the proof of no harm")
    if abs(delta) > psi:
        why = "the difference lies in tasks that only one of the two passes, so it cannot exceed their share"
        raise UsageError(f"--delta {delta:g} is larger than --discordant {psi:g}: {why}")
    ends = [psi]
    if observed is not None and observed.low is not None and observed.high is not None:
        ends += [max(end, abs(delta)) for end in (observed.low, observed.high)]
    needed, *span = (_whole(stats.tasks_for_difference(delta, end, power=power, alpha=alpha)) for end in ends)
    notes = []
    if needed * psi < 10 and _single(observed):
        notes.append("under 10 discordant tasks the formula is rough: trust the exact power")
    if span:
        within = f"within its interval, {span[0]:,} to {span[1]:,} tasks"
        notes.append(f"the discordant share is itself an estimate: {within}")
    return needed, notes


def _single(observed: Estimate | None) -> bool:
    """Whether the question is about one 0/1 trial a task, McNemar's case."""
    return observed is None or observed.method != MEAN_SQUARE


def observed_discordance(report: Path, a: str, b: str, *, split: str | None = None, level: float = 0.95) -> Estimate:
    """The discordant share of two contenders of a report: the mean square of the difference at a task.

    With several trials that is what Connor's formula needs: the variance of a task's difference plus the squared mean.
    Raises UsageError: an unknown or the same contender. EvidenceError: no outcomes, no common task, or no difference.
    """
    tasks = CommonTasks(load_evidence(report, split)[0], a, b)
    if a == b:
        raise UsageError(f"--pair {a} {b}: two different contenders are needed")
    if (n := tasks.n_tasks) == 0:
        raise EvidenceError(f"{report}: {a!r} and {b!r} have no graded task in common")
    first, second = (sums / counts for sums, counts in tasks.sides)
    d = first - second
    share = float((d * d).mean())
    if share <= 0.0:
        raise EvidenceError(f"{report}: {a!r} and {b!r} differ at none of {plural(n, 'task')}; give --discordant")
    once = tasks.n_trials == 2 * n and set(d.tolist()) <= {-1.0, 0.0, 1.0}
    shared = "tasks of that report share sources, which the formula does not know: plan for more"
    seen = replace(_wilson(share * n, n, level), n_trials=tasks.n_trials, why=None if tasks.unit == "task" else shared)
    return seen if once else replace(seen, method=MEAN_SQUARE)


def plan_rows(view: Plan) -> list[list[str]]:
    """The figures as rows of two texts: what, and how much."""
    sought = view.asked == "delta"
    rows = [["tasks" if sought else "tasks needed", f"{view.tasks:,}"]]
    rows += [] if view.margin is None else [["margin", _points(view.margin)]]
    if sought or view.delta is not None:
        word = "smallest difference shown" if sought else "difference"
        rows.append([word, "none" if view.delta is None else _points(view.delta)])
    of = " of tasks" if _single(view.observed) else ""
    seen = f"{percent(view.discordant)}{of}"
    if view.observed is not None:
        seen = f"{percent_interval(view.observed)}{of}, seen on {view.observed.n_tasks:,}"
    rows += [["passed by one only" if of else "mean square difference", seen], ["method", view.method]]
    return rows if view.exact_power is None else [*rows, ["exact power, mid-p test", percent(view.exact_power)]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """Two pass counts, and the conclusions that they leave open."""

    a: Estimate
    b: Estimate
    delta: float
    unpaired_p: float  # fisher's exact test, as if the two had met different tasks
    paired_p_best: (
        float | None
    )  # the least exact McNemar p over all tables with these counts; ``None``: no common tasks
    paired_p_worst: float | None
    tasks_needed: int | None
    sentence: str
    discordant: tuple[int, int] | None  # the fewest and the most tasks that only one of the two can have passed
    best: tuple[int, int] | None  # tasks that only a, and only b, passed in the table behind ``paired_p_best``
    worst: tuple[int, int] | None
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; a null has its reason under ``why``."""
        reasons = (
            (self.paired_p_best, "paired_p: different numbers of tasks, so no task was met by both for certain"),
            (self.tasks_needed, "tasks_needed: no number of tasks would show a difference of 0"),
        )
        return {**as_json(self), "why": "; ".join(why for figure, why in reasons if figure is None) or None}


def headline(a: tuple[int, int], b: tuple[int, int], *, discordant: int | None = None, level: float = 0.95) -> Headline:
    """Reads two counts, (passes, tasks), as a sceptic would: every table by task that they allow is looked at.

    The paired p is McNemar's exact one on the ``discordant`` tasks, where known: a claim that is to convince others is
    held to a test that never rejects too often. Raises UsageError: the counts are impossible, alone or together.
    """
    (ka, na), (kb, nb) = a, b
    fewest, most = _possible(a, b, discordant)
    span = p_best = p_worst = best = worst = needed = None
    if na == nb:
        span = (fewest, most)
        (p_best, best), (p_worst, worst) = _ends(span, ka - kb)
    delta = (ka * nb - kb * na) / (na * nb)
    notes = [SAME_TASKS]
    if delta != 0.0:
        apart, share = (discordant or 0) / na, "at the discordance given"
        if discordant is None:
            apart = ka / na * (1.0 - kb / nb) + kb / nb * (1.0 - ka / na)
            share = "if passing a task with one says nothing about the other"
        needed = _whole(stats.tasks_for_difference(delta, max(apart, abs(delta)), alpha=1.0 - level))
        takes = f"to show such a difference in 4 of 5 tries takes about {needed:,} tasks"
        notes.append(f"{takes} ({min(na, nb):,} were run), {share} (Connor 1987)")
    unpaired = stats.fisher_exact(ka, na, kb, nb)
    return Headline(
        a=_wilson(ka, na, level),
        b=_wilson(kb, nb, level),
        delta=delta,
        unpaired_p=unpaired,
        paired_p_best=p_best,
        paired_p_worst=p_worst,
        tasks_needed=needed,
        sentence=_sentence(delta, (p_best, p_worst), unpaired, level),
        discordant=span,
        best=best,
        worst=worst,
        notes=tuple(notes),
    )


def _possible(a: tuple[int, int], b: tuple[int, int], discordant: int | None) -> tuple[int, int]:
    """The fewest and the most discordant tasks; raises `UsageError` where there are no such counts or tables."""
    (ka, na), (kb, nb) = a, b
    if max(na, nb) > LARGEST:
        many = "every table that the counts allow is looked at, and that is many"
        raise UsageError(f"more than {LARGEST:,} tasks: {many}")
    if not (0 <= ka <= na and 0 <= kb <= nb and na > 0 and nb > 0):
        raise UsageError(f"passes must lie between 0 and the number of tasks: {ka}/{na} and {kb}/{nb}")
    fewest, most = abs(ka - kb), min(ka + kb, 2 * na - ka - kb)
    if discordant is None:
        return fewest, most
    if na != nb:
        raise UsageError(f"discordant tasks need the same tasks: {na} and {nb} were run")
    if not fewest <= discordant <= most or (discordant - fewest) % 2:
        step = " in steps of 2" if most > fewest else ""
        raise UsageError(f"{ka}/{na} and {kb}/{nb} cannot have {discordant} discordant tasks: {fewest} to {most}{step}")
    return discordant, discordant


def _ends(discordant: tuple[int, int], gap: int) -> tuple[tuple[float, tuple[int, int]], ...]:
    """The least and the greatest p over tables, each with the first table that has it: (only a, only b)."""
    one_only = np.arange(discordant[0], discordant[1] + 1, 2)
    wins, losses = (one_only + gap) // 2, (one_only - gap) // 2
    p = stats.mcnemar_all(wins, losses, mid=False)
    places = [int(np.argmax(hit)) for hit in (p <= p.min() + ROUNDING, p >= p.max() - ROUNDING)]
    return tuple((float(p[at]), (int(wins[at]), int(losses[at]))) for at in places)


def _sentence(delta: float, paired: tuple[float | None, float | None], unpaired: float, level: float) -> str:
    """One sentence for somebody who decides and does not test."""
    alpha, (best, worst) = 1.0 - level, paired
    if delta == 0.0:
        return "Both passed equally often: no difference is shown, and no equality either."
    lead = f"A difference of {points(delta)} points"
    if best is None or worst is None or best == worst:
        p = unpaired if best is None else best
        if p > alpha:
            return f"{lead} is not significant ({p_equation(p)}) and supports no claim."
        return f"{lead} is significant ({p_equation(p)}){', if the tasks were equally hard' if best is None else ''}."
    if worst <= alpha:
        return f"{lead} is significant, however the passes fell ({p_equation(worst)} at most)."
    if best > alpha:
        how = "even if the passes fell as favourably as they can, it is not significant"
        return f"{lead} supports no claim: {how} ({p_equation(best)} at least)."
    how = "it depends on how many tasks only one of the two passed, which is not published"
    return f"{lead} may be real or chance: {how} (p from {p_text(best)} to {p_text(worst)})."


def headline_rows(view: Headline) -> list[list[str]]:
    """The figures as rows of two texts: what, and how much."""
    rows = []
    for name, one in (("a", view.a), ("b", view.b)):
        passes = f"{round((one.value or 0.0) * one.n_tasks):,} of {one.n_tasks:,}: {percent(one.value)}"
        span = f"{percent(one.low)} to {percent(one.high)}"
        rows.append([name, f"{passes}, {100 * one.level:g}% interval {span} (Wilson)"])
    rows.append(["difference", f"{points(view.delta)} points"])
    rows.append(["had the tasks differed", f"{p_equation(view.unpaired_p)} (Fisher's exact test)"])
    ends = [("same tasks, at best", view.paired_p_best, view.best)]
    ends.append(("same tasks, at worst", view.paired_p_worst, view.worst))
    if view.best == view.worst:
        ends = [("on the same tasks", view.paired_p_best, view.best)]
    for name, p, split in ends:
        if p is not None and split is not None:
            rows.append([name, f"{p_equation(p)} ({split[0]:,} only a, {split[1]:,} only b; McNemar, exact)"])
    if view.discordant is not None:
        fewest, most = view.discordant
        span = f"{fewest:,}" if fewest == most else f"from {fewest:,} to {most:,}"
        rows.append(["passed by one only", f"{span} of {plural(view.a.n_tasks, 'task')}"])
    return rows


def _wilson(passes: float, n: int, level: float) -> Estimate:
    low, high = stats.wilson_interval(passes, n, level)
    return Estimate(value=passes / n, low=low, high=high, level=level, n_tasks=n, n_trials=n, method="Wilson")


def _whole(number: float) -> int:
    return math.ceil(number - 1e-9)


def _points(share: float) -> str:
    return f"{100 * abs(share):.3g} points"
