"""Keeps secrets out of everything that is written or printed. All of it is linear in the text."""

import re
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from itertools import product
from operator import is_
from typing import Any

_MARK = "[secret]"
_RUNS = re.compile(
    r"\b(?:sk|pk|rk|xai|nvapi|pplx|csk|glpat)-(?P<run>[-_A-Za-z0-9]{16,})"  # keys by their common prefixes
    r"|(?i:\bbearer |\bx-api-key: )(?P<header>[^\s\"',;]{8,})"
    r"|(?i:\bbasic )(?P<basic>[A-Za-z0-9+/]{16,}={0,2})"
    r"|\beyJ(?P<jwt>[-_.A-Za-z0-9]{30,})"
)  # secrets if a digit is in them (ordinary words joined by hyphens have none). A run is read once, as a whole.
_PLAIN = re.compile(
    r"\b(?:(?:hf|gsk|ghp|gho|github_pat|r8)_[A-Za-z0-9_]{16,}|(?:AKIA|ASIA)[0-9A-Z]{12,}|AIza[-_0-9A-Za-z]{30,})"
    r"|://(?P<user>[^/\s:@]+:[^/\s@]+)(?=@)"
    r"|[?&](?i:(?:access[-_]?|auth[-_]?)?token|(?:api[-_]?|access[-_]?)?key|sig|signature|secret|password)="
    r"(?P<query>[^&\s\"'<>\[\]{}$]{8,})"
)
_WORD = r"(?:[a-z]{1,12}|[A-Z]{1,12}|[A-Z][a-z]{1,11})"
_WORDS = re.compile(rf"{_WORD}(?:[-_.]{_WORD})*")
_PREFIX = re.compile(r"(?:[a-z]{1,7}\d{0,2}[-_]){0,3}")  # how a provider's keys begin is public: ``sk-ant-api03-``
_SHORTEST = 8  # characters of a secret that is taken out of a model's answer; servers without keys are given words
_WORDY = 16  # characters from which words joined by hyphens are a secret, and no placeholder such as ``not-needed``
_PIECE = 12  # characters of a secret that are as good as the whole
_GRAM = 6
_BASE64 = (b64encode, urlsafe_b64encode)
_STRIDE = _PIECE - _GRAM + 1  # every piece of ``_PIECE`` characters holds a whole gram that begins at a multiple of it


def holds_secret(text: str) -> bool:
    """Whether something in ``text`` has the shape of a key or of a password in a URL."""
    return _PLAIN.search(text) is not None or any(map(_is_key, _RUNS.finditer(text)))


class Redactor:
    """Puts a mark in place of every known secret, whole, in pieces or escaped, and of whatever has a key's shape."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        every = {form for secret in secrets for form in (secret, secret.strip(), *secret.split()) if len(form) >= 4}
        self._everywhere, self._in_answers = _Finder(every, answers=False), _Finder(every, answers=True)

    def __call__(self, text: str) -> str:
        """``text`` without secrets."""
        return _PLAIN.sub(_marked, _RUNS.sub(_marked, self._everywhere.sub(text)))

    def answer(self, value: Any) -> Any:
        """A model's words, or JSON or a record of them, without known secrets; what merely looks like a key stays."""
        if self._in_answers.empty or value is None or isinstance(value, (int, float)):
            return value
        if isinstance(value, str):
            return self._in_answers.sub(value)
        if isinstance(value, list | tuple):
            parts = [self.answer(part) for part in value]
            return value if all(map(is_, value, parts)) else type(value)(parts)
        kind: Any = type(value)
        if names := _names(kind):
            new = {n: kept for n in names if (kept := self.answer(old := getattr(value, n))) is not old}
            return replace(value, **new) if new else value
        if isinstance(value, Mapping):
            below = {self.answer(k): self.answer(v) for k, v in value.items()}
            same = len(below) == len(value) and all(map(is_, [*value, *value.values()], [*below, *below.values()]))
            return value if same else below
        return value


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _is_key(found: re.Match[str]) -> bool:
    if found.lastgroup == "jwt":
        return found["jwt"].count(".") == 2
    return any(c.isdigit() for c in found[found.lastgroup or 0])


def _marked(found: re.Match[str]) -> str:
    """A mark in place of what matched, but for the words before it that say what it is."""
    if found.re is _RUNS and not _is_key(found):
        return found[0]
    kept = found.lastgroup in {"header", "basic", "user", "query"}
    return (found[0][: found.start(found.lastgroup or 0) - found.start()] if kept else "") + _MARK


