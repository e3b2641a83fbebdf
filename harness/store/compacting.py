"""The tables of a run, written from its journal in the order of its plan, a part of it at a time."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import orjson

from harness.core import Acted, Call, Outcome, as_json, keeping, replacing
from harness.store.columns import (
    ACTIONS,
    ACTIONS_FILE,
    CALL_PLACES,
    CALLS,
    CALLS_FILE,
    OUTCOMES,
    OUTCOMES_FILE,
    SIGNALS,
    TRANSCRIPTS,
    TRANSCRIPTS_FILE,
    Ints,
    arrow_type,
    schema,
)
from harness.store.journal import ACTIONS as ACTIONS_JOURNAL
from harness.store.lines import journal_files, read_actions_journal, record_from
from harness.store.manifest import FILE as MANIFEST_FILE
from harness.store.places import Keys, json_of
from harness.store.recall import Recalled, read_journal

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 2_000
GROUP_BYTES = 32_000_000  # a row group of transcripts ends at either: reading one conversation reads one group
_CHUNK = 20_000  # rows of a group
_BATCH, _BATCH_BYTES = 500, 16_000_000  # attempts whose lines are held at once
PLANNED = ("report", "suite", "suite_digest", "contender", "contender_kind", "contender_digest", "task", "task_digest",
           "prompt_digest", "domain", "cluster", "split", "attempt_id")  # fmt: skip
"""Columns that say of which attempt a row is: as the plan has them, whatever they were when it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the tables have a row for, in their order; none of the rows is kept at hand."""

    ids: Sequence[str]
    contenders: Sequence[str]
    named: Callable[[int], tuple[Any, ...]]  # of a row the values of `PLANNED`
    row: Callable[[int], Outcome]  # the row of an attempt that was never tried


def compact(report: Path, plan: Plan | Iterable[Outcome], held: Recalled | None = None) -> tuple[int, int]:
    """Writes the tables from the journal; returns how many of its attempts are not planned, and its unreadable lines.

    The plan has one ``skipped`` outcome for each attempt, in their order: the row where it was never tried; else it
    gives names and digests, which may have changed. ``held`` is the journal, where it was read after its last line.
    Raises StorageError: the folder cannot be written; the old tables still stand.
    """
    names = (OUTCOMES_FILE, CALLS_FILE, TRANSCRIPTS_FILE, *([ACTIONS_FILE] if _has_actions(report) else []))
    for name in (*names, ACTIONS_FILE, MANIFEST_FILE):
        for old in report.glob(f".{name}.*.part"):  # of a run that was killed: only who holds the journal writes
            old.unlink(missing_ok=True)
    held = read_journal(report) if held is None else held
    plan = plan if isinstance(plan, Plan) else _plan_of([*plan])
    columns = (OUTCOMES, CALLS, TRANSCRIPTS, ACTIONS)
    compacting = _Compacting(held, plan)
    with ExitStack() as ready:  # put in place in the reverse order: where the outcomes stand, the rest does
        sheets = list[_Sheet]()
        for name, own in zip(names, columns, strict=False):
            ready.enter_context(keeping(report / name))
            file = ready.enter_context(replacing(report / name))
            sheets.append(ready.enter_context(_Sheet(report / name, file, own)))
        compacting.write(*sheets[:3])
        if sheets[3:]:
            sheets[3].write(_actions_table(report, compacting.places, held.renamed))
        for sheet in sheets:
            sheet.end()
    return len(held.attempts) - int((compacting.rows >= 0).sum()), held.torn


def _has_actions(report: Path) -> bool:
    return bool(journal_files(report, ACTIONS_JOURNAL))


def _plan_of(rows: Sequence[Outcome]) -> Plan:
    names = attrgetter(*PLANNED)
    return Plan(
        ids=[row.attempt_id for row in rows],
        contenders=[row.contender for row in rows],
        named=lambda place: names(rows[place]),
        row=rows.__getitem__,
    )


class _Piece(NamedTuple):
    """What an attempt's line holds."""

    outcome: bytes
    messages: str
    reason: str
    requests: Sequence[str]


