import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as scipy_t

from harness.core import Estimate
from harness.stats import break_even, fieller_ratio, heavy_tail, skewed_costs
from harness.stats.money import fieller_roots

COST = (0.10, 0.12, 0.30, 0.08, 0.11, 0.25, 0.09, 0.40, 0.15, 0.10)
PASSED = (1, 1, 0, 1, 1, 0, 1, 0, 1, 1)


def test_printed_value():
    found = fieller_ratio(COST, PASSED)
    assert (found.value, found.low, found.high) == pytest.approx((0.242857, 0.089524, 0.687703), abs=1e-6)
    assert found.method == "Fieller, 10 clusters"
    x = np.array(PASSED, dtype=float)
    g = fieller_roots((0.17, 0.7), (0.0, 0.0, x.var(ddof=1) / 10), 2.2621571628)[2]
    assert g == pytest.approx(0.243684, abs=1e-6)


def test_few_passes_leave_the_ratio_unbounded_and_say_so():
    found = fieller_ratio((0.1, 0.2, 0.3), (1, 0, 0))
    assert found.value == pytest.approx(0.6)
    assert (found.low, found.high) == (None, None)
    assert "too few passes" in found.why


def test_no_pass_has_no_price():
    found = fieller_ratio((0.1, 0.2), (0, 0))
    assert (found.value, found.why) == (None, "nothing passed, so there is no cost per pass")


def test_an_unknown_cost_is_never_zero():
    found = fieller_ratio((0.1, float("nan"), 0.2), (1, 1, 1))
    assert (found.value, found.why) == (None, "unknown for 1 of 3 tasks")
    assert fieller_ratio((), ()).value is None
    assert fieller_ratio((0.1,), (1,)).why == "one cluster has no interval"


def test_all_passed_leaves_only_the_cost_uncertain():
    found = fieller_ratio(COST, np.ones(10))
    half = 2.262157 * np.std(COST, ddof=1) / 10**0.5
    assert (found.low, found.high) == pytest.approx((0.17 - half, 0.17 + half), abs=1e-6)


def test_clusters_are_summed():
    doubled = fieller_ratio(np.repeat(COST, 2), np.repeat(PASSED, 2), np.repeat(np.arange(10), 2))
    once = fieller_ratio(COST, PASSED)
    assert (doubled.value, doubled.low, doubled.high) == pytest.approx((once.value, once.low, once.high))


def test_unequal_clusters_by_leaving_each_out():
    """The variances by brute force; 3 clusters of 6, 3 and 1 tasks count as 100 / 46."""
    codes, (cost, passed) = np.array([0] * 6 + [1] * 3 + [2]), (np.array(COST), np.array(PASSED, dtype=float))
    without = np.array([[v[codes != k].mean() for v in (cost, passed)] for k in range(3)])
    off = without - (cost.mean(), passed.mean())
    v = 2 / 3 * off.T @ off
    df = 100 / 46 - 1
    found = fieller_ratio(cost, passed, codes, level=0.5)
    x, y, t2 = passed.mean(), cost.mean(), scipy_t.ppf(0.75, df) ** 2
    roots = np.roots([x * x - t2 * v[1, 1], -2 * (x * y - t2 * v[0, 1]), y * y - t2 * v[0, 0]])
    assert (found.low, found.high) == pytest.approx(sorted(roots))
    assert found.method == "Fieller, only 3 clusters that count as 2.2"


@given(st.lists(st.tuples(st.floats(0.01, 5), st.integers(0, 3)), min_size=2, max_size=30))
def test_a_bounded_interval_holds_the_ratio(rows):
    found = fieller_ratio([r[0] for r in rows], [r[1] for r in rows])
    if found.low is not None:
        assert 0 <= found.low <= found.value * (1 + 1e-9)
        assert found.value <= found.high * (1 + 1e-9)


def test_coverage_of_the_ratio():
    rng = np.random.default_rng(6)
    held = []
    for _ in range(800):
        passed = rng.random(60) < 0.7
        cost = rng.gamma(2.0, 0.5, 60) + 0.5 * ~passed
        found = fieller_ratio(cost, passed)
        held.append(found.low <= (1.0 + 0.5 * 0.3) / 0.7 <= found.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.025)


def test_break_even():
    saving = Estimate(value=0.252307, low=0.252307 - 1.959964 * 0.012247, high=0.252307 + 1.959964 * 0.012247)
    found = break_even(1500, saving)
    assert (found.value, found.low, found.high) == pytest.approx((5945, 5429, 6570), abs=0.6)


def test_break_even_may_never_come():
    unsure = break_even(1500, Estimate(value=0.1, low=-0.1, high=0.3))
    assert (unsure.value, unsure.low, unsure.high) == (pytest.approx(15000), pytest.approx(5000), None)
    assert "may be 0" in unsure.why
    worse = break_even(1500, Estimate(value=-0.1, low=-0.2, high=-0.05))
    assert (worse.value, worse.low) == (None, None)
    assert "never earned back" in worse.why
    assert break_even(1500, Estimate(value=None, why="no prices")).why == "no prices"


@pytest.mark.shared
def test_routerbench_mini_cost_per_task(router):
    """Mean cost in CNY as the data set's authors print it."""
    for system, cost in [("always_cheap", 0.00029186), ("always_strong", 0.00079930), ("reflection", 0.00067258)]:
        found = fieller_ratio(router[system]["cost_cny"], np.ones(800))
        assert found.value == pytest.approx(cost, abs=6e-9)


def test_a_fifth_of_the_cost_in_the_dearest_tasks_is_a_heavy_tail():
    assert heavy_tail(np.ones(100)) is None
    assert heavy_tail([np.nan, 1.0]) is None
    assert heavy_tail([1.0, 2.0, 3.0]) is None
    assert heavy_tail([*np.ones(99), 50.0]) == pytest.approx(50 / 149)


def test_skewed_costs_ask_for_more_tasks():
    assert skewed_costs(np.ones(100)) is None
    assert skewed_costs([np.nan, 1.0]) is None
    assert skewed_costs(np.linspace(1.0, 2.0, 8)) is None
    # 1 of 50 costs 5 where all others cost 1: skewness (1 - 2p) / sqrt(p (1 - p)) = 6.857, 25 times its square 1,175.5
    assert skewed_costs([*np.ones(49), 5.0]) == 1_176
    assert skewed_costs([*np.ones(49), 5.0], np.arange(50) // 2) == 552  # 1 of 25: 4.695


def test_symmetric_costs_of_few_tasks_are_seldom_said_to_be_skewed():
    rng = np.random.default_rng(1)
    assert np.mean([skewed_costs(rng.normal(10.0, 1.0, 12)) is not None for _ in range(500)]) < 0.05
