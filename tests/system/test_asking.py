"""What a signal asks of its worker besides the answer: further draws, and its own word on the answer."""

from dataclasses import replace

import made
import pytest
from made import ASKED, TASK, FakeSession

from harness.core import Cause, ModelError, Reply, Role
from harness.experiment import DirectPlan, HybridPlan


async def outcome(system, worker, **more):
    session = FakeSession({"w": worker, "e": "right"}, **more)
    return await system.answer(TASK, session), session


@pytest.mark.parametrize(
    ("said", "confidence"),
    [(["a", "a", "a", "a"], 1.0), (["a", "b", "a", "c"], 0.5), (["a", "b", "b", "b"], 0.25)],
)
async def test_agreement_is_with_the_first_answer_whatever_most_say(said, confidence):
    answer, session = await outcome(made.hybrid("agreement", draws=4, threshold=0.0), list(said))
    assert (answer.text, answer.confidence, answer.escalated) == ("a", confidence, False)
    requests = [request for _, _, request in session.asked]
    assert [request.draw for request in requests] == [0, 1, 2, 3]
    assert len({request.digest for request in requests}) == 4
    assert {replace(request, draw=0).digest for request in requests} == {requests[0].digest}  # else they are alike
    assert {role for _, role, _ in session.asked} == {Role.WORKER}


async def test_a_first_answer_that_is_none_is_not_drawn_again():
    answer, session = await outcome(made.hybrid("agreement", draws=5, threshold=0.1), Reply(text="", refusal="no"))
    assert (answer.confidence, answer.escalated, session.models) == (0.0, True, ["w", "e"])


def word(right, wrong):
    return Reply(text="A", signals={"p:A": right, "p:B": wrong}, latency_s=1.0)


@pytest.mark.parametrize(
    ("signals", "confidence"), [((0.6, 0.2), 0.75), ((0.0, 0.3), 0.0), ((0.0, 0.0), 0.0), ((1.0, 0.0), 1.0)]
)
async def test_p_true_is_the_share_of_true_in_what_is_said_of_both(signals, confidence):
    answer, session = await outcome(made.hybrid("p_true", threshold=0.0), [Reply(text="a"), word(*signals)])
    assert (answer.text, answer.confidence) == ("a", pytest.approx(confidence))
    (_, first, _), (_, second, asked) = session.asked
    assert (first, second) == (Role.WORKER, Role.SELECTOR)
    assert asked.messages[:-1] == (*ASKED, {"role": "assistant", "content": "a"})
    assert (asked.letters, asked.logprobs, asked.tools) == (("A", "B"), True, ())


async def test_p_true_without_probabilities_is_an_error_and_nothing_is_asked_of_no_answer():
    with pytest.raises(ModelError) as caught:
        await outcome(made.hybrid("p_true", threshold=0.1), [Reply(text="a"), Reply(text="A")])
    assert caught.value.cause is Cause.PROTOCOL
    answer, session = await outcome(made.hybrid("p_true", threshold=0.1), Reply(text=" "))
    assert (answer.confidence, session.models) == (0.0, ["w", "e"])


async def test_the_word_on_an_answer_is_short_and_in_no_form_of_the_answer():
    sampling = {"temperature": 0.3, "max_tokens": 400, "response_format": {"type": "json_object"}, "stop": ["\n"]}
    plans = {"cheap": DirectPlan(model="w"), "dear": DirectPlan(model="e")}
    plans["both"] = HybridPlan(worker="cheap", expert="dear", signal="p_true", threshold=0.0)
    for more, wanted in (({}, 16), ({"reasoning_effort": "low"}, 400)):  # a model that thinks first needs its room
        system = made.built(plans, w=made.spec("w", sampling=sampling | more))["both"]
        _, session = await outcome(system, [Reply(text="a"), word(0.5, 0.5)])
        assert session.asked[1][2].sampling == {"temperature": 0.3, "max_tokens": wanted} | more
