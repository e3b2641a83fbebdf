"""A recipe that is wrong is refused in one line, before anything is loaded, and nothing is written."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from harness.train import prepare, prove, read_recipe

ROOT = Path(__file__).parents[2]
WORKER = str(ROOT / "adapters" / "base" / "worker")
LINE = {"prompt": "This ticket from Carla in Geneva is about D8.", "completion": "hardware"}
SOUND: dict[str, Any] = {"pipeline": "sft", "name": "mine", "base": WORKER, "data": {"file": "lines.jsonl"}, "steps": 1}
START = {"start": str(ROOT / "adapters" / "ticket-routing")}

pytestmark = pytest.mark.local


@pytest.fixture
def refused(tmp_path: Path, capsys: Any, monkeypatch: Any) -> Any:
    """What ``adapter train`` says of a recipe with these changes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines.jsonl").write_text(json.dumps(LINE) + "\n")

    def said(*more: str, **changes: Any) -> str:
        recipe = {key: value for key, value in (SOUND | changes).items() if value is not None}
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        before = sorted(tmp_path.rglob("*"))
        assert main(["adapter", "train", "recipe.yaml", *more]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert err.startswith("ownbench: ")
        assert sorted(tmp_path.rglob("*")) == before
        return err

    return said


@pytest.mark.parametrize("path", sorted((ROOT / "adapters" / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_shipped_recipes_are_sound(path: Path) -> None:
    recipe = read_recipe(path)
    assert path.stem in {recipe.name, f"{recipe.pipeline}-tiny"}
    assert recipe.licence


@pytest.mark.parametrize("name", ["sft", "cpt", "dpo", "grpo", "gkd"])
def test_the_tiny_recipes_can_begin_in_a_fresh_checkout(name: str, tmp_path: Path) -> None:
    """Nothing that they name is missing, too long, or holds a task that judges."""
    found = prepare(ROOT / "adapters" / "recipes" / f"{name}-tiny.yaml", tmp_path / "out")
    assert found.taught.rows
    assert prove(found, tmp_path / "report").missing == ()
    assert {one["lines"] for one in found.taught.card["overlap"].values()} == {0}


def test_keys_are_checked(refused: Any) -> None:
    assert "recipe.yaml: learning_rat: unknown key; did you mean 'learning_rate'" in refused(learning_rat=1.0)
    assert "recipe.yaml: pipeline: found 'ppo'; write one of sft, cpt" in refused(pipeline="ppo")
    assert "recipe.yaml: pipeline: this key is missing" in refused(pipeline=None)
    assert "keep one" in refused(epochs=1.0)
    assert "sft needs data" in refused(data=None)
    assert "teacher is read by gkd only, and this is sft" in refused(teacher="x")
    assert "gkd needs teacher" in refused(pipeline="gkd")
    assert "dpo needs start" in refused(pipeline="dpo")
    assert "write start: base" in refused(pipeline="grpo", data=None, reward="suite")
    assert "no multiple of micro_batch 3" in refused(micro_batch=3)
    assert "no multiple of generations 3" in refused(pipeline="grpo", reward="s", data=None, generations=3, **START)
    assert "names no folder" in refused(name="../up")
    assert "found file and report; write one of" in refused(data={"file": "a", "report": "b", "contender": "c"})


def test_what_is_named_is_looked_for(refused: Any, tmp_path: Path) -> None:
    assert "recipe.yaml: base: there is no nowhere" in refused(base="nowhere")
    assert "data.file: there is no none.jsonl" in refused(data={"file": "none.jsonl"})
    assert "this is an adapter, not a base" in refused(base=START["start"])
    generalist = str(ROOT / "adapters" / "base" / "generalist")
    assert "the adapter was trained on sha256:" in refused(base=generalist, **START)
    (tmp_path / "lines.jsonl").write_text("")
    assert "lines.jsonl: the file has no line" in refused()
    (tmp_path / "lines.jsonl").write_text(json.dumps(LINE) + "\n" + json.dumps({"prompt": "What?"}) + "\n")
    assert "lines.jsonl: line 2.completion: this key is missing" in refused()


def test_layers_and_prompts_that_cannot_be(refused: Any) -> None:
    said = "recipe.yaml: lora.first_layer: found 3, and the base has 3 layers, counted from 0; write a number below 3"
    assert said in refused(lora={"first_layer": 3})
    tiny = str(ROOT / "adapters" / "recipes" / "tiny")
    assert "data: prompt goes with suite; take it out" in refused(data={"file": "lines.jsonl", "prompt": "ask.txt"})
    assert "data.prompt: there is no ask.txt" in refused(data={"suite": tiny, "prompt": "ask.txt"})
    assert "no template of the role user" in refused(data={"suite": tiny, "prompt": {"system": "recipe.yaml"}})


def test_a_gpu_that_is_not_there(refused: Any) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert "recipe.yaml: device: found cuda, and torch finds no cuda on this machine" in refused(device="cuda")
    assert "recipe.yaml: device: found 'tpu', needed cpu, cuda or cuda:N" in refused(device="tpu")
    assert "quantize: 4-bit weights (QLoRA) need an NVIDIA GPU" in refused(quantize="4bit")


def test_a_prompt_longer_than_the_context_is_told_with_file_and_line(refused: Any, tmp_path: Path) -> None:
    long = {"prompt": "A ticket. " * 800, "completion": "hardware"}
    (tmp_path / "lines.jsonl").write_text(json.dumps(LINE) + "\n" + json.dumps(long) + "\n")
    said = refused()
    assert "lines.jsonl:2: the prompt has " in said
    assert " the base reads " in said
    answer = {"prompt": "A ticket.", "completion": "hardware " * 800}
    (tmp_path / "lines.jsonl").write_text(json.dumps(answer) + "\n")
    assert "lines.jsonl:1: prompt and answer have " in refused()


def test_dev_and_test_tasks_are_never_trained_on(refused: Any) -> None:
    suite = str(ROOT / "suites" / "ticket-routing")
    assert "data.split: found 'test': test tasks judge" in refused(data={"suite": suite, "split": "test"})
    assert "data.split: found 'dev': dev tasks choose" in refused(data={"suite": suite, "split": "dev"})


def test_what_stands_there_is_kept(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "adapters" / "mine").mkdir(parents=True)
    assert "adapters/mine: exists already" in refused()


def test_a_package_that_is_missing_is_named_with_the_command(refused: Any, monkeypatch: Any) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "trl" else real(name, *more))
    assert "training needs the package trl; pip install " in refused()
