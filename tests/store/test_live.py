"""Whether a run is at work: told of real processes, by what they hold and not by what they left."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from store_records import call, outcome, reply

from harness.cli.entry import main
from harness.core import Manifest
from harness.store import Journal, running_process, write_manifest

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from harness.store import Journal

journal = Journal(Path(sys.argv[1]), sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("worker", ["", "w1"])
def test_a_run_is_told_as_long_as_its_process_lives(tmp_path, worker, capsys):
    (tmp_path / "attempts.jsonl").write_text("{}\n")
    command = [sys.executable, "-c", HOLDER, str(tmp_path), worker]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout.readline() == b"ready\n"
        assert running_process(tmp_path) == str(process.pid)
        assert main(["show", str(tmp_path)]) == 4
        assert f"under way now (process {process.pid})" in capsys.readouterr().err
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / (".lock.w1" if worker else ".lock")).is_file()  # which says nothing any more
    assert running_process(tmp_path) is None
    assert main(["show", str(tmp_path)]) == 4
    err = capsys.readouterr().err
    assert "was stopped" in err
    assert f"ownbench run {tmp_path} goes on" in err


def test_a_run_that_is_at_work_is_shown_as_far_as_it_is_recorded(tmp_path, capsys):
    with Journal(tmp_path) as journal:
        for number in range(3):
            journal.append_call(call(number), reply(number))
            journal.append_attempt(outcome(number), [{"role": "user", "content": "q"}], "", [f"rq{number}"])
    write_manifest(tmp_path, Manifest(report="r", created_at="", planned=5))
    before = sorted(path.name for path in tmp_path.iterdir())
    command = [sys.executable, "-c", HOLDER, str(tmp_path), "w1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout.readline() == b"ready\n"
        assert main(["show", str(tmp_path)]) == 0
        shown = capsys.readouterr()
        process.kill()
    assert "3 attempts recorded so far" in shown.err
    assert "3 graded attempts" in shown.out
    assert {path.name for path in tmp_path.iterdir()} - {*before} <= {".lock.w1", "attempts.w1.jsonl", "calls.w1.jsonl"}


def test_who_looks_keeps_no_run_from_starting(tmp_path):
    looker = (
        "import fcntl, os, sys, time\n"
        "handle = os.open(sys.argv[1], os.O_RDONLY)\n"
        "fcntl.flock(handle, fcntl.LOCK_SH)\n"
        "print('held', flush=True)\n"
        "time.sleep(0.03)\n"
    )
    (tmp_path / ".lock").write_text("")
    with subprocess.Popen([sys.executable, "-c", looker, str(tmp_path / ".lock")], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with Journal(tmp_path):
            pass
    assert running_process(tmp_path) is None
