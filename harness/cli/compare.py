"""``ownbench compare``: two contenders on the same tasks."""

import argparse

from harness.cli.arguments import add_report, add_view, answer
from harness.cli.output import folder


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    add_report(parser)
    parser.add_argument("a", metavar="A", help="a contender; the difference is A minus B")
    parser.add_argument("b", metavar="B", help="the contender that A is compared with")
    lost = "attempts that the instrument failed: left out (default), or counted as failed"
    parser.add_argument("--errors-as", choices=("excluded", "failed"), default="excluded", help=lost)
    several = "several trials of a task: their mean (default), or one yes or no from them"
    parser.add_argument("--trials-as", choices=("mean", "majority", "all", "any"), default="mean", help=several)
    add_view(parser, "ownbench compare reports/demo tuned skilled")


def run(args: argparse.Namespace) -> int:
    """Prints the comparison; 0."""
    from harness.analysis import pair

    how = {name: getattr(args, name) for name in ("trials_as", "errors_as", "split", "level")}
    return answer(args, pair(folder(args.report), args.a, args.b, **how))
