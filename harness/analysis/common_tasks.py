"""Contenders of one table at the tasks that all of them have graded attempts at: what every comparison starts from."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.core import Comparison, plural
from harness.stats import DomainComparison, Heterogeneity, compare, compare_domains, domain_variance, heterogeneity
from harness.store import TaskTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

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

SIGNS = 100_000_000  # random signs drawn at most for the domains of one comparison: 9,999 resamples up to 10,000 tasks

OF_THE_ROWS = {"split", "duplicates", "contradictions", "unvalued"}
"""Flags of the table that matter to every view; the others are about contenders, or are said there."""


@dataclass(frozen=True, kw_only=True)
class CommonTasks:
    """Sums and counts of some contenders at every task of the table, as the options want them."""

    table: TaskTable
    names: tuple[str, ...]
    sums: "tuple[Floats, ...]"
    counts: "tuple[Floats, ...]"
    errored: "tuple[Floats, ...]"  # attempts that the instrument failed, at tasks that all have any attempt at

    @staticmethod
    def of(table: TaskTable, *names: str, trials_as: str = "mean", errors_as: str = "excluded") -> "CommonTasks":
        """Of these contenders; raises `UsageError` where one is not in the table."""
        import numpy as np

        sums, counts, errored = [], [], []
        for i in map(table.index, names):
            lost = (table.errored[i] + table.ungraded[i]).astype(np.float64)
            total, n = table.sums[i], table.counts[i].astype(np.float64)
            if errors_as == "failed":
                n, lost = n + lost, np.zeros_like(lost)
            if trials_as != "mean":
                passed = {"majority": 2 * total > n, "all": total >= n - 1e-9, "any": total > 0}[trials_as]
                total, n = ((n > 0) & passed).astype(np.float64), (n > 0).astype(np.float64)
            sums.append(total)
            counts.append(n)
            errored.append(lost)
        met = np.all([n + lost > 0 for n, lost in zip(counts, errored, strict=True)], axis=0)
        errored = [np.where(met, lost, 0.0) for lost in errored]
        return CommonTasks(table=table, names=names, sums=tuple(sums), counts=tuple(counts), errored=tuple(errored))

    @cached_property
    def mask(self) -> "Mask":
        """Tasks at which all have a graded attempt."""
        import numpy as np

        mask: Mask = np.all([counts > 0 for counts in self.counts], axis=0)
        return mask

    @cached_property
    def n_tasks(self) -> int:
        """How many tasks are common."""
        return int(self.mask.sum())

    @cached_property
    def n_trials(self) -> int:
        """Graded attempts at them, of all contenders."""
        return int(sum(counts[self.mask].sum() for counts in self.counts))

    @cached_property
    def clusters(self) -> "Ints":
        """Of each common task the code of its cluster."""
        return self.table.clusters[self.mask]

    @cached_property
    def n_clusters(self) -> int:
        """How many clusters the common tasks fall into."""
        return len(set(self.clusters.tolist()))

    @property
    def unit(self) -> str:
        """What is resampled: ``task``, or ``cluster`` where tasks share a source."""
        return "task" if self.n_clusters == self.n_tasks else "cluster"

    @property
    def resamples(self) -> int:
        """Of a simulation, fewer where there is much to draw."""
        return min(9_999, max(999, SIGNS // max(1, self.n_clusters)))

    def values(self, which: int) -> "tuple[Floats, Floats]":
        """(sums, counts) of one contender at the common tasks."""
        return self.sums[which][self.mask], self.counts[which][self.mask]

    def compared(self, level: float) -> Comparison:
        """The first against the second; the figures are ``None`` where the two share no graded task."""
        (a, b), sums, counts, errored = self.names, self.sums, self.counts, self.errored
        return compare(sums[0], counts[0], sums[1], counts[1], self.table.clusters, a_name=a, b_name=b, level=level,
                       a_errored=errored[0], b_errored=errored[1])  # fmt: skip

    def by_domain(self, level: float) -> tuple[dict[int, DomainComparison], Heterogeneity | None]:
        """The first against the second in each domain, by the domain's code; and how much the domains differ."""
        a, b, domains = self.values(0), self.values(1), self.table.domains[self.mask]
        found, spread = compare_domains(a, b, domains, self.clusters, level=level, resamples=self.resamples)
        return dict(sorted((int(one.domain), one) for one in found)), spread

    def spread(self, level: float) -> Heterogeneity | None:
        """How much the difference differs between domains, without a test of each; ``None`` with fewer than two."""
        import numpy as np

        effects, variances = [], []
        domains, (a, b) = self.table.domains[self.mask], (self.values(0), self.values(1))
        means = [sums / counts for sums, counts in (a, b)]
        for code in np.unique(domains).tolist():
            here = domains == code
            once = all((counts[here] == 1).all() for _, counts in (a, b))
            once = once and bool(np.isin([m[here] for m in means], (0, 1)).all())
            alone = len(np.unique(self.clusters[here])) == int(here.sum())
            d = means[0][here] - means[1][here]
            effects.append(float(d.mean()))
            variances.append(domain_variance(d, self.clusters[here], single=once and alone))
        return heterogeneity(effects, variances, level) if len(effects) > 1 else None

    def notes(self, level: float) -> list[str]:
        """What figures of these tasks rest on, in sentences."""
        import numpy as np

        who = {1: "there is", 2: "both have"}.get(len(self.names), f"all {len(self.names)} have")
        notes = [f"split: {self.table.split}; on the {plural(self.n_tasks, 'task')} at which {who} a graded attempt"]
        if len(self.names) > 2:
            some = int(np.any([counts > 0 for counts in self.counts], axis=0).sum()) - self.n_tasks
            notes += [f"{plural(some, 'task')} that only some of them have are left out"] if some else []
        for name, counts in zip(self.names, self.counts, strict=True):
            alone = int(((counts > 0) & ~self.mask).sum())
            if alone and len(self.names) == 2:
                notes.append(f"{plural(alone, 'task')} graded for {name} only are left out")
        notes.append(unit_note(self.n_clusters, self.n_tasks, level))
        return notes

    def lost(self) -> int:
        """Attempts of these contenders, at any task, that errored or could not be graded."""
        places = [self.table.index(name) for name in self.names]
        return int(self.table.errored[places].sum() + self.table.ungraded[places].sum())


def unit_of(table: TaskTable) -> str:
    """What is resampled over all tasks of a table."""
    return "task" if len(set(table.clusters.tolist())) == len(table.tasks) else "cluster"


def unit_note(units: int, tasks: int, level: float) -> str:
    """Over what the intervals are."""
    head = f"intervals ({100 * level:g}%) are over"
    if units == tasks:
        return f"{head} tasks like these: the unit is the task"
    shared = f"{plural(units, 'cluster')} of tasks that share a source"
    return f"{head} {shared}, not over {plural(tasks, 'task')}: the unit is the cluster"


def trials_note(counts: "Sequence[Floats | Ints]") -> list[str]:
    """How several trials of a task enter; nothing where each task was tried once."""
    least, most = min(int(n.min()) for n in counts), max(int(n.max()) for n in counts)
    if most < 2:
        return []
    number = f"{most} trials a task" if least == most else f"graded trials a task differ, {least} to {most}"
    return [f"{number}: they enter as the task's mean and are no tasks of their own"]
