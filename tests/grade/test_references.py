"""A reference that no answer can give is refused before a run; one that some answer gives is not."""

import pytest

from harness.grade import grader


def regex(pattern, **options):
    return {"name": "regex", "pattern": pattern, "group": 1, **options}


OBJECT = {"name": "json_schema", "schema": {"type": "object", "required": ["a"]}}


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (regex("Answer: (.+)"), "two\nlines"),
        (regex(r"Answer: (.+?)(?=\n|$)"), "two\nlines"),
        (regex(r"```\w*\n(.*?)```"), "def f():\n    return 1"),
        (regex(r"Answer: (\w+)"), ["not sure", "no idea"]),
        (regex(r".*(\d+)"), "42"),  # the greedy start leaves one digit
        (regex("Answer: (.+?)"), "yes"),  # the lazy group takes one letter
        (regex("(yes|no)"), "Yes"),
        (regex("(x)(y)?", group=2), "z"),
        (OBJECT, {"b": 1}),
        (OBJECT, '{"b": 1}'),
        ({"name": "contains", "none": ["can't"]}, "I can’t"),
        ("exact", "x" * 1_000_001),
        ("number", "9" * 401),
    ],
)
def test_what_no_answer_gives_is_refused(spec, reference):
    with pytest.raises(ValueError, match=r"no answer can give the reference|must be one number"):
        grader(spec).check_reference(reference)


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (regex("Answer: (.+)", flags=["dotall"]), "two\nlines"),
        (regex("(?s)Answer: (.+)"), "two\nlines"),
        (regex("Answer: (.+)", normalise=["whitespace"]), "two\nlines"),
        (regex(r"Answer: (\w+)"), ["not sure", "unsure"]),
        (regex(r".*?(\d+)"), "42"),
        (regex(r"Answer: (.+?)(?=\n|$)"), "a line"),
        (regex(r"(?<!x)(\d+)\b"), "42"),
        (regex("(?i)(yes|no)"), "Yes"),
        (regex("(YES|NO)", normalise=["casefold"]), "yes"),
        (regex(r"(\d+\.00)", normalise=["numbers"]), "5"),
        (regex(r"####\s*(-?[\d,]+)"), "-1,234"),
        (regex(r"(\w)\1[^ab]{3,5}"), "a"),
        (regex(r"(a|ab)(c|bcd)"), "ab"),
        (regex(r"\\boxed\{([^}]*)\}"), "x + 1"),
        (regex("(?:x{1000}){1000}(y)"), "y"),  # more than is worth writing: nothing is said
        (OBJECT, {"a": 1}),
        (OBJECT, "a note"),
        ({"name": "number", "decimal": ","}, 1.5),
        ("number", "1/3"),
        ("json", {"a": [1, None]}),
        ({"name": "label", "labels": ["C", "C#"], "take": "last"}, "C#"),
    ],
)
def test_what_some_answer_gives_is_not(spec, reference):
    grader(spec).check_reference(reference)
