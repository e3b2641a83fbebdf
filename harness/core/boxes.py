"""What a box is: one sealed place with a work folder, in which untrusted commands run. `harness.sandbox` makes them."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

WORK = "/w"  # the work folder of a box, where its environment names no other
SKILLS = "/skills"  # where a box has the folders of skills, each by its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one box may use. Past a limit a command ends with the limit's name as its cause."""

    seconds: float = 60.0  # wall time of one command that names no timeout of its own
    memory_mb: int = 2048  # of all processes together; files in the writable folders come on top
    disk_mb: int = 1024  # of the work folder; temporary files and shared memory have a quarter of it each
    pids: int = 128  # processes and threads
    cpus: float = 1.0
    output_bytes: int = 1 << 20  # kept of each stream; one that goes far beyond it ends the command
    files: int = 100_000  # of each writable folder
    open_files: int = 1024  # of one process

    @property
    def small_mb(self) -> int:
        """The size of the folder for temporary files, and of that for shared memory."""
        return max(16, self.disk_mb // 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended. A program that misbehaves ends here; a box that could not be made raises BoxError."""

    code: int | None  # its exit code, negative for a signal; None: it was stopped, or never began
    out: bytes = b""
    err: bytes = b""
    seconds: float = 0.0  # wall time
    cut: bool = False  # it wrote more than was kept
    cause: str = ""  # "", timeout, memory, pids, disk (too many files), output: the command's own; box died: not


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a box is made from; without an image and a Dockerfile the read-only system folders of this machine."""

    image: str = ""  # of a container; never pulled
    dockerfile: str = ""  # a folder with a Dockerfile; built without a network
    env: tuple[tuple[str, str], ...] = ()  # variables of every command, by name
    workdir: str = WORK  # the work folder, where commands start; what an image has there stands in it
    build_timeout_s: float | None = None  # of a Dockerfile
    memory_mb: int | None = None  # these three: what it asks for; a box has no more than its maker's limits
    cpus: float | None = None
    disk_mb: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What the writable folders of a box held at one moment: another box may start from it."""

    environment: Environment
    archive: bytes  # a tar of them, its names relative to /; what `Box.get_tar` would leave out is not in it
    changed: tuple[str, ...]  # what `Box.changes` told then


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One use of a tool in an attempt, as a model asked for it."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    turn: int = 0  # which call of the model asked for it, from 1
    wrong: str = ""  # why it is refused before any rule is asked: there is no such tool, or its arguments are no JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an action."""

    text: str  # what the model is told
    exit_code: int | None = None  # of a command; None: it was no command, or was stopped
    cause: str = ""  # as of `Done`
    allowed: bool = True
    rule: str = ""  # by which the policy allowed or refused it
    seconds: float = 0.0
    bytes_in: int = 0  # that the model gave: arguments, contents
    bytes_out: int = 0  # that the tool gave, before anything was cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """An action as it is recorded: one row of ``actions.parquet``."""

    attempt_id: str
    turn: int
    tool: str
    arguments_digest: str
    allowed: bool
    rule: str
    exit_code: int | None = None
    cause: str = ""
    seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    differs: bool = False  # done once more after the run was stopped, it came out otherwise; the first result was told
    request_digest: str = ""  # of the call that asked for it
    place: int = 0  # which of the actions that this call asked for, from 0; below 0: of those that were wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFolder:
    """A skill as commands have it, read-only at ``/skills/NAME``."""

    name: str  # of its folder there
    folder: Path
    allowed_tools: tuple[str, ...] = ()  # as its frontmatter says
    is_open: bool = False  # whether its text was shown before anything was asked for


class Box(Protocol):
    """One sandbox. Its calls block, so an event loop hands them to a thread; `close` may come from any thread.

    Where files cannot be moved a BoxError is raised; a BoxContentError where that is the doing of what ran in the box.
    """

    kind: str  # bubblewrap, podman or docker
    limits: Limits

    @property
    def image(self) -> str | None:
        """The container image, or None: this machine's own system folders, read-only."""

    @property
    def workdir(self) -> str:
        """The work folder, as its environment names it."""

    def start(self) -> Self:
        """Makes it. Raises BoxError: it cannot be made; the text says why in one line."""

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
        """Runs a shell line, or a program with arguments; never raises for what the command does.

        Afterwards all of its processes are killed; with ``keep`` those that it left in the background live on.
        """

    def put(self, files: Mapping[str, bytes]) -> None:
        """Writes files, by paths relative to the work folder or absolute. Raises BoxError: it cannot."""

    def get(self, paths: Sequence[str], cap: int = 64 << 20) -> dict[str, bytes]:
        """The regular files among ``paths``; links are not followed, what is absent is left out. Raises BoxError."""

    def put_dir(self, src: Path, dst: str = ".") -> None:
        """Copies a folder's regular files into the box. Raises BoxError: it cannot."""

    def get_dir(self, src: str, dst: Path, cap: int = 1 << 30) -> None:
        """Copies a folder's regular files out of the box: no links, no devices. Raises BoxError: it cannot."""

    def get_tar(self, src: str = ".", cap: int = 256 << 20) -> bytes:
        """A folder's files, folders, and links that stay inside it, as a tar with relative names; programs stay such.

        What leads out, but for an image's own links, devices and pipes are left out. Raises BoxError: it cannot; a
        BoxContentError: it is too large.
        """

    def put_tar(self, data: bytes, dst: str = ".") -> None:
        """Fills a folder from a tar; what `get_tar` leaves out is left out here too. Raises BoxError: it cannot."""

    def put_work(self, data: bytes) -> None:
        """Makes the work folder what it was when the tar was taken, and nothing more. Raises BoxError: it cannot."""

    def listen(self, port: int) -> socket.socket:
        """A socket on 127.0.0.1 inside the box that this process accepts on: the box's only network."""

    def changes(self) -> list[str]:
        """Paths that commands made, changed or removed since the last `put` or `put_dir`."""

    def snapshot(self) -> Image:
        """What the writable folders hold. Raises BoxError: it cannot."""

    def close(self) -> None:
        """Ends it with everything in it; twice is no error."""

    def __enter__(self) -> Self:
        """Itself; the end of the block closes it."""

    def __exit__(self, *_: object) -> None: ...
