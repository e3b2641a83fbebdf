"""Small words: advice that fits its problem, one thing in the singular, an option's own name."""

import pytest

from harness.cli.entry import main


def import_one(tmp_path, *options):
    table = tmp_path / "t.csv"
    table.write_text("contender,task,passed\nA,x,1\n")
    return main(["import", "table", str(table), str(tmp_path / "r"), *options])


def test_one_of_everything_is_in_the_singular(tmp_path, capsys):
    assert import_one(tmp_path) == 0
    assert capsys.readouterr().out.startswith("1 outcome of 1 contender at 1 task in ")
    assert main(["show", str(tmp_path / "r")]) == 0
    assert capsys.readouterr().out.startswith("r: 1 task, 1 graded attempt of 1 contender\n")


def test_a_used_folder_is_refused_by_the_name_of_the_option(tmp_path, capsys):
    import_one(tmp_path)
    capsys.readouterr()
    assert import_one(tmp_path) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert import_one(tmp_path, "--overwrite") == 0


def test_the_help_says_what_the_exit_codes_mean(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert text.endswith(
        "exit codes: 0 done or SHIP, 1 BLOCK (or a lint found errors), 2 wrong use, 3 INCONCLUSIVE, 4 the evidence "
        "cannot be judged, or a run is incomplete"
    )


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("name: a: b\n", "quote texts"),
        ("name: @x\n", "quote texts"),
        ("name: *x\n", "quote texts"),
        ("name:\n\t- b\n", "indent with spaces"),
        ("name: 1\nname: 2\n", "keep one"),
        ("name: {b: 1\nc: 2\n", "close the bracket"),
        ("name: [1, 2\nc: 2\n", "close the bracket"),
        ('name: "x\nb: 1\n', "close the quotation mark"),
        ("  a: 1\n b: 2\n", "check the indentation"),
    ],
)
def test_advice_about_yaml_fits_the_problem(tmp_path, capsys, text, advice):
    (tmp_path / "experiment.yaml").write_text(text)
    assert main(["check", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert advice in err
    assert ("quote texts" in err) == (advice == "quote texts")


def test_an_option_of_an_importer_without_a_word_takes_none(tmp_path, capsys):
    table = tmp_path / "t.csv"
    table.write_text("task,A,B\nx,1,0\ny,1,1\n")
    assert main(["import", "table", str(table), str(tmp_path / "r"), "--wide"]) == 0
    assert capsys.readouterr().out.startswith("4 outcomes of 2 contenders at 2 tasks in ")
