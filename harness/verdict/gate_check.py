"""The gate on trial: how often does it change its mind on equals, and does it see a regression of the margin's size?

Equals are made of the report's own outcomes. With several trials a task, the trials of one contender are split at
random into two. With one trial, two contenders swap their outcomes at random, task by task: whatever they differ in,
the two sides are then alike. Both go through the very tests of the gate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.analysis import PairedOutcomes, Side, default_contender, load_evidence, pair_sides
from harness.core import Decision, Estimate, UsageError, percent_interval, plural
from harness.stats import wilson_interval
from harness.store import TaskTable
from harness.verdict.baseline import baseline_contender as standing
from harness.verdict.baseline import read_lock
from harness.verdict.gate_statistics import GateTests, gate_tests
from harness.verdict.rules import Policy, check_domains, load_policy

Make = Callable[[np.random.Generator], PairedOutcomes]

REPETITIONS = 200
_RESAMPLES = 999  # sign patterns a repetition: a share over repetitions needs no finer p value


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """How the gate did on equals, and on a regression that was planted."""

    contenders: tuple[str, ...]
    """Whose outcomes were used: one whose trials were split, or two whose outcomes were swapped."""
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
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> SelfTest:
    """Tries the gate on the outcomes of a report: equals, and equals of which one has been made worse by the margin.

    Cost and latency take no part: the two sides are equal in them too.

    The baseline contender's outcomes are used, by default chosen as for `gate`; with one trial a task they are swapped
    with the candidate's, by default the only other. ``repetitions`` is of each.

    Raises:
        UsageError: no such report or contender, or several could be meant.
        UserFileError: the policy is wrong.
        EvidenceError: the report cannot be read.
    """
    if repetitions < 1:
        raise UsageError(f"--repetitions {repetitions}: at least one is needed")
    rules = policy if isinstance(policy, Policy) else load_policy(policy)
    table, manifest = load_evidence(report)
    check_domains(rules, table.domain_names, policy if isinstance(policy, Path) else "policy")
    second = candidate_contender
    first = standing(table, read_lock(report), baseline_contender, second)
    names: tuple[str, ...] = (first,)
    made = None if second else _split(table, first)
    if made is not None:
        make, method = made, "the trials of each task split at random in two"
    else:
        second = second or default_contender(table, "--candidate-contender", besides=first)
        if second == first:
            raise UsageError(f"{first!r} is swapped with itself; name another with --candidate-contender")
        one, other = (Side(table=table, manifest=manifest, contender=name) for name in (second, first))
        paired = pair_sides(one, other).outcomes
        make, names = _swapped(paired.at(paired.common)), (first, second)
        method = "the outcomes of the two swapped at random, task by task"
    rng = np.random.default_rng(seed)
    found: list[dict[str, int]] = []
    n = 0
    for planted in (0.0, rules.margin):
        decisions = dict.fromkeys((d.value for d in (Decision.BLOCK, Decision.INCONCLUSIVE, Decision.SHIP)), 0)
        for number in range(repetitions):
            outcomes = make(rng)
            if planted:
                outcomes = worsened(outcomes, planted, rng)
            n = int(outcomes.common.sum())
            decisions[_decided(gate_tests(outcomes, rules, seed=seed + number, resamples=_RESAMPLES), n, rules)] += 1
        found.append(decisions)
    equal, regression = found
    flips, ships = (_share(d[word], repetitions) for d, word in ((equal, "BLOCK"), (regression, "SHIP")))
    return SelfTest(
        contenders=names,
        method=method,
        n_tasks=n,
        repetitions=repetitions,
        seed=seed,
        equal=equal,
        flip_rate=flips,
        planted=rules.margin,
        regression=regression,
        false_ship=ships,
        sentence=_sentence(flips, regression, ships, n, rules),
    )


def worsened(outcomes: PairedOutcomes, drop: float, rng: np.random.Generator) -> PairedOutcomes:
    """The candidate with passes turned to fails at random, so that its mean over tasks falls by ``drop`` on average.

    Each pass is lost with the chance ``drop`` over the pass rate of both sides, which do not differ but by chance. The
    candidate's own rate is no measure: what chance gave it would be taken back from all its tasks alike, and tasks that
    hang together so are no trial of a test over tasks. Where both pass less than ``drop``, all passes are lost.
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
    whole = np.allclose(sums[used], np.round(sums[used]))
    binary = np.allclose(table.squares[i][used], sums[used])
    if not used.any() or used.sum() < (counts > 0).sum() or not (whole and binary):
        return None
    n, passes = counts[used], np.round(sums[used]).astype(np.int64)
    half = n // 2

    def make(rng: np.random.Generator) -> PairedOutcomes:
        mine = rng.hypergeometric(passes, n - passes, half)
        size = half.astype(np.float64)
        # The other half has as many trials, drawn from what is left: an odd one stays out.
        rest = rng.hypergeometric(passes - mine, n - half - (passes - mine), half)
        return PairedOutcomes(
            candidate=(mine.astype(np.float64), size),
            baseline=(rest.astype(np.float64), size),
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


def _decided(tests: GateTests, n: int, policy: Policy) -> str:
    if tests.blocks:
        return Decision.BLOCK.value
    proved = tests.proves and n >= policy.minimum_tasks
    return (Decision.SHIP if proved else Decision.INCONCLUSIVE).value


def _share(hits: int, repetitions: int) -> Estimate:
    low, high = wilson_interval(hits, repetitions)
    how = "Wilson over repetitions"
    share = hits / repetitions
    return Estimate(value=share, low=low, high=high, n_tasks=repetitions, n_trials=repetitions, method=how)


def _sentence(flips: Estimate, regression: Mapping[str, int], ships: Estimate, n: int, policy: Policy) -> str:
    total = sum(regression.values())
    shares = ", ".join(f"{word} {100 * number / total:.1f}%" for word, number in regression.items())
    verb = "more than" if (flips.low or 0.0) > policy.alpha else "within"
    return (
        f"On {plural(n, 'task')} equals are blocked {percent_interval(flips)} of the time, {verb} the "
        f"{100 * policy.alpha:g}% allowed; a true drop of {100 * policy.margin:g} points ends in {shares}, and ships "
        f"{percent_interval(ships)} of the time."
    )
