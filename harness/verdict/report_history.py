"""What became of several reports over time: their runs, locked baselines and verdicts, from their stored files alone.

Nothing here judges anew. A broken file is a row that says so, and no error.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from harness.analysis import Change, Side, changes, load_evidence
from harness.core import EvidenceError, Manifest, OwnbenchError, Status, listed, plural
from harness.store import (
    PARTLY,
    count_results,
    load_settings,
    read_manifest,
    read_outcomes,
    running_process,
)
from harness.verdict.baseline import Lock, changed_since_lock, read_lock
from harness.verdict.verdict_log import LOG, VERDICT, StoredVerdict, kept_verdicts, shown, shown_change, whole_number

LOCK, MANIFEST, OUTCOMES, EXPERIMENT = "baseline.json", "manifest.json", "outcomes.parquet", "experiment.yaml"
TABLES = ("calls.parquet", "transcripts.parquet")
MOST_ROWS = 100_000  # outcomes up to which a lock is held against the rows: each of them is digested

_BROKEN = (OwnbenchError, OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError,
           NotImplementedError, ArithmeticError)  # fmt: skip
"""What reading a file of anybody's making can end with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCounts:
    """A contender's attempts by what became of them: every row of every part of the suites, each in one number."""

    contender: str
    passed: int
    partly: int  # passed in part: a rate counts each with its score, which is neither 0 nor 1
    failed: int
    ungraded: int
    errored: int
    skipped: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.passed + self.partly + self.failed + self.ungraded + self.errored + self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBaseline:
    """What ``baseline.json`` holds, and whether it still stands."""

    contender: str
    locked: tuple[str, ...]  # every contender whose rows were locked
    stands: bool | None  # ``None`` where it was not looked at
    why: str
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One report. All texts are visible and without keys."""

    folder: Path
    name: str
    when: datetime | None
    """When its manifest was made, or else the time of its newest file; ``None`` where there is nothing."""
    when_from: str  # ``manifest`` or ``file``
    run: str  # how far its run has come, in a word or two
    run_note: str  # what is behind that, and what to do; empty where nothing is to be said
    complete: bool | None
    """``False`` where something is missing or broken; ``None`` where it is not known, not begun or under way."""
    planned: int | None
    done: int | None
    counts: tuple[StatusCounts, ...]
    parts: tuple[tuple[str, int], ...]  # how many of the attempts are of which part of the suites, where they name any
    verdict: StoredVerdict | None  # the latest
    earlier: tuple[StoredVerdict, ...]  # those before it, oldest first
    baseline: StoredBaseline | None
    broken: tuple[str, ...]  # what could not be read, a sentence a file


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Reports in the order of their making, those of unknown time last."""

    entries: tuple[HistoryEntry, ...]

    @property
    def verdicts(self) -> tuple[HistoryEntry, ...]:
        """An entry for each verdict that was given, as if it were its report's only one, oldest first."""
        found = [
            (verdict.written_at, replace(entry, verdict=verdict, earlier=()))
            for entry in self.entries
            for verdict in (*entry.earlier, entry.verdict)
            if verdict is not None
        ]
        return tuple(entry for _, entry in sorted(found, key=lambda pair: pair[0]))


def history(folders: Sequence[Path], *, check_locks: bool = True) -> History:
    """What stands in folders of reports, or of verdicts that were written apart; a missing one is an entry too.

    With ``check_locks`` each locked baseline is held against the rows it locked, up to `MOST_ROWS` of them.
    """
    return in_order([under_way(entry_of(Path(folder), check_locks=check_locks)) for folder in folders])


def in_order(entries: Sequence[HistoryEntry]) -> History:
    """Entries that were read one by one, in the order of the reports' making."""
    last = datetime.max.replace(tzinfo=UTC)
    return History(entries=tuple(sorted(entries, key=lambda entry: entry.when or last)))


def changed_of(a: Side, b: Side) -> tuple[Change, ...]:
    """What differs between two contenders, from their reports' manifests; of each change ``a`` is the baseline.

    Raises:
        UsageError: no such contender.
    """
    for side in (a, b):
        side.table.index(side.contender)
    return tuple(shown_change(one) for one in changes(a, b))


def entry_of(folder: Path, *, check_locks: bool = True) -> HistoryEntry:
    """What a report's files say, whether a run is at work on them or not."""
    import pyarrow.parquet as pq

    broken: list[str] = []
    if not folder.is_dir():
        what = "is a file, a report is a folder" if folder.exists() else "there is no such report"
        broken.append(f"{folder}: {what}")
    manifest: Manifest | None = _kept(broken, folder / MANIFEST, lambda: read_manifest(folder))
    read: dict[str, Callable[[], Any]] = {OUTCOMES: lambda: (_counts(folder), _parts(folder))}
    read |= {name: partial(pq.read_schema, folder / name) for name in TABLES}  # the first that a cut-off table lacks
    read[EXPERIMENT] = lambda: load_settings(folder)
    found = {name: _kept(broken, folder / name, reads) for name, reads in read.items() if (folder / name).is_file()}
    counts, parts = found.get(OUTCOMES) or ((), ())
    run, note, complete = _run(folder, manifest, counts, broken)
    verdicts, problems = kept_verdicts(folder) if folder.is_dir() else ((), ())
    broken += problems
    baseline: StoredBaseline | None = _kept(
        broken, folder / LOCK, lambda: _baseline(folder, counts, check_locks=check_locks)
    )
    when, source = _when(folder, manifest, broken)
    return HistoryEntry(
        folder=folder,
        name=shown(folder.resolve().name),
        when=when,
        when_from=source,
        run=run,
        run_note=shown(note),
        complete=complete,
        planned=None if manifest is None else whole_number(manifest.planned),
        done=None if manifest is None else whole_number(manifest.done),
        counts=counts,
        parts=parts,
        verdict=verdicts[-1] if verdicts else None,
        earlier=verdicts[:-1],
        baseline=baseline,
        broken=tuple(shown(text) for text in broken),
    )


