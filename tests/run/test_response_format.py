"""Structured output: what is asked for is sent, is part of who a contender is, and is refused where it cannot be."""

import json

import live
import pytest
from live import Server

SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
OWN = {"type": "json_schema", "json_schema": {"name": "mine", "schema": {"type": "object"}}}


def says_json(_body):
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": '{"n": 1}'}}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m-1", "choices": [choice], "usage": usage}


def report_of(tmp_path, models, contenders, grader):
    live.write_suite(tmp_path / "suites" / "s", 1, grader=grader)
    return live.write_experiment(tmp_path / "r", models=models, contenders=contenders)


def test_each_contender_s_requests_carry_its_own(tmp_path, capfd):
    contenders = {
        "free": {"model": "m"},
        "object": {"model": "m", "response_format": "json_object"},
        "schema": {"model": "m", "response_format": "json_schema"},
        "own": {"model": "m", "response_format": OWN},
        "inherits": {"model": "held"},
        "overrides": {"model": "held", "response_format": "json_object"},
    }
    with Server(says_json) as server:
        models = {
            "m": live.served_model(server),
            "held": live.served_model(server, model="held", sampling={"response_format": "json_schema"}),
        }
        report = report_of(tmp_path, models, contenders, {"name": "json_schema", "schema": SCHEMA})
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 0, err
        sent = [seen["body"].get("response_format") for seen in server.seen]
    graders = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    wanted = [None, {"type": "json_object"}, graders, OWN, graders, {"type": "json_object"}]
    ordered = [sorted(json.dumps(form, sort_keys=True) for form in forms) for forms in (sent, wanted)]
    assert ordered[0] == ordered[1]
    written = json.loads((report / "manifest.json").read_text())["contenders"]
    assert len({one["digest"] for one in written}) == 6
    two = ("--baseline-contender", "free", "--candidate-contender", "object")
    changed = json.loads(live.inside(capfd, "gate", report, report, *two, "--json")[1])["changed"]
    assert any(one["what"].startswith("response_format of ") and one["baseline"] is None for one in changed)


def test_with_and_without_it_are_a_pair_on_the_same_tasks_and_the_scoreboard_says_which_is_which(tmp_path, capfd):
    def good(body):  # prose around the number, unless it is held to JSON
        done = says_json(body)
        done["choices"][0]["message"]["content"] = '{"n": 1}' if body.get("response_format") else "it is one"
        done["usage"]["completion_tokens"] = 7 if body.get("response_format") else 17
        return done

    contenders = {"free": {"model": "m"}, "json": {"model": "m", "response_format": "json_schema"}}
    contenders["held"] = {"model": "held"}
    with Server(good) as server:
        held = live.served_model(server, model="held", sampling={"response_format": "json_object"})
        live.write_suite(tmp_path / "suites" / "s", 12, grader={"name": "json_schema", "schema": SCHEMA})
        models = {"m": live.served_model(server), "held": held}
        report = live.write_experiment(tmp_path / "r", models=models, contenders=contenders)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    scores = {one["name"]: one for one in json.loads(live.inside(capfd, "show", report, "--json")[1])["contenders"]}
    assert {name: one["setup"] for name, one in scores.items()} == {
        "free": "m",
        "json": "m, json_schema",
        "held": "held, json_object",
    }
    assert scores["json"]["cost_per_task_usd"]["value"] == pytest.approx(live.CALL_USD)
    assert scores["free"]["cost_per_task_usd"]["value"] == pytest.approx((100 * 1.0 + 17 * 10.0) / 1e6)
    told = live.inside(capfd, "show", report)[1]
    assert "m, json_schema" in told
    pair = json.loads(live.inside(capfd, "compare", report, "json", "free", "--json")[1])
    assert (pair["n_tasks"], pair["wins"], pair["losses"], pair["delta"]) == (12, 12, 0, 1.0)
    assert live.inside(capfd, "report", report)[0] == 0
    assert ", json_schema" in (report / "report.html").read_text()


@pytest.mark.parametrize(
    ("models", "contender", "grader", "field", "said"),
    [
        ({}, {"response_format": "json_schema"}, "exact", "contenders.c.response_format", "exact has no JSON schema"),
        ({}, {"response_format": "json"}, "exact", "contenders.c.response_format", "needed: json_schema, json_object"),
        ({}, {"response_format": {"schema": {}}}, "exact", "contenders.c.response_format", "a mapping with a type"),
        ({"sampling": {"response_format": 3}}, {}, "exact", "models.m.sampling", "needed: json_schema, json_object"),
        (
            {"sampling": {"response_format": "json_schema"}},
            {},
            "exact",
            "models.m.sampling.response_format",
            "exact has no JSON schema",
        ),
    ],
)
def test_what_cannot_be_sent_is_one_line_in_check(tmp_path, capfd, models, contender, grader, field, said):
    model = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1", **models}
    report = report_of(tmp_path, {"m": model}, {"c": {"model": "m", **contender}}, grader)
    code, out, err = live.inside(capfd, "check", report)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"experiment.yaml: {field}: " in err
    assert said in err


def test_a_backend_that_cannot_says_so(tmp_path, capfd):
    with Server(says_json) as server:
        recorded = report_of(tmp_path, {"m": live.served_model(server)}, {"c": {"model": "m"}}, "exact")
        assert live.inside(capfd, "run", recorded, "--quiet")[0] == 0
    manifest = json.loads((recorded / "manifest.json").read_text())
    for model in manifest["models"]:  # as of a model that could not
        model["capabilities"] = [can for can in model["capabilities"] if can != "response_format"]
    (recorded / "manifest.json").write_text(json.dumps(manifest))
    again = live.write_experiment(
        tmp_path / "again",
        models={"m": {"backend": "replay", "report": str(recorded)}},
        contenders={"c": {"model": "m", "response_format": "json_object"}},
    )
    code, _, err = live.inside(capfd, "check", again)
    assert (code, err.count("\n")) == (2, 1)
    assert "contenders.c.response_format: the model m of the backend replay cannot hold its answers to JSON" in err
