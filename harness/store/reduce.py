"""The one pass over the outcome rows: each batch is folded into sums for each contender and task."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError, Status, nearest

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

_STATUSES = tuple(status.value for status in Status)
_PASSED, _FAILED, _UNGRADED, _ERRORED, _SKIPPED = range(5)
_COUNTS = ("counts", "errored", "ungraded", "skipped", "cost_known", "escalated", "_sure")
_SUMS = ("sums", "squares", "_cost", "_confidence")
_BITS = 64


class Reduction:
    """Sums that grow batch by batch; memory is bounded by contenders times tasks."""

    COLUMNS = (
        *("contender", "contender_kind", "contender_digest", "suite", "suite_digest", "task", "task_digest"),
        *("domain", "cluster", "split", "trial", "status", "passed", "score", "cost_usd", "confidence", "escalated"),
    )

    ATTEMPT_COLUMNS = ("latency_s", "label_true", "label_predicted")
    """Read beside the others where single attempts are kept."""

    def __init__(self, path: Path, *, attempts: bool = False) -> None:
        import numpy as np

        self.path = path
        self._kept: list[tuple[Array, ...]] | None = [] if attempts else None
        self.rows = 0
        self.duplicates = 0
        self.contradictions = 0
        """Rows whose passed, status and score do not agree."""
        self.unvalued = 0
        """Graded rows with neither passed nor score; their status counts."""
        self._words = {name: _Codes() for name in ("contender", "status", "suite", "task", "label")}
        self._contenders: list[tuple[str, str, str]] = []
        self._tasks: list[tuple[str, str, str, str, str, str, str | None]] = []
        self._keys: dict[tuple[str, str], int] = {}
        # Pairs of suite and task codes in order, and the place of each pair's task.
        self._pairs = np.empty(0, dtype=np.int64)
        self._places = np.empty(0, dtype=np.int64)
        self._grids: dict[str, Array] = {name: np.zeros((1, 256), dtype=np.int64) for name in _COUNTS}
        self._grids |= {name: np.zeros((1, 256), dtype=np.float64) for name in _SUMS}
        self._seen = np.zeros((1, 256), dtype=np.uint64)
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
        cost = np.asarray(batch["cost_usd"].fill_null(np.nan), dtype=np.float64)
        confidence = np.asarray(batch["confidence"].fill_null(np.nan), dtype=np.float64)
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
        width = self._seen.shape[1]
        cells, place = np.unique(contender[fresh] * width + task[fresh], return_inverse=True)
        for name, part in parts.items():
            grid = self._grids[name]
            added = np.bincount(place, weights=part[fresh].astype(np.float64), minlength=len(cells))
            grid.reshape(-1)[cells] += added.astype(grid.dtype)
        if self._kept is not None:
            rows = fresh[graded[fresh]]
            seconds = np.asarray(batch["latency_s"].fill_null(np.nan), dtype=np.float64)
            labels = [self._words["label"].of(batch[name]) for name in ("label_true", "label_predicted")]
            small = [codes[rows].astype(np.int32) for codes in (contender, task, *labels)]
            self._kept.append((seconds[rows], *small))

    def attempts(self) -> "Attempts | None":
        """The graded attempts, where they were kept."""
        import numpy as np

        if self._kept is None:
            return None
        columns = [np.concatenate(parts) for parts in zip(*self._kept, strict=True)]
        seconds, contenders, tasks, true, predicted = columns or [np.empty(0)] * 5
        return Attempts(
            contenders=contenders,
            tasks=tasks,
            seconds=seconds,
            labels=tuple(self._words["label"].names),
            true=true,
            predicted=predicted,
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
        domain_codes, cluster_codes = _Codes(), _Codes()
        suite_keys = [suite for suite, _ in self._keys]
        return grids | {
            "contenders": names,
            "kinds": kinds,
            "contender_digests": digests,
            "tasks": tasks,
            "task_digests": task_digests,
            "suites": suites,
            "suite_digests": suite_digests,
            "domains": np.array([domain_codes[d] for d in domains], dtype=np.int64),
            "domain_names": tuple(domain_codes.names),
            "clusters": np.array([cluster_codes[p] for p in zip(suite_keys, clusters, strict=True)], dtype=np.int64),
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
        pairs, first, place = np.unique(keys[0] * (1 << 32) + keys[1], return_index=True, return_inverse=True)
        fresh = np.flatnonzero(~np.isin(pairs, self._pairs, assume_unique=True))
        if len(fresh):
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

        width = self._seen.shape[1]
        cell = contender * width + task
        order = np.lexsort((trial, cell))
        same = (np.diff(cell[order]) == 0) & (np.diff(trial[order]) == 0)
        first = np.sort(order[np.concatenate([[True], ~same])])
        early = (trial[first] >= 0) & (trial[first] < _BITS)
        rows = first[early]
        bit = np.uint64(1) << trial[rows].astype(np.uint64)
        seen = self._seen.reshape(-1)
        new = (seen[cell[rows]] & bit) == 0
        np.bitwise_or.at(seen, cell[rows], bit)
        late = []
        for row in first[~early].tolist():
            key = (int(contender[row]), int(task[row]), int(trial[row]))
            if key not in self._seen_late:
                self._seen_late.add(key)
                late.append(row)
        return np.sort(np.concatenate([rows[new], np.array(late, dtype=np.int64)]))

    def _values(self, batch: "pa.Table", status: "Array", fresh: "Array") -> "Array":
        """Each row's value: passed as 0 or 1, else its score, else what its status says."""
        import numpy as np

        passed = _truth(batch["passed"])
        score = np.asarray(batch["score"].fill_null(np.nan), dtype=np.float64)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The graded attempts of all contenders, one entry each, in the file's order."""

    contenders: "Array"
    """Positions in the table's ``contenders``."""
    tasks: "Array"
    """Positions in the table's ``tasks``."""
    seconds: "Array"
    """NaN where the latency is unknown."""
    labels: tuple[str, ...]
    """Names of labels; the codes below point into it."""
    true: "Array"
    """-1 where the task has no label."""
    predicted: "Array"
    """-1 where the answer held no label."""

    def of(self, contender: int) -> "Attempts":
        """Those of one contender."""
        here = self.contenders == contender
        columns = {name: getattr(self, name)[here] for name in ("contenders", "tasks", "seconds", "true", "predicted")}
        return replace(self, **columns)


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


def _truth(column: "pa.ChunkedArray") -> "Array":
    """1, 0, or -1 where unknown."""
    import numpy as np
    import pyarrow as pa

    return np.asarray(column.cast(pa.int8()).fill_null(-1), dtype=np.int64)


def _doubled(size: int, needed: int) -> int:
    while size < needed:
        size *= 2
    return size
