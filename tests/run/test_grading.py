"""Grading is apart from asking: a slow rule costs no other attempt anything, and a judge is paid for by itself."""

import json
import time
from typing import Any, ClassVar

import live
import pyarrow.parquet as pq
import pytest
import servers
from live import CALL_USD, Server
from test_kill import wait_for

from harness.core import Request, Role
from harness.grade import GRADERS
from harness.grade.rule import Rule, right, wrong
from harness.userfile import child

NEVER_ENDS = {"name": "regex", "pattern": "^(a+)+$"}
STUCK = "a" * 40 + "b"


def answers(body):
    """The right answer to ``question n``; to ``stuck n`` one on which the pattern above runs for ever."""
    if live.question(body).startswith("stuck"):
        given = live.openai_answer({"messages": [{"role": "user", "content": "0"}]})
        given["choices"][0]["message"]["content"] = STUCK
        return given
    return live.openai_answer(body)


def test_two_slow_rules_cost_the_other_attempts_nothing(tmp_path, capfd):
    """Each needs the full five seconds; the other fourteen pass within their three, at the server's own pace."""
    tasks: list[dict[str, Any]] = [{"input": f"question {3 * n}", "reference": f"answer {3 * n}"} for n in range(16)]
    tasks[0] = tasks[1] = {"input": "stuck 0", "grader": NEVER_ENDS, "reference": None}
    tasks[1] = tasks[1] | {"input": "stuck 1"}
    for n in (3, 4, 5):  # these need a child process too
        tasks[n] |= {"grader": {"name": "regex", "pattern": "(.+)", "group": 1}}
    with Server(answers, servers.slow_ok(0.2)) as served:
        live.write_suite(tmp_path / "suites" / "s", tasks, timeout_s=3)
        report = live.write_experiment(
            tmp_path / "r", models={"m": live.served_model(served)}, limits={"concurrency": 16}
        )
        code, _, err = live.inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    table = live.rows(report)
    for number in range(16):
        row = table["c-m", f"t{number}", 0]
        assert 0.2 <= row["latency_s"] < 3.0, number
        expected = ("ungraded", "grader") if number < 2 else ("passed", None)
        assert (row["status"], row["cause"]) == expected, number
    kept = [line["outcome"]["task"] for line in live.journal(report)]
    assert set(kept[-2:]) == {"t0", "t1"}  # nobody was behind them


