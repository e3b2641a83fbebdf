"""How many tasks a question needs, and what a number of tasks can answer."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import stats
from harness.analysis.general import work_of
from harness.analysis.loading import load_evidence
from harness.analysis.pairs import CommonTasks
from harness.core import Estimate, EvidenceError, UsageError, as_json, percent, percent_interval, plural

EXACT_UP_TO = 5_000  # tasks up to which the exact power is summed beside the formula
ROUNDING = 1e-9  # differences closer to 0 than this are none


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """How much two contenders of a report differ from task to task: what a plan rests on."""

    share: Estimate | None  # of tasks that only one passed; ``None`` with several trials, fractions or clusters
    variance: Estimate  # of a task's difference, the clusters' design effect included
    trials: str  # of a task, as the report has them
    noise: float | None  # what of the variance the trials make; ``None`` where a task was tried once


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer to one question about the size of a study."""

    delta: float | None  # asked about, or found; ``None`` where the question was a margin, or nothing can be shown
    margin: float | None
    tasks: int  # needed, or given
    asked: str  # what was sought: ``tasks`` or ``delta``
    discordant: float | None  # share of tasks that only one passes; ``None`` where a variance takes its place
    method: str
    exact_power: float | None  # of the mid-p test at ``tasks`` and ``delta``, summed over every outcome
    observed: Observed | None  # what an earlier report shows, where that was asked of
    sentence: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """``{"tasks", "method"}`` or ``{"delta"}``; of a report also ``discordant``, or ``variance`` and ``trials``."""
        record: dict[str, Any] = {"tasks": self.tasks, "method": self.method}
        if self.asked == "delta":
            why = "even a difference in every discordant task would stay unseen"
            why = why if self.discordant is not None else "even the largest difference would stay unseen"
            record = {"delta": self.delta} | ({"why": why} if self.delta is None else {})
        if self.observed is None:
            return record
        if self.observed.share is not None:
            return record | {"discordant": as_json(self.observed.share)}
        seen = {"variance": as_json(self.observed.variance), "trials": self.observed.trials}
        return record | {"method": self.method, **seen, "notes": self.notes}


def plan_size(
    *,
    discordant: float | Observed,
    delta: float | None = None,
    tasks: int | None = None,
    margin: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
) -> Plan:
    """Tasks for a difference of either sign, the difference for a number of tasks, or tasks for a margin (one-sided).

    ``discordant`` is the share of tasks that only one of the two passes, or what a report has shown: of one 0/1 trial a
    task that share, of anything else the variance of a task's difference. For a margin the truth is taken to be no
    difference. Raises UsageError: not exactly one question, or a number out of range.
    """
    asked = _Asked(delta=delta, tasks=tasks, margin=margin, power=power, alpha=alpha)
    seen = discordant if isinstance(discordant, Observed) else None
    of = seen.share if seen is not None else None
    share = discordant if not isinstance(discordant, Observed) else of.value if of is not None else None
    asked.check(share)
    if share is not None:
        number, delta, method, notes = _by_share(asked, share, of)
    else:
        assert seen is not None  # noqa: S101 - a share or a report is given
        number, delta, method, notes = _by_variance(asked, seen)
    chance = f"{100 * power:g}% of tries"
    if margin is not None:
        size = f"a drop below {points_of(margin)} in {chance}, if there is no drop."
    elif tasks is None:
        size = f"a difference of {points_of(delta or 0.0)} in {chance}, if it is real."
    elif delta is None:
        size = f"no difference at all, were it {'as large as can be' if share is None else 'in every discordant task'}"
        size += ": add tasks."
    else:
        size = f"a difference of {points_of(delta)} or more in {chance}."
    exact = None
    if delta is not None and share is not None and number <= EXACT_UP_TO:
        exact = stats.exact_power(number, (share + abs(delta)) / 2.0, max(0.0, share - abs(delta)) / 2.0, alpha)
    return Plan(
        delta=delta,
        margin=margin,
        tasks=number,
        asked="tasks" if tasks is None else "delta",
        discordant=share,
        method=method,
        exact_power=exact,
        observed=seen,
        sentence=f"{plural(number, 'task')} show {size}",
        notes=tuple(notes),
    )


SHARES, POWERS, ALPHAS = (1e-9, 1.0), (0.01, 0.9999), (0.0001, 0.5)  # from, to
MOST_TASKS = 10**12


