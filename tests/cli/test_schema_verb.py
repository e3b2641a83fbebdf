"""Schemas take what the program takes: the demo's own files, and those that ``init`` writes, which name theirs."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from harness.cli import main
from harness.cli.own_files import FILES, schema_of
from harness.suite import lint_suite, load_suite

ROOT = Path(__file__).resolve().parents[2]
OWN = {"experiment": "reports/*/experiment.yaml", "suite": "suites/*/suite.yaml", "recipe": "adapters/recipes/*.yaml",
       "card": "adapters/*/card.yaml", "skill": "skills/*/SKILL.md", "task": "suites/*/tasks.jsonl"}  # fmt: skip


def values(path):
    text = path.read_text("utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()[:20]]
    return [json.loads(json.dumps(yaml.safe_load(text.split("---")[1] if path.suffix == ".md" else text), default=str))]


@pytest.mark.parametrize("file", FILES)
def test_a_schema_is_one_and_takes_the_repository_s_files(file):
    schema = schema_of(file)
    Draft202012Validator.check_schema(schema)
    files = list(ROOT.glob(OWN[file])) if file in OWN else []
    assert files or file not in OWN
    for path in files:
        for value in values(path):
            assert [f"{path}: {e.message}" for e in Draft202012Validator(schema).iter_errors(value)] == []


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("experiment", {"name": "x", "suites": ["s"], "models": {"m": {"backend": "openai"}}, "contenders": {"c": {}}}),
        ("suite", {"name": "x", "task": "t.jsonl"}),
        ("gate", {"margn": 0.1}),
        ("skill", {"name": "Two Words", "description": "d"}),
        ("card", {"base": "b"}),
    ],
)
def test_a_schema_refuses_what_the_program_refuses(file, value):
    assert list(Draft202012Validator(schema_of(file)).iter_errors(value))


def test_files_of_init_name_schemas_that_are_there_and_hold(tmp_path, capsys):
    assert main(["init", str(tmp_path / "mine")]) == 0
    for path in (tmp_path / "mine" / "experiment.yaml", tmp_path / "mine" / "suites" / "example" / "suite.yaml"):
        head, _, _ = path.read_text("utf-8").partition("\n")
        schema = json.loads((path.parent / head.partition("$schema=")[2]).read_text("utf-8"))
        assert [e.message for value in values(path) for e in Draft202012Validator(schema).iter_errors(value)] == []


def test_the_suite_of_init_has_no_cluster_in_both_dev_and_test(tmp_path, capsys):
    """A beginner copies it: a threshold chosen on its dev tasks must not have seen the sources of its test tasks."""
    assert main(["init", str(tmp_path / "mine")]) == 0
    suite = load_suite(tmp_path / "mine" / "suites" / "example")
    by_split = {split: {task.cluster for task in suite.tasks if task.split == split} for split in ("dev", "test")}
    assert all(by_split.values())
    assert by_split["dev"].isdisjoint(by_split["test"])
    assert "cluster-spans-splits" not in {finding.rule for finding in lint_suite(suite)}
    table = (tmp_path / "mine" / "skills" / "queues" / "SKILL.md").read_text("utf-8")
    assert all(f"| {task.cluster} | {task.reference} |" in table for task in suite.tasks)


def test_an_unknown_schema_is_one_line(capsys):
    with pytest.raises(SystemExit):
        main(["schema", "nothing"])
    assert capsys.readouterr().err.count("\n") == 1
