"""Task folders in Harbor's layout: task.toml, instruction.md, environment/, tests/, solution/; each becomes a task.

What of task.toml a box cannot give is refused by its name. Its limits are those of its boxes, as far as those of the
experiment allow; `allow_internet` is told, for a box never has a network.
"""

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from harness.core import UserFileError, as_json
from harness.suite.dockerfile import unfit, workdir_of
from harness.suite.schema import MOST_CPUS, MOST_MB, SuiteFile, Text
from harness.suite.source import path_inside
from harness.userfile import Amount, Positive, Rows, Strict, Truth, Variable, parse, read_text

MOST_TASKS = 10_000
LONGEST_TOML = 256_000  # bytes
LEAST_MB = 64  # of memory, for a box to start
NOT_FILES = ("Dockerfile", ".dockerignore", "skills")  # of environment/, where it has no files/
COMPOSE = re.compile(r"(docker-)?compose[\w.-]*\.ya?ml")
COMMAND = ["bash", "/tests/test.sh"]
READ_FROM_METADATA = ("domain", "category", "cluster", "split")  # what our own tasks say of themselves

_REFUSED = {
    "steps": "a task of several steps is not supported; make it several tasks",
    "artifacts": "files are taken from the work folder alone; take it out",
    "network_mode": "a box has no network; take it out",
    "allowed_hosts": "a box has no network; take it out",
    "user": "every command of a box runs as one user without rights; take it out",
    "healthcheck": "services that outlive a command are not supported; take it out",
    "mcp_servers": "tools from servers are not supported; take it out",
    "skills_dir": "skills are a contender's; take it out, and name them in experiment.yaml",
    "os": "boxes are Linux; take it out",
    "collect": "the grader reads the reward alone; take it out",
}  # by key, wherever it stands; an empty value is none
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def _megabytes(value: Any) -> int:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"found {value!r}; write a number and its unit, such as 2G or 512M")
    if (size := math.ceil(float(found[1]) * _UNITS[found[2].upper()])) > MOST_MB:
        raise ValueError(f"found {value!r}; write {MOST_MB >> 20}T at most")
    return size


def _work_folder(value: str) -> str:
    if problem := unfit(value):
        raise ValueError(f"found {value!r}: {problem}")
    return value


_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT])i?B?\s*", re.IGNORECASE)
_UNITS = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}  # megabytes
Size = Annotated[int, BeforeValidator(_megabytes)]  # megabytes, of ``2G`` and its like
Megabytes = Annotated[Amount, Field(le=MOST_MB)]  # of this and its like 0 says nothing, as it does there


class _Agent(Strict):
    timeout_sec: Positive | None = None
    reasoning_effort: Any = None


class _Program(Strict):
    timeout_sec: Positive | None = None
    env: dict[Variable, str] = Field(default_factory=dict)


class _Surroundings(Strict):
    build_timeout_sec: Amount | None = None
    cpus: Annotated[Amount, Field(le=MOST_CPUS)] | None = None
    gpus: int | float | None = None
    memory: Size | None = None
    memory_mb: Megabytes | None = None
    storage: Size | None = None
    storage_mb: Megabytes | None = None
    allow_internet: Truth | None = None
    workdir: Annotated[Text, AfterValidator(_work_folder)] | None = None
    docker_image: Text | None = None
    image: Text | None = None
    env: dict[Variable, str] = Field(default_factory=dict)


class _TaskFile(Strict):
    version: Any = None
    schema_version: Any = None
    task: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    agent: _Agent = _Agent()
    verifier: _Program = _Program()
    solution: _Program = _Program()
    environment: _Surroundings = _Surroundings()
    reward: dict[str, Any] = Field(default_factory=dict)


