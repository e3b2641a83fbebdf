"""What a dry run says of skills before anything is spent."""

import json
from pathlib import Path

import pytest
import yaml

from harness.core import ModelSpec, UserFileError
from harness.experiment import assemble
from harness.experiment.skill_notes import room_of, skill_notes

LONG = "The parcel was lost between Lisbon and Porto, so the claim is paid in full."


def write_skill(library: Path, name: str, body: str, **files: str) -> None:
    (library / name).mkdir(parents=True, exist_ok=True)
    (library / name / "SKILL.md").write_text(f"---\nname: {name}\ndescription: About {name}.\n---\n{body}\n")
    for key, text in files.items():
        (library / name / f"{key}.md").write_text(text)


@pytest.fixture
def lines(tmp_path):
    """The notes on an experiment with these tasks, and these keys of its contender and its model."""

    def told(tasks, model=None, metadata=None, **contender):
        suite = tmp_path / "suites" / "s"
        suite.mkdir(parents=True, exist_ok=True)
        rows = [
            {"id": f"t{n}", "domain": "d", "input": asked, "reference": right, "metadata": metadata or {}}
            for n, (asked, right) in enumerate(tasks)
        ]
        (suite / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        about = {"name": "s", "version": "1", "domains": ["d"], "tasks": "tasks.jsonl", "grader": {"name": "exact"}}
        (suite / "suite.yaml").write_text(yaml.safe_dump(about))
        entry = {"backend": "openai", "model": "x", "base_url": "http://127.0.0.1:9/v1"} | (model or {})
        whole = {"name": "e", "suites": ["suites/s"], "models": {"m": entry}}
        whole["contenders"] = {"c": {"model": "m", "skills": "lib", **contender}}
        (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(whole))
        return list(skill_notes(assemble(tmp_path)))

    write_skill(tmp_path / "lib", "lost-parcels", "Look at the route.")
    return told


def test_nothing_is_said_of_what_is_in_order(lines):
    assert lines([("Is it paid?", "yes"), ("And this one?", LONG)], {"context_tokens": 4_000}) == []


def test_a_skill_that_cannot_be_loaded_is_named(lines, tmp_path):
    (tmp_path / "lib" / "broken").mkdir()
    (tmp_path / "lib" / "broken" / "SKILL.md").write_text("---\nname: broken\n---\nBody.\n")
    (line,) = lines([("Is it paid?", "yes")])
    assert line.startswith(
        "lib: broken (the description is missing or empty) cannot be loaded as a skill and will not be shown"
    )


def test_a_prompt_that_the_context_cannot_hold(lines, tmp_path):
    write_skill(tmp_path / "lib", "lost-parcels", "word " * 4_000)
    (line,) = lines([("Is it paid?", "yes")], {"context_tokens": 4_096}, delivery="flat")
    assert line.startswith("c on s: the first prompt at task t0 and its answer have about 5,0")
    assert "the model m takes 4,096 (context_tokens); show fewer skills, or by progressive" in line
    assert lines([("Is it paid?", "yes")], {"context_tokens": 8_192}, delivery="flat") == []
    assert lines([("Is it paid?", "yes")], {"context_tokens": 4_096}, delivery="progressive") == []
    assert lines([("Is it paid?", "yes")], delivery="flat") == []  # nobody knows what it takes


def test_where_the_context_of_a_model_is_said(tmp_path):
    (tmp_path / "config.json").write_text('{"text_config": {"max_position_embeddings": 512}}')
    spec = ModelSpec(name="m", backend="transformers", model=str(tmp_path))
    assert room_of(spec, None) == (512, "max_position_embeddings of its config.json")
    assert room_of(spec, 100) == (100, "context_tokens")
    served = ModelSpec(name="m", backend="vllm", model=str(tmp_path), options={"max_model_len": 256})
    assert room_of(served, None) == (256, "max_model_len")
    for broken in ("", "[]", '{"max_position_embeddings": "many"}', "{}"):
        (tmp_path / "config.json").write_text(broken)
        assert room_of(spec, None) is None


def test_a_reference_in_a_skill_is_a_leak(lines, tmp_path):
    write_skill(tmp_path / "lib", "lost-parcels", "Look.", examples=f"An example:\n> {LONG.upper().replace(' ', '  ')}")
    (line,) = lines([("Is it paid?", LONG), ("What then?", "yes")])
    assert "skill lost-parcels holds, word for word, the reference of 1 task of the suite s (t0)" in line


def test_labels_and_half_a_reference_are_no_leak(lines, tmp_path):
    write_skill(tmp_path / "lib", "lost-parcels", "Answer yes or no. " + " ".join(LONG.split()[:9]))
    assert lines([("Is it paid?", "yes"), ("Which one?", "no"), ("And?", LONG), ("How many?", 12)]) == []


def test_a_task_that_names_a_skill(lines, tmp_path):
    write_skill(tmp_path / "lib", "pdf", "Read it.")
    (line,) = lines([("Read the pdf and say who pays.", "a"), ("Use lost-parcels for this.", "b"), ("Any other?", "c")])
    assert line.startswith("1 task of the suite s names a skill (task t1: 'lost-parcels')")
    (line,) = lines([("Use the PDF skill.", "a"), ("With the skill `pdf`?", "b")])
    assert line.startswith("2 tasks of the suite s name a skill (task t0: 'PDF skill')")


def test_a_placebo_that_repeats_a_short_text(lines, tmp_path):
    write_skill(tmp_path / "lib", "lost-parcels", "word " * 100)
    write_skill(tmp_path / "lib", "ponds", "A pond is still.")
    (line,) = lines([("Is it paid?", "yes")], skills="lib/lost-parcels", delivery="placebo")
    assert line.startswith("c: the placebo is the skill ponds of 4 words, repeated to 100: put a skill")
    write_skill(tmp_path / "lib", "ponds", "water " * 40)
    assert lines([("Is it paid?", "yes")], skills="lib/lost-parcels", delivery="placebo") == []


def test_a_skill_that_holds_the_inputs_is_a_leak(lines, tmp_path):
    write_skill(tmp_path / "lib", "lost-parcels", "- The unit of the fourth shelf is broken again. -> repairs")
    (line,) = lines([("The unit of the fourth shelf is broken again.", "repairs"), ("Is it paid?", "yes")])
    assert line.startswith("skill lost-parcels holds, word for word, the input of 1 task of the suite s (t0): ")


def test_a_skill_that_tasks_need_and_nobody_has(lines):
    (line,) = lines([("Is it paid?", "yes"), ("Really?", "yes")], metadata={"skills": ["lost-parcel"]})
    assert line.startswith("metadata.skills of 2 tasks of the suite s (t0 and t1) names the skill 'lost-parcel', which")
    assert line.endswith("did you mean 'lost-parcels'?")
    assert lines([("Is it paid?", "yes")], metadata={"skills": "lost-parcels"}) == []


def test_skills_that_cannot_be_used_name_the_key(lines, tmp_path):
    (tmp_path / "lib" / "lost-parcels" / "SKILL.md").write_text("---\nname: lost-parcels\n---\n")
    with pytest.raises(UserFileError, match="lib: no skill in it can be used") as found:
        lines([("Is it paid?", "yes")])
    assert (found.value.field, found.value.path) == ("contenders.c.skills", str(tmp_path / "experiment.yaml"))


def test_a_delivery_that_is_nearly_one_with_a_number(lines):
    with pytest.raises(UserFileError, match="did you mean 'bm25:2'"):
        lines([("Is it paid?", "yes")], delivery="bm25_2")
