import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import (
    clustered_mean,
    clustered_rate,
    cr3,
    pass_at_k,
    pass_hat_k,
    wilson_interval,
)


@pytest.fixture(scope="module")
def tau(shared_table):
    """Passes of 4 trials at each of the 50 tau-bench airline tasks."""
    table = shared_table("tau_bench_gpt4o_airline", ["task_id", "trial", "passed"])
    tasks = sorted(set(table["task_id"]))
    passes = np.zeros(len(tasks))
    for task, passed in zip(table["task_id"], table["passed"], strict=True):
        passes[tasks.index(task)] += passed
    return passes


@pytest.mark.shared
class TestTauBench:
    def test_rate_and_interval(self, tau):
        found = clustered_rate(tau, np.full(50, 4))
        assert (found.value, found.low, found.high) == pytest.approx((0.42, 0.315068, 0.524932), abs=1e-6)
        assert (found.n_tasks, found.n_trials, found.method) == (50, 200, "CR3/t, 50 clusters")

    def test_standard_errors(self, tau):
        assert cr3(tau / 4) == pytest.approx((0.0522162, 49), abs=1e-7)
        assert cr3(tau / 4)[0] == pytest.approx(np.std(tau / 4, ddof=1) / np.sqrt(50))

    def test_pass_at_and_hat_k(self, tau):
        four = np.full(50, 4)
        assert [pass_hat_k(tau, four, k).value for k in (1, 2, 3, 4)] == pytest.approx(
            [0.42, 0.273333, 0.22, 0.20], abs=1e-6
        )
        assert [pass_at_k(tau, four, k).value for k in (1, 2, 3, 4)] == pytest.approx(
            [0.42, 0.566667, 0.66, 0.72], abs=1e-6
        )


def test_equal_clusters_agree_with_statsmodels():
    import statsmodels.api as sm

    values, clusters = np.random.default_rng(5).random(60), np.repeat(np.arange(12), 5)
    fit = sm.OLS(values, np.ones(60)).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert cr3(values, clusters) == pytest.approx((float(fit.bse[0]), 11), rel=1e-9)


def test_unequal_clusters_are_left_out_one_by_one():
    rng = np.random.default_rng(5)
    clusters, values = rng.integers(0, 12, 60), rng.random(60)
    means = np.array([values[clusters != g].mean() for g in range(12)])
    sizes = np.bincount(clusters)
    expected = np.sqrt(11 / 12 * ((means - values.mean()) ** 2).sum()), 60**2 / (sizes**2).sum() - 1
    assert cr3(values, clusters) == pytest.approx(expected, rel=1e-12)


def test_one_trial_a_task_is_wilson():
    found = clustered_rate([1] * 37 + [0] * 43, [1] * 80)
    assert (found.low, found.high) == wilson_interval(37, 80)
    assert (found.method, found.n_tasks, found.n_trials) == ("Wilson", 80, 80)


def test_untried_tasks_are_dropped_with_their_clusters():
    whole = clustered_rate([1, 0, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 1, 2, 3])
    assert whole == clustered_rate([1, 0, 1], [1, 1, 1], [0, 0, 1])
    assert clustered_rate([0, 0], [0, 0]).value is None
    assert clustered_rate([], []).why == "no graded attempts"


@pytest.mark.parametrize(("value", "ends"), [(0.0, (0, 0.161125)), (1.0, (0.838875, 1))])
def test_all_alike_counts_the_tasks_and_not_the_trials(value, ends):
    found = clustered_rate(np.full(20, 5 * value), np.full(20, 5))
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-6)
    assert found.method == "Wilson on effective n 20.0"


def test_one_task_is_worth_one_observation_and_says_so():
    found = clustered_rate([5], [5])
    assert (found.low, found.high) == wilson_interval(1, 1)
    assert found.method == "Wilson on effective n 1.0, only 1 cluster"


def test_the_mean_of_task_means_not_the_pooled_share():
    assert clustered_rate([1, 0], [1, 9]).value == 0.5


