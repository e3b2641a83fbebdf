"""The system prompt holds a catalogue of names and descriptions; the model opens a skill, then its files."""

from harness.skill import OPEN_BY_TEXT, OPEN_BY_TOOL, Skill, catalogue
from harness.system.delivery import Delivery


class Progressive(Delivery):
    """As the Agent Skills format means it."""

    name = "progressive"
    opens = True

    def text(self, skills: tuple[Skill, ...], *, by_tools: bool) -> str:
        """The catalogue, and how to open what it lists."""
        listed = catalogue((skill.name, skill.description) for skill in skills)
        return f"{listed}\n\n{OPEN_BY_TOOL if by_tools else OPEN_BY_TEXT}" if listed else ""


DELIVERY = Progressive()
