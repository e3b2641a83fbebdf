"""Every command that reads a report, on a run under way and after it was killed: a slow server of this machine."""

import asyncio
import json
import shutil
import signal
import time

import pytest
import servers
from live import (
    Server,
    inside,
    openai_answer,
    ownbench,
    question,
    served_model,
    start,
    write_experiment,
    write_suite,
)

WAIT_S = 0.05  # an answer


def good(body):
    """The second model is wrong at other tasks than the first."""
    number = int(question(body).split()[-1])
    if body["model"] == "n":
        body = body | {"messages": [{"role": "user", "content": f"question {number + 1}"}]}
    return openai_answer(body)


@pytest.fixture(scope="module")
def slow():
    async def act(served, request, body):
        await asyncio.sleep(WAIT_S)
        return await servers.ok()(served, request, body)

    with Server(good) as served:
        served.script = [act] * 100_000
        yield served


def experiment(report, served):
    tasks = [{"domain": "de"[n % 2]} for n in range(400)]
    suite = {"domains": ["d", "e"]}
    write_suite(report.parent / "suites" / "s", tasks, **suite)
    contenders = {"one": {"model": "m"}, "two": {"model": "n"}}
    contenders["mixed"] = {"worker": "one", "expert": "two", "escalate": {"signal": "logprob_mean", "threshold": -0.5}}
    models = {"m": served_model(served), "n": served_model(served, model="n")}
    more = {"reference": "two", "economics": {"tasks_per_month": 1000}, "limits": {"concurrency": 4}}
    return write_experiment(report, models=models, contenders=contenders, **more)


def gate(report):
    return "gate", report, report, "--baseline-contender", "two", "--candidate-contender", "one"


def made(report):
    path = report / "attempts.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def wait_for(report, number, process):
    end = time.monotonic() + 60
    while made(report) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


READS = (
    ("show", "R"),
    ("show", "R", "--failures", "--limit", "2"),
    ("compare", "R", "one", "two"),
    ("domains", "R", "one", "two"),
    ("advise", "R"),
    ("sweep", "R", "--worker", "one", "--expert", "two"),
    ("power", "--delta", "0.05", "--report", "R", "--pair", "one", "two"),
    ("ls", "R"),
    ("ls", "R", "--trend", "one"),
    ("report", "R"),
)


def all_read(capfd, report, said):
    for command in READS:
        code, out, err = inside(capfd, *(report if word == "R" else word for word in command), "--json")
        assert code == 0, (command, err)
        assert json.loads(out), command
        assert "ownbench-" not in out + err, command  # no folder aside is named
        assert command[0] == "ls" or said in err, command
    page = (report / "report.html").read_text()
    assert "INCOMPLETE" in page
    assert "every figure is provisional" in page


@pytest.fixture(scope="module")
def run(tmp_path_factory, slow):
    """A run that is under way, with some attempts of every contender."""
    report = experiment(tmp_path_factory.mktemp("live") / "r", slow)
    process = start("run", report, "--quiet")
    wait_for(report, 30, process)
    yield report, process
    process.kill()
    process.communicate()


def test_a_run_under_way_is_read_by_every_command_and_judged_by_none(run, capfd):
    report, process = run
    all_read(capfd, report, "under way now")
    out = inside(capfd, "ls", report, "--json")[1]
    (line,) = json.loads(out)["reports"]
    assert (line["state"], line["planned"]) == ("running", 1200)
    assert 30 <= line["done"] < 1200
    assert line["spent_usd"] > 0
    code, out, err = inside(
        capfd, "gate", report, report, "--baseline-contender", "two", "--candidate-contender", "one"
    )
    assert code == 4
    assert f"the run is under way now (process {process.pid})" in out
    code, out, err = inside(capfd, "baseline", "set", report)
    assert (code, out) == (4, "")
    assert "a part of it decides nothing" in err
    assert process.poll() is None, "nobody disturbed it"


def test_a_killed_run_is_read_by_every_command_and_says_how_it_goes_on(run, capfd):
    report, process = run
    process.send_signal(signal.SIGKILL)
    process.wait()
    with (report / "attempts.jsonl").open("a") as torn:
        torn.write('{"outcome": {"rep')
    stopped = "the run was stopped before its tables were written"
    all_read(capfd, report, f"{stopped}; ownbench run {report} goes on; these figures are of the ")
    out = inside(capfd, "ls", report, "--json")[1]
    (line,) = json.loads(out)["reports"]
    assert (line["state"], line["interim"]) == ("stopped", True)
    assert 30 <= line["done"] < 1200
    assert inside(capfd, *gate(report))[0] == 4


def test_what_a_resumed_run_that_was_killed_has_made_is_read_and_not_the_tables_of_before(tmp_path, slow, capfd):
    report = experiment(tmp_path / "r", slow)
    assert ownbench("run", report, "--quiet", "--limit", "40").returncode == 0
    first = json.loads(inside(capfd, "ls", report, "--json")[1])["reports"][0]["done"]
    assert first == 40
    code, _, err = inside(capfd, "show", report)
    assert "recorded so far" not in err  # its tables hold all
    process = start("run", report, "--quiet")
    wait_for(report, 80, process)
    process.kill()
    process.communicate()
    code, out, err = inside(capfd, "show", report, "--json")
    assert code == 0
    assert sum(one["n_trials"] for one in json.loads(out)["contenders"]) >= 80
    code, out, err = inside(capfd, "show", report, "--failures", "--limit", "100", "--json")
    assert code == 0
    assert all(task["question"] and task["failures"] for task in json.loads(out)["tasks"])
    copied = shutil.copytree(report, tmp_path / "copied" / "r")
    assert inside(capfd, "show", copied, "--json")[1] == inside(capfd, "show", report, "--json")[1]
    code, out, err = inside(capfd, "compare", report, copied)
    assert code == 0
    assert f"From {report} to {copied}" in out.replace("\n", " ")
    assert inside(capfd, "compare", report, report)[0] == 2
