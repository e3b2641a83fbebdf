"""How figures are written everywhere: money in US dollars, time in seconds, rates and differences as fractions."""

import math
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.core.lookalike import visible

if TYPE_CHECKING:
    from harness.core.records import Estimate

UNKNOWN = "-"  # what stands in a table where a figure cannot be had; the reason stands in the notes
NOTHING_PASSED = "nothing passed, so there is no cost per pass"  # why such a cost cannot be had: that is known
NO_PASSES = "no passes"  # what stands in its place
NO_SPREAD = "no spread seen"  # what stands in place of an interval without width
NOT_KNOWN = "not known from so few"  # what is said of an end that lies at the limit of what is possible


def is_number(value: Any) -> bool:
    """Whether somebody's value is a number to count with: no truth, finite, and no integer too long for a float."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def hundredfold(share: float) -> float:
    """In percent, halves a hair up: 76.25 is written 76.3 and not, as in binary, now up and now down."""
    return 100 * share + math.copysign(1e-9, share)


def no_width(low: float | None, high: float | None) -> bool:
    """Whether an interval has come out without width: the data did not vary, which is no certainty."""
    return low is not None and high is not None and high - low <= 1e-9 * max(abs(low), abs(high))


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage, ``72.8%``."""
    return UNKNOWN if share is None else f"{hundredfold(share):.{digits}f}%"


