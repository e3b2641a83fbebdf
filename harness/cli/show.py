"""``ownbench show``: the scoreboard of a report."""

import argparse
import sys

from harness.cli.arguments import add_report, add_view, answer
from harness.cli.output import folder


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    add_report(parser)
    add_view(parser, "ownbench show reports/demo --split test")


def run(args: argparse.Namespace) -> int:
    """Prints the scoreboard, which is ``statistics.json``; 0."""
    from harness.analysis import scoreboard
    from harness.store import running_process

    report = folder(args.report)
    view = scoreboard(report, split=args.split, level=args.level)
    process = running_process(report)
    if process is not None:
        sys.stderr.write(f"ownbench: a run is under way now (process {process}); these figures are from before it\n")
    return answer(args, view)