@pytest.mark.parametrize(("sums", "counts"), [([2], [1]), ([-1], [1]), ([1, 1], [1]), ([[1]], [[1]])])
def test_impossible_input_is_refused(sums, counts):
    with pytest.raises(ValueError, match=r"sum|one value a task"):
        clustered_rate(sums, counts)


def test_an_unknown_cost_makes_the_mean_unknown():
    known = clustered_mean([1.0, 4.0, 4.0], [1, 2, 1])
    assert known.value == pytest.approx(7 / 3)
    assert known.high - known.value == pytest.approx(4.302653 * np.std([1, 2, 4], ddof=1) / 3**0.5, abs=1e-5)
    unknown = clustered_mean([1.0, float("nan")], [1, 1])
    assert (unknown.value, unknown.why) == (None, "unknown for 1 tasks")
    assert clustered_mean([1.0], [1]).low is None


def test_pass_at_k_printed_values():
    assert pass_at_k([3], [10], 5).value == pytest.approx(0.916667, abs=1e-6)
    assert pass_hat_k([7], [10], 3).value == pytest.approx(0.291667, abs=1e-6)


def test_too_few_trials_are_null_or_left_out():
    assert pass_at_k([1, 2], [2, 2], 3).value is None
    partly = pass_hat_k([3, 2], [3, 2], 3)
    assert (partly.value, partly.n_tasks) == (1.0, 1)
    assert "1 tasks with fewer than 3 trials left out" in partly.method


@pytest.mark.parametrize(("groups", "trials", "spread"), [(8, 5, 1.0), (15, 4, 2.0), (25, 3, 0.5), (60, 4, 1.0)])
def test_coverage_for_new_tasks(groups, trials, spread):
    """Tasks differ by a Beta; the 95% interval holds the mean of that Beta about 95 times in 100."""
    rng = np.random.default_rng(groups)
    held, runs = 0, 1000
    for _ in range(runs):
        found = clustered_rate(rng.binomial(trials, rng.beta(spread, spread / 2, groups)), np.full(groups, trials))
        held += found.low <= 2 / 3 <= found.high
    assert held / runs > 0.925


tasks = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=40)


@given(tasks)
def test_interval_holds_the_rate_and_mirrors(rows):
    counts = np.array([max(a, b) for a, b, _ in rows])
    sums = np.array([min(a, b) for a, b, _ in rows])
    clusters = np.array([g for _, _, g in rows])
    found = clustered_rate(sums, counts, clusters)
    if found.value is None:
        assert counts.sum() == 0
        return
    assert 0 <= found.low <= found.value <= found.high <= 1
    other = clustered_rate(counts - sums, counts, clusters)
    assert (1 - other.high, 1 - other.value, 1 - other.low) == pytest.approx(
        (found.low, found.value, found.high), abs=1e-9
    )


@pytest.mark.parametrize("clusters", [None, np.arange(50) // 3])
def test_one_try_of_k_is_the_pass_rate_with_its_interval(clusters):
    rng = np.random.default_rng(4)
    passes, tried = rng.binomial(10, 0.96, 50), np.full(50, 10)
    rate = clustered_rate(passes, tried, clusters)
    for found in (pass_at_k(passes, tried, 1, clusters), pass_hat_k(passes, tried, 1, clusters)):
        assert (found.value, found.low, found.high, found.n_trials) == pytest.approx(
            (rate.value, rate.low, rate.high, rate.n_trials)
        )


def test_coverage_of_all_of_k_tries():
    """Tasks of two kinds, ten tries each: the mean of p^3 over tasks like these."""
    rng = np.random.default_rng(5)
    truth = np.mean([0.98**3, 0.7**3])
    held = []
    for _ in range(600):
        p = np.where(rng.random(40) < 0.5, 0.98, 0.7)
        found = pass_hat_k(rng.binomial(10, p), np.full(40, 10), 3)
        held.append(found.low <= truth <= found.high)
    assert 0.92 <= np.mean(held) <= 0.98
