"""Outcomes as sums for each contender and task, which every statistic starts from, and what is odd about them."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import EvidenceError, Groups, OwnbenchError, UsageError, nearest
from harness.store.columns import Ahead, OutcomeFile
from harness.store.flags import Flag, flags_of, strange_figures
from harness.store.outcomes import ERRORED, GRADED, PASSED, SKIPPED, TAUGHT, UNGRADED, Outcomes, in_order
from harness.store.task_names import Keys, Named
from harness.store.words import Array, Floats, Ints, Words, taken

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTable:
    """Sums over trials for each contender and task.

    Arrays have the shape [contenders, tasks]. An attempt is graded when its status is passed or failed; only graded
    attempts enter ``counts``, ``sums``, ``squares``, costs, confidences and escalations.
    """

    report: Path
    split: str  # ``test``, ``dev`` or ``all``: the rows that were used
    contenders: tuple[str, ...]  # all of the file, in its order; one may have no row of the split
    kinds: tuple[str, ...]
    contender_digests: tuple[str, ...]
    tasks: Named[str]
    task_digests: Named[str]
    suites: Named[str]  # the name of each task's suite
    suite_digests: Named[str]
    suite_codes: Ints  # of each task, a position in ``suites_there``
    suites_there: tuple[tuple[str, str], ...]  # the different suites, by name and digest
    keys: Keys  # of each task its identity
    domain_names: tuple[str, ...]
    domains: Ints  # of each task, a position in ``domain_names``
    clusters: Ints  # of each task, the code of its cluster, from 0; a label is unique within its suite only
    splits: Named[str | None]
    counts: Ints  # graded trials
    sums: Floats  # of the values of the graded trials: passed as 0 or 1, or the score where passed is unknown
    squares: Floats
    errored: Ints
    ungraded: Ints
    skipped: Ints
    cost_sums: Floats  # dollars over the graded trials; NaN as soon as the cost of one of them is unknown
    cost_known: Ints  # graded trials whose cost is known
    confidences: Floats  # the mean over the graded trials that have one; NaN where none has
    escalated: Ints  # graded trials that were escalated
    duplicates: int  # rows left out because their contender, task and trial had come before
    flags: tuple[Flag, ...]
    outcomes: Outcomes = field(repr=False)  # all outcomes of the file, of every split
    graded: Array | None = field(
        repr=False
    )  # rows there of graded attempts; ``None`` where the table is of two reports
    task_places: Array = field(repr=False)  # of each task of `outcomes` its position here, -1 where it is not here

    @property
    def notes(self) -> tuple[str, ...]:
        """The flags as sentences."""
        return tuple(flag.text for flag in self.flags)

    @property
    def trials(self) -> Ints:
        """Rows of each contender at each task, whatever their status."""
        return self.counts + self.errored + self.ungraded + self.skipped

    def trials_of(self, place: int) -> Ints:
        """The same of the contender at one position."""
        found: Ints = self.counts[place] + self.errored[place] + self.ungraded[place] + self.skipped[place]
        return found

    def suites_of(self, tasks: Ints) -> set[tuple[str, str]]:
        """Names and digests of the suites that some tasks are of."""
        return {self.suites_there[code] for code in np.flatnonzero(np.bincount(self.suite_codes[tasks])).tolist()}

    def index(self, contender: str) -> int:
        """The contender's position. Raises UsageError: there is no such contender; names the nearest."""
        if contender not in self.contenders:
            seed, problem = f"{contender}-1", f"{self.report} has no contender {contender!r}"
            advice = f"name one of its training seeds, such as {seed!r}" if seed in self.contenders else ""
            raise UsageError(f"{problem}; {advice or nearest(contender, self.contenders)}")
        return self.contenders.index(contender)

    def without(self, out: Array) -> "TaskTable":
        """The same without what some contenders did at some tasks; ``out`` has the shape [contenders, tasks]."""
        counted = ("counts", "sums", "squares", "errored", "ungraded", "skipped", "cost_sums", "cost_known")
        kept: dict[str, Any] = {name: np.where(out, 0, getattr(self, name)) for name in (*counted, "escalated")}
        graded = self.graded
        if graded is not None:
            every = Attempts(self, graded)
            graded = graded[~out[every.contenders, every.tasks]]
        return replace(self, confidences=np.where(out, np.nan, self.confidences), graded=graded, **kept)

    def every_attempt(self) -> "Attempts":
        """All graded attempts. Raises EvidenceError: the table is of two reports; later: the file has changed."""
        if self.graded is None:
            raise EvidenceError(f"{self.report}: laid beside another report, it has no attempts of its own")
        return Attempts(self, self.graded)

    def attempts_of(self, contender: str) -> "Attempts":
        """The graded attempts of one contender; errors as `index` and `every_attempt`."""
        rows, place, codes = self.every_attempt().rows, self.index(contender), self.outcomes.contender.codes
        return Attempts(self, rows[(codes if len(rows) == len(codes) else codes[rows]) == place])

    def attempts(self, contender: str, columns: Sequence[str]) -> "pa.Table":
        """The same as ``task_index``, ``trial_index`` and chosen columns of texts and numbers, null where unknown."""
        import pyarrow as pa

        one = self.attempts_of(contender)
        found = {"task_index": one.tasks, "trial_index": one.trials}
        return pa.table(found | {name: self.outcomes.column_at(name, one.rows) for name in dict.fromkeys(columns)})

    @property
    def seeds(self) -> Mapping[str, tuple[str, ...]]:
        """By contender with several training seeds their names, where these are folded into it."""
        return self.outcomes.seeds if self.graded is not None else {}

    def by_seed(self, contender: str, column: str | None = None) -> tuple[Floats, Ints]:
        """For each training seed and task the sum of the values, or of a column's numbers, and how many are graded."""
        one, seeds = self.attempts_of(contender), self.seeds[contender]
        shape = len(seeds), len(self.tasks)
        cells = self.seed_places(contender) * shape[1] + one.tasks
        values = self.outcomes.values(one.rows) if column is None else one.numbers(column)
        sums = np.bincount(cells, weights=values, minlength=shape[0] * shape[1])
        counts = np.bincount(cells, minlength=shape[0] * shape[1])
        return sums.astype(np.float64).reshape(shape), counts.astype(np.int64).reshape(shape)

    def seed_places(self, contender: str) -> Ints:
        """Of each graded attempt of a contender the position of its training seed in ``seeds``."""
        names = self.outcomes.seed.every
        place = np.zeros(len(names), dtype=np.int64)
        place[[names.index(seed) for seed in self.seeds[contender]]] = np.arange(len(self.seeds[contender]))
        found: Ints = place[self.outcomes.seed.codes[self.attempts_of(contender).rows]]
        return found

    def labels(self, contender: str) -> tuple[list[str], list[str | None], Ints]:
        """Of the contender's labelled answers the true labels, those in the answers, and the tasks' positions."""
        one = self.attempts_of(contender)
        one = Attempts(self, one.rows[one.words("label_true").codes >= 0])
        true, predicted = (one.words(name).texts().to_pylist() for name in ("label_true", "label_predicted"))
        return true, predicted, one.tasks


