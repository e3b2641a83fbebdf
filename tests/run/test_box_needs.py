"""What attempts need boxes for is looked at before anything is spent, and said in one line."""

from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import live
import pytest

from harness import sandbox
from harness.cli import main
from harness.core import UserFileError
from harness.experiment import assemble, check
from harness.run import RunOptions, run_report
from harness.sandbox import containers, images, opening

NOWHERE = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}


def program(assembled, environment, dockerfile=""):
    """The same plan, graded by a program in a box of ``environment``."""
    by = SimpleNamespace(needs_box=True, name="program", models=frozenset(), judges=frozenset(), parts=(), digest="p")
    attempts = tuple(
        replace(a, task=replace(a.task, environment=environment, dockerfile=dockerfile)) for a in assembled.attempts
    )
    return replace(assembled, attempts=attempts, graders=dict.fromkeys(assembled.graders, by))


@pytest.fixture
def assembled(tmp_path):
    return assemble(live.write_experiment(tmp_path / "r", models={"m": NOWHERE}))


@pytest.fixture
def bare(monkeypatch):
    """A machine without any sandbox."""
    monkeypatch.setenv("PATH", "/nowhere")
    opening.probe.cache_clear()
    yield
    opening.probe.cache_clear()


def refused(assembled):
    """The same line from a dry run and from a run, which has sent and written nothing."""
    said = []
    for act in (lambda: check(assembled, {}), lambda: run_report(assembled, RunOptions())):
        with pytest.raises(UserFileError) as caught:
            act()
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "\n" not in said[0]
    assert sorted(path.name for path in assembled.report.iterdir()) == ["experiment.yaml"]
    return said[0]


def test_a_machine_without_a_sandbox(assembled, bare):
    line = refused(program(assembled, {}))
    assert line.startswith(f"{assembled.report}/experiment.yaml: sandbox: 4 attempts need a box (for one, the task t")
    assert "of the suite s, for the grader program): no sandbox on this machine: bubblewrap is not installed" in line
    assert line.endswith("commands never run without one")


def test_where_nothing_needs_a_box_none_is_looked_for(assembled, bare):
    assert check(assembled, {})["attempts"] == 4


def test_an_environment_for_which_the_backend_is_wrong(assembled):
    sandbox = assembled.experiment.sandbox.model_copy(update={"backend": "bubblewrap"})
    experiment = assembled.experiment.model_copy(update={"sandbox": sandbox})
    line = refused(replace(program(assembled, {"image": "python:3.13-slim"}), experiment=experiment))
    assert "experiment.yaml: sandbox: " in line
    assert "bubblewrap has no images: write sandbox.backend podman or docker, or environment host" in line


@pytest.fixture
def fake_podman(tmp_path, monkeypatch):
    """A program that answers as podman does, of one image; it builds nothing, and notes what it was asked."""
    asked = tmp_path / "asked"
    (tmp_path / "bin").mkdir()
    script = f"""#!/bin/sh
echo "$*" >> {asked}
case "$*" in
*info*) echo '{{"host": {{"cgroupVersion": "v2", "security": {{"rootless": false}}}}}}' ;;
*"image inspect"*known:1) echo sha256:1 ;;
*"image inspect"*) exit 125 ;;
*build*) echo 'Error: building at STEP "RUN false": exit status 1' >&2; exit 1 ;;
esac
"""
    (tmp_path / "bin" / "podman").write_text(script)
    (tmp_path / "bin" / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setattr(images, "_FOUND", {})
    monkeypatch.setattr(sandbox, "open_box", lambda *_: BytesIO(), raising=False)
    opening.probe.cache_clear()
    yield asked
    opening.probe.cache_clear()


def test_an_image_that_is_not_there(assembled, fake_podman):
    line = refused(program(assembled, {"image": "nobody:1"}))
    assert f"{assembled.places['s']}/suite.yaml: task t" in line
    assert "environment: podman has no image 'nobody:1', and none is pulled; run podman pull first" in line


def test_each_environment_is_looked_at_once(assembled, fake_podman):
    assert check(program(assembled, {"image": "known:1"}), {})["attempts"] == 4
    assert sum("image inspect" in line for line in fake_podman.read_text().splitlines()) == 1


def test_one_box_of_each_environment_is_opened_before_anything_is_sent(assembled, fake_podman, monkeypatch):
    opened = []
    monkeypatch.setattr(sandbox, "open_box", lambda _, environment: opened.append(environment) or BytesIO())
    planned = program(assembled, {"image": "known:1", "env": {"A": "1"}})
    odd = [replace(a, task=replace(a.task, environment={"image": "known:1"})) for a in planned.attempts[:2]]
    assert check(replace(planned, attempts=(*planned.attempts, *odd)), {})["attempts"] == 6
    assert [one.image for one in opened] == ["known:1"]  # what only variables tell apart is one


@pytest.mark.parametrize(
    "said", ['exec: "sh": executable file not found in $PATH', "executable file `sh` not found in $PATH: No such file"]
)
def test_an_image_without_a_shell(assembled, fake_podman, monkeypatch, said):
    monkeypatch.setattr(sandbox, "open_box", opening.open_box)
    podman = fake_podman.parent / "bin" / "podman"
    podman.write_text(
        f"{podman.read_text()}case \"$1$3\" in start* | startr*) echo 'Error: {said}' >&2; exit 127 ;; esac\n"
    )
    monkeypatch.setattr(containers, "program_of", lambda kind: [kind])
    monkeypatch.setattr(images, "program_of", lambda kind: [kind])
    line = refused(program(assembled, {"image": "known:1"}))
    assert "/suite.yaml: task t" in line
    assert "environment: the image known:1 has no sh; a box needs /bin/sh, sleep, tar, find, chmod, sha256sum, " in line


def test_a_dockerfile_that_fails_ends_the_run_and_is_told_of_by_the_dry_run(assembled, fake_podman, tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "Dockerfile").write_text("FROM known:1\nRUN false\n")
    planned = program(assembled, {"dockerfile": "sha256:x"}, str(tmp_path / "env"))
    assert any("a run builds the Dockerfile of the task" in text for text in check(planned, {})["warnings"])
    assert "build" not in fake_podman.read_text()
    with pytest.raises(UserFileError, match=r"cannot be built without a network: podman build: .*exit status 1") as got:
        run_report(planned, RunOptions())
    assert "/suite.yaml: task t" in str(got.value)
    assert "environment: " in str(got.value)


def test_an_experiment_may_say_what_its_boxes_get(tmp_path, capsys):
    report = live.write_experiment(tmp_path / "r", models={"m": NOWHERE}, sandbox={"memory_mb": 1})
    assert main(["check", str(report)]) == 2
    assert "sandbox.memory_mb" in capsys.readouterr().err


def test_what_tasks_ask_for_and_do_not_get_is_told(assembled):
    asked = {"host": True, "memory_mb": 4096, "disk_mb": 10, "allow_internet": True}
    warnings = check(program(assembled, asked), {})["warnings"]
    assert any("asks for a network (allow_internet), and a box here has none" in text for text in warnings)
    (less,) = [text for text in warnings if "ask for more than their boxes have" in text]
    assert less.startswith(
        "suite s: its tasks ask for more than their boxes have or hold to: memory_mb 4096 (sandbox.mem"
    )
    assert "disk_mb" not in less
