"""A shipped adapter is what its recipe makes, to the byte on the kind of machine that made it."""

import importlib.util
from pathlib import Path

import pytest
import yaml

from harness.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.local
@pytest.mark.timeout(1200)
@pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="needs trl, of the extra tune")
def test_a_recipe_and_a_seed_make_the_shipped_adapter(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)  # which the recipe's paths are relative to
    shipped, made = ROOT / "adapters" / "ticket-routing-s1", tmp_path / "ticket-routing-s1"
    recipe = "adapters/recipes/ticket-routing.yaml"
    assert main(["adapter", "train", recipe, "--seed", "1", "--out", str(made), "--quiet"]) == 0
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (made / name).read_bytes() == (shipped / name).read_bytes(), name
    mine, theirs = (yaml.safe_load((folder / "card.yaml").read_text()) for folder in (made, shipped))
    of_this_run = {"cpu_seconds", "gpu_seconds", "date"}
    assert {key: value for key, value in mine.items() if key not in of_this_run} == {
        key: value for key, value in theirs.items() if key not in of_this_run
    }
