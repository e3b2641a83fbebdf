"""``ownbench import``: results that another tool recorded, as a report."""

import argparse
import sys
from pathlib import Path

from harness.core import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("format", choices=("table",), help="table: Parquet or CSV, one row an attempt")
    parser.add_argument("path", type=Path, metavar="PATH", help="the file to read")
    parser.add_argument("report", type=Path, metavar="REPORT", help="the folder to write")
    parser.add_argument(
        "--map", action="append", default=[], metavar="OURS=THEIRS", help="our column and theirs (repeatable)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier import left in the folder")
    parser.epilog = (
        "example: ownbench import table results.parquet reports/mine --map contender=system --map task=task_id\n"
        "needed: contender, task, and passed or score; passes=… with trials=… reads counts of several trials"
    )


def run(args: argparse.Namespace) -> int:
    """Imports, and says what was found and what is doubtful."""
    from harness.store import import_table

    mapping: dict[str, str] = {}
    for pair in args.map:
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours or not theirs:
            raise UsageError(f"--map {pair}: write OURS=THEIRS, such as contender=system")
        if ours in mapping:
            raise UsageError(f"--map {pair}: the column {ours!r} is mapped already, to {mapping[ours]!r}")
        mapping[ours] = theirs
    summary = import_table(args.path, args.report, mapping, overwrite=args.overwrite)
    sys.stdout.write(summary.text(args.report))
    return 0
