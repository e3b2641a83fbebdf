import numpy as np
import pytest

from harness.stats import agreement, ppi_mean, rater_table


def test_printed_values():
    found = agreement([[40, 5], [8, 47]])
    assert found.kappa.value == pytest.approx(0.738956, abs=1e-6)
    assert (found.kappa.high - found.kappa.value) / 1.959964 == pytest.approx(0.067398, abs=1e-6)
    assert (found.alpha.value, found.ac1.value) == pytest.approx((0.740026, 0.741268), abs=1e-6)
    rare = agreement([[92, 3], [4, 1]])
    assert (rare.kappa.value, rare.ac1.value) == pytest.approx((0.186047, 0.923418), abs=1e-6)
    assert rare.observed == 0.93


def test_statsmodels_agrees_on_kappa_with_three_categories():
    from statsmodels.stats.inter_rater import cohens_kappa

    table = np.array([[20, 3, 1], [4, 15, 6], [0, 2, 30]])
    oracle = cohens_kappa(table)
    found = agreement(table)
    assert found.kappa.value == pytest.approx(oracle.kappa)
    assert found.kappa.low == pytest.approx(oracle.kappa_low, rel=1e-5)


def test_perfect_agreement_and_one_category():
    perfect = agreement([[5, 0], [0, 7]])
    assert (perfect.kappa.value, perfect.alpha.value, perfect.ac1.value) == pytest.approx((1, 1, 1))
    single = agreement([[9, 0], [0, 0]])
    assert single.kappa.value is None
    assert "one category" in single.kappa.why
    assert single.ac1.value == 1.0


def test_table_from_ratings():
    names, table = rater_table(["y", "n", "y"], ["y", "y", "y"])
    assert (names, table.tolist()) == (("n", "y"), [[0, 1], [0, 2]])
    with pytest.raises(ValueError, match="same tasks"):
        rater_table(["y"], [])
    for bad in ([[1, 2]], [[0, 0], [0, 0]], [[1, -1], [0, 2]]):
        with pytest.raises(ValueError, match="square"):
            agreement(bad)


Y = np.r_[np.ones(51), np.zeros(49)]
F = np.r_[np.ones(45), np.zeros(6), np.ones(14), np.zeros(35)]
UNLABELLED = np.r_[np.ones(1156), np.zeros(844)]


@pytest.mark.parametrize(
    ("weight", "value", "low", "high"),
    [
        (0.0, 0.51, 0.412021, 0.607979),
        (0.5, 0.504, 0.424549, 0.583451),
        (1.0, 0.498, 0.409087, 0.586913),
        (None, 0.503015, 0.424027, 0.582003),
    ],
)
def test_ppi_printed_values(weight, value, low, high):
    found = ppi_mean(Y, F, UNLABELLED, weight)
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=5e-6)


def test_without_judged_tasks_it_is_the_plain_mean():
    assert ppi_mean(Y, F, []).value == pytest.approx(0.51)
    assert ppi_mean([], [], [1.0]).value is None
    assert ppi_mean(Y, np.ones(100), np.ones(50)).value == pytest.approx(0.51)


def test_a_biased_judge_is_put_right_and_the_interval_covers():
    """A judge that passes half of all failures: its own mean is .75, people's .5."""
    rng = np.random.default_rng(2)
    held, widths = 0, []
    for _ in range(500):
        truth = rng.random(1000) < 0.5
        judged = truth | (rng.random(1000) < 0.5)
        found = ppi_mean(truth[:100], judged[:100], judged[100:])
        held += found.low <= 0.5 <= found.high
        widths.append(found.high - found.low)
    assert held / 500 == pytest.approx(0.95, abs=0.03)
    assert np.mean(widths) < 2 * 1.96 * 0.5 / 10
