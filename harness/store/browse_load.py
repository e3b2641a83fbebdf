"""Reading the index of a report's outcomes, a column at a time."""

from pathlib import Path
from typing import TYPE_CHECKING

from harness.core import EvidenceError, Status, nearest
from harness.store.browse_index import GRADED, HEX, ROW_WORDS, TaskIndex, Words, repeats
from harness.store.columns import OUTCOMES, OUTCOMES_FILE, REQUIRED, arrow_type, damaged, fitted, open_table
from harness.store.results import RESULTS, is_partial

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

_STATUSES = tuple(status.value for status in Status)
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
            words = {name: _words(reader, path, name) for name in ROW_WORDS}
            ids = {name: _words(reader, path, name) for name in ("suite", "suite_digest", "task", "task_digest")}
            domain = _words(reader, path, "domain")
            place, first = _tasks(ids, path)
            contender = words["contender"].codes
            trial = _tight(np.asarray(_column(reader, path, "trial").fill_null(0), dtype=np.int64))
            if (contender < 0).any():
                raise EvidenceError(f"{path}: a row has no contender")
            status, passed = _statuses(words["status"], path), _truth(reader, path, "passed")
            numbers = {name: _floats(reader, path, name) for name in _NUMBERS}
            return TaskIndex(
                report=report,
                **(words | {"status": status}),
                result=_results(status, passed, numbers["score"]),
                task=_tight(place),
                trial=trial,
                passed=passed,
                escalated=_truth(reader, path, "escalated"),
                repeated=repeats(contender, place, trial),
                numbers=numbers,
                attempt_ids=_attempt_ids(reader, path),
                task_names=_of_tasks(ids["task"], first, or_else=ids["task_digest"]),
                task_digests=_of_tasks(ids["task_digest"], first),
                domain=_at(domain, first),
                suite=_at(ids["suite"], first),
                suite_digest=_at(ids["suite_digest"], first),
                first=_tight(first),
            )


def _column(reader: "pq.ParquetFile", path: Path, name: str) -> "pa.ChunkedArray":
    """A whole column; nulls where the file lacks it."""
    import pyarrow as pa

    if name not in reader.schema_arrow.names:
        return pa.chunked_array([pa.nulls(reader.metadata.num_rows, arrow_type(OUTCOMES[name]))])
    try:
        column = reader.read(columns=[name]).column(0)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from None
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


def _results(status: Words, passed: "Array", score: "Array | None") -> Words:
    """The statuses again, with a word of their own for what passed in part."""
    import numpy as np
    import pyarrow as pa

    codes = status.codes
    if score is not None:
        partial = is_partial(codes < GRADED, passed >= 0, score)
        if partial.any():
            codes = np.where(partial, np.int8(len(_STATUSES)), codes)
    return Words(codes=codes, names=pa.array(RESULTS))


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
    if column.null_count or set(lengths.values()) != {HEX}:
        return column.combine_chunks()
    packed = bytearray()
    for chunk in column.chunks:
        _, offsets, data = chunk.buffers()
        start = int(np.frombuffer(offsets, np.int32)[chunk.offset])
        text = data[start : start + HEX * len(chunk)].to_pybytes()
        try:
            digests = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            return column.combine_chunks()
        if digests.hex().encode() != text:  # capitals, or blanks: ids of another make
            return column.combine_chunks()
        packed += digests
    return np.frombuffer(bytes(packed), dtype=np.uint64).reshape(-1, 2)


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
