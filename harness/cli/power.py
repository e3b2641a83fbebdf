"""``ownbench power``: tasks needed for a difference, or the difference that a number of tasks can show."""

import argparse
import math
from pathlib import Path

from harness.cli.output import folder, write_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("--delta", type=number, metavar="D", help="ask for tasks: a difference in pass rate, as 0.05")
    parser.add_argument("--tasks", type=int, metavar="N", help="ask for the smallest difference that N tasks can show")
    parser.add_argument("--margin", type=number, metavar="M", help="ask for tasks that prove a drop smaller than M")
    parser.add_argument("--discordant", type=number, metavar="P", help="share of tasks that only one of the two passes")
    parser.add_argument("--report", type=Path, metavar="REPORT", help="take the discordant share from a report")
    parser.add_argument("--pair", nargs=2, metavar=("A", "B"), help="of these two contenders of the report")
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the report's suites to use")
    parser.add_argument("--power", type=number, default=0.8, help="the chance of showing it (default 0.8)")
    parser.add_argument(
        "--alpha", type=number, default=0.05, help="two-sided level; one-sided for a margin (default 0.05)"
    )
    parser.add_argument("--json", action="store_true", help="write the answer as JSON to standard output")
    parser.epilog = (
        "examples:\n  ownbench power --delta 0.05 --discordant 0.2\n"
        "  ownbench power --tasks 200 --report reports/demo --pair tuned skilled"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the answer; 0."""
    from harness.analysis import observed_discordance, plan_size
    from harness.core import UsageError
    from harness.report import print_view

    if (args.report is None) != (args.pair is None):
        raise UsageError("--report and --pair A B go together: whose discordant share is meant?")
    if (args.report is None) == (args.discordant is None):
        found = "neither" if args.report is None else "both"
        raise UsageError(f"give --discordant P, or --report REPORT with --pair A B (found {found})")
    if args.split is not None and args.report is None:
        raise UsageError("--split is a part of a report: it needs --report and --pair")
    if args.report is None:
        discordant = args.discordant
    else:
        discordant = observed_discordance(folder(args.report), *args.pair, split=args.split)
    view = plan_size(
        discordant=discordant,
        delta=args.delta,
        tasks=args.tasks,
        margin=args.margin,
        power=args.power,
        alpha=args.alpha,
    )
    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return 0


def number(text: str) -> float:
    """A finite number from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"found {text!r}, needed a number, such as 0.05")
    return value
