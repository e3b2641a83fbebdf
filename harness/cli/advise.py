"""``ownbench advise``: own, rent or mix."""

import argparse
from pathlib import Path

from harness.cli.output import folder, write_json
from harness.cli.show import level


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="a report's folder, or the name of one in reports/")
    parser.add_argument("--economics", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
                        help="amounts laid over those of the experiment, as tasks_per_month=100000; an empty value "
                        "makes one unknown")  # fmt: skip
    parser.add_argument("--margin", type=float, metavar="M", help="the largest drop of the pass rate below the best "
                        "option that is acceptable (default 0.02)")  # fmt: skip
    parser.add_argument("--months", type=float, metavar="N", help="over how many months money spent once is spread "
                        "(default 12)")  # fmt: skip
    parser.add_argument("--spread", type=float, metavar="S", help="how far each amount may be off either way "
                        "(default 0.25)")  # fmt: skip
    for kind, text in (("own", "owned"), ("rent", "rented"), ("mix", "mixed")):
        parser.add_argument(f"--{kind}", nargs="+", action="extend", default=[], metavar="NAME",
                            help=f"contenders that are {text}, whatever is on record")  # fmt: skip
    parser.add_argument("--without", nargs="+", action="extend", default=[], metavar="NAME",
                        help="contenders that nobody would choose, as an oracle in an imported table")  # fmt: skip
    parser.add_argument("--general", nargs="+", action="extend", default=[], metavar="SUITE",
                        help="suites that are not the work and only show forgetting")  # fmt: skip
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the suites to advise on")
    parser.add_argument("--level", type=level, default=0.95, help="confidence of the intervals (default 0.95)")
    parser.add_argument("--json", action="store_true", help="write the advice as JSON to standard output")
    parser.epilog = "example:\n  ownbench advise reports/demo --economics tasks_per_month=100000 training_usd=900"


def run(args: argparse.Namespace) -> int:
    """Prints the advice; 0, whatever it is."""
    from harness.core import Decision, UsageError
    from harness.report import print_view
    from harness.verdict import MARGIN, MONTHS, SPREAD, AdviceSettings, advise, load_assumptions

    given = {}
    for text in args.economics:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--economics: {text!r} is not KEY=VALUE, as tasks_per_month=100000")
        given[key.strip()] = value
    report = folder(args.report)
    terms = load_assumptions(
        report,
        given,
        months=MONTHS if args.months is None else args.months,
        spread=SPREAD if args.spread is None else args.spread,
    )
    settings = AdviceSettings(
        margin=MARGIN if args.margin is None else args.margin,
        kinds={Decision.OWN: args.own, Decision.RENT: args.rent, Decision.MIX: args.mix},
        without=tuple(args.without),
        general=tuple(args.general),
        level=args.level,
    )
    view = advise(report, terms, settings, args.split)
    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return 0
