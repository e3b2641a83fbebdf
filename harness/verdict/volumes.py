"""What each option would cost a month at other volumes: the lines that cross where an owned one breaks even."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.stats import percentile_limits
from harness.verdict.advice_inputs import AdviceInputs
from harness.verdict.economics import Assumptions, Setup, monthly

if TYPE_CHECKING:
    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

VOLUME = "tasks_per_month"


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
    """Each option's monthly bill at these volumes, whatever volume the assumptions have.

    The interval is over tasks drawn anew and the other amounts within their ranges, drawn jointly as for the advice;
    the volume itself is taken as exact. A bill grows by the same amount with every task, so two volumes give all.
    """
    _, figures = inputs.at_hour(assumptions.gpu_hour_usd, assumptions.tasks_per_gpu_hour)
    point = {k: v for k, v in assumptions.amounts.items() if v is not None}
    ranges = assumptions.drawn(len(figures.drawn_rates), inputs.settings.seed)
    found = []
    for i, candidate in enumerate(figures.candidates):
        cost, setup = figures.cost(i), candidate.setup
        costs = None if cost is None else figures.drawn_costs[:, i]
        fixed, each, lacking = _line(point, setup, (cost, float(figures.api[i])), assumptions.months)
        some, more, _ = _line(ranges, setup, (costs, figures.drawn_api[:, i]), assumptions.months)
        bills = []
        for volume in volumes if not lacking else ():
            drawn = np.broadcast_to(some + volume * more, len(figures.drawn_rates))
            low, high = percentile_limits(drawn, inputs.settings.level) or (None, None)
            bills.append(VolumeBill(tasks_per_month=volume, usd=float(fixed + volume * each), low=low, high=high))
        kind = "unknown" if candidate.kind is None else candidate.kind.value
        found.append(Bills(contender=candidate.contender, kind=kind, bills=tuple(bills), lacking=lacking))
    return tuple(found)


def _line(
    amounts: Mapping[str, Any], setup: Setup, of_task: "tuple[Floats | float | None, Floats | float]", months: float
) -> "tuple[Floats, Floats, tuple[str, ...]]":
    """What is paid whatever the volume, what each task adds, and what is lacking."""
    cost, api = of_task
    none, one = (monthly({**amounts, VOLUME: volume}, setup, cost, api, months) for volume in (0.0, 1.0))
    fixed = np.asarray(none.usd, dtype=np.float64)
    return fixed, np.asarray(one.usd, dtype=np.float64) - fixed, one.lacking
