"""``gate.yaml`` and its rules: what a candidate must hold, in words, and how it is judged.

A further rule is added here, and nowhere else: an entry of `GATE_RULES` and, where a user limits it, a key of `Policy`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from harness.analysis import Pairs, Side, graded_otherwise, gradings_of, renewal
from harness.core import Comparison, SuiteRecord, UserFileError, listed, nearest, p_equation, plural, points
from harness.stats import NonInferiority, compare, fieller_ratio
from harness.userfile import parse, read_yaml
from harness.verdict import gate_statistics
from harness.verdict.gate_statistics import LOOKS, Decided, GateTests, Limits

Share = Annotated[float, Field(strict=True, ge=0.0, le=1.0, allow_inf_nan=False)]
_BET = ", by the bet on every task, valid at any look"
Ratio = Annotated[float, Field(strict=True, gt=0.0, allow_inf_nan=False)]


class Policy(Limits):
    """What a candidate must hold to replace its baseline."""

    max_cost_ratio: Ratio | None = None
    max_latency_ratio: Ratio | None = None
    max_errored: Share = 0.02  # of each contender's attempts, the share that the instrument may have lost
    minimum_tasks: Annotated[int, Field(strict=True, ge=1)] = 1


def load_policy(policy: Policy | Path | str | None) -> Policy:
    """The policy itself, that of a file, or the defaults; UserFileError: the file is missing or wrong anywhere."""
    if policy is None or isinstance(policy, Policy):
        return policy or Policy()
    return parse(Policy, read_yaml(Path(policy)), Path(policy))


def check_domains(policy: Policy, domains: Iterable[str], source: Policy | Path | str | None) -> None:
    """Refuses a policy that names a domain which neither report has: it would guard, or excuse, nothing."""
    known, path = sorted(set(domains)), Path(source) if isinstance(source, str | Path) else "policy"
    named = [(key, name) for key in ("critical_domains", "exempt_domains") for name in getattr(policy, key)]
    for key, name in named:
        if name not in known:
            raise UserFileError(path, f"neither report has a domain {name!r}", field=key, advice=nearest(name, known))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule of the gate and what became of it."""

    rule: str
    holds: bool | None  # ``None`` where there is no evidence to say; missing evidence never ships
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the rows of a candidate come to that was run until decided, under the rule that its run began with."""

    reason: Reason | None = None  # the rule ``early``; ``None`` where the run had no rule of an early stop
    decided: Decided | None = None  # ``None`` where the evidence is judged as that of any run
    stretch: Pairs | None = None  # both sides at the tasks that were looked at; the others need not have been tried
    looked: Mapping[str, Any] | None = None  # how far, for the verdict's record; ``None``: this rule is not the run's


@dataclass(frozen=True, kw_only=True)  # without slots: what is computed once is kept in it
class GateEvidence:
    """What the rules of the gate judge by."""

    pairs: Pairs  # both sides at all tasks that both have
    policy: Policy
    unlocked: tuple[str, ...] | None  # what has changed of a locked baseline; ``None`` where nothing is locked
    early: Replayed

    @property
    def sides(self) -> tuple[tuple[str, Side], ...]:
        """Both with what they are called."""
        return ("baseline", self.pairs.baseline), ("candidate", self.pairs.candidate)

    @property
    def judged(self) -> Pairs:
        """Both sides at the tasks that are judged."""
        return self.early.stretch or self.pairs

    @cached_property
    def compared(self) -> Comparison | None:
        """The two at the tasks that are judged, candidate minus baseline; ``None`` where they share none."""
        pairs, out = self.judged, self.judged.outcomes
        a, b = pairs.candidate.contender, pairs.baseline.contender
        a, b = (a, b) if a != b else (f"{a} (candidate)", f"{b} (baseline)")
        if not out.common.any():
            return None
        lost_a, lost_b = pairs.candidate.lost[pairs.candidate_rows], pairs.baseline.lost[pairs.baseline_rows]
        sides = (*out.candidate, *out.baseline, out.clusters)
        return compare(*sides, a_name=a, b_name=b, a_errored=lost_a, b_errored=lost_b)

    @cached_property
    def tests(self) -> GateTests:
        """What the outcomes show. Checks do without it: they say whether there is anything to test."""
        one = self.early.decided
        return one.tests if one else gate_statistics.gate_tests(self.pairs.outcomes, self.policy)

    @property
    def looked(self) -> Policy:
        """The policy at the level at which something has to be proven: of an early stop that of the look."""
        one = self.early.decided
        return self.policy.model_copy(update={"alpha": one.alpha}) if one else self.policy

    def sure(self, alpha: float) -> str:
        """How sure a one-sided limit at this level is; of an early stop, by which look's level."""
        one = self.early.decided
        return f"level of look {one.of_look} of {LOOKS}, {100 * alpha:.2g}%" if one else f"{100 * (1 - alpha):g}%"


