import numpy as np
import pytest

from harness.stats import factorial, sign_flip_test


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
    # The test inverted, which on 60 tasks is nearly the regression's t.
    assert (found.interaction.estimate.low, found.interaction.estimate.high) == pytest.approx((low, high), abs=0.01)
    assert found.first.p_value < 0.001


def test_factorial_uses_common_tasks_only():
    one, gap = np.ones(3), np.array([1.0, 0.0, 1.0])
    found = factorial((one, one), (gap, gap), (one, one), (one, one), ["x", "y", "z"])
    assert found.n_tasks == 2
    assert factorial(([1], [1]), ([0], [0]), ([1], [1]), ([1], [1])) is None
