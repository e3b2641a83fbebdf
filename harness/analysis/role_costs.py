"""What the calls of an attempt were made for, and what each role cost: of contenders with more than one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core import UNBILLED, EvidenceError, Manifest, Role
from harness.store import TaskTable, read_charged_calls

if TYPE_CHECKING:
    import pyarrow as pa

_ORDER = ("author", "lead", *(role.value for role in Role))  # as an attempt asks them

_NONE = {
    "attempt_id_count_distinct": 0,
    "attempt_id_count": 0,
    "cost_usd_sum": 0.0,
    "cost_usd_count": 0,
    "model_distinct": (),
    "shared_sum": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCost:
    """The calls of one contender in one role, over its graded attempts."""

    contender: str
    role: str
    models: tuple[str, ...]
    attempts: int  # graded attempts of the contender
    with_one: int  # of these, those with such a call
    calls: int
    shared: int  # of these, answers that other contenders are charged for too, and that were paid for once
    usd_per_attempt: float | None  # the mean over all its graded attempts; ``None`` where a call's cost is not known


def role_costs(table: TaskTable, manifest: Manifest | None) -> tuple[RoleCost, ...]:
    """By contender and role, a hybrid's two in any case; empty where calls have one role, or none are on record."""
    recorded = manifest.contenders if manifest else ()
    judged = any("judge" in " ".join(suite.grader_kinds) for suite in manifest.suites) if manifest else False
    several = [c.name for c in recorded if judged or c.author or c.worker or c.kind == "hybrid"]
    hybrids = {c.name: ("lead", "worker") if c.lead else ("worker", "expert") for c in recorded if c.lead or c.worker}
    if not (set(several) & set(table.contenders)) or not (table.report / "calls.parquet").is_file():
        return ()
    try:
        return tuple(_of_calls(table, [name for name in table.contenders if name in several], hybrids))
    except EvidenceError:  # whoever reads the calls says so
        return ()


def unbilled(calls: "pa.Table") -> "pa.ChunkedArray":
    """Which of these calls failed so that nothing was made, and so cost nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cause = pc.list_element(pc.split_pattern(pc.fill_null(calls["error"], ""), ":", max_splits=1), 0)
    return pc.and_(pc.is_null(calls["cost_usd"]), pc.is_in(cause, pa.array([word.value for word in UNBILLED])))


def _of_calls(table: TaskTable, names: list[str], hybrids: Mapping[str, tuple[str, str]]) -> Iterator[RoleCost]:
    import pyarrow as pa
    import pyarrow.compute as pc

    calls = read_charged_calls(table.report, ["attempt_id", "role", "model", "cost_usd", "error", "request_digest"])
    calls = calls.filter(pc.invert(unbilled(calls)))
    calls = calls.append_column("shared", pc.cast(_shared(table, calls), pa.int64()))
    for name in names:
        ids = table.outcomes.column_at("attempt_id", table.attempts_of(name).rows)
        own = calls.filter(pc.is_in(calls["attempt_id"], ids))
        sums = own.group_by("role").aggregate(
            [("attempt_id", "count_distinct"), ("attempt_id", "count"), ("cost_usd", "sum"), ("cost_usd", "count"),
             ("model", "distinct"), ("shared", "sum")]
        )  # fmt: skip
        found = {row["role"]: row for row in sums.to_pylist() if row["role"] is not None}
        if name in hybrids and found:  # that none was asked is told too
            found = dict.fromkeys(hybrids[name], _NONE) | found
        if len(found) < 2:
            continue
        for role in sorted(found, key=_place):
            row = found[role]
            known = row["cost_usd_count"] == row["attempt_id_count"]
            yield RoleCost(
                contender=name,
                role=role,
                models=tuple(sorted(str(model) for model in row["model_distinct"] if model is not None)),
                attempts=len(ids),
                with_one=row["attempt_id_count_distinct"],
                calls=row["attempt_id_count"],
                shared=row["shared_sum"],
                usd_per_attempt=(row["cost_usd_sum"] or 0.0) / len(ids) if known and len(ids) else None,
            )


def _shared(table: TaskTable, calls: "pa.Table") -> Any:
    """Whether a call's answer is another contender's too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids, names = table.outcomes.column("attempt_id"), table.outcomes.column("contender")
    place = pc.index_in(calls["attempt_id"], value_set=ids.cast(pa.string()).combine_chunks())
    asked = pa.table({"request": calls["request_digest"], "contender": names.cast(pa.string()).take(place)})
    users = asked.group_by("request").aggregate([("contender", "count_distinct")])
    several = users.filter(pc.greater(users["contender_count_distinct"], 1))["request"].drop_null()
    return pc.is_in(calls["request_digest"], value_set=several.combine_chunks())


def _place(role: str) -> tuple[int, str]:
    return (_ORDER.index(role) if role in _ORDER else len(_ORDER)), role
