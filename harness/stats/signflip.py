"""The sign-flip permutation test of a mean difference: exact wherever that can be had.

Under the hypothesis that it makes no difference which of two contenders is which, each unit's difference was as likely
to come out with the other sign. The p value is the share of all sign patterns whose sum is at least as far out.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.tails import binomial_chances, crossing
from harness.stats.units import Counts, Vector, vector

Alternative = Literal["two-sided", "greater", "less"]

ENUMERATED = 20  # up to this many non-zero units every sign pattern is looked at
STEPS = 500_000_000  # multiplications at most, about half a second
REACH, SLACK = 9.0, 12.0
"""Standard deviations of each binomial that are kept, and counts beside them; less than 1e-18 of the whole is cut."""
TRIM = 1e-30  # ends of the convolution below this share of its peak are cut
TIE = 1e-12
"""Sums closer than this, relative to the sum of all |d|, are the same; a difference below it is rounding, and 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlip:
    """What a sign-flip test found."""

    p_value: float
    method: str
    units: int  # units with a difference other than 0: only these can speak
    smallest_p: float  # the least p that this many units can give, however clear the data
    exact: bool


def sign_flip_test(
    differences: ArrayLike,
    alternative: Alternative = "two-sided",
    *,
    seed: int = 0,
    resamples: int = 9_999,
) -> SignFlip:
    """Tests that the sum of differences is as likely to be of either sign (Fisher 1935; Pitman 1937).

    ``p = #{|sum s_i d_i| >= |sum d_i|} / 2^n'`` over the n' non-zero units: exactly on a lattice where the values are
    whole multiples of a common step (as means of K trials are) or by enumeration up to 20 of them, else by simulation
    with ``(1 + hits) / (1 + resamples)`` (Phipson & Smyth 2010). On differences of -1, 0 and 1 it is McNemar's exact
    test. It supposes that units are independent: pass cluster sums where tasks share a source.

    Returns:
        The p value and how it was had; p is 1 where no unit differs from 0.
    """
    d = vector(differences, "differences")
    if not np.all(np.isfinite(d)):
        raise ValueError("every difference must be a finite number")
    d = d[np.abs(d) > TIE * max(1.0, float(np.abs(d).max(initial=0.0)))]
    sides = 2 if alternative == "two-sided" else 1
    units = len(d)
    least = min(1.0, sides * 0.5**units)
    if units == 0:
        return SignFlip(p_value=1.0, method="sign-flip, no unit differs", units=0, smallest_p=1.0, exact=True)
    if alternative == "less":
        d = -d
    two_sided = alternative == "two-sided"
    lattice = _on_lattice(np.abs(d))
    if lattice is not None:
        seen = int(np.where(d > 0, lattice, -lattice).sum())
        exact = folded_tail(lattice, seen, two_sided=two_sided)
        if exact is not None:
            return SignFlip(p_value=exact, method="sign-flip, exact", units=units, smallest_p=least, exact=True)
    if units <= ENUMERATED:
        p = _enumerated_tail(d, two_sided=two_sided)
        return SignFlip(p_value=p, method="sign-flip, exact", units=units, smallest_p=least, exact=True)
    p = _simulated_tail(d, seed, resamples, two_sided=two_sided)
    method = f"sign-flip, {resamples} patterns drawn, seed {seed}"
    return SignFlip(p_value=p, method=method, units=units, smallest_p=max(least, 1.0 / (1 + resamples)), exact=False)


