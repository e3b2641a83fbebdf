"""What each role cost comes to what the outcomes say, after a kill, after a regrade, and where requests repeat."""

import json

import live
import pytest
import servers
from live import CALL_USD, Server
from test_judges import SPEC, judged, judging  # noqa: F401 - the fixture
from test_kill import wait_for

TASKS = 12
CONTENDERS = {
    "worker": {"model": "m"},
    "other": {"model": "m", "twin": 1},
    "both": {"worker": "worker", "expert": "other", "escalate": {"signal": "always"}},
    "led": {"lead": "worker", "workers": ["other"]},
}


def delegating(body):
    """A lead hands each task to its worker once, by a tool, then repeats what it was told; others answer."""
    reply = live.openai_answer({"messages": [{"role": "user", "content": "0"}]})
    message = reply["choices"][0]["message"]
    if body.get("tools") and body["messages"][-1]["role"] == "user":
        function = {"name": "delegate", "arguments": json.dumps({"subtask": live.question(body)})}
        message |= {"content": "", "tool_calls": [{"id": "d1", "type": "function", "function": function}]}
        reply["choices"][0]["finish_reason"] = "tool_calls"
    else:
        message["content"] = live.right_answer(body)
    return reply


def roles_of(report, capfd):
    """By contender and role: dollars over all graded attempts, calls, and those that are shared."""
    found = json.loads(live.inside(capfd, "show", report, "--json", "--split", "all")[1])["roles"]
    return {(r["contender"], r["role"]): (r["usd_per_attempt"] * r["attempts"], r["calls"], r["shared"]) for r in found}


def sums_agree(report, capfd):
    """Whether the roles come to ``cost_usd`` and ``judge_usd`` of each contender's outcomes."""
    roles, rows = roles_of(report, capfd), live.rows(report).values()
    for name in {row["contender"] for row in rows}:
        mine = [row for row in rows if row["contender"] == name and row["passed"] is not None]
        own = sum(usd for (who, role), (usd, *_) in roles.items() if who == name and role != "judge")
        assert own == pytest.approx(sum(row["cost_usd"] for row in mine)), name
        assert roles[name, "judge"][0] == pytest.approx(sum(row["judge_usd"] for row in mine)), name
    return roles


def test_killed_resumed_and_graded_by_another_rubric(judged, capfd):  # noqa: F811 - the fixture
    slow = servers.slow_ok(0.03)
    with Server(delegating, slow) as served, Server(judging(), slow) as judge:
        report = judged(served, judge, tasks=TASKS, contenders=CONTENDERS)
        for enough in (10, 25, 45):
            process = live.start("run", report, "--quiet")
            wait_for(lambda: len(served.seen) + len(judge.seen) >= enough, process)  # noqa: B023
            process.kill()
            process.communicate()
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        roles = sums_agree(report, capfd)
        calls = live.journal(report, "calls")
        assert len(calls) > sum(count for _, count, _ in roles.values())  # some were made for tries that a kill ended
        assert roles["led", "lead"][1:] == (2 * TASKS, 0)
        assert roles["both", "expert"][1:] == (TASKS, TASKS)  # the same answers as of ``other``
        assert roles["worker", "judge"][2] == TASKS  # who gives the same answer is judged once

        suite = report.parent / "suites" / "s" / "suite.yaml"
        suite.write_text(suite.read_text().replace(SPEC["rubric"], "Is it right, and short?"))
        before = len(judge.seen)
        process = live.start("regrade", report, "--quiet")
        wait_for(lambda: len(judge.seen) >= before + 5, process)
        process.kill()
        process.communicate()
        assert live.inside(capfd, "regrade", report, "--quiet")[0] == 0
        assert len(judge.seen) > before + 5
        assert sums_agree(report, capfd) == roles
        page = live.inside(capfd, "show", report)[1]
    assert "Shared calls: other contenders have the same answer" in " ".join(page.split())


def test_a_lead_that_hands_the_same_text_on_twice_is_charged_for_each(judged, capfd):  # noqa: F811 - the fixture
    def twice(body):
        reply = delegating(body)
        if asked := reply["choices"][0]["message"].get("tool_calls"):
            asked.append(asked[0] | {"id": "d2"})
        return reply

    with Server(twice) as served, Server(judging()) as judge:
        report = judged(served, judge, tasks=3, contenders=CONTENDERS)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        roles = sums_agree(report, capfd)
    assert roles["led", "worker"] == (pytest.approx(6 * CALL_USD), 6, 3)  # the first is what ``other`` answered too
