"""What became of several reports over time: their runs, locked baselines and verdicts, from their stored files alone.

Nothing here judges anew. A broken file is a row that says so, and no error.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.core import Decision, EvidenceError, Manifest, OwnbenchError, Redactor
from harness.report.text import listed, plural, visible
from harness.store import read_manifest, read_outcomes
from harness.verdict import EXIT_CODES, Change, Lock, Reason, Side, changes, load_side, moved, read_lock

VERDICT, LOCK, MANIFEST, OUTCOMES = "verdict.json", "baseline.json", "manifest.json", "outcomes.parquet"
MOST_ROWS = 100_000
"""Outcomes up to which a lock is held against the rows: each of them is digested."""

_DECISIONS = tuple(decision.value for decision in EXIT_CODES)
_REDACT = Redactor()
_LONGEST = 2_000
_BROKEN = (OwnbenchError, OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError,
           NotImplementedError, ArithmeticError)  # fmt: skip
"""What reading a file of anybody's making can end with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCounts:
    """A contender's outcomes by status, every row of every split."""

    contender: str
    passed: int
    failed: int
    ungraded: int
    errored: int
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerdict:
    """What ``verdict.json`` holds. ``None`` is what it does not say."""

    decision: str
    sentence: str
    baseline: str
    candidate: str
    baseline_report: str
    candidate_report: str
    margin: float | None
    delta: float | None
    """Candidate less baseline, as a share."""
    low: float | None
    high: float | None
    level: float | None
    n_tasks: int | None
    tasks_needed: int | None
    reasons: tuple[Reason, ...]
    changed: tuple[Change, ...]
    written_at: datetime
    """The time of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBaseline:
    """What ``baseline.json`` holds, and whether it still stands."""

    contender: str
    locked: tuple[str, ...]
    """Every contender whose rows were locked."""
    stands: bool | None
    """``None`` where it was not looked at."""
    why: str
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One report. All texts are visible and without keys."""

    folder: Path
    name: str
    when: datetime | None
    """When its manifest was made, or else the time of its newest file; ``None`` where there is nothing."""
    when_from: str
    """``manifest`` or ``file``."""
    run: str
    """How far its run has come, in words."""
    complete: bool | None
    planned: int | None
    done: int | None
    counts: tuple[StatusCounts, ...]
    verdict: StoredVerdict | None
    baseline: StoredBaseline | None
    broken: tuple[str, ...]
    """What could not be read, a sentence a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Reports in the order of their making, those of unknown time last."""

    entries: tuple[HistoryEntry, ...]

    @property
    def verdicts(self) -> tuple[HistoryEntry, ...]:
        """The entries that hold a verdict, in the order in which the verdicts were written."""
        found = [(entry.verdict.written_at, entry) for entry in self.entries if entry.verdict is not None]
        return tuple(entry for _, entry in sorted(found, key=lambda pair: pair[0]))


def history(folders: Sequence[Path], *, check_locks: bool = True) -> History:
    """What stands in these reports' folders.

    Args:
        folders: of reports, or of verdicts that were written apart; one that is missing is an entry that says so.
        check_locks: hold each locked baseline against the rows it locked, where they are no more than `MOST_ROWS`.
    """
    return in_order([_entry(Path(folder), check_locks=check_locks) for folder in folders])


def in_order(entries: Sequence[HistoryEntry]) -> History:
    """Entries that were read one by one, in the order of the reports' making."""
    last = datetime.max.replace(tzinfo=UTC)
    return History(entries=tuple(sorted(entries, key=lambda entry: entry.when or last)))


def changed_between(report_a: Path, contender_a: str, report_b: Path, contender_b: str) -> tuple[Change, ...]:
    """What differs between two contenders, from their reports' manifests; of each change ``a`` is the baseline.

    Raises:
        UsageError: no such report or contender.
        EvidenceError: a report has no outcomes, or its files are broken.
    """
    first = load_side(report_a)
    second = first if report_a.resolve() == report_b.resolve() else load_side(report_b)
    return changed_of(
        *(
            Side(table=table, manifest=manifest, contender=name)
            for (table, manifest), name in ((first, contender_a), (second, contender_b))
        )
    )


