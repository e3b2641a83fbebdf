"""``ownbench import``: results that another tool recorded, as a report."""

import argparse
import sys
from pathlib import Path

from harness.cli.output import plain
from harness.core import UsageError, plural

NAMED = 12
"""Contenders that the summary names."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments: those of every importer."""
    from harness.store import IMPORTERS

    formats = [IMPORTERS[name] for name in IMPORTERS if name not in IMPORTERS.problems]
    parser.add_argument("format", metavar="FORMAT", help="; ".join(f"{one.name}: {one.reads}" for one in formats))
    parser.add_argument("path", type=Path, metavar="PATH", help="the file to read")
    parser.add_argument("report", type=Path, metavar="REPORT", help="the folder to write")
    options = {option.name: option for one in formats for option in one.options}
    for option in options.values():
        if option.metavar:
            action = "append" if option.repeated else "store"
            parser.add_argument(f"--{option.name}", action=action, metavar=option.metavar, help=option.help)
        else:
            parser.add_argument(f"--{option.name}", action="store_true", help=option.help)
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier import left in the folder")
    parser.epilog = (
        "example: ownbench import table results.parquet reports/mine --map contender=system --map task=task_id"
    ) + "".join(f"\n{one.name} needs: {one.needs}" for one in formats if one.needs)


def run(args: argparse.Namespace) -> int:
    """Imports, and says what was found and what is doubtful."""
    from harness.store import IMPORTERS, importer

    chosen = importer(args.format)
    own = {option.name for option in chosen.options}
    for one in IMPORTERS.values():
        for option in one.options:
            if option.name not in own and getattr(args, option.name):
                raise UsageError(f"--{option.name} is of the format {one.name} only; leave it out")
    given = {option.name: _value(args, option.name, many=option.repeated) for option in chosen.options}
    try:
        summary = chosen.bring(args.path, args.report, given, overwrite=args.overwrite)
    except UsageError as error:
        text = str(error)
        if "overwrite" in text and "--overwrite" not in text:
            raise UsageError(f"{text} (--overwrite)") from None
        raise
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


def _value(args: argparse.Namespace, name: str, *, many: bool) -> object:
    found = getattr(args, name)
    return [] if found is None and many else found
