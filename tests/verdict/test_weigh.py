"""The number of tasks that would decide, against the test itself tried at every number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis import PairedOutcomes
from harness.verdict import Policy, gate_tests, tasks_to_decide
from harness.verdict.gate_statistics import _enough, tasks_if_equal


def alike(groups, size, trials):
    """Two contenders that pass everything, on clusters of ``size`` tasks."""
    n = groups * size
    sides = np.full(n, float(trials))
    return PairedOutcomes(
        candidate=(sides, sides),
        baseline=(sides, sides),
        domains=np.zeros(n, int),
        domain_names=("d",),
        clusters=np.repeat(np.arange(groups), size),
    )


@pytest.mark.parametrize(("trials", "size"), [(1, 1), (3, 1), (3, 4), (1, 2)])
@pytest.mark.parametrize("margin", [0.02, 0.1, 0.2])
def test_so_many_tasks_prove_it_though_none_differs_and_fewer_do_not(trials, size, margin):
    policy = Policy(margin=margin)
    enough = next(g for g in range(2, 400) if gate_tests(alike(g, size, trials), policy).proves)
    for groups in (2, enough - 1):
        needed = tasks_if_equal(alike(groups, size, trials), margin, policy)
        assert (enough - 1) * size < needed <= enough * size
        assert tasks_to_decide(alike(groups, size, trials), margin, policy, 0.05) == needed


ONE = st.tuples(*[st.integers(0, 3)] * 2, st.integers(1, 3), st.integers(0, 2))  # passes of both, trials, a cluster


@given(st.lists(ONE, min_size=1, max_size=5), st.sampled_from([0.02, 0.5, 1.0]))
def test_few_tasks_of_any_outcome_are_told_how_many_more_would_decide(tasks, margin):
    """As where a candidate passes every trial of one task and its baseline none."""
    passes, theirs, trials, clusters = (np.array(column) for column in zip(*tasks, strict=True))
    counts, policy = trials.astype(float), Policy(margin=margin)
    outcomes = PairedOutcomes(
        candidate=(np.minimum(passes, counts), counts),
        baseline=(np.minimum(theirs, counts), counts),
        domains=np.zeros(len(tasks), int),
        domain_names=("d",),
        clusters=np.unique(clusters, return_inverse=True)[1],
    )
    assert gate_tests(outcomes, policy).overall.n_tasks == len(tasks)
    assert tasks_to_decide(outcomes, margin, policy, 0.05) > len(tasks)
    assert tasks_if_equal(outcomes, margin, policy) >= 1


def test_unequal_clusters_need_more_tasks():
    """Ten clusters of 1 and ten of 9: a hundred tasks that count as 100^2 / 820 clusters."""
    sizes = [1] * 10 + [9] * 10
    n, trials = sum(sizes), np.full(sum(sizes), 3.0)
    outcomes = PairedOutcomes(candidate=(trials, trials), baseline=(trials, trials), domains=np.zeros(n, int),
                        domain_names=("d",), clusters=np.repeat(np.arange(20), sizes))  # fmt: skip
    policy = Policy(margin=0.1)
    equal = tasks_if_equal(alike(20, 5, 3), 0.1, policy)
    assert tasks_if_equal(outcomes, 0.1, policy) == pytest.approx(equal * 820 / 500, rel=0.02)


@pytest.mark.parametrize(("trials", "size", "shared"), [(1, 1, 0.0), (5, 1, 0.0), (3, 4, 0.5), (1, 10, 1.0)])
def test_the_tasks_that_are_needed_give_the_power_that_is_asked_for(trials, size, shared):
    """At a true difference of -1 point and a margin of 8: of 400 gates on so many tasks 80% show it.

    The number is that of a large pilot; of tasks in clusters ``shared`` is how much of a task's difficulty its cluster
    has in common.
    """
    rng, margin, policy = np.random.default_rng(trials * size), 0.08, Policy(margin=0.08)

    def drawn(groups):
        n = groups * size
        codes = np.repeat(np.arange(groups), size)
        both = []
        for rate in (0.69, 0.70):
            own, common = rng.random((n, trials)), rng.random(groups)[codes]
            whole = rng.random(n) < shared
            u = np.where(whole[:, None], common[:, None], own)
            both.append(((u < rate).sum(axis=1).astype(float), np.full(n, float(trials))))
        return PairedOutcomes(
            candidate=both[0], baseline=both[1], domains=np.zeros(n, int), domain_names=("d",), clusters=codes
        )

    pilot = drawn(20_000)
    a, b = (sums / trials for sums, _ in (pilot.candidate, pilot.baseline))
    assert (a - b).mean() == pytest.approx(-0.01, abs=0.012)
    pilot.candidate[0][:] += trials * (-0.01 - (a - b).mean())  # its own noise is none of the question
    needed = _enough(pilot, margin, -0.01, policy)
    groups = -(-int(needed) // size)
    shown = [gate_tests(drawn(groups), policy, resamples=9).overall.holds for _ in range(400)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.07)
