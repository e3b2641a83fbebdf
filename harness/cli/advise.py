"""``ownbench advise``: own, rent or mix."""

import argparse

from harness.cli.arguments import add_report, add_view, answer
from harness.cli.output import folder
from harness.core import Decision, UsageError

LISTS = {
    "own": ("NAME", "contenders that are owned, whatever is on record"),
    "rent": ("NAME", "contenders that are rented, whatever is on record"),
    "mix": ("NAME", "contenders that are mixed, whatever is on record"),
    "without": ("NAME", "contenders that nobody would choose, as an oracle in an imported table"),
    "general": ("SUITE", "suites that are not the work and only show forgetting"),
    "economics": ("KEY=VALUE", "laid over the experiment's amounts, as tasks_per_month=100000; an empty one: unknown"),
}
NUMBERS = {
    "margin": ("M", 0.02, "the largest drop of the pass rate below the best option that is acceptable"),
    "months": ("N", 12.0, "over how many months money spent once is spread"),
    "spread": ("S", 0.25, "how far each amount may be off either way"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    add_report(parser)
    for name, (word, value, meaning) in NUMBERS.items():
        said = f"{meaning} (default {value:g})"
        parser.add_argument(f"--{name}", type=float, default=value, metavar=word, help=said)
    for name, (word, meaning) in LISTS.items():
        parser.add_argument(f"--{name}", nargs="+", action="extend", default=[], metavar=word, help=meaning)
    add_view(parser, "ownbench advise reports/demo --economics tasks_per_month=100000 training_usd=900")


def run(args: argparse.Namespace) -> int:
    """Prints the advice; 0, whatever it is."""
    from harness.verdict import AdviceSettings, advise, load_assumptions

    given = {}
    for text in args.economics:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--economics: {text!r} is not KEY=VALUE, as tasks_per_month=100000")
        given[key.strip()] = value
    report = folder(args.report)
    terms = load_assumptions(report, given, months=args.months, spread=args.spread)
    settings = AdviceSettings(
        margin=args.margin,
        kinds={Decision.OWN: args.own, Decision.RENT: args.rent, Decision.MIX: args.mix},
        without=tuple(args.without),
        general=tuple(args.general),
        level=args.level,
    )
    return answer(args, advise(report, terms, settings, args.split))
