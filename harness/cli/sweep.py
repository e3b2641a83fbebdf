"""``ownbench sweep``: every escalation threshold replayed from recorded outcomes."""

import argparse
from pathlib import Path

from harness.cli.output import folder, write_json
from harness.cli.show import level


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="a report's folder, or the name of one in reports/")
    parser.add_argument("--worker", required=True, metavar="A", help="the contender that answers first, always charged")
    parser.add_argument("--expert", required=True, metavar="B", help="the contender that is asked below the threshold")
    parser.add_argument(
        "--signal",
        default="confidence",
        metavar="S",
        help="what is compared with the threshold: confidence (default), logprob_mean, logprob_min, margin",
    )
    parser.add_argument(
        "--confidence-from", metavar="CONTENDER", help="take the confidence from another contender's outcomes"
    )
    parser.add_argument(
        "--objective",
        choices=("utility", "pass", "cost"),
        default="pass",
        help="what the threshold is chosen for: utility (pass minus weighted cost), pass (default), cost",
    )
    parser.add_argument("--cost-weight", type=float, metavar="X", help="for utility: what a dollar is worth in passes")
    parser.add_argument("--max-cost", type=float, metavar="C", help="for pass: the most dollars a task")
    parser.add_argument("--min-pass", type=float, metavar="P", help="for cost: the least pass rate, 0 to 1")
    parser.add_argument("--check-live", metavar="HYBRID", help="compare a live hybrid with its replay")
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the suites to replay")
    parser.add_argument("--level", type=level, default=0.95, help="confidence of the intervals (default 0.95)")
    parser.add_argument("--seed", type=int, default=0, help="seeds the bootstrap and the folds (default 0)")
    parser.add_argument("--json", action="store_true", help="write the sweep as JSON to standard output")
    parser.epilog = (
        "example:\n  ownbench sweep reports/demo --worker tuned --expert skilled --objective utility --cost-weight 40"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the sweep; 0."""
    from harness.report import print_view
    from harness.verdict import SweepGoal, sweep

    view = sweep(
        folder(args.report),
        args.worker,
        args.expert,
        SweepGoal(name=args.objective, cost_weight=args.cost_weight, max_cost=args.max_cost, min_pass=args.min_pass),
        signal=args.signal,
        confidence_from=args.confidence_from,
        live=args.check_live,
        split=args.split,
        level=args.level,
        seed=args.seed,
    )
    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return 0
