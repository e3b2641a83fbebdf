"""``ownbench suite lint`` as a user calls it: what a run would refuse, the lint refuses."""

import json
import shutil

import pytest

from harness.cli.entry import main

TASKS = [{"id": f"t{i}", "input": f"a question that asks for number {i * 7919}", "reference": "x"} for i in range(3)]


def suite_of(tmp_path, grader, tasks=TASKS):
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "suite.yaml").write_text(
        f"name: s\nversion: '1'\ntasks: tasks.jsonl\ndomains: [d]\ngrader: {json.dumps(grader)}\n"
    )
    (folder / "tasks.jsonl").write_text("".join(json.dumps({"domain": "d"} | t) + "\n" for t in tasks))
    return folder


@pytest.mark.parametrize(
    ("grader", "tasks", "words"),
    [
        ("exakt", TASKS, ("error: grader: ", "/s: ", "unknown grader 'exakt'", "exact", "[t0, t1, t2]")),
        ({"name": "label", "lables": ["x"]}, TASKS, ("error: grader: ", "lables", "did you mean 'labels'", "[t0, t1")),
        (
            {"name": "label", "labels": ["x", "y"]},
            [*TASKS, {"id": "odd", "input": "and another one", "reference": "z"}],
            ("error: reference: ", "'z'", "[odd]"),
        ),
    ],
)
def test_a_suite_that_cannot_be_graded_is_an_error(tmp_path, capsys, grader, tasks, words):
    folder = suite_of(tmp_path, grader, tasks)
    assert main(["suite", "lint", str(folder)]) == 1
    out = capsys.readouterr().out
    for word in words:
        assert word in out
    assert out.splitlines()[-1].startswith("s: 1 error, ")
    assert main(["suite", "lint", str(folder), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["valid"] is False
    assert found["findings"][0]["severity"] == "error"


def test_a_sound_suite_has_no_error(tmp_path, capsys):
    assert main(["suite", "lint", str(suite_of(tmp_path, {"name": "label", "labels": ["x", "y"]}))]) == 0
    assert ": 0 errors, " in capsys.readouterr().out


def test_a_reference_that_no_answer_can_give_is_an_error_by_task(tmp_path, capsys):
    grader = {"name": "regex", "pattern": "Answer: (.+)", "group": 1}
    odd = {"id": "odd", "input": "and another one", "reference": "two\nlines"}
    assert main(["suite", "lint", str(suite_of(tmp_path, grader, [*TASKS, odd]))]) == 1
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error")]
    assert len(found) == 1
    assert all(word in found[0] for word in ("error: reference: ", "no answer can give", "two", "[odd]"))


def test_a_pattern_that_never_ends_is_tried_once(tmp_path, capsys, monkeypatch):
    from harness.userfile import child

    monkeypatch.setattr(child, "SECONDS", 0.3)
    slow = [{"id": f"s{i}", "input": f"a question {i * 7919}", "reference": "x" * 40 + f"!{i}"} for i in range(20)]
    grader = {"name": "regex", "pattern": r"^((?:x+)+)$", "group": 1}
    assert main(["suite", "lint", str(suite_of(tmp_path, grader, slow))]) == 1
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error")]
    assert len(found) == 1
    assert all(word in found[0] for word in ("error: grader: ", "took longer", "[s0, s1, ", "15 more]"))


def test_several_suites_are_linted_as_those_of_one_experiment(tmp_path, capsys):
    folder = suite_of(tmp_path, "exact")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert main(["suite", "lint", str(folder), str(copy)]) == 1
    assert "error: in-two-suites: 3 tasks ask what tasks of s ask" in capsys.readouterr().out
    assert main(["suite", "lint", str(folder), str(copy), "--json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert [s["valid"] for s in body["suites"]] == [True, False]
    (copy / "tasks.jsonl").write_text(json.dumps({"id": "o", "domain": "d", "input": "other", "reference": "x"}) + "\n")
    assert main(["suite", "lint", str(folder), str(copy)]) == 0


@pytest.mark.parametrize(
    ("grader", "said"),
    [
        ({"name": "label", "labels": "x"}, "grader label.labels: found the text 'x'; needed: a list"),
        ({"name": "label", "labels": ["x"]}, "grader label.labels: found 1 item; needed: at least 2 items"),
        ({"name": "json_schema", "schema": {"type": "foo"}}, "$.type: 'foo' is not allowed here"),
    ],
)
def test_a_grader_s_fault_is_said_in_plain_words_and_counts(tmp_path, capsys, grader, said):
    assert main(["suite", "lint", str(suite_of(tmp_path, grader, TASKS[:1]))]) == 1
    out = capsys.readouterr().out
    assert said in out
    assert "domain d has 1 task: too few" in out


def test_a_folder_that_cannot_be_written_is_named_as_the_user_named_it(tmp_path, capsys):
    table = tmp_path / "t.csv"
    table.write_text("q,a\nx,1\n")
    (tmp_path / "file").write_text("")
    assert main(["suite", "from", str(table), str(tmp_path / "file" / "s"), "--input", "q", "--reference", "a"]) == 2
    assert "/file/s: cannot be written: " in capsys.readouterr().err
