"""Which figures an attempt may have: one place, for tables that are brought and for those that are on disk already."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

MOST_USD = 1e6  # of one attempt: what is dearer is a slip of the keyboard, or of another unit
MOST_SECONDS = 365 * 86_400.0  # a year; a point in time given for a duration lies far above
MOST_TOKENS = 1e12
MOST_COUNT = 2.0**31 - 1  # what the column holds
FIRST_SECOND, LAST_SECOND = -62_135_596_800.0, 253_402_300_799.0  # from 1970: of the years 1 to 9999, which dates have
_HAIR = 1e-9  # by which a share may be off through rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From what to what a figure may lie, both ends allowed; as a text, what is needed."""

    high: float
    low: float = 0.0
    whole: bool = False
    of: str = ""  # what is counted

    def outside(self, values: Any) -> Any:
        """Of each figure of an array whether it lies outside; what is not known (NaN) does not."""
        return (values < self.low - _HAIR) | (values > self.high + _HAIR)

    @property
    def span(self) -> str:
        """``0 to 1,000,000``."""
        return f"{self.low:,.0f} to {self.high:,.0f}"

    def __str__(self) -> str:
        bounds = f" from {self.span}" if math.isfinite(self.low) else ""
        kind = "whole " if self.whole else "" if bounds else "finite "
        return f"{kind}number{self.of and f' of {self.of}'}{bounds}"


ANY = Range(low=-math.inf, high=math.inf)
COUNT = Range(high=MOST_COUNT, whole=True)
WHOLE = Range(high=2.0**53, whole=True)
_MONEY = Range(high=MOST_USD, of="dollars")
_TOKENS = Range(high=MOST_TOKENS, whole=True)
AMOUNT_RANGES: Mapping[str, Range] = {
    "cost_usd": _MONEY,
    "judge_usd": _MONEY,
    "latency_s": Range(high=MOST_SECONDS, of="seconds"),
    **dict.fromkeys(("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"), _TOKENS),
    **dict.fromkeys(("calls", "retries"), COUNT),
}
"""Of each amount of an attempt; an import refuses what lies outside."""
RANGES: Mapping[str, Range] = {
    **AMOUNT_RANGES,
    **dict.fromkeys(("score", "confidence"), Range(high=1.0)),
    "started_at": Range(low=FIRST_SECOND, high=LAST_SECOND),
}
"""Of each column of numbers; what lies outside in a table on disk counts as unknown, and the report says so."""


def beyond(values: "pa.ChunkedArray", name: str) -> "pa.ChunkedArray | None":
    """Of each figure of a column whether it lies outside what it may be; ``None`` where none does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    within = RANGES.get(name)
    if within is None or not len(values):
        return None
    times = 1.0
    if pa.types.is_timestamp(values.type):
        values, times = values.cast(pa.timestamp("us", tz=values.type.tz), safe=False).cast(pa.int64()), 1e6
    low, high = times * (within.low - _HAIR), times * (within.high + _HAIR)
    figures = values.cast(pa.float64(), safe=False)
    outside = pc.fill_null(pc.or_(pc.less(figures, low), pc.greater(figures, high)), fill_value=False)
    return outside if pc.any(outside).as_py() else None


def in_range(values: "pa.ChunkedArray", name: str) -> "pa.ChunkedArray":
    """The column with nothing where a figure is none that it may have."""
    import pyarrow as pa
    import pyarrow.compute as pc

    outside = beyond(values, name)
    return values if outside is None else pc.if_else(outside, pa.scalar(None, values.type), values)
