"""Kills runs by ``kill -9`` at random instants, and looks whether anything is lost, doubled or missing on the bill.

    python benchmarks/kill.py [--kills 200] [--executor local|processes|ray] [--seed N] [--folder PLACE]

A report is run, killed and run on until it is whole; then it is compared with one that nobody disturbed, and the next
begins, until so many kills were made. Of several processes, or by Ray, a kill takes the command with all that it has
started or, of processes, the command alone; or it takes one worker, and the run goes on. With --folder, what is done is
kept there, and the same command goes on from it.
The model is a local server.
"""

import argparse
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from measure import OWNBENCH
from run import seen, served
from workload import make_suite

TASKS, CONCURRENCY = 150, 8
LATER = 60_000  # bytes of journals within which the next kill comes
STARTING_S = {"local": 2.5, "processes": 2.5, "ray": 15.0}  # from the start to the first call, amply
AFTER_S = {"local": 0.0, "processes": 0.01, "ray": 0.02}  # after which the server answers: workers take time to start
TRIES = 3  # of a start of Ray, which a busy machine may be too slow for
WORKERS = 0.7  # share of kills that take a worker alone, where there are any
EXECUTORS: dict[str, dict[str, Any]] = {
    "local": {"kind": "local", "workers": 1},
    "processes": {"kind": "local", "workers": 2},
    "ray": {"kind": "ray"},
}
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
    of_workers: int = 0  # of these, kills of one worker alone
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
        "executor": EXECUTORS[executor],
    }  # fmt: skip
    (report / "experiment.yaml").write_text(json.dumps(experiment))
    return report


def written(report: Path) -> int:
    """Bytes of the journals."""
    return sum(path.stat().st_size for path in report.glob("*.jsonl"))


def killed(report: Path, chance: random.Random, executor: str, most: int, found: Found) -> bool:
    """Starts a run, kills workers of it, and then all of it; False where it ended before. At most so many kills."""
    with subprocess.Popen(
        [*OWNBENCH, "run", str(report), "--quiet"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        while most > 0:
            most -= 1
            _wait(report, chance, process, executor)
            if executor != "local" and most and chance.random() < WORKERS and process.poll() is None:
                if (worker := worker_of(report, chance, process)) is not None:
                    os.kill(worker, signal.SIGKILL)
                    found.kills, found.of_workers = found.kills + 1, found.of_workers + 1
                continue
            if process.poll() is None:
                (os.kill if executor == "processes" and chance.random() < 0.5 else os.killpg)(
                    process.pid, signal.SIGKILL
                )
            break
        died = process.wait() == -signal.SIGKILL
    found.kills += died
    return died


def _wait(report: Path, chance: random.Random, process: "subprocess.Popen[bytes]", executor: str) -> None:
    """Until some lines later; or, one time in five, for a time that may lie in the start or in the tables."""
    until = time.monotonic() + chance.uniform(0, STARTING_S[executor])
    wanted = None if chance.random() < 0.2 else written(report) + chance.randint(1, LATER)
    while process.poll() is None and (time.monotonic() < until if wanted is None else written(report) < wanted):
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.01))


def worker_of(report: Path, chance: random.Random, process: "subprocess.Popen[Any]") -> int | None:
    """A worker that is at work, for which it is waited; None: the run has ended before."""
    while process.poll() is None:
        alive = [number for path in sorted(report.glob(".lock.*")) if (number := _holder(path))]
        if alive:
            return chance.choice(alive)
        time.sleep(0.01)
    return None


def _holder(path: Path) -> int | None:
    """The process that holds a lock."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read() or 0) or None
    return None


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
    """So many kills; a folder with earlier ones is gone on with. Raises SystemExit as `check`."""
    state, undisturbed = folder / f"{executor}.json", folder / "undisturbed" / "report"
    found = Found(**json.loads(state.read_text())) if state.exists() else Found()
    if not (folder / "suite").exists():
        make_suite(folder / "suite", TASKS)
    shutil.rmtree(undisturbed.parent, ignore_errors=True)
    make_report(undisturbed.parent, url)
    subprocess.run([*OWNBENCH, "run", str(undisturbed), "--quiet"], check=True, capture_output=True)
    whole = rows(undisturbed)
    while found.kills < wanted:
        place, before = folder / f"{executor}-{found.reports}", found.kills
        shutil.rmtree(place, ignore_errors=True)  # of a script that was stopped
        report, chance = make_report(place, url, executor), random.Random(f"{seed} {found.reports}")
        seen(url)
        while found.kills < wanted and killed(report, chance, executor, wanted - found.kills, found):
            pass
        for _ in range(TRIES):
            done = subprocess.run([*OWNBENCH, "run", str(report), "--quiet"], capture_output=True, check=False)
            if b"no Ray can be started" not in done.stderr:
                break
        if done.returncode:
            raise SystemExit(f"{report} cannot be run to its end: {done.stderr.decode()}")
        found.asked_again += check(report, whole, seen(url)[0], (found.kills - before) * CONCURRENCY)
        found.reports += 1
        state.write_text(json.dumps(asdict(found)))
        shutil.rmtree(place)
        print(f"{found.kills} kills of {found.reports} reports: nothing lost, nothing doubled", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--executor", choices=EXECUTORS, default="local")
    parser.add_argument("--folder", type=Path, help="where to keep what is done, and to go on from")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder, served(AFTER_S[args.executor]) as url:
        found = kills(args.folder or Path(folder), url, args.kills, args.seed, args.executor)
    kinds = f" ({found.kills - found.of_workers} of the whole, {found.of_workers} of one worker)"
    print(
        f"{found.kills} kills{kinds if args.executor != 'local' else ''} of {found.reports} reports, nothing lost, "
        f"nothing doubled; {found.asked_again} calls in flight were made again"
    )


if __name__ == "__main__":
    main()
