"""What was asked and answered at some attempts, and the attempts in whose answers or reasons a text stands."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.store.browse_records import NO_TRANSCRIPTS, input_text, likely_texts, message_text
from harness.store.columns import (
    ACTIONS,
    ACTIONS_FILE,
    TRANSCRIPTS,
    TRANSCRIPTS_FILE,
    nearest_first,
    open_table,
    undamaged,
)
from harness.store.outcomes import SKIPPED, Outcomes
from harness.store.words import Array

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What stands in an attempt's transcript."""

    asked: str  # the task's input as it was sent
    answer: str  # what the contender said last; empty where it said nothing
    reason: str  # the grader's
    tools: int = 0  # how many results of tools there are


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSearch:
    """How far answers and reasons were searched."""

    rows: tuple[int, ...] = ()  # outcomes in whose answer or reason the text stands
    searched: int = 0  # attempts whose transcripts were read
    of: int  # attempts that have one
    next: int | None  # the row group to go on with, ``None`` where all of it was searched
    why: str | None = None  # why nothing could be searched


def read_answers(index: Outcomes, rows: Sequence[int]) -> Mapping[int, Answered]:
    """By row of the outcomes what was asked and answered, where it was kept. Raises EvidenceError: it is broken.

    Only the row groups of the transcripts are read in which these attempts stand: their order is that of the outcomes.
    """
    path = index.report / TRANSCRIPTS_FILE
    chosen = np.asarray(rows, dtype=np.int64)
    chosen = chosen[index.status.codes[chosen] != SKIPPED]
    if not path.is_file() or index.attempt_ids is None or not len(chosen):
        return {}
    names = index.attempt_texts(chosen).to_pylist()
    left = {name: row for name, row in zip(names, chosen.tolist(), strict=True) if name}
    found: dict[int, Answered] = {}
    with open_table(path, TRANSCRIPTS, required=("attempt_id", "messages")) as file, undamaged(path):
        columns = [name for name in ("attempt_id", "messages", "reason", "replies") if name in file.schema_arrow.names]
        asked = _expected_groups(file, index, chosen)
        seen: set[int] = set()
        while left and len(seen) < file.num_row_groups:
            near = next(iter(left.values())) / index.rows
            rest = [group for group in nearest_first(file.num_row_groups, near) if group not in seen]
            group = next((one for one in asked if one not in seen), rest[0])
            seen.add(group)
            for name, row in _taken(file, group, columns, left):
                found[left.pop(name)] = _answered(row)
    return found


def _expected_groups(file: "pq.ParquetFile", index: Outcomes, rows: Array) -> list[int]:
    """The row groups in which the transcripts of some outcomes should stand, were there one for each."""
    ends = np.cumsum([file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)], dtype=np.int64)
    if not len(ends):
        return []
    places = rows * (int(ends[-1]) / index.rows)
    groups = np.minimum(np.searchsorted(ends, places, side="right"), len(ends) - 1)
    return [int(group) for group in np.unique(groups)]


def _taken(file: "pq.ParquetFile", group: int, columns: list[str], names: Mapping[str, int]) -> list[tuple[str, Any]]:
    """Those of some attempts that stand in a row group; nothing but names is read where none does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = file.read_row_group(group, columns=["attempt_id"])["attempt_id"].cast("string")
    here = pc.indices_nonzero(pc.is_in(ids, value_set=pa.array(list(names), pa.string())))
    if not len(here):
        return []
    rows = file.read_row_group(group, columns=columns).take(here).to_pylist()
    return list({row["attempt_id"]: (row["attempt_id"], row) for row in rows}.values())


def _answered(row: Mapping[str, Any]) -> Answered:
    messages = _messages(row["messages"])
    return Answered(
        asked=input_text(messages, _replies(row.get("replies"))),
        answer=_last_answer(messages),
        reason=row.get("reason") or "",
        tools=sum(one.get("role") == "tool" for one in messages if isinstance(one, Mapping)),
    )


def _replies(text: str | None) -> list[str]:
    """The texts of a contender's replies; none where they cannot be read."""
    try:
        return [str(one["reply"].get("text") or "") for one in json.loads(text or "[]")]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []


