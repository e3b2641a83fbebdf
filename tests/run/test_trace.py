"""However an attempt ends, what was said, opened and spent in it is kept."""

import json
import signal

import live
import pytest
import servers
from live import CALL_USD, Server
from test_kill import wait_for

from harness.core import Call, Exposure, Message
from harness.run.trace import Begun, Ended, Said, SkillSeen, Trace
from harness.system import Conversation

OPENED = [{"name": "alpha"}, {"name": "beta"}]


def opens_two(body):
    """Opens ``alpha``, then ``beta``, then answers."""
    answer = live.openai_answer({"messages": [{"role": "user", "content": "question 0"}]})
    turn = sum(message["role"] == "tool" for message in body["messages"])
    if turn < len(OPENED):
        call = {"name": "open_skill", "arguments": json.dumps(OPENED[turn])}
        tool_calls = [{"id": f"c{turn}", "type": "function", "function": call}]
        answer["choices"][0] |= {"finish_reason": "tool_calls"}
        answer["choices"][0]["message"] = {"role": "assistant", "content": None, "tool_calls": tool_calls}
    return answer


def third_hangs():
    async def act(served, request, body):
        return await (servers.hang() if len(served.seen) == 3 else servers.ok())(served, request, body)

    return act


@pytest.fixture
def progressive(tmp_path):
    for name in ("alpha", "beta", "gamma"):
        folder = tmp_path / "skills" / name
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text(f"---\nname: {name}\ndescription: d\n---\nbody of {name}\n")

    def made(served, *, timeout_s=None, **keys):
        suite = {} if timeout_s is None else {"timeout_s": timeout_s}
        live.write_suite(tmp_path / "suites" / "s", 1, **suite)
        contender = {"model": "m", "skills": str(tmp_path / "skills"), "delivery": "progressive"}
        model = live.served_model(served, tools=True)
        return live.write_experiment(tmp_path / "r", models={"m": model}, contenders={"c": contender}, **keys)

    return made


def check_kept(report, status, cause, *, calls, usd, roles="system user assistant tool assistant tool"):
    row = live.rows(report)["c", "t0", 0]
    assert (row["status"], row["cause"]) == (status, cause)
    assert row["skills_shown"] == ["alpha", "beta", "gamma"]
    assert row["skills_used"] == row["skills_opened"] == ["alpha", "beta"]
    assert row["skills_read"] == row["skills_run"] == []
    assert row["calls"] == calls
    assert row["cost_usd"] == (None if usd is None else pytest.approx(usd))
    line = live.journal(report)[-1]
    assert " ".join(message["role"] for message in line["messages"]) == roles
    assert "body of beta" in line["messages"][5]["content"]
    return row


def test_an_attempt_that_runs_out_of_time_keeps_its_conversation(progressive, capfd):
    with Server(opens_two, third_hangs()) as served:
        report = progressive(served, timeout_s=2)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    row = check_kept(report, "failed", "too_slow", calls=3, usd=None)  # what the third would have cost is not known
    assert row["latency_s"] is not None


def test_an_attempt_that_runs_out_of_money_keeps_its_conversation(progressive, capfd):
    with Server(opens_two) as served:
        report = progressive(served, budget={"attempt_usd": 1.5 * CALL_USD})
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert len(served.seen) == 2
    check_kept(report, "failed", "too_dear", calls=2, usd=2 * CALL_USD)


def test_an_attempt_that_breaks_keeps_its_conversation(progressive, capfd, monkeypatch):
    calls, replies = Conversation._calls, []

    def breaks(self, reply):
        replies.append(reply)
        if len(replies) == 3:
            raise ZeroDivisionError("a fault of ours")
        return calls(self, reply)

    monkeypatch.setattr(Conversation, "_calls", breaks)
    with Server(opens_two) as served:
        report = progressive(served)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    roles = "system user assistant tool assistant tool assistant"
    check_kept(report, "errored", "internal", calls=3, usd=3 * CALL_USD, roles=roles)
    assert "ZeroDivisionError: a fault of ours" in live.journal(report)[0]["reason"]


