"""From bytes on disk to a checked record, or to one clear message."""

import math
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.core import UserFileError, nearest
from harness.userfile.bounded import MAX_TEXT, read_bytes, read_lines
from harness.userfile.json_text import json_value
from harness.userfile.yaml_text import yaml_value

MAX_YAML = 4_000_000  # bytes of a YAML file


class Strict(BaseModel):
    """Base of every schema of a user's file: an unknown key is an error, and nothing is changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


M = TypeVar("M", bound=BaseModel)


def read_text(path: Path, *, most: int = MAX_TEXT) -> str:
    """The file's text, its lines ended by line feeds. Raises UserFileError: as `read_bytes`; or not UTF-8."""
    try:
        text = read_bytes(path, most=most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserFileError(path, f"not UTF-8 at byte {error.start}", advice="save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises UserFileError: as `read_text`; or not YAML, a key given twice, something else than a mapping, or too much.
    """
    value = yaml_value(read_text(path, most=MAX_YAML), path)
    if value is None:
        raise UserFileError(path, "the file is empty")
    if not isinstance(value, dict):
        raise UserFileError(path, f"found {_kind(value)} at the top, needed a mapping of keys to values")
    return value


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers (from 1) and objects of a JSON lines file; blank lines are passed over.

    Raises UserFileError: as `read_lines`; or a line that is not one JSON object.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        value = json_value(line, path, field=f"line {number}")
        if not isinstance(value, dict):
            raise UserFileError(path, f"found {_kind(value)}, needed one JSON object", field=f"line {number}")
        yield number, value


def parse(schema: type[M], value: Any, path: Path, *, field: str = "") -> M:
    """``value`` as a checked ``schema``; ``field`` is where in the file it stands.

    Raises UserFileError: names the first wrong field, what was found there, and the nearest known key.
    """
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise _explained(error, schema, value, path, field) from None


def _explained(error: ValidationError, schema: type[BaseModel], value: Any, path: Path, field: str) -> UserFileError:
    """The first problem, unknown keys before others: a misspelt key is the likeliest cause of the rest."""
    problems = sorted(error.errors(include_url=False), key=lambda p: p["type"] != "extra_forbidden")
    first = problems[0]
    location = [part for part in first["loc"] if not (isinstance(part, str) and _is_branch(part, value))]
    where = ".".join(str(part) for part in ([field] if field else []) + location)
    if first["type"] == "extra_forbidden":
        known = _fields_at(schema, list(first["loc"])[:-1])
        return UserFileError(path, "unknown key", field=where, advice=nearest(str(location[-1]), known))
    if first["type"] == "missing":
        return UserFileError(path, "this key is missing", field=where, advice="add it")
    if first["type"] in {"value_error", "assertion_error"}:
        problem, _, advice = str(first.get("ctx", {}).get("error", first["msg"])).partition("; ")
        return UserFileError(path, problem, field=where, advice=advice)
    found = first.get("input")
    shown = f"{_kind(found)} {_short(found)}".rstrip() if not isinstance(found, (dict, list)) else _kind(found)
    problem, advice = f"found {shown}", f"needed: {_needed(first)}"
    if "[key]" in first["loc"]:
        where = ".".join(where.split(".")[: max(1, len(location) - 1)])
        problem = f"found {shown} as a key"
    if first["type"] == "string_type" and found is not None and not isinstance(found, (dict, list)):
        advice += "; put it in quotes"
    if first["type"] == "invalid_key":
        where, text = ".".join(where.split(".")[:-1]), str(location[-1])
        at = _value_at(value, list(first["loc"])[:-1])
        gap = isinstance(at, dict) and at.get(location[-1], "") is None
        problem = f"found {text} as a key, needed: a text"
        advice = "write a number with a point and not with a comma: 0.60" if gap else f"write '{text}' in quotes"
    if first["type"] in {"too_short", "too_long"} and isinstance(found, (list, tuple, dict)):
        problem = f"found {_items(len(found))}"
    if first["type"] in {"int_type", "float_type"} and (number := _number_in(found)) is not None:
        advice += f"; write {number}"
    return UserFileError(path, problem, field=where, advice=advice)


_NEEDED = {
    "string_type": "a text",
    "string_unicode": "a text of whole characters",
    "string_too_short": "a text that is not empty",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number from {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number up to {le:g}",
    "string_too_long": "at most {max_length} characters",
}


def _needed(problem: Any) -> str:
    """What would be right, in words that are not pydantic's where we have some."""
    counts = problem.get("ctx", {})
    if problem["type"] in {"too_short", "too_long"}:
        short = problem["type"] == "too_short"
        return f"at least {_items(counts['min_length'])}" if short else f"at most {_items(counts['max_length'])}"
    words = _NEEDED.get(problem["type"])
    return _plain(problem["msg"]) if words is None else words.format(**counts)


def _items(count: int) -> str:
    return f"{count:,} item" if count == 1 else f"{count:,} items"


def _value_at(value: Any, location: list[Any]) -> Any:
    """What stands at a place that pydantic names; a part that is no key, as the branch of a union, is passed over."""
    for part in location:
        has = part in value if isinstance(value, dict) else isinstance(value, list) and part in range(len(value))
        value = value[part] if has else value
    return value


_DECIMAL = re.compile(r"[-+]?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))")


def _number_in(found: Any) -> str | None:
    """A text that means a number, as YAML takes it for one."""
    try:
        text = found.replace(",", ".") if isinstance(found, str) and _DECIMAL.fullmatch(found) else found
        number = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    if not math.isfinite(number) or abs(number) >= 1e15:
        return None
    return f"{number:.12f}".rstrip("0").rstrip(".") if number else None


def _is_branch(part: str, value: Any) -> bool:
    """Pydantic names the branch of a union or a constraint in the location; such a name is no key of the user's."""
    branch = part.endswith(("]", ")")) or (part.isidentifier() and part[0].isupper()) or part in _BRANCHES
    return branch and part not in _all_keys(value)


_BRANCHES = {"str", "int", "float", "bool", "list", "dict", "tuple", "none", "is-instance"} | {
    f"constrained-{kind}" for kind in ("str", "int", "float")
}


def _all_keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {str(k) for k in value} | {k for v in value.values() for k in _all_keys(v)}
    if isinstance(value, list):
        return {k for v in value for k in _all_keys(v)}
    return set()


def _fields_at(schema: type[BaseModel], location: list[Any]) -> list[str]:
    """The keys that are known at a place inside a schema."""
    here: list[type[BaseModel]] = [schema]
    for part in location:
        fields = [model.model_fields[part] for model in here if part in model.model_fields]
        below = [model for field in fields for model in _models_in(field.annotation)]
        here = below or [model for model in here if model.__name__ == part] or here
    return [info.alias or name for model in here for name, info in model.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return list(dict.fromkeys(model for part in get_args(annotation) for model in _models_in(part)))


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    kinds = {dict: "a mapping", list: "a list", str: "the text", bool: "the truth value"}
    kinds |= {int: "the number", float: "the number"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = value.isoformat() if isinstance(value, date) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(message: str) -> str:
    return message.removeprefix("Input should be ").removeprefix("a valid ").removeprefix("Value error, ")
