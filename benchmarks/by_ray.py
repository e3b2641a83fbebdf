"""Thousands of attempts by Ray, a worker killed in the middle of them, beside the same run in one process.

    python benchmarks/by_ray.py [--attempts 4000] [--workers 2] [--seed N]

Two contenders and two hybrids of them, one with a threshold that is chosen and one with a fixed one. The outcomes and
the bill have to be those of the run in one process; no call is paid twice but those in flight at the kill; and a budget
of half the bill has to be kept by all workers together, a kill included: all calls that the server saw stay within it,
also those in flight at the kill, which are on no bill. The model is a local server.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kill import PRICE, lines, worker_of
from measure import OWNBENCH
from run import seen, served
from workload import make_suite

AFTER_S, CONCURRENCY, BUDGETED = 0.02, 16, 0.5
DEAREST = 2 * PRICE  # of an attempt: a hybrid's that asks both
TIMED = {"latency_s", "started_at", "graded_at", "report"}  # columns that differ from run to run
CONTENDERS = {
    "worker": {"model": "varied"},
    "expert": {"model": "varied", "twin": 1},
    "chosen": {"worker": "worker", "expert": "expert", "escalate": {"signal": "logprob_mean", "threshold": "auto"}},
    "fixed": {"worker": "worker", "expert": "expert", "escalate": {"signal": "logprob_mean", "threshold": 0.2}},
}


@dataclass(slots=True, kw_only=True)
class Run:
    """What one run of a report left."""

    code: int
    seconds: float
    asked: int  # requests that the server saw
    said: str


def make_report(place: Path, url: str, executor: dict[str, Any], budget_usd: float | None = None) -> Path:
    """A fresh report on the suite beside it."""
    place.mkdir(parents=True)
    experiment = {
        "name": "by-ray",
        "suites": [{"path": str(place.parent / "suite"), "split": "test"}],
        "models": {"varied": {"backend": "openai", "model": "varied", "base_url": f"{url}/v1",
                              "sampling": {"temperature": 0, "max_tokens": 16},
                              "price": {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}}},
        "contenders": CONTENDERS,
        "limits": {"concurrency": CONCURRENCY},
        "executor": executor,
    }  # fmt: skip
    experiment |= {"budget": {"usd": budget_usd}} if budget_usd else {}
    (place / "experiment.yaml").write_text(json.dumps(experiment))
    return place


def make_tasks(folder: Path, attempts: int) -> None:
    """A suite of which four contenders make at least so many attempts; a fifth of the tasks chooses the threshold."""
    tasks = make_suite(folder, -(-attempts * 10 // 36))
    rows = [json.loads(line) for line in tasks.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["split"] = "test" if number % 5 else "dev"
    tasks.write_text("".join(json.dumps(row) + "\n" for row in rows))


def run(report: Path, url: str, *, kill_after: int = 0, chance: random.Random) -> Run:
    """Runs a report to its end; ``kill_after``: so many attempts later a worker is killed."""
    seen(url)
    began = time.monotonic()
    with subprocess.Popen(
        [*OWNBENCH, "run", str(report), "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while kill_after and process.poll() is None and made(report) < kill_after:
            time.sleep(0.01)
        if kill_after:
            if (worker := worker_of(report, chance, process)) is None:
                raise SystemExit("the run ended before a worker could be killed")
            os.kill(worker, signal.SIGKILL)
        said = process.communicate()[0]
    return Run(code=process.returncode, seconds=time.monotonic() - began, asked=seen(url)[0], said=said)


def made(report: Path) -> int:
    """Attempts in the journals."""
    return sum(path.read_bytes().count(b"\n") for path in report.glob("attempts*.jsonl"))


def rows(report: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Outcomes by contender, task and trial, without what the clock decides."""
    import pyarrow.parquet as pq

    table = pq.read_table(report / "outcomes.parquet").to_pylist()
    found = {(r["contender"], r["task"], r["trial"]): {k: v for k, v in r.items() if k not in TIMED} for r in table}
    if len(found) != len(table):
        raise SystemExit("a row is doubled")
    return found


