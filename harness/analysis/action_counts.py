"""What contenders with tools did in their boxes, counted by tool."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError
from harness.store import TaskTable, read_actions

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCount:
    """The uses of one tool by one contender, over its graded attempts."""

    contender: str
    tool: str
    attempts: int  # graded attempts of the contender
    with_one: int  # of these, those that used it
    actions: int
    refused: int  # by the policy, or since nothing can do them
    failed: int  # commands that ended with another exit code than 0
    stopped: int  # ended by a limit of the box or of the task: time, memory, output


def action_counts(table: TaskTable) -> tuple[ActionCount, ...]:
    """By contender and tool; empty where no action is on record."""
    try:
        actions = read_actions(table.report, ["attempt_id", "tool", "allowed", "exit_code", "cause"])
    except EvidenceError:  # whoever reads the actions says so
        return ()
    return tuple(_of(table, actions)) if actions.num_rows else ()


def _of(table: TaskTable, actions: "pa.Table") -> Iterator[ActionCount]:
    import pyarrow as pa
    import pyarrow.compute as pc

    def number(true: Any) -> Any:
        return pc.cast(pc.fill_null(true, fill_value=False), pa.int64())

    refused, stopped = pc.invert(actions["allowed"]), pc.not_equal(pc.fill_null(actions["cause"], ""), "")
    stopped = pc.and_(actions["allowed"], stopped)
    failed = pc.and_(pc.invert(stopped), pc.not_equal(pc.fill_null(actions["exit_code"], 0), 0))
    for name, true in (("refused", refused), ("stopped", stopped), ("failed", pc.and_(actions["allowed"], failed))):
        actions = actions.append_column(name, number(true))
    for contender in table.contenders:
        ids = table.outcomes.column_at("attempt_id", table.attempts_of(contender).rows)
        own = actions.filter(pc.is_in(actions["attempt_id"], ids))
        counts = [("attempt_id", "count_distinct"), ("attempt_id", "count")]
        counts += [(name, "sum") for name in ("refused", "failed", "stopped")]
        for row in own.group_by("tool").aggregate(counts).sort_by("tool").to_pylist():
            yield ActionCount(
                contender=contender,
                tool=row["tool"],
                attempts=len(ids),
                with_one=row["attempt_id_count_distinct"],
                actions=row["attempt_id_count"],
                refused=row["refused_sum"],
                failed=row["failed_sum"],
                stopped=row["stopped_sum"],
            )
