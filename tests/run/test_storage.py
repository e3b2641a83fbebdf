"""What a run has to keep and cannot: it stops at once, says where, blames no attempt, and a later run finishes."""

import os
import shutil
import signal
import subprocess
import sys

import live
import pytest
import servers
from live import Server
from test_kill import wait_for

from harness.core import StorageError
from harness.store import Journal

TASKS = 400


def mounts() -> bool:
    """Whether a small disk can be made here: a tmpfs in a mount namespace of its own."""
    tried = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(tried, capture_output=True, check=False, timeout=10).returncode == 0
    except OSError:
        return False


def experiment(folder, served, **limits):
    return live.write_experiment(
        folder / "r",
        tasks=TASKS,
        models={"m": live.served_model(served)},
        limits={"concurrency": 3, "timeout_s": 30, "tries": 2} | limits,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    with Server() as served:
        report = experiment(tmp_path_factory.mktemp("undisturbed"), served)
        assert live.ownbench("run", report, "--quiet").returncode == 0
    size = sum((report / f"{name}.jsonl").stat().st_size for name in ("attempts", "calls"))
    return live.same_outcomes(report), size


@pytest.mark.skipif(not mounts(), reason="no tmpfs can be mounted here")
@pytest.mark.parametrize("share", [0.02, 0.6, 1.05], ids=["at its start", "in its middle", "at its tables"])
def test_a_full_disk(tmp_path, undisturbed, share):
    outcomes, size = undisturbed
    kept = tmp_path / "kept"
    with Server() as served:
        report = experiment(tmp_path, served)
        small = 32_768 + int(share * size)
        # the run sees the small disk where the report is; what stood on it at its end is kept
        steps = (
            f"cp -r {report} {tmp_path}/source && mount -t tmpfs -o size={small} none {report}"
            f" && cp {tmp_path}/source/* {report}/ && {sys.executable} -m harness run {report} --quiet;"
            f" code=$?; cp -r {report} {kept}; exit $code"
        )
        run = ["unshare", "-m", "bash", "-c", steps]
        full = subprocess.run(run, capture_output=True, text=True, env=live.environment(), timeout=120, check=False)
        assert full.returncode == 4, full.stderr
        (line,) = full.stderr.splitlines()
        assert line.startswith(f"ownbench: {report}/")
        assert "No space left on device; free some space, then the same command goes on" in line
        assert {row["outcome"]["status"] for row in live.journal(kept)} <= {"passed", "failed"}
        asked = len(served.seen)
        if share > 1:
            assert (asked, len(live.journal(kept))) == (TASKS, TASKS)
            assert ".parquet: cannot be written" in line
        else:
            assert asked < TASKS
        shutil.copytree(kept, report, dirs_exist_ok=True)
        later = live.ownbench("run", report, "--quiet")
        assert later.returncode == 0, later.stderr
        assert len(served.seen) <= TASKS + 3
    assert live.same_outcomes(report) == outcomes


def deleted(report):
    shutil.rmtree(report)


def renamed(report):
    report.rename(report.with_name("other"))


def replaced(report):
    report.rename(report.with_name("other"))
    shutil.copytree(report.with_name("other"), report)


def without_its_journal(report):
    (report / "attempts.jsonl").unlink()


def with_another_journal(report):
    path = report / "calls.jsonl"
    text = path.read_bytes()
    path.unlink()
    path.write_bytes(text)


def cut(report):
    os.truncate(report / "attempts.jsonl", 10)


@pytest.mark.parametrize("act", [deleted, renamed, replaced, without_its_journal, with_another_journal, cut])
def test_a_report_that_is_gone_ends_the_spending(tmp_path, act):
    with Server(live.openai_answer, servers.slow_ok(0.05)) as served:
        report = experiment(tmp_path, served)
        process = live.start("run", report, "--quiet")
        wait_for(lambda: len(served.seen) > 6, process)
        act(report)
        asked = len(served.seen)
        out, err = process.communicate(timeout=60)
        assert len(served.seen) <= asked + 6
    assert (process.returncode, out) == (4, ""), err
    (line,) = err.splitlines()
    assert line.startswith(f"ownbench: {report}/")
    assert "while the run was writing it" in line
    left = {path.name for path in report.glob("*")} - {"experiment.yaml", "attempts.jsonl", "calls.jsonl"}
    assert left <= {"manifest.json", ".lock"}  # nothing is written where the report was


def test_a_report_that_is_gone_ends_calls_in_flight(tmp_path):
    with Server(live.openai_answer, servers.hang()) as served:
        report = experiment(tmp_path, served)
        process = live.start("run", report, "--quiet")
        wait_for(lambda: len(served.seen) == 3, process)
        report.rename(tmp_path / "other")
        _, err = process.communicate(timeout=40)
    assert process.returncode == 4, err


def test_a_disk_that_loses_what_it_took_is_a_full_disk(tmp_path, monkeypatch):
    def lost(_handle):
        raise OSError(5, "Input/output error")

    from harness.core import Call, Role

    journal = Journal(tmp_path)
    journal.append_call(Call(attempt_id="a", role=Role.ANSWER, model="m", request_digest="d"))
    monkeypatch.setattr(os, "fsync", lost)
    with pytest.raises(StorageError, match="Input/output error"):
        journal.sync()
    monkeypatch.undo()
    with pytest.raises(StorageError, match="Input/output error"):
        journal.append_call(Call(attempt_id="a", role=Role.ANSWER, model="m", request_digest="d"))
    journal.close()


@pytest.mark.parametrize(
    "redirection",
    [
        ">&- 2>&-",
        "2>/dev/full",
        "2>&1 | true",
        pytest.param("2>&-", marks=pytest.mark.slow),
        pytest.param("> /dev/full", marks=pytest.mark.slow),
    ],
)
def test_a_terminal_that_is_gone_ends_no_run(tmp_path, redirection):
    with Server() as served:
        report = experiment(tmp_path, served)
        command = f"set -o pipefail; {sys.executable} -m harness run '{report}' --limit 20 {redirection}"
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, env=live.environment(), timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len(live.journal(report)) == 20


def test_a_hang_up_and_a_request_to_end_are_heard_like_ctrl_c(tmp_path):
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            continue  # these tests run under nohup, and so does the run
        with Server(live.openai_answer, servers.slow_ok(0.1)) as served:
            report = experiment(tmp_path / number.name, served)
            process = live.start("run", report)
            wait_for(lambda: len(served.seen) > 4, process)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 4, err
        assert "INCOMPLETE: stopped by the user" in err
        assert len(live.journal(report)) == len(served.seen)


def test_calls_at_once_that_cannot_all_be_connected_are_refused(tmp_path):
    with Server() as served:
        report = experiment(tmp_path, served, concurrency=300)
        limited = f"ulimit -n {{}}; exec {sys.executable} -m harness run {report} --quiet"
        run = {"capture_output": True, "text": True, "env": live.environment(), "timeout": 60}
        refused = subprocess.run(["bash", "-c", limited.format(200)], check=False, **run)
        assert (refused.returncode, served.seen) == (2, [])
        (line,) = refused.stderr.splitlines()
        assert "limits.concurrency: 300 calls at once need as many open files, and this process may open 200" in line
        assert "lower it to 72" in line
        done = subprocess.run(["bash", "-c", limited.format("-S 200")], check=False, **run)  # it may raise it
        assert done.returncode == 0, done.stderr
    assert {row["outcome"]["status"] for row in live.journal(report)} <= {"passed", "failed"}
