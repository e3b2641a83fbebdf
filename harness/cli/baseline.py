"""``ownbench baseline``: locks the evidence that candidates are gated against."""

import argparse
from pathlib import Path

from harness.cli.output import folder, plain, write_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    summary = "lock a report as the baseline; only this command ever moves it"
    setting = actions.add_parser("set", help=summary, description=summary)
    setting.add_argument("report", type=Path, metavar="REPORT", help="a report's folder, or the name of one in "
                         "reports/")  # fmt: skip
    setting.add_argument("--contender", metavar="A", help="whom candidates are compared with (default: the report's "
                         "reference, or its only one)")  # fmt: skip
    setting.add_argument("--json", action="store_true", help="write the lock as JSON to standard output")
    parser.epilog = "example:\n  ownbench baseline set reports/main"


def run(args: argparse.Namespace) -> int:
    """Writes ``baseline.json``; 0."""
    import sys

    from harness.core import as_json
    from harness.verdict import set_baseline

    report = folder(args.report)
    lock, before = set_baseline(report, args.contender)
    if args.json:
        write_json(as_json(lock))
        return 0
    text = f"{report}: locked, with {lock.contender} as the baseline"
    if before is not None:
        text += "; nothing has changed since it was locked before" if lock == before else "; it was locked before, and "
        text += "" if lock == before else "has changed since"
    sys.stdout.write(plain(text) + "\n")
    return 0
