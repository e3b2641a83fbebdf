"""What is counted: one value a task, its trials summed, and a code for the cluster of tasks that share a source."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
Clusters = ArrayLike | None  # a code a task; None: every task by itself
Contender = tuple[ArrayLike, ArrayLike]  # (sums, counts), one of each a task
FEW_ROWS = 1_000  # so many distinct rows are counted; more are drawn one by one


def vector(values: ArrayLike, name: str) -> Vector:
    """The values as a flat array of floats."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one value a task, not an array of shape {array.shape}")
    return array


def vectors(**values: ArrayLike) -> tuple[Vector, ...]:
    """Flat arrays of floats in the order given; raises `ValueError` where their lengths differ."""
    found = {name: vector(given, name) for name, given in values.items()}
    if len({len(array) for array in found.values()}) > 1:
        told = ", ".join(f"{name} has {len(array)}" for name, array in found.items())
        raise ValueError(f"one value a task is needed in each: {told}")
    return tuple(found.values())


def whole_counts(passes: ArrayLike, trials: ArrayLike) -> tuple[Vector, Vector]:
    """Passes and trials a task, whole numbers."""
    c, n = vectors(passes=passes, trials=trials)
    if np.any(c != np.round(c)) or np.any(c < 0) or np.any(c > n):
        raise ValueError("passes must be whole numbers between 0 and the number of trials")
    return c, n


def cluster_codes(clusters: Clusters, n: int, kept: Flags | None = None) -> tuple[Codes, int]:
    """Codes 0 .. G-1, one a task (of those ``kept``), and G; every task by itself where ``clusters`` is None."""
    here = n if kept is None else int(kept.sum())
    if clusters is None:
        return np.arange(here, dtype=np.intp), here
    array = np.asarray(clusters)
    if array.shape != (n,):
        raise ValueError(f"clusters must be one code a task: {n} tasks, codes of shape {array.shape}")
    names, codes = distinct_values(array if kept is None or here == n else array[kept])
    return codes, len(names)


def distinct_values(array: NDArray[Any]) -> tuple[NDArray[Any], Codes]:
    """The different values, sorted, and of each entry a position among them."""
    kind = array.dtype
    if np.issubdtype(kind, np.floating) and np.abs(array).max(initial=0.0) < 1e15 and (np.rint(array) == array).all():
        array = array.astype(np.int64)  # as sums of passes are
    if len(array) and np.issubdtype(array.dtype, np.integer):
        low, high = int(array.min()), int(array.max())
        if high - low < 16 * len(array) + 1_000:  # a table over all codes is filled in less time than they are sorted
            there = np.zeros(high - low + 1, dtype=bool)
            there[array - low] = True
            names, codes = np.flatnonzero(there) + low, array - low
            codes = codes if len(names) == len(there) else (np.cumsum(there) - 1)[codes]
            return names.astype(kind), codes.astype(np.intp)
    names, codes = np.unique(array, return_inverse=True)
    return names.astype(kind), codes.astype(np.intp)


def sum_by(codes: Codes, values: Vector, groups: int) -> Vector:
    """The sum of the values in each group."""
    return np.bincount(codes, weights=values, minlength=groups).astype(np.float64)


def strata_of_units(strata: ArrayLike | None, codes: Codes, groups: int) -> tuple[Codes, int]:
    """Of each unit a stratum 0 .. S-1, and S; ``strata`` are those of tasks, ``codes`` the units that these are of.

    A unit over several strata is of the pair of the first and the last. Strata of one unit are one together: by
    themselves they would have no say where units are compared within strata.
    """
    if strata is None or not groups:
        return np.zeros(groups, dtype=np.intp), int(groups > 0)
    of = np.unique(np.asarray(strata), return_inverse=True)[1]
    low, high = np.full(groups, len(of)), np.full(groups, -1)
    np.minimum.at(low, codes, of)
    np.maximum.at(high, codes, of)
    pair = np.unique(low * (len(of) + 1) + high, return_inverse=True)[1]
    alone = np.bincount(pair)[pair] == 1
    found = np.unique(np.where(alone, -1, pair), return_inverse=True)[1]
    return found.astype(np.intp), int(found.max()) + 1


def kish_units(sizes: ArrayLike) -> float:
    """As how many clusters of equal size these count: ``(sum m)^2 / sum m^2`` (Kish 1965)."""
    m = vector(sizes, "sizes")
    return float(m.sum() ** 2 / (m @ m))


def is_binary(values: Vector) -> bool:
    """Whether every value is 0 or 1."""
    return bool(np.all((values == 0.0) | (values == 1.0)))


def few_rows(table: Matrix, times: Counts | None = None) -> tuple[Matrix, Counts] | None:
    """The distinct rows of a table (apart by rounding is one) and how often each occurs; None of many, or unknowns.

    ``times`` says of each row given how often it occurs, None: once.
    """
    # Told apart by one combination of their columns; None where two share it, which is checked.
    keys = table @ np.random.default_rng(0).uniform(0.5, 1.5, table.shape[1])
    if not np.isfinite(keys).all():
        return None
    order = np.argsort(keys, kind="stable")
    apart = np.diff(keys[order]) > 1e-12 * max(1.0, float(np.abs(keys).max(initial=0.0)))
    starts = np.flatnonzero(np.concatenate([[True], apart]))
    if len(starts) > FEW_ROWS:
        return None
    counts, rows = np.diff(np.append(starts, len(order))).astype(np.int64), table[order[starts]]
    gap = np.abs(table[order] - np.repeat(rows, counts, axis=0)).max(initial=0.0)
    counts = counts if times is None or not len(order) else np.add.reduceat(times[order], starts)
    return None if gap > 1e-9 * max(1.0, float(np.abs(table).max(initial=0.0))) else (rows, counts)
