"""Contenders over several reports: which tasks these share, decided here alone, and each rate on the shared ones.

Tasks are the same where their content, their grading and their suite (by name or digest) are, as between two reports.
Of a table that has no digests, names stand for content.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness import stats
from harness.analysis.changed import setup_of, what_differs
from harness.analysis.common_sets import ranked_table
from harness.analysis.general import work_of
from harness.analysis.loading import Evidence, Floats, Ints, Mask, load_evidence
from harness.analysis.scores import RateOf, pass_rates
from harness.analysis.sides import Side, suites_called
from harness.core import Estimate, listed, plural
from harness.store import UNGRADED, TaskTable

if TYPE_CHECKING:
    import pyarrow as pa

ENOUGH = 50  # shared tasks from which on reports are joined though most of the largest one's are not shared
_SEVERAL = "several"  # in place of a digest: a task that one report graded in several ways


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedTasks:
    """A contender in one report, at the tasks behind its pass rate there."""

    rate: RateOf  # as the scoreboard has it
    suites: tuple[tuple[str, str], ...]  # names and digests
    suite_codes: Ints  # of each task, a position among these
    contents: "pa.StringArray"  # of each task its digest, or its name where it has none
    gradings: "pa.StringArray"  # of each task the digest of grader, reference and tests; null: unknown
    sums: Floats
    counts: Ints
    clusters: Ints
    seeds: tuple[Floats, Ints] | None  # sums and counts of each training seed, [seeds, tasks]
    setup: Mapping[str, Any]  # what it is made of, and the suites' versions, for `what_differs`

    @property
    def tasks(self) -> int:
        """How many."""
        return len(self.contents)

    @property
    def trials(self) -> int:
        """The most graded trials of a task; of several training seeds, of all of them together."""
        return int(self.counts.max(initial=0))

    def rate_at(self, here: Mask, level: float) -> Estimate:
        """The pass rate on some of its tasks."""
        found = stats.clustered_rate(self.sums[here], self.counts[here], self.clusters[here], level)
        if self.seeds is None:
            return found
        return stats.widened(found, *stats.replicates(*(of[:, here] for of in self.seeds)).variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRate:
    """A contender in one of several reports, held against the others."""

    tasks: int  # behind its rate in this report
    shared: int  # of them those that the reports of its part share
    on_shared: Estimate  # pass rate on these
    part: int  # of the line: reports of one part are compared on the tasks that all of them share
    same_tasks: bool | None  # exactly those of the report before, graded alike; ``None`` of the first
    remarks: tuple[str, ...]  # what is not as in the report before, of its part where that has one


def rated_tasks(source: Path | Evidence, *, split: str | None = None, level: float = 0.95) -> tuple[RatedTasks, ...]:
    """Every contender that has graded tasks, in the order of the scoreboard; errors as `scoreboard`."""
    import pyarrow as pa

    evidence = load_evidence(source, split)
    table = ranked_table(work_of(evidence)[0])[2]
    contents = table.keys.tasks.cast(pa.string())
    found = []
    for rate in pass_rates(evidence, level=level):
        i = table.index(rate.contender)
        here = np.flatnonzero(table.counts[i] > 0)
        by_seed = table.by_seed(rate.contender) if rate.contender in table.seeds else None
        one = RatedTasks(
            rate=rate,
            suites=table.suites_there,
            suite_codes=table.suite_codes[here],
            contents=contents.take(pa.array(here)),
            gradings=_gradings(table, i).take(pa.array(here)),
            sums=table.sums[i, here],
            counts=table.counts[i, here],
            clusters=table.clusters[here],
            seeds=None if by_seed is None else (by_seed[0][:, here], by_seed[1][:, here]),
            setup=setup_of(Side(table=table, manifest=evidence[1], contender=rate.contender)),
        )
        found += [one] if one.tasks else []
    return tuple(found)


def shared_rates(found: Sequence[RatedTasks], interim: Sequence[bool], level: float = 0.95) -> tuple[SharedRate, ...]:
    """One contender in several reports, in the order given; ``interim``: of each whether its run is not done.

    Reports are of one part while the tasks that all of these share are half of the smallest one's at least, and half of
    the largest one's, or `ENOUGH`; others may lie between them. A run that is not done is of it where it has all of
    these tasks: the first to be asked are not like the others.
    """
    parts: list[_Part] = []
    of: list[int] = []
    told = suites_called([one.suites for one in found])
    keyed = [_Keyed(one=one, keys=_keys(one, called)) for one, called in zip(found, told, strict=True)]
    whole: list[int] = []  # parts that are not of a run under way alone, the latest last
    found_before: list[int | None] = []  # the report before on the same line, else the one before at all
    for i, (one, open_) in enumerate(zip(keyed, interim, strict=True)):
        place = next((k for k in reversed(whole) if parts[k].takes(one, whole=open_)), len(parts))
        if place < len(parts):
            parts[place] = parts[place].joined(one)
            whole.remove(place)
        else:
            parts.append(_Part(keys=one.keys, gradings=one.gradings, sizes=(len(one.keys),)))
        before = [j for j in range(i) if of[j] == place]
        found_before.append(before[-1] if before else i - 1 if i else None)
        of.append(place)
        whole += [place] if before or not open_ else []
    return tuple(
        _shared(one, parts[of[i]], of[i], None if at is None else _Before(keyed[at], next_to_it=at == i - 1), level)
        for i, (one, at) in enumerate(zip(keyed, found_before, strict=True))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keyed:
    """Rated tasks, and of each of its tasks what it is known by in all of the reports."""

    one: RatedTasks
    keys: "pa.StringArray"

    @property
    def gradings(self) -> "pa.StringArray":
        """Those of the tasks."""
        return self.one.gradings


def _keys(one: RatedTasks, called: Mapping[tuple[str, str], str]) -> "pa.StringArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.array([called[suite] for suite in one.suites], pa.string()).take(pa.array(one.suite_codes))
    return pc.binary_join_element_wise(names, one.contents, "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The tasks that some reports share."""

    keys: "pa.StringArray"
    gradings: "pa.StringArray"
    sizes: tuple[int, ...]  # tasks of each report

    def takes(self, one: _Keyed, *, whole: bool) -> bool:
        """Whether enough is shared with one more; ``whole``: whether nothing is lost by it."""
        shared, sizes = int(_alike(self, one)[0].sum()), (*self.sizes, len(one.keys))
        if whole:
            return shared == len(self.keys)
        return 2 * shared >= min(sizes) and (2 * shared >= max(sizes) or shared >= ENOUGH)

    def joined(self, one: _Keyed) -> "_Part":
        """The same with one more."""
        import pyarrow as pa
        import pyarrow.compute as pc

        alike, theirs, _ = _alike(self, one)
        kept = pa.array(alike)
        known = pc.coalesce(self.gradings, theirs)
        return _Part(keys=self.keys.filter(kept), gradings=known.filter(kept), sizes=(*self.sizes, len(one.keys)))


