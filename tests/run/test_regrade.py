"""``ownbench regrade``: stored answers under the present graders, nobody asked, nothing lost."""

import live
import pytest
import yaml
from live import Server
from test_grading import judged  # noqa: F401 - a fixture
from test_run import HYBRID

LENIENT = {"name": "contains"}
STRICT = {"name": "regex", "pattern": "answer [0-4]"}
"""Passes of ``answer 0`` to ``answer 7`` those up to 4."""


def grade_by(report, **grader):
    path = report.parent / "suites" / "s" / "suite.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"grader": grader}))


@pytest.fixture
def finished(tmp_path, capfd):
    """A finished report of a worker, an expert and a hybrid on eight tasks, and how many requests it took."""
    with Server() as served:
        live.write_suite(tmp_path / "suites" / "s", 8, grader=LENIENT)
        models = {"m": live.served_model(served), "e": live.served_model(served, model="e")}
        contenders = {name: HYBRID[name] for name in ("worker", "expert", "oracle")}
        report = live.write_experiment(tmp_path / "r", models=models, contenders=contenders, trials=2)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        yield report, served
        assert len(served.seen) == 2 * 2 * 8  # no contender's model was called since


def test_the_same_graders_change_nothing(finished, capfd):
    report, _ = finished
    before = {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()}
    code, out, _ = live.inside(capfd, "regrade", report)
    assert (code, out) == (0, "48 answers graded again, no grade changed\n")
    assert {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()} == before


def test_a_report_without_stored_answers_says_so_in_one_line(tmp_path, capfd):
    table = tmp_path / "t.csv"
    table.write_text("contender,task,passed\na,t,1\n")
    assert live.inside(capfd, "import", "table", table, tmp_path / "r")[0] == 0
    code, out, err = live.inside(capfd, "regrade", tmp_path / "r")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no answers are stored here" in err
