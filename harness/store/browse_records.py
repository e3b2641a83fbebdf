"""What lies behind an attempt, its outcome and calls, and the tasks' inputs; of tables what is needed is read."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import EvidenceError
from harness.store.browse import tasks_in
from harness.store.columns import (
    CALLS,
    CALLS_FILE,
    OUTCOMES,
    TRANSCRIPTS,
    TRANSCRIPTS_FILE,
    fitted,
    nearest_first,
    open_table,
    undamaged,
)
from harness.store.outcomes import GRADED, SKIPPED, Outcomes
from harness.store.words import Array

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH = 65_536
_PLAIN = re.compile(r"[ !#-.0-\[\]-}]+")  # characters that stand in JSON text as themselves, whoever wrote it
NO_TRANSCRIPTS = "the report holds no transcripts, so the inputs of its tasks are not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSearch:
    """How far the inputs of the tasks were searched."""

    tasks: tuple[int, ...] = ()  # positions of the tasks in whose inputs the text stands
    searched: int = 0  # tasks whose inputs were read
    of: int  # tasks of the part of the suites that is searched
    next: int | None  # the row group to go on with, ``None`` where all of it was searched
    why: str | None = None  # why nothing could be searched


def read_outcome(index: Outcomes, row: int) -> Mapping[str, Any]:
    """Every column of one outcome, ``None`` where unknown. Raises EvidenceError: the file is broken, or another."""
    index.unchanged()
    with open_table(index.path, OUTCOMES) as file:
        place = row
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if 0 <= place < rows:
                found = _taken(file, index.path, OUTCOMES, group, [place])[0]
                return found | {"trial": found["trial"] or 0, "task_digest": found["task_digest"] or None}
            place -= rows
    raise EvidenceError(f"{index.path}: there is no row {row}")


def read_attempt_calls(
    report: Path, attempt_id: str, *, near: float = 0.0, expected: int | None = None
) -> tuple[Mapping[str, Any], ...] | None:
    """The calls made for an attempt, in order; ``None`` without a call table. Raises EvidenceError: it is broken.

    ``near``, a share of the file, is where to look first; ``expected`` calls are enough.
    """
    import pyarrow.compute as pc

    path = report / CALLS_FILE
    if not path.is_file():
        return None
    found: dict[int, list[dict[str, Any]]] = {}
    rest = {name: word for name, word in CALLS.items() if name != "attempt_id"}
    with open_table(path, CALLS, required=("attempt_id",)) as file:
        for group in nearest_first(file.num_row_groups, near):
            rows = pc.indices_nonzero(pc.equal(_read(file, path, group, "attempt_id"), attempt_id)).to_pylist()
            if rows:
                taken = _taken(file, path, rest, group, rows)
                found[group] = [{"attempt_id": attempt_id} | one for one in taken]
            if expected and sum(map(len, found.values())) >= expected:
                break
    return tuple(one for group in sorted(found) for one in found[group])


def search_inputs(
    index: Outcomes, text: str, so_far: InputSearch | None = None, *, split: str | None = None, seconds: float = 0.3
) -> InputSearch:
    """The tasks in whose inputs a text stands, whatever the case of its letters.

    A task's input is what the user says before the first answer, as one attempt was really sent it. The report's
    transcripts are read a row group at a time, one attempt a task; none is begun after ``seconds``, but for the first.
    ``so_far`` is a search for the same text that ran out of time, which goes on. Raises EvidenceError: they are broken.
    """
    if so_far is not None and so_far.next is None:
        return so_far
    path, asked = index.report / TRANSCRIPTS_FILE, tasks_in(index, split)
    of = int(asked.sum())
    if not path.is_file() or index.attempt_ids is None:
        return InputSearch(of=of, next=None, why=NO_TRANSCRIPTS)
    begun, so_far = time.monotonic(), so_far or InputSearch(of=of, next=0)
    rows = _one_attempt_a_task(index)
    rows = rows[asked[index.task[rows]]]
    chosen = index.attempt_texts(rows)
    found, searched, left = set(so_far.tasks), so_far.searched, None
    with open_table(path, TRANSCRIPTS, required=("attempt_id", "messages")) as file:
        for group in range(so_far.next or 0, file.num_row_groups):
            here, messages = _conversations(file, path, group, chosen)
            if len(here):
                tasks = index.task[rows[here]]
                found.update(tasks[_with_text(messages, text)].tolist())
                searched += len(np.unique(tasks))
            if time.monotonic() - begun >= seconds and group + 1 < file.num_row_groups:
                left = group + 1
                break
    return InputSearch(tasks=tuple(sorted(found)), searched=searched, of=of, next=left)


def read_inputs(index: Outcomes, tasks: Sequence[int]) -> Mapping[int, str]:
    """What was asked at tasks, by position, where it was kept. Raises EvidenceError: the transcripts are broken."""
    path, rows = index.report / TRANSCRIPTS_FILE, _one_attempt_a_task(index)
    rows = rows[np.isin(index.task[rows], np.asarray(tasks, dtype=np.int64))]
    if not path.is_file() or index.attempt_ids is None or not len(rows):
        return {}
    chosen, found = index.attempt_texts(rows), dict[int, str]()
    with open_table(path, TRANSCRIPTS, required=("attempt_id", "messages")) as file:
        for group in nearest_first(file.num_row_groups, float(rows[0]) / index.rows):
            here, messages = _conversations(file, path, group, chosen)
            if len(here):
                inputs = map(_input_of, messages.to_pylist())
                found |= dict(zip(index.task[rows[here]].tolist(), inputs, strict=True))
            if len(found) == len(rows):
                break
    return {task: text for task, text in found.items() if text}


def _conversations(file: "pq.ParquetFile", path: Path, group: int, chosen: "pa.Array") -> tuple[Array, Any]:
    """Which of the chosen attempts have their conversations in a row group, and these, read where there are any."""
    import pyarrow.compute as pc

    places = pc.index_in(_read(file, path, group, "attempt_id"), value_set=chosen, skip_nulls=True)
    there = pc.indices_nonzero(places.is_valid())
    messages = _read(file, path, group, "messages").take(there) if len(there) else None
    return np.asarray(places.drop_null(), dtype=np.int64), messages


def _input_of(messages: str | None) -> str:
    """The input in a conversation as the table holds it; empty where it cannot be read."""
    try:
        value = json.loads(messages or "")
    except (ValueError, RecursionError):
        return ""
    return input_text(value) if isinstance(value, list) else ""


def input_text(messages: Sequence[Any], replies: Sequence[str] = ()) -> str:
    """The task's input as it was sent: what stands before the contender's own first answer.

    ``replies`` are the texts of the contender's answers in their order. With them, answers that are part of the input
    (a conversation so far, worked examples) are told from its own, and each message has its speaker's name.
    """
    said = [one for one in messages if isinstance(one, Mapping) and one.get("role") in {"user", "assistant"}]
    answers = [n for n, one in enumerate(said) if one["role"] == "assistant"]
    own = _first_own([said[n].get("content") or "" for n in answers], replies)
    head = said[: answers[own]] if answers else said
    if own:
        return "\n\n".join(f"{one['role']}: {message_text(one)}" for one in head)
    return "\n".join(map(message_text, head))


def _first_own(answers: Sequence[Any], replies: Sequence[str]) -> int:
    """The last answer from which on all replies stand in their order: the first that is a reply; 0 where none is."""
    left = list(replies)
    for place in range(len(answers) - 1, -1, -1):
        if left and answers[place] == left[-1]:
            left.pop()
            if not left:
                return place
    return 0


def message_text(message: Any) -> str:
    """A message as text: its reasoning, its content or the text of its parts, and the tools that it calls."""
    if not isinstance(message, Mapping):
        return _as_json(message)
    content, calls = message.get("content"), message.get("tool_calls")
    thought = [message[name] for name in ("reasoning_content", "reasoning") if isinstance(message.get(name), str)]
    parts = [f"[reasoning] {thought[0]}\n[answer]"] if thought and thought[0].strip() else []
    if isinstance(content, str):
        parts.append(content)
    elif isinstance(content, list):
        texts = [(part.get("text") if isinstance(part, Mapping) else None, part) for part in content]
        parts += [text if isinstance(text, str) else _as_json(part) for text, part in texts]
    elif content is not None:
        parts.append(_as_json(content))
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            arguments = function.get("arguments")
            written = arguments if isinstance(arguments, str) else _as_json(arguments)
            parts.append(f"{function['name']}({written})")
        else:
            parts.append(_as_json(call))
    return "\n".join(parts)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _one_attempt_a_task(index: Outcomes) -> Array:
    """Of each task the first row that was graded, or else tried."""
    status = index.status.codes
    graded, tried = np.flatnonzero(status < GRADED), np.flatnonzero((status >= GRADED) & (status != SKIPPED))
    rows = np.concatenate([graded, tried])
    return rows[np.unique(index.task[rows], return_index=True)[1]]


def _with_text(messages: "pa.ChunkedArray", text: str) -> list[int]:
    """The places of the conversations in whose inputs the text stands."""
    likely = likely_texts(messages, text)
    return [place for place in likely if text.lower() in _input_of(messages[place].as_py()).lower()]


def likely_texts(messages: "pa.ChunkedArray", text: str) -> list[int]:
    """The places of the JSON texts in which a text may stand: no others need be read and looked at."""
    import pyarrow.compute as pc

    plain = max(_PLAIN.findall(text), key=len, default="")  # the longest stretch that any JSON holds as it is
    found = pc.match_substring(messages.cast("string"), plain, ignore_case=True)
    return list(pc.indices_nonzero(found).to_pylist())


def _read(file: "pq.ParquetFile", path: Path, group: int, name: str) -> Any:
    """A column of texts of a row group."""
    with undamaged(path):
        column = file.read_row_group(group, columns=[name]).column(0)
        return column.cast("string") if hasattr(column.type, "value_type") else column


def _taken(
    file: "pq.ParquetFile", path: Path, columns: Mapping[str, str], group: int, rows: Sequence[int]
) -> list[dict[str, Any]]:
    """Some rows of a row group, given in their order; what follows the last of them is not read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    there = [name for name in columns if name in file.schema_arrow.names]
    kinds = {name: file.schema_arrow.field(name).type for name in there}
    texts = [name for name, kind in kinds.items() if pa.types.is_string(kind) and name != "request_digest"]
    found: list[dict[str, Any]] = []
    start = 0
    with undamaged(path), pq.ParquetFile(path, metadata=file.metadata, read_dictionary=texts) as reader:
        for batch in reader.iter_batches(batch_size=_BATCH, row_groups=[group], columns=there):
            if here := [row - start for row in rows if start <= row < start + len(batch)]:
                piece = pa.Table.from_batches([batch]).take(here)
                fit = [fitted(piece.column(name), columns[name], path, name) for name in there]
                found += [dict.fromkeys(columns) | one for one in pa.table(fit, names=there).to_pylist()]
            start += len(batch)
            if start > rows[-1]:
                break
    return found
