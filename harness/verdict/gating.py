"""The gate: may the candidate replace the baseline? SHIP, BLOCK, INCONCLUSIVE or INVALID, with every reason."""

import fcntl
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness import analysis, core
from harness.analysis import Change, PairedOutcomes, Pairs, Side, default_contender, load_evidence, pair_sides
from harness.core import Comparison, Decision, Estimate, EvidenceError, UsageError, as_json, percent_interval, plural
from harness.stats import wilson_interval
from harness.store import TaskTable, load_settings
from harness.verdict.baseline import baseline_contender as standing
from harness.verdict.baseline import changed_since_lock, read_lock
from harness.verdict.early_run import replayed
from harness.verdict.gate_statistics import gate_tests, tasks_to_decide
from harness.verdict.rules import GATE_RULES, GateEvidence, Policy, Reason, check_domains, in_words, load_policy

SHIP, BLOCK, INCONCLUSIVE, INVALID = Decision.SHIP, Decision.BLOCK, Decision.INCONCLUSIVE, Decision.INVALID
EXIT_CODES: Mapping[Decision, int] = {SHIP: 0, BLOCK: 1, INCONCLUSIVE: 3, INVALID: 4}  # 2 is wrong use
VERDICT, LOG = "verdict.json", "verdicts.jsonl"  # the latest verdict of a folder; every one, a line each
_clean = core.Redactor()
Make = Callable[[np.random.Generator], PairedOutcomes]

