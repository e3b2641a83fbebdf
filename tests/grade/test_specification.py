"""Bad suites are refused before anything is spent, in one line that says what to do."""

import pytest

from harness.core import UsageError, UserFileError
from harness.grade import grader

LABEL = {"name": "label", "labels": ["yes", "no"]}


@pytest.mark.parametrize(
    ("spec", "texts"),
    [
        ({}, ["no grader is named", "exact, json"]),
        ("", ["no grader is named"]),
        ({"labels": ["a"]}, ["no grader is named"]),
        ("exakt", ["unknown grader 'exakt'", "did you mean 'exact'?"]),
        ({"name": ["exact"]}, ["unknown grader"]),
        ({"name": "number", "absolut": 1}, ["number.absolut", "unknown key", "absolute"]),
        ({"name": "number", "absolute": -1}, ["number.absolute"]),
        ({"name": "number", "take": "second"}, ["number.take"]),
        ({"name": "exact", "normalise": ["lower"]}, ["exact.normalise"]),
        ({"name": "contains", "any": ["  "]}, ["empty after normalisation"]),
        ({"name": "regex", "pattern": "("}, ["not a regular expression"]),
        ({"name": "regex", "pattern": "(a)", "group": 2}, ["no group 2"]),
        ({"name": "label"}, ["labels", "missing"]),
        ({"name": "label", "labels": ["one"]}, ["labels"]),
        ({"name": "label", "labels": [True, False]}, ["quote labels"]),
        ({"name": "label", "labels": ["yes", "Yes"]}, ["'yes' is given twice", "case_sensitive"]),
        ({**LABEL, "aliases": {"ye": ["y"]}}, ["which is no label", "'yes'"]),
        ({"name": "json", "schema": {"type": "objekt"}}, ["not a JSON schema"]),
        ({"name": "json_schema", "schema": {"$ref": "https://example.com/s.json"}}, ["$defs"]),
        ({"name": "json", "tolerance": {"a": -1}}, ["tolerance"]),
    ],
)
def test_a_wrong_specification_is_named(spec, texts):
    with pytest.raises(UserFileError) as caught:
        grader(spec, where="suites/x/suite.yaml")
    message = str(caught.value)
    assert message.startswith("suites/x/suite.yaml: grader")
    assert all(text in message for text in texts), message
    assert "\n" not in message
    with pytest.raises(UsageError):
        grader(spec)


@pytest.mark.parametrize(
    ("spec", "reference", "text"),
    [
        ("exact", None, "needs a reference"),
        ("exact", [], "empty list"),
        ("exact", True, "quote"),
        ("exact", {"a": 1}, "a text or a list of texts"),
        ("exact", "  ", "empty after normalisation"),
        ("number", "abc", "one number"),
        ("number", "1 or 2", "one number"),
        ("number", float("nan"), "one number"),
        (LABEL, "maybe", "none of the labels"),
        (LABEL, True, "quote it"),
        ("regex", "(", "not a regular expression"),
        ("json", "not JSON", "not JSON"),
        ("json", {"a": {1, 2}}, "not a JSON value"),
        ({"name": "json", "ignore": ["a"]}, {"a": 1}, "no field left"),
        ({"name": "json", "schema": {"required": ["b"]}}, {"a": 1}, "breaks the schema"),
    ],
)
def test_an_unusable_reference_is_refused(spec, reference, text):
    with pytest.raises(ValueError, match=text):
        grader(spec).check_reference(reference)
