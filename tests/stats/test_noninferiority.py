import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from harness.stats import (
    harm_limit,
    harm_test,
    harmed_domains,
    kish_units,
    max_t_sign_flip,
    mcnemar_exact,
    non_inferiority,
    non_inferiority_counts,
    score_z,
    tango_interval,
    tango_z,
)
from harness.stats.tails import normal_quantile, normal_tail, root, t_quantile


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


def likeliest(u, worst):
    """The likeliest weights of the values seen, and of one at -worst, that have mean 0; by a general optimizer."""
    from scipy.optimize import LinearConstraint, minimize

    n, values = len(u), np.r_[u, -worst]
    found = minimize(
        lambda p: -np.log(np.maximum(p[:n], 1e-12)).sum(),
        np.r_[np.full(n, 0.9 / n), 0.1],
        jac=lambda p: np.r_[-1.0 / np.maximum(p[:n], 1e-12), 0.0],
        bounds=[(1e-9, 1.0)] * n + [(0.0, 1.0)],
        constraints=[LinearConstraint(np.ones(n + 1), 1.0, 1.0), LinearConstraint(values, 0.0, 0.0)],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert found.success
    return values, found.x


@pytest.mark.parametrize(
    "sums",
    [
        [1 / 3, -1 / 3, 0, 0, 2 / 3, -1, 0, 1 / 3, 0, -2 / 3],  # losers are seen
        [1 / 3, -1 / 3, 0, 0, 1 / 3, 0, 0, 1 / 3, 0, 0],  # none: one not seen takes its place
    ],
)
@pytest.mark.parametrize("margin", [0.15, 0.4])
def test_the_score_has_the_variance_of_the_likeliest_distribution(sums, margin):
    u = np.array(sums) + margin
    values, p = likeliest(u, 1.0 - margin)
    variance = float(p @ values**2)
    assert score_z(sums, np.ones(10), -margin) == pytest.approx(u.mean() / math.sqrt(variance / 9), rel=1e-4)


def test_the_score_of_clusters_has_the_variance_of_the_likeliest_distribution():
    sizes = np.array([1, 1, 2, 3, 8, 1, 2, 8, 3, 1], float)
    sums = np.array([0, -1, 1, 0, 2, 0, 1, -1, 1 / 3, 0])
    kish, margin = float((sizes**2).mean() / sizes.mean() ** 2), 0.2
    u = (sums + margin * sizes) / sizes.mean()
    values, p = likeliest(u, (1.0 - margin) * kish)
    assert score_z(sums, sizes, -margin) == pytest.approx(u.mean() / math.sqrt(float(p @ values**2) / 9), rel=1e-4)
    assert kish_units(sizes) == pytest.approx(10 / kish) == pytest.approx(30**2 / 158)


def test_on_single_trials_the_score_is_tangos():
    n = 9
    for b, c, delta in itertools.product(range(n + 1), range(n + 1), (-0.9, -0.3, -0.05, 0.0, 0.2, 0.7)):
        if b + c <= n:
            found = score_z(np.r_[np.ones(b), -np.ones(c), np.zeros(n - b - c)], np.ones(n), delta)
            assert found == pytest.approx(math.sqrt((n - 1) / n) * tango_z(b, c, n, delta), rel=1e-9)


def test_where_nothing_differs_the_score_is_a_closed_form():
    """All weight that is not at 0 lies on a unit lost: variance m (1 - m), as in Tango's table of ties alone."""
    assert score_z(np.zeros(60), np.ones(60), -0.05) == pytest.approx(math.sqrt(59 * 0.05 / 0.95))
    sizes = np.tile([1, 1, 2, 3, 8], 20)  # mean 3, mean square 15.8: 100 clusters count as 56.96
    assert score_z(np.zeros(100), sizes, -0.05) == pytest.approx(math.sqrt(99 * 0.05 / (0.95 * 15.8 / 9)))
    assert kish_units(sizes) == pytest.approx(100 * 9 / 15.8)


def test_several_trials_are_judged_by_the_score_on_t():
    from scipy.stats import t

    rng = np.random.default_rng(0)
    a, b, k = rng.binomial(4, 0.6, 50), rng.binomial(4, 0.6, 50), np.full(50, 4)
    found = non_inferiority((a, k), (b, k), 0.1)
    assert found.p_value == pytest.approx(t.sf(score_z((a - b) / 4, np.ones(50), -0.1), 49), rel=1e-9)
    assert score_z((a - b) / 4, np.ones(50), found.low) == pytest.approx(t.ppf(0.95, 49), rel=1e-7)
    assert found.p_value == pytest.approx(normal_tail(found.z), rel=1e-6)


def test_on_many_tasks_the_score_is_the_t_test():
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(1)
    a, b, k = rng.binomial(4, 0.6, 4000), rng.binomial(4, 0.6, 4000), np.full(4000, 4)
    oracle = ttest_1samp((a - b) / 4, -0.015, alternative="greater")
    found = non_inferiority((a, k), (b, k), 0.015)
    assert found.z == pytest.approx(oracle.statistic, rel=0.02)
    assert found.low == pytest.approx(oracle.confidence_interval(0.95).low, abs=2e-4)


UNITS = st.lists(st.tuples(st.integers(1, 8), st.floats(-1.0, 1.0)), min_size=2, max_size=20)


@given(UNITS, st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))
def test_the_score_falls_as_the_difference_supposed_rises_and_mirrors(units, one, other):
    sizes, means = (np.array(x, float) for x in zip(*units, strict=True))
    low, high = sorted((one, other))
    assert score_z(sizes * means, sizes, low) >= score_z(sizes * means, sizes, high) - 1e-6
    assert score_z(-sizes * means, sizes, -low) == -score_z(sizes * means, sizes, low)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=25),
       st.floats(0.01, 0.9))  # fmt: skip
