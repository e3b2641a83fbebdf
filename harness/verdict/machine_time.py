"""What of a cost is paid by the hour of a machine, and what it would be at another price of that hour, or another load.

Such a cost is the machine's time times the price of an hour, so it moves with the price in proportion; what is paid by
the token stays. Where the record does not part the two, the cost at another price is unknown. The measured time is that
of the run's load: where it is stated how many tasks a machine does in an hour, a task is that part of an hour instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis import cost_bases
from harness.core import Described, Price
from harness.store import TaskTable, read_calls
from harness.verdict.arrays import Floats, Ints, Mask
from harness.verdict.options import is_owned


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MachineTime:
    """The machine's part of every contender's cost; one row a contender, one column a task, as in the table."""

    usd: Floats  # over the graded trials, at the price on record; 0 where no machine is paid, NaN where it is unknown
    hour_usd: Floats  # of each contender the price of an hour on record; NaN where it pays none, or several
    why: Mapping[str, str]  # contenders whose cost at another price of the hour is unknown, and why
    unknown: Mask  # whether a contender is one of those
    whole: Mask  # whether a contender pays machines and nothing else

    @property
    def hour_on_record(self) -> float | None:
        """The price of an hour that all machines share; ``None`` where none is on record, or several are."""
        known = {float(usd) for usd in self.hour_usd if not np.isnan(usd)}
        return known.pop() if len(known) == 1 else None

    def priced(self, places: Ints, dollars: Floats, machine: Floats, hour_usd: float | None, rates: Floats) -> Floats:
        """Costs a task, and the part of them paid by the hour, at another price or stated rates; NaN where unknown.

        Each column is of the contender at that place of the table. ``hour_usd`` is what an hour of every machine costs,
        ``None``: as on record; ``rates`` are the tasks that each contender's machine does in an hour, NaN: as measured.
        """
        now, unknown, found = self.hour_usd[places], self.unknown[places], dollars
        if hour_usd is not None:
            factor = np.where(np.isnan(now), 1.0, hour_usd / now)
            found = np.where(unknown, np.nan, dollars + machine * (factor - 1.0))
        rest = np.where(self.whole[places], 0.0, dollars - machine)
        each = self.per_task(hour_usd, rates)[places]
        return np.asarray(np.where(np.isnan(each), found, rest + each))

    def per_task(self, hour_usd: float | None, rates: Floats) -> Floats:
        """What a task costs of each contender's machine at its stated rate; NaN where none is, or it is unknown."""
        hour = self.hour_usd if hour_usd is None else np.full(len(rates), hour_usd)
        parted = self.whole | ~(self.unknown | np.isnan(self.hour_usd))
        return np.asarray(np.where(parted, hour / rates, np.nan))


def machine_time(table: TaskTable, known: Described, names: Sequence[str]) -> MachineTime:
    """The machine's part of the cost of these contenders; a mixed cost is parted by its recorded calls.

    Raises:
        EvidenceError: the table of calls is broken.
    """
    usd, hours = np.zeros_like(table.cost_sums), np.full(len(table.contenders), np.nan)
    whole = np.zeros(len(table.contenders), dtype=bool)
    why: dict[str, str] = {}
    bases, mixed = cost_bases(table), []
    for name in names:
        i = table.index(name)
        prices = [model.price or Price() for model in known.models_of(name)]
        rates = {p.gpu_hour for p in prices if p.gpu_hour is not None}
        by_token = [p for p in prices if p.gpu_hour is None and (p.input is not None or p.output is not None)]
        if (prices and len(by_token) == len(prices)) or bases.get(name) == frozenset({"tokens"}):
            continue
        timed = bool(prices) and all(p.gpu_hour is not None for p in prices)
        whole[i] = is_owned(name, known) if prices else bases.get(name) == frozenset({"gpu_time"})
        if len(rates) != 1 or 0.0 in rates:
            why[name] = _no_price(rates)
            continue
        hours[i] = rates.pop()
        if not timed:
            mixed.append(name)
        else:
            usd[i] = table.cost_sums[i]
    if mixed:
        usd += _from_calls(table, mixed, why)
    unknown = np.isin(np.asarray(table.contenders, dtype=object).astype(str), list(why))
    return MachineTime(usd=usd, hour_usd=hours, why=why, unknown=unknown, whole=whole)


def _no_price(rates: set[float]) -> str:
    if not rates:
        return "the price of a machine's hour is not on record"
    return "its machines have different prices of an hour" if len(rates) > 1 else "its hour was recorded at $0"


def _from_calls(table: TaskTable, names: Sequence[str], why: dict[str, str]) -> Floats:
    """The machine's dollars in the calls of mixed contenders; who has an attempt without its calls is unknown."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.zeros_like(table.cost_sums)
    if not (table.report / "calls.parquet").is_file():
        why.update(dict.fromkeys(names, "the calls that would part machine time from tokens are not recorded"))
        return found
    calls = read_calls(table.report, ["attempt_id", "role", "cost_basis", "cost_usd"])
    calls = calls.filter(pc.not_equal(pc.fill_null(calls["role"], ""), "judge"))
    basis, cost = pc.fill_null(calls["cost_basis"], ""), pc.fill_null(calls["cost_usd"], np.nan)
    told = pc.or_(pc.equal(basis, "gpu_time"), pc.equal(cost, 0.0))
    machine = pc.if_else(told, cost, pc.if_else(pc.equal(basis, "tokens"), 0.0, np.nan))
    of_attempt = calls.set_column(0, "id", calls["attempt_id"]).append_column("machine", machine)
    sums = of_attempt.group_by("id").aggregate([("machine", "sum")])
    ids, dollars = sums["id"].combine_chunks(), np.asarray(sums["machine_sum"], dtype=np.float64)
    for name in names:
        rows = table.attempts(name, ["attempt_id"])
        where = pc.index_in(rows["attempt_id"], value_set=pa.array(ids))
        if where.null_count:
            why[name] = f"{where.null_count:,} of its attempts have no recorded calls"
            continue
        amounts = dollars[np.asarray(where, dtype=np.int64)]
        tasks = np.asarray(rows["task_index"], dtype=np.int64)
        found[table.index(name)] = np.bincount(tasks, weights=amounts, minlength=len(table.tasks))
    return found
