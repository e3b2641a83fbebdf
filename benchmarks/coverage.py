"""Checks that intervals hold the truth as often as they say and that tests err no more often than they say.

    python benchmarks/coverage.py [--only PART ...] [--runs N] [--workers N] [--write]

Everything is seeded, each figure by its own name: a second run prints the same, in any order and number of workers.
``--write`` puts each part into its page as soon as it is there, between its markers; so what was stopped goes on with
``--only``.
"""

import argparse
import sys
import textwrap
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from zlib import crc32

from coverage_rows import PARTS
from coverage_table import Batch, Exact, shown
from measure import table
from simulations import Tally, enumerated, tally

DOCS = Path(__file__).resolve().parents[1] / "docs"
RUNS = 1_000


def simulated(part: str, row: int, column: int, runs: int) -> Tally | None:
    """One figure."""
    of = PARTS[part].rows()[row]
    cell = of.cells[column]
    if cell is None or isinstance(cell, Exact):
        return None if cell is None else enumerated(cell.make())
    number, seed = max(20, round(runs * of.share)), crc32(f"{part}/{of.name}/{column}".encode())
    return cell.make(number, seed) if isinstance(cell, Batch) else tally(cell, number, seed)


def made(name: str, runs: int, pool: Executor) -> str:
    """A part as Markdown."""
    part = PARTS[name]
    rows = part.rows()
    places = [(i, k) for i, row in enumerate(rows) for k in range(len(row.cells))]
    found = iter(pool.map(partial(_at, name, runs), places))
    lines = [shown(row, [next(found) for _ in row.cells]) for row in rows]
    about = textwrap.wrap(part.about, 120, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"## {part.title}", "", *about, "", table(part.head, lines)])


def _at(name: str, runs: int, place: tuple[int, int]) -> Tally | None:
    return simulated(name, *place, runs)


def page_with(name: str, body: str, text: str) -> str:
    """The page's text with the part between its markers replaced.

    Raises:
        SystemExit: the page lacks its markers.
    """
    begin, end = (f"<!-- {name}:{which} -->" for which in ("begin", "end"))
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"{PARTS[name].page}: needs {begin} and {end}, each once")
    head, rest = text.split(begin)
    return f"{head}{begin}\n{body}\n{end}{rest.split(end)[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help="what to check")
    parser.add_argument("--runs", type=int, default=RUNS, help="simulations of a figure; of some a share of them")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--write", action="store_true", help="write the tables into their pages too")
    args = parser.parse_args()
    with ProcessPoolExecutor(args.workers, get_context("fork")) as pool:
        for name in args.only:
            started = time.perf_counter()
            body = made(name, args.runs, pool)
            print(body)
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
            if args.write:
                path = DOCS / PARTS[name].page
                path.write_text(page_with(name, body, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
