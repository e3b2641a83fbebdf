"""The experiment that a training leaves: what it compares, what it leaves out, and what is refused before."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from harness.core import OwnbenchError
from harness.experiment import load_experiment
from harness.train import prepare, prove
from harness.train.proof import _ablations

ROOT = Path(__file__).parents[2]
WORKER, GENERALIST = (str(ROOT / "adapters" / "base" / name) for name in ("worker", "generalist"))
SKILL = "---\nname: {0}\ndescription: Where things go.\n---\n\nAll of {0} go east.\n"

pytestmark = pytest.mark.local


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Path:
    """Two suites with tasks of every split, and a trained adapter with a card of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("harbour", "general"):
        suite(tmp_path / "suites" / name, {"train": 4, "dev": 4, "test": 6})
    shutil.copytree(ROOT / "adapters" / "ticket-routing", tmp_path / "trained")
    card = tmp_path / "trained" / "card.yaml"
    card.write_text(yaml.safe_dump(yaml.safe_load(card.read_text()) | {"training_usd": 1.25}))
    return tmp_path


def suite(folder: Path, splits: dict[str, int], prompt: str | None = None) -> None:
    folder.mkdir(parents=True)
    written = {"name": folder.name, "domains": [folder.name], "grader": "exact", "tasks": "tasks.jsonl"}
    if prompt is not None:
        (folder / "prompt.txt").write_text(prompt)
        written["prompt"] = "prompt.txt"
    (folder / "suite.yaml").write_text(yaml.safe_dump(written))
    words = ("anchor", "ballast", "cleat", "davit", "eyelet", "fender")
    rows = [
        {
            "id": f"{split}-{n}",
            "input": f"{folder.name} {split} asks where {words[n]} number {n} of the {split} pier goes",
            "reference": "east",
            "split": split,
            "domain": folder.name,
            "metadata": {"evidence": f"{words[n]} {split} rule {n}"},
        }
        for split, many in splits.items()
        for n in range(many)
    ]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def skill(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(SKILL.format(folder.name))


def proved(place: Path, **changes: Any) -> Any:
    recipe = {"pipeline": "sft", "name": "mine", "base": WORKER, "data": {"suite": "suites/harbour"}} | changes
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return prove(prepare(place / "recipe.yaml"), place / "reports" / "new")


def test_one_report_holds_what_was_trained_against_everything(place: Path, capsys: Any) -> None:
    skill(place / "skills" / "harbour")
    skill(place / "skills" / "docks")
    named = {"expert": GENERALIST, "skill": ["skills/harbour", "skills/docks"]}
    file = proved(place, compare=named, gpu_hour_usd=2.0).write(place / "trained")
    found = load_experiment(file)
    assert [Path(one.path).name for one in found.suites] == ["harbour", "general"]
    assert list(found.contenders) == ["base", "tuned", "bare", "skilled", "progressive", "placebo", "hybrid", "random",
                                      "oracle", "half"]  # fmt: skip
    assert (found.contenders["hybrid"].worker, found.contenders["hybrid"].expert) == ("tuned", "skilled")
    assert [name for name, one in found.contenders.items() if one.control] == ["half"]
    assert {name: found.models[name].gpu_hour_usd for name in found.models} == {"base": 2.0, "expert": 2.0}
    assert found.reference == "tuned"
    assert found.economics.training_usd == 1.25
    assert main(["check", str(file.parent)]) == 0
    shown = capsys.readouterr().out
    assert "[user] harbour test asks where anchor number\n" in shown  # half of its words
    assert "ASSUMPTION" in file.read_text()
    assert str(place) not in file.read_text()  # it may move with its folder


def test_a_skill_is_looked_for_beside_the_suites_and_what_is_missing_is_said(place: Path) -> None:
    without = proved(place)
    assert [one.partition(":")[0] for one in without.missing] == ["skills", "hybrid"]
    skill(place / "skills" / "harbour")
    proof = proved(place)
    assert proof.missing == ()
    found = load_experiment(proof.write(place / "trained"))
    assert list(found.contenders) == ["base", "tuned", "skilled", "placebo", "hybrid", "random", "oracle", "half"]
    assert found.contenders["skilled"].model == "base"
    shutil.rmtree(place / "suites" / "general")
    shutil.rmtree(place / "reports")
    text = proved(place).write(place / "trained").read_text()
    assert "# Left out: forgetting: no suite is named general beside" in text


def test_without_dev_tasks_there_is_no_threshold_to_choose(place: Path) -> None:
    skill(place / "skills" / "harbour")
    shutil.rmtree(place / "suites" / "general")
    suite(place / "suites" / "general", {"test": 3})
    proof = proved(place)
    assert proof.missing == ("hybrid: its threshold is chosen on dev tasks, and general has none",)
    assert "hybrid" not in load_experiment(proof.write(place / "trained")).contenders


def test_the_prompt_of_the_recipe_is_that_of_every_contender(place: Path, capsys: Any) -> None:
    (place / "ask.txt").write_text("Q: {{ input }}\n")
    (place / "who.txt").write_text("You know the harbour.")
    prompt = {"user": "ask.txt", "system": "who.txt"}
    proof = proved(place, data={"suite": "suites/harbour", "prompt": prompt})
    taught = proof.course.prompts.tokenizer.decode(proof.course.taught.rows[0]["input_ids"])
    assert "Q: harbour train asks" in taught.replace("Ġ", " ")
    file = proof.write(place / "trained")
    assert main(["check", str(file.parent)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("[system] You know the harbour.\n[user] Q: harbour test asks where anchor") == 3


def test_full_weights_are_a_model_with_its_card(place: Path) -> None:
    proof = proved(place, method="full", gpu_hour_usd=1.0)
    shutil.copytree(ROOT / "adapters" / "base" / "generalist", place / "whole")
    shutil.copy(place / "trained" / "card.yaml", place / "whole" / "card.yaml")
    found = load_experiment(proof.write(place / "whole"))
    assert (found.contenders["tuned"].model, found.contenders["tuned"].adapter) == ("tuned", None)
    assert found.models["tuned"].tuned == "../../whole/card.yaml"


def test_the_parts_of_a_prompt_are_left_out_in_turn() -> None:
    shown = dict(_ablations('{{ metadata.evidence }} / {{ metadata["who"] }} / {{ input }}'))
    assert shown["without-evidence"] == '{{ "(left out)" }} / {{ metadata["who"] }} / {{ input }}'
    assert shown["without-who"] == '{{ metadata.evidence }} / {{ "(left out)" }} / {{ input }}'
    assert list(shown) == ["without-evidence", "without-who", "without-input"]
    assert list(dict(_ablations("{{ input }}"))) == ["half"]
    assert list(_ablations("the same for all")) == []


def test_a_prompt_of_several_parts_is_probed_by_each(place: Path, capsys: Any) -> None:
    shutil.rmtree(place / "suites" / "harbour")
    suite(place / "suites" / "harbour", {"train": 4, "test": 6}, "{{ metadata.evidence }} -> {{ input }}\n")
    file = proved(place).write(place / "trained")
    assert main(["check", str(file.parent)]) == 0
    shown = capsys.readouterr().out
    assert "[user] (left out) -> harbour test asks where anchor number 0" in shown
    assert "[user] anchor test rule 0 -> (left out)" in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"file": "lines.jsonl"}}, "recipe.yaml: compare.suite: --report needs a suite to judge by"),
        ({"compare": {"suite": "suites/none"}}, "recipe.yaml: compare.suite: there is no suites/none"),
        ({"compare": {"suite": "suites/taught"}}, "has only train tasks, which judge nothing; write compare:"),
        ({"compare": {"expert": "nowhere"}}, "recipe.yaml: compare.expert: there is no nowhere"),
        ({"compare": {"expert": {"backend": "opnai"}}}, "recipe.yaml: compare.expert.backend: unknown backend"),
        ({"compare": {"skill": "suites"}}, "recipe.yaml: compare.skill: "),
        ({"compare": {"skil": "skills/a"}}, "recipe.yaml: compare.skil: unknown key; did you mean 'skill'"),
    ],
)
def test_what_cannot_judge_is_told_before_anything_is_trained(
    place: Path, capsys: Any, changes: dict[str, Any], said: str
) -> None:
    suite(place / "suites" / "taught", {"train": 2})
    (place / "lines.jsonl").write_text('{"prompt": "What of oakum?", "completion": "east"}\n')
    recipe = {"pipeline": "sft", "name": "mine", "base": WORKER, "data": {"suite": "suites/harbour"}} | changes
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    before = sorted(place.rglob("*"))
    assert main(["adapter", "train", "recipe.yaml", "--report", "reports/new"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert sorted(place.rglob("*")) == before


def test_a_report_that_is_there_is_kept(place: Path) -> None:
    held = place / "reports" / "new" / "experiment.yaml"
    held.parent.mkdir(parents=True)
    held.write_text("name: mine\n")
    with pytest.raises(OwnbenchError, match="exists already; name a new folder as --report"):
        proved(place)
    assert held.read_text() == "name: mine\n"
    with pytest.raises(OwnbenchError, match="takes no new folder"):
        prove(prepare(place / "recipe.yaml"), place / "recipe.yaml" / "new")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_shipped_recipe_is_trained_and_judged_by_the_command(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    pytest.importorskip("trl")
    monkeypatch.chdir(tmp_path)
    recipe = str(ROOT / "adapters" / "recipes" / "sft-tiny.yaml")
    assert main(["adapter", "train", recipe, "--out", "mine", "--report", "reports/new", "--quiet"]) == 0
    assert capsys.readouterr().out.endswith("next: ownbench run reports/new\n")
    assert main(["run", "reports/new", "--quiet"]) == 0
    assert main(["show", "reports/new", "--json"]) == 0
    rates = {one["name"]: one["pass_rate"]["value"] for one in json.loads(capsys.readouterr().out)["contenders"]}
    assert {"base", "tuned", "skilled", "progressive", "hybrid", "half"} < set(rates)
    assert rates["hybrid"] >= rates["tuned"]
    assert main(["advise", "reports/new", "--json"]) == 0
    advice = json.loads(capsys.readouterr().out)
    assert advice["advice"]
    assert not {"half", "placebo"} & {one["contender"] for one in advice["options"]}, "controls"
