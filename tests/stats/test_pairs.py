import numpy as np
import pytest

from harness.stats import all_pairs, factorial, mcnemar_midp, on_front, pareto_probability, sign_flip_test


def test_all_pairs_by_the_slow_way():
    rng = np.random.default_rng(0)
    passed, graded = rng.random((7, 133)) < 0.6, rng.random((7, 133)) < 0.9
    found = all_pairs(passed, graded)
    for i in range(7):
        for j in range(7):
            common = graded[i] & graded[j]
            wins, losses = (passed[i] & ~passed[j] & common).sum(), (~passed[i] & passed[j] & common).sum()
            assert (found.wins[i, j], found.wins[j, i], found.tasks[i, j]) == (wins, losses, common.sum())
            assert found.p_values[i, j] == pytest.approx(mcnemar_midp(int(wins), int(losses)))


def test_all_pairs_in_blocks(monkeypatch):
    passed = np.random.default_rng(1).random((20, 70)) < 0.5
    whole = all_pairs(passed)
    monkeypatch.setattr("harness.stats.pairs._PAIRS_AT_ONCE", 50)
    assert np.array_equal(all_pairs(passed).wins, whole.wins)
    with pytest.raises(ValueError, match="contenders by tasks"):
        all_pairs(passed, passed[:, :3])


def test_all_pairs_of_a_large_board_is_quick():
    import time

    passed = np.random.default_rng(2).random((100, 5000)) < 0.5
    start = time.perf_counter()
    all_pairs(passed)
    assert time.perf_counter() - start < 3.0


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
    assert found.on_front == pytest.approx([1, 1, 0])
    assert found.best == pytest.approx([0, 1, 0])
    assert found.cheapest == pytest.approx([1, 0, 0], abs=0.01)
    twins = pareto_probability(passes[:, [0, 0]], costs[:, [0, 0]], resamples=100)
    assert twins.best == pytest.approx([0.5, 0.5])
    assert twins.on_front == pytest.approx([1, 1])
    with pytest.raises(ValueError, match="without unknowns"):
        pareto_probability([[np.nan]], [[1.0]])


def test_factorial_by_hand():
    """Four tasks, one trial: the adapter repairs two, the skills two, both together three."""
    one = np.ones(4)
    none, tuned, skilled, both = [0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 0]
    found = factorial((none, one), (tuned, one), (skilled, one), (both, one))
    assert found.first.estimate.value == pytest.approx(((0.75 - 0.5) + (0.5 - 0)) / 2)
    assert found.second.estimate.value == pytest.approx(0.375)
    assert found.interaction.estimate.value == pytest.approx(0.75 - 0.5 - 0.5)
    assert found.interaction.p_value == sign_flip_test([0, -1, 0, 0]).p_value
    assert found.n_tasks == 4


def test_factorial_agrees_with_regression_on_cell_contrasts():
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    k = np.full(60, 5)
    cells = [rng.binomial(5, p, 60) for p in (0.3, 0.5, 0.5, 0.8)]
    found = factorial(*[(c, k) for c in cells])
    contrast = (cells[3] - cells[1] - cells[2] + cells[0]) / 5
    fit = sm.OLS(contrast, np.ones(60)).fit()
    low, high = fit.conf_int()[0]
    assert (found.interaction.estimate.low, found.interaction.estimate.high) == pytest.approx((low, high))
    assert found.first.p_value < 0.001


def test_factorial_uses_common_tasks_only():
    one, gap = np.ones(3), np.array([1.0, 0.0, 1.0])
    found = factorial((one, one), (gap, gap), (one, one), (one, one), ["x", "y", "z"])
    assert found.n_tasks == 2
    assert factorial(([1], [1]), ([0], [0]), ([1], [1]), ([1], [1])) is None
