"""Each family on answers as models give them."""

import json
import random
import re
import string
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged import grade

from harness.core import Answer, Cause, Status, Task
from harness.grade import grader, normalised
from harness.userfile import child

P, W, M = "passed", "wrong", "malformed"


def judged(spec, reference, text):
    graded = grade(
        Task(id="t", domain="d", cluster="t", reference=reference),
        Answer(text=text),
        grader(spec),
    )
    return graded, "passed" if graded.status is Status.PASSED else str(graded.cause)


@pytest.mark.parametrize(
    ("options", "reference", "text", "expected"),
    [
        ({}, 42, "42", P),
        ({}, "1,234.50", "It costs $1234.5!", P),
        ({}, 3, "3 + 4 = 7", M),
        ({}, 42, "So 42. The answer is 42.0", P),
        ({"take": "last"}, 7, "3 + 4 = 7", P),
        ({"take": "first"}, 3, "3 + 4 = 7", P),
        ({"take": "last"}, -7, "3 - 10 = −7", P),
        ({"take": "last"}, 4, "from 3-4", P),
        ({}, 1500, "1.5e3", P),
        ({}, 1500, "about 1.5 × 10^3 units", P),
        ({}, 12, "12 %", P),
        ({"percent": "fraction"}, "12%", "0.12", P),
        ({"decimal": ","}, "1.234,5", "1.234,5 EUR", P),
        ({"decimal": ","}, 1.5, "1.5", M),
        ({}, 7, "part B7, version 1.2.3", M),
        ({}, 0.1, "0.1", P),
        ({}, 0.3, "0.30000000000000004", W),
        ({"absolute": 0.01}, 3.14, "3.15", P),
        ({"absolute": 0.01}, 3.14, "3.1501", W),
        ({"relative": 0.1}, 100, "110", P),
        ({"relative": 0.1}, 100, "110.1", W),
        ({}, 1, "NaN", M),
        ({}, 10**30, "1" + "0" * 30, P),
        ({}, 10**30, "1" + "0" * 29 + "1", W),
    ],
)
def test_numbers(options, reference, text, expected):
    assert judged({"name": "number", **options}, reference, text)[1] == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_a_number_is_read_as_python_writes_it(value):
    for text in (f"{value}", f"{value:,}", f"${value:,}".replace("$-", "-$"), f"{value:.10e}"):
        expected = Decimal(f"{value:.10e}") if "e" in text else value
        assert judged("number", str(expected), f"It is {text}.")[1] == P


LABELS = ["toxic", "not toxic", "unsure"]


@pytest.mark.parametrize(
    ("options", "reference", "text", "expected"),
    [
        ({}, "toxic", "Toxic", P),
        ({}, "toxic", "**toxic**.", P),
        ({}, "toxic", "It is toxic", M),
        ({"take": "last"}, "toxic", "It is toxic", P),
        ({"take": "last"}, "not toxic", "It is not toxic", P),
        ({"take": "last"}, "toxic", "It is not\ntoxic.", W),
        ({"take": "last"}, "toxic", "It is non-toxic", M),
        ({"take": "last"}, "toxic", "nontoxic", M),
        ({"take": "first"}, "unsure", "Unsure: who knows", P),
        ({"take": "first"}, "unsure", "unsureness", M),
        ({"take": "anywhere"}, "unsure", "I am unsure about it, really unsure", P),
        ({"take": "anywhere"}, "unsure", "unsure or toxic", M),
        ({"case_sensitive": True}, "toxic", "Toxic", M),
        ({"aliases": {"unsure": ["?", "n/a"]}}, "unsure", "?", P),
        ({"aliases": {"unsure": ["?", "n/a"]}}, "n/a", "unsure", P),
    ],
)
def test_labels(options, reference, text, expected):
    assert judged({"name": "label", "labels": LABELS, **options}, reference, text)[1] == expected


def test_labels_fill_the_confusion_matrix():
    spec = {"name": "label", "labels": LABELS}
    graded, _ = judged(spec, "Toxic", "unsure")
    assert (graded.label_true, graded.label_predicted) == ("toxic", "unsure")
    graded, _ = judged(spec, "toxic", "hm")
    assert (graded.label_true, graded.label_predicted) == ("toxic", None)


