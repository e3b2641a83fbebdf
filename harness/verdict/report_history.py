"""What became of several reports over time: their runs, locked baselines and verdicts, from their stored files alone.

A broken file is a row that says so, and no error. Texts come back visible and without keys, whatever files hold.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from harness.analysis import Change, Side, changes, load_evidence
from harness.core import EvidenceError, Manifest, OwnbenchError, Redactor, Status, as_json, listed, plural, visible
from harness.store import PARTLY, count_results, load_settings, read_manifest, read_outcomes, running_process, unread
from harness.verdict.baseline import FILE as LOCK
from harness.verdict.baseline import changed_since_lock, read_lock
from harness.verdict.gate_evidence import Reason
from harness.verdict.gating import EXIT_CODES, VERDICT
from harness.verdict.verdict_log import AGAINST, KEPT, LOG

MANIFEST, OUTCOMES, EXPERIMENT = "manifest.json", "outcomes.parquet", "experiment.yaml"
TABLES = ("calls.parquet", "transcripts.parquet")
MOST_ROWS = 100_000  # outcomes up to which a lock is held against the rows: each of them is digested

_LONGEST = 2_000  # characters of a text
_REDACT = Redactor()
_UNCHECKED = "not checked: ", "the baseline is not locked;"  # as which, before `checked`, such a rule's text began
_BROKEN = (OwnbenchError, OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError,
           NotImplementedError, ArithmeticError)  # fmt: skip
"""What reading a file of anybody's making can end with."""


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
    approved: str  # who took the candidate in spite of it, and why; empty where nobody did
    written_at: datetime  # when it was given; of a ``verdict.json`` without its line in the log the time of the file


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
    return tuple(_change(as_json(one)) for one in changes(a, b))


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
        except _BROKEN as error:
            path = folder / name
            said = str(error) if isinstance(error, OwnbenchError) else f"{path}: cannot be read: {error!r}"
            broken.append(said.splitlines()[0] if said else f"{path}: cannot be read")
            return None

    manifest: Manifest | None = kept(MANIFEST, lambda: read_manifest(folder))
    read: dict[str, Callable[[], Any]] = {OUTCOMES: lambda: _counted(folder)}
    read |= {name: partial(pq.read_schema, folder / name) for name in TABLES}  # the first that a cut-off table lacks
    read[EXPERIMENT] = lambda: load_settings(folder)
    found = {name: kept(name, reads) for name, reads in read.items() if (folder / name).is_file()}
    counts, parts = found.get(OUTCOMES) or ((), ())
    run, note, complete = _run(folder, manifest, counts, broken)
    verdicts, problems = kept_verdicts(folder) if folder.is_dir() else ((), ())
    broken += problems
    baseline: StoredBaseline | None = kept(LOCK, lambda: _baseline(folder, counts))
    when, source = _when(folder, manifest, broken)
    return HistoryEntry(
        folder=folder,
        name=_shown(folder.resolve().name),
        when=when,
        when_from=source,
        run=run,
        run_note=_shown(note),
        complete=complete,
        planned=None if manifest is None else _whole(manifest.planned),
        done=None if manifest is None else _whole(manifest.done),
        counts=counts,
        seeds={_shown(name): tuple(map(_shown, group)) for name, group in (manifest.seeds if manifest else {}).items()},
        parts=parts,
        verdict=verdicts[-1] if verdicts else None,
        earlier=verdicts[:-1],
        baseline=baseline,
        broken=tuple(map(_shown, broken)),
    )


def under_way(entry: HistoryEntry) -> HistoryEntry:
    """The entry as it is while a run is at work on its report; as it was given where none is."""
    process = running_process(entry.folder) if entry.folder.is_dir() else None
    if process is None:
        return entry
    results = "what is shown is from before it" if entry.counts else "its results are there when it ends"
    return replace(entry, run="running now", run_note=f"process {process}; {results}", complete=None)


def _counted(folder: Path) -> tuple[tuple[StatusCounts, ...], tuple[tuple[str, int], ...]]:
    """Attempts by what became of them; and by part: ``test`` before ``dev`` before whatever else there is."""
    counts = tuple(
        StatusCounts(contender=_shown(name), partly=found[PARTLY], **{one.value: found[one] for one in Status})
        for name, found in count_results(folder).items()
    )
    splits = read_outcomes(folder, ["split"])["split"].value_counts().to_pylist()
    parts = [(_shown(one["values"]), one["counts"]) for one in splits if one["values"]]
    return counts, tuple(sorted(parts, key=lambda one: ({"test": 0, "dev": 1}.get(one[0], 2), one[0])))


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
        except _BROKEN as error:
            stands, why = False, f"what was locked cannot be read: {error}"
    told = lock.anchor if isinstance(lock.anchor, Mapping) else {}
    why += f"; anchor: {told.get('contender')} of {told.get('report')}" if told else ""
    why += f"; taken by {lock.approval.get('by')}" if isinstance(lock.approval, Mapping) else ""
    name, locked, at = _shown(lock.contender), tuple(map(_shown, lock.rows)), _time_of(folder / LOCK)
    return StoredBaseline(contender=name, locked=locked, stands=stands, why=_shown(why), written_at=at)


