"""Contenders of two reports on the tasks that both have, laid side by side as the gate lays them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.analysis.sides import Side, pair_sides
from harness.core import EvidenceError
from harness.store import TaskTable

if TYPE_CHECKING:
    import numpy as np

_SUMS = ("counts", "sums", "squares", "errored", "ungraded", "skipped", "cost_sums", "cost_known", "confidences",
         "escalated")  # fmt: skip


def joined(first: TaskTable, a: str, second: TaskTable, b: str) -> TaskTable:
    """A table of two contenders: ``a`` of the first report and ``b`` of the second, at the tasks that both tried.

    Tasks are the same where the digests of suite and task are, or their names where there are none. Names and domains
    of tasks are the second's; where the two disagree about which tasks share a source, the coarser says it. Two
    contenders of one name are told apart by their reports.

    Raises:
        UsageError: no such contender.
        EvidenceError: no task in common.
    """
    import numpy as np

    i, j = first.index(a), second.index(b)
    pairs = pair_sides(Side(table=first, manifest=None, contender=a), Side(table=second, manifest=None, contender=b))
    here, there = pairs.candidate_rows, pairs.baseline_rows
    if not len(there):
        folders = first.report, second.report  # those of one name are told apart by where they lie
        one, other = (f.name for f in folders) if folders[0].name != folders[1].name else map(str, folders)
        raise EvidenceError(f"{a!r} of {one} and {b!r} of {other} have no task in common")

    def both(name: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        return np.stack([getattr(first, name)[i][here], getattr(second, name)[j][there]])

    places = there.tolist()
    keys = second.keys
    names = (a, b) if a != b else (f"{a} ({first.report.name})", f"{b} ({second.report.name})")
    if names[0] == names[1]:
        names = f"{a} (first)", f"{b} (second)"
    fields: dict[str, Any] = {
        name: tuple(getattr(second, name)[place] for place in places)
        for name in ("tasks", "task_digests", "suites", "suite_digests", "splits")
    }
    fields |= {name: both(name) for name in _SUMS}
    return replace(
        second,
        contenders=names,
        kinds=(first.kinds[i], second.kinds[j]),
        contender_digests=(first.contender_digests[i], second.contender_digests[j]),
        domains=second.domains[there],
        clusters=pairs.outcomes.clusters,
        **fields,
        duplicates=0,
        flags=(),
        _keys={keys[place]: row for row, place in enumerate(places)},
        _attempts=None,
    )


def left_out(first: TaskTable, a: str, second: TaskTable, b: str, common: int) -> str | None:
    """A sentence about the tasks that only one of the two tried, where there are such."""
    lone = [
        (int((table.trials[table.index(name)] > 0).sum()) - common, table.report.name)
        for table, name in ((first, a), (second, b))
    ]
    parts = [f"{number:,} of {report}" for number, report in lone if number]
    return f"tasks that the other report does not have are left out: {', '.join(parts)}" if parts else None
