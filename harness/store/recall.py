"""Reads a run's journal back: what is done; conversations and replies are read when they are asked for."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from math import inf, isnan, nan
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

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
    Usage,
    as_json,
)
from harness.store.journal import ACTIONS, ATTEMPTS, CALLS
from harness.store.lines import Shapes, journal_files, line_decoder, lines_of, record_from, understood
from harness.store.places import Distinct, Keys, Lines
from harness.store.words import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """An attempt's conversation."""

    attempt_id: str
    messages: tuple[Message, ...]  # the whole conversation as it was really sent, and what came back
    reason: str  # one line of the grader's: what was expected and what was found
    requests: tuple[str, ...] = ()  # digests of the requests that were made for it, in their order
    replies: Mapping[str, Reply] = field(default_factory=dict)  # the replies by request digest, where they are known


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """What of a recorded attempt is kept at hand; equal ones are one object."""

    contender: str
    suite: str
    status: Status
    cause: Cause | None
    passed: bool | None
    prompt_digest: str | None
    grader_digest: str | None
    run: int | None

    @property
    def is_done(self) -> bool:
        """As of an `Outcome`."""
        return self.status is not Status.SKIPPED and self.cause is not Cause.AUTH


class Paid(NamedTuple):
    """What of a recorded call its bill depends on; equal ones are one object."""

    model: str
    role: Role
    cache_hit: bool
    failed: bool
    used: bool  # whether it is said that something was used, or nothing is said
    lost: int = 0  # its tries of unknown cost, besides

    def spent(self, usd: float | None) -> bool | None:
        """Whether a call is on the bill; ``None``: it failed, and nobody said what it used, so it may be billed."""
        if not self.failed or usd is not None:
            return True
        return None if self.used else False


class Replies(Mapping[str, Reply]):
    """Replies by request digest, each read from the journal when it is asked for; the last one written counts."""

    def __init__(self, keys: Keys, calls: Lines, rows: "array[int]") -> None:
        self._keys, self._calls, self._rows = keys, calls, rows

    def __getitem__(self, request_digest: str) -> Reply:
        return record_from(Reply, dict(self._calls.read(self.row(request_digest))["reply"]))

    def row(self, request_digest: str) -> int:
        """The row of its call. Raises KeyError."""
        if (row := self._keys.row(request_digest)) < 0:
            raise KeyError(request_digest)
        return self._rows[row]

    def __iter__(self) -> Iterator[str]:
        return (str(self._calls.read(self._rows[row])["call"]["request_digest"]) for row in self._keys.last().tolist())

    def __len__(self) -> int:
        return len(self._keys.last())

    def __contains__(self, request_digest: object) -> bool:
        return isinstance(request_digest, str) and self._keys.row(request_digest) >= 0


class Told(Mapping[tuple[str, int], str]):
    """What models were told of their actions, by the digest of the call that asked for one and its place there."""

    def __init__(self, places: Mapping[tuple[str, int], int], lines: Lines) -> None:
        self._places, self._lines = places, lines

    def __getitem__(self, action: tuple[str, int]) -> str:
        return str(self._lines.read(self._places[action])["text"])

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Attempts(Mapping[str, Outcome]):
    """Recorded outcomes by attempt, each read from the journal when it is asked for; the last one written counts."""

    def __init__(self, held: "Recalled") -> None:
        self._held = held

    def __getitem__(self, attempt_id: str) -> Outcome:
        if (moved := self._held.moved.get(attempt_id)) is not None:
            return moved
        return record_from(Outcome, self._held.line(attempt_id)["outcome"])

    def __iter__(self) -> Iterator[str]:
        held, lines = self._held, self._held.attempt_lines
        ids = (str(lines.read(row)["outcome"]["attempt_id"]) for row in held.attempt_keys.last().tolist())
        yield from (name for name in ids if name not in held.renamed and name not in held.moved)
        yield from held.moved

    def __len__(self) -> int:
        return sum(1 for _ in self) if self._held.renamed else len(self._held.attempt_keys.last())

    def __contains__(self, attempt_id: object) -> bool:
        return isinstance(attempt_id, str) and self._held.standings([attempt_id])[0] is not None


