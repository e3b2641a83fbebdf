"""How a reason writes its figures: money, points, p values, ratios, lists."""

import math
from collections.abc import Sequence

from harness.core import Redactor

KINDS_MEAN = {
    "OWN": "models on machines of your own, paid by the hour",
    "RENT": "models behind an API, paid by the token",
    "MIX": "both together: one does what it can and passes the rest on",
}
"""Own, rent and mix in a few words, the same wherever they stand."""

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


def dollars(usd: float) -> str:
    """An amount as people write it, the same everywhere: ``$0.000799``, ``$0.243``, ``$141.27``, ``$1,230``.

    Cents from a dollar on, whole dollars from a thousand on, else three digits. Below a billionth of a dollar, and from
    a quadrillion on, a power of ten: ``$1.00e-12``.
    """
    if usd == 0:
        return "$0"
    sign, size = ("-" if usd < 0 else ""), abs(usd)
    size = float(f"{size:.2e}") if size < 1 else size
    if size < 1e-9 or size >= 1e15:
        digits, power = f"{size:.2e}".split("e")
        return f"{sign}${digits}e{int(power)}"
    if size >= 999.995:
        return f"{sign}${size:,.0f}"
    return f"{sign}${size:.{2 if size >= 1 else 2 - math.floor(math.log10(size))}f}"


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
