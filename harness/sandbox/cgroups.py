"""Control groups, version 1 or 2, where this process may make them: hard caps on memory, processes and CPU time."""

import contextlib
import itertools
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.core import Limits

MOUNT = Path("/sys/fs/cgroup")
NAME = re.compile(r"ownbench-(\d+)-\d+")  # the process that made it; what a dead one left is removed by the next
PERIOD = 100_000  # microseconds, over which CPU time is counted
_NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The group of one box."""

    folders: dict[str, Path]  # by controller; in version 2 they share one
    version: int

    def join(self, pid: int) -> None:
        """Raises OSError: it cannot, and nothing may run then."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """How many of its processes the kernel has killed for want of memory."""
        events = "memory.events" if self.version == 2 else "memory.oom_control"
        return _entry(self.folders["memory"] / events, "oom_kill")

    def refusals(self) -> int:
        """How many new processes it has refused."""
        return _entry(self.folders["pids"] / "pids.events", "max")

    def process_bytes(self) -> int:
        """Memory of its processes, without files."""
        return _entry(self.folders["memory"] / "memory.stat", "anon" if self.version == 2 else "total_rss")

    def processes(self) -> list[int]:
        """Their ids, as this machine counts."""
        try:
            return [int(pid) for pid in (self.folders["pids"] / "cgroup.procs").read_text().split()]
        except OSError:
            return []

    def holds(self, limits: Limits) -> bool:
        """Whether the kernel holds its processes to limits of memory and of processes."""
        memory = "memory.max" if self.version == 2 else "memory.limit_in_bytes"
        try:
            most = int((self.folders["memory"] / memory).read_text())
            return most <= whole_bytes(limits) and int((self.folders["pids"] / "pids.max").read_text()) <= limits.pids
        except (OSError, ValueError):  # "max" is no number
            return False

    def remove(self) -> None:
        """Ends what is left in it. The kernel needs a moment until it lets an empty one go."""
        folders = set(self.folders.values())
        for _ in range(200):
            for folder in list(folders):
                with contextlib.suppress(OSError):
                    for pid in (folder / "cgroup.procs").read_text().split():
                        os.kill(int(pid), signal.SIGKILL)
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    folders.discard(folder)
                except OSError:
                    continue
                folders.discard(folder)
            if not folders:
                return
            time.sleep(0.01)


def make_cgroup(limits: Limits) -> Cgroup | None:
    """A group that holds ``limits`` of memory and processes, read back; None: this process cannot make one."""
    whole = whole_bytes(limits)
    cpu = max(1_000, round(limits.cpus * PERIOD))
    name = f"ownbench-{os.getpid()}-{next(_NUMBERS)}"
    version = _version()
    if version == 2:
        wanted = {"memory": {"memory.max": f"{whole}", "memory.swap.max": "0"}, "pids": {"pids.max": f"{limits.pids}"},
                  "cpu": {"cpu.max": f"{cpu} {PERIOD}"}}  # fmt: skip
    else:
        wanted = {"memory": {"memory.limit_in_bytes": f"{whole}", "memory.memsw.limit_in_bytes": f"{whole}"},
                  "pids": {"pids.max": f"{limits.pids}"},
                  "cpu": {"cpu.cfs_period_us": f"{PERIOD}", "cpu.cfs_quota_us": f"{cpu}"}}  # fmt: skip
    group = Cgroup({}, version)
    for controller, base in _bases(version):
        folder = group.folders[controller] = base / name
        try:
            folder.mkdir(exist_ok=True)
            for file, value in wanted[controller].items():
                must = file in {"memory.max", "memory.limit_in_bytes", "pids.max"}
                with contextlib.nullcontext() if must else contextlib.suppress(OSError):
                    (folder / file).write_text(value)
                if must and (folder / file).read_text().strip() != value:
                    raise OSError(f"{file} did not take {value}")
        except OSError:
            if controller != "cpu":  # which is a courtesy
                break
            del group.folders[controller]
    else:
        if {"memory", "pids"} <= set(group.folders):
            return group
    group.remove()
    return None


def group_of(pid: int) -> Cgroup | None:
    """The group that holds a process already; None: it cannot be seen from here."""
    version = _version()
    try:
        folders = {name: base for name, base in _bases(version, str(pid)) if base not in {MOUNT, MOUNT / name}}
    except OSError:
        return None
    return Cgroup(folders, version) if {"memory", "pids"} <= set(folders) else None


def whole_bytes(limits: Limits) -> int:
    """Memory and writable folders together: a tmpfs lives in memory."""
    return (limits.memory_mb + limits.disk_mb + 2 * limits.small_mb) << 20


def sweep() -> None:
    """Removes the groups of programs that were killed."""
    for _, base in {*_bases(1), *_bases(2)}:
        for folder in base.glob("ownbench-*"):
            found = NAME.fullmatch(folder.name)
            if found and not Path(f"/proc/{found[1]}").exists():
                Cgroup({"memory": folder}, 1).remove()


def _version() -> int:
    return 2 if (MOUNT / "cgroup.controllers").exists() else 1


def _bases(version: int, process: str = "self") -> Iterator[tuple[str, Path]]:
    """The folder under which a group may be made, by controller."""
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in {"memory", "pids", "cpu"} & set(names.split(",")) if version == 1 else ():
            own = MOUNT / names / path.lstrip("/")
            yield name, own if own.is_dir() else MOUNT / names
        if version == 2 and not names:
            own = MOUNT / path.lstrip("/")
            own = own if own.is_dir() else MOUNT
            for name in ("memory", "pids", "cpu"):
                if process == "self":
                    with contextlib.suppress(OSError):  # refused where the group holds processes itself
                        (own / "cgroup.subtree_control").write_text(f"+{name}")
                yield name, own


def _entry(file: Path, key: str) -> int:
    """A number of a file of lines ``key number``; 0 where it is not there."""
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == key:
                return int(value)
    return 0
