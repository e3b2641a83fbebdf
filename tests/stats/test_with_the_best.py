"""Who is good enough: against Tango's and Dunnett's printed values, and by how often it errs."""

import numpy as np
import pytest

from harness.stats import non_inferiority, sufficiency, tango_interval


def contenders(table):
    return [(column, np.ones(len(column))) for column in np.asarray(table, dtype=float).T]


def drawn(rng, rates, n, shared=0.5):
    """Outcomes of contenders that find the same tasks hard."""
    from scipy.special import ndtri

    z = rng.standard_normal((n, 1)) * shared**0.5 + rng.standard_normal((n, len(rates))) * (1 - shared) ** 0.5
    return z < ndtri(np.array(rates))


@pytest.mark.parametrize(("wins", "losses", "n"), [(64, 28, 800), (6, 0, 800), (23, 29, 800), (0, 1, 60)])
def test_of_two_it_is_tangos_one_sided_interval(wins, losses, n):
    table = np.repeat([[1, 0], [0, 1], [1, 1]], [wins, losses, n - wins - losses], axis=0)
    found = sufficiency(contenders(table), 0.02)
    low, high = tango_interval(wins, losses, n, 0.9)
    assert (found.low[0], found.high[0]) == (pytest.approx(low, abs=1e-8), pytest.approx(high, abs=1e-8))
    assert (found.low[1], found.high[1]) == (pytest.approx(-high, abs=1e-8), pytest.approx(-low, abs=1e-8))
    assert found.shown[0] == (low > -0.02)
    assert found.below[0] == (high < -0.02)
    assert found.difference[0] == pytest.approx((wins - losses) / n)


def test_of_many_the_factor_is_dunnetts():
    """Dunnett 1955, table 1a: one-sided 5%, infinite df, correlation .5: 1.92 of two, 2.16 of four, 2.42 of nine."""
    rng = np.random.default_rng(0)
    for many, printed in ((3, 1.92), (5, 2.16), (10, 2.42)):
        table = rng.random((4000, many)) < 0.5
        found, rates = sufficiency(contenders(table), 0.05), table.mean(axis=0)
        leader, last = rates.argmax(), rates.argmin()
        d = table[:, last].astype(float) - table[:, leader]
        assert (found.difference[last] - found.low[last]) / (d.std() / 4000**0.5) == pytest.approx(printed, abs=0.12)


def test_with_clusters_it_is_the_score_test():
    rng = np.random.default_rng(1)
    clusters = rng.integers(0, 40, 300)
    table = drawn(rng, [0.7, 0.72], 300)
    a, b = contenders(table)
    found = sufficiency([a, b], 0.05, clusters)
    assert found.low[0] == pytest.approx(non_inferiority(a, b, 0.05, clusters).low, abs=1e-8)


def test_replicates_widen_by_their_spread_and_their_number():
    """With three seeds a point apart each way, the interval is near the t of 2 df of their spread."""
    rng = np.random.default_rng(2)
    sides = contenders(drawn(rng, [0.7, 0.72], 100_000))
    alone = sufficiency(sides, 0.02)
    spread = sufficiency(sides, 0.02, replicates=[(0.03**2 / 3, 3), (0.0, 1)])
    half = (spread.difference - spread.low)[0]
    assert alone.shown[0] == alone.shown[1] or half > 5 * (alone.difference - alone.low)[0]
    assert half == pytest.approx(2.92 * 0.03 / 3**0.5, rel=0.1)  # t of 2 df, one-sided 5%
    assert not spread.shown[0]


def test_the_hopeless_cost_the_others_nothing():
    rng = np.random.default_rng(3)
    table = drawn(rng, [0.8, 0.8, *[0.05] * 10], 500)
    few, many = sufficiency(contenders(table[:, :2]), 0.05), sufficiency(contenders(table), 0.05)
    assert many.low[:2] == pytest.approx(few.low, abs=1e-3)
    assert many.below[2:].all()


def test_one_is_its_own_best_and_equals_are_not_proof():
    assert sufficiency(contenders(np.ones((30, 1))), 0.02).shown.all()
    same = contenders(np.ones((100, 2)))
    assert not sufficiency(same, 0.02).shown.any()
    assert sufficiency(contenders(np.ones((200, 2))), 0.02).shown.all()
    assert not sufficiency(same, 0.0).below.any()


@pytest.mark.parametrize("many", [1, 4, 10])
def test_how_often_it_errs(many):
    """At the margin anybody is shown in at most 5% of tries; one of equals is below in at most 5%: 60 tries, 3 SE."""
    rng = np.random.default_rng(many)
    shown = below = 0
    for _ in range(60):
        margin = sufficiency(contenders(drawn(rng, [0.78] * many + [0.80], 200)), 0.02)
        shown += bool(margin.shown[:many].any())
        below += bool(sufficiency(contenders(drawn(rng, [0.7] * (many + 1), 200)), 0.0).below[0])
    assert shown <= 8
    assert below <= 8


def test_more_tasks_would_show_it_as_often_as_said():
    """Five equals on as many tasks as are named: the first is shown in about four of five tries."""
    rng = np.random.default_rng(5)
    tasks = int(sufficiency(contenders(drawn(rng, [0.7] * 5, 4000)), 0.05).tasks.mean())
    shown = sum(sufficiency(contenders(drawn(rng, [0.7] * 5, tasks)), 0.05).shown[0] for _ in range(60))
    assert 0.8 - 0.2 <= shown / 60 <= 0.8 + 0.2
