"""``ownbench regrade``: the stored answers of a report, graded again by its suites' present graders."""

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.output import folder, plain, write_json
from harness.cli.run import INCOMPLETE, display
from harness.core import plural, stay_offline

if TYPE_CHECKING:
    from harness.run import Regraded

WORDS = {"pass_to_fail": "pass to fail", "fail_to_pass": "fail to pass", "other": "another score, cause or status"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="a report that ownbench run made")
    parser.add_argument("--offline", action="store_true", help="refuse every call that leaves this machine (a judge's)")
    parser.add_argument("--allow-outside", action="store_true", help="suites may name files out of their folders")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--json", action="store_true", help="write what changed as JSON to standard output")
    parser.epilog = (
        "example:\n  ownbench regrade reports/demo\n"
        "No contender is called. The outcomes before are kept next to the new ones."
    )


def run(args: argparse.Namespace) -> int:
    """Grades again, and says how many grades changed; 0, or 4 where it was stopped."""
    from harness.experiment import assemble
    from harness.run import refuse_without_answers, regrade

    report = folder(args.report)
    refuse_without_answers(report)
    with stay_offline() if args.offline else nullcontext():
        assembled = assemble(report, allow_outside=args.allow_outside)
        with display(quiet=args.quiet or args.json) as tell:
            done = regrade(assembled, listener=tell, offline=args.offline)
    if args.json:
        write_json(_as_json(done))
    else:
        _say(done, report)
    return INCOMPLETE if done.stopped_because else 0


def _as_json(done: "Regraded") -> dict[str, object]:
    return {
        "graded": done.graded,
        "changed": sum(sum(ways.values()) for ways in done.changes.values()),
        "contenders": [{"contender": name, **ways} for name, ways in done.changes.items()],
        "left": done.left,
        "outcomes_before": done.kept,
        "stopped_because": done.stopped_because,
    }


def _say(done: "Regraded", report: Path) -> None:
    say = sys.stdout.write
    changed = sum(sum(ways.values()) for ways in done.changes.values())
    grades = "no grade changed" if not changed else f"{plural(changed, 'grade')} changed"
    say(f"{plural(done.graded, 'answer')} graded again, {grades}\n")
    for name, ways in done.changes.items():
        if any(ways.values()):
            say(f"  {plain(name)}: {', '.join(f'{n:,} {WORDS[way]}' for way, n in ways.items() if n)}\n")
    if done.left:
        say(f"{plural(done.left, 'attempt')} without an answer to grade left as before\n")
    if done.kept:
        say(f"the outcomes before: {plain(str(report / done.kept))}\n")
    if done.stopped_because:
        say(f"INCOMPLETE: {plain(done.stopped_because)}; the same command grades the rest\n")
