"""The gate: may the candidate replace the baseline? SHIP, BLOCK, INCONCLUSIVE or INVALID, with every reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import analysis, core
from harness.analysis import (
    Change,
    PairedOutcomes,
    Pairs,
    Side,
    default_contender,
    load_evidence,
    pair_sides,
    refuse_running,
)
from harness.core import Comparison, Decision, EvidenceError, UsageError, as_json, plural
from harness.store import load_settings
from harness.verdict.baseline import Anchor, Lock, anchor_of, changed_since_lock, read_lock
from harness.verdict.baseline import baseline_contender as standing
from harness.verdict.gate_evidence import GateEvidence, Reason, Replayed
from harness.verdict.gate_statistics import fewest_tasks, tasks_to_decide
from harness.verdict.policy import Policy, check_domains, load_policy
from harness.verdict.rules import GATE_RULES, in_words
from harness.verdict.tries import Tries, tries_of

SHIP, BLOCK, INCONCLUSIVE, INVALID = Decision.SHIP, Decision.BLOCK, Decision.INCONCLUSIVE, Decision.INVALID
EXIT_CODES: Mapping[Decision, int] = {SHIP: 0, BLOCK: 1, INCONCLUSIVE: 3, INVALID: 4}  # 2 is wrong use
VERDICT = "verdict.json"  # the latest verdict of a folder
_clean = core.Redactor()


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
    tasks_needed: int | None = None  # that would decide, were the differences seen true; ``None``: no tasks are missing
    errored_as_failed: Comparison | None = None  # with lost attempts counted as failed; ``None`` where none was lost
    domains: tuple[DomainVerdict, ...] = ()
    baseline: str  # the name of the baseline contender
    candidate: str
    baseline_report: str
    candidate_report: str
    exempt: tuple[str, ...]
    sentence: str
    early: Mapping[str, Any] | None = (
        None  # if run until decided: tasks looked at and planned, the looks, which decided
    )
    tries: Tries | None = None  # which try of this candidate it is; ``None`` where the evidence cannot be read
    anchor: Mapping[str, Any] | None = None  # what was lost since the anchor; ``None`` where there is none
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
    """Judges whether a candidate may replace a baseline; both may be one report, and the policy a file's path.

    Contenders are by default the locked one of the baseline, the report's reference, or its only one; of the same
    report the only other. Raises UsageError: no such report or contender, or several could be meant; UserFileError: the
    policy is wrong. Evidence that cannot be judged is a verdict too, INVALID.
    """
    baseline, candidate, rules = Path(baseline), Path(candidate), load_policy(policy)
    try:
        pairs, lock = _sides(baseline, candidate, baseline_contender, candidate_contender)
        first = pairs.baseline.contender
        unlocked = changed_since_lock(baseline, pairs.baseline.table, lock, first) if lock else None
        tested, anchor = rules.of_one_try(), anchor_of(baseline, lock, first)
    except EvidenceError as error:
        text = _clean(str(error))
        return Gate(
            decision=INVALID,
            exit_code=EXIT_CODES[INVALID],
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
    e = GateEvidence(
        pairs=pairs,
        policy=tested,
        alpha=rules.alpha,
        unlocked=unlocked,
        approval=lock.approval if lock and lock.contender == first else None,
        anchor=anchor,
        tries=tries_of(pairs, rules, baseline),
        early=_early(pairs, tested, baseline, source, anchor),
    )
    reasons = [reason for rule in GATE_RULES.values() if rule.check for reason in rule.judge(e)]
    decision, one = INVALID, e.early.decided
    if all(reason.holds for reason in reasons):
        reasons += [reason for rule in GATE_RULES.values() if not rule.check for reason in rule.judge(e)]
        open_ = {reason.rule for reason in reasons if not reason.holds}
        proved = one.decision is SHIP if one else e.tests.proves and not open_ - {"no_harm"}
        blocks = one.decision is BLOCK if one else e.tests.blocks
        if blocks or (e.drift and e.drift.shown):
            decision = BLOCK
        else:
            decision = SHIP if proved and not open_ & {"lost", "anchor_margin"} else INCONCLUSIVE
    needed = _needed(e) if decision is INCONCLUSIVE else None
    said, a, b = _sentence(e, decision, reasons, needed), e.judged.candidate, e.judged.baseline
    if one and len(one.rows) < one.planned:
        said = f"{said[:-1]}; decided early, after {len(one.rows):,} of {plural(one.planned, 'task')}."
    return Gate(
        decision=decision,
        exit_code=EXIT_CODES[decision],
        reasons=tuple(replace(reason, text=_clean(reason.text)) for reason in reasons),
        comparison=e.compared,
        errored_as_failed=e.failed[0] if e.failed else None,
        changed=analysis.changes(b, a),
        tasks_needed=needed,
        domains=() if decision is INVALID else _domain_verdicts(e),
        baseline=b.contender,
        candidate=a.contender,
        baseline_report=b.table.report.name,
        candidate_report=a.table.report.name,
        exempt=rules.exempt_domains,
        policy=rules,
        sentence=said,
        early=e.early.looked,
        tries=e.tries,
        anchor=_anchored(e, decision),
    )


def _early(pairs: Pairs, policy: Policy, baseline: Path, source: Path | None, anchor: Anchor | None) -> Replayed:
    """What a candidate that was run until it was decided comes to; of others there is nothing to go over."""
    side = pairs.candidate
    if not side.manifest or side.table.contender_digests[side.index] not in side.manifest.early_records:
        return Replayed()
    from harness.verdict.early_run import replayed

    return replayed(pairs, policy, baseline, source, anchor)


def _sides(baseline: Path, candidate: Path, first: str | None, second: str | None) -> tuple[Pairs, Lock | None]:
    """Both sides paired, and the baseline's lock. EvidenceError: a run is at work on one of them."""
    for report in (baseline, candidate):
        refuse_running(report)
    table, manifest = load_evidence(baseline, apart=True)
    same, lock = baseline.resolve() == candidate.resolve(), read_lock(baseline)
    other, other_manifest = (table, manifest) if same else load_evidence(candidate, apart=True)
    if same and len(table.contenders) == 1:
        only = f"{baseline}: its only contender is {table.contenders[0]!r}"
        raise UsageError(f"{only}, and nothing is gated against itself; give the report of another as CANDIDATE")
    first = standing(table, lock, first, second if same else None)
    if second is None:
        meant, besides = (None, first) if same else (load_settings(candidate).reference, None)
        second = default_contender(other, "--candidate-contender", meant=meant, besides=besides)
    table.index(first), other.index(second)
    if same and first == second:
        raise UsageError(f"{first!r} is gated against itself; name another with --candidate-contender")
    ours = Side(table=other, manifest=other_manifest, contender=second)
    return pair_sides(ours, Side(table=table, manifest=manifest, contender=first)), lock


