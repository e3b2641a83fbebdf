"""From a suite's folder to a frozen ``Suite``, or to one message that says what to mend."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import Any

from harness import userfile
from harness.core import WORK as WORKDIR
from harness.core import (
    Suite,
    Task,
    Tool,
    UserFileError,
    as_json,
    digest_bytes,
    digest_folder,
    digest_json,
    nearest,
)
from harness.suite.dockerfile import workdir_of
from harness.suite.harbor import harbor_rows
from harness.suite.prompts import LONGEST_FILE, read_prompt, render
from harness.suite.schema import (
    WORK,
    EnvironmentRow,
    HumanBaseline,
    HumanRow,
    SuiteFile,
    TaskRow,
    grader_of,
    with_rubrics,
)
from harness.suite.source import file_inside, path_inside, task_rows

MAX_FILE = 100_000_000  # bytes of a file that belongs to a task
MOST_FILES = 2_000  # of a folder that belongs to a task
ASKED = {"env", "memory_mb", "cpus", "disk_mb", "build_timeout_s", "allow_internet"}
"""Of an environment, what its boxes get besides what they stand on."""
NO_CONTENT = {"build_timeout_s", "allow_internet"}  # of these, what changes no answer
NEED_REFERENCE = frozenset({"exact", "label", "number"})
"""Graders that compare with a reference and can do nothing without one. Of others, the grader itself knows."""
_OF_WORK = frozenset(WORK)


def load_suite(path: Path | str, *, allow_outside: bool = False) -> Suite:
    """The suite of a folder or a suite.yaml; ``allow_outside``: it may name files elsewhere. Raises UserFileError."""
    path = Path(path)
    if not path.exists():
        there = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        beside = [p.name for p in there if (p / "suite.yaml").exists() or p.suffix in {".yaml", ".yml"}]
        raise UserFileError(path, "there is no such suite", advice=nearest(path.name, beside[:40]))
    suite_file = path / "suite.yaml" if path.is_dir() else path
    if suite_file.suffix not in {".yaml", ".yml"}:
        advice = "a suite is a folder with suite.yaml, in which tasks names this file"
        raise UserFileError(path, "this is no suite", advice=advice)
    wanted = userfile.parse(SuiteFile, userfile.read_yaml(suite_file), suite_file)
    prompt = wanted.prompt
    template = read_prompt(
        {"user": prompt} if isinstance(prompt, str) else prompt.model_dump() if prompt else {},
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


def said_at(path: Path, task: str, key: str) -> "Place":
    """Where a suite says ``key`` of a task: in the task's own line, else in suite.yaml for all. Reads the tasks."""
    suite_file = path / "suite.yaml" if path.is_dir() else path
    wanted = userfile.parse(SuiteFile, userfile.read_yaml(suite_file), suite_file)
    source, rows = (suite_file, iter(())) if wanted.harbor else task_rows(wanted, suite_file, outside=True)
    for where, row in rows:
        if str(row.get("id")) == task and row.get(key) is not None:
            return source, f"{where}.{key}"
    whole = getattr(wanted, key, None) is not None
    return suite_file, key if whole else f"task {task}: {key}"


Place = tuple[Path, str]  # a file, and the field in it that is to blame


