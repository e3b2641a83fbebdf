"""Whom the data chose: comparisons with the leader, and what the leader is worth."""

import numpy as np
import pytest
from scipy.stats import norm

from harness.stats import clustered_rate
from harness.stats.ranking import best_of, rank


def outcomes(rng, rates, tasks):
    """0/1 outcomes of contenders whose tasks are hard or easy for all of them."""
    hard = 0.6 * rng.standard_normal((tasks, 1)) + 0.8 * rng.standard_normal((tasks, len(rates)))
    return (hard < norm.ppf(rates)).astype(float)


@pytest.mark.parametrize(("many", "tasks"), [(5, 100), (10, 100), (25, 100)])
def test_equals_that_are_sorted_seldom_differ(many, tasks):
    rng = np.random.default_rng(many)
    false = held = 0
    for _ in range(200):
        x = outcomes(rng, np.full(many, 0.6), tasks)
        found = rank(x, resamples=499)
        false += found.p_adjusted.min() <= 0.05
        alone = clustered_rate(x[:, x.mean(axis=0).argmax()], np.ones(tasks))
        best = best_of(x, alone, found.factor)
        held += best.interval.low <= 0.6 <= best.interval.high
        assert best.likely <= x.mean(axis=0).max() + 1e-9
    assert false / 200 <= 0.085
    assert held / 200 >= 0.94


def test_one_that_is_better_is_found_and_keeps_its_rate():
    rng = np.random.default_rng(1)
    x = outcomes(rng, np.array([0.75, *([0.55] * 9)]), 500)
    found = rank(x, resamples=999)
    assert found.unbeaten.tolist() == [True, *([False] * 9)]
    assert (found.p_adjusted[0, 1:] <= 0.05).all()
    best = best_of(x, clustered_rate(x[:, 0], np.ones(500)), found.factor)
    assert (best.place, best.interval.low < 0.75 < best.interval.high) == (0, True)


def test_two_contenders_are_one_pair():
    """With two the adjusted p is that of the sign-flip test, which on 0/1 values is McNemar's exact one."""
    from scipy.stats import binomtest

    x = np.zeros((100, 2))
    x[:9, 0] = x[9:11, 1] = 1
    found = rank(x)
    assert found.p_adjusted[0, 1] == pytest.approx(binomtest(2, 11).pvalue, abs=0.01)
    assert found.p_adjusted.tolist() == found.p_adjusted.T.tolist()


def test_the_factor_is_tukeys_where_contenders_are_independent():
    """The largest of k independent |Z|: the quantile of a normal at the k-th root of the level."""
    x = np.random.default_rng(2).integers(0, 2, (4000, 8)).astype(float)
    assert rank(x, resamples=99).factor == pytest.approx(norm.ppf(0.5 + 0.95 ** (1 / 8) / 2), abs=0.03)


def test_alike_contenders_and_none():
    x = np.repeat(np.random.default_rng(3).integers(0, 2, (50, 1)).astype(float), 3, axis=1)
    assert rank(x).p_adjusted.min() == 1.0
    assert rank(np.zeros((10, 1))).unbeaten.tolist() == [True]
    with pytest.raises(ValueError, match="finite"):
        rank([[np.nan, 1.0]])


def test_of_very_many_tasks_a_normal_curve_stands_for_the_flips():
    """One draw of normals with the flipped sums' covariance; against the flips themselves of the same tasks."""
    rng = np.random.default_rng(5)
    tasks = rng.normal(size=(20_000, 1))
    means = (rng.random((20_000, 12)) < 1 / (1 + np.exp(-tasks - np.linspace(0.4, 0.48, 12)))).astype(float)
    limit, drawn = rank(means, resamples=9_999), rank(means, resamples=1_900)
    assert np.abs(limit.p_adjusted - drawn.p_adjusted).max() < 0.05
    assert 0.01 < np.median(limit.p_adjusted) <= 1.0


def test_two_that_hardly_differ_among_very_many_tasks_keep_their_exact_chance():
    means = np.random.default_rng(1).integers(0, 2, (30_000, 1)).repeat(2, axis=1).astype(float)
    means[:5, 0], means[:5, 1] = 1.0, 0.0
    assert rank(means).p_adjusted[0, 1] == pytest.approx(2 / 2**5, abs=0.01)
