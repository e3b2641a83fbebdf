"""The reference pages are what the code says today, and the generator says what it does not know."""

import importlib.util
import re
import sys

import pytest
import yaml
from pages import DOCS, ROOT


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(reference):
    return reference.pages()


@pytest.mark.parametrize("part", ["files", "tables", "commands", "python"])
def test_the_reference_is_that_of_the_code(part, made):
    name = f"reference-{part}.md"
    assert (DOCS / name).read_text(encoding="utf-8") == made[name], "run: python docs/reference.py"


def test_every_verb_key_column_and_word_is_there(made):
    """Against lists read from the source as text, not from the generator's own inputs."""
    sources = [path.read_text() for path in (ROOT / "harness" / "cli").glob("*.py")]
    verbs = [verb for text in sources for verb in re.findall(r"^def run_(\w+)", text, re.MULTILINE)]
    assert len(verbs) > 20
    for verb in verbs:
        assert f"## `ownbench {verb}`" in made["reference-commands.md"]
    example = yaml.safe_load((ROOT / "reports" / "demo" / "experiment.yaml").read_text())
    keys = {*example, *(key for model in example["models"].values() for key in model)}
    keys |= {key for contender in example["contenders"].values() for key in contender}
    assert all(f"| `{key}` |" in made["reference-files.md"] for key in keys)
    for column in ("suite_digest", "skills_used", "cache_write_tokens", "replies"):
        assert f"| `{column}` |" in made["reference-tables.md"]
    for word in ("too_dear", "INCONCLUSIVE", "hybrid"):
        assert f"| `{word}` |" in made["reference-tables.md"]
    assert "| `wilson_interval` |" in made["reference-python.md"]


def test_tables_have_as_many_cells_as_their_heads(made):
    for text in made.values():
        width = None
        for line in text.splitlines():
            cells = line.replace("\\|", "").count("|") if line.startswith("|") else None
            assert width is None or cells is None or cells == width, line
            width = cells


def test_a_key_without_a_meaning_and_a_meaning_without_a_key_are_named(reference, tmp_path):
    path = tmp_path / "meanings.yaml"
    path.write_text("Experiment: {name: the name, gone: what was}\n")
    meanings = reference.Meanings(path)
    assert meanings.of("Experiment", "name") == "the name"
    assert meanings.of("Experiment", "seed", "what the ``code`` says.") == "what the `code` says"
    meanings.of("Experiment", "trials")
    with pytest.raises(SystemExit) as stopped:
        meanings.check()
    assert "has nothing on Experiment: trials" in str(stopped.value)
    assert "names Experiment: gone" in str(stopped.value)


def test_what_may_stand_at_a_key_is_said_in_words(reference):
    assert reference.words_of({"type": "integer", "minimum": 1}, {}) == "whole number from 1"
    assert reference.words_of({"anyOf": [{"type": "string"}, {"type": "null"}]}, {}) == "text"
    assert reference.words_of({"enum": ["dev", "test"]}, {}) == "`dev` or `test`"
    assert reference.words_of({"type": "array", "items": {"$ref": "#/$defs/X"}}, {}) == "a list: a mapping, see below"


def test_the_pages_that_quote_the_demo_have_their_markers():
    sys.path.insert(0, str(DOCS))
    from blocks import BLOCKS

    for name, parts in BLOCKS.items():
        text = (DOCS / name).read_text(encoding="utf-8")
        for word in parts:
            assert text.count(f"<!-- demo:{word}:begin -->") == text.count(f"<!-- demo:{word}:end -->") == 1
            _, _, rest = text.partition(f"<!-- demo:{word}:begin -->")
            assert len(rest.partition(f"<!-- demo:{word}:end -->")[0].strip()) > 40, f"{name}: {word} is empty"


def test_the_pages_quote_the_same_run_as_the_readme():
    """The hybrid's rate stands in the README's table and in two pages; a page that was forgotten shows another one."""
    import re

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rate, *_ = re.findall(r"^\| `hybrid` \|[^|]*\| ([^|]*) \|", readme, re.MULTILINE)
    statistics = (DOCS / "read-the-statistics.md").read_text(encoding="utf-8")
    assert f"tasks: {rate}." in statistics
    assert f"| `hybrid` | {rate} |" in statistics
    assert f"| `hybrid` | {rate.partition(' ')[0]} |" in (DOCS / "price-escalation.md").read_text(encoding="utf-8")
