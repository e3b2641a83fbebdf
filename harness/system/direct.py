"""A model asked the task and nothing else, bare or with an adapter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.core import Answer, Contender, Message, RenderedPrompt, Reply, Request, Role, Session, Task, Tool
from harness.system.protocol import fault_in, sureness


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How one model is asked: what every contender that speaks with a model itself has."""

    model: str
    """Its name in the experiment."""
    model_digest: str
    prompt: RenderedPrompt
    """What it is asked at each task of this suite."""
    contender: str
    """The contender's name."""
    identity: str
    """Of all that the contender is on this suite, but its name."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    adapter: str | None = None
    """The adapter's folder on this suite."""
    adapter_digest: str | None = None
    logprobs: bool = False
    calls_tools: bool = False
    """Whether the model takes tools; else a text protocol stands in for them."""
    tool_role: bool = True
    """Whether the model's chat template knows the role ``tool``."""

    def request(
        self, task: Task, messages: tuple[Message, ...], *, trial: int, tools: tuple[Tool, ...] = ()
    ) -> Request:
        """A request of this model at a task."""
        return Request(
            model=self.model_digest,
            messages=messages,
            sampling=self.sampling,
            tools=tools,
            adapter=self.adapter,
            adapter_digest=self.adapter_digest,
            logprobs=self.logprobs,
            trial=trial,
            scope=self.identity,
            task=task.digest,
            contender=self.contender,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """One question, one answer."""

    contender: Contender
    asking: Asking

    @property
    def identity(self) -> str:
        """Of the contender on this suite."""
        return self.asking.identity

    @property
    def prompt(self) -> RenderedPrompt:
        """What it is asked."""
        return self.asking.prompt

    @property
    def models(self) -> frozenset[str]:
        """The one model."""
        return frozenset({self.asking.model})

    def first_request(self, task: Task, trial: int) -> Request:
        """The prompt as it is."""
        return self.asking.request(task, self.prompt.of(task), trial=trial)

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The model's answer.

        Raises:
            ModelError: the call failed for good.
        """
        request = self.first_request(task, session.trial)
        return answered(self.contender.name, await session.call(self.asking.model, request, role))


def answered(name: str, reply: Reply) -> Answer:
    """The last reply of a conversation as the answer of the contender of that name."""
    return Answer(
        text=reply.text,
        confidence=sureness(reply.signals),
        signals=reply.signals,
        served_by=name,
        finish_reason=reply.finish_reason,
        fault=fault_in(reply),
    )
