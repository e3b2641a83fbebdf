"""``ownbench report``: the pages, the figures and the statistics, written into the report's folder."""

import argparse

from harness.cli.arguments import add_report, add_view
from harness.cli.output import folder, say, write_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    add_report(parser)
    add_view(parser)
    parser.epilog = (
        "report.html is one file to send on: answers, tables and figures, opened in any browser without a network.\n"
        "All files are written into the report's folder; of a broken report report.html says what is broken.\n\n"
        "example:\n  ownbench report reports/demo"
    )


def run(args: argparse.Namespace) -> int:
    """Writes the files and names them; 0."""
    from harness.report import write_report

    written = write_report(folder(args.report), split=args.split, level=args.level)
    if args.json:
        write_json({"written": [path.as_posix() for path in written]})
    else:
        say(map(str, written))
    return 0
