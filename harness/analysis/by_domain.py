"""Two contenders domain by domain: do the domains differ, which tasks got worse, and where the noise comes from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.common_tasks import CommonTasks, trials_note
from harness.analysis.domain_views import Domains, WorseTasks
from harness.analysis.loading import Evidence, evidence_of
from harness.analysis.progress import progress_of
from harness.analysis.scores import reference_of
from harness.analysis.views import NO_PREDICTION, ONE_CONTENDER, DomainDifference
from harness.core import Estimate, EvidenceError, UsageError, plural
from harness.stats import DomainComparison, Worse, normalised_gain, tasks_worse, variance_components
from harness.store import TaskTable

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def domains(
    source: Path | Evidence,
    a: str | None = None,
    b: str | None = None,
    *,
    split: str | None = None,
    level: float = 0.95,
) -> Domains:
    """The difference of two contenders by domain, and what lies behind its noise.

    ``a`` may be left out where the report leaves no doubt: the one contender besides the reference, the first of two,
    or the only one; ``b`` is the reference by default. The rest as in `pair`.

    Raises:
        UsageError: no such folder, contender or split; a contender against itself; or it is not clear which two.
        EvidenceError: no outcomes, broken ones, or no task that both have.
    """
    table, manifest = evidence_of(source, split)
    a, b = _pair(table, a, b)
    names = (a,) if b is None else (a, b)
    tasks = CommonTasks.of(table, *names)
    if not tasks.n_tasks:
        who = f"{a!r} has no graded task" if b is None else f"{a!r} and {b!r} have no graded task in common"
        raise EvidenceError(f"{table.report}: {who}{'; nothing can be compared' if b else ''}")
    sides = [tasks.values(which) for which in range(len(names))]
    domains, mask = table.domains[tasks.mask], tasks.mask
    reasons: dict[str, str] = {}
    whole = spread = worse = variance = None
    by_domain: dict[int, DomainComparison] = {}
    missing = Estimate(value=None, level=level, n_tasks=tasks.n_tasks, n_trials=tasks.n_trials)
    if b is None:
        reasons["q"] = reasons["worse"] = ONE_CONTENDER
        gain = replace(missing, why=ONE_CONTENDER)
    else:
        whole = replace(tasks.compared(level), bounds=None, errored=0)
        by_domain, spread = tasks.by_domain(level)
        if len(by_domain) < 2:
            spread, reasons["q"] = None, "one domain says nothing about differences between domains"
        elif spread is not None and spread.prediction is None:
            reasons["prediction"] = NO_PREDICTION
        gain = normalised_gain(sides[0], sides[1], tasks.clusters, level)
        if whole.delta is not None and whole.delta <= 0.0:
            gain = replace(missing, why="nothing was gained")
    if (abs(table.squares[:, mask] - table.sums[:, mask]) <= 1e-9).all():
        variance = variance_components(sides[0], sides[1] if b else None, domains, level)
        if b is not None:
            found = tasks_worse(sides[0], sides[1], tasks.clusters, level=level, resamples=tasks.resamples)
            worse = _worse(found, [table.tasks[place] for place in mask.nonzero()[0].tolist()])
    else:
        fractions = "some scores lie between 0 and 1; this needs trials that pass or fail"
        reasons |= dict.fromkeys(("worse", "variance") if b else ("variance",), fractions)
    return Domains(
        a=a,
        b=b,
        n_tasks=tasks.n_tasks,
        n_trials=tasks.n_trials,
        level=level,
        unit=tasks.unit,
        comparison=whole,
        spread=spread,
        domains=tuple(
            _difference(table.domain_names[code], by_domain.get(code), sides, domains == code)
            for code in sorted(set(domains.tolist()))
        ),
        worse=worse,
        variance=variance,
        gain=gain,
        reasons=reasons,
        warning=progress_of(table, manifest).warning,
        notes=_notes(tasks, level),
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


def _difference(
    domain: str, found: DomainComparison | None, sides: "Sequence[tuple[Floats, Floats]]", here: "Mask"
) -> DomainDifference:
    rates = [float((sums[here] / counts[here]).mean()) for sums, counts in sides]
    trials = int(sum(counts[here].sum() for _, counts in sides))
    b_rate = rates[1] if len(rates) > 1 else None
    return DomainDifference.of(domain, found, int(here.sum()), n_trials=trials, a_rate=rates[0], b_rate=b_rate)


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


def _notes(tasks: CommonTasks, level: float) -> tuple[str, ...]:
    """What the figures rest on, in sentences."""
    places = [tasks.table.index(name) for name in tasks.names]
    notes = tasks.notes(level) + trials_note([tasks.table.counts[i, tasks.mask] for i in places])
    lost = tasks.lost()
    return (*notes, *([f"{plural(lost, 'attempt')} that errored or could not be graded are left out"] if lost else []))
