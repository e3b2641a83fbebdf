"""The one pass over the outcome rows: each batch is folded into sums for each contender and task."""

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

    def __init__(self, path: Path) -> None:
        import numpy as np

        self.path = path
        self.rows = 0
        self.duplicates = 0
        self.contradictions = 0
        """Rows whose passed, status and score do not agree."""
        self.unvalued = 0
        """Graded rows with neither passed nor score; their status counts."""
        self._words = {name: _Codes() for name in ("contender", "status", "suite", "task", "domain", "cluster")}
        self._contenders: list[tuple[str, str, str]] = []
        self._tasks: list[tuple[str, str, str, str, str, str, str | None]] = []
        self._keys: dict[tuple[str, str], int] = {}
        self._pairs: dict[int, int] = {}
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

        keys = []
        for word in ("suite", "task"):
            digest, name = self._words[word].of(batch[f"{word}_digest"]), self._words[word].of(batch[word])
            blank = self._words[word][""]
            keys.append(np.where((digest >= 0) & (digest != blank), digest, np.where(name >= 0, name, blank)))
        if (keys[1] == self._words["task"][""]).any():
            raise EvidenceError(f"{self.path}: a row has neither a task nor a task_digest")
        pairs, first, place = np.unique(keys[0] * (1 << 32) + keys[1], return_index=True, return_inverse=True)
        known = self._pairs
        fresh = sorted((int(row), int(pair)) for pair, row in zip(pairs, first, strict=True) if int(pair) not in known)
        if fresh:
            rows = batch.select(list(_TASK_COLUMNS)).take([row for row, _ in fresh])
            texts = zip(*(rows[name].to_pylist() for name in _TASK_COLUMNS), strict=True)
            for (_, pair), (suite, suite_digest, task, task_digest, domain, cluster, split) in zip(
                fresh, texts, strict=True
            ):
                known[pair] = len(self._tasks)
                key = (suite_digest or suite or "", task_digest or task)
                self._keys[key] = len(self._tasks)
                label = task or task_digest
                row = (suite or "", suite_digest or "", label, task_digest or "", domain or "", cluster or key[1])
                self._tasks.append((*row, split))
        return np.array([known[int(pair)] for pair in pairs], dtype=np.int64)[place]

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


class _Codes:
    """Numbers words in the order of their appearance."""

    def __init__(self) -> None:
        self.names: list[Any] = []
        self._code: dict[Any, int] = {}

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
        table = np.array([*(self[name] for name in coded.dictionary.to_pylist()), -1], dtype=np.int64)
        return table[np.asarray(coded.indices.fill_null(len(coded.dictionary)), dtype=np.int64)]


def _truth(column: "pa.ChunkedArray") -> "Array":
    """1, 0, or -1 where unknown."""
    import numpy as np
    import pyarrow as pa

    return np.asarray(column.cast(pa.int8()).fill_null(-1), dtype=np.int64)


def _doubled(size: int, needed: int) -> int:
    while size < needed:
        size *= 2
    return size
