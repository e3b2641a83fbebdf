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


def in_blocks(rng, drift, order):
    """Differences of 6 domains of 30 tasks, -20 to +20 points, and a drift over the whole run; each task's domain."""
    domain, n = np.repeat(np.arange(6), 30), 180
    at = np.arange(n) if order == "blocks" else rng.permutation(n)
    mean = np.linspace(-0.2, 0.2, 6)[domain] + drift * (at / n - 0.5)
    noise = rng.choice([-1.0, 0.0, 1.0], n, p=[0.15, 0.7, 0.15])
    return np.where(rng.random(n) < np.abs(mean), np.sign(mean), noise), at, domain


def test_domains_asked_one_after_another_are_no_drift_and_a_drift_within_them_is_one():
    """At most 5% of 300 runs show a trend that is none, within two standard errors; without strata most do."""
    rng = np.random.default_rng(5)
    seen = {"blind": [], "no drift": [], "calls": [], "drift": []}
    for _ in range(300):
        d, at, domain = in_blocks(rng, 0.0, "blocks")
        seen["blind"].append(trend(d, at, seed=None).p_value)
        seen["no drift"].append(trend(d, at, strata=domain, seed=None).p_value)
        calls = 1 + (at >= 75)  # the third domain is of both, so that there is something to compare
        seen["calls"].append(run_effect(d[60:90], calls[60:90], strata=domain[60:90])[0])
        d, at, domain = in_blocks(rng, 0.5, "mixed")
        seen["drift"].append(trend(d, at, strata=domain, seed=None).p_value)
    share = {name: np.mean(np.array(p) <= 0.05) for name, p in seen.items()}
    assert share["blind"] > 0.5
    assert share["no drift"] <= 0.05 + 2 * 0.0126
    assert share["calls"] <= 0.05 + 2 * 0.0126
    assert share["drift"] > 0.8


def test_within_strata_the_slope_is_that_with_a_mean_for_each():
    import statsmodels.api as sm

    d, at, domain = in_blocks(np.random.default_rng(6), 0.4, "mixed")
    columns = np.column_stack([at, *(domain == k for k in range(6))]).astype(float)
    fit = sm.OLS(d, columns).fit(cov_type="HC3", use_t=True)
    found = trend(d, at, strata=domain)
    assert found.change.value == pytest.approx(179 * fit.params[0])
    assert (found.change.low, found.change.high) == pytest.approx(tuple(179 * fit.conf_int()[0]))
    assert found.p_value == pytest.approx(trend(d, at, strata=domain, seed=None).p_value, abs=0.02)
    first = trend(d[:3], at[:3], strata=[0, 1, 2])  # of one task each: together one stratum
    assert first.p_value == trend(d[:3], at[:3]).p_value
    assert trend(d[:4], [0, 0, 1, 1], strata=[0, 0, 1, 1]).change.why == "no order to look at within any stratum"
    assert run_effect(d, 1 + (domain > 2), strata=domain)[0] == 1.0, "no domain was asked in two calls"


def test_calls_within_strata_are_held_against_an_enumeration():
    """All ways to deal two calls to three tasks of each of two domains."""
    from itertools import combinations, product

    values, domain = np.array([0.0, 1.0, 0.5, -1.0, 0.0, 1.0]), np.repeat([0, 1], 3)
    calls = np.array([1, 2, 2, 1, 1, 2])
    first = [sum(values[list(a)]) + sum(values[3 + np.array(b)])
             for a, b in product(combinations(range(3), 1), combinations(range(3), 2))]  # fmt: skip
    apart = np.abs(np.array(first) - np.mean(first))
    exact = np.mean(apart >= abs(values[calls == 1].sum() - np.mean(first)) - 1e-12)
    assert run_effect(values, calls, strata=domain)[0] == pytest.approx(exact, abs=0.03)
