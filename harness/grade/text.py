"""Graders of plain text: the same text, texts that must occur, a pattern."""

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from harness.core import Cause, Grade
from harness.grade.plain import Normalisation, normalised, readings
from harness.grade.rule import Rule, failed, malformed, right, shown, ungraded, wrong
from harness.userfile import TookTooLongError, watched


class Exact(Rule):
    """The answer is the reference, or one of several references, after the named normalisations.

    ``normalise`` lists differences that do not count (see `normalised`); by default only white space at the ends.
    """

    name: ClassVar[str] = "exact"
    version: ClassVar[int] = 2
    instant: ClassVar[bool] = True
    normalise: tuple[Normalisation, ...] = ("strip",)

    def usable(self, reference: Any) -> tuple[str, ...]:
        """The accepted texts."""
        return _none_empty("reference", _texts(reference), self.normalise, ", so no answer could be right")

    def answers(self, reference: Any) -> Iterable[str]:
        """The accepted texts themselves."""
        return _texts(reference)

    def reading(self, text: str) -> tuple[str, ...]:
        """The text itself."""
        return (text,)

    def judge(self, text: str, reference: tuple[str, ...]) -> Grade:
        """Passes when one of the accepted texts is the same."""
        found = readings(text, self.normalise)
        if any(found & readings(accepted, self.normalise) for accepted in reference):
            return right()
        return wrong(" or ".join(repr(shown(accepted)) for accepted in reference), repr(shown(text.strip())))


class Contains(Rule):
    """Given texts occur in the answer: those of ``all``, at least one of ``any``, none of ``none``.

    Without ``all`` and ``any`` the reference (a text or a list of texts) takes the place of ``all``. The score is the
    share of the conditions that hold; the whole of ``any`` is one condition.
    """

    name: ClassVar[str] = "contains"
    version: ClassVar[int] = 2
    instant: ClassVar[bool] = True
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    normalise: tuple[Normalisation, ...] = ("nfkc", "casefold", "whitespace")

    @model_validator(mode="after")
    def _no_empty_texts(self) -> Self:
        _none_empty("text", (*self.all, *self.any, *self.none), self.normalise)
        return self

    @property
    def needs_reference(self) -> bool:
        """Only where the options name no text that must occur."""
        return not (self.all or self.any)

    def usable(self, reference: Any) -> tuple[str, ...]:
        """The texts that must occur."""
        return _none_empty("reference", _texts(reference), self.normalise)

    def answers(self, reference: Any) -> Iterable[str]:
        """All that must occur, with each of those of which one must."""
        must = "\n".join(_texts(reference) if self.needs_reference else self.all)
        return [f"{must}\n{one}" for one in self.any] or [must]

    def judge(self, text: str, reference: tuple[str, ...] | None) -> Grade:
        """Passes when every condition holds."""
        answers = readings(text, self.normalise)

        def occurs(needle: str) -> bool:
            return any(form in answer for form in readings(needle, self.normalise) for answer in answers)

        must = self.all if reference is None else reference
        problems = [f"{shown(needle)!r} is missing" for needle in must if not occurs(needle)]
        problems += [f"{shown(needle)!r} must not occur" for needle in self.none if occurs(needle)]
        if self.any and not any(occurs(needle) for needle in self.any):
            problems.append(f"none of {', '.join(repr(shown(needle)) for needle in self.any)} occurs")
        if not problems:
            return right()
        score = 1 - len(problems) / (len(must) + len(self.none) + bool(self.any))
        cause = Cause.PARTIAL if score > 0 else Cause.WRONG
        return failed(cause, f"{'; '.join(problems[:3])}; found {shown(text.strip())!r}", score=score)


