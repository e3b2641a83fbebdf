"""``ownbench power``: tasks needed for a difference, or the difference that a number of tasks can show."""

import argparse
from pathlib import Path

from harness.cli.arguments import add_view, answer, number
from harness.cli.output import folder
from harness.core import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    add = parser.add_argument
    add("--delta", type=number, metavar="D", help="ask for tasks: a difference in pass rate, as 0.05")
    add("--tasks", type=int, metavar="N", help="ask for the smallest difference that N tasks can show")
    add("--margin", type=number, metavar="M", help="ask for tasks that prove a drop smaller than M")
    add("--discordant", type=number, metavar="P", help="share of tasks that only one of the two passes")
    add("--report", type=Path, metavar="REPORT", help="take the discordant share from a report")
    add("--pair", nargs=2, metavar=("A", "B"), help="of these two contenders of the report")
    add("--power", type=number, default=0.8, help="the chance of showing it (default 0.8)")
    add("--alpha", type=number, default=0.05, help="two-sided level; one-sided for a margin (default 0.05)")
    example = "ownbench power --tasks 200 --report reports/demo --pair tuned skilled"
    add_view(parser, f"ownbench power --delta 0.05 --discordant 0.2\n{example}", level=False)


def run(args: argparse.Namespace) -> int:
    """Prints the answer; 0."""
    from harness.analysis import observed_discordance, plan_size

    if (args.report is None) != (args.pair is None):
        raise UsageError("--report and --pair A B go together: whose discordant share is meant?")
    if (args.report is None) == (args.discordant is None):
        found = "neither" if args.report is None else "both"
        raise UsageError(f"give --discordant P, or --report REPORT with --pair A B (found {found})")
    if args.split is not None and args.report is None:
        raise UsageError("--split is a part of a report: it needs --report and --pair")
    share = args.discordant
    if args.report is not None:
        share = observed_discordance(folder(args.report), *args.pair, split=args.split)
    asked = {name: getattr(args, name) for name in ("delta", "tasks", "margin", "power", "alpha")}
    return answer(args, plan_size(discordant=share, **asked))
