"""Boxes of bubblewrap: this machine's system folders read-only, the rest in memory, one process 1 for many commands."""

import contextlib
import json
import marshal
import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from harness.core import BoxError, Environment, Limits, visible
from harness.sandbox.archives import folder_members
from harness.sandbox.cgroups import Cgroup, make_cgroup, sweep
from harness.sandbox.commands import Command, CommandBox, StartError
from harness.sandbox.entering import listen_inside
from harness.sandbox.memory import descriptors, in_memory
from harness.sandbox.seccomp import MACHINES, program
from harness.sandbox.streams import Streams

BINARY = "bwrap"
NOBODY = 65534  # whom commands run as: root's boxes do not run as root
PATH = "/usr/local/bin:/usr/bin:/bin"
START_S = 20.0  # until its process 1 must have answered
MOST_MOUNTED = 400  # files of ``mounts``; each takes a descriptor while the box starts
_INIT = Path(__file__).with_name("box_init.py").read_text("utf-8")  # now: a box may be made by another user
_SPAWNERS: dict[int, ThreadPoolExecutor] = {}  # by our process id
_SWEPT = set[int]()


class BubblewrapBox(CommandBox):
    """One box; `Box` says what its methods do."""

    kind = "bubblewrap"
    image: str | None = None

    def __init__(
        self,
        limits: Limits,
        *,
        mounts: Mapping[str, Path] | None = None,
        folders: Sequence[str] = (),
        environment: Environment | None = None,
    ) -> None:
        super().__init__(limits, environment or Environment(), folders)
        self._mounts = mounts or {}
        self._cgroup: Cgroup | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._pid = 0  # of its process 1, as this machine counts

    @property
    def capped(self) -> bool:
        """Whether a cgroup holds memory and processes; else limits of each process do, and a look every 0.1 s."""
        return self._cgroup is not None

    def start(self) -> Self:
        """As `Box.start` says."""
        if os.getpid() not in _SWEPT:
            _SWEPT.add(os.getpid())
            sweep()
        if os.uname().machine not in MACHINES:
            raise BoxError(f"no filter of system calls for {os.uname().machine}: known are {', '.join(MACHINES)}")
        binary = shutil.which(BINARY)
        if binary is None:
            raise BoxError("bubblewrap is not installed: apt-get install bubblewrap, or your system's like")
        try:
            self._cgroup = make_cgroup(self.limits)
            self._spawn(binary)
        except OSError as error:  # no more processes, files or memory for now
            self.close()
            raise StartError(f"bubblewrap made no box: {error.strerror}") from None
        except BaseException:
            self.close()
            raise
        return self

    def _spawn(self, binary: str) -> None:
        with descriptors() as kept:
            told, tell = os.pipe()
            blocked, release = os.pipe()
            kept += [told, release, os.memfd_create("errors")]
            with descriptors() as passed:
                passed += [tell, blocked]
                self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                passed.append(theirs.detach())
                init = [_python(), "-I", "-S", "-c", _INIT, str(passed[-1])]
                command = [*self._layout(passed), "--info-fd", str(tell), "--block-fd", str(blocked), "--", *init]
                self._process = _spawned(binary, command, passed, kept[-1])
            self._admit(told)
            os.close(kept.pop(1))  # now it may begin
            try:
                ready = select.select([self._channel], [], [], START_S)[0] and self._channel.recv(16) == b"ready"
            except OSError:
                ready = False
            if not ready:
                raise StartError(f"bubblewrap made no box: {_said(kept[-1])}")

    def _layout(self, passed: list[int]) -> list[str]:
        """The options of bwrap: what the box sees. Files that it reads go to ``passed``."""

        def data(content: bytes) -> str:
            passed.append(in_memory(content))
            return str(passed[-1])

        small, large = (str(size << 20) for size in (self.limits.small_mb, self.limits.disk_mb))
        options = ["--unshare-all", "--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY), "--disable-userns"]
        options += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"]
        options += ["--hostname", "box", "--ro-bind", "/usr", "/usr"]
        for name in ("bin", "sbin", "lib", "lib32", "lib64"):
            folder = Path("/", name)
            if folder.is_symlink():
                options += ["--symlink", str(folder.readlink()), str(folder)]
            elif folder.is_dir():
                options += ["--ro-bind", str(folder), str(folder)]
        if not _python().startswith("/usr/"):
            options += ["--ro-bind", sys.base_prefix, sys.base_prefix]
        options += ["--perms", "0755", "--dir", "/etc"]
        for path, content in _ETC.items():
            options += ["--perms", "0644", "--file", data(content), path]
        for path in ("/etc/alternatives", "/etc/ld.so.cache"):
            options += ["--ro-bind-try", path, path]
        for place, folder in self._mounts.items():
            for name, one in folder_members(folder, hidden=False):
                mode = "0755" if one.executable else "0644"
                options += ["--perms", mode, "--file", data(one.content or b""), f"{place}/{name}"]
            if len(passed) > MOST_MOUNTED:
                raise BoxError(f"{folder}: more than {MOST_MOUNTED} files to mount in one box")
        options += ["--proc", "/proc", "--dev", "/dev"]
        for place in (*self.writable, *self.folders):
            size, mode = (large, "0755") if place == self.workdir else (small, "1777")
            options += ["--perms", mode, "--size", size, "--tmpfs", place]
        options += ["--seccomp", data(program(uncounted=not self.capped))]
        return [*options, "--remount-ro", "/", "--chdir", self.workdir]

    def _admit(self, told: int) -> None:
        """Puts process 1 into the cgroup, before it has begun. Raises OSError."""
        text = b""
        while select.select([told], [], [], START_S)[0] and (part := os.read(told, 4096)):
            text += part
        with contextlib.suppress(
            ValueError, KeyError, ProcessLookupError
        ):  # bwrap has ended: what it said is told soon
            self._pid = int(json.loads(text)["child-pid"])
            if self._cgroup is not None:
                self._cgroup.join(self._pid)

    def _executed(self, command: Command, streams: Streams) -> tuple[int | None, str]:
        kills, refusals = self._events()
        answer, cause = dict[str, object](), ""
        if (channel := self._channel) is not None:
            with contextlib.suppress(OSError):
                self._send(channel, command, streams)
                streams.close_write_ends()
                cause = streams.wait(channel.fileno(), command.deadline, self._excess)
                if cause:
                    channel.send(b"kill")
                answer = _answer(channel, 10.0 if cause else 1.0)
            streams.drain(0.05 if command.keep else 2.0)
        more_kills, more_refusals = self._events()
        if not answer:
            # what ran took all, process 1 with it; or left it too little to end what was too slow
            self._death = "memory" if more_kills > kills else cause or self._death
            self._end()
            return None, self._death
        cause = cause or str(answer["cause"])
        cause = cause or ("memory" if more_kills > kills else "pids" if more_refusals > refusals else "")
        return os.waitstatus_to_exitcode(int(str(answer["status"]))), cause

    def _send(self, channel: socket.socket, command: Command, streams: Streams) -> None:
        limits = self.limits
        request = {
            "argv": command.argv,
            "env": {"PATH": PATH, "PWD": command.cwd} | command.env,
            "cwd": command.cwd,
            "keep": command.keep,
            "rlimits": self._rlimits(),
            "folders": (*self.writable, *self.folders),
            "files": limits.files,
            "pids": limits.pids,
            "watch": 0 if self.capped else limits.memory_mb << 20,
        }
        with descriptors() as fds:
            fds += [in_memory(marshal.dumps(request, 2)), in_memory(command.stdin)]
            socket.send_fds(channel, [b"run"], [*fds, *streams.write_ends])

    def _rlimits(self) -> dict[str, int]:
        limits = self.limits
        always = {"RLIMIT_FSIZE": limits.disk_mb << 20, "RLIMIT_NOFILE": limits.open_files, "RLIMIT_CORE": 0}
        return always if self.capped else always | {"RLIMIT_DATA": limits.memory_mb << 20, "RLIMIT_NPROC": limits.pids}

    def _events(self) -> tuple[int, int]:
        """Kills for want of memory, and processes refused, so far."""
        return (self._cgroup.kills(), self._cgroup.refusals()) if self._cgroup else (0, 0)

    def _excess(self) -> str:
        over = self._cgroup is not None and self._cgroup.process_bytes() > self.limits.memory_mb << 20
        return "memory" if over else ""

    def listen(self, port: int) -> socket.socket:
        """As `Box.listen` says."""
        return listen_inside(self._pid, port)

    @property
    def is_open(self) -> bool:
        """Whether it was started, and not closed since."""
        return self._channel is not None

    def close(self) -> None:
        """As `Box.close` says."""
        self._end()
        with self._lock:  # a command that another thread waits for has ended by now
            if self._channel is not None:
                self._channel.close()
                self._channel = None

    def _end(self) -> None:
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)  # process 1 ends by itself then, and all with it
        if (process := self._process) is not None:
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if (group := self._cgroup) is not None:
            group.remove()


