"""The economics of an experiment: known amounts, their ranges, and a month's bill. A missing amount is never 0."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.core import UsageError, UserFileError, nearest
from harness.store import Economics, load_settings
from harness.userfile import MOST_AMOUNT, parse
from harness.verdict.arrays import Floats
from harness.verdict.endings import MOVING, Ending, Horizon
from harness.verdict.options import Candidate

MONTHS = 12.0  # over which money spent once is spread, where no other horizon is given
MOST_MONTHS = 1_000_000
SPREAD = 0.25  # how far each amount may be off either way, where nothing else is said
DAYS = 365.0
MOST = float(MOST_AMOUNT)
RATE = "tasks_per_gpu_hour"  # how many tasks a machine does in an hour: a number for every option, or one by contender
GPU_HOUR = "gpu_hour_usd"
"""What an hour of a machine costs: no part of the block, for each model has its own; as a what-if it moves them all."""
PERIODS = {"retrain_months": "training_usd", "reauthor_months": "skill_authoring_usd"}
"""Upkeep: every so many months the amount is paid again; where none is stated it is paid once."""
SAID = ("data_must_stay_inside", "result_is_sold")  # what is true or false
AMOUNTS = tuple(name for name in Economics.model_fields if name not in {*SAID, RATE, *PERIODS})
HOURLY, BY_TOKEN, UNPARTED = range(3)
"""Prices that move apart: of a machine's hour, of tokens, and of a cost of which it is unknown what is what in it."""
OUTAGE = ("outage_days_per_year", "value_per_task_usd")
FIXED = (("training_usd", "tuned"), ("labelling_usd", "tuned"), ("skill_authoring_usd", "skilled"))
"""Money spent once, and the part of an option that it is spent on."""

StatedRates = float | tuple[tuple[str, float], ...] | None
"""Tasks a machine does in an hour: of every contender, or by name; ``None`` where nothing is stated."""
MachinePrice = tuple[float | None, StatedRates]
"""Dollars an hour of every machine, ``None``: as on record; and the stated rates, ``None``: time as measured."""
AS_RECORDED: MachinePrice = (None, None)

MEANINGS = {
    "tasks_per_month": "how many tasks come in a month",
    "value_per_task_usd": "what a task is worth that an outage would leave undone",
    "training_usd": "what tuning costs, each time",
    "labelling_usd": "what the examples for tuning cost, once a horizon",
    "skill_authoring_usd": "what writing the skills costs, each time",
    "hosting_usd_per_month": "what hosting costs on top of the hours that the tasks are billed",
    "outage_days_per_year": "days a year on which the API may be out of reach",
    "data_must_stay_inside": "whether the data may leave the house",
    "moving_usd": "what moving to another model costs, for one ends within the horizon",
}  # every input in plain words: what somebody is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """The economics of one piece of advice."""

    amounts: Mapping[str, float | None]  # by the names of `AMOUNTS`; None is unknown
    data_must_stay_inside: bool | None
    months: float = MONTHS
    spread: float = SPREAD
    gpu_hour_usd: float | None = None  # of every machine, in place of the prices on record; ``None``: as recorded
    tasks_per_gpu_hour: StatedRates = None  # in place of the time that was measured
    retrain_months: float | None = None  # the training is paid again every so many months; ``None``: once a horizon
    reauthor_months: float | None = None
    result_is_sold: bool | None = None
    today: dt.date = field(default_factory=lambda: dt.datetime.now(tz=dt.UTC).date())  # on which the horizon begins

    def __getitem__(self, name: str) -> float | None:
        return self.amounts[name]

    @property
    def known(self) -> dict[str, float]:
        """The amounts and the periods of upkeep that are known."""
        whole = {**self.amounts, **{name: getattr(self, name) for name in PERIODS}}
        return {name: value for name, value in whole.items() if value is not None}

    @property
    def horizon(self) -> Horizon:
        """The months that are looked at, from today on."""
        return Horizon(months=self.months, start=self.today)

    @property
    def machine(self) -> MachinePrice:
        """What a machine's time is reckoned by."""
        return self.gpu_hour_usd, self.tasks_per_gpu_hour

    def drawn(self, n: int, seed: int) -> dict[str, Floats]:
        """Each known amount as it is, and ``n`` times triangular within its range; a period is a plan, and stays."""
        known = self.known
        # An unknown amount uses its part of the stream too: naming one does not move the others.
        units = zip(AMOUNTS, self._units(len(AMOUNTS), n, seed, 9), strict=True)
        fixed = {name: np.full(n + 1, known[name]) for name in PERIODS if name in known}
        return {name: unit * known[name] for name, unit in units if name in known} | fixed

    def drawn_prices(self, n: int, seed: int) -> list[Floats]:
        """Factors of the prices, by `HOURLY`, `BY_TOKEN` and `UNPARTED`: 1 first, then ``n`` drawn as the amounts are.

        One factor for all that is paid in the same way: more options of a kind are no more tries at a low price.
        """
        return self._units(3, n, seed, 10)

    def _units(self, many: int, n: int, seed: int, stream: int) -> list[Floats]:
        rng = np.random.default_rng([seed, stream])  # not the stream that the tasks are drawn from
        low, high = 1.0 - self.spread, 1.0 + self.spread
        return [np.append(1.0, rng.triangular(low, 1.0, high, n) if low < high else np.ones(n)) for _ in range(many)]