def _when(folder: Path, manifest: Manifest | None, broken: list[str]) -> tuple[datetime | None, str]:
    if manifest is not None:
        try:
            return _moment(manifest.created_at), "manifest"
        except (ValueError, TypeError):
            broken.append(f"{folder / MANIFEST}: created_at is no time: {str(manifest.created_at)[:40]!r}")
    files = (folder / name for name in (OUTCOMES, VERDICT, LOG, LOCK, MANIFEST, EXPERIMENT))
    return max((_time_of(path) for path in files if path.is_file()), default=None), "file"


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


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
    done, planned = _whole(manifest.done), _whole(manifest.planned)
    if manifest.complete is True and not skipped:
        if planned and rows < planned:
            return "broken", f"{OUTCOMES} holds {rows:,} of {plural(planned, 'attempt')}", False
        return "done", "", True
    came = f"{done:,} of {plural(planned, 'attempt')} made" if done is not None and planned else untried
    because = f"stopped: {manifest.stopped_because}" if manifest.stopped_because else ""
    mixed = f"mixed grades: {manifest.mixed_grades}" if manifest.mixed_grades else ""
    return "not done", "; ".join(filter(None, (came, mixed, because))), False


def kept_verdicts(folder: Path) -> tuple[tuple[StoredVerdict, ...], tuple[str, ...]]:
    """Every verdict that a folder keeps, oldest first, and a sentence for each file of them that is broken."""
    found: list[StoredVerdict] = []
    problems, records, lines = [], [], []
    torn, path = 0, folder / LOG
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror or error}")
    for line in filter(None, lines):
        try:
            value = json.loads(line)
            kept = value.pop(KEPT, {})
            one = _verdict(value, _moment(value.pop("judged_at")), path)
            if kept.get("for") == AGAINST:  # a verdict on another report
                continue
            if value.pop("approval", None):  # the verdict once more: it takes the first one's place
                found = [other for other in found if other.written_at != one.written_at]
            found.append(one)
            records.append(value)
        except _BROKEN:
            torn += line is not lines[-1]  # the last one may be torn, or on its way
    if torn:
        problems.append(f"{path}: {torn} of its lines cannot be read as a verdict; the others are shown")
    path = folder / VERDICT
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value not in records:
            found.append(_verdict(value, _time_of(path), path))
    except FileNotFoundError:
        pass
    except (EvidenceError, OSError, ValueError, RecursionError) as error:
        unreadable = f"{path}: not a readable verdict: {unread(error)}; ownbench gate writes it again"
        problems.append(str(error) if isinstance(error, EvidenceError) else unreadable)
    return tuple(sorted(found, key=lambda one: one.written_at)), tuple(problems)


def _verdict(value: Any, written: datetime, path: Path) -> StoredVerdict:
    decision = value.get("decision") if isinstance(value, Mapping) else None
    if decision not in [one.value for one in EXIT_CODES]:
        raise EvidenceError(
            f"{path}: not a verdict: no decision of {', '.join(EXIT_CODES)}; ownbench gate writes it again"
        )
    compared, policy = (one if isinstance(one := value.get(name), Mapping) else {} for name in ("comparison", "policy"))
    lists = (many if isinstance(many := value.get(name), list) else [] for name in ("reasons", "changed"))
    reasons, changed = ([one for one in many if isinstance(one, Mapping)] for many in lists)
    said = ("sentence", "baseline", "candidate", "baseline_report", "candidate_report")
    texts = {name: _shown(value.get(name)) for name in said}
    numbers = {name: _number(compared.get(name)) for name in ("delta", "low", "high", "level")}
    return StoredVerdict(
        decision=str(decision),
        **texts,  # type: ignore[arg-type]
        **numbers,  # type: ignore[arg-type]
        margin=_number(policy.get("margin")),
        n_tasks=_whole(compared.get("n_tasks")),
        tasks_needed=_whole(value.get("tasks_needed")),
        reasons=tuple(map(_reason, reasons)),
        changed=tuple(map(_change, changed)),
        approved=_approved(value.get("approval")),
        written_at=written,
    )


def _approved(told: Any) -> str:
    if not isinstance(told, Mapping):
        return ""
    return f"{_shown(told.get('by'))}, {_shown(told.get('at'))[:10]}: {_shown(told.get('reason'))}"


def _reason(one: Mapping[str, Any]) -> Reason:
    holds = one.get("holds")
    known = holds if isinstance(holds, bool) else None
    text, checked = _shown(one.get("text")), one.get("checked")
    if not isinstance(checked, bool):  # written before there was the key: the text alone told it
        checked, text = not text.startswith(_UNCHECKED), text.removeprefix(_UNCHECKED[0])
    return Reason(rule=_shown(one.get("rule")), holds=known, text=text, checked=checked)


def _change(one: Mapping[str, Any]) -> Change:
    said = {name: one.get(name) for name in ("baseline", "candidate")}
    texts = {name: _shown(text) if isinstance(text, str) else None for name, text in said.items()}
    diff = tuple(map(_shown, lines)) if isinstance(lines := one.get("diff"), list) else ()
    return Change(what=_shown(one.get("what")), diff=diff, **texts)


def _shown(value: Any) -> str:
    return visible(_REDACT(value[: 2 * _LONGEST]), _LONGEST) if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    try:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if is_number else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
