"""How many tasks a question needs, and how small a difference a number of tasks can show.

``discordant`` is the share of tasks that only one of two contenders passes. It is what the answer hangs on, and it is
best taken from an earlier report on the same kind of tasks.
"""

import math

import numpy as np

from harness.stats.paired import mcnemar_all
from harness.stats.tails import binomial_chances, crossing, normal_quantile


def tasks_for_difference(delta: float, discordant: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Tasks that a two-sided paired test needs: ``(z_{1-a/2} sqrt(psi) + z_pw sqrt(psi - delta^2))^2 / delta^2``.

    Connor 1987. A large-sample formula: under about 10 discordant tasks `exact_power` is the better guide.

    Returns:
        The number of tasks, not rounded.
    """
    _check(discordant, power, alpha)
    if delta == 0.0 or abs(delta) > discordant * (1.0 + 1e-12):
        raise ValueError(f"the difference must not be 0 nor exceed the discordant share: {delta} against {discordant}")
    spread = max(0.0, discordant - delta * delta)
    reach = normal_quantile(1.0 - alpha / 2.0) * math.sqrt(discordant) + normal_quantile(power) * math.sqrt(spread)
    return reach * reach / (delta * delta)


def visible_difference(tasks: int, discordant: float, *, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """The smallest difference that this many tasks show with the given power; `tasks_for_difference` solved for delta.

    None where even a difference as large as the discordant share stays unseen.
    """
    _check(discordant, power, alpha)
    if tasks <= 0 or tasks_for_difference(discordant, discordant, power=power, alpha=alpha) > tasks:
        return None

    def seen(delta: float) -> bool:
        return tasks_for_difference(delta, discordant, power=power, alpha=alpha) <= tasks

    return crossing(seen, 0.0, discordant)[1]


def exact_power(tasks: int, wins: float, losses: float, alpha: float = 0.05, *, mid: bool = True) -> float:
    """The chance that McNemar's mid-p (or exact) test rejects, summed over every number of discordant tasks.

    The number discordant is Binomial(tasks, wins + losses); given it, the wins are binomial too (Duffy 1984).

    ``wins`` and ``losses`` are the chances that only the first, and only the second, passes a task.
    """
    psi = wins + losses
    _check(psi, 0.5, alpha)
    middle, spread = tasks * psi, math.sqrt(tasks * psi * (1.0 - psi))
    first, last = max(0, math.floor(middle - 9.0 * spread - 3.0)), min(tasks, math.ceil(middle + 9.0 * spread + 3.0))
    total = 0.0
    for m in range(max(first, 1), last + 1):
        b = np.arange(m + 1)
        rejected = mcnemar_all(b, m - b, mid=mid) <= alpha
        total += float(binomial_chances(m, tasks, psi) * binomial_chances(b[rejected], m, wins / psi).sum())
    return total


def non_inferiority_tasks(
    margin: float, discordant: float, delta: float = 0.0, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Tasks needed to show that a candidate is not worse by the margin: ``(z_{1-a} + z_pw)^2 (psi - d^2) / (m + d)^2``.

    Nam 1997, in the large-sample form, one-sided; ``delta`` is the difference that is believed true.
    """
    _check(discordant, power, alpha)
    room = margin + delta
    if room <= 0.0:
        raise ValueError(f"a true difference of {delta} cannot be shown to be above -{margin}")
    reach = normal_quantile(1.0 - alpha) + normal_quantile(power)
    return reach * reach * max(0.0, discordant - delta * delta) / (room * room)


def _check(discordant: float, power: float, alpha: float) -> None:
    if not (0.0 < discordant <= 1.0 and 0.0 < power < 1.0 and 0.0 < alpha < 1.0):
        found = f"{discordant}, {power} and {alpha}"
        raise ValueError(f"discordant share, power and alpha must lie between 0 and 1: {found}")
