"""Combinations: what decides, who is asked, and what a part that could not grade means."""

from typing import Any, ClassVar

import pytest
from judged import grade

from harness.core import Answer, Cause, Grade, Task, UsageError
from harness.grade import SuiteGrader, grader
from harness.grade.combined import All, AnyOf, Weighted
from harness.grade.rule import failed, right, ungraded

TASK = Task(id="t", domain="d", cluster="t", reference="yes")
GRADES = {"pass": right(), "fail": failed(Cause.WRONG, "not it"), "half": failed(Cause.PARTIAL, "half", score=0.5)}
GRADES |= {"lost": ungraded("no idea", Cause.JUDGE)}
ASKED: list[str] = []


class Says(SuiteGrader):
    """Gives the grade that it is told to."""

    name: ClassVar[str] = "says"
    given: str
    cost: int = 0  # 1: it runs a program, 2: it asks a judge

    @property
    def needs_box(self) -> bool:
        return self.cost == 1

    @property
    def judges(self) -> frozenset[str]:
        return frozenset({"careful"} if self.cost == 2 else ())

    async def grade(self, task: Task, answer: Answer, session: Any) -> Grade:
        ASKED.append(f"{self.given}{self.cost}")
        return GRADES[self.given]


def parts(words):
    ASKED.clear()
    return tuple(Says(given=word[:4], cost=int(word[4:] or 0)) for word in words.split())


def graded(by):
    return grade(TASK, Answer(text="yes"), by)


@pytest.mark.parametrize(
    ("of", "status", "asked"),
    [
        ("pass pass", "passed", "pass0 pass0"),
        ("pass fail pass", "failed", "pass0 fail0"),
        ("lost fail", "failed", "lost0 fail0"),
        ("lost pass", "ungraded", "lost0 pass0"),
        ("lost2 pass1 fail0", "failed", "fail0"),  # the cheap one has decided
        ("pass2 fail1 pass0", "failed", "pass0 fail1"),
        ("pass2 pass1 pass0", "passed", "pass0 pass1 pass2"),
    ],
)
def test_all(of, status, asked):
    assert graded(All.model_construct(of=parts(of))).status == status
    assert " ".join(ASKED) == asked


@pytest.mark.parametrize(
    ("of", "status", "asked"),
    [
        ("fail pass fail", "passed", "fail0 pass0"),
        ("fail fail", "failed", "fail0 fail0"),
        ("lost fail", "ungraded", "lost0 fail0"),
        ("lost pass", "passed", "lost0 pass0"),
        ("fail2 pass1 fail0", "passed", "fail0 pass1"),
    ],
)
def test_any(of, status, asked):
    assert graded(AnyOf.model_construct(of=parts(of))).status == status
    assert " ".join(ASKED) == asked


def test_the_part_that_decides_gives_score_cause_and_reason():
    found = graded(AnyOf.model_construct(of=parts("fail half")))
    assert (found.score, found.cause, found.reason) == (0.5, Cause.PARTIAL, "says: half")
    found = graded(All.model_construct(of=parts("half fail")))
    assert (found.score, found.cause, found.reason) == (0.5, Cause.PARTIAL, "says: half")
    found = graded(All.model_construct(of=parts("pass lost2")))
    assert (found.cause, found.score, found.reason) == (Cause.JUDGE, None, "says: no idea")


@pytest.mark.parametrize(
    ("of", "weights", "pass_at", "status", "score", "asked"),
    [
        ("pass fail", (3, 1), 0.75, "passed", 0.75, 2),
        ("pass fail", (3, 1), 0.76, "failed", 0.75, 2),
        ("pass half", (1, 1), 0.75, "passed", 0.75, 2),
        ("fail pass1", (3, 1), 0.75, "failed", 0.25, 2),  # a rule and a program cost nothing
        ("pass2 pass", (1, 3), 0.75, "passed", 0.75, 1),  # whatever the judge would say
        ("fail pass2", (3, 1), 0.75, "failed", 0.0, 1),
        ("pass2 pass2 fail", (1, 1, 2), 0.5, "passed", 0.5, 3),
        ("pass2 fail2 pass", (1, 1, 2), 0.75, "passed", 0.75, 2),
        ("pass lost2", (1, 1), 0.75, "ungraded", None, 2),
        ("lost pass2", (1, 3), 0.75, "passed", 0.75, 2),
        ("lost pass2", (3, 1), 0.9, "ungraded", None, 2),
        ("half half", (1, 1), 0.6, "failed", 0.5, 2),
        ("pass pass pass", (0.1, 0.2, 0.3), 1.0, "passed", 1.0, 3),  # rounding does not fail it
    ],
)
def test_weighted(of, weights, pass_at, status, score, asked):
    by = Weighted.model_construct(of=tuple(zip(parts(of), weights, strict=True)), pass_at=pass_at)
    found = graded(by)
    assert (found.status, found.score) == (status, pytest.approx(score))
    assert len(ASKED) == asked
    assert ("says not asked x 0.25" in found.reason) == (asked < len(weights))


