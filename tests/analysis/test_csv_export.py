"""Downloads open in a spreadsheet as data: the reader here is the standard library's, the attacks are OWASP's."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis import safe_csv
from harness.core import Status

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://e.example","x")',
            "=cmd|' /C calc'!A0", "|calc", " =1", "\u00a0=1", "\ufeff=1", "\x00=1", "\u200b+1", "＝1",
            "－1"]  # fmt: skip


def read(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe(text):
    header, row = read(safe_csv([{"a": text}]))
    assert header == ["a"]
    assert row == [f"'{text}"]


@pytest.mark.parametrize("text", ["a=1", "1-1", "task-1", "é", "'=1", 'say "x", y', "two\nlines", "", "a;=1"])
def test_other_texts_stay_as_they_are(text):
    assert read(safe_csv([{"a": text, "b": "x"}]))[1] == [text, "x"]


def test_numbers_stay_numbers_and_the_unknown_is_empty():
    row = {"i": -3, "f": -0.25, "b": True, "n": None, "nan": float("nan"), "s": Status.PASSED, "l": ["=a", "b"],
           "t": datetime(2026, 1, 2, tzinfo=UTC)}  # fmt: skip
    expected = ["-3", "-0.25", "true", "", "", "passed", "'=a; b", "2026-01-02T00:00:00+00:00"]
    assert read(safe_csv([row]))[1] == expected


def test_names_of_columns_are_guarded_and_rows_may_differ():
    assert read(safe_csv([{"=x": 1}, {"y": 2}])) == [["'=x", "y"], ["1", ""], ["", "2"]]
    assert read(safe_csv([{"x": 1, "y": 2}], ["y"])) == [["y"], ["2"]]
    assert safe_csv([], ["y"]) == b"y\r\n"


def test_no_key_leaves_and_no_text_is_too_odd():
    data = safe_csv([{"a": "sk-abcdefghij0123456789", "b": "\ud800"}])
    assert b"abcdefghij" not in data
    assert b"\\ud800" in data


@given(st.lists(st.lists(st.text(max_size=12), min_size=2, max_size=2), max_size=5))
def test_no_cell_begins_as_a_formula_and_none_is_lost(cells):
    rows = [dict(zip("ab", pair, strict=True)) for pair in cells]
    found = read(safe_csv(rows, ["a", "b"]))
    assert len(found) == len(rows) + 1
    for one, given_row in zip(found[1:], cells, strict=True):
        for cell, text in zip(one, given_row, strict=True):
            assert cell in {text, f"'{text}"}
            assert cell[:1] not in set("=+-@\t\r\n")
