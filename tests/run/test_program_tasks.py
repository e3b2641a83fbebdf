"""Program tasks in a run: what contenders with and without a box leave is judged by the suite's own program."""

import shutil
import uuid

import live
import pytest
from live import Server
from test_agents import bash, bubblewrap, calling, experiment, row, run  # noqa: F401 - two are fixtures
from test_kill import wait_for

CHECK = """
import json, sys
from pathlib import Path
task = json.load(sys.stdin)
for name in ("out.txt", "answer.txt"):
    if Path(name).is_file():
        found = Path(name).read_text().strip()
        break
print(f"{name}: {found}")
sys.exit(found != task["reference"])
"""
BY_PROGRAM = {"name": "program", "command": ["python3", "check.py"], "timeout_s": 10}


@pytest.fixture
def tasks(tmp_path, experiment):  # noqa: F811
    """An experiment on program tasks, each with a file; the contender ``text`` has no box."""

    def made(served, *, check=CHECK, grader=BY_PROGRAM, lines=1, environment="host", **keys):
        suite = {"environment": environment, "files": "data", "tests": "checks", "grader": grader}
        for name, text in {"data/in.txt": "answer 0\n", "checks/check.py": check}.items():
            (tmp_path / "suites" / "s" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "suites" / "s" / name).write_text(text)
        live.write_suite(tmp_path / "suites" / "s", lines, **suite)
        return experiment(served, **keys)

    return made


def test_contenders_with_and_without_a_box_are_judged_alike(tasks, capfd):
    with Server(calling(lambda body: bash("cp in.txt out.txt") if "tools" in body else "answer 0", "done")) as served:
        report = tasks(served, others={"text": {"model": "m"}})
        run(report, capfd)
    agent, text = row(report), row(report, "text")
    assert [(one["status"], one["score"], one["cause"]) for one in (agent, text)] == [("passed", 1.0, None)] * 2
    assert {line["reason"] for line in live.journal(report)} == {"out.txt: answer 0", "answer.txt: answer 0"}
    assert agent["task_digest"] == text["task_digest"]
    assert agent["grader_digest"] == text["grader_digest"]


def test_a_check_that_a_contender_may_write_is_told_of_before_anything_is_sent(tasks, capfd):
    with Server(calling("answer 0")) as served:
        report = tasks(served, grader=BY_PROGRAM | {"command": ["python3", "chek.py"]})
        code, out, _ = live.inside(capfd, "check", report)
        assert (code, len(served.seen)) == (0, 0)
    told = "suite s: the grader runs chek.py, which is nowhere in the suite: a contender may write it"
    assert f"warning: {told}; list it under tests (task t0)" in out


def test_a_contender_sees_its_files_and_neither_tests_nor_oracle(tasks, capfd):
    look = "find / -xdev -name check.py 2>/dev/null; ls /w /tests /logs /solution 2>/dev/null; true"
    with Server(calling(bash(look), "answer 0")) as served:
        report = tasks(served)
        run(report, capfd)
        told = served.seen[-1]["body"]["messages"][-1]["content"]
    assert told.split() == ["/w:", "in.txt"]


def test_a_tasks_variables_reach_the_contender_and_the_check_whose_own_reach_it_alone(tasks, capfd):
    shown = "os.environ['BOX'], os.environ['CHECK'], open('out.txt').read()"
    check = f"import os; print({shown})"
    with Server(calling(bash('echo "$BOX-$CHECK" > out.txt'), "done")) as served:
        grader = BY_PROGRAM | {"env": {"CHECK": "secret"}}
        report = tasks(served, check=check, grader=grader, environment={"host": True, "env": {"BOX": "given"}})
        run(report, capfd)
    assert row(report)["status"] == "passed"
    assert [line["reason"].strip() for line in live.journal(report)] == ["given secret given-"]


def test_what_is_wrong_fails_and_a_part_has_its_score(tasks, capfd):
    half = "open('reward.txt', 'w').write('0.5')"
    with Server(calling(bash("echo 3 > out.txt"), "answer 0")) as served:
        report = tasks(served)
        run(report, capfd)
        assert (row(report)["status"], row(report)["cause"], row(report)["score"]) == ("failed", "wrong", 0.0)
        tasks(served, check=half)
        run(report, capfd)  # another grading: what there is is graded again, and nobody is asked
        assert len(served.seen) == 2
    assert (row(report)["status"], row(report)["cause"], row(report)["score"]) == ("failed", "partial", 0.5)


