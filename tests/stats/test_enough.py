"""Which size is enough: the fixed sequence by hand, and how often it claims one that is not."""

import numpy as np
import pytest

from harness.stats import non_inferiority_counts, smallest_enough


def side(passes, n=100):
    """The first so many of the tasks passed, once each."""
    return (np.arange(n) < passes).astype(float), np.ones(n)


def test_all_sizes_within_the_margin_are_claimed():
    found = smallest_enough([side(90), side(90), side(90)], side(90), 0.1)
    assert found.claimed == (True, True, True)
    assert (found.smallest, found.stopped_at, found.tasks_needed) == (0, None, None)
    assert found.tests[0].low == pytest.approx(non_inferiority_counts(0, 0, 100, 0.1).low)


def test_beyond_a_dip_nothing_is_claimed():
    """72, 65 and 74 of 75: 125 examples look good, and 500 between them and all do not."""
    found = smallest_enough([side(72, 75), side(65, 75)], side(74, 75), 0.1)
    assert found.tests[0].holds
    assert not found.tests[1].holds
    assert found.claimed == (False, False)
    assert (found.smallest, found.stopped_at, found.missed[1]) == (None, 1, False)
    d = np.r_[np.zeros(66), -np.ones(9)]
    by_hand = 75 * ((1.644854 + 0.841621) * d.std(ddof=1) / 75**0.5 / 0.1) ** 2
    assert found.tasks_needed == pytest.approx(by_hand, rel=0.02)


def test_what_is_shown_to_miss_needs_no_more_tasks():
    found = smallest_enough([side(20)], side(90), 0.1)
    assert found.missed == (True,)
    assert found.tasks_needed is None


def test_a_size_at_the_margin_is_claimed_at_most_at_the_level():
    """Five sizes, all truly at the margin; any claim is false, and so where a good one stands above them."""
    rng = np.random.default_rng(0)
    n, runs, claims, rest = 300, 1_000, 0, 0
    for _ in range(runs):
        largest = rng.random(n) < 0.9
        bad = [(largest & (rng.random(n) >= 0.05 / 0.9)).astype(float) for _ in range(3)]  # each 5 points below
        sides = [(one, np.ones(n)) for one in bad]
        whole = (largest.astype(float), np.ones(n))
        claims += smallest_enough(sides, whole, 0.05).smallest is not None
        rest += any(smallest_enough([*sides, whole], whole, 0.05).claimed[:-1])
    assert max(claims, rest) <= runs * (0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5)
