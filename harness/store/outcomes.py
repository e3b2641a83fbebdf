"""The outcomes of a report by column: codes for words, numbers as they are, one entry a row of the file."""

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.core import EvidenceError, Status, nearest
from harness.store.ahead import read_before
from harness.store.columns import HEX, OUTCOMES, Ahead, OutcomeFile
from harness.store.words import Array, Words, first_rows, tight

if TYPE_CHECKING:
    import pyarrow as pa

TaskKey = tuple[str, str]
"""A task's identity: the digest of its suite and its own, or their names where there is no digest."""

STATUSES = tuple(status.value for status in Status)
PASSED, FAILED, UNGRADED, ERRORED, SKIPPED = range(len(STATUSES))
GRADED = 2  # of the statuses in their order, the first two are graded: passed and failed
PARTLY = "partly passed"
RESULTS = (*STATUSES, PARTLY)
"""Every word for a result: the statuses in their order, and that of the attempts that passed in part, with a score
between 0 and 1, which a rate counts; their status has no word for it and is ``failed``."""
TAUGHT = "train"  # the split of rows that teach: no figure is made of them
_SURROGATES = frozenset(map(chr, range(0xD800, 0xE000)))
_DENSE = 4  # a table of so many places a row is filled rather than the rows sorted


class Outcomes(OutcomeFile):
    """The outcomes of one report, at their places in the file; most columns are read when they are first asked for."""

    def __init__(self, report: Path) -> None:
        """Raises EvidenceError: the file is broken, or a row has no contender, no task or no known status."""
        import pyarrow.compute as pc

        super().__init__(report)
        self.ahead = read_before(self)
        self.ahead.keeps = True
        self.report, read, at = report, super().words, super().words_at
        self._words: dict[str, Words] = {}
        self._numbers: dict[str, Array | None] = {}
        self.contender = read("contender")
        if (self.contender.codes < 0).any():
            raise EvidenceError(f"{self.path}: a row has no contender")
        self.task, self.first = _tasks(read, self.path)
        """Of each row a position among the tasks, which stand in the order of their first rows; and those rows."""
        self.suite, self.suite_digest, self.domain, self.cluster = (
            at(name, self.first) for name in ("suite", "suite_digest", "domain", "cluster")
        )
        names, digests = (at(name, self.first).texts().fill_null("") for name in ("task", "task_digest"))
        self.task_names, self.task_digests = pc.if_else(pc.equal(names, ""), digests, names), digests
        """Of each task; a digest is empty where there is none."""
        self.status = _statuses(read("status"), self.path)
        self.trial = tight(np.asarray(self.column("trial").fill_null(0), dtype=np.int64))
        self.seeds: Mapping[str, tuple[str, ...]] = {}  # by contender, those of the file that are one training seed
        self.seed = self.contender  # who made each row, of several seeds each by itself
        self.fared: tuple[object, tuple[Array, Array, Array]] | None = None  # what was last asked of it by `find_tasks`
        if not self.ahead.columns:
            self.ahead = Ahead()

    def folded(self, seeds: Mapping[str, Sequence[str]]) -> "Outcomes":
        """The same with each group of contenders as one of the name given: their attempts are trials of its tasks."""
        import pyarrow as pa

        names = self.contender.every
        found = {name: tuple(one for one in group if one in names) for name, group in seeds.items()}
        found = {name: group for name, group in found.items() if group and name not in names}
        if not found:
            return self
        of = {one: (name, place) for name, group in found.items() for place, one in enumerate(group)}
        whole = [of.get(name, (name, 0)) for name in names]
        new, most = [*dict.fromkeys(name for name, _ in whole)], max(map(len, found.values()))
        codes = np.array([new.index(name) for name, _ in whole], dtype=self.contender.codes.dtype)
        places = np.array([place for _, place in whole], dtype=np.int64)
        other = copy.copy(self)
        other.__dict__.pop("repeated", None)
        other.seeds, other.fared = found, None
        other.contender = Words(codes=codes[self.contender.codes], names=pa.array(new))
        other.trial = tight(self.trial.astype(np.int64) * most + places[self.contender.codes])
        return other

    def tries_of(self, contender: str) -> str:
        """What tries of a task by a contender are: trials; of several training seeds a try of each, answers of all."""
        if contender not in self.seeds:
            return "trial"
        most = max(map(len, self.seeds.values()))
        own = self.contender.codes == self.contender.every.index(contender)
        return "seed" if int(self.trial[own].max(initial=0)) < most else "answer"

    def seeds_at(self, rows: Array) -> list[str | None]:
        """Of these rows the training seed that made each; ``None`` where its contender has no several ones."""
        if not self.seeds:
            return [None] * len(rows)
        parts = {seed for group in self.seeds.values() for seed in group}
        return [name if name in parts else None for name in self.seed.texts(rows).to_pylist()]

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return len(self.first)

    @property
    def contenders(self) -> tuple[str, ...]:
        """In the order of the file."""
        return self.contender.every

    def words(self, name: str) -> Words:
        """A column of words, which is kept."""
        if name in {"contender", "status"}:
            return self.contender if name == "contender" else self.status
        if name not in self._words:
            self._words[name] = super().words(name)
        return self._words[name]

    def numbers(self, name: str) -> Array | None:
        """A column of numbers, which is kept: NaN where unknown; ``None`` where all of them are."""
        if name not in self._numbers:
            self._numbers[name] = super().numbers(name)
        return self._numbers[name]

    def numbers_at(self, name: str, rows: Array | slice = slice(None)) -> Array:
        """Some of them, each NaN where all are unknown."""
        found = self.numbers(name)
        return np.full(len(self.task[rows]), np.nan) if found is None else found[rows]

    def column_at(self, name: str, rows: Array) -> "pa.Array":
        """A column of texts or of numbers, at some rows, as Arrow has it: null where unknown."""
        import pyarrow as pa

        if OUTCOMES[name] == "float64":
            return pa.array(self.numbers_at(name, rows), from_pandas=True)
        return self.attempt_texts(rows) if name == "attempt_id" else self.words(name).texts(rows)

    @functools.cached_property
    def passed(self) -> Array:
        """1, 0, or -1 where unknown."""
        return self.truth("passed")

    @functools.cached_property
    def escalated(self) -> Array:
        """1, 0, or -1 where unknown."""
        return self.truth("escalated")

    @functools.cached_property
    def result(self) -> Words:
        """The statuses again, with a word of their own for what passed in part; its names are `RESULTS`."""
        return _results(self.status, self.passed, self.numbers("score"))

    @functools.cached_property
    def repeated(self) -> Array:
        """Of each row whether its contender, task and trial have come before: such a row is in no rate."""
        return self.repeats(slice(None))

    def repeats(self, rows: Array | slice) -> Array:
        """The same among some rows only."""
        task, trial = self.task[rows], self.trial[rows]
        cells = self.contender.codes[rows].astype(np.int64) * (int(task.max(initial=0)) + 1) + task
        lowest = int(trial.min(initial=0))
        width, most = int(trial.max(initial=0)) - lowest + 1, int(cells.max(initial=0)) + 1
        if width > (1 << 62) // most:  # trials that are no small numbers
            width, trial, lowest = len(trial) or 1, np.unique(trial, return_inverse=True)[1], 0
        keys = cells * width + (trial.astype(np.int64) - lowest)
        if most * width <= _DENSE * len(task) and np.bincount(keys).max(initial=0) < 2:
            return np.zeros(len(task), dtype=bool)
        _, first = in_order(keys, most * width)
        again = np.ones(len(task), dtype=bool)
        again[first] = False
        return again

    def values(self, rows: Array | slice) -> Array:
        """What each graded row counts: passed as 0 or 1, else its score, else what its status says."""
        passed, by_status = self.passed[rows], self.status.codes[rows] == PASSED
        if self.numbers("score") is None:
            return np.asarray(np.where(passed >= 0, passed == 1, by_status), dtype=np.float64)
        score = self.numbers_at("score", rows)
        return np.where(passed >= 0, passed == 1, np.where(np.isfinite(score), score, by_status))

    def in_split(self, split: str | None) -> Array:
        """Of each row whether it is of that part; one without a split is of ``test``. Raises UsageError: no row is.

        ``all`` is all that is judged: rows of train tasks are of no part but their own.
        """
        if split is None:
            return np.ones(self.rows, dtype=bool)
        words = self.words("split")
        if split == "all":
            judged = np.array([*(name != TAUGHT for name in words.every), True])
            return np.asarray(judged[words.codes])
        if split != "test":
            words.code(str(split), "split", self.report)
        allowed = np.array([name == split for name in words.every] + [split == "test"])
        return np.asarray(allowed[words.codes])

    def named_twice(self, column: str) -> int:
        """How many tasks have rows that say something else of the task than its first row does."""
        codes = super().words(column).codes
        other = codes != codes[self.first][self.task]
        return len(np.unique(self.task[other])) if other.any() else 0

    def key_of(self, task: int) -> TaskKey:
        """The identity of the task at a position, which holds in every version of the file."""
        suite = self.suite_digest[task] or self.suite[task] or ""
        return suite, self.task_digests[task].as_py() or self.task_names[task].as_py()

    def task_of(self, key: TaskKey) -> int:
        """The position of a task. Raises EvidenceError: the report has no such task."""
        import pyarrow.compute as pc

        suite, task = key
        for names in () if _SURROGATES.intersection(task) else (self.task_digests, self.task_names):
            for place in np.flatnonzero(np.asarray(pc.equal(names, task))).tolist():
                if self.key_of(place) == key:
                    return int(place)
        raise EvidenceError(f"{self.report}: there is no task {task!r} of the suite {suite!r}")

    def attempt_texts(self, rows: Array) -> "pa.Array":
        """The names of the attempts of many rows."""
        import pyarrow as pa

        ids = self.attempt_ids
        if ids is None:
            return pa.nulls(len(rows), pa.string())
        if not isinstance(ids, np.ndarray):
            return ids.take(pa.array(rows))
        offsets = np.arange(0, HEX * len(rows) + 1, HEX, dtype=np.int32)
        text = ids[rows].tobytes().hex().encode()
        return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(text))

    def row_of(self, attempt_id: str) -> int:
        """The first row of an attempt; -1 where there is none."""
        import pyarrow.compute as pc

        ids = self.attempt_ids
        if ids is None or _SURROGATES.intersection(attempt_id):
            return -1
        if not isinstance(ids, np.ndarray):
            return int(pc.index(ids, attempt_id).as_py())
        if len(attempt_id) != HEX or set(attempt_id) - set("0123456789abcdef"):
            return -1
        found = (ids == np.frombuffer(bytes.fromhex(attempt_id), dtype=np.uint64)).all(axis=1)
        return int(found.argmax()) if found.any() else -1


