"""What published counts support, against scipy's tests, exhaustive tables and the values of field.md."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact

from harness.analysis import headline
from harness.core import UsageError


def test_one_more_pass_in_a_hundred_is_noise():
    found = headline((15, 100), (14, 100))
    assert found.unpaired_p == pytest.approx(1.0)  # published: Fisher p = 1.0
    assert (found.paired_p_best, found.paired_p_worst) == (1.0, 1.0)
    assert found.delta == 0.01
    assert "supports no claim" in found.sentence
    assert (found.a.low, found.a.high) == pytest.approx((0.0931, 0.2328), abs=5e-5)


def test_four_more_passes_cannot_be_shown_by_any_table():
    found = headline((18, 100), (14, 100))
    assert found.paired_p_best == pytest.approx(0.125)  # 4 tasks against 0: 2 / 2^4
    assert (found.best, found.discordant) == ((4, 0), (4, 32))
    assert "even if the passes fell as favourably as they can" in found.sentence


@pytest.mark.parametrize(("discordant", "published"), [(31, 0.003), (51, 0.024), (81, 0.075)])
def test_seventeen_more_passes_hang_on_the_discordant_count(discordant, published):
    found = headline((217, 410), (200, 410), discordant=discordant)
    exact = binomtest((discordant + 17) // 2, discordant).pvalue
    assert found.paired_p_best == found.paired_p_worst == pytest.approx(exact)
    assert round(exact, 3) == published
    assert ("is significant (" in found.sentence) == (published <= 0.05)
    unknown = headline((217, 410), (200, 410))
    assert unknown.paired_p_best < 0.001 < 0.05 < unknown.paired_p_worst
    assert "not published" in unknown.sentence


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 25), st.data())
def test_best_and_worst_are_those_of_all_tables(n, data):
    ka, kb = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    found = headline((ka, n), (kb, n))
    p = [
        binomtest(ka - both, ka + kb - 2 * both).pvalue if ka + kb - 2 * both else 1.0
        for both in range(max(0, ka + kb - n), min(ka, kb) + 1)
    ]
    assert (found.paired_p_best, found.paired_p_worst) == pytest.approx((min(p), max(p)))
    assert found.unpaired_p == pytest.approx(fisher_exact([[ka, n - ka], [kb, n - kb]]).pvalue)
    assert found.best[0] - found.best[1] == ka - kb


def test_different_numbers_of_tasks_have_no_paired_p_and_a_reason():
    found = headline((60, 100), (90, 200))
    assert found.delta == 0.15
    record = found.as_json()
    assert record["paired_p_best"] is record["paired_p_worst"] is None
    assert "different numbers of tasks" in record["why"]
    assert "equally hard" in found.sentence
    assert record["unpaired_p"] == pytest.approx(fisher_exact([[60, 40], [90, 110]]).pvalue)


def test_no_number_of_tasks_after_the_fact_but_what_these_can_show():
    """15 and 14 of 100: 19,463 tasks was printed. Power of two shares: statsmodels."""
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    record = headline((15, 100), (14, 100)).as_json()
    assert record["tasks_needed"] is None
    assert "tasks_needed" in record["why"]
    shown = record["smallest_difference"]
    size = proportion_effectsize(0.145 + shown / 2, 0.145 - shown / 2)
    assert NormalIndPower().power(size, 100, 0.05) == pytest.approx(0.8, abs=0.04)
    assert "100 tasks can show 13.6 points or more" in record["sentence"]
    even = headline((5, 10), (5, 10))
    assert "no equality either" in even.sentence
    assert headline((2, 3), (1, 3)).as_json()["smallest_difference"] is None
    assert "can show no difference at all" in headline((2, 3), (1, 3)).sentence


@pytest.mark.parametrize(("a", "b"), [((60, 100), (90, 200)), ((6, 40), (60, 400))])
def test_unequal_numbers_of_tasks_show_what_their_harmonic_mean_does(a, b):
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    shown, p = headline(a, b).smallest_difference, (a[0] + b[0]) / (a[1] + b[1])
    size = proportion_effectsize(p + shown / 2, p - shown / 2)
    assert NormalIndPower().power(size, a[1], 0.05, b[1] / a[1]) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("a", "b", "discordant", "words"),
    [
        ((11, 10), (5, 10), None, "11/10"),
        ((0, 0), (0, 0), None, "0/0"),
        ((15, 100), (14, 100), 2, "1 to 29 in steps of 2"),
        ((15, 100), (14, 100), 31, "1 to 29"),
        ((15, 100), (14, 200), 1, "same tasks"),
        ((1, 10**9), (1, 10**9), None, "more than"),
    ],
)
def test_impossible_counts_are_refused(a, b, discordant, words):
    with pytest.raises(UsageError, match=words):
        headline(a, b, discordant=discordant)
