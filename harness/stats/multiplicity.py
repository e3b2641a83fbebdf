"""Several questions at once: p values adjusted so that chance alone seldom answers one of them.

Holm and max-T hold the chance of any false claim (for decisions); Benjamini-Hochberg holds the share of false
claims (for exploring).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.signflip import TIE, Alternative
from harness.stats.units import Codes, Vector, few_rows, vector

Matrix = NDArray[np.float64]
_ENUMERATED = 16
_LISTED = 40_000_000  # signs that are drawn one by one at most, where they can be counted instead
_AT_ONCE = 2_000_000


def holm(p_values: ArrayLike) -> Vector:
    """Adjusted p values that hold the family-wise error under any dependence (Holm 1979), in the order given."""
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _back(np.minimum(1.0, steps), order)


def benjamini_hochberg(p_values: ArrayLike) -> Vector:
    """Adjusted p values that hold the false discovery rate for independent or positively dependent tests.

    Benjamini & Hochberg 1995. Arguments and order as `holm`.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _back(np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1]), order)


def max_t_sign_flip(
    differences: ArrayLike,
    alternative: Alternative = "two-sided",
    *,
    seed: int = 0,
    resamples: int = 9_999,
) -> Vector:
    """Adjusted p values of several mean differences on the same units: step-down max-T by sign flips.

    Westfall & Young 1993, algorithm 4.1, with ``T_j = mean / sqrt(mean d^2 / n)``; one sign vector serves all contrasts
    and so keeps their dependence. The denominator does not change with signs. All patterns are looked at up to 16
    non-zero units, else ``resamples`` are drawn and p is ``(1 + hits) / (1 + resamples)``. Where many units have few
    distinct rows of differences it is drawn how many of each keep their sign, a binomial number: the same patterns.

    ``differences`` has the shape (units, contrasts), 0 where a unit takes no part in a contrast, as a task outside a
    domain. Units must be independent: give sums of clusters.

    Returns:
        One p a contrast, in the order given; 1 for a contrast without any difference.
    """
    D = np.asarray(differences, dtype=np.float64)
    if D.ndim != 2 or not np.all(np.isfinite(D)):
        raise ValueError("differences must be a table of finite numbers: units by contrasts")
    contrasts = D.shape[1]
    if alternative == "less":
        D = -D
    D = np.where(np.abs(D) > TIE * max(1.0, float(np.abs(D).max(initial=0.0))), D, 0.0)
    D = D[np.any(D != 0.0, axis=1)]
    length = np.sqrt((D * D).sum(axis=0))
    live = length > 0.0
    if not live.any():
        return np.ones(contrasts)
    scaled = D[:, live] / length[live]
    two_sided = alternative == "two-sided"
    seen = scaled.sum(axis=0)
    if two_sided:
        seen = np.abs(seen)
    order = np.argsort(-seen, kind="stable")
    hits, drawn, extra = np.zeros(len(order)), 0, 0
    slack = TIE * max(1.0, float(np.abs(scaled).sum(axis=0).max()))
    for sums in _flipped(np.ascontiguousarray(scaled[:, order]), seed, resamples):
        if two_sided:
            np.abs(sums, out=sums)
        # Step-down: each contrast against the largest of those not yet passed.
        largest = np.maximum.accumulate(sums[:, ::-1], axis=1)[:, ::-1]
        hits += np.count_nonzero(largest >= seen[order] - slack, axis=0)
        drawn += len(sums)
    if len(scaled) > _ENUMERATED:
        extra = 1
    p = np.maximum.accumulate((hits + extra) / (drawn + extra))
    result = np.ones(contrasts)
    result[np.flatnonzero(live)[order]] = np.minimum(1.0, p)
    return result


def _flipped(table: Matrix, seed: int, resamples: int) -> Iterator[Matrix]:
    """Blocks of sums under sign patterns, one pattern a row: all of them for few units, else ``resamples`` drawn."""
    units = len(table)
    if units <= _ENUMERATED:
        codes = np.arange(1 << units)
        yield (1 - 2 * ((codes[:, None] >> np.arange(units)) & 1)).astype(np.float64) @ table
        return
    rng, done = np.random.default_rng(seed), 0
    found = few_rows(table * _sides(table)[:, None]) if units * resamples > _LISTED else None
    rows = max(1, _AT_ONCE // (units if found is None else len(found[0])))
    while done < resamples:
        here = min(rows, resamples - done)
        if found is None:
            signs = 1 - 2 * rng.integers(0, 2, size=(here, units), dtype=np.int8)
        else:
            signs = found[1] - 2 * rng.binomial(found[1], 0.5, size=(here, len(found[1])))
        yield signs.astype(np.float64) @ (table if found is None else found[0])
        done += here


def _sides(table: Matrix) -> Vector:
    """Of each row 1 or -1, so that a row and its opposite become the same: under random signs they are."""
    first = np.argmax(table != 0.0, axis=1)
    return np.where(table[np.arange(len(table)), first] < 0.0, -1.0, 1.0)


def _checked(p_values: ArrayLike) -> Vector:
    p = vector(p_values, "p_values")
    if np.any(~((p >= 0.0) & (p <= 1.0))):
        raise ValueError("every p value must lie between 0 and 1")
    return p


def _back(ordered: Vector, order: Codes) -> Vector:
    result = np.empty_like(ordered)
    result[order] = ordered
    return result
