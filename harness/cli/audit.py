"""``ownbench audit``: what two published pass counts support."""

import argparse
import re

from harness.cli.output import write_json
from harness.cli.show import level


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("--a", type=count, required=True, metavar="K/N", help="passes of tasks of the first, as 15/100")
    parser.add_argument("--b", type=count, required=True, metavar="K/N", help="passes of tasks of the second")
    parser.add_argument(
        "--paired-discordant", type=int, metavar="D", help="tasks that only one of the two passed, where it is known"
    )
    parser.add_argument("--level", type=level, default=0.95, help="confidence of the intervals (default 0.95)")
    parser.add_argument("--json", action="store_true", help="write the audit as JSON to standard output")
    parser.epilog = "example:\n  ownbench audit --a 15/100 --b 14/100"


def run(args: argparse.Namespace) -> int:
    """Prints what the counts support; 0."""
    from harness.analysis import headline
    from harness.report import print_view

    view = headline(args.a, args.b, discordant=args.paired_discordant, level=args.level)
    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return 0


def count(text: str) -> tuple[int, int]:
    """``15/100`` as (15, 100)."""
    found = re.fullmatch(r"\s*([0-9]{1,12})\s*/\s*([0-9]{1,12})\s*", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"found {text!r}, needed passes/tasks, such as 15/100")
    return int(found[1]), int(found[2])
