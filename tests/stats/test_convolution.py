"""The exact tail of flipped signs, against whole-number arithmetic, scipy's binomial and the normal limit."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from harness.stats import sign_flip_test
from harness.stats.convolution import folded_tail


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
