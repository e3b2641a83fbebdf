"""What is suspicious about a table of outcomes: the traps that real data have sprung on others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One thing that a reader must know before trusting a rate."""

    kind: str
    """``split``, ``copies``, ``duplicates``, ``contradictions``, ``unvalued``, ``trials``, ``missing``, ``errored`` or
    ``skipped``."""
    count: int
    """Rows, tasks or contenders concerned."""
    text: str
    """One sentence."""


ODD = {
    "split": "{} rows of another split were left out",
    "duplicates": "{} rows repeat the contender, task and trial of another and were left out",
    "contradictions": "{} rows contradict themselves: passed, status and score disagree",
    "copies": "{} tasks stand in two suites; a task and its copy count as one unit",
    "unvalued": "{} graded rows have neither passed nor score; their status was counted",
}
"""What is counted while the sums are made."""


def flags_of(contenders: Sequence[str], sums: Mapping[str, "Array"], odd: Mapping[str, int]) -> tuple[Flag, ...]:
    """The flags of a table of these sums, with what was counted under the names of `ODD`."""
    import numpy as np

    rows = sums["counts"] + sums["errored"] + sums["ungraded"] + sums["skipped"]
    most, tasks = rows.max(axis=1), rows.shape[1]
    least = np.where(rows > 0, rows, np.iinfo(np.int64).max).min(axis=1)
    found = [
        Flag(kind=kind, count=odd[kind], text=text.format(f"{odd[kind]:,}")) for kind, text in ODD.items() if odd[kind]
    ]

    def of_each(kind: str, text: str, counts: "Array", whole: Sequence[int] | None = None) -> None:
        """A flag of the contenders that have any."""
        each = zip(contenders, counts.tolist(), whole or [0] * len(contenders), strict=True)
        parts = [f"{name} {n:,} of {of:,}" if whole else f"{name} {n:,}" for name, n, of in each if n]
        if parts:
            found.append(Flag(kind=kind, count=int(counts.sum()), text=f"{text}: {_listed(parts)}"))

    of_each("missing", f"of {tasks:,} tasks some contenders have no row", (rows == 0).sum(axis=1))
    if most.max() != least.min():
        uneven = int((np.where(rows > 0, rows, most.max()).min(axis=0) < most.max()).sum())
        parts = [
            f"{name} {low}" if low == high else f"{name} {low} to {high}"
            for name, low, high in zip(contenders, least.tolist(), most.tolist(), strict=True)
        ]
        found.append(Flag(kind="trials", count=uneven, text=f"the number of trials differs: {_listed(parts)} a task"))
    whole = rows.sum(axis=1).tolist()
    lost = (sums["errored"] + sums["ungraded"]).sum(axis=1)
    of_each("errored", "attempts that errored or could not be graded and are in no rate", lost, whole)
    text = "attempts that were never tried: the run is incomplete"
    of_each("skipped", text, sums["skipped"].sum(axis=1), whole)
    return tuple(found)


def _listed(parts: list[str]) -> str:
    shown = ", ".join(parts[:5])
    return shown if len(parts) <= 5 else f"{shown} and {len(parts) - 5:,} more contenders"
