"""All of an advice that the economics do not touch, kept, so that the next what-if takes a moment."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from harness.analysis import general_suites, is_work
from harness.core import Decision, Described, Estimate, Manifest, UsageError
from harness.stats import break_even as earned_back
from harness.stats import clustered_mean, clustered_rate, fieller_ratio, percentile_limits, widened
from harness.store import TaskTable, described, with_terms
from harness.verdict import economics
from harness.verdict.arrays import Floats, Mask
from harness.verdict.economics import AS_RECORDED, DAYS, Assumptions, MachinePrice, StatedRates, monthly
from harness.verdict.options import (
    MIX,
    OWN,
    RENT,
    MachineTime,
    OptionFigures,
    Quality,
    candidates,
    machine_time,
    option_figures,
    quality,
    rivals_of,
)

T = TypeVar("T")

MOST = 12  # results of one sort that are kept; the largest are a table of costs and its draws


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceSettings:
    """How the advice is asked for; a `UsageError` where the margin is out of range."""

    margin: float = 0.02  # the largest drop of the pass rate below the best option that is acceptable
    kinds: Mapping[Decision, Sequence[str]] | None = None  # contenders that the user calls owned, rented or mixed
    without: Sequence[str] = ()  # contenders that cannot be chosen, as the controls cannot
    general: Sequence[str] = ()  # suites that only show forgetting
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.margin < 1:
            raise UsageError(f"--margin: the margin must lie from 0 to below 1, found {self.margin:g}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdviceInputs:
    """What advice rests on; `harness.verdict.advise_at` reckons on it with any economics."""

    table: TaskTable
    manifest: Manifest | None
    settings: AdviceSettings
    described: Described
    general: tuple[str, ...]  # suites that are no work and only show forgetting
    work: Mask  # which of the table's tasks are the work
    controls: tuple[str, ...]
    figures: OptionFigures  # at the costs on record
    machine: MachineTime
    kept: dict[str, dict[tuple[Any, ...], Any]] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The options, in the order of every column of the figures."""
        return tuple(c.contender for c in self.figures.candidates)

    @property
    def members(self) -> tuple[str, ...]:
        """The contenders that the options are: of a recipe all its seeds."""
        return tuple(name for c in self.figures.candidates for name in c.members)

    def at_margin(self, margin: float) -> "AdviceInputs":
        """The same outcomes at another margin of quality."""
        return replace(self, settings=replace(self.settings, margin=margin))

    def once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What ``make`` gives, kept by a key; of each sort the oldest goes where somebody has tried many prices."""
        same = self.kept.setdefault(key[0], {})
        if key not in same:
            made = make()
            if len(same) >= MOST:
                same.pop(next(iter(same)), None)
            same[key] = made
        kept: T = same[key]
        return kept

    def at_machine(self, price: MachinePrice) -> OptionFigures:
        """The figures at a price of a machine's hour and at stated rates."""
        s = self.figures

        def priced() -> OptionFigures:
            tasks = self.priced(s.task_costs.T, s.task_machine.T, price).T
            costs = self.priced(s.costs, s.machine, price)
            with np.errstate(divide="ignore", invalid="ignore"):  # how far seeds lie apart moves as the costs do
                scale = np.nan_to_num(costs[0] / s.costs[0], nan=1.0, posinf=1.0) ** 2
            each, passes = (
                tuple((v * f, k) for (v, k), f in zip(of, scale.tolist(), strict=True))
                for of in (s.cost_between, s.per_pass_between)
            )
            return replace(s, task_costs=tasks, costs=costs, cost_between=each, per_pass_between=passes)

        return s if price == AS_RECORDED else self.once(("figures", price), priced)

    def priced(self, costs: Floats, machine: Floats, price: MachinePrice) -> Floats:
        """Dollars a task by option at a price of a machine's hour and at stated rates; NaN where unknown."""
        places = np.array([self.table.index(c.members[0]) for c in self.figures.candidates])
        return self.machine.priced(places, costs, machine, price[0], self._rates(price[1]))

    def quality(self, *, stay: bool) -> Quality:
        """How far each option lies from the best of those allowed, where the data must stay inside or not."""
        s, settings = self.figures, self.settings
        allowed = np.array([not stay or c.kind == OWN for c in s.candidates], dtype=bool)
        key = ("quality", settings.margin, tuple(allowed.tolist()))
        return self.once(key, lambda: quality(s, allowed, settings.margin, settings.seed))

    def standing(self, *, stay: bool, margin: float) -> Quality:
        """The same bounds at another margin; ``tasks`` may be those of a margin near it."""
        base = self.quality(stay=stay)
        if not base.allowed.any():
            return base
        rivals = self.once(("rivals", stay), lambda: rivals_of(self.figures, base.allowed))
        same = tuple((rivals < margin).tolist())
        if same == tuple((rivals < self.settings.margin).tolist()):
            return base
        return self.once(("standing", stay, same), lambda: self.at_margin(margin).quality(stay=stay))

    def drawn_bills(self, assumptions: Assumptions) -> list[economics.Bill]:
        """Each option's bill as it is known best, and with tasks, prices and amounts drawn jointly."""
        s, found, draws = self.at_machine(assumptions.machine), [], len(self.figures.rates) - 1
        amounts = assumptions.drawn(draws, self.settings.seed)
        prices = assumptions.drawn_prices(draws, self.settings.seed)
        by_token = self.figures.costs - self.figures.machine
        for i, option in enumerate(s.candidates):
            cost = s.costs[:, i]
            if option.kind in {OWN, RENT}:
                cost = cost * prices[economics.HOURLY if option.kind == OWN else economics.BY_TOKEN]
            elif option.members[0] in self.machine.why:
                cost = cost * prices[economics.UNPARTED]
            else:
                rest = by_token[:, i]
                cost = rest * prices[economics.BY_TOKEN] + (cost - rest) * prices[economics.HOURLY]
            found.append(monthly(amounts, option, cost, s.api[:, i], assumptions.horizon))
        return found

    def stated(self, price: MachinePrice) -> dict[str, float]:
        """Of each contender whose machine is reckoned by a stated rate the dollars that it costs a task."""
        each = self.machine.per_task(price[0], self._rates(price[1]))
        found = {name: float(each[self.table.index(name)]) for name in self.members}
        return {name: usd for name, usd in found.items() if not np.isnan(usd)}

    def rate_of(self, name: str, rates: StatedRates) -> float | None:
        """The rate stated for a contender, or for all; a hybrid has its worker's, which meets every task.

        Not where its expert is paid by the hour too: its part of the machine's time is then not known.
        """
        if rates is None or isinstance(rates, float):
            return rates
        entry = self.described.contenders.get(name)
        if entry is not None and entry.seed_of in dict(rates):
            return dict(rates)[str(entry.seed_of)]
        if name in dict(rates) or entry is None or entry.worker is None:
            return dict(rates).get(name)
        experts = self.described.models_of(str(entry.expert))
        by_hour = any(model.price is not None and model.price.gpu_hour is not None for model in experts)
        return None if by_hour else self.rate_of(entry.worker, rates)

    def _rates(self, rates: StatedRates) -> Floats:
        found = (self.rate_of(name, rates) if name in self.members else None for name in self.table.contenders)
        return np.array([np.nan if rate is None else rate for rate in found])

    def per_pass(self, price: MachinePrice) -> list[tuple[Estimate, Estimate]]:
        """Each option's pass rate on the shared tasks, and what a pass costs."""
        s, level = self.at_machine(price), self.settings.level
        rows = zip(s.sums, s.counts, s.task_costs, s.between, s.per_pass_between, strict=True)
        return self.once(
            ("per pass", price),
            lambda: [
                (
                    widened(clustered_rate(sums, counts, s.clusters, level), *between),
                    widened(
                        replace(fieller_ratio(usd, sums / counts, s.clusters, level), n_trials=int(counts.sum())),
                        *apart,
                        within=(0.0, math.inf),
                    ),
                )
                for sums, counts, usd, between, apart in rows
            ],
        )


