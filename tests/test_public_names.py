"""The public surface: what ``import harness`` offers, and that it offers it late."""

import subprocess
import sys
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).parents[1]

PUBLIC = {
    "Comparison",
    "Estimate",
    "EvidenceError",
    "OwnbenchError",
    "Report",
    "Suite",
    "Task",
    "UsageError",
    "UserFileError",
    "__version__",
    "gate",
    "import_table",
    "lint_library",
    "lint_suite",
    "load_adapter",
    "load_experiment",
    "load_library",
    "load_suite",
    "open_report",
    "parse_mapping",
    "run",
    "stats",
}


def test_the_public_names_are_these():
    assert set(harness.__all__) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there_and_documented(name):
    value = getattr(harness, name)
    assert name == "__version__" or (value.__doc__ or "").strip()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = harness.nothing


def test_a_report_is_judged_from_python(tmp_path):
    table = tmp_path / "results.csv"
    rows = [f"{who},t{i},{int(i % 4 != 0 or who == 'a')}" for who in "ab" for i in range(40)]
    table.write_text("contender,task,passed\n" + "\n".join(rows) + "\n")
    harness.import_table(table, tmp_path / "report")
    report = harness.open_report(tmp_path / "report")
    assert report.contenders == ("a", "b")
    assert len(report.outcomes) == 80
    frame = report.scoreboard().to_pandas().set_index("name")
    assert frame.loc["b", "pass_rate"] == 0.75
    compared = report.compare("a", "b")
    assert (compared.wins, compared.losses, compared.delta) == (10, 0, 0.25)
    assert compared.p_exact == pytest.approx(2 / 2**10)
    assert "passes more tasks than" in str(compared)
    found = harness.gate(str(tmp_path / "report"), tmp_path / "report", candidate_contender="b")
    assert (found.decision, found.exit_code) == ("BLOCK", 1)


def test_a_sweep_is_read_from_python(tmp_path):
    rows = [f"w,t{i},{int(i % 3 > 0)},{(i % 10) / 10},0.1" for i in range(60)]
    rows += [f"e,t{i},{int(i % 7 > 0)},,1.0" for i in range(60)]
    (tmp_path / "t.csv").write_text("contender,task,passed,confidence,cost_usd\n" + "\n".join(rows) + "\n")
    harness.import_table(tmp_path / "t.csv", tmp_path / "report")
    swept = harness.open_report(tmp_path / "report").sweep(worker="w", expert="e")
    controls = swept.to_json()["controls"]
    assert controls["never"]["pass_rate"]["value"] == pytest.approx(40 / 60)
    assert controls["always"]["cost_per_task_usd"]["value"] == pytest.approx(1.1)  # the worker's call is charged too
    assert "always escalating" in str(swept)


def test_run_is_a_room_and_a_verb():
    code = "import harness; assert callable(harness.run); from harness.run import run_report; assert harness.run.crew"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
