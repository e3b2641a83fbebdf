"""``ownbench domains``: a difference domain by domain, tasks made worse, and where the noise comes from."""

import argparse
from pathlib import Path

from harness.cli.output import folder, write_json
from harness.cli.show import level


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="a report's folder, or the name of one in reports/")
    parser.add_argument("a", nargs="?", metavar="A", help="a contender; the difference is A minus B")
    parser.add_argument("b", nargs="?", metavar="B", help="the contender that A is compared with (default: reference)")
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the suites to compare on")
    parser.add_argument("--level", type=level, default=0.95, help="confidence of the intervals (default 0.95)")
    parser.add_argument("--json", action="store_true", help="write the figures as JSON to standard output")
    parser.epilog = "example:\n  ownbench domains reports/demo tuned skilled"


def run(args: argparse.Namespace) -> int:
    """Prints the domains; 0."""
    from harness.analysis import domains
    from harness.report import print_view

    view = domains(folder(args.report), args.a, args.b, split=args.split, level=args.level)
    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return 0
