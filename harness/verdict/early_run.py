"""A run that may stop early: what it is bound to, a candidate on its way, and what recorded rows come to by that."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import analysis
from harness.analysis import PairedOutcomes, Pairs, Side, coarser_clusters, load_evidence, seconds_of
from harness.core import (
    EvidenceError,
    Outcome,
    Status,
    SuiteRecord,
    UsageError,
    listed,
    plural,
    points_interval,
)
from harness.verdict import rules as gate_rules
from harness.verdict.arrays import Floats, Ints
from harness.verdict.baseline import (
    Anchor,
    anchor_of,
    baseline_contender,
    changed_since_lock,
    read_lock,
)
from harness.verdict.drawing import Key
from harness.verdict.early import Evidence, StoppingRule
from harness.verdict.early_plan import at_anchor, differing, early_record, plan_early
from harness.verdict.gate_evidence import Reason, Replayed
from harness.verdict.policy import Policy, check_domains, load_policy


def replayed(pairs: Pairs, policy: Policy, baseline: Path, source: Path | None, anchor: Anchor | None) -> Replayed:
    """Judges a candidate that was run until it was decided: its plan's rule goes once more over the recorded rows.

    What the manifest says was decided is never taken for granted. ``source`` is the policy's file.
    """
    side, manifest = pairs.candidate, pairs.candidate.manifest
    digest = side.table.contender_digests[side.index]
    recorded = manifest.early_records.get(digest) if manifest else None
    if manifest is None or recorded is None or not len(pairs.baseline_rows):  # other checks say that nothing is common
        return Replayed()
    keys = [pairs.baseline.table.keys[i] for i in pairs.baseline_rows.tolist()]
    seed = recorded["seed"] if isinstance(recorded.get("seed"), int) else manifest.seed
    against, latency = (baseline, pairs.baseline.contender), policy.max_latency_ratio is not None
    plan, units = plan_early(
        (side.contender, digest), against, policy, seed, anchor=anchor, keys=keys, outcomes=pairs.outcomes
    )
    since = at_anchor(anchor, pairs.baseline, pairs.baseline_rows, policy)
    rule = StoppingRule(units, _evidence(pairs, since, latency=latency), policy)
    if other := differing(recorded, early_record(plan, rule)):
        left, then = bool(side.table.skipped[side.index].any()), "all attempts are made and judged as one"
        if left:
            then = "judge it by that one, or make all attempts: ownbench run without --until-decided"
        text = f"the run was to be stopped by another rule than this: {other}; {then}"
        return Replayed(reason=Reason(rule="early", holds=not left, text=text))
    decided = rule.advance()
    now = early_record(plan, rule)
    looked = {name: now[name] for name in ("decision", "looked_at", "looks")}
    looked |= {"planned": len(keys), "look": decided.look if decided else None, "interval": now["interval"]}
    if decided is None:
        text = f"{rule.looked_at:,} of {plural(len(keys), 'task')} are done in their order, and decide nothing yet"
        command = analysis.early_command(side.table.report, recorded, baseline=baseline, policy=source)
        return Replayed(reason=Reason(rule="early", holds=False, text=f"{text}; {command} goes on"), looked=looked)
    ours, theirs = pairs.candidate_rows[decided.rows], pairs.baseline_rows[decided.rows]
    stretch = replace(pairs, candidate_rows=ours, baseline_rows=theirs, outcomes=pairs.outcomes.at(decided.rows))
    early = "early, " if len(decided.rows) < decided.planned else ""
    where = "between two looks" if decided.look is None else f"at look {decided.look} of {len(rule.looks)}"
    text = (
        f"decided {early}after {len(decided.rows):,} of {plural(decided.planned, 'task')}: {decided.decision.value} "
        f"{where}. At any look the difference lies within {interval_text(now['interval'])}. Levels are those of a run "
        "that is looked at on its way; the difference, its 95% interval and its p are of one look, not corrected for it"
    )
    return Replayed(reason=Reason(rule="early", holds=True, text=text), decided=decided, stretch=stretch, looked=looked)


def interval_text(found: Mapping[str, float]) -> str:
    """An interval valid at any look, in one phrase."""
    return f"{points_interval(found['low'], found['high'])} points ({100 * found['level']:g}%)"


def _evidence(pairs: Pairs, anchor: tuple[Floats, Floats, Floats] | None, *, latency: bool) -> Evidence:
    side, rows = pairs.candidate, pairs.candidate_rows
    sides = ((side, rows), (pairs.baseline, pairs.baseline_rows))
    our_cost, their_cost = (one.table.cost_sums[one.index][at] for one, at in sides)
    ours, theirs = (seconds_of(one)[at] if latency else np.zeros(len(at)) for one, at in sides)
    skipped = side.table.skipped[side.index][rows]
    return Evidence(
        outcomes=pairs.outcomes,
        cost=(our_cost, their_cost),
        seconds=(ours, theirs),
        made=(side.table.trials[side.index][rows] - skipped).astype(np.float64),
        lost=side.lost[rows],
        done=skipped == 0,
        baseline_lost=pairs.lost[1],
        anchor=anchor,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyCandidate:
    """What is known of a candidate before its run."""

    report: Path
    contender: str
    digest: str
    seed: int
    attempts: Sequence[Any]  # those that its experiment means to make, each at a task of a suite
    suites: Sequence[SuiteRecord]  # as its manifest will describe them
    recorded: Mapping[str, Any] | None = None  # the plan in its manifest of this very contender, from an earlier call
    dev_attempts: int = 0  # attempts made besides, to choose its threshold on


class UntilDecided:
    """The ``Watch`` of a run, of one candidate against one baseline; `order` first, then `start`, then `settled`.

    Its ``opening`` goes to standard error once, when nothing was refused at the start.
    """

    def __init__(
        self, candidate: EarlyCandidate, baseline: Path, name: str | None, policy: Policy | Path | None
    ) -> None:
        """Reads the baseline (``name`` is its contender, by default as for `gate`) and binds the rule to it.

        Raises UsageError: the two can never be judged side by side; EvidenceError: the baseline is not fit to be used.
        """
        rules = load_policy(policy).of_one_try()
        self.candidate, self.contender, self.opening = candidate, candidate.contender, ""
        self.policy, (self._side, self._anchor) = rules, _baseline_of(candidate, baseline, name, rules)
        table, name = self._side.table, self._side.contender
        check_domains(rules, {*table.domain_names, *(a.task.domain for a in candidate.attempts)}, policy)
        self._rows, self._clusters, self._trials = _common(candidate, self._side)
        self._keys, who, of = list(self._trials), (candidate.contender, candidate.digest), (baseline, name)
        none = self._no_outcomes()
        self.plan, self._units = plan_early(
            who, of, rules, candidate.seed, anchor=self._anchor, keys=self._keys, outcomes=none
        )
        self.planned = sum(self._trials.values())
        self.at_once = max(4, self.planned // 20)
        """Attempts in flight at most: what is begun before it is decided is paid for, and is not looked at."""
        self._place = {key: i for i, key in enumerate(self._keys)}
        self._begin()

    @property
    def saved_usd(self) -> float | None:
        """Of attempts not made, at the mean cost of those made; ``None`` where that is not known."""
        known = [cost for cost in self.costs if cost is not None]
        unknown = not known or len(known) < len(self.costs)
        return None if unknown else sum(known) / len(known) * (self.planned - len(self.costs))

    def order(self, attempts: Sequence[Any]) -> list[Any]:
        """A run's attempts at tasks that count, in the rule's order, all trials of a task one after another."""
        places = {self._keys[i]: place for place, i in enumerate(i for unit in self._units for i in unit)}
        counted = [a for a in attempts if (a.suite.digest, a.task.digest) in places]
        return sorted(counted, key=lambda a: (places[a.suite.digest, a.task.digest], a.trial))

    def start(self, recorded: Iterable[Outcome], others: Iterable[Outcome] = ()) -> str | None:
        """Begins anew from what earlier calls of the run recorded; why to stop at once, where it is decided already.

        ``others`` are of an earlier form of the experiment. UsageError: the rule may have been chosen by what was seen.
        """
        self._begin()
        for outcome in recorded:
            self._take(outcome)
        one, made = self.candidate, len(self.costs)
        seen = made or any(other.contender_digest == one.digest for other in others)
        if not one.recorded and made == self.planned:
            raise UsageError(f"{one.report}: every attempt is made already; ownbench gate judges them")
        if not one.recorded and made:
            is_ = f"{plural(made, 'attempt')} of {one.contender} {'is' if made == 1 else 'are'} recorded"
            problem = f"{is_}, and the rule is fixed before the first"
            raise UsageError(f"{one.report}: {problem}; make all without --until-decided, ownbench gate judges them")
        if one.recorded and seen and (other := differing(one.recorded, self.record())):
            problem = f"{one.report}: {one.contender} began under another rule: {other}"
            raise UsageError(f"{problem}; go on under that one, or make all attempts without --until-decided")
        enough = self._advance()
        sys.stderr.write(self.opening)
        self.opening = ""
        return enough

    def settled(self, outcome: Outcome) -> str | None:
        """Told of one more outcome; why no further attempt should begin, where that is so."""
        return self._advance() if self._take(outcome) else None

    def record(self) -> dict[str, Any]:
        """The plan and what came of it, as the manifest keeps it."""
        return early_record(self.plan, self.rule)

    def _advance(self) -> str | None:
        return f"decided, {decided.text}" if (decided := self.rule.advance()) else None

    def _take(self, outcome: Outcome) -> bool:
        """Whether the outcome counts, and completes a task."""
        place = self._place.get((outcome.suite_digest, outcome.task_digest))
        if place is None or outcome.contender_digest != self.candidate.digest:
            return False
        held = self._evidence
        if outcome.passed is not None:
            sums, counts = held.outcomes.candidate
            sums[place] += outcome.passed
            counts[place] += 1
            for values, value in ((held.cost[0], outcome.cost_usd), (held.seconds[0], outcome.latency_s)):
                values[place] += float("nan") if value is None else value
        held.lost[place] += outcome.status in {Status.ERRORED, Status.UNGRADED}
        held.made[place] += 1
        held.done[place] = held.made[place] >= self._trials[self._keys[place]]
        self.costs.append(outcome.cost_usd)
        return bool(held.done[place])

    def _begin(self) -> None:
        side, rows, n = self._side, self._rows, len(self._rows)
        wanted = self.policy.max_latency_ratio is not None
        self._evidence = Evidence(
            outcomes=self._no_outcomes(),
            cost=(np.zeros(n), side.table.cost_sums[side.index][rows]),
            seconds=(np.zeros(n), seconds_of(side)[rows] if wanted else np.zeros(n)),
            made=np.zeros(n),
            lost=np.zeros(n),
            done=np.zeros(n, dtype=bool),
            baseline_lost=side.lost[rows],
            anchor=at_anchor(self._anchor, side, rows, self.policy),
        )
        self.rule = StoppingRule(self._units, self._evidence, self.policy)
        self.costs: list[float | None] = []  # dollars of each attempt made

    def _no_outcomes(self) -> PairedOutcomes:
        """The baseline's outcomes beside none of the candidate's."""
        table, i, rows = self._side.table, self._side.index, self._rows
        return PairedOutcomes(
            candidate=(np.zeros(len(rows)), np.zeros(len(rows))),
            baseline=(table.sums[i][rows], table.counts[i][rows].astype(np.float64)),
            domains=table.domains[rows],
            domain_names=table.domain_names,
            clusters=coarser_clusters(self._clusters, table.clusters[rows]),
        )


def _baseline_of(
    candidate: EarlyCandidate, baseline: Path, name: str | None, rules: Policy
) -> tuple[Side, Anchor | None]:
    """The baseline's side, which has to be done, as it was locked, and with few attempts lost; and its anchor."""
    table, manifest = load_evidence(baseline, apart=True)
    same, lock = baseline.resolve() == candidate.report.resolve(), read_lock(baseline)
    besides = candidate.contender if same else None
    if same and (name == besides or table.contenders == (besides,)):
        raise UsageError(f"{besides!r} would be held against itself; name another with --baseline-contender")
    name = baseline_contender(table, lock, name, besides)
    side = Side(table=table, manifest=manifest, contender=name)
    # A report that holds the candidate too is not done as a whole: there the baseline's own rows have to say it.
    unmade = int(table.skipped[side.index].sum())
    if unmade or not (same or manifest is None or manifest.complete):
        what = f"did not finish {plural(unmade, 'attempt')}" if unmade else "is in a run that is not done"
        raise EvidenceError(f"{baseline}: the baseline {name} {what}; ownbench run goes on with it")
    if lock and (changed := changed_since_lock(baseline, table, lock, name)):
        raise EvidenceError(f"{baseline}: {gate_rules.unlocked(changed)}")
    if side.lost_share() > rules.max_errored:
        lost, allowed = f"{100 * side.lost_share():.1f}%", f"{100 * rules.max_errored:g}% is allowed"
        lost += f" of the attempts of {name} were lost by the instrument"
        raise EvidenceError(f"{baseline}: {lost}, {allowed}; run it with --retry-errored")
    anchor = anchor_of(baseline, lock, name)
    if anchor is not None:
        fault = anchor.fault
        if not fault and anchor.side is not None and anchor.side.keys.keys() != side.keys.keys():
            fault = "it has other tasks than the baseline; ownbench baseline set --anchor makes the baseline the anchor"
        if fault:
            raise EvidenceError(f"{baseline}: the anchor is {anchor.name}: {fault}")
    return side, anchor


