"""The third track: a rented lead hands subtasks to tuned workers, which one server holds as adapters on one base."""

import json
from pathlib import Path

import live
import pyarrow.parquet as pq
import pytest
from live import Server

ADAPTERS = Path(__file__).parents[2] / "adapters"
CLAIMS, TICKETS = "claim-check", "ticket-routing"
CHEAP = {"input_usd_per_million": 0.1, "output_usd_per_million": 1.0}
CHEAP_USD = live.CALL_USD / 10
TASKS = 6


def number_in(text):
    return int(text.split()[-1])


def said(body):
    """The lead hands even tasks to its first worker, odd ones to its second; each is right at its own half alone."""
    asked = live.question(body)
    reply = live.openai_answer(body | {"messages": [{"role": "user", "content": "question 0"}]})
    message = reply["choices"][0]["message"]
    reply["model"] = body["model"]
    told = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    if body.get("tools") and not told:
        number = number_in(asked)
        worker = f"worker_{1 + number % 2}"
        function = {"name": "delegate", "arguments": json.dumps({"worker": worker, "subtask": f"part {number}"})}
        message |= {"content": None, "tool_calls": [{"id": f"c{number}", "type": "function", "function": function}]}
        reply["choices"][0]["finish_reason"] = "tool_calls"
    elif body["model"] == "lead":
        message["content"] = told[-1] if told else "no idea"
    elif asked.startswith("part"):
        number = number_in(asked)
        right = body["model"] == (CLAIMS, TICKETS)[number % 2]
        message["content"] = f"answer {number}" if right else "no idea"
    else:
        message["content"] = f"{body['model']} says no"
        if block := reply["choices"][0].get("logprobs"):  # by which a run sees that each adapter is applied
            block["content"][0]["logprob"] -= {CLAIMS: 0.5, TICKETS: 0.9}.get(body["model"], 0.0)
    return reply


def test_the_lead_with_its_workers_passes_what_none_of_them_passes_alone(tmp_path, capfd):
    with Server(said) as served:
        served.models = [{"id": "base", "parent": None}, *({"id": n, "parent": "base"} for n in (CLAIMS, TICKETS))]
        models = {
            "base": live.served_model(served, model="base", price=CHEAP),
            "lead": live.served_model(served, model="lead"),
        }
        contenders = {
            "claims": {"model": "base", "adapter": str(ADAPTERS / CLAIMS)},
            "tickets": {"model": "base", "adapter": str(ADAPTERS / TICKETS)},
            "alone": {"model": "lead"},
            "led": {"lead": "alone", "workers": ["claims", "tickets"]},
        }
        report = live.write_experiment(tmp_path / "r", tasks=TASKS, models=models, contenders=contenders)
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 0, err
        asked = len(served.seen)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert len(served.seen) == asked
    rows = [row for row in live.rows(report).values() if row["contender"] == "led"]
    passed = {
        name: sum(r["passed"] for r in live.rows(report).values() if r["contender"] == name) for name in contenders
    }
    assert passed == {"claims": 0, "tickets": 0, "alone": 0, "led": TASKS}
    assert all(row["cost_usd"] == pytest.approx(2 * live.CALL_USD + CHEAP_USD) for row in rows)
    mine = {row["attempt_id"] for row in rows}
    calls = [call for call in pq.read_table(report / "calls.parquet").to_pylist() if call["attempt_id"] in mine]
    workers = [call for call in calls if call["role"] == "worker"]
    assert len(workers) == TASKS
    assert len({call["adapter"] for call in workers}) == 2  # each handed its own half
    roles = json.loads(live.inside(capfd, "show", report, "--json")[1])["roles"]
    told = {role["role"]: (role["calls"], role["usd_per_attempt"]) for role in roles if role["contender"] == "led"}
    assert told == {
        "worker": (TASKS, pytest.approx(CHEAP_USD)),
        "lead": (2 * TASKS, pytest.approx(2 * live.CALL_USD)),
    }
    page = live.inside(capfd, "show", report)[1]
    assert "What each role cost" in page
    assert live.inside(capfd, "report", report)[0] == 0
    assert "What each role cost" in (report / "report.md").read_text()
