"""Graders of JSON: the one value that an answer gives, its form against a schema, its content field by field."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, JsonValue

from harness.core import Grade, digest_json
from harness.grade.json_compare import Comparing, Tolerance
from harness.grade.plain import FENCE
from harness.grade.rule import Rule, malformed, right, shown, ungraded, wrong
from harness.userfile import KeyTwiceError, TookTooLongError, distinct_keys, is_deeper, watched

Take = Literal["only", "first", "last"]


def checked_schema(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """``schema``, when it is a JSON schema that stands on its own.

    Raises:
        ValueError: it is not, or refers to another document, which would be fetched.
    """
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        unclear = error.validator in {"anyOf", "oneOf"}
        said = f"{error.instance!r} is nothing that may stand here" if unclear else error.message
        raise ValueError(f"not a JSON schema: {error.json_path}: {shown(said, 120)}") from None
    for target in _references(schema):
        if not target.startswith("#"):
            raise ValueError(f"the schema refers to {target!r}; put the definition under $defs and refer to #/$defs/…")
    return schema


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [v for k, v in value.items() if k in ("$ref", "$dynamicRef") and isinstance(v, str)]
        return own + [target for v in value.values() for target in _references(v)]
    if isinstance(value, list):
        return [target for v in value for target in _references(v)]
    return []


Schema = Annotated[dict[str, JsonValue], AfterValidator(checked_schema)]  # a JSON schema that stands on its own


class JsonSchema(Rule):
    """The answer holds JSON that a JSON schema allows; needs no reference, so it can serve as a verifier.

    The value may stand bare, in a fenced block, or with prose around it; several are malformed unless ``take`` is
    ``first`` or ``last``. A schema's own references must lie within it. A validation of over five seconds is stopped.
    """

    name: ClassVar[str] = "json_schema"

    form: Schema = Field(alias="schema")
    take: Take = "only"

    @property
    def needs_reference(self) -> bool:
        """Never."""
        return False

    @property
    def schema_of_answers(self) -> Mapping[str, Any]:
        """The schema itself."""
        return self.form

    def answers(self, reference: Any) -> Iterable[str]:
        """The reference, where a task has one that is JSON: the schema should allow it."""
        if isinstance(reference, str):
            try:
                json_in(reference)
            except NoJsonError:
                return ()
            return (reference,)
        return (json.dumps(reference),)

    def judge(self, text: str, reference: None) -> Grade:  # noqa: ARG002
        """Passes when the schema holds."""
        value, problem = _read(text, self.take, {"object": dict, "array": list}.get(str(self.form.get("type"))))
        return problem or violation(value, self.form) or right()


class JsonFields(Rule):
    """The answer holds JSON equal to the reference, compared field by field; the score is the share that is right.

    A field is a leaf of the reference, named by the keys that lead to it (``lines.price``; places in a list are left
    out), or an empty list or object. A key or list item that the reference lacks is one wrong field, unless
    ``extra: ignore``. Values are of the same type or wrong: "9" is not 9; 1.0 is 1. ``tolerance`` gives fields a
    number or {absolute, relative}; ``ignore`` leaves fields out; ``unordered`` names lists (or ``true`` for all) whose
    order does not count: there each item of the reference is one field. ``schema`` is checked first. In texts,
    invisible marks and the forms of dashes, apostrophes and quotes do not count.
    """

    name: ClassVar[str] = "json"
    version: ClassVar[int] = 2

    form: Schema | None = Field(default=None, alias="schema")
    take: Take = "only"
    tolerance: Mapping[str, Tolerance] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    unordered: bool | tuple[str, ...] = False
    extra: str = Field(default="wrong", pattern="^(wrong|ignore)$")

    def usable(self, reference: Any) -> Any:
        """The reference as a JSON value; a text is read as JSON."""
        value = reference
        if isinstance(reference, str):
            try:
                value = json_in(reference)
            except NoJsonError as error:
                raise ValueError(f"the reference is a text that is not JSON ({error}): {shown(reference)!r}") from None
        try:
            digest_json(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"the reference is not a JSON value: {error}") from None
        if is_deeper(value, 64):
            raise ValueError("the reference is nested more than 64 deep")
        if not self._comparing().leaves(value):
            raise ValueError("the reference has no field left to compare; look at ignore")
        if self.form is not None and (problem := violation(value, self.form)):
            raise ValueError(f"the reference itself breaks the schema: {problem.reason}")
        return value

    def answers(self, reference: Any) -> Iterable[str]:
        """The reference as JSON."""
        return (json.dumps(self.usable(reference)),)

    def judge(self, text: str, reference: Any) -> Grade:
        """Passes when every field is right."""
        kind = type(reference) if isinstance(reference, (dict, list)) else None
        value, problem = _read(text, self.take, kind)
        if problem is None and kind is not None and not isinstance(value, kind):
            problem = malformed(f"needed a JSON {_NAMES[kind]}, found {_NAMES[type(value)]} in {shown(text.strip())!r}")
        if problem is None and self.form is not None:
            problem = violation(value, self.form)
        if problem is not None:
            return problem
        good, total, first = self._comparing().fields(reference, value)
        if first is None:
            return right()
        where, expected, found = first
        share = f"{found} ({good} of {total} fields right)"
        return wrong(f"{where or 'the value'} = {expected}", share, score=good / total)

    def _comparing(self) -> Comparing:
        return Comparing(self.tolerance, self.ignore, self.unordered, self.extra == "wrong")


def _read(text: str, take: Take, kind: type | None) -> tuple[Any, Grade | None]:
    """The JSON value of an answer, or the grade of one that has none."""
    try:
        return json_in(text, take=take, kind=kind), None
    except NoJsonError as error:
        return None, malformed(f"{error} in {shown(text.strip())!r}")


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

_STARTS = 500  # failed starts after which the search ends: each costs a count of the lines before it


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


def violation(value: Any, schema: Mapping[str, Any]) -> Grade | None:
    """The grade of a value that breaks the schema, or ``None``."""
    try:
        found = watched("validate", value=value, schema=schema)
    except TookTooLongError as error:
        return ungraded(f"the schema's validation {error}")
    except RecursionError:
        return malformed("the JSON is nested too deeply")
    if found["problem"] is None:
        return None
    return malformed(f"schema: {found['path']}: {shown(found['problem'], 150)}")


_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"} | {
    type(None): "null"
}
