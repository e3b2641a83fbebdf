"""Figures of counts of tasks alone, one 0/1 trial a task: a share, two independent ones, two paired ones, their power.

The paired table: ``b`` tasks only the first contender passed, ``c`` only the second, ``n`` in all. The difference is
``(b - c) / n``, and only b and c (the discordant tasks) carry evidence about it. ``discordant`` is their share: what
the number of tasks needed hangs on, best taken from an earlier report on the same kind of tasks.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.tails import binomial_chances, crossing, normal_quantile, two_sided_z
from harness.stats.units import Vector

EXACT_BELOW = 50  # discordant tasks up to which the power of a paired test is summed and not approximated


def wilson_interval(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a share, the room's default for one trial a task; (0, 1) of no tasks.

    ``(p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)`` with ``p = k/n`` (Wilson 1927; recommended for small n
    by Brown, Cai & DasGupta 2001). Covers the level on average over p. k and n may be fractional.
    """
    z = two_sided_z(level)
    _check_share(k, n)
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
    """The central interval of Beta(k + 1/2, n - k + 1/2), 0 at k = 0, 1 at k = n (Brown, Cai & DasGupta 2001, 4.3)."""
    return _beta_interval(k, n, level, 0.5)


def clopper_pearson_interval(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The interval that inverts the exact binomial test (Clopper & Pearson 1934): never covers less than the level."""
    return _beta_interval(k, n, level, 0.0)


def _beta_interval(k: float, n: float, level: float, prior: float) -> tuple[float, float]:
    from scipy.special import betaincinv

    two_sided_z(level)
    _check_share(k, n)
    tail, failed = (1.0 - level) / 2.0, n - k
    low = 0.0 if k == 0 else float(betaincinv(k + prior, failed + 1.0 - prior, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1.0 - prior, failed + prior, 1.0 - tail))
    return low, high


def _check_share(k: float, n: float) -> None:
    if not 0.0 <= k <= n or not math.isfinite(n):
        raise ValueError(f"k must lie between 0 and n: k = {k!r}, n = {n!r}")


def fisher_exact(ka: int, na: int, kb: int, nb: int) -> float:
    """The two-sided p of Fisher's exact test (1935) on two independent counts: tables no likelier than the one seen."""
    from scipy.special import gammaln

    k, n = ka + kb, na + nb
    x = np.arange(max(0, k - nb), min(k, na) + 1, dtype=np.float64)

    def choose(top: float, bottom: Vector) -> Vector:
        return np.asarray(gammaln(top + 1.0) - gammaln(bottom + 1.0) - gammaln(top - bottom + 1.0), dtype=np.float64)

    log = choose(float(na), x) + choose(float(nb), k - x) - choose(float(n), np.array(float(k)))
    return float(min(1.0, np.exp(log[log <= log[x == ka][0] + 1e-7]).sum()))


def mcnemar_exact(wins: int, losses: int) -> float:
    """The two-sided p of the exact conditional test: ``2 P(Bin(b+c, 1/2) <= min(b, c))``, at most 1 (McNemar 1947)."""
    return min(1.0, _mcnemar(wins, losses)[0])


def mcnemar_midp(wins: int, losses: int) -> float:
    """The exact p minus half the chance of the table seen; keeps its level (Fagerland, Lydersen & Laake 2013)."""
    twice, seen = _mcnemar(wins, losses)
    return 1.0 if wins == losses else min(1.0, twice - seen)


def _mcnemar(wins: int, losses: int) -> tuple[float, float]:
    """Twice the smaller tail of one table, and the chance of the table seen."""
    if min(wins, losses) < 0:
        raise ValueError("discordant counts cannot be negative")
    n, least = wins + losses, min(wins, losses)
    reach = math.ceil(9.0 * math.sqrt(n)) + 12  # further out there is less than 1e-16 of the tail
    chances = binomial_chances(np.arange(max(0, least - reach), least + 1), n, 0.5)
    return 2.0 * float(chances.sum()), float(chances[-1])


def mcnemar_all(wins: ArrayLike, losses: ArrayLike, *, mid: bool = True) -> Vector:
    """`mcnemar_midp` (or the exact p) of many tables at once; one p a table."""
    from scipy.special import betainc, gammaln

    b, c = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (wins, losses)))
    if np.any(b < 0) or np.any(c < 0):
        raise ValueError("discordant counts cannot be negative")
    n, least = b + c, np.minimum(b, c)
    size = np.where(n > 0, n, 1.0)
    tail = 2.0 * betainc(size - np.minimum(least, size - 1.0), least + 1.0, 0.5)
    if mid:
        tail = tail - np.exp(gammaln(size + 1) - gammaln(least + 1) - gammaln(size - least + 1) - size * math.log(2.0))
    return np.where(n > 0, np.minimum(1.0, tail), 1.0)


def tango_z(b: float, c: float, n: float, delta: float) -> float:
    """The score statistic of the hypothesis that the difference is ``delta``; large where the truth lies above it.

    ``Z(D) = (b - c - n D) / sqrt(n (2 q + D (1 - D)))``, q the share of losses most likely under D (Tango 1998, eq. 6);
    infinite where D makes the table impossible. ``Z(-m) > z`` rejects a drop of m (Nam 1997). Counts may be fractional.
    """
    _check_pairs(b, c, n)
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
    return math.copysign(math.inf, away) if variance <= 1e-15 * n else away / math.sqrt(variance)


