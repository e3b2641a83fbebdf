"""Two contenders, one 0/1 trial a task: tests and intervals on the paired 2 x 2 table.

The table: ``a`` tasks both passed, ``b`` only the first, ``c`` only the second, ``d`` neither; ``n`` their sum. The
difference is ``(b - c) / n``, first minus second, and only b and c (the discordant tasks) carry evidence about it.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.tails import crossing, two_sided_z
from harness.stats.units import Vector


def mcnemar_exact(wins: int, losses: int) -> float:
    """The two-sided p of the exact conditional test: ``2 P(Bin(b+c, 1/2) <= min(b, c))``, at most 1.

    McNemar 1947. Never rejects more often than its level, and usually far less: see `mcnemar_midp`.
    """
    return float(mcnemar_all(wins, losses, mid=False)[0])


def mcnemar_midp(wins: int, losses: int) -> float:
    """The exact p minus half the weight of the table seen: ``exact - P(Bin(b+c, 1/2) = min(b, c))``; 1 where b + c = 0.

    Fagerland, Lydersen & Laake 2013, who recommend it: its error rate keeps to the level in practice without the exact
    test's loss of power. Arguments as `mcnemar_exact`.
    """
    return float(mcnemar_all(wins, losses, mid=True)[0])


def mcnemar_all(wins: ArrayLike, losses: ArrayLike, *, mid: bool = True) -> Vector:
    """`mcnemar_midp` (or the exact p) of many tables at once; one p a table."""
    from scipy.special import betainc, gammaln

    b, c = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (wins, losses)))
    if np.any(b < 0) or np.any(c < 0):
        raise ValueError("discordant counts cannot be negative")
    n, least = b + c, np.minimum(b, c)
    some = n > 0
    size = np.where(some, n, 1.0)
    tail = 2.0 * betainc(size - np.minimum(least, size - 1.0), least + 1.0, 0.5)
    if mid:
        tail = tail - np.exp(gammaln(size + 1) - gammaln(least + 1) - gammaln(size - least + 1) - size * math.log(2.0))
    return np.where(some, np.minimum(1.0, tail), 1.0)


def tango_z(b: float, c: float, n: float, delta: float) -> float:
    """The score statistic of the hypothesis that the difference is ``delta``; large where the truth lies above it.

    ``Z(D) = (b - c - n D) / sqrt(n (2 q + D (1 - D)))``, q being the share of losses most likely under D (Tango 1998,
    eq. 6). ``Z(-m) > z`` rejects a drop of m or more (Nam 1997).

    Counts may be fractional.

    Returns:
        Z; infinite where the hypothesis makes the table impossible, 0 where it fits the table exactly.
    """
    _check(b, c, n)
    if not -1.0 <= delta <= 1.0:
        raise ValueError(f"delta must lie between -1 and 1, not {delta!r}")
    away = b - c - n * delta
    if abs(away) <= 1e-12 * n:
        return 0.0
    linear = -b - c + (2.0 * n - b + c) * delta
    constant = -c * delta * (1.0 - delta)
    root = math.sqrt(max(0.0, linear * linear - 8.0 * n * constant))
    # The same root of the quadratic in the form that does not subtract two nearly equal numbers.
    q = -2.0 * constant / (linear + root) if linear > 0.0 else (root - linear) / (4.0 * n)
    variance = n * (2.0 * q + delta * (1.0 - delta))
    if variance <= 1e-15 * n:
        return math.copysign(math.inf, away)
    return away / math.sqrt(variance)


def tango_interval(b: float, c: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a paired difference: every D with ``|tango_z(D)| <= z``.

    Tango 1998. Holds its level with few discordant tasks and none (b = c = 0 still gives a width), where a Wald
    interval does not. Arguments as `tango_z`; ``n`` must be above 0.

    Returns:
        The lower and upper limit of ``(b - c) / n``, within [-1, 1].
    """
    z = two_sided_z(level)
    _check(b, c, n)
    delta = (b - c) / n

    def beyond(target: float) -> Callable[[float], bool]:
        return lambda supposed: tango_z(b, c, n, supposed) <= target

    return crossing(beyond(z), -1.0, delta)[0], crossing(beyond(-z), delta, 1.0)[0]


def _check(b: float, c: float, n: float) -> None:
    if b < 0 or c < 0 or n <= 0 or b + c > n * (1.0 + 1e-12):
        raise ValueError(f"discordant counts must lie between 0 and the number of tasks: b = {b}, c = {c}, n = {n}")
