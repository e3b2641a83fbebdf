"""Training seeds in intervals and tests: closed forms at the ends, and how often an interval holds the recipe."""

import numpy as np
import pytest
import scipy.stats

from harness.core import Comparison, Estimate
from harness.stats import (
    between,
    clustered_mean,
    compare,
    fieller_ratio,
    latency_quantile,
    of_ratio,
    of_values,
    over_seeds,
    replicates,
    widened,
)


def comparison(delta, half):
    p = 2 * scipy.stats.norm.sf(abs(delta) / (half / scipy.stats.norm.ppf(0.975))) if half else 0.0
    ends = {"low": delta - half, "high": delta + half, "level": 0.95}
    return Comparison(a="a", b="b", n_tasks=100, n_trials=400, delta=delta, p_value=p, **ends)


def test_rates_are_on_the_tasks_of_all_seeds():
    """Seed 1 lacks the last task, seed 3 has none at all: two seeds on two tasks, by hand."""
    sums, counts = [[1, 0, 0], [1, 1, 1], [0, 0, 0]], [[1, 1, 0], [1, 1, 1], [0, 0, 0]]
    found = replicates(sums, counts)
    assert found.known.tolist() == [0.5, 1.0]
    assert found.variance == (pytest.approx(np.var([0.5, 1.0], ddof=1) / 2), 2)
    assert replicates([[1], [1]], [[1], [1]]).variance == (0.0, 2)
    assert replicates([[1]], [[1]]).variance == (0.0, 1)


def test_as_many_seeds_on_both_sides_are_paired():
    a, b = replicates([[5], [7], [9]], [[10]] * 3), replicates([[4], [6], [8]], [[10]] * 3)
    ((variance, seeds),) = between(a, b)
    assert (variance, seeds) == (pytest.approx(0.0, abs=1e-12), 3)  # the difference is the same of every seed
    c = replicates([[4], [6]], [[10]] * 2)
    assert between(a, c) == (a.variance, c.variance)
    assert between(a, None) == (a.variance,)


def test_of_seeds_alone_it_is_student_s_t():
    found = over_seeds(comparison(0.1, 0.0), [(0.03**2, 3)])
    assert found.p_value == pytest.approx(2 * scipy.stats.t.sf(0.1 / 0.03, 2), rel=1e-6)
    assert found.high - 0.1 == pytest.approx(scipy.stats.t.ppf(0.975, 2) * 0.03)


def test_of_tasks_alone_nothing_changes():
    before = comparison(0.1, 0.06)
    found = over_seeds(before, [(0.0, 3)])
    assert (found.low, found.high) == (pytest.approx(before.low), pytest.approx(before.high))
    assert found.p_value == pytest.approx(before.p_value, rel=1e-6)
    assert over_seeds(before, [(0.0, 1)]) is before


@pytest.mark.parametrize("delta", [0.05, 0.08, 0.12, -0.08, -0.2])
def test_interval_and_test_agree(delta):
    found = over_seeds(comparison(delta, 0.06), [(0.012**2, 3), (0.02**2, 5)])
    assert (found.p_value < 0.05) == (not found.low <= 0.0 <= found.high)
    with_t = np.hypot(0.06, np.hypot(scipy.stats.t.ppf(0.975, 2) * 0.012, scipy.stats.t.ppf(0.975, 4) * 0.02))
    assert found.high - delta == pytest.approx(with_t)


@pytest.mark.parametrize("spread", [0.0, 0.04, 0.1])
def test_the_interval_holds_the_recipe_and_not_only_its_seeds(spread):
    """A recipe of rate .7 whose seeds vary, against one that passes .7: of 300 each, the true difference is 0."""
    rng = np.random.default_rng(0)
    held, alone, n, k = 0, 0, 150, 3
    for _ in range(300):
        rates = np.clip(rng.normal(0.7, spread, k), 0, 1)
        tuned, other = rng.random((k, n)) < rates[:, None], rng.random(n) < 0.7
        one = replicates(tuned, np.ones((k, n)))
        args = (tuned.sum(axis=0), np.full(n, k), other.astype(float), np.ones(n))
        found = compare(*args, seeds=between(one, None), resamples=499, power=None)
        held += found.low <= 0.0 <= found.high
        found = compare(*args, resamples=499, power=None)
        alone += found.low <= 0.0 <= found.high
    assert held >= 300 * 0.93
    assert spread < 0.1 or alone < 300 * 0.85  # over tasks alone it would not