def count_results(report: Path) -> Mapping[str, Mapping[str, int]]:
    """Of each contender its rows of every split by `RESULTS`, repeats too. Raises EvidenceError: as `Outcomes`."""
    file = OutcomeFile(report)
    contender, status = file.words("contender"), _statuses(file.words("status"), file.path)
    result = _results(status, file.truth("passed"), file.numbers("score")).codes
    known = contender.codes >= 0
    cells = contender.codes[known].astype(np.int64) * len(RESULTS) + result[known]
    counts = np.bincount(cells, minlength=len(contender.names) * len(RESULTS)).reshape(-1, len(RESULTS))
    found = zip(contender.every, counts.tolist(), strict=True)
    return {name: dict(zip(RESULTS, row, strict=True)) for name, row in found}


def _statuses(found: Words, path: Path) -> Words:
    """In the order of `Status`, whatever stands first in the file."""
    import pyarrow as pa

    if (found.codes < 0).any():
        raise EvidenceError(f"{path}: a row has no status")
    if unknown := [name for name in found.every if name not in STATUSES]:
        raise EvidenceError(f"{path}: the status {unknown[0]!r} is unknown; {nearest(unknown[0], STATUSES)}")
    anew = np.array([STATUSES.index(name) for name in found.every], dtype=np.int8)
    return Words(codes=anew[found.codes], names=pa.array(STATUSES))