def test_the_limit_says_what_the_test_says(tasks, margin):
    a, b, source = (np.array(x) for x in zip(*tasks, strict=True))
    k = np.full(len(a), 3)
    for clusters in (None, source):
        found = non_inferiority((a, k), (b, k), margin, clusters)
        assert -1.0 <= found.low <= found.delta + 1e-9
        if abs(found.low + margin) > 1e-9:
            assert found.holds == (found.low > -margin) == (found.z > normal_quantile(0.95))


@pytest.mark.parametrize(("sums", "sizes", "delta"), [([2], [1], 0.0), ([0], [0], 0.0), ([], [], 0.0), ([0], [1], 1.5)])
def test_an_impossible_unit_is_refused(sums, sizes, delta):
    with pytest.raises(ValueError, match="size"):
        score_z(sums, sizes, delta)


def test_one_cluster_ships_nothing():
    k = np.full(200, 3)
    found = non_inferiority((k, k), (k, k), 0.5, np.zeros(200))
    assert (found.holds, found.p_value, found.z, found.low) == (False, 1.0, -math.inf, -1.0)


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
    assert shipped / 500 < 0.05


def test_heavy_losers_that_happen_to_be_missing_ship_nothing():
    """5% of 60 tasks lose all three trials; no other differs but by one. A t test ships 8 in 100 such candidates."""
    rng = np.random.default_rng(5)
    k, ours, by_t = np.full(60, 3), 0, 0
    for _ in range(600):
        a = np.where(rng.random(60) < 0.05, 0, 3)
        b = np.where(a == 0, 3, 3 - (rng.random(60) < 0.1))
        a = np.where(a == 0, 0, 3 - (rng.random(60) < 0.1))
        ours += non_inferiority((a, k), (b, k), 0.05).holds
        d = (a - b) / 3
        by_t += (d.mean() + 0.05) / (d.std(ddof=1) / math.sqrt(60)) > t_quantile(0.95, 59)
    assert ours / 600 <= 0.05 < by_t / 600


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


@pytest.mark.parametrize("level", [0.95, 0.975])
@pytest.mark.parametrize("seed", range(6))
def test_the_limit_of_harm_is_where_the_test_itself_stops_refuting(seed, level):
    """Against every sign pattern of ten clusters of 1 to 4 tasks, at shifts just within and just beyond the limit."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(10), rng.integers(1, 5, 10))
    a, b = rng.binomial(3, (0.5, 0.8), (len(codes), 2)).T.astype(float)
    trials = np.full(len(codes), 3.0)
    shown = harm_test((a, trials), (b, trials), codes).p_value
    high = harm_limit((a, trials), (b, trials), codes, p_value=shown, level=level)
    sums, sizes = (np.bincount(codes, weights=w) for w in ((a - b) / 3.0, np.ones(len(codes))))
    signs = 1 - 2 * ((np.arange(1024)[:, None] >> np.arange(10)) & 1)

    def p(shift):
        moved = sums - shift * sizes
        return float((signs @ moved <= moved.sum() + 1e-9).mean())

    assert p(high - 1e-6) > 1 - level - 1e-12  # not refuted
    assert p(high + 1e-6) <= 1 - level + 1 / 1024
    assert (high < 0) == (shown <= 1 - level)


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (lambda x: math.cos(x) - x, 0, 1),
        (lambda x: x**9 - 0.5, 0, 1),
        (lambda x: min(5.0, 1 / (x + 1.000001)) - 1.3, -1, 5),
        (lambda x: math.copysign(abs(x - 0.7) ** (1 / 3), x - 0.7), -1, 1),
        (lambda x: math.exp(20 * x) - 2, -1, 1),
    ],
)
def test_a_root_is_where_brent_finds_it(function, low, high):
    assert root(function, low, high) == pytest.approx(brentq(function, low, high, xtol=1e-14), abs=1e-12)
