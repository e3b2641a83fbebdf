"""Finds the one JSON value that an answer gives: bare, in a fenced block, or with prose around it."""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from harness.grade.normalise import FENCE
from harness.userfile import KeyTwiceError, distinct_keys, is_deeper

Take = Literal["only", "first", "last"]


class NoJsonError(Exception):
    """The text gives no value to grade; the message says why."""


def json_in(text: str, *, take: Take = "only", kind: type | None = None) -> Any:
    """The JSON value in ``text``.

    The whole text counts first, then fenced blocks, then whatever prose surrounds. In prose only objects and arrays are
    seen, and with ``kind`` (``dict`` or ``list``) only those of that kind, so that a citation such as [1] is no answer.
    After a failed start the search goes on from where it failed, not from inside, so that a part of broken JSON is
    seldom taken for the whole; after 500 of them it ends. The time is linear in the text.

    Raises:
        NoJsonError: no value; several where ``take`` is ``only``; or a value that JSON does not define or that two
            readers could read differently: NaN, infinities, a key given twice, a number beyond a double's range or of
            over 400 digits, nesting beyond 100.
    """
    text = text.strip().removeprefix("\ufeff")
    try:
        values = _whole(text) or _fenced(text, kind) or _in_prose(text, kind)
    except KeyTwiceError as error:
        raise NoJsonError(f"the key {error.args[0]!r} is given twice") from None
    except RecursionError:
        raise NoJsonError("the JSON is nested too deeply") from None
    if not values:
        raise NoJsonError(f"no JSON {_KINDS.get(kind, 'value')}")
    if take == "only" and len(values) > 1:
        raise NoJsonError(f"{len(values)} JSON values, needed one")
    value = values[-1 if take == "last" else 0]
    if is_deeper(value, 100):
        raise NoJsonError("the JSON is nested too deeply")
    return value


def _whole(text: str) -> list[Any]:
    try:
        return [_DECODER.decode(text)]
    except json.JSONDecodeError:
        return []


def _fenced(text: str, kind: type | None) -> list[Any]:
    blocks = [value for match in FENCE.finditer(text) for value in _whole(match[1].strip())]
    return [value for value in blocks if kind is None or isinstance(value, kind)]


def _in_prose(text: str, kind: type | None) -> list[Any]:
    opener = _OBJECT if kind is dict else _ARRAY if kind is list else _EITHER
    values, place, failures = [], 0, 0
    while failures < _STARTS and (start := opener.search(text, place)):
        try:
            value, place = _DECODER.raw_decode(text, start.start())
            values.append(value)
        except json.JSONDecodeError as error:
            place, failures = max(error.pos, start.start() + 1), failures + 1
    return values


_OBJECT = re.compile(r'\{(?=\s*["}])')
_ARRAY = re.compile(r'\[(?=\s*[\[\]{"\-\dtfn])')
_EITHER = re.compile(f"{_OBJECT.pattern}|{_ARRAY.pattern}")

_STARTS = 500
"""Failed starts after which the search ends: each costs a count of the lines before it."""


def _no_constant(word: str) -> Any:
    raise NoJsonError(f"{word} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > 400:
        raise NoJsonError(f"a number of {len(digits)} digits")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise NoJsonError(f"the number {digits[:20]} is beyond the range of a double")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=distinct_keys, parse_constant=_no_constant, parse_int=_integer, parse_float=_real
)
_KINDS: Mapping[type | None, str] = {dict: "object", list: "array"}