def test_asking_goes_on_while_answers_are_graded(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(child, "SECONDS", 1.0)
    tasks = [{"input": f"stuck {n}", "grader": NEVER_ENDS, "reference": None} for n in range(8)]
    asked = []

    def noted(body):
        asked.append(time.monotonic())
        return answers(body)

    with Server(noted) as served:
        live.write_suite(tmp_path / "suites" / "s", tasks)
        report = live.write_experiment(
            tmp_path / "r", models={"m": live.served_model(served)}, limits={"concurrency": 1}
        )
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    assert asked[-1] - asked[0] < 4.0  # one after another they would take seven
    assert {row["status"] for row in live.rows(report).values()} == {"ungraded"}


def test_a_kill_while_an_answer_is_graded_costs_no_answer(tmp_path, capfd, monkeypatch):
    tasks = [{"input": "stuck 0", "grader": NEVER_ENDS, "reference": None}, {}]
    with Server(answers) as served:
        live.write_suite(tmp_path / "suites" / "s", tasks)
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        process = live.start("run", report, "--quiet")
        written = {report / "calls.jsonl": 2, report / "attempts.jsonl": 1}  # either answer may come first
        wait_for(lambda: all(p.exists() and p.read_bytes().count(b"\n") == n for p, n in written.items()), process)
        process.kill()
        process.communicate()
        assert (len(served.seen), len(live.journal(report, "calls")), len(live.journal(report))) == (2, 2, 1)
        monkeypatch.setattr(child, "SECONDS", 0.3)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert len(served.seen) == 2
    row = live.rows(report)["c-m", "t0", 0]
    assert (row["status"], row["calls"]) == ("ungraded", 1)
    assert row["cost_usd"] == pytest.approx(CALL_USD)


# ------------------------------------------------------------------------------------------------------------- a judge


class Asks(Rule):
    """A model says whether the answer is right; a grader of this test's own."""

    name: ClassVar[str] = "asks"

    model: str

    @property
    def needs_reference(self):
        return False

    @property
    def models(self):
        return frozenset({self.model})

    async def assess(self, text, reference, session):
        question = {"role": "user", "content": f"{session.task.id}: is {text!r} right? 0"}
        reply = await session.call(self.model, Request(model="", messages=(question,)), Role.JUDGE)
        return right() if reply.text == "answer 0" else wrong("answer 0", reply.text)


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """A report whose one contender is graded by the model ``j``."""
    monkeypatch.setitem(GRADERS._found, "asks", Asks)

    def made(contender, judge, **keys):
        live.write_suite(tmp_path / "suites" / "s", keys.pop("tasks", 4), grader={"name": "asks", "model": "j"})
        models = {"m": live.served_model(contender), "j": live.served_model(judge, model="j")}
        return live.write_experiment(tmp_path / "r", models=models, contenders={"c": {"model": "m"}}, **keys)

    return made


def test_a_judge_is_journalled_and_paid_apart_from_the_contender(judged, capfd):
    with Server() as contender, Server() as judge:
        report = judged(contender, judge, budget={"attempt_usd": 1.5 * CALL_USD})  # of which a judge takes nothing
        code, _, err = live.inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    assert (len(contender.seen), len(judge.seen)) == (4, 4)
    for row in live.rows(report).values():
        assert (row["status"], row["calls"]) == ("passed", 1)
        assert (row["cost_usd"], row["judge_usd"]) == (pytest.approx(CALL_USD), pytest.approx(CALL_USD))
        assert row["input_tokens"] == 100  # the contender's
    calls = pq.read_table(report / "calls.parquet").to_pylist()
    assert sorted((call["role"], call["model"]) for call in calls) == 4 * [("answer", "m")] + 4 * [("judge", "j")]
    assert f"${8 * CALL_USD:.4f} spent" in err
    conversation = live.journal(report)[0]["messages"]
    assert [message["role"] for message in conversation] == ["user", "assistant"]  # the judge's is not the contender's


def test_what_a_judge_costs_counts_against_the_budget_of_the_run(judged, capfd):
    with Server() as contender, Server() as judge:
        report = judged(contender, judge, tasks=20, budget={"usd": 5.5 * CALL_USD}, limits={"concurrency": 1})
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert (code, len(contender.seen) + len(judge.seen)) == (4, 4), err  # a third attempt would take it to six
    assert "budget.usd" in err


def test_a_judge_that_fails_leaves_the_answer_to_be_graded_later(judged, capfd):
    with Server() as contender, Server(live.openai_answer, servers.status(400, "no")) as judge:
        report = judged(contender, judge)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        causes = {(row["status"], row["cause"], row["passed"]) for row in live.rows(report).values()}
        assert causes == {("ungraded", "judge", None)}
        judge.script[:] = [servers.ok()]
        assert live.inside(capfd, "run", report, "--quiet", "--retry-errored")[0] == 0
        assert len(contender.seen) == 4  # its answers are kept
    assert {row["status"] for row in live.rows(report).values()} == {"passed"}


def test_a_judge_whose_key_is_refused_ends_the_run_and_goes_on_when_it_is_mended(judged, capfd):
    """Asking goes on while a judge is called, so the answers come slowly: its refusal has four seconds to be heard."""
    refusing = Server(live.openai_answer, servers.status(401, "no"))
    with Server(live.openai_answer, servers.slow_ok(0.1)) as contender, refusing as judge:
        report = judged(contender, judge, tasks=40, limits={"concurrency": 1})
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 4
        assert "model j: HTTP 401" in err
        assert len(contender.seen) < 40
        contender.script[:] = judge.script[:] = [servers.ok()]
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert len(contender.seen) == 40
    assert {row["cause"] for row in live.rows(report).values()} == {None}


def test_a_judge_is_pinged_too(judged, capfd):
    with Server(servers.openai_good) as contender, Server(servers.openai_good) as judge:
        code, _, err = live.inside(capfd, "check", judged(contender, judge), "--ping")
    assert code == 0, err
    assert (len(contender.seen), len(judge.seen)) == (1, 1)


def test_a_judge_that_the_experiment_does_not_have_is_refused(judged, capfd):
    with Server() as contender, Server() as judge:
        report = judged(contender, judge)
        live.edit(report, models={"m": live.served_model(contender), "k": live.served_model(judge)})
        code, out, err = live.inside(capfd, "check", report)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the grader asks calls the model 'j', which is not among the models" in err


# ------------------------------------------------------------------------------------------- a hybrid's own gradings


def test_the_oracle_s_grading_is_outside_the_attempt_s_time(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(child, "SECONDS", 2.5)
    tasks = [{"input": "stuck 0", "grader": NEVER_ENDS, "reference": None}]
    contenders = {
        "a": {"model": "m"},
        "b": {"model": "e"},
        "oracle": {"worker": "a", "expert": "b", "escalate": {"signal": "oracle"}},
    }
    with Server(answers) as served, Server(answers) as expert:
        live.write_suite(tmp_path / "suites" / "s", tasks, timeout_s=2)
        models = {"m": live.served_model(served), "e": live.served_model(expert, model="e")}
        report = live.write_experiment(tmp_path / "r", models=models, contenders=contenders)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    row = live.rows(report)["oracle", "t0", 0]
    assert (row["status"], row["escalated"]) == ("ungraded", True)
    assert row["latency_s"] < 2.0


def test_a_verifier_s_time_is_the_attempt_s(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(child, "SECONDS", 1.5)
    contenders = {
        "a": {"model": "m"},
        "b": {"model": "m"},
        "verified": {
            "worker": "a",
            "expert": "b",
            "escalate": {"signal": "verifier", "verifier": NEVER_ENDS, "threshold": 0.5},
        },
    }
    with Server(answers) as served:
        live.write_suite(tmp_path / "suites" / "s", [{"input": "stuck 0", "reference": STUCK}], timeout_s=1)
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)}, contenders=contenders)
        code, _, err = live.inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    assert live.rows(report)["verified", "t0", 0]["cause"] == "too_slow"
    assert json.loads((report / "manifest.json").read_text())["complete"]