def test_a_label_in_a_part_is_the_attempt_s_label():
    label = {"name": "label", "labels": ["yes", "no"]}
    by = grader({"name": "all", "of": ["exact", label]})
    found = grade(TASK, Answer(text="no"), by)
    assert (found.label_true, found.label_predicted) == ("yes", "no")
    assert by.taken("yes") == "yes"
    with pytest.raises(ValueError, match="maybe"):
        by.check_reference("maybe")


def test_a_combination_is_what_its_parts_are():
    by = All.model_construct(of=parts("pass1 pass2"))
    assert by.needs_box
    assert by.judges == {"careful"}
    assert not grader({"name": "all", "of": [{"name": "contains", "any": ["x"]}]}).needs_reference
    schema = {"name": "json_schema", "schema": {"type": "object"}}
    assert grader({"name": "all", "of": [schema, "exact"]}).schema_of_answers == {"type": "object"}


def test_the_digest_is_of_parts_and_weights():
    specs = [
        {"name": "all", "of": ["exact"]},
        {"name": "any", "of": ["exact"]},
        {"name": "all", "of": [{"name": "exact", "normalise": ["casefold"]}]},
        {"name": "weighted", "of": {"exact": 1, "number": 1}, "pass_at": 0.5},
        {"name": "weighted", "of": {"exact": 1, "number": 2}, "pass_at": 0.5},
        {"name": "weighted", "of": {"exact": 1, "number": 1}, "pass_at": 0.6},
    ]
    assert len({grader(spec).digest for spec in specs}) == len(specs)
    same = {"name": "weighted", "of": [{"grader": n, "weight": 3} for n in ("exact", "number")], "pass_at": 0.5}
    assert grader(same).digest == grader(specs[3]).digest


DEEP = {"name": "all", "of": [{"name": "any", "of": [{"name": "all", "of": [{"name": "all", "of": ["exact"]}]}]}]}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"name": "any", "of": []}, "grader any.of: it is empty; list the graders"),
        ({"name": "all"}, "grader all.of: this key is missing; add it"),
        ({"name": "all", "of": "exact"}, "grader all.of: found no list; write of: [ … ] with the graders to combine"),
        ({"name": "all", "of": ["exat"]}, "grader all.of.0: unknown grader 'exat'; did you mean 'exact'?"),
        ({"name": "all", "of": [7]}, "grader all.of.0: found 7; write a grader's name, or a mapping with name and its"),
        (DEEP, "grader all.of: combinations are nested more than 3 deep; write it flatter"),
        ({"name": "all", "of": ["exact"] * 21}, "grader all.of: found 21 graders; list 1 to 20"),
        (
            {"name": "weighted", "of": {"exact": 10**400}, "pass_at": 1},
            "grader weighted.of.exact: found 10",
        ),
        (
            {"name": "weighted", "of": {"exact": 1e308}, "pass_at": 1},
            "grader weighted.of.exact: found 1e+308 as a weight; write a number from 0 to 1,000,000,000,000",
        ),
        ({"name": "weighted", "of": {"exact": 0}, "pass_at": 1}, "grader weighted.of: the weights sum to 0; give one"),
        (
            {"name": "weighted", "of": {"exact": -1}, "pass_at": 1},
            "grader weighted.of.exact: found -1 as a weight; write a",
        ),
        ({"name": "weighted", "of": {"exact": 1}}, "grader weighted.pass_at: this key is missing; add it"),
        (
            {"name": "weighted", "of": ["exact"], "pass_at": 1},
            "grader weighted.of.0: the grader exact has no weight; write {grader: exact, weight: 1}",
        ),
        (
            {"name": "weighted", "of": [{"name": "contains", "any": ["refund"], "none": ["guarantee"]}], "pass_at": 1},
            "grader weighted.of.0: the grader contains has no weight; write {grader: {name: contains, …}, weight: 1}",
        ),
        (
            {"name": "all", "of": ["exact", {"name": "any", "of": ["exact", {"name": "regex", "patern": "x"}]}]},
            "grader all.of.1.of.1.patern: unknown key; did you mean 'pattern'?",
        ),
        (
            {"name": "weighted", "of": [{"grader": {"name": "number", "absolute": "x"}, "weight": 1}], "pass_at": 1},
            "grader weighted.of.0.grader.absolute: found the text 'x'",
        ),
        ({"name": "weighted", "of": {"exact": 1}, "pass_at": 0}, "grader weighted.pass_at: found the number 0; needed"),
    ],
)
def test_what_cannot_be_combined_is_told_in_one_line(spec, told):
    with pytest.raises(UsageError) as caught:
        grader(spec)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)
