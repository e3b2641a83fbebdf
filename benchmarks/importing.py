"""What it takes to import a long table of outcomes, in each format that people bring.

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
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make is not None:
        make(args.make, args.rows)
        return
    print(f"Machine: {machine()}; {busy()}.\n")
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder:
        print(table(["process", "wall s", "CPU s", "peak MiB"], rows(Path(folder), args.rows)))


if __name__ == "__main__":
    main()
