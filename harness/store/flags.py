"""What is suspicious about a table of outcomes: the traps that real data have sprung on others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.store.reduce import Reduction


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


def flags_of(table: Mapping[str, Any], sums: "Reduction", dropped: int) -> tuple[Flag, ...]:
    """The flags of a finished reduction; ``dropped`` rows were left out by the split rule."""
    found = [
        _flag("split", dropped, "{} rows of another split were left out"),
        _flag(
            "duplicates", sums.duplicates, "{} rows repeat the contender, task and trial of another and were left out"
        ),
        _flag(
            "contradictions", sums.contradictions, "{} rows contradict themselves: passed, status and score disagree"
        ),
        _flag("copies", sums.copies, "{} tasks stand in two suites; a task and its copy count as one unit"),
        _flag("unvalued", sums.unvalued, "{} graded rows have neither passed nor score; their status was counted"),
        _missing(table),
        _trials(table),
        _share(table, "errored", ("errored", "ungraded"), "errored or could not be graded and are in no rate"),
        _share(table, "skipped", ("skipped",), "were never tried: the run is incomplete"),
    ]
    return tuple(flag for flag in found if flag is not None)


def _flag(kind: str, count: int, text: str) -> Flag | None:
    return Flag(kind=kind, count=count, text=text.format(f"{count:,}")) if count else None


def _missing(table: Mapping[str, Any]) -> Flag | None:
    rows = table["counts"] + table["errored"] + table["ungraded"] + table["skipped"]
    absent = (rows == 0).sum(axis=1)
    parts = [f"{name} {n:,}" for name, n in zip(table["contenders"], absent.tolist(), strict=True) if n]
    if not parts:
        return None
    text = f"of {rows.shape[1]:,} tasks some contenders have no row: {_listed(parts)}"
    return Flag(kind="missing", count=int(absent.sum()), text=text)


def _trials(table: Mapping[str, Any]) -> Flag | None:
    """Tasks at which contenders that were there had different numbers of trials, or one contender's tasks differ."""
    import numpy as np

    rows = table["counts"] + table["errored"] + table["ungraded"] + table["skipped"]
    most = rows.max(axis=1)
    least = np.where(rows > 0, rows, np.iinfo(np.int64).max).min(axis=1)
    if most.max() == least.min():
        return None
    uneven = int((np.where(rows > 0, rows, most.max()).min(axis=0) < most.max()).sum())
    parts = [
        f"{name} {low}" if low == high else f"{name} {low} to {high}"
        for name, low, high in zip(table["contenders"], least.tolist(), most.tolist(), strict=True)
    ]
    text = f"the number of trials differs: {_listed(parts)} a task"
    return Flag(kind="trials", count=uneven, text=text)


def _share(table: Mapping[str, Any], kind: str, names: tuple[str, ...], what: str) -> Flag | None:
    lost = sum(table[name] for name in names).sum(axis=1)
    rows = sum(table[name] for name in ("counts", "errored", "ungraded", "skipped")).sum(axis=1)
    parts = [
        f"{name} {n:,} of {all_of:,}"
        for name, n, all_of in zip(table["contenders"], lost.tolist(), rows.tolist(), strict=True)
        if n
    ]
    if not parts:
        return None
    return Flag(kind=kind, count=int(lost.sum()), text=f"attempts that {what}: {_listed(parts)}")


def _listed(parts: list[str]) -> str:
    shown = ", ".join(parts[:5])
    return shown if len(parts) <= 5 else f"{shown} and {len(parts) - 5:,} more contenders"
