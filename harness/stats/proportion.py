"""Intervals for one share: k passes among n independent tasks."""

import math

from harness.stats.tails import beta_quantile, two_sided_z


def wilson_interval(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a share, the room's default for one trial a task.

    ``(p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)`` with ``p = k/n`` (Wilson 1927; recommended for small
    n by Brown, Cai & DasGupta 2001). It covers the level on average over p, not at every p.

    Args:
        k: Passes; may be fractional, as with an effective number of tasks.
        n: Tasks; may be fractional. With none, nothing is known: (0, 1).
        level: Confidence, between 0 and 1.

    Returns:
        The lower and upper limit, within [0, 1]; exactly 0 at k = 0 and exactly 1 at k = n.

    Raises:
        ValueError: k lies outside [0, n], or the level outside (0, 1).
    """
    z = two_sided_z(level)
    _check(k, n)
    if n == 0:
        return 0.0, 1.0
    p = k / n
    middle = p + z * z / (2.0 * n)
    half = z * math.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n))
    scale = 1.0 + z * z / n
    low = 0.0 if k == 0 else min(p, max(0.0, (middle - half) / scale))
    high = 1.0 if k == n else max(p, min(1.0, (middle + half) / scale))
    return low, high


def jeffreys_interval(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The central interval of Beta(k + 1/2, n - k + 1/2), its ends fixed at 0 for k = 0 and at 1 for k = n.

    Brown, Cai & DasGupta 2001, section 4.3. Shorter than Wilson's near 0 and 1, with deeper dips of coverage there.
    Arguments, result and errors as `wilson_interval`.
    """
    two_sided_z(level)
    _check(k, n)
    if n == 0:
        return 0.0, 1.0
    tail = (1.0 - level) / 2.0
    low = 0.0 if k == 0 else beta_quantile(tail, k + 0.5, n - k + 0.5)
    high = 1.0 if k == n else beta_quantile(1.0 - tail, k + 0.5, n - k + 0.5)
    return low, high


def clopper_pearson_interval(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The interval that inverts the exact binomial test: never covers less than the level, usually more.

    Clopper & Pearson 1934, as quantiles of the beta distribution. Arguments, result and errors as `wilson_interval`.
    """
    two_sided_z(level)
    _check(k, n)
    if n == 0:
        return 0.0, 1.0
    tail = (1.0 - level) / 2.0
    low = 0.0 if k == 0 else beta_quantile(tail, k, n - k + 1.0)
    high = 1.0 if k == n else beta_quantile(1.0 - tail, k + 1.0, n - k)
    return low, high


def _check(k: float, n: float) -> None:
    if not 0.0 <= k <= n or not math.isfinite(n):
        raise ValueError(f"k must lie between 0 and n: k = {k!r}, n = {n!r}")