def changed_of(a: Side, b: Side) -> tuple[Change, ...]:
    """The same of two sides that are loaded; errors as `changed_between`."""
    for side in (a, b):
        side.table.index(side.contender)
    try:
        found = changes(a, b)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        paths = dict.fromkeys(str(side.table.report / MANIFEST) for side in (a, b))
        raise EvidenceError(f"{', '.join(paths)}: not as ownbench writes them: {error!r}") from None
    return tuple(_change(one) for one in found)


def stored_verdict(folder: Path) -> StoredVerdict | None:
    """The verdict in a folder, ``None`` where there is none.

    Raises:
        EvidenceError: the file is no verdict.
    """
    path = folder / VERDICT
    try:
        written = _time_of(path)
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise EvidenceError(f"{path}: not a readable verdict: {error}; ownbench gate writes it anew") from None
    decision = value.get("decision") if isinstance(value, Mapping) else None
    if decision not in _DECISIONS:
        raise EvidenceError(
            f"{path}: not a verdict: no decision of {', '.join(_DECISIONS)}; ownbench gate writes it anew"
        )
    compared, policy = _mapping(value.get("comparison")), _mapping(value.get("policy"))
    changed = [
        Change(what=_text(one.get("what")), baseline=_some(one.get("baseline")), candidate=_some(one.get("candidate")))
        for one in _mappings(value.get("changed"))
    ]
    reasons = [
        Reason(
            rule=_text(one.get("rule")),
            holds=one.get("holds") if isinstance(one.get("holds"), bool) else None,
            text=_text(one.get("text")),
        )
        for one in _mappings(value.get("reasons"))
    ]
    names = ("sentence", "baseline", "candidate", "baseline_report", "candidate_report")
    return StoredVerdict(
        decision=Decision(decision).value,
        **{name: _text(value.get(name)) for name in names},
        margin=_number(policy.get("margin")),
        delta=_number(compared.get("delta")),
        low=_number(compared.get("low")),
        high=_number(compared.get("high")),
        level=_number(compared.get("level")),
        n_tasks=_count(compared.get("n_tasks")),
        tasks_needed=_count(value.get("tasks_needed")),
        reasons=tuple(reasons),
        changed=tuple(changed),
        written_at=written,
    )


# ------------------------------------------------------------------------------------------------------- one report


def _entry(folder: Path, *, check_locks: bool) -> HistoryEntry:
    if not folder.is_dir():
        return _absent(folder)
    broken: list[str] = []
    manifest: Manifest | None = _kept(broken, folder / MANIFEST, lambda: read_manifest(folder))
    counts: tuple[StatusCounts, ...] = ()
    if (folder / OUTCOMES).is_file():
        counts = _kept(broken, folder / OUTCOMES, lambda: _counts(folder)) or ()
    verdict: StoredVerdict | None = _kept(broken, folder / VERDICT, lambda: stored_verdict(folder))
    baseline: StoredBaseline | None = _kept(
        broken, folder / LOCK, lambda: _baseline(folder, counts, check_locks=check_locks)
    )
    when, source = _when(folder, manifest, broken)
    complete = None if manifest is None else manifest.complete is True and not sum(one.skipped for one in counts)
    return HistoryEntry(
        folder=folder,
        name=_text(folder.resolve().name),
        when=when,
        when_from=source,
        run=_run(folder, manifest, counts, complete=complete),
        complete=complete,
        planned=None if manifest is None else _count(manifest.planned),
        done=None if manifest is None else _count(manifest.done),
        counts=counts,
        verdict=verdict,
        baseline=baseline,
        broken=tuple(_text(text) for text in broken),
    )


def _absent(folder: Path) -> HistoryEntry:
    what = "is a file, a report is a folder" if folder.exists() else "there is no such report"
    return HistoryEntry(
        folder=folder,
        name=_text(folder.name),
        when=None,
        when_from="file",
        run="no outcomes",
        complete=None,
        planned=None,
        done=None,
        counts=(),
        verdict=None,
        baseline=None,
        broken=(_text(f"{folder}: {what}"),),
    )


def _kept(broken: list[str], path: Path, read: Any) -> Any:
    """What was read, or ``None`` and a sentence more."""
    try:
        return read()
    except _BROKEN as error:
        said = str(error) if isinstance(error, OwnbenchError) else f"{path}: cannot be read: {error!r}"
        broken.append(said.splitlines()[0] if said else f"{path}: cannot be read")
        return None