def test_an_attempt_that_ctrl_c_drops_keeps_its_conversation_and_is_made_later(progressive):
    with Server(opens_two, third_hangs()) as served:
        report = progressive(served, limits={"concurrency": 1, "timeout_s": 600})
        process = live.start("run", report)
        wait_for(lambda: len(served.seen) == 3, process)
        process.send_signal(signal.SIGINT)
        wait_for(lambda: "again to drop" in process.stderr.readline(), process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 4, err
        check_kept(report, "skipped", "stopped", calls=3, usd=None)
        assert not live.manifest(report)["complete"]
        checked = json.loads(live.ownbench("check", report, "--json").stdout)
        assert (checked["attempts"], checked["done"]) == (1, 0)
        assert live.ownbench("show", report).returncode == 0
        assert live.ownbench("run", report, "--quiet").returncode == 0
        assert len(served.seen) == 4  # the first two answers are on record
    roles = "system user assistant tool assistant tool assistant"
    check_kept(report, "passed", None, calls=3, usd=3 * CALL_USD, roles=roles)


# -------------------------------------------------------------------------------------------------------- the listener


def test_a_listener_is_told_of_everything_as_it_happens(progressive, monkeypatch):
    from harness.experiment import assemble
    from harness.run import RunOptions, run_report

    told = []
    with Server(opens_two) as served:
        assembled = assemble(progressive(served))
        run_report(assembled, RunOptions(observer=lambda attempt, event: told.append((attempt, event))))
    assert {attempt for attempt, _ in told} == {assembled.attempts[0].id}
    events = [event for _, event in told]
    assert isinstance(events[0], Begun)
    assert isinstance(events[-1], Ended)
    assert events[-1].outcome.status == "passed"
    kinds = [type(event) for event in events[1:-1]]
    turn = [Call, Said]
    opened = [SkillSeen, Said]
    assert kinds == [*[SkillSeen] * 3, Said, Said, *turn, *opened, *turn, *opened, *turn]
    seen = [(event.name, event.how) for event in events if isinstance(event, SkillSeen)]
    assert seen[3:] == [("alpha", Exposure.OPENED), ("beta", Exposure.OPENED)]


def said(role: str, text: str) -> Message:
    return {"role": role, "content": text}


def test_a_request_that_goes_on_adds_what_is_new_and_any_other_begins_anew():
    trace = Trace()
    first = (said("system", "s"), said("user", "u"))
    trace.ask(first)
    trace.say(said("assistant", "OPEN a"))
    trace.say(said("tool", "a"))
    trace.ask((*first, said("assistant", "OPEN a"), said("tool", "a"), said("user", "again")))
    assert [message["role"] for message in trace.messages] == ["system", "user", "assistant", "tool", "user"]
    trace.ask(first)
    assert [message["role"] for message in trace.messages[5:]] == ["system", "user"]


def test_a_conversation_goes_on_where_it_was_left_for_another():
    trace = Trace()

    def said(role, text):
        return {"role": role, "content": text}

    lead = [said("user", "task"), said("assistant", "call")]
    trace.ask(lead[:1])
    trace.say(lead[1])
    for number in (1, 2):  # each time another is asked in between, whose conversation ends there
        trace.ask([said("user", f"subtask {number}")])
        trace.say(said("assistant", f"done {number}"))
        result, answer = said("tool", f"done {number}"), said("assistant", f"call {number}")
        trace.say(result)
        lead.append(result)
        trace.ask(lead)
        trace.say(answer)
        lead.append(answer)
    assert [message["content"] for message in trace.messages] == [
        *("task", "call", "subtask 1", "done 1", "done 1", "call 1"),
        *("subtask 2", "done 2", "done 2", "call 2"),
    ]
    trace.ask([said("user", "task")])  # the same question once more is another conversation
    assert len(trace.messages) == 11
