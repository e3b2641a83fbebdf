"""An author writes a skill for the task; a fresh conversation has it."""

import made
import pytest
from made import ASKED, TASK, FakeSession

from harness.core import MALFORMED, Cause, ModelError, Reply, Role
from harness.experiment import DirectPlan
from harness.skill import WRITTEN
from harness.system import SKILL_TOKENS, is_authoring

SKILL = "---\nname: how-to\ndescription: Use it here.\n---\nLook twice."


def written(author="a", **keys):
    return made.built({"c": DirectPlan(model="m", delivery="self", author=author, **keys)})["c"]


async def test_the_author_sees_the_task_and_the_reader_sees_only_what_was_written():
    system, session = written(), FakeSession({"a": SKILL, "m": "right"}, trial=2)
    answer = await system.answer(TASK, session)
    (first, second) = session.asked
    assert [(model, role) for model, role, _ in session.asked] == [("a", Role.AUTHOR), ("m", Role.ANSWER)]
    assert is_authoring(first[2])
    assert "What is it?" in first[2].messages[1]["content"]
    assert "Do not solve it" in first[2].messages[0]["content"]
    head, *rest = second[2].messages
    assert head["content"] == f'<skill_content name="{WRITTEN}">\nLook twice.\n</skill_content>\n\nBe brief.'
    assert tuple(rest) == ASKED[1:]
    assert {request.trial for _, _, request in session.asked} == {2}
    assert {request.scope for _, _, request in session.asked} == {system.identity}
    assert (answer.text, answer.served_by) == ("right", "c")
    assert (session.trace.skills_shown, session.trace.skills_used) == ((WRITTEN,), ())


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   \n",
        Reply(text="I would rather not", refusal="no"),
        Reply(text="x", finish_reason=MALFORMED),
        "---\nname: a\ndescription: b\n---\n",
    ],
)
async def test_where_nothing_was_written_the_bare_model_answers_and_no_skill_is_on_record(said):
    session = FakeSession({"a": said, "m": "right"})
    answer = await written().answer(TASK, session)
    assert session.asked[-1][2].messages == ASKED
    assert (answer.text, answer.fault, session.trace.skills_shown) == ("right", None, ())


async def test_text_that_is_no_skill_md_is_delivered_as_it_is():
    session = FakeSession({"a": "Look twice, write once.", "m": "right"})
    await written().answer(TASK, session)
    assert "Look twice, write once." in session.asked[-1][2].messages[0]["content"]
    assert session.trace.skills_shown == (WRITTEN,)


async def test_a_call_of_the_author_that_fails_for_good_ends_the_attempt():
    session = FakeSession({"a": ModelError(Cause.NETWORK, "gone"), "m": "right"})
    with pytest.raises(ModelError):
        await written().answer(TASK, session)
    assert session.models == ["a"]


async def test_as_the_expert_of_a_hybrid_the_roles_are_author_and_expert():
    plans = {"w": DirectPlan(model="w"), "c": DirectPlan(model="m", delivery="self", author="a")}
    plans["h"] = made.HybridPlan(worker="w", expert="c", signal="always")
    session = FakeSession({"w": "wrong", "a": SKILL, "m": "right"})
    answer = await made.built(plans)["h"].answer(TASK, session)
    assert [role for _, role, _ in session.asked] == [Role.WORKER, Role.AUTHOR, Role.EXPERT]
    assert (answer.served_by, session.trace.skills_shown) == ("c", (WRITTEN,))


def test_its_identity_holds_the_author_and_what_it_is_asked(monkeypatch):
    one, other, bare = written(), written("b"), made.built({"c": DirectPlan(model="m")})["c"]
    assert len({one.identity, other.identity, bare.identity}) == 3
    monkeypatch.setattr("harness.experiment.build.REVISION", "another")
    assert written().identity != one.identity
    assert (one.models, one.contender.kind.value) == ({"m", "a"}, "skilled")


def test_a_form_of_the_answer_is_not_asked_of_the_author():
    own = {"temperature": 0, "response_format": {"type": "json_object"}}
    plan = DirectPlan(model="m", delivery="self", author="m")
    system = made.built({"c": plan}, m=made.spec("m", sampling=own))["c"]
    assert system.preview(TASK).sampling == {"temperature": 0}
    assert system.calls(TASK)[0][-1][1].sampling == own


def test_two_calls_are_foreseen_and_the_second_is_longer_at_most_by_a_skill():
    low, high = written().calls(TASK)
    assert [[model for model, _ in end] for end in (low, high)] == [["a", "m"], ["a", "m"]]
    words = [sum(len(m["content"].split()) for m in end[1][1].messages) for end in (low, high)]
    assert 0 < words[1] - words[0] - 3 <= SKILL_TOKENS
