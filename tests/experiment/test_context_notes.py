"""What a dry run says of documents before anything is spent."""

import json

import pytest
import yaml

from harness.core import UserFileError
from harness.experiment import assemble


@pytest.fixture
def assembled(tmp_path):
    """An experiment of three tasks, two of them of the domain garden, with this context."""
    suite, docs = tmp_path / "s", tmp_path / "docs"
    suite.mkdir()
    docs.mkdir()
    rows = [("garden", "Which algae?"), ("garden", "What zebra?"), ("house", "Which algae and lamp?")]
    lines = [json.dumps({"id": f"t{n}", "domain": d, "input": t, "reference": "x"}) for n, (d, t) in enumerate(rows)]
    (suite / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    about = {"name": "s", "version": "1", "domains": ["garden", "house"], "tasks": "tasks.jsonl"}
    (suite / "suite.yaml").write_text(yaml.safe_dump(about | {"grader": {"name": "exact"}}))
    (docs / "ponds.md").write_text("---\ndomain: garden\n---\nAlgae grow.\n")

    def of(**context):
        whole = {"name": "e", "suites": ["s"], "contenders": {"c": {"model": "m", "context": "k"}}}
        whole["models"] = {"m": {"backend": "openai", "model": "x", "base_url": "http://127.0.0.1:9/v1"}}
        whole["context"] = {"k": {"documents": "docs", **context}}
        (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(whole))
        return assemble(tmp_path)

    return of


@pytest.mark.parametrize(("wanted", "why"), [
    ({"domain": "garage"}, "none has domain: garage; found garden"),
    ({"domian": "garden"}, "none has 'domian' in its front matter; did you mean 'domain'?"),
    ({"domain": "Garden"}, "none has domain: Garden; found garden"),
])  # fmt: skip
def test_a_context_that_shows_no_task_anything(assembled, wanted, why):
    (line,) = assembled(filter=wanted).for_readers
    assert line == f"context k: no task is shown a passage; the filter keeps 0 of 1 document: {why}"


def test_tasks_that_are_shown_nothing_are_counted(assembled):
    (line,) = assembled().for_readers
    assert line.startswith("context k: 1 of 3 tasks of the suite s is shown no passage (t1); the passages that it")
    (line,) = assembled(filter={"domain": "{{ domain }}"}).for_readers
    assert line.startswith("context k: 2 of 3 tasks of the suite s are shown no passage (t1 and t2); ")


def test_a_variable_that_is_none_is_refused_at_its_field(assembled):
    for value, said in (("{{ domain ", "'{{ domain' names nothing of a task"), ("{{ metadata.x }}", "no metadata of")):
        with pytest.raises(UserFileError, match=said) as found:
            assembled(filter={"domain": value})
        assert found.value.field == "context.k.filter"
        assert "{{ metadata.KEY }}" in found.value.advice


def test_short_passages_need_no_overlap_of_their_own(assembled):
    assert assembled(chunk_tokens=50).experiment.context["k"].overlap == 12
    assert assembled().experiment.context["k"].overlap == 60


def test_documents_that_cannot_be_read_name_the_key(assembled, tmp_path):
    (tmp_path / "docs" / "ponds.md").write_bytes(b"\xff\xfe")
    with pytest.raises(UserFileError, match=r"docs/ponds\.md: this is not UTF-8 text") as found:
        assembled()
    assert (found.value.field, found.value.path) == ("context.k.documents", str(tmp_path / "experiment.yaml"))
