"""``factorial`` as a user calls it."""

import json

import pytest

from harness.cli import main


@pytest.fixture
def report(tmp_path, capsys):
    rows = ["contender,task,passed"]
    rates = {"base": 3, "tuned": 6, "skilled": 5, "both": 9}
    rows += [f"{name},t{i},{int(i % 10 < n)}" for name, n in rates.items() for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    assert main(["import", "table", str(tmp_path / "t.csv"), str(tmp_path / "r")]) == 0
    capsys.readouterr()
    return tmp_path / "r"


def test_an_incomplete_design_is_no_evidence(report, capsys):
    assert main(["factorial", str(report), "--base", "base", "--tuned", "tuned", "--skilled", "skilled"]) == 4
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "both (the model with both an adapter and skills) is missing" in err


def test_effects_as_json_and_as_a_table(report, capsys):
    named = [word for cell in ("base", "tuned", "skilled", "both") for word in (f"--{cell}", cell)]
    assert main(["factorial", str(report), *named, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [e["name"] for e in found["effects"]] == ["tuning", "skills", "interaction"]
    assert {"name", "delta", "low", "high", "p_value", "method"} == set(found["effects"][0])
    assert [round(e["delta"], 6) for e in found["effects"]] == [0.35, 0.25, 0.1]
    assert main(["factorial", str(report), *named]) == 0
    out = capsys.readouterr().out
    assert "Main effects and interaction" in out
    assert next(line for line in out.splitlines() if line.startswith("tuning ")).split()[1] == "+35.00"


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["factorial", "--help"])
    assert "ownbench factorial reports/" in capsys.readouterr().out
