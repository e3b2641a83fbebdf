"""A program of the suite's judges what was left, in a box of its own that nobody has written to before."""

import asyncio
import contextlib
import io
import json
import re
import tarfile
import time
from pathlib import Path

import pytest
from judged import grade

from harness.core import Answer, BoxError, Cause, Session, Status, Task, UsageError
from harness.grade import grader
from harness.run.given import GradingSession
from harness.sandbox import SandboxOptions, open_box, probe

boxed = pytest.mark.skipif(not probe("bubblewrap").usable, reason="bubblewrap makes no box here")
CHECK = """
import json, sys
task = json.load(sys.stdin)
said = open("answer.txt").read().strip()
print("expected", task["reference"], "found", said)
sys.exit(said != task["reference"])
"""


def program(*command, **options):
    return grader({"name": "program", "command": list(command) or ["python3", "check.py"], **options})


def written(folder, **files):
    """By name, files that hold these texts."""
    for name, text in files.items():
        (folder / name).write_text(text)
    return {name: str(folder / name) for name in files}


def task(tmp_path, tests=None, **keys):
    tests = written(tmp_path, **(tests or {"check.py": CHECK}))
    return Task(id="t", domain="d", cluster="t", input="Say it.", tests=tests, **{"reference": "42"} | keys)


def judged(by, one, text="", left=None):
    return grade(one, Answer(text=text), by, GradingSession(one, left=left))