def bill(report: Path) -> tuple[int, float]:
    """Answers that were paid, and dollars. Raises SystemExit: one is paid twice, or an attempt is recorded twice."""
    calls = [line["call"] for line in lines(report, "calls")]
    paid = [call for call in calls if not call["cache_hit"] and call["error"] is None]
    if len(paid) != len({call["request_digest"] for call in paid}):
        raise SystemExit("an answer was paid twice and kept twice")
    outcomes = [line["outcome"] for line in lines(report, "attempts")]
    done = [outcome["attempt_id"] for outcome in outcomes if outcome["status"] != "skipped"]
    if len(done) != len(set(done)):
        raise SystemExit("an attempt is recorded twice")
    return len(paid), sum(call["cost"]["usd"] for call in paid)


def compared(one: Path, other: Path) -> None:
    """Raises SystemExit: the outcomes differ, and in what."""
    here, there = rows(one), rows(other)
    if here.keys() != there.keys():
        raise SystemExit("attempts are missing")
    if found := {name for key, row in here.items() for name, value in row.items() if there[key][name] != value}:
        raise SystemExit(f"outcomes differ in {', '.join(sorted(found))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--attempts", type=int, default=4_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    chance, ray = random.Random(args.seed), {"kind": "ray", "workers": args.workers, "address": "local"}
    in_flight = -(-CONCURRENCY // args.workers)
    with tempfile.TemporaryDirectory(prefix="ownbench-") as name, served(AFTER_S, "varied") as url:
        folder = Path(name)
        make_tasks(folder / "suite", args.attempts)
        local = make_report(folder / "local", url, {"kind": "local"})
        alone = run(local, url, chance=chance)
        attempts, (answers, usd) = made(local), bill(local)
        if alone.code or alone.asked != answers:
            raise SystemExit(f"the run in one process: {alone.said}")
        print(f"one process: {attempts:,} attempts, {answers:,} calls, ${usd:.4f}, {alone.seconds:.1f} s", flush=True)

        half = chance.randint(attempts // 3, 2 * attempts // 3)
        report = make_report(folder / "ray", url, ray)
        done = run(report, url, kill_after=half, chance=chance)
        again = done.asked - answers
        if done.code or "ended before its time" not in done.said or f"${usd:.4f} spent in all" not in done.said:
            raise SystemExit(f"the run by Ray: {done.said}")
        compared(local, report)
        if (found := bill(report)) != (answers, usd) and abs(found[1] - usd) > 1e-9:
            raise SystemExit(f"the bill is {found}, and {answers, usd} in one process")
        if not 0 <= again <= in_flight:
            raise SystemExit(f"{again} calls were made again, and at most {in_flight} were in flight at the kill")
        print(
            f"by Ray, {args.workers} workers, one killed after {half:,}: the same outcomes and bill, {again} calls in "
            f"flight made again, {done.seconds:.1f} s",
            flush=True,
        )

        limit = BUDGETED * usd
        report = make_report(folder / "budget", url, ray, limit)
        done = run(report, url, kill_after=half // 4, chance=chance)
        kept = bill(report)[1]
        # what is left pays for no further attempt, beside what is held for the calls of the worker that was killed
        if done.code != 4 or not limit - (in_flight + 1) * DEAREST < kept <= limit:
            raise SystemExit(f"${kept:.4f} of ${limit:.4f} are spent: {done.said}")
        if done.asked * PRICE > limit:
            raise SystemExit(f"{done.asked} calls were made, and ${limit:.4f} pay for {limit / PRICE:.0f}")
        print(f"a budget of ${limit:.4f}, a worker killed: ${kept:.4f} on the bill, {done.asked:,} calls made")
    print(f"{attempts:,} attempts by Ray with a worker killed: equal to one process, the budget kept")


if __name__ == "__main__":
    main()
