"""``--executor ray``: what is refused; and, with Ray (slow), that a run over workers is the run in one process."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import live
import pytest
import servers
from live import CALL_USD, Server
from several import TASKS, experiment, paid, recorded, wait_for

from harness.experiment import assemble
from harness.run.executors.parts import groups_of

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray (the extra ray)")
RAY = {"kind": "ray", "workers": 2, "address": "local"}


def by_ray(report, served, *, executor=RAY, **keys):
    return experiment(report, served, executor=executor, **keys)


def rays() -> set[str]:
    """Processes of Ray that do an experiment's work."""
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in found.splitlines() if "ray::Worker" in line or "raylet " in line}


def ended(before: set[str]) -> None:
    """No process of Ray is left but those there were; one that was told to end has a moment for it."""
    until = time.monotonic() + 10
    while not (left := rays()) <= before and time.monotonic() < until:
        time.sleep(0.1)
    assert left <= before


# ----------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("executor", "said"),
    [
        ({"address": "127.0.0.1:1"}, "executor.address: nothing answers at 127.0.0.1:1 (Connection refused)"),
        ({"address": "ray://head:10001"}, "executor.address: 'ray://head:10001' is the address of Ray's client"),
        ({"address": "head"}, "executor.address: 'head' is no address; write HOST:PORT"),
        ({"workers": 9}, "executor.workers: there are 9 workers, and limits.concurrency lets 8 calls run at once"),
        ({"workers": 0}, "executor.workers: found the number 0"),
        ({"adress": "local"}, "executor.adress: unknown key; did you mean 'address'?"),
        ({"kind": "local"}, "executor: address goes with kind: ray"),
        ({"kind": "slurm"}, "executor.kind: found the text 'slurm'"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line_before_anything_is_sent(tmp_path, capfd, executor, said, monkeypatch):
    monkeypatch.setattr("harness.run.executors.ray.missing_ray", lambda: None)
    with Server() as served:
        report = by_ray(tmp_path / "r", served, tasks=8, executor=RAY | executor)
        code, out, err = live.inside(capfd, "run", report)
        assert not served.seen
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"ownbench: {report}/experiment.yaml: {said}")
    assert not (report / ".lock").exists()


def test_workers_of_the_file_are_those_of_ray_too(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("harness.run.executors.ray.missing_ray", lambda: None)
    with Server() as served:
        report = experiment(tmp_path / "r", served, tasks=8, executor={"workers": 9})
        code, _, err = live.inside(capfd, "run", report, "--executor", "ray")
        assert (code, served.seen) == (2, [])
    assert "executor.workers: there are 9 workers, and limits.concurrency lets 8 calls run at once" in err


def test_without_the_package_one_line_says_what_to_install(tmp_path, capfd, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "ray" else found(name, *more))
    with Server() as served:
        report = by_ray(tmp_path / "r", served, tasks=8, executor={"kind": "local"})
        code, _, err = live.inside(capfd, "run", report, "--executor", "ray")
    assert code == 2
    (line,) = err.splitlines()
    assert line.startswith("ownbench: executor ray needs the package ray; pip install")
    assert "ray>=" in line


def test_what_other_machines_would_send_is_refused_offline(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("harness.run.executors.ray.missing_ray", lambda: None)
    with Server() as served:
        report = by_ray(tmp_path / "r", served, tasks=8, executor=RAY | {"address": "192.0.2.1:6379"})
        code, _, err = live.inside(capfd, "run", report, "--offline")
    assert code == 2
    assert "--offline keeps to this machine, and Ray's head is at 192.0.2.1:6379; write address: local" in err


def test_a_cache_that_several_machines_would_write_is_refused(tmp_path, capfd, monkeypatch):
    left = []

    async def join(*_):
        return SimpleNamespace(machines=2, leave=lambda: left.append(1))

    monkeypatch.setattr("harness.run.executors.ray.missing_ray", lambda: None)
    monkeypatch.setattr("harness.run.executors.ray.join", join)
    with Server() as served:
        report = by_ray(tmp_path / "r", served, tasks=8, cache={"path": str(tmp_path / "answers")})
        code, out, err = live.inside(capfd, "run", report, "--quiet")
        assert not served.seen
    assert (code, out, left) == (2, "", [1])
    assert (
        f"{report}/experiment.yaml: cache: is one file, which only one machine may write, and the cluster has 2" in err
    )


def test_an_experiment_for_ray_runs_here_where_that_is_asked(tmp_path, capfd):
    with Server() as served:
        report = by_ray(tmp_path / "r", served, tasks=8)
        assert live.inside(capfd, "run", report, "--quiet", "--executor", "local")[0] == 0
    assert not list(report.glob("*.ray-*"))


def test_attempts_that_share_answers_stay_together(tmp_path):
    with Server() as served:
        assembled = assemble(by_ray(tmp_path / "r", served, tasks=8, trials=2))
    main = [attempt for attempt in assembled.attempts if not assembled.is_dev(attempt)]
    groups = groups_of(assembled, main)
    assert [{attempt.contender for attempt in group} for group in groups] == [{"worker", "other", "both"}] * 12
    assert all(len({(attempt.task.id, attempt.trial) for attempt in group}) == 1 for group in groups)


# ---------------------------------------------------------------------------------------------------------- with Ray


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The outcomes of the same experiment, run in one process, and its bill."""
    report = tmp_path_factory.mktemp("undisturbed") / "r"
    with Server() as served:
        by_ray(report, served, executor={"kind": "local"})
        assert live.ownbench("run", report, "--quiet").returncode == 0
        assert len(served.seen) == 2 * TASKS
    return live.same_outcomes(report)


@pytest.mark.slow
@needs_ray
def test_a_worker_that_is_killed_costs_what_was_in_flight_and_nothing_else(tmp_path, undisturbed):
    before = rays()
    with Server(live.openai_answer, servers.slow_ok(0.05)) as served:
        report = by_ray(tmp_path / "r", served)
        process = live.start("run", report, "--quiet")
        wait_for(lambda: len(served.seen) > TASKS, process)
        os.kill(int((report / ".lock.ray-0").read_text()), signal.SIGKILL)
        _, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        assert len(served.seen) <= 2 * TASKS + 4  # half of the calls that may be in flight
    first, note, *rest = err.splitlines()
    assert f"${2 * TASKS * CALL_USD:.4f} spent in all" in first
    assert note.startswith("note: worker ray-0 ended before its time")
    assert not rest
    assert live.same_outcomes(report) == undisturbed
    assert len(paid(report)) == len(set(paid(report))) == 2 * TASKS
    assert len(recorded(report)) == len(set(recorded(report))) == len(undisturbed)
    assert live.manifest(report)["complete"]
    assert not list(report.glob(".lock*"))
    ended(before)


@pytest.mark.slow
@needs_ray
def test_a_command_that_is_killed_takes_its_workers_along_and_the_next_goes_on(tmp_path, undisturbed):
    before = rays()
    with Server(live.openai_answer, servers.slow_ok(0.05)) as served:
        report = by_ray(tmp_path / "r", served)
        process = live.start("run", report, "--quiet")
        wait_for(lambda: len(served.seen) > TASKS // 2, process)
        process.kill()
        process.communicate()
        wait_for(lambda: rays() <= before, within=30)
        made = len(recorded(report))
        assert made
        done = live.ownbench("run", report, "--quiet")
        assert done.returncode == 0, done.stderr
        assert len(served.seen) <= 2 * TASKS + 8
    assert live.same_outcomes(report) == undisturbed
    assert len(recorded(report)) == len(set(recorded(report)))
    ended(before)


@pytest.mark.slow
@needs_ray
def test_a_user_who_stops_it_finds_what_was_begun_finished(tmp_path, undisturbed):
    before = rays()
    with Server(live.openai_answer, servers.slow_ok(0.1)) as served:
        report = by_ray(tmp_path / "r", served)
        process = live.start("run", report)
        wait_for(lambda: len(served.seen) > TASKS, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 4, err
        assert "INCOMPLETE: stopped by the user" in err
        assert "Traceback" not in err
        assert "ray" not in "".join(line for line in err.splitlines() if not line.startswith("starting")).lower()
        assert len(served.seen) == len(paid(report)) < 2 * TASKS
        ended(before)
        served.script[:] = [servers.ok()]
        assert live.ownbench("run", report, "--quiet", "--executor", "local").returncode == 0
        assert len(served.seen) == 2 * TASKS
    assert live.same_outcomes(report) == undisturbed


@pytest.mark.slow
@needs_ray
def test_workers_share_the_answer_cache_and_their_spans_are_of_one_run(tmp_path, undisturbed):
    pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    from test_otel import Receiver

    with Server() as served, Receiver() as taking:
        for name in ("r", "again"):
            report = by_ray(tmp_path / name, served, cache={"path": str(tmp_path / "answers")})
            done = live.ownbench("run", report, "--quiet", "--otlp", taking.url)
            assert done.returncode == 0, done.stderr
            assert live.same_outcomes(report) == undisturbed
            assert len(served.seen) == 2 * TASKS
        (first, second), attempts = taking.named("ownbench.run"), taking.named("ownbench.attempt")
    assert f"{2 * TASKS} of {2 * TASKS} calls" in done.stderr
    assert len(attempts) == 2 * len(undisturbed)
    assert {span.parent_span_id for span in attempts} == {first.span_id, second.span_id}
    assert len(taking.named("chat ")) == 2 * TASKS


@pytest.mark.slow
@needs_ray
def test_requests_a_minute_are_those_of_one_process(tmp_path):
    with Server() as served:
        limits = {"concurrency": 8, "requests_per_minute": 600}
        report = by_ray(tmp_path / "r", served, tasks=40, limits=limits)
        asked = []
        process = live.start("run", report, "--quiet")
        while process.poll() is None:
            asked += [time.monotonic()] * (len(served.seen) - len(asked))
            time.sleep(0.005)
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert len(asked) == 80
    assert asked[-1] - asked[0] >= 0.95 * 79 / 10


@pytest.mark.slow
@needs_ray
def test_the_budget_is_kept_by_all_workers_together(tmp_path):
    with Server() as served:
        report = by_ray(tmp_path / "r", served, budget={"usd": 100.5 * CALL_USD})
        done = live.ownbench("run", report)
        assert done.returncode == 4
        assert f"${100 * CALL_USD:.4f} of ${100.5 * CALL_USD:g} are spent (budget.usd)" in done.stderr
        assert len(served.seen) == 100
    assert {row["cause"] for row in live.rows(report).values() if row["status"] == "skipped"} == {"budget"}


@pytest.mark.slow
@needs_ray
def test_no_key_is_in_a_file_of_ray_and_nothing_listens_beyond_this_machine(tmp_path):
    listening = []
    with Server(live.openai_answer, servers.slow_ok(0.1)) as served:
        report = by_ray(tmp_path / "r", served)
        live.edit(report, models={"m": live.served_model(served, api_key_env="OWNBENCH_TEST")})
        process = live.start("run", report, "--quiet", OWNBENCH_TEST=live.KEY)
        wait_for(lambda: len(served.seen) > 50, process)
        assert {seen["headers"]["Authorization"] for seen in served.seen} == {f"Bearer {live.KEY}"}
        (place,) = Path(tempfile.gettempdir()).glob(f"ownbench-ray-{process.pid}-*")
        logs = [path for path in place.rglob("*") if path.is_file()]
        assert logs
        assert not [path for path in logs if live.KEY.encode() in path.read_bytes()]
        for line in subprocess.run(["ss", "-ltnp"], capture_output=True, text=True, check=False).stdout.splitlines():
            if any(word in line for word in ("raylet", "gcs_server", "ray::")):
                listening.append(line.split()[3])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert all(place.startswith(("127.0.0.1:", "[::ffff:127.0.0.1]:", "[::1]:")) for place in listening)
    assert not place.exists()


@pytest.mark.slow
@needs_ray
def test_what_is_no_head_is_told_in_one_line(tmp_path):
    with Server() as served, socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        report = by_ray(tmp_path / "r", served, executor=RAY | {"address": address})
        done = live.ownbench("run", report, "--quiet")
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert f"the Ray at {address} cannot be joined" in line
    assert not served.seen


@pytest.mark.slow
@needs_ray
@pytest.mark.parametrize(
    ("script", "said"),
    [
        (("by_ray.py", "--attempts", "800"), "equal to one process, the budget kept"),
        (("kill.py", "--executor", "ray", "--kills", "5"), "nothing lost, nothing doubled"),
    ],
)
def test_the_benchmarks_kills_a_few_of_them(script, said):
    """By hand they take thousands of attempts, and two hundred kills."""
    name, *options = script
    command = [sys.executable, str(Path(__file__).parents[3] / "benchmarks" / name), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=290, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout.splitlines()[-1]