def archive(**files):
    """A work folder as a tar; a value of ``None`` is a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            if text is None:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            else:
                entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO((text or "").encode()))
    return buffer.getvalue()


def by_shell(tmp_path, script, left=None, text="x", **options):
    one = task(tmp_path, {"check.sh": script})
    return judged(program("bash", "check.sh", **options), one, text, left)


# ---------------------------------------------------------------------------------------------------------- the verdict


@boxed
def test_the_exit_code_is_the_verdict_and_what_was_printed_the_reason(tmp_path):
    one = task(tmp_path)
    right, wrong = judged(program(), one, "42"), judged(program("python3", "./check.py"), one, "41")
    assert (right.status, right.score, right.reason) == (Status.PASSED, 1.0, "expected 42 found 42")
    assert (wrong.status, wrong.score, wrong.cause) == (Status.FAILED, 0.0, Cause.WRONG)
    assert wrong.reason == "expected 42 found 41"


@boxed
@pytest.mark.parametrize("place", ["reward.txt", "/logs/verifier/reward.txt"])
@pytest.mark.parametrize(
    ("said", "status", "score", "cause"),
    [
        ("1", Status.PASSED, 1.0, None),
        ("1.0\n", Status.PASSED, 1.0, None),
        ("0", Status.FAILED, 0.0, Cause.WRONG),
        ("0.25", Status.FAILED, 0.25, Cause.PARTIAL),
        ("", Status.UNGRADED, None, Cause.GRADER),
        ("nan", Status.UNGRADED, None, Cause.GRADER),
        ("inf", Status.UNGRADED, None, Cause.GRADER),
        ("1.5", Status.UNGRADED, None, Cause.GRADER),
        ("-0.1", Status.UNGRADED, None, Cause.GRADER),
        ("passed", Status.UNGRADED, None, Cause.GRADER),
    ],
)
def test_a_reward_is_a_number_from_0_to_1_or_no_verdict(tmp_path, place, said, status, score, cause):
    given = by_shell(tmp_path, f"printf %s '{said}' > {place}")
    assert (given.status, given.score, given.cause) == (status, score, cause)


@boxed
@pytest.mark.parametrize(
    ("said", "score"),
    [
        ('{"reward": 0.5}', 0.5),
        ("0.5", 0.5),
        ('{"accuracy": 0.5}', 0.5),
        ('{"reward": 0.5, "other": 9}', 0.5),
        ('{"a": 0.5, "b": 1}', None),
        ('{"reward": "0.5"}', None),
        ('{"reward": true}', None),
        ('{"reward": NaN}', None),
        (f'{{"reward": {"9" * 400}}}', None),
        ("{", None),
        ("[" * 9_000, None),
    ],
)
def test_a_reward_in_json(tmp_path, said, score):
    assert by_shell(tmp_path, f"echo '{said}' > reward.json").score == score


@boxed
def test_a_reward_that_is_promised_must_be_there_and_one_that_is_ignored_counts_for_nothing(tmp_path):
    missing = by_shell(tmp_path, "echo no verdict; exit 1", reward="required")
    assert (missing.status, missing.cause, missing.score) == (Status.UNGRADED, Cause.GRADER, None)
    assert missing.reason == "the grader's program left no reward, exit code 1; it said: no verdict"
    assert by_shell(tmp_path, "echo 0 > reward.txt", reward="ignored").status is Status.PASSED
    assert by_shell(tmp_path, "echo 1 > reward.txt; exit 1", reward="required").status is Status.PASSED


@boxed
def test_a_program_that_fails_does_not_pass_by_a_reward_that_was_not_promised(tmp_path):
    """Perhaps what it tried wrote that."""
    given = by_shell(tmp_path, "echo 1 > reward.txt; exit 1")
    assert (given.status, given.score) == (Status.FAILED, 0.0)


@boxed
def test_rewards_that_differ_are_no_verdict(tmp_path):
    given = by_shell(tmp_path, "echo 1 > reward.txt; echo 0 > reward.json")
    assert given.status is Status.UNGRADED
    assert "rewards differ" in given.reason


@boxed
def test_a_threshold_may_be_lower_than_all(tmp_path):
    given = by_shell(tmp_path, "echo 0.5 > reward.txt", pass_at=0.5)
    assert (given.status, given.score, given.cause) == (Status.PASSED, 0.5, None)


# ----------------------------------------------------------------------------------------- what a program has before it


@boxed
def test_it_has_the_task_on_its_standard_input_and_the_tests_apart(tmp_path):
    script = "cat > seen.json; ls /tests; pwd; cat seen.json"
    one = task(tmp_path, {"check.sh": script, "more.txt": "x"}, metadata={"k": [1]}, reference={"a": 1})
    given = judged(program("sh", "check.sh"), one, "x")
    listed, told = given.reason.split(" / /w / ")
    assert listed == "check.sh / more.txt"
    assert json.loads(told) == {"id": "t", "input": "Say it.", "metadata": {"k": [1]}, "reference": {"a": 1}}


@boxed
def test_without_a_box_of_its_own_a_contender_is_judged_by_the_tasks_files_and_its_text(tmp_path):
    one = task(
        tmp_path, {"check.sh": "cat answer.txt data/a.csv"}, files={"data/a.csv": written(tmp_path, a="1,2")["a"]}
    )
    assert judged(program("sh", "check.sh"), one, "mine").reason == "mine1,2"
    assert judged(program("sh", "check.sh"), one, "ü\ud800").status is Status.PASSED


@boxed
def test_of_a_contender_with_a_box_what_it_left_counts_and_its_own_answer_before_its_text(tmp_path):
    script = "ls; cat answer.txt"
    one = task(tmp_path, {"check.sh": script}, files=written(tmp_path, given="x"))
    by = program("sh", "check.sh")
    assert judged(by, one, "said", archive(made="y")).reason == "answer.txt / made / said"
    assert judged(by, one, "said", archive(**{"answer.txt": "written"})).reason == "answer.txt / written"
    assert judged(by, one, "said", archive(**{"answer.txt": None, "answer.txt/x": "y"})).reason.endswith("said")
    assert judged(by, one, "", archive(made="y")).status is Status.PASSED


@boxed
def test_variables_are_the_suites_and_nothing_of_the_callers(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "sk-1")
    given = by_shell(tmp_path, 'echo "$MINE, $SECRET."', env={"MINE": "a b"})
    assert given.reason == "a b, ."


# -------------------------------------------------------------------------------------------------------------- cheats


def left_by(*commands):
    """The work folder of a contender that ran these; what they left in the background is alive while it is taken."""
    with open_box(SandboxOptions(memory_mb=512, disk_mb=64)) as box:
        for command in commands:
            box.run(command, keep=True)
        time.sleep(0.2)
        return box.get_tar()


HARBOR = "if uvx pytest; then echo 1 > /logs/verifier/reward.txt; else echo 0 > /logs/verifier/reward.txt; fi"
CHEATS = {
    "a function in a profile": "for f in .profile .bashrc .bash_profile .bash_login; do "
    "echo 'uvx(){ return 0; }' > ~/$f; cp ~/$f /w/$f; done",
    "a writer of rewards": "(while :; do echo 1 > reward.txt; echo 1 > /tmp/reward.txt; sleep .01; done) &",
    "a reward": "echo 1 > reward.txt; echo 1 > reward.json; mkdir -p logs/verifier; echo 1 > logs/verifier/reward.txt",
    "a reward that is a folder": "mkdir reward.txt; echo 1 > reward.txt/x",
    "a link for a reward": "echo 1 > one; ln -s one reward.txt; ln -s one reward.json",
    "a program of that name": "printf '#!/bin/sh\\nexit 0\\n' > uvx; chmod +x uvx; mkdir -p ~/bin bin; "
    "cp uvx bin; cp uvx ~/bin",
    "a test of that name": "mkdir tests; "
    "echo 'echo 1 > /logs/verifier/reward.txt' | tee test.sh tests/test.sh check.sh",
}


@boxed
@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_gets_0(tmp_path, cheat):
    given = by_shell(tmp_path, HARBOR, left_by(CHEATS[cheat]), reward="required")
    assert (given.status, given.score) == (Status.FAILED, 0.0), given.reason
    login = by_shell(tmp_path, f"bash -lc '{HARBOR}'", left_by(CHEATS[cheat]), reward="required")
    assert (login.status, login.score) == (Status.FAILED, 0.0), login.reason
    plain = by_shell(tmp_path, "test -e made", left_by(CHEATS[cheat]))
    assert (plain.status, plain.score) == (Status.FAILED, 0.0), plain.reason


@boxed
def test_the_honest_one_passes_where_the_cheats_get_0(tmp_path):
    assert by_shell(tmp_path, "test -e made", left_by("echo x > made")).status is Status.PASSED


@boxed
def test_a_module_in_the_work_folder_takes_no_modules_place(tmp_path):
    evil = archive(
        **{"json.py": "import os; os._exit(0)", "check.py": "", "sitecustomize.py": "import os; os._exit(0)"}
    )
    given = judged(program(), task(tmp_path), "41", evil)
    assert (given.status, given.reason) == (Status.FAILED, "expected 42 found 41")


@boxed
def test_a_link_to_what_is_expected_is_no_answer(tmp_path):
    left = left_by("ln -s /tests/expected answer.txt; ln -s /tests t")
    one = task(tmp_path, {"check.sh": "cmp answer.txt /tests/expected", "expected": "secret"})
    assert judged(program("sh", "check.sh"), one, "guess", left).status is Status.FAILED


# ------------------------------------------------------------------------------------- programs that give no verdict


@boxed
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sleep 60", "did not end within 0.5 s"),
        ("while :; do sleep 60 & done", "did not end within 0.5 s"),
        ("yes", "was stopped: output"),
        ("kill -9 $$", "was killed by signal 9"),
    ],
)
def test_a_program_that_does_not_end_well_is_no_verdict(tmp_path, script, said):
    given = by_shell(tmp_path, script, timeout_s=0.5)
    assert (given.status, given.cause, given.score) == (Status.UNGRADED, Cause.GRADER, None)
    assert said in given.reason
    assert given.reason.isprintable()
    assert len(given.reason) <= 200


@boxed
def test_a_command_that_is_not_in_the_box_is_named(tmp_path):
    given = judged(program("pytest-of-no-box", "-q"), task(tmp_path), "42")
    assert (given.status, given.cause) == (Status.UNGRADED, Cause.GRADER)
    assert given.reason == "the grader's command 'pytest-of-no-box' is not in the box"


@boxed
def test_the_start_of_the_box_is_not_in_the_programs_time(tmp_path, monkeypatch):
    slow = GradingSession.fresh_box

    async def later(self, folders=()):
        box = await slow(self, folders)
        await asyncio.sleep(0.6)
        return box

    monkeypatch.setattr(GradingSession, "fresh_box", later)
    assert by_shell(tmp_path, "sleep .1", timeout_s=0.5).status is Status.PASSED


def running(word):
    """Whether a process of this machine has the word in its command."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word.encode() in path.read_bytes():
                return True
    return False


