"""How often the advice errs, on reports of a known truth; `benchmarks/advising.py` has the larger simulations."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from advising import MIX, OWN, RENT, words

RUNS = 40
MOST = 0.05 + 3 * (0.05 * 0.95 / RUNS) ** 0.5  # three standard errors above 5%


@pytest.mark.parametrize("rivals", [1, 4, 10])
def test_a_dearer_kind_is_seldom_named_among_equals(rivals):
    said = words([(OWN, 0.7, 0.001), *[(RENT, 0.7, 0.002)] * rivals], 300, RUNS, seed=rivals)
    assert said["RENT"].value <= MOST


@pytest.mark.parametrize("options", [1, 4, 10])
def test_an_option_at_the_margin_is_seldom_advised(options):
    said = words([*[(MIX, 0.78, 0.001)] * options, (RENT, 0.80, 0.002)], 300, RUNS, seed=options)
    assert said["MIX"].value <= MOST


def test_a_clear_winner_is_named():
    assert words([(OWN, 0.78, 0.001), *[(RENT, 0.70, 0.002)] * 4], 500, 20, seed=1)["OWN"].value >= 0.8
    assert words([(OWN, 0.60, 0.001), (RENT, 0.75, 0.002)], 500, 20, seed=2)["RENT"].value >= 0.8
    assert words([(OWN, 0.70, 0.001), (RENT, 0.70, 0.002)], 5000, 20, seed=3)["OWN"].value >= 0.5


def test_the_dearer_may_be_named_only_as_much_as_it_costs_less():
    """At one price nobody is the cheaper kind."""
    assert words([(OWN, 0.7, 0.002), (RENT, 0.7, 0.002)], 2000, 10, seed=4, margin=0.1)["UNDECIDED"].value == 1.0
