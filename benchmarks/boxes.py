"""What a box costs: attempts with a box each, beside the same commands as plain, unprotected subprocesses.

Each attempt starts a box, puts a file, runs five commands, gets a file and closes. `make bench` calls it; alone::

    python benchmarks/boxes.py --attempts 200 --concurrency 8
"""

import argparse
import asyncio
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness.core import Environment
from harness.sandbox import SandboxOptions, in_thread, open_box, prepare

COMMANDS = ["echo one", "cat given.txt", "seq 1 1000 | sort -r | head -3", "ls -la", "wc -c given.txt > made.txt"]
OPTIONS = SandboxOptions(memory_mb=512, disk_mb=64)


def boxed() -> None:
    box = open_box(OPTIONS)
    try:
        box.put({"given.txt": b"a text"})
        for command in COMMANDS:
            box.run(command)
        if not box.get(["made.txt"]):
            raise RuntimeError("the box lost a file")
    finally:
        box.close()


def plain() -> None:
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder:
        Path(folder, "given.txt").write_bytes(b"a text")
        for command in COMMANDS:
            subprocess.run(["/bin/sh", "-c", command], cwd=folder, capture_output=True, check=False)
        Path(folder, "made.txt").read_bytes()


def measured(attempt: Callable[[], None], attempts: int, concurrency: int) -> tuple[float, float]:
    """Wall and CPU seconds of all attempts; the CPU time of children is in it."""

    async def all_of_them() -> None:
        gate = asyncio.Semaphore(concurrency)

        async def one() -> None:
            async with gate:
                await in_thread(attempt)

        await asyncio.gather(*(one() for _ in range(attempts)))

    before, began = _cpu(), time.perf_counter()
    asyncio.run(all_of_them())
    return time.perf_counter() - began, _cpu() - before


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def rows(attempts: int, concurrency: int) -> list[list[str]]:
    """The table's rows: process, wall and CPU milliseconds an attempt."""
    prepare(OPTIONS, Environment())
    found = []
    for name, attempt in (("a box of bubblewrap each", boxed), ("plain subprocesses, unprotected", plain)):
        wall, cpu = measured(attempt, attempts, concurrency)
        each = [f"{1000 * seconds / attempts:.1f}" for seconds in (wall, cpu)]
        found.append([f"{attempts:,} attempts, {name}", *each])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--attempts", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=8)
    args = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}; concurrency {args.concurrency}; milliseconds an attempt: wall, CPU")
    for row in rows(args.attempts, args.concurrency):
        print("\t".join(row))


if __name__ == "__main__":
    main()
