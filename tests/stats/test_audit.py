import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import audit, fisher_exact, mcnemar_midp, normalised_gain, wilson_interval


def test_a_difference_of_one_task_proves_nothing():
    found = audit((15, 100), (14, 100))
    assert (found.a.low, found.a.high) == wilson_interval(15, 100)
    assert found.discordant == (1, 29)
    assert found.paired_p_best == pytest.approx(mcnemar_midp(1, 0))
    assert found.paired_p_worst == pytest.approx(max(mcnemar_midp(15 - k, 14 - k) for k in range(15)))
    assert found.tasks_needed > 10_000
    assert "cannot tell the two apart" in found.sentence
    assert str(found.tasks_needed) in found.sentence


def test_the_answer_may_hang_on_results_not_shown():
    found = audit((60, 100), (50, 100))
    assert found.paired_p_best == pytest.approx(mcnemar_midp(10, 0))
    assert found.paired_p_best < 0.05 < found.paired_p_worst
    assert "hangs on results by task" in found.sentence


def test_a_large_difference_stands_whatever_they_were():
    found = audit((95, 100), (20, 100))
    assert found.paired_p_worst < 0.05
    assert "stands whatever" in found.sentence


def test_known_discordant_tasks_leave_one_table():
    found = audit((582, 800), (546, 800), discordant=92)
    assert found.paired_p_best == found.paired_p_worst == pytest.approx(1.5757e-4, rel=1e-4)
    with pytest.raises(ValueError, match="cannot have 3"):
        audit((60, 100), (50, 100), discordant=3)


def test_different_numbers_of_tasks_have_no_pairs():
    found = audit((60, 100), (90, 200))
    assert (found.paired_p_best, found.discordant) == (None, None)
    assert "different numbers of tasks" in found.sentence
    with pytest.raises(ValueError, match="same tasks"):
        audit((60, 100), (90, 200), discordant=10)


def test_no_difference_needs_no_tasks():
    assert audit((5, 10), (5, 10)).tasks_needed is None
    with pytest.raises(ValueError, match="11/10"):
        audit((11, 10), (5, 10))


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_scipy_fisher_agrees(na, nb, data):
    from scipy.stats import fisher_exact as oracle

    ka, kb = data.draw(st.integers(0, na)), data.draw(st.integers(0, nb))
    expected = oracle([[ka, na - ka], [kb, nb - kb]]).pvalue
    assert fisher_exact(ka, na, kb, nb) == pytest.approx(expected, abs=1e-9)


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
