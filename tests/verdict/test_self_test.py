"""The gate's error rates: on equals and at the margin, by exhaustive tables, by made worlds, and on real outcomes."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from gate_reports import pair_rows, row, write_report

from harness.analysis import PairedOutcomes
from harness.core import UsageError
from harness.store import import_table
from harness.verdict import Policy, gate_tests, self_test
from harness.verdict.self_testing import worsened


def at_most(hits, runs, bound):
    """Not above the bound by more than chance allows: four standard errors, once in 30,000, and the seeds are fixed."""
    return hits / runs <= bound + 4.0 * math.sqrt(bound * (1.0 - bound) / runs)


def table_of(gained, lost, n):
    candidate, baseline = np.zeros(n), np.zeros(n)
    candidate[:gained] = 1.0
    baseline[gained : gained + lost] = 1.0
    ones = np.ones(n)
    return PairedOutcomes(candidate=(candidate, ones), baseline=(baseline, ones), domains=np.zeros(n, int),
                    domain_names=("d",), clusters=np.arange(n))  # fmt: skip


def chance_of(decide, n, p_gain, p_loss):
    """The chance that ``decide`` says yes, summed over every table of n tasks."""
    from scipy.stats import multinomial

    law = multinomial(n, [p_gain, p_loss, 1 - p_gain - p_loss])
    return sum(
        law.pmf([b, c, n - b - c]) for b, c in itertools.product(range(n + 1), repeat=2)
        if b + c <= n and decide(table_of(b, c, n))
    )  # fmt: skip


@pytest.mark.parametrize("psi", [0.1, 0.3])
def test_one_domain_exactly_blocks_equals_at_most_5_in_100(psi):
    policy = Policy(margin=0.05)
    assert chance_of(lambda out: gate_tests(out, policy).blocks, 24, psi / 2, psi / 2) <= 0.05


def test_one_domain_exactly_ships_at_the_margin_about_5_in_100():
    policy = Policy(margin=0.2)
    # a score test: its level is held up to the lattice of few tasks (docs/coverage.md)
    assert chance_of(lambda out: gate_tests(out, policy).proves, 24, 0.1, 0.3) <= 0.065


def test_the_planted_regression_has_its_size():
    rng = np.random.default_rng(1)
    n = 40_000
    sums = rng.binomial(3, 0.6, n).astype(float)
    out = PairedOutcomes(candidate=(sums, np.full(n, 3.0)), baseline=(sums, np.full(n, 3.0)), domains=np.zeros(n, int),
                   domain_names=("d",), clusters=np.arange(n))  # fmt: skip
    worse = worsened(out, 0.05, rng)
    assert (worse.candidate[0] <= sums).all()
    assert (worse.candidate[0] - sums).mean() / 3 == pytest.approx(-0.05, abs=0.003)
    assert worse.baseline is out.baseline


@pytest.mark.parametrize("trials", [1, 3])
def test_a_family_of_domains_keeps_both_promises(trials):
    """Six domains of 40 tasks, tasks of differing hardness; equals, and a candidate at the margin."""
    rng, policy, runs, n = np.random.default_rng(trials), Policy(margin=0.06), 300, 240
    blocked = shipped = 0
    for _ in range(runs):
        p = rng.beta(2.0, 1.0, n)
        counts = np.full(n, float(trials))
        equal = PairedOutcomes(
            candidate=(rng.binomial(trials, p).astype(float), counts),
            baseline=(rng.binomial(trials, p).astype(float), counts),
            domains=np.arange(n) % 6,
            domain_names=tuple("abcdef"),
            clusters=np.arange(n),
        )
        blocked += gate_tests(equal, policy, resamples=199).blocks
        shipped += gate_tests(worsened(equal, policy.margin, rng), policy, resamples=199).proves
    assert at_most(blocked, runs, 0.05)
    assert at_most(shipped, runs, 0.05)


def test_a_self_test_is_the_same_for_the_same_seed(tmp_path):
    report = write_report(tmp_path / "r", pair_rows(100, 15, 15, 30))
    policy = Policy(margin=0.1)
    first, again, other = (self_test(report, policy, baseline_contender="A", repetitions=40, seed=s) for s in (1, 1, 2))
    assert first == again
    assert (first.equal, first.regression) != (other.equal, other.regression)
    assert first.contenders == ("A", "B")


def test_trials_of_one_contender_are_split(tmp_path):
    rng = np.random.default_rng(3)
    rows = [row("A", n, "passed" if rng.random() < n / 80 else "failed", trial=t)
            for n in range(80) for t in range(5)]  # fmt: skip
    found = self_test(write_report(tmp_path / "r", rows), Policy(margin=0.15), repetitions=100)
    assert found.contenders == ("A",)
    assert "split" in found.method
    assert at_most(found.equal["BLOCK"], 100, 0.05)
    assert at_most(found.regression["SHIP"], 100, 0.05)
    assert found.regression["BLOCK"] > found.equal["BLOCK"]


def test_one_trial_of_one_contender_cannot_be_tried(tmp_path):
    report = write_report(tmp_path / "r", [row("A", n) for n in range(9)])
    with pytest.raises(UsageError, match="--candidate-contender"):
        self_test(report)


# ---------------------------------------------------------------------------------------------------- real outcomes


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    data = next((f.parent / "shared" / "data" for f in Path(__file__).resolve().parents
                 if (f.parent / "shared" / "data").is_dir()), None)  # fmt: skip
    if data is None:
        pytest.skip("no shared data beside the checkout")
    folder = tmp_path_factory.mktemp("real")
    for name, file in (("router", "routerbench_mini"), ("tau", "tau_bench_gpt4o_airline")):
        import_table(data / f"{file}.parquet", folder / name, {"contender": "system", "task": "task_id"})
    return folder


PLANS = [
    ("router", "always_strong", "reflection", 0.05),
    ("router", "always_strong", "always_cheap", 0.03),
    ("tau", None, None, 0.15),
]


def held(real, plan, repetitions):
    name, baseline, candidate, margin = plan
    found = self_test(real / name, Policy(margin=margin), baseline_contender=baseline, candidate_contender=candidate,
                      repetitions=repetitions, seed=7)  # fmt: skip
    assert at_most(found.equal["BLOCK"], repetitions, 0.05)
    assert at_most(found.regression["SHIP"], repetitions, 0.05)
    return found


@pytest.mark.shared
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan[0]} {plan[3]}")
def test_real_outcomes_keep_both_promises(real, plan):
    found = held(real, plan, 200)
    assert found.regression["BLOCK"] > 100  # and a drop of the margin's size is seen


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan[0]} {plan[3]}")
def test_real_outcomes_keep_both_promises_at_length(real, plan):
    held(real, plan, 5_000)
