"""Tests of a paired difference, and intervals of what the same test does not refute: p and interval never disagree."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.clustered import cr3
from harness.stats.signflip import (
    ENUMERATED_AT_ONCE,
    LISTED,
    TIE,
    SignFlip,
    flipped,
    normal_enough,
    sign_flip_test,
)
from harness.stats.tails import t_tail, two_sided_t, two_sided_z
from harness.stats.units import Codes, Contender, Matrix, Vector, sum_by, vectors, whole_counts

DRAWN = 5_000_000  # tasks shuffled in all resamples together; at least 999 resamples
MOST_SHUFFLED = 20_000  # tasks beyond which the studentised mean is normal enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A two-sided test of no difference, and the mean differences that the same test does not refute."""

    p_value: float
    low: float
    high: float
    method: str
    units: int  # units with a difference other than 0: only these can speak
    smallest_p: float  # the least p that this many units can give
    exact: bool = False


def flip_test(
    sums: ArrayLike, sizes: ArrayLike, level: float = 0.95, *, seed: int = 0, resamples: int = 9_999
) -> Tested:
    """`sign_flip_test` of the units' sums of differences, and its inversion for the mean, ``sum S / sum m``.

    A shift delta is kept where the differences less delta are as likely of either sign: for the signs s it is refuted
    below ``min((A - A_s) / (M - M_s), (A + A_s) / (M + M_s))``, A = sum S, M = sum m (Tritchler 1984), so that one
    sort of these gives the limit. ``sizes`` are the tasks of each unit.
    """
    s, m = vectors(sums=sums, sizes=sizes)
    test = sign_flip_test(s, seed=seed, resamples=resamples)
    total, tasks, alpha = float(s.sum()), float(m.sum()), 1.0 - level
    if len(s) * resamples > LISTED and (ends := _normal_limits(s, m, level)) is not None:
        low, high = agreeing(max(-1.0, ends[0]), min(1.0, ends[1]), total, test.p_value, alpha)
        return _tested(test, low, high)
    rows = np.stack([s, m], axis=1)
    # Neither the order of units nor that of the two contenders matters: drawn in one order, for a sum above 0.
    up, down = (table[np.lexsort(table.T)] for table in (rows, rows * [-1.0, 1.0]))
    turned = total < 0.0 or (total == 0.0 and down.tolist() < up.tolist())
    lows, highs = [], []
    for block in flipped(down if turned else up, seed, resamples):
        moved, kept = block[:, 0], block[:, 1]
        same = np.abs(kept) >= tasks  # all signs alike: no shift makes a difference
        with np.errstate(divide="ignore", invalid="ignore"):
            first, second = (abs(total) - moved) / (tasks - kept), (abs(total) + moved) / (tasks + kept)
        lows.append(np.where(same, -math.inf, np.minimum(first, second)))
        highs.append(np.where(same, math.inf, np.maximum(first, second)))
    below, above = np.concatenate(lows), np.concatenate(highs)
    drawn = int(len(s) > ENUMERATED_AT_ONCE)
    place = min(math.floor(alpha * (len(below) + drawn) + 1e-9) - drawn, len(below) - 1)
    low = high = math.inf
    if place >= 0:
        low, high = float(np.partition(below, place)[place]), -float(np.partition(-above, place)[place])
    else:
        low = -math.inf
    low, high = (-high, -low) if turned else (low, high)
    low, high = agreeing(max(-1.0, low), min(1.0, high), total, test.p_value, alpha)
    return _tested(test, low, high)


def _tested(test: SignFlip, low: float, high: float) -> Tested:
    return Tested(p_value=test.p_value, low=low, high=high, method=test.method, units=test.units,
                  smallest_p=test.smallest_p, exact=test.exact)  # fmt: skip


def _normal_limits(s: Vector, m: Vector, level: float) -> tuple[float, float] | None:
    """Where ``A - delta M`` lies z standard deviations of its flipped sums off 0; None where these are not normal."""
    total, tasks, z2 = float(s.sum()), float(m.sum()), two_sided_z(level) ** 2
    a, b, c = tasks**2 - z2 * float(m @ m), total * tasks - z2 * float(s @ m), total**2 - z2 * float(s @ s)
    if a <= 0.0 or b * b <= a * c:
        return None
    reach = math.sqrt(b * b - a * c)
    low, high = (b - reach) / a, (b + reach) / a
    return (low, high) if normal_enough(s - low * m, s - high * m) else None


def agreeing(low: float, high: float, difference: float, p: float, alpha: float) -> tuple[float, float]:
    """Limits that exclude 0 exactly where p is at most alpha: one of them may have been simulated."""
    if p > alpha:
        return min(low, 0.0), max(high, 0.0)
    if difference > 0.0:
        return (low if low > 0.0 else math.nextafter(0.0, 1.0)), high
    return low, (high if high < 0.0 else math.nextafter(0.0, -1.0))


