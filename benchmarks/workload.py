"""What the benchmark runs on: a suite and an experiment for the running half, a table of outcomes for the judging half.

All of it is made up, and only its size matters.
"""

import json
import random
import subprocess
from pathlib import Path

DOMAINS = ("billing", "delivery", "returns", "account")
TEXT = (
    "the order that I placed last week has not arrived and the tracking page still says that it waits for the carrier "
    "could you tell me what happened to it and whether the amount was charged twice because my statement shows two "
    "entries with the same reference and the same date although only one item was confirmed by your shop"
)


def make_suite(folder: Path, attempts: int) -> Path:
    """A suite with one task for each attempt; returns the file of its tasks."""
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(
        "name: mails\nversion: '1'\n"
        f"domains: [{', '.join(DOMAINS)}]\n"
        f"grader: {{name: label, labels: [{', '.join(DOMAINS)}]}}\n"
        "tasks: tasks.jsonl\n",
        encoding="utf-8",
    )
    chance, words = random.Random(7), TEXT.split()
    tasks = folder / "tasks.jsonl"
    with tasks.open("w", encoding="utf-8") as file:
        for number in range(attempts):
            domain = chance.choice(DOMAINS)
            text = f"Mail {number}: " + " ".join(chance.choices(words, k=80))
            row = {"id": f"mail-{number}", "domain": domain, "input": text, "reference": domain}
            file.write(json.dumps(row) + "\n")
    return tasks


def make_experiment(report: Path, suite: Path, base_url: str, concurrency: int, backend: str = "openai") -> Path:
    """A fresh report in which nothing is done yet."""
    model = "openai/constant" if backend == "litellm" else "constant"
    report.mkdir(parents=True)
    (report / "experiment.yaml").write_text(
        f"name: bench\nsuites: [{suite}]\n"
        "models:\n"
        f"  constant: {{backend: {backend}, model: {model}, base_url: '{base_url}/v1',\n"
        "             sampling: {temperature: 0, max_tokens: 16},\n"
        "             price: {input_usd_per_million: 1.0, output_usd_per_million: 2.0}}\n"
        "contenders:\n  bare: {model: constant}\n"
        f"limits: {{concurrency: {concurrency}}}\n",
        encoding="utf-8",
    )
    return report


CONTENDERS, TASKS, TRIALS, FIELDS = 10, 33_334, 3, 20


def make_wide(folder: Path) -> Path:
    """A report of 60 contenders in 200 domains, as `ownbench import table` makes it of a table of somebody's."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from measure import OWNBENCH

    chance = np.random.default_rng(7)
    shape = (60, 200, 10)  # contenders, domains, tasks of a domain
    rate = (
        chance.uniform(0.45, 0.92, (60, 1, 1)) + chance.normal(0, 0.12, (1, 200, 1)) + chance.normal(0, 0.15, shape[1:])
    )
    who, domain, task = (axis.ravel() for axis in np.indices(shape))
    folder.mkdir(parents=True)
    pq.write_table(pa.table({
        "contender": [f"contender-{n:02}" for n in who],
        "task": [f"task-{d:03}-{n}" for d, n in zip(domain, task, strict=True)],
        "domain": [f"domain-{n:03}" for n in domain],
        "passed": (chance.random(shape) < rate).ravel(),
        "cost_usd": chance.lognormal(-7, 0.5, who.size) * (1 + who % 9),
        "latency_s": chance.lognormal(0, 0.6, who.size),
        "confidence": chance.random(who.size),
    }), folder / "wide.parquet")  # fmt: skip
    report = folder / "wide"
    subprocess.run([*OWNBENCH, "import", "table", folder / "wide.parquet", report], check=True, capture_output=True)
    return report


def make_outcomes(report: Path) -> int:
    """A report of a million outcomes with no run behind them; returns how many rows it has.

    Each contender has a skill, each task a difficulty; a trial passes by the logistic of their difference.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    chance = np.random.default_rng(7)
    shape = (CONTENDERS, TASKS, TRIALS)
    skill = np.linspace(0.2, 1.1, CONTENDERS)[:, None, None]
    difficulty = chance.normal(size=(1, TASKS, 1))
    passed = chance.random(shape) < 1 / (1 + np.exp(difficulty - skill))
    contender, task, trial = (axis.ravel() for axis in np.indices(shape))
    names = [f"contender-{i}" for i in range(CONTENDERS)]
    tasks = [f"task-{i:05}" for i in range(TASKS)]
    fields = [f"domain-{i % FIELDS:02}" for i in range(TASKS)]

    def words(codes: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]", values: list[str]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values)).cast(pa.string())

    one = np.zeros(passed.size, dtype=np.int64)
    table = pa.table(
        {
            "report": words(one, ["synthetic"]),
            "suite": words(one, ["synthetic"]),
            "contender": words(contender, names),
            "contender_kind": words(one, ["model"]),
            "task": words(task, tasks),
            "domain": words(task, fields),
            "cluster": words(task, tasks),
            "trial": pa.array(trial.astype(np.int32)),
            "status": words(passed.ravel().astype(np.int64), ["failed", "passed"]),
            "passed": pa.array(passed.ravel()),
            "cost_usd": pa.array(chance.lognormal(-7, 0.5, passed.size)),
            "latency_s": pa.array(chance.lognormal(0, 0.6, passed.size)),
            "confidence": pa.array(chance.random(passed.size)),
        }
    )
    report.mkdir(parents=True)
    pq.write_table(table, report / "outcomes.parquet", compression="zstd")
    return int(table.num_rows)
