"""A candidate on its way: outcomes one by one against a finished baseline, until the rule has seen enough."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis import PairedOutcomes, Side, coarser_clusters, load_evidence, renewal, seconds_of
from harness.core import EvidenceError, Outcome, Status, SuiteRecord, UsageError, listed, plural
from harness.verdict.arrays import Ints
from harness.verdict.baseline import baseline_contender, changed_since_lock, read_lock
from harness.verdict.early import Evidence, Key, StoppingRule
from harness.verdict.early_plan import differing, plan_early
from harness.verdict.gate_statistics import Decided
from harness.verdict.rules import Policy, check_domains, load_policy, other_graders, other_suites


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
    """Watches one candidate against one baseline; `order` first, then `start`, then `settled` for each outcome.

    It is the ``Watch`` of a run. Its ``opening`` goes to standard error once, when nothing was refused at the start.
    """

    def __init__(
        self, candidate: EarlyCandidate, baseline: Path, name: str | None, policy: Policy | Path | None
    ) -> None:
        """Reads the baseline (``name`` is its contender, by default as for `gate`) and binds the rule to it.

        Raises UsageError: no such report or contender, or the two can never be judged side by side; UserFileError: the
        policy is wrong; EvidenceError: the baseline is not done, has no outcomes, or has changed since it was locked.
        """
        rules = load_policy(policy)
        self.candidate, self.contender, self.opening = candidate, candidate.contender, ""
        self._side = _baseline_of(candidate, baseline, name, rules)
        table, name = self._side.table, self._side.contender
        check_domains(rules, {*table.domain_names, *(a.task.domain for a in candidate.attempts)}, policy)
        self._rows, self._clusters, self._trials = _common(candidate, self._side)
        keys, who = list(self._trials), (candidate.contender, candidate.digest)
        outcomes = self._no_outcomes()
        self.plan = plan_early(who, (baseline, name), rules, candidate.seed, keys=keys, outcomes=outcomes)
        self.planned = sum(self._trials.values())
        self.at_once = max(4, self.planned // 20)
        """Attempts in flight at most: what is begun before it is decided is paid for, and is not looked at."""
        self._place = {key: i for i, key in enumerate(keys)}
        self._begin()

    @property
    def decided(self) -> Decided | None:
        """What the rule has come to; ``None`` as long as it goes on."""
        return self._rule.decided

    @property
    def looks(self) -> tuple[int, ...]:
        """After how many tasks SHIP is asked for."""
        return self._rule.looks

    @property
    def saved_usd(self) -> float | None:
        """Of attempts not made, at the mean cost of those made; ``None`` where that is not known."""
        known = [cost for cost in self._costs if cost is not None]
        unknown = not known or len(known) < len(self._costs)
        return None if unknown else sum(known) / len(known) * (self.planned - self.made)

    @property
    def made(self) -> int:
        """Attempts that count and are made."""
        return len(self._costs)

    def order(self, attempts: Sequence[Any]) -> list[Any]:
        """A run's attempts at tasks that count, in the rule's order, all trials of a task one after another."""
        places = {self.plan.keys[i]: place for place, i in enumerate(i for unit in self.plan.units for i in unit)}
        counted = [a for a in attempts if (a.suite.digest, a.task.digest) in places]
        return sorted(counted, key=lambda a: (places[a.suite.digest, a.task.digest], a.trial))

    def start(self, recorded: Iterable[Outcome], others: Iterable[Outcome] = ()) -> str | None:
        """Begins anew from what earlier calls of the run recorded; why to stop at once, where it is decided already.

        ``others`` are what an earlier form of the experiment asked for; they count for nothing, but were seen. Raises
        UsageError where they were made under another rule, or before there was one.
        """
        self._begin()
        for outcome in recorded:
            self._take(outcome)
        self._refuse_what_was_seen(others=any(one.contender_digest == self.candidate.digest for one in others))
        enough = self._advance()
        sys.stderr.write(self.opening)
        self.opening = ""
        return enough

    def settled(self, outcome: Outcome) -> str | None:
        """Told of one more outcome; why no further attempt should begin, where that is so."""
        return self._advance() if self._take(outcome) else None

    def record(self) -> dict[str, Any]:
        """The plan and what came of it, as the manifest keeps it."""
        return self.plan.record(self._rule)

    def _refuse_what_was_seen(self, *, others: bool) -> None:
        """A rule that is fixed, or changed, once outcomes are there may have been chosen by them."""
        one, made = self.candidate, self.made
        if not one.recorded and made == self.planned:
            raise UsageError(f"{one.report}: every attempt is made already; ownbench gate judges them")
        if not one.recorded and made:
            is_ = f"{plural(made, 'attempt')} of {one.contender} {'is' if made == 1 else 'are'} recorded"
            problem = f"{is_}, and the rule is fixed before the first"
            raise UsageError(f"{one.report}: {problem}; make all without --until-decided, ownbench gate judges them")
        if one.recorded and (made or others) and (other := differing(one.recorded, self.record())):
            problem = f"{one.report}: {one.contender} began under another rule: {other}"
            raise UsageError(f"{problem}; go on under that one, or make all attempts without --until-decided")

    def _advance(self) -> str | None:
        return f"decided, {decided.text}" if (decided := self._rule.advance()) else None

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
        held.done[place] = held.made[place] >= self._trials[self.plan.keys[place]]
        self._costs.append(outcome.cost_usd)
        return bool(held.done[place])

    def _begin(self) -> None:
        side, rows, n = self._side, self._rows, len(self._rows)
        wanted = self.plan.policy.max_latency_ratio is not None
        self._evidence = Evidence(
            outcomes=self._no_outcomes(),
            cost=(np.zeros(n), side.table.cost_sums[side.index][rows]),
            seconds=(np.zeros(n), seconds_of(side)[rows] if wanted else np.zeros(n)),
            made=np.zeros(n),
            lost=np.zeros(n),
            done=np.zeros(n, dtype=bool),
        )
        self._rule = StoppingRule(self.plan.units, self._evidence, self.plan.policy)
        self._costs: list[float | None] = []  # dollars of each attempt made

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


def _baseline_of(candidate: EarlyCandidate, baseline: Path, name: str | None, rules: Policy) -> Side:
    """The baseline's side, which has to be done, as it was locked, and with few attempts lost."""
    table, manifest = load_evidence(baseline)
    same, lock = baseline.resolve() == candidate.report.resolve(), read_lock(baseline)
    besides = candidate.contender if same else None
    if same and (name == besides or table.contenders == (besides,)):
        raise UsageError(f"{besides!r} would be held against itself; name another with --baseline-contender")
    name = baseline_contender(table, lock, name, besides)
    side = Side(table=table, manifest=manifest, contender=name)
    # A report that holds the candidate too is not done as a whole: there the baseline's own rows have to say it.
    unmade = int(table.skipped[side.index].sum())
    if unmade or not (same or manifest is None or manifest.complete):
        what = f"never tried {plural(unmade, 'attempt')}" if unmade else "is in a run that is not done"
        raise EvidenceError(f"{baseline}: the baseline {name} {what}; ownbench run goes on with it")
    if lock and (changed := changed_since_lock(baseline, table, lock, name)):
        remedy = "restore it, or lock it again: ownbench baseline set"
        raise EvidenceError(f"{baseline}: the locked baseline has changed: {listed(changed, 5)}; {remedy}")
    if side.lost_share() > rules.max_errored:
        lost = f"{100 * side.lost_share():.1f}% of the attempts of {name} were lost by the instrument"
        allowed = f"{100 * rules.max_errored:g}% is allowed"
        raise EvidenceError(f"{baseline}: {lost}, {allowed}; run it with --retry-errored")
    return side


def _common(candidate: EarlyCandidate, side: Side) -> tuple[Ints, Ints, dict[Key, int]]:
    """The tasks that both have, in the baseline's order: their rows there, the candidate's clusters, its trials.

    Raises UsageError where there are none, or the gate could not lay the two side by side.
    """
    where = f"{candidate.report} and {side.table.report}"
    planned: dict[Key, list[Any]] = {}
    for attempt in candidate.attempts:
        planned.setdefault((attempt.suite.digest, attempt.task.digest), []).append(attempt)
    there = side.keys
    both = [key for key in there if key in planned]
    ours = {a.suite.digest: a.suite.name for a in candidate.attempts}
    theirs = {side.table.suite_digests[i] or side.table.suites[i]: side.table.suites[i] for i in there.values()}
    other = other_graders(side.suites, {suite.name: suite for suite in candidate.suites})
    problem = None
    if not both:
        how = renewal(side.table.report, candidate.report)
        remedy = how or "run the candidate on the very suites of the baseline"
        problem = f" have no task in common; {remedy}"
    elif ours.keys() != theirs.keys():
        differ = other_suites(theirs, ours)
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
