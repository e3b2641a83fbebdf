"""Work folders other than /w, what an image has in them, and limits that a task asks for."""

import json
import subprocess

import pytest

from harness.cli import main
from harness.core import BoxError, Environment, Limits
from harness.sandbox import SandboxOptions, containers, open_box, prepare, probe

SMALL = SandboxOptions(memory_mb=256, disk_mb=64)
STEPS = """
WORKDIR /app
RUN mkdir -p src && echo 1 > src/kept && echo 2 > changed && echo 3 > gone && ln -s /usr/bin/env venv && ln -s src in
RUN printf '#!/bin/sh\\necho run' > tool && chmod 755 tool && chmod 600 changed
RUN mkdir /big && head -c 2000000 /dev/zero > /big/x
"""


@pytest.fixture
def host():
    if not (found := probe("bubblewrap")).usable:
        pytest.skip(found.problem)


@pytest.fixture
def built(image, tmp_path):
    """An image with files in its work folder."""
    name = f"localhost/{image.partition('/')[2].partition(':')[0]}-app:1"
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\n{STEPS}")
    command = ["podman", "build", "-q", "--network", "none", "-t", name, str(tmp_path)]
    subprocess.run(command, capture_output=True, check=True)
    yield name
    containers.call("podman", "rmi", "-f", name)


def test_a_box_works_in_the_folder_that_its_environment_names(host):
    with (
        open_box(SMALL, Environment(workdir="/app/sub")) as box,
        open_box(SMALL, Environment(workdir="/app/sub")) as to,
    ):
        box.put({"in/a": b"1"})
        done = box.run("pwd; cat in/a; echo 2 > b; touch /w/x || touch /app/x || touch /x")
        assert done.out == b"/app/sub\n1"
        assert box.get(["b"]) == {"b": b"2\n"}
        assert box.changes() == ["/app/sub/b"]
        to.put_work(box.get_tar())
        assert to.run("cat in/a b").out == b"12\n"
        with open_box(SMALL, box.snapshot()) as again:
            assert again.run("pwd; cat b").out == b"/app/sub\n2\n"


def test_a_folder_that_this_machine_holds_is_refused_before_anything_is_spent(host):
    with pytest.raises(BoxError, match="cannot have the work folder /usr/src/app, in this machine's own folders"):
        prepare(SMALL, Environment(workdir="/usr/src/app"))


def test_a_box_has_no_more_than_its_environment_asks_for_and_its_maker_gives(host):
    with open_box(SMALL, Environment(memory_mb=128, disk_mb=9_000, cpus=0.5)) as box:
        assert (box.limits.memory_mb, box.limits.disk_mb, box.limits.cpus) == (128, 64, 0.5)
        assert box.run("python3 -c 'import time; x = bytearray(200 << 20); time.sleep(9)'").code != 0
    with open_box(SMALL, Environment(memory_mb=128), limits=Limits(memory_mb=100)) as box:
        assert box.limits.memory_mb == 100