def test_what_is_not_bounded_stays_so_and_a_cost_may_exceed_1():
    half = Estimate(value=3.0, low=2.0, high=None, level=0.95, method="m")
    found = widened(half, 0.25, 3, within=(0.0, float("inf")))
    assert (found.high, found.low) == (None, pytest.approx(3.0 - np.hypot(1.0, scipy.stats.t.ppf(0.975, 2) * 0.5)))
    both = widened(Estimate(value=3.0, low=2.0, high=5.0, level=0.95), 0.25, 3, within=(0.0, float("inf")))
    assert both.high == pytest.approx(3.0 + np.hypot(2.0, scipy.stats.t.ppf(0.975, 2) * 0.5))
    none = Estimate(value=3.0, level=0.95)
    assert widened(none, 0.25, 3) is none


def test_the_ratio_of_seeds_is_linear_by_hand():
    """Two seeds: 4 dollars and 2 passes a task, 2 dollars and 1 pass: the same ratio of 2, so nothing lies apart."""
    counts = [[1, 1], [1, 1]]
    assert of_ratio([[4, 4], [2, 2]], [[1, 1], [0.5, 0.5]], counts) == (pytest.approx(0.0, abs=1e-12), 2)
    variance, seeds = of_ratio([[4, 4], [2, 2]], [[0.5, 0.5], [0.5, 0.5]], counts)
    assert (variance, seeds) == (pytest.approx(np.var([8, 4], ddof=1) / 2), 2)
    assert of_ratio([[4], [2]], [[0], [0]], [[1], [1]]) == (0.0, 2)
    assert of_values([1.0, np.nan, 3.0]) == (pytest.approx(1.0), 2)


def costs_of_a_recipe(rng, k, n, spread):
    """Dollars, passes and seconds by seed and task: each seed has a level of cost of its own about 1, tasks another."""
    level = np.exp(rng.normal(-(spread**2) / 2, spread, k))
    tasks = np.exp(rng.normal(-0.125, 0.5, n))
    usd = level[:, None] * tasks * np.exp(rng.normal(-0.02, 0.2, (k, n)))
    return usd, (rng.random((k, n)) < 0.6).astype(float)


@pytest.mark.parametrize(("k", "spread"), [(3, 0.0), (3, 0.1), (3, 0.2), (5, 0.2)])
def test_costs_and_latencies_hold_the_recipe(k, spread):
    """The true mean cost is 1, a pass costs 1 / .6, and the median of the time is the median of a log-normal."""
    rng = np.random.default_rng([int(100 * spread), k])
    n, runs, free = 150, 400, (0.0, float("inf"))
    held, alone = np.zeros(3), np.zeros(3)
    median = np.exp(-(spread**2) / 2 - 0.125 - 0.02)  # of a product of log-normals
    for _ in range(runs):
        usd, passed = costs_of_a_recipe(rng, k, n, spread)
        ones = np.ones((k, n))
        task = clustered_mean(usd.sum(axis=0), np.full(n, float(k)))
        ratio = fieller_ratio(usd.mean(axis=0), passed.mean(axis=0))
        time = latency_quantile(usd.ravel(), 0.5, np.tile(np.arange(n), k))
        parts = (
            (task, replicates(usd, ones).variance, 1.0),
            (ratio, of_ratio(usd, passed, ones), 1.0 / 0.6),
            (time, of_values(np.median(usd, axis=1)), median),
        )
        for place, (over_tasks, between_seeds, truth) in enumerate(parts):
            found = widened(over_tasks, *between_seeds, within=free)
            held[place] += found.low <= truth <= found.high
            alone[place] += over_tasks.low <= truth <= over_tasks.high
    assert (held >= runs * 0.92).all(), held / runs
    assert spread < 0.2 or (alone < runs * 0.85).all(), alone / runs  # over tasks alone they would not
