"""The tables of a run, written from its journal in the order of its plan, a part of it at a time."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Self

import numpy as np
import orjson

from harness.core import Acted, Outcome, as_json, keeping, replacing
from harness.store.arrays import bytes_array, calls_table, read_lines, table, table_of, texts_array
from harness.store.columns import (
    ACTIONS,
    ACTIONS_FILE,
    CALLS,
    CALLS_FILE,
    OUTCOMES,
    OUTCOMES_FILE,
    TRANSCRIPTS,
    TRANSCRIPTS_FILE,
    schema,
)
from harness.store.journal import ACTIONS as ACTIONS_JOURNAL
from harness.store.lines import decoder, journal_files, read_actions_journal, record_from
from harness.store.manifest import FILE as MANIFEST_FILE
from harness.store.places import Keys, Reading, json_of
from harness.store.recall import Recalled, read_journal
from harness.store.words import Ints

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 2_000
GROUP_BYTES = 32_000_000  # a row group of transcripts ends at either: reading one conversation reads one group
_CHUNK = 20_000  # rows of a group
_PARSED = 5_000  # lines that become a table at once, while the next ones are read
_BATCH, _BATCH_BYTES = 2_000, 16_000_000  # attempts whose lines are held at once
PLANNED = ("report", "suite", "suite_digest", "contender", "contender_kind", "contender_digest", "task", "task_digest",
           "prompt_digest", "domain", "cluster", "split", "attempt_id")  # fmt: skip
"""Columns that say of which attempt a row is: as the plan has them, whatever they were when it was made."""


_TABLES = {OUTCOMES_FILE: OUTCOMES, CALLS_FILE: CALLS, TRANSCRIPTS_FILE: TRANSCRIPTS}


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
    remove_parts(report)
    held = read_journal(report) if held is None else held
    with Compaction(report, plan if isinstance(plan, Plan) else _plan_of([*plan]), held) as tables:
        return tables.end()


def remove_parts(report: Path) -> None:
    """Takes away tables that a run was writing when it was killed: only who holds the journal writes."""
    for name in (*_TABLES, ACTIONS_FILE, MANIFEST_FILE):
        for old in report.glob(f".{name}.*.part"):
            old.unlink(missing_ok=True)


def _plan_of(rows: Sequence[Outcome]) -> Plan:
    names = attrgetter(*PLANNED)
    return Plan(
        ids=[row.attempt_id for row in rows],
        contenders=[row.contender for row in rows],
        named=lambda place: names(rows[place]),
        row=rows.__getitem__,
    )


class Compaction:
    """The tables of a run while they are written, aside; what has been left undone at the end of the block is gone."""

    def __init__(self, report: Path, plan: Plan, held: Recalled) -> None:
        """``held`` may be read on; whoever goes on must not find attempts otherwise whose rows are written."""
        self.report, self.plan, self.held = report, plan, held
        self.written = 0  # rows of the plan
        self._found = 0  # of these on record
        self._places = Keys()  # the plan's ids by place
        for name in plan.ids:
            self._places.add(name)
        stood = zip(held.kinds.at(held.rows(plan.ids)), plan.contenders, strict=True)
        self._now = {on.contender: name for on, name in stood if on is not None and on.contender != name}
        self._open = ExitStack()
        self._sheets: list[_Sheet] = []
        self._hand, self._under_way = ThreadPoolExecutor(1), list[Future[None]]()  # Arrow works beside Python
        self._outcomes = _Rows(self._outcome_table, self._do)
        self._calls = _Rows(lambda rows: calls_table(rows, whole=held.calls_whole), self._do)
        self._said, self._size = list[tuple[bytes, ...]](), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes away what is not in place."""
        self._hand.shutdown()
        self._open.__exit__(GeneratorExit, GeneratorExit(), None)

    def advance(self, end: int) -> None:
        """Writes the rows of the plan up to this one. Raises StorageError: the folder cannot be written."""
        start, held = self.written, self.held
        sheets = self._sheets = self._sheets or [self._sheet(name) for name in _TABLES]
        rows = held.rows(self.plan.ids[start:end])
        made = self._places.rows_of(held.call_attempts.packed())
        for old, new in held.renamed.items():
            if (place := self._places.row(new)) >= 0:
                one = Keys()
                one.add(old)
                made[one.rows_of(held.call_attempts.packed()) >= 0] = place
        calls = np.flatnonzero((made >= start) & (made < end))
        calls = calls[np.argsort(made[calls], kind="stable")]  # in the order of the plan and then of their making
        ends = np.searchsorted(made[calls], np.arange(start, end + 1))
        with held.attempt_lines.opened() as attempt_lines, held.call_lines.opened() as call_lines:
            for first, last in self._batches(rows):
                lines = iter(attempt_lines.many(rows[first:last][rows[first:last] >= 0]))
                there = enumerate(rows[first:last].tolist(), start + first)
                pieces = [_attempt_parts(next(lines)) if row >= 0 else None for _, row in there]
                of_calls = calls[ends[first] : ends[last]]
                self._take(start + first, pieces, of_calls, made, call_lines)
                self._outcomes.give(sheets[0])
                self._calls.give(sheets[1])
        self._found += int((rows >= 0).sum())
        self.written = end

    def end(self) -> tuple[int, int]:
        """Writes the rest, and puts the tables in place; returns what `compact` does."""
        self.advance(len(self.plan.ids))
        self._take_unattached()
        self._outcomes.give(self._sheets[0], all_of_it=True)
        self._calls.give(self._sheets[1], all_of_it=True)
        self._give_said()
        self._wait()
        if journal_files(self.report, ACTIONS_JOURNAL):
            self._sheets.append(self._sheet(ACTIONS_FILE))
            self._sheets[-1].write(_actions_table(self.report, self._places, self.held.renamed))
        with ThreadPoolExecutor(len(self._sheets)) as hands:  # a disk takes all of them in the time of one
            [*hands.map(_Sheet.end, self._sheets)]
        self._open.close()  # in the reverse order: where the outcomes stand, the rest does
        return len(self.held.attempts) - self._found, self.held.torn

    def _do(self, work: Callable[[], None]) -> None:
        """Has something done aside, after all that was given before; of this there is little at once."""
        if len(self._under_way) > 2:
            self._wait()
        self._under_way.append(self._hand.submit(work))

    def _wait(self) -> None:
        while self._under_way:
            self._under_way.pop(0).result()

    def _sheet(self, name: str) -> "_Sheet":
        path, columns = self.report / name, _TABLES.get(name, ACTIONS)
        self._open.enter_context(keeping(path))
        return self._open.enter_context(_Sheet(path, self._open.enter_context(replacing(path)), columns))

    def _batches(self, rows: Ints) -> Iterator[tuple[int, int]]:
        start = size = 0
        for place, row in enumerate(rows.tolist()):
            size += self.held.attempt_lines.length(row) if row >= 0 else 0
            if place - start >= _BATCH or size >= _BATCH_BYTES:
                yield start, place + 1
                start, size = place + 1, 0
        if start < len(rows):
            yield start, len(rows)

    def _take(self, start: int, pieces: "list[_Piece | None]", calls: Ints, made: Ints, call_lines: "Reading") -> None:
        """The rows of some attempts, and of their calls."""
        plan, held = self.plan, self.held
        parts = dict(zip(calls.tolist(), map(_call_parts, call_lines.many(calls)), strict=True))
        self._calls.rows += zip(
            [part.call for part in parts.values()], [plan.ids[p] for p in made[calls].tolist()], strict=True
        )
        found = iter(held.reply_rows([digest for piece in pieces if piece for digest in piece.requests]))
        for place, piece in enumerate(pieces, start):
            if piece is None:
                self._outcomes.rows.append((_text(as_json(plan.row(place))), *plan.named(place)))
                continue
            moved = held.moved.get(plan.ids[place])
            self._outcomes.rows.append((piece.outcome if moved is None else _text(as_json(moved)), *plan.named(place)))
            replies = []
            for digest in piece.requests:
                if (row := next(found)) >= 0:
                    part = parts[row] if row in parts else _call_parts(call_lines[row])
                    replies.append(b'{"request":%b,"reply":%b}' % (_text(digest), part.reply))
            texts = (
                plan.ids[place].encode("utf-8", "backslashreplace"),
                piece.messages,
                piece.reason,
                b"[%b]" % b",".join(replies),
            )
            self._said.append(texts)
            self._size += sum(map(len, texts))
            if len(self._said) >= GROUP_ROWS or self._size >= GROUP_BYTES:
                self._give_said()

    def _take_unattached(self) -> None:
        """The rows of calls that were made for the run and for no attempt, such as probes: they are paid too."""
        nobody = Keys()
        nobody.add("")
        own = np.flatnonzero(nobody.rows_of(self.held.call_attempts.packed()) >= 0)
        own = own[[self.held.bill[row] is not None for row in own.tolist()]]
        with self.held.call_lines.opened() as lines:
            self._calls.rows += [(_call_parts(line).call, "") for line in lines.many(own)]

    def _give_said(self) -> None:
        if self._said:
            columns = dict(zip(TRANSCRIPTS, map(bytes_array, zip(*self._said, strict=True)), strict=True))
            self._do(partial(self._sheets[2].write, table(TRANSCRIPTS, columns)))
            self._said, self._size = [], 0

    def _outcome_table(self, rows: Sequence[tuple[Any, ...]]) -> "pa.Table":
        lines, *planned = zip(*rows, strict=True)
        made = {name: word for name, word in OUTCOMES.items() if name not in PLANNED}
        read = read_lines([*map(_without_task, lines)], made) if self.held.attempts_whole else None
        if read is None:
            values = attrgetter(*made)
            read = table_of(made, [values(record_from(Outcome, json_of(line))) for line in lines])
        own = dict(zip(read.column_names, read.columns, strict=True))
        own |= {name: texts_array(texts) for name, texts in zip(PLANNED, planned, strict=True)}
        if self._now:
            own["served_by"] = texts_array([self._now.get(name, name) for name in own["served_by"].to_pylist()])
        return table(OUTCOMES, own)


