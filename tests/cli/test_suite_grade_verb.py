"""``ownbench suite grade`` as a user calls it: given answers in, grades out, no model."""

import json
import time
from pathlib import Path

import pytest

from harness.cli.entry import main

LABEL = {"name": "label", "labels": ["red", "blue"]}
TASKS = [
    {"id": "colour", "domain": "d", "input": "a colour?", "reference": "red", "grader": LABEL},
    {"id": "sum", "domain": "d", "input": "2 + 3?", "reference": 5, "grader": {"name": "number"}},
]


@pytest.fixture
def suite(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "suite.yaml").write_text("name: s\nversion: '1'\ntasks: tasks.jsonl\ndomains: [d]\ngrader: exact\n")
    (folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in TASKS))
    return folder


def graded(suite, rows, *more):
    path = suite.parent / "rows.jsonl"
    if rows is not None:
        path.write_bytes(rows if isinstance(rows, bytes) else "".join(json.dumps(row) + "\n" for row in rows).encode())
    return main(["suite", "grade", str(suite), str(path), *more])


def test_rows_come_back_graded_in_their_order(suite, capsys):
    rows = [
        {"task": "sum", "answer": "It is 5.", "finish": "stop"},
        {"task": "colour", "answer": "**Blue**", "finish": "stop"},
        {"task": "colour", "answer": "Red.", "finish": "length"},
    ]
    assert graded(suite, rows, "--json") == 0
    found = json.loads(capsys.readouterr().out)["rows"]
    assert found[0] == {
        "task": "sum",
        "status": "passed",
        "cause": None,
        "score": 1.0,
        "label_predicted": None,
        "reason": "",
    }
    assert [(r["task"], r["status"], r["cause"], r["label_predicted"]) for r in found[1:]] == [
        ("colour", "failed", "wrong", "blue"),
        ("colour", "passed", None, "red"),
    ]
    assert found[1]["reason"]
    assert graded(suite, rows) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["task", "status", "cause", "score", "label", "reason"]
    assert lines[-1] == "3 rows: 2 passed, 1 failed"


@pytest.mark.parametrize(
    ("finish", "answer", "status", "cause"),
    [
        ("length", "re", "failed", "truncated"),
        ("max_tokens", "re", "failed", "truncated"),
        ("length", "", "failed", "truncated"),
        ("stop", "", "failed", "empty"),
        ("content_filter", "red", "failed", "refused"),
        ("error", "red", "errored", "provider"),
        (None, "red", "passed", None),
    ],
)
def test_how_an_answer_ended_counts_as_in_a_run(suite, capsys, finish, answer, status, cause):
    assert graded(suite, [{"task": "colour", "answer": answer, "finish": finish}], "--json") == 0
    row = json.loads(capsys.readouterr().out)["rows"][0]
    assert (row["status"], row["cause"]) == (status, cause)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"task": "colour", "answer": "red"}, {"task": "color", "answer": "red"}], ["line 2", "'color'", "'colour'"]),
        (b'{"task": "colour", "answer": "red"}\n\n{"task": \n', ["line 3", "not valid JSON"]),
        ([{"task": "colour", "finish": "stop"}], ["line 1.answer", "missing"]),
        ([{"task": "colour", "answer": "red", "finsh": "stop"}], ["line 1.finsh", "'finish'"]),
        ([{"task": "colour", "answer": 5}], ["line 1.answer", "5"]),
        ([["colour", "red"]], ["line 1", "needed one JSON object"]),
        (b'{"task": "colour", "answer": "red"}\n\xff\n', ["line 2", "not UTF-8"]),
        ([], ["no row"]),
        (None, ["there is no such file"]),
    ],
)
def test_a_bad_file_is_one_line_that_says_where(suite, capsys, rows, words):
    assert graded(suite, rows, "--json") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert all(word in err for word in ["rows.jsonl", *words]), err


def test_some_thousand_rows_take_seconds(suite, capsys):
    start = time.process_time()
    assert graded(suite, [{"task": "colour", "answer": "The colour is red. " * 20}] * 3_000, "--json") == 0
    assert time.process_time() - start < 10
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 3_000


@pytest.mark.shared
def test_the_recorded_cases_come_out_as_expected(tmp_path, capsys):
    cases = next(
        (p / "shared/cases/graders.jsonl" for p in Path(__file__).parents if (p / "shared/cases").is_dir()), None
    )
    if cases is None or not cases.is_file():
        pytest.skip("no shared cases")
    rows = [json.loads(line) for line in cases.read_text(encoding="utf-8").splitlines()]
    (tmp_path / "s").mkdir()
    (tmp_path / "s/suite.yaml").write_text("name: s\nversion: '1'\ntasks: tasks.jsonl\ndomains: [d]\ngrader: exact\n")
    with (tmp_path / "s/tasks.jsonl").open("w") as file:
        for i, row in enumerate(rows):
            task = {
                "id": f"t{i}",
                "domain": "d",
                "input": f"q{i}",
                "reference": row["reference"],
                "grader": row["grader"],
            }
            file.write(json.dumps(task) + "\n")
    answers = [
        {"task": f"t{i}", "answer": row["answer"], "finish": row.get("finish", "stop")} for i, row in enumerate(rows)
    ]
    assert graded(tmp_path / "s", answers, "--json") == 0
    found = json.loads(capsys.readouterr().out)["rows"]
    wrong = []
    for row, grade in zip(rows, found, strict=True):
        status, _, cause = row["expect"].partition(":")
        label = row.get("predicted") or grade["label_predicted"]
        if (grade["status"], grade["cause"] if cause else "", grade["label_predicted"]) != (status, cause, label):
            wrong.append((row["answer"], row["expect"], grade))
    assert not wrong