_RESAMPLES = 999  # sign patterns a repetition: a share over repetitions needs no finer p value


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
        pairs, unlocked = _sides(baseline, candidate, baseline_contender, candidate_contender)
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
    e = GateEvidence(pairs=pairs, policy=rules, unlocked=unlocked, early=replayed(pairs, rules, baseline, source))
    reasons = [reason for rule in GATE_RULES.values() if rule.check for reason in rule.judge(e)]
    decision, one = INVALID, e.early.decided
    if all(reason.holds for reason in reasons):
        reasons += [reason for rule in GATE_RULES.values() if not rule.check for reason in rule.judge(e)]
        proved = e.tests.proves and all(reason.holds for reason in reasons if reason.rule != "no_harm")
        decision = one.decision if one else BLOCK if e.tests.blocks else SHIP if proved else INCONCLUSIVE
    needed = _needed(e) if decision is INCONCLUSIVE else None
    said, a, b = _sentence(e, decision, reasons, needed), e.judged.candidate, e.judged.baseline
    if one and len(one.rows) < one.planned:
        said = f"{said[:-1]}; decided early, after {len(one.rows):,} of {plural(one.planned, 'task')}."
    return Gate(
        decision=decision,
        exit_code=EXIT_CODES[decision],
        reasons=tuple(replace(reason, text=_clean(reason.text)) for reason in reasons),
        comparison=e.compared,
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
    out, policy, tests = e.judged.outcomes, e.policy, e.tests
    n = int(out.common.sum())
    found = [policy.minimum_tasks] if n < policy.minimum_tasks else []
    if not tests.overall.holds:
        found.append(tasks_to_decide(out, policy.margin, policy, tests.harm_level) or 0)
    for name, proof in tests.critical:
        if not proof.holds and proof.n_tasks:
            own = tasks_to_decide(out.of_domain(name), proof.margin, policy, policy.alpha) or 0
            found.append(-(-own * n // proof.n_tasks))
    return max(found, default=0) or None


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
    if decision is SHIP:
        method = f", {e.tests.overall.method})"  # for those who read the reasons
        proof = "".join(f". {r.text.replace(method, ')')}" for r in reasons if r.rule == "non_inferior")
        said = f"{a} may replace {b}: every rule of the policy holds{proof}"
    elif decision is BLOCK:
        said = f"{a} must not replace {b}: {'; '.join(r.text for r in open_ if r.rule in {'no_harm', 'domains'})}"
    elif decision is INCONCLUSIVE:
        said = f"not enough is shown to let {a} replace {b}; not shown: {', '.join(in_words(r.rule) for r in open_)}"
        if needed is not None:
            said += f"; about {plural(needed, 'task')} would decide, were the difference seen true"
    else:
        said = f"{a} and {b} cannot be judged: {'; '.join(r.text for r in open_)}"
    if e.policy.exempt_domains and decision is not BLOCK:
        said += f". Exempt by policy: {core.listed(e.policy.exempt_domains, 20)}"
    return _clean(f"{decision.value}: {said}.")


def log_verdict(view: Gate, folder: Path, at: datetime) -> Path:
    """Adds a verdict to the folder's log, with the time at which it was given; it is on the disk when this returns.

    Two gates that write at once wait for each other. After an OSError no half of a line is left behind, if possible.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """How the gate did on equals, and on a regression that was planted."""

    contenders: tuple[str, ...]  # one whose trials were split, or two whose outcomes were swapped
    method: str
    n_tasks: int
    repetitions: int
    seed: int
    equal: Mapping[str, int]  # how often each decision fell on equals
    flip_rate: Estimate  # the share of equals that were blocked
    planted: float  # by how much the pass rate was lowered
    regression: Mapping[str, int]  # how often each decision fell on the regression
    false_ship: Estimate  # the share of regressions that shipped
    sentence: str


def self_test(
    report: Path,
    policy: Policy | Path | None = None,
    *,
    baseline_contender: str | None = None,
    candidate_contender: str | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> SelfTest:
    """How often the gate changes its mind on equals, and whether it sees a regression of the margin's size.

    Equals are made of the report's own outcomes: the trials of one contender are split at random into two or, with one
    trial a task, two contenders swap theirs. Cost and latency take no part. Raises as `gate`.
    """
    if repetitions < 1:
        raise UsageError(f"--repetitions {repetitions}: at least one is needed")
    rules = load_policy(policy)
    table, manifest = load_evidence(report)
    check_domains(rules, table.domain_names, policy)
    first, second = standing(table, read_lock(report), baseline_contender, candidate_contender), candidate_contender
    method, names = "the trials of each task split at random in two", [first]
    make = None if second else _split(table, first)
    if make is None:
        second = second or default_contender(table, "--candidate-contender", besides=first)
        if second == first:
            raise UsageError(f"{first!r} is swapped with itself; name another with --candidate-contender")
        one, other = (Side(table=table, manifest=manifest, contender=name) for name in (second, first))
        paired = pair_sides(one, other).outcomes
        make, names = _swapped(paired.at(paired.common)), [first, second]
        method = "the outcomes of the two swapped at random, task by task"
    rng, n = np.random.default_rng(seed), 0
    found: list[dict[str, int]] = []
    for planted in (0.0, rules.margin):
        decisions = dict.fromkeys(("BLOCK", "INCONCLUSIVE", "SHIP"), 0)
        for number in range(repetitions):
            outcomes = worsened(make(rng), planted, rng) if planted else make(rng)
            tests, n = gate_tests(outcomes, rules, seed=seed + number, resamples=_RESAMPLES), int(outcomes.common.sum())
            proved = tests.proves and n >= rules.minimum_tasks
            decisions["BLOCK" if tests.blocks else "SHIP" if proved else "INCONCLUSIVE"] += 1
        found.append(decisions)
    told, shares = Estimate(value=None, n_tasks=repetitions, n_trials=repetitions, method="Wilson over repetitions"), []
    for hits in (found[0]["BLOCK"], found[1]["SHIP"]):
        low, high = wilson_interval(hits, repetitions)
        shares.append(replace(told, value=hits / repetitions, low=low, high=high))
    flips, ships = shares
    ends = ", ".join(f"{word} {100 * number / repetitions:.1f}%" for word, number in found[1].items())
    return SelfTest(
        contenders=tuple(names),
        method=method,
        n_tasks=n,
        repetitions=repetitions,
        seed=seed,
        equal=found[0],
        flip_rate=flips,
        planted=rules.margin,
        regression=found[1],
        false_ship=ships,
        sentence=f"On {plural(n, 'task')} equals are blocked {percent_interval(flips)} of the time, "
        f"{'more than' if (flips.low or 0.0) > rules.alpha else 'within'} the {100 * rules.alpha:g}% allowed; a true "
        f"drop of {100 * rules.margin:g} points ends in {ends}, and ships {percent_interval(ships)} of the time.",
    )


def worsened(outcomes: PairedOutcomes, drop: float, rng: np.random.Generator) -> PairedOutcomes:
    """The candidate with passes turned to fails at random, so that its mean over tasks falls by ``drop`` on average.

    Each pass is lost with the chance ``drop`` over the pass rate of both sides, which do not differ but by chance.
    """
    (sums, counts), common = outcomes.candidate, outcomes.common
    sides = [s[common] / n[common] for s, n in (outcomes.candidate, outcomes.baseline)]
    rate = float(np.mean(sides)) if common.any() else 0.0
    share = min(1.0, drop / rate) if rate > 0.0 else 0.0
    whole = np.floor(sums + 1e-9).astype(np.int64)
    # What is left beside whole passes, a score between 0 and 1, is lessened by the same share.
    kept = whole - rng.binomial(whole, share) + (sums - whole) * (1.0 - share)
    return replace(outcomes, candidate=(np.maximum(kept, 0.0), counts))


def _split(table: TaskTable, name: str) -> Make | None:
    """Two halves of one contender's trials, or ``None`` where its tasks have not several 0/1 trials each."""
    i = table.index(name)
    counts, sums = table.counts[i], table.sums[i]
    used = counts >= 2
    whole = np.allclose(sums[used], np.round(sums[used])) and np.allclose(table.squares[i][used], sums[used])
    if not used.any() or used.sum() < (counts > 0).sum() or not whole:
        return None
    n, passes = counts[used], np.round(sums[used]).astype(np.int64)
    half = n // 2

    def make(rng: np.random.Generator) -> PairedOutcomes:
        mine = rng.hypergeometric(passes, n - passes, half)
        # The other half has as many trials, drawn from what is left: an odd one stays out.
        rest = rng.hypergeometric(passes - mine, n - half - (passes - mine), half)
        return PairedOutcomes(
            candidate=(mine.astype(np.float64), half.astype(np.float64)),
            baseline=(rest.astype(np.float64), half.astype(np.float64)),
            domains=table.domains[used],
            domain_names=table.domain_names,
            clusters=table.clusters[used],
        )

    return make


def _swapped(outcomes: PairedOutcomes) -> Make:
    """Clusters are swapped whole, since their tasks hang together."""
    names, codes = np.unique(outcomes.clusters, return_inverse=True)

    def make(rng: np.random.Generator) -> PairedOutcomes:
        swap = rng.integers(0, 2, len(names)).astype(bool)[codes]
        sides = zip(outcomes.candidate, outcomes.baseline, strict=True)
        (s1, s2), (n1, n2) = ((np.where(swap, theirs, ours), np.where(swap, ours, theirs)) for ours, theirs in sides)
        return replace(outcomes, candidate=(s1, n1), baseline=(s2, n2))

    return make
