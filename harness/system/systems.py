"""What every contender is to the run; a model that is asked once, and a model with skills.

A model that calls tools gets two of them where it may open skills; any other answers ``OPEN name`` or ``OPEN
name/path`` on a line, and is told the task once more after what it opened.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from harness.core import (
    MALFORMED,
    Answer,
    Cause,
    Contender,
    Exposure,
    Message,
    RenderedPrompt,
    Reply,
    Request,
    Role,
    Session,
    SkillFolder,
    Task,
    Tool,
)
from harness.model import ADAPTERS, ANSWER_LIMITS, REASONING, RESPONSE_FORMAT
from harness.skill import Skill
from harness.system.conversation import Conversation, Perform
from harness.system.delivery import Chooser, Delivery
from harness.system.signal import Calls, sureness
from harness.system.skill_tools import Shelf, as_if_opened, opened_by_text, skill_tools

MAX_TURNS = 8  # calls of one attempt. A conversation that has not answered by then is failed for ``turns``.
LETTER_TOKENS = 16  # of an answer that is one letter, with whatever stands around it


@dataclass(frozen=True, slots=True)
class Need:
    """A capability that a contender's model has to have, and the contender's key that asks for it."""

    model: str
    capability: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A contender on one suite. What a kind of contender does not say of itself is not so."""

    contender: Contender  # its name and what it is made of, the same on every suite
    identity: str  # the digest of all that it is on this suite, and of no name: equal systems share answers
    prompt: RenderedPrompt  # what it is asked first at each task of the suite

    @property
    def parts(self) -> tuple["System", ...]:
        """Contenders whose answers it uses."""
        return ()

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that it calls."""
        return frozenset(model for part in self.parts for model in part.models)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What its models have to be able to do, beside what its parts need."""
        return ()

    @property
    def needs_box(self) -> bool:
        """Whether it runs commands, in a box."""
        return any(part.needs_box for part in self.parts)

    @property
    def undecided(self) -> frozenset[str]:
        """Names of the contenders, itself and its parts, for which something is still to be chosen on dev tasks."""
        return frozenset(name for part in self.parts for name in part.undecided)

    @property
    def waits_for(self) -> frozenset[str]:
        """Names of the contenders on whose dev attempts that is chosen."""
        return frozenset(name for part in self.parts for name in part.waits_for)

    @property
    def like(self) -> str | None:
        """The contender whose chosen share it takes."""
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must know before it is run."""
        return ()

    def prompts(self, asked: Collection[str]) -> Iterator[RenderedPrompt]:
        """Its own, and its parts', where their identities are among those ``asked``."""
        if not self.parts and self.identity in asked:
            yield self.prompt
        for part in self.parts:
            yield from part.prompts(asked)

    def with_choice(self, chosen: Mapping[str, Any]) -> "System":  # noqa: ARG002 - nothing is to be chosen
        """The same with the ``threshold`` or ``rate`` that was chosen, by contender name, for itself and its parts."""
        return self

    @property
    def on_dev(self) -> "System":
        """What tries dev tasks in its place, while something is to be chosen on them."""
        return self

    def calls(self, task: Task) -> tuple[Calls, Calls]:
        """The calls of one attempt at ``task``: the fewest, and the most that are likely."""
        raise NotImplementedError

    def further(self, task: Task) -> tuple[Calls, Calls]:
        """Those of them that no contender makes which it is made of, and whose answers it uses."""
        return ((), ()) if self.parts else self.calls(task)

    def preview(self, task: Task, trial: int = 0) -> Request | None:
        """What is sent first, where that can be said before it is sent."""
        raise NotImplementedError

    async def rehearse(self, task: Task, session: Session) -> tuple[float | None, Sequence[Answer]]:
        """How sure the first of its parts is, and all parts' answers, on which is chosen. Raises as `answer`."""
        raise NotImplementedError

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The answer to one task. Raises ModelError: a call failed for good."""
        raise NotImplementedError


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

    def folders(self, task: Task) -> Mapping[str, SkillFolder]:  # noqa: ARG002 - it works nowhere
        """Skills whose files it has where it works at a task, by their names."""
        return {}

    def opening(self, session: Session) -> Mapping[str, Perform]:  # noqa: ARG002 - a bare model is shown nothing
        """What performs its tools; what it is shown of skills is told with that."""
        return {}

    def question(self, task: Task, said: str, text: str, letters: Sequence[str], trial: int = 0) -> tuple[str, Request]:
        """One more question to its model after what it said, to be answered by a letter, whose probability is asked."""
        first = self.preview(task, trial)
        messages = (*first.messages, {"role": "assistant", "content": said}, {"role": "user", "content": text})
        sampling = {key: value for key, value in first.sampling.items() if key not in {"response_format", "stop"}}
        if not REASONING & set(sampling):
            sampling |= {key: min(int(sampling[key]), LETTER_TOKENS) for key in ANSWER_LIMITS if key in sampling}
        asked = replace(first, messages=messages, sampling=sampling, tools=(), logprobs=True, letters=tuple(letters))
        return self.model, asked

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The model's answer."""
        return answered(self.contender.name, await session.call(self.model, self.preview(task, session.trial), role))


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


