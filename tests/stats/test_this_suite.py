"""Intervals for exactly this suite, against the analysis of variance that tau-bench's file is printed with."""

import math

import numpy as np
import pytest

from harness.stats import this_suite_difference, this_suite_rate

Z = 1.959963984540054


def test_the_variance_is_the_mean_square_within_over_all_trials():
    # 50 tasks x 4 trials with a mean square within of .1466667 and a rate of .42, as statistics of tau-bench's file
    rng = np.random.default_rng(1)
    sums = rng.integers(0, 5, 50).astype(float)
    within = float((sums - sums**2 / 4).sum() / (50 * 3))
    found = this_suite_rate(sums, np.full(50, 4), sums)
    half = Z * math.sqrt(within / 200)
    assert found.low == pytest.approx(sums.sum() / 200 - half)
    assert found.high == pytest.approx(sums.sum() / 200 + half)
    assert (found.n_tasks, found.n_trials) == (50, 200)


def test_one_trial_a_task_shows_no_trial_noise():
    found = this_suite_rate([1, 0, 2], [1, 1, 2], [1, 0, 2])
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high) == (None, None)
    assert "2 of 3 tasks were tried once" in found.why


def test_no_disagreement_is_not_certainty():
    found = this_suite_rate([3, 0], [3, 3], [3, 0])
    assert found.low is None
    assert "disagree" in found.why


def test_a_difference_adds_the_two_variances_and_mirrors():
    a, b = ([2, 1, 3], [3, 3, 3], [2, 1, 3]), ([1, 1, 2], [3, 3, 3], [1, 1, 2])
    one, other = this_suite_difference(a, b), this_suite_difference(b, a)
    variance = lambda sums: sum((s - s * s / 3) / 2 / 3 for s in sums) / 9  # noqa: E731
    half = Z * math.sqrt(variance(a[0]) + variance(b[0]))
    assert one.value == pytest.approx(2 / 9)
    assert one.high - one.value == pytest.approx(half)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_coverage_on_the_same_tasks():
    rng = np.random.default_rng(7)
    truth = rng.uniform(0.05, 0.95, 60)
    hits = 0
    for _ in range(1_000):
        sums = rng.binomial(5, truth).astype(float)
        found = this_suite_rate(sums, np.full(60, 5), sums)
        hits += found.low <= truth.mean() <= found.high
    assert 0.93 <= hits / 1_000 <= 0.97  # nominal .95, three standard errors of the simulation are .021
