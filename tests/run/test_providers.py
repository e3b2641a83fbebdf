"""What providers really send, through a whole run: no failure of theirs is a wrong answer of the model's."""

import importlib.util
import json
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import live
import pytest
import servers
from live import Server, by_question

SHARED = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "cases").is_dir()), None)
OTHERS = {"zero_width"}  # the grader's, not the provider's


@pytest.mark.shared
@pytest.mark.skipif(SHARED is None, reason="the shared cases are not here")
def test_every_scenario_ends_as_it_should(tmp_path, capfd):
    folder = SHARED / "cases" / "providers"
    found = importlib.util.spec_from_file_location("serve", folder / "serve.py")
    serve = importlib.util.module_from_spec(found)
    found.loader.exec_module(serve)
    scenarios = json.loads((folder / "scenarios.json").read_text(encoding="utf-8"))
    handler = type("Handler", (serve.Handler,), {"scenarios": scenarios})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    serve.experiment(server.server_port, tmp_path, scenarios)
    live.inside(capfd, "run", tmp_path, "--quiet")
    server.shutdown()
    server.server_close()
    table = {contender: row for (contender, _, _), row in live.rows(tmp_path).items()}
    wrong = {}
    for name in scenarios.keys() - OTHERS:
        expected = scenarios[name]["expect"]
        row = table["c-" + name.lower().replace("_", "-") + ("-upper" if name != name.lower() else "")]
        came = {
            "status": row["status"],
            "cause": row["cause"],
            "skills_used": row["skills_used"],
            "retried": row["retries"] > 0,
        }
        differs = {key: came[key] for key in came.keys() & expected.keys() if came[key] != expected[key]}
        if differs:
            wrong[name] = differs
    assert wrong == {}


def cut_in_band():
    """A provider that fails within a 200, its text begun."""

    async def act(served, request, body):
        answer = served.good(body)
        answer["choices"][0] |= {
            "finish_reason": "error",
            "message": {"role": "assistant", "content": "ans"},
            "error": {"message": "Provider disconnected", "code": 502},
        }
        return servers.web.json_response(answer)

    return act


def test_a_provider_that_cuts_a_quarter_of_first_tries_makes_no_difference(tmp_path, capfd):
    tasks = 120
    acts = {f"question {n}": [cut_in_band(), servers.ok()] for n in range(0, tasks, 4)}
    with Server() as steady, Server(live.openai_answer, by_question(acts)) as shaky:
        models = {"steady": live.served_model(steady), "shaky": live.served_model(shaky)}
        report = live.write_experiment(
            tmp_path / "r", tasks=tasks, models=models, limits={"concurrency": 32, "tries": 4, "timeout_s": 20}
        )
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert (code, len(steady.seen), len(shaky.seen)) == (0, tasks, tasks + tasks // 4), err
    code, out, _ = live.inside(capfd, "compare", report, "c-shaky", "c-steady", "--json")
    told = json.loads(out)
    assert (told["n_tasks"], told["errored"], told["wins"], told["losses"], told["delta"]) == (tasks, 0, 0, 0, 0)
    assert told["p_value"] == 1


def test_a_wait_longer_than_a_call_may_last_leaves_the_rest_for_later(tmp_path, capfd):
    refused = servers.status(429, "slow down, try again in 2h0m0s")
    with Server(live.openai_answer, servers.ok(), servers.ok(), refused) as served, Server() as other:
        models = {"m": live.served_model(served), "other": live.served_model(other)}
        report = live.write_experiment(tmp_path / "r", tasks=8, models=models, limits={"concurrency": 1, "tries": 4})
        code, _, err = live.inside(capfd, "run", report)
        assert code == 4, err
        assert len(served.seen) == 3
        (said,) = [line for line in err.splitlines() if line.startswith("INCOMPLETE")]
        assert "model m: HTTP 429: slow down" in said
        assert "asks to wait 7,200 s" in said
        table = live.rows(report)
        assert [table["c-m", f"t{n}", 0]["status"] for n in range(8)].count("skipped") == 6
        assert all(row["status"] in {"passed", "failed"} for (name, _, _), row in table.items() if name == "c-other")
        assert live.manifest(report)["complete"] is False
        served.script[:] = [servers.ok()]
        code, _, err = live.inside(capfd, "run", report)
        assert code == 0, err
        assert len(served.seen) == 3 + 6
        assert {row["status"] for row in live.rows(report).values()} == {"passed", "failed"}


def test_reasoning_is_in_the_transcript_and_in_no_grade(tmp_path, capfd):
    def thinking(body):
        answer = live.openai_answer(body)
        said = answer["choices"][0]["message"]["content"]
        number = int(live.question(body).split()[-1])
        message = (
            {"content": said, "reasoning_content": "hm hm"}
            if number % 2
            else {"content": f"<think>hm hm</think>{said}"}
        )
        answer["choices"][0]["message"] = {"role": "assistant"} | message
        return answer

    with Server(thinking) as served:
        models = {"apart": live.served_model(served), "within": live.served_model(served, reasoning="keep")}
        report = live.write_experiment(tmp_path / "r", tasks=4, models=models)
        assert live.inside(capfd, "run", report)[0] == 0
    table = live.rows(report)
    assert [table["c-apart", f"t{n}", 0]["passed"] for n in range(4)] == [True, True, False, True]
    assert not any(table["c-within", f"t{n}", 0]["passed"] for n in range(4))
    from harness.store import message_text, read_transcript

    for n in range(4):
        told = read_transcript(report, table["c-apart", f"t{n}", 0]["attempt_id"])
        assert "hm hm" in message_text(told.messages[-1])
        (reply,) = told.replies.values()
        assert reply.reasoning == "hm hm"
        assert "hm" not in reply.text
