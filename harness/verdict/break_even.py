"""From which volume an owned option costs less than a rented one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.core import Estimate
from harness.stats import break_even as earned_back
from harness.stats import clustered_mean
from harness.store import TaskTable
from harness.verdict.economics import DAYS, Assumptions, Bill, monthly, outage_cost
from harness.verdict.option_rates import OptionFigures
from harness.verdict.options import OWN, RENT


def own_and_rent(figures: OptionFigures, bills: Sequence[Bill], margin: float) -> tuple[int, int] | None:
    """The owned option and the rented one that are compared: the cheapest a month within the margin of its kind's best.

    A cost that is unknown comes last.
    """
    found = []
    for kind in (OWN, RENT):
        places = [i for i, c in enumerate(figures.candidates) if c.kind == kind]
        if not places:
            return None
        best = max(float(figures.rates[i]) for i in places)
        good = [i for i in places if figures.rates[i] >= best - margin - 1e-12]
        found.append(min(good, key=lambda i: (figures.cost(i) is None, float(bills[i].usd))))
    return found[0], found[1]


def break_even_volume(
    table: TaskTable, figures: OptionFigures, assumptions: Assumptions, pair: tuple[int, int] | None, level: float
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
    own, rent = (monthly(amounts, figures.candidates[i].setup, 0.0, 0.0, assumptions.months) for i in pair)
    needs = [*own.lacking, *rent.lacking]
    loss = outage_cost(amounts, needs) / DAYS
    if needs:
        return replace(none, why=f"it needs {', '.join(dict.fromkeys(needs))}")
    places = [table.index(figures.candidates[i].contender) for i in pair]
    owned, rented = (table.cost_sums[p][figures.shared] / table.counts[p][figures.shared] for p in places)
    saved = clustered_mean(rented - owned + loss, np.ones(len(owned)), table.clusters[figures.shared], level)
    fixed = float(own.usd) - float(rent.usd)
    if fixed >= 0:
        return earned_back(fixed, saved)
    if saved.low is not None and saved.low > 0:
        return replace(saved, value=0.0, low=0.0, high=0.0, method="owning costs less at any volume", why=None)
    why = "owning has the lower fixed cost: no volume earns it back"
    return replace(saved, value=None, low=None, high=None, why=why)
