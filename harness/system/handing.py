"""Contenders that hand work to another by a tool: a worker that asks an expert, and a lead that delegates subtasks.

Whoever is asked sees the text that it is handed and nothing else of the conversation; its skills, adapter and settings
are its own. A model that takes no tools is told of the tool in words, and calls it by a line of text.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.core import (
    Action,
    Answer,
    Message,
    RenderedPrompt,
    Request,
    Role,
    Session,
    Task,
    Tool,
    ToolCall,
    digest_json,
    plural,
)
from harness.system.conversation import Conversation, called_by_text, tools_as_text
from harness.system.drawn import DrawnSession
from harness.system.signal import Calls
from harness.system.skill_tools import opened_by_text
from harness.system.systems import Direct, System, held

_EXPERT = "Asks an expert, who is better at this than you are and costs more, and gives the answer."
_WORKER = "Hands a subtask to a worker, who costs much less than you do, and gives the answer."
_ALONE = "Nothing but this text is seen: say in it all that is needed."
_NOTHING, _SPENT = "No answer came.", "Not done: you may not do this again. Go on with what you have."
_NEEDED, _NOBODY = "Not done: {} has to be a text that is not empty.", "Not done: the worker has to be one of {}."
HANDING_TEXTS = digest_json([_EXPERT, _WORKER, _ALONE, _NOTHING, _SPENT, _NEEDED, _NOBODY, tools_as_text(())])
"""Of what is said of the tools: a change of it changes answers, so it changes every such contender's digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handing(System):
    """A model that is asked, and answers, with one tool that hands a text on, at most so often in an attempt."""

    first: Direct
    most: int

    @property
    def tool(self) -> Tool:
        """As the model is told of it; the last of its arguments is the text."""
        raise NotImplementedError

    @property
    def roles(self) -> tuple[Role, Role]:
        """The model's own, and that of those it hands to."""
        raise NotImplementedError

    def to(self, arguments: Mapping[str, Any]) -> Direct | None:
        """Who is meant; ``None``: nobody that there is."""
        raise NotImplementedError

    @property
    def notes(self) -> tuple[str, ...]:
        """That a model which takes no tools has to learn of it from its prompt."""
        if self.first.calls_tools:
            return ()
        told = f"{self.first.contender.name} takes no tools: it is told of {self.tool.name} in its prompt"
        return (f"{told}, and a small model may neither use it nor answer as well as before",)

    def prompts(self, asked: Collection[str]) -> Iterator[RenderedPrompt]:
        """The model's; those that it hands to see the text that it wrote, in place of their prompts."""
        if self.identity in asked:
            yield self.first.prompt

    def preview(self, task: Task, trial: int = 0) -> Request:
        """What the model is asked by itself, with the tool."""
        request = replace(self.first.preview(task, trial), scope=self.identity, contender=self.contender.name)
        if self.first.calls_tools:
            return replace(request, tools=(*request.tools, self.tool))
        text, messages = tools_as_text((self.tool,)), request.messages
        if messages and messages[0]["role"] == "system":
            text, messages = f"{text}\n\n{messages[0]['content']}", messages[1:]
        return replace(request, messages=({"role": "system", "content": text}, *messages))

    def calls(self, task: Task) -> tuple[Calls, Calls]:
        """One, where nothing is handed on; else one more for each time, and the calls of those that it is handed to."""
        one = ((self.first.model, self.preview(task)),)
        handed = max((part.calls(task)[1] for part in self.parts if part is not self.first), key=len)
        return one, one * self._turns(task) + handed * self.most

    def _turns(self, task: Task) -> int:
        turns = int(getattr(self.first, "turns", 1)) + self.most + 1  # one too many is told so, and may be answered
        return min(turns, task.turns or turns)

    def further(self, task: Task) -> tuple[Calls, Calls]:
        """All of them: its parts are asked otherwise by themselves."""
        return self.calls(task)

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:  # noqa: ARG002
        """The model's answer, after as much as it handed on."""
        async with session.workplace(self.first.folders(task)):
            return await self._answer(task, session)

    async def _answer(self, task: Task, session: Session) -> Answer:
        request, opening = self.preview(task, session.trial), self.first.opening(session)
        desk = _Desk(of=self, session=session)

        def called(text: str) -> ToolCall | None:
            return called_by_text(text) or (opened_by_text(text) if opening else None)

        conversation = Conversation(
            model=self.first.model,
            request=lambda messages: replace(request, messages=messages),
            tools={**opening, self.tool.name: desk.perform},
            turns=self._turns(task),
            calls_tools=self.first.calls_tools,
            read=called,
            tool_role=self.first.tool_role,
            again=self.first.prompt.of(task)[-1],
        )
        reply = await conversation.hold(request.messages, session, self.roles[0])
        return replace(held(self.first.contender.name, reply), escalated=self.escalated(desk.done))

    def escalated(self, times: int) -> bool | None:  # noqa: ARG002 - a lead escalates nothing
        """Whether an attempt that handed on so often escalated."""
        return None