def tango_interval(b: float, c: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The score interval of ``(b - c) / n``, n above 0: every D with ``|tango_z(D)| <= z`` (Tango 1998)."""
    z = two_sided_z(level)
    _check_pairs(b, c, n)
    delta = (b - c) / n
    low, _ = crossing(lambda supposed: tango_z(b, c, n, supposed) <= z, -1.0, delta)
    return low, crossing(lambda supposed: tango_z(b, c, n, supposed) <= -z, delta, 1.0)[0]


def _check_pairs(b: float, c: float, n: float) -> None:
    if b < 0 or c < 0 or n <= 0 or b + c > n * (1.0 + 1e-12):
        raise ValueError(f"discordant counts must lie between 0 and the number of tasks: b = {b}, c = {c}, n = {n}")


def tasks_for_difference(delta: float, discordant: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Tasks a two-sided paired test needs: ``(z_{1-a/2} sqrt(psi) + z_pw sqrt(psi - delta^2))^2 / delta^2``.

    Connor 1987, a large-sample formula, not rounded: under about 10 discordant tasks `exact_power` is the better guide.
    """
    _check_power(discordant, power, alpha)
    if delta == 0.0 or abs(delta) > discordant * (1.0 + 1e-12):
        raise ValueError(f"the difference must not be 0 nor exceed the discordant share: {delta} against {discordant}")
    spread = max(0.0, discordant - delta * delta)
    reach = normal_quantile(1.0 - alpha / 2.0) * math.sqrt(discordant) + normal_quantile(power) * math.sqrt(spread)
    return reach * reach / (delta * delta)


def tasks_for_mean(delta: float, variance: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Tasks that show a mean difference of tasks tried several times: ``((z_a + z_b) / delta)^2 Var(d)``.

    ``variance`` is that of a task's difference; Connor's formula is for differences of -1, 0 and 1 alone. Not rounded.
    """
    _check_power(min(1.0, max(variance, 1e-12)), power, alpha)
    if delta == 0.0:
        raise ValueError("no number of tasks shows a difference of 0")
    return ((normal_quantile(1.0 - alpha / 2.0) + normal_quantile(power)) / delta) ** 2 * variance


def visible_difference(tasks: int, discordant: float, *, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """The smallest difference that so many tasks show, by `tasks_for_difference`; None where they show none."""
    _check_power(discordant, power, alpha)

    def seen(delta: float) -> bool:
        return tasks_for_difference(delta, discordant, power=power, alpha=alpha) <= tasks

    return crossing(seen, 0.0, discordant)[1] if tasks > 0 and seen(discordant) else None


def smallest_difference(
    tasks: float, discordant: float, *, power: float = 0.8, alpha: float = 0.05, mid: bool = True
) -> float | None:
    """The smallest difference that so many tasks show with this power; None where they show none at all.

    ``discordant`` is the share that differ, or what the difference itself takes where that is more. By `exact_power` to
    `EXACT_BELOW` discordant tasks, where Connor's formula asks for too much, and by `visible_difference` beyond.
    """
    _check_power(min(1.0, max(discordant, 1e-12)), power, alpha)
    whole = math.floor(tasks + 1e-9)
    if whole * discordant > EXACT_BELOW:
        return visible_difference(whole, discordant, power=power, alpha=alpha)

    def seen(delta: float) -> bool:
        wins, losses = 0.5 * (max(discordant, delta) + delta), 0.5 * max(0.0, discordant - delta)
        return exact_power(whole, wins, losses, alpha, mid=mid) >= power

    return crossing(seen, 0.0, 1.0, 1e-5)[1] if whole > 0 and seen(1.0) else None


def exact_power(tasks: int, wins: float, losses: float, alpha: float = 0.05, *, mid: bool = True) -> float:
    """The chance that McNemar's mid-p (or exact) test rejects, summed over every number of discordant tasks.

    The number discordant is Binomial(tasks, wins + losses), chances of a task; given it, the wins are too (Duffy 1984).
    """
    from scipy.special import bdtr, bdtrc

    psi = min(1.0, wins + losses)
    _check_power(psi, 0.5, alpha)
    middle, spread = tasks * psi, math.sqrt(tasks * psi * (1.0 - psi))
    m = np.arange(
        max(1, math.floor(middle - 9.0 * spread - 3.0)), min(tasks, math.ceil(middle + 9.0 * spread + 3.0)) + 1
    )
    kept, least = m // 2, m + 1  # of each number the most wins that are not rejected, and the fewest that are
    while np.any(least - kept > 1):
        half = (least + kept) // 2
        rejected = mcnemar_all(half, m - half, mid=mid) <= alpha
        kept, least = np.where(rejected, kept, half), np.where(rejected, half, least)
    m, least = m[least <= m], least[least <= m]
    shown = bdtrc(least - 1.0, m, wins / psi) + bdtr((m - least).astype(np.float64), m, wins / psi)
    return float(binomial_chances(m, tasks, psi) @ shown)


def non_inferiority_tasks(
    margin: float, discordant: float, delta: float = 0.0, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Tasks to show no loss of the margin: ``(z_{1-a} + z_pw)^2 (psi - d^2) / (m + d)^2`` (Nam 1997), one-sided."""
    _check_power(discordant, power, alpha)
    room = margin + delta
    if room <= 0.0:
        raise ValueError(f"a true difference of {delta} cannot be shown to be above -{margin}")
    reach = normal_quantile(1.0 - alpha) + normal_quantile(power)
    return reach * reach * max(0.0, discordant - delta * delta) / (room * room)


def _check_power(discordant: float, power: float, alpha: float) -> None:
    if not (0.0 < discordant <= 1.0 and 0.0 < power < 1.0 and 0.0 < alpha < 1.0):
        found = f"{discordant}, {power} and {alpha}"
        raise ValueError(f"discordant share, power and alpha must lie between 0 and 1: {found}")
