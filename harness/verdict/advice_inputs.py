"""All of an advice that the economics do not touch: kept, so that the next what-if takes a moment.

The options, their figures on their shared tasks, and the tests of quality need the outcomes; a bill needs only sums.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from harness.core import Decision, Described, Estimate, Manifest, UsageError
from harness.stats import clustered_rate, fieller_ratio
from harness.store import TaskTable, described
from harness.verdict.arrays import Floats, Mask
from harness.verdict.conditions import (
    Condition,
    Forgetting,
    forgetting,
    general_suites,
    grader_kinds,
    narrow_format,
    pair_evidence,
    verifiable,
)
from harness.verdict.economics import AS_RECORDED, MachinePrice, StatedRates
from harness.verdict.machine_time import MachineTime, machine_time
from harness.verdict.options import OptionFigures, candidates, option_figures, quality

P = ParamSpec("P")
T = TypeVar("T")

MARGIN = 0.02
MOST = 12  # results of one sort that are kept; the largest are a table of costs and its draws


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceSettings:
    """How the advice is asked for."""

    margin: float = MARGIN  # the largest drop of the pass rate below the best option that is acceptable
    kinds: Mapping[Decision, Sequence[str]] | None = None  # contenders that the user calls owned, rented or mixed
    without: Sequence[str] = ()  # contenders that cannot be chosen, as the controls cannot
    general: Sequence[str] = ()  # suites that only show forgetting
    level: float = 0.95
    seed: int = 0

    def checked(self) -> "AdviceSettings":
        """Itself; a `UsageError` where the margin is out of range."""
        if not 0 <= self.margin < 1:
            raise UsageError(f"the margin must lie from 0 to below 1, found {self.margin:g}")
        return self


def _kept(make: "Callable[Concatenate[AdviceInputs, P], T]") -> "Callable[Concatenate[AdviceInputs, P], T]":
    """Kept by what it was asked for; of each sort the oldest goes where somebody has tried many prices."""

    @wraps(make)
    def found(self: "AdviceInputs", /, *args: P.args, **kwargs: P.kwargs) -> T:
        same = self.kept.setdefault(make.__name__, {})
        if args not in same:
            made = make(self, *args, **kwargs)
            if len(same) >= MOST:
                same.pop(next(iter(same)), None)
            same[args] = made
        kept: T = same[args]
        return kept

    return found


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
        return self.figures.names

    def at_margin(self, margin: float) -> "AdviceInputs":
        """The same outcomes at another margin of quality."""
        return replace(self, settings=replace(self.settings, margin=margin).checked())

    @_kept
    def at_machine(self, price: MachinePrice) -> OptionFigures:
        """The figures at a price of a machine's hour and at stated rates."""
        s = self.figures
        if price == AS_RECORDED:
            return s
        tasks = self._priced(s.task_costs.T, s.task_machine.T, price).T
        return replace(s, task_costs=tasks, costs=self._priced(s.costs, s.machine, price))

    def costs_at(self, price: MachinePrice) -> Floats:
        """Dollars a task of each option at a price of a machine's hour and at stated rates; NaN where unknown."""
        return self._priced(self.figures.costs[0], self.figures.machine[0], price)

    def stated(self, price: MachinePrice) -> dict[str, float]:
        """Of each option whose machine is reckoned by a stated rate the dollars that it costs a task."""
        each = self.machine.per_task(price[0], self._rates(price[1]))
        found = {name: float(each[self.table.index(name)]) for name in self.names}
        return {name: usd for name, usd in found.items() if not np.isnan(usd)}

    def rate_of(self, name: str, rates: StatedRates) -> float | None:
        """The rate stated for a contender, or for all; a hybrid has its worker's, which meets every task.

        Not where the hybrid's expert is paid by the hour too: its part of the machine's time is then not known.
        """
        if rates is None or isinstance(rates, float):
            return rates
        entry = self.described.contenders.get(name)
        if name in dict(rates) or entry is None or entry.worker is None:
            return dict(rates).get(name)
        experts = self.described.models_of(str(entry.expert))
        if any(model.price is not None and model.price.gpu_hour is not None for model in experts):
            return None
        return self.rate_of(entry.worker, rates)

    @_kept
    def _rates(self, rates: StatedRates) -> Floats:
        found = (self.rate_of(name, rates) if name in self.names else None for name in self.table.contenders)
        return np.array([np.nan if rate is None else rate for rate in found])

    def _priced(self, costs: Floats, machine: Floats, price: MachinePrice) -> Floats:
        places = np.array([self.table.index(name) for name in self.names])
        return self.machine.priced(places, costs, machine, price[0], self._rates(price[1]))

    @_kept
    def forgetting(self, margin: float) -> tuple[Forgetting, ...]:
        """Every tuned model against its base on the general suites."""
        return forgetting(self.table, self.described.contenders, self.general, margin)

    @_kept
    def quality(self, best: int, margin: float) -> tuple[str, ...]:
        """Of each option whether it holds the quality of the best."""
        return quality(self.figures, best, margin)

    @_kept
    def about_tasks(self, lead: str) -> tuple[Condition, Condition]:
        """The two conditions on the tasks: a narrow format, and grades by rule."""
        kinds = grader_kinds(self.manifest, [s for s, used in zip(self.table.suites, self.work, strict=True) if used])
        narrow = narrow_format(self.table, lead, kinds, self.work)
        return narrow, verifiable(self.table, self.manifest, kinds)

    @_kept
    def about_pair(self, pair: tuple[int, int], price: MachinePrice) -> list[str]:
        """How an owned and a rented option compare in cost a pass and latency, in words."""
        return pair_evidence(self.table, self.at_machine(price), pair)

    @_kept
    def rates(self) -> tuple[Estimate, ...]:
        """Each option's pass rate on the shared tasks."""
        s, level = self.figures, self.settings.level
        return tuple(clustered_rate(*s.outcomes(i), s.clusters, level) for i in range(len(self.names)))

    @_kept
    def costs_per_pass(self, price: MachinePrice) -> tuple[Estimate, ...]:
        """What a pass of each option costs on the shared tasks."""
        s, level = self.at_machine(price), self.settings.level
        passes = s.sums / s.counts
        return tuple(fieller_ratio(*pair, s.clusters, level) for pair in zip(s.task_costs, passes, strict=True))


def advice_inputs_of(
    table: TaskTable, manifest: Manifest | None, settings: AdviceSettings | None = None
) -> AdviceInputs:
    """What any advice on this table rests on.

    Raises:
        UsageError: no such contender or suite, or the margin is out of range.
        EvidenceError: no task that all options share, or the table of calls is broken.
    """
    asked = (settings or AdviceSettings()).checked()
    for name in asked.general:
        if name not in table.suites:
            has = ", ".join(dict.fromkeys(str(s) for s in table.suites))
            raise UsageError(f"{table.report} has no suite {name!r}; it has {has}")
    general = general_suites(table, manifest, asked.general)
    if set(general) == set(table.suites):
        raise UsageError("every suite is named general, so no work is left to advise on; leave one out")
    work = ~np.isin(np.asarray(table.suites, dtype=object).astype(str), [str(s) for s in general])
    known = described(table.report, manifest)
    found, controls = candidates(table, known, asked.kinds, asked.without)
    machine = machine_time(table, known, [c.contender for c in found])
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
