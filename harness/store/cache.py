"""The answer cache: answers kept beyond one report, in a SQLite file that reports and processes share.

A kill costs it what was answered in its last tenth of a second; the journal of the report has that all the same.
"""

import hashlib
import json
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import orjson

from harness.core import Reply, UserFileError, as_json
from harness.store.recall import record_from

APPLICATION = 0x6F776E63  # by which SQLite's own tools tell whose file it is
FORMAT = 1  # of what the file holds
WRITE_EVERY_S = 0.1
PATIENCE_S = 30.0  # for which another process may hold the file
LOOKED_THROUGH = 64 << 20  # bytes up to which a file is looked through for damage before it is used
_MAGIC = b"SQLite format 3\x00"
_HEADER = 100  # bytes with which every such file begins
_TABLE = "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, reply BLOB NOT NULL, digest BLOB NOT NULL)"
_ELSE = "name another file, or delete this one"


class AnswerCache:
    """Replies, by a key of all that can change them. What fails once it is open ends its use, and no run."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Made where it is missing, unless ``read_only``. Raises UserFileError: it cannot be used, and why."""
        self.path, self.read_only = path, read_only
        self.problem = ""  # why it is not used any more
        self.damaged = 0  # answers that are not what was written, and were not given
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._waiting: list[tuple[bytes, bytes | None]] = []  # to be written, or taken out
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._state: _State | None = None
        with _told(path):
            _refuse_foreign(path)
            try:
                if not read_only:
                    self._writer = _writable(path)
                self._state = _state(path)
                self._open_reader()
                if self._state is not None and path.stat().st_size <= LOOKED_THROUGH:
                    (found,) = self._fetched("PRAGMA quick_check(1)") or ("ok",)
                    if found != "ok":
                        raise sqlite3.DatabaseError(found)
            except BaseException:
                self._let_go()
                raise
        self._thread = threading.Thread(target=self._write_for_ever, name="answer-cache", daemon=True)
        self._thread.start()

    def get(self, key: bytes) -> Reply | None:
        """The reply; ``None``: there is none, or it is damaged, or the file cannot be read any more."""
        try:
            row = None if self.problem else self._row(key)
        except (sqlite3.Error, OSError) as error:
            self.problem = _meaning(error)[0]
            return None
        if row is None:
            return None
        data, digest = row
        try:
            if _digest(key, data) == digest:
                return record_from(Reply, _decoded(data))
        except (KeyError, TypeError, ValueError):  # of a version whose replies are others
            pass
        self.damaged += 1
        return None

    @property
    def is_there(self) -> bool:
        """Whether there is a file with answers; where it is only read there may be none yet."""
        return self._state is not None

    def put(self, key: bytes, reply: Reply) -> None:
        """Keeps a reply, in place of an earlier one; it is written a moment later."""
        self._later(key, _encoded(reply))

    def forget(self, key: bytes) -> None:
        """Takes a reply out."""
        self._later(key, None)

    def close(self) -> None:
        """Writes what waits, and lets the file go."""
        self._closing.set()
        self._thread.join()
        self._write()
        self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _let_go(self) -> None:
        for connection in (self._reader, self._writer):  # the last one to go leaves one file
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._reader = self._writer = None

    def _later(self, key: bytes, data: bytes | None) -> None:
        if self._writer is not None and not self.problem:
            with self._lock:
                self._waiting.append((key, data))

    def _write_for_ever(self) -> None:
        while self._writer is not None and not self._closing.wait(WRITE_EVERY_S):
            self._write()

    def _write(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if not waiting or self.problem or (writer := self._writer) is None:
            return
        try:
            if self._state is None or self._state[0] != self.path.stat().st_ino:
                raise FileNotFoundError
            writer.execute("BEGIN IMMEDIATE")
            for key, data in waiting:
                if data is None:
                    writer.execute("DELETE FROM answers WHERE key = ?", (key,))
                else:
                    writer.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, data, _digest(key, data)))
            writer.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self.problem = self.problem or _meaning(error)[0]
            with suppress(sqlite3.Error):
                writer.execute("ROLLBACK")

    def _row(self, key: bytes) -> tuple[Any, ...] | None:
        select = "SELECT reply, digest FROM answers WHERE key = ?"
        while self.read_only:
            if (state := _state(self.path)) != self._state:
                self._state = state
                self._open_reader()
            try:
                row = self._fetched(select, key)
            except sqlite3.Error:
                if _state(self.path) == state:
                    raise
                continue
            if _state(self.path) == state:  # else somebody wrote it meanwhile, and what was read may be half of each
                return row
        return self._fetched(select, key)

    def _fetched(self, sql: str, *values: bytes) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = None
        if self._reader is not None:
            row = self._reader.execute(sql, values).fetchone()
        return row

    def _open_reader(self) -> None:
        """Of a file that is only read nothing is left beside it: where nobody writes it, it is taken as it is."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        if self._state is not None:
            how = "&immutable=1" if self.read_only and not self._state[1] else ""
            place = f"{self.path.absolute().as_uri()}?mode=ro{how}"
            self._reader = sqlite3.connect(
                place, uri=True, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            self._reader.execute("SELECT key FROM answers LIMIT 1").fetchone()


_State = tuple[int, bool, int, int]  # inode, whether it is being written, and else size and time


def _state(path: Path) -> _State | None:
    """Of the file now; ``None``: it is not there, or empty."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if found.st_size == 0:
        return None
    try:
        written = Path(f"{path}-wal").stat().st_size > 0
    except FileNotFoundError:
        written = False
    return (found.st_ino, True, 0, 0) if written else (found.st_ino, False, found.st_size, found.st_mtime_ns)


