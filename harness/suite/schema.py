"""What may stand in suite.yaml, in a line of its tasks, and in a line of its human baseline."""

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from harness.suite.dockerfile import unfit
from harness.userfile import Count, Strict, Truth, Variable

MOST_MB = 1 << 20  # of memory and of a disk that an environment may ask for
MOST_CPUS = 1024


def _as_text(value: Any) -> Any:
    """Ids and versions that YAML or Parquet read as a number or a date are texts all the same."""
    return value if isinstance(value, (str, bool, dict, list)) or value is None else str(value)


Text = Annotated[
    str, BeforeValidator(_as_text), Field(min_length=1), WithJsonSchema({"type": ["string", "number"], "minLength": 1})
]


def _as_grader(value: Any) -> Any:
    if value is None or isinstance(value, (str, dict)):
        return value
    raise ValueError(f"found {value!r}; write a grader's name, or a mapping with name and its options")


GraderField = Annotated[str | dict[str, Any], BeforeValidator(_as_grader)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _literal(value: str) -> str:
    if (found := re.search(r"\$\{\w*", value)) is not None:
        raise ValueError(f"it asks for this machine's variable {found[0][2:]}, and none enters a box; write a value")
    if "\0" in value:
        raise ValueError("found a zero byte, which no variable holds; take it out")
    return value


Variables = dict[Variable, Annotated[str, BeforeValidator(_as_text), AfterValidator(_literal)]]


class HumanBaseline(Strict):
    """What people reach on the suite."""

    pass_rate: float = Field(ge=0, le=1)
    n: int = Field(gt=0)
    source: str = ""


class HumanRow(Strict):
    """One line of human.jsonl: one rater at one task."""

    task: Text
    rater: Text
    passed: bool


class HuggingFace(Strict):
    """A data set that the package ``datasets`` reads, and which of its columns holds which field."""

    path: str = Field(min_length=1)
    name: str | None = None
    split: str | None = None
    revision: str | None = None
    data_files: str | list[str] | dict[str, Any] | None = None
    map: dict[str, str | None] = Field(default_factory=dict)


class PromptFiles(Strict):
    """Templates of two messages."""

    system: str
    user: str


class ToolRow(Strict):
    """A tool that a task offers, where its name alone does not say it."""

    name: Text
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


def _work_folder(value: str) -> str:
    if problem := unfit(value):
        raise ValueError(f"found {value!r}: {problem}")
    return posixpath.normpath(value)


class EnvironmentRow(Strict):
    """What a task's work folder stands on."""

    host: Literal[True] | None = None
    image: Text | None = None
    dockerfile: Text | None = None
    env: Variables = Field(default_factory=dict)
    workdir: Annotated[Text, AfterValidator(_work_folder)] | None = None
    memory_mb: Annotated[int, Field(ge=64, le=MOST_MB)] | None = None
    cpus: Annotated[float, Field(gt=0, le=MOST_CPUS)] | None = None
    disk_mb: Annotated[int, Field(ge=1, le=MOST_MB)] | None = None
    build_timeout_s: Seconds | None = None
    allow_internet: Truth = False

    @model_validator(mode="after")
    def _one(self) -> "EnvironmentRow":
        if [self.host, self.image, self.dockerfile].count(None) != 2:
            raise ValueError(ENVIRONMENTS)
        return self


def _kind(value: Any) -> str:
    """Of a value of several forms, which it was meant to be: one problem, not one a branch."""
    return "Mapping" if isinstance(value, (dict, Strict)) else "List" if isinstance(value, list) else "Word"


_ByKind = Discriminator(_kind)
ToolField = Annotated[Annotated[Text, Tag("Word")] | Annotated[ToolRow, Tag("Mapping")], _ByKind]
ENVIRONMENTS = "an environment is host, {image: NAME} or {dockerfile: FOLDER}; write one of them"


def _known_word(word: str) -> str:
    if word != "host":
        raise ValueError(f"{word!r} is none: {ENVIRONMENTS}")
    return word


EnvironmentField = Annotated[
    Annotated[Text, AfterValidator(_known_word), Tag("Word")] | Annotated[EnvironmentRow, Tag("Mapping")], _ByKind
]
FilesField = Annotated[
    Annotated[Text, Tag("Word")] | Annotated[list[Text], Tag("List")] | Annotated[dict[Text, Text], Tag("Mapping")],
    _ByKind,
]  # a folder, whose files stand at their names below it; files and folders by name; or where each name is to be found
WORK = ("files", "tests", "oracle", "oracle_env", "oracle_timeout_s", "tools", "environment", "turns", "timeout_s")
"""In suite.yaml of all tasks, in a task's line of one, in place of the suite's."""


_TASKS = {
    "anyOf": [
        {"type": ["string", "null"]},
        {"type": "object", "properties": {"path": {"type": "string"}, "field": {"type": "string"}},
         "required": ["path"], "additionalProperties": False},
    ],
    "default": None,
}  # fmt: skip


class SuiteFile(Strict):
    """suite.yaml."""

    name: str = Field(min_length=1)
    version: Text = "1"
    description: str = ""
    licence: str = ""
    domains: list[str] = Field(min_length=1)
    prompt: str | PromptFiles | None = None
    grader: GraderField | None = None
    metric: Literal["pass_rate", "macro_f1"] = "pass_rate"
    human_baseline: HumanBaseline | str | None = None
    files: FilesField | None = None
    tests: FilesField | None = None
    oracle: FilesField | None = None
    oracle_env: Variables | None = None
    oracle_timeout_s: Seconds | None = None
    tools: list[ToolField] | None = None
    environment: EnvironmentField | None = None
    turns: Count | None = None
    timeout_s: Seconds | None = None
    tasks: Annotated[str | None, WithJsonSchema(_TASKS)] = None
    field: str | None = Field(default=None, min_length=1)
    huggingface: HuggingFace | None = None
    harbor: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, value: Any) -> Any:
        """``tasks: {path: FILE, field: KEY}`` is the same as both keys by themselves."""
        tasks = value.get("tasks") if isinstance(value, dict) else None
        if isinstance(tasks, dict) and tasks.keys() <= {"path", "field"} and "path" in tasks:
            return {**value, "tasks": tasks["path"]} | ({"field": tasks["field"]} if "field" in tasks else {})
        return value

    @model_validator(mode="after")
    def _whole(self) -> "SuiteFile":
        if doubled := sorted({d for d in self.domains if self.domains.count(d) > 1}):
            raise ValueError(f"the domain {doubled[0]!r} is twice in domains; remove one")
        if "" in self.domains:
            raise ValueError("a domain has an empty name; name it")
        given = [name for name in ("tasks", "huggingface", "harbor") if getattr(self, name) is not None]
        if not given:
            known = "tasks: tasks.jsonl (or .csv, .tsv, .json, .parquet), harbor: FOLDER, or huggingface: {path: …}"
            raise ValueError(f"no source of tasks; add {known}")
        if len(given) > 1:
            raise ValueError(f"two sources of tasks, {given[0]} and {given[1]}; keep one")
        return self


