"""Which single input, moved alone, would change the advice, and at which value."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from harness.core import Decision
from harness.verdict.economics import AMOUNTS, GPU_HOUR, Assumptions

REACH = 100.0
"""An amount is moved from a hundredth of itself to a hundred times itself."""
_STEPS = 60
_DAYS = 365.0
_MARGIN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipPoint:
    """One input that would change which kind of option is the cheapest at the required quality."""

    input: str
    now: float | bool
    at: float | bool
    """The value nearest to the present one at which it changes."""
    advice: str
    """The kind that is the cheapest from there on."""


Lead = Callable[[dict[str, float], bool, float], Decision | None]
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

    def walk(name: str, now: float, ends: list[list[float]], moved: Callable[[float], Decision | None]) -> None:
        for path in ends:
            at = _first_change(moved, here, path)
            if at is not None:
                found.append(FlipPoint(input=name, now=now, at=at[0], advice=at[1].value))

    def with_amount(name: str, value: float) -> Decision | None:
        return lead(amounts | {name: value}, stay, margin)

    for name in (*AMOUNTS, GPU_HOUR):
        if name in amounts:
            now = amounts[name]
            ends = _scaled(now) if name != "outage_days_per_year" else _straight(now, [0.0, _DAYS])
            walk(name, now, ends, partial(with_amount, name))
    if assumptions.data_must_stay_inside is not None:
        other = lead(amounts, not stay, margin)
        if other is not None and other != here:
            found.append(FlipPoint(input="data_must_stay_inside", now=stay, at=not stay, advice=other.value))
    walk("margin", margin, _straight(margin, [0.0, _MARGIN]), lambda value: lead(amounts, stay, value))
    return tuple(found)


def _straight(now: float, ends: list[float]) -> list[list[float]]:
    """Values from the present one to each end, in equal steps."""
    return [[now + (end - now) * k / _STEPS for k in range(_STEPS + 1)] for end in ends if end != now]


def _scaled(now: float) -> list[list[float]]:
    """Values outward from the present one, downward and upward by equal factors."""
    signs = () if now == 0 else (-1.0, 1.0)
    return [[now * REACH ** (sign * k / _STEPS) for k in range(_STEPS + 1)] for sign in signs]


def _first_change(
    lead: Callable[[float], Decision | None], here: Decision, path: list[float]
) -> tuple[float, Decision] | None:
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