ORDER = {"id": "A1", "total": 9.5, "lines": [{"sku": "x", "n": 1}, {"sku": "y", "n": 2}]}  # six fields


def changed(**fields):
    return json.dumps({**ORDER, **fields})


@pytest.mark.parametrize(
    ("options", "text", "cause", "score"),
    [
        ({}, changed(), P, 1),
        ({}, f"Here it is:\n```json\n{changed()}\n```\nDone [1].", P, 1),
        ({}, f"Here {{it}} is: {changed()} as asked", P, 1),
        ({}, changed(total=9.4), "partial", 5 / 6),
        ({"tolerance": {"total": 0.1}}, changed(total=9.4), P, 1),
        ({"tolerance": {"total": {"relative": 0.001}}}, changed(total=9.4), "partial", 5 / 6),
        ({"ignore": ["total"]}, changed(total=0), P, 1),
        ({"ignore": ["lines.n", "id"]}, changed(id=0, lines=[{"sku": "x", "n": 7}, {"sku": "y"}]), P, 1),
        ({}, changed(lines=ORDER["lines"][::-1]), "partial", 2 / 6),
        ({"unordered": True}, changed(lines=ORDER["lines"][::-1]), P, 1),
        ({"unordered": ["lines"]}, changed(lines=[ORDER["lines"][1]]), "partial", 3 / 4),
        ({}, changed(note="!"), "partial", 6 / 7),
        ({"extra": "ignore"}, changed(note="!"), P, 1),
        ({}, changed(id=None), "partial", 5 / 6),
        ({}, changed(total=True), "partial", 5 / 6),
        ({}, "{}", W, 0),
        ({}, "no JSON", M, 0),
        ({}, f"{changed()} or {changed()}", M, 0),
        ({"take": "last"}, f"{changed(id='?')} or {changed()}", P, 1),
        ({}, f"[{changed()}]", M, 0),
        ({}, '{"id": {"a": 1}, }', M, 0),
    ],
)
def test_json_fields(options, text, cause, score):
    graded, found = judged({"name": "json", **options}, ORDER, text)
    assert (found, graded.score) == (cause, pytest.approx(score))


def test_json_types_are_told_apart():
    assert judged("json", {"qty": 9}, '{"qty": "9"}')[1] == W
    assert judged("json", {"qty": 1}, '{"qty": true}')[1] == W
    assert judged("json", {"qty": 1}, '{"qty": 1.0}')[1] == P


def test_items_within_a_tolerance_are_paired_as_well_as_possible():
    """0.9 fits both references, 1.1 only the first: giving 0.9 to the first would leave one over."""
    spec = {"name": "json", "unordered": True, "tolerance": {"v": 0.1}}
    assert judged(spec, {"v": [1.0, 0.8]}, '{"v": [0.9, 1.1]}')[1] == P


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=4), JSON, min_size=1, max_size=4), st.randoms())
def test_a_reference_passes_as_its_own_answer_and_shuffled_where_order_does_not_count(value, rng):
    def shuffled(item):
        if isinstance(item, dict):
            return {k: shuffled(item[k]) for k in rng.sample(list(item), len(item))}
        return [shuffled(i) for i in rng.sample(item, len(item))] if isinstance(item, list) else item

    assert judged("json", value, json.dumps(value))[1] == P
    assert judged({"name": "json", "unordered": True}, value, json.dumps(shuffled(value)))[1] == P


def test_a_catastrophic_pattern_is_stopped_and_the_next_one_works(monkeypatch):
    monkeypatch.setattr(child, "SECONDS", 0.3)
    graded, _ = judged({"name": "regex", "pattern": r"(a+)+$"}, None, "a" * 60 + "b")
    assert (graded.status, graded.cause) == (Status.UNGRADED, Cause.GRADER)
    assert "took longer" in graded.reason
    monkeypatch.setattr(child, "SECONDS", 30.0)
    assert judged({"name": "regex", "pattern": r"^\d+$"}, None, "12")[1] == P


def test_patterns():
    assert judged({"name": "regex", "pattern": "B[0-9]", "full": True}, None, "B7 ")[1] == W
    assert judged({"name": "regex", "flags": ["ignorecase"]}, "b7", "code B7")[1] == P
    spec = {"name": "regex", "pattern": "code (?P<c>[A-Z][0-9])", "group": "c"}
    assert [judged(spec, "B7", t)[1] for t in ("code B7", "code B8", "B7")] == [P, W, M]


