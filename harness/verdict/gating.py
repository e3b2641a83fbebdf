"""The gate: may the candidate replace the baseline? SHIP, BLOCK, INCONCLUSIVE or INVALID, with every reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis import Change, Pairs, Side, changes, default_contender, load_evidence, pair_sides, reference_of
from harness.core import Comparison, Decision, EvidenceError, Redactor, UsageError, as_json, listed, plural
from harness.verdict.baseline import baseline_contender, changed_since_lock, read_lock
from harness.verdict.early_plan import replayed
from harness.verdict.gate_statistics import tasks_to_decide
from harness.verdict.rules import GATE_RULES, GateEvidence, Policy, Reason, check_domains, in_words, load_policy

EXIT_CODES: Mapping[Decision, int] = {
    Decision.SHIP: 0,
    Decision.BLOCK: 1,
    Decision.INCONCLUSIVE: 3,
    Decision.INVALID: 4,
}  # what the command ends with; 2 is wrong use
_clean = Redactor()


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainVerdict:
    """What became of one domain."""

    domain: str
    n_tasks: int
    delta: float | None
    p_adjusted: float | None
    """Of harm, one-sided, within the family of domains; ``None`` where the domain is in no family."""
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
    """Judges whether a candidate may replace a baseline.

    Both may be one report. The policy is one, the path of a ``gate.yaml``, or None for the defaults. Contenders are by
    default the locked one of the baseline, the report's reference, or its only one; of the same report the only other.
    Evidence that cannot be judged is a verdict too, INVALID.

    Raises:
        UsageError: no such report or contender, several could be meant, or a contender against itself.
        UserFileError: the policy is wrong, or names a domain that neither report has.
    """
    baseline, candidate = Path(baseline), Path(candidate)
    file = None if policy is None or isinstance(policy, Policy) else Path(policy)
    rules = policy if isinstance(policy, Policy) else load_policy(file)
    names = (baseline_contender, candidate_contender)
    try:
        pairs, unlocked = _sides(baseline, candidate, names)
    except EvidenceError as error:
        return _unreadable(error, (baseline, candidate), names, rules)
    sides = (pairs.baseline, pairs.candidate)
    check_domains(rules, {name for side in sides for name in side.table.domain_names}, file or "policy")
    early = replayed(pairs, rules, baseline, file)
    evidence = GateEvidence(pairs=pairs, policy=rules, unlocked=unlocked, early=early)
    reasons = [reason for rule in GATE_RULES.values() if rule.check for reason in rule.judge(evidence)]
    if not all(reason.holds for reason in reasons):
        return _verdict(evidence, Decision.INVALID, reasons)
    reasons += [reason for rule in GATE_RULES.values() if not rule.check for reason in rule.judge(evidence)]
    if evidence.decided:
        decision = evidence.decided.decision
    elif evidence.tests.blocks:
        decision = Decision.BLOCK
    elif evidence.tests.proves and all(reason.holds for reason in reasons if reason.rule != "no_harm"):
        decision = Decision.SHIP
    else:
        decision = Decision.INCONCLUSIVE
    return _verdict(evidence, decision, reasons)


def _sides(
    baseline: Path, candidate: Path, names: tuple[str | None, str | None]
) -> tuple[Pairs, tuple[str, ...] | None]:
    """Both sides paired, and what has changed of a locked baseline (None where nothing is locked)."""
    table, manifest = load_evidence(baseline)
    same = baseline.resolve() == candidate.resolve()
    other, other_manifest = (table, manifest) if same else load_evidence(candidate)
    lock = read_lock(baseline)
    first, second = names
    first = baseline_contender(table, lock, first, second if same else None)
    if second is None:
        meant, besides = (None, first) if same else (reference_of(candidate), None)
        second = default_contender(other, "--candidate-contender", meant=meant, besides=besides)
    table.index(first), other.index(second)
    if same and first == second:
        raise UsageError(f"{first!r} is gated against itself; name another with --candidate-contender")
    pairs = pair_sides(
        Side(table=other, manifest=other_manifest, contender=second),
        Side(table=table, manifest=manifest, contender=first),
    )
    return pairs, None if lock is None else changed_since_lock(baseline, table, lock, first)


def _verdict(e: GateEvidence, decision: Decision, reasons: list[Reason]) -> Gate:
    needed = _needed(e, reasons) if decision is Decision.INCONCLUSIVE else None
    said, one = _sentence(e, decision, reasons, needed), e.decided
    if one and len(one.rows) < one.planned:
        said = f"{said[:-1]}; decided early, after {len(one.rows):,} of {plural(one.planned, 'task')}."
    a, b = e.judged.candidate, e.judged.baseline
    return Gate(
        decision=decision,
        exit_code=EXIT_CODES[decision],
        reasons=tuple(Reason(rule=r.rule, holds=r.holds, text=_clean(r.text)) for r in reasons),
        comparison=e.compared,
        changed=changes(b, a),
        tasks_needed=needed,
        domains=() if decision is Decision.INVALID else _domain_verdicts(e),
        baseline=b.contender,
        candidate=a.contender,
        baseline_report=b.table.report.name,
        candidate_report=a.table.report.name,
        exempt=e.policy.exempt_domains,
        policy=e.policy,
        sentence=said,
        early=e.early.looked if e.early else None,
    )


def _needed(e: GateEvidence, reasons: list[Reason]) -> int | None:
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
    if any(r.rule == "minimum_tasks" and not r.holds for r in reasons):
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


def _sentence(e: GateEvidence, decision: Decision, reasons: list[Reason], needed: int | None) -> str:
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


def _unreadable(
    error: EvidenceError, reports: tuple[Path, Path], names: tuple[str | None, str | None], policy: Policy
) -> Gate:
    """INVALID where a report cannot even be read."""
    reason = Reason(rule="readable", holds=False, text=_clean(str(error)))
    return Gate(
        decision=Decision.INVALID,
        exit_code=EXIT_CODES[Decision.INVALID],
        reasons=(reason,),
        baseline=names[0] or "-",
        candidate=names[1] or "-",
        baseline_report=reports[0].name,
        candidate_report=reports[1].name,
        exempt=policy.exempt_domains,
        policy=policy,
        sentence=f"INVALID: {reason.text}.",
    )
