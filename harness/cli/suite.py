"""``ownbench suite``: a suite of tasks by itself."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.arguments import add_json, add_outside
from harness.cli.output import say, write_json
from harness.core import Grader, OwnbenchError, Suite, as_json, digest_json, plural

if TYPE_CHECKING:
    from harness.suite import Finding

NAMED = 5  # tasks that a finding names


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    from harness.cli import suite_from, suite_grade

    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    lint = actions.add_parser("lint", help="what is wrong in a suite")
    show = actions.add_parser("show", help="what is in a suite")
    grade = actions.add_parser("grade", help="grade given answers, without a model")
    several = "a suite's folder; several: as one experiment"
    lint.add_argument("suite", type=Path, nargs="+", metavar="SUITE", help=several)
    for action in (show, grade):
        action.add_argument("suite", type=Path, metavar="SUITE", help="a suite's folder")
    for action in (lint, show, grade):
        add_outside(action)
    made = actions.add_parser("from", help="make a suite out of a table")
    suite_from.add_arguments(made)
    suite_grade.add_arguments(grade)
    for action in (lint, show, grade, made):
        add_json(action)
    parser.epilog = "example: ownbench suite lint suites/ticket-routing"


def run(args: argparse.Namespace) -> int:
    """Prints findings or a summary; lint returns 1 where it found an error."""
    from harness.cli import suite_from, suite_grade

    if args.action == "from":
        return suite_from.run(args, findings_of, say_findings)
    return {"lint": _lint, "show": _show, "grade": suite_grade.run}[args.action](args)


def _lint(args: argparse.Namespace) -> int:
    """Each suite by itself; of several also the tasks that stand in two."""
    from harness.suite import lint_copies, load_suite

    suites = [load_suite(path, allow_outside=args.allow_outside) for path in args.suite]
    bodies: list[dict[str, Any]] = []
    for suite, path in zip(suites, args.suite, strict=True):
        findings = [*findings_of(suite), *lint_copies(suites[: len(bodies)], suite)]
        valid = all(finding.severity != "error" for finding in findings)
        bodies.append({"suite": suite.name, "valid": valid, "findings": as_json(findings)})
        if not args.json:
            say([str(path)] if len(suites) > 1 else [])
            say_findings(suite, findings, where=f"{path}: ")
    valid = all(body["valid"] for body in bodies)
    if args.json:
        write_json(bodies[0] if len(bodies) == 1 else {"valid": valid, "suites": bodies})
    return 0 if valid else 1


def _show(args: argparse.Namespace) -> int:
    from harness.suite import describe, load_suite

    summary = describe(load_suite(args.suite, allow_outside=args.allow_outside))
    if args.json:
        write_json(summary)
        return 0
    many = f"{plural(summary['tasks'], 'task')} in {plural(summary['clusters'], 'cluster')}"
    named = f"{summary['name']} {summary['version']}"
    lines = [f"{named}: {many}, metric {summary['metric']}, digest {summary['digest']}"]
    for domain in summary["domains"]:
        splits = ", ".join(f"{n:,} {split or 'without a split'}" for split, n in domain["splits"].items())
        many = f"{plural(domain['tasks'], 'task')} in {plural(domain['clusters'], 'cluster')}"
        lines.append(f"  {domain['domain']}: {many} ({splits})")
    say(lines)
    return 0


def findings_of(suite: Suite) -> list["Finding"]:
    """All that is wrong in a suite: what no grader can use first."""
    from harness.suite import lint_suite

    return [*_grading(suite), *lint_suite(suite)]


def say_findings(suite: Suite, findings: list["Finding"], where: str = "") -> None:
    """One line a finding, and how many there are; ``where`` names the suite's place before what no grader can use."""
    for finding in findings:
        more = f" and {len(finding.tasks) - NAMED} more" if len(finding.tasks) > NAMED else ""
        tasks = f" [{', '.join(finding.tasks[:NAMED])}{more}]" if finding.tasks else ""
        place = where if finding.rule in {"grader", "reference"} else ""
        say([f"{finding.severity}: {finding.rule}: {place}{finding.message}{tasks}"])
    errors = sum(f.severity == "error" for f in findings)
    say([f"{suite.name}: {plural(errors, 'error')}, {plural(len(findings) - errors, 'warning')}"])


def _grading(suite: Suite) -> list["Finding"]:
    """Graders that cannot be built and references that they cannot use: a run would refuse the suite for them."""
    from harness.grade import SlowReferenceError, grader
    from harness.suite import Finding

    built: dict[str, Grader | str] = {}
    wrong: dict[tuple[str, str], list[str]] = {}
    for task in suite.tasks:
        key = digest_json(as_json(task.grader))
        if key not in built:
            try:
                built[key] = grader(task.grader)
            except OwnbenchError as error:
                built[key] = str(error)
        judge = built[key]
        if isinstance(judge, str):
            wrong.setdefault(("grader", judge), []).append(task.id)
            continue
        try:
            judge.check_reference(task.reference)
        except ValueError as error:
            slow = isinstance(error, SlowReferenceError)
            if slow:
                built[key] = str(error)  # once is enough: the others are named with it, untried
            wrong.setdefault(("grader" if slow else "reference", str(error)), []).append(task.id)
    return [
        Finding(severity="error", rule=rule, tasks=tuple(tasks), message=message)
        for (rule, message), tasks in wrong.items()
    ]