def under_way(entry: HistoryEntry) -> HistoryEntry:
    """The entry as it is while a run is at work on its report; as it was given where none is."""
    process = running_process(entry.folder) if entry.folder.is_dir() else None
    if process is None:
        return entry
    note = f"process {process}; " + (
        "what is shown is from before it" if entry.counts else "its results are there when it ends"
    )
    return replace(entry, run="running now", run_note=note, complete=None)


def _kept(broken: list[str], path: Path, read: Any) -> Any:
    """What was read, or ``None`` and a sentence more."""
    try:
        return read()
    except _BROKEN as error:
        said = str(error) if isinstance(error, OwnbenchError) else f"{path}: cannot be read: {error!r}"
        broken.append(said.splitlines()[0] if said else f"{path}: cannot be read")
        return None


def _counts(folder: Path) -> tuple[StatusCounts, ...]:
    return tuple(
        StatusCounts(contender=shown(name), partly=found[PARTLY], **{one.value: found[one] for one in Status})
        for name, found in count_results(folder).items()
    )


def _parts(folder: Path) -> tuple[tuple[str, int], ...]:
    """``test`` before ``dev`` before whatever else there is."""
    found = read_outcomes(folder, ["split"])["split"].value_counts().to_pylist()
    named = [(shown(one["values"]), one["counts"]) for one in found if one["values"]]
    return tuple(sorted(named, key=lambda one: ({"test": 0, "dev": 1}.get(one[0], 2), one[0])))


def _baseline(folder: Path, counts: Sequence[StatusCounts], *, check_locks: bool) -> StoredBaseline | None:
    lock = read_lock(folder)
    if lock is None:
        return None
    if not isinstance(lock.contender, str) or not all(isinstance(m, Mapping) for m in (lock.rows, lock.made_of)):
        raise EvidenceError(f"{folder / LOCK}: not a lock; restore it, or lock again: ownbench baseline set")
    stands, why = _stands(folder, lock, counts) if check_locks else (None, "not looked at here; ownbench gate does")
    return StoredBaseline(
        contender=shown(lock.contender),
        locked=tuple(shown(name) for name in lock.rows),
        stands=stands,
        why=shown(why),
        written_at=_time_of(folder / LOCK),
    )


def _stands(folder: Path, lock: Lock, counts: Sequence[StatusCounts]) -> tuple[bool | None, str]:
    rows = sum(one.total for one in counts)
    if rows > MOST_ROWS:
        return None, f"not looked at here, for its {rows:,} outcomes; ownbench gate does"
    try:
        table, _ = load_evidence(folder)
        gone = changed_since_lock(folder, table, lock, lock.contender)
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
    times = [
        _time_of(path)
        for name in (OUTCOMES, VERDICT, LOG, LOCK, MANIFEST, EXPERIMENT)
        if (path := folder / name).is_file()
    ]
    return max(times, default=None), "file"


def _time_of(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _run(
    folder: Path, manifest: Manifest | None, counts: Sequence[StatusCounts], broken: Sequence[str]
) -> tuple[str, str, bool | None]:
    """In a word or two how far the run has come, what is behind it, and whether it is complete."""
    if not folder.is_dir():
        return "not there", "", False
    rows, skipped = (sum(getattr(one, name) for one in counts) for name in ("total", "skipped"))
    has_rows = (folder / OUTCOMES).is_file()
    begun = (OUTCOMES, MANIFEST, *TABLES) if has_rows else (MANIFEST, EXPERIMENT)
    if files := dict.fromkeys(name for name in begun for text in broken if name in text):
        return "broken", f"{listed(list(files))} cannot be read", False
    if not has_rows and any(folder.glob("attempts*.jsonl")):
        return "stopped", "before its results were written; ownbench run goes on from there", False
    if not has_rows and manifest is not None and (manifest.done or manifest.complete):
        return "broken", f"{OUTCOMES} is missing", False
    if not has_rows:
        what = "ownbench run begins it" if (folder / EXPERIMENT).is_file() else "no results are here"
        return "not begun", what, None
    untried = f"{plural(skipped, 'attempt')} never tried" if skipped else ""
    if manifest is None:
        missing = f"{MANIFEST}, which says what was planned, is missing"
        return "not known", "; ".join(filter(None, (untried, missing))), False if skipped else None
    done, planned = whole_number(manifest.done), whole_number(manifest.planned)
    if manifest.complete is True and not skipped:
        if planned and rows < planned:
            return "broken", f"{OUTCOMES} holds {rows:,} of {plural(planned, 'attempt')}", False
        return "done", "", True
    came = f"{done:,} of {plural(planned, 'attempt')} made" if done is not None and planned else untried
    because = f"stopped: {manifest.stopped_because}" if manifest.stopped_because else ""
    return "not done", "; ".join(filter(None, (came, because))), False
