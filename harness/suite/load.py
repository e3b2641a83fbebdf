"""From a suite's folder to a frozen ``Suite``, or to one message that says what to mend."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from harness.core import Message, Suite, Task, UserFileError, digest_bytes, digest_json, nearest
from harness.suite.inside import file_inside
from harness.suite.prompt import Prompt
from harness.suite.schema import HumanBaseline, HumanRow, SuiteFile, TaskRow, grader_of
from harness.suite.source import task_rows
from harness.userfile import parse, read_bytes, read_json_lines, read_yaml

MAX_FILE = 100_000_000
"""Bytes of a file that belongs to a task."""
NEED_REFERENCE = frozenset({"exact", "label", "number"})
"""Graders that compare with a reference and can do nothing without one. Of others, the grader itself knows."""


def load_suite(path: Path | str, *, allow_outside: bool = False) -> Suite:
    """The suite of a folder that holds suite.yaml, or of that file itself.

    Args:
        path: the folder, or the file.
        allow_outside: files out of the suite's folder may be named: it is the user's own suite.

    Raises:
        UserFileError: anything wrong in suite.yaml, its templates, its tasks or the files that they name.
    """
    path = Path(path)
    if not path.exists():
        there = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        beside = [p.name for p in there if (p / "suite.yaml").exists() or p.suffix in {".yaml", ".yml"}]
        raise UserFileError(path, "there is no such suite", advice=nearest(path.name, beside[:40]))
    suite_file = path / "suite.yaml" if path.is_dir() else path
    if suite_file.suffix not in {".yaml", ".yml"}:
        advice = "a suite is a folder with suite.yaml, in which tasks names this file"
        raise UserFileError(path, "this is no suite", advice=advice)
    wanted = parse(SuiteFile, read_yaml(suite_file), suite_file)
    prompt = Prompt(wanted.prompt, suite_file, outside=allow_outside)
    tasks = _Tasks(wanted, suite_file, prompt, outside=allow_outside).read()
    return Suite(
        name=wanted.name,
        version=wanted.version,
        tasks=tasks,
        domains=tuple(wanted.domains),
        metric=wanted.metric,
        human_baseline=_human(wanted, suite_file, {task.id for task in tasks}, outside=allow_outside),
        prompt_digest=prompt.digest,
        prompt_uses_task=prompt.uses_task,
        prompt_frame=prompt.frame,
        digest=digest_json([wanted.name, wanted.version, wanted.metric, sorted(task.digest for task in tasks)]),
    )


class _Tasks:
    """Reads the tasks one by one and remembers what must be unique or is worth reading once."""

    def __init__(self, suite: SuiteFile, suite_file: Path, prompt: Prompt, *, outside: bool) -> None:
        self.suite, self.suite_file, self.prompt, self.outside = suite, suite_file, prompt, outside
        self.grader = grader_of(suite.grader, {})
        if suite.grader is not None:
            _check_grader(self.grader, suite_file, "grader")
        self.domains = frozenset(suite.domains)
        self.file_digests: dict[Path, str] = {}

    def read(self) -> tuple[Task, ...]:
        path, given = task_rows(self.suite, self.suite_file, outside=self.outside)
        seen: dict[str, str] = {}
        places, rows = [], []
        for where, value in given:
            row = parse(TaskRow, value, path, field=where)
            if row.id in seen:
                problem = f"the id {row.id!r} is given twice, first at {seen[row.id]}"
                raise UserFileError(path, problem, field=f"{where}.id", advice="ids must differ")
            seen[row.id] = where
            places.append(where)
            rows.append((row, self.domain(row, path, where)))
            self.check(row, path, where)
        if not rows:
            raise UserFileError(path, "there are no tasks in it")
        asked = self.prompt.messages(rows)
        return tuple(
            self.task(row, domain, messages, path, where)
            for (row, domain), messages, where in zip(rows, asked, places, strict=True)
        )

    def check(self, row: TaskRow, path: Path, where: str) -> None:
        grader = self.grader_of(row)
        _check_grader(grader, path, f"{where}.grader")
        if row.reference is None and grader["name"] in NEED_REFERENCE:
            problem = f"the grader {grader['name']!r} needs a reference, and there is none"
            raise UserFileError(path, problem, field=f"{where}.reference", advice="add it")
        _check_input(row, path, where)

    def grader_of(self, row: TaskRow) -> dict[str, Any]:
        return self.grader if row.grader is None else grader_of(row.grader, self.grader)

    def task(self, row: TaskRow, domain: str, messages: tuple[Message, ...], path: Path, where: str) -> Task:
        grader = self.grader_of(row)
        if not any(str(message["content"]).strip() for message in messages if message["role"] == "user"):
            raise UserFileError(path, "the template renders to an empty prompt", field=where)
        timeout_s = self.suite.timeout_s if row.timeout_s is None else row.timeout_s
        files = [
            file_inside(self.suite_file.parent, name, path, f"{where}.files", outside=self.outside)
            for name in row.files
        ]
        content = {
            "suite": self.suite.name,
            "id": row.id,
            "messages": messages,
            "reference": row.reference,
            "grader": grader,
            "tools": [],
            "files": sorted([name, self.file_digest(file)] for name, file in zip(row.files, files, strict=True)),
            "timeout_s": timeout_s,
        }
        try:
            digest = digest_json(content)
        except (TypeError, ValueError):
            problem = "holds NaN, an infinity, or another value that JSON has no form for"
            raise UserFileError(path, problem, field=where, advice="write it as text or as a plain number") from None
        return Task(
            id=row.id,
            domain=domain,
            cluster=row.cluster or row.id,
            messages=messages,
            reference=row.reference,
            grader=grader,
            split=row.split,
            files=tuple(file.resolve().as_posix() for file in files),
            timeout_s=timeout_s,
            metadata=row.metadata,
            digest=digest,
        )

    def domain(self, row: TaskRow, path: Path, where: str) -> str:
        if row.domain is None:
            if len(self.suite.domains) == 1:
                return self.suite.domains[0]
            problem = f"no domain, and the suite has {len(self.suite.domains)}"
            advice = "one of: " + ", ".join(self.suite.domains)
            raise UserFileError(path, problem, field=f"{where}.domain", advice=advice)
        if row.domain not in self.domains:
            problem = f"the domain {row.domain!r} is not in the suite's list"
            raise UserFileError(path, problem, field=f"{where}.domain", advice=nearest(row.domain, self.suite.domains))
        return row.domain

    def file_digest(self, file: Path) -> str:
        if file not in self.file_digests:
            self.file_digests[file] = digest_bytes(read_bytes(file, most=MAX_FILE, unpack=False))
        return self.file_digests[file]


def _check_grader(grader: Mapping[str, Any], path: Path, where: str) -> None:
    name = grader.get("name")
    if not grader:
        raise UserFileError(path, "no grader, neither here nor in suite.yaml", field=where, advice="add grader: NAME")
    if not isinstance(name, str) or not name:
        raise UserFileError(path, "the grader has no name", field=where, advice="write {name: …} and its options")


def _check_input(row: TaskRow, path: Path, where: str) -> None:
    if isinstance(row.input, str):
        if not row.input.strip():
            raise UserFileError(path, "the input is empty", field=f"{where}.input", advice="write what is asked")
    elif not any(message.role == "user" and message.content.strip() for message in row.input):
        raise UserFileError(path, "the conversation has no message of role user", field=f"{where}.input")
    elif row.input[-1].role not in {"user", "tool"}:
        problem = f"the conversation ends with a message of role {row.input[-1].role}"
        raise UserFileError(path, problem, field=f"{where}.input", advice="the last message must ask: role user")


def _human(suite: SuiteFile, suite_file: Path, tasks: set[str], *, outside: bool) -> dict[str, Any] | None:
    """What people reach: as written, or counted from a file of ratings, each task weighing the same."""
    value = suite.human_baseline
    if value is None:
        return None
    if isinstance(value, HumanBaseline):
        return value.model_dump()
    path = file_inside(suite_file.parent, value, suite_file, "human_baseline", outside=outside)
    ratings: dict[str, dict[str, bool]] = {}
    for number, line in read_json_lines(path):
        row = parse(HumanRow, line, path, field=f"line {number}")
        if row.task not in tasks:
            problem = f"the suite has no task {row.task!r}"
            raise UserFileError(
                path, problem, field=f"line {number}.task", advice=nearest(row.task, sorted(tasks)[:1_000])
            )
        if row.rater in ratings.setdefault(row.task, {}):
            problem = f"the rater {row.rater!r} stands twice at task {row.task!r}"
            raise UserFileError(path, problem, field=f"line {number}", advice="keep one")
        ratings[row.task][row.rater] = row.passed
    if not ratings:
        raise UserFileError(path, "there are no ratings in it")
    return {
        "pass_rate": fmean(fmean(passed.values()) for passed in ratings.values()),
        "n": len(ratings),
        "source": value,
        "raters": len({rater for passed in ratings.values() for rater in passed}),
    }
