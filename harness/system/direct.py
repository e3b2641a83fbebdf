"""A model asked the task and nothing else, bare or with an adapter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.core import Answer, Message, Reply, Request, Role, Session, Task, Tool
from harness.model import ADAPTERS, RESPONSE_FORMAT
from harness.system.protocol import Calls, Need, System, fault_in
from harness.system.signal import sureness


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct(System):
    """One question, one answer; what every contender that speaks with a model itself has."""

    model: str  # its name in the experiment
    model_digest: str
    sampling: Mapping[str, Any] = field(default_factory=dict)
    adapter: str | None = None  # the adapter's folder on this suite
    adapter_digest: str | None = None
    logprobs: bool = False
    calls_tools: bool = False  # whether the model takes tools; else a text protocol stands in for them
    tool_role: bool = True  # whether the model's chat template knows the role ``tool``

    @property
    def models(self) -> frozenset[str]:
        """The one model."""
        return frozenset({self.model})

    @property
    def needs(self) -> tuple[Need, ...]:
        """What its adapter and its form of answer ask for."""
        form = self.sampling.get("response_format")
        asked = ((ADAPTERS, "adapter", self.adapter), (RESPONSE_FORMAT, "response_format", form))
        return tuple(Need(self.model, capability, key) for capability, key, given in asked if given)

    def request(
        self, task: Task, messages: tuple[Message, ...], *, trial: int, tools: tuple[Tool, ...] = ()
    ) -> Request:
        """A request of its model at a task."""
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
            contender=self.contender.name,
        )

    def preview(self, task: Task, trial: int = 0) -> Request:
        """The prompt as it is."""
        return self.request(task, self.prompt.of(task), trial=trial)

    def calls(self, task: Task) -> tuple[Calls, Calls]:
        """One."""
        one = ((self.model, self.preview(task)),)
        return one, one

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The model's answer."""
        reply = await session.call(self.model, self.preview(task, session.trial), role)
        return answered(self.contender.name, reply)


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
