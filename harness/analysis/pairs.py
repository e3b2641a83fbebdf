"""Contenders of one table at the tasks that all of them have graded attempts at, and two of them compared there."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness import stats
from harness.analysis.dev_tasks import shared_sources
from harness.analysis.general import apart_note, work_of
from harness.analysis.loading import Evidence, Floats, Ints, Mask, distinct, load_evidence, progress_of
from harness.analysis.over_time import Differences, asked, changed_over_time, strata_of
from harness.analysis.scoreboard_cautions import few_clusters, told_of_few, uncalibrated
from harness.analysis.sides import Side, passed_by
from harness.analysis.views import NO_PREDICTION, ONE_CONTENDER, DomainDifference, DomainSpread, Flip, Pairing
from harness.core import NOT_KNOWN, Comparison, EvidenceError, UsageError, listed, p_equation, plural, spread_points
from harness.store import TaskTable

TRIALS_AS = {
    "mean": "a task's value is the mean of its trials",
    "majority": "a task counts as passed where more than half of its trials passed",
    "all": "a task counts as passed where all its trials passed",
    "any": "a task counts as passed where any of its trials passed",
}  # what several trials of a task come to
ERRORS_AS = {
    "excluded": "attempts that errored or could not be graded are left out",
    "failed": "attempts that errored or could not be graded count as failed",
}
UNEVEN = "only the first, only the second, flips"
EVEN = "the first trials by number, as many of both at each task as the one with fewer has"
NOT_EVEN = "the two have unequal numbers of trials, so they are not asked the same: the mean of the trials is fair"
SIGNS = 100_000_000  # random signs drawn at most for the domains of one comparison: 9,999 resamples up to 10,000 tasks
OF_THE_ROWS = {"split", "duplicates", "contradictions", "unvalued"}  # flags of the table that matter to every view


class CommonTasks:
    """Sums and counts of some contenders at every task, as the options want them, and facts of the common tasks."""

    def __init__(self, table: TaskTable, *names: str, trials_as: str = "mean", errors_as: str = "excluded") -> None:
        self.table, self.names = table, names
        places = list(map(table.index, names))
        passed, n = table.sums[places], table.counts[places].astype(np.float64)
        ungraded = table.ungraded[places].astype(np.float64)
        lost = table.errored[places] + ungraded
        self.lost = int(lost.sum())  # attempts at any task
        self.seeded = any(name in table.seeds for name in names)  # some trials are those of training seeds
        for name in names if trials_as != "mean" else ():
            if name in table.seeds:
                problem = f"--trials-as {trials_as}: trials of {name!r} are those of its training seeds"
                raise UsageError(f"{problem}; name one of these, such as {table.seeds[name][0]!r}")
        if errors_as == "failed":
            n, lost, ungraded = n + lost, np.zeros_like(lost), np.zeros_like(lost)
        self.sums, self.counts, self.errors_as = passed, n, errors_as  # [contenders, tasks]
        self.mask: Mask = np.all(n > 0, axis=0)
        self.uneven = bool((n.min(axis=0) < n.max(axis=0))[self.mask].any())  # some have more trials of a task
        if trials_as != "mean":
            passed, n = self._even()
            enough = {"majority": 2 * passed > n, "all": passed >= n - 1e-9, "any": passed > 0}[trials_as]
            self.sums, self.counts = ((n > 0) & enough).astype(np.float64), (n > 0).astype(np.float64)
            self.uneven, passed, n = False, self.sums, self.counts
        tried = (n + lost > 0).all(axis=0)  # where all have any attempt
        self.lost_there, self.ungraded = np.where(tried, lost, 0.0), int(np.where(tried, ungraded, 0.0).sum())
        self.domains, self.clusters = table.domains[self.mask], table.clusters[self.mask]
        self.sides = list(zip(passed[:, self.mask], n[:, self.mask], strict=True))
        self.n_tasks = int(self.mask.sum())
        self.n_trials = int(sum(counts.sum() for _, counts in self.sides))
        self.n_clusters = distinct(self.clusters)
        self.unit = "task" if self.n_clusters == self.n_tasks else "cluster"  # what is resampled
        self.resamples = min(9_999, max(999, SIGNS // max(1, self.n_clusters)))  # fewer where there is much to draw

    def _even(self) -> tuple[Floats, Floats]:
        """Sums and counts over as many trials of all at each common task, the first by number."""
        if not self.uneven or self.table.graded is None or self.seeded:
            return self.sums, self.counts
        few, failed = np.where(self.mask, self.counts.min(axis=0), self.counts), self.errors_as == "failed"
        sides = (Side(table=self.table, manifest=None, contender=name) for name in self.names)
        sums = np.stack([side.first_trials(its, failed=failed) for side, its in zip(sides, few, strict=True)])
        return sums, few

    @cached_property
    def passed(self) -> Mask:
        """Whether each passes more than half of its trials of a task, of as many trials of all: half is no majority."""
        sums, counts = self._even()
        return sums > 0.5 * counts

    def counted(self, here: Mask | slice = slice(None)) -> dict[str, Any]:
        """Tasks, of some of the common ones, that one alone of two passes, both and neither."""
        return passed_by(*self.passed[:, self.mask][:, here])

    def compared(self, level: float) -> Comparison:
        """The first against the second; the figures are ``None`` where the two share no graded task."""
        (a, b), (a_lost, b_lost) = self.names, self.lost_there
        args = (self.sums[0], self.counts[0], self.sums[1], self.counts[1], self.table.clusters)
        found = stats.compare(
            *args, a_name=a, b_name=b, level=level, a_errored=a_lost, b_errored=b_lost, seeds=self.between()
        )
        found = replace(found, errored=found.errored - self.ungraded, ungraded=self.ungraded)
        if self.seeded:  # what is shuffled are answers of several seeds
            found = replace(found, test=found.test.replace("trials a task", "answers a task"))
        return replace(found, **self.counted()) if self.uneven else found

    def between(self, here: Mask | None = None) -> tuple[tuple[float, int], ...]:
        """What training seeds add to the variance of a difference, of the common tasks or of some of them."""
        kept = self.mask if here is None else here & self.mask
        return stats.between(*(one and stats.replicates(*(of[:, kept] for of in one)) for one in self._by_seed))

    @cached_property
    def _by_seed(self) -> list[tuple[Floats, Ints] | None]:
        return [self.table.by_seed(name) if name in self.table.seeds else None for name in self.names]

    def by_domain(self, level: float) -> tuple[tuple[DomainDifference, ...], stats.Heterogeneity | None]:
        """Each domain, with the first against the second where there are two; and how much the domains differ."""
        spread, found = None, dict[int, stats.DomainComparison]()
        if len(self.sides) > 1:
            (a, b), draws = self.sides, self.resamples
            each, spread = stats.compare_domains(a, b, self.domains, self.clusters, level=level, resamples=draws)
            found = {int(one.domain): one for one in each}
        differences = []
        of_the_pair = ("wins", "losses", "delta", "low", "high", "interval_method", "p_value", "p_adjusted", "test")
        for code in sorted(set(self.domains.tolist())):
            here, one = self.domains == code, found.get(code)
            figures: dict[str, Any] = {"why": ONE_CONTENDER}
            if one is not None:
                seeds = self.between(self.table.domains == code) if self.seeded else ()
                figures = {name: getattr(stats.over_seeds(one.comparison, seeds), name) for name in of_the_pair}
                figures |= {"shrunk": one.shrunk.value, "shrunk_low": one.shrunk.low, "shrunk_high": one.shrunk.high}
                figures["below_zero"] = one.below_zero
                counted = self.counted(here) if self.uneven else {}
                figures |= {name: counted[name] for name in ("wins", "losses") if name in counted}
            rates = [float((sums[here] / counts[here]).mean()) for sums, counts in self.sides]
            differences.append(
                DomainDifference(
                    domain=self.table.domain_names[code],
                    n_tasks=int(here.sum()),
                    n_trials=int(sum(counts[here].sum() for _, counts in self.sides)),
                    a_rate=rates[0],
                    b_rate=rates[1] if len(rates) > 1 else None,
                    **figures,
                )
            )
        if self.seeded and found:
            whole = adjusted([one.p_value for one in differences])
            differences = [replace(one, p_adjusted=p) for one, p in zip(differences, whole, strict=True)]
        return tuple(differences), spread

    def spread(self, level: float) -> DomainSpread | None:
        """How much the difference differs between domains, without a test of each; ``None`` with fewer than two."""
        effects, variances = [], []
        (a, b), counts = self.names, [n for _, n in self.sides]
        means = [sums / n for sums, n in self.sides]
        for code in np.unique(self.domains).tolist():
            here = self.domains == code
            once = all((n[here] == 1).all() for n in counts) and bool(np.isin([m[here] for m in means], (0, 1)).all())
            alone = distinct(self.clusters[here]) == int(here.sum())
            d = means[0][here] - means[1][here]
            effects.append(float(d.mean()))
            variances.append(stats.domain_variance(d, self.clusters[here], single=once and alone))
        if len(effects) < 2:
            return None
        found = stats.heterogeneity(effects, variances, level)
        copied = {name: getattr(found, name) for name in ("q", "df", "p_value", "i2", "tau2", "mean", "prediction")}
        why = NO_PREDICTION if found.prediction is None else None
        return DomainSpread(a=a, b=b, n_domains=len(effects), why=why, **copied)

    def notes(self, level: float, *, trials: bool = False) -> list[str]:
        """What figures of these tasks rest on, in sentences; with ``trials`` also how several trials enter."""
        who = {1: "there is", 2: "both have"}.get(len(self.names), f"all {len(self.names)} have")
        notes = [f"split: {self.table.split}; on the {plural(self.n_tasks, 'task')} at which {who} a graded attempt"]
        if len(self.names) > 2:
            some = int((self.counts > 0).any(axis=0).sum()) - self.n_tasks
            notes += [f"{plural(some, 'task')} that only some of them have are left out"] if some else []
        for name, counts in zip(self.names, self.counts, strict=True):
            alone = int(((counts > 0) & ~self.mask).sum())
            if alone and len(self.names) == 2:
                notes.append(f"{plural(alone, 'task')} graded for {name} only are left out")
        notes.append(unit_note(self.n_clusters, self.n_tasks, level))
        notes += seed_notes(self.table, self.names)
        if trials and self.several:
            notes.append(f"{self.trials}: they enter as the task's mean and are no tasks of their own")
        return notes

    @property
    def tries(self) -> str:
        """What tries of a task are, as in "more than half of its trials"; of training seeds one try is one seed."""
        words = {self.table.outcomes.tries_of(name) for name in self.names if name in self.table.seeds}
        return "trials" if not words else "answers of its training seeds" if "answer" in words else "training seeds"

    @property
    def several(self) -> bool:
        """Whether a task was tried more than once, by any training seed that a contender has."""
        seeds = [len(self.table.seeds.get(name, ())) or 1 for name in self.names]
        return any(counts.max() > k for (_, counts), k in zip(self.sides, seeds, strict=True))

    @property
    def trials(self) -> str:
        """How many graded trials a task each has, of each training seed: "3 trials a task", or where they differ."""
        seeds = [len(self.table.seeds.get(name, ())) or 1 for name in self.names]
        spans = [(-(-int(counts.min()) // k), -(-int(counts.max()) // k))
                 for (_, counts), k in zip(self.sides, seeds, strict=True)]  # fmt: skip
        if len(set(spans)) == 1 and spans[0][0] == spans[0][1]:
            return f"{plural(spans[0][0], 'trial')} a task"
        words = [f"{low}" if low == high else f"{low} to {high}" for low, high in spans]
        return f"trials a task: {', '.join(f'{name} {span}' for name, span in zip(self.names, words, strict=True))}"


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

    ``trials_as`` is a key of `TRIALS_AS`, ``errors_as`` of `ERRORS_AS`, ``split`` one of ``test``, ``dev`` and ``all``
    (by default the test rows where there are any). A task has flipped where only one passed more than half of its
    trials. Raises UsageError: an unknown or the same contender, option or split. EvidenceError: no outcomes, or no
    common task.
    """
    whole, manifest = load_evidence(source, split, a, b)
    table, general = work_of((whole, manifest))
    for word, known, option in ((trials_as, TRIALS_AS, "trials-as"), (errors_as, ERRORS_AS, "errors-as")):
        if word not in known:
            raise UsageError(f"unknown --{option} {word!r}; use one of {', '.join(known)}")
    tasks = CommonTasks(table, a, b, trials_as=trials_as, errors_as=errors_as)
    if a == b:
        raise UsageError(f"{a!r} is compared with itself; name two contenders of {', '.join(table.contenders)}")
    if not tasks.n_tasks:
        raise EvidenceError(f"{table.report}: {a!r} and {b!r} have no graded task in common; nothing can be compared")
    by_domain, spread = tasks.by_domain(level)
    failed = None
    if tasks.lost_there.any():
        failed = CommonTasks(table, a, b, trials_as=trials_as, errors_as="failed").compared(level)
    of_a, of_b = ((table.sums[i], table.counts[i], table.squares[i]) for i in (table.index(a), table.index(b)))
    notes = [*tasks.notes(level), *apart_note(general)]
    if few := few_clusters(tasks.clusters):
        notes.append(told_of_few(few))
    if tasks.seeded:
        notes.append(f"a task flips where more than half of the {tasks.tries} did")
    if tasks.several or trials_as != "mean":
        tried = CommonTasks(table, a, b, errors_as=errors_as)
        own = trials_as == "mean" and not tasks.seeded
        flips = "; a task flips where more than half of its trials did" if own else ""
        notes.append(f"{tried.trials}; {TRIALS_AS[trials_as]}{flips}")
        if tried.uneven and not tried.seeded:
            what = UNEVEN if trials_as == "mean" else f"--trials-as {trials_as}"
            notes.append(f"{what}: {EVEN if table.graded is not None else NOT_EVEN}")
    if tasks.lost:
        notes.append(f"{ERRORS_AS[errors_as]}: {tasks.lost:,} of these two contenders")
    if len(by_domain) > 1:
        how = "Holm 1979" if tasks.seeded else "step-down max-T, Westfall & Young 1993"
        notes.append(f"p adjusted holds for all domains together ({how})")
    notes += shared_sources(table, manifest, (a, b)) + uncalibrated(manifest)
    notes += [flag.text for flag in table.flags if flag.kind in OF_THE_ROWS]
    (first, n), (second, m) = tasks.sides
    times = [None if (found := asked(table, name)) is None else found.at(tasks.mask) for name in (a, b)]
    strata = strata_of(table)[tasks.mask]
    differences = Differences(values=first / n - second / m, clusters=tasks.clusters, strata=strata)
    time = changed_over_time((a, b), differences, times, level)
    return Pairing(
        comparison=tasks.compared(level),
        this_suite=stats.this_suite_difference(of_a, of_b, level),
        errored_as_failed=failed,
        domains=by_domain,
        flips=_flips(tasks),
        warning=progress_of(table, manifest).warning,
        over_time=time,
        notes=(*notes, *time.notes, *([] if spread is None or len(by_domain) < 2 else [_spread_note(spread)])),
    )


