"""Keeps secrets out of everything that is written or printed."""

import re
from typing import Any

_LONG = r"(?=[-_A-Za-z]*[0-9])[-_A-Za-z0-9]{16,}"
"""A key's random part: long, with a digit in it. Ordinary words joined by hyphens have none."""
_SHAPES = re.compile(
    rf"\b(?:sk|pk|rk|xai)-{_LONG}"  # keys by their common prefixes
    r"|\b(?:hf|gsk|ghp|gho|github_pat|r8)_[A-Za-z0-9_]{16,}"
    r"|\bAKIA[0-9A-Z]{12,}|\bAIza[-_0-9A-Za-z]{30,}"
    r"|(?i:(?<=\bbearer )|(?<=\bx-api-key: ))(?=[^\s\"',;]*[0-9])[^\s\"',;]{8,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
_SHORTEST = 8
"""Characters of a secret that is taken out of a model's own answer; servers that need no key are given words."""


def holds_secret(text: str) -> bool:
    """Whether something in ``text`` has the shape of a key or of a password in a URL."""
    return _SHAPES.search(text) is not None


class Redactor:
    """Replaces every known secret, and whatever has a key's shape, by a mark.

    A provider's error often echoes the key that it refused; such a text passes through here before it is kept.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        every = {form for secret in secrets for form in (secret, secret.strip()) if len(form) >= 4}
        self._secrets = tuple(sorted(every, key=lambda s: (-len(s), s)))
        self._in_answers = tuple(s for s in self._secrets if len(s) >= _SHORTEST)

    def __call__(self, text: str) -> str:
        """``text`` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return _SHAPES.sub("[secret]", text)

    def answer(self, value: Any) -> Any:
        """A model's own words, or any JSON value, without the known secrets; nothing else in it is touched.

        Words that merely look like a key stay: to change them would change an answer. Where there is nothing to take
        out, ``value`` itself comes back.
        """
        if isinstance(value, str):
            for secret in self._in_answers:
                value = value.replace(secret, "[secret]")
            return value
        if isinstance(value, dict):
            return {self.answer(key): self.answer(below) for key, below in value.items()}
        return [self.answer(below) for below in value] if isinstance(value, list) else value
