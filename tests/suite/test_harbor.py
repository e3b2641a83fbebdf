"""Task folders in Harbor's layout: what each file means, and what is refused by its name."""

import textwrap
from pathlib import Path

import pytest
import yaml

from harness.core import UserFileError
from harness.suite import load_suite

TOML = """
version = "1.0"
[metadata]
author_name = "Somebody"
difficulty = "easy"
category = "logs"
tags = []
expert_time_estimate_min = 12.5
[verifier]
timeout_sec = 90.0
[agent]
timeout_sec = 600.0
[environment]
build_timeout_sec = 600.0
cpus = 1
gpus = 0
memory = "2G"
storage_mb = 10240
allow_internet = true
"""


ASKED = {"memory_mb": 2048, "cpus": 1, "disk_mb": 10240, "build_timeout_s": 600, "allow_internet": True}


def write_task(suite: Path, name: str = "count", toml: str = TOML, files=None) -> Path:
    folder = suite / "tasks" / name
    given = {
        "task.toml": textwrap.dedent(toml),
        "instruction.md": f"Count the lines ({name}).\n",
        "environment/Dockerfile": "FROM python:3.13-slim\nWORKDIR /w\nCOPY files/ /w/\n",
        "environment/files/log/app.log": "a\nb\n",
        "tests/test.sh": "#!/bin/bash\necho 1 > /logs/verifier/reward.txt\n",
        "tests/expected.json": "{}",
        "solution/solve.sh": "wc -l log/app.log > answer.txt\n",
    } | (files or {})
    for path, content in given.items():
        if content is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
    return folder


def write_suite(folder: Path, **keys) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    content = {"name": "s", "domains": ["logs", "data"], "harbor": "tasks", "environment": "host"} | keys
    (folder / "suite.yaml").write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return folder


def test_a_folder_becomes_a_task(tmp_path):
    folder = write_task(write_suite(tmp_path))
    (task,) = load_suite(tmp_path).tasks
    assert (task.id, task.domain, task.timeout_s, task.environment) == ("count", "logs", 600.0, {"host": True, **ASKED})
    assert task.input == "Count the lines (count).\n"
    assert task.grader == {
        "name": "program",
        "command": ["bash", "/tests/test.sh"],
        "reward": "required",
        "timeout_s": 90.0,
    }
    assert task.files == {"log/app.log": str(folder / "environment/files/log/app.log")}
    assert sorted(task.tests) == ["expected.json", "test.sh"]
    assert sorted(task.oracle) == ["solve.sh"]
    assert task.metadata["difficulty"] == "easy"
    assert "category" not in task.metadata


def test_a_dockerfile_an_image_and_the_suites_own_environment(tmp_path):
    folder = write_task(write_suite(tmp_path, environment=None))
    (task,) = load_suite(tmp_path).tasks
    assert task.dockerfile == str(folder / "environment")
    assert task.environment["dockerfile"]
    assert [*task.files] == ["log/app.log"]
    write_task(tmp_path, toml=TOML + 'docker_image = "python:3.13-slim"\n')
    (imaged,) = load_suite(tmp_path).tasks
    assert (imaged.environment, imaged.dockerfile) == ({"image": "python:3.13-slim", **ASKED}, "")
    write_suite(tmp_path, environment={"image": "mine:1"})
    assert load_suite(tmp_path).tasks[0].environment == {"image": "mine:1", **ASKED}


def test_without_a_folder_files_all_but_the_dockerfile_and_skills_stands_in_the_work_folder(tmp_path):
    more = {
        "environment/files/log/app.log": None,
        "environment/data.csv": "x",
        "environment/src/a.py": "pass",
        "environment/docker-compose.yaml": "services: {}",
        "environment/skills/one/SKILL.md": "---",
    }
    write_task(write_suite(tmp_path), files=more)
    assert sorted(load_suite(tmp_path).tasks[0].files) == ["data.csv", "src/a.py"]


def test_what_a_task_says_of_itself_places_it(tmp_path):
    own = '[metadata]\ncategory = "whatever"\ndomain = "data"\ncluster = "c"\nsplit = "dev"\nmade = 2026-01-02\n'
    write_task(write_suite(tmp_path), toml=own)
    task = load_suite(tmp_path).tasks[0]
    assert (task.domain, task.cluster, task.split) == ("data", "c", "dev")
    assert task.metadata == {"made": "2026-01-02"}
    write_task(write_suite(tmp_path, domains=["all"]), toml='[metadata]\ncategory = "anything"\n')
    assert load_suite(tmp_path).tasks[0].domain == "all"


