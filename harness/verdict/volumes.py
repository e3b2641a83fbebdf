"""What each option would cost a month at other volumes: the lines that cross where an owned one breaks even."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats import percentile_limits
from harness.verdict.advice_inputs import AdviceInputs
from harness.verdict.economics import Assumptions, monthly


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeBill:
    """A month at one volume, in dollars."""

    tasks_per_month: float
    usd: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """One option's bill at every volume that was asked for."""

    contender: str
    kind: str
    """``OWN``, ``RENT``, ``MIX`` or ``unknown``."""
    bills: tuple[VolumeBill, ...]
    """Empty where an input is lacking."""
    lacking: tuple[str, ...]


def bills_at(inputs: AdviceInputs, assumptions: Assumptions, volumes: Sequence[float]) -> tuple[Bills, ...]:
    """Each option's monthly bill at these volumes, whatever volume is assumed.

    The interval is over resampled tasks and the other amounts within their ranges, drawn jointly as for the advice; the
    volume itself is taken as exact. A bill grows by the same amount with every task, so that of one task gives all.
    """
    _, figures = inputs.at_machine(assumptions.machine)
    n, months, one = len(figures.drawn_rates), assumptions.months, {"tasks_per_month": 1.0}
    ranges = assumptions.drawn(n, inputs.settings.seed) | one
    found = []
    for i, candidate in enumerate(figures.candidates):
        bill = monthly(assumptions.known | one, candidate.setup, figures.cost(i), float(figures.api[i]), months)
        some = monthly(ranges, candidate.setup, figures.drawn_cost(i), figures.drawn_api[:, i], months)
        bills = []
        for volume in volumes if not bill.lacking else ():
            drawn = np.broadcast_to(some.fixed_usd + volume * (some.tasks + some.outages), n)
            low, high = percentile_limits(drawn, inputs.settings.level) or (None, None)
            usd = float(bill.fixed_usd + volume * (bill.tasks + bill.outages))
            bills.append(VolumeBill(tasks_per_month=volume, usd=usd, low=low, high=high))
        found.append(
            Bills(contender=candidate.contender, kind=candidate.word, bills=tuple(bills), lacking=bill.lacking)
        )
    return tuple(found)
