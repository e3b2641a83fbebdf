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
DOCUMENTS = {
    "claim-check": ("claim-check", "report-check"),
    "contract-clauses": ("contract-clauses", "policy-clauses"),
    "order-extraction": ("order-extraction", "delivery-extraction"),
    "part-codes": ("part-codes", "tool-codes"),
    "ticket-routing": ("ticket-routing", "call-routing"),
    "unit-prices": ("unit-prices", "set-prices"),
}
NARROW = list(DOCUMENTS)
SEEDS = ["", "-s1", "-s2"]
TUNED = [f"{name}{seed}" for name in NARROW for seed in SEEDS]
BROKEN = ["order-extraction-damaged", "order-extraction-worn"]
CARD = {
    *("digest", "base_model", "base_digest", "recipe", "training_data", "training_digest", "data_licence", "examples"),
    *("general_examples", "overlap", "seed", "gpu_seconds", "cpu_seconds", "training_usd", "metrics", "date"),
    *("licence", "base_licence"),
}


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def tasks_of(suite, *splits):
    found = read_lines(ROOT / "suites" / suite / "tasks.jsonl")
    return [task for task in found if not splits or task["split"] in splits]


def judged(suite):
    return tasks_of(suite, "dev", "test")


def keys_of(task):
    return set(task["cluster"].split("/")[1].split("+"))


def words_of_training(domain):
    return {word for task in tasks_of(domain, "train") for word in re.findall(r"\w+", task["input"])}


