"""How a run comes on, counted from the end of its journal: a look costs what was written since the one before."""

import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.core import DROPPED, Call, Outcome, Status, Usage
from harness.store.journal import ATTEMPTS, CALLS
from harness.store.lines import journal_files, line_decoder, lines_of, understood
from harness.store.words import Array

_LATEST = 5_000  # ends of attempts that are kept, for the rate of the last minute
_LOOK_EVERY = 256  # lines after which the clock is looked at
_NOTHING = Usage.total(())


@dataclass(slots=True)
class Counts:
    """What one contender has on record so far."""

    made: int = 0
    passed: int = 0
    failed: int = 0
    lost: int = 0  # errored or ungraded: in no rate
    sums: "array[float]" = field(default_factory=lambda: array("d"))  # by place of a task: what its graded trials count
    trials: "array[float]" = field(default_factory=lambda: array("d"))  # how many they are
    tries: "array[float]" = field(default_factory=lambda: array("d"))  # and how many attempts, graded or not

    def sides(self) -> tuple[Array, Array]:
        """Sums and trials, as `stats.clustered_rate` takes them."""
        return np.array(self.sums), np.array(self.trials)


class _Made(NamedTuple):
    """What an attempt adds to the counts, so that it can be taken out where it is made again."""

    contender: str
    status: str
    cause: str
    task: int  # -1 where it is of no test task
    value: float