CHEATS = {
    "profile": "for f in .profile .bashrc .bash_profile; do echo 'uvx(){ return 0; }' > ~/$f; cp ~/$f $f; done",
    "writer": "(while :; do echo 1 > reward.txt; echo 1 > reward.json; sleep .01; done) & sleep .2",
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_contender_that_cheats_gets_0(tasks, capfd, cheat):
    check = "import subprocess as s\nr = s.run(['bash', '-lc', 'uvx pytest'], check=False).returncode\n"
    grader = BY_PROGRAM | {"reward": "required"}
    with Server(calling(bash(CHEATS[cheat]), "done")) as served:
        report = tasks(
            served, check=f"{check}open('/logs/verifier/reward.txt', 'w').write(str(int(r == 0)))", grader=grader
        )
        run(report, capfd)
    assert (row(report)["status"], row(report)["score"]) == ("failed", 0.0)


@pytest.mark.parametrize(
    ("check", "grader", "said"),
    [
        ("import time; time.sleep(60)", {"timeout_s": 0.5}, "did not end within 0.5 s"),
        ("", {"reward": "required"}, "left no reward"),
        ("", {"command": ["not-there"]}, "the grader's command 'not-there' is not in the box"),
    ],
)
def test_a_program_that_gives_no_verdict_leaves_the_attempt_ungraded(tasks, capfd, check, grader, said):
    with Server(calling(bash("cp in.txt out.txt"), "done")) as served:
        report = tasks(served, check=check, grader=BY_PROGRAM | grader)
        run(report, capfd)
        found = row(report)
        assert (found["status"], found["cause"], found["score"], found["passed"]) == ("ungraded", "grader", None, None)
        assert said in live.journal(report)[-1]["reason"]
        tasks(served)
        assert live.inside(capfd, "regrade", report)[0] == 0  # the check is mended
        assert row(report)["status"] == "passed"
        assert len(served.seen) == 2


def test_a_regrade_without_the_work_folder_says_so_and_is_never_0(tasks, capfd):
    with Server(calling(lambda body: bash("cp in.txt out.txt") if "tools" in body else "answer 0", "done")) as served:
        report = tasks(served, others={"text": {"model": "m"}})
        run(report, capfd)
        shutil.rmtree(report / "work")
        assert "no grade changed" in live.inside(capfd, "regrade", report)[1]  # by the same program: it stands
        assert row(report)["status"] == "passed"
        tasks(served, check=f"{CHECK}\n# mended", others={"text": {"model": "m"}})
        assert live.inside(capfd, "regrade", report)[0] == 0
        assert (row(report)["status"], row(report)["score"]) == ("ungraded", None)
        said = [line["reason"] for line in live.journal(report)[2:]]
        assert "its work folder is not in work/ any more, and nothing else can be graded" in said
        assert row(report, "text")["status"] == "passed"


def test_a_kill_while_a_program_judges_costs_no_call_and_leaves_no_box(tasks, capfd):
    slow = f"import time; time.sleep(2)\n{CHECK}"
    mine = uuid.uuid4().hex  # other tests run their checks meanwhile
    grader = BY_PROGRAM | {"command": ["python3", "check.py", mine]}
    with Server(calling(bash("cp in.txt out.txt"), "done")) as served:
        report = tasks(served, check=slow, grader=grader)
        process = live.start("run", report, "--quiet")
        wait_for(lambda: live.running(mine), process)
        process.kill()
        process.communicate()
        assert len(served.seen) == 2
        run(report, capfd)
        assert len(served.seen) == 2
    assert (row(report)["status"], row(report)["calls"]) == ("passed", 2)
    assert not live.running(mine)


def test_a_work_folder_of_another_name_is_that_of_the_contender_its_tools_and_the_check(tasks, capfd):
    check = "import os\nassert not os.path.exists('/app/in.txt')\nprint(os.getcwd(), open('/app/out.txt').read())"
    read = [("read_file", {"path": "in.txt"})]
    script = [bash("pwd > out.txt; cat in.txt >> out.txt; ls /w"), read, bash("rm /app/in.txt"), "done"]
    with Server(calling(*script)) as served:
        report = tasks(served, check=check, environment={"host": True, "workdir": "/app"})
        run(report, capfd)
        system, *_, told = (str(message["content"]) for message in served.seen[2]["body"]["messages"])
        assert "Commands start in the folder /app." in system
        assert "answer 0" in told
        assert row(report)["status"] == "passed"
        assert [" ".join(line["reason"].split()) for line in live.journal(report)] == ["/app /app / answer 0"]
        tasks(served, check=f"{check}\nraise SystemExit(1)", environment={"host": True, "workdir": "/app"})
        run(report, capfd)  # graded again by the work folder that was kept
        assert len(served.seen) == 4
    assert row(report)["status"] == "failed"
