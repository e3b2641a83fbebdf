"""How long a provider asks to wait: by its headers, and by the fields and the words of what it answered."""

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST = 20_000  # characters of a text that are looked at
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = r"\d{1,15}(?:\.\d{1,12})?"
_UNIT = r"(?:milliseconds?|millis|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])"
_PART = re.compile(rf"({_NUMBER})\s?({_UNIT})", re.IGNORECASE)
_NOT_A_COUNT = r"(?![\w.]*\d|\w|\s(?:more\s)?(?:tries|retries|attempts|times|requests))"
_SPAN = rf"((?:{_NUMBER}\s?{_UNIT},?\s?(?:and\s)?){{1,5}}|{_NUMBER}{_NOT_A_COUNT})"
_LATER = r"(?:try|retry|again|available|reset|resets|refills?)\W{0,3}\s?(?:again\s)?(?:in|after)\W{0,3}\s?"
_IN_WORDS = re.compile(rf"(?:{_LATER}|wait\s(?:for\s|at\sleast\s)*){_SPAN}", re.IGNORECASE)
_FIELD = r"retry[-_]?(?:delay|after|in)([-_]*(?:ms|millis\w*|s(?:ec\w*)?))?\W{1,8}(?:seconds\W{1,4})?"
_IN_FIELDS = re.compile(_FIELD + _SPAN, re.IGNORECASE)
"""``retryDelay``, ``retry_after_ms``, and Google's ``{"seconds": 34}``."""
_WHEN = re.compile(
    r"(?:reset\w*|regain access|available|again|after|until)\W{0,4}(?:at|on|in)?\W{0,4}"
    r"(\d{4}-\d\d-\d\d)(?:T|\s|\sat\s)(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?\s?(Z|UTC|[+-]\d\d:\d\d)?",
    re.IGNORECASE,
)


_RESET = re.compile(r"(?:x-|anthropic-)?ratelimit-(?:(.*)-)?reset(?:-(.*?))?(?:-after)?")
"""Headers that tell when a limit is lifted, such as ``x-ratelimit-reset-tokens``."""


def retry_after(headers: Mapping[str, str], now: datetime, text: str = "", *, limited: bool = False) -> float | None:
    """Seconds that the provider asks to wait, never negative; ``None`` where it asks nothing that can be read.

    ``Retry-After`` is a number of seconds or an HTTP date (RFC 9110, 10.2.3); milliseconds are finer where given. The
    longer of what headers and text say holds. Where a rate limit was met (``limited``) and nothing else is said,
    headers count that tell when it is lifted: of those whose limit is used up the last, else the first of all.
    """
    lower = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    found = [wait for wait in (_header(lower, now), wait_in(text, now)) if wait is not None]
    if found or not limited:
        return max(found, default=None)
    spent: list[float] = []
    others: list[float] = []
    for name, value in lower.items():
        if _RESET.fullmatch(name) and (seconds := _moment(value, now)) is not None:
            left = lower.get(name.replace("reset", "remaining"), "")
            (spent if re.fullmatch(r"-?0+(\.0*)?", left) else others).append(seconds)
    return max(spent) if spent else min(others, default=None)


def wait_in(text: str, now: datetime) -> float | None:
    """The wait that a text asks for, as ``try again in 1m30.5s``, ``retryDelay: 34s``, or until a stated time."""
    text = text[:_LONGEST]
    found = [span(match[1]) for match in _IN_WORDS.finditer(text)]
    for match in _IN_FIELDS.finditer(text):
        seconds, unit = span(match[2]), (match[1] or "").strip("_-").lower()
        found.append(seconds * 1e-3 if seconds and unit.startswith("m") and _is_number(match[2]) else seconds)
    zones = ((m, "+00:00" if (m[3] or "Z") in "ZUTC" else m[3]) for m in _WHEN.finditer(text))
    found += [_until(f"{m[1]}T{m[2]}{zone}", now) for m, zone in zones]
    return max((wait for wait in found if wait is not None), default=None)


def span(text: str) -> float | None:
    """Seconds of ``6h0m0s``, ``2 minutes and 30 seconds``, ``20ms`` or a plain number; ``None`` for anything else."""
    text = text.strip().lower()
    if _is_number(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or re.sub(rf"{_PART.pattern}|and|[\s,.]", "", text):
        return None
    units = ["ms" if unit.startswith(("ms", "mil")) else unit[0] for _, unit in parts]
    return sum(float(number) * _SECONDS[unit] for (number, _), unit in zip(parts, units, strict=True))


def _is_number(text: str) -> bool:
    return re.fullmatch(_NUMBER, text) is not None


def _header(lower: Mapping[str, str], now: datetime) -> float | None:
    for name in ("retry-after-ms", "x-ms-retry-after-ms", "retry-after", "x-retry-after"):
        value = lower.get(name, "")
        if (seconds := span(value)) is not None:
            return seconds * (1e-3 if name.endswith("-ms") and _is_number(value) else 1.0)
    return _until(lower.get("retry-after", ""), now)


def _moment(value: str, now: datetime) -> float | None:
    """A span, or a moment: seconds or milliseconds since 1970, or a date."""
    if (seconds := span(value)) is None:
        return _until(value, now)
    for unit in (1.0, 1e-3):
        if 1e9 <= seconds * unit < 1e10:
            return max(0.0, seconds * unit - now.timestamp())
    return seconds


def _until(value: str, now: datetime) -> float | None:
    """Seconds until an ISO or an HTTP date."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with contextlib.suppress(ValueError, OverflowError):
            date = read(value)
            return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
    return None
