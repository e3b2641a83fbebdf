"""The one pass over the outcome rows: each batch is folded into sums for each contender and task."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError, Status, nearest
from harness.store.attempts import ATTEMPT_FIELDS, REALS, Attempts
from harness.store.copies import one_unit

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

_STATUSES = tuple(status.value for status in Status)
_PASSED, _FAILED, _UNGRADED, _ERRORED, _SKIPPED = range(5)
_COUNTS = ("counts", "errored", "ungraded", "skipped", "cost_known", "escalated", "_sure")
_SUMS = ("sums", "squares", "_cost", "_confidence")
_BITS = 64
_DENSE = 16
"""A table of so many places a row is filled rather than its rows sorted."""


class Reduction:
    """Sums that grow batch by batch; memory is bounded by contenders times tasks."""

    COLUMNS = (
        *("contender", "contender_kind", "contender_digest", "suite", "suite_digest", "task", "task_digest"),
        *("domain", "cluster", "split", "trial", "status", "passed", "score", "cost_usd", "confidence", "escalated"),
    )

    ATTEMPT_COLUMNS = ("latency_s", "label_true", "label_predicted", "cause")
    """Read beside the others where single attempts are kept."""

    def __init__(self, path: Path, *, attempts: bool = False) -> None:
        import numpy as np

        self.path = path
        self._kept: dict[str, list[Array]] | None = {name: [] for name in ATTEMPT_FIELDS} if attempts else None
        self.rows = 0
        self.copies = 0
        """Tasks that stand in an earlier suite too; each is one unit with that one."""
        self.duplicates = 0
        self.contradictions = 0
        """Rows whose passed, status and score do not agree."""
        self.unvalued = 0
        """Graded rows with neither passed nor score; their status counts."""
        self._words = {name: _Codes() for name in ("contender", "status", "suite", "task", "label", "cause")}
        self._contenders: list[tuple[str, str, str]] = []
        self._tasks: list[tuple[str, str, str, str, str, str, str | None]] = []
        self._keys: dict[tuple[str, str], int] = {}
        # Pairs of suite and task codes in order, and the place of each pair's task.
        self._pairs = np.empty(0, dtype=np.int64)
        self._places = np.empty(0, dtype=np.int64)
        self._grids: dict[str, Array] = {name: np.zeros((1, 256), dtype=np.int64) for name in _COUNTS}
        self._grids |= {name: np.zeros((1, 256), dtype=np.float64) for name in _SUMS}
        self._seen = np.zeros((1, 256), dtype=np.uint64)
        self._marks = 0
        self._seen_late: set[tuple[int, int, int]] = set()

    def add(self, batch: "pa.Table") -> None:
        """Folds the rows of ``batch`` in, which has the columns `COLUMNS`.

        Raises:
            EvidenceError: a row without a contender or task, or with an unknown status.
        """
        import numpy as np

        if not batch.num_rows:
            return
        contender = self._contender_codes(batch)
        task = self._task_codes(batch)
        status = self._status_codes(batch)
        self._grow(len(self._contenders), len(self._tasks))
        trial = np.asarray(batch["trial"].fill_null(0), dtype=np.int64)
        fresh = self._first_of_its_kind(contender, task, trial)
        self.duplicates += len(trial) - len(fresh)
        self.rows += len(fresh)
        graded = status <= _FAILED
        value = self._values(batch, status, fresh)
        cost, confidence = _reals(batch["cost_usd"]), _reals(batch["confidence"])
        escalated = _truth(batch["escalated"])
        known, sure = np.isfinite(cost) & graded, np.isfinite(confidence) & graded
        parts: dict[str, Array] = {
            "counts": graded,
            "errored": status == _ERRORED,
            "ungraded": status == _UNGRADED,
            "skipped": status == _SKIPPED,
            "cost_known": known,
            "escalated": (escalated == 1) & graded,
            "_sure": sure,
            "sums": np.where(graded, value, 0.0),
            "squares": np.where(graded, value * value, 0.0),
            "_cost": np.where(known, cost, 0.0),
            "_confidence": np.where(sure, confidence, 0.0),
        }
        cells, place = _distinct(contender[fresh] * self._seen.shape[1] + task[fresh], self._seen.size)
        for name, part in parts.items():
            here = part if len(fresh) == len(part) else part[fresh]
            if here.any():  # most columns of most batches hold nothing
                grid = self._grids[name]
                weights = None if here.dtype == np.bool_ and here.all() else here
                added = np.bincount(place, weights=weights, minlength=len(cells))
                grid.reshape(-1)[cells] += added.astype(grid.dtype)
        if self._kept is not None:
            rows = fresh[graded[fresh]]
            given = np.asarray(batch["passed"].is_valid()) | np.isfinite(_reals(batch["score"]))
            found: dict[str, Array] = {
                "contenders": contender,
                "tasks": task,
                "trials": trial,
                "true": self._words["label"].of(batch["label_true"]),
                "predicted": self._words["label"].of(batch["label_predicted"]),
                "causes": self._words["cause"].of(batch["cause"]),
                "seconds": _reals(batch["latency_s"]),
                "values": np.where(given, value, np.nan),
                "costs": cost,
                "confidences": confidence,
                "escalated": escalated,
            }
            every = len(rows) == batch.num_rows
            for name, column in found.items():
                kind = np.float64 if name in REALS else np.int8 if name == "escalated" else np.int32
                self._kept[name].append((column if every else column[rows]).astype(kind, copy=False))

    def attempts(self) -> "Attempts | None":
        """The graded attempts, where they were kept."""
        import numpy as np

        if self._kept is None:
            return None
        return Attempts(
            **{name: np.concatenate(parts) if parts else np.empty(0) for name, parts in self._kept.items()},
            labels=tuple(self._words["label"].names),
            cause_names=tuple(self._words["cause"].names),
        )

    def finish(self) -> dict[str, Any]:
        """The fields of a `TaskTable` but its flags, its report and its split."""
        import numpy as np

        shape = slice(len(self._contenders)), slice(len(self._tasks))
        grids = {name: grid[shape].copy() for name, grid in self._grids.items()}
        cost, confidence, sure = grids.pop("_cost"), grids.pop("_confidence"), grids.pop("_sure")
        grids["cost_sums"] = np.where(grids["cost_known"] < grids["counts"], np.nan, cost)
        grids["confidences"] = np.where(sure > 0, confidence / np.maximum(sure, 1), np.nan)
        names, kinds, digests = zip(*self._contenders, strict=True)
        suites, suite_digests, tasks, task_digests, domains, clusters, splits = zip(*self._tasks, strict=True)
        suite_keys = [suite for suite, _ in self._keys]
        domain_names, domain_codes = _numbered(domains)
        _, cluster_codes = _numbered(
            clusters if len(set(suite_keys)) == 1 else list(zip(suite_keys, clusters, strict=True))
        )
        cluster_codes, self.copies = one_unit(cluster_codes, task_digests, suite_keys)
        return grids | {
            "contenders": names,
            "kinds": kinds,
            "contender_digests": digests,
            "tasks": tasks,
            "task_digests": task_digests,
            "suites": suites,
            "suite_digests": suite_digests,
            "domains": domain_codes,
            "domain_names": domain_names,
            "clusters": cluster_codes,
            "splits": splits,
            "duplicates": self.duplicates,
            "_keys": self._keys,
        }

    def _contender_codes(self, batch: "pa.Table") -> "Array":
        import numpy as np

        codes = self._words["contender"].of(batch["contender"])
        if (codes < 0).any():
            raise EvidenceError(f"{self.path}: a row has no contender")
        for name in self._words["contender"].names[len(self._contenders) :]:
            row = int(np.argmax(codes == self._words["contender"][name]))
            kind, digest = (batch[c][row].as_py() or "" for c in ("contender_kind", "contender_digest"))
            self._contenders.append((str(name), kind or "imported", digest))
        return codes

    def _task_codes(self, batch: "pa.Table") -> "Array":
        """A task is its suite's digest and its own, or their names where there is no digest."""
        import numpy as np
        import pyarrow as pa

        keys = []
        for word in ("suite", "task"):
            blank = self._words[word][""]
            code = self._words[word].of(batch[f"{word}_digest"])
            undigested = (code < 0) | (code == blank)
            if undigested.any():
                name = self._words[word].of(batch[word])
                code = np.where(undigested, np.where(name >= 0, name, blank), code)
            keys.append(code)
        if (keys[1] == self._words["task"][""]).any():
            raise EvidenceError(f"{self.path}: a row has neither a task nor a task_digest")
        wide = len(self._words["task"].names)
        dense, place = _distinct(keys[0] * wide + keys[1], len(self._words["suite"].names) * wide)
        pairs = (dense // wide) * (1 << 32) + dense % wide
        known = np.searchsorted(self._pairs, pairs)
        fresh = np.flatnonzero(np.append(self._pairs, -1)[known] != pairs)
        if len(fresh):
            first = np.empty(len(pairs), dtype=np.int64)
            first[place[::-1]] = np.arange(len(place) - 1, -1, -1)  # of several rows the last one written: the first
            fresh = fresh[np.argsort(first[fresh])]  # tasks stand in the order of their first row
            rows = batch.select(list(_TASK_COLUMNS)).take(first[fresh])
            texts = zip(*(rows[name].cast(pa.string()).to_pylist() for name in _TASK_COLUMNS), strict=True)
            places = np.arange(len(self._tasks), len(self._tasks) + len(fresh))
            for suite, suite_digest, task, task_digest, domain, cluster, split in texts:
                key = (suite_digest or suite or "", task_digest or task)
                self._keys[key] = len(self._tasks)
                label = task or task_digest
                row = (suite or "", suite_digest or "", label, task_digest or "", domain or "", cluster or key[1])
                self._tasks.append((*row, split))
            self._pairs = np.concatenate([self._pairs, pairs[fresh]])
            self._places = np.concatenate([self._places, places])
            order = np.argsort(self._pairs)
            self._pairs, self._places = self._pairs[order], self._places[order]
        found: Array = self._places[np.searchsorted(self._pairs, pairs)][place]
        return found

    def _status_codes(self, batch: "pa.Table") -> "Array":
        import numpy as np

        words = self._words["status"]
        codes = words.of(batch["status"])
        if (codes < 0).any():
            raise EvidenceError(f"{self.path}: a row has no status")
        unknown = [str(name) for name in words.names if name not in _STATUSES]
        if unknown:
            raise EvidenceError(f"{self.path}: the status {unknown[0]!r} is unknown; {nearest(unknown[0], _STATUSES)}")
        return np.array([_STATUSES.index(str(name)) for name in words.names], dtype=np.int64)[codes]

    def _grow(self, contenders: int, tasks: int) -> None:
        """Room for so many contenders and tasks, doubled so that growing stays cheap."""
        import numpy as np

        high, wide = self._seen.shape
        if contenders <= high and tasks <= wide:
            return
        margin = ((0, _doubled(high, contenders) - high), (0, _doubled(wide, tasks) - wide))
        self._grids = {name: np.pad(grid, margin) for name, grid in self._grids.items()}
        self._seen = np.pad(self._seen, margin)

    def _first_of_its_kind(self, contender: "Array", task: "Array", trial: "Array") -> "Array":
        """The rows whose contender, task and trial have not come before, in their order."""
        import numpy as np

        cell = contender * self._seen.shape[1] + task
        early = (trial >= 0) & (trial < _BITS)
        rows = np.arange(len(trial)) if early.all() else np.flatnonzero(early)
        bit = np.uint64(1) << trial[rows].astype(np.uint64)
        seen = self._seen.reshape(-1)
        new = (seen[cell[rows]] & bit) == 0
        rows = rows[new]
        np.bitwise_or.at(seen, cell[rows], bit[new])
        marks = int(np.bitwise_count(self._seen).sum())
        if marks != self._marks + len(rows):  # some came twice within this batch
            order = np.lexsort((trial[rows], cell[rows]))
            same = (np.diff(cell[rows][order]) == 0) & (np.diff(trial[rows][order]) == 0)
            rows = np.sort(rows[order[np.concatenate([[True], ~same])]])
        self._marks = marks
        late = []
        for row in np.flatnonzero(~early).tolist():
            key = (int(contender[row]), int(task[row]), int(trial[row]))
            if key not in self._seen_late:
                self._seen_late.add(key)
                late.append(row)
        return np.sort(np.concatenate([rows, np.array(late, dtype=np.int64)])) if late else rows

    def _values(self, batch: "pa.Table", status: "Array", fresh: "Array") -> "Array":
        """Each row's value: passed as 0 or 1, else its score, else what its status says."""
        import numpy as np

        passed = _truth(batch["passed"])
        score = _reals(batch["score"])
        graded = status <= _FAILED
        scored, judged = np.isfinite(score), passed >= 0
        by_status = np.where(status == _PASSED, 1.0, 0.0)
        value = np.where(judged, passed == 1, np.where(scored, score, by_status))
        wrong = judged & graded & ((passed == 1) != (status == _PASSED))
        wrong |= judged & scored & (((passed == 1) & (score <= 0)) | ((passed == 0) & (score >= 1)))
        wrong |= scored & ((score < 0) | (score > 1))
        self.contradictions += int(wrong[fresh].sum())
        self.unvalued += int((graded & ~judged & ~scored)[fresh].sum())
        return value


_TASK_COLUMNS = ("suite", "suite_digest", "task", "task_digest", "domain", "cluster", "split")


class _Codes:
    """Numbers words in the order of their appearance."""

    def __init__(self) -> None:
        self.names: list[Any] = []
        self._code: dict[Any, int] = {}
        self._known: Any = None
        """The names as an Arrow array, as far as they were looked up in bulk."""

    def __getitem__(self, name: Any) -> int:
        code = self._code.get(name)
        if code is None:
            code = self._code[name] = len(self.names)
            self.names.append(name)
        return code

    def of(self, column: "pa.ChunkedArray") -> "Array":
        """The codes of a column of texts; -1 where it is null."""
        import numpy as np
        import pyarrow as pa

        whole = column.combine_chunks()
        coded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
        table = np.append(self._of_words(coded.dictionary.cast(pa.string())), -1)
        return np.asarray(table[np.asarray(coded.indices.fill_null(len(table) - 1), dtype=np.int64)])

    def _of_words(self, words: "pa.Array") -> "Array":
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        codes = np.full(len(words), -1, dtype=np.int64)
        # Most words have come before, and Arrow looks them up at once; but not where it would first have to hash all
        # that is known for the sake of a few.
        if self.names and len(self.names) <= 4 * len(words):
            if self._known is None or len(self._known) < len(self.names):
                self._known = pa.array(self.names, pa.string())
            codes = np.array(pc.index_in(words, value_set=self._known, skip_nulls=True).fill_null(-1), dtype=np.int64)
        fresh = np.flatnonzero((codes < 0) & np.asarray(words.is_valid()))
        codes[fresh] = [self[name] for name in words.take(fresh).to_pylist()]
        return codes


def _distinct(codes: "Array", size: int) -> "tuple[Array, Array]":
    """The distinct codes in rising order, and of each code its place there: without sorting where ``size`` allows."""
    import numpy as np

    if size > _DENSE * max(len(codes), 1_000):
        found, place = np.unique(codes, return_inverse=True)
        return found, place
    there = np.zeros(size, dtype=bool)
    there[codes] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]


def _numbered(words: Sequence[Any]) -> "tuple[tuple[Any, ...], Array]":
    """The distinct words in the order of their appearance, and the number of each word among them."""
    import numpy as np

    code = {word: number for number, word in enumerate(dict.fromkeys(words))}
    return tuple(code), np.fromiter((code[word] for word in words), dtype=np.int64, count=len(words))


def _reals(column: "pa.ChunkedArray") -> "Array":
    """Floats, NaN where unknown."""
    import numpy as np

    return np.asarray(column.fill_null(np.nan) if column.null_count else column, dtype=np.float64)


def _truth(column: "pa.ChunkedArray") -> "Array":
    """1, 0, or -1 where unknown."""
    import numpy as np
    import pyarrow as pa

    return np.asarray(column.cast(pa.int8()).fill_null(-1), dtype=np.int64)


def _doubled(size: int, needed: int) -> int:
    while size < needed:
        size *= 2
    return size