class GateRule(NamedTuple):
    """One rule of the gate."""

    check: bool  # whether the evidence can be judged at all: where it fails the verdict is INVALID. Judged first
    words: str  # what it asks for
    judge: Callable[[GateEvidence], Iterable[Reason]]  # each has to hold for SHIP; of none it does not apply


def in_words(rule: str) -> str:
    """What a rule asks for; its own name where it is none of `GATE_RULES`."""
    kind, _, of = rule.partition(":")
    return f"{GATE_RULES[kind].words if kind in GATE_RULES else kind} {of}".strip()


def _complete(e: GateEvidence) -> Iterable[Reason]:
    faults, early, stretch = [], e.early.reason, e.early.stretch
    one_report = e.pairs.candidate.table is e.pairs.baseline.table
    for word, side in e.sides[: 1 if stretch else 2]:
        if skipped := int(side.table.skipped[side.index].sum()):
            faults.append(f"the {word} never tried {plural(skipped, 'attempt')}")
        elif side.manifest is not None and not side.manifest.complete and not (stretch and one_report):
            because = f" ({side.manifest.stopped_because})" if side.manifest.stopped_because else ""
            faults.append(f"the {word}'s run is not done{because}")
    says_how = early is not None and not early.holds
    remedy = "the rule early says how it goes on" if says_how else "ownbench run goes on where it stopped"
    done = "the baseline's run is done, the candidate's is decided" if stretch else "both runs are done"
    yield Reason(rule="complete", holds=not faults, text=f"{'; '.join(faults)}; {remedy}" if faults else done)


def _rows(e: GateEvidence) -> Iterable[Reason]:
    bad = ("duplicates", "contradictions")
    faults = [f"{word}: {flag.text}" for word, side in e.sides for flag in side.table.flags if flag.kind in bad]
    text = "; ".join(dict.fromkeys(faults)) or "no duplicate or contradictory rows"
    yield Reason(rule="rows", holds=not faults, text=text)


def _same_suites(e: GateEvidence) -> Iterable[Reason]:
    """By digest where both have one: a suite may be renamed, and must not have been changed."""
    found = [{(side.table.suites[i], side.table.suite_digests[i]) for i in side.tried.tolist()} for _, side in e.sides]
    known = all(digest for side in found for _, digest in side)
    ours, theirs = ({digest if known else name: name for name, digest in side} for side in found)
    text, same = "both answered the same suites", ours.keys() == theirs.keys()
    if not same:
        renew = renewal(*(side.table.report for _, side in e.sides))
        how = renew or "run the candidate on the very tasks of the baseline"
        text = f"the suites differ ({other_suites(ours, theirs)}): {how}"
    yield Reason(rule="same_suites", holds=same, text=text)


def other_suites(baseline: Mapping[str, str], candidate: Mapping[str, str]) -> str:
    """Which side lacks which suite, and of which both have another version; suites by their identity, as names."""
    theirs = {baseline[key] for key in baseline.keys() - candidate.keys()}
    ours = {candidate[key] for key in candidate.keys() - baseline.keys()}
    lacks = (("the candidate lacks", theirs - ours), ("the baseline lacks", ours - theirs))
    parts = (*lacks, ("they have other versions of", theirs & ours))
    return "; ".join(f"{words} {listed(sorted(names), 5)}" for words, names in parts if names)


def _same_tasks(e: GateEvidence) -> Iterable[Reason]:
    shared, judged, stretch = len(e.pairs.outcomes.domains), e.judged.outcomes, e.early.stretch
    # What only a candidate that was stopped early has was never to be tried.
    alone = [(word, len(side.tried) - shared) for word, side in e.sides[: 1 if stretch else 2]]
    faults = [f"{plural(n, 'task')} tried by the {word} only" for word, n in alone if n]
    text = f"both tried the same {plural(len(judged.domains), 'task')}"
    text += f", the first of {shared:,} in an order that the seed fixes" if stretch else ""
    if not shared:
        text = "the two reports have no task in common"
    elif faults:
        text = "; ".join(faults) + ": what was left out may be what went wrong"
    elif not judged.common.any():
        text = "at no task do both have a graded attempt"
    yield Reason(rule="same_tasks", holds=not faults and bool(judged.common.any()), text=text)