def percent_interval(estimate: "Estimate") -> str:
    """``72.8% [69.6, 75.7]``; without brackets where no interval can be had, or nothing was seen to vary."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return percent(estimate.value)
    if no_width(estimate.low, estimate.high):
        return f"{percent(estimate.value)} ({NO_SPREAD})"
    return f"{percent(estimate.value)} [{hundredfold(estimate.low):.1f}, {hundredfold(estimate.high):.1f}]"


def points(difference: float | None, digits: int = 2) -> str:
    """A difference of two shares in percentage points, signed, ``-0.75``; nothing has no sign."""
    text = UNKNOWN if difference is None else f"{hundredfold(difference):+.{digits}f}"
    return text if difference is None or float(text) else text[1:]


def points_interval(low: float | None, high: float | None) -> str:
    """``[-1.63, -0.27]``; in words where nothing was seen to vary."""
    if low is None or high is None:
        return UNKNOWN
    return f"({NO_SPREAD})" if no_width(low, high) else f"[{points(low)}, {points(high)}]"


def spread_points(variance: float) -> str:
    """The standard deviation of differences in points, ``4.2``: 100 at most, as for the differences themselves."""
    return f"{100 * math.sqrt(min(1.0, variance)):.1f}"


def dollars(usd: float | None) -> str:
    """``$0.000799``, ``$0.243``, ``$141.27``, ``$1,230``; below 1e-9 and from 1e15 on ``$1.00e-12``."""
    if not usd:
        return UNKNOWN if usd is None else "$0"
    if not math.isfinite(usd):
        return UNKNOWN
    sign, size = ("-" if usd < 0 else ""), abs(usd)
    size = float(f"{size:.2e}") if size < 1 else size
    if size < 1e-9 or size >= 1e15:
        digits, power = f"{size:.2e}".split("e")
        return f"{sign}${digits}e{int(power)}"
    if size >= 999.995:
        return f"{sign}${size:,.0f}"
    return f"{sign}${size:.{2 if size >= 1 else 2 - math.floor(math.log10(size))}f}"


def dollars_interval(estimate: "Estimate") -> str:
    """``$0.000799 [0.000762, 0.000836]``; ``[0.0895, unbounded]`` where one side has no end; ``no passes``."""
    if estimate.why == NOTHING_PASSED:
        return NO_PASSES
    if estimate.value is None or (estimate.low is None and estimate.high is None):
        return dollars(estimate.value)
    if no_width(estimate.low, estimate.high):
        return f"{dollars(estimate.value)} ({NO_SPREAD})"
    low, high = ("unbounded" if end is None else dollars(end).replace("$", "") for end in (estimate.low, estimate.high))
    return f"{dollars(estimate.value)} [{low}, {high}]"


def many_of(*usd: float | None) -> tuple[float, str]:
    """Of how many tasks their costs are told, and in words: 1,000; a million where each costs less than a cent."""
    known = [abs(one) for one in usd if one]
    return (1e6, "million") if known and max(known) < 0.01 - 1e-12 else (1e3, "1,000")


def cost_words(usd: float | None) -> str:
    """What a task costs, told of many: ``$141.27 per 1,000 tasks``, ``$55.00 per million tasks``."""
    times, of = many_of(usd)
    return UNKNOWN if usd is None else f"{dollars(times * usd)} per {of} tasks"


def number(value: float) -> str:
    """A count for people: ``412.5``, ``293,512``, ``2.5 million``, ``1 billion``."""
    for least, word in ((1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if abs(value) >= least:
            return f"{value / least:,.4g} {word}" if abs(value) < 1e19 else f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def round_dollars(usd: float) -> str:
    """A round amount, as on an axis: ``$0.001``, ``$0.50``, ``$2.50``, ``$10,000``, ``$5 million``."""
    if usd >= 1e6:
        return f"${number(usd)}"
    text = dollars(usd)
    if "." not in text or "e" in text or 1 <= usd != round(usd):
        return text
    text = text.rstrip("0").rstrip(".")
    return text + "0" * (len(text.partition(".")[2]) == 1)  # half a dollar has cents, as one and a half has


def seconds(s: float | None) -> str:
    """A duration to three digits, ``850 ms``, ``1.20 s``, ``412 s``."""
    if s is None or not math.isfinite(s):
        return UNKNOWN
    value, unit = (1000 * s, "ms") if s < 0.9995 else (s, "s")
    return f"{value:,.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"


def moment(when: datetime | None) -> str:
    """A time as ``2026-11-22 00:24 UTC``."""
    return UNKNOWN if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def p_text(p: float | None) -> str:
    """A p-value: ``0.0156``, ``<0.0001``."""
    if p is None:
        return UNKNOWN
    p += 1e-12  # halves a hair up, as in percentages
    return "<0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.3f}"


def p_equation(p: float | None) -> str:
    """``p = 0.0156``, ``p < 0.0001``."""
    text = p_text(p)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def is_shown(p: float | None, low: float | None, high: float | None, alpha: float) -> bool:
    """Whether a difference other than 0 may be called shown: its test says so, and its interval does not deny it."""
    return p is not None and p <= alpha and not (low is not None and high is not None and low <= 0.0 <= high)


def disagreement(p: float | None, low: float | None, high: float | None, alpha: float, method: str) -> str:
    """What is said with a difference whose test and interval, by two methods, judge "no difference" differently."""
    if p is None or low is None or high is None or (p <= alpha) == (not low <= 0.0 <= high):
        return ""
    by = f"the interval ({method.partition(' ')[0].rstrip(',')})"
    if p > alpha:
        return f"{by} excludes 0, the test does not ({p_equation(p)}): not shown"
    return f"{by} includes 0, the test excludes it ({p_equation(p)}): borderline"


_AMOUNT = re.compile(r"(?:\d{1,3}(?:[,_ ]\d{3})+|\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?")


def amount_of(text: str, most: float) -> float | None:
    """What somebody typed as an amount; nothing is ``None``. Raises ValueError: it is none from 0 to ``most``."""
    typed, value = text.strip().removeprefix("$").strip(), math.nan
    if not typed:
        return None
    with suppress(ValueError):
        value = float(re.sub("[,_ ]", "", typed)) if _AMOUNT.fullmatch(typed) else math.nan
    if not 0 <= value <= most:
        range_ = f"from 0 to {most:,.6g}".replace("e+12", " trillion")
        raise ValueError(f"{visible(text.strip(), 40)!r} is no amount {range_}")
    return value


def amount_text(value: float | None) -> str:
    """An amount as it stands in a field: ``2,000,000``, ``0.001``; nothing where it is not known."""
    if value is None:
        return ""
    return f"{value:,.12f}".rstrip("0").rstrip(".") if value >= 1e-6 or value == 0 else f"{value:g}"


def chance(share: float | None) -> str:
    """How often something is so in redraws, ``100%``, ``>99%``, ``37%``, ``<1%``: 100% only where it always is."""
    if share is None:
        return UNKNOWN
    return "<1%" if 0 < share < 0.01 else ">99%" if 0.99 < share < 1 else f"{100 * share:.0f}%"


def plural(count: int, word: str) -> str:
    """``1 task``, ``1,200 tasks``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def listed(names: Sequence[str], most: int | None = None, *, last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``; of more than ``most`` the first, and how many more there are.

    ``last`` stands before the last one: ``or``, where one of them is enough.
    """
    shown = [*names[: most or None]]
    if len(names) > len(shown):
        shown.append(f"{len(names) - len(shown):,} more")
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