def test_the_suites_grader_is_laid_over_the_layouts(tmp_path):
    write_task(write_suite(tmp_path, grader={"timeout_s": 5, "pass_at": 0.5}))
    grader = load_suite(tmp_path).tasks[0].grader
    assert (grader["command"], grader["timeout_s"], grader["pass_at"]) == (["bash", "/tests/test.sh"], 5, 0.5)
    write_suite(tmp_path, grader={"name": "contains", "all": ["x"]})
    assert load_suite(tmp_path).tasks[0].grader["name"] == "contains"


def test_tests_are_of_the_grading_and_the_solution_of_nothing(tmp_path):
    write_task(write_suite(tmp_path))
    before = load_suite(tmp_path).tasks[0]
    write_task(tmp_path, files={"solution/solve.sh": "other"})
    solved = load_suite(tmp_path).tasks[0]
    assert (solved.digest, solved.tests_digest) == (before.digest, before.tests_digest)
    write_task(tmp_path, files={"tests/expected.json": "[]"})
    tested = load_suite(tmp_path).tasks[0]
    assert tested.digest == before.digest
    assert tested.tests_digest != before.tests_digest
    write_task(tmp_path, files={"environment/files/log/app.log": "c"})
    assert load_suite(tmp_path).tasks[0].digest != before.digest


def test_variables_have_values_and_none_of_this_machines(tmp_path):
    write_task(
        write_suite(tmp_path), toml='[metadata]\ncategory = "logs"\n[verifier]\nenv = {A = "1", B = "${HOME:-2}"}\n'
    )
    assert load_suite(tmp_path).tasks[0].grader["env"] == {"A": "1", "B": "2"}
    write_task(tmp_path, toml='[verifier]\nenv = {A = "${API_KEY}"}\n')
    with pytest.raises(UserFileError, match=r"verifier\.env\.A: it asks for this machine's variable API_KEY"):
        load_suite(tmp_path)


