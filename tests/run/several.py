"""An experiment with a hybrid whose threshold is chosen, for runs over several workers; what these have left."""

import json
import time
from pathlib import Path

import live

TASKS = 120
CONTENDERS = {
    "worker": {"model": "m"},
    "other": {"model": "m", "twin": 1},
    "both": {"worker": "worker", "expert": "other", "escalate": {"signal": "logprob_mean", "threshold": "auto"}},
}


def experiment(report, served, *, tasks=TASKS, executor, **keys):
    splits = [{"split": "test" if n % 4 else "dev"} for n in range(tasks)]
    model = live.served_model(served, sampling={"temperature": 0})
    whole = {"limits": {"concurrency": 8, "timeout_s": 5, "tries": 2}, "executor": executor} | keys
    suites = [{"path": "suites/s", "split": "test"}]
    return live.write_experiment(
        report, tasks=splits, models={"m": model}, contenders=CONTENDERS, suites=suites, **whole
    )


def paid(report: Path) -> list[str]:
    """The requests on the bill, from the journals of all workers."""
    calls = [json.loads(line)["call"] for path in report.glob("calls*.jsonl") for line in path.read_text().splitlines()]
    return [call["request_digest"] for call in calls if call["error"] is None and not call["cache_hit"]]


def recorded(report: Path) -> list[str]:
    """Attempts in the journals of all workers."""
    lines = [line for path in report.glob("attempts*.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line)["outcome"]["attempt_id"] for line in lines]


def wait_for(condition, process=None, *, within=120.0):
    end = time.monotonic() + within
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
