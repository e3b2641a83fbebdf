"""``verdicts.jsonl``: every verdict on a report and every one against it, a line each, with its time."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOG = "verdicts.jsonl"
KEPT = "kept"  # the key of a line about the line: for which side, and where from here the two reports lie
AGAINST = "baseline"  # kept for the report that was the baseline, or for one that it was a baseline of


def log_verdict(
    record: Mapping[str, Any], folder: Path, at: datetime, reports: tuple[Path, Path] | None = None
) -> tuple[Path, ...]:
    """Adds a verdict to the logs of a folder and of both reports, baseline and candidate; those written come back.

    The log of a report that may not be written is passed over. Lines are on the disk when this returns.
    """
    line = {"judged_at": at.astimezone(UTC).isoformat(), **record}
    baseline, candidate = reports or (folder, folder)
    places = {one.resolve(): one for one in (baseline, candidate, folder) if one == folder or os.access(one, os.W_OK)}
    on_it, written = {candidate.resolve(), folder.resolve()}, []
    for where, place in places.items():
        told = {"for": "candidate" if where in on_it else AGAINST}
        if reports is not None:
            told |= {"baseline": os.path.relpath(baseline, place), "candidate": os.path.relpath(candidate, place)}
        written.append(_append(place / LOG, [line | {KEPT: told}]))
    return tuple(written)


def logged(folder: Path) -> list[dict[str, Any]]:
    """Every line of a folder's log that can be read, oldest first."""
    return read_log(folder)[0]


def read_log(folder: Path) -> tuple[list[dict[str, Any]], str]:
    """Every line of a folder's log that can be read, oldest first; and what of it cannot, but a torn last line."""
    try:
        lines = (folder / LOG).read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], ""
    except OSError as error:
        return [], f"{LOG} cannot be read ({error.strerror or error})"
    read = {number: _line(line) for number, line in enumerate(lines, 1) if line}
    broken = [number for number, one in read.items() if one is None and number < len(lines)]
    more = f" and {len(broken) - 1:,} more" if len(broken) > 1 else ""
    damage = f"{LOG}, line {broken[0]}{more}, cannot be read" if broken else ""
    return [one for one in read.values() if one is not None], damage


def _line(line: bytes) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError):
        return one if isinstance(one := json.loads(line), dict) else None
    return None


def carry_over(earlier: Path, report: Path) -> None:
    """Adds to a report's log what the log of an earlier baseline holds, once."""
    here = {_identity(one) for one in logged(report)}
    fresh = [one for one in logged(earlier) if _identity(one) not in here]
    _append(report / LOG, [one | {KEPT: {"for": AGAINST}} for one in fresh])


def approve(report: Path, line: Mapping[str, Any], by: str, reason: str, at: datetime) -> dict[str, str]:
    """Adds the verdict once more, with who approved what it did not let through."""
    approval = {"by": by, "reason": reason, "at": at.astimezone(UTC).isoformat(timespec="seconds")}
    _append(report / LOG, [{**line, "approval": approval}])
    return approval | {"decision": str(line.get("decision"))}


@contextmanager
def one_at_a_time(report: Path) -> Iterator[None]:
    """What is done inside waits for whoever does the same with this report: two gates never count the same try."""
    handle = None
    with suppress(OSError):  # a folder that is not there is told of by whoever reads it
        handle = os.open(report, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _identity(line: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in line.items() if key != KEPT}, sort_keys=True)


def _append(path: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """Two that write at once wait for each other. After an OSError no half of a line is left behind, if possible."""
    data = b"".join(json.dumps(line, allow_nan=False).encode("ascii") + b"\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        if data and size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            last = os.pread(file.fileno(), size, 0).rpartition(b"\n")[2]
            if _line(last) is None:  # a power loss tore it, before its verdict was told: it must not look like damage
                size -= len(last)
                file.truncate(size)
            else:
                data = b"\n" + data
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file)
        except OSError:
            file.truncate(size)
            raise
    return path
