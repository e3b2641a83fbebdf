"""What is asked: tasks, the prompts that make questions of them, and suites."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.core.boxes import WORK
from harness.core.plain import digest_json

Message = dict[str, Any]  # in the chat shape: ``role``, ``content``, ``tool_calls``, ``tool_call_id``


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One unit of work with a grader. What a contender is asked about it is the contender's prompt's business."""

    id: str
    domain: str
    cluster: str  # tasks that share a source share a cluster; by default the task's own id. The unit of resampling.
    input: str | tuple[Message, ...] = ""  # a text, or a conversation that ends with the question
    metadata: Mapping[str, Any] = field(default_factory=dict)  # more fields of the input, for prompts to use
    reference: Any = None
    grader: Mapping[str, Any] = field(default_factory=dict)  # ``{"name": …}`` and the grader's options
    split: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)  # by the name that the suite gives it, where each file lies
    tools: tuple["Tool", ...] = ()
    environment: Mapping[str, Any] = field(
        default_factory=dict
    )  # an ``image``, a ``dockerfile`` or ``host``; ``env``, ``workdir``, what it asks of a box; or nothing
    dockerfile: str = ""  # the folder of the environment's Dockerfile; of the environment itself its digest is content
    tests: Mapping[str, str] = field(default_factory=dict)  # as files, for the grader's eyes only: no contender's box
    tests_digest: str = ""  # of the tests' names and contents; part of the grading, not of the task
    oracle: Mapping[str, str] = field(default_factory=dict)  # as files: what solves the task, with ``solve.sh`` to run
    oracle_env: Mapping[str, str] = field(default_factory=dict)  # variables of ``solve.sh``
    oracle_timeout_s: float | None = None  # of ``solve.sh``
    turns: int | None = None  # calls of a model that an attempt may make at most
    timeout_s: float | None = None
    digest: str = ""  # of input, metadata, files, tools, environment and limits: of no name, no prompt and no grader

    @property
    def workdir(self) -> str:
        """The work folder of its boxes."""
        return str(self.environment.get("workdir") or WORK)

    @property
    def text(self) -> str:
        """What is asked, without any prompt: the input, or what its messages say."""
        asked = self.input
        return asked if isinstance(asked, str) else "\n\n".join(str(message.get("content") or "") for message in asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """What makes a task into a question: a template of the user's message, and perhaps one of the system's."""

    user: str = "{{ input }}"
    system: str | None = None
    files: Mapping[str, str] = field(default_factory=dict, compare=False)  # by role, the file that each was read from

    @property
    def digest(self) -> str:
        """Of the texts alone."""
        return _digest_of(self.system, self.user)


@functools.lru_cache(maxsize=1_000)
def _digest_of(system: str | None, user: str) -> str:
    return digest_json([system, user])


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPrompt:
    """A template and what it asks at each task of a suite."""

    template: PromptTemplate = field(default_factory=PromptTemplate)
    messages: Mapping[str, tuple[Message, ...]] = field(default_factory=dict, repr=False)  # by the task's digest
    variables: frozenset[str] = frozenset({"input"})  # what of a task the template names

    def of(self, task: Task) -> tuple[Message, ...]:
        """What is asked at a task."""
        return self.messages[task.digest]

    def identity_of(self, task: Task) -> str:
        """The task's digest, with the names that this prompt shows the model: those may change nothing else."""
        named = {name: getattr(task, name) for name in ("id", "domain") if name in self.variables}
        return digest_json([task.digest, named]) if named else task.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named, versioned, content-hashed set of tasks, with a default prompt."""

    name: str
    version: str
    tasks: tuple[Task, ...]
    domains: tuple[str, ...]
    metric: str = "pass_rate"
    human_baseline: Mapping[str, Any] | None = None
    prompt: RenderedPrompt = field(default_factory=RenderedPrompt)  # of contenders without one of their own
    digest: str = ""  # of its tasks, whatever they and it are called


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that a model may call: its name, what it does, and the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]