def test_variables_of_the_box_are_of_the_task_and_those_of_the_solution_of_nothing(tmp_path):
    write_task(write_suite(tmp_path), toml='[metadata]\ncategory = "logs"\n')
    before = load_suite(tmp_path).tasks[0]
    write_task(tmp_path, toml='[metadata]\ncategory = "logs"\n[solution.env]\nS = "1"\n')
    solved = load_suite(tmp_path).tasks[0]
    assert (solved.digest, solved.oracle_env, solved.environment) == (before.digest, {"S": "1"}, {"host": True})
    write_task(tmp_path, toml='[metadata]\ncategory = "logs"\n[environment.env]\nA = "1"\nB = "${HOME:-2}"\n')
    boxed = load_suite(tmp_path).tasks[0]
    assert boxed.environment == {"host": True, "env": {"A": "1", "B": "2"}}
    assert boxed.digest != before.digest
    write_suite(tmp_path, environment={"image": "mine:1", "env": {"A": "0", "C": "3"}})
    environment = load_suite(tmp_path).tasks[0].environment
    assert environment == {"image": "mine:1", "env": {"A": "1", "B": "2", "C": "3"}}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('steps = [{name = "a"}]', "task.toml: steps: a task of several steps is not supported"),
        ('artifacts = ["/app/x"]', "task.toml: artifacts: files are taken from the work folder alone"),
        ('[environment]\nnetwork_mode = "host"', "task.toml: environment.network_mode: a box has no network"),
        ('[environment]\nallowed_hosts = ["a"]', "environment.allowed_hosts: a box has no network"),
        ('[environment]\nworkdir = "app"', "environment.workdir: found 'app': it must be an absolute path"),
        ('[environment]\nworkdir = "/tests"', "environment.workdir: found '/tests': a box needs that folder"),
        ('[environment]\nmemory = "much"', "environment.memory: found 'much'; write a number and its unit, such as 2G"),
        ("[environment]\nmemory = 2", "environment.memory: found 2; write a number and its unit, such as 2G"),
        ('[environment]\nmemory = "9999T"', "task.toml: environment.memory: found '9999T'; write 1T at most"),
        ("[environment]\nstorage_mb = 1e9", "task.toml: environment.storage_mb: found the number 1000000000.0"),
        ('[environment]\nallow_internet = "yes"', "environment.allow_internet: found the text 'yes'; needed: true"),
        (
            "[environment]\ncpus = 5000",
            "task.toml: environment.cpus: found the number 5000; needed: a number from 0 up to 1024",
        ),
        ("[environment]\ncpus = true", "task.toml: environment.cpus: found the truth value True; needed: a number"),
        ("[environment]\ncpus = -1", "environment.cpus: found the number -1"),
        ('[agent]\nuser = "root"', "agent.user: every command of a box runs as one user"),
        ('[environment.healthcheck]\ncommand = "x"', "environment.healthcheck: services"),
        ('[[environment.mcp_servers]]\nname = "x"', "environment.mcp_servers: tools from servers"),
        ('[environment]\nskills_dir = "s"', "environment.skills_dir: skills are a contender's"),
        ('[environment]\nos = "windows"', "environment.os: boxes are Linux"),
        ('[verifier.environment]\ndocker_image = "x"', "verifier.environment: a separate environment"),
        ('[verifier]\nenvironment_mode = "separate"', "verifier.environment: a separate environment"),
        ('[verifier]\ncollect = ["x"]', "verifier.collect: the grader reads the reward alone"),
        ("[environment]\ngpus = 1", "environment.gpus: a box has no GPU"),
        ('[environment.env]\nA = "${KEY}"', "environment.env.A: it asks for this machine's variable KEY"),
        ('[solution.env]\nA = "a${KEY}"', "solution.env.A: it asks for this machine's variable KEY"),
        (
            '[environment.env]\n"A=B" = "1"',
            "task.toml: environment.env.A=B: found 'A=B'; needed: the name of a variable",
        ),
        ("[verifier]\ntimeout_secs = 3", "verifier.timeout_secs: unknown key; did you mean 'timeout_sec'?"),
        ("[verifier]\ntimeout_sec = 0", "verifier.timeout_sec: found the number 0"),
        ("a = ", "task.toml: not valid TOML"),
        ("a = " + "[" * 5_000, "task.toml: not valid TOML"),
        ('[metadata]\ncategory = "other"', "tasks/count.domain: the domain 'other' is not in the suite's list"),
        ("", "tasks/count.domain: no domain, and the suite has 2"),
    ],
)
def test_what_a_box_cannot_give_is_refused_by_its_name_in_one_line(tmp_path, toml, said):
    write_task(write_suite(tmp_path), toml=toml)
    with pytest.raises(UserFileError) as error:
        load_suite(tmp_path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_refused_may_stand_there_empty(tmp_path):
    write_task(
        write_suite(tmp_path), toml='steps = []\n[metadata]\ncategory = "logs"\n[environment]\nmcp_servers = []\n'
    )
    assert len(load_suite(tmp_path).tasks) == 1


@pytest.mark.parametrize(
    ("keys", "files", "said"),
    [
        ({}, {"instruction.md": None}, "count: there is no instruction.md"),
        ({}, {"tests/test.sh": None}, "count: there is no tests/test.sh"),
        ({"harbor": "task"}, {}, "harbor: there is no folder 'task'"),
        ({"harbor": "tasks/count"}, {}, "harbor: no folder in 'tasks/count' holds a task.toml"),
        ({"harbor": "../x"}, {}, "harbor: '../x' leads out of the suite's folder"),
        ({"environment": None}, {"environment/Dockerfile": None}, "write environment: host in suite.yaml"),
        ({"environment": None}, {"environment/docker-compose.yaml": "x"}, "docker-compose.yaml: several containers"),
        ({"environment": None}, {"environment/skills/a/SKILL.md": "x"}, "environment/skills: an image with skills"),
        (
            {"environment": None},
            {"environment/Dockerfile": "FROM x\nWORKDIR /w\nRUN y\nworkdir $HERE/\n"},
            "environment/Dockerfile: its WORKDIR is $HERE/, and $HERE has no value in it; write the folder itself",
        ),
        (
            {"environment": None},
            {"environment/Dockerfile": "FROM x\nWORKDIR /\n"},
            "environment/Dockerfile: its WORKDIR is /: a box needs that folder for something else; name another",
        ),
        ({"tasks": "tasks.jsonl"}, {}, "two sources of tasks, tasks and harbor; keep one"),
    ],
)
def test_a_folder_that_is_not_whole_is_named(tmp_path, keys, files, said):
    folder = write_task(write_suite(tmp_path, **keys), files=files)
    for path, content in files.items():
        if content is None:
            (folder / path).unlink(missing_ok=True)
    with pytest.raises(UserFileError) as error:
        load_suite(tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        ("WORKDIR /app\n", "/app"),
        ("workdir /app/\n", "/app"),
        ("WORKDIR /app\nWORKDIR src\nRUN x\n", "/app/src"),
        ('ARG TOP=/srv\nENV APP="$TOP/app"\nWORKDIR ${APP}\n', "/srv/app"),
        ("ENV APP /srv\nWORKDIR ${APP:-/no}/${B:-b}\n", "/srv/b"),
        ("WORKDIR /a\nFROM y\nRUN echo \\\n  WORKDIR /b\n", "/w"),
        ("WORKDIR /a\nFROM base\nFROM y AS other\nWORKDIR /b\n", "/b"),
        ("WORKDIR /a\n# WORKDIR /c\nFROM base AS more\nRUN x\n", "/a"),
        ('WORKDIR "/root"\n', "/root"),
    ],
)
def test_the_work_folder_is_the_last_workdir(tmp_path, steps, place):
    write_task(write_suite(tmp_path, environment=None), files={"environment/Dockerfile": f"FROM x AS base\n{steps}"})
    assert load_suite(tmp_path).tasks[0].workdir == place
    write_suite(tmp_path)  # this machine in place of the image: where the task's own words say
    assert load_suite(tmp_path).tasks[0].workdir == place
    (tmp_path / "tasks.jsonl").write_text('{"id": "t", "input": "x", "domain": "logs"}\n')
    own = {"dockerfile": "tasks/count/environment"}
    write_suite(tmp_path, harbor=None, tasks="tasks.jsonl", environment=own, grader="program")
    assert load_suite(tmp_path).tasks[0].workdir == place
    write_suite(tmp_path, harbor=None, tasks="tasks.jsonl", environment=own | {"workdir": "/mine"}, grader="program")
    assert load_suite(tmp_path).tasks[0].workdir == "/mine"


