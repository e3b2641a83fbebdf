"""Beginnings that prompts share, found by their tokens alone: what the model made of one is kept, and copied to others.

A skill, a catalogue of skills, examples and documents stand before the question, so that all tasks begin alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHORTEST = 48  # tokens; a shorter beginning is read again as fast as it is copied
_NEARLY = 0.8  # of what a new one would spare: then one that is there already is taken


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prefix:
    """What one adapter, or the base, made of the tokens that prompts begin with."""

    adapter: Path | None
    tokens: list[int]
    layers: tuple[tuple[Any, Any], ...]  # keys and values of each layer

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(one.numel() * one.element_size() for pair in self.layers for one in pair)

    def begins(self, prompt: Sequence[int]) -> bool:
        """Whether the prompt goes on from it."""
        return len(prompt) > len(self.tokens) and prompt[: len(self.tokens)] == self.tokens


class Prefixes:
    """Those that were last of use, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: list[Prefix] = []  # the one that was last of use is last

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(one.size for one in self._kept)

    def find(self, adapter: Path | None, prompts: Sequence[Sequence[int]], saved: int) -> Prefix | None:
        """Of those with which the first prompt begins the one that spares most reading, if nearly ``saved`` tokens."""
        worth = [
            (len(one.tokens) * sum(map(one.begins, prompts)), place)
            for place, one in enumerate(self._kept)
            if one.adapter == adapter and one.begins(prompts[0])
        ]
        most, place = max(worth, default=(0, 0))
        if not worth or most < _NEARLY * saved:
            return None
        self._kept.append(self._kept.pop(place))
        return self._kept[-1]

    def keep(self, one: Prefix) -> None:
        """Keeps one, and lets go of the oldest ones that it leaves no room for; one too large is not kept."""
        if one.size <= self.most:
            self._kept.append(one)
        while self.size > self.most:
            self._kept.pop(0)

    def clear(self) -> None:
        """Lets go of all."""
        self._kept.clear()


def shared(prompt: Sequence[int], others: Sequence[Sequence[int]]) -> tuple[int, int]:
    """How many first tokens of a prompt to read once for it and for others, and how many that spares in all.

    At least one token is left of every prompt. Zeros: it is not worth while.
    """
    alike = sorted((_alike(prompt, other) for other in others), reverse=True)
    spared = [(length * number, length) for number, length in enumerate(alike, 1) if length >= SHORTEST]
    most, length = max(spared, default=(0, 0))
    return length, most


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    low, high = 0, min(len(one), len(other)) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return max(low, 0)
