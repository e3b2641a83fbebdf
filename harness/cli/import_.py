"""``ownbench import``: results that another tool recorded, as a report."""

import argparse
from pathlib import Path
from typing import Any

from harness.cli.output import say
from harness.core import UsageError, plural

NAMED = 12  # contenders that the summary names


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments: those of every importer."""
    from harness.store import IMPORTERS

    formats = [IMPORTERS[name] for name in IMPORTERS if name not in IMPORTERS.problems]
    parser.add_argument("format", metavar="FORMAT", help="; ".join(f"{one.name}: {one.reads}" for one in formats))
    parser.add_argument("path", type=Path, metavar="PATH", help="the file to read")
    parser.add_argument("report", type=Path, metavar="REPORT", help="the folder to write")
    for option in {option.name: option for one in formats for option in one.options}.values():
        action = ("append" if option.repeated else "store") if option.metavar else "store_true"
        named: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {}
        parser.add_argument(f"--{option.name}", action=action, help=option.help, **named)
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
    given = {option.name: getattr(args, option.name) for option in chosen.options}
    given |= {one.name: [] for one in chosen.options if one.repeated and given[one.name] is None}
    try:
        summary = chosen.bring(args.path, args.report, given, overwrite=args.overwrite)
    except UsageError as error:
        text = str(error)
        if "overwrite" in text and "--overwrite" not in text:
            raise UsageError(f"{text} (--overwrite)") from None
        raise
    rows, names = plural(summary.rows_written, "outcome"), summary.contenders
    of = f"{plural(len(names), 'contender')} at {plural(summary.n_tasks, 'task')} in {args.report}"
    shown = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
    lines = [f"{rows} of {of}", f"contenders: {shown}"]
    if summary.left_out:
        lines.append(f"columns left out: {', '.join(summary.left_out)}; --map OURS=THEIRS takes one in")
    if summary.duplicates:
        verb = "was" if summary.duplicates == 1 else "were"
        lines.append(f"note: {plural(summary.duplicates, 'row')} repeated another exactly and {verb} dropped")
    lines += [f"note: {note}" for note in summary.notes] + [f"warning: {flag.text}" for flag in summary.flags]
    say(lines)
    return 0