def _on_lattice(sizes: Vector) -> Counts | None:
    """The sizes as whole multiples of one step, or None where no small common denominator exists."""
    distinct, index = np.unique(np.round(sizes, 13), return_inverse=True)
    if len(distinct) > 2000:
        return None
    step, parts = 1, []
    for size in distinct.tolist():
        part = Fraction(size).limit_denominator(1000)
        if part == 0 or abs(float(part) - size) > TIE * max(1.0, size):
            return None
        parts.append(part)
        step = math.lcm(step, part.denominator)
        if step > 100_000:
            return None
    whole = np.array([int(part * step) for part in parts], dtype=np.int64)
    return np.asarray((whole // np.gcd.reduce(whole))[index], dtype=np.int64)


def _enumerated_tail(d: Vector, *, two_sided: bool) -> float:
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    seen, slack = float(d.sum()), TIE * float(np.abs(d).sum())
    hits = np.abs(sums) >= abs(seen) - slack if two_sided else sums >= seen - slack
    return float(hits.mean())


def _simulated_tail(d: Vector, seed: int, resamples: int, *, two_sided: bool) -> float:
    rng = np.random.default_rng(seed)
    seen, slack = float(d.sum()), TIE * float(np.abs(d).sum())
    hits, left = 0, resamples
    rows = max(1, 4_000_000 // len(d))
    while left > 0:
        drawn = min(rows, left)
        flipped = rng.integers(0, 2, size=(drawn, len(d)), dtype=np.int8)
        sums = seen - 2.0 * (flipped @ d)
        hits += int(np.count_nonzero(np.abs(sums) >= abs(seen) - slack if two_sided else sums >= seen - slack))
        left -= drawn
    return (1 + hits) / (1 + resamples)


def folded_tail(sizes: Counts, seen: int, *, two_sided: bool) -> float | None:
    """P(sum s_i v_i >= seen), or P(|sum s_i v_i| >= |seen|), for fair signs s_i and whole sizes v_i above 0.

    Let T be the sum of the sizes with a minus sign; the event is ``T <= (total - seen) / 2``. T is a sum of ``v
    Bin(n_v, 1/2)`` over distinct sizes. The binomials are tilted so that their mean lies at the edge (Esscher 1932),
    convolved, and tilted back: the tail is summed where the mass is, and even the smallest keeps about 10 digits.

    ``seen`` is the sum that was seen, in the same steps and of the same parity as the sum of all sizes.

    Returns:
        The probability; None where it would take more than `STEPS` multiplications.
    """
    values, counts = np.unique(sizes, return_counts=True)
    total = int(values @ counts)
    edge = abs(seen) if two_sided else seen
    if edge <= 0 and two_sided:
        return 1.0
    if edge < 0:  # above one half: one less the other tail, which is the smaller
        other = folded_tail(sizes, 2 - edge, two_sided=False)
        return None if other is None else 1.0 - other
    last = (total - edge) // 2
    if last < 0:
        return 0.0
    if last < int(values[0]):  # only the pattern without a minus sign
        tail = 0.5 ** int(counts.sum())
    else:
        found = _tilted(values.astype(np.float64), counts.astype(np.float64), last)
        if found is None:
            return None
        tail = found
    return min(1.0, 2.0 * tail if two_sided else tail)


def _tilted(values: Vector, counts: Vector, last: int) -> float | None:
    """P(T <= last)."""
    tilt = _tilt(values, counts, last)
    chances = 1.0 / (1.0 + np.exp(tilt * values))
    parts = [_binomial(n, q) for n, q in zip(counts.astype(int).tolist(), chances.tolist(), strict=True)]
    steps = values.astype(int).tolist()
    if _work(steps, [len(weights) for _, weights in parts], counts * chances * (1.0 - chances)) > STEPS:
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


def _work(steps: list[int], lengths: list[int], variances: Vector) -> float:
    """About how many multiplications the convolution takes: a normal curve is trimmed at 12 standard deviations."""
    width, variance, work = 1.0, 0.0, 0.0
    for step, length, part in zip(steps, lengths, variances.tolist(), strict=True):
        work += length * width
        variance += step * step * part
        width = min(width + step * (length - 1), 24.0 * math.sqrt(variance) + 1.0)
        work += step * length  # the array that it grows into
    return work


def _tilt(values: Vector, counts: Vector, last: int) -> float:
    """The tilt at which T has its mean at ``last``; 0 where ``last`` is at the middle or above."""

    def mean(tilt: float) -> float:
        return float((counts * values) @ (1.0 / (1.0 + np.exp(np.minimum(tilt * values, 700.0)))))

    if mean(0.0) <= last:
        return 0.0
    high = 1.0
    while mean(high) > last:
        high *= 2.0
    return crossing(lambda tilt: mean(tilt) <= last, 0.0, high)[1]


def _binomial(n: int, q: float) -> tuple[int, Vector]:
    """The first count kept, and the chances of it and those after it."""
    middle, spread = n * q, REACH * math.sqrt(n * q * (1.0 - q)) + SLACK
    low, high = max(0, math.floor(middle - spread)), min(n, math.ceil(middle + spread))
    return low, binomial_chances(np.arange(low, high + 1), n, q)