def _messages(text: str | None) -> list[Any]:
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return []
    return value if isinstance(value, list) else []


def _last_answer(messages: Sequence[Any]) -> str:
    said = (one for one in reversed(messages) if isinstance(one, Mapping) and one.get("role") == "assistant")
    return message_text(next(said, {}))


def search_answers(
    index: Outcomes, text: str, so_far: AnswerSearch | None = None, *, seconds: float = 0.3
) -> AnswerSearch:
    """The attempts in whose last answer, or grader's reason, a text stands, whatever the case of its letters.

    Transcripts are read a row group at a time; none is begun after ``seconds``, but for the first. ``so_far`` is a
    search for the same text that ran out of time, which goes on. Raises EvidenceError: they are broken.
    """
    if so_far is not None and so_far.next is None:
        return so_far
    path = index.report / TRANSCRIPTS_FILE
    if not path.is_file() or index.attempt_ids is None:
        return AnswerSearch(
            of=0, next=None, why=NO_TRANSCRIPTS.replace("the inputs of its tasks are", "what was said is")
        )
    begun = time.monotonic()
    with open_table(path, TRANSCRIPTS, required=("attempt_id", "messages")) as file, undamaged(path):
        so_far = so_far or AnswerSearch(of=file.metadata.num_rows, next=0)
        found, searched, left = list(so_far.rows), so_far.searched, None
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        for group in range(so_far.next or 0, file.num_row_groups):
            names = _saying(file, group, text)
            found += _rows_of(index, names, start=sum(sizes[:group]), size=sizes[group], of=so_far.of)
            searched += sizes[group]
            if time.monotonic() - begun >= seconds and group + 1 < file.num_row_groups:
                left = group + 1
                break
    return AnswerSearch(rows=tuple(sorted(found)), searched=searched, of=so_far.of, next=left)


def _saying(file: "pq.ParquetFile", group: int, text: str) -> list[str]:
    """The names of the attempts of a row group that say a text in their last answer, or whose reason does."""
    import pyarrow.compute as pc

    columns = [name for name in ("attempt_id", "messages", "reason", "replies") if name in file.schema_arrow.names]
    table = file.read_row_group(group, columns=columns)
    lower = text.lower()
    places = {
        place
        for place in likely_texts(table["messages"], text)
        if lower in _last_answer(_messages(table["messages"][place].as_py())).lower()
    }
    if "reason" in columns:
        said = pc.match_substring(table["reason"].cast("string"), text, ignore_case=True)
        places |= set(pc.indices_nonzero(said).to_pylist())
    return [str(table["attempt_id"][place].as_py()) for place in sorted(places)]


def _rows_of(index: Outcomes, names: Sequence[str], *, start: int, size: int, of: int) -> list[int]:
    """The rows of the outcomes that have these names; looked for where the order of the transcripts puts them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not names:
        return []
    window = np.arange(start, min(index.rows, start + size + max(0, index.rows - of)))
    places = pc.index_in(pa.array(names, pa.string()), value_set=index.attempt_texts(window)).to_pylist()
    rows = [index.row_of(name) if place is None else start + place for name, place in zip(names, places, strict=True)]
    return [row for row in rows if row >= 0]


def read_attempt_actions(report: "Path", attempt_id: str, most: int = 1_000) -> tuple[Mapping[str, Any], ...] | None:
    """What was done in an attempt's box, in order; ``None`` without a table. Raises EvidenceError: it is broken."""
    import pyarrow.compute as pc

    path = report / ACTIONS_FILE
    if not path.is_file():
        return None
    found: list[dict[str, Any]] = []
    with open_table(path, ACTIONS, required=("attempt_id",)) as file, undamaged(path):
        there = [name for name in ACTIONS if name in file.schema_arrow.names]
        for group in range(file.num_row_groups):
            ids: pa.ChunkedArray = file.read_row_group(group, columns=["attempt_id"])["attempt_id"]
            here = pc.indices_nonzero(pc.equal(ids, attempt_id))
            if len(here):
                found += file.read_row_group(group, columns=there).take(here[:most]).to_pylist()
    return tuple(dict.fromkeys(ACTIONS) | one for one in found[:most])
