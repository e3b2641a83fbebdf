"""The locked baseline: digests of everything that a report's evidence rests on, moved by an explicit command alone.

Beside it stands the anchor, the outcomes of an earlier baseline, which does not move with it: small losses that each
lie within the margin would add up otherwise.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.analysis import Side, default_contender, load_evidence, refuse_running
from harness.core import (
    EvidenceError,
    OwnbenchError,
    UsageError,
    as_json,
    digest_json,
    nearest,
    replacing,
    write_atomic,
)
from harness.store import OUTCOMES_FILE, TaskTable, load_settings, locked_parts, read_outcomes, unread
from harness.verdict.row_digests import rows_digests
from harness.verdict.verdict_log import AGAINST, KEPT, approve, carry_over, logged, read_log

FILE = "baseline.json"
ANCHOR = "anchor"  # the folder within a baseline's that holds what candidates are compared with besides
_OF_AN_ANCHOR = ("suite", "suite_digest", "contender", "contender_kind", "contender_digest", "task", "task_digest",
                 "domain", "cluster", "split", "trial", "status", "passed", "score", "grader_digest")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What ``baseline.json`` holds."""

    schema: int = 1
    contender: str  # the one that candidates are compared with where none is named
    rows: Mapping[str, str]  # by contender, the digest of all its outcome rows, whatever their order in the file
    made_of: Mapping[str, str]  # by contender, the digest of what the manifest says of it
    suites: str  # the digest of the suites, with their graders and prompts
    anchor: Mapping[str, str] | None = None  # its report, contender, rows, suites, file and time; see `Anchor`
    approval: Mapping[str, str] | None = None  # who set it though its verdict was not SHIP, why and when

    def same_evidence(self, other: "Lock | None") -> bool:
        """Whether the two lock the same."""
        return other is not None and replace(other, anchor=self.anchor, approval=self.approval) == self


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A fixed point that candidates must not fall behind, however often the baseline moves."""

    name: str  # which contender of which report, set when
    side: Side | None = None  # its outcomes; ``None`` where they are the baseline's, or cannot be used
    rows: str = ""  # the digest of its outcomes
    fault: str = ""  # why they cannot


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Somebody who takes a baseline in spite of its verdict."""

    by: str
    reason: str


def set_baseline(
    report: Path, contender: str | None = None, *, anchor: bool = False, approval: Approval | None = None
) -> tuple[Lock, Lock | None]:
    """Locks a report as it stands, with the contender that candidates are compared with, by default its reference.

    It keeps its anchor, or takes over that of the baseline which it replaces; the first of all is its own, and so is
    one with ``anchor``. Returns the lock and the one before it. UsageError: no such contender, or its verdict was not
    SHIP and nobody approves; EvidenceError: the run is not done.
    """
    refuse_running(report)
    table, manifest = load_evidence(report, apart=True)
    if table.skipped.any() or (manifest is not None and not manifest.complete):
        raise EvidenceError(f"{report}: the run is not done, and half a baseline is none; ownbench run goes on with it")
    name = contender or default_contender(table, "--contender", meant=load_settings(report).reference)
    table.index(name)
    try:
        before = read_lock(report)
    except EvidenceError:
        if not anchor:  # which it may have had
            raise
        before = None
    if damage := read_log(report)[1]:
        raise EvidenceError(f"{report}: {damage}, and the latest verdict may be there; restore it")
    verdict = _verdict_on(report, table, name)
    open_ = verdict is not None and verdict.get("decision") in {"BLOCK", "INCONCLUSIVE"} and "approval" not in verdict
    if verdict is not None and open_ and approval is None:
        problem = f"{report}: the latest verdict on {name} is {verdict['decision']}; gate it again, or say who takes it"
        raise UsageError(f"{problem} in spite of that: --approved-by NAME --reason TEXT")
    if approval is not None and not open_:
        raise UsageError(f"--approved-by: no verdict on {name} in {report} is BLOCK or INCONCLUSIVE; leave it out")
    lock = _lock_of(report, table, name, table.contenders)
    earlier = _replaced(report, table, lock, verdict)
    kept = before.anchor if before else None
    if anchor or (kept is None and (earlier is None or earlier[1].anchor is None)):
        kept = _make_anchor(report, table, lock)
    elif kept is None and earlier is not None:
        kept = earlier[1].anchor
        shutil.copytree(earlier[0] / ANCHOR, report / ANCHOR, dirs_exist_ok=True)
    if earlier is not None:
        carry_over(earlier[0], report)
    now = datetime.now(UTC)
    approved = before.approval if before and lock.same_evidence(before) else None
    if verdict is not None and approval is not None:
        approved = approve(report, verdict, approval.by, approval.reason, now)
    lock = replace(lock, anchor=kept, approval=approved)
    write_atomic(report / FILE, json.dumps(as_json(lock), indent=2) + "\n")
    return lock, before


def _verdict_on(report: Path, table: TaskTable, name: str) -> dict[str, Any] | None:
    """The latest verdict on this very contender of a report, by the report's own log; INVALID is none."""
    digest = table.contender_digests[table.index(name)] or name
    for line in _verdicts_on(report, name):
        tries = line.get("tries")
        judged = line.get("decision") != "INVALID"  # what could not be judged takes back no BLOCK
        if judged and isinstance(tries, dict) and tries.get("candidate") == digest:
            return line
    return None