def shuffle_test(
    a: Contender, b: Contender, codes: Codes, level: float = 0.95, *, seed: int = 0, resamples: int = 9_999
) -> Tested:
    """Whether two contenders with unequal numbers of trials pass equally often: their trials shuffled within each task.

    With 1 trial beside 10 the differences are skewed, so that neither their signs nor Student's t can be trusted. Under
    the hypothesis a task's passes fall on the trials of both alike (Fisher 1935): of s passes in K_a + K_b trials x
    fall on a, hypergeometrically. The statistic is the mean difference over its standard error, so that it holds too
    where the two are good at different tasks (Janssen 1997); the interval is ``mean +- c SE`` with c the quantile of
    |T| over the shuffles. Passes and trials are whole, every task tried by both, in two clusters at least.
    """
    (x, n), (y, k) = whole_counts(*a), whole_counts(*b)
    trials = f"{_span(n)} and {_span(k)} trials a task"
    d = x / n - y / k
    mean, (error, df) = float(d.mean()), cr3(d, codes)
    seen = float(_studentised(d[None, :], codes, np.arange(int(codes.max()) + 1), np.bincount(codes))[0])
    differing = int((np.abs(sum_by(codes, d, int(codes.max()) + 1)) > TIE).sum())
    if np.count_nonzero((x + y > 0) & (x + y < n + k)) > MOST_SHUFFLED and error:
        c, p, how, least = two_sided_t(level, df), 2.0 * t_tail(abs(seen), df), "t on CR3", 0.0
    else:
        far = _shuffled(np.stack([n, x, k, y], axis=1), codes, seed, resamples)
        hits = int(np.count_nonzero(far >= abs(seen) - 1e-9))
        p, order = (1 + hits) / (1 + len(far)), math.floor((1.0 - level) * (1 + len(far)) + 1e-9) - 1
        c = float(-np.partition(-far, order)[order]) if order >= 0 else math.inf
        how, least = f"trials shuffled within tasks, {len(far)} shuffles, seed {seed}", 1.0 / (1 + len(far))
    reach = c * error if error and math.isfinite(c) else 2.0
    low, high = agreeing(max(-1.0, mean - reach), min(1.0, mean + reach), mean, p, 1.0 - level)
    return Tested(p_value=p, low=low, high=high, method=f"{how}; {trials}", units=differing, smallest_p=least)


def shuffled_error(a: Contender, b: Contender) -> float:
    """The standard deviation of the mean difference over all shuffles: what trials alone make of it."""
    (x, n), (y, k) = whole_counts(*a), whole_counts(*b)
    both = n + k
    of_a = n * k * (x + y) * (both - x - y) / (both**2 * (both - 1.0))  # the hypergeometric variance
    return math.sqrt(float(of_a @ (1.0 / n + 1.0 / k) ** 2)) / len(n)


def _shuffled(rows: Matrix, codes: Codes, seed: int, resamples: int) -> Vector:
    """|T| of shuffles; ``rows`` are n, x, k, y of each task. Neither the order of tasks nor that of the two matters."""
    one, other = (_sorted(table, codes) for table in (rows, rows[:, [2, 3, 0, 1]]))
    table, codes = min(one, other, key=lambda found: found[0].tolist())
    n, x, k, y = table.T
    mixed = np.flatnonzero((x + y > 0) & (x + y < n + k))
    total, of_a, of_b = (v[mixed].astype(np.int64) for v in (x + y, n, k))
    place, within = np.unique(codes[mixed], return_inverse=True)
    rng, draws = np.random.default_rng(seed), int(min(resamples, max(999, DRAWN // max(1, len(mixed)))))
    at_once, found, sizes = max(1, 4_000_000 // max(1, len(mixed))), [], np.bincount(codes)
    for done in range(0, draws, at_once):
        shape = (min(at_once, draws - done), len(mixed))
        got = rng.hypergeometric(total, of_a + of_b - total, of_a, size=shape)
        found.append(np.abs(_studentised(got / of_a - (total - got) / of_b, within, place, sizes)))
    return np.concatenate(found)


def _sorted(table: Matrix, codes: Codes) -> tuple[Matrix, Codes]:
    """The tasks of each cluster in order, and the clusters in that of what they hold."""
    order = np.lexsort((*table.T[::-1], codes))
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    parts = sorted(np.split(table[order], starts[1:]), key=lambda part: part.tolist())
    return np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _studentised(d: Matrix, within: Codes, clusters: Codes, sizes: ArrayLike) -> Vector:
    """Mean over CR3's standard error of each row; tasks that are not among the columns differ by 0."""
    all_sizes = np.asarray(sizes, dtype=np.float64)
    tasks, places = float(all_sizes.sum()), len(clusters)
    order = np.argsort(within, kind="stable")
    starts = np.searchsorted(within[order], np.arange(places))
    sums = np.add.reduceat(d[:, order], starts, axis=1) if places else np.zeros((len(d), 0))
    means = d.sum(axis=1) / tasks
    others = np.delete(all_sizes, clusters)  # clusters without a mixed task move the mean by their size alone
    here, groups = all_sizes[clusters], len(all_sizes)
    if groups < 2:
        return np.zeros(len(d))
    moved = (sums - means[:, None] * here) / (tasks - here)
    rest = float(((others / (tasks - others)) ** 2).sum())
    error = np.sqrt(((moved**2).sum(axis=1) + rest * means**2) * (groups - 1) / groups)
    still = np.where(np.abs(means) > TIE, np.copysign(math.inf, means), 0.0)
    return np.asarray(np.divide(means, error, out=still, where=error > TIE), dtype=np.float64)


def _span(counts: Vector) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"
