import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import (
    mcnemar_all,
    mcnemar_exact,
    mcnemar_midp,
    tango_interval,
    tango_z,
)

TABLES = [
    # (a, b, c, d), exact, mid-p, Tango; two by Fagerland et al.
    ((1, 1, 7, 12), 0.0703125, 0.0390625, (-0.517232, -0.026003)),
    ((59, 6, 16, 80), 0.052479, 0.034690, (-0.124023, -0.005433)),
    ((576, 0, 6, 218), 0.03125, 0.015625, (-0.016265, -0.002685)),
    ((553, 23, 29, 195), 0.488456, 0.410103, (-0.025913, 0.010504)),
    ((518, 64, 28, 190), 2.2250e-4, 1.5757e-4, (0.021971, 0.069222)),
]


@pytest.mark.parametrize(("table", "exact", "midp", "tango"), TABLES)
def test_printed_values(table, exact, midp, tango):
    _, b, c, _ = table
    assert mcnemar_exact(b, c) == pytest.approx(exact, abs=1e-6)
    assert mcnemar_midp(b, c) == pytest.approx(midp, abs=1e-6)
    assert tango_interval(b, c, sum(table)) == pytest.approx(tango, abs=1e-6)


def test_more_printed_tango_values():
    assert tango_interval(40, 20, 160) == pytest.approx((0.030865, 0.218064), abs=1e-6)
    assert tango_z(0, 1, 44, -0.1) == pytest.approx(1.708564, abs=1e-6)
    assert tango_interval(0, 1, 44, 0.90) == pytest.approx((-0.095662, 0.036517), abs=1e-6)
    assert tango_interval(0, 1, 44) == pytest.approx((-0.118077, 0.059393), abs=1e-6)


@pytest.mark.parametrize(
    ("b", "c", "n", "at3", "at5", "interval"),
    [
        (23, 29, 800, 0.009131, 1.917e-5, (-0.022795, 0.007499)),
        (0, 6, 800, 9.550e-5, 1.739e-8, (-0.014437, -0.003883)),
        (38, 63, 500, 0.842144, 0.5, (-0.083362, -0.017149)),
        (5, 5, 100, 0.179125, 0.071406, (-0.057086, 0.057086)),
        (0, 0, 50, 0.106834, 0.052379, (-0.051333, 0.051333)),
    ],
)
def test_non_inferiority_printed_values(b, c, n, at3, at5, interval):
    tail = [0.5 * math.erfc(tango_z(b, c, n, -m) / math.sqrt(2)) for m in (0.03, 0.05)]
    assert tail == pytest.approx((at3, at5), rel=1e-3)
    assert tango_interval(b, c, n, 0.90) == pytest.approx(interval, abs=1e-6)


@pytest.mark.parametrize(
    ("losses", "exact", "midp"), [(4, 0.125, 0.0625), (5, 0.0625, 0.03125), (6, 0.03125, 0.015625)]
)
def test_all_discordant_tasks_one_way(losses, exact, midp):
    assert (mcnemar_exact(0, losses), mcnemar_midp(0, losses)) == pytest.approx((exact, midp))


def test_no_discordant_task_is_no_evidence():
    assert mcnemar_exact(0, 0) == mcnemar_midp(0, 0) == 1.0


@pytest.mark.parametrize(("b", "c"), [(3, 11), (0, 8), (7, 7), (120, 90), (2000, 2150)])
def test_scipy_agrees_on_the_exact_p(b, c):
    from scipy.stats import binom, binomtest

    assert mcnemar_exact(b, c) == pytest.approx(binomtest(b, b + c, 0.5).pvalue, rel=1e-9)
    below, at = binom.cdf(min(b, c) - 1, b + c, 0.5), binom.pmf(min(b, c), b + c, 0.5)
    assert mcnemar_midp(b, c) == pytest.approx(2 * below + at, rel=1e-9)


def test_many_tables_at_once():
    wins, losses = np.array([0, 3, 64, 0]), np.array([0, 3, 28, 6])
    assert mcnemar_all(wins, losses) == pytest.approx([mcnemar_midp(b, c) for b, c in zip(wins, losses, strict=True)])


