"""What became of several reports over time: their runs, locked baselines and verdicts, from their stored files alone.

A broken file is a row that says so, and no error. Texts come back visible and without keys, whatever files hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from harness.analysis import Change, Side, changes, load_evidence
from harness.core import EvidenceError, Manifest, OwnbenchError, Status, as_json, listed, plural
from harness.store import PARTLY, count_results, load_settings, read_manifest, read_outcomes, running_process
from harness.verdict.baseline import FILE as LOCK
from harness.verdict.baseline import changed_since_lock, read_lock
from harness.verdict.gating import VERDICT
from harness.verdict.stored_verdicts import (
    BROKEN,
    StoredVerdict,
    begun_last,
    by_age,
    change_of,
    kept_verdicts,
    moment_of,
    time_of,
    told,
    whole_number,
)
from harness.verdict.verdict_log import LOG

MANIFEST, OUTCOMES, EXPERIMENT = "manifest.json", "outcomes.parquet", "experiment.yaml"
TABLES = ("calls.parquet", "transcripts.parquet")
MOST_ROWS = 100_000  # outcomes up to which a lock is held against the rows: each of them is digested


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
    when: datetime | None  # when its manifest was made, or else the time of its newest file; ``None`` without files
    when_from: str  # ``manifest`` or ``file``
    run: str  # how far its run has come, in a word or two
    run_note: str  # what is behind that, and what to do; empty where nothing is to be said
    complete: bool | None  # ``False``: something is missing or broken; ``None``: not known, not begun or under way
    planned: int | None
    done: int | None
    counts: tuple[StatusCounts, ...]
    seeds: Mapping[str, tuple[str, ...]]  # of each contender with several training seeds what these are called in it
    parts: tuple[tuple[str, int], ...]  # how many of the attempts are of which part of the suites, where they name any
    verdict: StoredVerdict | None  # the latest
    earlier: tuple[StoredVerdict, ...]  # those before it, oldest first
    baseline: StoredBaseline | None
    broken: tuple[str, ...]  # what could not be read, a sentence a file

    @property
    def contenders(self) -> tuple[str, ...]:
        """Those that have attempts; training seeds of one are that one."""
        whole = {seed: name for name, group in self.seeds.items() for seed in group}
        return tuple(dict.fromkeys(whole.get(one.contender, one.contender) for one in self.counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Reports in the order of their making, those of unknown time last."""

    entries: tuple[HistoryEntry, ...]

    @property
    def verdicts(self) -> tuple[HistoryEntry, ...]:
        """An entry for each verdict that was given, as if it were its report's only one, oldest first."""
        given = ((entry, verdict) for entry in self.entries for verdict in (*entry.earlier, entry.verdict) if verdict)
        found = [(verdict.written_at, replace(entry, verdict=verdict, earlier=())) for entry, verdict in given]
        return tuple(entry for _, entry in sorted(found, key=lambda pair: pair[0]))


def in_order(entries: Sequence[HistoryEntry]) -> History:
    """Entries that were read one by one, in the order of the reports' making."""
    return History(entries=tuple(sorted(entries, key=lambda entry: entry.when or datetime.max.replace(tzinfo=UTC))))


def changed_of(a: Side, b: Side) -> tuple[Change, ...]:
    """What the manifests say differs between two contenders, ``a`` the baseline; UsageError: no such contender."""
    for side in (a, b):
        side.table.index(side.contender)
    return tuple(change_of(as_json(one)) for one in changes(a, b))


def entry_of(folder: Path) -> HistoryEntry:
    """What a report's files say; its lock is held against the rows, up to `MOST_ROWS`."""
    import pyarrow.parquet as pq

    broken: list[str] = []
    if not folder.is_dir():
        what = "is a file, a report is a folder" if folder.exists() else "there is no such report"
        broken.append(f"{folder}: {what}")

    def kept(name: str, read: Callable[[], Any]) -> Any:
        """What was read, or ``None`` and a sentence more."""
        try:
            return read()
        except BROKEN as error:
            path = folder / name
            said = str(error) if isinstance(error, OwnbenchError) else f"{path}: cannot be read: {error!r}"
            broken.append(said.splitlines()[0] if said else f"{path}: cannot be read")
            return None

    manifest: Manifest | None = kept(MANIFEST, lambda: read_manifest(folder))
    read: dict[str, Callable[[], Any]] = {OUTCOMES: lambda: _counted(folder)}
    read |= {name: partial(pq.read_schema, folder / name) for name in TABLES}  # the first that a cut-off table lacks
    read[EXPERIMENT] = lambda: load_settings(folder)
    found = {name: kept(name, reads) for name, reads in read.items() if (folder / name).is_file()}
    counts, parts, begun = found.get(OUTCOMES) or ((), (), None)
    run, note, complete = _run(folder, manifest, counts, broken)
    verdicts, problems = kept_verdicts(folder) if folder.is_dir() else ((), ())
    broken += problems
    verdicts = by_age(verdicts, begun, complete=complete is True)
    baseline: StoredBaseline | None = kept(LOCK, lambda: _baseline(folder, counts))
    when, source = _when(folder, manifest, broken)
    return HistoryEntry(
        folder=folder,
        name=told(folder.resolve().name),
        when=when,
        when_from=source,
        run=run,
        run_note=told(note),
        complete=complete,
        planned=None if manifest is None else whole_number(manifest.planned),
        done=None if manifest is None else whole_number(manifest.done),
        counts=counts,
        seeds={told(name): tuple(map(told, group)) for name, group in (manifest.seeds if manifest else {}).items()},
        parts=parts,
        verdict=verdicts[-1] if verdicts else None,
        earlier=verdicts[:-1],
        baseline=baseline,
        broken=tuple(map(told, broken)),
    )


