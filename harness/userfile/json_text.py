"""JSON as users write it, in which a key may not be given twice: the last one would count, and nobody would know."""

import json
from pathlib import Path
from typing import Any

from harness.core import UserFileError

MAX_DEPTH = 100
"""Levels of lists and mappings in a file."""
MAX_PARTS = 2_000_000
"""Lists and mappings in one text: an empty one takes thirty times the memory of its two signs."""


def json_value(text: str, path: Path, *, field: str = "") -> Any:
    """The value that ``text`` holds; ``field`` is where in the file it stands.

    Raises:
        UserFileError: not JSON, a key given twice, or nested too deeply.
    """
    parts = text.count("[") + text.count("{")
    if parts > MAX_PARTS:
        raise UserFileError(path, f"holds more than {MAX_PARTS:,} lists and mappings", field=field)
    try:
        value = json.loads(text, object_pairs_hook=_once)
        if parts > MAX_DEPTH and _is_deep(value):
            raise RecursionError
    except json.JSONDecodeError as error:
        line = "" if field or error.lineno == 1 else f"line {error.lineno}, "
        problem = f"not valid JSON at {line}column {error.colno}: {error.msg}"
        raise UserFileError(path, problem, field=field, advice="one JSON object a line" if field else "") from None
    except _TwiceError as error:
        problem = f"the key {error.args[0]!r} is given twice"
        raise UserFileError(path, problem, field=field, advice="keep one of the two") from None
    except RecursionError:
        problem, advice = "nested too deeply", f"at most {MAX_DEPTH} levels are read"
        raise UserFileError(path, problem, field=field, advice=advice) from None
    except ValueError:
        raise UserFileError(path, "a number is too long", field=field, advice="write it as text") from None
    return value


class _TwiceError(Exception):
    """Its argument is the key."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise _TwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
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
