import numpy as np
import pytest

from harness.stats import bootstrap_estimate, cluster_weights, percentile_limits, resampled_sums
from harness.stats.units import few_rows


def mean(sums):
    return sums[:, 0] / sums[:, 1]


def test_weights_are_counts_of_draws():
    weights = cluster_weights(37, 500, seed=4)
    assert weights.shape == (500, 37)
    assert np.all(weights.sum(axis=1, dtype=int) == 37)
    # A cluster's count is Binomial(37, 1/37): mean 1, variance 36/37.
    assert weights.mean() == 1.0
    assert weights.var() == pytest.approx(36 / 37, abs=0.02)


def test_the_same_seed_gives_the_same_weights_and_another_others():
    assert np.array_equal(cluster_weights(20, 50, seed=1), cluster_weights(20, 50, seed=1))
    assert not np.array_equal(cluster_weights(20, 50, seed=1), cluster_weights(20, 50, seed=2))


def test_sums_are_weights_times_sums_however_they_are_blocked(monkeypatch):
    X = np.random.default_rng(0).random((50, 3))
    expected = cluster_weights(50, 300, seed=9).astype(float) @ X
    assert resampled_sums(X, 300, seed=9) == pytest.approx(expected)
    monkeypatch.setattr("harness.stats.bootstrap._KEPT", 10)
    assert resampled_sums(X, 300, seed=9) == pytest.approx(expected)


def test_the_standard_error_of_a_mean_is_the_textbook_one():
    x = np.random.default_rng(1).normal(size=200)
    drawn = resampled_sums(x, 4000)[:, 0] / 200
    assert drawn.std() == pytest.approx(x.std() / 200**0.5, rel=0.04)


def test_scipy_bootstrap_agrees():
    from scipy.stats import bootstrap

    x = np.random.default_rng(2).exponential(size=80)
    oracle = bootstrap((x,), np.mean, method="percentile", n_resamples=2999, rng=1).confidence_interval
    found = bootstrap_estimate(np.stack([x, np.ones(80)], axis=1), mean)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=0.03)
    assert found.method == "bootstrap of 80 clusters, 9999 resamples, seed 0"


def test_what_cannot_be_had_is_none_with_a_reason():
    with np.errstate(invalid="ignore"):
        assert bootstrap_estimate([[0.0, 0.0]], mean).why == "undefined"
    assert bootstrap_estimate([[1.0, 2.0]], mean).why == "one cluster cannot be resampled"
    assert bootstrap_estimate(np.empty((0, 2)), mean).why == "no tasks"
    assert percentile_limits(np.array([1.0, np.nan])) is None
    with pytest.raises(ValueError, match="needs clusters"):
        cluster_weights(0, 10)


def test_counted_rows_give_the_interval_of_the_normal_limit():
    """50,000 clusters of few rows: the standard error of a mean is known."""
    rng = np.random.default_rng(2)
    passes = rng.integers(0, 4, 50_000)
    found = bootstrap_estimate(np.stack([passes, np.full(50_000, 3)], axis=1), lambda s: s[:, 0] / s[:, 1])
    error = (passes / 3).std() / np.sqrt(50_000)
    assert found.value == pytest.approx(passes.mean() / 3)
    assert [found.low, found.high] == pytest.approx(
        [found.value - 1.96 * error, found.value + 1.96 * error], abs=0.06 * error
    )


def test_rows_are_counted_only_where_they_are_few_and_truly_alike():
    table = np.array([[1.0, 0.0], [0.1 + 0.2, 1.0], [0.3, 1.0], [1.0, 0.0], [0.0, 0.0]])
    rows, counts = few_rows(table)
    assert dict(zip(map(tuple, rows.round(9).tolist()), counts.tolist(), strict=True)) == {
        (0.0, 0.0): 1,
        (0.3, 1.0): 2,
        (1.0, 0.0): 2,
    }
    assert few_rows(np.random.default_rng(0).random((5_000, 2))) is None
    assert few_rows(np.array([[np.nan, 1.0]])) is None
    mix = np.random.default_rng(0).uniform(0.5, 1.5, 2)  # two rows made to share the combination that tells rows apart
    assert few_rows(np.array([[mix[1], 0.0], [0.0, mix[0]]])) is None
