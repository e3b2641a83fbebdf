"""``ownbench import``: results that another tool recorded, as a report."""

import argparse
import sys
from pathlib import Path

from harness.cli.output import plain
from harness.core import UsageError

NAMED = 12
"""Contenders that the summary names."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("format", choices=("table",), help="table: Parquet, CSV, TSV or JSON, one row an attempt")
    parser.add_argument("path", type=Path, metavar="PATH", help="the file to read")
    parser.add_argument("report", type=Path, metavar="REPORT", help="the folder to write")
    parser.add_argument(
        "--map", action="append", default=[], metavar="OURS=THEIRS", help="our column and theirs (repeatable)"
    )
    say = parser.add_argument
    say("--true", action="append", default=[], metavar="WORD", help="a word that means a pass (repeatable)")
    say("--false", action="append", default=[], metavar="WORD", help="a word that means a failure (repeatable)")
    say("--scale", action="append", default=[], metavar="COLUMN=LOW..HIGH", help="of score or confidence: score=0..100")
    say("--unit", action="append", default=[], metavar="COLUMN=UNIT", help="of latency_s or a cost: latency_s=ms")
    say("--wide", action="store_true", help="one column a contender, one row a task (or the other way round)")
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier import left in the folder")
    parser.epilog = (
        "example: ownbench import table results.parquet reports/mine --map contender=system --map task=task_id\n"
        "needed: contender, task, and passed or score; passes=… with trials=… reads counts of several trials"
    )


def run(args: argparse.Namespace) -> int:
    """Imports, and says what was found and what is doubtful."""
    from harness.core import plural
    from harness.store import Reading, import_table, parse_mapping, parse_scales, parse_units

    reading = Reading(
        true=tuple(args.true),
        false=tuple(args.false),
        scales=parse_scales(args.scale),
        units=parse_units(args.unit),
        wide=args.wide,
    )
    mapping = parse_mapping(args.map)
    try:
        summary = import_table(args.path, args.report, mapping, overwrite=args.overwrite, reading=reading)
    except UsageError as error:
        text = str(error)
        raise UsageError(
            f"{text} (--overwrite)" if "overwrite" in text and "--overwrite" not in text else text
        ) from None
    say = sys.stdout.write
    say(
        f"{plural(summary.rows_written, 'outcome')} of {plural(len(summary.contenders), 'contender')} at "
        f"{plural(summary.n_tasks, 'task')} in {plain(str(args.report))}\n"
    )
    shown = ", ".join(summary.contenders[:NAMED]) + (" …" if len(summary.contenders) > NAMED else "")
    say(f"contenders: {plain(shown)}\n")
    if summary.left_out:
        say(f"columns left out: {plain(', '.join(summary.left_out))}; --map OURS=THEIRS takes one in\n")
    if summary.duplicates:
        verb = "was" if summary.duplicates == 1 else "were"
        say(f"note: {plural(summary.duplicates, 'row')} repeated another exactly and {verb} dropped\n")
    for note in summary.notes:
        say(f"note: {plain(note)}\n")
    for flag in summary.flags:
        say(f"warning: {plain(flag.text)}\n")
    return 0
