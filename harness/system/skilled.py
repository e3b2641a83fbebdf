"""A model with skills, in one of the delivery arms.

- ``flat``: whole bodies and their references stand in the system prompt.
- ``progressive``: the system prompt holds a catalogue of names and descriptions; the model opens a skill, then its
  files. A model that calls tools gets two tools; any other answers ``OPEN name`` or ``OPEN name/path`` on a line, and
  is told the task once more after what it opened.
- ``placebo``: as flat, with a skill of equal length about something else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.core import (
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
    Task,
    Tool,
    ToolCall,
)
from harness.model import assistant_message, tool_message
from harness.skill import (
    OPEN_BY_TEXT,
    OPEN_BY_TOOL,
    Skill,
    SkillFileError,
    catalogue,
    file_content,
    opened_name,
    read_file,
    skill_content,
)
from harness.system.direct import Asking, answered
from harness.system.protocol import with_system

DELIVERIES = ("none", "flat", "progressive", "placebo")
MAX_TURNS = 8
"""Calls of one attempt. A conversation that has not answered by then is failed for ``turns``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skilled:
    """A model that is shown skills."""

    contender: Contender
    asking: Asking
    skills: tuple[Skill, ...]
    delivery: str
    turns: int = MAX_TURNS

    @property
    def identity(self) -> str:
        """Of the contender on this suite."""
        return self.asking.identity

    @property
    def prompt(self) -> RenderedPrompt:
        """What it is asked, beside its skills."""
        return self.asking.prompt

    @property
    def models(self) -> frozenset[str]:
        """The one model."""
        return frozenset({self.asking.model})

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the skills that the prompt holds, as text or as lines of a catalogue."""
        return tuple(skill.name for skill in self.skills)

    def first_request(self, task: Task, trial: int) -> Request:
        """The task under a system prompt that holds the skills, or their catalogue."""
        text = self._catalogue() if self.delivery == "progressive" else flat_text(self.skills)
        return self.asking.request(task, with_system(text, self.prompt.of(task)), trial=trial, tools=self._tools())

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The model's answer, after as many openings as it asked for.

        Raises:
            ModelError: a call failed for good.
        """
        request = self.first_request(task, session.trial)
        messages, opened = request.messages, set[str]()
        for name in self.shown:
            session.skill(name, Exposure.SHOWN)
        for _ in range(min(self.turns, task.turns or self.turns)):
            request = self.asking.request(task, messages, trial=session.trial, tools=request.tools)
            reply = await session.call(self.asking.model, request, role)
            results = self._results(reply, session, opened) if self.delivery == "progressive" else ()
            if not results:
                return answered(self.contender.name, reply)
            for message in results:
                session.say(message)
            messages = (*messages, assistant_message(reply), *results)
        return Answer(text="", served_by=self.contender.name, finish_reason="turns", fault=Cause.TURNS)

    def _catalogue(self) -> str:
        text = catalogue((skill.name, skill.description) for skill in self.skills)
        how = OPEN_BY_TOOL if self.asking.calls_tools else OPEN_BY_TEXT
        return f"{text}\n\n{how}" if text else ""

    def _tools(self) -> tuple[Tool, ...]:
        if self.delivery != "progressive" or not self.asking.calls_tools or not self.skills:
            return ()
        name = {"type": "string", "enum": list(self.shown), "description": "A name from the catalogue of skills."}
        path = {"type": "string", "description": "A path from the skill's listing of files."}
        return (
            Tool(name="open_skill", description="Reads a skill.", parameters=_object(name=name)),
            Tool(
                name="read_skill_file",
                description="Reads one file of a skill that was opened.",
                parameters=_object(name=name, path=path),
            ),
        )

    def _results(self, reply: Reply, session: Session, opened: set[str]) -> tuple[Message, ...]:
        """The messages that answer a reply's requests to open something; none where the reply is the answer.

        In the text protocol the task is said once more after what was opened: a small model does not keep a question in
        mind while it reads a long text, and a large one is not harmed.
        """
        if self.asking.calls_tools:
            return tuple(tool_message(call, self._by_tool(call, session, opened)) for call in reply.tool_calls)
        asked = opened_name(reply.text)
        if asked is None:
            return ()
        text, again = self._open(*asked, session, opened), self.prompt.of(session.task)[-1]
        if self.asking.tool_role:
            return ({"role": "tool", "content": text}, again)
        return ({"role": "user", "content": f"{text}\n\n{again['content']}"},)

    def _by_tool(self, call: ToolCall, session: Session, opened: set[str]) -> str:
        if call.name not in {"open_skill", "read_skill_file"}:
            return f"There is no tool {call.name}."
        if call.arguments is None:
            return "The arguments are not valid JSON."
        name, path = str(call.arguments.get("name", "")), call.arguments.get("path")
        return self._open(name, str(path or "") if call.name == "read_skill_file" else None, session, opened)

    def _open(self, name: str, path: str | None, session: Session, opened: set[str]) -> str:
        skill = next((s for s in self.skills if s.name == name), None)
        if skill is None:
            return f"There is no skill {name}. The skills are: {', '.join(self.shown)}."
        if path is not None:
            try:
                text = file_content(name, path, read_file(skill, path))
            except SkillFileError as error:
                return str(error)
            session.skill(name, Exposure.FILE)
            return text
        if name in opened:
            return f"The skill {name} is open already; its text stands above."
        opened.add(name)
        session.skill(name, Exposure.OPENED)
        return skill_content(name, skill.body, skill.files)


def flat_text(skills: tuple[Skill, ...]) -> str:
    """Whole bodies, each followed by its files under ``references/``."""
    parts = []
    for skill in skills:
        parts.append(skill_content(skill.name, skill.body))
        for path in skill.files:
            if path.startswith("references/"):
                try:
                    parts.append(file_content(skill.name, path, read_file(skill, path)))
                except SkillFileError as error:  # a picture, say: the model is told what it does not see
                    parts.append(file_content(skill.name, path, str(error)))
    return "\n\n".join(parts)


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
