"""From bytes on disk to a checked record, or to one clear message; and the values that schemas name."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError

from harness.core import UserFileError, nearest, plural
from harness.userfile.bounded import MAX_TEXT, read_bytes, read_lines
from harness.userfile.json_text import json_value

MAX_YAML = 4_000_000  # bytes of a YAML file


class Strict(BaseModel):
    """Base of every schema of a user's file: an unknown key is an error, and nothing is changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), defer_build=True)


M = TypeVar("M", bound=BaseModel)


def _checked_name(name: str) -> str:
    if name != name.strip() or any(c < " " or c == "\x7f" for c in name):
        raise ValueError(f"the name {name[:60]!r} has a space at an end, or a control character; take it out")
    return name


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"found {name[:60]!r}; needed: the name of a variable")
    return name


def _day(value: Any) -> Any:
    with suppress(ValueError):
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    found = value.isoformat() if isinstance(value, date) else repr(value)
    raise ValueError(f"found {found[:60]}; needed: a date and no time, such as 2027-01-06")


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_checked_name)]
Text = Annotated[str, Field(min_length=1)]
Variable = Annotated[str, AfterValidator(_variable)]
MOST_AMOUNT = 10**12  # a larger number in a user's file is a slip of the keyboard, and nobody can read its figures
Count = Annotated[int, Field(strict=True, ge=1, le=MOST_AMOUNT)]
Whole = Annotated[int, Field(strict=True)]
Amount = Annotated[float, Field(strict=True, ge=0, le=MOST_AMOUNT, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, le=MOST_AMOUNT, allow_inf_nan=False)]
Day = Annotated[date, BeforeValidator(_day)]
Truth = Annotated[bool, Field(strict=True)]
Rate = Annotated[
    Annotated[Positive, Tag("Number")] | Annotated[dict[Name, Positive], Tag("ByContender")],
    Discriminator(lambda value: "ByContender" if isinstance(value, dict) else "Number"),
]  # a number, or one by name; a wrong one is judged by what it was meant to be


