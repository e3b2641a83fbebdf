import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import clopper_pearson_interval, fisher_exact, jeffreys_interval, wilson_interval

INTERVALS = {"wilson": wilson_interval, "jeffreys": jeffreys_interval, "beta": clopper_pearson_interval}


@pytest.mark.parametrize(
    ("k", "n", "wilson", "jeffreys", "exact"),
    [
        (37, 80, (0.357480, 0.570956), (0.356197, 0.571463), (0.350276, 0.577582)),
        (0, 20, (0, 0.161125), (0, 0.116639), (0, 0.168433)),
        (20, 20, (0.838875, 1), (0.883361, 1), (0.831567, 1)),
        (1, 3, (0.061492, 0.792340), (0.038748, 0.823264), (0.008404, 0.905701)),
    ],
)
def test_printed_values(k, n, wilson, jeffreys, exact):
    assert wilson_interval(k, n) == pytest.approx(wilson, abs=1e-6)
    assert jeffreys_interval(k, n) == pytest.approx(jeffreys, abs=1e-6)
    assert clopper_pearson_interval(k, n) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("name", INTERVALS)
@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_statsmodels_agrees(name, level):
    from statsmodels.stats.proportion import proportion_confint

    for k, n in [(3, 7), (40, 41), (500, 1000)]:
        expected = proportion_confint(k, n, alpha=1 - level, method=name)
        assert INTERVALS[name](k, n, level) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("interval", INTERVALS.values())
def test_ends_are_exact_and_nothing_is_known_of_nothing(interval):
    assert interval(0, 9)[0] == 0.0
    assert interval(9, 9)[1] == 1.0
    assert interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("interval", INTERVALS.values())
@pytest.mark.parametrize(
    ("k", "n", "level"), [(-1, 3, 0.95), (4, 3, 0.95), (1, 3, 1.0), (1, 3, 0.0), (1, math.inf, 0.9)]
)
def test_impossible_input_is_refused(interval, k, n, level):
    with pytest.raises(ValueError, match="must lie between"):
        interval(k, n, level)


@given(n=st.floats(0.5, 5000), share=st.floats(0, 1), level=st.floats(0.5, 0.999))
def test_interval_holds_its_share_and_mirrors(n, share, level):
    k = n * share
    low, high = wilson_interval(k, n, level)
    assert 0 <= low <= k / n <= high <= 1
    mirrored = wilson_interval(n - k, n, level)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-7)


def binomial_weights(n, p):
    return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


def coverage(interval, n, p):
    """The exact chance, by enumeration of all k, that the interval holds p."""
    return sum(
        w for k, w in enumerate(binomial_weights(n, p)) if interval(k, n)[0] - 1e-12 <= p <= interval(k, n)[1] + 1e-12
    )


def test_coverage_enumerated_over_every_outcome():
    """Clopper-Pearson never covers less than 95%; Wilson does so on average, with shallow dips."""
    shares = [0.02 + 0.04 * i for i in range(25)]
    exact = [coverage(clopper_pearson_interval, 25, p) for p in shares]
    wilson = [coverage(wilson_interval, 25, p) for p in shares]
    assert min(exact) >= 0.95
    assert min(wilson) > 0.90
    assert sum(wilson) / len(wilson) == pytest.approx(0.95, abs=0.01)
    assert sum(wilson) < sum(exact)


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_scipy_fisher_agrees(na, nb, data):
    from scipy.stats import fisher_exact as oracle

    ka, kb = data.draw(st.integers(0, na)), data.draw(st.integers(0, nb))
    expected = oracle([[ka, na - ka], [kb, nb - kb]]).pvalue
    assert fisher_exact(ka, na, kb, nb) == pytest.approx(expected, abs=1e-9)
