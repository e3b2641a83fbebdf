"""What became of an attempt as people read it: its status, and whether it passed in part.

A table may hold a score between 0 and 1 in the place of a pass. A rate counts such an attempt with its score; its
status has no word for it and is ``failed``. Whoever shows or counts attempts asks here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError, Status, nearest
from harness.store.columns import OUTCOMES_FILE
from harness.store.tables import read_outcomes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

PARTLY = "partly passed"
RESULTS = (*(status.value for status in Status), PARTLY)
"""Every word for a result: those of `Status` in their order, and last that of the attempts that passed in part."""


def is_partial(graded: "Array", judged: "Array", score: "Array") -> "Array":
    """Of each attempt whether it passed in part: a rate counts it with its score, which is neither 0 nor 1.

    Args:
        graded: whether its status is passed or failed.
        judged: whether its ``passed`` is known; then that counts, whatever the score.
        score: NaN where unknown.
    """
    found: Array = graded & ~judged & (score > 0) & (score < 1)
    return found


def count_results(report: Path) -> Mapping[str, Mapping[str, int]]:
    """Of each contender its outcomes by `RESULTS`: every row of every split, those that repeat others too.

    Raises:
        EvidenceError: the outcomes are missing or broken, or a status is unknown.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    table = read_outcomes(report, ["contender", "status", "passed", "score"])
    status = table["status"]
    for word in pc.unique(status).to_pylist():
        if word not in RESULTS or word == PARTLY:
            known = tuple(one.value for one in Status)
            raise EvidenceError(
                f"{report / OUTCOMES_FILE}: the status {word!r} is unknown; {nearest(str(word), known)}"
            )
    if table["score"].null_count < len(table):
        graded = pc.is_in(status, value_set=pa.array([Status.PASSED.value, Status.FAILED.value]))
        score = np.asarray(table["score"].fill_null(np.nan))
        partial = is_partial(np.asarray(graded), np.asarray(table["passed"].is_valid()), score)
        status = pc.if_else(pa.array(partial), PARTLY, status)
    counts = pa.table({"contender": table["contender"], "result": status})
    found: dict[str, dict[str, int]] = {}
    for row in counts.group_by(["contender", "result"], use_threads=False).aggregate([([], "count_all")]).to_pylist():
        found.setdefault(str(row["contender"]), dict.fromkeys(RESULTS, 0))[row["result"]] = row["count_all"]
    return found