def test_the_work_folder_and_the_limits_are_content_and_the_build_and_the_network_none(tmp_path):
    plain = '[metadata]\ncategory = "logs"\n[environment]\n'
    write_task(write_suite(tmp_path), toml=plain)
    before = load_suite(tmp_path).tasks[0]
    assert (before.workdir, before.environment) == ("/w", {"host": True})
    write_task(tmp_path, toml=plain + "build_timeout_sec = 9\nallow_internet = true\nmemory_mb = 0\n")
    assert load_suite(tmp_path).tasks[0].digest == before.digest
    digests = set()
    for more in ('workdir = "/app"', 'memory = "1.5G"', "storage_mb = 3", "cpus = 2"):
        write_task(tmp_path, toml=plain + more)
        digests.add(load_suite(tmp_path).tasks[0].digest)
    assert len(digests - {before.digest}) == 4


def test_links_out_of_the_suite_are_refused(tmp_path):
    folder = write_task(write_suite(tmp_path / "s"))
    (folder / "environment/files/secret").symlink_to("/etc/passwd")
    with pytest.raises(UserFileError, match="is a link out of the suite's folder"):
        load_suite(tmp_path / "s")


def test_a_program_among_other_graders_is_the_layouts(tmp_path):
    parts = ["program", {"name": "program", "pass_at": 0.5}, {"name": "contains", "all": ["x"]}]
    write_task(write_suite(tmp_path, grader={"name": "all", "of": parts}))
    first, second, third = load_suite(tmp_path).tasks[0].grader["of"]
    assert (first["command"], first["timeout_s"], second["pass_at"]) == (["bash", "/tests/test.sh"], 90.0, 0.5)
    assert (second["command"], third) == (["bash", "/tests/test.sh"], parts[2])
