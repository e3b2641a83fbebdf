"""Own, rent and mix in words, and texts without anything that has the shape of a key."""

from harness.core import Redactor

KINDS_MEAN = {
    "OWN": "models on machines of your own, paid by the hour",
    "RENT": "models behind an API, paid by the token",
    "MIX": "both together: one does what it can and passes the rest on",
}
"""Own, rent and mix in a few words, the same wherever they stand."""


_REDACT = Redactor()


def clean(text: str) -> str:
    """``text`` without anything that has the shape of a key."""
    return _REDACT(text)
