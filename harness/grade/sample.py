"""Answers that a pattern would take a given text out of: to know before a run whether any answer can be right."""

import importlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

_parser: Any = importlib.import_module("re._parser")  # the parsed form of a pattern has no public name
_compiler: Any = importlib.import_module("re._compiler")

TRIES = 8
"""Answers made of one pattern and text: repeats and alternatives vary."""

_CHARACTERS = "a0 A_-.,:;\n\t\"'()é"


def samples(pattern: str, flags: int, group: int | str, texts: Sequence[str]) -> Iterator[str]:
    """Answers that ``pattern`` should find and whose ``group`` should be one of ``texts``.

    None where the pattern looks around, so that a text which is not found proves nothing; but where the group has no
    place for a character of each text, its answers come all the same, and none of them is right.
    """
    tree = _parsed(pattern, flags)
    number = re.compile(pattern).groupindex.get(str(group), group)
    if number == 0:
        yield from texts
        return
    if _looks_around(tree) and any(_has_room(tree, number, text, flags) for text in texts):
        return
    try:
        yield from [_Writer(number, text, variant).written(tree) for text in texts for variant in range(TRIES)]
    except _LongError:
        return


@lru_cache(maxsize=64)
def _parsed(pattern: str, flags: int) -> Any:
    return _parser.parse(pattern, flags)


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every node below a tree by the name of its kind, itself before what is in it."""
    for kind, value in tree:
        yield str(kind), value
        yield from (node for part in _parts(str(kind), value) for node in _nodes(part))


def _parts(kind: str, value: Any) -> list[Any]:
    if kind == "BRANCH":
        return list(value[1])
    if kind in {"SUBPATTERN", "MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT", "ASSERT", "ASSERT_NOT"}:
        return [value[-1]]
    if kind == "GROUPREF_EXISTS":
        return [part for part in value[1:] if part is not None]
    return [value] if kind == "ATOMIC_GROUP" else []


def _looks_around(tree: Any) -> bool:
    return any(kind in {"ASSERT", "ASSERT_NOT", "GROUPREF_EXISTS"} for kind, _ in _nodes(tree))


def _has_room(tree: Any, number: Any, text: str, flags: int) -> bool:
    """Whether every character of ``text`` fits some part of the group."""
    groups = [value[-1] for kind, value in _nodes(tree) if kind == "SUBPATTERN" and value[0] == number]
    leaves = [leaf for group in groups for leaf in _nodes(group)]
    if any(kind.startswith(("GROUPREF", "ASSERT")) for kind, _ in leaves):
        return True
    either = flags & re.IGNORECASE or any(kind == "SUBPATTERN" and value[1] for kind, value in leaves)
    forms = [{c, c.lower(), c.upper()} if either else {c} for c in dict.fromkeys(text)]
    fitting = [_one(kind, value, flags) for kind, value in leaves if kind in _ONE]
    return all(any(one.match(c) for one in fitting for c in form) for form in forms)


_ONE = {"LITERAL", "NOT_LITERAL", "ANY", "IN"}
"""Kinds of nodes that are one character."""


def _one(kind: str, value: Any, flags: int = 0) -> re.Pattern[str]:
    """The pattern that is one such node."""
    node = _parser.SubPattern(_parser.State(), [(getattr(_parser, kind), value)])
    pattern: re.Pattern[str] = _compiler.compile(node, re.UNICODE | flags & re.DOTALL)
    return pattern


class _LongError(Exception):
    """The pattern asks for more pieces than are worth writing."""


class _Writer:
    """Writes a text that a tree matches; ``variant`` decides between what it leaves open."""

    def __init__(self, number: Any, text: str, variant: int) -> None:
        self._number, self._text, self._variant = number, text, variant
        self._groups: dict[Any, str] = {}
        self._left = 10_000

    def written(self, tree: Any) -> str:
        return "".join(self._piece(str(kind), value) for kind, value in tree)

    def _piece(self, kind: str, value: Any) -> str:
        self._left -= 1
        if self._left < 0:
            raise _LongError
        if kind == "SUBPATTERN":
            self._groups[value[0]] = self._text if value[0] == self._number else self.written(value[-1])
            return self._groups[value[0]]
        if kind == "LITERAL":
            return chr(value)
        if kind in {"ANY", "NOT_LITERAL", "IN"}:
            named = [item for item in value if str(item[0]) in {"LITERAL", "RANGE"}] if kind == "IN" else []
            own = [chr(v if isinstance(v, int) else v[0]) for _, v in named]
            choice = list(filter(_one(kind, value).match, (*own, *_CHARACTERS)))
            return choice[self._variant // 2 % len(choice)] if choice else ""
        if kind == "BRANCH":
            return self.written(value[1][self._variant % len(value[1])])
        if kind.endswith("REPEAT"):
            low, high, part = value
            return "".join(self.written(part) for _ in range(min(low + self._variant % 2, int(high), low + 1)))
        if kind == "GROUPREF":
            return self._groups.get(value, "")
        if kind == "ATOMIC_GROUP":
            return self.written(value)
        return self.written(value[-1]) if kind == "ASSERT" and self._variant < TRIES // 2 else ""
