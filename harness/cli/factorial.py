"""``ownbench factorial``: two main effects and their interaction."""

import argparse

from harness.cli.arguments import add_report, add_view, answer
from harness.cli.output import folder

CELLS = {
    "base": ("A", "the bare model (default: the one contender of that kind)"),
    "tuned": ("B", "the model with an adapter"),
    "skilled": ("C", "the model with skills"),
    "both": ("D", "the model with an adapter and skills"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    add_report(parser)
    for cell, (letter, meaning) in CELLS.items():
        parser.add_argument(f"--{cell}", metavar=letter, help=meaning)
    add_view(parser, "ownbench factorial reports/demo --base base --both both")


def run(args: argparse.Namespace) -> int:
    """Prints the effects; 0."""
    from harness.analysis import factorial

    named = {cell: getattr(args, cell) for cell in CELLS}
    return answer(args, factorial(folder(args.report), named, split=args.split, level=args.level))
