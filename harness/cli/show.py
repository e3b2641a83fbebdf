"""``ownbench show``: the scoreboard of a report."""

import argparse
import sys
from pathlib import Path

from harness.cli.output import folder, write_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="a report's folder, or the name of one in reports/")
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the suites to show")
    parser.add_argument("--level", type=level, default=0.95, help="confidence of the intervals (default 0.95)")
    parser.add_argument("--json", action="store_true", help="write statistics.json's content to standard output")
    parser.epilog = "example:\n  ownbench show reports/demo --split test"


def run(args: argparse.Namespace) -> int:
    """Prints the scoreboard; 0."""
    from harness.analysis import scoreboard
    from harness.report import print_view
    from harness.store import running_process

    report = folder(args.report)
    view = scoreboard(report, split=args.split, level=args.level)
    process = running_process(report)
    if process is not None:
        sys.stderr.write(f"ownbench: a run is under way now (process {process}); these figures are from before it\n")
    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return 0


def level(text: str) -> float:
    """A confidence between 0 and 1 from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.5 <= value < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, needed a number from 0.5 to below 1, such as 0.95")
    return value
