"""The tables of a report: the journal compacted into Parquet, and read again."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from harness.core import EvidenceError, Outcome, Reply, keeping, replacing
from harness.store.columns import (
    ACTIONS,
    ACTIONS_FILE,
    CALL_PLACES,
    CALLS,
    CALLS_FILE,
    OUTCOMES,
    OUTCOMES_FILE,
    REQUIRED,
    SIGNALS,
    TRANSCRIPTS,
    TRANSCRIPTS_FILE,
    arrow_type,
    nearest_first,
    open_table,
    read_table,
    schema,
    undamaged,
)
from harness.store.journal import ACTIONS as ACTIONS_JOURNAL
from harness.store.journal import ATTEMPTS
from harness.store.journal import CALLS as CALLS_JOURNAL
from harness.store.manifest import FILE as MANIFEST_FILE
from harness.store.recall import (
    Recalled,
    Transcript,
    journal_files,
    read_actions_journal,
    read_calls_journal,
    read_journal,
    record_from,
)

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 2_000
GROUP_BYTES = 32_000_000  # a row group of transcripts ends at either: reading one conversation reads one group
_CHUNK = 50_000
_TABLES = (OUTCOMES_FILE, CALLS_FILE, TRANSCRIPTS_FILE)


def compact(report: Path, plan: Iterable[Outcome], held: Recalled | None = None) -> tuple[int, int]:
    """Writes the tables from the journal; returns how many of its attempts are not planned, and its unreadable lines.

    The plan has one ``skipped`` outcome for each attempt, in their order: the row where it was never tried; else it
    gives names and digests, which may have changed. ``held`` is the journal, where it was read after its last line.
    Raises StorageError: the folder cannot be written; the old tables still stand.
    """
    for name in (
        *_TABLES,
        ACTIONS_FILE,
        MANIFEST_FILE,
    ):  # a kill left it half-written: only the run that holds the journal writes
        for old in report.glob(f".{name}.*.part"):
            old.unlink(missing_ok=True)
    held = read_journal(report) if held is None else held
    planned = list(plan)
    order = {row.attempt_id: place for place, row in enumerate(planned)}
    done = [(row, held.attempts.get(row.attempt_id)) for row in planned]
    now = {found.contender: row.contender for row, found in done if found}
    rows = [_named(found, row, now) if found else row for row, found in done]
    calls = _calls_table(report, order, held.renamed)
    values, starts = attrgetter(*OUTCOMES), range(0, len(rows), _CHUNK)
    outcomes = (_table(OUTCOMES, [values(row) for row in rows[start : start + _CHUNK]]) for start in starts)
    written = [
        (OUTCOMES_FILE, OUTCOMES, outcomes),
        (CALLS_FILE, CALLS, iter([calls])),
        (TRANSCRIPTS_FILE, TRANSCRIPTS, _transcripts(held, planned)),
    ]
    if journal_files(report, ACTIONS_JOURNAL):
        written.append((ACTIONS_FILE, ACTIONS, iter([_actions_table(report, order, held.renamed)])))
    with ExitStack() as ready:  # put in place in the reverse order: where the outcomes stand, the rest does
        for name, columns, tables in written:
            ready.enter_context(keeping(report / name))
            _write(ready.enter_context(replacing(report / name)), columns, tables)
    return len(held.attempts.keys() - order.keys()), held.torn


def tables_are_whole(report: Path) -> bool:
    """Whether the tables are there and end as Parquet does; their rows are not looked at."""
    try:
        for name in (*_TABLES, *([ACTIONS_FILE] if journal_files(report, ACTIONS_JOURNAL) else [])):
            with (report / name).open("rb") as file:
                file.seek(-4, os.SEEK_END)
                if file.read() != b"PAR1":
                    return False
    except OSError:
        return False
    return True


def read_outcomes(report: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """The outcome table, or the chosen columns of it; errors as `read_table`."""
    return read_table(report / OUTCOMES_FILE, OUTCOMES, chosen=columns, required=REQUIRED)


def read_calls(report: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """The call table, as `read_outcomes`."""
    return read_table(report / CALLS_FILE, CALLS, chosen=columns, required=("attempt_id",))


def read_actions(report: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """The table of actions, as `read_outcomes`; without rows where nothing was done in a box."""
    if not (report / ACTIONS_FILE).is_file():
        return _table({name: ACTIONS[name] for name in columns or ACTIONS}, [])
    return read_table(report / ACTIONS_FILE, ACTIONS, chosen=columns, required=("attempt_id",))


def read_transcript(report: Path, attempt_id: str, *, near: float = 0.0) -> Transcript:
    """An attempt's conversation, from table or journal. Raises EvidenceError: there is none, or the table is broken.

    ``near``, a share of the table, is where to look first: its order is that of the outcomes.
    """
    import pyarrow.compute as pc

    path = report / TRANSCRIPTS_FILE
    absent = f"{report}: there is no transcript of the attempt {attempt_id}"
    if not path.is_file() and journal_files(report, ATTEMPTS):
        held = read_journal(report)
        if attempt_id not in held.attempts:
            raise EvidenceError(absent)
        return held.transcript(attempt_id)
    with open_table(path, TRANSCRIPTS, required=("attempt_id", "messages")) as file, undamaged(path):
        names = [name for name in TRANSCRIPTS if name in file.schema_arrow.names]
        for group in nearest_first(file.num_row_groups, near):
            row = pc.index(file.read_row_group(group, columns=["attempt_id"])["attempt_id"], attempt_id).as_py()
            if row >= 0:
                found = file.read_row_group(group, columns=names).slice(row, 1).to_pylist()[0]
                break
        else:
            raise EvidenceError(absent)
    try:
        messages = tuple(json.loads(found["messages"] or "[]"))
    except (ValueError, TypeError, RecursionError):
        raise EvidenceError(f"{path}: the messages of {attempt_id} are not JSON") from None
    replies = _replies(path, found.get("replies"))
    told = {"attempt_id": attempt_id, "reason": found.get("reason") or ""}
    return Transcript(**told, messages=messages, requests=tuple(replies), replies=replies)


def recorded_replies(report: Path) -> Mapping[str, Reply]:
    """All replies by request digest, from the journal, else the transcripts. Raises EvidenceError: there is neither."""
    if journal_files(report, CALLS_JOURNAL):
        return read_journal(report).replies
    path = report / TRANSCRIPTS_FILE
    found: dict[str, Reply] = {}
    with open_table(path, TRANSCRIPTS, required=("replies",)) as file:
        for group in range(file.num_row_groups):
            for text in file.read_row_group(group, columns=["replies"])["replies"].to_pylist():
                found |= _replies(path, text)
    return found


def write_outcomes(report: Path, tables: Iterator["pa.Table"]) -> None:
    """Replaces ``outcomes.parquet`` by these pieces, which have the columns of `OUTCOMES`."""
    with replacing(report / OUTCOMES_FILE) as file:
        _write(file, OUTCOMES, tables)


_PLANNED = ("report", "suite", "suite_digest", "contender", "contender_kind", "contender_digest", "task", "task_digest",
            "prompt_digest", "domain", "cluster", "split", "attempt_id")  # fmt: skip


def _named(outcome: Outcome, planned: Outcome, now: Mapping[str, str]) -> Outcome:
    """The outcome under the names and digests of the plan; ``now`` are the contenders' names there."""
    names = attrgetter(*_PLANNED)
    served_by = now.get(outcome.served_by or "", outcome.served_by)
    if names(outcome) == names(planned) and served_by == outcome.served_by:
        return outcome
    return replace(outcome, served_by=served_by, **dict(zip(_PLANNED, names(planned), strict=True)))