class MessageRow(Strict):
    """One message of a task whose input is a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class TaskRow(Strict):
    """One line of tasks.jsonl, or one row of a table."""

    id: Text
    domain: Text | None = None
    input: Annotated[
        Annotated[str, Tag("str")] | Annotated[list[MessageRow], Tag("list")],
        Discriminator(lambda value: "list" if isinstance(value, list) else "str"),  # one problem, not one a branch
    ]
    reference: Any = None
    cluster: Text | None = None
    grader: GraderField | None = None
    split: Literal["dev", "test", "train"] | None = None
    files: FilesField | None = None
    tests: FilesField | None = None
    oracle: FilesField | None = None
    oracle_env: Variables | None = None
    oracle_timeout_s: Seconds | None = None
    tools: list[ToolField] | None = None
    environment: EnvironmentField | None = None
    turns: Count | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    timeout_s: Seconds | None = None


FIELDS = tuple(TaskRow.model_fields)


def grader_of(value: str | dict[str, Any] | None, default: Mapping[str, Any]) -> dict[str, Any]:
    """A grader as ``{"name": …}`` with its options; options without a name are laid over the suite's own grader."""
    if value is None:
        return dict(default)
    if isinstance(value, str):
        return {"name": value}
    return dict(value) if "name" in value else {**default, **value}


def with_rubrics(grader: Mapping[str, Any], read: Callable[[str], str]) -> dict[str, Any]:
    """A grader, and those that it combines, with the texts of rubrics that are written as ``{file: NAME}``."""

    def text(value: Any) -> Any:
        if isinstance(value, list):
            return [text(part) for part in value]
        if not isinstance(value, Mapping):
            return value
        found = {key: text(part) if key in {"of", "grader"} else part for key, part in value.items()}
        rubric = value.get("rubric")
        if isinstance(rubric, Mapping) and rubric.keys() == {"file"} and isinstance(rubric["file"], str):
            found["rubric"] = read(rubric["file"])
        return found

    found: dict[str, Any] = text(grader)
    return found
