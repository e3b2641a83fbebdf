"""The tables of a long run are written while it goes on, and are the same as those that are written at its end."""

import subprocess
import sys
import time

import live
import pyarrow.parquet as pq
import pytest
import servers
from live import Server

from harness.cli import main
from harness.run import following
from harness.store import Compaction

TASKS = 60
TABLES = ("outcomes.parquet", "calls.parquet", "transcripts.parquet")


@pytest.fixture
def ahead(monkeypatch):
    """Rows that were written before the end, for each run; parts of a few attempts are looked for all the time."""
    monkeypatch.setattr(following, "LEAST", 8)
    monkeypatch.setattr(following, "LOOK_EVERY_S", 0.01)
    written, end = [], Compaction.end

    def noted(self):
        written.append(self.written)
        return end(self)

    monkeypatch.setattr(Compaction, "end", noted)
    return written


def experiment(report, served):
    contenders = {
        "worker": {"model": "m"},
        "other": {"model": "m", "twin": 1},
        "both": {"worker": "worker", "expert": "other", "escalate": {"signal": "logprob_mean", "threshold": 0.5}},
    }
    model = live.served_model(served, sampling={"temperature": 0})
    return live.write_experiment(report, tasks=TASKS, models={"m": model}, contenders=contenders)


def tables_of(report):
    return [pq.read_table(report / name) for name in TABLES]


def written_at_the_end(report):
    """The tables that the journal gives when a later call of the run writes them all."""
    for name in TABLES:
        (report / name).unlink()
    assert main(["run", str(report), "--quiet"]) == 0
    return tables_of(report)


def test_tables_are_written_while_a_run_goes_on(tmp_path, ahead):
    with Server(live.openai_answer, servers.slow_ok(0.02)) as served:
        report = experiment(tmp_path / "r", served)
        assert main(["run", str(report), "--limit", "40", "--quiet"]) in {0, 4}
        assert main(["run", str(report), "--quiet"]) == 0
        assert 0 < ahead[0] <= 40
        assert 40 < ahead[1] <= 3 * TASKS
        assert not list(report.glob(".*.part"))
        found = tables_of(report)
        assert found == written_at_the_end(report)
        assert ahead[2] == 0
    assert len(found[0]) == len(found[2]) == 3 * TASKS <= len(found[1])


FOLLOWED = """
import sys
from harness.cli import main
from harness.run import following
following.LEAST, following.LOOK_EVERY_S = 8, 0.01
sys.exit(main(["run", sys.argv[1], "--quiet"]))
"""


def test_killed_while_tables_are_written_it_goes_on_and_leaves_no_part(tmp_path):
    with Server(live.openai_answer, servers.slow_ok(0.05)) as served:
        report = experiment(tmp_path / "r", served)
        for _ in range(2):
            process = subprocess.Popen([sys.executable, "-c", FOLLOWED, str(report)], env=live.environment())
            end = time.monotonic() + 60
            while process.poll() is None and not list(report.glob(".outcomes.parquet.*.part")):
                assert time.monotonic() < end
                time.sleep(0.005)
            process.kill()
            process.wait()
        assert not (report / "outcomes.parquet").exists()
        assert list(report.glob(".*.part"))
        assert main(["run", str(report), "--quiet"]) == 0
        assert not list(report.glob(".*.part"))
        assert tables_of(report) == written_at_the_end(report)
        assert len(served.seen) <= 2 * TASKS + 2 * 4  # those that were in flight


def test_what_fails_meanwhile_is_left_to_the_end(tmp_path, ahead, monkeypatch):
    advance = Compaction.advance

    def failing(self, end):
        if 20 < end < 3 * TASKS:
            raise OSError(28, "no room for a moment")
        advance(self, end)

    monkeypatch.setattr(Compaction, "advance", failing)
    with Server(live.openai_answer, servers.slow_ok(0.02)) as served:
        report = experiment(tmp_path / "r", served)
        assert main(["run", str(report), "--quiet"]) == 0
        assert ahead == [0]
        assert not list(report.glob(".*.part"))
        assert tables_of(report) == written_at_the_end(report)


def test_an_attempt_that_is_missing_holds_up_the_rows_behind_it_only(tmp_path, ahead):
    with Server(live.openai_answer, servers.slow_ok(0.02)) as served:
        report = experiment(tmp_path / "r", served)
        assert main(["run", str(report), "--only", "other", "--quiet"]) in {0, 4}
        statuses = pq.read_table(report / "outcomes.parquet")["status"].to_pylist()
        assert statuses.count("skipped") == 2 * TASKS
        found = tables_of(report)
    with Server(live.openai_answer) as served:
        experiment(report, served)
        assert main(["run", str(report), "--quiet"]) == 0
        assert tables_of(report) == written_at_the_end(report)
        assert sum(map(len, found[1:])) == 2 * TASKS
