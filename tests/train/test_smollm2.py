"""Each pipeline for a few steps on a real model, SmolLM2-135M-Instruct: its tokenizer, its template, its size.

Needs the model that `make real` leaves in ``.real/``; takes some minutes::

    .venv/bin/python -m pytest tests/train/test_smollm2.py -m slow
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.adapter import base_digest, load_adapter

ROOT = Path(__file__).parents[2]
MODEL = ROOT / ".real" / "SmolLM2-135M-Instruct"
TINY = ROOT / "adapters" / "recipes" / "tiny"
SHARED: dict[str, Any] = {
    "base": str(MODEL),
    "dtype": "bfloat16",
    "steps": 3,
    "batch": 4,
    "learning_rate": 0.001,
    "licence": "Apache-2.0",
}
LORA = {"lora": {"r": 8, "first_layer": 15}}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.local,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not (MODEL / "config.json").is_file(), reason=f"needs {MODEL.name} in .real/: make real"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """By name, what came of each training."""
    pytest.importorskip("trl")
    folder = tmp_path_factory.mktemp("smollm2")
    rows = [json.loads(line) for line in (TINY / "pairs.jsonl").read_text().splitlines()]
    lines = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in rows[:40]]
    (folder / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    start = {"start": str(folder / "sft")}
    jobs = {
        "sft": {"pipeline": "sft", "data": {"suite": str(TINY)}, **LORA},
        "again": {"pipeline": "sft", "data": {"suite": str(TINY)}, **LORA},
        "cpt": {"pipeline": "cpt", "data": {"file": str(ROOT / "skills" / "order-extraction")}, "length": 64, **LORA},
        "dpo": {"pipeline": "dpo", "data": {"file": str(TINY / "pairs.jsonl")}, **start},
        "grpo": {"pipeline": "grpo", "reward": str(TINY), "generations": 2, "max_new_tokens": 12, **start},
        "gkd": {
            "pipeline": "gkd",
            "data": {"suite": str(TINY)},
            "teacher": start["start"],
            "max_new_tokens": 12,
            **LORA,
        },
        "distil": {"pipeline": "distil", "data": {"file": "lines.jsonl"}, **LORA},
    }
    written = []
    for name, recipe in jobs.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(SHARED | {"name": name} | recipe))
        written.append({"name": name, "recipe": str(folder / f"{name}.yaml"), "out": str(folder / name)})
    (folder / "jobs.json").write_text(json.dumps(written))
    command = [sys.executable, str(Path(__file__).parent / "many.py"), str(folder / "jobs.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return {job["name"]: {**job, **one} for job, one in zip(written, said, strict=True)}


@pytest.mark.parametrize("pipeline", ["sft", "cpt", "dpo", "grpo", "gkd", "distil"])
def test_it_trains_and_its_adapter_fits(made: dict[str, Any], pipeline: str) -> None:
    one = made[pipeline]
    assert one["code"] == 0, one
    assert one["said"]["fits"]
    assert math.isfinite(one["said"]["final_loss"])
    card = load_adapter(one["out"]).card
    assert card["base_digest"] == base_digest(MODEL)
    assert card["recipe"].startswith(f"{pipeline}, LoRA")


def test_the_same_seed_gives_the_same_bytes(made: dict[str, Any]) -> None:
    assert load_adapter(made["sft"]["out"]).digest == load_adapter(made["again"]["out"]).digest
