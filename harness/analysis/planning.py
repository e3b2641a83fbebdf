"""How many tasks a question needs, and what a number of tasks can answer."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.analysis.common_tasks import CommonTasks
from harness.analysis.loading import load_evidence
from harness.core import Estimate, EvidenceError, UsageError, as_json, percent, percent_interval, plural
from harness.stats import exact_power, non_inferiority_tasks, tasks_for_difference, visible_difference, wilson_interval

EXACT_UP_TO = 5_000  # tasks up to which the exact power is summed beside the formula

MEAN_SQUARE = "mean square difference, Wilson on tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer to one question about the size of a study."""

    delta: float | None
    """The difference asked about, or found; ``None`` where the question was a margin, or nothing can be shown."""
    margin: float | None
    tasks: int | None  # tasks needed, or given
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
            record = {"delta": self.delta}
            if self.delta is None:
                record["why"] = "even a difference in every discordant task would stay unseen"
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
    """Tasks for a difference of either sign, the difference for a number of tasks, or tasks for a margin.

    ``discordant`` is the share of tasks that only one of the two passes, or what a report has shown of it; for a margin
    the truth is taken to be no difference, and ``alpha`` is one-sided.

    Raises:
        UsageError: not exactly one of ``delta``, ``tasks`` and ``margin``, or a number out of range.
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
    asked = "tasks" if tasks is None else "delta"
    if delta is not None:
        tasks, more = _tasks_for(delta, psi, observed, power, alpha)
        notes += more
        size = f"a difference of {_points(delta)} in {chance}, if it is real."
    elif tasks is not None:
        if tasks < 1:
            raise UsageError(f"--tasks {tasks}: at least one task is needed")
        delta = visible_difference(tasks, psi, power=power, alpha=alpha)
        size = "no difference at all, were it in every discordant task: add tasks."
        if delta is not None:
            size = f"a difference of {_points(delta)} or more in {chance}."
    else:
        tasks = _whole(non_inferiority_tasks(margin or 0.0, psi, power=power, alpha=alpha))
        size = f"a drop below {_points(margin or 0.0)} in {chance}, if there is no drop."
        method = f"Nam 1997, non-inferiority at no true difference, one-sided {alpha:g}, power {power:g}"
    exact = None
    if delta is not None and _single(observed) and tasks <= EXACT_UP_TO:
        exact = exact_power(tasks, (psi + abs(delta)) / 2.0, max(0.0, psi - abs(delta)) / 2.0, alpha)
    return Plan(
        delta=delta,
        margin=margin,
        tasks=tasks,
        asked=asked,
        discordant=psi,
        method=method,
        exact_power=exact,
        observed=observed,
        sentence=f"{plural(tasks, 'task')} show {size}",
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
    needed, *span = (_whole(tasks_for_difference(delta, end, power=power, alpha=alpha)) for end in ends)
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

    With one 0/1 trial a task that is the share of tasks that only one of them passed. With several trials it is what
    Connor's formula needs in its place, the variance of a task's difference plus the squared mean, at as many trials.

    Raises:
        UsageError: an unknown contender, or one against itself.
        EvidenceError: no outcomes, no common task, or no task at which the two differ.
    """
    tasks = CommonTasks.of(load_evidence(report, split)[0], a, b)
    if a == b:
        raise UsageError(f"--pair {a} {b}: two different contenders are needed")
    n = tasks.n_tasks
    if n == 0:
        raise EvidenceError(f"{report}: {a!r} and {b!r} have no graded task in common")
    first, second = (sums / counts for sums, counts in (tasks.values(0), tasks.values(1)))
    d = first - second
    share = float((d * d).mean())
    if share <= 0.0:
        raise EvidenceError(f"{report}: {a!r} and {b!r} differ at none of {plural(n, 'task')}; give --discordant")
    low, high = wilson_interval(share * n, n, level)
    once = tasks.n_trials == 2 * n and set(d.tolist()) <= {-1.0, 0.0, 1.0}
    shared = "tasks of that report share sources, which the formula does not know: plan for more"
    seen = Estimate(value=share, low=low, high=high, level=level, n_tasks=n, n_trials=tasks.n_trials)
    why = None if tasks.unit == "task" else shared
    return replace(seen, method="Wilson" if once else MEAN_SQUARE, why=why)


def plan_rows(view: Plan) -> list[list[str]]:
    """The figures as rows of two texts: what, and how much."""
    sought = view.asked == "delta"
    rows = [] if view.tasks is None else [["tasks" if sought else "tasks needed", f"{view.tasks:,}"]]
    rows += [] if view.margin is None else [["margin", _points(view.margin)]]
    if sought or view.delta is not None:
        word = "smallest difference shown" if sought else "difference"
        rows.append([word, "none" if view.delta is None else _points(view.delta)])
    seen = f"{percent(view.discordant)} of tasks"
    if view.observed is not None:
        seen = f"{percent_interval(view.observed)} of tasks, seen on {view.observed.n_tasks:,}"
    word = "passed by one only" if _single(view.observed) else "mean square difference"
    rows += [[word, seen if _single(view.observed) else seen.replace(" of tasks", "")], ["method", view.method]]
    if view.exact_power is not None:
        rows.append(["exact power, mid-p test", percent(view.exact_power)])
    return rows


def _whole(number: float) -> int:
    return math.ceil(number - 1e-9)


def _points(share: float) -> str:
    return f"{100 * abs(share):.3g} points"
