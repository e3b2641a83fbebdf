import numpy as np
import pytest

from harness.stats import compare_domains, domain_variance, heterogeneity, mcnemar_midp

ROUTER = [
    (90, 10, 5),
    (75, 3, 2),
    (105, 23, 9),
    (140, 4, 0),
    (120, 7, 2),
    (55, 2, 4),
    (65, 7, 5),
    (55, 2, 0),
    (95, 6, 1),
]


def effects(tables):
    d = [np.r_[np.ones(b), -np.ones(c), np.zeros(n - b - c)] for n, b, c in tables]
    return [x.mean() for x in d], [domain_variance(x, single=True) for x in d]


def test_homogeneous_printed_values():
    found = heterogeneity(*effects(ROUTER))
    assert (found.q, found.df, found.p_value) == pytest.approx((7.080589, 8, 0.527963), abs=1e-6)
    assert (found.tau2.value, found.tau2.low, found.tau2.high) == pytest.approx((0, 0, 0.004881), abs=1e-6)
    assert found.mean.value == pytest.approx(0.034802, abs=1e-6)
    assert found.i2 == 0.0
    assert max(abs(s.value - found.mean.value) for s in found.shrunk) < 0.02


@pytest.mark.shared
def test_heterogeneous_printed_values(shared_table):
    """RouteLLM: GPT-4 and Mixtral over 57 subjects. GPT-4 minus Mixtral."""
    table = shared_table("routellm_mmlu_gsm8k", ["source", "system", "task_id", "domain", "passed"])
    rows = {}
    for source, system, task, domain, passed in zip(*table.values(), strict=True):
        if source == "routellm_mmlu":
            rows.setdefault(task, {"domain": domain})["gpt" if "gpt" in system else "mixtral"] = passed
    domains = [r["domain"] for r in rows.values()]
    ones = np.ones(len(rows))
    a, b = ([r[x] for r in rows.values()] for x in ("gpt", "mixtral"))
    found, whole = compare_domains((a, ones), (b, ones), domains, resamples=199)
    assert len(found) == 57
    assert (whole.q, whole.df) == pytest.approx((655.329, 56), abs=1e-3)
    assert whole.i2 == pytest.approx(0.914547, abs=1e-6)
    assert whole.tau2.value == pytest.approx(0.00716412, abs=1e-8)
    assert (whole.tau2.low, whole.tau2.high) == pytest.approx((0.004808, 0.011333), abs=1e-6)
    assert whole.mean.value == pytest.approx(0.106161, abs=1e-6)
    assert (whole.mean.high - whole.mean.value) / 2.003241 == pytest.approx(0.012108, abs=1e-6)
    plugged_in = (-0.0652, 0.2775)  # Higgins, Thompson & Spiegelhalter 2009
    assert whole.prediction == pytest.approx(plugged_in, abs=0.005)
    assert whole.prediction[0] < plugged_in[0] < plugged_in[1] < whole.prediction[1]
    assert sum(f.comparison.delta < 0 for f in found) == 3
    assert whole.expected_below_zero == pytest.approx(2.97, abs=0.1)
    (bad,) = [f for f in found if f.below_zero > 0.9]
    assert "high_school_mathematics" in bad.domain
    assert (bad.comparison.n_tasks, bad.comparison.wins, bad.comparison.losses) == (270, 5, 83)
    assert bad.shrunk.value == pytest.approx(-0.2445, abs=0.002)
    assert bad.comparison.p_value == mcnemar_midp(5, 83) == pytest.approx(1.4e-19, rel=0.03)


def test_statsmodels_agrees():
    from statsmodels.stats.meta_analysis import combine_effects

    rng = np.random.default_rng(4)
    d, v = rng.normal(0.1, 0.2, 12), rng.uniform(0.002, 0.02, 12)
    oracle = combine_effects(d, v, method_re="iterated", atol=1e-8, maxiter=500)
    found = heterogeneity(d, v)
    assert found.tau2.value == pytest.approx(oracle.tau2, rel=1e-6)
    assert found.q == pytest.approx(oracle.q, rel=1e-9)
    assert found.mean.value == pytest.approx(oracle.mean_effect_re, rel=1e-6)


def test_shrunk_effects_are_those_of_draws_weighed_by_their_likelihood():
    """The same model by brute force: tau and mean drawn from their priors, weighed by how likely the data make them."""
    d, v = np.array([-0.2, 0.0, 0.1, 0.25]), np.array([0.01, 0.002, 0.03, 0.01])
    rng = np.random.default_rng(0)
    tau2, mu = rng.uniform(0, 0.5, 400_000) ** 2, rng.uniform(-2, 2, 400_000)
    total = v + tau2[:, None]
    weight = np.exp(-0.5 * (np.log(total) + (d - mu[:, None]) ** 2 / total).sum(axis=1))
    pull = v / total
    effects = pull * mu[:, None] + (1 - pull) * d + np.sqrt((1 - pull) * v) * rng.standard_normal(total.shape)
    other = mu + np.sqrt(tau2) * rng.standard_normal(len(mu))
    found = heterogeneity(d, v)
    for drawn, shrunk in zip(effects.T, found.shrunk, strict=True):
        expected = [np.average(drawn, weights=weight), *quantiles(drawn, weight)]
        assert [shrunk.value, shrunk.low, shrunk.high] == pytest.approx(expected, abs=0.006)
    assert found.prediction == pytest.approx(quantiles(other, weight), abs=0.02)
    assert found.below_zero[0] == pytest.approx(np.average(effects[:, 0] < 0, weights=weight), abs=0.01)


