"""What it takes to import a long table of outcomes, in each format that people bring, and to gate what it holds.

python benchmarks/importing.py [--rows N]
"""

import argparse
import json
import tempfile
from pathlib import Path

from measure import OWNBENCH, PYTHON, busy, machine, measured, spread, table
from workload import make_outcomes

COLUMNS = ("contender", "task", "domain", "trial", "passed", "cost_usd", "latency_s", "confidence")


def make(folder: Path, count: int) -> None:
    """The same rows in a file of each format."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    make_outcomes(folder / "made")
    taken = pq.read_table(folder / "made" / "outcomes.parquet", columns=[*COLUMNS]).slice(0, count)
    pq.write_table(taken, folder / "rows.parquet")
    pc.write_csv(taken, folder / "rows.csv")
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for batch in taken.to_batches(20_000):
            file.writelines(f"{json.dumps(row)}\n" for row in batch.to_pylist())


def rows(folder: Path, count: int) -> list[list[str]]:
    """The table's rows, one a format: process, wall and CPU seconds, peak memory."""
    measured([PYTHON, __file__, "--rows", str(count), "--make", folder])  # what a process holds counts for its children
    found = []
    for ending in ("parquet", "csv", "jsonl"):
        one = measured([*OWNBENCH, "import", "table", folder / f"rows.{ending}", folder / f"from-{ending}"])
        name = f"`ownbench import table rows.{ending}`, {count:,} rows"
        found.append([name, spread([one.wall_s]), spread([one.cpu_s]), spread([one.peak_mib], 0)])
    return found + gates(folder, count)


def gates(folder: Path, count: int) -> list[list[str]]:
    """The same of a gate on as many rows: of few tasks, of two contenders at many, in one report and in two."""
    measured([PYTHON, __file__, "--rows", str(count), "--make-two", folder])
    for name in ("two", "first", "second"):
        measured([*OWNBENCH, "import", "table", folder / f"{name}.parquet", folder / name])
    many, ten = f"2 contenders, {count // 2:,} tasks", "10 contenders"
    cases = ((ten, "from-csv", "from-csv", ("contender-0", "contender-1")), (many, "two", "two", ("a", "b")),
             (f"{many}, a report each", "first", "second", ("a", "b")))  # fmt: skip
    found = []
    for words, one, other, (first, second) in cases:
        names = ("--baseline-contender", first, "--candidate-contender", second, "--out", folder / "verdict")
        command = [*OWNBENCH, "gate", folder / one, folder / other, *names]
        runs = [measured(command, accepted=(0, 1, 3)) for _ in range(3)]
        wall, cpu, peak = ([getattr(run, figure) for run in runs] for figure in ("wall_s", "cpu_s", "peak_mib"))
        found.append([f"`ownbench gate`, {count:,} rows of {words}", spread(wall), spread(cpu), spread(peak, 0)])
    return found


def make_two(folder: Path, count: int) -> None:
    """Two contenders at half as many tasks, task by task in one file, and each by itself."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, tasks = np.random.default_rng(7), np.repeat(np.arange(count // 2), 2)
    both = pa.table(
        {
            "contender": np.tile(["a", "b"], count // 2),
            "task": pa.array([f"question {number}" for number in tasks.tolist()]),
            "domain": pa.array([f"area {number % 5}" for number in tasks.tolist()]),
            "passed": rng.random(2 * (count // 2)) < 0.8,
            "cost_usd": rng.gamma(4.0, 0.001, 2 * (count // 2)).round(6),
        }
    )
    pq.write_table(both, folder / "two.parquet")
    for start, name in enumerate(("first", "second")):
        pq.write_table(both.take(pa.array(np.arange(start, both.num_rows, 2))), folder / f"{name}.parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make-two", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make_two is not None:
        make_two(args.make_two, args.rows)
        return
    if args.make is not None:
        make(args.make, args.rows)
        return
    print(f"Machine: {machine()}; {busy()}.\n")
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder:
        print(table(["process", "wall s", "CPU s", "peak MiB"], rows(Path(folder), args.rows)))


if __name__ == "__main__":
    main()
