import numpy as np
import pytest

from harness.stats.drift import run_effect, trend
from harness.stats.money import tail_share
from harness.stats.sequential import anytime_interval
from harness.stats.tables import tasks_for_difference, tasks_for_mean


def test_the_change_is_that_of_least_squares_on_the_order():
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    times, values = rng.permutation(80) * 3.5, rng.normal(0.1, 0.3, 80)
    order = np.argsort(np.argsort(times)).astype(float)
    fit = sm.OLS(values, sm.add_constant(order)).fit(cov_type="HC3", use_t=True)
    found = trend(values, times)
    low, high = 79 * fit.conf_int()[1]
    assert (found.change.value, found.change.low, found.change.high) == pytest.approx((79 * fit.params[1], low, high))
    assert found.p_value == pytest.approx(sm.OLS(values, sm.add_constant(order)).fit().pvalues[1], abs=0.02)


def test_a_trend_is_seen_and_equals_seldom_show_one():
    rng = np.random.default_rng(1)
    seen = [trend(rng.choice([-1, 0, 1], 100, p=[0.1, 0.8, 0.1]), np.arange(100)).p_value <= 0.05 for _ in range(100)]
    assert np.mean(seen) <= 0.1
    falls = rng.choice([-1, 0], 100, p=[0.1, 0.9]) + np.where(np.arange(100) < 30, 0.5, 0)
    assert trend(falls, np.arange(100)).p_value <= 0.01
    assert trend([1.0, 2.0], [0, 1]).change.value is None
    assert trend([1.0, 2.0, 0.0], [5, 5, 5]).p_value == 1.0


def test_calls_of_the_run_that_differ():
    rng = np.random.default_rng(2)
    values = rng.normal(0, 0.3, 90) + np.repeat([0, 0, 0.5], 30)
    p, means = run_effect(values, np.repeat([1, 2, 3], 30))
    assert p < 0.01
    assert means[3] == pytest.approx(values[60:].mean())
    assert run_effect(values, np.ones(90))[0] == 1.0


def test_an_interval_that_holds_at_any_time():
    """Looked at after every task, it leaves out the true mean in at most 5% of the runs."""
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(60):
        d = rng.choice([-1, 0, 1], 300, p=[0.15, 0.75, 0.10])
        low, high = anytime_interval(d)  # of all looks the narrowest ends
        missed += not low <= -0.05 <= high
    assert missed / 60 <= 0.05
    low, high = anytime_interval(rng.choice([-1, 0, 1], 3000, p=[0.15, 0.75, 0.10]))
    assert -0.12 < low < -0.05 < high < 0.02
    assert anytime_interval([]) == (-1.0, 1.0)


def test_the_dearest_tasks():
    assert tail_share(np.ones(100)) == pytest.approx(0.01)
    assert tail_share([*([1.0] * 99), 99.0]) == pytest.approx(0.5)
    assert tail_share([1.0, np.nan]) is None
    assert tail_share([0.0, 0.0]) is None


def test_tasks_for_a_mean_are_connors_number_but_for_the_null_variance():
    """With 0/1 differences Var(d) = psi - delta^2; Connor has psi in the first term, and so a few more."""
    mine, connor = tasks_for_mean(0.05, 0.2 - 0.05**2), tasks_for_difference(0.05, 0.2)
    assert connor == pytest.approx(625.547, abs=1e-3)
    assert 0.98 < mine / connor < 1.0
    assert tasks_for_mean(0.05, 0.1) == pytest.approx((1.959964 + 0.841621) ** 2 * 0.1 / 0.05**2, rel=1e-6)


def test_of_many_units_the_limit_is_what_shuffles_come_to():
    """Kruskal and Wallis's statistic and the correlation's t, as scipy has them, on the same values."""
    from scipy import stats as peer

    rng = np.random.default_rng(4)
    values, times = rng.choice([-1.0, 0.0, 1.0], 3000, p=[0.1, 0.8, 0.1]), rng.permutation(3000)
    values[times < 300] -= 0.05
    assert trend(values, times).p_value == pytest.approx(peer.pearsonr(values, times).pvalue, rel=0.01)
    runs = rng.integers(1, 4, 3000)
    between = peer.f_oneway(*(values[runs == k] for k in (1, 2, 3))).pvalue
    assert run_effect(values, runs)[0] == pytest.approx(between, rel=0.01)