class _Finder:
    """Finds secrets, pieces of them and what they are encoded as."""

    def __init__(self, secrets: Iterable[str], *, answers: bool) -> None:
        self._whole: list[str] = []
        self._grams: dict[str, list[tuple[str, int, int]]] = {}  # six characters: form, place, least end
        for secret in sorted(secrets, key=lambda s: (-len(s), s)):
            words, long = _WORDS.fullmatch(secret) is not None, len(secret)
            if long < (_WORDY if words else _SHORTEST) if answers else words and long < _SHORTEST:
                continue
            self._whole.append(secret)
            if long >= (_WORDY if words else _PIECE) and not (answers and words):
                public = _PREFIX.match(secret) if answers else None
                self._know(secret, min(long, public.end() + 4) if public else 0)
            # base64 of anything with the secret in it holds one of these, for the three ways that bytes fall
            data, ways = secret.encode("utf-8", "surrogatepass"), product(((0, 0), (1, 2), (2, 3)), _BASE64)
            encoded = {encode(bytes(n) + data).decode()[cut : (n + len(data)) * 8 // 6] for (n, cut), encode in ways}
            for form in (form for form in encoded if len(form) >= _PIECE):
                self._know(form, 0)
        self.empty = not self._whole
        self._least = min([*map(len, self._whole), *([_PIECE] if self._grams else [])], default=0)

    def _know(self, form: str, reach: int) -> None:
        for at in range(len(form) - _GRAM + 1):
            places = self._grams.setdefault(form[at : at + _GRAM], [])
            if len(places) < 8:  # a secret that repeats itself is found by its first places
                places.append((form, at, reach))

    def sub(self, text: str) -> str:
        """``text``, a mark in place of each secret; the same object where there is none."""
        if self.empty or len(text) < self._least:
            return text
        found = self._spans(text)
        if (plain := _unescaped(text)) is not None:
            found += [plain[1](start, end) for start, end in self._spans(plain[0])]
        if not found:
            return text
        parts, done = [], 0
        for start, end in sorted(found):
            if start >= done:
                parts += [text[done:start], _MARK]
            done = max(done, end)
        return "".join([*parts, text[done:]])

    def _spans(self, text: str) -> list[tuple[int, int]]:
        found = []
        for form in self._whole:
            at = text.find(form)
            while at >= 0:
                found.append((at, at + len(form)))
                at = text.find(form, at + len(form))
        grams, done = self._grams, 0
        hits = [i for i in range(0, len(text) - _GRAM + 1, _STRIDE) if text[i : i + _GRAM] in grams] if grams else []
        for i in hits:
            if i + _GRAM <= done:
                continue
            places = (_extent(text, i, *place) for place in grams[text[i : i + _GRAM]])
            start, end = max(places, key=lambda place: place[1] - place[0])
            if end - start >= _PIECE:
                found.append((start, end))
                done = end
        return found


def _extent(text: str, i: int, form: str, at: int, reach: int) -> tuple[int, int]:
    """How far ``text`` around ``i`` is the form around ``at``; nothing where that ends within what is public."""
    before = 0
    while before < min(i, at) and text[i - before - 1] == form[at - before - 1]:
        before += 1
    after, most = _GRAM, min(len(text) - i, len(form) - at)
    while after < most and text[i + after] == form[at + after]:
        after += 1
    return (i - before, i + after) if at + after >= reach else (i, i)


_ESCAPE = re.compile(
    r"%(?:25)*+([0-9A-Fa-f]{2})|(?<!\\)\\++(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([/\"'&=+]))"
    r"|&#(?:x([0-9A-Fa-f]{2,4})|([0-9]{2,5}));|&(amp|quot|lt|gt);"
)
_NAMED = {"amp": "&", "quot": '"', "lt": "<", "gt": ">"}


def _unescaped(text: str) -> tuple[str, Callable[[int, int], tuple[int, int]]] | None:
    """``text`` with its escapes undone, however often they were escaped, and from a span of it to one of ``text``."""
    if not any(sign in text for sign in "%\\&"):
        return None
    parts, done, length = [], 0, 0
    places, spans = [-1], [(-1, 0)]  # of the undone characters, and where each stood
    for found in _ESCAPE.finditer(text):
        percent, u, x, plain, entity, number, named = found.groups()
        digits = percent or u or x or entity
        literal = text[done : found.start()]
        length += len(literal)
        places.append(length)
        spans.append(found.span())
        parts += [literal, chr(int(digits, 16)) if digits else plain or _NAMED.get(named) or chr(int(number))]
        done, length = found.end(), length + 1
    if not done:
        return None

    def span_of(index: int) -> tuple[int, int]:
        k = bisect_right(places, index) - 1
        if places[k] == index:
            return spans[k]
        start = spans[k][1] + index - places[k] - 1
        return start, start + 1

    return "".join([*parts, text[done:]]), lambda start, end: (span_of(start)[0], span_of(end - 1)[1])
