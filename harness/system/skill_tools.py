"""The two tools by which a model opens skills and their files; a model that takes no tools writes ``OPEN name``."""

import json
from collections.abc import Mapping, Sequence

from harness.core import Action, Exposure, Message, Reply, Session, Tool, ToolCall
from harness.model import assistant_message
from harness.skill import Skill, SkillFileError, file_content, opened_name, read_file, skill_content
from harness.system.conversation import Perform, told

OPEN, READ = "open_skill", "read_skill_file"


def skill_tools(skills: Sequence[Skill]) -> tuple[Tool, ...]:
    """What a model is told of the tools; nothing where there are no skills."""
    if not skills:
        return ()
    listed = [skill.name for skill in skills]
    name = {"type": "string", "enum": listed, "description": "A name from the catalogue of skills."}
    path = {"type": "string", "description": "A path from the skill's listing of files."}
    tools = (
        (OPEN, "Reads a skill.", {"name": name}),
        (READ, "Reads one file of a skill that was opened.", {"name": name, "path": path}),
    )
    found = []
    for tool, text, keys in tools:
        form = {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}
        found.append(Tool(name=tool, description=text, parameters=form))
    return tuple(found)


def opened_by_text(text: str) -> ToolCall | None:
    """What ``OPEN name`` or ``OPEN name/path`` calls for."""
    if (asked := opened_name(text)) is None:
        return None
    name, path = asked
    if path is None:
        return ToolCall(id="", name=OPEN, arguments={"name": name})
    return ToolCall(id="", name=READ, arguments={"name": name, "path": path})


def as_if_opened(
    skills: Sequence[Skill], *, calls_tools: bool, tool_role: bool, again: Message | None
) -> tuple[Message, ...]:
    """The messages of a conversation in which a model has opened these skills; the rest as of `Conversation`."""
    messages: list[Message] = []
    for place, skill in enumerate(skills):
        asked = {"name": skill.name}
        call = ToolCall(
            id=f"opened{place:03}", name=OPEN, arguments=asked, raw=json.dumps(asked)
        )  # nine signs, as all take
        text = "" if calls_tools else f"OPEN {skill.name}"
        messages.append(assistant_message(Reply(text=text, tool_calls=(call,) if calls_tools else ())))
        content = skill_content(skill.name, skill.body, skill.files)
        messages += told(call, content, calls_tools=calls_tools, tool_role=tool_role, again=again)
    return tuple(messages)


class Shelf:
    """The skills that one attempt may open."""

    def __init__(self, skills: Sequence[Skill], session: Session, *, opened: bool = False) -> None:
        self._skills, self._session = {skill.name: skill for skill in skills}, session
        self._opened = set(self._skills if opened else ())

    @property
    def tools(self) -> Mapping[str, Perform]:
        """What performs the tools, by their names."""
        return {OPEN: self.open, READ: self.read}

    async def open(self, action: Action) -> str:
        """The skill's text, the first time."""
        name = str(action.arguments.get("name", ""))
        if (skill := self._skills.get(name)) is None:
            return self._unknown(name)
        if name in self._opened:
            return f"The skill {name} is open already; its text stands above."
        self._opened.add(name)
        self._session.skill(name, Exposure.OPENED)
        return skill_content(name, skill.body, skill.files)

    async def read(self, action: Action) -> str:
        """The text of one of the skill's files."""
        name, path = str(action.arguments.get("name", "")), str(action.arguments.get("path") or "")
        if (skill := self._skills.get(name)) is None:
            return self._unknown(name)
        try:
            text = file_content(name, path, read_file(skill, path))
        except SkillFileError as error:
            return str(error)
        self._session.skill(name, Exposure.FILE)
        return text

    def _unknown(self, name: str) -> str:
        return f"There is no skill {name}. The skills are: {', '.join(self._skills)}."
