"""The tables of a report, read; and outcomes that no journal holds, written."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from harness.core import EvidenceError, Kind, Reply, Status, UsageError, replacing
from harness.store.arrays import table_of
from harness.store.columns import (
    ACTIONS,
    ACTIONS_FILE,
    CALLS,
    CALLS_FILE,
    OUTCOMES,
    OUTCOMES_FILE,
    REQUIRED,
    TRANSCRIPTS,
    TRANSCRIPTS_FILE,
    nearest_first,
    open_table,
    read_table,
    schema,
    undamaged,
)
from harness.store.journal import ACTIONS as ACTIONS_JOURNAL
from harness.store.journal import ATTEMPTS
from harness.store.journal import CALLS as CALLS_JOURNAL
from harness.store.recall import (
    Transcript,
    journal_files,
    read_journal,
    record_from,
)

if TYPE_CHECKING:
    import pyarrow as pa

_TABLES = (OUTCOMES_FILE, CALLS_FILE, TRANSCRIPTS_FILE)


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


def refuse_foreign_results(report: Path) -> None:
    """Raises UsageError: it holds outcomes without a journal, imported ones for example, which a run would replace."""
    path = report / OUTCOMES_FILE
    if path.exists() and not journal_files(report, ATTEMPTS) and not _is_untried(report):
        problem = "these results come from no run of this folder, and a run would replace them"
        raise UsageError(f"{path}: {problem}; put experiment.yaml into another folder")


def _is_untried(report: Path) -> bool:
    """Whether the tables are those of a run that ended before its first attempt: what they hold is made again."""
    try:
        found = read_outcomes(report, ["status", "contender_kind"])
        asked = 0 if journal_files(report, CALLS_JOURNAL) else read_calls(report, ["attempt_id"]).num_rows
    except EvidenceError:
        return False
    statuses, kinds = (set(found[name].unique().to_pylist()) for name in ("status", "contender_kind"))
    return statuses <= {Status.SKIPPED} and Kind.IMPORTED not in kinds and not asked


def read_outcomes(report: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """The outcome table, or the chosen columns of it; errors as `read_table`."""
    return read_table(report / OUTCOMES_FILE, OUTCOMES, chosen=columns, required=REQUIRED)


def read_calls(report: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """The call table, as `read_outcomes`."""
    return read_table(report / CALLS_FILE, CALLS, chosen=columns, required=("attempt_id",))


def read_actions(report: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """The table of actions, as `read_outcomes`; without rows where nothing was done in a box."""
    if not (report / ACTIONS_FILE).is_file():
        return table_of({name: ACTIONS[name] for name in columns or ACTIONS}, [])
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


def _replies(path: Path, text: str | None) -> dict[str, Reply]:
    try:
        return {entry["request"]: record_from(Reply, entry["reply"]) for entry in json.loads(text or "[]")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise EvidenceError(f"{path}: the column replies does not hold replies") from None


GROUP = 50_000  # rows


def _write(file: BinaryIO, columns: Mapping[str, str], tables: Iterator["pa.Table"]) -> None:
    """The tables, a row group each, complete and on the disk."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, schema(columns), compression="zstd") as writer:
        for table in tables:
            writer.write_table(table, row_group_size=GROUP)
    file.flush()
    os.fsync(file.fileno())
