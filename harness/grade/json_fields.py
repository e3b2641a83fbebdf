"""Graders of JSON: the one value that an answer gives, its form against a schema, its content field by field."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from harness.core import Grade, Status, digest_json
from harness.grade.number import close
from harness.grade.plain import FENCE, plain
from harness.grade.rule import Rule, malformed, right, shown, ungraded, wrong
from harness.userfile import KeyTwiceError, Strict, TookTooLongError, distinct_keys, is_deeper, watched

Take = Literal["only", "first", "last"]

_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"} | {
    type(None): "null"
}
_PAIRS = 10_000  # pairs of list items compared one by one; past that only equal items are matched: bounds the time
_STARTS = 500  # failed starts after which the search ends: each costs a count of the lines before it


def _checked_schema(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """``schema``, which has to be a JSON schema that refers to no other document, which would be fetched."""
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        unclear = error.validator in {"anyOf", "oneOf"}
        said = f"{error.instance!r} is not allowed here" if unclear else error.message
        raise ValueError(f"not a JSON schema: {error.json_path}: {shown(said, 120)}") from None
    for target in _references(schema):
        if not target.startswith("#"):
            raise ValueError(f"the schema refers to {target!r}; put the definition under $defs and refer to #/$defs/…")
    return schema


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [v for k, v in value.items() if k in ("$ref", "$dynamicRef") and isinstance(v, str)]
        return own + [target for v in value.values() for target in _references(v)]
    return [target for v in value for target in _references(v)] if isinstance(value, list) else []


class _Tolerance(Strict):
    absolute: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(default=0.0, ge=0, allow_inf_nan=False)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


Schema = Annotated[dict[str, JsonValue], AfterValidator(_checked_schema)]  # a JSON schema that stands on its own
Tolerance = Annotated[  # ``{absolute, relative}``; a bare number is absolute
    _Tolerance, BeforeValidator(lambda value: {"absolute": value} if _is_number(value) else value)
]


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
        if not isinstance(reference, str):
            return (json.dumps(reference),)
        return () if _read(reference, "only", None)[1] else (reference,)

    def judge(self, text: str, reference: None) -> Grade:  # noqa: ARG002
        """Passes when the schema holds."""
        value, problem = self._value(text)
        return problem or _violation(value, self.form) or right()

    def reading(self, text: str) -> Any:
        """The value, where the schema allows it."""
        value, problem = self._value(text)
        return None if problem or _violation(value, self.form) else value

    def matches(self, text: str, reading: Any) -> bool:
        """Field by field."""
        return JsonFields(take=self.take).judge(text, reading).status is Status.PASSED

    def _value(self, text: str) -> tuple[Any, Grade | None]:
        return _read(text, self.take, {"object": dict, "array": list}.get(str(self.form.get("type"))))


_Wrong = tuple[str, str, str]  # a place, what was expected there, what was found
_Seen = Iterator[tuple[int, _Wrong | None]]  # a number of fields, and what is wrong in them


class JsonFields(Rule):
    """The answer holds JSON equal to the reference, compared field by field; the score is the share that is right.

    A field is a leaf of the reference, named by the keys that lead to it (``lines.price``; places in a list are left
    out), or an empty list or object. What the reference lacks is one wrong field each, unless ``extra: ignore``. Values
    are of the same type or wrong: "9" is not 9; 1.0 is 1; texts are compared in their plain form. In ``unordered``
    lists (``true``: all) each item of the reference is one field. ``schema`` is checked first.
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
                value = _json_in(reference, "only", None)
            except _NoJsonError as error:
                raise ValueError(f"the reference is a text that is not JSON ({error}): {shown(reference)!r}") from None
        try:
            digest_json(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"the reference is not a JSON value: {error}") from None
        if is_deeper(value, 64):
            raise ValueError("the reference is nested more than 64 deep")
        if not self._leaves(value, ""):
            raise ValueError("the reference has no field left to compare; look at ignore")
        if self.form is not None and (problem := _violation(value, self.form)):
            raise ValueError(f"the reference itself breaks the schema: {problem.reason}")
        return value

    def answers(self, reference: Any) -> Iterable[str]:
        """The reference as JSON."""
        return (json.dumps(self.usable(reference)),)

    def reading(self, text: str) -> Any:
        """The value, where the schema allows it."""
        value, problem = _read(text, self.take, {"object": dict, "array": list}.get(str((self.form or {}).get("type"))))
        return None if problem or (self.form is not None and _violation(value, self.form)) else value

    def judge(self, text: str, reference: Any) -> Grade:
        """Passes when every field is right."""
        kind = type(reference) if isinstance(reference, (dict, list)) else None
        value, problem = _read(text, self.take, kind)
        if problem is None and kind is not None and not isinstance(value, kind):
            problem = malformed(f"needed a JSON {_NAMES[kind]}, found {_NAMES[type(value)]} in {shown(text.strip())!r}")
        if problem is None and self.form is not None:
            problem = _violation(value, self.form)
        if problem is not None:
            return problem
        seen = list(self._walk(reference, value, "", ""))
        first = next((fault for size, fault in seen if size and fault), None)
        if first is None:
            return right()
        good, total = sum(size for size, fault in seen if fault is None), sum(size for size, _ in seen)
        where, expected, found = first
        share = f"{found} ({good} of {total} fields right)"
        return wrong(f"{where or 'the value'} = {expected}", share, score=good / total)

    # A path is the keys that lead to a value, joined by dots, places in lists left out; a place has them.

    def _leaves(self, value: Any, path: str) -> int:
        """How many fields a reference has."""
        return sum(size for size, _ in self._walk(value, value, path, ""))

    def _walk(self, ref: Any, found: Any, path: str, place: str) -> _Seen:
        if path in self.ignore:
            return
        if isinstance(ref, list) and isinstance(found, list) and self._free(path):
            pairs = self._matched(ref, found, path)
            for i, item in enumerate(ref):
                yield 1, None if i in pairs else (f"{place}[{i}]", _said(item), "no equal item")
            taken = set(pairs.values())
            extra = [(place, item) for j, item in enumerate(found) if j not in taken]
            # a wrong item is one fault, not a missing and an extra one
            yield from self._extra(ref, extra[max(0, len(ref) - len(pairs)) :])
        elif isinstance(ref, (dict, list)) and type(found) is type(ref):
            yield from self._parts(ref, found, path, place)
        elif isinstance(ref, (dict, list)):
            yield self._leaves(ref, path), (place, _said(ref), _said(found))
        else:
            yield 1, None if self._same(ref, found, path) else (place, _said(ref), _said(found))

    def _parts(self, ref: Any, found: Any, path: str, place: str) -> _Seen:
        """Key by key of objects, place by place of lists."""
        keyed = isinstance(ref, dict)
        refs, others = (ref, found) if keyed else (dict(enumerate(ref)), dict(enumerate(found)))
        at = {k: (_below(path, k), _below(place, k)) if keyed else (path, f"{place}[{k}]") for k in refs | others}
        for key, item in refs.items():
            below, there = at[key]
            if key in others:
                yield from self._walk(item, others[key], below, there)
            else:
                yield self._leaves(item, below), (there, _said(item), f"no such {'key' if keyed else 'item'}")
        extra = [
            (at[key][1], item) for key, item in others.items() if key not in refs and at[key][0] not in self.ignore
        ]
        yield from self._extra(ref, extra)

    def _extra(self, ref: Collection[Any], extra: Sequence[tuple[str, Any]]) -> _Seen:
        """What the reference lacks; one that is empty is itself a field, right where nothing is added."""
        if extra and self.extra == "wrong":
            yield from ((1, (place, "nothing", _said(item))) for place, item in extra)
        elif not ref:
            yield 1, None

    def _same(self, ref: Any, found: Any, path: str) -> bool:
        if _is_number(ref) and _is_number(found):
            if (allowed := self.tolerance.get(path)) is None:
                return bool(ref == found)
            return close(Decimal(repr(found)), Decimal(repr(ref)), allowed.absolute, allowed.relative)
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
        loose = bool(self.tolerance) or self.extra == "ignore"
        if len(pairs) == len(ref) or not loose or len(ref) * len(found) > _PAIRS:
            return pairs
        # Equality within a tolerance is no equivalence, so all items take part: an exact pair may have to give way.
        fits: dict[int, list[int]] = {i: [] for i in range(len(ref))}
        for i, j in product(fits, range(len(found))):
            if not any(size and fault for size, fault in self._walk(ref[i], found[j], path, "")):
                fits[i].append(j)
        return _largest_pairing(fits, pairs)

    def _key(self, value: Any, path: str) -> str:
        """One text for all values that are equal without any tolerance."""
        return json.dumps(self._canonical(value, path), sort_keys=True)

    def _canonical(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            parts = ((key, item, _below(path, key)) for key, item in value.items())
            return {key: self._canonical(item, below) for key, item, below in parts if below not in self.ignore}
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


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _said(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"an {_NAMES[type(value)]} of {len(value)}"
    return shown(json.dumps(value, ensure_ascii=False))


def _violation(value: Any, schema: Mapping[str, Any]) -> Grade | None:
    """The grade of a value that breaks the schema, or ``None``."""
    try:
        found = watched("validate", value=value, schema=schema)
    except TookTooLongError as error:
        return ungraded(f"the schema's validation {error}")
    except RecursionError:
        return malformed("the JSON is nested too deeply")
    problem = found["problem"]
    return None if problem is None else malformed(f"schema: {found['path']}: {shown(problem, 150)}")


def _read(text: str, take: Take, kind: type | None) -> tuple[Any, Grade | None]:
    """The JSON value of an answer, or the grade of one that has none."""
    try:
        return _json_in(text, take, kind), None
    except _NoJsonError as error:
        return None, malformed(f"{error} in {shown(text.strip())!r}")


class _NoJsonError(Exception):
    """The text gives no value to grade; the message says why."""


def _json_in(text: str, take: Take, kind: type | None) -> Any:
    """The JSON value in ``text``: the whole, or what fenced blocks hold, or what stands in prose.

    In prose only objects and arrays are seen, and with ``kind`` (``dict`` or ``list``) only those of that kind, so that
    a citation such as [1] is no answer. Raises _NoJsonError: no value; several where ``take`` is ``only``; or one that
    JSON does not define or two readers could read differently: NaN, infinities, a key given twice, a number beyond a
    double's range or of over 400 digits, nesting beyond 100. The time is linear in the text.
    """
    text = text.strip().removeprefix("\ufeff")
    try:
        blocks = (value for match in FENCE.finditer(text) for value in _whole(match[1].strip()))
        values = _whole(text) or [value for value in blocks if kind is None or isinstance(value, kind)]
        values = values or _in_prose(text, kind)
    except KeyTwiceError as error:
        raise _NoJsonError(f"the key {error.args[0]!r} is given twice") from None
    except RecursionError:
        raise _NoJsonError("the JSON is nested too deeply") from None
    if not values:
        raise _NoJsonError(f"no JSON {'value' if kind is None else _NAMES[kind]}")
    if take == "only" and len(values) > 1:
        raise _NoJsonError(f"{len(values)} JSON values, needed one")
    value = values[-1 if take == "last" else 0]
    if is_deeper(value, 100):
        raise _NoJsonError("the JSON is nested too deeply")
    return value


def _whole(text: str) -> list[Any]:
    try:
        return [_DECODER.decode(text)]
    except json.JSONDecodeError:
        return []


def _in_prose(text: str, kind: type | None) -> list[Any]:
    opener = re.compile(_OPENERS.get(kind) or "|".join(_OPENERS.values()))
    values, place, failures = [], 0, 0
    while failures < _STARTS and (start := opener.search(text, place)):
        try:
            value, place = _DECODER.raw_decode(text, start.start())
            values.append(value)
        except json.JSONDecodeError as error:
            # on from where it failed, not from inside, so that a part of broken JSON is seldom taken for the whole
            place, failures = max(error.pos, start.start() + 1), failures + 1
    return values


_OPENERS: Mapping[type | None, str] = {dict: r'\{(?=\s*["}])', list: r'\[(?=\s*[\[\]{"\-\dtfn])'}


def _no_constant(word: str) -> Any:
    raise _NoJsonError(f"{word} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > 400:
        raise _NoJsonError(f"a number of {len(digits)} digits")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise _NoJsonError(f"the number {digits[:20]} is beyond the range of a double")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=distinct_keys, parse_constant=_no_constant, parse_int=_integer, parse_float=_real
)
