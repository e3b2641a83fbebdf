"""The journal of a run: every attempt and every call, appended by one ``os.write`` the moment it is done.

``kill -9`` costs at most the line that was being written; a power loss the time since the last ``fsync``, a second.
"""

import fcntl
import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any, Self

import orjson

from harness.core import (
    Acted,
    Call,
    Message,
    Outcome,
    Reply,
    StorageError,
    UsageError,
    as_json,
    disk_is_full,
    is_at,
    stands,
    unkept,
)

ATTEMPTS, CALLS, ACTIONS = "attempts", "calls", "actions"
_LOCK = ".lock"
SYNC_EVERY_S = 1.0
LOOK_EVERY_S = 0.02  # how often a file that is written to is looked at, whether it still stands where it stood
WORKERS_END_S = 40.0  # within which the workers of a run that was killed have ended


class Journal:
    """The journal opened for appending, for one worker of a run; the folder is made where it is missing.

    Workers write files of their own; a second run with a worker's name is refused for as long as the first one lives.
    The run itself, which has no worker's name, waits for the workers of one that was killed: they still write.
    """

    def __init__(self, report: Path, worker: str = "") -> None:
        """Raises UsageError: another run writes here, or the folder cannot be written. StorageError: no room left."""
        suffix = f".{worker}" if worker else ""
        if "/" in worker or worker.startswith("."):
            raise UsageError(f"a worker cannot be named {worker!r}")
        self._lock_path = report / f"{_LOCK}{suffix}"
        paths = [report / f"{kind}{suffix}.jsonl" for kind in (ATTEMPTS, CALLS)]
        self._actions_path = report / f"{ACTIONS}{suffix}.jsonl"
        self._actions: _File | None = None  # opened where something is done
        try:
            report.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self._lock_path, report)
            try:
                if not worker and (process := wait_for_workers(report)) is not None:
                    raise UsageError(_refusal(report, process))
                self._attempts, self._calls = map(_opened, paths)
            except BaseException:
                os.close(self._lock)
                raise
        except OSError as error:
            if disk_is_full(error):
                raise unkept(report, error) from None
            raise UsageError(f"{report}: cannot be written: {error.strerror or error}") from None
        self._files = [self._attempts, self._calls]
        self._broken: StorageError | None = None
        self._writing = threading.Lock()
        self._unsynced: set[_File] = set()
        self._closing = threading.Event()
        self._syncer = threading.Thread(target=self._sync_for_ever, name="journal-fsync", daemon=True)
        self._syncer.start()

    def append_call(self, call: Call, reply: Reply | None = None) -> None:
        """Writes a call and its reply, for the run's cache. Raises StorageError: the disk is full, or the file gone."""
        self._append(self._calls, {"call": call, "reply": reply})

    def append_attempt(
        self,
        outcome: Outcome,
        messages: Sequence[Message] = (),
        reason: str = "",
        request_digests: Sequence[str] = (),
        *,
        earlier: str = "",
    ) -> None:
        """Writes a finished attempt; ``earlier`` is an earlier version's id. Raises StorageError: as `append_call`."""
        line = {"outcome": outcome, "messages": messages, "reason": reason, "requests": request_digests}
        line |= {"earlier": earlier} if earlier else {}
        self._append(self._attempts, line)

    def append_action(self, action: Acted, text: str | None = None) -> None:
        """Writes an action, and what the model was told of it where that is new. Raises StorageError."""
        with self._writing:
            if self._actions is None:
                try:
                    self._actions = _opened(self._actions_path)
                except OSError as error:
                    raise unkept(self._actions_path, error) from None
                self._files.append(self._actions)
        self._append(self._actions, {"action": action} | ({} if text is None else {"text": text}))

    def check(self) -> None:
        """Raises StorageError: a file was deleted, moved, replaced or cut, or could not be written before."""
        for file in [*self._files]:
            self._check(file)

    def sync(self) -> None:
        """Waits until all that was written is on the disk. Raises StorageError: it cannot be brought there."""
        with self._writing:
            waiting = list(self._unsynced)
            self._unsynced.clear()
        for file in waiting:
            try:
                os.fsync(file.handle)
            except OSError as error:  # what the system held of it is lost, and it says so only once
                self._broken = self._broken or unkept(file.path, error)
                raise self._broken from None

    def close(self) -> None:
        """Puts everything on the disk and lets the lock go; an empty file is taken away. A second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._syncer.join()
        try:
            self.sync()
        finally:
            for file in self._files:
                if os.fstat(file.handle).st_size == 0 and is_at(file.handle, file.path):
                    Path(file.path).unlink(missing_ok=True)
                os.close(file.handle)
            if is_at(self._lock, self._lock_path):
                self._lock_path.unlink(missing_ok=True)  # while it is held: whoever opened it meanwhile looks again
            os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _append(self, file: "_File", record: Mapping[str, Any]) -> None:
        try:  # no text, however hostile, can break the line, since JSON escapes every line break
            data = orjson.dumps(record, default=_plain, option=_OPTIONS)
        except (ValueError, TypeError):  # a key that is no text, a number beyond 64 bits, half of a surrogate pair
            data = _ENCODER.encode(as_json(record)).encode("ascii") + b"\n"
        with self._writing:
            if self._closing.is_set():
                raise ValueError("the journal is closed")
            if self._broken or (now := time.monotonic()) >= file.looked + LOOK_EVERY_S:
                self._check(file)
                file.looked = now
            written = 0
            try:
                while written < len(data):
                    written += os.write(file.handle, data[written:] if written else data)
            except OSError as error:  # what fits after what did not would be half of the truth: nothing more is written
                self._broken = unkept(file.path, error)
                with suppress(OSError):  # no half of a line
                    os.ftruncate(file.handle, file.size)
                raise self._broken from None
            file.size += written
            self._unsynced.add(file)

    def _check(self, file: "_File") -> None:
        if self._broken is None and not stands(file.path, file.inode, file.size):
            problem = "was deleted, moved, replaced or cut while the run was writing it"
            self._broken = StorageError(file.path, problem, advice="put it back")
        if self._broken:
            raise self._broken

    def _sync_for_ever(self) -> None:
        while not self._closing.wait(SYNC_EVERY_S):
            with suppress(StorageError):  # the next write will say so to someone who can act
                self.sync()


def wait_for_workers(report: Path, name: str = "*") -> str | None:
    """Waits until no worker of this name writes; ``None``, or the process of one that still does."""
    end = time.monotonic() + WORKERS_END_S
    while (process := running_process(report, f".{name}")) is not None and time.monotonic() < end:
        time.sleep(0.05)
    return process


def running_process(report: Path, whose: str = "*") -> str | None:
    """The number of the process whose run is at work on a report now, or ``unknown``; ``None`` where none is."""
    for path in sorted(report.glob(f"{_LOCK}{whose}")):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # it has just ended, or may not be looked at
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back with the handle, at once
        except BlockingIOError:
            return _holder(handle)
        except OSError:
            continue  # a place without locks: nothing can be said
        finally:
            os.close(handle)
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    plain = as_json(value)
    return plain if plain is not value else repr(value)


_OPTIONS = orjson.OPT_APPEND_NEWLINE  # it writes a datetime as `isoformat` does
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain)


@dataclass(slots=True, eq=False)
class _File:
    """A file of the journal, opened."""

    handle: int
    path: str
    inode: tuple[int, int]  # and the device that it is a number of
    size: int
    looked: float = -inf  # when it was last looked at


def _opened(path: Path) -> "_File":
    """The file opened for appending, its last line whole: a piece that an earlier kill left is cut off."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    end = size = os.fstat(handle).st_size
    tail = b""
    while end and b"\n" not in tail:
        start = max(0, end - 65_536)
        tail = os.pread(handle, end - start, start) + tail
        end = start
    whole = end + tail.rfind(b"\n") + 1
    if whole < size:
        try:
            json.loads(tail[whole - end :])
            os.write(handle, b"\n")  # only the end of the line was missing
        except (ValueError, RecursionError):
            os.ftruncate(handle, whole)
    found = os.fstat(handle)
    return _File(handle, str(path), (found.st_ino, found.st_dev), found.st_size)


def _refusal(report: Path, process: str) -> str:
    advice = "wait for it or stop it, then run again: it goes on where that one ended"
    return f"{report}: another run is writing here (process {process}); {advice}"


def _holder(handle: int) -> str:
    return os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"


def _locked(path: Path, report: Path) -> int:
    looks = 0
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(handle, path):
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
                return handle
        except BlockingIOError:
            looks += 1
            if looks == 5:  # a reader who looks whether a run is at work holds the lock for an instant
                process = _holder(handle)
                os.close(handle)
                raise UsageError(_refusal(report, process)) from None
            time.sleep(0.02)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # held for now; or its holder has just ended and taken the file away: this lock is nobody's
