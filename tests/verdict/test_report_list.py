"""A line for each report of a folder, and rates over time."""

import json
from datetime import UTC, datetime

import pytest

from harness.analysis import scoreboard
from harness.cli import main
from harness.core import UsageError
from harness.store import Journal
from harness.verdict import list_reports, rates_in, trends_of

DONE = {"complete": True, "planned": 200, "done": 200}


def at(day):
    return {"created_at": f"2026-03-{day:02}T10:00:00+00:00"}


@pytest.fixture
def reports(make_report, paired_rows, tmp_path):
    first = make_report(paired_rows(70, 20, 4, 6, cost_usd=0.5), manifest=DONE | at(1), name="first")
    later = make_report(
        paired_rows(80, 5, 10, 5), manifest=DONE | at(2) | {"done": 90, "complete": False}, name="later"
    )
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "experiment.yaml").write_text("name: begun\n")
    return first, later, begun


def test_a_line_says_when_how_far_who_leads_and_what_was_spent(reports):
    found = {one.report: one for one in list_reports(reports).reports}
    assert list(found) == ["begun", "later", "first"]  # the newest first
    first = found["first"]
    assert (first.made, first.state, first.contenders, first.tasks) == (
        datetime(2026, 3, 1, 10, tzinfo=UTC),
        "finished",
        2,
        100,
    )
    assert (first.best.contender, first.best.pass_rate.value, first.spent_usd, first.interim) == (
        "A",
        0.9,
        100.0,
        False,
    )
    shown = {one.name: one.pass_rate for one in scoreboard(reports[0]).contenders}
    assert {one.contender: one.pass_rate for one in first.rates} == shown
    assert (found["later"].state, found["later"].interim, found["later"].spent_usd) == ("stopped", True, None)
    assert (found["begun"].state, found["begun"].best, found["begun"].tasks) == ("not begun", None, None)


def test_a_run_that_is_at_work_says_so(reports):
    with Journal(reports[0]):
        (line,) = list_reports(reports[:1]).reports
    assert (line.state, line.note) == ("running", "200 of 200 attempts made")


def test_a_broken_report_is_a_line_and_no_error(reports):
    (reports[0] / "outcomes.parquet").write_bytes(b"PAR1")
    line = next(one for one in list_reports(reports).reports if one.report == "first")
    assert (line.state, line.rates) == ("broken", ())
    assert "outcomes.parquet" in line.note


def test_trends_are_of_contenders_in_several_reports_the_oldest_first(reports):
    read = [rates_in(one) for one in reports]
    found = trends_of(read)
    assert list(found.contenders) == ["A", "B"]
    assert [(one.report, one.rate.pass_rate.value, one.interim) for one in found.contenders["B"]] == [
        ("first", 0.74, False), ("later", 0.9, True)]  # fmt: skip
    assert list(trends_of(read, ["B"]).contenders) == ["B"]
    with pytest.raises(UsageError, match="no report here has a contender 'C'"):
        trends_of(read, ["C"])


def test_the_verb_prints_a_table_or_json(reports, tmp_path, capsys):
    assert main(["ls", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "90.0% [82.6, 94.5]" in out  # 90 of 100, Wilson
    assert "$100.00" in out
    assert main(["ls", str(tmp_path), "--trend", "A", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["contenders"]) == ["A"]
    assert main(["ls", str(tmp_path / "nowhere")]) == 2
    assert "no such report" in capsys.readouterr().err