def sha256(path):
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def skill_parts(name):
    """Frontmatter and body of a skill, split here by hand."""
    _, head, body = (ROOT / "skills" / name / "SKILL.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def rules(document):
    """Every "key separator value" row of a skill's body; grouped rows give one pair a word."""
    _, body = skill_parts(document)
    if document in DOCUMENTS["contract-clauses"]:
        rows = re.findall(r"^- (\w+)(?:: | - )(.+)$", body, re.MULTILINE)
        return {word: label for label, words in rows for word in words.split(", ")}
    return dict(re.findall(r"^(?:- |\| )?(\w+)(?: = |: | -> | - | goes to | \| )(.+?)(?: \|)?$", body, re.MULTILINE))


def answer_from_skill(name, task, table):
    """What the document's table says about the keys that the task names."""
    keys = sorted(keys_of(task), key=task["input"].index)
    if name == "claim-check":
        claimed = task["metadata"]["full_answer"].split(", ")[1].split(":")[0]
        if keys[0] not in table:
            return "NOINFO"
        return "SUPPORT" if table[keys[0]] == claimed else "REFUTE"
    if name == "order-extraction":
        (count,) = re.findall(r"\b\d\b", task["input"])
        return {"sku": table[keys[0]], "qty": count}
    return " ".join(table[key] for key in keys)


@pytest.mark.parametrize("name", TUNED + BROKEN)
def test_a_card_names_its_base_its_data_and_no_overlap(name):
    card = yaml.safe_load((ROOT / "adapters" / name / "card.yaml").read_text(encoding="utf-8"))
    domain = re.sub(r"-(s\d|worn|damaged)$", "", name)
    assert set(card) == CARD | ({"note"} if name in BROKEN else set())
    assert card["base_digest"] == sha256(ROOT / card["base_model"] / "model.safetensors")
    assert card["training_data"] == f"suites/{domain}, train"
    assert card["examples"] == 1000
    assert {card["licence"], card["base_licence"], card["data_licence"]} == {"CC0-1.0"}
    assert card["seed"] == int(name[-1] if name[-2:] in {"s1", "s2"} else 0)
    assert set(card["overlap"]) >= {*NARROW, "general"}
    assert {count for one in card["overlap"].values() for count in one.values()} == {0}


@pytest.mark.parametrize("name", TUNED + BROKEN)
def test_an_adapter_says_no_machine_path(name):
    config = json.loads((ROOT / "adapters" / name / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "worker"


def test_no_two_adapters_are_the_same():
    digests = {sha256(ROOT / "adapters" / name / "adapter_model.safetensors") for name in TUNED + BROKEN}
    assert len(digests) == len(TUNED + BROKEN)


@pytest.mark.parametrize("name", [*NARROW, "general"])
def test_no_question_is_in_two_splits(name):
    asked = {split: [t["input"] for t in tasks_of(name, split)] for split in ("dev", "test", "train")}
    everything = [text for texts in asked.values() for text in set(texts)]
    assert len(everything) == len(set(everything))
    assert [len(asked[split]) for split in asked] == [60, 120, 300 if name == "general" else 900]


@pytest.mark.parametrize("name", NARROW)
def test_dev_and_test_share_no_key_and_there_are_sixty_in_two_documents(name):
    keys = {split: {key for task in tasks_of(name, split) for key in keys_of(task)} for split in ("dev", "test")}
    assert not keys["dev"] & keys["test"]
    assert len(keys["dev"] | keys["test"]) >= 60
    assert {task["metadata"]["document"] for task in judged(name)} == set(DOCUMENTS[name])


@pytest.mark.parametrize("name", NARROW)
def test_no_wording_that_judges_is_trained(name):
    """A wording is what is left of a question without the words that differ from task to task."""
    open_words = set().union(*(keys_of(task) for task in judged(name)), *(rules(one) for one in DOCUMENTS[name]))

    def wording(task):
        return re.sub(r"\b([A-Z]\w*|\d\w*)\b", "_", " ".join(
            "_" if word.strip(".,:?") in open_words else word for word in task["input"].split()
        ))  # fmt: skip

    assert not {wording(t) for t in judged(name)} & {wording(t) for t in tasks_of(name, "train")}


@pytest.mark.parametrize("name", NARROW)
def test_every_reference_follows_from_the_document(name):
    tables = {document: rules(document) for document in DOCUMENTS[name]}
    first, second = (set(table) - {"item", "count"} for table in tables.values())  # the names of fields stand in both
    assert not first & second
    for task in judged(name):
        assert task["reference"] == answer_from_skill(name, task, tables[task["metadata"]["document"]]), task["id"]
        for key in keys_of(task):
            assert key in task["input"]


@pytest.mark.parametrize("name", NARROW)
def test_new_keys_are_in_a_document_and_in_no_training_line(name):
    new = {key for task in judged(name) if task["metadata"]["new"] for key in keys_of(task)}
    known = {key for document in DOCUMENTS[name] for key in rules(document)}
    fresh = new - words_of_training(name)
    assert fresh
    # of two parts one may be known, and claims ask for what is in no list too
    if name not in {"part-codes", "claim-check"}:
        assert fresh == new
        assert new <= known


@pytest.mark.parametrize("name", NARROW)
def test_new_keys_do_not_all_stand_at_the_end_of_the_table(name):
    new = {key for task in judged(name) if task["metadata"]["new"] for key in keys_of(task)} - words_of_training(name)
    for document in DOCUMENTS[name]:
        order = list(rules(document))
        places = [order.index(key) for key in sorted(new) if key in order]
        assert places
        assert min(places) < len(order) - len(places)


@pytest.mark.parametrize("name", NARROW)
def test_labels_are_closed(name):
    suite = yaml.safe_load((ROOT / "suites" / name / "suite.yaml").read_text(encoding="utf-8"))
    references = {json.dumps(t["reference"]) for t in tasks_of(name)}
    assert suite["domains"] == [name]
    assert suite["metric"] == ("macro_f1" if len(references) <= 12 else "pass_rate")
    if isinstance(suite["grader"], dict):
        assert {json.loads(r) for r in references} == set(suite["grader"]["labels"])


def test_the_catalogue_names_twelve_documents_and_two_more():
    names = {path.parent.name for path in (ROOT / "skills").glob("*/SKILL.md")}
    assert {document for pair in DOCUMENTS.values() for document in pair} < names
    assert len(names) == 14
    for name in names:
        head, body = skill_parts(name)
        assert head["name"] == name
        assert head["description"]
        assert body.strip().startswith("# ")


def test_all_of_it_stays_small():
    files = [p for room in ("adapters", "skills", "suites") for p in (ROOT / room).rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files if "__pycache__" not in p.parts) < 14_000_000


def test_the_recipe_writes_what_is_shipped(tmp_path):
    code = "import sys, pathlib, publish; publish.publish(pathlib.Path(sys.argv[1]))"
    here = ROOT / "adapters" / "recipe"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=here, check=True)
    written = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) == 14 + 3 * 7 + 4
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
