"""``ownbench suite``: a suite of tasks by itself: linted, shown, made of a table, and answers to it graded."""

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import core
from harness.cli.common import FLAG, JSON, OUTSIDE, SEED_TYPE, Arguments, answer, arg

if TYPE_CHECKING:
    from harness.suite import Finding

NAMED = 5  # tasks that a finding names
COLUMNS = ("task", "status", "cause", "score", "label_predicted", "reason")


SUITE = arg("suite SUITE", "a suite's folder", type=Path)
FROM: Arguments = (
    arg("file FILE", "CSV, TSV, JSON, JSON lines or Parquet (or .gz), or a saved data set", type=Path),
    arg("folder DIR", "the suite's folder; it must not exist yet", type=Path),
    arg("--input COLUMN", "what is asked", required=True),
    arg("--reference COLUMN", "the right answer", required=True),
    arg("--domain COLUMN", "the part that a task belongs to (default: one for all)"),
    arg("--cluster COLUMN", "the source that tasks share (default: each its own)"),
    arg("--id COLUMN", "the tasks' names (default: the row's number)"),
    arg("--name", "the suite's name (default: that of DIR)"),
    arg("--field KEY", "of a .json file: the key that holds the rows"),
    arg("--split NAME", "of a data set with several splits: the one to take"),
    arg("--dev-share", "of the tasks (default %(default)s); 0: none", default=0.3),
    arg("--train-share", "of the tasks, to teach and not to judge (default %(default)s: none)", default=0.0),
    arg("--seed", "of the dealing to dev, train and test (default %(default)s)", default=0, type=SEED_TYPE),
    JSON,
    "ownbench suite from tickets.csv suites/mine --input text --reference queue",
)
SUITES = arg("suite SUITE", "a suite's folder; several: as one experiment", type=Path, nargs="+")
ORACLE = arg("--oracle", "run the programs: the oracle passes each task, doing nothing none", **FLAG)
ROWS = arg("rows ROWS.jsonl", 'one {"task", "answer", "finish"} a line', type=Path)
GRADED = "ownbench suite grade suites/ticket-routing answers.jsonl --json"
ACTIONS: dict[str, tuple[str, Arguments]] = {
    "lint": ("what is wrong in a suite", (SUITES, OUTSIDE, ORACLE, JSON)),
    "show": ("what is in a suite", (SUITE, OUTSIDE, JSON)),
    "grade": ("grade given answers, without a model", (SUITE, OUTSIDE, ROWS, JSON, GRADED)),
    "from": ("make a suite out of a table", FROM),
}
ARGUMENTS: dict[str, Arguments] = {"suite": (ACTIONS, "ownbench suite lint suites/ticket-routing")}


def run_suite(args: argparse.Namespace) -> int:
    """Prints findings, a summary or grades; lint, and from, return 1 where the lint found an error."""
    return {"lint": _lint, "show": _show, "grade": _grade, "from": _from}[args.action](args)


def _lint(args: argparse.Namespace) -> int:
    """Each suite by itself; of several also the tasks that stand in two."""
    from harness.suite import lint_copies, load_suite

    suites = [load_suite(path, allow_outside=args.allow_outside) for path in args.suite]
    bodies: list[dict[str, Any]] = []
    lines: list[str] = []
    for suite, path in zip(suites, args.suite, strict=True):
        findings = [*_findings(suite), *lint_copies(suites[: len(bodies)], suite)]
        tried = _tried(suite, path) if args.oracle and not any(f.rule == "grader" for f in findings) else None
        findings += tried[0] if tried is not None else []
        valid = all(finding.severity != "error" for finding in findings)
        bodies.append({"suite": suite.name, "valid": valid, "findings": findings})
        bodies[-1] |= {"oracle": tried[1]} if tried is not None else {}
        lines += [str(path)] if len(suites) > 1 else []
        lines += _finding_lines(suite, findings, where=f"{path}: ")
        lines += [_oracle_line(suite, tried[1])] if tried is not None else []
        if taught := sum(task.split == "train" for task in suite.tasks):
            bodies[-1]["train_tasks"] = taught
            lines.append(
                f"{suite.name}: {core.plural(taught, 'train task')}, which teach and on which nobody is judged"
            )
    valid = all(body["valid"] for body in bodies)
    answer(args, bodies[0] if len(bodies) == 1 else {"valid": valid, "suites": bodies}, lines)
    return 0 if valid else 1


