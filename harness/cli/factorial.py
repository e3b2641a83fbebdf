"""``ownbench factorial``: two main effects and their interaction."""

import argparse
from pathlib import Path

from harness.cli.output import folder, write_json
from harness.cli.show import level


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="a report's folder, or the name of one in reports/")
    parser.add_argument("--base", metavar="A", help="the bare model (default: the one contender of that kind)")
    parser.add_argument("--tuned", metavar="B", help="the model with an adapter")
    parser.add_argument("--skilled", metavar="C", help="the model with skills")
    parser.add_argument("--both", metavar="D", help="the model with an adapter and skills")
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the suites to compare on")
    parser.add_argument("--level", type=level, default=0.95, help="confidence of the intervals (default 0.95)")
    parser.add_argument("--json", action="store_true", help="write the figures as JSON to standard output")
    parser.epilog = "example:\n  ownbench factorial reports/demo --base base --both both"


def run(args: argparse.Namespace) -> int:
    """Prints the effects; 0."""
    from harness.analysis import factorial
    from harness.report import print_view

    named = {cell: getattr(args, cell) for cell in ("base", "tuned", "skilled", "both")}
    view = factorial(folder(args.report), named, split=args.split, level=args.level)
    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return 0
