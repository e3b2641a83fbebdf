"""What would flip the advice: each input moved alone, judged by all the rules, with every amount taken as exact."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from harness.core import Decision
from harness.stats import crossing
from harness.verdict.advice_inputs import AdviceInputs
from harness.verdict.advice_reasons import Findings, reasons
from harness.verdict.arrays import Floats
from harness.verdict.conditions import UNKNOWN as NOT_TOLD
from harness.verdict.conditions import YES
from harness.verdict.economics import AMOUNTS, DAYS, GPU_HOUR, PERIODS, SAID, Assumptions, monthly
from harness.verdict.options import UNKNOWN
from harness.verdict.ranking import Ranked, rank_options

REACH = 100.0  # an amount is moved from a hundredth of itself to a hundred times itself
_STEPS = 60
_ENDS = {"outage_days_per_year": DAYS, "margin": 0.5}  # what is moved from 0 to its largest value


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipPoint:
    """One input that, moved alone, would change the word, with every amount as it is known best."""

    input: str
    now: float | bool
    at: float | bool  # the value nearest to the present one at which it changes
    advice: str  # the kind that is advised there


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """The inputs that are moved: amounts and periods by name, what is true or false, and the margin."""

    amounts: Mapping[str, float]
    said: Mapping[str, bool | None]
    margin: float


def flips_of(inputs: AdviceInputs, found: Findings) -> tuple[FlipPoint, ...]:
    """Every input that flips the word within its range, the smallest move on each side; from UNDECIDED to any other.

    Amounts and the price of a machine's hour range from a hundredth to a hundred times their value, days of outage up
    to 365, the margin from 0 to .5. An unknown input, and one of 0 (but for days), has no range.
    """
    given = found.assumptions
    if not given["tasks_per_month"]:
        return ()
    exact = _Exact(inputs, found)
    hour = {} if exact.hour is None or inputs.machine.why else {GPU_HOUR: exact.hour}
    now = _Moved(
        amounts={**given.known, **hour},
        said={name: getattr(given, name) for name in SAID},
        margin=found.margin,
    )
    here = exact.word(now)
    flips = list[FlipPoint]()
    for name in (*AMOUNTS, *PERIODS, GPU_HOUR):
        if name in now.amounts:
            flips += _walked(name, now.amounts[name], lambda value: exact.other(_at(now, name, value), here))  # noqa: B023
    for name, value in now.said.items():
        if value is not None:
            there = exact.other(replace(now, said={**now.said, name: not value}), here)
            flips += [] if there is None else [FlipPoint(input=name, now=value, at=not value, advice=there)]
    flips += _walked("margin", now.margin, lambda value: exact.other(replace(now, margin=value), here))
    return tuple(flips)


def _at(now: _Moved, name: str, value: float) -> _Moved:
    return replace(now, amounts={**now.amounts, name: value})


class _Exact:
    """The decision with every amount and every cost as it is known best."""

    def __init__(self, inputs: AdviceInputs, found: Findings) -> None:
        self.inputs, self.found, self.figures = inputs, found, inputs.figures
        self.price, self.rates = found.assumptions.machine
        self.hour = inputs.machine.hour_on_record if self.price is None else self.price
        self.costs: Floats = inputs.at_machine(found.assumptions.machine).costs[0]

    def word(self, moved: _Moved) -> Decision:
        """What is advised there, by all the rules of a run."""
        quality = self.inputs.standing(stay=bool(moved.said["data_must_stay_inside"]), margin=moved.margin)
        costs = self._costs(moved)
        api, horizon = self.figures.api[0], self.found.assumptions.horizon
        bills = [
            monthly(moved.amounts, one, costs[i], api[i], horizon) for i, one in enumerate(self.figures.candidates)
        ]
        usd = np.array([[float(bill.usd) for bill in bills]] * 2)
        ranked = rank_options(
            Ranked(self.figures.candidates, bills, usd), quality, moved.margin, self._assumptions(moved)
        )
        words, allowed = quality.words(moved.margin), quality.allowed.tolist()
        options = [
            replace(one, quality=words[i], allowed=allowed[i], lacking=bills[i].lacking)
            for i, one in enumerate(self.found.options)
        ]
        forgotten = [
            replace(one, answer=YES if one.worse_by(moved.margin) else NOT_TOLD) for one in self.found.forgetting
        ]
        held = {name: getattr(self.found, name) for name in ("warning", "ends", "ends_on", "tuned", "general")}
        return reasons(replace(ranked, options=options, forgetting=forgotten, **held))[0]

    def other(self, moved: _Moved, here: Decision) -> str | None:
        """The kind that is advised there, where it is another one than ``here``; what it costs is told apart first."""
        kind = self._cheapest(moved)
        if kind is None or kind == here:
            return None
        word = self.word(moved)
        return None if word in {Decision.UNDECIDED, here} else str(word)

    def _cheapest(self, moved: _Moved) -> str | None:
        """The only kind that bills and quality leave, before any other rule: no other can be advised. It is quick."""
        quality = self.inputs.standing(stay=bool(moved.said["data_must_stay_inside"]), margin=moved.margin)
        costs, s, horizon = self._costs(moved), self.figures, self.found.assumptions.horizon
        shown, able = quality.shown(moved.margin), np.flatnonzero(quality.possible(moved.margin)).tolist()
        usd = {i: float(monthly(moved.amounts, s.candidates[i], costs[i], s.api[0, i], horizon).usd) for i in able}
        least = min((i for i in able if shown[i]), key=usd.__getitem__, default=None)
        may = {s.candidates[i].kind for i in able if least is None or i == least or usd[i] < usd[least]}
        return None if len(may) != 1 or UNKNOWN in may else may.pop()

    def _costs(self, moved: _Moved) -> Floats:
        """Dollars a task by option."""
        asked = moved.amounts.get(GPU_HOUR, self.hour)
        if asked is None or asked == self.hour:
            return self.costs
        recorded = self.figures
        found: Floats = self.inputs.priced(recorded.costs[0], recorded.machine[0], (asked, self.rates))
        return found

    def _assumptions(self, moved: _Moved) -> Assumptions:
        given = self.found.assumptions
        periods = {name: moved.amounts.get(name) for name in PERIODS}
        amounts = {name: moved.amounts.get(name) for name in given.amounts}
        return replace(given, amounts=amounts, **periods, **moved.said)  # type: ignore[arg-type]


Other = Callable[[float], str | None]
"""A value to the kind that is advised there, ``None`` where it is no other than now."""


def _walked(name: str, now: float, other: Other) -> Iterator[FlipPoint]:
    """Where the word changes as one number moves outward, on each side."""
    paths = []  # values outward from the present one to each end, by equal factors or, to a largest, equal steps
    if name in _ENDS:
        ends = [end for end in (0.0, _ENDS[name]) if end != now]
        paths = [[now + (end - now) * k / _STEPS for k in range(_STEPS + 1)] for end in ends]
    elif now:
        paths = [[now * REACH ** (sign * k / _STEPS) for k in range(_STEPS + 1)] for sign in (-1.0, 1.0)]
    for path in paths:
        if (one := _first_change(other, path)) is not None:
            yield FlipPoint(input=name, now=now, at=one[0], advice=one[1])


def _first_change(other: Other, path: Sequence[float]) -> tuple[float, str] | None:
    for before, value in pairwise(path):
        there = other(value)
        if there is not None:
            at = crossing(lambda x: other(before + (value - before) * x) == there, 0.0, 1.0)[1]  # noqa: B023
            return before + (value - before) * at, there
    return None
