import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats import tasks_worse


def test_one_task_by_hand():
    """x = 0 of 3 against y = 3 of 3: P(X = 0 | s = 3) = 1/20; looks worse for X = 0 or 1: 10/20."""
    found = tasks_worse(([0], [3]), ([3], [3]))
    assert found.observed == 1
    assert found.expected == pytest.approx(0.5)
    assert found.sd == pytest.approx(0.5)
    assert found.p_values[0] == pytest.approx(1 / 20)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_scipy_hypergeometric_agrees(rows):
    from scipy.stats import hypergeom

    x, y = (np.array(v) for v in zip(*rows, strict=True))
    five = np.full(len(rows), 5)
    found = tasks_worse((x, five), (y, five), resamples=50)
    for i, (a, b) in enumerate(rows):
        assert found.p_values[i] == pytest.approx(hypergeom.cdf(a, 10, a + b, 5))
    chance = [sum(hypergeom.pmf(k, 10, a + b, 5) for k in range(6) if k < a + b - k) for a, b in rows]
    assert found.expected == pytest.approx(sum(chance))


def test_the_expectation_is_right_when_nothing_changed():
    rng = np.random.default_rng(1)
    observed, expected = [], []
    for _ in range(200):
        easy = rng.beta(0.5, 0.5, 60)
        four = np.full(60, 4)
        found = tasks_worse((rng.binomial(4, easy), four), (rng.binomial(4, easy), four), resamples=20)
        observed.append(found.observed)
        expected.append(found.expected)
    assert np.mean(observed) == pytest.approx(np.mean(expected), rel=0.04)
    assert np.mean(expected) > 10


def test_truly_broken_tasks_are_confirmed_and_chance_is_not():
    rng = np.random.default_rng(2)
    ten = np.full(100, 10)
    x, y = rng.binomial(10, 0.8, 100), rng.binomial(10, 0.8, 100)
    x[:6], y[:6] = 0, 10
    found = tasks_worse((x, ten), (y, ten), resamples=500)
    assert set(range(6)) <= set(found.confirmed)
    assert len(found.confirmed) <= 8
    assert set(found.flagged[:6]) == set(range(6))
    assert found.excess.value == pytest.approx(found.observed - found.expected)
    assert found.excess.low < found.excess.value < found.excess.high


def test_unequal_trials_and_untried_tasks():
    found = tasks_worse(([1, 0, 2], [2, 0, 2]), ([4, 3, 1], [4, 3, 4]), resamples=50)
    assert found.observed == 1
    assert found.flagged == (0,)
    assert found.p_values[1] == 1.0
    # 5 passes in 2 + 4 tries: X = 1 (worse) with chance 1/3; 3 passes: X = 0 (worse) with chance 1/5.
    assert found.expected == pytest.approx(1 / 3 + 1 / 5)


def test_one_trial_confirms_nothing():
    one = np.ones(40)
    found = tasks_worse((np.zeros(40), one), (np.ones(40), one), resamples=50)
    assert (found.observed, found.expected, found.confirmed) == (40, 20.0, ())


def test_fractions_are_refused():
    with pytest.raises(ValueError, match="whole numbers"):
        tasks_worse(([0.5], [1]), ([1], [1]))
