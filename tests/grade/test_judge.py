"""What a judge is shown, how its replies are read, and what becomes of those that cannot be."""

import json

import pytest
from judged import Scripted, grade

from harness.core import Answer, Cause, ModelError, Status, Task, UsageError
from harness.grade import Judge, ReplyForm, check_template, grader

TASK = Task(id="t-4711", domain="d", cluster="t", input="How far is it?", reference={"km": 9}, digest="d1")
SPEC = {"name": "judge", "judge": "careful", "rubric": "Is it right?", "scale": [1, 5], "pass_at": 4}


def judge(form="json_schema", **keys):
    return Judge(name="careful", model="m", model_digest="m1", form=ReplyForm(form), **keys)


def graded(says, spec=SPEC, by=None, **answer):
    """The grade that a judge's reply, or its replies in turn, come to, and what it was asked."""
    replies = iter([says] if isinstance(says, str) else says)
    session = Scripted(TASK, lambda _: next(replies))
    found = grade(TASK, Answer(text="Nine.", **answer), grader(spec).bound({"careful": by or judge()}), session)
    return found, session.asked


def said(score, **more):
    return json.dumps({"reason": "so it is", "score": score} | more)


@pytest.mark.parametrize(
    ("form", "reply", "score"),
    [
        ("json_schema", said(5), 1.0),
        ("json_schema", said(4.5), 0.875),
        ("json_object", f"```json\n{said(4)}\n```", 0.75),
        ("json_object", '{"score": 1}', 0.0),
        ("text", "It is right.\nSCORE: 5", 1.0),
        ("text", "**SCORE: 2.5**", 0.375),
    ],
)
def test_a_reply_in_its_form_is_a_score_from_0_to_1(form, reply, score):
    found, asked = graded(reply, by=judge(form))
    assert (found.status is Status.PASSED, found.score) == (score >= 0.75, score)
    assert found.cause is (None if score >= 0.75 else Cause.PARTIAL if score else Cause.WRONG)
    form_sent = asked[0].sampling.get("response_format", {"type": "text"})
    assert form_sent["type"] == form


@pytest.mark.parametrize(
    ("form", "reply", "why"),
    [
        ("json_schema", "It is quite good.", "not one JSON object"),
        ("json_schema", f"Here: {said(5)}", "not one JSON object"),
        ("json_schema", said(6), "score 6 lies outside 1 to 5"),
        ("json_schema", said(0), "score 0 lies outside 1 to 5"),
        ("json_schema", said("5"), "no number under score"),
        ("json_schema", said(True), "no number under score"),
        ("json_schema", said(None), "no number under score"),
        ("json_schema", '{"score": 1' + "0" * 400 + "}", "no number under score"),
        ("json_schema", '{"score": NaN}', "no number under score"),
        ("json_schema", '{"score": 5, "score": 1}', "not one JSON object"),
        ("json_schema", said(5, passed=True), "other keys"),
        ("json_schema", "[" * 90_000, "not one JSON object"),
        ("json_schema", "9" * 100_001, "has 100,001 characters"),
        ("json_schema", "", "not one JSON object"),
        ("text", "It is a 5.", "does not end in its one line"),
        ("text", "SCORE: 5\nSCORE: 1", "does not end in its one line"),
        ("text", "SCORE: 5\nI am sure.", "does not end in its one line"),
        ("text", "SCORE: 5 of 5", "does not end in its one line"),
        ("text", "SCORE: 7", "score 7 lies outside 1 to 5"),
    ],
)
def test_any_other_reply_leaves_the_answer_ungraded(form, reply, why):
    found, _ = graded(reply, by=judge(form))
    assert (found.status, found.cause, found.score) == (Status.UNGRADED, Cause.JUDGE, None)
    assert why in found.reason
    assert found.reason.isprintable()


@pytest.mark.parametrize(
    ("replies", "score", "asked"),
    [
        ([said(5), said(1), said(4)], 0.75, 3),
        ([said(5), "prose", said(3)], 0.75, 3),  # the mean of the middle two
        ([said(5), "prose", "prose"], None, 3),
        (["prose", "prose", said(5)], None, 2),  # no majority any more
    ],
)
def test_the_median_of_a_readable_majority_counts(replies, score, asked):
    found, requests = graded(replies, by=judge(repeats=3))
    assert (found.score, len(requests)) == (score, asked)
    assert [request.trial for request in requests] == [*range(asked)]


@pytest.mark.parametrize(("cause", "lost"), [(Cause.CONTEXT, Cause.JUDGE), (Cause.AUTH, Cause.AUTH)])
def test_a_call_that_fails_leaves_it_ungraded(cause, lost):
    class Fails(Scripted):
        async def call(self, model, request, role):
            raise ModelError(cause, "no")

    by = grader(SPEC).bound({"careful": judge()})
    found = grade(TASK, Answer(text="Nine."), by, Fails(TASK, str))
    assert (found.status, found.cause) == (Status.UNGRADED, lost)


@pytest.mark.parametrize("answer", [{"fault": Cause.REFUSED}, {"text": " "}, {"text": "x" * 100_001}])
def test_what_is_no_answer_is_failed_and_no_judge_is_asked(answer):
    session = Scripted(TASK, lambda _: said(5))
    by = grader(SPEC).bound({"careful": judge()})
    found = grade(TASK, Answer(**{"text": "Nine."} | answer), by, session)
    assert (found.status, session.asked) == (Status.FAILED, [])