class _Rows:
    """Rows that wait until they are enough for a row group."""

    def __init__(
        self, make: "Callable[[Sequence[tuple[Any, ...]]], pa.Table]", do: Callable[[Callable[[], None]], None]
    ) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self._make, self._do, self._made = make, do, list[Any]()

    def give(self, sheet: "_Sheet", *, all_of_it: bool = False) -> None:
        """To a table, in whole groups or all of it."""
        if len(self.rows) >= _PARSED or all_of_it:
            rows, self.rows = self.rows, []
            self._do(partial(self._give, rows, sheet, all_of_it))

    def _give(self, rows: Sequence[tuple[Any, ...]], sheet: "_Sheet", all_of_it: bool) -> None:  # noqa: FBT001
        import pyarrow as pa

        self._made += [self._make(rows)] if rows else []
        if sum(map(len, self._made)) >= _CHUNK or (all_of_it and self._made):
            sheet.write(pa.concat_tables(self._made))
            self._made = []


class _Piece(NamedTuple):
    """What an attempt's line holds: JSON, but for the reason, which is a text."""

    outcome: bytes
    messages: bytes
    reason: bytes
    requests: Sequence[str]


class _CallParts(NamedTuple):
    """What a call's line holds, as JSON."""

    call: bytes
    reply: bytes


