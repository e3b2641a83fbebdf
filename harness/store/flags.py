"""What is odd about the outcomes of a report, in sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from harness.store.columns import OutcomeFile
from harness.store.ranges import RANGES, Range, beyond
from harness.store.words import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One thing that a reader must know before trusting a rate."""

    kind: str
    """``split``, ``domain``, ``cluster``, ``copies``, ``duplicates``, ``contradictions``, ``unvalued``, ``range``,
    ``trials``, ``missing``, ``errored`` or ``skipped``."""
    count: int  # rows, tasks or contenders concerned
    text: str  # one sentence


_ODD = {
    "split": "{:,} rows of another split were left out",
    "duplicates": "{:,} rows repeat the contender, task and trial of another and were left out",
    "contradictions": "{:,} rows contradict themselves: passed, status and score disagree",
    "domain": "tasks whose rows name several domains: {:,}; that of the first row counts",
    "cluster": "tasks whose rows name several clusters: {:,}; that of the first row counts",
    "copies": "{:,} tasks are in two suites; a task and its copy count as one unit",
    "unvalued": "{:,} graded rows have neither passed nor score; their status was counted",
}  # what is counted while the sums are made


def flags_of(
    contenders: Sequence[str], sums: Mapping[str, Array], odd: Mapping[str, int], seeds: Mapping[str, Sequence[str]]
) -> tuple[Flag, ...]:
    """The flags of a table of these sums, with what was counted under the names of `_ODD`.

    A contender with training ``seeds`` has the trials of each of them: as many rows for each trial as it has seeds.
    """
    rows = sums["counts"] + sums["errored"] + sums["ungraded"] + sums["skipped"]
    most, tasks, whole = rows.max(axis=1), rows.shape[1], rows.sum(axis=1).tolist()
    least = np.where(rows > 0, rows, np.iinfo(np.int64).max).min(axis=1)
    found = [Flag(kind=kind, count=odd[kind], text=text.format(odd[kind])) for kind, text in _ODD.items() if odd[kind]]

    def of_each(kind: str, text: str, counts: Array, whole: Sequence[int] = ()) -> None:
        """A flag of the contenders that have any."""
        shares = [f" of {of:,}" for of in whole] or [""] * len(contenders)
        parts = [f"{name} {n:,}{of}" for name, n, of in zip(contenders, counts.tolist(), shares, strict=True) if n]
        if parts:
            found.append(Flag(kind=kind, count=int(counts.sum()), text=f"{text}: {_listed(parts)}"))

    each = np.array([len(seeds.get(name, ())) or 1 for name in contenders])
    most, least, rows = -(-most // each), -(-least // each), -(-rows // each[:, None])
    of_each("missing", f"of {tasks:,} tasks some contenders have no row", (rows == 0).sum(axis=1))
    if most.max() != least.min():
        uneven = int((np.where(rows > 0, rows, most.max()).min(axis=0) < most.max()).sum())
        spans = zip(contenders, least.tolist(), most.tolist(), strict=True)
        parts = [f"{name} {low}" if low == high else f"{name} {low} to {high}" for name, low, high in spans]
        found.append(Flag(kind="trials", count=uneven, text=f"the number of trials differs: {_listed(parts)} a task"))
    lost = (sums["errored"] + sums["ungraded"]).sum(axis=1)
    of_each("errored", "attempts that errored or could not be graded and are in no rate", lost, whole)
    skipped = sums["skipped"].sum(axis=1)
    of_each("skipped", "attempts not finished: the run is incomplete", skipped, whole)
    return tuple(found)


def strange_figures(file: OutcomeFile) -> tuple[Flag, ...]:
    """A flag of each column with figures that no attempt can have; they are in no sum."""
    found = []
    for name, within in RANGES.items():
        if file.holds(name) and _may_be_beyond(file, name, within):
            outside = beyond(file.read([name]).column(name), name)
            if outside is not None:
                count = int(np.asarray(outside).sum())
                rows = f"{count:,} rows hold figures" if count > 1 else "1 row holds a figure"
                what = "that no date has" if name == "started_at" else f"outside {within.span}"
                text = f"{name}: {rows} {what}, taken as unknown; correct the table and import it again"
                found.append(Flag(kind="range", count=count, text=text))
    return tuple(found)


def _may_be_beyond(file: OutcomeFile, name: str, within: Range) -> bool:
    """Whether the file itself does not rule it out by the lowest and the highest figures that it states."""
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    try:
        for group in groups:
            told = group.column(file.places[name]).statistics
            if told is None or not told.has_min_max:
                return True
            low, high = (one.timestamp() if isinstance(one, datetime) else one for one in (told.min, told.max))
            if not within.low <= low <= high <= within.high:
                return True
    except (ValueError, OverflowError, TypeError):  # a time that Python cannot hold
        return True
    return False


def _listed(parts: list[str]) -> str:
    return ", ".join(parts[:5]) + (f" and {len(parts) - 5:,} more contenders" if len(parts) > 5 else "")
