"""Files into a box and out of it, as tar over a command's standard input and output: the same for every kind of box.

What comes out was written by a contender. Nothing but regular files and folders is taken, below the given folder, and a
link is never followed.
"""

import hashlib
import io
import re
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from harness.core import WORK, BoxError, Done, Environment, Image, Limits, visible
from harness.sandbox.streams import Streams

_STOPPED = {"timeout", "output", "disk", "box died"}  # causes by which a command has no exit code of its own
VARIABLES = {"HOME": "/tmp", "LANG": "C.UTF-8", "TERM": "dumb"}  # noqa: S108 - of the box
WRITABLE = (WORK, "/tmp", "/dev/shm")  # noqa: S108 - of the box
MOST_FILES = 100_000  # taken out of a box at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What `Box.run` was asked for, with nothing left open."""

    argv: list[str]
    stdin: bytes
    deadline: float  # of the monotonic clock
    env: dict[str, str]
    cwd: str
    keep: bool


class CommandBox:
    """What the kinds of boxes share: how a command is asked for and told of, and files over commands."""

    limits: Limits

    def __init__(self, limits: Limits, environment: Environment) -> None:
        self.limits = limits
        self.environment = environment
        self._lock = threading.RLock()  # one command at a time
        self._put: dict[str, str] = {}  # digests of what we wrote, by path

    def close(self) -> None:
        """As `Box.close` says."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _executed(self, command: Command, streams: Streams) -> tuple[int | None, str]:
        """Its exit code and the cause; what it wrote is in ``streams``."""
        raise NotImplementedError

    def run(
        self,
        cmd: str | Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        cap: int | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        keep: bool = False,
    ) -> Done:
        """As `Box.run` says."""
        with self._lock, Streams(self.limits.output_bytes if cap is None else cap) as streams:
            began = time.monotonic()
            command = Command(
                argv=["/bin/sh", "-c", cmd] if isinstance(cmd, str) else list(cmd),
                stdin=stdin,
                deadline=began + (self.limits.seconds if timeout is None else timeout),
                env=VARIABLES | dict(env or {}),
                cwd=cwd or WORK,
                keep=keep,
            )
            code, cause = self._executed(command, streams)
            out, err = streams.texts
            return Done(
                code=None if cause in _STOPPED else code,
                out=out,
                err=err,
                seconds=time.monotonic() - began,
                cut=streams.cut,
                cause=cause,
            )

    def put(self, files: Mapping[str, bytes]) -> None:
        """As `Box.put` says."""
        found = {_absolute(path): (content, content[:2] == b"#!") for path, content in files.items()}
        if WORK in found:
            raise BoxError(f"{WORK} is no path inside the box for a file")
        self._unpack(found)

    def put_dir(self, src: Path, dst: str = WORK) -> None:
        """As `Box.put_dir` says."""
        self._unpack({f"{_absolute(dst)}/{name}": found for name, found in regular_files(src)})

    def get(self, paths: Sequence[str], cap: int = 64 << 20) -> dict[str, bytes]:
        """As `Box.get` says."""
        if not paths:
            return {}
        wanted = {_absolute(path)[1:]: path for path in paths}
        packed = self._pack("/", ["--no-recursion", "--", *wanted], cap)
        return {wanted[name]: content for name, content in _unpacked(packed) if name in wanted}

    def get_dir(self, src: str, dst: Path, cap: int = 1 << 30) -> None:
        """As `Box.get_dir` says."""
        for name, content in _unpacked(self._pack(_absolute(src), ["."], cap)):
            target = dst / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def changes(self) -> list[str]:
        """As `Box.changes` says."""
        folders = " ".join(WRITABLE)
        script = f"find {folders} -type f -exec sha256sum {{}} +; find {folders} ! -type f ! -type d -print"
        done = self.run(script, timeout=60, cap=64 << 20)
        if done.cause or done.cut:
            raise BoxError(f"the changed files could not be listed: {done.cause or 'too many'}")
        now = dict[str, str]()
        for line in done.out.decode("utf-8", "replace").splitlines():
            found = re.match(r"\\?([0-9a-f]{64})  (.*)", line)
            now[found[2] if found else line] = found[1] if found else "no file"
        return sorted(path for path in {*now, *self._put} if now.get(path) != self._put.get(path))

    def snapshot(self) -> Image:
        """As `Box.snapshot` says."""
        names = [folder[1:] for folder in WRITABLE]
        packed = self._pack("/", names, (self.limits.disk_mb + 2 * self.limits.small_mb) * 2 << 20)
        return Image(environment=self.environment, archive=packed, changed=tuple(self.changes()))

    def restore(self, image: Image) -> None:
        """Makes the writable folders what they were at the snapshot; regular files alone."""
        self._unpack({f"/{name}": (content, executable) for name, content, executable in _members(image.archive)})

    def _pack(self, folder: str, what: Sequence[str], cap: int) -> bytes:
        done = self.run(["tar", "-c", "-f", "-", "-C", folder, *what], cap=cap, timeout=max(60, self.limits.seconds))
        if done.cut or done.cause == "output":
            raise BoxError(f"{folder} of the box holds more than {cap >> 20} MB")
        if done.cause or done.code not in {0, 1, 2} or not done.out:  # 2: a file is not there
            raise BoxError(f"{folder} of the box could not be read: {done.cause or _line(done)}")
        return done.out

    def _unpack(self, files: Mapping[str, tuple[bytes, bool]]) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path, (content, executable) in files.items():
                add_file(tar, path[1:], content, executable=executable)
        command = ["tar", "-x", "-o", "-f", "-", "-C", "/"]
        done = self.run(command, stdin=buffer.getvalue(), timeout=max(60, self.limits.seconds))
        if done.code != 0:
            raise BoxError(f"files could not be put into the box: {done.cause or _line(done)}")
        self._put |= {path: hashlib.sha256(content).hexdigest() for path, (content, _) in files.items()}


def regular_files(folder: Path) -> Iterator[tuple[str, tuple[bytes, bool]]]:
    """Name below the folder, content, and whether it is a program; links are left out. Raises BoxError: unreadable."""
    try:
        if not folder.is_dir():
            raise BoxError(f"{folder}: no such folder")
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix(), (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    except OSError as error:
        raise BoxError(f"{error.filename}: {error.strerror}") from None


def add_file(tar: tarfile.TarFile, name: str, content: bytes, *, executable: bool) -> None:
    """One regular file more."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755 if executable else 0o644
    tar.addfile(entry, io.BytesIO(content))


