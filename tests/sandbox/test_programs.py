"""What graders that are programs need of a box, in every kind of one."""

import json

import pytest

from harness.cli import main
from harness.core import Environment
from harness.sandbox import SandboxOptions, containers, open_box, prepare, probe, unpack

TOML = '[metadata]\ncategory = "d"\n'
FILES = {
    "task.toml": TOML,
    "instruction.md": "Count the lines of a.txt into out.txt.",
    "environment/files/a.txt": "1\n2\n",
    "tests/test.sh": 'if [ "$(cat out.txt)" = 2 ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt',
    "solution/solve.sh": "wc -l < a.txt > out.txt",
}


@pytest.fixture(params=["bubblewrap", pytest.param("podman", marks=pytest.mark.slow)])
def environment(request):
    if not (found := probe(request.param)).usable:
        pytest.skip(found.problem)
    return Environment(image=request.getfixturevalue("image")) if request.param == "podman" else Environment()


def test_more_folders_can_be_written_to_and_are_no_part_of_the_work(environment):
    with open_box(SandboxOptions(memory_mb=256, disk_mb=64), environment, folders=("/tests", "/logs")) as box:
        box.put({"/tests/a/check.sh": b"#!/bin/sh\necho checked", "x": b"1"})
        done = box.run("/tests/a/check.sh && mkdir /logs/verifier && echo 1 > /logs/verifier/reward.txt")
        assert (done.code, done.out) == (0, b"checked\n")
        assert box.get(["/logs/verifier/reward.txt"]) == {"/logs/verifier/reward.txt": b"1\n"}
        assert box.run("touch /elsewhere").code != 0
        full = box.run("head -c 100000000 /dev/zero > /logs/big")
        assert full.code != 0
        assert [*unpack(box.get_tar(), 1 << 20)] == ["x"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["image", "dockerfile"])
def test_program_tasks_in_containers(image, tmp_path, capsys, form):
    for name, text in FILES.items():
        path = tmp_path / "tasks" / "count" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    suite = {"name": "s", "domains": ["d"], "harbor": "tasks"}
    if form == "image":
        suite["environment"] = {"image": image}
    else:
        (tmp_path / "tasks/count/environment/Dockerfile").write_text(f"FROM {image}\n")
    (tmp_path / "suite.yaml").write_text(json.dumps(suite))
    try:
        code = main(["suite", "lint", str(tmp_path), "--oracle", "--json"])
    finally:
        if form == "dockerfile":
            built = Environment(dockerfile=str(tmp_path / "tasks/count/environment"))
            containers.call("podman", "rmi", "-f", prepare(SandboxOptions(backend="podman"), built)[1].image)
    found = json.loads(capsys.readouterr().out)
    counts = {"tasks": 1, "oracle_passed": 1, "null_passed": 0, "without_oracle": 0}
    assert (code, found["oracle"]) == (0, counts), found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment_of_tasks", "said"),
    [({"image": "no-such-image:1"}, "no image 'no-such-image:1', and none is pulled"), ("box", "cannot be built")],
)
def test_an_environment_that_is_not_to_be_had_is_one_line_and_2(image, tmp_path, capsys, environment_of_tasks, said):
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "Dockerfile").write_text(f"FROM {image}\nRUN false\n")
    wanted = {"dockerfile": "box"} if environment_of_tasks == "box" else environment_of_tasks
    suite = {"name": "s", "domains": ["d"], "tasks": "tasks.jsonl", "environment": wanted}
    (tmp_path / "suite.yaml").write_text(json.dumps(suite | {"grader": {"name": "program", "command": ["true"]}}))
    (tmp_path / "tasks.jsonl").write_text('{"id": "t0", "input": "x"}\n')
    assert main(["suite", "lint", str(tmp_path), "--oracle"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "task t0: " in line
    assert said in line
