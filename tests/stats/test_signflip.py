from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import mcnemar_exact, sign_flip_test
from harness.stats.signflip import _enumerated_tail, _simulated_tail

PRINTED = (1, 2 / 3, 1 / 3, 1 / 3, 0, 1 / 3, -1 / 3, 2 / 3, 0, 1 / 3)


def by_hand(d, alternative="two-sided"):
    """Every sign pattern in plain Python."""
    sums = [sum(s * abs(x) for s, x in zip(signs, d, strict=True)) for signs in product((1, -1), repeat=len(d))]
    seen = sum(d)
    if alternative == "two-sided":
        return sum(abs(s) >= abs(seen) - 1e-12 for s in sums) / len(sums)
    return sum((s >= seen - 1e-12) if alternative == "greater" else (s <= seen + 1e-12) for s in sums) / len(sums)


def test_printed_value():
    found = sign_flip_test(PRINTED)
    assert found.p_value == pytest.approx(0.046875)
    assert (found.units, found.smallest_p, found.exact) == (8, 2 / 256, True)


@pytest.mark.parametrize(("wins", "losses"), [(0, 5), (3, 9), (30, 50), (64, 28), (400, 470)])
def test_on_zero_and_one_it_is_exact_mcnemar(wins, losses):
    found = sign_flip_test([1] * wins + [-1] * losses + [0] * 17)
    assert found.p_value == pytest.approx(mcnemar_exact(wins, losses), rel=1e-9)
    assert found.exact


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9), st.sampled_from(["two-sided", "greater", "less"]))
def test_every_pattern_by_hand(whole, alternative):
    d = [x / 3 for x in whole]
    assert sign_flip_test(d, alternative=alternative).p_value == pytest.approx(by_hand(d, alternative))


@given(st.lists(st.floats(0.001, 1) | st.floats(-1, -0.001), min_size=1, max_size=8))
def test_values_off_any_lattice_are_enumerated(d):
    found = sign_flip_test(d)
    assert found.exact
    assert found.p_value == pytest.approx(by_hand(d), abs=1e-9)


def test_scipy_permutation_test_agrees():
    from scipy.stats import permutation_test

    d = np.random.default_rng(2).normal(0.3, 1, 12)
    oracle = permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(d).p_value == pytest.approx(oracle.pvalue, abs=1e-12)


def test_simulation_comes_near_the_exact_p_and_never_says_zero():
    d = np.random.default_rng(3).normal(0.4, 1, 18)
    exact = _enumerated_tail(d, two_sided=True)
    assert _simulated_tail(d, 1, 40_000, two_sided=True) == pytest.approx(exact, abs=0.01)
    big = sign_flip_test(np.random.default_rng(4).normal(2, 0.1, 60), resamples=999)
    assert (big.p_value, big.exact, big.smallest_p) == (0.001, False, 0.001)
    assert "999 patterns drawn, seed 0" in big.method


def test_weights_multiply_each_unit():
    d, weights = [0.2, -0.5, 0.9, 1.0], [3.0, 1.0, 2.0, 0.5]
    assert sign_flip_test(d, weights).p_value == by_hand([a * b for a, b in zip(d, weights, strict=True)])


def test_rounding_is_no_difference():
    assert sign_flip_test([0.1 + 0.2 - 0.3, 0.7 - 0.6 - 0.1]).units == 0


def test_nothing_differs():
    assert sign_flip_test([0, 0, 0]).p_value == 1.0
    assert sign_flip_test([]).p_value == 1.0


def test_an_unknown_difference_is_refused():
    with pytest.raises(ValueError, match="finite"):
        sign_flip_test([0.5, float("nan")])


def test_it_rejects_a_true_null_no_more_than_its_level():
    rng = np.random.default_rng(8)
    p = [
        sign_flip_test((rng.binomial(3, share) - rng.binomial(3, share)) / 3).p_value for share in rng.random((600, 25))
    ]
    assert np.mean(np.array(p) <= 0.05) < 0.07
    assert np.mean(np.array(p) <= 0.2) == pytest.approx(0.2, abs=0.05)