def _tried(suite: core.Suite, path: Path) -> tuple[list["Finding"], dict[str, int]]:
    """What came of the tasks whose graders are programs, by their own solutions and by doing nothing."""
    from harness.grade import grader, programs_of
    from harness.run import try_solutions
    from harness.suite import Finding

    built = {core.digest_json(core.as_json(task.grader)): task.grader for task in suite.tasks}
    graders = {key: grader(spec) for key, spec in built.items()}
    pairs = [(task, graders[core.digest_json(core.as_json(task.grader))]) for task in suite.tasks]
    work = [(task, by) for task, by in pairs if any(programs_of(by))]
    _prepared(path, [task for task, _ in work])
    trials = try_solutions(work)
    found = [
        Finding(severity="error", rule=trial.rule, tasks=(trial.task,), message=trial.problem)
        for trial in trials
        if trial.rule not in {"", "no-oracle"}
    ]
    if without := tuple(trial.task for trial in trials if trial.rule == "no-oracle"):
        text = f"{core.plural(len(without), 'task')} without an oracle: that they can be passed is not shown"
        found.append(Finding(severity="warning", rule="no-oracle", tasks=without, message=text))
    rules = Counter(trial.rule for trial in trials)
    counts = {"tasks": len(trials), "oracle_passed": rules[""], "null_passed": rules["null-passes"]}
    counts["without_oracle"] = rules["no-oracle"]
    return found, counts


def _prepared(path: Path, tasks: Sequence[core.Task]) -> None:
    """Refuses tasks whose boxes cannot be made here."""
    from harness.run import prepare_boxes

    try:
        prepare_boxes(tasks)
    except core.BoxError as error:
        raise core.UsageError(f"{path}: {error}") from None


def _oracle_line(suite: core.Suite, counts: Mapping[str, int]) -> str:
    of = core.plural(counts["tasks"], "task")
    if not counts["tasks"]:
        return f"{suite.name}: no task has a grader that is a program"
    if without := counts["without_oracle"]:
        of += f" ({without:,} without an oracle)"
    return f"{suite.name}: the oracle passes {counts['oracle_passed']} of {of}, doing nothing {counts['null_passed']}"


def _show(args: argparse.Namespace) -> int:
    from harness.suite import describe, load_suite

    found = describe(load_suite(args.suite, allow_outside=args.allow_outside))
    many = f"{core.plural(found['tasks'], 'task')} in {core.plural(found['clusters'], 'cluster')}"
    lines = [f"{found['name']} {found['version']}: {many}, metric {found['metric']}, digest {found['digest']}"]
    for domain in found["domains"]:
        splits = ", ".join(f"{n:,} {split or 'without a split'}" for split, n in domain["splits"].items())
        many = f"{core.plural(domain['tasks'], 'task')} in {core.plural(domain['clusters'], 'cluster')}"
        lines.append(f"  {domain['domain']}: {many} ({splits})")
    return answer(args, found, lines)


def _findings(suite: core.Suite) -> list["Finding"]:
    """All that is wrong in a suite: first graders that cannot be built and references that they cannot use."""
    from harness.grade import SlowReferenceError, grader, programs_of
    from harness.suite import Finding, lint_suite

    built: dict[str, core.Grader | str] = {}
    wrong: dict[tuple[str, str], list[str]] = {}
    for task in suite.tasks:
        key = core.digest_json(core.as_json(task.grader))
        if key not in built:
            try:
                built[key] = grader(task.grader)
            except core.OwnbenchError as error:
                built[key] = str(error)
        judge = built[key]
        if isinstance(judge, str):
            wrong.setdefault(("grader", judge), []).append(task.id)
            continue
        for program in programs_of(judge):
            if risk := program.unsound(task):
                wrong.setdefault(("tests", risk), []).append(task.id)
        try:
            judge.check_reference(task.reference)
        except ValueError as error:
            slow = isinstance(error, SlowReferenceError)
            if slow:
                built[key] = str(error)  # once is enough: the others are named with it, untried
            wrong.setdefault(("grader" if slow else "reference", str(error)), []).append(task.id)
    said = ((rule, message, tuple(tasks)) for (rule, message), tasks in wrong.items())
    found = [Finding(severity="error", rule=rule, tasks=tasks, message=message) for rule, message, tasks in said]
    return [*found, *_unmatched(suite, built), *lint_suite(suite)]


