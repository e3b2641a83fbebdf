"""How a reason writes its figures: points, p values, ratios, lists."""

from collections.abc import Sequence

from harness.core import Redactor

_REDACT = Redactor()


def points(difference: float | None) -> str:
    """A difference of pass rates in percentage points, signed."""
    if difference is None:
        return "an unknown number of"
    text = f"{100.0 * difference:+.2f}"
    return "0.00" if text in {"+0.00", "-0.00"} else text


def limit(margin: float) -> str:
    """A margin in points, without needless zeros."""
    return f"{100.0 * margin:g}"


def p_equals(p: float) -> str:
    """``p = 0.0156``."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}" if p < 0.1 else f"p = {p:.3f}"


def count(number: int, word: str) -> str:
    """``1 task``, ``1,200 tasks``."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def clean(text: str) -> str:
    """``text`` without anything that has the shape of a key."""
    return _REDACT(text)