@boxed
async def test_a_grading_that_is_given_up_ends_at_once_and_with_its_box(tmp_path):
    slept = f"60.{time.monotonic_ns()}"
    one = task(tmp_path, {"check.sh": f"sleep {slept}"})
    grading = asyncio.create_task(program("sh", "check.sh").grade(one, Answer(text="x"), GradingSession(one)))
    while not running(slept):  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.05)
    grading.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await grading
    assert time.monotonic() - began < 3
    assert not running(slept)


@boxed
def test_hostile_output_is_one_line_that_can_be_shown(tmp_path):
    given = by_shell(tmp_path, r"printf '\033[31mred\377\n<b>\u202e</b>\n'; exit 1")
    assert given.status is Status.FAILED
    assert given.reason.isprintable()


def test_where_no_box_can_be_made_nothing_is_graded(tmp_path):
    one = task(tmp_path)
    given = grade(one, Answer(text="42"), program(), Session(one))
    assert (given.status, given.cause) == (Status.UNGRADED, Cause.SANDBOX)

    class Lost(GradingSession):
        async def work(self):
            raise BoxError("it was not kept")

    lost = grade(one, Answer(text="42"), program(), Lost(one))
    assert (lost.status, lost.score) == (Status.UNGRADED, None)
    assert "it was not kept" in lost.reason


