"""From a suite's folder to a frozen ``Suite``, or to one message that says what to mend."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from harness.core import Suite, Task, Tool, UserFileError, as_json, digest_bytes, digest_folder, digest_json, nearest
from harness.suite.inside import file_inside, path_inside
from harness.suite.prompt import read_prompt, render
from harness.suite.schema import WORK, HumanBaseline, HumanRow, SuiteFile, TaskRow, grader_of, prompt_files
from harness.suite.source import task_rows
from harness.userfile import parse, read_bytes, read_json_lines, read_yaml

MAX_FILE = 100_000_000  # bytes of a file that belongs to a task
NEED_REFERENCE = frozenset({"exact", "label", "number"})
"""Graders that compare with a reference and can do nothing without one. Of others, the grader itself knows."""


def load_suite(path: Path | str, *, allow_outside: bool = False) -> Suite:
    """The suite of a folder that holds suite.yaml, or of that file; with ``allow_outside`` it may name files elsewhere.

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
    template = read_prompt(
        prompt_files(wanted.prompt),
        lambda name: file_inside(suite_file.parent, name, suite_file, "prompt", outside=allow_outside),
    )
    tasks = _Tasks(wanted, suite_file, outside=allow_outside).read()
    return Suite(
        name=wanted.name,
        version=wanted.version,
        tasks=tasks,
        domains=tuple(wanted.domains),
        metric=wanted.metric,
        human_baseline=_human(wanted, suite_file, {task.id for task in tasks}, outside=allow_outside),
        prompt=render(template, tasks, suite_file),
        digest=digest_json(sorted(task.digest for task in tasks)),
    )


class _Tasks:
    """Reads the tasks one by one and remembers what must be unique or is worth reading once."""

    def __init__(self, suite: SuiteFile, suite_file: Path, *, outside: bool) -> None:
        self.suite, self.suite_file, self.outside = suite, suite_file, outside
        self.grader = grader_of(suite.grader, {})
        if suite.grader is not None:
            _check_grader(self.grader, suite_file, "grader")
        self.digests: dict[Path, str] = {}
        self.work = _work(suite)

    def read(self) -> tuple[Task, ...]:
        path, given = task_rows(self.suite, self.suite_file, outside=self.outside)
        seen: dict[str, str] = {}
        tasks, copies = [], Counter[str]()
        for where, value in given:
            row = parse(TaskRow, value, path, field=where)
            if row.id in seen:
                problem = f"the id {row.id!r} is given twice, first at {seen[row.id]}"
                raise UserFileError(path, problem, field=f"{where}.id", advice="ids must differ")
            seen[row.id] = where
            task = self.task(row, path, where)
            if place := copies[task.digest]:  # tasks with one content are told apart by their place among them
                tasks.append(replace(task, digest=digest_json([task.digest, place])))
            else:
                tasks.append(task)
            copies[task.digest] += 1
        if not tasks:
            raise UserFileError(path, "there are no tasks in it")
        return tuple(tasks)

    def task(self, row: TaskRow, path: Path, where: str) -> Task:
        grader = self.grader if row.grader is None else grader_of(row.grader, self.grader)
        _check_grader(grader, path, f"{where}.grader")
        if row.reference is None and grader["name"] in NEED_REFERENCE:
            problem = f"the grader {grader['name']!r} needs a reference, and there is none"
            raise UserFileError(path, problem, field=f"{where}.reference", advice="add it")
        _check_input(row, path, where)
        _digest([row.reference, grader], path, where)
        work = self.work | _work(row)
        files = {name: self.file(name, path, f"{where}.files") for name in work.get("files", ())}
        tools = tuple(
            Tool(name=tool, description="", parameters={}) if isinstance(tool, str) else Tool(**tool.model_dump())
            for tool in work.get("tools", ())
        )
        asked = row.input if isinstance(row.input, str) else [m.model_dump(exclude_none=True) for m in row.input]
        own: dict[str, Any] = {
            "metadata": row.metadata,
            "environment": self.environment(work.get("environment"), path, f"{where}.environment"),
            "turns": work.get("turns"),
            "timeout_s": work.get("timeout_s"),
        }
        files_now = sorted([name, self.digests[file]] for name, file in files.items())
        content = {key: value for key, value in {**own, "files": files_now, "tools": as_json(tools)}.items() if value}
        return Task(
            id=row.id,
            domain=self.domain(row, path, f"{where}.domain"),
            cluster=row.cluster or row.id,
            input=asked if isinstance(asked, str) else tuple(asked),
            reference=row.reference,
            grader=grader,
            split=row.split,
            files={name: file.resolve().as_posix() for name, file in files.items()},
            tools=tools,
            digest=_digest(content | {"input": asked}, path, where),
            **own,
        )

    def environment(self, given: Any, path: Path, field: str) -> dict[str, Any]:
        """As written; of a Dockerfile's folder the digest, since a place is no content."""
        if given is None or given == "host":
            return {"host": True} if given else {}
        if given.image is not None:
            return {"image": given.image}
        folder = path_inside(self.suite_file.parent, given.dockerfile, path, field, outside=self.outside)
        if not (folder / "Dockerfile").is_file():
            raise UserFileError(path, f"there is no Dockerfile in {given.dockerfile!r}", field=field)
        if sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) > MAX_FILE:
            raise UserFileError(path, f"{given.dockerfile!r} holds more than {MAX_FILE:,} bytes", field=field)
        if folder not in self.digests:
            self.digests[folder] = digest_folder(folder)
        return {"dockerfile": self.digests[folder]}

    def domain(self, row: TaskRow, path: Path, field: str) -> str:
        domains = self.suite.domains
        if row.domain is None:
            if len(domains) == 1:
                return domains[0]
            problem, advice = f"no domain, and the suite has {len(domains)}", "one of: " + ", ".join(domains)
            raise UserFileError(path, problem, field=field, advice=advice)
        if row.domain not in domains:
            problem = f"the domain {row.domain!r} is not in the suite's list"
            raise UserFileError(path, problem, field=field, advice=nearest(row.domain, domains))
        return row.domain

    def file(self, name: str, path: Path, field: str) -> Path:
        file = file_inside(self.suite_file.parent, name, path, field, outside=self.outside)
        if file not in self.digests:
            self.digests[file] = digest_bytes(read_bytes(file, most=MAX_FILE, unpack=False))
        return file


def _work(given: SuiteFile | TaskRow) -> dict[str, Any]:
    return {key: getattr(given, key) for key in WORK if getattr(given, key) is not None}


def _digest(content: Any, path: Path, where: str) -> str:
    """Of what a task is made of."""
    try:
        return digest_json(content)
    except (TypeError, ValueError):
        problem = "holds NaN, an infinity, or another value that JSON has no form for"
        raise UserFileError(path, problem, field=where, advice="write it as text or as a plain number") from None


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
            problem, advice = f"the suite has no task {row.task!r}", nearest(row.task, sorted(tasks)[:1_000])
            raise UserFileError(path, problem, field=f"line {number}.task", advice=advice)
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
