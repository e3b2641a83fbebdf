"""A model with skills, which reach it by one of the deliveries.

A model that calls tools gets two of them where it may open skills; any other answers ``OPEN name`` or ``OPEN
name/path`` on a line, and is told the task once more after what it opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.core import Answer, Cause, Exposure, Message, Reply, Request, Role, Session, Task, Tool, ToolCall
from harness.model import assistant_message, tool_message
from harness.skill import Skill, SkillFileError, file_content, opened_name, read_file, skill_content
from harness.system.delivery import Delivery
from harness.system.direct import Direct, answered
from harness.system.protocol import Calls, with_system

MAX_TURNS = 8  # calls of one attempt. A conversation that has not answered by then is failed for ``turns``.
LIKELY_TURNS = 3  # of a model that may open skills


@dataclass(frozen=True, slots=True, kw_only=True)
class Skilled(Direct):
    """A model that is shown skills."""

    skills: tuple[Skill, ...]
    delivery: Delivery
    turns: int = MAX_TURNS

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the skills that the prompt holds, as text or as lines of a catalogue."""
        return tuple(skill.name for skill in self.skills)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is doubtful in its skills."""
        return tuple(f"skill {skill.name}: {warning}" for skill in self.skills for warning in skill.warnings)

    def preview(self, task: Task, trial: int = 0) -> Request:
        """The task under a system prompt that holds the skills, or their catalogue."""
        text = self.delivery.text(self.skills, by_tools=self.calls_tools)
        return self.request(task, with_system(text, self.prompt.of(task)), trial=trial, tools=self._tools())

    def calls(self, task: Task) -> tuple[Calls, Calls]:
        """One, or some more where skills are opened."""
        one, _ = super(Skilled, self).calls(task)
        return one, one * (LIKELY_TURNS if self.delivery.opens else 1)

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The model's answer, after as many openings as it asked for."""
        request = self.preview(task, session.trial)
        messages, opened = request.messages, set[str]()
        for name in self.shown:
            session.skill(name, Exposure.SHOWN)
        for _ in range(min(self.turns, task.turns or self.turns)):
            request = self.request(task, messages, trial=session.trial, tools=request.tools)
            reply = await session.call(self.model, request, role)
            results = self._results(reply, session, opened) if self.delivery.opens else ()
            if not results:
                return answered(self.contender.name, reply)
            for message in results:
                session.say(message)
            messages = (*messages, assistant_message(reply), *results)
        return Answer(text="", served_by=self.contender.name, finish_reason="turns", fault=Cause.TURNS)

    def _tools(self) -> tuple[Tool, ...]:
        if not self.delivery.opens or not self.calls_tools or not self.skills:
            return ()
        name = {"type": "string", "enum": list(self.shown), "description": "A name from the catalogue of skills."}
        path = {"type": "string", "description": "A path from the skill's listing of files."}
        described = {"open_skill": "Reads a skill.", "read_skill_file": "Reads one file of a skill that was opened."}
        properties = {"open_skill": _object(name=name), "read_skill_file": _object(name=name, path=path)}
        return tuple(Tool(name=n, description=text, parameters=properties[n]) for n, text in described.items())

    def _results(self, reply: Reply, session: Session, opened: set[str]) -> tuple[Message, ...]:
        """The messages that answer a reply's requests to open something; none where the reply is the answer.

        In the text protocol the task is said once more after what was opened: a small model does not keep a question in
        mind while it reads a long text, and a large one is not harmed.
        """
        if self.calls_tools:
            return tuple(tool_message(call, self._by_tool(call, session, opened)) for call in reply.tool_calls)
        asked = opened_name(reply.text)
        if asked is None:
            return ()
        text, again = self._open(*asked, session, opened), self.prompt.of(session.task)[-1]
        if self.tool_role:
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
                session.skill(name, Exposure.FILE)
            except SkillFileError as error:
                text = str(error)
            return text
        if name in opened:
            return f"The skill {name} is open already; its text stands above."
        opened.add(name)
        session.skill(name, Exposure.OPENED)
        return skill_content(name, skill.body, skill.files)


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
