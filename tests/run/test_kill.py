"""A run that is killed at any instant loses nothing that was written, and pays for nothing twice. Real processes."""

import fcntl
import os
import random
import re
import signal
import subprocess
import sys
import time

import live
import pytest
import servers
from live import Server

from harness.cli import main

TASKS = 60
CONCURRENCY = 3
CONTENDERS = {
    "worker": {"model": "m"},
    "other": {"model": "m", "twin": 1},
    "both": {"worker": "worker", "expert": "other", "escalate": {"signal": "logprob_mean", "threshold": 0.5}},
}


def experiment(report, served, **keys):
    limits = {"concurrency": CONCURRENCY, "timeout_s": 5, "tries": 2}
    model = live.served_model(served, sampling={"temperature": 0})
    return live.write_experiment(report, tasks=TASKS, models={"m": model}, contenders=CONTENDERS, limits=limits, **keys)


def wait_for(condition, process, *, within: float = 60):
    """Returns once it holds; fails where the process ends before."""
    end = time.monotonic() + within
    while not condition():
        assert process.poll() is None or condition(), process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The outcomes of the same experiment, run at once."""
    report = tmp_path_factory.mktemp("undisturbed") / "r"
    with Server() as served:
        experiment(report, served)
        assert main(["run", str(report), "--quiet"]) == 0
        assert len(served.seen) == 2 * TASKS  # the hybrid asks nothing again
    return live.same_outcomes(report)


def test_killed_at_random_instants_nothing_is_lost_or_doubled(tmp_path, undisturbed):
    chance = random.Random(5)
    with Server(live.openai_answer, servers.slow_ok(0.06)) as served:
        report = experiment(tmp_path / "r", served)
        kills = 0
        for _ in range(4):
            # by requests and not by the clock: on any machine each kill comes in the middle
            enough = len(served.seen) + chance.randint(1, 16)
            process = live.start("run", report, "--quiet")
            wait_for(lambda: len(served.seen) >= enough, process)  # noqa: B023
            time.sleep(chance.uniform(0, 0.02))
            process.kill()
            process.communicate()
            kills += process.returncode == -signal.SIGKILL
        assert kills >= 3
        recorded = live.journal_lines(report)
        assert 0 < len(recorded) < 3 * TASKS
        with (report / "attempts.jsonl").open("a") as file:  # and what a power cut may leave besides
            file.write('{"outcome":{"report":"tested","su')
        assert main(["run", str(report), "--quiet"]) == 0
        assert len(served.seen) <= 2 * TASKS + kills * CONCURRENCY
    ids = [line["outcome"]["attempt_id"] for line in live.journal(report)]
    assert len(ids) == len(set(ids)) == 3 * TASKS
    assert set(recorded) <= set(ids)
    assert live.same_outcomes(report) == undisturbed
    paid = [
        c["call"] for c in live.journal(report, "calls") if c["call"]["error"] is None and not c["call"]["cache_hit"]
    ]
    assert len({call["request_digest"] for call in paid}) == len(paid) == 2 * TASKS
    assert live.manifest(report)["complete"]


@pytest.mark.parametrize("wait_s", [0.0, 0.01, 0.04])
def test_killed_while_the_tables_are_written(tmp_path, undisturbed, wait_s):
    with Server() as served:
        report = experiment(tmp_path / "r", served)
        process = live.start("run", report, "--quiet")
        wait_for(lambda: any(report.glob(".*.parquet.*.part")) or (report / "outcomes.parquet").exists(), process)
        time.sleep(wait_s)
        process.kill()
        process.communicate()
        asked = len(served.seen)
        assert main(["run", str(report), "--quiet"]) == 0
        assert len(served.seen) == asked == 2 * TASKS
    assert live.same_outcomes(report) == undisturbed
    assert live.manifest(report)["complete"]
    assert not [p.name for p in report.iterdir() if p.suffix == ".part"]


def test_interrupted_once_it_ends_what_it_began_and_goes_on_later(tmp_path, undisturbed):
    with Server(live.openai_answer, servers.slow_ok(0.1)) as served:
        report = experiment(tmp_path / "r", served)
        process = live.start("run", report)
        wait_for(lambda: len(served.seen) > 8, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=150)
        assert process.returncode == 4, err
        assert "INCOMPLETE: stopped by the user" in err
        assert "Traceback" not in err
        made = len(served.seen)
        assert made < 2 * TASKS
        table = live.rows(report)
        assert len(table) == 3 * TASKS  # a row for every planned attempt
        assert {(r["status"], r["cause"]) for r in table.values() if r["passed"] is None} == {("skipped", "stopped")}
        assert sum(row["calls"] for row in table.values()) == made  # what was in flight was finished and kept
        assert live.manifest(report)["complete"] is False
        served.script[:] = [servers.ok()]
        assert main(["run", str(report), "--quiet"]) == 0
        assert len(served.seen) == 2 * TASKS
    assert live.same_outcomes(report) == undisturbed


def test_interrupted_twice_it_drops_what_is_in_flight(tmp_path):
    with Server(live.openai_answer, servers.hang()) as served:
        report = experiment(tmp_path / "r", served, budget={"wall_s": 600})
        live.edit(report, limits={"concurrency": CONCURRENCY, "timeout_s": 300, "tries": 1})
        process = live.start("run", report)
        wait_for(lambda: len(served.seen) == CONCURRENCY, process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None  # it waits for those in flight
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=150)
        assert time.monotonic() - began < 120
        assert process.returncode == 4, err
        assert "Traceback" not in err
        assert {row["status"] for row in live.rows(report).values()} == {"skipped"}


def test_a_second_run_on_one_folder_is_refused(tmp_path):
    with Server(live.openai_answer, servers.slow_ok(0.2)) as served:
        report = experiment(tmp_path / "r", served)
        process = live.start("run", report)
        wait_for(lambda: len(served.seen) > 0, process)
        second = live.ownbench("run", report)
        assert process.poll() is None
        assert second.returncode == 2
        assert second.stdout == ""
        (line,) = second.stderr.splitlines()
        assert f"another run is writing here (process {process.pid})" in line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=150)
        assert not (report / ".lock").exists()


def test_a_disk_that_is_full_ends_the_run_in_one_line_and_costs_what_was_in_flight(tmp_path, undisturbed):
    with Server() as served:
        report = experiment(tmp_path / "r", served)
        command = f"ulimit -f 24; exec {sys.executable} -m harness run {report} --quiet"
        full = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, env=live.environment(), timeout=60, check=False
        )
        assert full.returncode == 4, full.stderr
        assert full.stdout == ""
        (line,) = full.stderr.splitlines()
        assert re.fullmatch(rf"ownbench: {report}/(attempts|calls)\.jsonl: cannot be written: File too large; .*", line)
        assert {row["outcome"]["status"] for row in live.journal(report)} <= {"passed", "failed"}
        assert all(isinstance(row, dict) for row in live.journal(report))  # no half of a line
        assert len(served.seen) < 2 * TASKS
        assert main(["run", str(report), "--quiet"]) == 0
        assert len(served.seen) <= 2 * TASKS + 2 * CONCURRENCY
    assert live.same_outcomes(report) == undisturbed


def test_a_lock_whose_holder_took_it_away_is_no_lock(tmp_path):
    from harness.store import Journal

    late = os.open(tmp_path / ".lock", os.O_RDWR | os.O_CREAT)  # opened before, locked after its holder has ended
    with Journal(tmp_path):
        pass
    fcntl.flock(late, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with Journal(tmp_path) as journal:
        journal.sync()
    os.close(late)