def test_an_attempt_that_ended_by_its_own_fault_opens_no_box(tmp_path):
    for answer, cause in ((Answer(text="42", fault=Cause.TURNS), Cause.TURNS), (Answer(text=" "), Cause.EMPTY)):
        given = grade(task(tmp_path), answer, program(), GradingSession(task(tmp_path)))
        assert (given.status, given.cause, given.score) == (Status.FAILED, cause, 0.0)


# ---------------------------------------------------------------------------------------------------------- its options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"command": []}, "command: found 0 items"),
        ({"command": "python3 check.py"}, "write a list: [python3, check.py]"),
        ({"command": ["x"], "timeout_s": 0}, "timeout_s: found the number 0"),
        ({"command": ["x"], "pass_at": 2}, "pass_at: found the number 2"),
        ({"command": ["x"], "env": {"a b": "1"}}, "env.a b: found 'a b'; needed: the name"),
        ({"command": ["x"], "tiemout_s": 3}, "did you mean 'timeout_s'?"),
        ({}, "command: this key is missing"),
    ],
)
def test_options_that_are_wrong_are_refused(options, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        grader({"name": "program", **options})


def test_the_digest_is_of_command_and_options():
    digests = {program().digest, program("sh").digest, program(timeout_s=5).digest, program(env={"A": "1"}).digest}
    assert len(digests) == 4
    assert program().needs_box
    assert program().needs_reference  # it sees the task's, and so is no verifier
    program().check_reference(None)


def test_a_script_that_a_contender_may_write_is_pointed_out(tmp_path):
    one = task(tmp_path, files=written(tmp_path, **{"main.py": ""}))
    assert program().unsound(one) == ""
    assert "main.py, which is one of the task's files" in program("python3", "main.py").unsound(one)
    assert "gone.sh, which is nowhere in the suite" in program("bash", "gone.sh").unsound(one)
    assert program("bash", "/tests/test.sh").unsound(one) == ""
    assert program("python3", "./check.py").unsound(one) == program("run.sh", "-x").unsound(one) == ""
    within = program("sh", "-c", "python3 check.py; true").unsound(one)
    assert "runs check.py of the work folder, which a contender may write; write /tests/check.py" in within
    assert Path(one.tests["check.py"]).is_file()


def test_a_snapshot_is_refused_by_the_name_of_its_key():
    assert grader({"name": "program", "command": ["x"], "isolation": "fresh"}).digest == grader(
        {"name": "program", "command": ["x"]}
    ).digest  # fmt: skip
    with pytest.raises(UsageError, match="isolation 'snapshot' is none: all but the work folder is read-only"):
        grader({"name": "program", "command": ["x"], "isolation": "snapshot"})