class Regex(Rule):
    r"""A regular expression is found in the answer; with ``group``, what it captures is the reference.

    Without ``pattern`` the reference is the pattern. With ``group`` (a number or a name) the pattern is the answer's
    form, as in ``Answer: (\w+)``: an answer without it is malformed, another text in it is wrong, compared as `Exact`
    compares. A search of over five seconds is stopped and the attempt is ungraded: that is the pattern's fault.
    """

    name: ClassVar[str] = "regex"
    version: ClassVar[int] = 2
    pattern: str | None = None
    group: int | str | None = None
    full: bool = False
    flags: tuple[Literal["ignorecase", "multiline", "dotall"], ...] = ()
    normalise: tuple[Normalisation, ...] = ("strip",)

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        if self.pattern is None:
            if self.group is not None:
                raise ValueError("group needs a pattern; add pattern")
            return self
        compiled = _compiled(self.pattern)
        known = [*range(compiled.groups + 1), *compiled.groupindex]
        if self.group is not None and self.group not in known:
            raise ValueError(f"the pattern has no group {self.group!r}; groups: {', '.join(map(str, known))}")
        return self

    @property
    def needs_reference(self) -> bool:
        """Not where the pattern alone decides."""
        return self.pattern is None or self.group is not None

    def usable(self, reference: Any) -> tuple[str, ...]:
        """The accepted texts of the group, or the pattern."""
        texts = _texts(reference)
        if self.pattern is None:
            if len(texts) != 1:
                raise ValueError("the reference must be one pattern; join alternatives by |")
            _compiled(texts[0])
        return texts

    def answers(self, reference: Any) -> Iterable[str]:
        """Texts that the pattern would take the reference out of."""
        few = set(self.normalise) <= {"strip", "whitespace", "casefold", "nfkc"}
        if self.pattern is None or self.group is None or not few:
            return ()  # a text that is written in more ways than these proves nothing by failing
        texts = _texts(reference)
        forms = [form for text in texts for form in (text, text.strip(), normalised(text, self.normalise))]
        forms += [form.upper() for form in forms] if "casefold" in self.normalise else []
        return _samples(self.pattern, self._bits, self.group, list(dict.fromkeys(forms)))

    def reading(self, text: str) -> Any:
        """What the group captures."""
        try:
            found = self._search(str(self.pattern), text)
        except TookTooLongError:
            return None
        return (found["group"],) if found["found"] and found["group"] is not None else None

    @property
    def compares(self) -> bool:
        """Not without a group: a pattern alone says nothing of what is answered."""
        return self.pattern is not None and self.group is not None

    @property
    def _bits(self) -> int:
        return sum({int(re.RegexFlag[name.upper()]) for name in self.flags})

    def judge(self, text: str, reference: tuple[str, ...] | None) -> Grade:
        """Passes when the pattern is found and its group, where asked for, holds the reference."""
        pattern = self.pattern if self.pattern is not None else (reference or ("",))[0]
        try:
            found = self._search(pattern, text)
        except TookTooLongError as error:
            return ungraded(f"the pattern {shown(pattern)!r} {error} on an answer of {len(text)} characters")
        if self.group is None:
            return right() if found["found"] else wrong(f"a match of {shown(pattern)!r}", repr(shown(text.strip())))
        if not found["found"] or found["group"] is None:
            return malformed(f"no match of {shown(pattern)!r} in {shown(text.strip())!r}")
        return Exact(normalise=self.normalise).judge(found["group"], reference or ())

    def _search(self, pattern: str, text: str) -> Any:
        job = {"pattern": pattern, "flags": self._bits, "full": self.full, "group": self.group or 0, "text": text}
        return watched("search", **job)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None


def _none_empty(
    what: str, texts: tuple[str, ...], steps: Iterable[Normalisation], so: str = "; every answer contains it"
) -> tuple[str, ...]:
    for text in texts:
        if not normalised(text, steps):
            raise ValueError(f"the {what} {text!r} is empty after normalisation{so}")
    return texts


def _texts(reference: Any) -> tuple[str, ...]:
    """A reference as one or more texts; a number is taken as it is written."""
    values = reference if isinstance(reference, (list, tuple)) else [reference]
    if not values:
        raise ValueError("the reference is an empty list, so no answer could be right")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            hint = "; quote yes, no, true and false" if isinstance(value, bool) else ""
            raise ValueError(f"the reference must be a text or a list of texts, found {value!r}{hint}")  # noqa: TRY004
    return tuple(str(value) for value in values)


_parser: Any = importlib.import_module("re._parser")  # the parsed form of a pattern has no public name
_compiler: Any = importlib.import_module("re._compiler")
_parsed = lru_cache(maxsize=64)(_parser.parse)

TRIES = 8  # answers made of one pattern and text: repeats and alternatives vary
_CHARACTERS = "a0 A_-.,:;\n\t\"'()é"
_ONE = {"LITERAL", "NOT_LITERAL", "ANY", "IN"}  # kinds of nodes that are one character


