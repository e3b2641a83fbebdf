"""Skills of a library by their words: those that fit a query, and one of equal length as a placebo."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.core import digest_json
from harness.skill.load import Skill

K1, B = 1.5, 0.75


def search(library: Sequence[Skill], query: str, k: int) -> list[tuple[Skill, float]]:
    """The ``k`` best skills and their scores, best first, equals by name; skills that share no word are left out.

    BM25 (Robertson and Zaragoza 2009, equation 3.15) with k1 = 1.5 and b = 0.75 over name, description and body, each
    word of the query as often as it stands there; idf is ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
    """
    texts = [Counter(_words(f"{skill.name}\n{skill.description}\n{skill.body}")) for skill in library]
    lengths = [text.total() for text in texts]
    scores: dict[int, float] = defaultdict(float)
    for word, times in Counter(_words(query)).items():
        holders = {place: text[word] for place, text in enumerate(texts) if word in text}
        weight = times * math.log(1 + (len(texts) - len(holders) + 0.5) / (len(holders) + 0.5))
        for place, count in holders.items():
            norm = K1 * (1 - B + B * lengths[place] / (sum(lengths) / len(lengths)))
            scores[place] += weight * count * (K1 + 1) / (count + norm)
    best = sorted(scores, key=lambda place: (-scores[place], library[place].name))
    return [(library[place], scores[place]) for place in best[: max(k, 0)]]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


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
