"""``ownbench suite``: a suite of tasks by itself."""

import argparse
import sys
from pathlib import Path

from harness.cli.output import plain, write_json

NAMED = 5
"""Tasks that a finding names."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("action", choices=("lint", "show"), help="lint: what is wrong in it; show: what is in it")
    parser.add_argument("suite", type=Path, metavar="SUITE", help="a suite's folder")
    parser.add_argument("--json", action="store_true", help="write JSON to standard output")
    parser.epilog = "example: ownbench suite lint suites/ticket-routing"


def run(args: argparse.Namespace) -> int:
    """Prints findings or a summary; lint returns 1 where it found an error."""
    from harness.core import as_json
    from harness.suite import describe, lint_suite, load_suite

    suite = load_suite(args.suite)
    if args.action == "show":
        summary = describe(suite)
        if args.json:
            write_json(as_json(summary))
            return 0
        sys.stdout.write(
            f"{summary.name} {summary.version}: {summary.tasks:,} tasks in {summary.clusters:,} clusters, "
            f"metric {summary.metric}, digest {summary.digest}\n"
        )
        for domain in summary.domains:
            splits = ", ".join(f"{n:,} {split}" for split, n in domain.splits.items())
            sys.stdout.write(f"  {domain.domain}: {domain.tasks:,} tasks in {domain.clusters:,} clusters ({splits})\n")
        return 0
    findings = lint_suite(suite)
    errors = sum(f.severity == "error" for f in findings)
    if args.json:
        body = {"suite": suite.name, "valid": errors == 0, "findings": as_json(findings)}
        write_json(body)
    else:
        for finding in findings:
            more = f" and {len(finding.tasks) - NAMED} more" if len(finding.tasks) > NAMED else ""
            where = f" [{', '.join(finding.tasks[:NAMED])}{more}]" if finding.tasks else ""
            sys.stdout.write(f"{finding.severity}: {finding.rule}: {plain(finding.message)}{plain(where)}\n")
        sys.stdout.write(f"{suite.name}: {errors} errors, {len(findings) - errors} warnings\n")
    return 1 if errors else 0
