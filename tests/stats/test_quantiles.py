import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import latency_quantile


@pytest.mark.shared
def test_routerbench_mini_strong(router):
    seconds = router["always_strong"]["latency_s"]
    middle, late = latency_quantile(seconds, 0.5), latency_quantile(seconds, 0.95)
    assert (middle.value, middle.low, middle.high) == pytest.approx((1.23312, 1.21295, 1.25667), abs=1e-5)
    assert (late.value, late.low, late.high) == pytest.approx((1.81085, 1.7426, 2.03844), abs=1e-5)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [12, 40, 333])
def test_scipy_quantile_test_agrees(n, q):
    from scipy.stats import quantile_test

    x = np.random.default_rng(n).exponential(size=n)
    oracle = quantile_test(x, q=0, p=q).confidence_interval(0.95)
    found = latency_quantile(x, q)
    for ours, theirs in ((found.low, oracle.low), (found.high, oracle.high)):
        assert (ours is None) == bool(np.isnan(theirs))
        if ours is not None:
            assert ours == theirs


def test_too_few_values_have_no_limit_there():
    found = latency_quantile([1.0, 2.0, 3.0], 0.95)
    assert found.high is None
    assert "too few values" in found.why
    assert latency_quantile([], 0.5).value is None
    assert latency_quantile([float("nan")], 0.5).why == "nothing was timed"


def test_trials_of_a_task_are_not_more_tasks():
    x = np.random.default_rng(0).exponential(size=100)
    once, repeated = latency_quantile(x, 0.5), latency_quantile(np.repeat(x, 4), 0.5, np.repeat(np.arange(100), 4))
    assert repeated.method == "Woodruff, 100 clusters"
    assert repeated.high - repeated.low == pytest.approx(once.high - once.low, rel=0.35)
    assert latency_quantile([1, 2], 0.5, [0, 0]).why == "one cluster has no interval"


def test_a_quantile_outside_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        latency_quantile([1.0], 1.0)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.sampled_from([0.25, 0.5, 0.9]))
def test_limits_enclose(values, q):
    found = latency_quantile(values, q)
    assert found.low is None or found.low <= found.value
    assert found.high is None or found.high >= found.value


def test_coverage_with_clusters():
    rng = np.random.default_rng(5)
    held = []
    for _ in range(500):
        x = (rng.normal(size=(40, 1)) + rng.normal(size=(40, 5))).ravel()
        found = latency_quantile(x, 0.5, np.repeat(np.arange(40), 5))
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) > 0.93
