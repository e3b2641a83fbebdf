"""Every arm of the embedded demo, on two tasks a domain, with the real small models."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from harness.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = ROOT / "reports" / "arms-demo" / "experiment.yaml"


def test_it_has_every_arm_that_the_generalist_can_be_given():
    contenders = yaml.safe_load(EXPERIMENT.read_text())["contenders"]
    deliveries = {str(one.get("delivery")).partition(":")[0] for one in contenders.values()}
    assert deliveries >= {"flat", "progressive", "placebo", "self", "bm25", "forced"}
    signals = {one["escalate"]["signal"].partition(":")[0] for one in contenders.values() if "escalate" in one}
    assert signals >= {"agreement", "ask"}


@pytest.mark.local
def test_every_attempt_ends_graded_and_each_arm_leaves_its_trace(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)  # where the experiment's suites, skills and adapters stand
    report = tmp_path / "arms-demo"
    report.mkdir()
    shutil.copy(EXPERIMENT, report)
    text = (report / "experiment.yaml").read_text()
    (report / "experiment.yaml").write_text(text.replace("tasks: 20", "tasks: 1"))
    assert main(["run", str(report), "--quiet"]) == 0
    rows = pq.read_table(report / "outcomes.parquet").to_pylist()
    assert {row["status"] for row in rows} <= {"passed", "failed"}
    by = {}
    for row in rows:
        by.setdefault(row["contender"], []).append(row)
    assert all(
        row["skills_shown"]
        for name in ("skilled", "opens", "distracted", "placebo", "found", "forced")
        for row in by[name]
    )
    assert all(row["skills_used"] for row in by["opens"])
    assert all(len(row["skills_shown"]) == 14 for row in by["distracted"])
    assert all(len(row["skills_shown"]) <= 2 for row in by["found"])
    assert {row["calls"] for row in by["forced"]} == {1}
    assert all(row["skills_shown"] in ([], ["self-written"]) for row in by["wrote"])
    assert {row["calls"] for row in by["wrote"]} == {2}
    calls = pq.read_table(report / "calls.parquet").to_pylist()
    assert sum(call["role"] == "author" for call in calls) == len(by["wrote"])
    assert main(["show", str(report)]) == 0
    assert "What each role cost" in capsys.readouterr().out
