"""``ownbench regrade``: the stored answers of a report, graded again by its suites' present graders."""

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import add_json, add_offline, add_report
from harness.cli.output import folder, say, write_json
from harness.cli.run import INCOMPLETE, display
from harness.core import plural, stay_offline

if TYPE_CHECKING:
    from harness.run import Regraded

WORDS = {"pass_to_fail": "pass to fail", "fail_to_pass": "fail to pass", "other": "another score, cause or status"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    add_report(parser, "a report that ownbench run made")
    add_offline(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_json(parser)
    kept = "No contender is called. The outcomes before are kept next to the new ones."
    parser.epilog = f"example:\n  ownbench regrade reports/demo\n{kept}"


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
    changed = sum(sum(ways.values()) for ways in done.changes.values())
    if args.json:
        by_name = [{"contender": name, **ways} for name, ways in done.changes.items()]
        found = {"graded": done.graded, "changed": changed, "contenders": by_name, "left": done.left}
        write_json(found | {"outcomes_before": done.kept, "stopped_because": done.stopped_because})
    else:
        _say(done, changed, report)
    return INCOMPLETE if done.stopped_because else 0


def _say(done: "Regraded", changed: int, report: Path) -> None:
    grades = f"{plural(changed, 'grade')} changed" if changed else "no grade changed"
    lines = [f"{plural(done.graded, 'answer')} graded again, {grades}"]
    for name, ways in done.changes.items():
        if any(ways.values()):
            lines.append(f"  {name}: {', '.join(f'{n:,} {WORDS[way]}' for way, n in ways.items() if n)}")
    if done.left:
        lines.append(f"{plural(done.left, 'attempt')} without an answer to grade left as before")
    if done.kept:
        lines.append(f"the outcomes before: {report / done.kept}")
    if done.stopped_because:
        lines.append(f"INCOMPLETE: {done.stopped_because}; the same command grades the rest")
    say(lines)
