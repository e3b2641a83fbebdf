"""Tries the gate where the truth is known: how often it ships a candidate that lies at the margin.

    python benchmarks/gating.py [--runs N]

Everything is seeded: a second run prints the same table. Each candidate is at the margin below its baseline (or
below the anchor), or is that bad with the attempts that its errors hide; 5% of them may ship.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from measure import table
from numpy.typing import NDArray
from simulations import Share, counted

from harness import stats
from harness.analysis import PairedOutcomes
from harness.verdict import Policy, gate_tests
from harness.verdict.gate_statistics import still_held

Array = NDArray[Any]
RATE, MARGIN, TRIES = 0.8, 0.05, 20
RESAMPLES = 199  # of the tests of harm, which can only keep a candidate from shipping


@dataclass(frozen=True, slots=True)
class Design:
    """What a run is like: tasks, trials of each, tasks that share a cluster, and a word for it."""

    name: str
    tasks: int = 600
    trials: int = 1
    size: int = 1


DESIGNS = (Design("600 tasks"), Design("300 tasks, 5 trials", 300, 5), Design("600 tasks in clusters of 4", 600, 1, 4))


def drawn(design: Design, rates: tuple[float, ...], rng: np.random.Generator) -> list[Array]:
    """Passes by task and trial of one contender a rate; three fifths of a task's luck belong to its cluster."""
    groups = -(-design.tasks // design.size)
    codes = np.arange(design.tasks) // design.size
    shared = rng.random(groups)[codes][:, None]
    own = rng.random(design.tasks) < 0.6  # the same tasks are decided by what they are, for every contender
    found = []
    for rate in rates:
        luck = np.where(own[:, None], shared, rng.random((design.tasks, design.trials)))
        found.append(luck < rate)
    return found


def paired(design: Design, candidate: Array, baseline: Array, lost: Array | None = None) -> PairedOutcomes:
    """Both at the same tasks; the candidate without the attempts that were lost."""
    n = np.full(design.tasks, float(design.trials))
    kept = np.ones_like(candidate) if lost is None else ~lost
    return PairedOutcomes(
        candidate=((candidate & kept).sum(axis=1).astype(float), kept.sum(axis=1).astype(float)),
        baseline=(baseline.sum(axis=1).astype(float), n),
        domains=np.zeros(design.tasks, np.int64),
        domain_names=("all",),
        clusters=np.arange(design.tasks) // design.size,
    )


def ships(outcomes: PairedOutcomes, policy: Policy) -> bool:
    return gate_tests(outcomes, policy.of_one_try(), resamples=RESAMPLES).proves


def shipped_of_tries(design: Design, tries: int | None, runs: int, seed: int) -> Share:
    """How often a candidate at the margin ships in any of `TRIES` tries, under a policy with ``tries``."""
    rng, policy = np.random.default_rng(seed), Policy(margin=MARGIN, tries=tries)
    sides = (RATE - MARGIN, RATE)
    shipped = (
        sum(ships(paired(design, *drawn(design, sides, rng)), policy) for _ in range(TRIES)) for _ in range(runs)
    )
    return counted([number > 0 for number in shipped])


def shipped_with_losses(design: Design, runs: int, seed: int, *, counted_too: bool, share: float = 0.02) -> Share:
    """How often a candidate at the margin ships whose errors are failures, a ``share`` of all its attempts.

    ``counted_too`` as the gate does it: lost attempts count as failed too; without it as if nothing had been lost.
    """
    rng, policy, hits = np.random.default_rng(seed), Policy(margin=MARGIN), []
    for _ in range(runs):
        candidate, baseline = drawn(design, (RATE - MARGIN, RATE), rng)
        failed = np.flatnonzero(~candidate.ravel())
        lost = np.zeros(candidate.size, bool)
        lost[rng.permutation(failed)[: int(share * candidate.size)]] = True
        lost = lost.reshape(candidate.shape)
        out = paired(design, candidate, baseline, lost)
        as_failed = replace(out, candidate=(out.candidate[0], out.candidate[1] + lost.sum(axis=1)))
        hits.append(ships(out, policy) and (not counted_too or still_held(as_failed, policy).holds))
    return counted(hits)


def shipped_past_the_anchor(design: Design, steps: int, runs: int, seed: int, *, anchored: bool) -> Share:
    """How often a candidate ships that is one small step below its baseline, and the margin below the anchor."""
    rng, policy, hits = np.random.default_rng(seed), Policy(margin=MARGIN), []
    for _ in range(runs):
        rates = (RATE - MARGIN, RATE - MARGIN * (steps - 1) / steps, RATE)
        candidate, baseline, anchor = drawn(design, rates, rng)
        out, since = paired(design, candidate, baseline), paired(design, candidate, anchor)
        kept = stats.non_inferiority(since.candidate, since.baseline, MARGIN, since.clusters, alpha=policy.alpha)
        hits.append(ships(out, policy) and (not anchored or kept.holds))
    return counted(hits)


def rows(runs: int) -> list[list[str]]:
    """One a design and question: how often it ships under the gate's rule, and without it."""
    found = []
    for number, design in enumerate(DESIGNS):
        asked = (
            (f"{TRIES} tries", lambda on, d=design, s=number: shipped_of_tries(d, TRIES if on else None, runs, s)),
            ("errors that hide failures, 2%",
             lambda on, d=design, s=number: shipped_with_losses(d, 5 * runs, s, counted_too=on)),
            ("a step of 1 point, 5 below the anchor",
             lambda on, d=design, s=number: shipped_past_the_anchor(d, 5, 5 * runs, s, anchored=on)),
        )  # fmt: skip
        for what, share in asked:
            found.append([design.name, what, *(f"{100 * share(on).value:.1f}" for on in (True, False))])
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    given = parser.parse_args()
    sys.stdout.write(
        table(["outcomes", "a candidate at the margin", "ships, %", "without the rule"], rows(given.runs)) + "\n"
    )
