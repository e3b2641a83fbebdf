from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from harness.stats import mcnemar_exact, sign_flip_test
from harness.stats.signflip import _enumerated_tail, _simulated_tail, folded_tail

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


def counted(sizes, seen, two_sided):
    """The share of sign patterns, as a ratio of whole numbers."""
    ways = {0: 1}
    for size in sizes:
        grown = {}
        for total, n in ways.items():
            for signed in (total + size, total - size):
                grown[signed] = grown.get(signed, 0) + n
        ways = grown
    hits = sum(n for total, n in ways.items() if (abs(total) >= abs(seen) if two_sided else total >= seen))
    return Fraction(hits, 2 ** len(sizes))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.booleans(), st.data())
def test_tail_is_the_share_of_patterns(sizes, two_sided, data):
    minus = data.draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes)))
    seen = sum(-v if m else v for v, m in zip(sizes, minus, strict=True))
    expected = float(counted(sizes, seen, two_sided))
    assert folded_tail(np.array(sizes), seen, two_sided=two_sided) == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_the_smallest_tails_keep_their_digits():
    sizes = [1] * 300 + [2] * 200 + [5] * 100
    seen = 1100  # of 1200
    expected = counted(sizes, seen, two_sided=True)
    assert 0 < expected < 1e-120
    assert folded_tail(np.array(sizes), seen, two_sided=True) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize(("n", "seen"), [(101, 31), (5_000, 300), (200_000, 1_234), (200_000, 9_000)])
def test_one_size_is_a_binomial(n, seen):
    seen += (n - seen) % 2
    expected = 2 * binom.cdf((n - seen) // 2, n, 0.5)
    assert folded_tail(np.ones(n, dtype=np.int64), seen, two_sided=True) == pytest.approx(expected, rel=1e-8)


def test_many_units_come_near_the_normal():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 11, 50_000)
    seen = int(2.5 * np.sqrt(float(sizes @ sizes)))
    seen += (int(sizes.sum()) - seen) % 2
    limit = 2 * norm.sf((seen - 1) / np.sqrt(float(sizes @ sizes)))  # sums come in steps of 2
    assert folded_tail(sizes, seen, two_sided=True) == pytest.approx(limit, rel=1e-3)


def test_what_would_take_too_long_is_left_to_others():
    sizes = np.arange(1, 40_001, 20) * 997
    assert folded_tail(np.repeat(sizes, 4), int(sizes.sum()), two_sided=True) is None


def test_means_of_trials_on_many_tasks_are_exact():
    rng = np.random.default_rng(1)
    d = (rng.binomial(5, 0.5, 20_000) - rng.binomial(5, 0.49, 20_000)) / 5
    found = sign_flip_test(d)
    assert (found.exact, found.method) == (True, "sign-flip, exact")
    z = d.sum() / np.sqrt(float(d @ d))
    assert found.p_value == pytest.approx(2 * norm.sf(abs(z)), rel=0.02)
    up, down = (sign_flip_test(d, alternative=word).p_value for word in ("greater", "less"))
    assert min(up, down) == pytest.approx(found.p_value / 2)
    assert up + down == pytest.approx(1.0, abs=0.01)


def test_one_unit_far_larger_than_all_others_is_counted_and_not_overflown():
    # T <= 1 leaves no minus sign, or one of the seven units of 1: 8 patterns of 2^12, two-sided.
    sizes = [1.0] * 7 + [2.0, 3.0, 6.0, 12.0, 538.0]
    d = np.array(sizes) * np.where(np.arange(12) == 0, -1.0, 1.0) / 600.0
    assert sign_flip_test(d).p_value == pytest.approx(2 * 8 / 2**12, rel=1e-9)