class Tail:
    """The counts of a run so far. They go on from where they stood, however large the journal is."""

    def __init__(self, report: Path) -> None:
        self.report = report
        self.contenders: dict[str, Counts] = {}
        self.causes = Counter[tuple[str, str]]()  # of attempts without an outcome: status and cause
        self.failures = Counter[str]()  # of failed attempts by cause
        self.calls_lost = Counter[str]()  # calls that came to nothing, by cause
        self.calls = self.retries = 0
        self.spent_usd, self.unknown_costs = 0.0, 0
        self.share = 0.0  # of the bytes that are there, those that are read
        self.clusters = array("q")  # of each task the number of its cluster
        self.suites = list[str]()  # and the name of its suite
        self._replayed: frozenset[str] = frozenset()
        self._tasks: dict[tuple[str, str], int] = {}
        self._cluster_numbers: dict[tuple[str, str], int] = {}
        self._attempts: dict[int, _Made] = {}
        self._run = 0
        self._ends = deque[float](maxlen=_LATEST)
        self._read: dict[Path, tuple[int, int]] = {}

    @property
    def made(self) -> int:
        """Attempts on record."""
        return sum(one.made for one in self.contenders.values())

    @property
    def is_whole(self) -> bool:
        """Whether all that was there at the last look is counted."""
        return self.share >= 1.0

    def read_on(self, seconds: float = 1.0, replayed: frozenset[str] = frozenset()) -> "Tail":
        """With what was written since; of more than can be read in so many seconds the rest next time.

        ``replayed`` are the models whose answers cost nothing. Where the journal is another one, all begins anew.
        """
        end = time.monotonic() + seconds
        files = [(kind, path) for kind in (ATTEMPTS, CALLS) for path in journal_files(self.report, kind)]
        now = {path: path.stat() for _, path in files}
        if any(path not in now or now[path].st_ino != node or now[path].st_size < at
               for path, (node, at) in self._read.items()):  # fmt: skip
            self.__init__(self.report)  # type: ignore[misc]
        self._replayed = replayed
        takes: Mapping[str, Callable[[Any], None]] = {ATTEMPTS: self._attempt, CALLS: self._call}
        read, whole = 0, True
        for kind, path in files:
            at, ended = self._read.get(path, (0, 0))[1], True
            if now[path].st_size > at:
                at, ended = self._lines(path, at, line_decoder(kind), takes[kind], end)
            self._read[path] = now[path].st_ino, at
            read, whole = read + at, whole and ended
        self.share = 1.0 if whole else min(0.99, read / sum(state.st_size for state in now.values()))
        return self

    def rate_per_s(self, now: float, window_s: float = 60.0) -> float | None:
        """Attempts a second in the last minute, or as far back as the last of them lie; ``None``: too few to say."""
        if len(self._ends) < 2:
            return None
        recent = [end for end in self._ends if end >= now - window_s]
        if len(recent) < 2:  # slow ones: as many as there are
            recent = [*self._ends][-20:]
        since = now - min(recent)
        return len(recent) / since if since > 0 else None

    @property
    def last_end(self) -> float | None:
        """When the last attempt on record ended, in seconds since 1970."""
        return max(self._ends, default=None)

    def _lines(self, path: Path, at: int, decode: Callable[[bytes], Any], take: Callable[[Any], None],
               end: float) -> tuple[int, bool]:  # fmt: skip
        """Takes the lines from a place on, while there is time; where it came to, and whether that was the end."""
        for number, (start, length, value) in enumerate(lines_of(path, at, decode)):
            if value is None:  # a piece of a line, which is being written or which a kill has left
                return start, True
            take(value)
            at = start + length
            if number % _LOOK_EVERY == 0 and time.monotonic() > end:
                return at, False
        return at, True

    def _attempt(self, line: Any) -> None:
        made = understood(Outcome, line.get("outcome")) if type(line) is dict else line.outcome
        if made is None:
            return
        earlier = line.get("earlier") if type(line) is dict else line.earlier
        status, cause = str(made.status), str(made.cause) if made.cause is not None else ""
        for name in {made.attempt_id, *([earlier] if isinstance(earlier, str) else [])}:
            self._count(self._attempts.pop(_key(name), None), -1)
        if status == Status.SKIPPED or cause == "auth":
            return
        begun = made.started_at if not isinstance(made.started_at, str) else datetime.fromisoformat(made.started_at)
        if (made.run or 0) > self._run:  # how fast an earlier call of the run was says nothing
            self._run = int(made.run or 0)
            self._ends.clear()
        if begun is not None:
            self._ends.append(begun.timestamp() + (made.latency_s or 0.0))
        graded = status in {Status.PASSED, Status.FAILED}
        task = self._task(made) if made.split not in {"dev", "train"} else -1
        one = _Made(made.contender, status, cause, task, _value(made) if graded else 0.0)
        self._attempts[_key(made.attempt_id)] = one
        self._count(one, 1)

    def _task(self, made: Any) -> int:
        suite = made.suite_digest or made.suite
        key = suite, made.task_digest or made.task
        if (place := self._tasks.get(key)) is None:
            place = self._tasks[key] = len(self._tasks)
            self.suites.append(made.suite)
            cluster = suite, made.cluster or f"\0{place}"
            self.clusters.append(self._cluster_numbers.setdefault(cluster, len(self._cluster_numbers)))
        return place

    def _count(self, one: _Made | None, sign: int) -> None:
        if one is None:
            return
        of = self.contenders.setdefault(one.contender, Counts())
        of.made += sign
        if one.status == Status.PASSED:
            of.passed += sign
        elif one.status == Status.FAILED:
            of.failed += sign
            self.failures[one.cause] += sign
        else:
            of.lost += sign
            self.causes[one.status, one.cause] += sign
        if one.task >= 0:
            missing = one.task + 1 - len(of.tries)
            if missing > 0:
                for amounts in (of.sums, of.trials, of.tries):
                    amounts.extend([0.0] * missing)
            of.tries[one.task] += sign
            if one.status in {Status.PASSED, Status.FAILED}:
                of.sums[one.task] += sign * one.value
                of.trials[one.task] += sign

    def _call(self, line: Any) -> None:
        call = understood(Call, line.get("call")) if type(line) is dict else line.call
        if call is None:
            return
        self.calls += 1
        self.retries += call.retries
        if call.error is not None:
            cause, _, why = call.error.partition(": ")
            self.calls_lost["dropped" if why == DROPPED else cause] += 1
        if call.cache_hit or call.model in self._replayed:
            return
        usd = call.cost.usd
        self.unknown_costs += call.lost_tries
        if usd is not None:
            self.spent_usd += usd
        elif call.error is None or any(getattr(call.usage, name) != getattr(_NOTHING, name) for name in _USED):
            self.unknown_costs += 1


_USED = tuple(_NOTHING.__dataclass_fields__)


def _key(attempt_id: str) -> int:
    """A number of 60 bits, which takes a third of the room of the name."""
    try:
        return int(attempt_id[:15], 16)
    except ValueError:
        return hash(attempt_id)


def _value(made: Any) -> float:
    """What a graded attempt counts: passed as 0 or 1, else its score."""
    if made.passed is not None:
        return float(made.passed)
    return float(made.score) if made.score is not None else float(made.status == Status.PASSED)
