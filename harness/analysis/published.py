"""What a published headline supports, from its counts alone."""

import math
from dataclasses import dataclass
from typing import Any

from harness.core import Estimate, UsageError, as_json, p_equation, p_text, percent, plural, points
from harness.stats import fisher_exact, mcnemar_all, tasks_for_difference, wilson_interval

SAME_TASKS = (
    "counted as tasks tried once each: several trials of the same tasks would prove less than their number says"
)
LARGEST = 10_000_000  # tasks at most: each table that two counts allow is looked at
ROUNDING = 1e-9  # p values closer than this are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """Two pass counts, and the conclusions that they leave open."""

    a: Estimate
    b: Estimate
    delta: float
    unpaired_p: float  # fisher's exact test, as if the two had met different tasks
    paired_p_best: float | None
    """The least exact McNemar p over all tables with these counts; ``None`` without common tasks."""
    paired_p_worst: float | None
    tasks_needed: int | None
    sentence: str
    discordant: tuple[int, int] | None  # the fewest and the most tasks that only one of the two can have passed
    best: tuple[int, int] | None  # tasks that only a, and only b, passed in the table behind ``paired_p_best``
    worst: tuple[int, int] | None
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; a null has its reason under ``why``."""
        unpaired = "paired_p: different numbers of tasks, so no task was met by both for certain"
        reasons = [unpaired] if self.paired_p_best is None else []
        if self.tasks_needed is None:
            reasons.append("tasks_needed: no number of tasks would show a difference of 0")
        return {**as_json(self), "why": "; ".join(reasons) or None}


def headline(a: tuple[int, int], b: tuple[int, int], *, discordant: int | None = None, level: float = 0.95) -> Headline:
    """Reads two counts, (passes, tasks), as a sceptic would: every table by task that they allow is looked at.

    The paired p is McNemar's exact one, the sign test on the tasks that only one of the two passed (``discordant``,
    where that is known): a claim that is to convince others is held to a test that never rejects too often.

    Raises:
        UsageError: the counts are impossible, alone or together.
    """
    (ka, na), (kb, nb) = a, b
    if max(na, nb) > LARGEST:
        many = "every table that the counts allow is looked at, and that is many"
        raise UsageError(f"more than {LARGEST:,} tasks: {many}")
    _possible(a, b, discordant)
    span = p_best = p_worst = best = worst = needed = None
    if na == nb:
        span = (abs(ka - kb), min(ka + kb, 2 * na - ka - kb)) if discordant is None else (discordant, discordant)
        (p_best, best), (p_worst, worst) = _ends(span, ka - kb)
    delta = (ka * nb - kb * na) / (na * nb)
    if delta != 0.0:
        apart = ka / na * (1.0 - kb / nb) + kb / nb * (1.0 - ka / na) if discordant is None else discordant / na
        needed = math.ceil(tasks_for_difference(delta, max(apart, abs(delta)), alpha=1.0 - level) - 1e-9)
    unpaired = fisher_exact(ka, na, kb, nb)
    return Headline(
        a=_rate(ka, na, level),
        b=_rate(kb, nb, level),
        delta=delta,
        unpaired_p=unpaired,
        paired_p_best=p_best,
        paired_p_worst=p_worst,
        tasks_needed=needed,
        sentence=_sentence(delta, (p_best, p_worst), unpaired, level),
        discordant=span,
        best=best,
        worst=worst,
        notes=(SAME_TASKS, *_needed(needed, min(na, nb), known=discordant is not None)),
    )


def _possible(a: tuple[int, int], b: tuple[int, int], discordant: int | None) -> None:
    """Raises `UsageError` where there are no such counts, or no table has that many discordant tasks."""
    (ka, na), (kb, nb) = a, b
    if not (0 <= ka <= na and 0 <= kb <= nb and na > 0 and nb > 0):
        raise UsageError(f"passes must lie between 0 and the number of tasks: {ka}/{na} and {kb}/{nb}")
    if discordant is None:
        return
    if na != nb:
        raise UsageError(f"discordant tasks need the same tasks: {na} and {nb} were run")
    fewest, most = abs(ka - kb), min(ka + kb, 2 * na - ka - kb)
    if not fewest <= discordant <= most or (discordant - fewest) % 2:
        step = " in steps of 2" if most > fewest else ""
        raise UsageError(f"{ka}/{na} and {kb}/{nb} cannot have {discordant} discordant tasks: {fewest} to {most}{step}")


def _rate(k: int, n: int, level: float) -> Estimate:
    low, high = wilson_interval(k, n, level)
    return Estimate(value=k / n, low=low, high=high, level=level, n_tasks=n, n_trials=n, method="Wilson")


def _ends(discordant: tuple[int, int], gap: int) -> tuple[tuple[float, tuple[int, int]], ...]:
    """The least and the greatest p over tables, each with the first table that has it: (only a, only b)."""
    import numpy as np

    one_only = np.arange(discordant[0], discordant[1] + 1, 2)
    wins, losses = (one_only + gap) // 2, (one_only - gap) // 2
    p = mcnemar_all(wins, losses, mid=False)
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


def _needed(tasks: int | None, had: int, *, known: bool) -> list[str]:
    if tasks is None:
        return []
    share = "at the discordance given" if known else "if passing a task with one says nothing about the other"
    run = f"({had:,} were run)"
    return [f"to show such a difference in 4 of 5 tries takes about {tasks:,} tasks {run}, {share} (Connor 1987)"]


def headline_rows(view: Headline) -> list[list[str]]:
    """The figures as rows of two texts: what, and how much."""
    level = f"{100 * view.a.level:g}%"
    rows = [[name, _counted(one, level)] for name, one in (("a", view.a), ("b", view.b))]
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


def _counted(one: Estimate, level: str) -> str:
    passes = f"{round((one.value or 0.0) * one.n_tasks):,} of {one.n_tasks:,}: {percent(one.value)}"
    return f"{passes}, {level} interval {percent(one.low)} to {percent(one.high)} (Wilson)"