def _samples(pattern: str, flags: int, group: int | str, texts: Sequence[str]) -> Iterator[str]:
    """Answers that ``pattern`` should find and whose ``group`` should be one of ``texts``."""
    # None where the pattern looks around, so that a text which is not found proves nothing; but where the group has no
    # place for a character of each text, its answers come all the same, and none of them is right.
    tree = _parsed(pattern, flags)
    number = re.compile(pattern).groupindex.get(str(group), group)
    if number == 0:
        yield from texts
        return
    looks_around = any(kind in {"ASSERT", "ASSERT_NOT", "GROUPREF_EXISTS"} for kind, _ in _nodes(tree))
    if looks_around and any(_has_room(tree, number, text, flags) for text in texts):
        return
    try:
        yield from [_Writer(number, text, variant).written(tree) for text in texts for variant in range(TRIES)]
    except _LongError:
        return


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every node below a tree by the name of its kind, itself before what is in it."""
    for kind, value in ((str(kind), value) for kind, value in tree):
        yield kind, value
        parts = [value] if kind == "ATOMIC_GROUP" else []
        if kind == "BRANCH":
            parts = value[1]
        elif kind in {"SUBPATTERN", "MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT", "ASSERT", "ASSERT_NOT"}:
            parts = [value[-1]]
        elif kind == "GROUPREF_EXISTS":
            parts = [part for part in value[1:] if part is not None]
        yield from (node for part in parts for node in _nodes(part))


def _has_room(tree: Any, number: Any, text: str, flags: int) -> bool:
    """Whether every character of ``text`` fits some part of the group."""
    groups = [value[-1] for kind, value in _nodes(tree) if kind == "SUBPATTERN" and value[0] == number]
    leaves = [leaf for group in groups for leaf in _nodes(group)]
    if any(kind.startswith(("GROUPREF", "ASSERT")) for kind, _ in leaves):
        return True
    either = flags & re.IGNORECASE or any(kind == "SUBPATTERN" and value[1] for kind, value in leaves)
    forms = [{c, c.lower(), c.upper()} if either else {c} for c in dict.fromkeys(text)]
    fitting = [_one(kind, value, flags) for kind, value in leaves if kind in _ONE]
    return all(any(one.match(c) for one in fitting for c in form) for form in forms)


def _one(kind: str, value: Any, flags: int = 0) -> re.Pattern[str]:
    """The pattern that is one node of one character."""
    node = _parser.SubPattern(_parser.State(), [(getattr(_parser, kind), value)])
    pattern: re.Pattern[str] = _compiler.compile(node, re.UNICODE | flags & re.DOTALL)
    return pattern


class _LongError(Exception):
    """The pattern asks for more pieces than are worth writing."""


class _Writer:
    """Writes a text that a tree matches; ``variant`` decides between what it leaves open."""

    def __init__(self, number: Any, text: str, variant: int) -> None:
        self._number, self._text, self._variant = number, text, variant
        self._groups: dict[Any, str] = {}
        self._left = 10_000

    def written(self, tree: Any) -> str:
        return "".join(self._piece(str(kind), value) for kind, value in tree)

    def _piece(self, kind: str, value: Any) -> str:
        self._left -= 1
        if self._left < 0:
            raise _LongError
        if kind == "SUBPATTERN":
            self._groups[value[0]] = self._text if value[0] == self._number else self.written(value[-1])
            return self._groups[value[0]]
        if kind == "LITERAL":
            return chr(value)
        if kind in {"ANY", "NOT_LITERAL", "IN"}:
            named = [item for item in value if str(item[0]) in {"LITERAL", "RANGE"}] if kind == "IN" else []
            own = [chr(v if isinstance(v, int) else v[0]) for _, v in named]
            choice = list(filter(_one(kind, value).match, (*own, *_CHARACTERS)))
            return choice[self._variant // 2 % len(choice)] if choice else ""
        if kind == "BRANCH":
            return self.written(value[1][self._variant % len(value[1])])
        if kind.endswith("REPEAT"):
            low, high, part = value
            return "".join(self.written(part) for _ in range(min(low + self._variant % 2, int(high), low + 1)))
        if kind == "GROUPREF":
            return self._groups.get(value, "")
        if kind == "ATOMIC_GROUP":
            return self.written(value)
        return self.written(value[-1]) if kind == "ASSERT" and self._variant < TRIES // 2 else ""