def under_way(entry: HistoryEntry) -> HistoryEntry:
    """The entry as it is while a run is at work on its report; as it was given where none is."""
    process = running_process(entry.folder) if entry.folder.is_dir() else None
    if process is None:
        return entry
    results = "what is shown is from before it" if entry.counts else "its results are there when it ends"
    return replace(entry, run="running now", run_note=f"process {process}; {results}", complete=None)


def _counted(folder: Path) -> tuple[tuple[StatusCounts, ...], tuple[tuple[str, int], ...], datetime | None]:
    """Attempts by what became of them; by part, ``test`` before ``dev`` before any other; when the last was begun."""
    counts = tuple(
        StatusCounts(contender=told(name), partly=found[PARTLY], **{one.value: found[one] for one in Status})
        for name, found in count_results(folder).items()
    )
    splits = read_outcomes(folder, ["split"])["split"].value_counts().to_pylist()
    parts = [(told(one["values"]), one["counts"]) for one in splits if one["values"]]
    return (
        counts,
        tuple(sorted(parts, key=lambda one: ({"test": 0, "dev": 1}.get(one[0], 2), one[0]))),
        begun_last(folder),
    )


def _baseline(folder: Path, counts: Sequence[StatusCounts]) -> StoredBaseline | None:
    lock = read_lock(folder)
    if lock is None:
        return None
    if not isinstance(lock.contender, str) or not all(isinstance(m, Mapping) for m in (lock.rows, lock.made_of)):
        raise EvidenceError(f"{folder / LOCK}: not a lock; restore it, or lock again: ownbench baseline set")
    stands, rows = None, sum(one.total for one in counts)
    why = f"not looked at here, for its {rows:,} outcomes; ownbench gate does"
    if rows <= MOST_ROWS:
        try:
            gone = changed_since_lock(folder, load_evidence(folder, apart=True)[0], lock, lock.contender)
            stands, why = not gone, f"changed since it was locked: {listed(gone)}" if gone else "as it was locked"
        except BROKEN as error:
            stands, why = False, f"what was locked cannot be read: {error}"
    anchor = lock.anchor if isinstance(lock.anchor, Mapping) else {}
    why += f"; anchor: {anchor.get('contender')} of {anchor.get('report')}" if anchor else ""
    why += f"; taken by {lock.approval.get('by')}" if isinstance(lock.approval, Mapping) else ""
    name, locked, at = told(lock.contender), tuple(map(told, lock.rows)), time_of(folder / LOCK)
    return StoredBaseline(contender=name, locked=locked, stands=stands, why=told(why), written_at=at)


def _when(folder: Path, manifest: Manifest | None, broken: list[str]) -> tuple[datetime | None, str]:
    if manifest is not None:
        try:
            return moment_of(manifest.created_at), "manifest"
        except (ValueError, TypeError):
            broken.append(f"{folder / MANIFEST}: created_at is no time: {str(manifest.created_at)[:40]!r}")
    files = (folder / name for name in (OUTCOMES, VERDICT, LOG, LOCK, MANIFEST, EXPERIMENT))
    return max((time_of(path) for path in files if path.is_file()), default=None), "file"


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
    if not has_rows:
        if any(folder.glob("attempts*.jsonl")):
            return "stopped", "before its results were written; ownbench run goes on from there", False
        if manifest is not None and (manifest.done or manifest.complete):
            return "broken", f"{OUTCOMES} is missing", False
        what = "ownbench run begins it" if (folder / EXPERIMENT).is_file() else "no results are here"
        return "not begun", what, None
    untried = f"{plural(skipped, 'attempt')} not finished" if skipped else ""
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
    mixed = f"mixed grades: {manifest.mixed_grades}" if manifest.mixed_grades else ""
    return "not done", "; ".join(filter(None, (came, mixed, because))), False