def _counts(folder: Path) -> tuple[StatusCounts, ...]:
    table = read_outcomes(folder, ["contender", "status"])
    found: dict[str, dict[str, int]] = {}
    for row in table.group_by(["contender", "status"], use_threads=False).aggregate([([], "count_all")]).to_pylist():
        found.setdefault(str(row["contender"]), {})[str(row["status"])] = row["count_all"]
    words = ("passed", "failed", "ungraded", "errored", "skipped")
    unknown = sorted({word for by_status in found.values() for word in by_status} - set(words))
    if unknown:
        raise EvidenceError(f"{folder / OUTCOMES}: the status {unknown[0]!r} is unknown")
    return tuple(
        StatusCounts(contender=_text(name), **{word: by_status.get(word, 0) for word in words})
        for name, by_status in found.items()
    )


def _baseline(folder: Path, counts: Sequence[StatusCounts], *, check_locks: bool) -> StoredBaseline | None:
    lock = read_lock(folder)
    if lock is None:
        return None
    if not isinstance(lock.contender, str) or not all(isinstance(m, Mapping) for m in (lock.rows, lock.made_of)):
        raise EvidenceError(f"{folder / LOCK}: not a lock; restore it, or lock anew: ownbench baseline set")
    stands, why = _stands(folder, lock, counts) if check_locks else (None, "not looked at here; ownbench gate does")
    return StoredBaseline(
        contender=_text(lock.contender),
        locked=tuple(_text(name) for name in lock.rows),
        stands=stands,
        why=_text(why),
        written_at=_time_of(folder / LOCK),
    )


def _stands(folder: Path, lock: Lock, counts: Sequence[StatusCounts]) -> tuple[bool | None, str]:
    rows = sum(one.passed + one.failed + one.ungraded + one.errored + one.skipped for one in counts)
    if rows > MOST_ROWS:
        return None, f"not looked at here, for its {rows:,} outcomes; ownbench gate does"
    try:
        table, _ = load_side(folder)
        gone = moved(folder, table, lock, lock.contender)
    except _BROKEN as error:
        return False, f"what was locked cannot be read: {error}"
    return (False, f"changed since it was locked: {listed(gone)}") if gone else (True, "as it was locked")


def _when(folder: Path, manifest: Manifest | None, broken: list[str]) -> tuple[datetime | None, str]:
    if manifest is not None:
        try:
            made = datetime.fromisoformat(manifest.created_at)
        except (ValueError, TypeError):
            broken.append(f"{folder / MANIFEST}: created_at is no time: {str(manifest.created_at)[:40]!r}")
        else:
            return made if made.tzinfo else made.replace(tzinfo=UTC), "manifest"
    times = [_time_of(path) for name in (OUTCOMES, VERDICT, LOCK, MANIFEST) if (path := folder / name).is_file()]
    return max(times, default=None), "file"


def _time_of(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _run(folder: Path, manifest: Manifest | None, counts: Sequence[StatusCounts], *, complete: bool | None) -> str:
    if not (folder / OUTCOMES).is_file():
        stopped = folder.is_dir() and any(folder.glob("attempts*.jsonl"))
        return "stopped before its tables were written" if stopped else "no outcomes"
    if manifest is None:
        return "no manifest"
    if complete:
        return "done"
    done, planned = _count(manifest.done), _count(manifest.planned)
    of = f": {done:,} of {plural(planned, 'attempt')}" if done is not None and planned else ""
    because = f" ({_text(manifest.stopped_because)})" if manifest.stopped_because else ""
    skipped = sum(one.skipped for one in counts)
    return f"not done{because}{of}" if of or not skipped else f"not done{because}: {skipped:,} never tried"


# ------------------------------------------------------------------------------------------- values of anybody's JSON


def _text(value: Any) -> str:
    """A text as it may be shown; empty where it is none."""
    return visible(_REDACT(value[: 2 * _LONGEST]), _LONGEST) if isinstance(value, str) else ""


def _some(value: Any) -> str | None:
    return _text(value) if isinstance(value, str) else None


def _change(change: Change) -> Change:
    return replace(change, what=_text(change.what), baseline=_some(change.baseline), candidate=_some(change.candidate))


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


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