def _plain(share: float) -> str:
    return f"{share:.9f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    delta: float | None
    tasks: int | None
    margin: float | None
    power: float
    alpha: float

    def check(self, share: float | None) -> None:
        """Raises `UsageError`: not exactly one question, or a number out of range."""
        given = [name for name in ("delta", "tasks", "margin") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(f"--{name}" for name in given) or "none"
            raise UsageError(f"power answers one question: give one of --delta, --tasks and --margin (found {found})")
        for name, value, (low, high) in (("discordant", share, SHARES), ("power", self.power, POWERS),
                                         ("alpha", self.alpha, ALPHAS), ("margin", self.margin, SHARES)):  # fmt: skip
            if value is not None and not low <= value <= high:
                raise UsageError(f"--{name} is {value:g}; give a share from {_plain(low)} to {_plain(high)}")
        if self.delta == 0.0:
            raise UsageError("--delta 0: no number of tasks shows that; --margin asks for the proof of no harm")
        if self.delta is not None and not SHARES[0] <= abs(self.delta) <= 1.0:
            raise UsageError(f"--delta is {self.delta:g}; give a difference from {_plain(SHARES[0])} to 1, either way")
        if self.delta is not None and abs(self.delta) > (share or 1.0):
            why = "the difference lies in tasks that only one of the two passes, so it cannot exceed their share"
            limit = "1" if share is None else f"--discordant {share:g}: {why}"
            raise UsageError(f"--delta {self.delta:g} is larger than {limit}")
        if self.tasks is not None and not 1 <= self.tasks <= MOST_TASKS:
            raise UsageError(f"--tasks is {self.tasks!s:.40}; give a whole number from 1 to {MOST_TASKS:,}")

    @property
    def chances(self) -> dict[str, float]:
        return {"power": self.power, "alpha": self.alpha}

    @property
    def words(self) -> str:
        sides = "one" if self.margin is not None else "two"
        return f"{sides}-sided {self.alpha:g}, power {self.power:g}"


_Answer = tuple[int, float | None, str, list[str]]  # tasks, difference, method, notes


def _by_share(asked: _Asked, psi: float, seen: Estimate | None) -> _Answer:
    """One 0/1 trial a task: Connor's formula for a difference, Nam's for a margin."""
    if asked.margin is not None:
        needed = _whole(stats.non_inferiority_tasks(asked.margin, psi, **asked.chances))
        return needed, None, f"Nam 1997, non-inferiority at no true difference, {asked.words}", []
    method, notes = f"Connor 1987, paired, {asked.words}", []
    if asked.delta is None:
        return asked.tasks or 0, stats.visible_difference(asked.tasks or 0, psi, **asked.chances), method, []
    ends = [psi]
    if seen is not None and seen.low is not None and seen.high is not None:
        ends += [max(end, abs(asked.delta)) for end in (seen.low, seen.high)]
    needed, *span = (_whole(stats.tasks_for_difference(asked.delta, end, **asked.chances)) for end in ends)
    if needed * psi < 10:
        notes.append("under 10 discordant tasks the formula is rough: trust the exact power")
    if span:
        within = f"within its interval, {span[0]:,} to {span[1]:,} tasks"
        notes.append(f"the discordant share is itself an estimate: {within}")
    return needed, asked.delta, method, notes


def _by_variance(asked: _Asked, seen: Observed) -> _Answer:
    """Several trials, fractions or clusters: the normal formula with the variance of a task's difference."""
    variance = seen.variance.value or 0.0
    # Two-sided at twice the level is one-sided at the level.
    chances = asked.chances | ({} if asked.margin is None else {"alpha": min(0.999, 2.0 * asked.alpha)})
    method = f"((z + z) / difference)^2 x the variance of a task's difference, {asked.words}"
    if asked.margin is not None:
        method = f"((z + z) / margin)^2 x the variance of a task's difference, {asked.words}"
    notes = [f"with the report's {seen.trials}"]
    if seen.variance.why:
        notes.append(seen.variance.why)
    if asked.tasks is not None:
        one = stats.tasks_for_mean(1.0, variance, **chances)  # tasks for a difference of 1
        found = math.sqrt(one / asked.tasks)
        return asked.tasks, found if found <= 1.0 else None, method, notes
    size = asked.margin or asked.delta or 0.0

    def needed(v: float) -> int:
        fewest = math.ceil(1.0 - math.log2(asked.alpha))  # on fewer the sign-flip test reaches no such p
        return max(fewest, _whole(stats.tasks_for_mean(size, v, **chances)))

    if seen.variance.low is not None and seen.variance.high is not None:
        span = f"{needed(seen.variance.low):,} to {needed(seen.variance.high):,} tasks"
        notes.append(f"the variance is itself an estimate: within its interval, {span}")
    if seen.noise is None:
        notes.append("what more trials would bring is not known: some tasks were tried once")
    else:
        twice, endless = (max(variance - part * seen.noise, 0.0) for part in (0.5, 1.0))
        more = f"with twice the trials of each task {needed(twice):,} tasks, with endless trials {needed(endless):,}"
        notes.append(more)
    return needed(variance), asked.delta, method, notes


def observed_discordance(report: Path, a: str, b: str, *, split: str | None = None, level: float = 0.95) -> Observed:
    """How much two contenders of a report differ from task to task.

    The variance is the number of tasks times the squared standard error of the mean difference (CR3), so that tasks of
    one cluster count as they do in a comparison. Raises UsageError: an unknown or the same contender. EvidenceError: no
    outcomes, no common task, no difference, or a single cluster.
    """
    table, _ = work_of(load_evidence(report, split))
    tasks = CommonTasks(table, a, b)
    if a == b:
        raise UsageError(f"--pair {a} {b}: two different contenders are needed")
    if (n := tasks.n_tasks) == 0:
        raise EvidenceError(f"{report}: {a!r} and {b!r} have no graded task in common")
    first, second = (sums / counts for sums, counts in tasks.sides)
    d = first - second
    if not np.any(np.abs(d) > ROUNDING):
        raise EvidenceError(f"{report}: {a!r} and {b!r} differ at none of {plural(n, 'task')}; give --discordant")
    error = stats.paired_error(tasks.sides[0], tasks.sides[1], tasks.clusters)
    if error is None or error <= ROUNDING:
        one = "are of one cluster" if tasks.n_clusters == 1 else "differ by the same amount"
        raise EvidenceError(f"{report}: all {n} tasks of {a!r} and {b!r} {one}; give --discordant")
    variance, (_, codes) = n * error * error, np.unique(tasks.clusters, return_inverse=True)
    sums = np.bincount(codes, weights=d - d.mean())
    # The sampling error of a variance, on the log scale: (kurtosis - 1) / units.
    spread = math.sqrt(max(0.0, float((sums**4).mean() / (sums**2).mean() ** 2) - 1.0) / len(sums))
    reach = math.exp(stats.two_sided_z(level) * spread)
    why = None
    if tasks.unit == "cluster":
        alone = float(d.var(ddof=1))
        size = stats.kish_units(np.bincount(codes))
        why = (f"tasks share {plural(tasks.n_clusters, 'cluster')}, which count as {size:.1f} of equal size: the "
               f"variance of one task, {alone:.3f}, is multiplied by their design effect of "
               f"{variance / max(alone, 1e-12):.2f}")  # fmt: skip
    once = tasks.n_trials == 2 * n and set(d.tolist()) <= {-1.0, 0.0, 1.0} and tasks.unit == "task"
    estimate = Estimate(value=variance, low=variance / reach, high=variance * reach, level=level, n_tasks=n,
                        n_trials=tasks.n_trials, method="n CR3^2, log-normal interval", why=why)  # fmt: skip
    share = wilson_share(float((d * d).sum()), n, level) if once else None
    return Observed(share=share and replace(share, n_trials=tasks.n_trials), variance=estimate, trials=tasks.trials,
                    noise=_noise(tasks))  # fmt: skip


def _noise(tasks: CommonTasks) -> float | None:
    """What of the variance of a task's difference its trials make; ``None`` where some task was tried once."""
    total = 0.0
    for name, (sums, counts) in zip(tasks.names, tasks.sides, strict=True):
        if counts.min() < 2:
            return None
        squares = tasks.table.squares[tasks.table.index(name)][tasks.mask]
        total += float((np.maximum(squares - sums**2 / counts, 0.0) / (counts - 1.0) / counts).mean())
    return total


def plan_rows(view: Plan) -> list[list[str]]:
    """The figures as rows of two texts: what, and how much."""
    sought, seen = view.asked == "delta", view.observed
    rows = [["tasks" if sought else "tasks needed", f"{view.tasks:,}"]]
    rows += [] if view.margin is None else [["margin", points_of(view.margin)]]
    if sought or view.delta is not None:
        word = "smallest difference shown" if sought else "difference"
        rows.append([word, "none" if view.delta is None else points_of(view.delta)])
    if view.discordant is not None:
        share = percent(view.discordant) if seen is None or seen.share is None else percent_interval(seen.share)
        rows.append(["passed by one only", f"{share} of tasks{'' if seen is None else _seen_on(seen)}"])
    elif seen is not None and seen.variance.low is not None and seen.variance.high is not None:
        span = f"{seen.variance.value:.3f} [{seen.variance.low:.3f}, {seen.variance.high:.3f}]"
        effect = ", their clusters' design effect included" if seen.variance.why else ""
        rows.append([f"variance of a task's difference{effect}", f"{span}{_seen_on(seen)}"])
    rows.append(["method", view.method])
    return rows if view.exact_power is None else [*rows, ["exact power, mid-p test", percent(view.exact_power)]]


def _seen_on(seen: Observed) -> str:
    return f", seen on {seen.variance.n_tasks:,}"


def wilson_share(passes: float, n: int, level: float) -> Estimate:
    """A share of n tasks with Wilson's interval."""
    low, high = stats.wilson_interval(passes, n, level)
    return Estimate(value=passes / n, low=low, high=high, level=level, n_tasks=n, n_trials=n, method="Wilson")


def _whole(number: float) -> int:
    return math.ceil(number - 1e-9)


def points_of(share: float) -> str:
    """A difference's size in words: three digits."""
    return f"{100 * abs(share):.3g} points"
