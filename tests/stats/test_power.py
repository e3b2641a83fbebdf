import math

import numpy as np
import pytest

from harness.stats import (
    exact_power,
    mcnemar_exact,
    mcnemar_midp,
    non_inferiority_tasks,
    tasks_for_difference,
    visible_difference,
)


@pytest.mark.parametrize(
    ("psi", "delta", "tasks"),
    [(0.2, 0.05, 625.547), (0.1, 0.03, 869.736), (0.2, 0.1, 154.599), (0.15, 0.05, 468.568), (0.3, 0.05, 939.504)],
)
def test_connors_number(psi, delta, tasks):
    assert tasks_for_difference(delta, psi) == pytest.approx(tasks, abs=1e-3)
    assert tasks_for_difference(-delta, psi) == pytest.approx(tasks, abs=1e-3)
    assert visible_difference(math.ceil(tasks), psi) == pytest.approx(delta, rel=2e-3)


@pytest.mark.parametrize(
    ("tasks", "exact", "midp"),
    [(100, 0.1428, 0.1880), (250, 0.3759, 0.4243), (500, 0.6764, 0.7087), (626, 0.7789, 0.8029)],
)
def test_exact_power(tasks, exact, midp):
    assert exact_power(tasks, 0.125, 0.075, mid=False) == pytest.approx(exact, abs=5e-5)
    assert exact_power(tasks, 0.125, 0.075) == pytest.approx(midp, abs=5e-5)


def test_exact_power_summed_by_hand():
    n, p, q = 9, 0.4, 0.1
    total = 0.0
    for b in range(n + 1):
        for c in range(n - b + 1):
            chance = math.comb(n, b) * math.comb(n - b, c) * p**b * q**c * (1 - p - q) ** (n - b - c)
            total += chance * (mcnemar_midp(b, c) <= 0.05)
    assert exact_power(n, p, q) == pytest.approx(total, rel=1e-9)
    assert exact_power(200, 0.5, 0.5, mid=False) <= 0.05
    assert mcnemar_exact(0, 1) == 1.0


@pytest.mark.parametrize(
    ("tasks", "delta"), [(50, 0.173), (80, 0.138), (100, 0.1238), (200, 0.0881), (500, 0.0559), (1000, 0.0396)]
)
def test_smallest_visible_difference(tasks, delta):
    assert visible_difference(tasks, 0.2) == pytest.approx(delta, abs=6e-5)


def test_too_few_tasks_show_nothing():
    assert visible_difference(5, 0.2) is None
    assert visible_difference(0, 0.2) is None


@pytest.mark.parametrize(("margin", "tasks"), [(0.02, 1546), (0.03, 687), (0.05, 248)])
def test_non_inferiority(margin, tasks):
    assert math.ceil(non_inferiority_tasks(margin, 0.1)) == tasks


def test_the_formula_matches_a_simulation():
    """626 tasks, 12.5% won and 7.5% lost: the mid-p test shows it about 80 times in 100."""
    drawn = np.random.default_rng(0).multinomial(626, [0.125, 0.075, 0.8], size=3000)
    shown = np.mean([mcnemar_midp(b, c) <= 0.05 for b, c, _ in drawn.tolist()])
    assert shown == pytest.approx(0.8029, abs=0.03)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tasks_for_difference(0.0, 0.2),
        lambda: tasks_for_difference(0.3, 0.2),
        lambda: tasks_for_difference(0.1, 0.2, power=1.0),
        lambda: non_inferiority_tasks(0.02, 0.1, delta=-0.02),
    ],
)
def test_impossible_questions_are_refused(call):
    with pytest.raises(ValueError, match=r"must|cannot"):
        call()
