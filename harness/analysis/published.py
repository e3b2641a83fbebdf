"""What a published headline supports: two pass counts, and every table by task that they allow."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness import stats
from harness.analysis.planning import ROUNDING, points_of, wilson_share
from harness.analysis.views import AFTER_THE_FACT
from harness.core import Estimate, UsageError, as_json, p_equation, p_text, percent, plural, points

SAME_TASKS = "counted as tasks tried once each; several trials of one task are weaker evidence than as many tasks"
LARGEST = 10_000_000  # tasks of a headline at most: each table that two counts allow is looked at


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
    sentence: str
    smallest_difference: float | None  # that as many tasks show in four of five tries
    discordant: tuple[int, int] | None  # the fewest and the most tasks that only one of the two can have passed
    best: tuple[int, int] | None  # tasks that only a, and only b, passed in the table behind ``paired_p_best``
    worst: tuple[int, int] | None
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; a null has its reason under ``why``."""
        reasons = (
            (self.paired_p_best, "paired_p: different numbers of tasks, so no task was met by both for certain"),
            (self.smallest_difference, "smallest_difference: on so few tasks not even the largest is shown"),
            (None, AFTER_THE_FACT),
        )
        record: dict[str, Any] = {}
        for key, value in as_json(self).items():
            record |= {key: value} | ({"tasks_needed": None} if key == "paired_p_worst" else {})
        return record | {"why": "; ".join(why for figure, why in reasons if figure is None)}


def headline(a: tuple[int, int], b: tuple[int, int], *, discordant: int | None = None, level: float = 0.95) -> Headline:
    """Reads two counts, (passes, tasks), as a sceptic would: every table by task that they allow is looked at.

    The paired p is McNemar's exact one on the ``discordant`` tasks, where known: a claim that is to convince others is
    held to a test that never rejects too often. Raises UsageError: the counts are impossible, alone or together.
    """
    (ka, na), (kb, nb) = a, b
    fewest, most = _possible(a, b, discordant)
    span = p_best = p_worst = best = worst = None
    if na == nb:
        span = (fewest, most)
        (p_best, best), (p_worst, worst) = _ends(span, ka - kb)
    delta = (ka * nb - kb * na) / (na * nb)
    apart, share = (discordant or 0) / na, "with as many passed by one only as given"
    if discordant is None:
        apart = ka / na * (1.0 - kb / nb) + kb / nb * (1.0 - ka / na)
        share = "if passing a task with one says nothing about the other"
    # Of unequal numbers their harmonic mean: the variance of the difference is then that of so many pairs.
    visible = stats.smallest_difference(2.0 / (1.0 / na + 1.0 / nb), apart, alpha=1.0 - level)
    runs = f"{na:,}" if na == nb else f"{na:,} and {nb:,}"
    shown = f"{runs} tasks can show {'no difference at all' if visible is None else f'{points_of(visible)} or more'}"
    unpaired = stats.fisher_exact(ka, na, kb, nb)
    return Headline(
        a=wilson_share(ka, na, level),
        b=wilson_share(kb, nb, level),
        delta=delta,
        unpaired_p=unpaired,
        paired_p_best=p_best,
        paired_p_worst=p_worst,
        smallest_difference=visible,
        sentence=_sentence(delta, (p_best, p_worst), unpaired, level, shown),
        discordant=span,
        best=best,
        worst=worst,
        notes=(SAME_TASKS, f"what these tasks can show: at 80% power, {share}"),
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


def _sentence(
    delta: float, paired: tuple[float | None, float | None], unpaired: float, level: float, shown: str
) -> str:
    """One sentence for somebody who decides and does not test."""
    alpha, (best, worst) = 1.0 - level, paired
    if delta == 0.0:
        return f"Both passed equally often: no difference is shown, and no equality either; {shown}."
    lead = f"A difference of {points(delta)} points"
    if best is None or worst is None or best == worst:
        p = unpaired if best is None else best
        if p > alpha:
            return f"{lead} is not significant ({p_equation(p)}) and supports no claim; {shown}."
        return f"{lead} is significant ({p_equation(p)}){', if the tasks were equally hard' if best is None else ''}."
    if worst <= alpha:
        return f"{lead} is significant, however the passes fell ({p_equation(worst)} at most)."
    if best > alpha:
        how = "even if the passes fell as favourably as they can, it is not significant"
        return f"{lead} supports no claim: {how} ({p_equation(best)} at least); {shown}."
    how = "it depends on how many tasks only one of the two passed, which is not published"
    return f"{lead} may be real or chance: {how} (p from {p_text(best)} to {p_text(worst)}); {shown}."


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
