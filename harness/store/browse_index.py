"""An index of a report's outcomes, small enough to be kept in memory: what a page of tasks is found with.

Every outcome row is a few bytes: codes for its words, its numbers as they are. A row's place here is its place in the
file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError, Status, UsageError, nearest
from harness.store.columns import OUTCOMES, OUTCOMES_FILE, REQUIRED, arrow_type, fitted, open_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

TaskKey = tuple[str, str]
"""A task's identity: the digest of its suite and its own, or their names where there is no digest."""

_STATUSES = tuple(status.value for status in Status)
GRADED = 2
"""Of the statuses in their order, the first two are graded: passed and failed."""
_HEX = 32


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
        words = [getattr(self, name) for name in _ROW_WORDS + _TASK_WORDS]
        arrays = [self.task, self.trial, self.passed, self.escalated, self.repeated, self.first]
        others = [*self.numbers.values(), self.attempt_ids, self.task_names, self.task_digests]
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
        offsets = np.arange(0, _HEX * len(rows) + 1, _HEX, dtype=np.int32)
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
_ROW_WORDS = ("contender", "split", "status", "cause", "label_true", "label_predicted")
_TASK_WORDS = ("domain", "suite", "suite_digest")
_NUMBERS = ("score", "confidence", "cost_usd", "latency_s")


def load_task_index(report: Path) -> TaskIndex:
    """Reads the index of a report, a column at a time.

    Raises:
        EvidenceError: the outcomes are missing or broken, or a row has no contender, no task or no known status.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = report / OUTCOMES_FILE
    with open_table(path, OUTCOMES, required=REQUIRED) as file:
        texts = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) and f.name != "attempt_id"]
        with pq.ParquetFile(path, metadata=file.metadata, read_dictionary=texts) as reader:
            words = {name: _words(reader, path, name) for name in _ROW_WORDS}
            ids = {name: _words(reader, path, name) for name in ("suite", "suite_digest", "task", "task_digest")}
            domain = _words(reader, path, "domain")
            place, first = _tasks(ids, path)
            contender = words["contender"].codes
            trial = _tight(np.asarray(_column(reader, path, "trial").fill_null(0), dtype=np.int64))
            if (contender < 0).any():
                raise EvidenceError(f"{path}: a row has no contender")
            return TaskIndex(
                report=report,
                **(words | {"status": _statuses(words["status"], path)}),
                task=_tight(place),
                trial=trial,
                passed=_truth(reader, path, "passed"),
                escalated=_truth(reader, path, "escalated"),
                repeated=repeats(contender, place, trial),
                numbers={name: _floats(reader, path, name) for name in _NUMBERS},
                attempt_ids=_attempt_ids(reader, path),
                task_names=_of_tasks(ids["task"], first, or_else=ids["task_digest"]),
                task_digests=_of_tasks(ids["task_digest"], first),
                domain=_at(domain, first),
                suite=_at(ids["suite"], first),
                suite_digest=_at(ids["suite_digest"], first),
                first=_tight(first),
            )


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


def _column(reader: "pq.ParquetFile", path: Path, name: str) -> "pa.ChunkedArray":
    """A whole column; nulls where the file lacks it."""
    import pyarrow as pa

    if name not in reader.schema_arrow.names:
        return pa.chunked_array([pa.nulls(reader.metadata.num_rows, arrow_type(OUTCOMES[name]))])
    try:
        column = reader.read(columns=[name]).column(0)
    except (pa.ArrowException, OSError) as error:
        raise EvidenceError(f"{path}: damaged: {str(error).splitlines()[0]}") from None
    return column if pa.types.is_dictionary(column.type) else fitted(column, OUTCOMES[name], path, name)


def _words(reader: "pq.ParquetFile", path: Path, name: str) -> Words:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    column = _column(reader, path, name)
    ours = pa.dictionary(pa.int32(), pa.string())
    coded = column if column.type == ours else column.cast(pa.string()).dictionary_encode()
    whole = coded.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # no rows at all
        whole = pa.array([], ours)
    if whole.dictionary.null_count:
        whole = whole.cast(pa.string()).dictionary_encode()
    used = pc.unique(whole.indices.drop_null())
    names = whole.dictionary.take(used).cast(pa.string())
    anew = np.full(len(whole.dictionary) + 1, -1, dtype=np.int64)
    anew[np.asarray(used)] = np.arange(len(used))
    codes = anew[np.asarray(whole.indices.fill_null(len(whole.dictionary)))]
    return Words(codes=_tight(codes), names=names)


def _tasks(ids: dict[str, Words], path: Path) -> tuple["Array", "Array"]:
    """Of each row the position of its task, and of each task its first row."""
    import numpy as np
    import pyarrow.compute as pc

    keys = []
    for word in ("suite", "task"):
        digest, name = ids[f"{word}_digest"], ids[word]
        blank = _blank(digest)
        bare = (digest.codes < 0) | (digest.codes == blank)
        # One numbering for both: a name is the same identity as a digest that is written alike; an empty one is none.
        known = np.asarray(pc.index_in(name.names, value_set=digest.names).fill_null(-1), dtype=np.int64)
        code = np.append(np.where(known >= 0, known, len(digest.names) + np.arange(len(known))), -1)
        named = np.where(name.codes == _blank(name), -1, code[name.codes])
        keys.append(np.where(bare, named, digest.codes.astype(np.int64)))
    if (keys[1] < 0).any():
        raise EvidenceError(f"{path}: a row has neither a task nor a task_digest")
    _, first, place = np.unique(keys[0] * (1 << 32) + keys[1], return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[place], first[order]


def _blank(words: Words) -> int:
    """The code of the empty word, -2 where there is none."""
    import pyarrow.compute as pc

    found = int(pc.index(words.names, "").as_py())
    return found if found >= 0 else -2


def _statuses(found: Words, path: Path) -> Words:
    """The same in the order of `Status`, whatever stands first in the file."""
    import numpy as np
    import pyarrow as pa

    if (found.codes < 0).any():
        raise EvidenceError(f"{path}: a row has no status")
    for name in found.every:
        if name not in _STATUSES:
            raise EvidenceError(f"{path}: the status {name!r} is unknown; {nearest(name, _STATUSES)}")
    anew = np.array([_STATUSES.index(name) for name in found.every], dtype=np.int8)
    return Words(codes=anew[found.codes], names=pa.array(_STATUSES))


def _of_tasks(words: Words, first: "Array", or_else: Words | None = None) -> "pa.Array":
    """Of each task its word, empty where it has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def taken(of: Words) -> "pa.Array":
        codes = of.codes[first]
        return of.names.take(pa.array(codes, pa.int64(), mask=codes < 0)).fill_null("")

    found = taken(words)
    return found if or_else is None else pc.if_else(pc.equal(found, ""), taken(or_else), found)


