"""An index of a report's outcomes, small enough to be kept in memory: what a page of tasks is found with.

Every outcome row is a few bytes: codes for its words, its numbers as they are. A row's place here is its place in the
file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError, UsageError, nearest

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

TaskKey = tuple[str, str]
"""A task's identity: the digest of its suite and its own, or their names where there is no digest."""

GRADED = 2
"""Of the statuses in their order, the first two are graded: passed and failed."""
HEX = 32
"""Characters of a digest, as which attempts are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A column of words as codes: -1 where it is null."""

    codes: "Array"
    names: "pa.Array"
    """What the codes point into; each word once."""

    def __getitem__(self, row: int) -> str | None:
        """The word of a row."""
        code = int(self.codes[row])
        return None if code < 0 else str(self.names[code].as_py())

    @property
    def every(self) -> tuple[str, ...]:
        """The distinct words, in the order of their appearance."""
        return tuple(self.names.to_pylist())

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return int(self.codes.nbytes + self.names.nbytes)

    def code(self, word: str | None, what: str, path: Path) -> int:
        """The code of a word; -1 for ``None``.

        Raises:
            UsageError: no row has it; names the nearest.
        """
        if word is None:
            return -1
        known = self.every
        if word not in known:
            raise UsageError(f"{path}: there is no {what} {word!r}; {nearest(word, known)}")
        return known.index(word)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskIndex:
    """The outcomes of a report as codes and numbers, one entry a row of the file."""

    report: Path
    contender: Words
    split: Words
    status: Words
    """Its names are those of `Status`, in that order."""
    result: Words
    """The same, where what passed in part is apart; its names are `RESULTS`, in that order."""
    cause: Words
    label_true: Words
    label_predicted: Words
    task: "Array"
    """Of each row a position in the arrays of tasks below."""
    trial: "Array"
    passed: "Array"
    """1, 0, or -1 where unknown; and so for ``escalated``."""
    escalated: "Array"
    repeated: "Array"
    """Whether the row's contender, task and trial have come before: such a row is in no rate."""
    numbers: dict[str, "Array | None"]
    """``score``, ``confidence``, ``cost_usd`` and ``latency_s``, NaN where unknown; ``None`` where all of them are."""
    attempt_ids: "Array | pa.Array | None"
    """Two 64-bit halves a row where all ids are digests, else texts; ``None`` where the file has none."""
    task_names: "pa.Array"
    task_digests: "pa.Array"
    """Empty where there is none; so for suites. Tasks stand in the order of their first rows."""
    domain: Words
    """One entry a task, as for ``suite`` and ``suite_digest``."""
    suite: Words
    suite_digest: Words
    first: "Array"
    """Of each task its first row."""

    @property
    def rows(self) -> int:
        """How many outcomes there are."""
        return len(self.task)

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return len(self.task_names)

    @property
    def contenders(self) -> tuple[str, ...]:
        """In the order of the file."""
        return self.contender.every

    @property
    def nbytes(self) -> int:
        """Bytes that the index takes."""
        words = [getattr(self, name) for name in ROW_WORDS + _TASK_WORDS]
        arrays = [self.task, self.trial, self.passed, self.escalated, self.repeated, self.first]
        others = [*self.numbers.values(), self.attempt_ids, self.task_names, self.task_digests]
        if self.result.codes is not self.status.codes:
            arrays.append(self.result.codes)
        return sum(int(part.nbytes) for part in (*words, *arrays, *others) if part is not None)

    def key_of(self, task: int) -> TaskKey:
        """The identity of the task at a position, which holds in every version of the file."""
        suite = self.suite_digest[task] or self.suite[task] or ""
        return suite, self.task_digests[task].as_py() or self.task_names[task].as_py()

    def task_of(self, key: TaskKey) -> int:
        """The position of a task.

        Raises:
            EvidenceError: the report has no such task.
        """
        import numpy as np
        import pyarrow.compute as pc

        suite, task = key
        for names in (self.task_digests, self.task_names):
            if _SURROGATES.intersection(task):  # which no file can hold
                break
            places = np.flatnonzero(np.asarray(pc.equal(names, task)))
            for place in places.tolist():
                if self.key_of(place) == (suite, task):
                    return int(place)
        raise EvidenceError(f"{self.report}: there is no task {task!r} of the suite {suite!r}")

    def attempt_texts(self, rows: "Array") -> "pa.Array":
        """The identities of the attempts of many rows."""
        import numpy as np
        import pyarrow as pa

        if self.attempt_ids is None:
            return pa.nulls(len(rows), pa.string())
        if not hasattr(self.attempt_ids, "tobytes"):
            return self.attempt_ids.take(pa.array(rows))
        offsets = np.arange(0, HEX * len(rows) + 1, HEX, dtype=np.int32)
        text = self.attempt_ids[rows].tobytes().hex().encode()
        return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(text))

    def rows_of(self, attempt_ids: "list[str]") -> "Array":
        """The rows of these attempts, in the order of the file; those that it does not have are passed over."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.attempt_ids is None:
            return np.empty(0, dtype=np.int64)
        if hasattr(self.attempt_ids, "tobytes"):
            good = [text for text in attempt_ids if _is_digest(text)]
            wanted = np.frombuffer(bytes.fromhex("".join(good)), dtype=np.uint64).reshape(-1, 2)
            near = np.flatnonzero(np.isin(self.attempt_ids[:, 0], wanted[:, 0]))
            pairs = {tuple(pair) for pair in wanted.tolist()}
            return near[[tuple(self.attempt_ids[row].tolist()) in pairs for row in near]]
        known = [text for text in attempt_ids if not _SURROGATES.intersection(text)]
        found = pc.is_in(self.attempt_ids, value_set=pa.array(known, pa.string()))
        return np.flatnonzero(np.asarray(found))


_SURROGATES = frozenset(map(chr, range(0xD800, 0xE000)))
ROW_WORDS = ("contender", "split", "status", "cause", "label_true", "label_predicted")
_TASK_WORDS = ("domain", "suite", "suite_digest")


def repeats(contender: "Array", task: "Array", trial: "Array") -> "Array":
    """Of each row whether its contender, task and trial have come before."""
    import numpy as np

    again = np.ones(len(task), dtype=bool)
    cells = contender.astype(np.int64) * (int(task.max(initial=0)) + 1) + task
    lowest = int(trial.min(initial=0))
    width = int(trial.max(initial=0)) - lowest + 1
    if width > (1 << 62) // (int(cells.max(initial=0)) + 1):  # trials that are no small numbers
        width, trial, lowest = len(trial) or 1, np.unique(trial, return_inverse=True)[1], 0
    _, first = np.unique(cells * width + (trial.astype(np.int64) - lowest), return_index=True)
    again[first] = False
    return again


def _is_digest(text: str) -> bool:
    return len(text) == HEX and not set(text) - set("0123456789abcdef")
