"""The exact distribution of a sum of flipped signs on many units, whose sizes are whole multiples of one step.

Differences of means of K trials take few distinct sizes. Units of one size v contribute v times a binomial count, so
the whole is a convolution of as many binomials as there are sizes, however many the units.
"""

import math

import numpy as np

from harness.stats.units import Counts, Vector

STEPS = 500_000_000
"""Multiplications at most, about half a second."""
REACH, SLACK = 9.0, 12.0
"""Standard deviations of each binomial that are kept, and counts beside them; less than 1e-18 of the whole is cut."""
TRIM = 1e-30
"""Ends of the convolution below this share of its peak are cut."""


def folded_tail(sizes: Counts, seen: int, *, two_sided: bool) -> float | None:
    """P(sum s_i v_i >= seen), or P(|sum s_i v_i| >= |seen|), for fair signs s_i and whole sizes v_i above 0.

    Let T be the sum of the sizes with a minus sign; the event is ``T <= (total - seen) / 2``. T is a sum of ``v
    Bin(n_v, 1/2)`` over distinct sizes. The binomials are tilted so that their mean lies at the edge (Esscher 1932),
    convolved, and tilted back: the tail is summed where the mass is, and even the smallest keeps about 10 digits.

    Args:
        sizes: v_i, whole numbers above 0.
        seen: the sum that was seen, in the same steps; of the same parity as the sum of all sizes.
        two_sided: both tails.

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
    low, high = 0.0, 1.0
    while mean(high) > last:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        if mean(middle) > last:
            low = middle
        else:
            high = middle
    return high


def _binomial(n: int, q: float) -> tuple[int, Vector]:
    """The first count kept, and the chances of it and those after it."""
    from scipy.special import gammaln, xlog1py, xlogy

    middle, spread = n * q, REACH * math.sqrt(n * q * (1.0 - q)) + SLACK
    low, high = max(0, math.floor(middle - spread)), min(n, math.ceil(middle + spread))
    k = np.arange(low, high + 1, dtype=np.float64)
    choose = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return low, np.asarray(np.exp(choose + xlogy(k, q) + xlog1py(n - k, -q)), dtype=np.float64)