def _at(words: Words, first: "Array") -> Words:
    return Words(codes=words.codes[first], names=words.names)


def _truth(reader: "pq.ParquetFile", path: Path, name: str) -> "Array":
    import numpy as np
    import pyarrow as pa

    return np.asarray(_column(reader, path, name).cast(pa.int8()).fill_null(-1), dtype=np.int8)


def _floats(reader: "pq.ParquetFile", path: Path, name: str) -> "Array | None":
    import numpy as np

    column = _column(reader, path, name)
    if column.null_count == len(column):
        return None
    return np.asarray(column.fill_null(np.nan), dtype=np.float64)


def _attempt_ids(reader: "pq.ParquetFile", path: Path) -> "Array | pa.Array | None":
    """Digests as 16 bytes each, where all of them are."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    column = _column(reader, path, "attempt_id")
    if column.null_count == len(column):
        return None
    column = column.cast(pa.string())
    lengths = pc.min_max(pc.binary_length(column)).as_py()
    if column.null_count or set(lengths.values()) != {_HEX}:
        return column.combine_chunks()
    packed = bytearray()
    for chunk in column.chunks:
        _, offsets, data = chunk.buffers()
        start = int(np.frombuffer(offsets, np.int32)[chunk.offset])
        text = data[start : start + _HEX * len(chunk)].to_pybytes()
        try:
            digests = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            return column.combine_chunks()
        if digests.hex().encode() != text:  # capitals, or blanks: ids of another make
            return column.combine_chunks()
        packed += digests
    return np.frombuffer(bytes(packed), dtype=np.uint64).reshape(-1, 2)


def _is_digest(text: str) -> bool:
    return len(text) == _HEX and not set(text) - set("0123456789abcdef")


def _tight(codes: "Array") -> "Array":
    """The same in the smallest signed integers that hold them."""
    import numpy as np

    if not len(codes):
        return codes.astype(np.int8)
    low, high = int(codes.min()), int(codes.max())
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return codes.astype(kind)
    return codes