class _Compacting:
    """One writing of the tables."""

    def __init__(self, held: Recalled, plan: Plan) -> None:
        self.held, self.plan = held, plan
        self.places = Keys()  # the plan's ids by place
        for name in plan.ids:
            self.places.add(name)
        self.rows: Ints = held.rows(plan.ids)
        names = zip(self.rows.tolist(), plan.contenders, strict=True)
        there = {held.kinds[row].contender: name for row, name in names if row >= 0}
        self._now = {old: name for old, name in there.items() if old != name}
        where = self.places.rows_of(held.call_attempts.packed())
        for old, new in held.renamed.items():
            if (place := self.places.row(new)) >= 0:
                one = Keys()
                one.add(old)
                where[one.rows_of(held.call_attempts.packed()) >= 0] = place
        order = np.argsort(where, kind="stable")
        first = int(np.searchsorted(where[order], 0))
        self._calls: Ints = order[first:]  # rows of calls, in the order of the plan and then of their making
        self._ends: Ints = np.searchsorted(where[self._calls], np.arange(len(plan.ids) + 1))
        self._calls_of: Ints = where

    def write(self, outcomes: "_Sheet", calls: "_Sheet", transcripts: "_Sheet") -> None:
        """All rows, a group at a time."""
        rows, named = list[bytes](), list[tuple[Any, ...]]()
        asked, ids = list[bytes](), list[str]()
        said, size = list[tuple[str, str, str, str]](), 0
        with self.held.attempt_lines.opened() as attempt_lines, self.held.call_lines.opened() as call_lines:
            for start, end in self._batches():
                pieces = [self._piece(place, attempt_lines) for place in range(start, end)]
                digests = [digest for piece in pieces for digest in piece.requests]
                found = iter(self.held.reply_rows(digests))
                made = self._calls[self._ends[start] : self._ends[end]].tolist()
                lines = {row: call_lines[row] for row in made}
                asked += [_call_part(lines[row]) for row in made]
                ids += [self.plan.ids[place] for place in self._calls_of[made].tolist()]
                for place, piece in enumerate(pieces, start):
                    named.append(self.plan.named(place))
                    rows.append(piece.outcome)
                    replies = []
                    for digest in piece.requests:
                        if (row := next(found)) >= 0:
                            line = lines[row] if row in lines else lines.setdefault(row, call_lines[row])
                            replies.append(f'{{"request":{_text(digest)},"reply":{_reply_part(line)}}}')
                    if self.rows[place] >= 0:
                        texts = piece.messages, piece.reason, f"[{','.join(replies)}]"
                        said.append((self.plan.ids[place], *texts))
                        size += sum(map(len, texts))
                    if len(said) >= GROUP_ROWS or size >= GROUP_BYTES:
                        transcripts.write(_texts(TRANSCRIPTS, said))
                        said, size = [], 0
                if len(rows) >= _CHUNK:
                    outcomes.write(self._outcomes(rows, named))
                    rows, named = [], []
                if len(asked) >= _CHUNK:
                    calls.write(_calls_table(asked, ids, whole=self.held.calls_whole))
                    asked, ids = [], []
        if rows:
            outcomes.write(self._outcomes(rows, named))
        if asked:
            calls.write(_calls_table(asked, ids, whole=self.held.calls_whole))
        if said:
            transcripts.write(_texts(TRANSCRIPTS, said))

    def _batches(self) -> Iterator[tuple[int, int]]:
        start = size = 0
        for place, row in enumerate(self.rows.tolist()):
            size += self.held.attempt_lines.length(row) if row >= 0 else 0
            if place - start >= _BATCH or size >= _BATCH_BYTES:
                yield start, place + 1
                start, size = place + 1, 0
        if start < len(self.rows):
            yield start, len(self.rows)

    def _piece(self, place: int, lines: Any) -> _Piece:
        row, name = int(self.rows[place]), self.plan.ids[place]
        if row < 0:
            return _Piece(_as_line(self.plan.row(place)), "[]", "", ())
        piece = _attempt_parts(lines[row])
        moved = self.held.moved.get(name)
        return piece if moved is None else piece._replace(outcome=_as_line(moved))

    def _outcomes(self, lines: Sequence[bytes], named: Sequence[tuple[Any, ...]]) -> "pa.Table":
        planned = dict(zip(PLANNED, zip(*named, strict=True), strict=True))
        table = _read_lines(lines, OUTCOMES) if self.held.attempts_whole else None
        if table is None:
            values = attrgetter(*OUTCOMES)
            table = table_of(OUTCOMES, [values(record_from(Outcome, json_of(line))) for line in lines])
        own = dict(zip(table.column_names, table.columns, strict=True))
        own |= {name: _texts_array(texts) for name, texts in planned.items()}
        if self._now:
            own["served_by"] = _texts_array([self._now.get(name, name) for name in own["served_by"].to_pylist()])
        return _table(OUTCOMES, own)


def _attempt_parts(line: bytes) -> _Piece:
    """The parts of an attempt's line: stretches of it, for a quote within a text never follows a comma unescaped."""
    first, last = line.find(b',"messages":'), line.rfind(b',"reason":')
    try:
        if line.startswith(b'{"outcome":{') and 0 < first < last < line.rfind(b',"requests":['):
            rest = orjson.loads(b"{" + line[last + 1 :])
            return _Piece(line[11:first], line[first + 12 : last].decode(), rest["reason"] or "", rest["requests"])
    except (ValueError, KeyError):  # half of a surrogate pair; or nothing that `Journal` wrote
        pass
    read = json_of(line)
    messages, requests = read.get("messages") or [], tuple(read.get("requests") or ())
    return _Piece(_as_line(read["outcome"]), _text(messages), read.get("reason") or "", requests)


def _call_part(line: bytes) -> bytes:
    end = line.find(b',"reply":')
    return line[8:end] if line.startswith(b'{"call":{') and end > 0 else _as_line(json_of(line)["call"])