def advice_inputs_of(
    table: TaskTable, manifest: Manifest | None, settings: AdviceSettings | None = None
) -> AdviceInputs:
    """What any advice on this table rests on.

    Raises UsageError: no such contender or suite; EvidenceError: no task is shared, or the table of calls is broken.
    """
    asked = settings or AdviceSettings()
    for name in asked.general:
        if name not in table.suites:
            raise UsageError(f"{table.report} has no suite {name!r}; it has {', '.join(dict.fromkeys(table.suites))}")
    general = general_suites(table, manifest, asked.general)
    if set(general) == set(table.suites):
        raise UsageError("every suite is named general, so no work is left to advise on; leave one out")
    work = is_work(table, general)
    known = with_terms(described(table.report, manifest), table.report)
    found, controls = candidates(table, known, asked.kinds or {}, asked.without)
    machine = machine_time(table, known, [name for c in found for name in c.members])
    return AdviceInputs(
        table=table,
        manifest=manifest,
        settings=asked,
        described=known,
        general=general,
        work=work,
        controls=controls,
        figures=option_figures(table, found, work, asked.seed, machine.usd),
        machine=machine,
    )


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
    """Each option's monthly bill at these volumes, taken as exact, whatever volume is assumed.

    The interval is over resampled tasks and the other amounts, drawn jointly as for the advice.
    """
    settings, found = inputs.settings, []
    at_one = replace(assumptions, amounts={**assumptions.amounts, "tasks_per_month": 1.0})
    volume_of = at_one.drawn(len(inputs.figures.rates) - 1, settings.seed)["tasks_per_month"]  # alike for every task
    for option, bill in zip(inputs.figures.candidates, inputs.drawn_bills(at_one), strict=True):
        bills = []
        for volume in volumes if not bill.lacking else ():
            usd = sum(bill.fixed.values(), 0.0) + volume * (bill.tasks + bill.outages) / volume_of
            low, high = percentile_limits(usd[1:], settings.level) or (None, None)
            bills.append(VolumeBill(tasks_per_month=volume, usd=float(usd[0]), low=low, high=high))
        found.append(Bills(contender=option.contender, kind=option.kind, bills=tuple(bills), lacking=bill.lacking))
    return tuple(found)


