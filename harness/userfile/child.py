"""Runs what may never end, or fill the memory, in a child process that can be killed.

Regular expressions, JSON schemas and templates can take for ever, and hold the interpreter's lock. A child serves one
job after another, at a tenth of a millisecond each; there are as many as threads that ask, so that none waits.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

SECONDS = 5.0  # wall time of one job. Generous, so that a busy machine does not change a grade.
START_SECONDS = 60.0
_WORKER = Path(__file__).with_name("child_worker.py")
_FREE: dict[int, list[subprocess.Popen[str]]] = {}  # by our own process id: a fork must not share its parent's pipe


class TookTooLongError(Exception):
    """The job was stopped."""


def watched(job: str, at_most_s: float | None = None, /, **arguments: Any) -> dict[str, Any]:
    """The result of a job of ``child_worker``, from any thread. Raises TookTooLongError, RuntimeError: it failed."""
    seconds = at_most_s or SECONDS
    child = _free_child()
    result = _exchange(child, json.dumps({"job": job, "seconds": seconds, **arguments}), seconds)
    _FREE.setdefault(os.getpid(), []).append(child)
    if "error" in result:
        raise RuntimeError(result["error"])
    return result


def _free_child() -> subprocess.Popen[str]:
    """A child that has nothing to do, which is nobody else's until it is given back."""
    with contextlib.suppress(IndexError):
        while True:
            child = _FREE.setdefault(os.getpid(), []).pop()  # of one step: no lock is needed between threads
            if child.poll() is None:
                return child
            _close(child)
    child = subprocess.Popen(
        # -P keeps this package's folder off the child's path; a session of its own keeps Ctrl-C from it
        [sys.executable, "-P", str(_WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="ascii",
        start_new_session=True,
    )
    _exchange(child, None, START_SECONDS)
    return child


def _exchange(child: subprocess.Popen[str], line: str | None, seconds: float) -> dict[str, Any]:
    """Sends a line and takes the answer; the timer's kill closes the pipe and so ends the wait."""
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the child has no pipes")
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        child.kill()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    answer = ""
    try:
        with contextlib.suppress(OSError):
            if line is not None:
                child.stdin.write(line + "\n")
                child.stdin.flush()
            answer = child.stdout.readline()
    except BaseException:  # an answer that nobody waits for would be the next job's
        _close(child)
        raise
    finally:
        timer.cancel()
    if answer.endswith("\n") and not stopped.is_set():
        return dict(json.loads(answer))
    _close(child)
    if stopped.is_set():
        raise TookTooLongError(f"took longer than {seconds:g} s")
    raise RuntimeError("the process for patterns and schemas ended unexpectedly")


def _close(child: subprocess.Popen[str]) -> None:
    child.kill()
    for pipe in filter(None, (child.stdin, child.stdout)):
        with contextlib.suppress(OSError):
            pipe.close()
    child.wait()


@atexit.register
def _close_own() -> None:
    for child in _FREE.pop(os.getpid(), []):
        _close(child)