def _reply_part(line: bytes) -> str:
    start = line.find(b',"reply":{')
    if line.startswith(b'{"call":{') and start > 0 and line.endswith(b"}}\n"):
        return line[start + 9 : -2].decode()
    return _text(json_of(line)["reply"])


def _as_line(record: Any) -> bytes:
    return _text(as_json(record)).encode()


def _text(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half of a surrogate pair, a number beyond 64 bits
        import json

        return json.dumps(value)


class _Sheet:
    """A table that is being written. What the system says of it is raised as a StorageError of its file."""

    def __init__(self, path: Path, file: BinaryIO, columns: Mapping[str, str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pa.set_memory_pool(pa.system_memory_pool())  # the others keep 20 MB for themselves
        self._path, self._file = path, file
        with keeping(path):
            self._writer = pq.ParquetWriter(file, schema(columns), compression="zstd")

    def write(self, table: "pa.Table") -> None:
        with keeping(self._path):
            self._writer.write_table(table, row_group_size=_CHUNK)  # one row is read by reading its group

    def end(self) -> None:
        """All of it is on the disk."""
        with keeping(self._path):
            self._writer.close()
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> "_Sheet":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.is_open = False  # it would write its end wherever it is dropped


def _read_lines(lines: Sequence[bytes], columns: Mapping[str, str]) -> "pa.Table | None":
    """The columns of JSON objects, a dot in whose name leads into one; ``None`` where Arrow cannot read them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json as pj

    kinds: dict[str, Any] = {}
    for place, word in columns.items():
        within, _, name = place.rpartition(".")
        kind = pa.string() if word == "timestamp" else arrow_type(word)
        if within:
            kinds.setdefault(within, []).append((name, kind))
        else:
            kinds[name] = kind
    wanted = pa.schema([(n, pa.struct(k) if isinstance(k, list) else k) for n, k in kinds.items()])
    text = b"\n".join(lines)
    if b"\\ud" in text:  # half of a surrogate pair, perhaps
        return None
    try:
        read = pj.read_json(
            pa.BufferReader(text),
            read_options=pj.ReadOptions(
                use_threads=len(lines) > 5_000, block_size=max(1 << 22, 2 * max(map(len, lines)))
            ),
            parse_options=pj.ParseOptions(explicit_schema=wanted, unexpected_field_behavior="ignore"),
        )
        found = {}
        for place, word in columns.items():
            within, _, name = place.rpartition(".")
            column = pc.struct_field(read.column(within), name) if within else read.column(name)
            found[place] = column.cast(arrow_type(word)) if word == "timestamp" else column
    except pa.ArrowException:
        return None
    return pa.table(found)


def _calls_table(lines: Sequence[bytes], ids: Sequence[str], *, whole: bool) -> "pa.Table":
    places = dict(CALL_PLACES) | {f"signals.{name}": "float64" for name in SIGNALS}
    table = _read_lines(lines, places) if whole else None
    if table is None:
        values, calls = attrgetter(*CALL_PLACES), [record_from(Call, json_of(line)) for line in lines]
        rows = [(*values(call), *map(call.signals.get, SIGNALS)) for call in calls]
        table = table_of(CALLS, rows)
    own = dict(zip(CALLS, table.columns, strict=True))
    return _table(CALLS, own | {"attempt_id": _texts_array(ids)})


def _actions_table(report: Path, places: Keys, renamed: Mapping[str, str]) -> "pa.Table":
    """The actions of planned attempts, in the order of the plan and then of their first doing; the last row counts."""
    actions: list[Acted] = [*read_actions_journal(report)]
    ids = [renamed.get(action.attempt_id, action.attempt_id) for action in actions]
    found: dict[tuple[str, str, int], tuple[int, tuple[Any, ...]]] = {}
    values = attrgetter(*ACTIONS)
    for action, attempt, place in zip(actions, ids, places.rows(ids).tolist(), strict=True):
        if place >= 0:
            found[attempt, action.request_digest, action.place] = place, (attempt, *values(action)[1:])
    return table_of(ACTIONS, [row for _, row in sorted(found.values(), key=lambda one: one[0])])


def _texts(columns: Mapping[str, str], rows: Sequence[tuple[str, ...]]) -> "pa.Table":
    return _table(columns, {n: _texts_array(texts) for n, texts in zip(columns, zip(*rows, strict=True), strict=True)})


def _texts_array(texts: Sequence[str | None]) -> Any:
    """An Arrow array of texts, made so that pandas is not imported for it."""
    import pyarrow as pa

    for encodable in (False, True):
        builder = pa.lib.StringBuilder()
        try:
            builder.append_values([_encodable(text) for text in texts] if encodable else texts)
            break
        except UnicodeEncodeError:
            continue
    return builder.finish()


def _table(columns: Mapping[str, str], own: Mapping[str, Any]) -> "pa.Table":
    import pyarrow as pa

    return pa.table([own[name] for name in columns], schema=schema(columns))


def table_of(columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> "pa.Table":
    """Rows as a table."""
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
