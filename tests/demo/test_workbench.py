"""The suite of work in a box and its skills as they are shipped: whole, solvable, and not to be had for nothing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.sandbox import probe
from harness.skill import lint_library, load_library
from harness.suite import load_suite

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / "suites" / "workbench"
FOLDERS = sorted(path.parent for path in SUITE.glob("tasks/*/task.toml"))
SKILLS = ROOT / "skills" / "workbench"
REPAIRS = sorted(path.parent for path in SUITE.glob("tasks/*/tests/cases.json"))
boxed = pytest.mark.skipif(not probe("bubblewrap").usable, reason="bubblewrap makes no box here")


def test_there_are_enough_tasks_and_no_source_is_in_two_splits():
    tasks = load_suite(SUITE).tasks
    by_domain = {domain: [t for t in tasks if t.domain == domain] for domain in {t.domain for t in tasks}}
    assert {domain: len(found) for domain, found in by_domain.items()} == {
        "data-cleaning": 6, "log-analysis": 6, "code-repair": 6,
    }  # fmt: skip
    for found in by_domain.values():
        assert {task.split for task in found} == {"dev", "test"}
    named = {task.domain: task.metadata["skills"] for task in tasks}
    assert named == {
        "data-cleaning": ["table-cleaning"],
        "log-analysis": ["log-triage"],
        "code-repair": ["patch-and-test"],
    }
    splits = {}
    for task in tasks:
        splits.setdefault(task.cluster, set()).add(task.split)
    assert all(len(found) == 1 for found in splits.values())
    assert sum(len([t for t in tasks if t.cluster == name]) > 1 for name in splits) == 4


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_task_has_all_its_parts_and_shows_no_answer(folder):
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"instruction.md", "task.toml", "tests/test.sh", "tests/check.py", "solution/solve.sh"} <= names
    assert any(name.startswith("environment/") for name in names)
    asked = (folder / "instruction.md").read_text(encoding="utf-8")
    assert max(map(len, asked.splitlines())) <= 130
    for skill in load_library(SKILLS):
        assert skill.name not in asked
    for path in folder.glob("environment/**/*"):
        assert path.suffix in {"", ".csv", ".tsv", ".txt", ".log", ".1", ".gz", ".jsonl", ".py", ".patch"}, path


def test_the_repairs_are_checked_alike():
    assert len(REPAIRS) == 6
    assert len({(folder / "check.py").read_text() for folder in REPAIRS}) == 1
    for folder in REPAIRS:
        cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
        assert cases["kept"]
        assert len(cases["fixed"]) >= 4


@boxed
@pytest.mark.parametrize("each", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_the_oracle_passes_every_task_and_doing_nothing_none(each, tmp_path, capsys):
    """Every third task of each domain; all of them take seconds."""
    shutil.copy(SUITE / "suite.yaml", tmp_path)
    for folder in FOLDERS[::each]:
        shutil.copytree(folder, tmp_path / "tasks" / folder.name)
    assert main(["suite", "lint", str(tmp_path), "--oracle", "--json"]) == 0
    counts, tasks = json.loads(capsys.readouterr().out)["oracle"], len(FOLDERS[::each])
    assert (counts["tasks"], counts["oracle_passed"], counts["null_passed"]) == (tasks, tasks, 0)


def test_the_skills_are_valid_and_each_has_a_script_that_says_what_it_does():
    results = lint_library(SKILLS)
    assert [(r.name, r.valid, r.warnings) for r in results] == [
        ("log-triage", True, ()), ("patch-and-test", True, ()), ("table-cleaning", True, ()),
    ]  # fmt: skip
    for skill in load_library(SKILLS):
        assert skill.allowed_tools == ("bash", "read_file", "write_file", "edit_file")
        scripts = [name for name in skill.files if name.startswith("scripts/")]
        assert scripts
        for name in scripts:
            if (path := skill.folder / name).read_text(encoding="utf-8").find("argparse") < 0:
                continue  # a module of another script
            done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=True)
            assert f"/scripts/{path.name}" in skill.body
            assert path.name in done.stdout
