"""Keeps secrets out of everything that is written or printed."""

import re

_SHAPES = re.compile(
    r"(?i)\b(?:sk|pk|rk|gsk|xai|hf|ghp|AKIA)[-_A-Za-z0-9]{16,}"  # keys by their common prefixes
    r"|(?<=bearer )[^\s\"',;]{8,}"
    r"|(?<=x-api-key: )[^\s\"',;]{8,}"
)


class Redactor:
    """Replaces every known secret, and whatever has a key's shape, by a mark.

    A provider's error often echoes the key that it refused; such a text passes through here before it is kept.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = tuple(sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """``text`` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return _SHAPES.sub("[secret]", text)
