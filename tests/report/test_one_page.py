"""The one page cuts nothing while there is room, and says what it cut and where that stands."""

import re
from dataclasses import replace

import pytest

from harness import analysis
from harness.report.one_page import one_page
from harness.report.one_page_room import DENSE, WHOLE, Cutter, Texts, room_for
from harness.report.opening import Grounds, grounds_of

CAUTION = "SKEWED COSTS: " + "a few tasks' costs lie far from the rest, and intervals are likely too narrow. " * 6
FEW = Texts(sentence="Mix: a passes 80%.", reasons=(), cards=["[1, 2]"], warnings=[CAUTION], flips=(),
            options=[("a", "the best")] * 9, suites=["s 1"], facts=["Tasks: 9"])  # fmt: skip


@pytest.fixture
def evidence(make_report):
    rows = [{"contender": name, "task": f"t{t}", "cost_usd": 0.01, "status": "passed" if t < passes else "failed"}
            for name, passes in (("a", 30), ("b", 20)) for t in range(40)]  # fmt: skip
    table, manifest = analysis.load_evidence(make_report(rows))
    return analysis.scoreboard((table, manifest)), table, manifest


def not_here(text):
    found = re.search(r"<dt>Not here</dt><dd>(.*?)</dd>", text)
    return found[1] if found else None


def test_a_long_caution_is_whole_where_there_is_room(evidence):
    view, table, manifest = evidence
    text = one_page(replace(view, cautions=(CAUTION,)), grounds_of(table, manifest, 0.95), table, manifest, "0" * 32)
    assert CAUTION.replace("'", "&#x27;").strip() in text
    assert not_here(text) is None


def test_what_has_no_room_is_counted_and_its_place_named(evidence):
    view, table, manifest = evidence
    cautions = tuple(f"CAUTION {n}: {CAUTION * 2}" for n in range(9))
    text = one_page(replace(view, cautions=cautions), Grounds(), table, manifest, "0" * 32)
    left = 9 - text.count("<li>CAUTION")
    assert left > 0
    assert f"<li>{left} more in report.html</li>" in text
    assert f"{left} warnings left out" in not_here(text)
    assert "whole in report.html, which ownbench report" in not_here(text)


def test_smaller_type_comes_before_a_cut():
    assert room_for(FEW) == WHOLE
    assert room_for(replace(FEW, warnings=[CAUTION] * 3)) == replace(WHOLE, dense=True)
    assert room_for(replace(FEW, warnings=[CAUTION] * 60, options=[("a", "x" * 400)] * 40)) == DENSE


def test_long_names_within_texts_are_shortened_without_a_word_of_it():
    short = Cutter(["x" * 80])
    assert short("x" * 80 + " wins", 50, "reason") == "x" * 33 + "… wins"
    assert not list(short.told("r"))
    assert short("y" * 60, 50, "reason").endswith("…")
    assert list(short.told("r")) == ["1 reason shortened; whole in report.html, which ownbench report r writes"]
