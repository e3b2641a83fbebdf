"""The verdicts that a report keeps, as they were written; texts come back visible and without keys."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.analysis import Change
from harness.core import EvidenceError, OwnbenchError, Redactor, is_number, visible
from harness.store import read_manifest, read_outcomes, unread
from harness.verdict.gate_evidence import Reason
from harness.verdict.gating import EXIT_CODES, VERDICT
from harness.verdict.verdict_log import AGAINST, KEPT, LOG

_LONGEST = 2_000  # characters of a text
_REDACT = Redactor()
_UNCHECKED = "not checked: ", "the baseline is not locked;"  # as which, before `checked`, such a rule's text began
BROKEN = (OwnbenchError, OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError,
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
    outdated: str = ""  # why it says nothing of the report as it is now; empty where that is not known


OUTDATED = "made before the run ended; run ownbench gate again"


def latest_verdict(folder: Path) -> StoredVerdict | None:
    """The latest verdict that a report keeps and that can be read, and whether it is outdated; ``None`` without one."""
    found, _ = kept_verdicts(folder)
    if not found:
        return None
    try:
        manifest = read_manifest(folder)
        return by_age(found, begun_last(folder), complete=manifest is not None and manifest.complete is True)[-1]
    except BROKEN:  # which is told where the figures are
        return found[-1]


def by_age(found: Sequence[StoredVerdict], begun: datetime | None, *, complete: bool) -> tuple[StoredVerdict, ...]:
    """The same, those marked that were given before the run was over.

    ``begun``: when the last of the attempts was; ``complete``: whether the run is done now.
    """

    def is_old(one: StoredVerdict) -> bool:
        return (begun is not None and one.written_at < begun) or (complete and _of_unfinished(one))

    return tuple(replace(one, outdated=OUTDATED) if is_old(one) else one for one in found)


def _of_unfinished(one: StoredVerdict) -> bool:
    """Whether a rule failed for the candidate's run being under way or not done, and not for the baseline's alone."""
    failed = {reason.rule: reason.text for reason in one.reasons if reason.holds is False}
    report, under_way, _ = failed.get("readable", "").partition(": the run is under way")
    at_work = bool(under_way) and Path(report).name == one.candidate_report
    return at_work or "the candidate" in failed.get("complete", "")


def begun_last(folder: Path) -> datetime | None:
    """When the last of a report's attempts was begun; ``None`` where the outcomes do not say."""
    import pyarrow.compute as pc

    try:
        at = pc.max(read_outcomes(folder, ["started_at"])["started_at"]).as_py()
    except (ValueError, OverflowError):  # a time beyond any calendar
        return None
    return at if isinstance(at, datetime) and at.tzinfo else None


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
            one = _verdict(value, moment_of(value.pop("judged_at")), path)
            if kept.get("for") == AGAINST:  # a verdict on another report
                continue
            if value.pop("approval", None):  # the verdict once more: it takes the first one's place
                found = [other for other in found if other.written_at != one.written_at]
            found.append(one)
            records.append(value)
        except BROKEN:
            torn += line is not lines[-1]  # the last one may be torn, or on its way
    if torn:
        problems.append(f"{path}: {torn} of its lines cannot be read as a verdict; the others are shown")
    path = folder / VERDICT
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value not in records:
            found.append(_verdict(value, time_of(path), path))
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
    texts = {name: told(value.get(name)) for name in said}
    numbers = {name: _number(compared.get(name)) for name in ("delta", "low", "high", "level")}
    return StoredVerdict(
        decision=str(decision),
        **texts,  # type: ignore[arg-type]
        **numbers,  # type: ignore[arg-type]
        margin=_number(policy.get("margin")),
        n_tasks=whole_number(compared.get("n_tasks")),
        tasks_needed=whole_number(value.get("tasks_needed")),
        reasons=tuple(map(_reason, reasons)),
        changed=tuple(map(change_of, changed)),
        approved=_approved(value.get("approval")),
        written_at=written,
    )


def _approved(said: Any) -> str:
    if not isinstance(said, Mapping):
        return ""
    return f"{told(said.get('by'))}, {told(said.get('at'))[:10]}: {told(said.get('reason'))}"


def _reason(one: Mapping[str, Any]) -> Reason:
    holds = one.get("holds")
    known = holds if isinstance(holds, bool) else None
    text, checked = told(one.get("text")), one.get("checked")
    if not isinstance(checked, bool):  # written before there was the key: the text alone told it
        checked, text = not text.startswith(_UNCHECKED), text.removeprefix(_UNCHECKED[0])
    return Reason(rule=told(one.get("rule")), holds=known, text=text, checked=checked)


def change_of(one: Mapping[str, Any]) -> Change:
    """A change as it was written down."""
    said = {name: one.get(name) for name in ("baseline", "candidate")}
    texts = {name: told(text) if isinstance(text, str) else None for name, text in said.items()}
    diff = tuple(map(told, lines)) if isinstance(lines := one.get("diff"), list) else ()
    return Change(what=told(one.get("what")), diff=diff, **texts)


def told(value: Any) -> str:
    """A text of a file, visible, without keys and not too long; empty in place of anything else."""
    return visible(_REDACT(value[: 2 * _LONGEST]), _LONGEST) if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def whole_number(value: Any) -> int | None:
    """A number of things; ``None`` in place of anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def moment_of(text: str) -> datetime:
    """A time as it was written down. Raises ValueError where it is none."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def time_of(path: Path) -> datetime:
    """When a file was last written."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
