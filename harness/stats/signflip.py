"""The sign-flip permutation test of a mean difference: exact wherever that can be had.

Under the hypothesis that it makes no difference which of two contenders is which, each unit's difference was as likely
to come out with the other sign. The p value is the share of all sign patterns whose sum is at least as far out.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.convolution import folded_tail
from harness.stats.units import Counts, Vector, same_length, vector

Alternative = Literal["two-sided", "greater", "less"]

ENUMERATED = 20
"""Up to this many non-zero units every sign pattern is looked at."""
LATTICE_STEPS = 5_000_000
"""Above this many additions units of one size are taken together (`folded_tail`), and what that leaves is simulated."""
TIE = 1e-12
"""Sums closer than this, relative to the sum of all |d|, are the same; a difference below it is rounding, and 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlip:
    """What a sign-flip test found."""

    p_value: float
    method: str
    units: int
    """Units with a difference other than 0: only these can speak."""
    smallest_p: float
    """The least p that this many units can give, however clear the data."""
    exact: bool


def sign_flip_test(
    differences: ArrayLike,
    weights: ArrayLike | None = None,
    alternative: Alternative = "two-sided",
    *,
    seed: int = 0,
    resamples: int = 9_999,
) -> SignFlip:
    """Tests that the (weighted) sum of differences is as likely to be of either sign (Fisher 1935; Pitman 1937).

    ``p = #{|sum s_i d_i| >= |sum d_i|} / 2^n'`` over the n' non-zero units: exactly on a lattice where the values are
    whole multiples of a common step (as means of K trials are) or by enumeration up to 20 of them, else by simulation
    with ``(1 + hits) / (1 + resamples)`` (Phipson & Smyth 2010). On differences of -1, 0 and 1 it is McNemar's exact
    test. It supposes that units are independent: pass cluster sums where tasks share a source.

    Args:
        differences: One difference a unit.
        weights: A fixed factor a unit; 1 by default.
        alternative: "greater" looks for a sum above 0, "less" for one below.
        seed: Seeds the simulation, where there is one.
        resamples: Sign patterns simulated.

    Returns:
        The p value and how it was had; p is 1 where no unit differs from 0.

    Raises:
        ValueError: The arrays do not match or a value is not finite.
    """
    d = vector(differences, "differences")
    if weights is not None:
        factor = vector(weights, "weights")
        same_length(differences=d, weights=factor)
        d = d * factor
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
        cheap = float(lattice.sum()) * units <= LATTICE_STEPS
        exact = (_lattice_tail if cheap else folded_tail)(lattice, seen, two_sided=two_sided)
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
        step = lcm(step, part.denominator)
        if step > 100_000:
            return None
    whole = np.array([int(part * step) for part in parts], dtype=np.int64)
    return np.asarray((whole // np.gcd.reduce(whole))[index], dtype=np.int64)


def _lattice_tail(sizes: Counts, seen: int, *, two_sided: bool) -> float:
    """The tail of sum s_i v_i for whole v_i: T, the sum of those with a minus sign, built one size at a time."""
    total = int(sizes.sum())
    chance = np.ones(1)
    for size, units in zip(*(part.tolist() for part in np.unique(sizes, return_counts=True)), strict=True):
        coins, grown = _fair_coins(units), np.zeros(len(chance) + size * units)
        if units < size:
            for k, weight in enumerate(coins.tolist()):
                grown[size * k : size * k + len(chance)] += weight * chance
        else:  # many units of a small size: sums that are apart by no multiple of it never meet
            for rest in range(min(size, len(chance))):
                grown[rest::size] = np.convolve(chance[rest::size], coins)
        chance = grown
    # total - 2 T >= seen is T <= (total - seen) / 2, and the distribution is symmetric.
    edge = abs(seen) if two_sided else seen
    tail = float(chance[: (total - edge) // 2 + 1].sum())
    return min(1.0, 2.0 * tail if two_sided else tail)


def _fair_coins(n: int) -> Vector:
    """The chances of 0 to n heads, by doubling."""
    chances = np.ones(1)
    for bit in f"{n:b}":
        chances = np.convolve(chances, chances)
        if bit == "1":
            chances = np.convolve(chances, [0.5, 0.5])
    return chances


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
