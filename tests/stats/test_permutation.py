"""Unequal trials, and intervals that are their test turned around."""

import itertools
from math import comb

import numpy as np
import pytest
from scipy.stats import norm as normal

from harness.stats import clustered_rate, compare
from harness.stats.permutation import flip_test, shuffle_test


def test_the_inverted_sign_flip_holds_what_its_test_does_not_refute():
    """By brute force on eight clusters: each shift is tested by all 256 patterns."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 12, 8).astype(float)
    sums = np.round(rng.normal(0.3, 0.4, 8) * sizes).clip(-sizes, sizes)
    found = flip_test(sums, sizes, 0.9)
    signs = np.array(list(itertools.product([1, -1], repeat=8)))

    def p(shift):
        d = sums - shift * sizes
        return np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-9)

    grid = np.linspace(-1, 1, 2001)
    kept = [shift for shift in grid if p(shift) > 0.1]
    assert (found.low, found.high) == pytest.approx((min(kept), max(kept)), abs=0.002)
    assert found.p_value == pytest.approx(p(0.0))


def test_trials_are_shuffled_as_the_hypergeometric_says():
    """Three tasks of 1 and 3 trials: every way in which their passes could have fallen, with its weight."""
    x, n, y, k = np.array([1, 1, 0]), np.ones(3), np.array([1, 0, 1]), np.full(3, 3)

    def studentised(a):
        d = a - (x + y - a) / 3
        error = d.std(ddof=1) / 3**0.5
        return abs(d.mean()) / error if error > 1e-12 else (np.inf if abs(d.mean()) > 1e-12 else 0.0)

    seen, total = studentised(x), 0.0
    for ways in itertools.product(*(range(max(0, s - 3), min(s, 1) + 1) for s in x + y)):
        weight = np.prod([comb(1, w) * comb(3, s - w) / comb(4, s) for w, s in zip(ways, x + y, strict=True)])
        total += weight * (studentised(np.array(ways)) >= seen - 1e-9)
    found = shuffle_test((x, n), (y, k), np.arange(3), resamples=9_999)
    assert found.p_value == pytest.approx(total, abs=0.015)


@pytest.mark.parametrize(("tasks", "trials"), [(50, (1, 10)), (50, (2, 10)), (200, (1, 10))])
def test_equals_with_unequal_trials_seldom_differ(tasks, trials):
    """At a rate of .95 the sign-flip test rejects one in ten of these with 1 trial beside 10."""
    rng = np.random.default_rng(tasks)
    rejected = 0
    for _ in range(200):
        a, b = (rng.binomial(k, 0.95, tasks) for k in trials)
        found = compare(a, np.full(tasks, trials[0]), b, np.full(tasks, trials[1]), resamples=499)
        rejected += found.p_value <= 0.05
        assert (found.p_value <= 0.05) == (not found.low <= 0.0 <= found.high)
    assert rejected / 200 <= 0.08


@pytest.mark.parametrize("shape", ["zipf", "pareto"])
@pytest.mark.parametrize("groups", [30, 50, 200])
def test_coverage_over_unequal_clusters(shape, groups):
    rng = np.random.default_rng(groups)
    held, apart = [], []
    for _ in range(150):
        raw = rng.zipf(1.8, groups) if shape == "zipf" else np.ceil(rng.pareto(1.2, groups))
        sizes = np.clip(raw, 1, 400).astype(int)
        codes, p = np.repeat(np.arange(groups), sizes), rng.beta(0.7 * 7 / 3, 0.3 * 7 / 3, groups)
        ones = np.ones(len(codes))
        a, b = (rng.binomial(1, p[codes]).astype(float) for _ in range(2))
        rate = clustered_rate(a, ones, codes)
        held.append(rate.low <= 0.7 <= rate.high)
        difference = compare(a, ones, b, ones, codes, resamples=499)
        apart.append(difference.low <= 0.0 <= difference.high)
    assert np.mean(held) >= 0.9
    assert np.mean(apart) >= 0.9


def test_a_few_large_clusters_are_named():
    sizes = [200, *([4] * 49)]
    codes = np.repeat(np.arange(50), sizes)
    found = clustered_rate(np.arange(len(codes)) % 3 > 0, np.ones(len(codes)), codes)
    assert "50 clusters that count as 3.8" in found.method


def test_of_many_units_the_normal_limit_is_what_drawn_signs_give():
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 4, 6_000).astype(float)
    sums = np.clip(rng.normal(0.02, 0.4, 6_000), -1, 1) * sizes
    limit = flip_test(sums, sizes, resamples=9_999)
    drawn = flip_test(sums, sizes, resamples=6_000)  # few enough to be drawn
    assert "normal" in limit.method
    assert "drawn" in drawn.method
    assert limit.p_value == pytest.approx(drawn.p_value, abs=0.02)
    assert (limit.low, limit.high) == pytest.approx((drawn.low, drawn.high), abs=1.5e-3)
    shifted = sums - limit.high * sizes  # the interval is the inversion of the very test
    z = shifted.sum() / np.sqrt((shifted**2).sum())
    assert 2 * normal.sf(abs(z)) == pytest.approx(0.05, abs=1e-6)


def test_few_units_that_differ_among_many_are_not_called_normal():
    sums = np.zeros(50_000)
    sums[:6] = [0.31, 0.377, 0.21, 0.41, 0.93, 0.123]
    assert flip_test(sums, np.ones(50_000)).p_value == pytest.approx(2 / 2**6)
