"""How an amount is spread over a contender's attempts: latency, cost or tokens, by quantiles."""

from dataclasses import dataclass

import numpy as np

from harness.core import UsageError, nearest
from harness.store import AMOUNTS, TaskTable

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The amounts of one contender's graded attempts of which it is known, linear between ranks; seconds or dollars."""

    contender: str
    attempts: int  # of which the amount is known
    unknown: int  # other graded attempts
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float
    p99: float
    most: float


def spreads(table: TaskTable, amount: str) -> tuple[Spread, ...]:
    """One a contender with a known amount, in the table's order. Raises UsageError: no such amount, of `AMOUNTS`."""
    if amount not in AMOUNTS:
        raise UsageError(f"there is no amount {amount!r}; {nearest(amount, AMOUNTS)}")
    every = table.every_attempt()
    values, codes = every.numbers(amount), every.contenders
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(table.contenders) + 1))
    found = []
    for place, name in enumerate(table.contenders):
        own = values[order[ends[place] : ends[place + 1]]]
        known = own[np.isfinite(own)]
        if len(known):
            p10, p25, p50, p75, p90, p99 = np.quantile(known, QUANTILES).tolist()
            found.append(
                Spread(contender=name, attempts=len(known), unknown=len(own) - len(known), p10=p10, p25=p25, p50=p50,
                       p75=p75, p90=p90, p99=p99, most=float(known.max()))
            )  # fmt: skip
    return tuple(found)


def amounts_known(table: TaskTable) -> tuple[str, ...]:
    """Those of `AMOUNTS` of which the file says any."""
    return tuple(name for name in AMOUNTS if table.outcomes.holds(name))
