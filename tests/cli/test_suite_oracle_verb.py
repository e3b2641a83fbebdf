"""``ownbench suite lint --oracle``: every program task can be passed, and is not passed by doing nothing."""

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.sandbox import opening, probe

boxed = pytest.mark.skipif(not probe("bubblewrap").usable, reason="bubblewrap makes no box here")
CHECK = 'test "$(cat answer.txt)" = right || { echo "found: $(cat answer.txt)"; exit 1; }'
SOLVED = {"answer.txt": "solutions/right"}


@pytest.fixture
def suite(tmp_path):
    """Writes a suite of program tasks in which each line is laid over a task that its oracle solves."""

    def written(*lines, **keys):
        for name, text in {
            "tests/check.sh": CHECK,
            "tests/lenient.sh": "true",
            "tests/stuck.sh": "sleep 60",
            "tests/half.sh": "echo .5 > reward.txt",
            "solutions/right": "right\n",
            "solutions/wrong": "wrong\n",
            "solutions/solve.sh": "echo $GIVEN > /dev/null; cat data.txt > answer.txt; exit 3",
            "data.txt": "right",
        }.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        content = {"name": "s", "domains": ["d"], "tasks": "tasks.jsonl", "environment": "host", "tests": "tests"}
        content |= {
            "grader": {"name": "program", "command": ["sh", "check.sh"], "timeout_s": 5},
            "oracle": SOLVED,
        } | keys
        (tmp_path / "suite.yaml").write_text(json.dumps(content))
        tasks = [{"id": f"t{n}", "input": f"question {n}"} | dict(line) for n, line in enumerate(lines or [{}])]
        (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
        return str(tmp_path)

    return written


def by(command, **options):
    return {"grader": {"command": ["sh", command], **options}}


def linted(capsys, folder, *more):
    code = main(["suite", "lint", folder, "--oracle", *more])
    out = capsys.readouterr().out
    return code, json.loads(out) if "--json" in more else out.splitlines()


@boxed
def test_variables_reach_the_oracle_and_the_check(suite, capsys):
    solve, check = 'test "$BOX$ONCE" = ab && echo right > answer.txt', 'test "$BOX$ONCE" = a && sh /tests/check.sh'
    folder = suite(
        oracle={"solve.sh": "solutions/solve.sh"},
        oracle_env={"ONCE": "b"},
        environment={"host": True, "env": {"BOX": "a"}},
        grader={"name": "program", "command": ["sh", "-c", check], "timeout_s": 5},
    )
    Path(folder, "solutions/solve.sh").write_text(solve)
    code, found = linted(capsys, folder, "--json")
    assert (code, found["oracle"]) == (0, {"tasks": 1, "oracle_passed": 1, "null_passed": 0, "without_oracle": 0})


@boxed
def test_a_suite_whose_oracle_passes_and_whose_nothing_does_not(suite, capsys):
    script = {"files": ["data.txt"], "oracle": {"solve.sh": "solutions/solve.sh"}}
    code, found = linted(capsys, suite({}, script), "--json")
    assert (code, found["valid"]) == (0, True)
    assert found["oracle"] == {"tasks": 2, "oracle_passed": 2, "null_passed": 0, "without_oracle": 0}
    _, lines = linted(capsys, suite({}, script))
    assert lines[-1] == "s: the oracle passes 2 of 2 tasks, doing nothing 0"


@boxed
@pytest.mark.parametrize(
    ("line", "rule", "said"),
    [
        ({"oracle": {"answer.txt": "solutions/wrong"}}, "oracle-fails", "failed (found: wrong)"),
        (
            {"oracle": {"solve.sh": "solutions/solve.sh"}},
            "oracle-fails",
            "solve.sh: exit code 3, cat: data.txt: No such",
        ),
        (by("half.sh"), "oracle-fails", "failed, score 0.5"),
        (by("lenient.sh"), "null-passes", "doing nothing passes"),
        (by("stuck.sh", timeout_s=0.5), "no-verdict", "the grader's program did not end within 0.5 s"),
        (by("check.sh", reward="required"), "no-verdict", "left no reward, exit code 1; it said: found:"),
        ({"grader": {"command": ["gone"]}}, "no-verdict", "the grader's command 'gone' is not in the box"),
    ],
)
def test_what_is_not_so_is_one_line_a_task_and_an_error(suite, capsys, line, rule, said):
    folder = suite({}, line)
    code, lines = linted(capsys, folder)
    assert code == 1
    (one,) = (text for text in lines if text.startswith(f"error: {rule}: "))
    assert said in one
    assert one.endswith("[t1]")
    assert linted(capsys, folder, "--json")[1]["oracle"]["oracle_passed"] == 1


@boxed
def test_tasks_without_an_oracle_are_named(suite, capsys):
    code, lines = linted(capsys, suite({}, {"oracle": []}, {"oracle": []}))
    assert code == 0
    assert "warning: no-oracle: 2 tasks without an oracle: that they can be passed is not shown [t1, t2]" in lines


@boxed
def test_of_graders_combined_the_programs_are_tried(suite, capsys):
    parts = {"of": [{"name": "program", "command": ["sh", "lenient.sh"]}, {"name": "contains", "all": ["x"]}]}
    code, found = linted(capsys, suite(grader={"name": "all", **parts}), "--json")
    assert (code, found["oracle"]["null_passed"]) == (1, 1)


def test_a_suite_without_programs_needs_no_box(suite, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    code, lines = linted(capsys, suite({"reference": "x"}, grader="exact"))
    assert (code, lines[-1]) == (0, "s: no task has a grader that is a program")


def test_a_machine_without_a_sandbox_is_one_line_and_2(suite, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "/nowhere")
    folder, rows = suite(), tmp_path / "rows.jsonl"
    rows.write_text('{"task": "t0", "answer": "right"}\n')
    for command in (["lint", folder, "--oracle"], ["grade", folder, str(rows)]):
        opening.probe.cache_clear()
        try:
            assert main(["suite", *command]) == 2
        finally:
            opening.probe.cache_clear()
        (line,) = capsys.readouterr().err.splitlines()
        assert "task t0: no sandbox on this machine: bubblewrap is not installed" in line


def test_a_script_that_a_contender_may_write_is_an_error_without_running_anything(suite, capsys):
    folder = suite({"files": ["tests/check.sh"], "tests": ["data.txt"], **by("tests/check.sh")})
    assert main(["suite", "lint", folder]) == 1
    out = capsys.readouterr().out
    assert (
        "error: tests: the grader runs tests/check.sh, which is one of the task's files: a contender may write" in out
    )


@boxed
def test_given_answers_are_graded_in_boxes(suite, capsys, tmp_path):
    folder, rows = suite({}, {"grader": {"command": ["gone"]}}), tmp_path / "rows.jsonl"
    given = [("t0", "right"), ("t0", "no"), ("t0", " "), ("t1", "right")]
    rows.write_text("".join(json.dumps({"task": task, "answer": text}) + "\n" for task, text in given))
    assert main(["suite", "grade", folder, str(rows), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["status"], row["cause"]) for row in found] == [
        ("passed", None), ("failed", "wrong"), ("failed", "empty"), ("ungraded", "grader"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "keys", "said"),
    [
        ({}, {"tools": ["bsh"]}, "error: tools: 'bsh' is no tool of a box; did you mean 'bash'? [t0]"),
        ({"tools": ["bash", "nothing-like-it"]}, {}, "error: tools: 'nothing-like-it' is no tool of a box"),
        (
            {"grader": {"name": "contains", "all": ["x"]}},
            {},
            "warning: tests-unused: the tests are not run: the grader",
        ),
        ({}, {"environment": {"host": True, "allow_internet": True}}, "warning: no-network: 1 task asks for a network"),
    ],
)
def test_what_a_task_names_and_no_box_has(suite, capsys, line, keys, said):
    main(["suite", "lint", suite(line, **keys)])
    assert said in capsys.readouterr().out


def test_line_ends_of_windows_are_told_of(suite, capsys, tmp_path):
    folder = suite()
    (tmp_path / "tests/check.sh").write_bytes(b"echo 1\r\n")
    main(["suite", "lint", folder])
    assert "warning: line-ends: check.sh has the line ends of Windows (CRLF), which" in capsys.readouterr().out


@boxed
def test_an_oracle_that_runs_nothing_says_so(suite, capsys):
    assert main(["suite", "lint", suite(oracle={"answer.txt": "solutions/wrong"}), "--oracle"]) == 1
    assert "; the oracle has no solve.sh, so its files were put into the work folder" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"files": "nosuch"}, "suite.yaml: files: there is no file 'nosuch'"),
        ({"tests": {"../a": "data.txt"}}, "suite.yaml: tests: '../a' is no name inside the work folder"),
        (
            {"environment": {"dockerfile": "tests"}},
            "suite.yaml: environment.dockerfile: there is no Dockerfile in 'tests'",
        ),
        ({"environment": {"host": True, "workdir": "/tests"}}, "suite.yaml: environment.workdir: found '/tests'"),
    ],
)
def test_who_wrote_a_wrong_key_is_blamed(suite, capsys, keys, said):
    assert main(["suite", "lint", suite(**keys)]) == 2
    assert said in capsys.readouterr().err
    assert main(["suite", "lint", suite(keys)]) == 2
    assert said.replace("suite.yaml: ", "tasks.jsonl: line 1.") in capsys.readouterr().err