def other_graders(ours: Mapping[str, SuiteRecord], theirs: Mapping[str, SuiteRecord]) -> list[str]:
    """The suites that the two graded by different versions of a grader, as far as manifests tell."""
    both = [(name, {*ours[name].graders}, {*theirs[name].graders}) for name in sorted(ours.keys() & theirs.keys())]
    return [name for name, first, second in both if first and second and first != second]


def _same_graders(e: GateEvidence) -> Iterable[Reason]:
    ours, theirs = (gradings_of(side.table.report, side.contender) for _, side in e.sides)
    other = [] if ours.keys() & theirs.keys() else other_graders(e.pairs.baseline.suites, e.pairs.candidate.suites)
    text = "nothing says that the graders differ"
    if otherwise := graded_otherwise(ours, theirs):
        reports = dict.fromkeys(str(side.table.report) for _, side in e.sides)
        how = " and ".join(f"`ownbench regrade {report}`" for report in reports)
        text = f"{plural(len(otherwise), 'task')} graded by another grader or reference; run {how} to grade both alike"
    elif other:
        text = f"{listed(other, 5)}: graded by another version of the grader; grade both again with one"
    yield Reason(rule="same_graders", holds=not otherwise and not other, text=text)


def _errored(e: GateEvidence) -> Iterable[Reason]:
    """The instrument lost few enough of each side's attempts; and what those could have made of the difference."""
    faults, parts, unknown, compared = False, [], False, e.compared
    for word, side in e.sides:
        one = e.early.stretch is not None and side is e.pairs.candidate
        share = side.lost_share(e.judged.candidate_rows if one else None)
        untried = not (side.table.trials > side.table.skipped)[side.index].any()
        unknown |= untried
        parts.append(f"{word} made none" if untried else f"{word} {100 * share:.1f}%")
        faults |= share > e.policy.max_errored and not untried
    text = f"attempts that the instrument lost: {', '.join(parts)}; allowed {100 * e.policy.max_errored:g}%"
    if compared is not None and compared.bounds is not None and compared.errored:
        low, high = map(points, compared.bounds)
        text += f"; if all had gone worst or best for the candidate: {low} or {high} points"
    yield Reason(rule="errored", holds=False if faults else None if unknown else True, text=text)


def _baseline(e: GateEvidence) -> Iterable[Reason]:
    none, same = "the baseline is not locked; ownbench baseline set locks it", "the baseline is as it was locked"
    text = none if e.unlocked is None else unlocked(e.unlocked) if e.unlocked else same
    yield Reason(rule="baseline", holds=not e.unlocked, text=text)


def unlocked(changed: Sequence[str]) -> str:
    """What is wrong with a locked baseline of which these have changed."""
    remedy = "restore it, or lock it again: ownbench baseline set"
    return f"the locked baseline has changed: {listed(changed, 5)}; {remedy}"


def _enough(e: GateEvidence) -> Iterable[Reason]:
    n = int(e.judged.outcomes.common.sum())
    text = f"{plural(n, 'task')} judged; at least {e.policy.minimum_tasks:,} asked for"
    yield Reason(rule="minimum_tasks", holds=n >= e.policy.minimum_tasks, text=text)


def _proof(e: GateEvidence, found: NonInferiority) -> str:
    verb = "non-inferior" if found.holds else "not shown to be non-inferior"
    low = "" if found.low is None else f", at worst {points(found.low)} ({e.sure(found.alpha)}, {found.method})"
    on = f"{points(found.delta)} points on {plural(found.n_tasks, 'task')}{low}"
    return f"{on}: {verb} at {100 * found.margin:g} points ({p_equation(found.p_value)})"


def _non_inferior(e: GateEvidence) -> Iterable[Reason]:
    found, c = e.tests.overall, e.compared
    text, p, delta = _proof(e, found), c.p_value if c else None, found.delta
    if found.holds and p is not None and p <= e.looked.alpha and delta is not None and delta < 0:
        by = " by a test of one look, not corrected" if e.early.decided else ""
        text += f"; significantly worse{by} ({p_equation(p)}) and yet non-inferior: the margin decides"
    elif not found.holds and not e.tests.blocks:
        equal = gate_statistics.tasks_if_equal(e.judged.outcomes, e.policy.margin, e.looked)
        text += "" if equal is None else f"; were the two equal, about {plural(equal, 'task')} would show it"
    yield Reason(rule="non_inferior", holds=found.holds, text=text)