def harbor_rows(suite: SuiteFile, suite_file: Path, grader: Mapping[str, Any], *, outside: bool = False) -> Rows:
    """The rows of tasks in the folder that ``harbor`` names, each with its place; paths from the suite's folder.

    ``grader`` is the suite's, laid over the program that the layout means where it names no other. Raises
    UserFileError.
    """
    name = str(suite.harbor)
    top = path_inside(suite_file.parent, name, suite_file, "harbor", outside=outside)
    if not top.is_dir():
        raise UserFileError(suite_file, f"there is no folder {name!r} in the suite's folder", field="harbor")
    folders = sorted(path.parent for path in top.glob("*/task.toml"))
    if not folders:
        problem, advice = f"no folder in {name!r} holds a task.toml", "name the folder that holds the task folders"
        raise UserFileError(suite_file, problem, field="harbor", advice=advice)
    if len(folders) > MOST_TASKS:
        raise UserFileError(suite_file, f"{len(folders):,} tasks, at most {MOST_TASKS:,} are read", field="harbor")
    base = name.rstrip("/")
    return ((f"{base}/{one.name}", _row(one, f"{base}/{one.name}", suite, grader, outside=outside)) for one in folders)


def _row(folder: Path, place: str, suite: SuiteFile, grader: Mapping[str, Any], *, outside: bool) -> dict[str, Any]:
    path_inside(folder.parent, folder.name, folder, "", outside=outside)
    path = folder / "task.toml"
    told = parse(_TaskFile, _read(path), path)
    for needed in ("instruction.md", "tests/test.sh"):
        if not (folder / needed).is_file():
            raise UserFileError(folder, f"there is no {needed} in this task's folder", advice="write it")
    program: dict[str, Any] = {"name": "program", "command": COMMAND, "reward": "required"}
    if told.verifier.timeout_sec is not None:
        program["timeout_s"] = told.verifier.timeout_sec
    if told.verifier.env:
        program["env"] = _variables(told.verifier.env, path, "verifier.env")
    if told.environment.gpus:
        raise UserFileError(path, "a box has no GPU", field="environment.gpus", advice="take the task out")
    about = told.metadata
    row: dict[str, Any] = {
        "id": folder.name,
        "domain": _domain(about, suite.domains),
        "cluster": about.get("cluster"),
        "split": about.get("split"),
        "input": read_text(folder / "instruction.md"),
        "metadata": _plain({key: value for key, value in about.items() if key not in READ_FROM_METADATA}),
        "tests": f"{place}/tests",
        "timeout_s": told.agent.timeout_sec,
    }
    environment = _environment(folder, place, told.environment, suite, path)
    row |= {"files": _files(folder, place, built="host" not in environment)}
    env = _variables(told.environment.env, path, "environment.env")
    asked = _asked(told.environment) | {"workdir": _workdir(folder, told.environment, environment)}
    given = {key: value for key, value in asked.items() if value} | environment
    row |= {"environment": given | {"env": environment.get("env", {}) | env}}
    row["oracle_timeout_s"] = told.solution.timeout_sec
    row |= {"oracle_env": _variables(told.solution.env, path, "solution.env") or None}
    row |= {"oracle": f"{place}/solution"} if (folder / "solution").is_dir() else {}
    if grader.get("name", "program") == "program":
        row["grader"] = program | dict(grader)
    else:
        row["grader"] = _filled(grader, program)
    return {key: value for key, value in row.items() if value is not None}


def _filled(grader: Any, program: Mapping[str, Any]) -> Any:
    """A grader with other parts: those that are a program without a command are the layout's."""
    if isinstance(grader, list):
        return [_filled(part, program) for part in grader]
    if grader == "program":
        return dict(program)
    if not isinstance(grader, Mapping):
        return grader
    if grader.get("name") == "program":
        return {**program, **grader}
    nested = {key: _filled(part, program) for key, part in grader.items() if key in {"of", "grader"}}
    if "name" not in grader:
        return {key: _filled(part, program) for key, part in grader.items()}
    return {**grader, **nested}


def _read(path: Path) -> dict[str, Any]:
    """What task.toml says, without what is refused and empty."""
    try:
        told = tomllib.loads(read_text(path, most=LONGEST_TOML))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        said = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "nested too deep"
        raise UserFileError(path, f"not valid TOML: {said}") from None
    verifier = told.get("verifier")
    if isinstance(verifier, dict):
        mode = verifier.pop("environment_mode", None)
        if mode not in {None, "shared"} or verifier.get("environment"):
            problem, advice = "a separate environment for the verifier is not supported", "take it out"
            raise UserFileError(path, problem, field="verifier.environment", advice=advice)
    return {
        key: value if key in {"task", "metadata"} else _clean(value, path, key)
        for key, value in _clean(told, path, "").items()
    }


