"""``ownbench report``: the pages, the figures and the statistics, written into the report's folder."""

import argparse
import sys
from pathlib import Path

from harness.cli.output import folder, plain, write_json
from harness.cli.show import level


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="a report's folder, or the name of one in reports/")
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the suites to report on")
    parser.add_argument("--level", type=level, default=0.95, help="confidence of the intervals (default 0.95)")
    parser.add_argument("--json", action="store_true", help="write the paths written as JSON to standard output")
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
        sys.stdout.write("".join(f"{plain(str(path))}\n" for path in written))
    return 0
