"""Reads a run's journal back: what is done, and the replies that stand in its cache.

Only the small records are kept in memory; conversations and replies are read from the file when they are asked for.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import orjson

from harness.core import Call, Cause, Cost, Kind, Message, Outcome, Reply, Role, Status, ToolCall, Usage, UsageError
from harness.store.columns import OUTCOMES_FILE
from harness.store.journal import ATTEMPTS, CALLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """An attempt's conversation."""

    attempt_id: str
    messages: tuple[Message, ...]  # the whole conversation as it was really sent, and what came back
    reason: str  # one line of the grader's: what was expected and what was found
    requests: tuple[str, ...] = ()  # digests of the requests that were made for it, in their order
    replies: Mapping[str, Reply] = field(default_factory=dict)  # the replies by request digest, where they are known


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands."""

    path: Path
    start: int
    length: int

    def read(self) -> dict[str, Any]:
        """The line's JSON object."""
        handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)  # a file object costs more than the line
        try:
            return dict(json.loads(os.pread(handle, self.length, self.start)))
        finally:
            os.close(handle)


class Replies(Mapping[str, Reply]):
    """Replies by request digest, each read from the journal when it is asked for; the last one written counts."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places

    def __getitem__(self, request_digest: str) -> Reply:
        return reply_from(self.raw(request_digest))

    def raw(self, request_digest: str) -> dict[str, Any]:
        """A reply as the JSON object that was written."""
        return dict(self._places[request_digest].read()["reply"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, request_digest: object) -> bool:
        return request_digest in self._places


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What a journal holds."""

    attempts: Mapping[str, Outcome]  # by attempt_id; where an attempt was tried again, its last outcome
    replies: Replies  # the run's cache: a request's digest gives its reply
    torn: int  # lines that could not be read: cut off by a kill, damaged, or of a newer version and not understood
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)
    renamed: Mapping[str, str] = field(default_factory=dict, repr=False)  # ids of an earlier version to those here
    unkept: tuple[str, ...] = ()  # such ids that the journal has not written down anew

    def transcript(self, attempt_id: str) -> Transcript:
        """The conversation of an attempt. Raises KeyError: the journal has no such attempt."""
        line = self.places[attempt_id].read()
        messages, requests = (tuple(line.get(name) or ()) for name in ("messages", "requests"))
        told: dict[str, Any] = {"attempt_id": attempt_id, "messages": messages, "requests": requests}
        replies = {digest: self.replies[digest] for digest in requests if digest in self.replies}
        return Transcript(**told, reason=line.get("reason") or "", replies=replies)


def read_journal(report: Path) -> Recalled:
    """Everything that the journals of all workers hold; empty where there are none."""
    attempts: dict[str, Outcome] = {}
    places: dict[str, Place] = {}
    replies: dict[str, Place] = {}
    renamed: dict[str, str] = {}
    torn, begun = 0, datetime.min.replace(tzinfo=UTC)
    for path in journal_files(report, ATTEMPTS):
        for place, line in _lines(path):
            outcome = _understood(outcome_from, line, "outcome")
            if outcome is None:
                torn += 1
                continue
            name, old = outcome.attempt_id, attempts.get(outcome.attempt_id)
            earlier_start = old is not None and (outcome.started_at or begun) <= (old.started_at or begun)
            if earlier_start and places[name].path != path:  # within one file the later line counts
                continue
            attempts[name], places[name] = outcome, place
            if isinstance(earlier := line.get("earlier"), str):
                renamed[earlier] = name
    for earlier in renamed:
        attempts.pop(earlier, None)
        places.pop(earlier, None)
    for path in journal_files(report, CALLS):
        for place, line in _lines(path):
            call = line.get("call")
            if not isinstance(call, dict) or not isinstance(call.get("request_digest"), str):
                torn += 1
            elif isinstance(line.get("reply"), dict):
                replies[call["request_digest"]] = place
    return Recalled(attempts=attempts, replies=Replies(replies), torn=torn, places=places, renamed=renamed)


def read_calls_journal(report: Path) -> Iterator[Call]:
    """The calls of all workers in the order of writing; lines that cannot be read are passed over."""
    for path in journal_files(report, CALLS):
        for _, line in _lines(path):
            call = _understood(call_from, line, "call")
            if call is not None:
                yield call


