"""``show``, ``compare`` and ``report`` as a user calls them: output, files and exit codes."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.cli import main
from harness.store import evidence_digest


@pytest.fixture
def report(tmp_path):
    """Two contenders, 30 tasks: A passes 20 and B 14, 8 only A and 2 only B."""
    table = [(True, True)] * 12 + [(True, False)] * 8 + [(False, True)] * 2 + [(False, False)] * 8
    rows = [(name, f"t{i}", 0, "passed" if p else "failed", p, f"d{i % 2}", 0.5)
            for i, pair in enumerate(table) for name, p in zip("AB", pair, strict=True)]  # fmt: skip
    names = ["contender", "task", "trial", "status", "passed", "domain", "cost_usd"]
    folder = tmp_path / "reports" / "small"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), folder / "outcomes.parquet")
    return folder


def test_show_prints_the_scoreboard(report, capsys):
    assert main(["show", str(report)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "66.7% [48.8, 80.8]" in out  # 20 of 30, Wilson
    assert "46.7% [30.2, 63.9]" in out  # 14 of 30
    assert sorted(path.name for path in report.iterdir()) == ["outcomes.parquet"]  # show writes nothing


def test_show_json_is_what_report_writes(report, capsys):
    assert main(["show", str(report), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert main(["report", str(report), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["written"]
    names = ["report.html", "report.md", "statistics.json"]
    assert [path.rsplit("/", 1)[1] for path in written[:3]] == names
    statistics = json.loads((report / "statistics.json").read_text())
    assert statistics.pop("evidence") == evidence_digest(report)
    assert statistics == shown


def test_the_help_of_report_names_the_files_that_it_writes(capsys):
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    assert "report.html, report.md, statistics.json and the figures" in capsys.readouterr().out


def test_compare_prints_a_sentence_and_json_the_numbers(report, capsys):
    assert main(["compare", str(report), "A", "B"]) == 0
    assert capsys.readouterr().out.startswith(
        "No significant difference between `A` and `B`: +20.0 points ["
    )  # mid-p .065
    assert main(["compare", str(report), "A", "B", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["wins"], found["losses"], found["both_passed"], found["both_failed"]) == (8, 2, 12, 8)
    assert found["p_exact"] == pytest.approx(112 / 1024)  # 2 (1 + 10 + 45) / 2^10


def test_a_report_is_found_by_its_name(report, capsys, monkeypatch):
    monkeypatch.chdir(report.parents[1])
    assert main(["show", "small"]) == 0
    assert capsys.readouterr().out.startswith("small: 30 tasks")


@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "{}/nowhere"], 2, "no such report"),
        (["compare", "{}", "A", "A"], 2, "itself"),
        (["compare", "{}", "A", "C"], 2, "no contender 'C'"),
        (["show", "{}/empty"], 2, "no report: a report has experiment.yaml or outcomes.parquet"),
        (["report", "{}/empty"], 2, "no report: "),
        (["compare", "{}/empty", "A", "B"], 2, "no report: "),
        (["compare", "{}", "{}/empty"], 2, "no report: "),
        (["gate", "{}", "{}/empty"], 2, "no report: "),
        (["gate", "{}/empty", "{}"], 2, "no report: "),
        (["advise", "{}/empty"], 2, "no report: "),
        (["domains", "{}/empty"], 2, "no report: "),
        (["ls", "{}/empty"], 2, "no report, and none in it"),
        (["show", "{}/.."], 2, "no report, but a folder of reports; name one: small"),
        (["show", "{}/begun"], 4, "no results yet"),
        (["report", "{}/begun"], 4, "no results yet"),
        (["show", "{}", "--split", "dev"], 2, "dev"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(report, capsys, arguments, code, words, flags):
    (report / "empty").mkdir()
    (report / "empty" / "a.txt").write_text("no file of a report")
    (report / "begun").mkdir()
    (report / "begun" / "experiment.yaml").write_text("name: begun\n")
    assert main([a.format(report) for a in arguments] + flags) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--level", "95"], ["--level", "x"], ["--level", "0.999999999999"], ["--split", "train"]]
)
def test_wrong_options_are_refused(report, capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["show", str(report), *arguments])
    assert stopped.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "arguments", [["show", ""], ["compare", "", "A", "B"], ["gate", " "], ["ls", ""], ["advise", ""]]
)
def test_no_name_is_not_the_folder_in_which_one_stands(report, capsys, monkeypatch, arguments):
    monkeypatch.chdir(report)
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "needed a folder" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["show", "compare", "report"])
def test_help_has_an_example(verb, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    assert f"ownbench {verb} reports/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "r", "--level", "0.99999"], "needed a number from 0.5 to 0.9999, such as 0.95"),
        (["sweep", "r", "--seed", "-1"], "needed a whole number from 0 to 9,223,372,036,854,775,807, such as 7"),
        (["gate", "r", "--self-test", "--seed", "x"], "needed a whole number from 0 to 9,223,372,036,854,775,807"),
    ],
)
def test_a_number_that_is_refused_is_told_both_bounds_in_one_line(capsys, arguments, said):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    out, err = capsys.readouterr()
    assert (stopped.value.code, out, err.count("\n")) == (2, "", 1)
    assert said in err