@dataclass(kw_only=True)
class _Desk:
    """What one attempt hands on."""

    of: Handing
    session: Session
    done: int = 0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def perform(self, action: Action) -> str:
        *_, key = self.of.tool.parameters["properties"]
        text, other = str(action.arguments.get(key) or "").strip(), self.of.to(action.arguments)
        if other is None:
            return _NOBODY.format(", ".join(_labels(self.of.tool)))
        if not text:
            return _NEEDED.format(key)
        if self.done == self.of.most:
            return _SPENT
        self.done += 1
        draw, self.seen[other.identity, text] = self.seen[other.identity, text], self.seen[other.identity, text] + 1
        session = DrawnSession(self.session, draw) if draw else self.session  # what is asked again is answered anew
        answer = await _asked(other, text).answer(self.session.task, session, self.of.roles[1])
        return answer.text if answer.fault is None and answer.text.strip() else _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised(Handing):
    """A worker that may ask an expert, and answers itself."""

    expert: Direct

    @property
    def parts(self) -> tuple[System, ...]:
        """The worker, then the expert."""
        return self.first, self.expert

    @property
    def roles(self) -> tuple[Role, Role]:
        """As in any hybrid of two."""
        return Role.WORKER, Role.EXPERT

    @property
    def tool(self) -> Tool:
        """A question."""
        told = f"{_EXPERT} You may ask {plural(self.most, 'question')} at most."
        return _tool("ask_expert", told, question={"type": "string", "description": _ALONE})

    def to(self, arguments: Mapping[str, Any]) -> Direct:  # noqa: ARG002
        """The expert."""
        return self.expert

    def escalated(self, times: int) -> bool:
        """Where it asked."""
        return times > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Led(Handing):
    """A lead that hands subtasks to workers, whom it knows by numbers, and answers itself."""

    workers: tuple[Direct, ...]

    @property
    def parts(self) -> tuple[System, ...]:
        """The lead, then its workers."""
        return self.first, *self.workers

    @property
    def roles(self) -> tuple[Role, Role]:
        """The lead, and its workers."""
        return Role.LEAD, Role.WORKER

    @property
    def tool(self) -> Tool:
        """A worker's label, and the subtask."""
        labels = [f"worker_{number}" for number in range(1, len(self.workers) + 1)]
        told = f"{_WORKER} You may hand on {plural(self.most, 'subtask')} at most."
        worker, subtask = {"type": "string", "enum": labels}, {"type": "string", "description": _ALONE}
        return _tool("delegate", told, worker=worker, subtask=subtask)

    def to(self, arguments: Mapping[str, Any]) -> Direct | None:
        """The worker of that label; the only one, where none is named."""
        by_label = dict(zip(_labels(self.tool), self.workers, strict=True))
        named = arguments.get("worker")
        return self.workers[0] if named is None and len(self.workers) == 1 else by_label.get(str(named))


def _tool(name: str, told: str, **keys: Mapping[str, Any]) -> Tool:
    form = {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}
    return Tool(name=name, description=told, parameters=form)


def _labels(tool: Tool) -> list[str]:
    return list(tool.parameters["properties"].get("worker", {}).get("enum", ()))


def _asked(who: Direct, text: str) -> Direct:
    """The same contender, asked a text in place of any task."""
    return replace(who, prompt=RenderedPrompt(template=who.prompt.template, messages=_Everywhere(text)))


class _Everywhere(dict[str, tuple[Message, ...]]):
    """One question, whatever the task."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._said: tuple[Message, ...] = ({"role": "user", "content": text},)

    def __missing__(self, _task: str) -> tuple[Message, ...]:
        return self._said
