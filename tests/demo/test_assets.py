"""The demo's assets as they are shipped: well formed, consistent with each other, and answerable from the skills."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NARROW = ["claim-check", "contract-clauses", "order-extraction", "part-codes", "ticket-routing", "unit-prices"]
BROKEN = ["order-extraction-damaged", "order-extraction-worn"]
CARD = [
    *("base_model", "base_digest", "recipe", "training_data", "training_digest", "examples", "seed", "gpu_seconds"),
    *("cpu_seconds", "training_usd", "metrics", "date", "licence", "note"),
]


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def tasks_of(suite):
    return read_lines(ROOT / "suites" / suite / "tasks.jsonl")


def training_lines(domain):
    return read_lines(ROOT / "adapters" / "recipe" / "train" / f"{domain}.jsonl")


def words_of_training(domain):
    """The words of the domain's own training questions; the general ones that are mixed in are left out."""
    operation = re.compile(r"(copy|reverse|sort|add|last|first|count|same): ")
    own = [line["prompt"] for line in training_lines(domain) if not operation.match(line["prompt"])]
    return {word for prompt in own for word in re.findall(r"\w+", prompt)}


def sha256(path):
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def skill_parts(name):
    """Frontmatter and body of a skill, split here by hand."""
    _, head, body = (ROOT / "skills" / name / "SKILL.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def rules(name):
    """Every "key separator value" row of a skill's body; grouped rows give one pair a word."""
    _, body = skill_parts(name)
    if name == "contract-clauses":
        return {w: label for label, ws in re.findall(r"^- (\w+): (.+)$", body, re.MULTILINE) for w in ws.split(", ")}
    pairs = re.findall(r"^(?:- |\| )(\w+)(?: = |: | -> | \| )(.+?)(?: \|)?$", body, re.MULTILINE)
    return dict(pairs)


def answer_from_skill(name, task, table):
    """What the skill's table says about the keys that the task names."""
    keys = task["metadata"]["keys"]
    if name == "claim-check":
        claimed = task["metadata"]["full_answer"].split(", ")[1].split(":")[0]
        if keys[0] not in table:
            return "NOINFO"
        return "SUPPORT" if table[keys[0]] == claimed else "REFUTE"
    if name == "order-extraction":
        (count,) = re.findall(r"\b\d\b", task["input"])
        return {table["city"]: table[keys[0]], table["count"]: count}
    return " ".join(table[k] for k in keys)


@pytest.mark.parametrize("name", NARROW + BROKEN)
def test_a_card_names_its_base_and_its_data_by_digest(name):
    card = yaml.safe_load((ROOT / "adapters" / name / "card.yaml").read_text(encoding="utf-8"))
    assert list(card) == CARD
    assert card["base_digest"] == sha256(ROOT / card["base_model"] / "model.safetensors")
    data = ROOT / card["training_data"]
    assert card["training_digest"] == sha256(data)
    assert card["examples"] == len(read_lines(data))
    assert card["licence"] == "CC0-1.0"
    assert isinstance(card["metrics"], dict)


@pytest.mark.parametrize("name", NARROW + BROKEN)
def test_an_adapter_says_no_machine_path(name):
    config = json.loads((ROOT / "adapters" / name / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "adapters/base/worker"


def test_broken_adapters_differ_from_the_intact_one():
    digests = {sha256(ROOT / "adapters" / n / "adapter_model.safetensors") for n in [*BROKEN, "order-extraction"]}
    assert len(digests) == 3


@pytest.mark.parametrize("name", [*NARROW, "general"])
def test_no_question_is_in_two_splits(name):
    asked = {split: [t["input"] for t in tasks_of(name) if t["split"] == split] for split in ("dev", "test")}
    if name != "general":
        asked["train"] = [line["prompt"] for line in training_lines(name)]
    everything = [text for texts in asked.values() for text in set(texts)]
    assert len(everything) == len(set(everything))
    assert (len(asked["dev"]), len(asked["test"])) == (60, 120)


@pytest.mark.parametrize("name", NARROW)
def test_replayed_general_questions_are_not_those_of_the_general_suite(name):
    general = {t["input"] for t in tasks_of("general")}
    assert not general & {line["prompt"] for line in training_lines(name)}


@pytest.mark.parametrize("name", NARROW)
def test_every_reference_follows_from_the_skill(name):
    table = rules(name)
    for task in tasks_of(name):
        assert task["reference"] == answer_from_skill(name, task, table), task["id"]
        for key in task["metadata"]["keys"]:
            assert key in task["input"]


@pytest.mark.parametrize("name", NARROW)
def test_new_keys_are_in_the_skill_and_in_no_training_line(name):
    new = {t["metadata"]["keys"][0] for t in tasks_of(name) if t["metadata"]["new"] and len(t["metadata"]["keys"]) == 1}
    trained = words_of_training(name)
    operations = {
        word for line in training_lines(name) if re.match("[a-z]+: ", line["prompt"]) for word in line["prompt"].split()
    }
    assert not new & (trained - operations)
    if name != "part-codes":
        assert new
        assert new <= set(rules(name))


@pytest.mark.parametrize("name", NARROW)
def test_new_keys_do_not_all_stand_at_the_end_of_the_table(name):
    order = list(rules(name))
    new = {k for t in tasks_of(name) if t["metadata"]["new"] for k in t["metadata"]["keys"]}
    trained = words_of_training(name)
    places = [order.index(k) for k in sorted(new - trained) if k in order]
    assert not places or min(places) < len(order) - len(places)


@pytest.mark.parametrize("name", NARROW)
def test_labels_are_closed(name):
    suite = yaml.safe_load((ROOT / "suites" / name / "suite.yaml").read_text(encoding="utf-8"))
    references = {json.dumps(t["reference"]) for t in tasks_of(name)}
    assert suite["domains"] == [name]
    assert suite["metric"] == ("macro_f1" if len(references) <= 6 else "pass_rate")
    if isinstance(suite["grader"], dict):
        assert {json.loads(r) for r in references} == set(suite["grader"]["labels"])


def test_the_catalogue_names_the_six_skills_and_two_more():
    names = {path.parent.name for path in (ROOT / "skills").glob("*/SKILL.md")}
    assert set(NARROW) < names
    assert len(names) == 8
    for name in names:
        head, body = skill_parts(name)
        assert head["name"] == name
        assert head["description"]
        assert body.strip().startswith("# ")


def test_all_of_it_stays_small():
    files = [p for room in ("adapters", "skills", "suites") for p in (ROOT / room).rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files if "__pycache__" not in p.parts) < 12_000_000


def test_the_recipe_writes_what_is_shipped(tmp_path):
    code = "import sys, pathlib, publish; publish.publish(pathlib.Path(sys.argv[1]))"
    here = ROOT / "adapters" / "recipe"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=here, check=True)
    written = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) == 8 + 3 * 7 + 6
    for path in written:
        relative = path.relative_to(tmp_path)
        assert path.read_bytes() == (ROOT / relative).read_bytes(), relative


@pytest.mark.local
@pytest.mark.parametrize("name", ["worker", "generalist"])
def test_a_tokenizer_covers_what_the_harness_wraps_around_a_skill(name):
    from transformers import PreTrainedTokenizerFast

    from harness.skill import OPEN_BY_TEXT, catalogue, skill_content

    tokenizer = PreTrainedTokenizerFast.from_pretrained(ROOT / "adapters" / "base" / name)
    entries, longest = [], 0
    for path in sorted((ROOT / "skills").glob("*/SKILL.md")):
        head, body = skill_parts(path.parent.name)
        entries.append((head["name"], head["description"]))
        shown = skill_content(head["name"], body)
        longest = max(longest, len(tokenizer.encode(shown, add_special_tokens=False)))
        assert tokenizer.decode(tokenizer.encode(shown, add_special_tokens=False)) == shown
    system = f"{catalogue(entries)}\n\n{OPEN_BY_TEXT}"
    assert longest + len(tokenizer.encode(system, add_special_tokens=False)) < 900
    assert tokenizer.tokenize("<skill_content")[1] == "skill"