def _spread_note(found: stats.Heterogeneity) -> str:
    tau = "an unknown number of" if found.tau2.value is None else spread_points(found.tau2.value)
    high = found.tau2.high
    most = "unknown" if high is None else NOT_KNOWN if high >= 1.0 else spread_points(high)
    test = f"Q {found.q:.2f} on {found.df} df, {p_equation(found.p_value)}"
    spread = f"standard deviation of their true differences: {tau} points, upper end {most}"
    shrunk = "shrunk differences are drawn towards the mean of all domains as far as noise asks (tau integrated out)"
    return f"do the domains differ? {test}; {spread}; {shrunk}"


def _flips(tasks: CommonTasks) -> tuple[Flip, ...]:
    """Tasks that only one of the two passed; with several trials, more than half of them. Lost ones first."""
    table = tasks.table
    passed_a, passed_b = tasks.passed
    return tuple(
        Flip(task=table.tasks[i], domain=table.domain_names[table.domains[i]], direction=direction)
        for direction, only in (("lost", passed_b & ~passed_a), ("gained", passed_a & ~passed_b))
        for i in (only & tasks.mask).nonzero()[0].tolist()
    )


def shares_tasks(table: TaskTable, a: str, b: str) -> bool:
    """Whether the two have a task at which both have a graded attempt."""
    return bool(CommonTasks(table, a, b).n_tasks)


