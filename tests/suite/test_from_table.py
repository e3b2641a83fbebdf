"""``ownbench suite from``: a table in, a linted suite out."""

import json

import pytest
import yaml

from harness.cli.entry import main
from harness.suite import load_suite

QUEUES = ("billing", "network", "Repairs")


def asked(suite):
    """What the first task asks."""
    return suite.prompt.of(suite.tasks[0])[0]["content"]


def table(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def made(tmp_path, rows, *options, code=0, columns=("--input", "q", "--reference", "a")):
    file = table(tmp_path / "table.jsonl", rows)
    assert main(["suite", "from", str(file), str(tmp_path / "made"), *columns, *options]) == code
    return tmp_path / "made"


def labelled(n=60):
    words = ["mail", "phone", "screen", "cable", "letter", "parcel", "invoice", "router"]
    return [
        {"q": f"case {i} about a {words[i % 8]} of room {i * 37 % 101} on day {i * 11 % 97}", "a": QUEUES[i % 3]}
        for i in range(n)
    ]


def test_few_references_become_labels_and_the_suite_lints_clean(tmp_path, capsys):
    rows = [row | {"who": f"mail {i // 3}", "note": "x"} for i, row in enumerate(labelled())]
    folder = made(tmp_path, rows, "--cluster", "who")
    said = capsys.readouterr().out
    assert "60 tasks (18 dev, 42 test)" in said
    assert "grader: label, 3 labels: Repairs, billing, network" in said
    assert "columns not used: note" in said
    assert "made: 0 errors" in said
    assert "next: " in said
    suite = load_suite(folder)
    assert [len(suite.tasks), len({t.cluster for t in suite.tasks}), suite.metric] == [60, 20, "macro_f1"]
    by_cluster = {}
    for t in suite.tasks:
        by_cluster.setdefault(t.cluster, set()).add(t.split)
    assert all(len(splits) == 1 for splits in by_cluster.values())
    assert "- billing" in asked(suite)
    assert asked(suite).startswith("case 0 about a mail")


@pytest.mark.parametrize(
    ("references", "grader"),
    [
        ([str(i * 7) for i in range(12)], {"name": "number"}),
        ([i * 0.5 for i in range(12)], {"name": "number"}),
        (["$1,200", "-3", "12%", "4.5"] * 3, {"name": "number"}),
        ([f"answer {i}" for i in range(12)], {"name": "exact"}),
        ([{"total": i} for i in range(12)], {"name": "json"}),
        ([[f"a{i}", f"b{i}"] for i in range(12)], {"name": "exact"}),
        ([True, False] * 6, {"name": "label", "labels": ["false", "true"]}),
        (["Yes", "yes", "no"] * 4, {"name": "label", "labels": ["Yes", "no"]}),
        ([1, 2] * 20, {"name": "label", "labels": ["1", "2"]}),
        (["the same"] * 12, {"name": "exact"}),
        ([f"0{i:02}" for i in range(12)], {"name": "exact"}),
        (["007", "008"] * 6, {"name": "label", "labels": ["007", "008"]}),
        ([f"030 12345{i}" for i in range(12)], {"name": "exact"}),
        ([f"+4930123{i}" for i in range(12)], {"name": "exact"}),
        ([f"40063813339{i}" for i in range(12)], {"name": "exact"}),
        (["+1", "-2", "+3", "4"] * 3, {"name": "number"}),
        (["0", "0.5", "-0.25", "1 000"] * 3, {"name": "number"}),
    ],
)
def test_the_grader_fits_the_references(tmp_path, references, grader):
    rows = [{"q": f"question number {i * 7919}", "a": reference} for i, reference in enumerate(references)]
    folder = made(tmp_path, rows)
    assert yaml.safe_load((folder / "suite.yaml").read_text())["grader"] == grader


def test_decimal_commas_are_written_as_points_and_that_is_said(tmp_path, capsys):
    file = tmp_path / "t.csv"
    values = ["0,5", "1,5", "-2,25", "1.234,5", "7", *(f"{i},75" for i in range(7))]
    file.write_text("q;a\n" + "".join(f"question {i * 7919};{value}\n" for i, value in enumerate(values)))
    args = ["suite", "from", str(file), str(tmp_path / "made"), "--input", "q", "--reference", "a"]
    assert main(args) == 0
    said = capsys.readouterr().out
    assert "grader: number\n" in said
    assert "note: references have a decimal comma; they are written with a point (0,5 as 0.5)" in said
    suite = load_suite(tmp_path / "made")
    assert [task.reference for task in suite.tasks[:5]] == ["0.5", "1.5", "-2.25", "1234.5", "7"]
    assert "with a decimal point" in asked(suite)


@pytest.mark.parametrize(
    ("values", "note", "first"),
    [
        (["1,500", "2,250"], "a comma in references parts thousands (1,500 is 1500)", "1,500"),
        (["0,5", "1.5"], "references hold commas", "0,5"),
        (["12,5%", "7 %"], "references have a decimal comma", "12.5%"),
        (["007", "011"], "references are digits that name something", "007"),
    ],
)
def test_how_references_were_read_is_said(tmp_path, capsys, values, note, first):
    rows = [{"q": f"question {i * 7919}", "a": value} for i, value in enumerate(values)]
    folder = made(tmp_path, rows, "--json")
    assert json.loads(capsys.readouterr().out)["notes"][0].startswith(note)
    assert load_suite(folder).tasks[0].reference == first


def test_the_seed_and_the_share_fix_the_splits_of_each_domain(tmp_path, capsys):
    rows = [row | {"d": "ab"[i % 2]} for i, row in enumerate(labelled(40))]
    splits = {}
    for seed in (1, 1, 2):
        file = table(tmp_path / "t.jsonl", rows)
        folder = tmp_path / f"s{len(splits)}-{seed}"
        args = ["--input", "q", "--reference", "a", "--domain", "d", "--seed", str(seed), "--dev-share", "0.5"]
        assert main(["suite", "from", str(file), str(folder), *args]) == 0
        suite = load_suite(folder)
        splits.setdefault(seed, []).append([t.split for t in suite.tasks])
        for domain in "ab":
            assert sum(t.split == "dev" for t in suite.tasks if t.domain == domain) == 10
    assert splits[1][0] == splits[1][1] != splits[2][0]


def test_rows_that_ask_the_same_share_a_cluster_and_gaps_are_said(tmp_path, capsys):
    rows = [*labelled(12), {"q": "Case 0  about a mail of room 0 on day 0", "a": "billing"}, {"q": "no"}, {"a": "x"}]
    folder = made(tmp_path, rows)
    said = capsys.readouterr().out
    assert "left out: rows, 1 without a (line 14)" in said
    assert "left out: rows, 1 without q (line 15)" in said
    tasks = load_suite(folder).tasks
    assert len(tasks) == 13
    assert tasks[12].cluster == tasks[0].cluster
    assert tasks[12].split == tasks[0].split


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--input", "qq", "--reference", "a"], "--input: there is no column 'qq'; did you mean 'q'?"),
        (["--input", "q", "--reference", "a", "--cluster", "who"], "--cluster: there is no column 'who'; known: a, q"),
        (["--input", "q", "--reference", "a", "--id", "a"], "--id: the id 'billing' is there 4 times; ids must differ"),
        (["--input", "q", "--reference", "a", "--dev-share", "1.5"], "give a share from 0 to less than 1"),
    ],
)
def test_what_cannot_be_made_leaves_nothing_behind(tmp_path, capsys, options, said):
    folder = made(tmp_path, labelled(12), code=2, columns=options)
    assert said in capsys.readouterr().err
    assert not folder.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["table.jsonl"]