class Recalled:
    """What a journal holds: what is done is known at once, conversations and replies are read when they are asked for.

    A million attempts take some hundred megabytes less than their outcomes would: of each its standing and its place.
    """

    def __init__(self, report: Path) -> None:
        self.report = report
        self.renamed: dict[str, str] = {}  # ids of an earlier version to those here
        self.moved: dict[str, Outcome] = {}  # by their new ids the outcomes of those that are not written down anew
        self.attempts = Attempts(self)
        self.attempt_keys, self.attempt_lines = Keys(self._last), Lines([])
        self.kinds = Distinct(_standing)
        self.call_lines, self.call_attempts, self.bill = Lines([]), Keys(), Distinct(_paid)
        self.usd = array("d")  # of each call, NaN where it is not known
        self._reply_keys, self._reply_rows = Keys(), array("q")
        self.replies = Replies(self._reply_keys, self.call_lines, self._reply_rows)  # by a request's digest
        self._begun = array("d")
        self._told: dict[tuple[str, int], int] = {}
        self._acted: set[tuple[str, str, int]] = set()
        self._action_lines = Lines([])
        self.told = Told(self._told, self._action_lines)
        self._ends: dict[Path, tuple[int, int]] = {}  # of each file its inode, and how far it was read
        self._outcomes = Shapes(
            Outcome, {"status": frozenset(Status), "cause": _CAUSES, "contender_kind": frozenset(Kind)}
        )
        self._asked = Shapes(Call, {"role": frozenset(Role)}, {"usage": Usage, "cost": Cost})
        self._torn, self._cut = 0, set[Path]()  # files whose last line is a piece, which the next run takes away

    @property
    def torn(self) -> int:
        """Lines that could not be read: cut off by a kill, damaged, or of a newer version and not understood."""
        return self._torn + len(self._cut)

    @property
    def acted(self) -> frozenset[tuple[str, str, int]]:
        """Attempts, calls and places of the actions that are on record."""
        return frozenset(self._acted)

    @property
    def unkept(self) -> tuple[str, ...]:
        """Ids of an earlier version whose attempts the journal has not written down under their present ones."""
        return tuple(old for old, new in self.renamed.items() if new in self.moved)

    def standings(self, ids: Iterable[str]) -> list[Standing | None]:
        """Of each attempt how it stands; ``None`` of those without an outcome."""
        ids = [*ids] if self.renamed else ids
        found = self.kinds.at(self.attempt_keys.rows(ids))
        if self.renamed:
            for place, name in enumerate(ids):
                if name in self.moved:
                    found[place] = _standing(*map(partial(getattr, self.moved[name]), _STANDING))
                elif name in self.renamed:
                    found[place] = None
        return found

    def current(self) -> list[Standing]:
        """The ways in which recorded attempts stand."""
        if self.renamed:
            return [*{standing for standing in self.standings(self.attempts) if standing is not None}]
        return self.kinds.among(self.attempt_keys.last())

    def rename(self, old: str, outcome: Outcome) -> None:
        """Gives an attempt of an earlier version the outcome that it has under its present id."""
        self.renamed[old] = outcome.attempt_id
        self.moved[outcome.attempt_id] = outcome

    @property
    def attempts_whole(self) -> bool:
        """Whether every attempt was written with all fields that it has now."""
        return self._outcomes.whole

    @property
    def calls_whole(self) -> bool:
        """The same of the calls."""
        return self._asked.whole

    def rows(self, ids: Sequence[str]) -> Ints:
        """Of each attempt the row of its line; -1 of those without an outcome."""
        found = self.attempt_keys.rows(ids)
        if self.renamed:
            for place, name in enumerate(ids):
                if name in self.moved:
                    found[place] = self.row(name)
                elif name in self.renamed:
                    found[place] = -1
        return found

    def reply_rows(self, request_digests: Sequence[str]) -> list[int]:
        """Of each request the row of the call that has its reply; -1 where none has."""
        rows = self._reply_keys.rows(request_digests).tolist()
        return [-1 if row < 0 else self._reply_rows[row] for row in rows]

    def row(self, attempt_id: str) -> int:
        """The row of an attempt's line. Raises KeyError: the journal has no such attempt."""
        named = (old for old, new in self.renamed.items() if new == attempt_id and new in self.moved)
        if (row := self.attempt_keys.row(next(named, attempt_id))) < 0:
            raise KeyError(attempt_id)
        return row

    def line(self, attempt_id: str) -> dict[str, Any]:
        """An attempt as it was written. Raises KeyError: the journal has no such attempt."""
        return self.attempt_lines.read(self.row(attempt_id))

    def paid(self, ids: Iterable[str]) -> Iterator[tuple[int, Paid, float | None]]:
        """Of each call the place of its attempt among these, -1 where it is none of them; what was paid, in dollars."""
        places = Keys()
        for name in ids:
            places.add(name)
        for row, place in enumerate(places.rows_of(self.call_attempts.packed()).tolist()):
            if (paid := self.bill[row]) is not None:
                usd = self.usd[row]
                yield place, paid, None if isnan(usd) else usd

    def transcript(self, attempt_id: str) -> Transcript:
        """The conversation of an attempt. Raises KeyError: the journal has no such attempt."""
        line = self.line(attempt_id)
        messages, requests = (tuple(line.get(name) or ()) for name in ("messages", "requests"))
        told: dict[str, Any] = {"attempt_id": attempt_id, "messages": messages, "requests": requests}
        replies = {digest: self.replies[digest] for digest in requests if digest in self.replies}
        return Transcript(**told, reason=line.get("reason") or "", replies=replies)

    def read_on(self, *, actions: bool = True) -> "Recalled":
        """With what was written since it was last read; all of it anew, where a file is another or was cut."""
        kinds = (ATTEMPTS, CALLS, *([ACTIONS] if actions else []))
        files = [(kind, path) for kind in kinds for path in journal_files(self.report, kind)]
        now = {path: path.stat() for _, path in files}
        ends = ((path, end) for path, end in self._ends.items() if actions or not path.name.startswith(ACTIONS))
        if not all(path in now and now[path].st_ino == node and now[path].st_size >= end for path, (node, end) in ends):
            return Recalled(self.report).read_on()
        how = {ATTEMPTS: (self._attempt, self.attempt_lines), CALLS: (self._call, self.call_lines)}
        for kind, path in files:
            take, lines = how.get(kind, (self._action, self._action_lines))
            if path not in lines.files:
                lines.files.append(path)
            file, (_, end) = lines.files.index(path), self._ends.get(path, (0, 0))
            self._cut.discard(path)
            if now[path].st_size > end:
                for start, length, value in lines_of(path, end, line_decoder(kind)):
                    end = start + length
                    if value is None:
                        self._cut.add(path)
                        end = start
                    elif not take(value, file, start, length):
                        self._torn += 1
            self._ends[path] = now[path].st_ino, end
        return self

    def _attempt(self, line: Any, file: int, start: int, length: int) -> bool:
        """Takes the line of an attempt; False where it is none that is understood."""
        if type(line) is not dict:
            made = line.outcome
            name, begun, earlier, standing = made.attempt_id, made.started_at, line.earlier, _STANDING_IN(made)
        else:
            made = line.get("outcome")
            if not self._outcomes.understand(made):
                return False
            name, earlier, standing = made["attempt_id"], line.get("earlier"), tuple(map(made.get, _STANDING))
            begun = datetime.fromisoformat(time) if (time := made.get("started_at")) else None
        self.attempt_keys.add(name)
        self.attempt_lines.add(file, start, length)
        self._begun.append(begun.timestamp() if begun else -inf)
        self.kinds.add(standing)
        if isinstance(earlier, str):
            self.renamed[earlier] = name
            self.moved.pop(name, None)
        return True

    def _last(self, rows: Sequence[int]) -> int:
        """Which of an attempt's lines counts: within one file the later one, between files the later start."""
        last, *others = rows
        for row in others:
            apart = self.attempt_lines.file(row) != self.attempt_lines.file(last)
            last = last if apart and self._begun[row] <= self._begun[last] else row
        return last

    def _call(self, line: Any, file: int, start: int, length: int) -> bool:
        if type(line) is not dict:
            call, usd = line.call, line.call.cost.usd
            digest, answered, attempt = call.request_digest, line.reply is not None, call.attempt_id
            used = _USAGE_IN(call.usage) != _USED_NOTHING
            paid: tuple[Any, ...] = (
                call.model,
                call.role,
                call.cache_hit,
                call.error is not None,
                used,
                call.lost_tries,
            )
        else:
            call, usd, attempt, paid = line.get("call"), None, "", ()
            if not isinstance(call, dict) or not isinstance(digest := call.get("request_digest"), str):
                return False
            answered = isinstance(line.get("reply"), dict)
            if self._asked.understand(call):
                usd, used = (call.get("cost") or {}).get("usd"), (call.get("usage") or {}) != _NOTHING
                attempt = call["attempt_id"]
                how = bool(call.get("cache_hit")), call.get("error") is not None, used, call.get("lost_tries") or 0
                paid = (call["model"], call["role"], *how)
        if answered:
            self._reply_keys.add(digest)
            self._reply_rows.append(len(self.call_lines))
        self.call_lines.add(file, start, length)
        self.call_attempts.add(attempt)
        self.bill.add(paid)
        self.usd.append(nan if usd is None else usd)
        return True

    def _action(self, line: Mapping[str, Any], file: int, start: int, length: int) -> bool:
        action = understood(Acted, line.get("action"))
        if action is None:
            return False
        key = action.request_digest, action.place
        self._acted.add((action.attempt_id, *key))
        if isinstance(line.get("text"), str) and key not in self._told:  # the first is what the model was told
            self._told[key] = len(self._action_lines)
            self._action_lines.add(file, start, length)
        return True


