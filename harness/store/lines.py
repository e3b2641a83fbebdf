"""A journal's lines, as they were written: their files, their objects, and the records that these are."""

import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import EnumType
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, TypeVar, Union, get_args

from harness.core import Acted, Call, Cause, Cost, Kind, Outcome, Reply, Role, Status, ToolCall, Usage
from harness.store.journal import ACTIONS, ATTEMPTS, CALLS
from harness.store.places import json_of

R = TypeVar("R")
_BUFFER = 1 << 20  # bytes that are read at once
_NO_OBJECTS = (NoneType, bool, int, float, str, list)  # of JSON


def journal_files(report: Path, kind: str) -> list[Path]:
    """The journal files of all workers, the main one first."""
    return [p for p in (report / f"{kind}.jsonl", *sorted(report.glob(f"{kind}.*.jsonl"))) if p.is_file()]


def read_calls_journal(report: Path, worker: str | None = None) -> Iterator[Call]:
    """The calls of all workers, or of one, in the order of writing; lines that cannot be read are passed over."""
    for path in journal_files(report, CALLS):
        if worker is not None and path.name != f"{CALLS}.{worker}.jsonl":
            continue
        for _, _, line in lines_of(path):
            call = understood(Call, line and line.get("call"))
            if call is not None:
                yield call


def read_actions_journal(report: Path) -> Iterator[Acted]:
    """The actions of all workers in the order of writing; lines that cannot be read are passed over."""
    for path in journal_files(report, ACTIONS):
        for _, _, line in lines_of(path):
            action = understood(Acted, line and line.get("action"))
            if action is not None:
                yield action


def lines_of(
    path: Path, start: int = 0, decode: Callable[[bytes], Any] = json_of
) -> Iterator[tuple[int, int, Any | None]]:
    """Each line's place, length and object, which is empty where the line is none; ``None``: of a piece at the end."""
    with io.BufferedReader(path.open("rb", buffering=0), _BUFFER) as file:
        file.seek(start)
        if start and file.peek(1)[:1] == b"\n":  # the end of a line that lacked it when it was read
            start += len(file.read(1))
        for line in file:
            try:
                value = decode(line)
            except (ValueError, RecursionError):
                value = None
            whole = not isinstance(value, _NO_OBJECTS)
            ended = line.endswith(b"\n")
            yield start, len(line), value if whole else {} if ended else None
            if not ended:  # whoever writes may have gone on meanwhile: the rest of a line is no line
                return
            start += len(line)


@cache
def line_decoder(kind: str) -> Callable[[bytes], Any]:
    """As `decoder`, of the lines of one kind of journal."""
    import msgspec

    if kind == ATTEMPTS:
        return decoder({"outcome": Outcome}, [("earlier", str | None, None)])
    if kind == CALLS:
        return decoder({"call": Call}, [("reply", msgspec.defstruct("Reply", []) | None)])
    return json_of


def get_ready() -> None:
    """Makes what reading needs, before processes are forked off that read."""
    for kind in (ATTEMPTS, CALLS):
        line_decoder(kind)


def decoder(records: Mapping[str, type[Any]], others: Sequence[tuple[Any, ...]]) -> Callable[[bytes], Any]:
    """Reads lines of these records, each with all the fields that it has now, as objects of typed attributes.

    Of any other line it gives what `json_of` says. It takes a fifth of the time. Raises ValueError: it is no JSON.
    """
    import msgspec

    fields_of = [*((name, _typed(kind)) for name, kind in records.items()), *others]
    decode = msgspec.json.Decoder(msgspec.defstruct("Line", fields_of, gc=False)).decode

    def read(line: bytes) -> Any:
        try:
            if line.isascii() or line.decode():  # texts that are passed over are not looked into
                return decode(line)
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass
        return json_of(line)

    return read


def _typed(kind: Any) -> Any:
    """A type in which msgspec reads what `as_json` makes of a value of this one."""
    import msgspec

    if isinstance(kind, UnionType):
        return Union[tuple(map(_typed, get_args(kind)))]  # noqa: UP007 - made as it runs
    if isinstance(kind, EnumType):
        return Literal[tuple(map(str, kind))]
    if isinstance(kind, type) and is_dataclass(kind):
        return msgspec.defstruct(kind.__name__, [(f.name, _typed(f.type)) for f in fields(kind)], gc=False)
    return kind


class Shapes:
    """Knows the JSON of a record by its fields and the types of what they hold: of these there are few."""

    def __init__(
        self, kind: type[Any], words: Mapping[str, Any], within: Mapping[str, type[Any]] | None = None
    ) -> None:
        """``words`` are the ones that some fields may hold; ``within``: fields that are records."""
        self._kind, self._words, self._within = kind, [*words.items()], within or {}
        self._times = [f.name for f in fields(kind) if datetime in get_args(f.type)]
        self.whole = True  # so far each had all fields
        self._known: dict[tuple[Any, ...], bool] = {}

    def understand(self, record: Any) -> TypeGuard[dict[str, Any]]:
        """Whether a record can be made of it."""
        if type(record) is not dict:
            return False
        try:
            for name, words in self._words:
                if record.get(name) not in words:
                    return False
            for name in self._times:
                if time := record.get(name):
                    datetime.fromisoformat(time)
            shape = (*record, *map(type, record.values()))
            for name in self._within:
                below = record.get(name) or {}
                shape += (*below, *map(type, below.values()))
            known = self._known.get(shape)
        except (TypeError, ValueError, AttributeError):
            return False
        if known is None:
            known = self._known[shape] = understood(self._kind, record) is not None
            parts = [(self._kind, record), *((kind, record.get(name) or {}) for name, kind in self._within.items())]
            self.whole &= not known or all(f.name in part for kind, part in parts for f in fields(kind))
        return known


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


def understood(kind: type[R], record: Any) -> R | None:
    """A record from its JSON; ``None`` where it is none."""
    try:
        return record_from(kind, record)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