def _unmatched(suite: core.Suite, built: Mapping[str, core.Grader | str]) -> Iterator["Finding"]:
    """Tools that no box has, and tests that no grader runs."""
    from harness.grade import programs_of
    from harness.suite import Finding
    from harness.system import BOX_TOOLS

    users: dict[str, list[str]] = {}
    unused: list[str] = []
    for task in suite.tasks:
        for tool in task.tools:
            if tool.name not in BOX_TOOLS:
                users.setdefault(tool.name, []).append(task.id)
        judge = built[core.digest_json(core.as_json(task.grader))]
        if task.tests and not isinstance(judge, str) and not any(programs_of(judge)):
            unused.append(task.id)
    for name, tasks in users.items():
        text = f"{name!r} is no tool of a box; {core.nearest(name, BOX_TOOLS)}"
        yield Finding(severity="error", rule="tools", tasks=tuple(tasks), message=text)
    if unused:
        text = "the tests are not run: the grader is no program, and has none among its parts"
        yield Finding(severity="warning", rule="tests-unused", tasks=tuple(unused), message=text)


def _finding_lines(suite: core.Suite, findings: list["Finding"], where: str = "") -> Iterator[str]:
    """One line a finding, and how many there are; ``where`` names the suite's place before what no grader can use."""
    for finding in findings:
        more = f" and {len(finding.tasks) - NAMED} more" if len(finding.tasks) > NAMED else ""
        tasks = f" [{', '.join(finding.tasks[:NAMED])}{more}]" if finding.tasks else ""
        place = where if finding.rule in {"grader", "reference"} else ""
        yield f"{finding.severity}: {finding.rule}: {place}{finding.message}{tasks}"
    errors = sum(f.severity == "error" for f in findings)
    yield f"{suite.name}: {core.plural(errors, 'error')}, {core.plural(len(findings) - errors, 'warning')}"


# ----------------------------------------------------------------------------------- answers that were given elsewhere


def _grade(args: argparse.Namespace) -> int:
    """Prints the grade of each row, in the file's order, as a run would give it; no model is called."""
    from harness.grade import grader
    from harness.run import grade_given
    from harness.suite import load_suite
    from harness.userfile import Strict, parse, read_json_lines

    class Row(Strict):
        task: str
        answer: str
        finish: str | None = None

    suite, path = load_suite(args.suite, allow_outside=args.allow_outside), args.rows
    tasks = {task.id: task for task in suite.tasks}
    judges: dict[str, core.Grader] = {}
    given: list[tuple[core.Task, core.Grader, str, str]] = []
    for number, value in read_json_lines(path):
        row = parse(Row, value, path, field=f"line {number}")
        if row.task not in tasks:
            near = core.nearest(row.task, tasks)
            advice = near if len(near) < 200 else f"its {len(tasks):,} tasks begin with {min(tasks)!r}"
            problem = f"the suite {suite.name} has no task {row.task!r}"
            raise core.UserFileError(path, problem, field=f"line {number}.task", advice=advice)
        task = tasks[row.task]
        if task.id not in judges:
            judges[task.id] = grader(task.grader, where=str(args.suite))
            try:
                judges[task.id].taken(task.reference)
            except ValueError as error:
                field = f"task {task.id}: reference"
                raise core.UserFileError(args.suite, str(error), field=field, advice="correct the task") from None
        given.append((task, judges[task.id], row.answer, row.finish or "stop"))
    if not given:
        raise core.UserFileError(path, "the file has no row", advice='write one {"task", "answer", "finish"} a line')
    _prepared(args.suite, [task for task, by, *_ in given if by.needs_box])
    graded = zip(given, grade_given(given), strict=True)
    rows = [{"task": one[0].id} | {name: getattr(grade, name) for name in COLUMNS[1:]} for one, grade in graded]
    return answer(args, {"rows": rows}, _grade_lines(rows))


