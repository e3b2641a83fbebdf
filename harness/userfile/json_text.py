"""JSON as users write it, in which a key may not be given twice: the last one would count, and nobody would know."""

import json
from pathlib import Path
from typing import Any

from harness.core import UserFileError

MORE = "more follows where the value ends"
MAX_DEPTH = 100  # levels of lists and mappings in a file
MAX_PARTS = 2_000_000  # lists and mappings in one text: an empty one takes thirty times the memory of its two signs


def json_value(text: str, path: Path, *, field: str = "") -> Any:
    """The value that ``text`` holds; ``field`` is where in the file it stands.

    Raises UserFileError: not JSON, a key given twice, or nested too deeply.
    """
    parts = text.count("[") + text.count("{")
    if parts > MAX_PARTS:
        raise UserFileError(path, f"holds more than {MAX_PARTS:,} lists and mappings", field=field)
    try:
        text = text.rstrip(_SPACE)
        value, end = _DECODER.raw_decode(text, len(text) - len(text.lstrip(_SPACE)))
        if end < len(text):
            raise json.JSONDecodeError("Extra data", text, len(text) - len(text[end:].lstrip(_SPACE)))
        if parts > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
            raise RecursionError
    except json.JSONDecodeError as error:
        line = "" if field or error.lineno == 1 else f"line {error.lineno}, "
        problem = f"not valid JSON at {line}column {error.colno}: {_said(error)}"
        raise UserFileError(path, problem, field=field, advice="one JSON object a line" if field else "") from None
    except KeyTwiceError as error:
        problem = f"the key {error.args[0]!r} is given twice"
        raise UserFileError(path, problem, field=field, advice="keep one of the two") from None
    except RecursionError:
        problem, advice = "nested too deeply", f"at most {MAX_DEPTH} levels are read"
        raise UserFileError(path, problem, field=field, advice=advice) from None
    except ValueError:
        raise UserFileError(path, "a number is too long", field=field, advice="write it as text") from None
    return value


_SAID = {
    "Expecting property name": "needed: a key in double quotes",
    "Expecting value": "needed: a value",
    "Expecting ','": "needed: a comma",
    "Expecting ':'": "needed: a colon after the key",
    "Illegal trailing comma": "a comma too many",
    "Extra data": MORE,
    "Unterminated string": "this text has no closing quotation mark",
    "Invalid control character": "a line break or a control sign inside a text",
    "Invalid \\": "a backslash that begins nothing known; double it",
}


def _said(error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return "it is empty"
    if error.pos >= len(error.doc):
        return "it ends too early"
    return next((words for start, words in _SAID.items() if error.msg.startswith(start)), error.msg)


class KeyTwiceError(Exception):
    """A key that an object has twice; the argument."""


def distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, as ``json`` asks for it. Raises KeyTwiceError: a key is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise KeyTwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=distinct_keys)
_SPACE = " \t\n\r"


def is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and mappings are nested in more than so many levels."""
    level = [value]
    for _ in range(levels):
        level = [
            part
            for whole in level
            if isinstance(whole, (dict, list))
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, (dict, list))
        ]
        if not level:
            return False
    return True
