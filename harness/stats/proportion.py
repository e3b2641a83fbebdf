"""Shares of independent tasks: the interval of one, and the test of two that met different tasks."""

import math

import numpy as np

from harness.stats.tails import two_sided_z
from harness.stats.units import Vector


def wilson_interval(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a share, the room's default for one trial a task.

    ``(p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)`` with ``p = k/n`` (Wilson 1927; recommended for small
    n by Brown, Cai & DasGupta 2001). It covers the level on average over p, not at every p.

    k and n may be fractional, as with an effective number of tasks; of no tasks nothing is known: (0, 1).

    Returns:
        The lower and upper limit, within [0, 1]; exactly 0 at k = 0 and exactly 1 at k = n.
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
    Arguments and result as `wilson_interval`.
    """
    return _beta_interval(k, n, level, 0.5)


def clopper_pearson_interval(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The interval that inverts the exact binomial test: never covers less than the level, usually more.

    Clopper & Pearson 1934, as quantiles of the beta distribution. Arguments and result as `wilson_interval`.
    """
    return _beta_interval(k, n, level, 0.0)


def _beta_interval(k: float, n: float, level: float, prior: float) -> tuple[float, float]:
    from scipy.special import betaincinv

    two_sided_z(level)
    _check(k, n)
    tail, failed = (1.0 - level) / 2.0, n - k
    low = 0.0 if k == 0 else float(betaincinv(k + prior, failed + 1.0 - prior, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1.0 - prior, failed + prior, 1.0 - tail))
    return low, high


def fisher_exact(ka: int, na: int, kb: int, nb: int) -> float:
    """The two-sided p of Fisher's exact test (1935) on two independent counts: tables no likelier than the one seen."""
    from scipy.special import gammaln

    k, n = ka + kb, na + nb
    x = np.arange(max(0, k - nb), min(k, na) + 1, dtype=np.float64)

    def choose(top: "float | Vector", bottom: Vector) -> Vector:
        return np.asarray(gammaln(top + 1.0) - gammaln(bottom + 1.0) - gammaln(top - bottom + 1.0), dtype=np.float64)

    log = choose(float(na), x) + choose(float(nb), k - x) - choose(float(n), np.array(float(k)))
    seen = log[x == ka][0]
    return float(min(1.0, np.exp(log[log <= seen + 1e-7]).sum()))


def _check(k: float, n: float) -> None:
    if not 0.0 <= k <= n or not math.isfinite(n):
        raise ValueError(f"k must lie between 0 and n: k = {k!r}, n = {n!r}")
