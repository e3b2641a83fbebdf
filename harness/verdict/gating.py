"""The gate: may the candidate replace the baseline? SHIP, BLOCK, INCONCLUSIVE or INVALID, with every reason."""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.analysis import Change, Pairs, Side, changes, default_contender, load_evidence, pair_sides
from harness.core import Comparison, Decision, EvidenceError, Redactor, UsageError, as_json, listed, plural
from harness.store import load_settings
from harness.verdict.baseline import baseline_contender as standing
from harness.verdict.baseline import changed_since_lock, read_lock
from harness.verdict.early_plan import replayed
from harness.verdict.gate_statistics import tasks_to_decide
from harness.verdict.rules import GATE_RULES, GateEvidence, Policy, Reason, check_domains, in_words, load_policy

EXIT_CODES: Mapping[Decision, int] = {
    Decision.SHIP: 0,
    Decision.BLOCK: 1,
    Decision.INCONCLUSIVE: 3,
    Decision.INVALID: 4,
}  # what the command ends with; 2 is wrong use
VERDICT, LOG = "verdict.json", "verdicts.jsonl"  # the latest verdict of a folder; every one, a line each
_clean = Redactor()


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainVerdict:
    """What became of one domain."""

    domain: str
    n_tasks: int
    delta: float | None
    p_adjusted: float | None  # of harm, one-sided, within the family of domains; ``None`` where it is in no family
    margin: float
    role: str  # ``gated``, ``critical`` or ``exempt``
    harmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A verdict on a candidate, with its reasons."""

    decision: Decision
    exit_code: int
    reasons: tuple[Reason, ...]
    comparison: Comparison | None = None  # candidate minus baseline; ``None`` where the two cannot be compared
    changed: tuple[Change, ...] = ()
    tasks_needed: int | None = None
    """Tasks that would decide, were the differences seen the true ones; ``None`` where it is decided, or where tasks
    are not what is missing."""
    domains: tuple[DomainVerdict, ...] = ()
    baseline: str  # the name of the baseline contender
    candidate: str
    baseline_report: str
    candidate_report: str
    exempt: tuple[str, ...]
    sentence: str
    early: Mapping[str, Any] | None = None
    """Of a candidate that was run until decided: tasks looked at and planned, the looks, which one decided."""
    policy: Policy

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values, the promised keys first."""
        record: dict[str, Any] = as_json(self)
        if self.comparison is not None and self.comparison.bounds is not None:
            record["comparison"]["bounds"] = dict(zip(("low", "high"), self.comparison.bounds, strict=True))
        return record | {"policy": self.policy.model_dump(mode="json")}


def gate(
    baseline: Path | str,
    candidate: Path | str,
    policy: Policy | Path | str | None = None,
    *,
    baseline_contender: str | None = None,
    candidate_contender: str | None = None,
) -> Gate:
    """Judges whether a candidate may replace a baseline; both may be one report.

    The policy is one, the path of a ``gate.yaml``, or None for the defaults. Contenders are by default the locked one
    of the baseline, the report's reference, or its only one; of the same report the only other. Evidence that cannot be
    judged is a verdict too, INVALID. Raises UsageError: no such report or contender, several could be meant, or a
    contender against itself; UserFileError: the policy is wrong, or names a domain that neither report has.
    """
    baseline, candidate, rules = Path(baseline), Path(candidate), load_policy(policy)
    try:
        pairs, unlocked = _sides(baseline, candidate, baseline_contender, candidate_contender)
    except EvidenceError as error:
        text = _clean(str(error))
        return Gate(
            decision=Decision.INVALID,
            exit_code=EXIT_CODES[Decision.INVALID],
            reasons=(Reason(rule="readable", holds=False, text=text),),
            baseline=baseline_contender or "-",
            candidate=candidate_contender or "-",
            baseline_report=baseline.name,
            candidate_report=candidate.name,
            exempt=rules.exempt_domains,
            policy=rules,
            sentence=f"INVALID: {text}.",
        )
    check_domains(rules, {*pairs.baseline.table.domain_names, *pairs.candidate.table.domain_names}, policy)
    source = Path(policy) if isinstance(policy, str | Path) else None
    e = GateEvidence(pairs=pairs, policy=rules, unlocked=unlocked, early=replayed(pairs, rules, baseline, source))
    reasons = [reason for rule in GATE_RULES.values() if rule.check for reason in rule.judge(e)]
    valid, one = all(reason.holds for reason in reasons), e.early.decided
    if valid:
        reasons += [reason for rule in GATE_RULES.values() if not rule.check for reason in rule.judge(e)]
    if not valid:
        decision = Decision.INVALID
    elif one:
        decision = one.decision
    elif e.tests.blocks:
        decision = Decision.BLOCK
    elif e.tests.proves and all(reason.holds for reason in reasons if reason.rule != "no_harm"):
        decision = Decision.SHIP
    else:
        decision = Decision.INCONCLUSIVE
    needed = _needed(e) if decision is Decision.INCONCLUSIVE else None
    said, a, b = _sentence(e, decision, reasons, needed), e.judged.candidate, e.judged.baseline
    if one and len(one.rows) < one.planned:
        said = f"{said[:-1]}; decided early, after {len(one.rows):,} of {plural(one.planned, 'task')}."
    return Gate(
        decision=decision,
        exit_code=EXIT_CODES[decision],
        reasons=tuple(replace(reason, text=_clean(reason.text)) for reason in reasons),
        comparison=e.compared,
        changed=changes(b, a),
        tasks_needed=needed,
        domains=() if decision is Decision.INVALID else _domain_verdicts(e),
        baseline=b.contender,
        candidate=a.contender,
        baseline_report=b.table.report.name,
        candidate_report=a.table.report.name,
        exempt=rules.exempt_domains,
        policy=rules,
        sentence=said,
        early=e.early.looked,
    )


