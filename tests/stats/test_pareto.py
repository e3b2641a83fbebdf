import numpy as np
import pytest

from harness.stats import on_front, pareto_probability


def dominated(rate, cost, k):
    return any(
        rate[j] >= rate[k] and cost[j] <= cost[k] and (rate[j] > rate[k] or cost[j] < cost[k]) for j in range(len(rate))
    )


def test_the_front_by_definition():
    rng = np.random.default_rng(3)
    for _ in range(200):
        rate, cost = rng.integers(0, 4, 6).astype(float), rng.integers(0, 4, 6).astype(float)
        found = on_front(rate[None], cost[None])[0]
        assert found.tolist() == [not dominated(rate, cost, k) for k in range(6)]


def test_pareto_membership_is_a_probability():
    rng = np.random.default_rng(4)
    tasks = 200
    passes = np.stack([rng.random(tasks) < p for p in (0.6, 0.9, 0.6)], axis=1).astype(float)
    passes[:, 2] = passes[:, 0]
    costs = np.tile([1.0, 2.0, 1.5], (tasks, 1))
    found = pareto_probability(passes, costs, resamples=500)
    assert found == pytest.approx([1, 1, 0])
    twins = pareto_probability(passes[:, [0, 0]], costs[:, [0, 0]], resamples=100)
    assert twins == pytest.approx([1, 1])
    with pytest.raises(ValueError, match="without unknowns"):
        pareto_probability([[np.nan]], [[1.0]])
