"""Measures whole processes, and says on what machine."""

import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PYTHON = sys.executable
LOOK_EVERY_S = 0.5  # a look takes the kernel some milliseconds a process, which those that are measured then lack
OWNBENCH = (PYTHON, "-m", "harness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What one process took, from its start to its end."""

    wall_s: float
    cpu_s: float
    """User and system time of the process, its threads and the children that it waited for."""
    peak_mib: float
    """The largest resident set, of the kernel's own count; or of it and its children together, shared pages once."""
    output: str


def measured(command: Sequence[str | Path], cwd: Path | None = None, accepted: Sequence[int] = (0,)) -> Process:
    """Runs a command to its end; ``accepted`` are the exit codes of a command that did its work.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        [str(part) for part in command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        over, together = threading.Event(), [0.0]
        watcher = threading.Thread(target=_watch, args=(process.pid, over, together))
        watcher.start()
        output = process.stdout.read()
        over.set()
        watcher.join()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode not in accepted:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}: {output[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    peak = max(used.ru_maxrss * unit / 2**20, together[0])
    return Process(wall_s=wall, cpu_s=used.ru_utime + used.ru_stime, peak_mib=peak, output=output)


def _watch(process: int, over: threading.Event, together: list[float]) -> None:
    """Keeps the most that a process and its children take together, where it has any."""
    while not over.wait(LOOK_EVERY_S):
        family = [process]
        for one in family:  # it grows meanwhile
            family += _children(one)
        if len(family) > 1:
            together[0] = max(together[0], sum(map(_share_mib, family)))


def _children(process: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:  # it has ended, or this is no Linux
        return []


def _share_mib(process: int) -> float:
    """What it holds in memory, of pages that others hold too its share."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024
    return 0.0


def machine() -> str:
    """Cores that this process may use, system, Python."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} cores ({platform.machine()}), {platform.system()}, Python {platform.python_version()}"


def busy() -> str:
    """How busy the machine is, so that a reader knows what a wall time is worth."""
    return f"load average {os.getloadavg()[0]:.1f}"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, and the smallest and largest of several."""
    middle = f"{statistics.median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
