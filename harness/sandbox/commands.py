"""Files into a box and out of it, as tar over a command's standard input and output: the same for every kind of box."""

import hashlib
import re
import shlex
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from harness.core import BoxContentError, BoxError, Done, Environment, Image, Limits, visible
from harness.sandbox.archives import Member, Members, folder_members, pack, unpack, write_members
from harness.sandbox.streams import Streams

_STOPPED = {"timeout", "output", "disk", "box died"}  # causes by which a command has no exit code of its own
_UNREADABLE = "no file, or none that can be read"  # instead of a digest
VARIABLES = {"HOME": "/tmp", "LANG": "C.UTF-8", "TERM": "dumb"}  # noqa: S108 - of the box
SMALL = ("/tmp", "/dev/shm")  # noqa: S108 - of the box: what commands may write to besides the work folder
_SUM = re.compile(
    r"(\\?)([0-9a-f]{64})  (.*)", re.DOTALL
)  # a line of sha256sum; a backslash first: its name is escaped
_ESCAPED = re.compile(r"\\(.)")


class StartError(BoxError):
    """A box that did not start this time: another try may."""


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

    def __init__(self, limits: Limits, environment: Environment, folders: Sequence[str] = ()) -> None:
        self.limits = limits
        self.folders = tuple(folders)  # more that commands may write to; no snapshot holds them
        self.environment = environment
        self._own: Members = {}  # what the image has in the work folder
        self._lock = threading.RLock()  # one command at a time
        self._put: dict[str, str] = {}  # digests of what we wrote, by path
        self._death = "box died"  # the cause of commands that are asked of it once it is gone

    @property
    def workdir(self) -> str:
        """As `Box.workdir` says."""
        return self.environment.workdir

    @property
    def writable(self) -> tuple[str, ...]:
        """The folders that a snapshot holds."""
        return (self.workdir, *SMALL)

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
        """As `Box.run` says. Raises BoxError: this process has no files left for its pipes."""
        with self._lock, self._streams(self.limits.output_bytes if cap is None else cap) as streams:
            began = time.monotonic()
            command = Command(
                argv=["/bin/sh", "-c", cmd] if isinstance(cmd, str) else list(cmd),
                stdin=stdin,
                deadline=began + (self.limits.seconds if timeout is None else timeout),
                env=VARIABLES | dict(self.environment.env) | dict(env or {}),
                cwd=cwd or self.workdir,
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

    def _streams(self, cap: int) -> Streams:
        try:
            return Streams(cap)
        except OSError as error:
            raise BoxError(f"a command could not be given to the box: {error.strerror}") from None

    def put(self, files: Mapping[str, bytes]) -> None:
        """As `Box.put` says."""
        found = {self._at(path): Member(content=data, executable=data[:2] == b"#!") for path, data in files.items()}
        if self.workdir in found:
            raise BoxContentError(f"{self.workdir} is no path inside the box for a file")
        self._put_members(found)

    def put_dir(self, src: Path, dst: str = ".") -> None:
        """As `Box.put_dir` says."""
        self._put_members({f"{self._at(dst)}/{name}": member for name, member in folder_members(src)})

    def put_tar(self, data: bytes, dst: str = ".") -> None:
        """As `Box.put_tar` says."""
        members = unpack(data, self._whole, self._own if self._at(dst) == self.workdir else {})
        self._put_members({f"{self._at(dst)}/{name}": member for name, member in members.items()})

    def put_work(self, data: bytes) -> None:
        """As `Box.put_work` says."""
        self._empty()
        self.put_tar(data)

    def _empty(self) -> None:
        """Takes out of the work folder what the image has there."""
        if self._own:
            done = self.run(["find", self.workdir, "-mindepth", "1", "-delete"], timeout=max(60, self.limits.seconds))
            if done.code != 0:
                raise self._failed(done, "the work folder could not be emptied")
            self._put = {}

    def get(self, paths: Sequence[str], cap: int = 64 << 20) -> dict[str, bytes]:
        """As `Box.get` says."""
        if not paths:
            return {}
        wanted = {self._at(path)[1:]: path for path in paths}
        found = self._members("/", ["--no-recursion", "--", *wanted], cap)
        return {wanted[name]: one.content for name, one in found.items() if name in wanted and one.content is not None}

    def get_dir(self, src: str, dst: Path, cap: int = 1 << 30) -> None:
        """As `Box.get_dir` says."""
        write_members(self._members(self._at(src), ["."], cap), dst)

    def get_tar(self, src: str = ".", cap: int = 256 << 20) -> bytes:
        """As `Box.get_tar` says."""
        return pack(self._members(self._at(src), ["."], cap))

    def _at(self, path: str) -> str:
        """The path in the box, from its root. Raises BoxContentError: it is none; models write paths too."""
        whole = PurePosixPath(self.workdir, path)
        try:
            path.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            whole = PurePosixPath("..")
        if ".." in whole.parts or "\0" in path or len(whole.parts) < 2:
            raise BoxContentError(f"{visible(path)!r} is no path inside the box")
        return str(whole)

    def changes(self) -> list[str]:
        """As `Box.changes` says."""
        folders = " ".join(map(shlex.quote, self.writable))
        script = f"find {folders} -type f -exec sha256sum {{}} +; echo; find {folders} ! -type d -print0"
        done = self.run(script, timeout=60, cap=64 << 20)
        if done.cause or done.cut:
            failed = BoxContentError if done.cause != "box died" else BoxError
            raise failed(f"the changed files could not be listed: {done.cause or 'too many'}")
        digests, _, names = f"\n{done.out.decode('utf-8', 'surrogateescape')}".partition("\n\n")
        now = dict.fromkeys(filter(None, names.split("\0")), _UNREADABLE)
        for line in digests.split("\n"):
            if (found := _SUM.fullmatch(line)) is not None:  # a newline in a name is written as \\n
                now[_ESCAPED.sub(_unescaped, found[3]) if found[1] else found[3]] = found[2]
        changed = (path for path in {*now, *self._put} if now.get(path) != self._put.get(path))
        return sorted(path.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for path in changed)

    def snapshot(self) -> Image:
        """As `Box.snapshot` says."""
        members = dict[str, Member]()
        for place in self.writable:
            found = self._members(place, ["."], self._whole)
            members |= {f"{place[1:]}/{name}": member for name, member in found.items()}
        return Image(environment=self.environment, archive=pack(members), changed=tuple(self.changes()))

    def restore(self, image: Image) -> None:
        """Makes the writable folders what they were at the snapshot."""
        self._empty()
        own = {f"{self.workdir[1:]}/{name}": member for name, member in self._own.items()}
        self._put_members({f"/{name}": one for name, one in unpack(image.archive, 2 * self._whole, own).items()})

    def _failed(self, done: Done, what: str) -> BoxError:
        """The error for files that did not move: the commands' doing, unless the box died by itself or was too slow."""
        ours = done.cause == "box died" or (done.cause == "timeout" != self._death)
        return (BoxError if ours else BoxContentError)(f"{what}: {done.cause or _line(done)}")

    @property
    def _whole(self) -> int:
        """Bytes that the writable folders hold together."""
        return (self.limits.disk_mb + 2 * self.limits.small_mb) << 20

    def _members(self, folder: str, what: Sequence[str], cap: int) -> dict[str, Member]:
        """What a folder of the box holds, as far as it may be taken out."""
        room = cap + (cap >> 3) + (8 << 20)  # an archive is larger than what is in it
        done = self.run(["tar", "-c", "-f", "-", "-C", folder, *what], cap=room, timeout=max(60, self.limits.seconds))
        if done.cut or done.cause == "output":
            raise BoxContentError(f"{folder} of the box holds more than {cap >> 20} MB")
        if done.cause or done.code not in {0, 1, 2} or not done.out:  # 2: a file is not there
            raise self._failed(done, f"{folder} of the box could not be read")
        return unpack(done.out, cap, self._own if folder == self.workdir else {})

    def _put_members(self, members: Members) -> None:
        """Writes them at their absolute paths."""
        archive = pack({path[1:]: member for path, member in members.items()})
        done = self.run(["tar", "-x", "-o", "-f", "-", "-C", "/"], stdin=archive, timeout=max(60, self.limits.seconds))
        if done.code != 0:
            raise self._failed(done, "files could not be put into the box")
        for path, one in members.items():
            if one.content is not None:
                self._put[path] = hashlib.sha256(one.content).hexdigest()
            elif one.link is not None:
                self._put[path] = _UNREADABLE


def _unescaped(found: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r"}.get(found[1], found[1])


def _line(done: Done) -> str:
    """Of what a command said, the first line."""
    lines = done.err.decode("utf-8", "replace").strip().splitlines()
    return visible(lines[0])[:300] if lines else f"exit code {done.code}"