@pytest.mark.parametrize(
    "call",
    [
        lambda: mcnemar_exact(-1, 2),
        lambda: tango_z(3, 3, 5, 0),
        lambda: tango_interval(0, 0, 0),
        lambda: tango_z(1, 1, 5, 2),
    ],
)
def test_impossible_tables_are_refused(call):
    with pytest.raises(ValueError, match=r"must lie between|cannot be negative"):
        call()


@pytest.mark.parametrize(("b", "c", "n"), [(5, 0, 5), (0, 5, 5), (1, 0, 1), (0, 0, 1)])
def test_tango_at_the_edges(b, c, n):
    low, high = tango_interval(b, c, n)
    assert -1 <= low <= (b - c) / n <= high <= 1
    assert high - low > 0.1


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.floats(0.5, 0.99))
def test_swapping_the_contenders_mirrors_everything(a, b, c, d, level):
    n = a + b + c + d
    if n == 0:
        return
    assert 0 <= mcnemar_midp(b, c) <= mcnemar_exact(b, c) <= 1
    assert mcnemar_midp(b, c) == mcnemar_midp(c, b)
    here, there = tango_interval(b, c, n, level), tango_interval(c, b, n, level)
    assert here[0] - 1e-9 <= (b - c) / n <= here[1] + 1e-9
    assert here == pytest.approx((-there[1], -there[0]), abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 80), st.floats(0.005, 0.3))
def test_the_interval_and_the_test_say_the_same(b, c, ties, margin):
    n = b + c + ties
    if n == 0:
        return
    z = tango_z(b, c, n, -margin)
    low = tango_interval(b, c, n, 0.90)[0]
    if abs(z - 1.644853627) > 1e-6:
        assert (z > 1.644853627) == (low > -margin)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60))
def test_a_tied_task_never_narrows_the_difference_against_the_evidence(b, c, ties):
    """A tie adds no evidence on direction: p stays, and the interval moves toward 0."""
    n = b + c + ties
    if n == 0:
        return
    before, after = tango_interval(b, c, n), tango_interval(b, c, n + 1)
    assert (before[0] > 0) == (after[0] > 0)
    assert (before[1] < 0) == (after[1] < 0)


def test_coverage_and_error_rate_enumerated():
    """All tables of 30 tasks, weighted by their chance: Tango covers about 95%, mid-p rejects at most about 5%."""
    n, b_share, c_share = 30, 0.15, 0.15
    covered = rejected = total = 0.0
    for b in range(n + 1):
        for c in range(n - b + 1):
            weight = (
                math.factorial(n)
                / (math.factorial(b) * math.factorial(c) * math.factorial(n - b - c))
                * b_share**b
                * c_share**c
                * (1 - b_share - c_share) ** (n - b - c)
            )
            if weight < 1e-9:
                continue
            low, high = tango_interval(b, c, n)
            total += weight
            covered += weight * (low <= 0 <= high)
            rejected += weight * (mcnemar_midp(b, c) <= 0.05)
    assert total == pytest.approx(1, abs=1e-6)
    assert 0.935 < covered < 0.975
    assert rejected < 0.055


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 0), (0, 1), (1, 1), (3, 9), (500, 501), (20_000, 20_500), (30_000, 25_000)]
)
def test_one_table_gives_what_scipy_gives(wins, losses):
    from scipy.stats import binomtest

    exact = binomtest(wins, wins + losses, 0.5).pvalue if wins + losses else 1.0
    assert mcnemar_exact(wins, losses) == pytest.approx(exact, rel=1e-8)
    assert mcnemar_midp(wins, losses) == pytest.approx(float(mcnemar_all(wins, losses)[0]), rel=1e-8)


@pytest.mark.parametrize("df", [1_000.0, 1_000.5, 20_000.0, 1e6])
@pytest.mark.parametrize("t", [-4.0, 0.0, 0.5, 1.64, 3.0, 8.0])
def test_t_of_many_degrees_of_freedom_is_that_of_scipy(df, t):
    from scipy import special
    from scipy.stats import t as student

    from harness.stats.tails import t_quantile, t_tail

    assert t_tail(t, df) == pytest.approx(float(student.sf(t, df)), rel=1e-8)
    if abs(t) < 5:
        p = float(student.cdf(t, df))
        assert t_quantile(p, df) == pytest.approx(float(special.stdtrit(df, p)), abs=1e-9)
