"""Every fault that a provider has ends as the status and the cause that it means, and costs bounded time and tries."""

import time

import live
import pytest
import servers
from live import CALL_USD, KEY, PRICE, Server, by_question

from harness.analysis import scoreboard
from harness.core import Status

pytestmark = pytest.mark.filterwarnings(*servers.LITELLMS_OWN_WARNINGS)
TRIES = 3
FAULTS = {
    1: ([servers.status(429, "slow down", headers={"Retry-After": "0.2"}), servers.ok()], 2, "passed", None),
    2: ([servers.status(500, "oops")], TRIES, "errored", "provider"),
    3: ([servers.status(529, "overloaded"), servers.ok()], 2, "passed", None),
    4: ([servers.hang()], TRIES, "errored", "timeout"),
    5: ([servers.cut(), servers.ok()], 2, "failed", "wrong"),
    6: ([servers.raw("{not json")], TRIES, "errored", "protocol"),
    7: ([servers.status(400, "no such \x1b[31msetting")], 1, "errored", "request"),
    8: ([servers.status(400, "maximum context length is 5 tokens")], 1, "failed", "context"),
}
"""By task: what the server does, how many requests it gets, and how the attempt ends."""
FREE = {"request", "context", "provider"}


@pytest.mark.parametrize(
    ("good", "keys"),
    [
        (live.openai_answer, {"backend": "openai", "model": "m"}),
        (live.anthropic_answer, {"backend": "litellm", "model": "anthropic/claude-opus-4-7"}),
    ],
    ids=["openai", "litellm"],
)
def test_every_fault_ends_as_what_it_means(tmp_path, capfd, monkeypatch, good, keys):
    monkeypatch.setenv("A_KEY", KEY)
    acts = {f"question {n}": list(row[0]) for n, row in FAULTS.items()}
    with Server(good, by_question(acts)) as served:
        url = served.url if keys["backend"] == "litellm" else f"{served.url}/v1"
        model = {**keys, "base_url": url, "api_key_env": "A_KEY", "price": PRICE}
        model["sampling"] = {"temperature": 0, "max_tokens": 16}
        # litellm's first request sets up much in threads: a busy machine needs more than the one second
        limits = {"concurrency": 4, "timeout_s": 0.5 if keys["backend"] == "openai" else 3, "tries": TRIES}
        report = live.write_experiment(tmp_path / "r", tasks=9, models={"m": model}, limits=limits)
        started = time.monotonic()
        code, out, err = live.inside(capfd, "run", report, "--offline")
        assert time.monotonic() - started < 60
        asked = live.asked_count(served)
        sent = [seen["body"] for seen in served.seen]
    assert code == 0, err  # every attempt has its row: complete, though four have no outcome
    table = live.rows(report)
    assert table["c-m", "t0", 0]["passed"] is True
    for number, (_, tries, status, cause) in FAULTS.items():
        row = table["c-m", f"t{number}", 0]
        assert (row["status"], row["cause"]) == (status, cause), number
        assert asked[f"question {number}"] == tries, number
        assert row["retries"] == tries - 1
        assert row["passed"] is {"passed": True, "failed": False}.get(status)
        known = CALL_USD if status == "passed" or cause == "wrong" else 0.0 if cause in FREE else None
        assert row["cost_usd"] == (None if known is None else pytest.approx(known)), number
        assert (row["input_tokens"] is None) == (known is None)
    assert live.manifest(report)["complete"]
    view = scoreboard(report)
    (line,) = view.as_json()["contenders"]
    assert (line["n_tasks"], line["errored"]) == (5, 4)
    assert line["pass_rate"]["value"] == pytest.approx(3 / 5)
    assert "provider, for one: " in err
    assert "\x1b" not in out + err
    # the newer Claude takes no temperature: it is not sent, and whoever reads the results is told
    dropped = keys["backend"] == "litellm"
    assert all(("temperature" in body) is not dropped and body["max_tokens"] == 16 for body in sent)
    assert any("temperature" in note for note in live.manifest(report)["notes"]) is dropped
    assert ("model m: temperature: 0 is not sent" in out) is dropped
    assert ("temperature: 0 is not sent" in live.inside(capfd, "check", report)[1]) is dropped


