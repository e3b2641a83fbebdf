"""How rates, differences and amounts are written with their intervals, in sentences and in tables: rounded one way."""

import math

from harness.core import Estimate
from harness.verdict.words import dollars

NO_SPREAD = "no spread seen"
"""What stands in place of an interval without width."""


def hundredfold(share: float) -> float:
    """In percent, halves a hair up: 76.25 is written 76.3 and not, as in binary, now up and now down."""
    return 100 * share + math.copysign(1e-9, share)


def no_width(low: float | None, high: float | None) -> bool:
    """Whether an interval has come out without width: the data did not vary, which is no certainty."""
    if low is None or high is None:
        return False
    return high - low <= 1e-9 * max(abs(low), abs(high))


def percent(share: float, digits: int = 1) -> str:
    """``72.8%``."""
    return f"{hundredfold(share):.{digits}f}%"


def percent_interval(estimate: Estimate) -> str:
    """``72.8% [69.6, 75.7]``; without brackets where no interval can be had, or nothing was seen to vary."""
    if estimate.value is None:
        return "unknown"
    if estimate.low is None or estimate.high is None:
        return percent(estimate.value)
    if no_width(estimate.low, estimate.high):
        return f"{percent(estimate.value)} ({NO_SPREAD})"
    return f"{percent(estimate.value)} [{hundredfold(estimate.low):.1f}, {hundredfold(estimate.high):.1f}]"


def points(difference: float, digits: int = 2) -> str:
    """A difference of two shares in percentage points, signed, ``-0.75``; nothing has no sign."""
    text = f"{hundredfold(difference):+.{digits}f}"
    return text if float(text) else text[1:]


def points_interval(low: float, high: float) -> str:
    """``[-1.63, -0.27]``; in words where nothing was seen to vary."""
    return f"({NO_SPREAD})" if no_width(low, high) else f"[{points(low)}, {points(high)}]"


def dollars_interval(estimate: Estimate) -> str:
    """``$0.000799 [0.000762, 0.000836]``; ``[0.0895, unbounded]`` where one side has no end."""
    if estimate.value is None:
        return "unknown"
    if estimate.low is None and estimate.high is None:
        return dollars(estimate.value)
    if no_width(estimate.low, estimate.high):
        return f"{dollars(estimate.value)} ({NO_SPREAD})"
    low, high = ("unbounded" if end is None else dollars(end).replace("$", "") for end in (estimate.low, estimate.high))
    return f"{dollars(estimate.value)} [{low}, {high}]"
