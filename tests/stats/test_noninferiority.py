import numpy as np
import pytest

from harness.stats import (
    harm_test,
    harmed_domains,
    max_t_sign_flip,
    mcnemar_exact,
    non_inferiority,
    non_inferiority_counts,
    tango_interval,
)


def arrays(wins, losses, ties):
    ones = np.ones(wins + losses + ties)
    return (np.r_[np.ones(wins), np.zeros(losses), np.ones(ties)], ones), (
        np.r_[np.zeros(wins), np.ones(losses), np.ones(ties)],
        ones,
    )


@pytest.mark.parametrize(
    ("b", "c", "n", "at3", "at5"),
    [
        (23, 29, 800, 0.009131, 1.917e-5),
        (0, 6, 800, 9.550e-5, 1.739e-8),
        (38, 63, 500, 0.842144, 0.5),
        (5, 5, 100, 0.179125, 0.071406),
        (0, 0, 50, 0.106834, 0.052379),
    ],
)
def test_printed_values(b, c, n, at3, at5):
    candidate, baseline = arrays(b, c, n - b - c)
    for margin, p in ((0.03, at3), (0.05, at5)):
        found = non_inferiority(candidate, baseline, margin)
        assert found.p_value == pytest.approx(p, rel=1e-3)
        assert found.holds == (p < 0.05) == (found.low > -margin)
        assert found.low == tango_interval(b, c, n, 0.90)[0]
        assert non_inferiority_counts(b, c, n, margin) == found


def test_tangos_lenses():
    assert non_inferiority_counts(0, 1, 44, 0.1).p_value == pytest.approx(0.043766, abs=1e-6)


def test_worse_and_non_inferior_at_once():
    candidate, baseline = arrays(0, 6, 794)
    assert non_inferiority(candidate, baseline, 0.03).holds
    assert harm_test(candidate, baseline).p_value == pytest.approx(0.5**6)


def test_harm_is_half_of_the_two_sided_exact_p():
    assert harm_test(*arrays(3, 14, 20)).p_value == pytest.approx(mcnemar_exact(3, 14) / 2)
    assert harm_test(*arrays(14, 3, 20)).p_value > 0.99


def test_several_trials_by_the_formula():
    rng = np.random.default_rng(0)
    a, b, k = rng.binomial(4, 0.6, 50), rng.binomial(4, 0.6, 50), np.full(50, 4)
    found = non_inferiority((a, k), (b, k), 0.1)
    from scipy.stats import ttest_1samp

    oracle = ttest_1samp((a - b) / 4, -0.1, alternative="greater")
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    assert found.low == pytest.approx(oracle.confidence_interval(0.95).low, rel=1e-9)


def test_a_few_lucky_trials_do_not_ship():
    """One third of one task gained among fifty: CR1 would call it safe at 2 points; the count of clusters does not."""
    k = np.full(50, 3)
    a, b = np.full(50, 3), np.full(50, 3)
    b[0] = 2
    found = non_inferiority((a, k), (b, k), 0.02)
    assert not found.holds
    assert found.method == "Tango score on 50 clusters"


def test_missing_evidence_never_ships():
    found = non_inferiority(([0], [0]), ([1], [1]), 0.02)
    assert (found.holds, found.p_value, found.low) == (False, 1.0, None)
    assert harm_test(([0], [0]), ([1], [1])).p_value == 1.0
    assert not non_inferiority(([1], [1]), ([1], [1]), 0.02).holds
    assert harmed_domains(([0], [0]), ([1], [1]), ["x"], 0.02) == ()


@pytest.mark.parametrize(("margin", "alpha"), [(0.0, 0.05), (1.1, 0.05), (0.02, 0.5)])
def test_senseless_policies_are_refused(margin, alpha):
    with pytest.raises(ValueError, match="margin"):
        non_inferiority_counts(1, 1, 10, margin, alpha)


def test_a_candidate_at_the_margin_ships_at_most_alpha_of_the_time():
    rng = np.random.default_rng(3)
    drawn = rng.multinomial(200, [0.05, 0.10, 0.85], size=4000)
    assert np.mean([non_inferiority_counts(b, c, 200, 0.05).holds for b, c, _ in drawn.tolist()]) < 0.06


def test_several_trials_at_the_margin():
    """Rare harm, several trials: 3% of tasks lose two of their three trials, so the truth is exactly -2 points."""
    rng = np.random.default_rng(4)
    shipped = 0
    for _ in range(500):
        lost = rng.random(80) < 0.03
        flicker = rng.integers(-1, 2, 80) * (rng.random(80) < 0.05)
        a = np.clip(2 - 2 * lost + flicker, 0, 3)
        shipped += non_inferiority((a, np.full(80, 3)), (np.full(80, 2), np.full(80, 3)), 0.02).holds
    assert shipped / 500 < 0.07


def test_domain_harm_needs_both_significance_and_size():
    domains = ["small"] * 400 + ["large"] * 40 + ["fine"] * 60
    baseline = np.ones(500)
    candidate = np.ones(500)
    candidate[:9] = 0  # 9 of 400 lost: surely worse, by 2.25 points
    candidate[400:408] = 0  # 8 of 40 lost: 20 points
    one = np.ones(500)
    found = {d.domain: d for d in harmed_domains((candidate, one), (baseline, one), domains, 0.05)}
    assert found["small"].p_adjusted < 0.05
    assert (found["small"].harmed, found["large"].harmed, found["fine"].harmed) == (False, True, False)
    own = {
        d.domain: d
        for d in harmed_domains((candidate, one), (baseline, one), domains, {"small": 0.01, "large": 0.3, "fine": 0.1})
    }
    assert (own["small"].harmed, own["large"].harmed) == (True, False)
    assert found["fine"].p_adjusted == 1.0


def test_domain_p_values_are_those_of_the_contrasts():
    rng = np.random.default_rng(9)
    a, b, one = rng.integers(0, 2, 14), rng.integers(0, 2, 14), np.ones(14)
    domains = np.arange(14) % 2
    table = np.stack([(a - b) * (domains == k) for k in (0, 1)], axis=1)
    found = harmed_domains((a, one), (b, one), domains, 0.01)
    assert [d.p_adjusted for d in found] == pytest.approx(max_t_sign_flip(table, "less"))