_ETC = {
    "/etc/passwd": f"box:x:{NOBODY}:{NOBODY}::/tmp:/bin/sh\n".encode(),
    "/etc/group": f"box:x:{NOBODY}:\n".encode(),
    "/etc/hosts": b"127.0.0.1 localhost box\n",
}


def _python() -> str:
    """The Python that runs process 1: the system's, else the one that runs us. Its folder must be open to all then."""
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if os.access(path, os.X_OK):
            return path
    return str(Path(sys.base_prefix, "bin", "python3"))


def _spawned(binary: str, command: list[str], passed: list[int], errors: int) -> "subprocess.Popen[bytes]":
    """The process of bwrap. One thread starts them all: ``--die-with-parent`` means the thread that made it."""
    if os.getpid() not in _SPAWNERS:
        _SPAWNERS[os.getpid()] = ThreadPoolExecutor(1, "boxes")
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": list[int]()} if os.getuid() == 0 else {}

    def spawn() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [BINARY, *command],
            executable=binary,
            pass_fds=passed,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={},
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the program, which closes its boxes
            **nobody,
        )

    return _SPAWNERS[os.getpid()].submit(spawn).result()


def _answer(channel: socket.socket, seconds: float) -> dict[str, object]:
    """What process 1 says of the command; nothing: it is gone."""
    if not select.select([channel], [], [], seconds)[0]:
        return {}
    return dict(json.loads(channel.recv(4096) or b"{}"))


def _said(errors: int) -> str:
    lines = os.pread(errors, 4096, 0).decode("utf-8", "replace").strip().splitlines()
    line = visible(lines[-1].removeprefix("bwrap: ")) if lines else "it did not answer"
    return f"{line}; version 0.8 or newer is needed" if "nknown option" in line else line
