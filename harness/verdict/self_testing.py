"""The gate tried on a report's own outcomes: how often it blocks equals, and ships what is worse by the margin."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.analysis import PairedOutcomes, Side, default_contender, load_evidence, pair_sides
from harness.core import Estimate, UsageError, percent_interval, plural
from harness.stats import wilson_interval
from harness.store import TaskTable
from harness.verdict.baseline import baseline_contender as standing
from harness.verdict.baseline import read_lock
from harness.verdict.gate_statistics import gate_tests
from harness.verdict.policy import Policy, check_domains, load_policy

Make = Callable[[np.random.Generator], PairedOutcomes]

MOST_REPETITIONS = 1_000_000
_RESAMPLES = 999  # sign patterns a repetition: a share over repetitions needs no finer p value


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
    if not 1 <= repetitions <= MOST_REPETITIONS:
        raise UsageError(f"--repetitions is {repetitions}; give a whole number from 1 to {MOST_REPETITIONS:,}")
    rules = load_policy(policy)
    tested = rules.of_one_try()
    table, manifest = load_evidence(report, apart=True)
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
            tests, n = (
                gate_tests(outcomes, tested, seed=seed + number, resamples=_RESAMPLES),
                int(outcomes.common.sum()),
            )
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
