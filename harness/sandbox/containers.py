"""Boxes of podman or docker, through their command lines: a container with a read-only root and folders in memory.

A runtime may accept a limit and not enforce it: limits are read back from the kernel, and without them there is no box.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from harness.core import BoxError, Environment, Limits, visible
from harness.sandbox.archives import folder_members, write_members
from harness.sandbox.cgroups import MOUNT, Cgroup, group_of
from harness.sandbox.commands import Command, CommandBox, StartError
from harness.sandbox.entering import listen_inside
from harness.sandbox.images import call, is_built, program_of, work_of
from harness.sandbox.memory import descriptors, in_memory
from harness.sandbox.seccomp import profile
from harness.sandbox.streams import Streams

USER = "65534:65534"  # whom commands run as
KEEPER_USER = "65533:65533"  # and process 1, so that no command looks into it or signals it
KEEPER = "while :; do sleep 9999 & wait; done"  # process 1: a plain sleep would never reap what others leave
PROGRAMS = ("/bin/sh", "sleep", "tar", "find", "chmod", "sha256sum", "rm", "mkdir")  # what boxes and graders work with
NEEDS = f"a box needs {', '.join(PROGRAMS[:-1])} and {PROGRAMS[-1]} in its image"
_NO_SHELL = re.compile(r"""exec\w*( file)?:? ["'`]?sh["'`]?\b.*(not found|no such file)""", re.IGNORECASE)
_LOOK = 'for name; do command -v -- "$name" > /dev/null || echo "$name"; done'
_NAME = re.compile(r"ownbench-(\d+)-\d+")
_NUMBERS = itertools.count()
_SWEPT = set[tuple[int, str]]()
_COMPLETE = set[tuple[str, str]]()  # images, by kind, in which all of these programs were found


class ContainerBox(CommandBox):
    """One box; `Box` says what its methods do."""

    def __init__(
        self,
        kind: str,
        limits: Limits,
        environment: Environment,
        *,
        mounts: Mapping[str, Path] | None = None,
        folders: Sequence[str] = (),
    ) -> None:
        super().__init__(limits, environment, folders)
        self.kind = kind
        self.image: str | None = environment.image
        self._mounts = mounts or {}
        self._name = f"ownbench-{os.getpid()}-{next(_NUMBERS)}"
        self._staged: Path | None = None  # what is mounted, in a folder of ours
        self._cgroup: Cgroup | None = None
        self._pid = 0  # of its process 1, as this machine counts; 0: it does not run
        self._files: dict[str, int] = {}  # in each writable folder, before the command

    def start(self) -> Self:
        """As `Box.start` says."""
        if (os.getpid(), self.kind) not in _SWEPT:
            _SWEPT.add((os.getpid(), self.kind))
            sweep_containers(self.kind)
        self._staged = Path(tempfile.mkdtemp(prefix=f"{self._name}-"))
        try:
            self._begin(self._flags())
            self._cgroup = self._read_back()
            self._look_for_programs()
            self._fill()
        except BaseException:
            self.close()
            raise
        return self

    def _begin(self, flags: list[str]) -> None:
        try:
            call(self.kind, "create", *flags, "--entrypoint", "", str(self.image), "sh", "-c", KEEPER, cwd=self._staged)
            call(self.kind, "start", self._name, cwd=self._staged)
            self._pid = int(call(self.kind, "inspect", "-f", "{{.State.Pid}}", self._name) or 0)
        except BoxError as error:
            if _NO_SHELL.search(str(error)):
                raise BoxError(f"{self._named} has no sh; {NEEDS}") from None
            raise StartError(str(error)) from None

    @property
    def _named(self) -> str:
        """The image, as its user knows it."""
        return "the Dockerfile's image" if is_built(str(self.image)) else f"the image {self.image}"

    def _look_for_programs(self) -> None:
        """Raises BoxError: the image lacks one of those that we run in it ourselves. Each image is looked at once."""
        if (known := (self.kind, str(self.image))) in _COMPLETE:
            return
        done = self.run(["sh", "-c", _LOOK, "sh", *PROGRAMS], cwd="/")
        if done.code != 0:
            problem = done.cause or done.err.decode("utf-8", "replace").strip() or f"exit code {done.code}"
            raise StartError(f"{self._named}: a command did not run: {visible(problem)[:300]}")
        if missing := done.out.decode("utf-8", "replace").split():
            raise BoxError(f"{self._named} has no {' and no '.join(missing)}; {NEEDS}")
        _COMPLETE.add(known)

    def _fill(self) -> None:
        """Puts what the image has in the work folder there, as files of who works in it. Raises BoxError."""
        place, size = self.workdir, self.limits.disk_mb
        own = work_of(self.kind, str(self.image), place)
        if own is not None:  # a folder in memory over it has its mode
            call(self.kind, "exec", "-u", "0:0", self._name, "chmod", "1777", place)
        if place.count("/") > 1 and self.run(["sh", "-c", '[ -w "$0" ]', place], cwd="/").code != 0:
            problem = f"{self._named}: the work folder {place} lies in a folder that the user of a box may not enter"
            raise BoxError(f"{problem}; write RUN chmod a+rx for the folders above it in the Dockerfile")
        if sum(len(one.content or b"") for one in (own or {}).values()) > size << 20:
            problem = f"{self._named} has more than {size} MB in its work folder {place}"
            raise BoxError(f"{problem}; raise sandbox.disk_mb, or take files out of the image")
        if own:
            self._put_members({f"{place}/{name}": member for name, member in own.items()})
        self._own = own or {}

    def _flags(self) -> list[str]:
        limits, staged = self.limits, self._staged or Path()
        staged.chmod(0o755)
        rules = staged / "seccomp.json"
        rules.write_text(json.dumps(profile()))
        memory = f"{limits.memory_mb + limits.disk_mb + 2 * limits.small_mb}m"  # a tmpfs lives in memory
        flags = ["--name", self._name, "--hostname", "box", "--network", "none", "--pull=never", "--log-driver", "none"]
        flags += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt", f"seccomp={rules}"]
        flags += ["--user", KEEPER_USER, "--read-only", "--workdir", self.workdir, "--cpus", f"{limits.cpus:g}"]
        flags += ["--pids-limit", str(limits.pids), "--memory", memory, "--memory-swap", memory]
        flags += ["--ulimit", f"nofile={limits.open_files}:{limits.open_files}", "--ulimit", "core=0:0"]
        flags += ["--ulimit", f"fsize={limits.disk_mb << 20}:{limits.disk_mb << 20}"]
        flags += ["--ulimit", f"nproc={max(512, limits.pids)}:{max(512, limits.pids)}"]  # of all boxes of this user
        how = "rw,exec,nosuid,nodev,mode=1777" + (",notmpcopyup" if self.kind == "podman" else "")
        small = [(place, limits.small_mb) for place in ("/tmp", *self.folders)]  # noqa: S108 - of the box
        for place, size in ((self.workdir, limits.disk_mb), *small):
            flags += ["--tmpfs", f"{place}:{how},size={size}m"]
        flags += ["--shm-size", f"{limits.small_mb}m"]
        if self.kind == "podman":
            flags.append("--read-only-tmpfs=false")
        for number, (place, folder) in enumerate(self._mounts.items()):
            copy = staged / str(number)
            copy.mkdir(mode=0o755)
            write_members(dict(folder_members(folder, hidden=False)), copy)
            for below in copy.rglob("*/"):
                below.chmod(0o755)  # whatever the mask of this process
            flags += ["-v", f"{copy}:{place}:ro"]
        return flags

    def _read_back(self) -> Cgroup:
        """The container's cgroup. Raises BoxError: the kernel does not hold it to the limits, or cannot be asked."""
        group = group_of(self._pid) if self._pid else None
        if group is None or not group.holds(self.limits):
            raise BoxError(
                f"{self.kind} does not enforce limits of memory and processes here (read back from {MOUNT}); run it as "
                "root, on cgroup v2 with these controllers delegated, or use bubblewrap"
            )
        return group

    def _executed(self, command: Command, streams: Streams) -> tuple[int | None, str]:
        group = self._cgroup
        if group is None or not self._alive():
            return None, self._death
        kills, refusals, self._files = group.kills(), group.refusals(), self._counted()
        call = [
            "exec",
            *(["-i"] if command.stdin else []),
            "-u",
            USER,
            "-w",
            command.cwd,
            *(part for name, value in command.env.items() for part in ("-e", f"{name}={value}")),
            self._name,
            *command.argv,
        ]
        with descriptors() as fds:
            fds.append(in_memory(command.stdin))
            out, err = streams.write_ends
            try:
                client = subprocess.Popen(
                    [*program_of(self.kind), *call], stdin=fds[0], stdout=out, stderr=err,
                    start_new_session=True,  # Ctrl-C is for the program, which closes its boxes
                    cwd=self._staged,  # where podman's monitor leaves a note of a process that was killed for memory
                )  # fmt: skip
            except (OSError, ValueError) as error:  # longer than the system takes, or it holds what no command can
                os.write(err, f"{getattr(error, 'strerror', None) or error}\n".encode("utf-8", "replace"))
                streams.close_write_ends()
                streams.drain(1)
                return 126, ""
            streams.close_write_ends()
            fds.append(os.pidfd_open(client.pid))
            cause = streams.wait(fds[1], command.deadline, self._excess) or self._excess()
            if not command.keep or cause:
                self._end_all()
            streams.drain(0.2 if command.keep else 10.0)  # a client waits until it is rid of what it has read
            try:
                code = client.wait(10)
            except subprocess.TimeoutExpired:  # a process that it has left holds its pipes
                client.kill()
                code = client.wait()
        killed = group.kills() > kills
        if not self._alive():
            self._death = "memory" if killed else self._death  # what ran took all, process 1 with it
            return None, self._death
        return code, cause or ("memory" if killed else "pids" if group.refusals() > refusals else "")

    def _alive(self) -> bool:
        return bool(self._pid) and Path(f"/proc/{self._pid}").exists()

    def _counted(self) -> dict[str, int]:
        """Files in each writable folder, as far as this user may look."""
        counts = dict[str, int]()
        for folder in (*self.writable, *self.folders):
            with contextlib.suppress(OSError):
                found = os.statvfs(f"/proc/{self._pid}/root{folder}")
                counts[folder] = found.f_files - found.f_ffree
        return counts

    def _excess(self) -> str:
        if self._cgroup is not None and self._cgroup.process_bytes() > self.limits.memory_mb << 20:
            return "memory"
        over = (self.limits.files < count > self._files.get(folder, 0) for folder, count in self._counted().items())
        return "disk" if any(over) else ""

    def _end_all(self) -> None:
        """Kills every process but the first. Where this user may not, a command inside does, which takes longer."""
        for rounds in range(200):
            others = [pid for pid in self._cgroup.processes() if pid != self._pid] if self._cgroup else []
            if not others or (rounds and len(others) == 1 and _is_pause(others[0], self._pid)):
                return
            try:
                for pid in others:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            except PermissionError:
                command = [*program_of(self.kind), "exec", "-u", USER, self._name, "/bin/sh", "-c", "kill -9 -1"]
                with contextlib.suppress(subprocess.TimeoutExpired):
                    subprocess.run(command, capture_output=True, timeout=30, check=False)
            time.sleep(0.01)
        call(self.kind, "kill", "-s", "KILL", self._name)

    def listen(self, port: int) -> socket.socket:
        """As `Box.listen` says."""
        return listen_inside(self._pid, port)

    @property
    def is_open(self) -> bool:
        """Whether it was started, and not closed since."""
        return self._staged is not None

    def close(self) -> None:
        """As `Box.close` says."""
        if self._staged is not None:
            with contextlib.suppress(BoxError):
                call(self.kind, "rm", "-f", *(["-t", "0"] if self.kind == "podman" else []), self._name)
            with self._lock:  # a command that another thread waits for has ended by now
                self._pid = 0
                shutil.rmtree(self._staged, ignore_errors=True)
                self._staged = None


def enforces(kind: str) -> str:
    """Why this runtime cannot be used here, in one line; nothing: it can. What a box gets is read back once more."""
    try:
        if kind == "podman":
            told = json.loads(call(kind, "info", "--format", "json", seconds=30))["host"]
            version, rootless = told["cgroupVersion"], told["security"]["rootless"]
            held = set(told.get("cgroupControllers") or ())
            if rootless and (version == "v1" or not {"memory", "pids"} <= held):
                return f"rootless podman ignores limits of memory and processes here (cgroup {version}); run it as root"
        elif "false" in call(kind, "info", "--format", "{{.MemoryLimit}} {{.PidsLimit}}", seconds=30):
            return "docker enforces no limits of memory or processes on this kernel"
    except BoxError as error:
        return str(error)
    except (ValueError, KeyError, TypeError):
        return f"{kind} info could not be read"
    return ""


def sweep_containers(kind: str) -> None:
    """Removes the containers of programs that were killed, and what was mounted in them."""
    with contextlib.suppress(BoxError):
        for name in call(kind, "ps", "-a", "--format", "{{.Names}}", "--filter", "name=ownbench-").split():
            if (found := _NAME.fullmatch(name)) and not Path(f"/proc/{found[1]}").exists():
                call(kind, "rm", "-f", name)
    for folder in Path(tempfile.gettempdir()).glob("ownbench-*-*-*"):
        found = _NAME.match(folder.name)
        if found and not Path(f"/proc/{found[1]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _is_pause(pid: int, parent: int) -> bool:
    """Whether it is what process 1 waits for; that dies with the rest, which makes process 1 reap, and is made anew."""
    with contextlib.suppress(OSError, IndexError):
        kin = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == parent
        return kin and Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x009999\0"
    return False
