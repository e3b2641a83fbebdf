"""Sign-flip permutation tests, exact wherever that can be had, and p values of several questions at once.

The p value is the share of all sign patterns of the units' differences whose sum is at least as far out. Holm and max-T
hold the chance of any false claim (for decisions); Benjamini-Hochberg their share (for exploring).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.tails import binomial_chances, crossing
from harness.stats.units import Codes, Counts, Flags, Matrix, Vector, distinct_values, few_rows, vector

Alternative = Literal["two-sided", "greater", "less"]

ENUMERATED, ENUMERATED_AT_ONCE = 20, 16  # up to so many non-zero units, of one question or several, all patterns
STEPS = 500_000_000  # multiplications at most, about half a second
REACH, SLACK = 9.0, 12.0  # standard deviations of a binomial kept, and counts beside; less than 1e-18 of all is cut
TRIM = 1e-30  # ends of the convolution below this share of its peak are cut
TIE = 1e-12  # sums closer than this, relative to the sum of all |d|, are the same; a difference below it is 0
LISTED = 40_000_000  # signs that are drawn one by one at most, where they can be counted, or a normal curve serves
NORMAL = 1_000  # units of equal size, as whose sum one of random signs is normal: its excess kurtosis is -2 / units


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlip:
    """What a sign-flip test found."""

    p_value: float
    method: str
    units: int  # units with a difference other than 0: only these can speak
    smallest_p: float  # the least p that this many units can give, however clear the data
    exact: bool


def sign_flip_test(
    differences: ArrayLike, alternative: Alternative = "two-sided", *, seed: int = 0, resamples: int = 9_999
) -> SignFlip:
    """Tests that the sum of differences is as likely to be of either sign (Fisher 1935; Pitman 1937).

    ``p = #{|sum s_i d_i| >= |sum d_i|} / 2^n'`` over the n' non-zero units: exactly where the values are whole
    multiples of a common step (as means of K trials are) or by enumeration up to 20 of them, else by simulation with
    ``(1 + hits) / (1 + resamples)`` (Phipson & Smyth 2010). On differences of -1, 0 and 1 it is McNemar's exact test.
    Units are supposed independent: pass cluster sums where tasks share a source.
    """
    d = vector(differences, "differences")
    if not np.all(np.isfinite(d)):
        raise ValueError("every difference must be a finite number")
    d = _without_rounding(d)
    d = d[d != 0.0]
    units, two_sided = len(d), alternative == "two-sided"
    least = min(1.0, (2 if two_sided else 1) * 0.5**units)
    if units == 0:
        return SignFlip(p_value=1.0, method="sign-flip, no unit differs", units=0, smallest_p=1.0, exact=True)
    if alternative == "less":
        d = -d
    lattice = on_lattice(np.abs(d))
    p = None
    if lattice is not None:
        p = folded_tail(lattice, int(np.where(d > 0, lattice, -lattice).sum()), two_sided=two_sided)
    if p is None and units <= ENUMERATED:
        p = _enumerated_tail(d, two_sided=two_sided)
    if p is not None:
        return SignFlip(p_value=p, method="sign-flip, exact", units=units, smallest_p=least, exact=True)
    if units * resamples > LISTED and normal_enough(d):
        z = float(d.sum()) / math.sqrt(2.0 * d @ d)
        p = math.erfc(abs(z)) if two_sided else 0.5 * math.erfc(z)
        return SignFlip(p_value=p, method="sign-flip, normal limit", units=units, smallest_p=least, exact=False)
    p = _simulated_tail(d, seed, resamples, two_sided=two_sided)
    method = f"sign-flip, {resamples} patterns drawn, seed {seed}"
    return SignFlip(p_value=p, method=method, units=units, smallest_p=max(least, 1.0 / (1 + resamples)), exact=False)


def normal_enough(*sizes: Vector) -> bool:
    """Whether the sum of each under random signs is as good as normal: its units count as `NORMAL` of equal size."""
    return all(float(d @ d) ** 2 >= NORMAL * float((d * d) @ (d * d)) > 0.0 for d in sizes)


def _without_rounding(d: Vector) -> Vector:
    """Differences with those that are rounding as 0."""
    return np.where(np.abs(d) > TIE * max(1.0, float(np.abs(d).max(initial=0.0))), d, 0.0)


def on_lattice(sizes: Vector) -> Counts | None:
    """The sizes as whole multiples of one step, or None where no small common denominator exists."""
    distinct, index = distinct_values(np.round(sizes, 13))
    if len(distinct) > 2000:
        return None
    step, parts = 1, []
    for size in distinct.tolist():
        part = Fraction(size).limit_denominator(1000)
        step = math.lcm(step, part.denominator)
        if part == 0 or abs(float(part) - size) > TIE * max(1.0, size) or step > 100_000:
            return None
        parts.append(part)
    whole = np.array([int(part * step) for part in parts], dtype=np.int64)
    return np.asarray((whole // np.gcd.reduce(whole))[index], dtype=np.int64)


def _enumerated_tail(d: Vector, *, two_sided: bool) -> float:
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return float(_as_far_out(sums, d, two_sided=two_sided).mean())


def _simulated_tail(d: Vector, seed: int, resamples: int, *, two_sided: bool) -> float:
    rng = np.random.default_rng(seed)
    seen, hits, rows = float(d.sum()), 0, max(1, 4_000_000 // len(d))
    for done in range(0, resamples, rows):
        flipped = rng.integers(0, 2, size=(min(rows, resamples - done), len(d)), dtype=np.int8)
        hits += int(np.count_nonzero(_as_far_out(seen - 2.0 * (flipped @ d), d, two_sided=two_sided)))
    return (1 + hits) / (1 + resamples)


def _as_far_out(sums: Vector, d: Vector, *, two_sided: bool) -> Flags:
    """Which sums lie at least as far out as that of the differences seen."""
    seen, slack = float(d.sum()), TIE * float(np.abs(d).sum())
    return np.abs(sums) >= abs(seen) - slack if two_sided else sums >= seen - slack


def folded_tail(sizes: Counts, seen: int, *, two_sided: bool) -> float | None:
    """P(sum s_i v_i >= seen), or P(|sum s_i v_i| >= |seen|), for fair signs s_i and whole sizes v_i above 0.

    With T the sum of the sizes with a minus sign the event is ``T <= (total - seen) / 2``. T is a sum of ``v Bin(n_v,
    1/2)`` over distinct sizes: binomials tilted so that their mean lies at the edge (Esscher 1932), convolved, and
    tilted back, so that even the smallest tail keeps about 10 digits. None where it would take more than `STEPS`
    multiplications.
    """
    values, counts = np.unique(sizes, return_counts=True)
    edge = abs(seen) if two_sided else seen
    if edge <= 0 and two_sided:
        return 1.0
    if edge < 0:  # above one half: one less the other tail, which is the smaller
        other = folded_tail(sizes, 2 - edge, two_sided=False)
        return None if other is None else 1.0 - other
    last = (int(values @ counts) - edge) // 2
    if last < 0:
        return 0.0
    if last < int(values[0]):  # only the pattern without a minus sign
        tail: float | None = 0.5 ** int(counts.sum())
    else:
        tail = _tilted(values.astype(np.float64), counts.astype(np.float64), last)
    return None if tail is None else min(1.0, 2.0 * tail if two_sided else tail)


def _tilted(values: Vector, counts: Vector, last: int) -> float | None:
    """P(T <= last)."""
    tilt = _tilt(values, counts, last)
    chances = 1.0 / (1.0 + np.exp(np.minimum(tilt * values, 700.0)))
    parts = []  # of each size the first count kept, and the chances of it and those after it
    for n, q in zip(counts.astype(int).tolist(), chances.tolist(), strict=True):
        middle, spread = n * q, REACH * math.sqrt(n * q * (1.0 - q)) + SLACK
        low, high = max(0, math.floor(middle - spread)), min(n, math.ceil(middle + spread))
        parts.append((low, binomial_chances(np.arange(low, high + 1), n, q)))
    steps = values.astype(int).tolist()
    # About how many multiplications the convolution takes: a normal curve is trimmed at 12 standard deviations.
    width, variance, work = 1.0, 0.0, 0.0
    for step, (_, weights), part in zip(steps, parts, (counts * chances * (1.0 - chances)).tolist(), strict=True):
        work += len(weights) * width
        variance += step * step * part
        width = min(width + step * (len(weights) - 1), 24.0 * math.sqrt(variance) + 1.0)
        work += step * len(weights)  # the array that it grows into
    if work > STEPS:
        return None
    mass, first = np.ones(1), 0
    for step, (low, weights) in zip(steps, parts, strict=True):
        grown = np.zeros(len(mass) + step * (len(weights) - 1))
        for k, weight in enumerate(weights.tolist()):
            grown[step * k : step * k + len(mass)] += weight * mass
        kept = np.flatnonzero(grown > TRIM * grown.max())
        mass, first = grown[kept[0] : kept[-1] + 1], first + step * low + int(kept[0])
    below = mass[: max(0, last - first + 1)]
    t = first + np.arange(len(below))
    scale = tilt * last + float(counts @ (np.log1p(np.exp(-tilt * values)) - math.log(2.0)))
    return math.exp(scale) * float(below @ np.exp(tilt * (t - last)))


def _tilt(values: Vector, counts: Vector, last: int) -> float:
    """The tilt at which T has its mean at ``last``; 0 where ``last`` is at the middle or above."""

    def reached(tilt: float) -> bool:
        return float((counts * values) @ (1.0 / (1.0 + np.exp(np.minimum(tilt * values, 700.0))))) <= last

    if reached(0.0):
        return 0.0
    high = 1.0
    while not reached(high):
        high *= 2.0
    return crossing(reached, 0.0, high)[1]


def max_t_sign_flip(
    differences: ArrayLike,
    alternative: Alternative = "two-sided",
    *,
    seed: int = 0,
    resamples: int = 9_999,
    times: Counts | None = None,
) -> Vector:
    """Adjusted p values of several mean differences on the same units: step-down max-T by sign flips.

    Westfall & Young 1993, algorithm 4.1, with ``T_j = mean / sqrt(mean d^2 / n)``; one sign vector serves all contrasts
    and so keeps their dependence. All patterns up to 16 non-zero units, else ``resamples`` are drawn and p is ``(1 +
    hits) / (1 + resamples)``. ``differences`` has the shape (units, contrasts), 0 where a unit takes no part; units
    must be independent. ``times`` says how many units each row stands for, None: one. One p a contrast, 1 for one
    without any difference.
    """
    D = np.asarray(differences, dtype=np.float64)
    if D.ndim != 2 or not np.all(np.isfinite(D)):
        raise ValueError("differences must be a table of finite numbers: units by contrasts")
    D = _without_rounding(-D if alternative == "less" else D)
    there = np.any(D != 0.0, axis=1)
    D, times = D[there], np.ones(int(there.sum()), dtype=np.int64) if times is None else times[there]
    weight = times.astype(np.float64)
    length = np.sqrt(weight @ (D * D))
    live = length > 0.0
    result = np.ones(D.shape[1])
    if not live.any():
        return result
    scaled, two_sided = D[:, live] / length[live], alternative == "two-sided"
    seen = weight @ scaled
    if two_sided:
        seen = np.abs(seen)
    order = np.argsort(-seen, kind="stable")
    hits, drawn, extra = np.zeros(len(order)), 0, int(times.sum() > ENUMERATED_AT_ONCE)
    slack = TIE * max(1.0, float((weight @ np.abs(scaled)).max()))
    for sums in flipped(np.ascontiguousarray(scaled[:, order]), seed, resamples, times):
        if two_sided:
            np.abs(sums, out=sums)
        # Step-down: each contrast against the largest of those not yet passed.
        largest = np.maximum.accumulate(sums[:, ::-1], axis=1)[:, ::-1]
        hits += np.count_nonzero(largest >= seen[order] - slack, axis=0)
        drawn += len(sums)
    p = np.maximum.accumulate((hits + extra) / (drawn + extra))
    result[np.flatnonzero(live)[order]] = np.minimum(1.0, p)
    return result


def flipped(table: Matrix, seed: int, resamples: int, times: Counts | None = None) -> Iterator[Matrix]:
    """Blocks of sums under sign patterns, one pattern a row: all of them for few units, else ``resamples`` drawn."""
    times = np.ones(len(table), dtype=np.int64) if times is None else times
    units, counts, whole = int(times.sum()), None, times.astype(np.float64) @ table
    if units * resamples > LISTED:  # of few distinct rows it is drawn how many keep their sign: the same patterns
        first = table[np.arange(len(table)), np.argmax(table != 0.0, axis=1)]
        # A row and its opposite are the same.
        table, counts = few_rows(table * np.where(first < 0.0, -1.0, 1.0)[:, None], times) or (table, None)
    if counts is None and units > len(table):
        table = np.repeat(table, times, axis=0)
    if units <= ENUMERATED_AT_ONCE:
        codes = np.arange(1 << units)
        yield (1 - 2 * ((codes[:, None] >> np.arange(units)) & 1)).astype(np.float64) @ table
        return
    rng, rows = np.random.default_rng(seed), max(1, 2_000_000 // len(table))
    for done in range(0, resamples, rows):
        here = min(rows, resamples - done)
        if counts is None:
            bits = np.unpackbits(np.frombuffer(rng.bytes(here * (units + 7) // 8 + 1), dtype=np.uint8))
            yield whole - 2.0 * (bits[: here * units].reshape(here, units).astype(np.float64) @ table)
        else:
            signs = counts - 2 * rng.binomial(counts, 0.5, size=(here, len(counts)))
            yield signs.astype(np.float64) @ table


def holm(p_values: ArrayLike) -> Vector:
    """Adjusted p values that hold the family-wise error under any dependence (Holm 1979), in the order given."""
    p, order = _sorted(p_values)
    return _back(np.maximum.accumulate(p * np.arange(len(p), 0, -1)), order)


def benjamini_hochberg(p_values: ArrayLike) -> Vector:
    """Adjusted p values that hold the false discovery rate (Benjamini & Hochberg 1995), in the order given."""
    p, order = _sorted(p_values)
    steps = p * len(p) / np.arange(1, len(p) + 1)
    return _back(np.minimum.accumulate(steps[::-1])[::-1], order)


def _sorted(p_values: ArrayLike) -> tuple[Vector, Codes]:
    p = vector(p_values, "p_values")
    if np.any(~((p >= 0.0) & (p <= 1.0))):
        raise ValueError("every p value must lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    return p[order], order


def _back(ordered: Vector, order: Codes) -> Vector:
    result = np.empty_like(ordered)
    result[order] = np.minimum(1.0, ordered)
    return result
