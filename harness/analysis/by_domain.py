"""Two contenders domain by domain: do the domains differ, which tasks got worse, and where the noise comes from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.domain_views import DomainEffect, Domains, WorseTasks
from harness.analysis.progress import load_evidence, progress_of
from harness.analysis.scores import reference_of
from harness.core import Estimate, EvidenceError, Manifest, UsageError, plural
from harness.stats import (
    DomainComparison,
    Worse,
    compare,
    compare_domains,
    normalised_gain,
    tasks_worse,
    variance_components,
)
from harness.store import TaskTable

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

DRAWS = 100_000_000
"""Random numbers drawn at most for one simulation: 9,999 resamples up to 10,000 tasks."""


def domains(
    report: Path, a: str | None = None, b: str | None = None, *, split: str | None = None, level: float = 0.95
) -> Domains:
    """The difference of two contenders by domain, and what lies behind its noise.

    Args:
        report: the report's folder.
        a: the contender whose pass rate stands first in the difference; may be left out where the report leaves no
            doubt: the one contender beside the reference, the first of two, or the only one.
        b: the contender that it is compared with; by default the reference.
        split: ``test``, ``dev`` or ``all``; by default the test rows where the report has any, else all.
        level: confidence of the intervals.

    Raises:
        UsageError: no such folder, contender or split; a contender against itself; or it is not clear which two.
        EvidenceError: no outcomes, broken ones, or no task that both have.
    """
    table, manifest = load_evidence(report, split)
    return domains_of(table, a, b, manifest=manifest, level=level)


def domains_of(
    table: TaskTable,
    a: str | None = None,
    b: str | None = None,
    *,
    manifest: Manifest | None = None,
    level: float = 0.95,
) -> Domains:
    """The same from a table that is loaded already."""
    a, b = _pair(table, a, b)
    i, j = table.index(a), None if b is None else table.index(b)
    common = table.counts[i] > 0
    if j is not None:
        common = common & (table.counts[j] > 0)
    if not common.any():
        raise EvidenceError(f"{table.report}: {_no_task(a, b)}")
    tasks = _Tasks(table, common, level)
    found = _alone(tasks, a) if b is None else _paired(tasks, a, b)
    return replace(found, warning=progress_of(table, manifest).warning)


class _Tasks:
    """The tasks that count, and the sums of contenders at them."""

    def __init__(self, table: TaskTable, common: "Mask", level: float) -> None:
        import numpy as np

        self.table, self.common, self.level = table, common, level
        self.n_tasks = int(common.sum())
        self.domains, self.clusters = table.domains[common], table.clusters[common]
        self.units = len(np.unique(self.clusters))
        self.whole = bool(np.allclose(table.squares[:, common], table.sums[:, common], atol=1e-9))

    @property
    def unit(self) -> str:
        return "task" if self.units == self.n_tasks else "cluster"

    def side(self, i: int) -> "tuple[Floats, Floats]":
        """(sums, counts) of a contender."""
        return self.table.sums[i, self.common], self.table.counts[i, self.common].astype("float64")

    def trials(self, *contenders: int) -> int:
        return int(sum(self.table.counts[i, self.common].sum() for i in contenders))

    @property
    def resamples(self) -> int:
        return min(9_999, max(999, DRAWS // max(1, self.units)))


def _paired(one: _Tasks, a: str, b: str) -> Domains:
    table, level = one.table, one.level
    i, j = table.index(a), table.index(b)
    left, right = one.side(i), one.side(j)
    whole = compare(*left, *right, one.clusters, a_name=a, b_name=b, level=level)
    by_domain, spread = compare_domains(
        left, right, one.domains, one.clusters, level=level, resamples=one.resamples, a_name=a, b_name=b
    )
    reasons: dict[str, str] = {}
    if len(by_domain) < 2:
        spread, reasons["q"] = None, "one domain says nothing about differences between domains"
    elif spread is not None and spread.prediction is None:
        reasons["prediction"] = "a prediction interval needs three domains"
    worse = variance = None
    if one.whole:
        found = tasks_worse(left, right, one.clusters, level=level, resamples=one.resamples)
        worse = _worse(found, [table.tasks[place] for place in _places(one.common)])
        variance = variance_components(left, right, one.domains, level)
    else:
        reasons["worse"] = reasons["variance"] = "some scores lie between 0 and 1; this needs trials that pass or fail"
    gain = normalised_gain(left, right, one.clusters, level)
    if whole.delta is not None and whole.delta <= 0.0:
        gain = Estimate(value=None, level=level, n_tasks=one.n_tasks, n_trials=whole.n_trials, why="nothing was gained")
    return Domains(
        a=a,
        b=b,
        n_tasks=one.n_tasks,
        n_trials=whole.n_trials,
        level=level,
        unit=one.unit,
        comparison=whole,
        spread=spread,
        domains=_effects(one, (i, j), by_domain),
        worse=worse,
        variance=variance,
        gain=gain,
        reasons=reasons,
        warning=None,
        notes=_notes(one, (i, j)),
    )


def _alone(one: _Tasks, a: str) -> Domains:
    """One contender: its pass rates by domain, and the variance behind them."""
    i = one.table.index(a)
    why = "one contender: there is no difference to judge"
    reasons = {"q": why, "worse": why}
    trials = one.trials(i)
    variance = None
    if one.whole:
        variance = variance_components(one.side(i), None, one.domains, one.level)
    else:
        reasons["variance"] = "some scores lie between 0 and 1; this needs trials that pass or fail"
    return Domains(
        a=a,
        b=None,
        n_tasks=one.n_tasks,
        n_trials=trials,
        level=one.level,
        unit=one.unit,
        comparison=None,
        spread=None,
        domains=_effects(one, (i,), ()),
        worse=None,
        variance=variance,
        gain=Estimate(value=None, level=one.level, n_tasks=one.n_tasks, n_trials=trials, why=why),
        reasons=reasons,
        warning=None,
        notes=_notes(one, (i,)),
    )


def _pair(table: TaskTable, a: str | None, b: str | None) -> tuple[str, str | None]:
    """The two contenders meant; the second ``None`` where the report has only one."""
    names = table.contenders
    reference, _ = reference_of(table)
    if a is not None and b is None and reference is not None:
        b = reference
    if a is not None and b is not None:
        table.index(a), table.index(b)
        if a == b:
            raise UsageError(f"{a!r} is compared with itself; name two contenders of {', '.join(names)}")
        return a, b
    if a is not None and len(names) > 1:
        table.index(a)
        raise UsageError(f"{a!r} and which other? the experiment names no reference; name two of {', '.join(names)}")
    if len(names) == 1:
        return names[table.index(a or names[0])], None
    if len(names) == 2:
        return (names[0], names[1]) if reference in {None, names[1]} else (names[1], names[0])
    against = f"; the reference is {reference}" if reference else ""
    raise UsageError(f"name two contenders of {', '.join(names)}{against}")


def _effects(
    one: _Tasks, contenders: tuple[int, ...], by_domain: Sequence[DomainComparison]
) -> tuple[DomainEffect, ...]:
    """Each domain that has a task, in the report's order."""
    import numpy as np

    compared = {int(found.domain): found for found in by_domain}
    sides = [one.side(i) for i in contenders]
    effects = []
    for code in np.unique(one.domains).tolist():
        here = one.domains == code
        rates = [float((sums[here] / counts[here]).mean()) for sums, counts in sides]
        found = compared.get(code)
        c = found.comparison if found else None
        effects.append(
            DomainEffect(
                domain=one.table.domain_names[code],
                n_tasks=int(here.sum()),
                n_trials=int(sum(counts[here].sum() for _, counts in sides)),
                a_rate=rates[0],
                b_rate=rates[1] if len(rates) > 1 else None,
                wins=c.wins if c else None,
                losses=c.losses if c else None,
                delta=c.delta if c else None,
                low=c.low if c else None,
                high=c.high if c else None,
                interval_method=c.interval_method if c else "",
                p_value=c.p_value if c else None,
                p_adjusted=c.p_adjusted if c else None,
                test=c.test if c else "",
                shrunk=found.shrunk.value if found else None,
                shrunk_low=found.shrunk.low if found else None,
                shrunk_high=found.shrunk.high if found else None,
                below_zero=found.below_zero if found else None,
                why=None if found else "one contender: there is no difference to judge",
            )
        )
    return tuple(effects)


