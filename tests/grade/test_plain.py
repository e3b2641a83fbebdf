"""The plain form, and markup: what every grader takes both sides through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged import grade

from harness.core import Answer, Task
from harness.grade import grader
from harness.grade.plain import plain, unmarked


def passes(spec, reference, text):
    task = Task(id="t", domain="d", cluster="t", reference=reference)
    return grade(task, Answer(text=text), grader(spec)).passed


@given(st.text())
def test_the_plain_form_is_its_own(text):
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("non‑toxic – so–so — no", "non-toxic - so-so — no"),
        ("don’t ‘do’ “it”", "don't 'do' \"it\""),
        ("\ufeffa\u200bb\u200f", "ab"),
        ("net\u00adwork", "network"),
    ],
)
def test_signs_in_their_plain_form(text, expected):
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**A***", "A*"),
        ("A*, B*", "A*, B*"),
        ("***x*** and `y`", "x and y"),
        ("_not_toxic_", "not_toxic"),
        ("2*3*4 and * a bullet", "2*3*4 and * a bullet"),
        (r"\boxed{\text{C\#}}", "{{C#}}"),
        ("<b>x</b>y <answer>z</answer> <w>", "xy z <w>"),
    ],
)
def test_markup_goes_in_pairs(text, expected):
    assert unmarked(text).replace("  ", " ").strip() == expected


@pytest.mark.parametrize(
    ("spec", "reference", "text"),
    [
        ("exact", "don't know", "don’t know"),
        ("exact", "non-toxic", "non\u00adtoxic"),
        ("exact", "network", "net\u00adwork"),
        ({"name": "contains"}, "non-toxic", "It is non‑toxic"),
        ({"name": "json"}, {"said": "can't", "tags": ["a-b"]}, '{"said": "can’t", "tags": ["a‑b"]}'),
        ({"name": "json", "unordered": True}, ["a-b", "c"], '["c", "a–b"]'),
        ({"name": "regex", "pattern": "Answer: (.+)", "group": 1}, "don't", "Answer: don’t"),
    ],
)
def test_forms_of_a_sign_do_not_count(spec, reference, text):
    assert passes(spec, reference, text)


def test_unless_texts_are_compared_as_they_are_written():
    assert not passes({"name": "exact", "normalise": []}, "don't", "don’t")
    assert not passes({"name": "contains", "none": ["can't help"]}, "x", "x, I can’t help")
