"""``power`` and ``audit`` as a user calls them."""

import json

import pytest

from harness.cli import main


def found(capsys, *arguments):
    assert main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def test_audit_has_the_promised_keys(capsys):
    record = found(capsys, "audit", "--a", "15/100", "--b", "14/100")
    promised = ["a", "b", "delta", "unpaired_p", "paired_p_best", "paired_p_worst", "tasks_needed", "sentence"]
    assert list(record)[:8] == promised
    assert record["unpaired_p"] == pytest.approx(1.0)
    assert (record["a"]["value"], record["a"]["n_tasks"]) == (0.15, 100)
    assert found(capsys, "audit", "--a", "18/100", "--b", "14/100")["paired_p_best"] == pytest.approx(0.125)
    known = found(capsys, "audit", "--a", "217/410", "--b", "200/410", "--paired-discordant", "51")
    assert round(known["paired_p_best"], 3) == 0.024


def test_audit_prints_its_sentence_first(capsys):
    assert main(["audit", "--a", "18/100", "--b", "14/100"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("A difference of +4.00 points supports no claim")
    assert any("p = 0.125 (4 only a, 0 only b" in line for line in lines)


def test_power_answers_its_three_questions(capsys):
    assert found(capsys, "power", "--delta", ".05", "--discordant", ".2")["tasks"] == 626
    assert set(found(capsys, "power", "--tasks", "80", "--discordant", ".2")) == {"delta"}
    assert found(capsys, "power", "--margin", ".03", "--discordant", ".1")["tasks"] == 687
    more = found(capsys, "power", "--delta", ".05", "--discordant", ".2", "--power", ".9", "--alpha", ".01")
    assert more["tasks"] > 1000


def test_power_takes_the_discordant_share_of_a_report(capsys, tmp_path):
    table = tmp_path / "t.csv"
    lines = [f"{name},t{i},{int((name == 'A') == (i < 6) or i >= 20)}" for name in "AB" for i in range(40)]
    table.write_text("contender,task,passed\n" + "\n".join(lines) + "\n")
    assert main(["import", "table", str(table), str(tmp_path / "r")]) == 0
    capsys.readouterr()
    of = ("--report", str(tmp_path / "r"), "--pair", "A", "B")
    assert found(capsys, "power", "--delta", ".1", *of)["discordant"]["value"] == 0.5  # 6 and 14 of 40
    assert main(["power", "--tasks", "100", *of]) == 0
    assert "50.0% [35.2, 64.8] of tasks, seen on 40" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["power", "--delta", ".05"], "--discordant"),
        (["power", "--discordant", ".2"], "--tasks"),
        (["power", "--delta", ".05", "--tasks", "9", "--discordant", ".2"], "one question"),
        (["power", "--delta", ".05", "--report", "x"], "--pair"),
        (["power", "--delta", ".05", "--discordant", ".2", "--split", "dev"], "--split"),
        (["power", "--delta", ".05", "--discordant", ".2", "--report", "x", "--pair", "a", "b"], "both"),
        (["power", "--delta", ".05", "--report", "x", "--pair", "a", "b"], "no such report"),
        (["power", "--delta", ".3", "--discordant", ".2"], "larger than"),
        (["audit", "--a", "15/100", "--b", "14/100", "--paired-discordant", "2"], "steps of 2"),
        (["audit", "--a", "115/100", "--b", "14/100"], "115/100"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(capsys, arguments, words, flags):
    assert main(arguments + flags) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["power", "--delta", "nan", "--discordant", ".2"], ["power", "--tasks", "x"],
                                       ["audit", "--a", "15", "--b", "1/2"], ["audit", "--a", "1/2"]])  # fmt: skip
def test_what_is_no_number_is_refused(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verb", ["power", "audit"])
def test_help_has_an_example(verb, capsys):
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert f"  ownbench {verb} --" in capsys.readouterr().out


def test_a_negative_count_is_named(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["audit", "--a", "-1/10", "--b", "2/10"])
    assert stopped.value.code == 2
    assert "argument --a: found '-1/10', needed passes/tasks, such as 15/100" in capsys.readouterr().err
