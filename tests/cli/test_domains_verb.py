"""``domains`` as a user calls it."""

import json

import pytest

from harness.cli import main


@pytest.fixture
def report(tmp_path, capsys):
    """Four domains of 10 tasks, three trials: A better in three of them and worse in one."""
    lines = ["contender,task,trial,passed,domain"]
    for i in range(40):
        worse = i % 4 == 3
        for name, passes in (("A", 1 if worse else 3 - i % 2), ("B", 3 if worse else 1)):
            lines += [f"{name},t{i},{k},{int(k < passes)},d{i % 4}" for k in range(3)]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(lines) + "\n")
    assert main(["import", "table", str(table), str(tmp_path / "r")]) == 0
    capsys.readouterr()
    return tmp_path / "r"


def test_domains_prints_its_parts_and_json_the_figures(report, capsys):
    assert main(["domains", str(report), "A", "B"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for words in (
        "Do the domains differ? Yes. In 1 of 4 domains A is likely to be worse: d3.",
        "tasks look worse with A than with B",
        "Why results vary from task to task",
    ):
        assert words in out
    assert main(["domains", str(report), "A", "B", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["regressed"] == ["d3"]
    assert [d["delta"] < 0 for d in found["domains"]] == [False, False, False, True]
    assert found["worse"]["observed"] == 10
    assert main(["domains", str(report), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [(["A", "A"], 2, "itself"), (["A", "C"], 2, "no contender 'C'"), (["A"], 2, "which other"),
     (["--split", "dev"], 2, "dev")],
)  # fmt: skip
def test_errors_are_one_line_and_an_exit_code(report, capsys, arguments, code, words):
    assert main(["domains", str(report), *arguments, "--json"]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err