@pytest.mark.slow
def test_what_an_image_has_in_the_work_folder_is_there_and_may_be_changed(built):
    podman = SandboxOptions(backend="podman", memory_mb=256, disk_mb=64)
    environment = Environment(image=built, workdir="/app")
    with open_box(podman, environment) as box, open_box(podman, environment) as fresh:
        seen = box.run("pwd; cat src/kept changed gone in/kept; ./tool; readlink venv")
        assert seen.out.split() == [b"/app", b"1", b"2", b"3", b"1", b"run", b"/usr/bin/env"], seen
        assert box.changes() == []
        assert box.run("echo new > changed && rm -r gone && echo x > src/more && ln -s /etc/passwd out").code == 0
        assert box.changes() == ["/app/changed", "/app/gone", "/app/out", "/app/src/more"]
        fresh.put_work(box.get_tar())
        left = fresh.run("cat src/kept src/more changed; ls; readlink venv; ./tool")
        assert left.out.split() == b"1 x new changed in src tool venv /usr/bin/env run".split(), left
        with open_box(podman, box.snapshot()) as again:
            assert again.run("ls").out.split() == b"changed in src tool venv".split()
    with open_box(podman, Environment(image=built)) as other:
        assert other.run("pwd; ls; cat /app/gone").out == b"/w\n3\n"
    with pytest.raises(BoxError, match=r"more than 1 MB in its work folder /big; raise sandbox\.disk_mb"):
        open_box(SandboxOptions(backend="podman", disk_mb=1), Environment(image=built, workdir="/big"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("RUN rm -f /usr/bin/mkdir /usr/bin/tar", "has no tar and no mkdir; a box needs /bin/sh, sleep, tar, find"),
        ("RUN mkdir /a && chmod 700 /a\nWORKDIR /a/b", "lies in a folder that the user of a box may not enter"),
    ],
)
def test_an_image_in_which_no_box_can_work(built, tmp_path, capsys, step, said):
    """It is found before the first call and before any check: the one line names the suite's file and its field."""
    suite = tmp_path / "suite"
    (suite / "env").mkdir(parents=True)
    (suite / "env" / "Dockerfile").write_text(f"FROM {built}\n{step}\n")
    grader = {"name": "program", "command": ["true"]}
    written = {"name": "s", "version": "1", "domains": ["d"], "environment": {"dockerfile": "env"}, "grader": grader}
    (suite / "suite.yaml").write_text(json.dumps({**written, "tasks": "tasks.jsonl"}))
    (suite / "tasks.jsonl").write_text('{"id": "t", "input": "x"}\n')
    model = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    experiment = {"name": "e", "suites": [str(suite)], "models": {"m": model}, "contenders": {"c": {"model": "m"}}}
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "experiment.yaml").write_text(json.dumps(experiment))
    try:
        assert main(["run", str(tmp_path / "r")]) == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith(f"ownbench: {suite}/suite.yaml: environment: the Dockerfile's image")
        assert said in line
        assert not (tmp_path / "r" / "calls.jsonl").exists()
        assert main(["suite", "lint", str(suite), "--oracle"]) == 2
        assert said in capsys.readouterr().err
    finally:
        containers.call(
            "podman", "rmi", "-f", prepare(SandboxOptions(), Environment(dockerfile=str(suite / "env")))[1].image
        )


@pytest.mark.slow
@pytest.mark.parametrize("form", ["dockerfile", "image", "host"])
def test_a_public_task_with_its_files_in_app(built, tmp_path, capsys, form):
    """Files from the image and a COPY, absolute paths in tests and solution, one file deleted by the solution."""
    files = {
        "task.toml": '[metadata]\ncategory = "d"\n[environment]\nmemory = "512M"\ncpus = 1\n',
        "instruction.md": "Sum up /app/data.txt into /app/out.txt, and remove /app/trash.",
        "environment/Dockerfile": f"FROM {built}\nWORKDIR /app\nCOPY data.txt trash /app/\n",
        "environment/data.txt": "1\n2\n",
        "environment/trash": "x",
        "tests/test.sh": "cd /app; grep -qx 3 out.txt && [ ! -e /app/trash ] && [ -s data.txt ]\n"
        "if [ $? -eq 0 ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt\n",
        "solution/solve.sh": "rm /app/trash\nawk '{s+=$1} END {print s}' data.txt > /app/out.txt || echo 3 > out.txt\n",
    }
    for name, text in files.items():
        path = tmp_path / "s" / "tasks" / "sum" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    suite = {"name": "s", "domains": ["d"], "harbor": "tasks"} | ({"environment": "host"} if form == "host" else {})
    if form == "image":
        command = [
            "podman",
            "build",
            "-q",
            "--network",
            "none",
            "-t",
            f"{built}2",
            str(path.parents[1] / "environment"),
        ]
        subprocess.run(command, capture_output=True, check=True)
        suite["environment"] = {"image": f"{built}2"}
    (tmp_path / "s" / "suite.yaml").write_text(json.dumps(suite))
    try:
        code = main(["suite", "lint", str(tmp_path / "s"), "--oracle", "--json"])
    finally:
        if form != "host":
            own = Environment(dockerfile=str(path.parents[1] / "environment"))
            made = f"{built}2" if form == "image" else prepare(SandboxOptions(), own)[1].image
            containers.call("podman", "rmi", "-f", made)
    found = json.loads(capsys.readouterr().out)
    assert (code, found["oracle"]["oracle_passed"], found["oracle"]["null_passed"]) == (0, 1, 0), found
