import numpy as np
import pytest

from harness.stats import variance_components


def drawn(rng, domains=10, tasks=60, trials=4, domain_sd=0.1, task_sd=0.15):
    """Pass rates .5 + domain + task with known spreads, and 0/1 trials of them."""
    codes = np.repeat(np.arange(domains), tasks)
    rate = 0.5 + domain_sd * rng.choice([-1, 1], domains)[codes] + task_sd * rng.choice([-1, 1], domains * tasks)
    return rng.binomial(trials, rate), np.full(len(rate), trials), codes, rate


def test_components_are_unbiased():
    rng = np.random.default_rng(0)
    found, trial = [], []
    for _ in range(150):
        sums, counts, codes, rate = drawn(rng)
        one = variance_components((sums, counts), domains=codes)
        found.append((one.domain.value, one.task.value, one.trial.value))
        trial.append(np.mean(rate * (1 - rate)))
    domain, task, noise = np.mean(found, axis=0)
    # Signs are drawn, so the domains' variance has a known expectation: 0.01.
    assert domain == pytest.approx(0.01, rel=0.12)
    assert task == pytest.approx(0.0225, rel=0.05)
    assert noise == pytest.approx(np.mean(trial), rel=0.02)


def test_balanced_table_agrees_with_the_one_way_anova():
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    rng = np.random.default_rng(1)
    rows = (rng.random((30, 5)) < rng.random((30, 1))).astype(float)
    table = anova_lm(ols("y ~ C(t)", pd.DataFrame({"y": rows.ravel(), "t": np.repeat(np.arange(30), 5)})).fit())
    between, within = table["mean_sq"]
    found = variance_components((rows.sum(axis=1), np.full(30, 5)))
    assert found.trial.value == pytest.approx(within)
    assert found.task.value == pytest.approx((between - within) / 5)
    assert found.icc == pytest.approx((between - within) / (between + 4 * within))
    assert found.domain.why == "one domain"


def test_a_difference_adds_the_trial_noise_of_both():
    rng = np.random.default_rng(2)
    rate = np.full(4000, 0.5)
    found = variance_components((rng.binomial(2, rate), np.full(4000, 2)), (rng.binomial(2, rate), np.full(4000, 2)))
    assert found.trial.value == pytest.approx(0.5, abs=0.02)
    assert found.task.value == pytest.approx(0.0, abs=0.02)
    assert found.task.low == 0.0


def test_advice_tells_tasks_from_trials():
    rng = np.random.default_rng(3)
    tasks = variance_components((10 * rng.integers(0, 2, 100), np.full(100, 10)))
    assert tasks.advice.startswith("Add tasks")
    trials = variance_components((rng.binomial(2, 0.5, 300), np.full(300, 2)))
    assert "Twice the trials" in trials.advice


def test_what_cannot_be_told_apart():
    once = variance_components(([1, 0, 1, 0], [1, 1, 1, 1]), domains=["x", "x", "y", "y"])
    assert once.trial.value is None
    assert "trial noise is included" in once.task.why
    assert once.icc is None
    alone = variance_components(([1], [2]))
    assert alone.task.value is None
    assert variance_components(([], [])).advice == "Too few tasks to say."
    still = variance_components(([2, 2, 2], [2, 2, 2]))
    assert (still.task.value, still.trial.value) == (0.0, 0.0)
    assert still.advice.startswith("Nothing varies")


def test_intervals_cover():
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(300):
        sums, counts, codes, _ = drawn(rng, domains=3, tasks=40)
        found = variance_components((sums, counts), domains=codes)
        held += found.task.low <= 0.0225 <= found.task.high
    assert held / 300 > 0.9
