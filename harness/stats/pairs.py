"""All pairs of many contenders at once: outcomes as bits, discordant tasks by counting bits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.paired import mcnemar_all
from harness.stats.units import Counts, Vector

_PAIRS_AT_ONCE = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AllPairs:
    """Every pair of contenders on the tasks that both have a result at; square arrays, row against column."""

    wins: Counts
    """Tasks that only the row's contender passed; its transpose holds the losses."""
    tasks: Counts
    """Common tasks."""
    p_values: Vector
    """McNemar mid-p; shape as the others, 1 on the diagonal. Adjust before deciding: there are many."""


def all_pairs(passed: ArrayLike, graded: ArrayLike | None = None) -> AllPairs:
    """McNemar's mid-p (Fagerland, Lydersen & Laake 2013) for every pair, one trial a task.

    Args:
        passed: Shape (contenders, tasks), true where passed.
        graded: The same shape, true where there is a result; all by default.

    Raises:
        ValueError: The shapes differ, or a table has not two axes.
    """
    hit = np.asarray(passed, dtype=bool)
    known = np.ones_like(hit) if graded is None else np.asarray(graded, dtype=bool)
    if hit.ndim != 2 or hit.shape != known.shape:
        raise ValueError(f"passed and graded must both be contenders by tasks: {hit.shape} and {known.shape}")
    yes, no, seen = _packed(hit & known), _packed(~hit & known), _packed(known)
    wins, tasks = _common(yes, no), _common(seen, seen)
    return AllPairs(wins=wins, tasks=tasks, p_values=mcnemar_all(wins, wins.T))


def _packed(table: "NDArray[np.bool_]") -> "NDArray[np.uint64]":
    padded = np.zeros((table.shape[0], -(-table.shape[1] // 64) * 64), dtype=bool)
    padded[:, : table.shape[1]] = table
    return np.packbits(padded, axis=1).view(np.uint64)


def _common(a: "NDArray[np.uint64]", b: "NDArray[np.uint64]") -> Counts:
    """How many bits each row of a shares with each row of b."""
    counts = np.zeros((len(a), len(b)), dtype=np.int64)
    rows = max(1, _PAIRS_AT_ONCE // max(1, b.size))
    for i in range(0, len(a), rows):
        counts[i : i + rows] = np.bitwise_count(a[i : i + rows, None, :] & b[None, :, :]).sum(axis=2, dtype=np.int64)
    return counts