def held(name: str, reply: Reply | None) -> Answer:
    """The end of a conversation with tools as that answer; where its turns were spent, as failed for it."""
    if reply is None:
        return Answer(text="", served_by=name, finish_reason="turns", fault=Cause.TURNS)
    return answered(name, reply)


def fault_in(reply: Reply) -> Cause | None:
    """The contender's own fault that a reply shows by itself."""
    if reply.refusal is not None:
        return Cause.REFUSED
    return Cause.MALFORMED if reply.finish_reason == MALFORMED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skilled(Direct):
    """A model that is shown skills."""

    skills: tuple[Skill, ...]
    delivery: Delivery
    turns: int = MAX_TURNS
    chooser: Chooser | None = None  # chooses those of each task; ``None``: it has them all

    def at(self, task: Task) -> Self:
        """The same with the skills of one task."""
        return self if self.chooser is None else replace(self, skills=self.chooser(task), chooser=None)

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the skills that the prompt holds, as text or as lines of a catalogue."""
        return tuple(skill.name for skill in self.skills)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is doubtful in its skills."""
        return tuple(f"skill {skill.name}: {warning}" for skill in self.skills for warning in skill.warnings)

    def preview(self, task: Task, trial: int = 0) -> Request:
        """The task under a system prompt that holds the skills, or their catalogue, before the task's own."""
        if self.chooser is not None:
            return self.at(task).preview(task, trial)
        messages, text = self.prompt.of(task), self.delivery.text(self.skills, by_tools=self.calls_tools)
        if text and messages and messages[0]["role"] == "system":
            messages, text = messages[1:], f"{text}\n\n{messages[0]['content']}"
        if text:
            messages = ({"role": "system", "content": text}, *messages)
        if self.delivery.opened:
            how = {"calls_tools": self.calls_tools, "tool_role": self.tool_role}
            messages = (*messages, *as_if_opened(self.skills, **how, again=self.prompt.of(task)[-1]))
        return self.request(task, messages, trial=trial, tools=self._tools())

    def calls(self, task: Task) -> tuple[Calls, Calls]:
        """One, or as many as its turns where skills are opened."""
        one, _ = super(Skilled, self).calls(task)
        return one, one * (min(self.turns, task.turns or self.turns) if self.delivery.opens and self.skills else 1)

    def opening(self, session: Session) -> Mapping[str, Perform]:
        """Those of its shelf, where it may open something."""
        if self.chooser is not None:
            return self.at(session.task).opening(session)
        for name in self.shown:
            session.skill(name, Exposure.SHOWN)
        return self._shelf(session) if self.skills and self.delivery.opens else {}

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The model's answer, after as many openings as it asked for."""
        if self.chooser is not None:
            return await self.at(task).answer(task, session, role)
        first = self.preview(task, session.trial)
        conversation = Conversation(
            model=self.model,
            request=lambda messages: replace(first, messages=messages),
            tools=self.opening(session),
            turns=min(self.turns, task.turns or self.turns),
            calls_tools=self.calls_tools,
            read=opened_by_text,
            tool_role=self.tool_role,
            # the task is said once more: a small model does not keep a question in mind while it reads a long text
            again=self.prompt.of(task)[-1],
        )
        return held(self.contender.name, await conversation.hold(first.messages, session, role))

    def _shelf(self, session: Session) -> Mapping[str, Perform]:
        return Shelf(self.skills, session, opened=self.delivery.opened).tools

    def _tools(self) -> tuple[Tool, ...]:
        return skill_tools(self.skills) if self.delivery.opens and self.calls_tools else ()
