"""A skill of equal length about something else: the placebo."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.core import digest_json
from harness.skill.load import Skill

NEUTRAL_NAME = "pond-keeping"
NEUTRAL_DESCRIPTION = "Use when a garden pond must be kept through the seasons."
NEUTRAL_BODY = """# Keeping a garden pond

## Spring

Lift the net, take out the leaves that fell in winter, and cut back the reeds. Divide water lilies every third year.
Feed fish only when the water stays above ten degrees.

## Summer

Top up the water in the evening. Remove thread algae by winding them on a stick. Leave a shaded part: a third of the
surface under floating leaves keeps the water clear.

## Autumn

Stretch a net before the first leaves fall. Cut marginal plants to a hand's width above the water. Bring tender plants
indoors in a bucket.

## Winter

Keep a small hole open in the ice with a float. Never break ice by force. A pond as deep as an arm is long does not
freeze to its bed.
"""


def placebos(skills: Sequence[Skill], library: Callable[[Path], Iterable[Skill]]) -> tuple[Skill, ...]:
    """For each skill another of its library, none of ``skills`` and none twice; where they run out, one on ponds."""
    taken, found = {skill.name for skill in skills}, list[Skill]()
    for number, skill in enumerate(skills, 1):
        other = placebo(skill, [one for one in library(skill.folder.parent) if one.name not in taken])
        repeated = other.name in {one.name for one in found}  # the one about ponds again
        found.append(replace(other, name=f"{other.name}-{number}") if repeated else other)
        taken.add(other.name)
    return tuple(found)


def placebo(skill: Skill, library: Iterable[Skill]) -> Skill:
    """The library's other skill nearest in words (else one about ponds), as many words of it as ``skill`` has."""
    wanted = len(skill.body.split())
    others = [other for other in library if other.name != skill.name and other.body.strip()]
    neutral = replace(skill, name=NEUTRAL_NAME, description=NEUTRAL_DESCRIPTION, body=NEUTRAL_BODY)
    other = min(others, key=lambda o: (abs(len(o.body.split()) - wanted), o.name)) if others else neutral
    whole = "\n\n".join([other.body.strip()] * -(-wanted // len(other.body.split())))  # its lines stay as they are
    body = whole[: [0, *(found.end() for found in re.finditer(r"\S+", whole))][wanted]]
    digest = digest_json(["placebo", other.name, other.description, body])
    return Skill(name=other.name, description=other.description, body=body, folder=other.folder, digest=digest)
