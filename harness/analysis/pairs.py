"""Two contenders on the tasks that both have: the difference, its domains, and the tasks that flipped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis.progress import load_evidence, progress_of
from harness.analysis.views import DomainDifference, DomainSpread, Flip, Pairing
from harness.core import NOT_KNOWN, Comparison, EvidenceError, Manifest, UsageError, p_equation, plural, spread_points
from harness.stats import (
    Heterogeneity,
    compare,
    compare_domains,
    domain_variance,
    heterogeneity,
    holm,
    this_suite_difference,
)
from harness.store import TaskTable

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

TRIALS_AS = {
    "mean": "a task's value is the mean of its trials",
    "majority": "a task counts as passed where more than half of its trials passed",
    "all": "a task counts as passed where all its trials passed",
    "any": "a task counts as passed where any of its trials passed",
}
"""What several trials of a task come to."""

ERRORS_AS = {
    "excluded": "attempts that errored or could not be graded are left out",
    "failed": "attempts that errored or could not be graded count as failed",
}


def compare_contenders(
    report: Path,
    a: str,
    b: str,
    *,
    trials_as: str = "mean",
    errors_as: str = "excluded",
    split: str | None = None,
    level: float = 0.95,
) -> dict[str, Any]:
    """What ``ownbench compare --json`` prints; arguments and errors as `pair`."""
    return pair(report, a, b, trials_as=trials_as, errors_as=errors_as, split=split, level=level).as_json()


def pair(
    report: Path,
    a: str,
    b: str,
    *,
    trials_as: str = "mean",
    errors_as: str = "excluded",
    split: str | None = None,
    level: float = 0.95,
) -> Pairing:
    """Compares two contenders of a report.

    Args:
        report: the report's folder.
        a: the contender whose pass rate stands first in the difference.
        b: the contender that it is compared with.
        trials_as: a key of `TRIALS_AS`.
        errors_as: a key of `ERRORS_AS`.
        split: ``test``, ``dev`` or ``all``; by default the test rows where the report has any, else all.
        level: confidence of the intervals.

    Returns:
        The comparison. A task has flipped where only one of the two passed it; with several trials, where only one of
        the two passed more than half of them.

    Raises:
        UsageError: an unknown contender, option or split, or a contender against itself.
        EvidenceError: no outcomes, broken ones, or no task that both have.
    """
    table, manifest = load_evidence(report, split)
    return pair_of(table, a, b, manifest=manifest, trials_as=trials_as, errors_as=errors_as, level=level)


def pair_of(
    table: TaskTable,
    a: str,
    b: str,
    *,
    manifest: Manifest | None = None,
    trials_as: str = "mean",
    errors_as: str = "excluded",
    level: float = 0.95,
) -> Pairing:
    """The same from a table that is loaded already."""
    for word, known, option in ((trials_as, TRIALS_AS, "trials-as"), (errors_as, ERRORS_AS, "errors-as")):
        if word not in known:
            raise UsageError(f"unknown --{option} {word!r}; use one of {', '.join(known)}")
    table.index(a), table.index(b)
    if a == b:
        raise UsageError(f"{a!r} is compared with itself; name two contenders of {', '.join(table.contenders)}")
    sides = _Sides.of(table, a, b, trials_as=trials_as, errors_as=errors_as)
    whole = sides.compared(level)
    if whole.delta is None:
        raise EvidenceError(f"{table.report}: {a!r} and {b!r} have no graded task in common; nothing can be compared")
    domains, differing = _domains(table, sides, level)
    spread = None if differing is None or len(domains) < 2 else _spread(a, b, len(domains), differing)
    lost = sum(int(e.sum()) for e in sides.errored)
    failed = _Sides.of(table, a, b, trials_as=trials_as, errors_as="failed").compared(level) if lost else None
    of_a, of_b = ((table.sums[i], table.counts[i], table.squares[i]) for i in (table.index(a), table.index(b)))
    return Pairing(
        comparison=whole,
        this_suite=this_suite_difference(of_a, of_b, level),
        errored_as_failed=failed,
        domains=domains,
        flips=_flips(table, sides),
        warning=progress_of(table, manifest).warning,
        notes=(
            *_notes(table, sides, trials_as=trials_as, errors_as=errors_as),
            *_spread_note(spread),
        ),
    )


def shares_tasks(table: TaskTable, a: str, b: str) -> bool:
    """Whether the two have a task at which both have a graded attempt."""
    return bool(((table.counts[table.index(a)] > 0) & (table.counts[table.index(b)] > 0)).any())


def compared(table: TaskTable, a: str, b: str, level: float) -> tuple[Comparison, DomainSpread | None]:
    """The comparison alone, for the scoreboard, and how its domains differ, where there are several.

    The figures are null where the two share no graded task.
    """
    sides = _Sides.of(table, a, b, trials_as="mean", errors_as="excluded")
    return sides.compared(level), sides.spread(table, level)


def adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's p-values over those that are known (Holm 1979); an unknown one stays unknown and is not counted."""
    known = [p for p in p_values if p is not None]
    corrected = iter(holm(known).tolist() if known else [])
    return [None if p is None else next(corrected) for p in p_values]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """The sums of two contenders at each task of the table, as the options want them."""

    a: str
    b: str
    sums: "tuple[Floats, Floats]"
    counts: "tuple[Floats, Floats]"
    errored: "tuple[Floats, Floats]"
    clusters: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"

    @staticmethod
    def of(table: TaskTable, a: str, b: str, *, trials_as: str, errors_as: str) -> "_Sides":
        import numpy as np

        sums, counts, errored = [], [], []
        for name in (a, b):
            i = table.index(name)
            lost = (table.errored[i] + table.ungraded[i]).astype(np.float64)
            total, n = table.sums[i], table.counts[i].astype(np.float64)
            if errors_as == "failed":
                n = n + lost
                lost = np.zeros_like(lost)
            if trials_as != "mean":
                passed = {"majority": 2 * total > n, "all": total >= n - 1e-9, "any": total > 0}[trials_as]
                total, n = ((n > 0) & passed).astype(np.float64), (n > 0).astype(np.float64)
            sums.append(total)
            counts.append(n)
            errored.append(lost)
        met = ((counts[0] + errored[0]) > 0) & ((counts[1] + errored[1]) > 0)
        return _Sides(
            a=a,
            b=b,
            sums=(sums[0], sums[1]),
            counts=(counts[0], counts[1]),
            errored=(np.where(met, errored[0], 0.0), np.where(met, errored[1], 0.0)),
            clusters=table.clusters,
        )

    @property
    def common(self) -> "Mask":
        """Tasks at which both have a graded attempt."""
        mask: Mask = (self.counts[0] > 0) & (self.counts[1] > 0)
        return mask

    def compared(self, level: float) -> Comparison:
        """The comparison on all common tasks."""
        return compare(
            self.sums[0],
            self.counts[0],
            self.sums[1],
            self.counts[1],
            self.clusters,
            a_name=self.a,
            b_name=self.b,
            level=level,
            a_errored=self.errored[0],
            b_errored=self.errored[1],
        )

    def spread(self, table: TaskTable, level: float) -> DomainSpread | None:
        """How much the difference differs between domains; ``None`` with fewer than two of them."""
        import numpy as np

        effects, variances = [], []
        for code in range(len(table.domain_names)):
            here = self.common & (table.domains == code)
            if here.any():
                means = [s[here] / n[here] for s, n in zip(self.sums, self.counts, strict=True)]
                once = all((n[here] == 1).all() for n in self.counts) and np.isin(means, (0.0, 1.0)).all()
                alone = len(np.unique(self.clusters[here])) == int(here.sum())
                d = means[0] - means[1]
                effects.append(float(d.mean()))
                variances.append(domain_variance(d, self.clusters[here], single=bool(once and alone)))
        if len(effects) < 2:
            return None
        return _spread(self.a, self.b, len(effects), heterogeneity(effects, variances, level))


