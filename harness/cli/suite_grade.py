"""``ownbench suite grade``: answers that were given elsewhere, graded as a run would grade them; no model is called."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from harness.cli.output import plain, write_json
from harness.core import Grade, Grader, Suite, Task, UserFileError, nearest, plural

COLUMNS = ("task", "status", "cause", "score", "label_predicted", "reason")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's own argument."""
    parser.add_argument("rows", type=Path, metavar="ROWS.jsonl", help='one {"task", "answer", "finish"} a line')
    parser.epilog = "example: ownbench suite grade suites/ticket-routing answers.jsonl --json"


def run(args: argparse.Namespace) -> int:
    """Prints the grade of each row, in the file's order."""
    from harness.suite import load_suite

    suite = load_suite(args.suite, allow_outside=args.allow_outside)
    graded = _graded(suite, args.suite, args.rows)
    rows = [{"task": task.id} | {name: getattr(grade, name) for name in COLUMNS[1:]} for task, grade in graded]
    if args.json:
        write_json({"rows": rows})
    else:
        _say(rows)
    return 0


def _graded(suite: Suite, folder: Path, path: Path) -> list[tuple[Task, Grade]]:
    from harness.run import grade_given
    from harness.userfile import Strict, parse, read_json_lines

    class Row(Strict):
        task: str
        answer: str
        finish: str | None = None

    tasks = {task.id: task for task in suite.tasks}
    judges: dict[str, Grader] = {}
    given: list[tuple[Task, Grader, str, str]] = []
    for number, value in read_json_lines(path):
        row = parse(Row, value, path, field=f"line {number}")
        if row.task not in tasks:
            problem = f"the suite {suite.name} has no task {row.task!r}"
            near = nearest(row.task, tasks)
            advice = near if len(near) < 200 else f"its {len(tasks):,} tasks begin with {min(tasks)!r}"
            raise UserFileError(path, problem, field=f"line {number}.task", advice=advice)
        task = tasks[row.task]
        if task.id not in judges:
            judges[task.id] = _judge(task, folder)
        given.append((task, judges[task.id], row.answer, row.finish or "stop"))
    if not given:
        raise UserFileError(path, "the file has no row", advice='write one {"task", "answer", "finish"} a line')
    return [(one[0], grade) for one, grade in zip(given, grade_given(given), strict=True)]


def _judge(task: Task, folder: Path) -> Grader:
    from harness.grade import grader

    judge = grader(task.grader, where=str(folder))
    try:
        judge.taken(task.reference)
    except ValueError as error:
        field = f"task {task.id}: reference"
        raise UserFileError(folder, str(error), field=field, advice="correct the task") from None
    return judge


def _say(rows: list[dict[str, Any]]) -> None:
    """A table, and how many rows have which status."""
    heads = ("task", "status", "cause", "score", "label", "reason")
    cells = [heads, *(tuple(_cell(row[name]) for name in COLUMNS) for row in rows)]
    widths = [*(max(map(len, column)) for column in list(zip(*cells, strict=True))[:-1]), 0]
    for line in cells:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        sys.stdout.write("  ".join(padded).rstrip() + "\n")
    counts = ", ".join(f"{count:,} {status}" for status, count in Counter(row["status"] for row in rows).items())
    sys.stdout.write(f"{plural(len(rows), 'row')}: {counts}\n")


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else plain(str(value))
