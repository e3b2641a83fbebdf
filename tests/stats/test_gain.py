import pytest

from harness.stats import normalised_gain


def test_normalised_gain():
    """b passes 6 of 10; a repairs 2 of b's 4 failures and breaks 1: (7 - 6) / 4."""
    b = [1] * 6 + [0] * 4
    a = [1] * 5 + [0] + [1, 1, 0, 0]
    ones = [1] * 10
    found = normalised_gain((a, ones), (b, ones))
    assert found.value == pytest.approx(0.25)
    assert normalised_gain((a, ones), (ones, ones)).why == "nothing was left to gain"
    assert normalised_gain(([0], [0]), ([1], [1])).why == "no common task"
    assert normalised_gain((ones, ones), ([1] * 9 + [0], ones)).why == "too few failures to bound the gain"