def _grade_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A table, and how many rows have which status."""

    def cell(value: Any) -> str:
        return "" if value is None else f"{value:.3g}" if isinstance(value, float) else core.visible(str(value))

    heads = ("task", "status", "cause", "score", "label", "reason")
    cells = [heads, *(tuple(cell(row[name]) for name in COLUMNS) for row in rows)]
    widths = [*(max(map(len, column)) for column in list(zip(*cells, strict=True))[:-1]), 0]
    for line in cells:
        yield "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
    counts = ", ".join(f"{count:,} {status}" for status, count in Counter(row["status"] for row in rows).items())
    yield f"{core.plural(len(rows), 'row')}: {counts}"


# ----------------------------------------------------------------------------------------------- a suite out of a table


def _from(args: argparse.Namespace) -> int:
    """Writes the suite whole or not at all, and says what the lint finds; 1 where that is an error."""
    from harness.suite import Columns, data_set_rows, draft_suite, load_suite
    from harness.userfile import table_rows

    folder, is_set, share, taught = args.folder, args.file.is_dir(), args.dev_share, args.train_share
    wrong = {
        f"{folder}: exists already; name another folder": os.path.lexists(folder),
        f"--dev-share is {share:g}; give a share from 0 to less than 1": not 0 <= share < 1,
        f"--train-share is {taught:g}; give a share from 0 to less than 1": not 0 <= taught < 1,
        f"--dev-share and --train-share are {share + taught:g} of the tasks; leave some to test": share + taught >= 1,
        f"--input and --reference are both {args.input!r}; the answer would be part of the question": (
            args.input == args.reference
        ),
        "--split is of a data set's folder only": args.split is not None and not is_set,
        "--field is of a .json file only": args.field is not None and is_set,
    }
    for problem, holds in wrong.items():
        if holds:
            raise core.UsageError(problem)
    rows = data_set_rows(args.file, args.split) if is_set else table_rows(args.file, field=args.field)
    columns = Columns(**{name: getattr(args, name) for name in ("input", "reference", "domain", "cluster", "id")})
    name = args.name or folder.resolve().name
    shares = {"dev_share": share, "train_share": taught}
    draft = draft_suite(args.file, rows, columns, name=name, usable=_usable, seed=args.seed, **shares)
    _write(folder, draft.files)
    suite = load_suite(folder)
    findings = _findings(suite)
    errors = sum(finding.severity == "error" for finding in findings)
    found = {"suite": suite.name, "path": folder, "tasks": len(suite.tasks)}
    found |= {"clusters": len({task.cluster for task in suite.tasks}), "domains": list(suite.domains)}
    found |= {name: getattr(draft, name) for name in ("splits", "grader", "left_out", "notes")}
    first = f"correct what the lint found in {folder}" if errors else f"read {folder}/prompts/question.txt"
    splits = ", ".join(f"{count:,} {split}" for split, count in sorted(draft.splits.items())) or "no splits"
    labels = draft.grader.get("labels")
    listed = f", {len(labels)} labels: {', '.join(map(str, labels))}" if labels else ""
    lines = [
        f"wrote {folder}: {core.plural(len(suite.tasks), 'task')} ({splits})",
        f"grader: {draft.grader['name']}{listed}",
        *(f"note: {text}" for text in draft.notes),
        *(f"left out: rows, {text}" for text in draft.left_out),
        *([f"columns not used: {', '.join(draft.unused)}"] if draft.unused else []),
        *_finding_lines(suite, findings),
        f"next: {first}, name {folder} under suites in an experiment.yaml, and ownbench check it",
    ]
    answer(args, found | {"valid": errors == 0, "findings": findings}, lines)
    return 1 if errors else 0


def _usable(spec: Mapping[str, Any], references: Sequence[Any]) -> bool:
    from harness.grade import grader

    try:
        judge = grader(spec)
        for reference in references:
            judge.check_reference(reference)
    except (core.OwnbenchError, ValueError):
        return False
    return True


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """The folder with all its files at once: written aside, then renamed into place."""
    parent = folder.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=parent, prefix=f".{folder.name}.")
    except OSError as error:  # it names the folder aside, which nobody asked for
        raise core.UsageError(f"{folder}: cannot be written: {error.strerror}; name another folder") from None
    with place as outer:
        aside = Path(outer) / "suite"
        for name, text in files.items():
            core.write_atomic(aside / name, text)
        if os.path.lexists(folder):
            raise core.UsageError(f"{folder}: exists already; name another folder")
        aside.rename(folder.resolve())
