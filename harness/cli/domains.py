"""``ownbench domains``: a difference domain by domain, tasks made worse, and where the noise comes from."""

import argparse

from harness.cli.arguments import add_report, add_view, answer
from harness.cli.output import folder


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    add_report(parser)
    parser.add_argument("a", nargs="?", metavar="A", help="a contender; the difference is A minus B")
    parser.add_argument("b", nargs="?", metavar="B", help="the contender that A is compared with (default: reference)")
    add_view(parser, "ownbench domains reports/demo tuned skilled")


def run(args: argparse.Namespace) -> int:
    """Prints the domains; 0."""
    from harness.analysis import domains

    view = domains(folder(args.report), args.a, args.b, split=args.split, level=args.level)
    return answer(args, view)