def _refuse_foreign(path: Path) -> None:
    """Raises UserFileError: something else stands there, or a cache of another version. Nothing is opened for that."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        what = "is a folder" if stat.S_ISDIR(mode) else "is no file"
        raise UserFileError(path, what, advice="name a file in it" if stat.S_ISDIR(mode) else "name a file")
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if not head:
        return
    number, application = (int.from_bytes(head[start : start + 4], "big") for start in (60, 68))
    if len(head) < _HEADER or not head.startswith(_MAGIC) or application != APPLICATION:
        raise UserFileError(path, "is no answer cache, or a damaged one", advice="name another file")
    if number != FORMAT:
        problem = f"was made by another version of ownbench (format {number}, this one reads {FORMAT})"
        raise UserFileError(path, problem, advice=_ELSE)


def _writable(path: Path) -> sqlite3.Connection:
    """Opened for writing, and written to: a disk that is full is told of now. Made whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute(f"PRAGMA user_version={FORMAT}")
        connection.execute("COMMIT")
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError:  # another process is making it: SQLite does not wait for that
                if time.monotonic() >= until:
                    raise
                time.sleep(0.01)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raises UserFileError where the system or SQLite fails within: what is wrong with the file, and what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        problem, advice = _meaning(error)
        raise UserFileError(path, problem, advice=advice) from None


def _meaning(error: Exception) -> tuple[str, str]:
    """What is wrong with the file, and what to do about it."""
    if isinstance(error, FileNotFoundError) and error.filename is not None and not Path(error.filename).parent.is_dir():
        return f"there is no folder {Path(error.filename).parent}", "make it, or name another file"
    if isinstance(error, FileNotFoundError):
        return "was deleted or moved", "put it back"
    if isinstance(error, OSError):
        return f"cannot be used: {error.strerror or error}", "name a file in a folder that can be written"
    name = str(getattr(error, "sqlite_errorname", ""))
    known = {
        "SQLITE_FULL": ("cannot be written: the disk is full", "free some space"),
        "SQLITE_IOERR": ("cannot be read or written: the disk fails or is full", "see that it can be written"),
        "SQLITE_READONLY": ("cannot be written", "allow it, or write mode: read_only"),
        "SQLITE_CANTOPEN": ("cannot be opened or written", "name a file in a folder that can be written"),
        "SQLITE_BUSY": ("is held by another process", "wait for it, or name another file"),
        "SQLITE_LOCKED": ("is held by another process", "wait for it, or name another file"),
    }
    damaged = "is a damaged answer cache", "delete it: every report keeps its own answers"
    return next((said for key, said in known.items() if name.startswith(key)), damaged)


def _digest(key: bytes, data: bytes) -> bytes:
    return hashlib.sha256(key + data).digest()[:16]


def _encoded(reply: Reply) -> bytes:
    plain = as_json(reply)
    try:
        return orjson.dumps(plain)
    except (TypeError, ValueError):  # half of a surrogate pair, a number beyond 64 bits
        return json.dumps(plain, separators=(",", ":")).encode("ascii")


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        return dict(orjson.loads(data))
    except ValueError:
        return dict(json.loads(data))