def squad(text):
    """The normalisation of SQuAD's evaluation: lower case, no ASCII punctuation, no articles, single spaces."""
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


@given(st.text(alphabet="abetheTHEan ,;:!?'\"()\n", max_size=60))
def test_normalising_agrees_with_squads_on_words(text):
    assert normalised(text, ["casefold", "punctuation", "articles", "whitespace"]) == squad(text)


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (["markdown"], "```\nJ7 X9\n```", "J7 X9"),
        (["markdown"], "**`yes`**", "yes"),
        (["markdown"], "*a* and *b*", "*a* and *b*"),
        (["numbers"], "1,000.50 and 3.0", "1000.5 and 3"),
        (["punctuation"], "-3.5, (sic)!", "-3.5 sic"),
        (["nfkc"], "ﬁve\u00a0", "five "),
        ([], " x ", " x "),
    ],
)
def test_normalisations(names, text, expected):
    assert normalised(text, names) == expected


@pytest.mark.shared
def test_the_demo_suites_accept_their_own_answers_and_refuse_each_others():
    folder = next((p / "shared/demo/assets/suites" for p in Path(__file__).parents if (p / "shared").is_dir()), None)
    if folder is None or not folder.is_dir():
        pytest.skip("no shared data")
    specs = {
        "claim-check": {"name": "label", "labels": ["SUPPORT", "REFUTE", "NOINFO"], "take": "last"},
        "order-extraction": "json",
        "part-codes": "exact",
        "unit-prices": "exact",
    }
    rng = random.Random(1)
    for name, spec in specs.items():
        tasks = [json.loads(line) for line in (folder / name / "tasks.jsonl").read_text().splitlines()]
        assert len(tasks) == 180
        for item in tasks:
            assert judged(spec, item["reference"], item["metadata"]["full_answer"])[1] == P
            other = rng.choice([t for t in tasks if t["reference"] != item["reference"]])
            assert judged(spec, item["reference"], other["metadata"]["full_answer"])[0].status is Status.FAILED


@pytest.mark.parametrize(
    ("spec", "one", "alike", "unlike"),
    [
        ("exact", "J7 X9", " J7 X9\n", "j7 x9"),
        ({"name": "exact", "normalise": ["casefold", "strip"]}, "J7", "j7", "J8"),
        ({"name": "contains", "any": ["a"]}, "The  dog.", "the dog", "the cat"),  # by the words of the whole answer
        ({"name": "regex", "pattern": "a"}, "**Cat**", "cat", "bat"),
        ({"name": "regex", "pattern": r"Answer: (\w+)", "group": 1}, "So. Answer: 4", "Answer: 4 of 5", "Answer: 5"),
        ({"name": "number", "absolute": 0.5}, "It is 4.0", "about 4.4", "4.6"),
        ({"name": "label", "labels": ["yes", "no"], "take": "last"}, "no, yes", "**Yes**.", "no"),
        ({"name": "json", "ignore": ["why"]}, '{"a": 1, "why": "x"}', 'It is {"a": 1.0, "why": "y"}', '{"a": 2}'),
        ({"name": "json_schema", "schema": {"type": "object"}}, '{"a": 1}', '```\n{"a": 1}\n```', '{"a": 2}'),
        ({"name": "all", "of": [{"name": "contains", "any": ["a"]}, "number"]}, "a 4", "four: 4", "a 5"),
    ],
)
async def test_the_same_answer_is_told_without_a_reference(spec, one, alike, unlike):
    by = grader(spec)
    assert [await by.same(one, other) for other in (one, alike, unlike, "")] == [True, True, False, False]
    assert await by.same("", one) is None


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"name": "label", "labels": ["yes", "no"]}, "maybe"),
        ("number", "7 or 8"),
        ({"name": "regex", "pattern": r"Answer: (\w+)", "group": 1}, "so"),
        ({"name": "json_schema", "schema": {"type": "object", "required": ["a"]}}, '{"b": 1}'),
        ("json", "no"),
    ],
)
async def test_what_a_grader_reads_no_answer_in_is_no_answer(spec, text):
    assert await grader(spec).same(text, text) is None