def _sides(
    baseline: Path, candidate: Path, first: str | None, second: str | None
) -> tuple[Pairs, tuple[str, ...] | None]:
    """Both sides paired, and what has changed of a locked baseline (None where nothing is locked)."""
    table, manifest = load_evidence(baseline)
    same, lock = baseline.resolve() == candidate.resolve(), read_lock(baseline)
    other, other_manifest = (table, manifest) if same else load_evidence(candidate)
    first = standing(table, lock, first, second if same else None)
    if second is None:
        meant, besides = (None, first) if same else (load_settings(candidate).reference, None)
        second = default_contender(other, "--candidate-contender", meant=meant, besides=besides)
    table.index(first), other.index(second)
    if same and first == second:
        raise UsageError(f"{first!r} is gated against itself; name another with --candidate-contender")
    ours = Side(table=other, manifest=other_manifest, contender=second)
    pairs = pair_sides(ours, Side(table=table, manifest=manifest, contender=first))
    return pairs, None if lock is None else changed_since_lock(baseline, table, lock, first)


def _needed(e: GateEvidence) -> int | None:
    """Tasks of the whole suite that would settle every open proof; a critical domain's are scaled up by its share."""
    found: list[int | None] = []
    out, policy, tests = e.judged.outcomes, e.policy, e.tests
    n = int(out.common.sum())
    if not tests.overall.holds:
        found.append(tasks_to_decide(out, policy.margin, policy, tests.harm_level))
    for name, proof in tests.critical:
        if not proof.holds and proof.n_tasks:
            own = tasks_to_decide(out.of_domain(name), proof.margin, policy, policy.alpha)
            found.append(None if own is None else -(-own * n // proof.n_tasks))
    if n < policy.minimum_tasks:
        found.append(policy.minimum_tasks)
    return max((number for number in found if number is not None), default=None)


def _domain_verdicts(e: GateEvidence) -> tuple[DomainVerdict, ...]:
    policy, family = e.policy, {one.domain: one for one in e.tests.domains}
    out = e.judged.outcomes.at(e.judged.outcomes.common)
    found = []
    for name in sorted({out.domain_names[code] for code in out.domains.tolist()}):
        here, one = out.of_domain(name), family.get(name)
        d = here.candidate[0] / here.candidate[1] - here.baseline[0] / here.baseline[1]
        critical = name in policy.critical_domains
        found.append(
            DomainVerdict(
                domain=name,
                n_tasks=len(d),
                delta=float(d.mean()),
                p_adjusted=one.p_adjusted if one else None,
                margin=policy.critical_domains.get(name, policy.margin),
                role="exempt" if name in policy.exempt_domains else "critical" if critical else "gated",
                harmed=bool(one and one.harmed),
            )
        )
    return tuple(found)


def _sentence(e: GateEvidence, decision: Decision, reasons: Sequence[Reason], needed: int | None) -> str:
    a, b = f"`{e.pairs.candidate.contender}`", f"`{e.pairs.baseline.contender}`"
    open_ = [r for r in reasons if not r.holds]
    if decision is Decision.SHIP:
        method = f", {e.tests.overall.method})"  # for those who read the reasons
        proof = "".join(f". {r.text.replace(method, ')')}" for r in reasons if r.rule == "non_inferior")
        said = f"{a} may replace {b}: every rule of the policy holds{proof}"
    elif decision is Decision.BLOCK:
        said = f"{a} must not replace {b}: {'; '.join(r.text for r in open_ if r.rule in {'no_harm', 'domains'})}"
    elif decision is Decision.INCONCLUSIVE:
        said = f"not enough is shown to let {a} replace {b}; not shown: {', '.join(in_words(r.rule) for r in open_)}"
        if needed is not None:
            said += f"; about {plural(needed, 'task')} would decide, were the difference seen true"
    else:
        said = f"{a} and {b} cannot be judged: {'; '.join(r.text for r in open_)}"
    if e.policy.exempt_domains and decision is not Decision.BLOCK:
        said += f". Exempt by policy: {listed(e.policy.exempt_domains, 20)}"
    return _clean(f"{decision.value}: {said}.")


def log_verdict(view: Gate, folder: Path, at: datetime) -> Path:
    """Adds a verdict to the folder's log, with the time at which it was given; what stands there is not touched.

    The line is on the disk when this returns. Two gates that write at once wait for each other. Raises OSError where
    the file cannot be written; no half of a line is left behind where that can be helped.
    """
    path = folder / LOG
    record = {"judged_at": at.astimezone(UTC).isoformat(), **view.as_json()}
    data = json.dumps(record, allow_nan=False).encode("ascii") + b"\n"
    with path.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            data = b"\n" + data  # a power loss tore the last line: it stays one of its own
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file)
        except OSError:
            file.truncate(size)
            raise
    return path