@dataclass(frozen=True, slots=True)
class Attempts:
    """Graded attempts, one entry each, in the file's order; a column is read when it is first asked for."""

    table: TaskTable
    rows: Array

    @property
    def contenders(self) -> Array:
        """Positions in the table's ``contenders``."""
        return self.table.outcomes.contender.codes[self.rows]

    @property
    def tasks(self) -> Array:
        """Positions in the table's ``tasks``."""
        return self.table.task_places[self.table.outcomes.task[self.rows]]

    @property
    def trials(self) -> Array:
        """From 0."""
        return self.table.outcomes.trial[self.rows].astype("int64")

    @property
    def values(self) -> Floats:
        """Passed as 0 or 1, else the score; NaN where both are unknown."""
        of = self.table.outcomes
        given = (of.passed[self.rows] >= 0) | np.isfinite(of.numbers_at("score", self.rows))
        return np.where(given, of.values(self.rows), np.nan)

    @property
    def escalated(self) -> Array:
        """1, 0, or -1 where unknown."""
        return self.table.outcomes.escalated[self.rows]

    def numbers(self, column: str) -> Floats:
        """A column of numbers: NaN where unknown."""
        return self.table.outcomes.numbers_at(column, self.rows)

    def words(self, column: str) -> Words:
        """A column of texts."""
        return self.table.outcomes.words(column).at(self.rows)


