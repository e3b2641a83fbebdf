"""A suite from elsewhere reads nothing but its own folder, unless the user allows it."""

import json
from pathlib import Path

import pytest
from written_suites import task, write_suite

from harness.cli.entry import main
from harness.core import UserFileError
from harness.suite import load_suite

LINE = json.dumps(task(0)) + "\n"


def outside(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    for name in ("tasks.jsonl", "file.txt", "human.jsonl"):
        (tmp_path / "elsewhere" / name).write_text(LINE if name == "tasks.jsonl" else "{{ input }}")
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("way", ["absolute", "dots", "link", "linked folder", "link to dots"])
@pytest.mark.parametrize("key", ["tasks", "prompt"])
def test_a_source_out_of_the_folder_is_refused_and_may_be_allowed(tmp_path, way, key):
    there = outside(tmp_path) / {"tasks": "tasks.jsonl", "prompt": "file.txt"}[key]
    folder = write_suite(tmp_path / "s", [task(0)])
    name = {"absolute": str(there), "dots": f"../elsewhere/{there.name}", "linked folder": f"l/{there.name}"}.get(
        way, f"own{there.suffix}"
    )
    if way == "link":
        (folder / name).symlink_to(there)
    elif way == "link to dots":
        (folder / name).symlink_to(f"../elsewhere/{there.name}")
    elif way == "linked folder":
        (folder / "l").symlink_to(there.parent)
    write_suite(folder, [task(0)], **{key: name})
    with pytest.raises(UserFileError, match=f"{key}: .*out of the suite's folder; copy it in, or give --allow-outside"):
        load_suite(folder)
    assert load_suite(folder, allow_outside=True).tasks[0].id == "t0"


def test_a_link_within_the_folder_is_followed(tmp_path):
    folder = write_suite(tmp_path / "s", [task(0)], tasks="link.jsonl")
    (folder / "link.jsonl").symlink_to("tasks.jsonl")
    (tmp_path / "again").symlink_to(folder)
    assert load_suite(tmp_path / "again").tasks[0].id == "t0"
    (folder / "loop.jsonl").symlink_to("loop.jsonl")
    with pytest.raises(UserFileError, match=r"loop\.jsonl: cannot be read"):
        load_suite(write_suite(folder, [task(0)], tasks="loop.jsonl"))


@pytest.mark.parametrize(
    "source",
    [
        {"path": "text", "data_files": "/etc/passwd"},
        {"path": "text", "data_files": ["own.txt", "../elsewhere/file.txt"]},
        {"path": "text", "data_files": {"train": "link.txt"}},
        {"path": "text", "data_files": "*.txt"},
        {"path": "text", "data_files": "../else*/*.txt"},
        {"path": "text", "data_files": "file:///etc/passwd"},
        {"path": "text", "data_files": "zip://x::own.txt"},
        {"path": "/etc"},
        {"path": "../elsewhere"},
        {"path": "linked"},
        {"path": "holding"},
        {"path": "some/name", "data_files": "/etc/passwd"},
        {"path": "some/name", "data_files": "file:///etc/passwd"},
    ],
)
def test_a_data_set_out_of_the_folder_is_refused(tmp_path, source):
    pytest.importorskip("datasets")
    there = outside(tmp_path)
    folder = write_suite(tmp_path / "s", tasks=None, huggingface=source | {"map": {"input": "text"}})
    (folder / "own.txt").write_text("mine\n")
    (folder / "link.txt").symlink_to(there / "file.txt")
    (folder / "linked").symlink_to(there)
    (folder / "holding").mkdir()
    (folder / "holding" / "data.csv").symlink_to(there / "file.txt")
    with pytest.raises(UserFileError, match=r"huggingface\.(data_files|path): .*(suite's folder|is an address)"):
        load_suite(folder)


def test_the_command_takes_the_permission(tmp_path, capsys):
    outside(tmp_path)
    folder = write_suite(tmp_path / "s", [task(0)], tasks="../elsewhere/tasks.jsonl")
    for action in ("lint", "show"):
        assert main(["suite", action, str(folder)]) == 2
        assert "leads out of the suite's folder" in capsys.readouterr().err
        assert main(["suite", action, str(folder), "--allow-outside"]) == 0


def test_a_device_and_a_pipe_are_named(tmp_path):
    import os

    folder = write_suite(tmp_path / "s", [task(0)], tasks="/dev/zero.jsonl")
    with pytest.raises(UserFileError, match="leads out of the suite's folder"):
        load_suite(folder)
    os.mkfifo(folder / "pipe.jsonl")
    with pytest.raises(UserFileError, match=r"pipe\.jsonl: this is a named pipe, a file is needed"):
        load_suite(write_suite(folder, [task(0)], tasks="pipe.jsonl"))
    with pytest.raises(UserFileError, match=r"line 1\.files: 'pipe\.jsonl' is a pipe or a device"):
        load_suite(write_suite(folder, [task(0, files=["pipe.jsonl"])]))
