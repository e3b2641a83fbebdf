"""``ownbench compare``: two contenders on the same tasks."""

import argparse
from pathlib import Path

from harness.cli.output import folder, write_json
from harness.cli.show import level


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="a report's folder, or the name of one in reports/")
    parser.add_argument("a", metavar="A", help="a contender; the difference is A minus B")
    parser.add_argument("b", metavar="B", help="the contender that A is compared with")
    parser.add_argument(
        "--errors-as",
        choices=("excluded", "failed"),
        default="excluded",
        help="attempts that the instrument failed: left out (default), or counted as failed",
    )
    parser.add_argument(
        "--trials-as",
        choices=("mean", "majority", "all", "any"),
        default="mean",
        help="several trials of a task: their mean (default), or one yes or no from them",
    )
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the suites to compare on")
    parser.add_argument("--level", type=level, default=0.95, help="confidence of the intervals (default 0.95)")
    parser.add_argument("--json", action="store_true", help="write the comparison as JSON to standard output")
    parser.epilog = "example:\n  ownbench compare reports/demo tuned skilled"


def run(args: argparse.Namespace) -> int:
    """Prints the comparison; 0."""
    from harness.analysis import pair
    from harness.report import print_view

    view = pair(
        folder(args.report),
        args.a,
        args.b,
        trials_as=args.trials_as,
        errors_as=args.errors_as,
        split=args.split,
        level=args.level,
    )
    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return 0