def _spread(a: str, b: str, n_domains: int, found: Heterogeneity) -> DomainSpread:
    return DomainSpread(
        a=a,
        b=b,
        n_domains=n_domains,
        q=found.q,
        df=found.df,
        p_value=found.p_value,
        i2=found.i2,
        tau2=found.tau2,
        mean=found.mean,
        prediction=found.prediction,
        why="a prediction interval needs three domains" if found.prediction is None else None,
    )


SIGNS = 100_000_000
"""Random signs drawn at most for the domains of one comparison; 9,999 resamples up to 10,000 tasks."""


def _domains(
    table: TaskTable, sides: _Sides, level: float
) -> tuple[tuple[DomainDifference, ...], Heterogeneity | None]:
    """Each domain in the report's order, adjusted for how many there are, raw and shrunk; and how they differ."""
    units = max(1, int(sides.common.sum()))
    found, differing = compare_domains(
        (sides.sums[0], sides.counts[0]),
        (sides.sums[1], sides.counts[1]),
        table.domains,
        sides.clusters,
        level=level,
        resamples=min(9_999, max(999, SIGNS // units)),
    )
    ordered = sorted(((int(one.domain), one) for one in found), key=lambda pair: pair[0])
    domains = tuple(
        DomainDifference(
            domain=table.domain_names[code],
            n_tasks=one.comparison.n_tasks,
            wins=one.comparison.wins,
            losses=one.comparison.losses,
            delta=one.comparison.delta,
            low=one.comparison.low,
            high=one.comparison.high,
            p_value=one.comparison.p_value,
            p_adjusted=one.comparison.p_adjusted,
            shrunk=one.shrunk.value,
            shrunk_low=one.shrunk.low,
            shrunk_high=one.shrunk.high,
        )
        for code, one in ordered
    )
    return domains, differing


def _spread_note(spread: DomainSpread | None) -> list[str]:
    if spread is None:
        return []
    tau = "an unknown number of" if spread.tau2.value is None else spread_points(spread.tau2.value)
    high = spread.tau2.high
    most = "unknown" if high is None else NOT_KNOWN if high >= 1.0 else spread_points(high)
    test = f"Q {spread.q:.2f} on {spread.df} df, {p_equation(spread.p_value)}"
    spread_text = f"their true differences spread by {tau} points (standard deviation), at most: {most}"
    shrunk = "shrunk differences are drawn towards the mean of all domains as far as noise asks"
    return [f"do the domains differ? {test}; {spread_text}; {shrunk}"]


def _flips(table: TaskTable, sides: _Sides) -> tuple[Flip, ...]:
    """Tasks that only one of the two passed; with several trials, more than half of them. Lost ones first."""
    import numpy as np

    common = sides.common
    with np.errstate(invalid="ignore"):
        passed_a, passed_b = (s > 0.5 * n for s, n in zip(sides.sums, sides.counts, strict=True))
    return tuple(
        Flip(task=table.tasks[i], domain=table.domain_names[table.domains[i]], direction=direction)
        for direction, only in (("lost", passed_b & ~passed_a), ("gained", passed_a & ~passed_b))
        for i in np.flatnonzero(only & common).tolist()
    )


def _notes(table: TaskTable, sides: _Sides, *, trials_as: str, errors_as: str) -> tuple[str, ...]:
    """What the comparison rests on, in sentences."""
    common = sides.common
    n = int(common.sum())
    notes = [f"split: {table.split}; compared on the {plural(n, 'task')} at which both have a graded attempt"]
    for name, counts in zip((sides.a, sides.b), sides.counts, strict=True):
        alone = int(((counts > 0) & ~common).sum())
        if alone:
            notes.append(f"{plural(alone, 'task')} graded for {name} only are left out")
    clusters = len(set(table.clusters[common].tolist()))
    if clusters < n:
        notes.append(f"the unit is the cluster: {plural(clusters, 'cluster')} of tasks that share a source")
    if any(int(c[common].max()) > 1 for c in sides.counts) or trials_as != "mean":
        notes.append(f"several trials: {TRIALS_AS[trials_as]}; a task flips where more than half of its trials did")
    lost = sum(int(table.errored[i].sum() + table.ungraded[i].sum()) for i in map(table.index, (sides.a, sides.b)))
    if lost:
        notes.append(f"{ERRORS_AS[errors_as]}: {lost:,} of these two contenders")
    if len(table.domain_names) > 1:
        notes.append("p adjusted holds for all domains together (step-down max-T, Westfall & Young 1993)")
    return (*notes, *(flag.text for flag in table.flags if flag.kind in OF_THE_ROWS))


OF_THE_ROWS = {"split", "duplicates", "contradictions", "unvalued"}
"""Flags of the table that matter to every pair; the others are about contenders, or are said above."""
