"""``ownbench init``: a small working experiment to edit."""

import argparse
import os
import sys
from pathlib import Path

from harness.cli.output import plain
from harness.core import UsageError, write_atomic

EMBEDDED = ("adapters/base/worker", "adapters/base/generalist")
"""The demo's models, used where the new experiment stands below a checkout that has them."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="a folder to make; files that exist are never replaced"
    )
    parser.epilog = "example: ownbench init reports/mine"


def run(args: argparse.Namespace) -> int:
    """Writes the files, and says what to do next."""
    folder: Path = args.folder
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: this is a file; name a folder to make")
    root = _checkout(folder)
    files = {
        "experiment.yaml": _experiment(folder.resolve().name, embedded=root is not None),
        "suites/example/suite.yaml": SUITE,
        "suites/example/tasks.jsonl": TASKS,
        "suites/example/prompts/plain.txt": "{{ input }}",
        "skills/queues/SKILL.md": SKILL,
    }
    standing = [name for name in files if (folder / name).exists()]
    if standing:
        raise UsageError(f"{folder}: {standing[0]} stands there already; name another folder, or move it away")
    if not os.access(_nearest(folder), os.W_OK):
        raise UsageError(f"{folder}: cannot be written")
    for name, text in files.items():
        write_atomic(folder / name, text)
    shown = plain(str(folder))
    sys.stdout.write(
        f"wrote {shown}: experiment.yaml, a suite of {len(TASKS.splitlines())} tasks, and a skill\n"
        f"next: ownbench check {shown}, then ownbench run {shown}\n"
    )
    if root is None:
        sys.stdout.write(
            "its models are served at 127.0.0.1:8000: start any OpenAI-compatible server, or edit models\n"
        )
    return 0


def _nearest(folder: Path) -> Path:
    return next(p for p in (folder, *folder.resolve().parents) if p.is_dir())


def _checkout(folder: Path) -> Path | None:
    """The folder above that holds the embedded models."""
    return next(
        (p for p in folder.resolve().parents if all((p / part / "config.json").is_file() for part in EMBEDDED)), None
    )


def _experiment(name: str, *, embedded: bool) -> str:
    models = LOCAL if embedded else SERVED
    return f"name: {name}\n" + EXPERIMENT.replace("@MODELS@", models).replace("@SUITE@", "suites/example")


EXPERIMENT = """\
# What is compared, on which tasks, at what price. `ownbench check` validates it and sends nothing.
suites: [@SUITE@]
trials: 1                # tries of each contender at each task
seed: 7

@MODELS@
contenders:
  bare:    {model: expert}
  skilled: {model: expert, skills: skills/queues, delivery: flat}
  small:   {model: worker}
  hybrid:  {worker: small, expert: skilled, escalate: {signal: logprob_mean, threshold: auto}}   # chosen on dev tasks

reference: skilled       # the others are compared with it
limits: {concurrency: 16, timeout_s: 120, tries: 4}
# budget: {usd: 5, attempt_usd: 0.10, wall_s: 3600}      # a run stops by itself, and goes on when it is called again
"""

LOCAL = """\
models:                  # the embedded tiny models; nothing leaves this machine
  worker: {backend: transformers, path: adapters/base/worker, gpu_hour_usd: 0.10, sampling: {max_tokens: 48}}
  expert:
    backend: transformers
    path: adapters/base/generalist
    sampling: {max_tokens: 48}
    price: {input_usd_per_million: 3.00, output_usd_per_million: 15.00}   # an assumption, to show costs
  # a rented one: {backend: litellm, model: anthropic/claude-opus-4-7, api_key_env: ANTHROPIC_API_KEY}
"""

SERVED = """\
models:                  # any OpenAI-compatible server; the price is yours to state
  worker:
    backend: openai
    model: my-small-model
    base_url: http://127.0.0.1:8000/v1
    price: {input_usd_per_million: 0.10, output_usd_per_million: 0.40}
  expert:
    backend: openai
    model: my-large-model
    base_url: http://127.0.0.1:8000/v1
    # api_key_env: MY_KEY          # the NAME of an environment variable; a key itself never stands in a file
    price: {input_usd_per_million: 3.00, output_usd_per_million: 15.00}
  # a rented one: {backend: litellm, model: anthropic/claude-opus-4-7, api_key_env: ANTHROPIC_API_KEY}
"""

SUITE = """\
name: example
version: 1.0.0
description: Which queue a support ticket goes to. Replace it by your own tasks.
licence: CC0-1.0
domains: [hardware, accounts]
prompt: prompts/plain.txt
grader: {name: label, labels: [billing, network, repairs, returns], take: last}
metric: pass_rate
tasks: tasks.jsonl
"""

QUEUES = {"X4": "billing", "L9": "network", "F5": "repairs", "C8": "returns"}
"""What the example's skill knows; its tasks ask for it."""

WORDINGS = (
    "New ticket: {code} is broken since Monday, says Anna.",
    "Where does this ticket go? {code} fails, customer Paul.",
    "A ticket from Berlin: {code} stopped on Friday.",
)


def _tasks() -> str:
    import json

    rows = [
        {
            "id": f"ticket-{code}-{number}".lower(),
            "domain": "accounts" if queue == "billing" else "hardware",
            "input": wording.format(code=code),
            "reference": queue,
            "cluster": code,
            "split": "dev" if number == 0 else "test",
        }
        for code, queue in QUEUES.items()
        for number, wording in enumerate(WORDINGS)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


TASKS = _tasks()

SKILL = f"""\
---
name: queues
description: Use when a support ticket must go to the right queue. Look up the code and answer with the queue only.
---

# Queues

Each ticket mentions one code. Find it in the table and answer with its queue, nothing else.

| code | queue |
| --- | --- |
{"".join(f"| {code} | {queue} |{chr(10)}" for code, queue in QUEUES.items())}"""
