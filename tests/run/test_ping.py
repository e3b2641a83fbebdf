"""``check --ping``: one short call a model, a line each, nothing written."""

import json

import live
import pytest
import servers
from live import KEY, Server


def says_ok(_body):
    """A chat completion of 100 + 7 tokens."""
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m-1", "choices": [choice], "usage": usage}


def listing(report):
    return {path.name: path.read_bytes() for path in report.iterdir()}


def test_each_model_is_called_once_and_shortly_and_the_cost_is_said(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("A_KEY", KEY)
    with Server(says_ok) as served, Server(says_ok, servers.echo_key(401)) as refused:
        models = {
            "good": live.served_model(served, sampling={"temperature": 0, "max_tokens": 400}),
            "bare": live.served_model(served),
            "bad": live.served_model(refused, api_key_env="A_KEY"),
            "unused": live.served_model(served),
        }
        contenders = {name: {"model": name} for name in ("good", "bare", "bad")}
        report = live.write_experiment(tmp_path / "r", models=models, contenders=contenders)
        before = listing(report)
        code, out, err = live.inside(capfd, "check", report, "--ping", "--offline")
        bodies = [seen["body"] for seen in served.seen]
        assert (len(bodies), len(refused.seen)) == (2, 1)
    assert (code, err) == (4, "")
    assert listing(report) == before
    assert {body["max_tokens"] for body in bodies} == {16}
    assert sorted(body.get("temperature", "none") for body in bodies if "temperature" in body) == [0]
    lines = [line for line in out.splitlines() if line.startswith("ping ")]
    assert lines[0].startswith("ping good: ok, ")
    assert lines[0].endswith(f"${live.CALL_USD:.6f}")
    assert lines[1].startswith("ping bare: ok, ")
    assert lines[2].startswith("ping bad: FAILED, HTTP 401")
    assert KEY not in out
    assert f"the pings cost ${2 * live.CALL_USD:.6f}\n" in out


def test_nothing_is_called_without_being_asked_for(tmp_path, capfd):
    with Server(says_ok) as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        assert live.inside(capfd, "check", report)[0] == 0
        assert served.seen == []
        live.edit(report, budget={"usd": 0})
        code, out, _ = live.inside(capfd, "check", report, "--ping")
        assert (code, served.seen) == (4, [])
        assert "ping m: FAILED, not asked: $0.0000 of $0 are spent (budget.usd)" in out
        code, out, _ = live.inside(capfd, "check", report, "--ping", "--json")
        assert json.loads(out)["pings"][0]["ok"] is False


@pytest.mark.parametrize(
    ("keys", "words", "code"),
    [
        ({"base_url": "http://127.0.0.1:9/v1"}, "FAILED, no connection to 127.0.0.1:9 (Connection refused)", 4),
        ({"api_key_env": "NO_SUCH_KEY_HERE"}, "NO_SUCH_KEY_HERE is not set", 2),
    ],
)
def test_what_stands_in_the_way_is_one_line(tmp_path, capfd, keys, words, code):
    model = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"} | keys
    report = live.write_experiment(tmp_path / "r", models={"m": model}, limits={"tries": 2})
    found, out, _ = live.inside(capfd, "check", report, "--ping", "--offline")
    (line,) = [line for line in out.splitlines() if line.startswith("ping ")]
    assert (found, words in line) == (code, True), line
    assert "the pings cost $0.000000" in out


def test_a_model_that_knows_no_such_limit_is_asked_without(tmp_path, capfd):
    with Server(says_ok, servers.status(400, "Unsupported parameter: max_tokens"), servers.ok()) as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        assert live.inside(capfd, "check", report, "--ping")[0] == 0
        assert [body.get("max_tokens") for body in (seen["body"] for seen in served.seen)] == [16, None]


def test_a_limit_by_another_name_is_lowered_and_reasoning_is_left_its_room(tmp_path, capfd):
    with Server(says_ok) as served:
        models = {
            "a": live.served_model(served, sampling={"max_completion_tokens": 900}),
            "b": live.served_model(served, sampling={"reasoning_effort": "low", "max_tokens": 900}),
        }
        report = live.write_experiment(tmp_path / "r", models=models)
        assert live.inside(capfd, "check", report, "--ping")[0] == 0
        asked = [{k: v for k, v in seen["body"].items() if k.startswith("max")} for seen in served.seen]
    assert sorted(asked, key=str) == [{"max_completion_tokens": 16}, {"max_tokens": 900}]


def test_a_404_names_the_path_that_is_missing(tmp_path, capfd):
    with Server(says_ok, servers.status(404, "Not Found")) as served:
        model = live.served_model(served, base_url=served.url)
        report = live.write_experiment(tmp_path / "r", models={"m": model})
        code, out, _ = live.inside(capfd, "check", report, "--ping")
    assert code == 4
    assert f"warning: model m: base_url {served.url} has no path, and most servers answer under /v1" in out
    assert "HTTP 404: Not Found" in out
    assert "(base_url has no path: most servers answer under /v1)" in out


def either(body):
    return says_ok(body) if live.question(body).endswith("ok") else live.openai_answer(body)


def without_logprobs(body):
    answer = either(body)
    answer["choices"][0].pop("logprobs", None)
    return answer


@pytest.mark.parametrize("signal", ["logprob_mean", "p_true"])
def test_a_server_without_the_log_probabilities_of_a_signal_is_found_before_all_is_paid(tmp_path, capfd, signal):
    with Server(without_logprobs) as worker, Server(either) as expert:
        models = {"w": live.served_model(worker), "e": live.served_model(expert, model="e")}
        rule = {"worker": "c-w", "expert": "c-e", "escalate": {"signal": signal, "threshold": 0.5}}
        contenders = {"c-w": {"model": "w"}, "c-e": {"model": "e"}, "both": rule}
        report = live.write_experiment(
            tmp_path / "r", tasks=20, models=models, contenders=contenders, limits={"concurrency": 2}
        )
        code, out, _ = live.inside(capfd, "check", report, "--ping")
        why = (
            "its server sends no log-probabilities, which the signal of both is made of; name another signal or worker"
        )
        assert code == 4
        assert f"ping w: FAILED, {why} (contenders.both.escalate.signal)" in out
        assert "ping e: ok" in out
        asked = len(worker.seen)
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 4
        assert f"INCOMPLETE: model w: {why}" in err
        assert len(worker.seen) - asked <= 5  # three, and what was in flight
