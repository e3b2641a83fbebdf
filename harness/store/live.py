"""Whether a run is at work on a report: the lock on its journal says so, and goes with its process."""

import fcntl
import os
from pathlib import Path

LOCK = ".lock"


def running_process(report: Path) -> str | None:
    """The number of the process whose run is writing in a report now.

    Returns:
        ``None`` where no run is at work, whatever an earlier one left behind; ``unknown`` where it has no number.
    """
    for path in sorted(report.glob(f"{LOCK}*")):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # it has just ended, or may not be looked at
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back with the handle, at once
        except BlockingIOError:
            return os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
        except OSError:
            continue  # a place without locks: nothing can be said
        finally:
            os.close(handle)
    return None