class _Tasks:
    """Reads the tasks one by one and remembers what must be unique or is worth reading once."""

    def __init__(self, suite: SuiteFile, suite_file: Path, *, outside: bool) -> None:
        self.suite, self.suite_file, self.folder, self.outside = suite, suite_file, suite_file.parent, outside
        self.grader = grader_of(suite.grader, {})
        if suite.grader is not None and not (suite.harbor and "name" not in self.grader):
            _check_grader(self.grader, suite_file, "grader")
        if suite.harbor is None:
            self.path, self.given = task_rows(suite, suite_file, outside=outside)
        else:
            self.path, self.given = suite_file, harbor_rows(suite, suite_file, self.grader, outside=outside)
        self.work = {key: value for key in WORK if (value := getattr(suite, key)) is not None}  # of all tasks
        self.digests: dict[Path, str] = {}
        self.workdirs: dict[Path, str] = {}
        self._described: Mapping[str, Any] | None = None  # the last grader whose description was looked at
        self.grader = with_rubrics(self.grader, partial(self._rubric, suite_file, "grader"))

    def _rubric(self, source: Path, where: str, name: str) -> str:
        file = file_inside(self.folder, name, source, f"{where}.rubric.file", outside=self.outside)
        return userfile.read_text(file, most=LONGEST_FILE)

    def read(self) -> tuple[Task, ...]:
        seen: dict[str, str] = {}
        tasks, copies = [], Counter[str]()
        for where, value in self.given:
            row = userfile.parse(TaskRow, value, self.path, field=where)
            if row.id in seen:
                problem = f"the id {row.id!r} is given twice, first at {seen[row.id]}"
                raise UserFileError(self.path, problem, field=f"{where}.id", advice="ids must differ")
            seen[row.id] = where
            task = self.task(row, where)
            place = copies[task.digest]  # tasks with one content are told apart by their place among them
            tasks.append(replace(task, digest=digest_json([task.digest, place])) if place else task)
            copies[task.digest] += 1
        if not tasks:
            raise UserFileError(self.path, "there are no tasks in it")
        return tuple(tasks)

    def task(self, row: TaskRow, where: str) -> Task:
        grader = self.grader if row.grader is None else grader_of(row.grader, self.grader)
        if row.grader is not None:
            grader = with_rubrics(grader, partial(self._rubric, self.path, f"{where}.grader"))
        _check_grader(grader, self.path, f"{where}.grader")
        if row.reference is None and grader["name"] in NEED_REFERENCE:
            problem = f"the grader {grader['name']!r} needs a reference, and has none"
            raise UserFileError(self.path, problem, field=f"{where}.reference", advice="add it")
        _check_input(row, self.path, where)
        if grader is not self._described or not isinstance(row.reference, str | None):
            self.digest([row.reference, grader], where)
            self._described = grader
        asked = row.input if isinstance(row.input, str) else [m.model_dump(exclude_none=True) for m in row.input]
        work, content, placed = self.work, dict[str, Any](input=asked), dict[str, Any]()
        if given := row.model_fields_set & _OF_WORK:
            work = work | {key: value for key in given if (value := getattr(row, key)) is not None}
        if row.metadata:
            content["metadata"] = row.metadata
        if work:
            placed, more = self.placed(row, work, where)
            content |= {key: value for key, value in more.items() if value}
        return Task(
            id=row.id,
            domain=self.domain(row, f"{where}.domain"),
            cluster=row.cluster or row.id,
            input=asked if isinstance(asked, str) else tuple(asked),
            metadata=row.metadata,
            reference=row.reference,
            grader=grader,
            split=row.split,
            digest=self.digest(content, where),
            **placed,
        )

    def placed(self, row: TaskRow, work: Mapping[str, Any], where: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a task works on and with, as fields of a `Task`; and what of it is content."""
        at = {key: (self.path, f"{where}.{key}") for key in work}
        at |= {key: (self.suite_file, key) for key in work if getattr(row, key) is None}  # whose word it is
        files, tests, oracle = (self.named(work[k], at[k]) if k in work else {} for k in ("files", "tests", "oracle"))
        tools = tuple(
            Tool(name=tool, description="", parameters={}) if isinstance(tool, str) else Tool(**tool.model_dump())
            for tool in work.get("tools", ())
        )
        environment = self.environment(work["environment"], at["environment"]) if "environment" in work else {}
        limits = {key: work.get(key) for key in ("turns", "timeout_s")}
        files_now, tests_now = (sorted([n, self.digests[f]] for n, f in some.items()) for some in (files, tests))
        fields = {
            "files": _places(files),
            "tests": _places(tests),
            "tests_digest": digest_json(tests_now) if tests_now else "",
            "oracle": _places(oracle),
            "oracle_env": work.get("oracle_env", {}),
            "oracle_timeout_s": work.get("oracle_timeout_s"),
            "tools": tools,
            "environment": environment,
            "dockerfile": self.dockerfile(work.get("environment")),
            **limits,
        }
        stands_on = {key: value for key, value in environment.items() if key not in NO_CONTENT}
        return fields, {"environment": stands_on, "files": files_now, "tools": as_json(tools), **limits}

    def environment(self, given: Any, at: Place) -> dict[str, Any]:
        """As written; of a Dockerfile's folder the digest, since a place is no content."""
        if given == "host":
            return {"host": True}
        env = given.model_dump(include=ASKED, exclude_defaults=True)
        if (place := self.workdir(given, at)) not in {"", WORKDIR}:
            env["workdir"] = place
        if given.dockerfile is None:
            return {"host": True, **env} if given.host else {"image": given.image, **env}
        folder = path_inside(self.folder, given.dockerfile, *at, outside=self.outside)
        if not (folder / "Dockerfile").is_file():
            lacking = "folder" if not folder.exists() else "Dockerfile in" if folder.is_dir() else "folder, but a file,"
            problem, field = f"there is no {lacking} {given.dockerfile!r}", f"{at[1]}.dockerfile"
            names = sorted(one.parent.name for one in folder.parent.glob("*/Dockerfile"))
            advice = nearest(folder.name, names[:40]) if names else "name a folder that holds a Dockerfile"
            raise UserFileError(at[0], problem, field=field, advice=advice)
        if sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) > MAX_FILE:
            raise UserFileError(at[0], f"{given.dockerfile!r} holds more than {MAX_FILE:,} bytes", field=at[1])
        if folder not in self.digests:
            self.digests[folder] = digest_folder(folder)
        return {"dockerfile": self.digests[folder], **env}

    def workdir(self, given: EnvironmentRow, at: Place) -> str:
        """The work folder, as it is written, else as the Dockerfile has it; empty: neither says."""
        if given.workdir is not None or given.dockerfile is None:
            return given.workdir or ""
        file = path_inside(self.folder, given.dockerfile, *at, outside=self.outside) / "Dockerfile"
        if file not in self.workdirs:
            self.workdirs[file] = workdir_of(file) if file.is_file() else ""
        return self.workdirs[file]

    def dockerfile(self, given: Any) -> str:
        """The folder of the environment's Dockerfile, where it has one."""
        named = getattr(given, "dockerfile", None)
        return "" if named is None else (self.folder / named).resolve().as_posix()

    def domain(self, row: TaskRow, field: str) -> str:
        domains = self.suite.domains
        if row.domain is None and len(domains) > 1:
            problem, advice = f"no domain, and the suite has {len(domains)}", "one of: " + ", ".join(domains)
            raise UserFileError(self.path, problem, field=field, advice=advice)
        if row.domain is not None and row.domain not in domains:
            problem = f"the domain {row.domain!r} is not in the suite's list"
            raise UserFileError(self.path, problem, field=field, advice=nearest(row.domain, domains))
        return row.domain or domains[0]

    def named(self, given: str | list[str] | dict[str, str], at: Place) -> dict[str, Path]:
        """By the name in the box, each file that is meant; a folder gives all of its files."""
        pairs = given if isinstance(given, dict) else {"": given} if isinstance(given, str) else {n: n for n in given}
        found = dict[str, Path]()
        for name, place in pairs.items():
            if isinstance(given, dict) and (PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts):
                raise UserFileError(at[0], f"{name!r} is no name inside the work folder", field=at[1])
            path = path_inside(self.folder, place, *at, outside=self.outside)
            if not path.is_dir():
                found[name or place] = self.file(place, at)
                continue
            below = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if not p.is_dir())
            below = [one for one in below if "__pycache__" not in one.split("/")]
            if len(below) > MOST_FILES:
                problem = f"the folder {place!r} holds {len(below):,} files, at most {MOST_FILES:,} belong to a task"
                raise UserFileError(at[0], problem, field=at[1], advice="pack them into an archive")
            for one in below:
                found[f"{name}/{one}" if name else one] = self.file(f"{place.rstrip('/')}/{one}", at)
        return found

    def file(self, name: str, at: Place) -> Path:
        file = file_inside(self.folder, name, *at, outside=self.outside)
        if file not in self.digests:
            self.digests[file] = digest_bytes(userfile.read_bytes(file, most=MAX_FILE, unpack=False))
        return file

    def digest(self, content: Any, where: str) -> str:
        """Of what a task is made of."""
        try:
            return digest_json(content)
        except (TypeError, ValueError):
            problem = "holds NaN, an infinity, or another value that JSON has no form for"
            advice = "write it as text or as a plain number"
            raise UserFileError(self.path, problem, field=where, advice=advice) from None


