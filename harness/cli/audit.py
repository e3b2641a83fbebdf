"""``ownbench audit``: what two published pass counts support."""

import argparse
import re

from harness.cli.arguments import add_json, add_level, answer


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument(
        "--a", type=_count, required=True, metavar="K/N", help="passes of tasks of the first, as 15/100"
    )
    parser.add_argument("--b", type=_count, required=True, metavar="K/N", help="passes of tasks of the second")
    known = "tasks that only one of the two passed, where it is known"
    parser.add_argument("--paired-discordant", type=int, metavar="D", help=known)
    add_level(parser)
    add_json(parser, "ownbench audit --a 15/100 --b 14/100")


def run(args: argparse.Namespace) -> int:
    """Prints what the counts support; 0."""
    from harness.analysis import headline

    view = headline(args.a, args.b, discordant=args.paired_discordant, level=args.level)
    return answer(args, view)


def _count(text: str) -> tuple[int, int]:
    """``15/100`` as (15, 100)."""
    found = re.fullmatch(r"\s*([0-9]{1,12})\s*/\s*([0-9]{1,12})\s*", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"found {text!r}, needed passes/tasks, such as 15/100")
    return int(found[1]), int(found[2])
