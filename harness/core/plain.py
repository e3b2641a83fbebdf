"""What every room does with values: plain JSON, digests (the same on any machine), sums with unknowns, groups."""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson

N = TypeVar("N", int, float)
T = TypeVar("T", bound=Hashable)
_AT_ONCE = 256  # values of a list
_PLAIN = frozenset([str, int, bool])


def known_sum(values: Iterable[N | None]) -> N | None:
    """The sum, or ``None`` as soon as one part is unknown."""
    total: Any = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total  # type: ignore[no-any-return]


def as_json(value: Any) -> Any:
    """A record as plain JSON values: names as in the record, enums as their words, times in ISO 8601, NaN as null."""
    if value is None or type(value) in _PLAIN:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return value.as_posix()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def digest_bytes(data: bytes) -> str:
    """The first 32 hex digits of the SHA-256 of ``data``: enough for any number of attempts, short enough to read."""
    return hashlib.sha256(data).hexdigest()[:32]


def digest_file(path: Path) -> str:
    """The digest of a file's bytes, which are not held at once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def digest_text(text: str) -> str:
    """The digest of ``text`` as UTF-8; lone surrogates are kept distinct."""
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def digest_json(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """The digest of a JSON value, keys in any order. Raises TypeError, or ValueError: it holds NaN or an infinity."""
    data = None if default is None else sorted_json(value, default)
    if default is None and b"null" in (data := sorted_json(value) or b"null"):  # which NaN is there
        data = None
    if data is not None:
        return digest_bytes(data)
    return digest_text(_json_text(value, default))


def digest_list(values: Iterable[Any]) -> str:
    """As `digest_json` of a list of these, of which few at a time are held."""
    made, before, left = hashlib.sha256(b"["), b"", iter(values)
    while some := list(islice(left, _AT_ONCE)):
        data = sorted_json(some)
        texts = [data[1:-1]] if data is not None else [_value_json(value) for value in some]
        for text in texts:
            made.update(before + text)
            before = b","
    made.update(b"]")
    return made.hexdigest()[:32]


def _value_json(value: Any) -> bytes:
    data = sorted_json(value)
    return data if data is not None else _json_text(value).encode("utf-8", "surrogatepass")


def _json_text(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    how: dict[str, Any] = {"sort_keys": True, "ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    return json.dumps(value, default=default, **how)


def sorted_json(value: Any, default: Callable[[Any], Any] | None = None) -> bytes | None:
    """What digests are of, NaN as null; ``None`` for the rare value that two libraries write in two ways."""
    try:
        data = orjson.dumps(value, default, _SORTED)
    except TypeError:  # a key that is no text, an integer beyond 64 bits, half of a surrogate pair
        return None
    return None if (b"e-" in data or b"0.0000" in data) and _SMALL.search(data) else data


_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_SMALL = re.compile(rb"0\.0000|[0-9]e-[0-9]")  # a number below 1e-4, perhaps: each library has its own way with these


def digest_folder(folder: Path, *, files: Iterable[Path] | None = None) -> str:
    """The digest of a folder's file names and contents, no links and caches; or of ``files`` in it, links followed."""
    return digest_json(
        [
            [path.relative_to(folder).as_posix(), digest_bytes(path.read_bytes())]
            for path in sorted(folder.rglob("*") if files is None else files)
            if path.is_file() and (files is not None or not path.is_symlink()) and "__pycache__" not in path.parts
        ]
    )


def attempt_id(contender: str, task: str, trial: int) -> str:
    """The identity of an attempt: what is asked of whom, and which try it is; no name is in it."""
    if (contender + task).isalnum():  # as all digests: what `digest_json` would make of it, sooner
        return digest_text(f'["{contender}","{task}",{trial}]')
    return digest_json([contender, task, trial])


class Groups(Generic[T]):
    """Items that are joined pair by pair; a group is known by one of its items, that of the pair's first."""

    def __init__(self) -> None:
        self._above: dict[T, T] = {}

    def __bool__(self) -> bool:
        return bool(self._above)

    def of(self, item: T) -> T:
        """The item by which the group of ``item`` is known: itself, where nothing was joined to it."""
        top = item
        while (above := self._above.get(top, top)) != top:
            top = above
        while item != top:  # the next look is short
            self._above[item], item = top, self._above[item]
        return top

    def join(self, one: T, other: T) -> None:
        """Makes one group of both items' groups."""
        first, second = self.of(one), self.of(other)
        if first != second:
            self._above[second] = first


def is_deep(value: Any, most: int = 100) -> bool:
    """Whether JSON is nested deeper than anything that is meant, so that what walks through it may fail."""
    level = [value]
    for _ in range(most):
        nested = [part for part in level if isinstance(part, (dict, list))]
        if not nested:
            return False
        level = [one for part in nested for one in (part.values() if isinstance(part, dict) else part)]
    return True
