"""What a reader of costs has to know of how they were measured, in a sentence each."""

from collections.abc import Sequence

from harness.core import EvidenceError
from harness.store import TaskTable, read_calls
from harness.verdict.grounds import Grounds
from harness.verdict.options import cost_bases
from harness.verdict.terms import RATE, Terms
from harness.verdict.words import dollars

TIMED = frozenset({"gpu_time", "mixed"})
"""How costs are billed that hold a machine's time."""
SHOWN = 5
"""Names that a sentence lists."""


def cost_notes(table: TaskTable) -> list[str]:
    """Of a report's costs: which depend on a machine's load, and how many calls are billed by an estimate."""
    return [*load_note(table, table.contenders), *_estimated(table)]


def load_note(table: TaskTable, names: Sequence[str]) -> list[str]:
    """That the costs of these contenders hold a machine's time, at the load of the run; nothing where none does."""
    bases = cost_bases(table)
    timed = [name for name in names if bases.get(name, frozenset()) & TIMED]
    text = "the machine's time in this run at its hourly price; it depends on how busy the machine was"
    return [f"cost of {_listed(timed)}: {text}"] if timed else []


def rate_notes(grounds: Grounds, terms: Terms) -> list[str]:
    """Which options' machines are reckoned by a stated rate, which by the run's load, and what is stated in vain."""
    hour, rates = terms.gpu_hour_usd, terms.tasks_per_gpu_hour
    stated = grounds.stated(hour, rates)
    same: dict[tuple[float, float], list[str]] = {}
    for name, usd in stated.items():
        same.setdefault((float(grounds.rate_of(name, rates) or 0.0), usd), []).append(name)
    notes = [
        f"cost of {_listed(names)}: {dollars(rate * usd)} an hour for a stated {rate:,.10g} tasks an hour "
        f"({RATE}), {dollars(usd)} a task, in place of the machine's measured time"
        for (rate, usd), names in same.items()
    ]
    measured = load_note(grounds.table, [name for name in grounds.names if name not in stated])
    notes += [f"{note} ({RATE} states another load)" for note in measured]
    for name, rate in rates if isinstance(rates, tuple) else ():
        if name in grounds.names and name not in stated:
            why = grounds.machine.why.get(name, "it pays no machine by the hour")
            notes.append(f"the {rate:,.10g} tasks an hour of {name} are not used: {why}")
    return notes


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _estimated(table: TaskTable) -> list[str]:
    import pyarrow.compute as pc

    try:
        calls = read_calls(table.report, ["usage_source", "cost_basis", "cache_hit"])
    except EvidenceError:
        return []
    calls = calls.filter(pc.and_(pc.equal(calls["cost_basis"], "tokens"), pc.invert(calls["cache_hit"])))
    n = pc.sum(pc.equal(calls["usage_source"], "estimated")).as_py() or 0
    if not n:
        return []
    text = "calls state a total that their token counts do not add up to; the rest is billed as output, an estimate"
    return [f"{n:,} of {len(calls):,} {text} (usage_source in calls.parquet)"]