def _calls_table(report: Path, order: Mapping[str, int], renamed: Mapping[str, str]) -> "pa.Table":
    """The calls of planned attempts, in the order of the plan and then of their making."""
    import pyarrow as pa

    values = attrgetter(*CALL_PLACES)
    places: list[int] = []
    pieces: list[pa.Table] = []
    rows: list[tuple[Any, ...]] = []
    for call in read_calls_journal(report):
        attempt = renamed.get(call.attempt_id, call.attempt_id)
        if attempt in order:
            places.append(order[attempt])
            rows.append((attempt, *values(call)[1:], *map(call.signals.get, SIGNALS)))
        if len(rows) == _CHUNK:
            pieces.append(_table(CALLS, rows))
            rows = []
    pieces.append(_table(CALLS, rows))
    return pa.concat_tables(pieces).take(np.argsort(np.array(places, dtype=np.int64), kind="stable"))


def _actions_table(report: Path, order: Mapping[str, int], renamed: Mapping[str, str]) -> "pa.Table":
    """The actions of planned attempts, in the order of the plan and then of their first doing; the last row counts."""
    found: dict[tuple[str, str, int], tuple[Any, ...]] = {}
    values = attrgetter(*ACTIONS)
    for action in read_actions_journal(report):
        attempt = renamed.get(action.attempt_id, action.attempt_id)
        if attempt in order:
            found[attempt, action.request_digest, action.place] = (attempt, *values(action)[1:])
    return _table(ACTIONS, sorted(found.values(), key=lambda row: order[row[0]]))


def _transcripts(held: Recalled, planned: Sequence[Outcome]) -> Iterator["pa.Table"]:
    """One table a row group."""
    rows: list[tuple[str, str, str, str]] = []
    size = 0
    for row in planned:
        if row.attempt_id not in held.attempts:
            continue
        line = held.places[row.attempt_id].read()
        digests = [digest for digest in line.get("requests") or () if digest in held.replies]
        replies = [{"request": digest, "reply": held.replies.raw(digest)} for digest in digests]
        texts = (json.dumps(line.get("messages") or []), line.get("reason") or "", json.dumps(replies))
        rows.append((row.attempt_id, *texts))
        size += sum(map(len, texts))
        if len(rows) >= GROUP_ROWS or size >= GROUP_BYTES:
            yield _table(TRANSCRIPTS, rows)
            rows, size = [], 0
    yield _table(TRANSCRIPTS, rows)


def _replies(path: Path, text: str | None) -> dict[str, Reply]:
    try:
        return {entry["request"]: record_from(Reply, entry["reply"]) for entry in json.loads(text or "[]")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise EvidenceError(f"{path}: the column replies does not hold replies") from None


def _table(columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> "pa.Table":
    import pyarrow as pa

    arrays = []
    for place, word in enumerate(columns.values()):
        values = [row[place] for row in rows]
        try:
            arrays.append(pa.array(values, arrow_type(word)))
        except UnicodeEncodeError:  # Parquet text is UTF-8: what has no such form, a lone surrogate, becomes its escape
            arrays.append(pa.array([_encodable(value) for value in values], arrow_type(word)))
    return pa.table(arrays, schema=schema(columns))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return [_encodable(part) for part in value] if isinstance(value, (tuple, list)) else value


def _write(file: BinaryIO, columns: Mapping[str, str], tables: Iterator["pa.Table"]) -> None:
    """The tables, a row group each, complete and on the disk."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, schema(columns), compression="zstd") as writer:
        for table in tables:
            writer.write_table(table, row_group_size=_CHUNK)  # one row is read by reading its group
    file.flush()
    os.fsync(file.fileno())