def _places(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: file.resolve().as_posix() for name, file in files.items()}


def _check_grader(grader: Mapping[str, Any], path: Path, where: str) -> None:
    name = grader.get("name")
    if not grader:
        raise UserFileError(path, "no grader, neither here nor in suite.yaml", field=where, advice="add grader: NAME")
    if not isinstance(name, str) or not name:
        raise UserFileError(path, "the grader has no name", field=where, advice="write {name: …} and its options")


def _check_input(row: TaskRow, path: Path, where: str) -> None:
    problem = advice = ""
    if isinstance(row.input, str):
        if not row.input.strip():
            problem, advice = "the input is empty", "write what is asked"
    elif not any(message.role == "user" and message.content.strip() for message in row.input):
        problem = "the conversation has no message of role user"
    elif row.input[-1].role not in {"user", "tool"}:
        problem = f"the conversation ends with a message of role {row.input[-1].role}"
        advice = "the last message must ask: role user"
    if problem:
        raise UserFileError(path, problem, field=f"{where}.input", advice=advice)


def _human(suite: SuiteFile, suite_file: Path, tasks: set[str], *, outside: bool) -> dict[str, Any] | None:
    """What people reach: as written, or counted from a file of ratings, each task weighing the same."""
    value = suite.human_baseline
    if value is None or isinstance(value, HumanBaseline):
        return value.model_dump() if value else None
    path = file_inside(suite_file.parent, value, suite_file, "human_baseline", outside=outside)
    ratings: dict[str, dict[str, bool]] = {}
    for number, line in userfile.read_json_lines(path):
        row = userfile.parse(HumanRow, line, path, field=f"line {number}")
        if row.task not in tasks:
            problem, advice = f"the suite has no task {row.task!r}", nearest(row.task, sorted(tasks)[:1_000])
            raise UserFileError(path, problem, field=f"line {number}.task", advice=advice)
        if row.rater in ratings.setdefault(row.task, {}):
            problem = f"the rater {row.rater!r} is there twice at task {row.task!r}"
            raise UserFileError(path, problem, field=f"line {number}", advice="keep one")
        ratings[row.task][row.rater] = row.passed
    if not ratings:
        raise UserFileError(path, "there are no ratings in it")
    rate = fmean(fmean(passed.values()) for passed in ratings.values())
    raters = {rater for passed in ratings.values() for rater in passed}
    return {"pass_rate": rate, "n": len(ratings), "source": value, "raters": len(raters)}
