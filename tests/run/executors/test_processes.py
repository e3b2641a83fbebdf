"""Several processes of this machine: the run over them is the run in one, whatever ends before its time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import live
import pytest
import servers
from live import CALL_USD, Server
from several import TASKS, experiment, paid, recorded, wait_for

from harness.core import UserFileError
from harness.experiment import assemble
from harness.run import RunOptions, run_report

TWO = {"workers": 2}
CALLS = 2 * TASKS


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The outcomes of the same experiment, run in one process."""
    report = tmp_path_factory.mktemp("undisturbed") / "r"
    with Server() as served:
        experiment(report, served, executor={"workers": 1})
        assert live.ownbench("run", report, "--quiet").returncode == 0
        assert len(served.seen) == CALLS
    assert not list(report.glob("*.process-*"))
    return live.same_outcomes(report)


def workers(report: Path) -> dict[str, int]:
    """The processes that hold a worker's lock, by its name."""
    found = {path.suffix[1:]: path.read_text().strip() for path in report.glob(".lock.process-*")}
    return {name: int(number) for name, number in found.items() if number}


def alive(command: int) -> list[int]:
    """Processes that a command has forked off and that still run, wherever they hang now."""
    found = subprocess.run(["ps", "-eo", "pid,pgid,stat"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in found.splitlines()[1:]]
    return [int(pid) for pid, group, state in rows if int(group) == command and not state.startswith("Z")]


def begun(report, *options):
    """A command in a process group of its own."""
    command = [sys.executable, "-m", "harness", "run", str(report), *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=live.environment(), process_group=0
    )


def test_outcomes_bill_and_tables_are_those_of_one_process(tmp_path, undisturbed):
    with Server() as served:
        report = experiment(tmp_path / "r", served, executor=TWO)
        done = live.ownbench("run", report)
        assert done.returncode == 0, done.stderr
        assert len(served.seen) == CALLS
    assert f"${CALLS * CALL_USD:.4f} spent in all" in done.stderr
    assert live.same_outcomes(report) == undisturbed
    assert len(paid(report)) == len(set(paid(report))) == CALLS
    assert {path.name for path in report.glob("attempts.*.jsonl")} == {
        "attempts.process-0.jsonl",
        "attempts.process-1.jsonl",
    }
    assert not list(report.glob(".lock*"))


def test_a_worker_that_is_killed_costs_what_was_in_flight_and_nothing_else(tmp_path, undisturbed):
    with Server(live.openai_answer, servers.slow_ok(0.05)) as served:
        report = experiment(tmp_path / "r", served, executor=TWO)
        process = begun(report, "--quiet")
        wait_for(lambda: len(served.seen) > TASKS, process)
        os.kill(workers(report)["process-0"], signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert len(served.seen) <= CALLS + 4  # half of the calls that may be in flight
    first, note = err.splitlines()
    assert f"${CALLS * CALL_USD:.4f} spent in all" in first
    assert note.startswith("note: worker process-0 ended before its time")
    assert live.same_outcomes(report) == undisturbed
    assert len(paid(report)) == len(set(paid(report))) == CALLS
    assert len(recorded(report)) == len(set(recorded(report))) == len(undisturbed)
    assert live.manifest(report)["complete"]
    assert not alive(process.pid)


def test_a_command_that_is_killed_leaves_no_process_and_the_next_goes_on(tmp_path, undisturbed):
    with Server(live.openai_answer, servers.slow_ok(0.05)) as served:
        report = experiment(tmp_path / "r", served, executor=TWO)
        process = begun(report, "--quiet")
        wait_for(lambda: len(served.seen) > TASKS // 2, process)
        process.kill()  # it alone, and none of its children
        process.communicate()
        wait_for(lambda: not alive(process.pid), within=5)
        assert recorded(report)
        done = live.ownbench("run", report, "--quiet")
        assert done.returncode == 0, done.stderr
        assert len(served.seen) <= CALLS + 8
    assert live.same_outcomes(report) == undisturbed
    assert len(recorded(report)) == len(set(recorded(report)))


@pytest.mark.slow
def test_where_nothing_can_start_workers_any_more_those_at_work_go_on(tmp_path, undisturbed):
    with Server(live.openai_answer, servers.slow_ok(0.02)) as served:
        report = experiment(tmp_path / "r", served, executor=TWO)
        process = begun(report, "--quiet")
        wait_for(lambda: len(served.seen) > TASKS, process)
        (nursery,) = set(alive(process.pid)) - {process.pid, *workers(report).values()}
        os.kill(nursery, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert live.same_outcomes(report) == undisturbed


@pytest.mark.parametrize("times", [1, 2])
def test_who_stops_it_from_a_terminal_finds_what_was_begun_finished_or_dropped(tmp_path, undisturbed, times):
    with Server(live.openai_answer, servers.slow_ok(0.1)) as served:
        report = experiment(tmp_path / "r", served, executor=TWO)
        process = begun(report)
        wait_for(lambda: len(served.seen) > TASKS // 4, process)
        for _ in range(times):  # a terminal tells the whole group
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.05)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 4, err
        assert "INCOMPLETE: stopped by the user" in err
        assert "Traceback" not in err
        assert not alive(process.pid)
        assert len(served.seen) < CALLS
        assert times == 2 or len(served.seen) == len(paid(report))
        served.script[:] = [servers.ok()]
        assert live.ownbench("run", report, "--quiet", "--executor", "local").returncode == 0
        assert len(served.seen) <= CALLS + 8 * (times - 1)
    assert live.same_outcomes(report) == undisturbed


@pytest.mark.slow
def test_the_answer_cache_is_shared(tmp_path, undisturbed):
    with Server() as served:
        for name in ("r", "again"):
            report = experiment(tmp_path / name, served, executor=TWO, cache={"path": str(tmp_path / "answers")})
            done = live.ownbench("run", report, "--quiet")
            assert done.returncode == 0, done.stderr
            assert live.same_outcomes(report) == undisturbed
            assert len(served.seen) == CALLS
    assert f"{CALLS} of {CALLS} calls" in done.stderr


@pytest.mark.slow
def test_requests_a_minute_are_those_of_one_process(tmp_path):
    with Server() as served:
        limits = {"concurrency": 8, "requests_per_minute": 1_200}
        report = experiment(tmp_path / "r", served, tasks=20, limits=limits, executor=TWO)
        process = begun(report, "--quiet")
        asked = []
        while process.poll() is None:
            asked += [time.monotonic()] * (len(served.seen) - len(asked))
            time.sleep(0.005)
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert len(asked) == 40
    assert asked[-1] - asked[0] >= 0.95 * 39 / 20


def test_the_budget_is_kept_by_all_workers_together(tmp_path):
    with Server() as served:
        report = experiment(tmp_path / "r", served, executor=TWO, budget={"usd": 100.5 * CALL_USD})
        done = live.ownbench("run", report)
        assert done.returncode == 4
        assert f"${100 * CALL_USD:.4f} of ${100.5 * CALL_USD:g} are spent (budget.usd)" in done.stderr
        assert len(served.seen) == 100
    assert {row["cause"] for row in live.rows(report).values() if row["status"] == "skipped"} == {"budget"}


def test_a_key_that_is_refused_stops_all(tmp_path):
    with Server(live.openai_answer, servers.status(401)) as served:
        report = experiment(tmp_path / "r", served, executor=TWO)
        done = live.ownbench("run", report, "--quiet")
        assert done.returncode == 4
        assert len(served.seen) <= 8  # those in flight
    assert "INCOMPLETE: model m: " in done.stderr
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------------- who decides


@pytest.mark.parametrize(
    ("workers", "said"),
    [(9, "there are 9 workers, and limits.concurrency lets 8 calls run at once"), (0, "found the number 0")],
)
def test_what_cannot_work_is_refused_in_one_line_before_anything_is_sent(tmp_path, capfd, workers, said):
    with Server() as served:
        report = experiment(tmp_path / "r", served, tasks=8, executor={"workers": workers})
        code, out, err = live.inside(capfd, "run", report)
        assert not served.seen
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"ownbench: {report}/experiment.yaml: executor.workers: {said}")
    assert not (report / ".lock").exists()


def test_a_rule_that_may_stop_after_any_attempt_keeps_to_one_process(tmp_path, capfd):
    with Server() as served:
        main = live.write_experiment(tmp_path / "main", models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", main, "--quiet")[0] == 0
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)}, executor=TWO)
        _, _, err = live.inside(capfd, "run", report, "--until-decided", "--baseline", main)
    line = err.splitlines()[-1]
    assert "executor.workers: --until-decided may stop after any attempt" in line
    assert line.endswith("; take workers out")


def test_what_is_observed_happens_in_one_process(tmp_path):
    with Server() as served:
        report = experiment(tmp_path / "r", served, tasks=8, executor=TWO)
        with pytest.raises(UserFileError, match="what is observed"):
            run_report(assemble(report), RunOptions(observer=lambda *_: None))
        assert not served.seen


def test_a_model_in_memory_is_loaded_once(tmp_path, capfd):
    model = {"backend": "transformers", "path": str(Path(__file__).parents[3] / "adapters" / "base" / "worker")}
    report = live.write_experiment(tmp_path / "r", models={"m": model}, executor=TWO)
    code, _, err = live.inside(capfd, "run", report)
    assert code == 2
    assert "executor.workers: each process would load the model m into memory; take workers out" in err


GROWS = """
import sys
from harness.run.executors import local
local.LEAST, local.FULL, local.LOOK_EVERY_S, local.WORTH = 1, {full}, 0.01, {worth}
local._processors = lambda: 2
local.CALLS_EACH = 4
from harness.cli import main
sys.exit(main(["run", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(
    ("full", "worth", "grows"),
    [
        (0.0, 0.0, True),
        pytest.param(9.0, 0.0, False, marks=pytest.mark.slow),
        pytest.param(0.0, 9.0, False, marks=pytest.mark.slow),
    ],
)
def test_a_process_at_its_limit_is_helped_where_much_is_left(tmp_path, undisturbed, full, worth, grows):
    with Server() as served:
        report = experiment(tmp_path / "r", served, executor={})
        script = GROWS.format(full=full, worth=worth)
        done = subprocess.run(
            [sys.executable, "-c", script, str(report)],
            capture_output=True, text=True, check=False, env=live.environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert len(served.seen) == CALLS
    assert f"{len(undisturbed)} attempts made" in done.stderr
    assert live.same_outcomes(report) == undisturbed
    assert bool(list(report.glob("attempts.process-*.jsonl"))) is grows
    assert recorded(report)
    assert len(recorded(report)) == len(set(recorded(report))) == len(undisturbed)