def load_assumptions(
    report: Path, given: Mapping[str, str] | None = None, *, months: float = MONTHS, spread: float = SPREAD
) -> Assumptions:
    """The block ``economics`` of the report's experiment, with what was ``given`` laid over it.

    Texts by key, ``gpu_hour_usd`` too; an empty one, ``null`` or ``unknown`` is unknown. Raises UsageError: no such
    key, or no amount; UserFileError: the block in the file is wrong.
    """
    if not 0 < months < MOST_MONTHS:
        says = f"the months over which money spent once is spread must be above 0 and below {MOST_MONTHS:,}"
        raise UsageError(f"--months: {says}, found {months:,.12g}; leave it out for {MONTHS:g}")
    if not 0 <= spread < 1:
        raise UsageError(f"--spread: how far amounts may be off must lie from 0 to below 1, found {spread:g}")
    known = load_settings(report).economics.model_dump()
    known |= {key: _amount(key, text) for key, text in (given or {}).items()}
    hour, rate = known.pop(GPU_HOUR, None), known.pop(RATE)
    others = {name: known.pop(name) for name in (*SAID, *PERIODS)}
    return Assumptions(
        amounts=known,
        months=months,
        spread=spread,
        gpu_hour_usd=hour,
        tasks_per_gpu_hour=tuple(rate.items()) if isinstance(rate, dict) else rate,
        **others,
    )


def _amount(key: str, text: str) -> Any:
    import yaml

    keys, most, said = (*Economics.model_fields, GPU_HOUR), largest_allowed(key), f"--economics: {key} is {text!r}"
    if key not in keys:
        raise UsageError(f"--economics: unknown key {key!r}; {nearest(key, keys)}")
    field = "hosting_usd_per_month" if key == GPU_HOUR else key  # both are dollars from 0
    try:
        value = None if text.strip() in {"", "null", "unknown"} else yaml.safe_load(text)
        if isinstance(value, str):  # YAML 1.1 takes 1e5 for a text
            value = float(value)
        amount = getattr(parse(Economics, {field: value}, Path("--economics")), field)
    except (yaml.YAMLError, ValueError, UserFileError):
        others = dict.fromkeys(SAID, "true or false") | {
            RATE: f"a number above 0, up to {most:,.0f}, or {{CONTENDER: NUMBER}}"
        }
        others |= dict.fromkeys(PERIODS, f"a number of months above 0, up to {most:,.0f}")
        needed = others.get(key, f"an amount from 0 to {most:,.0f}")
        raise UsageError(f"{said}; needed: {needed}, or nothing for unknown") from None
    return amount


