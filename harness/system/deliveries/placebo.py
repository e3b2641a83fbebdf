"""As flat, with a skill of equal length about something else: what a text does by being there."""

from collections.abc import Callable
from pathlib import Path

from harness.skill import Skill, placebo
from harness.system.delivery import Delivery


class Placebo(Delivery):
    """A control."""

    name = "placebo"
    control = True

    def prepare(self, skills: tuple[Skill, ...], library: Callable[[Path], tuple[Skill, ...]]) -> tuple[Skill, ...]:
        """Each skill's place taken by others of its library."""
        return tuple(placebo(skill, library(skill.folder.parent)) for skill in skills)


DELIVERY = Placebo()
