"""Room for as many connections as calls at once: a process may hold only so many files open."""

from pathlib import Path

from harness.core import UserFileError

OTHERS = 128
"""Files that a run holds besides its connections, amply."""


def make_room(calls: int, models: int, path: Path) -> None:
    """Raises this process's own limit as far as it may, so that each model can keep a connection for each call.

    Raises:
        UserFileError: not even one model can; names the limit. A call with none would look like an error.
    """
    try:
        import resource
    except ImportError:  # not on this system
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = calls * models + OTHERS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # the system's own limit lies below what it says
        most = soft
    if most < calls + OTHERS:
        problem = f"{calls:,} calls at once need as many open files, and this process may open {most:,}"
        advice = f"lower it to {max(1, most - OTHERS):,}, or raise the limit (ulimit -n)"
        raise UserFileError(path, problem, field="limits.concurrency", advice=advice)
