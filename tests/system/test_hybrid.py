"""Who answers: every signal and control, what is charged, and the threshold held against enumeration."""

import made
import pytest
from made import ASKED, TASK, FakeSession

from harness.core import Cause, ModelError, Reply, Role
from harness.experiment import DirectPlan, HybridPlan


def worker_says(text="wrong", **signals):
    return Reply(text=text, signals=signals, latency_s=1.0)


async def outcome(system, worker, *, expert="right", **session):
    """The answer, and the models asked, in their order."""
    asked = FakeSession({"w": worker, "e": expert}, **session)
    return await system.answer(TASK, asked), asked


@pytest.mark.parametrize(
    ("signal", "value", "confidence"),
    # exp of a log-probability; a margin is a confidence by itself
    [("logprob_mean", -0.6931, 0.5), ("logprob_min", -2.3026, 0.1), ("margin", 0.25, 0.25)],
)
async def test_a_signal_below_its_threshold_escalates_and_one_on_it_does_not(signal, value, confidence):
    for threshold, escalates in ((confidence + 0.01, True), (confidence - 0.01, False), (0.0, False), (2.0, True)):
        system = made.hybrid(signal, threshold=threshold)
        answer, session = await outcome(system, worker_says(**{signal: value}))
        assert answer.escalated is escalates
        assert session.models == (["w", "e"] if escalates else ["w"])
        assert (answer.served_by, answer.text) == (("dear", "right") if escalates else ("cheap", "wrong"))
        assert answer.confidence == pytest.approx(confidence, abs=1e-4)
        assert session.trace.latency_s == (2.0 if escalates else 1.0)  # the worker's time is spent in either case
        assert [role for _, role, _ in session.asked] == [Role.WORKER, Role.EXPERT][: len(session.asked)]


async def test_on_the_threshold_itself_the_worker_s_answer_stands():
    answer, _ = await outcome(made.hybrid("margin", threshold=0.25), worker_says(margin=0.25))
    assert answer.escalated is False


async def test_a_worker_that_refuses_is_not_sure():
    answer, _ = await outcome(made.hybrid("margin", threshold=0.1), Reply(text="", refusal="no"))
    assert (answer.escalated, answer.confidence, answer.fault) == (True, 0.0, None)


async def test_a_signal_that_does_not_come_is_an_error_and_no_guess():
    with pytest.raises(ModelError) as caught:
        await outcome(made.hybrid("margin", threshold=0.1), worker_says(logprob_mean=-1.0))
    assert caught.value.cause is Cause.PROTOCOL


@pytest.mark.parametrize(("score", "escalated"), [(1.0, False), (0.0, True), (None, True)])
async def test_a_verifier_sends_on_what_it_does_not_pass(score, escalated):
    system = made.hybrid("verifier", threshold=0.5)
    answer, _ = await outcome(system, worker_says(), verifies=lambda _: score)
    assert (answer.escalated, answer.confidence) == (escalated, score or 0.0)


async def test_the_controls_do_not_look():
    for text in ("right", "wrong"):
        said = worker_says(text, logprob_mean=-1.0)
        assert (await outcome(made.hybrid("always"), said))[0].escalated is True
        answer, session = await outcome(made.hybrid("never"), said)
        assert (answer.escalated, session.models) == (False, ["w"])
        assert answer.confidence == pytest.approx(0.3679, abs=1e-4)  # known, though it decides nothing
        assert (await outcome(made.hybrid("oracle"), said))[0].escalated is (text == "wrong")


async def test_random_escalates_its_share_by_task_and_trial_the_same_on_every_machine():
    from dataclasses import replace

    async def escalated(rate, count=400, **keys):
        system = made.hybrid("random", rate=rate)
        found = []
        for number in range(count):
            session = FakeSession({"w": "wrong", "e": "right"}, task=replace(TASK, digest=f"{number}"), **keys)
            found.append((await system.answer(session.task, session)).escalated)
        return found

    assert sum(await escalated(0.0)) == 0
    assert sum(await escalated(1.0)) == 400
    share = await escalated(0.2)
    assert 50 <= sum(share) <= 110  # 80 expected; five standard deviations are 40, these are less than four
    assert share == await escalated(0.2)
    assert share != await escalated(0.2, trial=1)
    more = await escalated(0.3)
    assert all(late or not early for early, late in zip(share, more, strict=True))


async def test_an_error_of_either_part_ends_the_attempt():
    for says in (
        {"w": ModelError(Cause.NETWORK, "x"), "e": "right"},
        {"w": "wrong", "e": ModelError(Cause.NETWORK, "x")},
    ):
        with pytest.raises(ModelError):
            await made.hybrid("always").answer(TASK, FakeSession(says))


async def test_a_hybrid_may_be_a_part_of_another():
    plans = {name: DirectPlan(model=name) for name in ("a", "b", "c")}
    plans["inner"] = HybridPlan(worker="a", expert="b", signal="always")
    plans["outer"] = HybridPlan(worker="inner", expert="c", signal="oracle")
    system = made.built(plans)["outer"]
    session = FakeSession({"a": "wrong", "b": "wrong", "c": "right"})
    answer = await system.answer(TASK, session)
    assert session.models == ["a", "b", "c"]
    assert (answer.served_by, answer.escalated, session.trace.latency_s) == ("c", True, 3.0)
    assert system.models == frozenset("abc")


async def test_the_whole_conversation_of_both_is_kept():
    _answer, session = await outcome(made.hybrid("always"), worker_says())
    assert session.trace.messages == (
        *ASKED,
        {"role": "assistant", "content": "wrong"},
        *ASKED,
        {"role": "assistant", "content": "right"},
    )
    # the parts are asked as if they were alone, so a hybrid may use their recorded answers
    assert [request.contender for _, _, request in session.asked] == ["cheap", "dear"]