def test_nothing_that_exists_is_written_over(tmp_path, capsys):
    (tmp_path / "made").mkdir()
    made(tmp_path, labelled(12), code=2)
    assert "made: exists already; name another folder" in capsys.readouterr().err
    assert list((tmp_path / "made").iterdir()) == []


def test_signs_of_templates_in_labels_are_nothing_but_text(tmp_path):
    rows = [{"q": f"question number {i * 7919}", "a": "{{ id }}" if i % 2 else "b"} for i in range(12)]
    folder = made(tmp_path, rows)
    assert "- {{ id }}" in asked(load_suite(folder))


def test_a_contradiction_is_written_and_named_with_exit_1(tmp_path, capsys):
    rows = [*labelled(12), {"q": labelled(1)[0]["q"], "a": "network"}]
    folder = made(tmp_path, rows, "--json", code=1)
    found = json.loads(capsys.readouterr().out)
    assert (found["valid"], found["tasks"]) == (False, 13)
    assert [f["rule"] for f in found["findings"] if f["severity"] == "error"] == ["contradiction"]
    assert folder.is_dir()


def test_a_saved_data_set_gives_the_names_of_its_labels(tmp_path, capsys):
    datasets = pytest.importorskip("datasets")
    kinds = {"q": datasets.Value("string"), "a": datasets.ClassLabel(names=["no", "yes"])}
    rows = {"q": [f"question {i * 7919}" for i in range(12)], "a": [i % 2 for i in range(12)]}
    data = datasets.Dataset.from_dict(rows, features=datasets.Features(kinds))
    datasets.DatasetDict(train=data, test=data).save_to_disk(tmp_path / "set")
    args = ["suite", "from", str(tmp_path / "set"), str(tmp_path / "made"), "--input", "q", "--reference", "a"]
    capsys.readouterr()
    assert main(args) == 2
    assert "the data set has the splits train, test; name one with --split" in capsys.readouterr().err
    assert main([*args, "--split", "train"]) == 0
    assert "grader: label, 2 labels: no, yes" in capsys.readouterr().out
