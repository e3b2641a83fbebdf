"""The rules of the gate: what a candidate must hold, in words, and how it is judged.

A further rule is added here: an entry of `GATE_RULES` and, where a user limits it, a key of `Policy`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from harness import stats
from harness.analysis import Side, changes_of_pairs, graded_otherwise, gradings_of, renewal
from harness.core import SuiteRecord, listed, p_equation, plural, points, points_interval
from harness.stats import NonInferiority, fieller_ratio
from harness.verdict import gate_statistics
from harness.verdict.gate_evidence import GateEvidence, Reason

_BET = ", by the bet on every task, valid at any look"


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
            faults.append(f"the {word} did not finish {plural(skipped, 'attempt')}")
        elif side.manifest is not None and not side.manifest.complete and not (stretch and one_report):
            because = f" ({side.manifest.incomplete_because})" if side.manifest.incomplete_because else ""
            faults.append(f"the {word}'s run is not done{because}")
    says_how = early is not None and not early.holds
    remedy = "the rule early says how it goes on" if says_how else "ownbench run goes on where it stopped"
    done = "the baseline's run is done, the candidate's is decided" if stretch else "both runs are done"
    silent = [word for word, side in e.sides if side.manifest is None]
    if silent:
        done = f"nothing on record says whether the run of the {' and that of the '.join(silent)} is done"
    text = f"{'; '.join(faults)}; {remedy}" if faults else done
    yield Reason(rule="complete", holds=not faults, text=text, checked=bool(faults) or not silent)


def _rows(e: GateEvidence) -> Iterable[Reason]:
    bad = ("duplicates", "contradictions")
    faults = [f"{word}: {flag.text}" for word, side in e.sides for flag in side.table.flags if flag.kind in bad]
    text = "; ".join(dict.fromkeys(faults)) or "no duplicate or contradictory rows"
    yield Reason(rule="rows", holds=not faults, text=text)


def _same_suites(e: GateEvidence) -> Iterable[Reason]:
    differ = _suites_differ(e.pairs.candidate, e.pairs.baseline)
    text = "both answered the same suites"
    if differ:
        renew = renewal(*(side.table.report for _, side in e.sides))
        how = renew or "run the candidate on the very tasks of the baseline"
        text = f"the suites differ ({differ}): {how}"
    yield Reason(rule="same_suites", holds=not differ, text=text)


def _suites_differ(candidate: Side, baseline: Side) -> str:
    """In what, if at all; by digest where both have one: a suite may be renamed, and must not have been changed."""
    sides = (baseline, candidate)
    found = [side.table.suites_of(side.tried) for side in sides]
    known = all(digest for side in found for _, digest in side)
    ours, theirs = ({digest if known else name: name for name, digest in side} for side in found)
    return other_suites(ours, theirs) if ours.keys() != theirs.keys() else ""


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
    fewer = [_fewer_trials(e, side) for _, side in e.sides]
    if any(fewer) and not stretch:
        of = " and ".join(f"{n:,} of the {word}" for (word, _), n in zip(e.sides, fewer, strict=True) if n)
        text += f"; attempts without a row ({of}) are neither failed nor lost: nothing is known of them"
    if not shared:
        text = "the two reports have no task in common"
    elif faults:
        text = "; ".join(faults) + ": what was left out may be what went wrong"
    elif not judged.common.any():
        text = "at no task do both have a graded attempt"
    yield Reason(rule="same_tasks", holds=not faults and bool(judged.common.any()), text=text)


def _fewer_trials(e: GateEvidence, side: Side) -> int:
    """Rows that one side lacks of what the other tried."""
    pairs = e.pairs
    rows = ((pairs.candidate, pairs.candidate_rows), (pairs.baseline, pairs.baseline_rows))
    ours, theirs = (one.table.trials_of(one.index)[at] for one, at in (rows if side is pairs.candidate else rows[::-1]))
    return int((theirs - ours).clip(min=0).sum())


def other_graders(ours: Mapping[str, SuiteRecord], theirs: Mapping[str, SuiteRecord]) -> list[str]:
    """The suites that the two graded by different versions of a grader, as far as manifests tell."""
    both = [(name, {*ours[name].graders}, {*theirs[name].graders}) for name in sorted(ours.keys() & theirs.keys())]
    return [name for name, first, second in both if first and second and first != second]


def _same_graders(e: GateEvidence) -> Iterable[Reason]:
    ours, theirs = (gradings_of(side.table, side.contender) for _, side in e.sides)
    other = [] if ours.keys() & theirs.keys() else other_graders(e.pairs.baseline.suites, e.pairs.candidate.suites)
    text, checked = _graded_alike(e, sum(key in theirs for key in ours))
    if otherwise := graded_otherwise(ours, theirs):
        reports = dict.fromkeys(str(side.table.report) for _, side in e.sides)
        how = " and ".join(f"`ownbench regrade {report}`" for report in reports)
        text = f"{plural(len(otherwise), 'task')} graded by another grader or reference; run {how} to grade both alike"
    elif other:
        text = f"{listed(other, 5)}: graded by another version of the grader; grade both again with one"
    judges = {name for _, side in e.sides if side.manifest for name in side.manifest.uncalibrated_judges}
    text += (
        f"; UNCALIBRATED: the judge {listed(sorted(judges), 5)} is held against no labels of people" if judges else ""
    )
    holds = not otherwise and not other
    yield Reason(rule="same_graders", holds=holds, text=text, checked=checked or not holds)


def _graded_alike(e: GateEvidence, known: int) -> tuple[str, bool]:
    """What is said where nothing differs, and whether that was checked at any task; ``known``: by their own digests."""
    ours, theirs = (side.suites for side in (e.pairs.candidate, e.pairs.baseline))
    if not known and not any(ours[name].graders and theirs[name].graders for name in ours.keys() & theirs.keys()):
        return "nothing on record says how both were graded", False
    n = int(e.judged.outcomes.common.sum())
    of = f", as recorded for {known:,} of {plural(n, 'task')}" if 0 < known < n else ""
    return f"both were graded alike{of}", True


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
    if compared is not None and compared.bounds is not None and compared.errored + compared.ungraded:
        low, high = map(points, compared.bounds)
        text += f"; if all had gone worst or best for the candidate: {low} or {high} points"
    yield Reason(rule="errored", holds=False if faults else None if unknown else True, text=text)


def _baseline(e: GateEvidence) -> Iterable[Reason]:
    none = "the baseline is not locked; ownbench baseline set locks it"
    same = "the baseline is as it was locked"
    text = none if e.unlocked is None else unlocked(e.unlocked) if e.unlocked else same
    if e.unlocked == () and (told := e.approval):
        text += f", after {told.get('decision')}: approved by {told.get('by')} ({told.get('reason')})"
    yield Reason(rule="baseline", holds=not e.unlocked, text=text, checked=e.unlocked is not None)


def _anchor(e: GateEvidence) -> Iterable[Reason]:
    """Whether the candidate can be compared with the anchor."""
    anchor, pairs = e.anchor, e.since_anchor
    if anchor is None:
        return
    text, fault = f"the anchor is {anchor.name}", anchor.fault
    if anchor.side is None and not fault:
        text += ": the baseline itself"
    if anchor.side is not None and pairs is not None:
        ours, side = e.pairs.candidate, anchor.side
        alone = len(e.judged.candidate_rows) - len(pairs.candidate_rows)
        left = 0 if e.early.stretch else len(side.tried) - len(pairs.candidate_rows)
        gradings = (gradings_of(one.table, one.contender) for one in (ours, side))
        if differ := _suites_differ(ours, side):
            fault = f"other suites than the anchor's ({differ.replace('baseline', 'anchor')})"
        elif alone or left:
            fault = f"{plural(alone + left, 'task')} tried by the candidate or the anchor only"
        elif graded_otherwise(*gradings) or other_graders(side.suites, ours.suites):
            fault = "graded otherwise than the anchor"
        elif not pairs.outcomes.common.any():
            fault = "at no task do candidate and anchor both have a graded attempt"
        fault += fault and "; ownbench baseline set --anchor makes a baseline of today the anchor"
    yield Reason(rule="anchor", holds=not fault, text=f"{text}: {fault}" if fault else text)


def _tries(e: GateEvidence) -> Iterable[Reason]:
    text, limited = e.tries.text(e.alpha), e.tries.allowed is not None
    text += "" if limited else "; the policy sets no limit"
    yield Reason(rule="tries", holds=not e.tries.fault, text=text, checked=limited)


def unlocked(changed: Sequence[str]) -> str:
    """What is wrong with a locked baseline of which these have changed."""
    remedy = "restore it, or lock it again: ownbench baseline set"
    return f"the locked baseline has changed: {listed(changed, 5)}; {remedy}"


def _enough(e: GateEvidence) -> Iterable[Reason]:
    n = int(e.judged.outcomes.common.sum())
    text = f"{plural(n, 'task')} judged; at least {e.policy.minimum_tasks:,} asked for"
    yield Reason(rule="minimum_tasks", holds=n >= e.policy.minimum_tasks, text=text)


def _proof(e: GateEvidence, found: NonInferiority, between: str = "") -> str:
    verb = "non-inferior" if found.holds else "not shown to be non-inferior"
    how = f"one-sided {e.sure(found.alpha)}, {found.method}"
    low = "" if found.low is None else f", at worst {points(found.low)} ({how})"
    on = f"{points(found.delta)} points{between} on {plural(found.n_tasks, 'task')}{low}"
    return f"{on}: {verb} at {100 * found.margin:g} points ({p_equation(found.p_value)})"


def _non_inferior(e: GateEvidence) -> Iterable[Reason]:
    found, c = e.tests.overall, e.compared
    text, p, delta = _proof(e, found), c.p_value if c else None, found.delta
    if found.holds and p is not None and p <= e.looked.alpha and delta is not None and delta < 0:
        by = " by a test of one look, not corrected" if e.early.decided else ""
        text += f"; significantly worse{by} ({p_equation(p)}) and yet non-inferior: the margin decides"
    elif not found.holds and not e.tests.blocks:
        equal = gate_statistics.tasks_if_equal(e.judged.outcomes, e.policy.margin, e.looked)
        if equal is not None and equal == gate_statistics.fewest_tasks(e.judged.outcomes, e.policy.margin, e.looked):
            text += f"; it takes about {plural(equal, 'task')} to show it, even were there no difference at any"
        elif equal is not None:
            text += f"; were the two equal, about {plural(equal, 'task')} would show it"
    text += "".join(f"; {note}" for note in changes_of_pairs(e.judged))
    yield Reason(rule="non_inferior", holds=found.holds, text=text)


def _lost(e: GateEvidence) -> Iterable[Reason]:
    """What is lost may be what would have failed: SHIP has to hold with that counted too."""
    if e.failed is None:
        return
    c, found = e.failed
    counts = zip(("candidate", "baseline"), e.judged.lost, strict=True)
    lost = " and ".join(f"{int(lost.sum()):,} of the {word}" for word, lost in counts)
    text = _proof(e, found.overall, f" {points_interval(c.low, c.high)}")
    text = f"lost attempts ({lost}) counted as failed: {text}"
    if open_ := [name for name, one in found.critical if not one.holds]:
        text += f"; not within its own margin: {listed(open_, 5)}"
    if found.harmed:
        text += f"; harmed: {listed([one.domain for one in found.harmed], 5)}"
    yield Reason(rule="lost", holds=found.holds, text=text)


def _since_anchor(e: GateEvidence) -> Iterable[Reason]:
    if (found := e.drift) is None or e.anchor is None:
        return
    text = f"since the anchor {_proof(e, found.graded)}"
    if found.shown:
        text += ": shown to have lost more than that"
    elif found.graded.holds and not found.failed.holds:
        text += f"; with lost attempts counted as failed {_proof(e, found.failed)}"
    yield Reason(rule="anchor_margin", holds=found.holds, text=text)


def _no_harm(e: GateEvidence) -> Iterable[Reason]:
    harm, level = e.tests.harm, f"{100 * e.tests.harm_level:.3g}%"
    shown = harm.p_value <= e.tests.harm_level
    out, best = e.judged.outcomes, ""
    if not e.early.decided:  # whose p holds at any look, which no interval here does
        how = {"p_value": harm.p_value, "level": 1.0 - e.tests.harm_level}
        high = stats.harm_limit(out.candidate, out.baseline, out.clusters, **how)
        sure = f"one-sided {100.0 * (1.0 - e.tests.harm_level):.4g}%"
        best = "" if high is None else f"at best {points(high)}, {sure}; "
    said = f"{best}{p_equation(harm.p_value)} one-sided, at {level}{_BET if e.early.decided else ', sign-flip'}"
    text = f"{'' if shown else 'not '}shown to be worse overall ({said})"
    blocks = e.early.decided.harmed_overall if e.early.decided else e.tests.harmed_overall
    if shown and not blocks:
        text += f", by less than {100 * e.tests.overall.margin:g} points: that alone does not block"
    yield Reason(rule="no_harm", holds=not blocks, text=text)


def _no_domain_harmed(e: GateEvidence) -> Iterable[Reason]:
    family, harmed = e.tests.domains, sorted(e.tests.harmed, key=lambda one: one.delta)
    several = len({*e.judged.outcomes.domains[e.judged.outcomes.common].tolist()}) > 1
    text = "every domain is exempt" if several else "only one domain"
    if harmed:
        names = [f"{one.domain} {points(one.delta)} points ({p_equation(one.p_adjusted)})" for one in harmed]
        text = f"harmed: {listed(names, 5)}"
    elif family:
        level = f"{100 * e.policy.alpha / 2:.3g}%{_BET if e.early.decided else ''}"
        text = f"none of {plural(len(family), 'domain')} is shown to be harmed (all together at {level})"
    exempt = f"; exempt by policy: {listed(e.policy.exempt_domains, 20)}" if e.policy.exempt_domains else ""
    yield Reason(rule="domains", holds=not harmed, text=text + exempt, checked=bool(family))


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
        (True, "anchor", "the anchor can be compared with", _anchor),
        (True, "tries", "no more tries than are allowed", _tries),
        (True, "early", "stopped early by this very policy", lambda e: [e.early.reason] if e.early.reason else []),
        (False, "minimum_tasks", "enough tasks", _enough),
        (False, "non_inferior", "drop within the margin", _non_inferior),
        (False, "lost", "drop within the margin with lost attempts counted as failed", _lost),
        (False, "anchor_margin", "drop since the anchor within its margin", _since_anchor),
        (False, "no_harm", "not worse overall", _no_harm),
        (False, "domains", "no domain is harmed", _no_domain_harmed),
        (False, "critical", "within its own margin: domain", _critical),
        (False, "cost", "cost within its limit", lambda e: _ratio(e, "cost", e.policy.max_cost_ratio)),
        (False, "latency", "latency within its limit", lambda e: _ratio(e, "latency", e.policy.max_latency_ratio)),
    )
}  # by name, in the order in which they are shown; ``critical`` is followed by the domain's name