def largest_allowed(name: str) -> float:
    """The largest value that an amount may have."""
    return 366.0 if name == "outage_days_per_year" else MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A month of one option in dollars, by what it is for; arrays where the amounts are arrays."""

    tasks: Any  # their number times the cost of one
    outages: Any  # what outages are expected to lose: an expectation over the year, and on nobody's invoice
    fixed: Mapping[str, Any]  # what is paid whatever the volume, by the input that it comes from; known ones only
    lacking: tuple[str, ...] = ()  # inputs that it still needs: the sum is then a lower bound

    @property
    def usd(self) -> Any:
        """The whole month."""
        return sum(self.fixed.values(), self.tasks + self.outages)


def monthly(amounts: Mapping[str, Any], option: Candidate, cost: Any, api: Any, horizon: Horizon) -> Bill:
    """``volume * (cost + api * value * days / 365) + hosting + (training + labelling + authoring + moving) / months``.

    Training and authoring are paid once, and again with each period of theirs that ends within the months. A training
    that is not given costs what the option's cards say. Amounts, ``cost`` (dollars a task, NaN: unknown) and ``api``
    (the share of tasks that cannot be done while the API is away) are numbers, or arrays that begin with what is known
    best.
    """
    months, moved = horizon.months, [one for one in option.endings if horizon.holds(one)]
    moving, waits = moving_cost(amounts, moved)
    if option.training_usd is not None:
        amounts = {"training_usd": option.training_usd, **amounts}
    unknown, needs_api = np.isnan(np.ravel(cost)[0]), np.ravel(api)[0] > 0
    lacking = ["cost_usd"] if unknown else []
    lacking += [] if "tasks_per_month" in amounts else ["tasks_per_month"]
    volume = amounts.get("tasks_per_month", 0.0)
    outages = volume * api * outage_cost(amounts, lacking) / DAYS if needs_api else 0.0
    parts = [("hosting_usd_per_month", 1.0)] if option.hosted else []
    parts += [(name, months) for name, applies in FIXED if getattr(option, applies)]
    lacking += [name for name, _ in parts if name not in amounts]
    fixed = {name: amounts[name] / over for name, over in parts if name in amounts}
    for period, name in PERIODS.items():
        if period in amounts and name in fixed:
            fixed[period] = fixed[name] * times_again(amounts[period], months)
    fixed |= {MOVING: moving / months} if moved else {}
    lacking = list(dict.fromkeys([*lacking, *waits]))
    return Bill(tasks=volume * (0.0 if unknown else cost), outages=outages, fixed=fixed, lacking=tuple(lacking))


def moving_cost(amounts: Mapping[str, Any], ending: Sequence[Ending]) -> tuple[Any, list[str]]:
    """What moving away from these models costs, once, as far as it is known; and the amounts that it still needs.

    The stated amount for each. Without it what was made for them is made again: one training of what is tuned, as
    stated or as the cards say, and one authoring of the skills; labelled examples are kept. Of a bare model nothing
    tells what it takes to move its prompts.
    """
    if MOVING in amounts:
        return amounts[MOVING] * len(ending), []
    total, waits, tuned = 0.0, [], [one for one in ending if one.tuned]
    said = [one.training_usd for one in tuned]
    if "training_usd" not in amounts and None not in said:
        total += sum(usd for usd in said if usd is not None)
        tuned = []
    for name, concerned in (("training_usd", tuned), ("skill_authoring_usd", [one for one in ending if one.skilled])):
        total = total + amounts.get(name, 0.0) if concerned else total
        waits += [name] if concerned and name not in amounts else []
    return total, waits + [MOVING] * any(not (one.tuned or one.skilled) for one in ending)


def times_again(period: Any, months: float) -> Any:
    """How often within the months what was paid at their start is paid again: at each end of a period but the last."""
    return np.maximum(np.ceil(months / np.asarray(period) - 1e-9) - 1.0, 0.0)


def outage_cost(amounts: Mapping[str, Any], lacking: list[str]) -> Any:
    """Value times days of outage; 0 where either is known to be 0, whatever the other."""
    if any(name in amounts and not np.any(amounts[name]) for name in OUTAGE):
        return 0.0
    missing = [name for name in OUTAGE if name not in amounts]
    lacking.extend(missing)
    return 0.0 if missing else amounts[OUTAGE[0]] * amounts[OUTAGE[1]]
