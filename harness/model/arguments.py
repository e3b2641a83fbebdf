"""Reads the arguments of a tool call that a model wrote: an object of JSON, and of nothing that JSON does not know."""

import json
import math
from typing import Any, NoReturn

from harness.core import is_deep


def arguments_in(text: str, *, strict: bool = False) -> dict[str, Any] | None:
    """The object that a text is; ``None`` where it is none, is too deep, or holds NaN or half of a surrogate pair.

    Only where it is read strictly is the text itself JSON, which has no line breaks within a text.
    """
    try:
        value = (_STRICT if strict else _DECODER).decode(text.strip())
    except (ValueError, RecursionError):
        return None
    return value if is_sound(value) else None


def object_at(text: str, place: int) -> tuple[dict[str, Any], int]:
    """The object that begins at a place, and where it ends. Raises ValueError: none begins there that can be used."""
    try:
        value, end = _DECODER.raw_decode(text, place)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 - as what is no JSON at all
    return value, end


def is_sound(value: Any) -> bool:
    """Whether a value is an object that can be written as JSON again, and be sent to any tool."""
    if not isinstance(value, dict) or is_deep(value):
        return False
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError):  # half of a surrogate pair is the former too
        return False
    return True


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        _refuse(written)
    return number


_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse, parse_float=_finite)
_STRICT = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