def read_text(path: Path, *, most: int = MAX_TEXT) -> str:
    """The file's text, its lines ended by line feeds. Raises UserFileError: as `read_bytes`; or not UTF-8."""
    try:
        text = read_bytes(path, most=most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserFileError(path, f"not UTF-8 at byte {error.start}", advice="save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises UserFileError: as `read_text` and `yaml_value`; or it is no mapping."""
    from harness.userfile.yaml_text import yaml_value  # the library takes longer to load than most files to read

    value = yaml_value(read_text(path, most=MAX_YAML), path)
    if value is None:
        raise UserFileError(path, "the file is empty")
    if not isinstance(value, dict):
        raise UserFileError(path, f"found {_kind(value)} at the top, needed a mapping of keys to values")
    return value


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers (from 1) and objects. Raises UserFileError: as `read_lines`; or a line is not one JSON object."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        value = json_value(line, path, field=f"line {number}")
        if not isinstance(value, dict):
            raise UserFileError(path, f"found {_kind(value)}, needed one JSON object", field=f"line {number}")
        yield number, value


class BelowError(ValueError):
    """A validator's error about a field below the one that it validates."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field


def parse(schema: type[M], value: Any, path: Path, *, field: str = "") -> M:
    """``value``, from ``field``, as a ``schema``. Raises UserFileError: the first wrong field and its remedy."""
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise _explained(error, schema, value, path, field) from None


def _explained(error: ValidationError, schema: type[BaseModel], value: Any, path: Path, field: str) -> UserFileError:
    """The first problem, unknown keys before others: a misspelt key is the likeliest cause of the rest."""
    every = error.errors(include_url=False)
    first = min(every, key=lambda p: (p["type"] != "extra_forbidden", _is_other_kind(p, every)))
    kind, place, found = first["type"], list(first["loc"]), first.get("input")
    keys = _all_keys(value)
    location = [part for part in place if not isinstance(part, str) or part in keys or not _is_branch(part)]
    where = ".".join(map(str, ([field] if field else []) + location))
    if kind == "extra_forbidden":
        advice = nearest(str(location[-1]), _fields_at(schema, place[:-1]))
        return UserFileError(path, "unknown key", field=where, advice=advice)
    if kind == "missing":
        return UserFileError(path, "this key is missing", field=where, advice="add it")
    if kind in {"value_error", "assertion_error"}:
        told = first.get("ctx", {}).get("error", first["msg"])
        problem, _, advice = str(told).partition("; ")
        where = ".".join(filter(None, (where, told.field if isinstance(told, BelowError) else "")))
        return UserFileError(path, problem, field=where, advice=advice)
    shown = _kind(found)
    if found is not None and not isinstance(found, dict | list):
        text = found.isoformat() if isinstance(found, date) else repr(found)
        shown = f"{shown} {text if len(text) <= 60 else text[:57] + '...'}"
    problem, advice = f"found {shown}", f"needed: {_span(first, schema, place) or _needed(first)}"
    if "[key]" in place:
        where = ".".join(where.split(".")[: max(1, len(location) - 1)])
        problem = f"found {shown} as a key"
    if kind == "string_type" and found is not None and not isinstance(found, dict | list):
        advice += "; put it in quotes"
    if kind == "invalid_key":
        where, at = where.rpartition(".")[0], value
        for part in place[:-1]:  # a part that is no key, as the branch of a union, is passed over
            has = part in at if isinstance(at, dict) else isinstance(at, list) and part in range(len(at))
            at = at[part] if has else at
        gap = isinstance(at, dict) and at.get(location[-1], "") is None
        problem = f"found {location[-1]} as a key, needed: a text"
        decimal = "write a number with a point and not with a comma: 0.60"
        advice = decimal if gap else f"write '{location[-1]}' in quotes"
    if kind in {"too_short", "too_long"} and isinstance(found, list | tuple | dict):
        problem = f"found {plural(len(found), 'item')}"
    if (
        kind in {"int_type", "float_type", "int_parsing", "float_parsing"}
        and isinstance(found, str)
        and (number := _number_in(found)) is not None
    ):
        advice += f"; write {number}"
    return UserFileError(path, problem, field=where, advice=advice)


_NUMBERS = {"int_type", "float_type", "int_parsing", "float_parsing"}
_NEEDED = {
    "string_type": "a text",
    "string_unicode": "a text of whole characters",
    "string_too_short": "a text that is not empty",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number from {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number up to {le}",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {items}",
    "too_long": "at most {items}",
}


def _needed(problem: Any) -> str:
    """What would be right, in words that are not pydantic's where we have some."""
    told, plain = problem.get("ctx", {}), problem["msg"]
    bounds = {key: _plain(value) for key, value in told.items() if key in {"gt", "ge", "lt", "le"}}
    items = plural(told.get("min_length", told.get("max_length", 0)), "item")
    for start in ("Input should be ", "a valid ", "Value error, "):
        plain = plain.removeprefix(start)
    ours = _NEEDED.get(problem["type"])
    return ours.format(**(told | bounds), items=items) if ours else str(plain)


_LOW, _HIGH = {"ge": "from", "gt": "above"}, {"le": "up to", "lt": "below"}


def _span(problem: Any, schema: type[BaseModel], place: list[Any]) -> str | None:
    """Both bounds of a number that lies outside of one of them; ``None`` where it has no two."""
    broken = {key: value for key, value in problem.get("ctx", {}).items() if key in _LOW | _HIGH}
    for found in _bounds_at(schema, place) if broken else ():
        words = [f"{word} {_plain(found[key])}" for key, word in (_LOW | _HIGH).items() if key in found]
        if len(words) == 2 and broken.items() <= found.items():
            joint = ", " if "le" in found and "gt" in found else " and " if "gt" in found else " to "
            return f"a number {(' ' if 'ge' in found and 'le' in found else joint).join(words)}"
    return None


def _bounds_at(schema: type[BaseModel], place: list[Any]) -> Iterator[dict[str, Any]]:
    """Bounds of the numbers in the field at this place of a schema: of each kind that it may be."""
    here, fields = [schema], list[Any]()
    for part in place:
        found = [model.model_fields[part] for model in here if part in model.model_fields]
        fields = found or fields
        below = [model for field in found for model in _models_in(field.annotation)]
        here = below or [model for model in here if model.__name__ == part] or here
    for field in fields:
        yield from _bounds_in(field.annotation, field.metadata)


def _bounds_in(annotation: Any, metadata: Iterable[Any]) -> Iterator[dict[str, Any]]:
    told = [one for said in metadata for one in (said, *getattr(said, "metadata", ()))]
    if bounds := {key: getattr(one, key) for key in _LOW | _HIGH for one in told if hasattr(one, key)}:
        yield bounds
    kinds = get_args(annotation)
    own = kinds[1:] if hasattr(annotation, "__metadata__") else ()
    for part in kinds[:1] if own else kinds:
        yield from _bounds_in(part, own)


def _plain(bound: Any) -> str:
    """A bound as a user writes it."""
    if isinstance(bound, (int, float)) and 1e4 <= abs(bound) < 1e15:
        return f"{bound:,.0f}" if abs(bound) >= 1e6 else f"{bound:.0f}"
    return f"{bound:g}"


def _number_in(text: str) -> str | None:
    """A text that means a number, as YAML takes it for one."""
    comma = re.fullmatch(r"[-+]?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))", text)
    try:
        number = float(text.replace(",", ".") if comma else text)
    except ValueError:
        return None
    return f"{number:.12f}".rstrip("0").rstrip(".") if 0 < abs(number) < 1e15 else None


_BRANCHES = {"str", "int", "float", "bool", "list", "dict", "tuple", "none", "is-instance"} | {
    f"constrained-{kind}" for kind in ("str", "int", "float")
}


def _is_other_kind(problem: Any, every: list[Any]) -> bool:
    """Whether a value is of another kind than this branch of a union, and another branch looked into it."""
    place = problem["loc"]
    below = (one["loc"] for one in every if one is not problem)
    looked_into = any(len(loc) > len(place) and loc[: len(place) - 1] == place[:-1] for loc in below)
    return problem["type"].endswith("_type") and isinstance(problem.get("input"), dict | list) and looked_into


def _is_branch(part: str) -> bool:
    """Pydantic names the branch of a union or a constraint in the location; such a name is no key of the user's."""
    return part.endswith(("]", ")")) or (part.isidentifier() and part[0].isupper()) or part in _BRANCHES


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
    kinds = {dict: "a mapping", list: "a list", str: "the text", bool: "the truth value", type(None): "nothing"}
    return (kinds | {int: "the number", float: "the number"}).get(type(value), f"a {type(value).__name__}")
