"""What a delivery says of itself: what of the skills stands in the prompt, and whether the model may open more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from harness.core import Registry, Task
from harness.skill import Skill, SkillFileError, file_content, read_file, skill_content


class Delivery:
    """One way that skills reach a model. A subclass says what differs from what stands here: whole texts, no tools."""

    name: str = "none"
    control: bool = False  # a yardstick, and no option
    opens: bool = False  # whether the model may open skills and their files
    opened: bool = False  # whether the conversation begins as if the model had opened every skill already
    takes: str = ""  # what its argument is, where it takes one: ``bm25:K``
    identity: tuple[Any, ...] = ()  # what else of it changes answers, beside its name and argument
    written: bool = False  # whether an author writes the skill for each task, and none is named

    def prepare(self, skills: tuple[Skill, ...], library: Callable[[Path], tuple[Skill, ...]]) -> tuple[Skill, ...]:  # noqa: ARG002
        """The skills that are delivered; ``library`` reads a folder of skills."""
        return skills

    def with_argument(self, argument: str) -> Self:
        """The same with what stands behind the colon. Raises ValueError: it is not such an argument."""
        if argument:
            raise ValueError(f"the delivery {self.name} takes no argument, found {argument!r}; write {self.name}")
        return self

    def chooser(self, skills: tuple[Skill, ...]) -> "Chooser | None":  # noqa: ARG002 - all skills at every task
        """What chooses the skills of each task, out of those that were prepared."""
        return None

    def text(self, skills: tuple[Skill, ...], *, by_tools: bool) -> str:  # noqa: ARG002 - whole texts are opened by none
        """The system prompt: whole bodies and their ``references/``; ``by_tools``, not by text, are skills opened."""
        parts = []
        for skill in skills:
            parts.append(skill_content(skill.name, skill.body))
            for path in [file for file in skill.files if file.startswith("references/")]:
                try:
                    said = read_file(skill, path)
                except SkillFileError as error:  # a picture, say: the model is told what it does not see
                    said = str(error)
                parts.append(file_content(skill.name, path, said))
        return "\n\n".join(parts)


Chooser = Callable[[Task], tuple[Skill, ...]]


def delivery_of(written: str) -> Delivery:
    """The delivery of a word that is known, with its argument. Raises ValueError: it takes none, or another."""
    name, _, argument = written.partition(":")
    return DELIVERIES[name].with_argument(argument)


DELIVERIES: Registry[Delivery] = Registry(
    "delivery", "harness.system.deliveries", lambda value: isinstance(value, Delivery), group="ownbench.deliveries"
)
NONE = "none"  # the word for a contender without skills
