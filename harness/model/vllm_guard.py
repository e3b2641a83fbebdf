"""Ends an engine's processes where nobody else does: those of vLLM do not notice that who started them was killed."""

import contextlib
import os
import subprocess
import sys
import uuid

MARK = "OWNBENCH_ENGINE"  # the environment variable by which an engine's processes are known
_WATCH = """
import os, select, signal, sys
parent, mark = int(sys.argv[1]), sys.argv[2].encode()
while os.getppid() == parent and not select.select([0], [], [], 1)[0]:  # until it closes the pipe, or dies
    pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            if mark in file.read():
                os.kill(int(pid), signal.SIGKILL)
    except OSError:
        pass
"""


class Guard:
    """A small process that waits for this one to call `end`, or to die."""

    def __init__(self) -> None:
        """Starts to wait; the engine's processes have to inherit `mark` as the variable `MARK`."""
        self.mark = uuid.uuid4().hex
        command = [sys.executable, "-I", "-S", "-c", _WATCH, str(os.getpid()), f"{MARK}={self.mark}"]
        quiet = subprocess.DEVNULL
        self._watcher = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
        )

    def end(self) -> None:
        """Ends the engine's processes that are still there, and the guard itself."""
        with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
            self._watcher.communicate(timeout=10)
