"""How costs were billed, and what a reader of them has to know of how they were measured."""

from collections.abc import Sequence

from harness.core import EvidenceError, listed
from harness.store import TaskTable, read_calls

TIMED = frozenset({"gpu_time", "mixed"})  # how costs are billed that hold a machine's time
SHOWN = 5  # names that a sentence lists


def cost_notes(table: TaskTable) -> list[str]:
    """Of a report's costs: which depend on a machine's load, and how many calls are billed by an estimate."""
    return [*load_note(table, table.contenders), *_estimated(table)]


def load_note(table: TaskTable, names: Sequence[str]) -> list[str]:
    """That the costs of these contenders hold a machine's time, at the load of the run; nothing where none does."""
    bases = cost_bases(table)
    timed = [name for name in names if bases.get(name, frozenset()) & TIMED]
    text = "the machine's time in this run at its hourly price; it depends on how busy the machine was"
    return [f"cost of {listed(timed, SHOWN)}: {text}"] if timed else []


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


def cost_bases(table: TaskTable) -> dict[str, frozenset[str]]:
    """Of each contender how its attempts were billed; one pass over two columns."""
    import pyarrow.parquet as pq

    path = table.report / "outcomes.parquet"
    if "cost_basis" not in pq.read_schema(path).names:
        return {}
    pairs = pq.read_table(path, columns=["contender", "cost_basis"]).group_by(["contender", "cost_basis"])
    found: dict[str, set[str]] = {}
    for row in pairs.aggregate([]).to_pylist():
        found.setdefault(str(row["contender"]), set()).add(str(row["cost_basis"]))
    return {name: frozenset(bases) for name, bases in found.items()}
