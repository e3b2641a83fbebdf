"""Kills runs by ``kill -9`` at random instants, and looks whether anything is lost, doubled or missing on the bill.

    python benchmarks/kill.py [--kills 200] [--seed N] [--executor local]

A report is run, killed and run on until it is whole; then it is compared with one that nobody disturbed, and the next
begins, until so many runs were killed. The model is a local server that answers at once.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import OWNBENCH
from run import seen, served
from workload import make_suite

TASKS, CONCURRENCY = 150, 8
CONTENDERS = {
    "one": {"model": "constant"},
    "two": {"model": "constant", "twin": 1},
    "both": {"worker": "one", "expert": "two", "escalate": {"signal": "random:0.5"}},
}
PRICE = (120 * 1.0 + 2 * 2.0) / 1e6  # of each answer
COMPARED = ("status", "passed", "score", "label_predicted", "cost_usd", "calls", "escalated", "served_by")


@dataclass(slots=True)
class Found:
    """What the kills came to."""

    kills: int = 0
    reports: int = 0
    asked_again: int = 0  # calls that were in flight at a kill, and so are paid twice


def make_report(folder: Path, url: str, executor: str = "local") -> Path:
    """A fresh report of two contenders and a hybrid of them."""
    report = folder / "report"
    report.mkdir(parents=True)
    experiment: dict[str, Any] = {
        "name": "killed",
        "suites": [str(folder.parent / "suite")],
        "models": {"constant": {"backend": "openai", "model": "constant", "base_url": f"{url}/v1",
                                "sampling": {"temperature": 0, "max_tokens": 16},
                                "price": {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}}},
        "contenders": CONTENDERS,
        "limits": {"concurrency": CONCURRENCY},
    }  # fmt: skip
    experiment |= {"executor": {"kind": executor}} if executor != "local" else {}
    (report / "experiment.yaml").write_text(json.dumps(experiment))
    return report


def written(report: Path) -> int:
    """Bytes of the journals."""
    return sum(path.stat().st_size for path in report.glob("*.jsonl"))


def killed_once(report: Path, chance: random.Random, executor: Sequence[str]) -> bool:
    """Starts a run and kills it some lines later, with all that it has started; False where it ended before."""
    wanted = written(report) + chance.randint(1, 60_000)
    with subprocess.Popen(
        [*OWNBENCH, "run", str(report), "--quiet", *executor],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        while process.poll() is None and written(report) < wanted:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.01))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


def rows(report: Path) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """Outcomes by contender, task and trial, without what differs from run to run."""
    import pyarrow.parquet as pq

    table = pq.read_table(report / "outcomes.parquet").to_pylist()
    found = {(r["contender"], r["task"], r["trial"]): tuple(r[name] for name in COMPARED) for r in table}
    if len(found) != len(table):
        raise SystemExit("a row is doubled")
    return found


def lines(report: Path, kind: str) -> list[dict[str, Any]]:
    """All lines of a journal."""
    paths = sorted(report.glob(f"{kind}*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def check(report: Path, whole: dict[tuple[str, str, int], tuple[Any, ...]], requests: int, most: int) -> int:
    """How many calls were made again. Raises SystemExit: something is lost, doubled or unpaid."""
    done = [line["outcome"] for line in lines(report, "attempts") if line["outcome"]["status"] != "skipped"]
    ids = [one["attempt_id"] for one in done]
    if len(ids) != len(set(ids)):
        raise SystemExit("an attempt is recorded twice")
    if rows(report) != whole:
        raise SystemExit("the outcomes are not those of an undisturbed run")
    calls = [line["call"] for line in lines(report, "calls")]
    paid = [call for call in calls if not call["cache_hit"] and call["error"] is None]
    digests = [call["request_digest"] for call in paid]
    if len(digests) != len(set(digests)):
        raise SystemExit("an answer was paid twice and kept twice")
    if abs(sum(call["cost"]["usd"] for call in paid) - len(paid) * PRICE) > 1e-9:
        raise SystemExit("the bill is not that of its calls")
    again = requests - len(paid)
    if not 0 <= again <= most:
        raise SystemExit(f"{again} calls were made again, and at most {most} were in flight at a kill")
    return again


def kills(folder: Path, url: str, wanted: int, seed: int, executor: str = "local") -> Found:
    """Kills so many runs. Raises SystemExit as `check`."""
    make_suite(folder / "suite", TASKS)
    option = [] if executor == "local" else ["--executor", executor]
    undisturbed = make_report(folder / "undisturbed", url)
    subprocess.run([*OWNBENCH, "run", str(undisturbed), "--quiet"], check=True, capture_output=True)
    whole, chance, found = rows(undisturbed), random.Random(seed), Found()
    while found.kills < wanted:
        seen(url)
        report, here = make_report(folder / f"killed-{found.reports}", url, executor), 0
        while found.kills + here < wanted and killed_once(report, chance, option):
            here += 1
        subprocess.run([*OWNBENCH, "run", str(report), "--quiet", *option], check=True, capture_output=True)
        found.asked_again += check(report, whole, seen(url)[0], here * CONCURRENCY)
        found.kills, found.reports = found.kills + here, found.reports + 1
        print(f"{found.kills} kills of {found.reports} reports: nothing lost, nothing doubled", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--executor", default="local")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder, served() as url:
        found = kills(Path(folder), url, args.kills, args.seed, args.executor)
    print(f"{found.kills} runs killed, {found.reports} reports; {found.asked_again} calls in flight were made again")


if __name__ == "__main__":
    main()
