"""``ownbench sweep``: every escalation threshold replayed from recorded outcomes."""

import argparse

from harness.cli.arguments import add_report, add_view, answer
from harness.cli.output import folder


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    add_report(parser)
    add = parser.add_argument
    add("--worker", required=True, metavar="A", help="the contender that answers first, always charged")
    add("--expert", required=True, metavar="B", help="the contender that is asked below the threshold")
    signal = "what is compared with the threshold: confidence (default), logprob_mean, logprob_min, margin"
    add("--signal", default="confidence", metavar="S", help=signal)
    add("--confidence-from", metavar="CONTENDER", help="take the confidence from another contender's outcomes")
    goal = "what the threshold is chosen for: utility (pass minus weighted cost), pass (default), cost"
    add("--objective", choices=("utility", "pass", "cost"), default="pass", help=goal)
    add("--cost-weight", type=float, metavar="X", help="for utility: what a dollar is worth in passes")
    add("--max-cost", type=float, metavar="C", help="for pass: the most dollars a task")
    add("--min-pass", type=float, metavar="P", help="for cost: the least pass rate, 0 to 1")
    add("--check-live", metavar="HYBRID", help="compare a live hybrid with its replay")
    add("--seed", type=int, default=0, help="seeds the bootstrap and the folds (default 0)")
    example = "ownbench sweep reports/demo --worker tuned --expert skilled --objective utility --cost-weight 40"
    add_view(parser, example)


def run(args: argparse.Namespace) -> int:
    """Prints the sweep; 0."""
    from harness.verdict import SweepGoal, sweep

    goal = SweepGoal(name=args.objective, cost_weight=args.cost_weight, max_cost=args.max_cost, min_pass=args.min_pass)
    how = {name: getattr(args, name) for name in ("signal", "confidence_from", "split", "level", "seed")}
    view = sweep(folder(args.report), args.worker, args.expert, goal, live=args.check_live, **how)
    return answer(args, view)