def _alike(one: _Part | _Keyed, other: _Keyed) -> tuple[Mask, "pa.StringArray", int]:
    """Of each task of the first whether the second has it, graded alike; its grading there; how many are not alike."""
    import pyarrow.compute as pc

    there = pc.index_in(one.keys, value_set=other.keys)
    theirs = other.gradings.take(there)
    same = pc.fill_null(pc.and_(pc.equal(one.gradings, theirs), pc.not_equal(theirs, _SEVERAL)), fill_value=True)
    held, alike = np.asarray(pc.is_valid(there)), np.asarray(same)
    return held & alike, theirs, int((held & ~alike).sum())


class _Before(NamedTuple):
    """The report that one is held against."""

    keyed: _Keyed
    next_to_it: bool  # no report lies between the two


def _shared(found: _Keyed, part: _Part, number: int, earlier: _Before | None, level: float) -> SharedRate:
    import pyarrow.compute as pc

    one, before = found.one, earlier.keyed.one if earlier else None
    here = np.asarray(pc.is_in(found.keys, value_set=part.keys))
    shared = int(here.sum())
    common, _, regraded = (np.zeros(0, dtype=bool), None, 0) if earlier is None else _alike(earlier.keyed, found)
    same = before is not None and int(common.sum()) == one.tasks == before.tasks
    return SharedRate(
        tasks=one.tasks,
        shared=shared,
        on_shared=one.rate.pass_rate if shared == one.tasks else one.rate_at(here, level),
        part=number,
        same_tasks=None if before is None else same,
        remarks=() if earlier is None else _remarks(earlier, one, int(common.sum()), regraded),
    )


def _remarks(earlier: _Before, one: RatedTasks, common: int, regraded: int) -> tuple[str, ...]:
    said, before = [], earlier.keyed.one
    if not common == one.tasks == before.tasks:
        which = "the report before" if earlier.next_to_it else "the report before on its line"
        said.append(f"shares {common:,} of its {plural(one.tasks, 'task')} with {which}, which has {before.tasks:,}")
    if regraded:
        said.append(f"{regraded:,} graded by another grader or reference, and not compared")
    if differs := what_differs(before.setup, one.setup):
        said.append(f"changed: {listed(differs, 4)}")
    seeds = [len(of.seeds[0]) if of.seeds else 1 for of in (before, one)]
    if seeds[0] != seeds[1]:
        said.append(f"training seeds: {seeds[1]}, before {seeds[0]}")
    elif before.trials != one.trials:
        said.append(f"trials a task: {one.trials:,}, before {before.trials:,}")
    return tuple(said)


def _gradings(table: TaskTable, place: int) -> "pa.StringArray":
    """At each task the digest by which a contender's rows were graded; null where a row says none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    outcomes = table.outcomes
    tasks = table.task_places[outcomes.task]
    rows = np.flatnonzero((outcomes.contender.codes == place) & (outcomes.status.codes <= UNGRADED) & (tasks >= 0))
    grader, at = outcomes.words_at("grader_digest", rows), tasks[rows]
    low, high = np.full(len(table.tasks), len(rows)), np.full(len(table.tasks), -1)
    np.minimum.at(low, at, grader.codes)
    np.maximum.at(high, at, grader.codes)
    named = grader.names.cast(pa.string()).take(pa.array(low, pa.int64(), mask=(low < 0) | (high < 0)))
    return pc.if_else(pa.array((low >= 0) & (low < high)), _SEVERAL, named)
