"""Two reports laid side by side, task by task, and the reasons not to trust what lies there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis.loading import Floats, Ints, Mask, distinct
from harness.core import EvidenceError, Manifest, SuiteRecord, plural
from harness.store import ERRORED, GRADED, UNGRADED, Keys, TaskTable, experiment_file, read_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One contender of one report."""

    table: TaskTable
    manifest: Manifest | None
    contender: str

    @property
    def index(self) -> int:
        """The contender's row in the table."""
        return self.table.index(self.contender)

    @property
    def tried_mask(self) -> Mask:
        """Of each task of the table whether the contender has any row of it."""
        found: Mask = self.table.trials_of(self.index) > 0
        return found

    @property
    def tried(self) -> Ints:
        """Positions of the tasks at which the contender has any row."""
        return np.flatnonzero(self.tried_mask)

    @property
    def keys(self) -> dict[tuple[str, str], int]:
        """The tasks tried: the identity of each, and its position in the table."""
        keys = self.table.keys
        return {keys[i]: i for i in self.tried.tolist()}

    @property
    def lost(self) -> Floats:
        """Attempts at each task that the instrument failed."""
        lost: Floats = (self.table.errored[self.index] + self.table.ungraded[self.index]).astype(float)
        return lost

    def first_trials(self, few: Floats, *, failed: bool = False) -> Floats:
        """The sum at each task over the first ``few`` of its graded trials by number; ``failed``: and of lost ones."""
        of, rows = self.table.outcomes, self.table.attempts_of(self.contender).rows
        if failed:
            status, here = of.status.codes, of.in_split(self.table.split) & ~of.repeated
            here &= (of.contender.codes == self.index) & (status >= GRADED) & (status <= ERRORED)
            rows = np.concatenate([rows, np.flatnonzero(here)])
        tasks = self.table.task_places[of.task[rows]]
        order = np.lexsort((of.trial[rows], tasks))
        rows, tasks = rows[order], tasks[order]
        first = np.arange(len(tasks)) - np.searchsorted(tasks, tasks) < few[tasks]
        values = np.where(of.status.codes[rows] < GRADED, of.values(rows), 0.0)
        return np.bincount(tasks[first], weights=values[first], minlength=len(few)).astype(np.float64)

    def lost_share(self, rows: Ints | None = None) -> float:
        """Of all attempts made, or those at some tasks, the share that errored or could not be graded."""
        rows = self.tried if rows is None else rows
        made = int((self.table.trials_of(self.index) - self.table.skipped[self.index])[rows].sum())
        return float(self.lost[rows].sum()) / made if made else 1.0

    @property
    def suites(self) -> Mapping[str, SuiteRecord]:
        """What the manifest says of the suites that were tried, by name."""
        names = {name for name, _ in self.table.suites_of(self.tried)}
        return {s.name: s for s in (self.manifest.suites if self.manifest else ()) if s.name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedOutcomes:
    """Candidate and baseline at the same tasks, one entry a task."""

    candidate: tuple[Floats, Floats]  # (sums, counts) of the graded trials
    baseline: tuple[Floats, Floats]
    domains: Ints  # of each task, a position in ``domain_names``
    domain_names: tuple[str, ...]
    clusters: Ints

    @property
    def common(self) -> Mask:
        """Tasks at which both have a graded trial."""
        mask: Mask = (self.candidate[1] > 0) & (self.baseline[1] > 0)
        return mask

    def at(self, mask: Mask | Ints) -> "PairedOutcomes":
        """The same at some of the tasks, by a mask or by positions in their order."""
        candidate, baseline = ((sums[mask], counts[mask]) for sums, counts in (self.candidate, self.baseline))
        domains, clusters = self.domains[mask], self.clusters[mask]
        return replace(self, candidate=candidate, baseline=baseline, domains=domains, clusters=clusters)

    def of_domain(self, name: str) -> "PairedOutcomes":
        """The same at the tasks of one domain."""
        code = self.domain_names.index(name) if name in self.domain_names else -1
        return self.at(self.domains == code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Both sides at the tasks that both tried, in the baseline's order."""

    candidate: Side
    baseline: Side
    candidate_rows: Ints  # positions in the candidate's table
    baseline_rows: Ints
    outcomes: PairedOutcomes

    def at(self, mask: Mask | Ints) -> "Pairs":
        """The same at some of the tasks, by a mask or by positions in their order."""
        ours, theirs = self.candidate_rows[mask], self.baseline_rows[mask]
        return replace(self, candidate_rows=ours, baseline_rows=theirs, outcomes=self.outcomes.at(mask))

    @property
    def lost(self) -> tuple[Floats, Floats]:
        """Attempts of each at each task that the instrument failed, candidate first."""
        return self.candidate.lost[self.candidate_rows], self.baseline.lost[self.baseline_rows]

    @property
    def ungraded(self) -> int:
        """How many of these had an answer that the grader could not judge."""
        ours, theirs = ((self.candidate, self.candidate_rows), (self.baseline, self.baseline_rows))
        return int(sum(side.table.ungraded[side.index][rows].sum() for side, rows in (ours, theirs)))

    @property
    def lost_as_failed(self) -> PairedOutcomes:
        """The outcomes with those attempts counted as failed, on both sides."""
        (ours, n), (theirs, k), (a, b) = self.outcomes.candidate, self.outcomes.baseline, self.lost
        return replace(self.outcomes, candidate=(ours, n + a), baseline=(theirs, k + b))

    @property
    def counted(self) -> dict[str, Any]:
        """Tasks that one alone passes, both and neither: by more than half of the first trials, of as many of both."""
        few = np.minimum(self.outcomes.candidate[1], self.outcomes.baseline[1])
        passed = []
        for side, rows in ((self.candidate, self.candidate_rows), (self.baseline, self.baseline_rows)):
            here = np.zeros(len(side.table.tasks))
            here[rows] = few
            passed.append((side.first_trials(here)[rows] > 0.5 * few)[few > 0])
        return passed_by(*passed)

    def per_task(self, figure: str) -> tuple[Floats, Floats]:
        """Dollars (``cost``) or seconds a task of each, candidate first, where both have graded trials; NaN unknown."""
        sides, out, common = (self.candidate, self.baseline), self.outcomes, self.outcomes.common
        sums = [side.table.cost_sums[side.index] if figure == "cost" else seconds_of(side) for side in sides]
        first = sums[0][self.candidate_rows][common] / out.candidate[1][common]
        return first, sums[1][self.baseline_rows][common] / out.baseline[1][common]


def passed_by(a: Mask, b: Mask) -> dict[str, Any]:
    """The counts of a comparison: tasks that one alone passes, both and neither."""
    found = {"wins": a & ~b, "losses": b & ~a, "both_passed": a & b, "both_failed": ~a & ~b}
    return {name: int(of.sum()) for name, of in found.items()}


def coarser_clusters(candidate: Ints, baseline: Ints) -> Ints:
    """Where the two disagree about which tasks share a source, the coarser says it: fewer units claim less."""
    return min((candidate, baseline), key=distinct)


def seconds_of(side: Side) -> Floats:
    """Seconds over the graded trials of each task; NaN where one of them is unknown."""
    own = side.table.attempts_of(side.contender)
    return np.bincount(own.tasks, weights=own.numbers("latency_s"), minlength=len(side.table.tasks)).astype(np.float64)


def renewal(first: Path, second: Path) -> str | None:
    """What makes two reports pair of which one was written before digests were of content alone, else ``None``."""
    schemas = [(manifest.schema if (manifest := read_manifest(r)) else 2, r) for r in (first, second)]
    earlier = [report for schema, report in schemas if schema < 2 and experiment_file(report).is_file()]
    said = "{0} was written by an earlier version; `ownbench run {0}` renews it and asks nothing again"
    return said.format(earlier[0]) if len(earlier) == 1 else None


Suites = Sequence[tuple[str, str]]  # names and digests


def suites_called(reports: Sequence[Suites]) -> list[dict[tuple[str, str], str]]:
    """For each report its suites' names, a suite of the same content under the name that an earlier report has for it.

    So a suite that was renamed, or an imported table without suites, is held against what it is; a suite whose tasks
    changed keeps its name. Two suites of one report are never called alike.
    """
    names: dict[str, str] = {}
    digests: dict[str, str] = {}
    found = []
    for suites in reports:
        called = {(name, digest): names[name] for name, digest in suites if name in names}
        for name, digest in suites:
            other = digests.get(digest, name)
            called.setdefault((name, digest), name if other in called.values() else other)
        for (name, digest), known in called.items():
            names[name] = known
            digests |= {digest: known} if digest else {}
        found.append(called)
    return found


def by_suite(table: TaskTable, called: Mapping[tuple[str, str], str]) -> TaskTable:
    """The same with tasks known by what their suite is called, whose digest is another as soon as one task is."""
    return replace(table, keys=Keys([called[one] for one in table.suites_there], table.suite_codes, table.keys.tasks))


def pair_sides(candidate: Side, baseline: Side, without: Collection[tuple[str, str]] = ()) -> Pairs:
    """Lays two sides over each other by the digests of suite and task, or by their names; ``without`` some tasks."""
    table = baseline.table
    if candidate.table is table and not without:
        rows_c = rows_b = np.flatnonzero(candidate.tried_mask & baseline.tried_mask)
    else:
        place = table.keys.places_in(candidate.table.keys)
        both = (place >= 0) & baseline.tried_mask & candidate.tried_mask[place]
        if without:
            both &= np.array([key not in without for key in table.keys], dtype=bool)
        rows_b = np.flatnonzero(both)
        rows_c = place[rows_b]
    sums_c, sums_b = (
        (side.table.sums[side.index][rows], side.table.counts[side.index][rows].astype(np.float64))
        for side, rows in ((candidate, rows_c), (baseline, rows_b))
    )
    outcomes = PairedOutcomes(
        candidate=sums_c,
        baseline=sums_b,
        domains=table.domains[rows_b],
        domain_names=table.domain_names,
        clusters=coarser_clusters(candidate.table.clusters[rows_c], table.clusters[rows_b]),
    )
    return Pairs(candidate=candidate, baseline=baseline, candidate_rows=rows_c, baseline_rows=rows_b, outcomes=outcomes)


Gradings = dict[tuple[str, str], frozenset[str]]  # by the digests of suite and task, those of the gradings of its rows


def gradings_of(table: TaskTable, contender: str) -> Gradings:
    """How a contender's rows were graded, or were to be; a task is left out where one of them does not say."""
    outcomes = table.outcomes
    if not outcomes.holds("grader_digest"):
        return {}
    tasks = table.task_places[outcomes.task]
    of = outcomes.contender.codes == table.index(contender)
    rows = np.flatnonzero(of & (outcomes.status.codes <= UNGRADED) & (tasks >= 0))
    grader = outcomes.words_at("grader_digest", rows)
    if (grader.codes < 0).all():
        return {}
    names, tasks = [*grader.every, ""], tasks[rows]
    found: dict[int, set[str]] = {}
    for cell in np.unique(tasks * len(names) + np.where(grader.codes < 0, len(names) - 1, grader.codes)).tolist():
        found.setdefault(cell // len(names), set()).add(names[cell % len(names)])
    return {table.keys[task]: frozenset(digests) for task, digests in found.items() if "" not in digests}


def graded_otherwise(one: Gradings, other: Gradings) -> frozenset[tuple[str, str]]:
    """The tasks of both that were graded in different ways, or each in several."""
    return frozenset(key for key in one.keys() & other.keys() if one[key] != other[key] or len(one[key]) > 1)


_SUMS = ("counts", "sums", "squares", "errored", "ungraded", "skipped", "cost_sums", "cost_known", "confidences",
         "escalated")  # fmt: skip


def contenders_of_two_reports(first: TaskTable, a: str, second: TaskTable, b: str) -> TaskTable:
    """A table of ``a`` of the first report and ``b`` of the second, at the tasks that both tried, or EvidenceError."""
    i, j = first.index(a), second.index(b)
    otherwise = graded_otherwise(gradings_of(first, a), gradings_of(second, b))
    candidate, baseline = (Side(table=t, manifest=None, contender=name) for t, name in ((first, a), (second, b)))
    pairs = pair_sides(candidate, baseline, otherwise)
    here, there = pairs.candidate_rows, pairs.baseline_rows
    folders = first.report, second.report
    alike = folders[0].name == folders[1].name  # then they are told apart by where they lie
    if not len(there):
        one, other = map(str, folders) if alike else (folder.name for folder in folders)
        how = renewal(*folders)
        if otherwise:
            how = f"{plural(len(otherwise), 'task')} graded by another grader or reference: ownbench regrade"
        raise EvidenceError(f"{a!r} of {one} and {b!r} of {other} have no task in common" + (f": {how}" if how else ""))
    names = a, b
    if a == b:
        words = ("first", "second") if alike else (folders[0].name, folders[1].name)
        names = f"{a} ({words[0]})", f"{b} ({words[1]})"
    of_tasks = ("tasks", "task_digests", "suites", "suite_digests", "splits", "keys")
    fields: dict[str, Any] = {n: getattr(second, n).at(there) for n in of_tasks}
    fields |= {n: np.stack([getattr(first, n)[i][here], getattr(second, n)[j][there]]) for n in _SUMS}
    return replace(
        second,
        contenders=names,
        kinds=(first.kinds[i], second.kinds[j]),
        contender_digests=(first.contender_digests[i], second.contender_digests[j]),
        domains=second.domains[there],
        clusters=pairs.outcomes.clusters,
        **fields,
        duplicates=0,
        flags=(),
        suite_codes=second.suite_codes[there],
        graded=None,
    )


def tasks_of_one_only(first: TaskTable, a: str, second: TaskTable, b: str, common: int) -> str | None:
    """A sentence about the tasks that only one of the two tried, or that were graded otherwise, if any."""
    tried = ((t.report.name, int((t.trials[t.index(name)] > 0).sum())) for t, name in ((first, a), (second, b)))
    parts = [f"{number - common:,} of {report}" for report, number in tried if number > common]
    kept = "does not have"
    if graded_otherwise(gradings_of(first, a), gradings_of(second, b)):
        kept += ", or graded by another grader (ownbench regrade),"
    return f"tasks that the other report {kept} are left out: {', '.join(parts)}" if parts else None