def _members(packed: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """Name, content and whether it is a program, of the regular files. Raises BoxError: it is no sound archive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as tar:
            for count, member in enumerate(tar):
                if count > MOST_FILES:
                    raise BoxError(f"the box holds more than {MOST_FILES:,} files")
                parts = PurePosixPath(member.name).parts
                file = tar.extractfile(member) if member.isreg() else None
                if file is not None and parts and ".." not in parts and parts[0] != "/":
                    yield "/".join(parts), file.read(), bool(member.mode & 0o100)
    except (tarfile.TarError, ValueError, OSError, EOFError) as error:
        raise BoxError(f"what came out of the box is no archive: {visible(str(error))}") from None


def _unpacked(packed: bytes) -> Iterator[tuple[str, bytes]]:
    for name, content, _ in _members(packed):
        yield name, content


def _absolute(path: str) -> str:
    """The path in the box, from its root. Raises BoxError: it is none."""
    whole = PurePosixPath(WORK, path)
    if ".." in whole.parts or "\0" in path or len(whole.parts) < 2:
        raise BoxError(f"{visible(path)!r} is no path inside the box")
    return str(whole)


def _line(done: Done) -> str:
    """Of what a command said, the first line."""
    lines = done.err.decode("utf-8", "replace").strip().splitlines()
    return visible(lines[0])[:300] if lines else f"exit code {done.code}"
