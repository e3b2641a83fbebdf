"""The locked baseline: digests of everything that a report's evidence rests on, moved by an explicit command alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.analysis import default_contender, load_evidence
from harness.core import EvidenceError, as_json, digest_json, nearest, write_atomic
from harness.store import TaskTable, load_settings, locked_parts, read_outcomes

FILE = "baseline.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What ``baseline.json`` holds."""

    schema: int = 1
    contender: str  # the one that candidates are compared with where none is named
    rows: Mapping[str, str]  # by contender, the digest of all its outcome rows, whatever their order in the file
    made_of: Mapping[str, str]  # by contender, the digest of what the manifest says of it
    suites: str  # the digest of the suites, with their graders and prompts


def set_baseline(report: Path, contender: str | None = None) -> tuple[Lock, Lock | None]:
    """Locks a report as it stands, with the contender that candidates are compared with, by default its reference.

    Returns the lock and the one before it. UsageError: no such contender; EvidenceError: the run is not done.
    """
    table, manifest = load_evidence(report)
    if table.skipped.any() or (manifest is not None and not manifest.complete):
        raise EvidenceError(f"{report}: the run is not done, and half a baseline is none; ownbench run goes on with it")
    name = contender or default_contender(table, "--contender", meant=load_settings(report).reference)
    table.index(name)
    before, lock = read_lock(report), _lock_of(report, table, name, table.contenders)
    write_atomic(report / FILE, json.dumps(as_json(lock), indent=2) + "\n")
    return lock, before


def baseline_contender(table: TaskTable, lock: Lock | None, name: str | None, besides: str | None = None) -> str:
    """The contender that is named, or else the locked one, the report's reference, or its only one ``besides`` one."""
    meant = lock.contender if lock else None if name else load_settings(table.report).reference
    return name or default_contender(table, "--baseline-contender", meant=meant, besides=besides)


def read_lock(report: Path) -> Lock | None:
    """The report's lock, ``None`` where it has none; an EvidenceError where the file is no lock."""
    path = report / FILE
    try:
        return Lock(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        remedy = "restore it, or lock again: ownbench baseline set"
        raise EvidenceError(f"{path}: not a readable lock: {error}; {remedy}") from None


def changed_since_lock(report: Path, table: TaskTable, lock: Lock, contender: str) -> tuple[str, ...]:
    """What of a locked contender is no longer as it was locked; empty where all of it is."""
    if contender not in lock.rows:
        return (f"{contender!r} was not locked; {nearest(contender, list(lock.rows))}",)
    now = _lock_of(report, table, lock.contender, (contender,))
    parts = (
        (now.rows.get(contender), lock.rows[contender], "its outcomes"),
        (now.made_of.get(contender), lock.made_of.get(contender), "what it is made of"),
        (now.suites, lock.suites, "the suites"),
    )
    return tuple(what for is_, was, what in parts if is_ != was)


def _lock_of(report: Path, table: TaskTable, contender: str, names: Sequence[str]) -> Lock:
    whole = digest_json(sorted({*zip(table.suites, table.suite_digests, strict=True)}))
    suites, made_of = locked_parts(report) or (whole, {})
    made_of = {name: made_of[name] for name in names if name in made_of}
    return Lock(contender=contender, rows=rows_digests(report, names), made_of=made_of, suites=suites)


def rows_digests(report: Path, names: Sequence[str]) -> dict[str, str]:
    """Of each contender one digest of all its outcome rows, whatever their order in the file."""
    import pyarrow.compute as pc

    table = read_outcomes(report)
    rows = {name: table.filter(pc.equal(table["contender"], name)).to_pylist() for name in names}
    return {name: digest_json(sorted(digest_json(row, default=str) for row in many)) for name, many in rows.items()}
