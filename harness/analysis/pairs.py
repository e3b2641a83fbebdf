"""Two contenders on the tasks that both have: the difference, its domains, and the tasks that flipped."""

from collections.abc import Sequence
from pathlib import Path

from harness.analysis.common_tasks import ERRORS_AS, OF_THE_ROWS, TRIALS_AS, CommonTasks
from harness.analysis.loading import Evidence, evidence_of
from harness.analysis.progress import progress_of
from harness.analysis.views import DomainDifference, DomainSpread, Flip, Pairing
from harness.core import NOT_KNOWN, Comparison, EvidenceError, UsageError, p_equation, spread_points
from harness.stats import Heterogeneity, holm, this_suite_difference
from harness.store import TaskTable


def pair(
    source: Path | Evidence,
    a: str,
    b: str,
    *,
    trials_as: str = "mean",
    errors_as: str = "excluded",
    split: str | None = None,
    level: float = 0.95,
) -> Pairing:
    """Compares two contenders of a report, given by its folder or as loaded evidence: a minus b.

    ``trials_as`` is a key of `TRIALS_AS`, ``errors_as`` one of `ERRORS_AS`, ``split`` one of ``test``, ``dev`` and
    ``all`` (by default the test rows where there are any, else all). A task has flipped where only one of the two
    passed it; with several trials, where only one of the two passed more than half of them.

    Raises:
        UsageError: an unknown contender, option or split, or a contender against itself.
        EvidenceError: no outcomes, broken ones, or no task that both have.
    """
    table, manifest = evidence_of(source, split)
    for word, known, option in ((trials_as, TRIALS_AS, "trials-as"), (errors_as, ERRORS_AS, "errors-as")):
        if word not in known:
            raise UsageError(f"unknown --{option} {word!r}; use one of {', '.join(known)}")
    tasks = CommonTasks.of(table, a, b, trials_as=trials_as, errors_as=errors_as)
    if a == b:
        raise UsageError(f"{a!r} is compared with itself; name two contenders of {', '.join(table.contenders)}")
    whole = tasks.compared(level)
    if whole.delta is None:
        raise EvidenceError(f"{table.report}: {a!r} and {b!r} have no graded task in common; nothing can be compared")
    by_domain, spread = tasks.by_domain(level)
    lost = sum(errored.any() for errored in tasks.errored)
    failed = CommonTasks.of(table, a, b, trials_as=trials_as, errors_as="failed").compared(level) if lost else None
    of_a, of_b = ((table.sums[i], table.counts[i], table.squares[i]) for i in (table.index(a), table.index(b)))
    notes = tasks.notes(level)
    if any(counts[tasks.mask].max() > 1 for counts in tasks.counts) or trials_as != "mean":
        notes.append(f"several trials: {TRIALS_AS[trials_as]}; a task flips where more than half of its trials did")
    if tasks.lost():
        notes.append(f"{ERRORS_AS[errors_as]}: {tasks.lost():,} of these two contenders")
    if len(table.domain_names) > 1:
        notes.append("p adjusted holds for all domains together (step-down max-T, Westfall & Young 1993)")
    notes += [flag.text for flag in table.flags if flag.kind in OF_THE_ROWS]
    return Pairing(
        comparison=whole,
        this_suite=this_suite_difference(of_a, of_b, level),
        errored_as_failed=failed,
        domains=tuple(
            DomainDifference.of(table.domain_names[code], one, one.comparison.n_tasks)
            for code, one in by_domain.items()
        ),
        flips=_flips(tasks),
        warning=progress_of(table, manifest).warning,
        notes=(*notes, *([] if spread is None or len(by_domain) < 2 else [_spread_note(spread)])),
    )


def shares_tasks(table: TaskTable, a: str, b: str) -> bool:
    """Whether the two have a task at which both have a graded attempt."""
    return bool(CommonTasks.of(table, a, b).mask.any())


def compared(table: TaskTable, a: str, b: str, level: float) -> tuple[Comparison, DomainSpread | None]:
    """The comparison alone, for the scoreboard, and how its domains differ, where there are several.

    The figures are null where the two share no graded task.
    """
    tasks = CommonTasks.of(table, a, b)
    spread = tasks.spread(level)
    return tasks.compared(level), None if spread is None else DomainSpread.of(a, b, spread)


def adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's p-values over those that are known (Holm 1979); an unknown one stays unknown and is not counted."""
    known = [p for p in p_values if p is not None]
    corrected = iter(holm(known).tolist() if known else [])
    return [None if p is None else next(corrected) for p in p_values]


def _spread_note(found: Heterogeneity) -> str:
    tau = "an unknown number of" if found.tau2.value is None else spread_points(found.tau2.value)
    high = found.tau2.high
    most = "unknown" if high is None else NOT_KNOWN if high >= 1.0 else spread_points(high)
    test = f"Q {found.q:.2f} on {found.df} df, {p_equation(found.p_value)}"
    spread = f"their true differences spread by {tau} points (standard deviation), at most: {most}"
    shrunk = "shrunk differences are drawn towards the mean of all domains as far as noise asks"
    return f"do the domains differ? {test}; {spread}; {shrunk}"


def _flips(tasks: CommonTasks) -> tuple[Flip, ...]:
    """Tasks that only one of the two passed; with several trials, more than half of them. Lost ones first."""
    import numpy as np

    table = tasks.table
    passed_a, passed_b = (sums > 0.5 * n for sums, n in zip(tasks.sums, tasks.counts, strict=True))
    return tuple(
        Flip(task=table.tasks[i], domain=table.domain_names[table.domains[i]], direction=direction)
        for direction, only in (("lost", passed_b & ~passed_a), ("gained", passed_a & ~passed_b))
        for i in np.flatnonzero(only & tasks.mask).tolist()
    )
