"""What the headers of an answer say is left of a provider's limits.

::

    x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests; likewise -tokens
    anthropic-ratelimit-requests-limit, -remaining, -reset
    RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, with and without X-
    RateLimit: "default";r=50;t=30

A reset is a span (``6m0s``, ``120ms``, seconds) or a moment (RFC 3339, seconds since 1970). litellm writes
``llm_provider-`` before each name. Anthropic's tokens are left out: they may be those of answers alone.
"""

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from harness.model.faults import moment

REQUESTS, TOKENS = "requests", "tokens"
LISTENER: ContextVar[Callable[[Mapping[str, str]], None] | None] = ContextVar("LISTENER", default=None)
"""Who is told the headers of the answer to the request that is being made."""


class Left(NamedTuple):
    """What is left of one limit."""

    most: float | None  # what may be left at most, where that is said
    left: float
    reset_s: float  # seconds until all of it is there again
    whole: bool  # whether that is said in whole seconds


def hear(headers: Mapping[str, str]) -> None:
    """Tells whoever listens, where an answer's headers (their names in small letters) speak of limits."""
    if (listener := LISTENER.get()) is not None and any("ratelimit" in name for name in headers):
        listener(headers)


def limits_in(headers: Mapping[str, str], now: datetime) -> dict[str, Left]:
    """What is left of `REQUESTS` and `TOKENS`; a limit that does not say how much and until when is left out."""
    said: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if (meant := _meant(name)) is not None:
            said.setdefault(meant[0], {})[meant[1]] = value.strip()
    if (both := _BOTH.search(headers.get("ratelimit", "")[:1_000])) is not None:
        said.setdefault(REQUESTS, {"remaining": both[1], "reset": both[2]})
    found: dict[str, Left] = {}
    for kind, fields in said.items():
        left, most = _number(fields.get("remaining", "")), _number(fields.get("limit", ""))
        reset = fields.get("reset", "")
        reset_s = moment(reset, now)
        if left is None or reset_s is None or ("limit" in fields and (not most or left > most)):
            continue
        found[kind] = Left(most, left, reset_s, whole="." not in reset and "ms" not in reset)
    return found


_NAME = re.compile(
    r"(?:llm_provider-)?(?:x-ratelimit-(limit|remaining|reset)(?:-after)?-(requests|tokens)"
    r"|anthropic-ratelimit-(requests)-(limit|remaining|reset)"
    r"|(?:x-)?ratelimit-(limit|remaining|reset)(?:-after)?)"
)
_BOTH = re.compile(r";\s*r=(\d{1,15});\s*t=(\d{1,15})(?![\d.])", re.ASCII)


@lru_cache(maxsize=1_000)
def _meant(name: str) -> tuple[str, str] | None:
    """What is limited, and what a header says of that."""
    if (found := _NAME.fullmatch(name)) is None:
        return None
    field = found[1] or found[4] or found[5]
    return found[2] or found[3] or REQUESTS, field


def _number(text: str) -> float | None:
    """The number with which it begins: ``100, 100;w=60`` is 100."""
    found = re.match(r"(\d{1,15}(?:\.\d{1,12})?)\s*(?:[,;]|\Z)", text, re.ASCII)
    return float(found[1]) if found else None