def _results(status: Words, passed: Array, score: Array | None) -> Words:
    """A rate counts what passed in part with its score, which is neither 0 nor 1; where ``passed`` is known, that."""
    import pyarrow as pa

    codes = status.codes
    if score is not None:
        partial = (codes < GRADED) & (passed < 0) & (score > 0) & (score < 1)
        codes = np.where(partial, np.int8(len(STATUSES)), codes) if partial.any() else codes
    return Words(codes=codes, names=pa.array(RESULTS))


def in_order(codes: Array, size: int) -> tuple[Array, Array]:
    """Codes below ``size`` numbered anew in the order of their appearance, and of each new one its first row."""
    rows = len(codes)
    if len(first := first_rows(codes)):
        return codes.astype(np.int64, copy=False), first
    if size > _DENSE * max(rows, 1_000):
        _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
        size = len(first)
    else:
        first = np.full(size, rows, dtype=np.int64)
        first[codes[::-1]] = np.arange(rows - 1, -1, -1)  # of several rows the last one given counts: the first
    there = np.flatnonzero(first < rows)
    order = there[np.argsort(first[there])]
    rank = np.empty(size, dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], first[order]


def _tasks(read: Callable[[str], Words], path: Path) -> tuple[Array, Array]:
    """Of each row the position of its task, and of each task its first row."""
    import pyarrow.compute as pc

    keys, sizes = [], []
    for word in ("suite", "task"):
        digest = read(f"{word}_digest")
        blank = digest.blank
        bare = (digest.codes < 0) | (digest.codes == blank) if blank >= 0 else digest.codes < 0
        codes = digest.codes
        size = len(digest.names) + 1
        if not len(digest.names):  # names alone, as they are
            name = read(word)
            blank, size = name.blank, len(name.names) + 1
            codes = np.where(name.codes == blank, -1, name.codes) if blank >= 0 else name.codes
        elif bare.any():
            name = read(word)
            size += len(name.names)
            # One numbering for both: a name is the same identity as a digest that is written alike; "" is none.
            known = np.asarray(pc.index_in(name.names, value_set=digest.names).fill_null(-1), dtype=np.int64)
            known = np.where(known >= 0, known, len(digest.names) + np.arange(len(known)))
            known = np.where(np.asarray(pc.equal(name.names, ""), dtype=bool), -1, known)
            codes = np.where(bare, np.append(known, -1)[name.codes], codes)
        keys.append(codes)
        sizes.append(size)
    if (keys[1] < 0).any():
        raise EvidenceError(f"{path}: a row has neither a task nor a task_digest")
    if len(keys[0]) and (keys[0] == keys[0][0]).all():  # of one suite
        place, first = in_order(keys[1], sizes[1])
    else:
        place, first = in_order((keys[0].astype(np.int64) + 1) * sizes[1] + keys[1], (sizes[0] + 1) * sizes[1])
    return tight(place), first