def journal_files(report: Path, kind: str) -> list[Path]:
    """The journal files of all workers, the main one first."""
    return [p for p in (report / f"{kind}.jsonl", *sorted(report.glob(f"{kind}.*.jsonl"))) if p.is_file()]


def has_answers(report: Path) -> bool:
    """Whether a run has left answers here."""
    return bool(journal_files(report, ATTEMPTS) and journal_files(report, CALLS))


def refuse_foreign_results(report: Path) -> None:
    """Raises UsageError: it holds outcomes without a journal, imported ones for example, which a run would replace."""
    path = report / OUTCOMES_FILE
    if path.exists() and not journal_files(report, ATTEMPTS):
        problem = "these results come from no run of this folder, and a run would replace them"
        raise UsageError(f"{path}: {problem}; put experiment.yaml into another folder")


def outcome_from(record: Mapping[str, Any]) -> Outcome:
    """An outcome from its JSON, without fields unknown to us. Raises KeyError, TypeError, ValueError: it is none."""
    known = _known(Outcome, record)
    for name in ("report", "suite", "suite_digest", "contender", "contender_digest", "domain", "cost_basis"):
        if isinstance(known.get(name), str):
            known[name] = sys.intern(known[name])
    known["status"], known["contender_kind"] = Status(known["status"]), Kind(known["contender_kind"])
    known["cause"] = None if known.get("cause") is None else Cause(known["cause"])
    known["started_at"] = _time(known)
    for name in ("skills_shown", "skills_used"):
        known[name] = tuple(known.get(name) or ())
    return Outcome(**known)


def call_from(record: Mapping[str, Any]) -> Call:
    """A call from its JSON, as `outcome_from`."""
    known = _known(Call, record)
    known["role"] = Role(known["role"])
    known["usage"] = Usage(**_known(Usage, known.get("usage") or {}))
    known["cost"] = Cost(**_known(Cost, known.get("cost") or {}))
    known["started_at"] = _time(known)
    return Call(**known)


def reply_from(record: Mapping[str, Any]) -> Reply:
    """A reply from its JSON, as `outcome_from`."""
    known = _known(Reply, record)
    known["tool_calls"] = tuple(ToolCall(**_known(ToolCall, call)) for call in known.get("tool_calls") or ())
    known["usage"] = Usage(**_known(Usage, known.get("usage") or {}))
    return Reply(**known)


def _allowed(kind: Any) -> frozenset[type] | None:
    """What a field may hold, where that is a text, a number or a truth value."""
    parts = frozenset(get_args(kind) if isinstance(kind, UnionType) else (kind,))
    return (parts | {int} if float in parts else parts) if parts <= {str, int, float, bool, type(None)} else None


_FIELDS: dict[type, dict[str, frozenset[type] | None]] = {
    kind: {f.name: _allowed(f.type) for f in fields(kind)} for kind in (Outcome, Call, Usage, Cost)
}  # of the records that tables are made of, the fields and the types that they may hold; of the others the fields
_FIELDS |= {kind: dict.fromkeys(f.name for f in fields(kind)) for kind in (Reply, ToolCall)}


def _known(kind: type, record: Mapping[str, Any]) -> dict[str, Any]:
    allowed = _FIELDS[kind]
    known = {name: value for name, value in record.items() if name in allowed}
    for name, value in known.items():
        if (types := allowed[name]) and type(value) not in types:
            raise TypeError(f"{name} holds {value!r:.60}")
    return known


def _time(known: Mapping[str, Any]) -> datetime | None:
    return None if known.get("started_at") is None else datetime.fromisoformat(known["started_at"])


def _understood(read: Any, line: dict[str, Any], key: str) -> Any:
    try:
        return read(line[key])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _lines(path: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Each line's place and object, which is empty where the line is none."""
    start = 0
    with path.open("rb") as file:
        for line in file:
            value: Any = None
            try:
                value = orjson.loads(line)
            except ValueError:  # torn; or what only the standard library reads, half of a surrogate pair
                with suppress(ValueError, RecursionError):
                    value = json.loads(line)
            yield Place(path, start, len(line)), value if isinstance(value, dict) else {}
            start += len(line)
