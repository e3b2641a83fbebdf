"""By what rows are sorted: figures as amounts, whatever their unit, words as people sort them, the unknown last."""

import re

import pytest

from harness.core import dollars, number, percent, points, points_interval, seconds
from harness.report.blocks import Cell, table
from harness.report.html_parts import html_table
from harness.report.sorting import is_figures, ranks


def order(texts):
    """The texts as they stand once they are sorted, lowest first."""
    placed = ranks([[Cell(text)] for text in texts])
    return [text for _, text in sorted((of.get(0, len(texts)), text) for of, text in zip(placed, texts, strict=True))]


@pytest.mark.parametrize(
    ("write", "amounts"),
    [
        (dollars, [-3.2, 0.0, 4.1e-11, 0.000799, 0.243, 141.27, 1230.0, 2e15]),
        (seconds, [0.0, 0.0021, 0.85, 1.2, 59.9, 412.0, 4120.0]),
        (percent, [0.0, 0.051, 0.728, 0.73, 1.0]),
        (points, [-0.2, -0.0163, 0.0, 0.0027, 0.51]),
        (number, [1.5, 412.5, 293_512, 2.5e6, 1e9]),
        (lambda low: points_interval(low, low + 0.1), [-0.2, -0.0163, 0.0, 0.51]),
    ],
)
def test_figures_stand_in_the_order_of_what_they_write(write, amounts):
    texts = [write(amount) for amount in amounts]
    assert order([*texts[::-1], "-"]) == [*texts, "-"]
    assert is_figures(texts)


def test_bounds_lie_beside_what_they_bound_and_words_as_people_sort_them():
    assert order(["0.0001", "0.0156", "<0.0001"]) == ["<0.0001", "0.0001", "0.0156"]
    assert order(["99.9%", ">99.9%", "4.0%"]) == ["4.0%", "99.9%", ">99.9%"]
    assert order(["t10", "T9", "t1", "-"]) == ["t1", "T9", "t10", "-"]
    assert order(["tuned", "(none)", "Base", ""]) == ["(none)", "Base", "tuned", ""]
    assert not is_figures(["passed", "failed"])
    assert not is_figures(["-", ""])
    assert is_figures(["$1.36", "no passes", "no passes"])
    assert order(["no passes", "$9", "$10", "-"]) == ["$9", "$10", "-", "no passes"]


def test_equal_texts_share_a_rank_and_what_is_unknown_has_none():
    assert ranks([[Cell("5"), Cell("-")], [Cell("7"), Cell("x")], [Cell("5"), Cell("y")]]) == [
        {0: 0},
        {0: 1, 1: 0},
        {0: 0, 1: 1},
    ]


def test_a_head_has_two_ways_and_its_first_is_the_likely_one():
    drawn = html_table(table("Costs", ["who", "cost", ""], [["b", "$2", ""], ["a", "$10", ""]]))
    assert re.findall(r'class="(\w+)" aria-label="([^"]*)"', drawn) == [
        ("up", "Sort by who, from A to Z"),
        ("down", "Sort by who, from Z to A"),
        ("down", "Sort by cost, highest first"),
        ("up", "Sort by cost, lowest first"),
    ]
    assert len(set(re.findall(r'name="([^"]*)"', drawn))) == 1
    assert re.findall(r'<tr style="([^"]*)"', drawn) == ["--0:1;--1:0", "--0:0;--1:1"]


def test_a_table_of_one_row_and_one_that_is_a_sequence_are_not_sorted():
    assert "<input" not in html_table(table("", ["who"], [["a"]]))
    assert "<input" not in html_table(table("", ["call"], [["1. worker"], ["2. expert"]], kind="calls"))