def compared(tasks: Iterable[CommonTasks], level: float) -> list[tuple[Comparison, DomainSpread | None]]:
    """The comparisons alone, adjusted as one family, null without common tasks; and how the domains of each differ."""
    found = [(pair.compared(level), pair.spread(level)) for pair in tasks]
    p_values = adjusted([one.p_value for one, _ in found])
    return [(replace(one, p_adjusted=p), spread) for (one, spread), p in zip(found, p_values, strict=True)]


def adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's p-values over those that are known (Holm 1979); an unknown one stays unknown and is not counted."""
    known = [p for p in p_values if p is not None]
    corrected = iter(stats.holm(known).tolist() if known else [])
    return [None if p is None else next(corrected) for p in p_values]


def seed_notes(table: TaskTable, names: Iterable[str]) -> list[str]:
    """Whose figures are over training seeds, and how these enter."""
    of = [f"{name} ({', '.join(table.seeds[name])})" for name in names if name in table.seeds]
    how = "the mean over the seeds; their variance is in the intervals and tests, with t on their number less one"
    return [f"training seeds: {listed(of, 5)}: {how}"] if of else []


def unit_of(table: TaskTable) -> str:
    """What is resampled over all tasks of a table that anybody has met."""
    met = table.clusters[(table.trials > 0).any(axis=0)]
    return "task" if len(set(met.tolist())) == len(met) else "cluster"


def unit_note(units: int, tasks: int, level: float) -> str:
    """Over what the intervals are."""
    head = f"intervals ({100 * level:g}%) are over"
    if units == tasks:
        return f"{head} tasks like these: the unit is the task"
    shared = f"{plural(units, 'cluster')} of tasks that share a source"
    return f"{head} {shared}, not over {plural(tasks, 'task')}: the unit is the cluster"
