"""Training seeds in intervals and tests: closed forms at the ends, and how often an interval holds the recipe."""

import numpy as np
import pytest
import scipy.stats

from harness.core import Comparison
from harness.stats import between, compare, over_seeds, replicates


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