def load_task_table(
    report: Path, split: str | None = None, seeds: Mapping[str, Sequence[str]] | None = None
) -> TaskTable:
    """The outcomes as sums. Raises UsageError: no such split. EvidenceError: as `Outcomes`; or there are no rows.

    Contenders that are training ``seeds`` of one are that one.

    Without ``split`` (``test``, ``dev``, ``all``) a report with rows of ``test`` is read without its dev rows, on which
    thresholds were chosen. Rows without a split, of suites that have none, are kept. Rows of train tasks never are: a
    report of nothing else is no evidence.
    """
    import pyarrow as pa

    outcomes = Outcomes(report).folded(seeds or {})
    if split not in {None, "test", "dev", "all"}:
        raise UsageError(f"unknown split {split!r}; use test, dev or all")
    there = outcomes.words("split").every
    chosen = split or ("test" if "test" in there else "all")
    rows = np.flatnonzero(outcomes.in_split(chosen)) if chosen != "dev" or "dev" in there else np.empty(0, np.int64)
    if not len(rows):
        raise _no_rows(outcomes, chosen)
    whole = len(rows) == outcomes.rows
    again = outcomes.repeated if whole else outcomes.repeats(rows)
    fresh = rows[~again] if again.any() else rows
    here = outcomes.task if whole else outcomes.task[rows]
    tasks = here[first := in_order(here, outcomes.tasks)[1]]
    task_places = np.full(outcomes.tasks, -1, dtype=np.int64)
    task_places[tasks] = np.arange(len(tasks))
    shape = len(outcomes.contenders), len(tasks)
    some = slice(None) if len(fresh) == outcomes.rows else fresh  # the columns themselves, not copies of all they hold
    cells = outcomes.contender.codes[some].astype(np.int64) * shape[1] + task_places[outcomes.task[some]]
    sums, odd = _sums(outcomes, some, cells, shape)
    odd |= {name: outcomes.named_twice(name) for name in ("domain", "cluster")}
    pa.default_memory_pool().release_unused()  # before the names of all tasks are made
    names, copies = _names(outcomes, tasks)
    outcomes.ahead = Ahead()  # is not held for as long as the table
    pa.default_memory_pool().release_unused()  # what held the columns: a third of the whole in a process that stays
    odd |= {"copies": copies, "duplicates": len(rows) - len(fresh), "split": outcomes.rows - len(rows)}
    return TaskTable(
        report=outcomes.report,
        split=chosen,
        splits=Named(len(tasks), functools.partial(_spelled, outcomes.words("split").at(rows[first]), None)),
        duplicates=odd["duplicates"],
        flags=(*strange_figures(outcomes), *flags_of(outcomes.contenders, sums, odd, outcomes.seeds)),
        outcomes=outcomes,
        graded=fresh[outcomes.status.codes[fresh] < GRADED],
        task_places=task_places,
        **names,
        **sums,
    )


def split_used(report: Path, split: str | None = None) -> str:
    """The split that `load_task_table` would use; one column is read. Raises EvidenceError: as `OutcomeFile`."""
    return split or ("test" if "test" in OutcomeFile(report).words("split").every else "all")


def _no_rows(outcomes: Outcomes, split: str) -> OwnbenchError:
    """A split that the report lacks is asked for wrongly; the report itself is sound."""
    if not outcomes.rows:
        return EvidenceError(f"{outcomes.path}: holds no rows")
    words = outcomes.words("split")
    names, unsplit = words.every, bool((words.codes < 0).any())
    there = [name for name in ("test", "dev") if name in names or (name == "test" and unsplit)]
    if not there and TAUGHT in names:
        taught = "holds attempts on train tasks alone, which teach and judge nothing"
        return EvidenceError(f"{outcomes.report}: {taught}; run test tasks (split: test) to compare contenders")
    have = f"it has {' and '.join(there)}" if names else "its tasks are not split"
    problem = f"{outcomes.report}: holds no rows of the split {split}; {have}"
    return UsageError(f"{problem}: use {', '.join([*there, 'all'])}")


def _names(outcomes: Outcomes, tasks: Array) -> tuple[dict[str, Any], int]:
    """What a table says of its contenders and its tasks; and how many tasks stand in an earlier suite too."""
    import pyarrow.compute as pc

    _, first = in_order(outcomes.contender.codes, len(outcomes.contenders))
    kinds, digests = (_spelled(outcomes.words_at(name, first)) for name in ("contender_kind", "contender_digest"))
    task, task_digest = (taken(texts, tasks) for texts in (outcomes.task_names, outcomes.task_digests))
    (suites, of_suite), (suite_digests, of_digest) = (
        _numbered(words.at(tasks)) for words in (outcomes.suite, outcomes.suite_digest)
    )
    suite_codes, first = in_order(of_suite * len(suite_digests) + of_digest, len(suites) * len(suite_digests))
    there = [(suites[of_suite[row]], suite_digests[of_digest[row]]) for row in first.tolist()]
    nameless = pc.equal(task_digest, "")
    known = pc.if_else(nameless, task, task_digest) if pc.any(nameless).as_py() else task_digest
    keys = Keys([digest or name for name, digest in there], suite_codes, known)
    domain_names, domains = _numbered(outcomes.domain.at(tasks))
    one_suite = len({digest or name for name, digest in there}) == 1
    clusters = _cluster_codes(outcomes.cluster.at(tasks), keys, one_suite=one_suite)
    clusters, copies = (clusters, 0) if one_suite else _one_unit(clusters, task_digest.to_pylist())

    def suites_as(part: int) -> "Named[str]":
        return Named(len(tasks), lambda: [there[code][part] for code in suite_codes.tolist()])

    found = {
        "contenders": outcomes.contenders,
        "kinds": tuple(kind or "imported" for kind in kinds),
        "contender_digests": tuple(digest or "" for digest in digests),
        "tasks": Named(len(tasks), task.to_pylist),
        "task_digests": Named(len(tasks), task_digest.to_pylist),
        "suites": suites_as(0),
        "suite_digests": suites_as(1),
        "suite_codes": suite_codes,
        "suites_there": tuple(there),
        "keys": keys,
        "domain_names": domain_names,
        "domains": domains,
        "clusters": clusters,
    }
    return found, copies