def _worse(found: Worse, names: Sequence[str]) -> WorseTasks:
    return WorseTasks(
        observed=found.observed,
        expected_null=found.expected,
        sd_null=found.sd,
        excess=found.excess,
        confirmed=tuple(names[place] for place in found.confirmed),
        again=tuple(names[place] for place in found.flagged),
        rate=found.rate,
    )


def _notes(one: _Tasks, contenders: tuple[int, ...]) -> tuple[str, ...]:
    """What the figures rest on, in sentences."""
    table = one.table
    who = "both have" if len(contenders) > 1 else "there is"
    notes = [f"split: {table.split}; on the {plural(one.n_tasks, 'task')} at which {who} a graded attempt"]
    for i in contenders:
        alone = int(((table.counts[i] > 0) & ~one.common).sum())
        if alone:
            notes.append(f"{plural(alone, 'task')} graded for {table.contenders[i]} only are left out")
    if one.units == one.n_tasks:
        notes.append(f"intervals ({100 * one.level:g}%) are over tasks like these: the unit is the task")
    else:
        notes.append(f"the unit is the cluster: {plural(one.units, 'cluster')} of tasks that share a source")
    numbers = [table.counts[i, one.common] for i in contenders]
    least, most = min(int(n.min()) for n in numbers), max(int(n.max()) for n in numbers)
    if least < most:
        notes.append(f"graded trials a task differ, {least} to {most}: each task enters with its own mean")
    elif most > 1:
        notes.append(f"{most} trials a task: they enter as the task's mean and are no tasks of their own")
    lost = sum(int(table.errored[i].sum() + table.ungraded[i].sum()) for i in contenders)
    if lost:
        notes.append(f"{plural(lost, 'attempt')} that errored or could not be graded are left out")
    return tuple(notes)


def _places(mask: "Mask") -> list[int]:
    import numpy as np

    places: list[int] = np.flatnonzero(mask).tolist()
    return places


def _no_task(a: str, b: str | None) -> str:
    if b is None:
        return f"{a!r} has no graded task"
    return f"{a!r} and {b!r} have no graded task in common; nothing can be compared"
