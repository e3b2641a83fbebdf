"""``ownbench baseline``: locks the evidence that candidates are gated against."""

import argparse

from harness.cli.arguments import add_json, add_report
from harness.cli.output import folder, say, write_json
from harness.core import as_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    summary = "lock a report as the baseline; only this command ever moves it"
    setting = actions.add_parser("set", help=summary, description=summary)
    add_report(setting)
    whom = "whom candidates are compared with (default: the report's reference, or its only one)"
    setting.add_argument("--contender", metavar="A", help=whom)
    add_json(setting)
    parser.epilog = "example:\n  ownbench baseline set reports/main"


def run(args: argparse.Namespace) -> int:
    """Writes ``baseline.json``; 0."""
    from harness.verdict import set_baseline

    report = folder(args.report)
    lock, before = set_baseline(report, args.contender)
    if args.json:
        write_json(as_json(lock))
        return 0
    text = f"{report}: locked, with {lock.contender} as the baseline"
    if before is not None:
        has = (
            "nothing has changed since it was locked before"
            if lock == before
            else "it was locked before, and has changed since"
        )
        text += f"; {has}"
    say([text])
    return 0