def _spelled(words: Words, unknown: Any = "") -> list[Any]:
    names = [*words.every, unknown]  # -1 is the last
    if len(names) == 1:
        return names * len(words.codes)
    return [names[code] for code in words.codes.tolist()]


def _numbered(words: Words) -> tuple[tuple[str, ...], Ints]:
    """The distinct words in the order of their appearance, and the number of each word among them; unknown is ""."""
    names = [*words.every, ""]
    blank = names.index("")
    codes, first = in_order(np.where(words.codes < 0, blank, words.codes), len(names))
    return tuple(names[words.codes[row]] for row in first.tolist()), codes


def _cluster_codes(words: Words, keys: Keys, *, one_suite: bool) -> Ints:
    """A label is unique within its suite only; without one the task is a cluster by itself, of its own name."""
    if not len(words.names):
        return np.arange(len(keys))
    if one_suite and words.blank < 0 and (words.codes >= 0).all():
        return in_order(words.codes, len(words.names))[0]
    labels = [(suite, name or task) for (suite, task), name in zip(keys, _spelled(words), strict=True)]
    code = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return np.array([code[label] for label in labels], dtype=np.int64)


def _one_unit(clusters: Ints, digests: Sequence[str]) -> tuple[Ints, int]:
    """The cluster codes in which a task that stands in several suites is in one cluster; and how many stand again."""
    # Answers to the same question are no independent evidence; a report that holds such tasks is sound all the same.
    if len(set(digests)) == len(digests):
        return clusters, 0
    first: dict[str, int] = {}
    joined: Groups[int] = Groups()
    copies = 0
    for place, digest in enumerate(digests):
        if digest and first.setdefault(digest, place) != place:
            copies += 1
            joined.join(int(clusters[first[digest]]), int(clusters[place]))
    return np.unique([joined.of(code) for code in clusters.tolist()], return_inverse=True)[1], copies


def _sums(
    outcomes: Outcomes, rows: Array | slice, cells: Array, shape: tuple[int, int]
) -> tuple[dict[str, Any], dict[str, int]]:
    """The sums of a table, and how many rows are odd; a cell is contender times tasks, plus task."""

    def total(here: Array, weights: Array | None = None) -> Array:
        if not here.any():  # most of a column is often empty
            return np.zeros(shape, dtype=np.int64 if weights is None else np.float64)
        which = slice(None) if here.all() else here
        weights = None if weights is None else weights[which]
        return np.bincount(cells[which], weights=weights, minlength=shape[0] * shape[1]).reshape(shape)

    status, passed = outcomes.status.codes[rows], outcomes.passed[rows]
    graded, judged, value = status < GRADED, passed >= 0, outcomes.values(rows)
    sums: dict[str, Any] = {
        "counts": total(graded),
        "sums": total(graded, value),
        "errored": total(status == ERRORED),
        "ungraded": total(status == UNGRADED),
        "skipped": total(status == SKIPPED),
    }
    wrong, unvalued = judged & graded & ((passed == 1) != (status == PASSED)), graded & ~judged
    if outcomes.numbers("score") is None:
        sums["squares"] = sums["sums"]  # of 0 and 1
    else:
        sums["squares"] = total(graded, value * value)
        score = outcomes.numbers_at("score", rows)
        scored = np.isfinite(score)
        wrong |= judged & scored & (((passed == 1) & (score <= 0)) | ((passed == 0) & (score >= 1)))
        unvalued &= ~scored
        del score, scored
    odd = {"contradictions": int(wrong.sum()), "unvalued": int(unvalued.sum())}
    del value, wrong, unvalued, judged, passed, status
    for name, counted, summed in (("cost_usd", "cost_known", "cost_sums"), ("confidence", "sure", "confidences")):
        known, amounts = np.zeros(1, dtype=bool), outcomes.numbers(name)
        if amounts is not None:
            amounts = amounts[rows]
            known = np.isfinite(amounts) & graded
        everywhere = known.shape == graded.shape and bool((known == graded).all())
        sums[counted] = sums["counts"] if everywhere else total(known)
        sums[summed] = total(known, amounts)
    sums["cost_sums"] = np.where(sums["cost_known"] < sums["counts"], np.nan, sums["cost_sums"])
    sure = sums.pop("sure")
    sums["confidences"] = np.where(sure > 0, sums["confidences"] / np.maximum(sure, 1), np.nan)
    sums["escalated"] = total((outcomes.escalated[rows] == 1) & graded)
    return sums, odd