def _verdicts_on(report: Path, name: str) -> Iterator[dict[str, Any]]:
    """The verdicts on a contender of a report, the latest first."""
    for line in reversed(logged(report)):
        kept = line.get(KEPT)
        own = isinstance(kept, dict) and kept.get("for", AGAINST) != AGAINST and kept.get("candidate", ".") == "."
        if own and line.get("candidate") == name:
            yield line


def _locked_before(report: Path, name: str) -> tuple[Path, Lock] | None:
    """The locked baseline that an unlocked report was gated against, itself or through others that are unlocked."""
    seen: set[Path] = set()
    while (line := next(_verdicts_on(report, name), None)) and line[KEPT].get("baseline") and report not in seen:
        seen.add(report)
        report, name = (report / str(line[KEPT]["baseline"])).resolve(), str(line.get("baseline"))
        with suppress(EvidenceError):
            if (lock := read_lock(report)) is not None:
                return (report, lock) if lock.contender == name else None
    return None


def _replaced(
    report: Path, table: TaskTable, lock: Lock, verdict: Mapping[str, Any] | None
) -> tuple[Path, Lock] | None:
    """The baseline before this one: what it was gated against, else one beside it of the same name and suites."""
    gated = str(verdict[KEPT].get("baseline") or "") if verdict else ""
    suites, found = _answered(table, lock.contender), []
    for place in (
        [report / gated] if gated else sorted(path.parent for path in report.resolve().parent.glob(f"*/{FILE}"))
    ):
        with suppress(EvidenceError, OSError):
            other = None if place.resolve() == report.resolve() else read_lock(place)
            if other is None and gated and (through := _locked_before(report, lock.contender)):
                place, other = through  # noqa: PLW2901 - what it was gated against is not locked itself
            if other is None:
                continue
            told = other.anchor or {}
            if gated or (other.contender == lock.contender and told.get("suites") == suites):
                found.append((place, other))
    return max(found, key=lambda one: (one[1].anchor or {}).get("set_at", ""), default=None)


def _answered(table: TaskTable, name: str) -> str:
    tried = (table.trials_of(table.index(name)) > 0).nonzero()[0]
    return digest_json(sorted({digest or suite for suite, digest in table.suites_of(tried)}))


def _make_anchor(report: Path, table: TaskTable, lock: Lock) -> dict[str, str]:
    """Copies the outcomes of the locked contender, so that no later run of the report can change them."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    folder, rows = report / ANCHOR, read_outcomes(report, _OF_AN_ANCHOR)
    with replacing(folder / OUTCOMES_FILE) as file:
        pq.write_table(rows.filter(pc.equal(rows["contender"], lock.contender)), file, compression="zstd")
    if (report / "manifest.json").is_file():
        write_atomic(folder / "manifest.json", (report / "manifest.json").read_bytes())
    return {
        "report": report.resolve().name,
        "contender": lock.contender,
        "rows": lock.rows[lock.contender],
        "suites": _answered(table, lock.contender),
        "file": _file_digest(folder / OUTCOMES_FILE),
        "set_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:32]


def anchor_of(report: Path, lock: Lock | None, contender: str) -> Anchor | None:
    """The anchor of a baseline; ``None`` where it has none, or where another contender than the locked one is meant.

    A baseline that is not locked is held to the anchor of the locked one that it was itself gated against.
    """
    own = lock is not None
    if lock is None and (found := _locked_before(report.resolve(), contender)):
        (report, lock), contender = found, found[1].contender
    if lock is None or lock.anchor is None or contender != lock.contender:
        return None
    told, folder = lock.anchor, report / ANCHOR
    try:
        name = f"`{told['contender']}` of {told['report']}, set {told['set_at'][:10]}"
        if own and told["rows"] == lock.rows.get(contender):
            return Anchor(name=name, rows=told["rows"])
        path, remedy = folder / OUTCOMES_FILE, "restore it, or set a new one: ownbench baseline set --anchor"
        if not path.is_file():
            return Anchor(name=name, fault=f"{path} is missing; {remedy}")
        if _file_digest(path) != told["file"]:
            return Anchor(name=name, fault=f"{path} has changed since it was set; {remedy}")
        table, manifest = load_evidence(folder, "all", apart=True)
        table.index(told["contender"])
    except (KeyError, TypeError, AttributeError):
        return Anchor(name="unreadable", fault=f"{report / FILE}: anchor is not as ownbench baseline set writes it")
    except (OwnbenchError, OSError) as error:
        return Anchor(name=name, fault=f"{error}; {remedy}")
    return Anchor(name=name, side=Side(table=table, manifest=manifest, contender=told["contender"]), rows=told["rows"])


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
    except (OSError, ValueError, TypeError, RecursionError) as error:
        remedy = "restore it, or lock again with a new anchor: ownbench baseline set --anchor"
        raise EvidenceError(f"{path}: not a readable lock: {unread(error)}; {remedy}") from None


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