def quantiles(drawn, weight):
    order = np.argsort(drawn)
    share = np.cumsum(weight[order]) / weight.sum()
    return [drawn[order][np.searchsorted(share, q)] for q in (0.025, 0.975)]


@pytest.mark.parametrize(("domains", "tau"), [(6, 0.05), (6, 0.1), (12, 0.05), (12, 0.1)])
def test_coverage_of_shrunk_effects(domains, tau):
    rng = np.random.default_rng(domains)
    held, likely = [], []
    for _ in range(150):
        tasks = rng.integers(25, 120, domains)
        truth = rng.normal(0.0, tau, domains)
        seen = truth + rng.normal(0.0, np.sqrt(0.25 / tasks))
        found = heterogeneity(seen, 0.25 / tasks)
        held += [s.low <= t <= s.high for s, t in zip(found.shrunk, truth, strict=True)]
        likely += [t < 0 for b, t in zip(found.below_zero, truth, strict=True) if b > 0.9]
    assert 0.92 <= np.mean(held) <= 0.985
    assert np.mean(likely) > 0.8


@pytest.mark.parametrize(("domains", "tau"), [(6, 0.03), (6, 0.1), (6, 0.2), (12, 0.03), (12, 0.1), (12, 0.2)])
def test_coverage_on_tasks_that_pass_or_fail(domains, tau):
    """25 to 120 tasks a domain, one 0/1 trial each: shrunk effects, another domain, and the chance of a drop.

    500 draws each gave shrunk 94.2 to 96.2%, prediction 95.6 to 100%, and 94 to 98% true drops of those called above
    90% - but at tau .03 only 53 to 65% of the few: the notes say so. A tau plugged in covers 39 to 90%.
    """
    rng = np.random.default_rng(100 * domains + int(100 * tau))
    shrunk, other, likely = [], [], []
    for _ in range(80):
        tasks, truth = rng.integers(25, 121, domains), rng.normal(0.03, tau, domains + 1)
        effects, variances = [], []
        for n, delta in zip(tasks, truth, strict=False):
            share = min(1.0, max(0.25, abs(delta)))
            chances = np.clip([(share + delta) / 2, (share - delta) / 2, 1 - share], 0, 1)
            d = rng.choice([1.0, -1.0, 0.0], n, p=chances / chances.sum())
            effects.append(d.mean())
            variances.append(domain_variance(d, single=True))
        found = heterogeneity(effects, variances)
        shrunk += [s.low <= t <= s.high for s, t in zip(found.shrunk, truth, strict=False)]
        other.append(found.prediction[0] <= truth[-1] <= found.prediction[1])
        likely += [t < 0 for b, t in zip(found.below_zero, truth, strict=False) if b > 0.9]
    assert np.mean(shrunk) == pytest.approx(0.95, abs=0.035)
    assert np.mean(other) >= 0.88
    assert tau < 0.1 or np.mean(likely) >= 0.9


def test_shrinkage_lies_between_the_domain_and_the_mean():
    d, v = np.array([-0.2, 0.0, 0.1, 0.4]), np.array([0.01, 0.001, 0.03, 0.01])
    found = heterogeneity(d, v)
    for raw, shrunk in zip(d, found.shrunk, strict=True):
        assert min(raw, found.mean.value) <= shrunk.value <= max(raw, found.mean.value)
    assert sum(found.below_zero) == pytest.approx(found.expected_below_zero)


def test_one_domain_and_two():
    one = heterogeneity([0.1], [0.01])
    assert (one.p_value, one.i2, one.tau2.value, one.prediction) == (None, None, None, None)
    assert (one.mean.value, one.mean.high) == pytest.approx((0.1, 0.1 + 1.959964 * 0.1))
    two = heterogeneity([0.1, 0.1], [0.01, 0.01])
    assert (two.q, two.i2, two.prediction) == (0.0, 0.0, None)
    with pytest.raises(ValueError, match="variance above 0"):
        heterogeneity([0.1], [0.0])


def test_variance_of_a_domain_is_never_zero():
    assert domain_variance(np.zeros(10), single=True) == pytest.approx((1 / 11) / 11)
    assert domain_variance(np.zeros(10)) > 0
    assert domain_variance(np.ones(1)) > 0
    d = np.random.default_rng(0).normal(size=30)
    assert domain_variance(d) == pytest.approx(d.var(ddof=1) / 30)


def test_domains_are_compared_and_adjusted():
    domains = np.repeat(["x", "y", "z"], 20)
    a, b, one = np.ones(60), np.ones(60), np.ones(60)
    b[:9] = 0
    a[25] = 0
    found, whole = compare_domains((a, one), (b, one), domains)
    assert [f.domain for f in found] == ["x", "y", "z"]
    assert [(f.comparison.wins, f.comparison.losses) for f in found] == [(9, 0), (0, 1), (0, 0)]
    assert all(f.comparison.p_adjusted >= f.comparison.p_value for f in found)
    assert found[0].comparison.p_adjusted == pytest.approx(2 * 0.5**9, abs=0.003)
    assert whole.df == 2
    assert compare_domains(([0], [0]), ([1], [1]), ["x"]) == ((), None)


def test_coverage_of_the_mean_over_domains():
    rng = np.random.default_rng(11)
    held = []
    for _ in range(400):
        v = rng.uniform(0.001, 0.01, 9)
        found = heterogeneity(rng.normal(0.05, np.sqrt(v + 0.005)), v)
        held.append(found.mean.low <= 0.05 <= found.mean.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)
