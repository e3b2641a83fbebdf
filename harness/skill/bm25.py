"""Finds the skills of a library that fit a query, by the words of their names, descriptions and bodies."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from harness.skill.files import Skill

K1, B = 1.5, 0.75


def search(library: Sequence[Skill], query: str, k: int) -> list[tuple[Skill, float]]:
    """The ``k`` best skills and their scores, best first, equals by name; skills that share no word are left out.

    BM25 (Robertson and Zaragoza 2009, equation 3.15) with k1 = 1.5 and b = 0.75 over name, description and body, each
    word of the query counted as often as it stands there; the inverse document frequency is
    ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
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
