"""Graders of JSON: its form against a schema, its content field by field."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, ConfigDict, Field, JsonValue

from harness.core import Grade, digest_json
from harness.grade.json_compare import Comparing, Tolerance
from harness.grade.json_text import NoJsonError, Take, json_in
from harness.grade.rule import Rule, malformed, right, shown, ungraded, wrong
from harness.userfile import TookTooLongError, is_deeper, watched


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


Schema = Annotated[dict[str, JsonValue], AfterValidator(checked_schema)]
"""A JSON schema that stands on its own."""


class JsonSchema(Rule):
    """The answer holds JSON that a JSON schema allows; needs no reference, so it can serve as a verifier.

    The value may stand bare, in a fenced block, or with prose around it; several are malformed unless ``take`` is
    ``first`` or ``last``. A schema's own references must lie within it. A validation of over five seconds is stopped.
    """

    name: ClassVar[str] = "json_schema"

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

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
        kind = {"object": dict, "array": list}.get(str(self.form.get("type")))
        try:
            value = json_in(text, take=self.take, kind=kind)
        except NoJsonError as error:
            return malformed(f"{error} in {shown(text.strip())!r}")
        return violation(value, self.form) or right()


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

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

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
        try:
            value = json_in(text, take=self.take, kind=kind)
        except NoJsonError as error:
            return malformed(f"{error} in {shown(text.strip())!r}")
        if kind is not None and not isinstance(value, kind):
            return malformed(f"needed a JSON {_name(reference)}, found {_name(value)} in {shown(text.strip())!r}")
        if self.form is not None and (problem := violation(value, self.form)):
            return problem
        good, total, first = self._comparing().fields(reference, value)
        if first is None:
            return right()
        where, expected, found = first
        return wrong(
            f"{where or 'the value'} = {expected}", f"{found} ({good} of {total} fields right)", score=good / total
        )

    def _comparing(self) -> Comparing:
        return Comparing(
            tolerance=self.tolerance, ignore=self.ignore, unordered=self.unordered, extra_is_wrong=self.extra == "wrong"
        )


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


def _name(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "number"
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