def _clean(table: Any, path: Path, field: str) -> Any:
    if not isinstance(table, dict):
        return table
    for key, value in table.items():
        if key in _REFUSED and value:
            problem, _, advice = _REFUSED[key].partition("; ")
            raise UserFileError(path, problem, field=f"{field}.{key}".lstrip("."), advice=advice)
    return {key: value for key, value in table.items() if key not in _REFUSED}


def _variables(given: Mapping[str, str], path: Path, field: str) -> dict[str, str]:
    """The values as they are; ``${NAME:-default}`` is its default, since nothing of this machine enters a box."""
    found = {}
    for name, value in given.items():
        if (wanted := next((one for one in _VARIABLE.finditer(value) if one[2] is None), None)) is not None:
            problem = f"it asks for this machine's variable {wanted[1]}, and none enters a box"
            raise UserFileError(path, problem, field=f"{field}.{name}", advice="write a value, or take it out")
        found[name] = _VARIABLE.sub(lambda one: one[2] or "", value)
    return found


def _plain(about: Mapping[str, Any]) -> Any:
    """As JSON; a date and a time of day, which TOML has, are texts."""
    return json.loads(json.dumps(as_json(about), default=str))


def _domain(about: Mapping[str, Any], domains: list[str]) -> Any:
    """What the task says of itself, as far as the suite knows it; a suite with one domain takes all."""
    said = [about[key] for key in ("domain", "category") if key in about]
    return next((one for one in said if one in domains), None if len(domains) == 1 or not said else said[0])


def _environment(folder: Path, place: str, told: _Surroundings, suite: SuiteFile, path: Path) -> dict[str, Any]:
    """What the suite says for all its tasks, else the image that is named, else that of the Dockerfile."""
    if suite.environment is not None:
        named = {"host": True} if isinstance(suite.environment, str) else suite.environment.model_dump()
        return {key: value for key, value in named.items() if value}
    image = told.docker_image or told.image
    if image is not None:
        return {"image": image}
    inside = folder / "environment"
    composed = [one.name for one in _entries(inside) if COMPOSE.fullmatch(one.name)]
    if composed:
        problem = f"environment/{composed[0]}: several containers are not supported"
        raise UserFileError(folder, problem, advice="take the task out, or write environment: host in suite.yaml")
    if not (inside / "Dockerfile").is_file():
        problem, advice = "neither docker_image nor environment/Dockerfile", "write environment: host in suite.yaml"
        raise UserFileError(path, problem, field="environment", advice=advice)
    if any(_entries(inside / "skills")):
        problem = "environment/skills: an image with skills in it would give them to every contender"
        raise UserFileError(folder, problem, advice="take them out, and name them in experiment.yaml")
    return {"dockerfile": f"{place}/environment"}


def _asked(told: _Surroundings) -> dict[str, Any]:
    """What the task asks of its boxes, in the words of `SuiteFile`."""
    memory, disk = told.memory_mb or told.memory, told.storage_mb or told.storage
    return {
        "memory_mb": max(LEAST_MB, math.ceil(memory)) if memory else None,
        "disk_mb": math.ceil(disk) if disk else None,
        "cpus": told.cpus,
        "build_timeout_s": told.build_timeout_sec,
        "allow_internet": told.allow_internet,
    }


def _workdir(folder: Path, told: _Surroundings, environment: Mapping[str, Any]) -> str | None:
    """The work folder that the task names; its Dockerfile's too, where an image or this machine stands in for that."""
    file = folder / "environment" / "Dockerfile"
    if told.workdir is not None or "dockerfile" in environment or not file.is_file():
        return told.workdir
    return workdir_of(file)


def _files(folder: Path, place: str, *, built: bool) -> dict[str, str] | str:
    """What stands in the work folder: environment/files; else, where no image holds them, all but the Dockerfile."""
    inside = folder / "environment"
    if (inside / "files").is_dir():
        return f"{place}/environment/files"
    if built:
        return {}
    kept = (e.name for e in _entries(inside) if e.name not in NOT_FILES and not COMPOSE.fullmatch(e.name))
    return {name: f"{place}/environment/{name}" for name in kept}


def _entries(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.iterdir()) if folder.is_dir() else ()