def test_a_cut_answer_that_does_not_pass_is_truncated():
    assert graded(said(2), finish_reason="length")[0].cause is Cause.TRUNCATED
    assert graded(said(5), finish_reason="length")[0].status is Status.PASSED


def test_it_is_shown_the_task_and_never_its_name():
    _, (request,) = graded(said(5), SPEC | {"shows": ["input", "reference"]})
    text = json.dumps(request.messages)
    assert "How far is it?" in text
    assert '{\\"km\\": 9}' in text
    assert "t-4711" not in text
    _, (request,) = graded(said(5), SPEC | {"shows": []})
    assert "How far" not in json.dumps(request.messages)
    conversation = ({"role": "system", "content": "Be kind."}, {"role": "user", "content": "And now?"})
    by = grader(SPEC).bound({"careful": judge()})
    asked = by.messages(Task(id="u", domain="d", cluster="u", input=conversation), "x")[1]["content"]
    assert "[system] Be kind.\n\n[user] And now?" in asked


def test_a_prompt_of_the_user_s_is_filled_in_one_pass():
    prompt = "{{rubric}} {{ low }}-{{ high }} {{ answer }}"
    by = grader(SPEC | {"rubric": "See {{ answer }}"}).bound({"careful": judge(prompt=prompt)})
    asked = by.messages(TASK, "{{ rubric }} {{ input }}")[1]["content"]
    assert asked.startswith("See {{ answer }} 1-5 <answer ")
    assert "\n{{ rubric }} {{ input }}\n" in asked
    check_template(prompt)
    for wrong, why in (("{{ rubric }}", "does not show the answer"), ("{{ answer }} {{ task }}", "names {{ task }}")):
        with pytest.raises(ValueError, match=why):
            check_template(wrong)


def test_equal_answers_are_one_request_and_all_that_counts_makes_another():
    def digest(spec=SPEC, by=None, task=TASK, text="Nine."):
        return grader(spec).bound({"careful": by or judge()}).request(task, text).digest

    other = Task(id="u", domain="d", cluster="u", input="How far is it?", reference={"km": 9}, digest="d2")
    several = [
        digest(),
        digest(SPEC | {"rubric": "Is it short?"}),
        digest(SPEC | {"scale": [0, 5]}),
        digest(text="Ten."),
        digest(task=other),
        digest(by=judge("text")),
        digest(by=judge(prompt="{{ rubric }} {{ answer }}")),
    ]
    assert len(set(several)) == len(several)
    assert digest(SPEC | {"pass_at": 3}) == digest()  # it is no matter of the judge's
    renamed = Judge(name="kind", model="m", model_digest="m1", form=ReplyForm.JSON_SCHEMA)
    assert grader(SPEC | {"judge": "kind"}).bound({"kind": renamed}).request(TASK, "Nine.").digest == digest()


def test_the_digest_is_of_the_judge_and_not_of_its_name():
    def digest(by):
        return grader(SPEC | {"judge": by.name}).bound({by.name: by}).digest

    base = {"model": "m", "model_digest": "m1"}
    assert digest(Judge(name="a", **base)) == digest(Judge(name="b", **base))
    others = [Judge(name="a", **base | more) for more in ({}, {"model_digest": "m2"}, {"repeats": 3}, {"prompt": "p"})]
    assert len({digest(by) for by in others}) == 4


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"scale": [5, 1]}, "the scale [5, 1] does not rise; write [worst, best], as [1, 5]"),
        ({"pass_at": None}, "the scale [1, 5] needs pass_at; add the lowest score that passes"),
        ({"pass_at": 1}, "pass_at is 1; write a score above 1 and up to 5"),
        ({"pass_at": 6}, "pass_at is 6; write a score above 1 and up to 5"),
        ({"rubric": ""}, "grader judge.rubric: found the text ''; needed: a text that is not empty"),
        ({"rubric": {"fil": "x"}}, "grader judge.rubric: found a mapping; write the text, or in a suite {file: NAME}"),
        ({"shows": ["contender"]}, "grader judge.shows.0: found the text 'contender'"),
        ({"modle": "m"}, "grader judge.modle: unknown key"),
        (
            {"prompt": "p.txt"},
            "grader judge.prompt: this is a setting of the judge; write it under judges.careful in experiment.yaml",
        ),
    ],
)
def test_a_description_that_cannot_be_used_is_told_in_one_line(keys, told):
    with pytest.raises(UsageError) as caught:
        grader(SPEC | keys)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_reference_is_needed_only_where_it_is_shown():
    assert not grader(SPEC).needs_reference
    by = grader(SPEC | {"shows": ["reference"]})
    assert by.needs_reference
    with pytest.raises(ValueError, match="shows a reference, found none"):
        by.check_reference(None)


def test_without_an_experiment_it_grades_nothing():
    found = grade(TASK, Answer(text="Nine."), grader(SPEC), Scripted(TASK, str))
    assert (found.status, found.cause) == (Status.UNGRADED, Cause.JUDGE)