def read_journal(report: Path) -> Recalled:
    """Everything that the journals of all workers hold; empty where there are none."""
    return Recalled(report).read_on()


def has_answers(report: Path) -> bool:
    """Whether a run has left answers here."""
    return bool(journal_files(report, ATTEMPTS) and journal_files(report, CALLS))


_CAUSES = frozenset([None, *map(str, Cause)])
_NOTHING = as_json(Usage.total(()))
_STANDING = ("contender", "suite", "status", "cause", "passed", "prompt_digest", "grader_digest", "run")
_STANDING_IN = attrgetter(*_STANDING)
_USAGE_IN, _USED_NOTHING = attrgetter(*_NOTHING), tuple(_NOTHING.values())


@cache
def _standing(contender: str, suite: str, status: str, cause: str | None, *rest: Any) -> Standing:
    passed, prompt_digest, grader_digest, run = rest
    return Standing(
        contender=contender,
        suite=suite,
        status=Status(status),
        cause=None if cause is None else Cause(cause),
        passed=passed,
        prompt_digest=prompt_digest,
        grader_digest=grader_digest,
        run=run,
    )


def _paid(*parts: Any) -> Paid | None:
    """``None`` of a call that is not understood."""
    return Paid(parts[0], Role(parts[1]), *parts[2:]) if parts else None