def _attempt_parts(line: bytes) -> _Piece:
    read = _attempt_raw()(line)
    if type(read) is not dict:
        return _Piece(bytes(read.outcome), bytes(read.messages), read.reason.encode(), read.requests)
    messages, reason = read.get("messages") or [], (read.get("reason") or "").encode("utf-8", "backslashreplace")
    return _Piece(_text(read["outcome"]), _text(messages), reason, tuple(read.get("requests") or ()))


def _without_task(line: bytes) -> bytes:
    """An outcome without the fields before its trial, which the plan has: they are half of it."""
    found = line.find(b',"trial":')  # no text holds it, where a quote has a backslash before it
    return b"{" + line[found + 1 :] if found > 0 and line.startswith(b'{"report":') else line


def _call_parts(line: bytes) -> _CallParts:
    read = _call_raw()(line)
    if type(read) is not dict:
        return _CallParts(bytes(read.call), bytes(read.reply))
    return _CallParts(_text(read["call"]), _text(read.get("reply")))


@cache
def _attempt_raw() -> Callable[[bytes], Any]:
    from msgspec import Raw

    return decoder({}, [("outcome", Raw), ("messages", Raw), ("reason", str), ("requests", tuple[str, ...])])


@cache
def _call_raw() -> Callable[[bytes], Any]:
    from msgspec import Raw

    return decoder({}, [("call", Raw), ("reply", Raw)])


def _text(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # half of a surrogate pair, a number beyond 64 bits
        import json

        return json.dumps(value).encode()


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