def test_a_key_that_litellm_itself_looks_for_is_missed_before_anything_is_written(tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    model = {"backend": "litellm", "model": "anthropic/claude-opus-4-7", "sampling": {"temperature": 0}}
    report = live.write_experiment(tmp_path / "r", models={"m": model})
    code, out, err = live.inside(capfd, "run", report, "--quiet")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "ANTHROPIC_API_KEY is not set" in err
    assert [path.name for path in report.iterdir()] == ["experiment.yaml"]


def test_a_refused_key_stops_the_model_at_once_and_is_tried_anew_when_it_is_mended(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("A_KEY", KEY)
    with Server(live.openai_answer, servers.echo_key(401)) as served:
        model = live.served_model(served, api_key_env="A_KEY")
        report = live.write_experiment(
            tmp_path / "r", tasks=40, models={"m": model}, limits={"concurrency": 2, "tries": 4}
        )
        code, out, err = live.inside(capfd, "run", report)
        assert code == 4
        assert 1 <= len(served.seen) <= 2  # those in flight when the first answer came
        (said,) = [line for line in err.splitlines() if line.startswith("INCOMPLETE")]
        assert "model m: HTTP 401" in said
        assert "[secret]" in said
        assert KEY not in out + err
        assert live.manifest(report)["complete"] is False
        statuses = {row["status"] for row in live.rows(report).values()}
        assert statuses == {"errored", "skipped"}
        served.script[:] = [servers.ok()]
        code, _, err = live.inside(capfd, "run", report)
        assert code == 0, err
        assert {row["status"] for row in live.rows(report).values()} == {"passed", "failed"}
        assert len(live.rows(report)) == 40


@pytest.mark.parametrize(
    "said",
    [
        (404, "The model `m` does not exist."),
        (404, "model 'm' not found, try pulling it first"),
        (400, "Model Not Exist"),
    ],
)
def test_a_model_that_the_server_does_not_know_is_not_asked_for_all_its_tasks(tmp_path, capfd, said):
    with Server(live.openai_answer, servers.status(*said)) as served:
        report = live.write_experiment(
            tmp_path / "r", tasks=40, models={"m": live.served_model(served)}, limits={"concurrency": 2, "tries": 4}
        )
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert (code, 1 <= len(served.seen) <= 2) == (4, True)
        (line,) = [line for line in err.splitlines() if line.startswith("INCOMPLETE")]
        assert f"model m: HTTP {said[0]}: {said[1]}" in line
        assert "no outcome" not in err
        served.script[:] = [servers.ok()]
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert {row["status"] for row in live.rows(report).values()} == {"passed", "failed"}


def test_an_address_at_which_nothing_listens_is_one_line_and_the_run_goes_on_once_something_does(tmp_path, capfd):
    with Server() as served:
        gone = live.served_model(served)
    limits = {"concurrency": 8, "tries": 2}
    report = live.write_experiment(tmp_path / "r", tasks=60, models={"m": gone}, limits=limits)
    code, _, err = live.inside(capfd, "run", report, "--quiet")
    assert code == 4
    (line,) = [line for line in err.splitlines() if line.startswith("INCOMPLETE")]
    assert "model m: no connection to 127.0.0.1" in line
    assert "is the server running, and base_url right?" in line
    assert "no outcome" not in err
    with Server() as served:
        live.edit(report, models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    assert len(live.rows(report)) == 60


def test_a_path_that_is_not_there_is_no_model_that_is_not_there(tmp_path, capfd):
    with Server(live.openai_answer, servers.status(404, "Not Found")) as served:
        report = live.write_experiment(tmp_path / "r", tasks=3, models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert len(served.seen) == 3


def test_one_broken_model_does_not_stop_the_others(tmp_path, capfd):
    with Server(live.openai_answer, servers.status(403, "no")) as refused, Server() as served:
        models = {"bad": live.served_model(refused), "good": live.served_model(served)}
        report = live.write_experiment(tmp_path / "r", tasks=30, models=models, limits={"concurrency": 2, "tries": 2})
        code, _, err = live.inside(capfd, "run", report)
    assert code == 4, err
    table = live.rows(report)
    assert all(row["status"] in {"passed", "failed"} for (name, _, _), row in table.items() if name == "c-good")
    assert len(served.seen) == 30
    assert len(refused.seen) <= 2


def test_errored_attempts_are_tried_anew_on_request_and_only_those(tmp_path, capfd):
    acts = {"question 1": [servers.status(500, "oops"), servers.status(500, "oops"), servers.ok()]}
    with Server(live.openai_answer, by_question(acts)) as served:
        report = live.write_experiment(tmp_path / "r", tasks=4, models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", report)[0] == 0
        assert live.rows(report)["c-m", "t1", 0]["status"] == Status.ERRORED
        before = len(served.seen)
        code, _, err = live.inside(capfd, "run", report)
        assert (code, len(served.seen)) == (0, before)
        assert "nothing to do" in err
        code, _, err = live.inside(capfd, "run", report, "--retry-errored")
        assert (code, len(served.seen)) == (0, before + 1), err
        assert live.rows(report)["c-m", "t1", 0]["status"] == Status.PASSED
        live.inside(capfd, "run", report, "--retry-errored")
        assert len(served.seen) == before + 1


def test_a_task_s_own_time_is_the_contender_s_fault_and_what_it_cost_is_not_known(tmp_path, capfd):
    with Server(live.openai_answer, servers.hang()) as served:
        live.write_suite(tmp_path / "suites" / "s", 1, timeout_s=0.2)
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", report)[0] == 0
    row = live.rows(report)["c-m", "t0", 0]
    assert (row["status"], row["cause"], row["passed"]) == ("failed", "too_slow", False)
    assert (row["cost_usd"], row["calls"]) == (None, 1)
