"""Reads a run's journal back: what is done; conversations and replies are read when they are asked for."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args

import orjson

from harness.core import (
    Acted,
    Call,
    Cause,
    Cost,
    Kind,
    Message,
    Outcome,
    Reply,
    Role,
    Status,
    ToolCall,
    Usage,
    UsageError,
)
from harness.store.columns import OUTCOMES_FILE
from harness.store.journal import ACTIONS, ATTEMPTS, CALLS

R = TypeVar("R")


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
        return record_from(Reply, self.raw(request_digest))

    def raw(self, request_digest: str) -> dict[str, Any]:
        """A reply as the JSON object that was written."""
        return dict(self._places[request_digest].read()["reply"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, request_digest: object) -> bool:
        return request_digest in self._places


class Told(Mapping[tuple[str, int], str]):
    """What models were told of their actions, by the digest of the call that asked for one and its place there."""

    def __init__(self, places: Mapping[tuple[str, int], Place]) -> None:
        self._places = places

    def __getitem__(self, action: tuple[str, int]) -> str:
        return str(self._places[action].read()["text"])

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What a journal holds."""

    attempts: Mapping[str, Outcome]  # by attempt_id; where an attempt was tried again, its last outcome
    replies: Replies  # the run's cache: a request's digest gives its reply
    told: Told = field(default_factory=lambda: Told({}))
    acted: frozenset[tuple[str, str, int]] = frozenset()  # attempts, calls and places of the actions that are on record
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
            outcome = _understood(Outcome, line.get("outcome"))
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
    told, acted, more = _read_actions(report)
    return Recalled(
        attempts=attempts,
        replies=Replies(replies),
        told=told,
        acted=acted,
        torn=torn + more,
        places=places,
        renamed=renamed,
    )


def _read_actions(report: Path) -> tuple[Told, frozenset[tuple[str, str, int]], int]:
    """What models were told of their actions, which are on record, and lines that could not be read."""
    told, acted, torn = dict[tuple[str, int], Place](), set[tuple[str, str, int]](), 0
    for path in journal_files(report, ACTIONS):
        for place, line in _lines(path):
            action = _understood(Acted, line.get("action"))
            if action is None:
                torn += 1
                continue
            acted.add((action.attempt_id, action.request_digest, action.place))
            if isinstance(line.get("text"), str):
                told.setdefault((action.request_digest, action.place), place)  # the first is what the model was told
    return Told(told), frozenset(acted), torn


def read_calls_journal(report: Path, worker: str | None = None) -> Iterator[Call]:
    """The calls of all workers, or of one, in the order of writing; lines that cannot be read are passed over."""
    for path in journal_files(report, CALLS):
        if worker is not None and path.name != f"{CALLS}.{worker}.jsonl":
            continue
        for _, line in _lines(path):
            call = _understood(Call, line.get("call"))
            if call is not None:
                yield call


def read_actions_journal(report: Path) -> Iterator[Acted]:
    """The actions of all workers in the order of writing; lines that cannot be read are passed over."""
    for path in journal_files(report, ACTIONS):
        for _, line in _lines(path):
            action = _understood(Acted, line.get("action"))
            if action is not None:
                yield action


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


def record_from(kind: type[R], record: Mapping[str, Any]) -> R:
    """A record from its JSON, without fields unknown to us. Raises KeyError, TypeError, ValueError: it is none."""
    known: dict[str, Any] = {}
    for name, (types, make) in _FIELDS[kind].items():
        if name in record:
            value = record[name]
            if types and type(value) not in types:
                raise TypeError(f"{name} holds {value!r:.60}")
            known[name] = make(value) if make else value
    return kind(**known)


_MADE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("report", "suite", "suite_digest", "contender", "contender_digest", "domain"),
        lambda text: sys.intern(text) if isinstance(text, str) else text,
    ),
    **dict.fromkeys(
        ("skills_shown", "skills_used", "skills_named", "documents_shown", "documents_named"),
        lambda names: tuple(names or ()),
    ),
    **dict.fromkeys(
        ("skills_opened", "skills_read", "skills_run"), lambda names: None if names is None else tuple(names)
    ),
    "status": Status,
    "contender_kind": Kind,
    "role": Role,
    "cause": lambda word: None if word is None else Cause(word),
    **dict.fromkeys(
        ("started_at", "attempt_started_at", "graded_at"),
        lambda text: None if text is None else datetime.fromisoformat(text),
    ),
    "usage": lambda usage: record_from(Usage, usage or {}),
    "cost": lambda cost: record_from(Cost, cost or {}),
    "tool_calls": lambda calls: tuple(record_from(ToolCall, call) for call in calls or ()),
}  # of fields that are not what JSON has, how they are made of it


def _allowed(kind: Any) -> frozenset[type] | None:
    """What a field may hold, where that is a text, a number or a truth value."""
    parts = frozenset(get_args(kind) if isinstance(kind, UnionType) else (kind,))
    return (parts | {int} if float in parts else parts) if parts <= {str, int, float, bool, type(None)} else None


_FIELDS = {
    kind: {
        f.name: (_allowed(f.type) if checked else None, _MADE.get(f.name) if kind is not Acted else None)
        for f in fields(kind)
    }
    for kind, checked in {
        Outcome: True,
        Call: True,
        Acted: True,
        Usage: True,
        Cost: True,
        Reply: False,
        ToolCall: False,
    }.items()
}  # of each record its fields: what those that tables are made of may hold, and how it is made


def _understood(kind: type[R], record: Any) -> R | None:
    try:
        return record_from(kind, record)
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