def _anchored(e: GateEvidence, decision: Decision) -> dict[str, Any] | None:
    if e.anchor is None:
        return None
    found: dict[str, Any] = {"name": e.anchor.name}
    if e.drift is None or decision is INVALID:
        return found
    told = ("delta", "low", "margin", "p_value", "holds", "n_tasks")
    graded, failed = ({name: getattr(one, name) for name in told} for one in (e.drift.graded, e.drift.failed))
    return found | graded | {"errored_as_failed": failed}


def _needed(e: GateEvidence) -> int | None:
    """Tasks of the whole suite that would settle every open proof; a critical domain's are scaled up by its share."""
    out, policy, tests = e.judged.outcomes, e.policy, e.tests
    n = int(out.common.sum())
    found = [policy.minimum_tasks] if n < policy.minimum_tasks else []
    if not tests.overall.holds:
        found.append(tasks_to_decide(out, policy.margin, policy, tests.harm_level) or 0)
    if e.failed and tests.overall.holds and not e.failed[1].overall.holds:
        found.append(_still(e.judged.lost_as_failed, policy.margin, policy))
    if e.drift and not e.drift.holds and (pairs := e.since_anchor):
        found.append(_still(pairs.lost_as_failed, policy.anchor_margin or policy.margin, policy))
    for name, proof in tests.critical:
        if not proof.holds and proof.n_tasks:
            own = tasks_to_decide(out.of_domain(name), proof.margin, policy, policy.alpha) or 0
            found.append(-(-own * n // proof.n_tasks))
    return max(found, default=0) or None


def _still(out: PairedOutcomes, margin: float, policy: Policy) -> int:
    """Tasks that would show it, 0 where the difference seen lies beyond the margin: no number of them would."""
    common = out.at(out.common)
    sides = (sums / counts for sums, counts in (common.candidate, common.baseline))
    delta = float(next(sides).mean() - next(sides).mean()) if len(common.domains) else -margin
    return (tasks_to_decide(out, margin, policy, policy.alpha) or 0) if delta > -margin else 0


def _domain_verdicts(e: GateEvidence) -> tuple[DomainVerdict, ...]:
    policy, family = e.policy, {one.domain: one for one in e.tests.domains}
    out = e.judged.outcomes.at(e.judged.outcomes.common)
    found = []
    for name in sorted({out.domain_names[code] for code in np.unique(out.domains).tolist()}):
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
    a, b = (f"`{side.contender}`" for side in (e.pairs.candidate, e.pairs.baseline))
    if a == b:
        a, b = (f"{a} of {side.table.report.resolve().name}" for side in (e.pairs.candidate, e.pairs.baseline))
    open_ = [r for r in reasons if not r.holds]
    if decision is SHIP:
        method = f", {e.tests.overall.method})"  # for those who read the reasons
        proof = "".join(f". {r.text.replace(method, ')')}" for r in reasons if r.rule == "non_inferior")
        said = f"{a} may replace {b}: every rule of the policy holds{proof}"
    elif decision is BLOCK:
        harm = {"no_harm", "domains", *(["anchor_margin"] if e.drift and e.drift.shown else [])}
        said = f"{a} must not replace {b}: {'; '.join(r.text for r in open_ if r.rule in harm)}"
    elif decision is INCONCLUSIVE:
        said = f"not enough is shown to let {a} replace {b}; not shown: {', '.join(in_words(r.rule) for r in open_)}"
        said += "".join(f"; {r.text}" for r in open_ if r.rule in {"lost", "anchor_margin"})
        if needed is not None:
            whatever = needed == fewest_tasks(e.judged.outcomes, e.policy.margin, e.policy)
            said += f"; about {plural(needed, 'task')} would decide, "
            said += "even were there no difference at any" if whatever else "were the difference seen true"
    else:
        said = f"{a} and {b} cannot be judged: {'; '.join(r.text for r in open_)}"
    if e.tries.overspent(e.alpha) and decision is SHIP:
        said += f". {e.tries.text(e.alpha)}"
    lost = e.compared.errored + e.compared.ungraded if e.compared else 0
    worst = e.compared.bounds[0] if e.compared and e.compared.bounds and lost else 0.0
    if decision is SHIP and worst < -e.policy.margin:
        said += f". If every lost attempt had gone against the candidate: {core.points(worst)} points"
    if e.policy.exempt_domains and decision is not BLOCK:
        said += f". Exempt by policy: {core.listed(e.policy.exempt_domains, 20)}"
    return _clean(f"{decision.value}: {said}.")
