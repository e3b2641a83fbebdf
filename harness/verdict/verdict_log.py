"""Verdicts as they are kept in a report's folder: the latest in ``verdict.json``, every one in ``verdicts.jsonl``.

Both files may be of anybody's making: whatever they hold, texts come back visible and without keys.
"""

import fcntl
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.analysis import Change
from harness.core import Decision, EvidenceError, Redactor, as_json, visible
from harness.verdict.gating import EXIT_CODES, Gate
from harness.verdict.rules import Reason

VERDICT, LOG = "verdict.json", "verdicts.jsonl"

_DECISIONS = tuple(decision.value for decision in EXIT_CODES)
_REDACT = Redactor()
_LONGEST = 2_000
_REMEDY = "ownbench gate writes it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerdict:
    """A verdict as it was written. ``None`` is what it does not say."""

    decision: str
    sentence: str
    baseline: str
    candidate: str
    baseline_report: str
    candidate_report: str
    margin: float | None
    delta: float | None  # candidate minus baseline, as a share
    low: float | None
    high: float | None
    level: float | None
    n_tasks: int | None
    tasks_needed: int | None
    reasons: tuple[Reason, ...]
    changed: tuple[Change, ...]
    written_at: datetime  # when it was given; of a ``verdict.json`` without its line in the log the time of the file


def log_verdict(view: Gate, folder: Path, at: datetime) -> Path:
    """Adds a verdict to the folder's log, with the time at which it was given; what stands there is not touched.

    The line is on the disk when this returns. Two gates that write at once wait for each other.

    Raises:
        OSError: the file cannot be written; no half of a line is left behind where that can be helped.
    """
    path = folder / LOG
    record = {"judged_at": at.astimezone(UTC).isoformat(), **view.as_json()}
    data = json.dumps(record, allow_nan=False).encode("ascii") + b"\n"
    with path.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        if (
            size and os.pread(file.fileno(), 1, size - 1) != b"\n"
        ):  # a power loss tore the last line: it stays one of its own
            data = b"\n" + data
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file)
        except OSError:
            file.truncate(size)
            raise
    return path


def kept_verdicts(folder: Path) -> tuple[tuple[StoredVerdict, ...], tuple[str, ...]]:
    """Every verdict that a folder keeps, oldest first, and a sentence for each file of them that is broken."""
    found: list[StoredVerdict] = []
    problems: list[str] = []
    records: list[Any] = []
    lines: list[bytes] = []
    torn = 0
    path = folder / LOG
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror or error}")
    for line in filter(None, lines):
        try:
            value = json.loads(line)
            when = datetime.fromisoformat(value.pop("judged_at"))
            found.append(_verdict(value, when if when.tzinfo else when.replace(tzinfo=UTC), path))
            records.append(value)
        except _WRONG:
            torn += line is not lines[-1]  # the last one may be torn, or on its way
    if torn:
        problems.append(f"{path}: {torn} of its lines cannot be read as a verdict; the others are shown")
    path = folder / VERDICT
    try:
        when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        value = json.loads(path.read_text(encoding="utf-8"))
        if value not in records:
            found.append(_verdict(value, when, path))
    except FileNotFoundError:
        pass
    except EvidenceError as error:
        problems.append(str(error))
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{path}: not a readable verdict: {error}; {_REMEDY}")
    return tuple(sorted(found, key=lambda one: one.written_at)), tuple(problems)


_WRONG = (EvidenceError, ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)


def _verdict(value: Any, written: datetime, path: Path) -> StoredVerdict:
    decision = value.get("decision") if isinstance(value, Mapping) else None
    if decision not in _DECISIONS:
        raise EvidenceError(f"{path}: not a verdict: no decision of {', '.join(_DECISIONS)}; {_REMEDY}")
    compared, policy = _mapping(value.get("comparison")), _mapping(value.get("policy"))
    texts = {name: shown(value.get(name)) for name in
             ("sentence", "baseline", "candidate", "baseline_report", "candidate_report")}  # fmt: skip
    numbers = {name: _number(compared.get(name)) for name in ("delta", "low", "high", "level")}
    return StoredVerdict(
        decision=Decision(decision).value,
        **texts,  # type: ignore[arg-type]
        **numbers,  # type: ignore[arg-type]
        margin=_number(policy.get("margin")),
        n_tasks=whole_number(compared.get("n_tasks")),
        tasks_needed=whole_number(value.get("tasks_needed")),
        reasons=tuple(
            Reason(rule=shown(one.get("rule")), holds=_truth(one.get("holds")), text=shown(one.get("text")))
            for one in _mappings(value.get("reasons"))
        ),
        changed=tuple(_change(one) for one in _mappings(value.get("changed"))),
        written_at=written,
    )


def shown(value: Any) -> str:
    """A text as it may be shown; empty where it is none."""
    return visible(_REDACT(value[: 2 * _LONGEST]), _LONGEST) if isinstance(value, str) else ""


def shown_change(change: Change) -> Change:
    """A change as it may be shown."""
    return _change(as_json(change))


def _change(one: Mapping[str, Any]) -> Change:
    said = {name: one.get(name) for name in ("baseline", "candidate")}
    texts = {name: shown(text) if isinstance(text, str) else None for name, text in said.items()}
    lines = one.get("diff")
    diff = tuple(map(shown, lines)) if isinstance(lines, list) else ()
    return Change(what=shown(one.get("what")), diff=diff, **texts)


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def whole_number(value: Any) -> int | None:
    """A count of something; ``None`` where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