ORDER = (str(OWN), str(MIX), str(RENT))  # from what is paid by the month to what is paid by the task


def break_even_pair(
    figures: OptionFigures, usd: Sequence[float], lead: int, able: tuple[Mask, Mask], *, stay: bool
) -> tuple[int, int] | str:
    """The advised option and its cheapest rival of another kind, in the `ORDER` of their kinds; or why there is none.

    ``able`` are options shown to be of the required quality, and those not shown to miss it, which serve where no
    other is shown. With ``stay`` the data must stay inside, and only owned options are able.
    """
    kinds, unknown = [c.kind for c in figures.candidates], np.isnan(figures.costs[0])
    known = set(kinds) & set(ORDER)
    if kinds[lead] not in known:
        return f"whether {figures.candidates[lead].contender} is owned or rented is not on record"
    rivals = " or ".join(kind for kind in ORDER if kind in known - {kinds[lead]})
    if not rivals:
        return f"no option is known to be {' or '.join(kind for kind in ORDER if kind != kinds[lead])}"
    if stay:
        return f"the data must stay inside, so no {rivals} option may be chosen"
    for good in able:
        places = [i for i in np.flatnonzero(good).tolist() if kinds[i] in known - {kinds[lead]}]
        if places:  # an unknown cost comes last
            pair = (lead, min(places, key=lambda i: (unknown[i], usd[i])))
            first, second = sorted(pair, key=lambda i: ORDER.index(kinds[i]))
            return first, second
    return f"every {rivals} option is shown to miss the required quality"


def break_even_volume(
    figures: OptionFigures, assumptions: Assumptions, pair: tuple[int, int] | str, level: float
) -> Estimate:
    """Tasks a month from which the first option costs less than the second: fixed a month over saving a task.

    The saving is the mean over the shared tasks of what the second one costs more, with what outages are expected to
    lose a task; its interval is that of `clustered_mean`. Amounts are taken as given.
    """
    none = Estimate(value=None, level=level, method="none")
    if isinstance(pair, str):
        return replace(none, why=pair)
    amounts = assumptions.known | {"tasks_per_month": 0.0}
    first, second = (monthly(amounts, figures.candidates[i], 0.0, 0.0, assumptions.horizon) for i in pair)
    needs = [*first.lacking, *second.lacking]
    more = float(figures.api[0, pair[1]] - figures.api[0, pair[0]])  # the share of tasks that only one needs an API for
    loss = more * economics.outage_cost(amounts, needs) / DAYS if more else 0.0
    if needs:
        return replace(none, why=f"it needs {', '.join(dict.fromkeys(needs))}")
    costs = figures.task_costs[list(pair)]
    saved = clustered_mean(costs[1] - costs[0] + loss, np.ones(costs.shape[1]), figures.clusters, level)
    for i in pair:
        saved = widened(saved, *figures.cost_between[i], within=(-math.inf, math.inf))
    fixed, name = float(first.usd) - float(second.usd), figures.candidates[pair[0]].contender
    if fixed >= 0:
        return earned_back(fixed, saved)
    if saved.low is not None and saved.low > 0:
        return replace(saved, value=0.0, low=0.0, high=0.0, method=f"{name} costs less at any volume", why=None)
    why = f"{name} has the lower fixed cost: no volume earns it back"
    return replace(saved, value=None, low=None, high=None, why=why)