def _common(candidate: EarlyCandidate, side: Side) -> tuple[Ints, Ints, dict[Key, int]]:
    """The tasks that both have, in the baseline's order: their rows there, the candidate's clusters, its trials."""
    where = f"{candidate.report} and {side.table.report}"
    planned: dict[Key, list[Any]] = {}
    for attempt in candidate.attempts:
        planned.setdefault((attempt.suite.digest, attempt.task.digest), []).append(attempt)
    there = side.keys
    both = [key for key in there if key in planned]
    ours = {a.suite.digest: a.suite.name for a in candidate.attempts}
    theirs = {side.table.suite_digests[i] or side.table.suites[i]: side.table.suites[i] for i in there.values()}
    other = gate_rules.other_graders(side.suites, {suite.name: suite for suite in candidate.suites})
    problem = None
    if not both:
        how = analysis.renewal(side.table.report, candidate.report)
        remedy = how or "run the candidate on the very suites of the baseline"
        problem = f" have no task in common; {remedy}"
    elif ours.keys() != theirs.keys():
        differ = gate_rules.other_suites(theirs, ours)
        problem = f": the suites differ ({differ}); run the candidate on the very suites of the other"
    elif len(both) < len(there):
        missing = f"{plural(len(there) - len(both), 'task')} of the baseline are not in the candidate's plan"
        problem = f": {missing}; plan them too, what is left out may be what goes wrong"
    elif other:
        problem = f": {listed(other, 5)} is graded by another version of the grader; run the baseline again"
    if problem:
        raise UsageError(where + problem)
    codes: dict[tuple[str, str], int] = {}
    of = [(planned[key][0].suite.name, planned[key][0].task.cluster) for key in both]
    clusters = [codes.setdefault(cluster, len(codes)) for cluster in of]
    rows = np.array([there[key] for key in both], dtype=np.int64)
    return rows, np.array(clusters, dtype=np.int64), {key: len(planned[key]) for key in both}
