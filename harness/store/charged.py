"""Which calls an outcome charges: those of the try that made it, and the judges' calls of the try that graded it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import Role
from harness.store.tables import read_calls, read_outcomes

if TYPE_CHECKING:
    import pyarrow as pa

_REQUEST = ("attempt_id", "role", "request_digest", "draw")  # what tells the requests of an attempt apart


def read_charged_calls(report: Path, columns: Sequence[str]) -> "pa.Table":
    """As `read_calls`, without the calls of tries that were killed or retried, and of judges whose grade was replaced.

    By attempt they come to ``cost_usd``, and those of judges to ``judge_usd``. Calls of earlier versions do not say of
    which try they are: of these each request of an attempt counts once, answered if it ever was.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    calls = read_calls(report, [*dict.fromkeys([*columns, *_REQUEST, "error", "attempt_started_at"])])
    outcomes = read_outcomes(report, ["attempt_id", "started_at", "graded_at"])
    place = pc.index_in(calls["attempt_id"], value_set=outcomes["attempt_id"].combine_chunks())
    judges = pc.equal(pc.fill_null(calls["role"], ""), Role.JUDGE.value)
    graded_at = outcomes["graded_at"].take(place)
    begun = pc.if_else(judges, graded_at, outcomes["started_at"].take(place))
    own = pc.fill_null(pc.equal(calls["attempt_started_at"], begun), fill_value=False)
    sides = pa.chunked_array([pc.binary_join_element_wise(
        pc.fill_null(calls["attempt_id"], "").combine_chunks(), pc.cast(judges, pa.string()).combine_chunks(), " "
    )])  # fmt: skip
    told = pc.or_(pc.is_in(sides, sides.filter(own).combine_chunks()), pc.and_(judges, pc.is_valid(graded_at)))
    untold = pc.and_(pc.is_null(calls["attempt_started_at"]), pc.invert(told))
    counted = pc.or_(own, pc.and_(untold, _first_of_each(calls)))
    return calls.filter(pc.and_(counted, pc.is_valid(place))).select([*columns])  # probes are of no attempt


def _first_of_each(calls: "pa.Table") -> Any:
    """Whether a row is the first of its request, an answered one before those that failed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    failed = pc.cast(pc.is_valid(calls["error"]), pa.int64())
    rank = pc.add(pc.multiply(failed, len(calls)), pa.array(np.arange(len(calls))))
    keyed = calls.select([*_REQUEST]).append_column("rank", rank)
    firsts = keyed.group_by([*_REQUEST]).aggregate([("rank", "min")])["rank_min"]
    return pc.or_(pc.is_in(rank, firsts.combine_chunks()), pc.is_null(calls["request_digest"]))
