"""The number of tasks that would decide, against the test itself tried at every number."""

import numpy as np
import pytest

from harness.analysis import PairedOutcomes
from harness.verdict import Policy, gate_tests, tasks_to_decide
from harness.verdict.gate_statistics import tasks_if_equal


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


def test_unequal_clusters_need_more_tasks():
    """Ten clusters of 1 and ten of 9: a hundred tasks that count as 100^2 / 820 clusters."""
    sizes = [1] * 10 + [9] * 10
    n, trials = sum(sizes), np.full(sum(sizes), 3.0)
    outcomes = PairedOutcomes(candidate=(trials, trials), baseline=(trials, trials), domains=np.zeros(n, int),
                        domain_names=("d",), clusters=np.repeat(np.arange(20), sizes))  # fmt: skip
    policy = Policy(margin=0.1)
    equal = tasks_if_equal(alike(20, 5, 3), 0.1, policy)
    assert tasks_if_equal(outcomes, 0.1, policy) == pytest.approx(equal * 820 / 500, rel=0.02)
