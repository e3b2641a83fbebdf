"""As flat, with a skill of equal length about something else: what a text does by being there."""

from collections.abc import Callable
from pathlib import Path

from harness.skill import Skill, placebos
from harness.system.delivery import Delivery


class Placebo(Delivery):
    """A control."""

    name = "placebo"
    control = True

    def prepare(self, skills: tuple[Skill, ...], library: Callable[[Path], tuple[Skill, ...]]) -> tuple[Skill, ...]:
        """Each skill's place taken by another of its library, never by one of them."""
        return placebos(skills, library)


DELIVERY = Placebo()
