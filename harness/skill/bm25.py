"""Finds the skills of a library that fit a query, by the words of their names, descriptions and bodies."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from harness.skill.record import Skill

K1, B = 1.5, 0.75


def search(library: Sequence[Skill], query: str, k: int) -> list[tuple[Skill, float]]:
    """The ``k`` best skills and their scores, best first, equals by name; skills that share no word are left out.

    BM25 (Robertson and Zaragoza 2009, equation 3.15) with k1 = 1.5 and b = 0.75 over name, description and body, each
    word of the query counted as often as it stands there; the inverse document frequency is
    ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
    """
    postings, lengths = _index(tuple((s.name, s.description, s.body) for s in library))
    scores: dict[int, float] = {}
    mean = sum(lengths) / len(lengths) if lengths else 0.0
    for word, times in Counter(_words(query)).items():
        holders = postings.get(word, {})
        weight = times * math.log(1 + (len(lengths) - len(holders) + 0.5) / (len(holders) + 0.5))
        for place, count in holders.items():
            norm = K1 * (1 - B + B * lengths[place] / mean)
            scores[place] = scores.get(place, 0.0) + weight * count * (K1 + 1) / (count + norm)
    best = sorted(scores, key=lambda place: (-scores[place], library[place].name))
    return [(library[place], scores[place]) for place in best[: max(k, 0)]]


@lru_cache(maxsize=8)
def _index(texts: tuple[tuple[str, str, str], ...]) -> tuple[dict[str, dict[int, int]], list[int]]:
    """For each word the places that hold it and how often; and every text's number of words."""
    postings: dict[str, dict[int, int]] = {}
    lengths = []
    for place, parts in enumerate(texts):
        words = _words("\n".join(parts))
        lengths.append(len(words))
        for word, count in Counter(words).items():
            postings.setdefault(word, {})[place] = count
    return postings, lengths


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())
