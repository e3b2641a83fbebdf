"""What every grader keeps, whatever its family. A new grader adds one case here."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judged import grade

from harness.core import Answer, Cause, Status, Task
from harness.grade import GRADERS, grader

LABELS = ["SUPPORT", "REFUTE", "NOINFO"]
CASES = [  # specification, reference, a right answer, a wrong answer
    ("exact", "J7 X9", " J7 X9\n", "J7 X8"),
    ({"name": "contains", "any": ["blue", "green"]}, None, "It is Blue.", "It is red."),
    ("contains", ["blue", "green"], "Green and blue.", "red"),
    ({"name": "regex", "pattern": r"Answer: (\w+)", "group": 1}, "yes", "So.\nAnswer: yes", "Answer: no"),
    ("number", 42, "The answer is 42.", "41"),
    ({"name": "label", "labels": LABELS, "take": "last"}, "REFUTE", "green, grey: REFUTE", "green: SUPPORT"),
    ("json", {"dest": "B7", "qty": 9}, '{"qty": 9, "dest": "B7"}', '{"qty": 8, "dest": "B8"}'),
    ({"name": "json_schema", "schema": {"type": "object", "required": ["a"]}}, None, '{"a": 1}', '{"b": 1}'),
    ({"name": "all", "of": ["exact", {"name": "contains", "none": ["so"], "any": ["yes"]}]}, "yes", "yes", "no, so no"),
    ({"name": "any", "of": ["exact", {"name": "contains", "any": ["aye"]}]}, "yes", "Aye, aye.", "no"),
    ({"name": "judge", "judge": "careful", "rubric": "Is it sure?"}, None, "Yes, certainly.", "Perhaps."),
    ({"name": "weighted", "of": {"exact": 1, "contains": 3}, "pass_at": 0.7}, "yes", "yes", "no"),
]
each = pytest.mark.parametrize(("spec", "reference", "good", "bad"), CASES)


def task(reference):
    return Task(id="t", domain="d", cluster="t", reference=reference)


def answer(text, **more):
    return Answer(text=text, **more)


def test_every_registered_grader_has_a_case():
    assert {grader(spec).name for spec, *_ in CASES} | {"program"} == set(GRADERS)  # which has tests of its own
    assert all(20 < len(line) <= 120 for line in ((rule.__doc__ or "").splitlines()[0] for rule in GRADERS.values()))


@each
def test_right_passes_and_wrong_fails_the_same_way_every_time(spec, reference, good, bad):
    by = grader(spec)
    by.check_reference(reference)
    passed, failed = grade(task(reference), answer(good), by), grade(task(reference), answer(bad), by)
    assert (passed.status, passed.score, passed.cause) == (Status.PASSED, 1.0, None)
    assert failed.status is Status.FAILED
    assert failed.score == 0.0
    assert failed.cause in {Cause.WRONG, Cause.MALFORMED}
    assert failed.reason
    assert grade(task(reference), answer(good), grader(spec)) == passed
    assert grade(task(reference), answer(bad), by) == failed


@each
@pytest.mark.parametrize("cause", [Cause.REFUSED, Cause.TURNS, Cause.TOO_SLOW])
def test_an_attempt_that_ended_by_its_own_fault_fails_whatever_its_text(spec, reference, good, bad, cause):
    graded = grade(task(reference), answer(good, fault=cause), grader(spec))
    assert (graded.status, graded.cause, graded.score) == (Status.FAILED, cause, 0.0)


@each
@pytest.mark.parametrize("text", ["", " \n\t "])
def test_an_empty_answer_fails(spec, reference, good, bad, text):
    graded = grade(task(reference), answer(text), grader(spec))
    assert (graded.status, graded.cause) == (Status.FAILED, Cause.EMPTY)


@each
def test_a_cut_answer_is_truncated_when_it_is_not_right(spec, reference, good, bad):
    by = grader(spec)
    assert grade(task(reference), answer(bad, finish_reason="length"), by).cause is Cause.TRUNCATED
    assert grade(task(reference), answer(good, finish_reason="length"), by).status is Status.PASSED


HOSTILE = {
    "ten million": "x" * 10_000_000,
    "braces": "{" * 999_999,
    "brackets": "[" * 999_999,
    "quoted braces": '{"' * 499_999,
    "open objects": '{"a":1,' * 120_000,
    "nested objects": '{"a":' * 190_000,
    "groups": "1,234," * 160_000,
    "versions": "1.2." * 249_000,
    "digits": "9" * 999_999,
    "stars": "*" * 999_999,
    "fences": "```\n" * 249_000,
    "many labels": "REFUTE " * 140_000,
    "direction marks": "\u202e" * 500_000,
    "constants": '{"a": NaN, "b": -Infinity}',
    "twice": '{"a": 1, "a": 2}',
    "huge integer": '{"a": ' + "9" * 5_000 + "}",
    "huge exponent": '{"a": 1e999999}',
    "exponent": "1e999999999 1e9999 -1e-9999",
    "surrogates": "\ud800 \udfff",
    "nul": "\x00\x01\x1b[31m\r\n\u2028",
}


@each
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_are_graded_in_bounded_time(spec, reference, good, bad, name):
    by = grader(spec)
    start = time.process_time()
    graded = grade(task(reference), answer(HOSTILE[name]), by)
    assert time.process_time() - start < 5.0
    assert graded.status in {Status.FAILED, Status.PASSED}, graded.reason
    assert len(graded.reason) <= 200
    assert graded.reason.isprintable()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.one_of(st.text(), st.text(alphabet='{}[]",:0123456789.-eE `*\n\\SUPORTEF')))
@each
def test_any_text_gives_a_consistent_grade(spec, reference, good, bad, text):
    graded = grade(task(reference), answer(text), grader(spec))
    assert graded.status in {Status.PASSED, Status.FAILED}, graded.reason
    assert (graded.status is Status.PASSED) == (graded.score == 1.0) == (graded.cause is None)
    assert 0.0 <= graded.score <= 1.0
    assert graded.reason.isprintable()


@each
def test_the_digest_is_of_the_options_and_not_of_their_order(spec, reference, good, bad):
    full = {"name": spec} if isinstance(spec, str) else spec
    assert grader(full).digest == grader(spec).digest == grader(dict(reversed(full.items()))).digest
    assert len({grader(s).digest for s, *_ in CASES}) == len(CASES)


def test_a_grader_that_breaks_leaves_the_attempt_ungraded():
    class Broken:
        name = "broken"

        async def grade(self, task, answer, session):
            raise ZeroDivisionError("of\nits own")

    graded = grade(task("x"), answer("x"), Broken())
    assert (graded.status, graded.cause, graded.score, graded.passed) == (Status.UNGRADED, Cause.GRADER, None, None)
    assert "ZeroDivisionError: of\\nits own" in graded.reason


def test_a_rule_that_needs_no_reference_never_sees_one():
    by = grader({"name": "json_schema", "schema": {"type": "object"}})
    assert not by.needs_reference
    assert grade(task("not even JSON"), answer("{}"), by).status is Status.PASSED
