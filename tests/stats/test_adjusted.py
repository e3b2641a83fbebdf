"""Early stopping's statistics where the baseline's outcomes are known for all tasks beforehand."""

import math

import numpy as np
import pytest

from harness.stats import (
    AdjustedScore,
    Adjuster,
    BettingProcess,
    ErrorSpending,
    anytime_interval,
    known_mean,
    non_inferiority,
    score_z,
)


def suite(rng, n, delta, passes=0.75, discordant=0.2):
    """Baseline and candidate at n tasks, 0/1."""
    b = (rng.random(n) < passes).astype(float)
    lost, won = (discordant - delta) / 2 / passes, (discordant + delta) / 2 / (1 - passes)
    return b, np.where(b == 1, rng.random(n) >= lost, rng.random(n) < won).astype(float)


# ---------------------------------------------------------------------------------------------------- spent by looks


def test_the_level_is_spent_as_the_square_of_what_is_known():
    """By the multivariate normal distribution of the looks, from another library."""
    from scipy.stats import multivariate_normal

    times = [0.25, 0.4, 0.8, 1.0]
    spending = ErrorSpending(0.05)
    bounds = [spending.bound(t) for t in times]
    covariance = [[math.sqrt(min(s, t) / max(s, t)) for s in times] for t in times]
    for k in range(1, 5):
        below = multivariate_normal(cov=np.array(covariance)[:k, :k]).cdf(bounds[:k], rng=np.random.default_rng(0))
        assert 1 - below == pytest.approx(0.05 * times[k - 1] ** 2, abs=3e-5)
    assert spending.bound(1.0) == math.inf  # nothing is left
    assert ErrorSpending(0.05).bound(1.0) == pytest.approx(1.644854, abs=1e-6)
    with pytest.raises(ValueError, match="alpha"):
        ErrorSpending(0.5)


# ------------------------------------------------------------------------------------------------ the margin's test


def test_a_baseline_that_passes_all_adjusts_nothing():
    d = np.array([0.0] * 90 + [-1.0] * 10)
    ones = np.ones(100)
    score = AdjustedScore((1 + d, ones), (ones, ones), None, known_mean((np.ones(300), np.ones(300))))
    assert (score.delta, score.information(0.2)) == (pytest.approx(-0.1), pytest.approx(1 / 3))
    assert score.z(-0.2) == pytest.approx(score_z(d, ones, -0.2))


def test_the_estimate_is_the_regression_estimate_and_unbiased():
    """Cochran 1977, equation 7.6: the mean plus the slope times how far the sample's known mean is off."""
    rng = np.random.default_rng(0)
    raw, adjusted = [], []
    for _ in range(300):
        b, a = suite(rng, 300, -0.03)
        known, n = known_mean((b, np.ones(300))), 60
        sides = (a[:n], np.ones(n)), (b[:n], np.ones(n))
        score = AdjustedScore(*sides, None, known)
        d = a[:n] - b[:n]
        c = b[:n] - b.mean()
        slope = max(-0.7, min(0.0, float((d - d.mean()) @ c) / float(c @ c)))
        assert score.delta == pytest.approx(d.mean() + slope * (b.mean() - b[:n].mean()), abs=1e-12)
        raw.append(d.mean())
        adjusted.append(score.delta)
    assert np.mean(adjusted) == pytest.approx(-0.03, abs=3 * np.std(adjusted) / math.sqrt(300))
    assert np.var(adjusted) < 0.9 * np.var(raw)


@pytest.mark.parametrize(("passes", "discordant"), [(0.75, 0.2), (0.4, 0.3)])
def test_at_the_margin_one_look_at_a_third_passes_in_5_of_100(passes, discordant):
    rng, passed = np.random.default_rng(1), 0
    for _ in range(400):
        b, a = suite(rng, 300, -0.05, passes, discordant)
        known, ones = known_mean((b, np.ones(300))), np.ones(100)
        passed += AdjustedScore((a[:100], ones), (b[:100], ones), None, known).test(0.05, 0.05).holds
    assert passed / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_its_lower_end_lies_above_the_margin_exactly_where_it_holds():
    rng = np.random.default_rng(2)
    b, a = suite(rng, 400, 0.0)
    known, ones = known_mean((b, np.ones(400))), np.ones(200)
    score = AdjustedScore((a[:200], ones), (b[:200], ones), None, known)
    low = score.test(0.05, 0.05).low
    for margin in (-low - 1e-6, -low + 1e-6):
        assert score.test(margin, 0.05).holds == (low > -margin)
    whole = AdjustedScore((a, np.ones(400)), (b, np.ones(400)), None, known)
    usual = non_inferiority((a, np.ones(400)), (b, np.ones(400)), 0.05)
    assert (whole.information(0.05), whole.delta) == (pytest.approx(1.0), pytest.approx(usual.delta))
    assert whole.z(-0.05) == pytest.approx(usual.z, rel=0.05)


def test_a_single_cluster_and_no_task_prove_nothing():
    ones = np.ones(4)
    known = known_mean((ones, ones), np.zeros(4))
    assert not AdjustedScore((ones, ones), (ones, ones), np.zeros(4), known).test(0.5, 0.05).holds
    none = AdjustedScore((0 * ones, 0 * ones), (ones, ones), None, known_mean((0 * ones, 0 * ones)))
    assert (none.test(0.5, 0.05).holds, none.delta) == (False, None)


# -------------------------------------------------------------------------------------------------------- the bets


def test_equals_are_taken_for_worse_in_at_most_5_of_100_whenever_it_is_looked_at():
    rng, shown, plain = np.random.default_rng(3), 0, 0
    for _ in range(300):
        b, a = suite(rng, 300, 0.0)
        values, drag = Adjuster(b - b.mean()).after_each(a - b, b - b.mean())
        shown += BettingProcess().after_each(-values, drag).max() >= 20
        plain += BettingProcess().after_each(b - a).max() >= 20
    assert shown / 300 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)
    assert plain / 300 <= 0.05


def test_a_worse_one_is_found_out_sooner():
    rng, sooner = np.random.default_rng(4), []
    for _ in range(100):
        b, a = suite(rng, 600, -0.12)
        values, drag = Adjuster(b - b.mean()).after_each(a - b, b - b.mean())
        paths = BettingProcess().after_each(-values, drag), BettingProcess().after_each(b - a)
        sooner.append([int((path >= 20).argmax()) if path.max() >= 20 else 600 for path in paths])
    adjusted, plain = np.mean(sooner, axis=0)
    assert adjusted < 0.88 * plain


def test_in_pieces_it_is_the_same():
    rng = np.random.default_rng(5)
    b, a = suite(rng, 50, 0.0)
    d, c = a - b, b - b.mean()
    whole, parts = Adjuster(c).after_each(d, c), Adjuster(c)
    pieces = [parts.after_each(d[at], c[at]) for at in (slice(0, 1), slice(1, 30), slice(30, 50))]
    for k in (0, 1):
        assert np.concatenate([piece[k] for piece in pieces]) == pytest.approx(whole[k])


def test_the_interval_is_the_process_turned_around():
    """Its upper end lies below 0 exactly where the evidence of harm has once reached 20."""
    rng = np.random.default_rng(6)
    for _ in range(20):
        b, a = suite(rng, 120, -0.08)
        values, drag = Adjuster(b - b.mean()).after_each(a - b, b - b.mean())
        low, high = anytime_interval(values, 0.9, drag)
        assert (high < 0) == (BettingProcess().after_each(-values, drag).max() >= 20)
        assert low < high