def _no_harm(e: GateEvidence) -> Iterable[Reason]:
    harm, level = e.tests.harm, f"{100 * e.tests.harm_level:g}%"
    shown = harm.p_value <= e.tests.harm_level
    how = f"{p_equation(harm.p_value)} one-sided, at {level}{_BET if e.early.decided else ''}"
    text = f"{'' if shown else 'not '}shown to be worse overall ({how})"
    blocks = e.early.decided.harmed_overall if e.early.decided else e.tests.harmed_overall
    if shown and not blocks:
        text += f", by less than {100 * e.tests.overall.margin:g} points: that alone does not block"
    yield Reason(rule="no_harm", holds=not blocks, text=text)


def _no_domain_harmed(e: GateEvidence) -> Iterable[Reason]:
    family, harmed = e.tests.domains, sorted(e.tests.harmed, key=lambda one: one.delta)
    text = "not checked: only one domain"
    if harmed:
        names = [f"{one.domain} {points(one.delta)} points ({p_equation(one.p_adjusted)})" for one in harmed]
        text = f"harmed: {listed(names, 5)}"
    elif family:
        level = f"{100 * e.policy.alpha / 2:g}%{_BET if e.early.decided else ''}"
        text = f"none of {plural(len(family), 'domain')} is shown to be harmed (all together at {level})"
    exempt = f"; exempt by policy: {listed(e.policy.exempt_domains, 20)}" if e.policy.exempt_domains else ""
    yield Reason(rule="domains", holds=not harmed, text=text + exempt)


def _critical(e: GateEvidence) -> Iterable[Reason]:
    for name, found in e.tests.critical:
        text = _proof(e, found) if found.n_tasks else "no task of it was judged"
        if found.n_tasks and not found.holds:
            here = e.judged.outcomes.of_domain(name)
            needed = gate_statistics.tasks_to_decide(here, found.margin, e.looked, e.looked.alpha)
            text += f"; unprovable on so few, about {plural(needed, 'task')} of it would decide" if needed else ""
        yield Reason(rule=f"critical:{name}", holds=found.holds if found.n_tasks else None, text=text)


def _ratio(e: GateEvidence, rule: str, allowed: float | None) -> Iterable[Reason]:
    """A ratio of means within its limit by its upper one-sided limit; unknown is unknown."""
    if allowed is None:
        return
    first, second = e.judged.per_task(rule)
    clusters = e.judged.outcomes.clusters[e.judged.outcomes.common]
    found = fieller_ratio(first, second, clusters, 1.0 - 2.0 * e.looked.alpha)
    what = "cost a task" if rule == "cost" else "seconds a task"
    holds = None
    if found.value is None or found.high is None:
        no_base = found.value is None and not float(second.sum())
        why = "the baseline's is 0" if no_base else found.why or "it cannot be bounded"
        seen = "unknown" if found.value is None else f"{found.value:.3g} times, unbounded"
        text = f"{what}: {seen}, and {allowed:g} times the baseline's is the limit ({why})"
    else:
        holds = found.high <= allowed
        at_most = f"{found.value:.3g} times the baseline's, at most {found.high:.3g} ({e.sure(e.looked.alpha)})"
        text = f"{what}: {at_most}; allowed {allowed:g}"
    yield Reason(rule=rule, holds=holds, text=text)


GATE_RULES = {
    name: GateRule(check, words, judge)
    for check, name, words, judge in (
        (True, "readable", "the files can be read", lambda _: ()),
        (True, "complete", "both runs are done", _complete),
        (True, "rows", "no duplicate or contradictory rows", _rows),
        (True, "same_suites", "both answered the same suites", _same_suites),
        (True, "same_tasks", "both tried the same tasks", _same_tasks),
        (True, "same_graders", "both were graded alike", _same_graders),
        (True, "errored", "few attempts were lost", _errored),
        (True, "baseline", "the baseline is as it was locked", _baseline),
        (True, "early", "stopped early by this very policy", lambda e: [e.early.reason] if e.early.reason else []),
        (False, "minimum_tasks", "enough tasks", _enough),
        (False, "non_inferior", "drop within the margin", _non_inferior),
        (False, "no_harm", "not worse overall", _no_harm),
        (False, "domains", "no domain is harmed", _no_domain_harmed),
        (False, "critical", "within its own margin: domain", _critical),
        (False, "cost", "cost within its limit", lambda e: _ratio(e, "cost", e.policy.max_cost_ratio)),
        (False, "latency", "latency within its limit", lambda e: _ratio(e, "latency", e.policy.max_latency_ratio)),
    )
}  # by name, in the order in which they are shown; ``critical`` is followed by the domain's name
