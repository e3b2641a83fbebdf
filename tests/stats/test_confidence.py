import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import (
    auroc,
    brier_score,
    expected_calibration_error,
    isotonic_fit,
    reliability_bins,
)

Y = (1, 1, 0, 1, 0, 1, 0, 0, 1, 0)
P = (0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.2)


def test_toy_printed_values():
    found = auroc(P, Y, level=0.5)
    assert found.value == pytest.approx(0.72)
    assert (found.high - found.value) / 0.6744898 == pytest.approx(0.181108, abs=1e-6)
    assert expected_calibration_error(P, Y, 5, "width") == pytest.approx(0.175)
    assert brier_score(P, Y) == pytest.approx(0.22975)


@pytest.mark.shared
def test_routerbench_mini_printed_values(router):
    p, y = router["reflection"]["routing_score"], router["always_cheap"]["passed"]
    found = auroc(p, y)
    assert found.value == pytest.approx(0.599770, abs=1e-6)
    assert (found.high - found.value) / 1.959964 == pytest.approx(0.019441, abs=1e-6)
    assert expected_calibration_error(p, y, 10, "width") == pytest.approx(0.031991, abs=1e-6)
    assert expected_calibration_error(p, y, 10, "mass") == pytest.approx(0.038717, abs=1e-6)
    assert brier_score(p, y) == pytest.approx(0.210878, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40))
def test_auroc_is_the_share_of_pairs_ranked_right(rows):
    score, right = [r[0] for r in rows], [int(r[1]) for r in rows]
    pairs = [(s > t) + 0.5 * (s == t) for s, x in rows if x for t, y in rows if not y]
    found = auroc(score, right)
    if not pairs:
        assert found.value is None
        return
    assert found.value == pytest.approx(sum(pairs) / len(pairs))
    assert found.low is None or found.low <= found.value <= found.high


def test_auroc_covers():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(500):
        y = rng.random(100) < 0.5
        found = auroc(rng.normal(size=100) + y, y)
        held += found.low <= 0.7602499 <= found.high
    assert held / 500 > 0.92


def test_order_never_matters():
    rng = np.random.default_rng(0)
    p, y = rng.integers(0, 4, 60) / 4, rng.integers(0, 2, 60)
    shuffled = rng.permutation(60)
    assert expected_calibration_error(p, y) == pytest.approx(expected_calibration_error(p[shuffled], y[shuffled]))


def test_bins():
    found = reliability_bins(P, Y, 5)
    assert [b.n for b in found] == [2] * 5
    assert (found[0].low, found[0].high, found[0].rate.value) == (0.2, 0.35, 0.5)
    assert sum(b.n for b in reliability_bins([0.5] * 9, [1] * 9)) == 9
    assert reliability_bins([0.0, 1.0], [0, 1], 10, "width")[0].rate.value == 0.0


def test_what_cannot_be_had():
    assert auroc([0.1, 0.2], [1, 1]).value is None
    assert "unknown" in auroc([0.1, 0.2], [1, 0]).why
    assert expected_calibration_error([], []) is None
    for bad in (([0.5], [0.5]), ([float("nan")], [1]), ([0.5, 0.6], [1])):
        with pytest.raises(ValueError, match=r"must be|one value"):
            auroc(*bad)
    with pytest.raises(ValueError, match="one bin"):
        reliability_bins(P, Y, 0)


@given(st.lists(st.tuples(st.integers(0, 8), st.floats(0, 1)), min_size=1, max_size=25))
def test_isotonic_fit_is_the_largest_of_the_least_means(rows):
    """The closed form: at each knot the maximum over starts before it of the minimum over ends after it."""
    x, y = np.array([r[0] for r in rows], dtype=float), np.array([r[1] for r in rows])
    fit = isotonic_fit(x, y)
    knots = np.unique(x)
    expected = [
        max(min(y[(x >= a) & (x <= b)].mean() for b in knots[k:]) for a in knots[: k + 1]) for k in range(len(knots))
    ]
    assert fit(knots) == pytest.approx(expected, abs=1e-9)
    assert fit((knots[1:] + knots[:-1]) / 2) == pytest.approx((np.array(expected)[1:] + expected[:-1]) / 2, abs=1e-9)
    assert fit([-5.0, 50.0]) == pytest.approx([expected[0], expected[-1]], abs=1e-9)


def test_isotonic_fit_needs_a_task():
    with pytest.raises(ValueError, match="at least one"):
        isotonic_fit([], [])


def test_an_isotonic_fit_pools_all_or_nothing():
    falling = isotonic_fit(np.arange(3_000.0), np.arange(3_000.0)[::-1])  # one block
    assert falling(np.arange(3_000.0)) == pytest.approx(np.full(3_000, 1_499.5))
    rising = isotonic_fit(np.arange(3_000.0), np.arange(3_000.0))
    assert rising(np.arange(3_000.0)) == pytest.approx(np.arange(3_000.0))
