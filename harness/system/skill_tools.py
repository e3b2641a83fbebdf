"""The two tools by which a model opens skills and their files; a model that takes no tools writes ``OPEN name``."""

from collections.abc import Mapping, Sequence

from harness.core import Action, Exposure, Session, Tool, ToolCall
from harness.skill import Skill, SkillFileError, file_content, opened_name, read_file, skill_content
from harness.system.conversation import Perform

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


class Shelf:
    """The skills that one attempt may open."""

    def __init__(self, skills: Sequence[Skill], session: Session) -> None:
        self._skills, self._session, self._opened = {skill.name: skill for skill in skills}, session, set[str]()

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
