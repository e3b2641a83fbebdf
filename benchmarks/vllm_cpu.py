"""vLLM in this process beside transformers: the demo's worker and two of its adapters, 480 attempts each, mixed.

Runs an experiment of both through the command itself, in the environment that `make vllm` makes, and compares answer by
answer::

    OMP_NUM_THREADS=1 .venv-vllm/bin/python benchmarks/vllm_cpu.py [--json]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SUITES = ("ticket-routing", "claim-check")  # each with its adapter; 120 tasks
LEAST_EQUAL, MOST_APART = 0.99, 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder:
        report = Path(folder, "report")
        report.mkdir()
        (report / "experiment.yaml").write_text(json.dumps(experiment_of()))  # which YAML reads too
        command = [sys.executable, "-m", "harness", "run", str(report), "--quiet", "--offline"]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        found = compared(report)
    print(json.dumps(found) if as_json else "\n".join(f"{name}: {value}" for name, value in found.items()))
    equal, apart = found["equal"] / found["attempts"], found["logprob_mean_apart"]
    sys.exit(0 if equal >= LEAST_EQUAL and apart <= MOST_APART else 1)


def experiment_of() -> dict[str, Any]:
    base, own = str(ROOT / "adapters/base/worker"), {suite: str(ROOT / "adapters" / suite) for suite in SUITES}
    return {
        "name": "vllm-cpu",
        "suites": [str(ROOT / "suites" / suite) for suite in SUITES],
        "models": {
            "engine": {"backend": "vllm", "path": base, "gpu_hour_usd": 1.0, "options": {"max_num_seqs": 32}},
            "plain": {"backend": "transformers", "path": base, "gpu_hour_usd": 1.0},
        },
        "contenders": {
            "engine-base": {"model": "engine"},
            "engine-tuned": {"model": "engine", "adapter": own},
            "plain-base": {"model": "plain"},
            "plain-tuned": {"model": "plain", "adapter": own},
        },
    }


def compared(report: Path) -> dict[str, Any]:
    """How far the two agree, over all attempts."""
    replies = {}
    for line in (report / "calls.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["call"]["attempt_id"] and row.get("reply"):
            replies[row["call"]["attempt_id"]] = row["reply"]
    seen = {}
    for line in (report / "attempts.jsonl").read_text().splitlines():
        outcome = json.loads(line)["outcome"]
        model, kind = outcome["contender"].split("-")
        seen[model, kind, outcome["suite"], outcome["task"]] = (replies[outcome["attempt_id"]], outcome)
    pairs = [(ours, seen["plain", *key]) for (model, *key), ours in seen.items() if model == "engine"]
    same = [(a, b) for (a, _), (b, _) in pairs if a["text"] == b["text"]]
    apart = {key: max(abs(a["signals"][key] - b["signals"][key]) for a, b in same) for key in same[0][0]["signals"]}
    read = [a["usage"]["input"] + a["usage"]["cached_input"] == b["usage"]["input"] for a, b in same]
    written = [a["usage"]["output"] == b["usage"]["output"] for a, b in same]
    seconds = [sum(o["latency_s"] for _, o in side) / len(pairs) for side in zip(*pairs, strict=True)]
    return {
        "attempts": len(pairs),
        "equal": len(same),
        "passed": [sum(bool(o["passed"]) for _, o in side) for side in zip(*pairs, strict=True)],
        "logprob_mean_apart": apart["logprob_mean"],
        "margin_apart": apart["margin"],
        "same_tokens": sum(map(min, read, written)),
        "mean_latency_s": [round(one, 4) for one in seconds],
    }


if __name__ == "__main__":
    main()
