"""Compares two JSON values field by field."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from harness.grade.number import close
from harness.grade.plain import plain
from harness.grade.rule import shown
from harness.userfile import Strict


class _Tolerance(Strict):
    absolute: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(default=0.0, ge=0, allow_inf_nan=False)


def _from_number(value: Any) -> Any:
    return {"absolute": value} if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Tolerance = Annotated[_Tolerance, BeforeValidator(_from_number)]  # ``{absolute, relative}``; a bare number is absolute

Wrong = tuple[str, str, str]  # a place, what was expected there, what was found
_Seen = Iterator[tuple[int, Wrong | None]]  # a number of fields, and what is wrong in them

_PAIRS = 10_000
"""Pairs of list items that are compared one by one; past that only equal items are matched. Bounds the time."""


@dataclass(frozen=True, slots=True)
class Comparing:
    """What counts as the same. A path is the keys that lead to a value, joined by dots, places in lists left out."""

    tolerance: Mapping[str, _Tolerance] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    unordered: bool | tuple[str, ...] = False
    extra_is_wrong: bool = True

    def fields(self, reference: Any, found: Any) -> tuple[int, int, Wrong | None]:
        """How many fields are right, of how many, and the first that is wrong."""
        seen = list(self._walk(reference, found, "", ""))
        good = sum(size for size, problem in seen if problem is None)
        return good, sum(size for size, _ in seen), next((problem for size, problem in seen if size and problem), None)

    def leaves(self, value: Any, path: str = "") -> int:
        """How many fields a reference has."""
        return sum(size for size, _ in self._walk(value, value, path, ""))

    def _walk(self, ref: Any, found: Any, path: str, place: str) -> _Seen:
        if path in self.ignore:
            return
        if isinstance(ref, dict) and isinstance(found, dict):
            yield from self._objects(ref, found, path, place)
        elif isinstance(ref, list) and isinstance(found, list):
            lists = self._free_lists if self._free(path) else self._lists
            yield from lists(ref, found, path, place)
        elif isinstance(ref, (dict, list)):
            yield self.leaves(ref, path), (place, _text(ref), _text(found))
        else:
            yield 1, None if self._same(ref, found, path) else (place, _text(ref), _text(found))

    def _objects(self, ref: dict[str, Any], found: dict[str, Any], path: str, place: str) -> _Seen:
        for key, item in ref.items():
            below, there = _below(path, key), _below(place, key)
            if key in found:
                yield from self._walk(item, found[key], below, there)
            else:
                yield self.leaves(item, below), (there, _text(item), "no such key")
        extra = [key for key in found if key not in ref and _below(path, key) not in self.ignore]
        yield from self._extra(ref, [(_below(place, key), found[key]) for key in extra])

    def _lists(self, ref: list[Any], found: list[Any], path: str, place: str) -> _Seen:
        for i, item in enumerate(ref):
            if i < len(found):
                yield from self._walk(item, found[i], path, f"{place}[{i}]")
            else:
                yield self.leaves(item, path), (f"{place}[{i}]", _text(item), "no such item")
        yield from self._extra(ref, [(f"{place}[{i}]", item) for i, item in enumerate(found) if i >= len(ref)])

    def _free_lists(self, ref: list[Any], found: list[Any], path: str, place: str) -> _Seen:
        pairs = self._matched(ref, found, path)
        for i, item in enumerate(ref):
            yield 1, None if i in pairs else (f"{place}[{i}]", _text(item), "no equal item")
        taken = set(pairs.values())
        extra = [(place, item) for j, item in enumerate(found) if j not in taken]
        # a wrong item is one fault, not a missing and an extra one
        yield from self._extra(ref, extra[max(0, len(ref) - len(pairs)) :])

    def _extra(self, ref: Collection[Any], extra: Sequence[tuple[str, Any]]) -> _Seen:
        """What the reference lacks; one that is empty is itself a field, right where nothing is added."""
        if extra and self.extra_is_wrong:
            yield from ((1, (place, "nothing", _text(item))) for place, item in extra)
        elif not ref:
            yield 1, None

    def _same(self, ref: Any, found: Any, path: str) -> bool:
        if _is_number(ref) and _is_number(found):
            if path not in self.tolerance:
                return bool(ref == found)
            allowed = self.tolerance[path]
            exact = Decimal(repr(found)), Decimal(repr(ref))
            return close(*exact, absolute=allowed.absolute, relative=allowed.relative)
        if isinstance(ref, str) and isinstance(found, str):
            return plain(ref) == plain(found)
        return type(ref) is type(found) and bool(ref == found)

    def _free(self, path: str) -> bool:
        return self.unordered if isinstance(self.unordered, bool) else path in self.unordered

    def _matched(self, ref: list[Any], found: list[Any], path: str) -> dict[int, int]:
        """The largest pairing of equal items: place in ``ref`` to place in ``found``."""
        waiting: dict[str, list[int]] = {}
        for j in reversed(range(len(found))):
            waiting.setdefault(self._key(found[j], path), []).append(j)
        pairs = {i: places.pop() for i, item in enumerate(ref) if (places := waiting.get(self._key(item, path)))}
        loose = bool(self.tolerance) or not self.extra_is_wrong
        if len(pairs) == len(ref) or not loose or len(ref) * len(found) > _PAIRS:
            return pairs
        # Equality within a tolerance is no equivalence, so all items take part: an exact pair may have to give way.
        fits = {i: [j for j in range(len(found)) if self._equal(ref[i], found[j], path)] for i in range(len(ref))}
        return _largest_pairing(fits, pairs)

    def _equal(self, ref: Any, found: Any, path: str) -> bool:
        return not any(size and problem for size, problem in self._walk(ref, found, path, ""))

    def _key(self, value: Any, path: str) -> str:
        """One text for all values that are equal without any tolerance."""
        return json.dumps(self._canonical(value, path), sort_keys=True)

    def _canonical(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            below = {key: _below(path, key) for key in value}
            return {
                key: self._canonical(item, below[key]) for key, item in value.items() if below[key] not in self.ignore
            }
        if isinstance(value, list):
            items = [self._canonical(item, path) for item in value]
            return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if self._free(path) else items
        if isinstance(value, str):
            return plain(value)
        return int(value) if isinstance(value, float) and value.is_integer() else value


def _largest_pairing(fits: Mapping[int, Sequence[int]], start: Mapping[int, int]) -> dict[int, int]:
    """A maximum matching that grows ``start`` by augmenting paths (Kuhn 1955)."""
    owner = {j: i for i, j in start.items()}

    def place(i: int, tried: set[int]) -> bool:
        for j in fits[i]:
            if j not in tried:
                tried.add(j)
                if j not in owner or place(owner[j], tried):
                    owner[j] = i
                    return True
        return False

    for i in fits:
        if i not in start:
            place(i, set())
    return {i: j for j, i in owner.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"an {'object' if isinstance(value, dict) else 'array'} of {len(value)}"
    return shown(json.dumps(value, ensure_ascii=False))
