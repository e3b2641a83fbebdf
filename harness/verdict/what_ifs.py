"""What other economics would come to: bills at other volumes, where owning breaks even, and what flips the advice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.core import Estimate
from harness.stats import break_even as earned_back
from harness.stats import clustered_mean, percentile_limits
from harness.verdict.advice_inputs import AdviceInputs
from harness.verdict.economics import AMOUNTS, DAYS, GPU_HOUR, Assumptions, monthly, outage_cost
from harness.verdict.options import OWN, RENT, OptionFigures

REACH = 100.0  # an amount is moved from a hundredth of itself to a hundred times itself
_STEPS = 60
_ENDS = {"outage_days_per_year": DAYS, "margin": 0.5}  # what is moved from 0 to its largest value


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
    kind: str  # ``OWN``, ``RENT``, ``MIX`` or ``unknown``
    bills: tuple[VolumeBill, ...]  # empty where an input is lacking
    lacking: tuple[str, ...]


def bills_at(inputs: AdviceInputs, assumptions: Assumptions, volumes: Sequence[float]) -> tuple[Bills, ...]:
    """Each option's monthly bill at these volumes, whatever volume is assumed.

    The interval is over resampled tasks and the other amounts within their ranges, drawn jointly as for the advice; the
    volume itself is taken as exact. A bill grows by the same amount with every task, so that of one task gives all.
    """
    figures, settings = inputs.at_machine(assumptions.machine), inputs.settings
    rows = len(figures.rates)
    amounts = assumptions.drawn(rows - 1, settings.seed) | {"tasks_per_month": 1.0}
    found = []
    for i, option in enumerate(figures.candidates):
        bill = monthly(amounts, option, figures.costs[:, i], figures.api[:, i], assumptions.months)
        bills = []
        for volume in volumes if not bill.lacking else ():
            usd = np.broadcast_to(bill.fixed_usd + volume * (bill.tasks + bill.outages), rows)
            low, high = percentile_limits(usd[1:], settings.level) or (None, None)
            bills.append(VolumeBill(tasks_per_month=volume, usd=float(usd[0]), low=low, high=high))
        found.append(Bills(contender=option.contender, kind=option.kind, bills=tuple(bills), lacking=bill.lacking))
    return tuple(found)


def own_and_rent(figures: OptionFigures, usd: Sequence[float], margin: float) -> tuple[int, int] | None:
    """The owned option and the rented one that are compared: the cheapest a month within the margin of its kind's best.

    A cost that is unknown comes last.
    """
    found, rates, unknown = [], figures.rates[0], np.isnan(figures.costs[0])
    for kind in (OWN, RENT):
        places = [i for i, c in enumerate(figures.candidates) if c.kind == kind]
        if not places:
            return None
        good = [i for i in places if rates[i] >= rates[places].max() - margin - 1e-12]
        found.append(min(good, key=lambda i: (unknown[i], usd[i])))
    return found[0], found[1]


def break_even_volume(
    figures: OptionFigures, assumptions: Assumptions, pair: tuple[int, int] | None, level: float
) -> Estimate:
    """Tasks a month from which the owned option costs less than the rented one: fixed a month over saving a task.

    The saving is the mean over the shared tasks of what the rented one costs more, with what outages are expected to
    lose a task; its interval is CR1/t over clusters. The fixed money is what owning takes a month beyond renting. Only
    the saving is uncertain here: the amounts are taken as given.
    """
    none = Estimate(value=None, level=level, method="none")
    if pair is None:
        lacking = "OWN" if OWN not in {c.kind for c in figures.candidates} else "RENT"
        return replace(none, why=f"no option is known to be {lacking}")
    amounts = assumptions.known | {"tasks_per_month": 0.0}
    own, rent = (monthly(amounts, figures.candidates[i], 0.0, 0.0, assumptions.months) for i in pair)
    needs = [*own.lacking, *rent.lacking]
    loss = outage_cost(amounts, needs) / DAYS
    if needs:
        return replace(none, why=f"it needs {', '.join(dict.fromkeys(needs))}")
    owned, rented = figures.task_costs[list(pair)]
    saved = clustered_mean(rented - owned + loss, np.ones(len(owned)), figures.clusters, level)
    fixed = float(own.usd) - float(rent.usd)
    if fixed >= 0:
        return earned_back(fixed, saved)
    if saved.low is not None and saved.low > 0:
        return replace(saved, value=0.0, low=0.0, high=0.0, method="owning costs less at any volume", why=None)
    why = "owning has the lower fixed cost: no volume earns it back"
    return replace(saved, value=None, low=None, high=None, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipPoint:
    """One input that would change which kind of option is the cheapest at the required quality."""

    input: str
    now: float | bool
    at: float | bool  # the value nearest to the present one at which it changes
    advice: str  # the kind that is the cheapest from there on


Lead = Callable[[dict[str, float], bool, float], str | None]
"""Known amounts, whether the data must stay inside, and the margin, to the kind that leads by the point estimates."""


def flips(lead: Lead, assumptions: Assumptions, margin: float, hour_usd: float | None = None) -> tuple[FlipPoint, ...]:
    """Every input that flips the lead within its range, the smallest move on each side.

    Amounts and the price of a machine's hour (``hour_usd`` now) range from a hundredth to a hundred times their value,
    days of outage up to 365, the margin from 0 to .5. A walk outward in equal steps finds the first change, bisection
    its place. An unknown input, and one of 0 (but for days), has no range.
    """
    amounts = assumptions.known | ({} if hour_usd is None else {GPU_HOUR: hour_usd})
    stay = bool(assumptions.data_must_stay_inside)
    here = lead(amounts, stay, margin)
    if here is None:
        return ()
    found: list[FlipPoint] = []

    def walk(name: str, now: float) -> None:
        def moved(value: float) -> str | None:
            return lead(amounts, stay, value) if name == "margin" else lead(amounts | {name: value}, stay, margin)

        changes = (_first_change(moved, here, path) for path in _paths(name, now))
        found.extend(FlipPoint(input=name, now=now, at=one[0], advice=one[1]) for one in changes if one)

    for name in (*AMOUNTS, GPU_HOUR):
        if name in amounts:
            walk(name, amounts[name])
    if assumptions.data_must_stay_inside is not None:
        other = lead(amounts, not stay, margin)
        if other is not None and other != here:
            found.append(FlipPoint(input="data_must_stay_inside", now=stay, at=not stay, advice=other))
    walk("margin", margin)
    return tuple(found)


def _paths(name: str, now: float) -> list[list[float]]:
    """Values outward from the present one to each end, by equal steps or, where none is the largest, equal factors."""
    steps = range(_STEPS + 1)
    if name in _ENDS:
        return [[now + (end - now) * k / _STEPS for k in steps] for end in (0.0, _ENDS[name]) if end != now]
    return [[now * REACH ** (sign * k / _STEPS) for k in steps] for sign in (-1.0, 1.0)] if now else []


def _first_change(lead: Callable[[float], str | None], here: str, path: Sequence[float]) -> tuple[float, str] | None:
    before = path[0]
    for value in path[1:]:
        there = lead(value)
        if there is not None and there != here:
            low, high = before, value
            for _ in range(60):
                middle = (low + high) / 2
                kind = lead(middle)
                if kind == here:
                    low = middle
                else:
                    high, there = middle, kind or there
            return high, there
        before = value
    return None
