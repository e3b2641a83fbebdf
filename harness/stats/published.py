"""What a published headline ("15/100 against 14/100") supports, when nobody shows the tasks behind it."""

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.core import Estimate
from harness.stats.paired import mcnemar_all
from harness.stats.power import tasks_for_difference
from harness.stats.proportion import wilson_interval
from harness.stats.units import Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Two printed pass counts, and what may be concluded from them."""

    a: Estimate
    b: Estimate
    delta: float
    unpaired_p: float
    """Fisher's exact test, as if the two had run on different tasks."""
    paired_p_best: float | None
    """The least mid-p over all tables with these counts; None where the two ran different numbers of tasks."""
    paired_p_worst: float | None
    discordant: tuple[int, int] | None
    """The fewest and the most tasks that only one of them can have passed."""
    tasks_needed: int | None
    sentence: str


def audit(
    a: tuple[int, int],
    b: tuple[int, int],
    *,
    discordant: int | None = None,
    level: float = 0.95,
    power: float = 0.8,
) -> Audit:
    """Everything that two counts of passes leave possible.

    With n tasks each, the number that both passed can lie anywhere from ``max(0, k_a + k_b - n)`` to ``min(k_a,
    k_b)``; each value is one paired table with its McNemar mid-p (Fagerland et al. 2013). Tasks needed by Connor 1987,
    at the discordant share given, or else at the one expected if passing a task with one had nothing to do with
    passing it with the other (related contenders need fewer).

    Args:
        a: (passes, tasks) of the first.
        b: (passes, tasks) of the second.
        discordant: The number of tasks that only one of them passed, where it is known.
        level: Confidence; tests at 1 - level.
        power: The chance behind ``tasks_needed``.

    Raises:
        ValueError: The counts are impossible, or no table has that many discordant tasks.
    """
    (ka, na), (kb, nb) = a, b
    if not (0 <= ka <= na and 0 <= kb <= nb and na > 0 and nb > 0):
        raise ValueError(f"passes must lie between 0 and the number of tasks: {ka}/{na} and {kb}/{nb}")
    delta = ka / na - kb / nb
    best = worst = None
    span = None
    if na == nb:
        both = np.arange(max(0, ka + kb - na), min(ka, kb) + 1)
        if discordant is not None:
            both = both[ka + kb - 2 * both == discordant]
            if len(both) == 0:
                raise ValueError(f"{ka}/{na} and {kb}/{nb} cannot have {discordant} discordant tasks")
        p = mcnemar_all(ka - both, kb - both)
        best, worst = float(p.min()), float(p.max())
        span = (int(ka + kb - 2 * both.max()), int(ka + kb - 2 * both.min()))
    elif discordant is not None:
        raise ValueError(f"discordant tasks need the same tasks: {na} and {nb} were run")
    needed = None
    if delta != 0.0:
        apart = ka / na * (1.0 - kb / nb) + kb / nb * (1.0 - ka / na) if discordant is None else discordant / na
        needed = math.ceil(tasks_for_difference(delta, max(apart, abs(delta)), power=power, alpha=1.0 - level) - 1e-9)
    found = Audit(
        a=_rate(ka, na, level),
        b=_rate(kb, nb, level),
        delta=delta,
        unpaired_p=fisher_exact(ka, na, kb, nb),
        paired_p_best=best,
        paired_p_worst=worst,
        discordant=span,
        tasks_needed=needed,
        sentence="",
    )
    return replace(found, sentence=_say(found))


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


def _rate(k: int, n: int, level: float) -> Estimate:
    low, high = wilson_interval(k, n, level)
    return Estimate(value=k / n, low=low, high=high, level=level, n_tasks=n, n_trials=n, method="Wilson")


def _say(found: Audit) -> str:
    alpha = 1.0 - found.a.level
    points = f"{100 * found.delta:+.1f} points"
    more = ""
    if found.tasks_needed is not None and found.tasks_needed > found.a.n_tasks:
        more = f" About {found.tasks_needed} tasks would be needed to show it."
    if found.paired_p_best is None or found.paired_p_worst is None:
        verb = "can" if found.unpaired_p <= alpha else "cannot"
        return f"On different numbers of tasks the two {verb} be told apart ({points}, p {found.unpaired_p:.2g}).{more}"
    if found.paired_p_worst <= alpha:
        surest = f"p at most {found.paired_p_worst:.2g}"
        return f"The difference ({points}) stands whatever the results by task were ({surest})."
    if found.paired_p_best > alpha:
        return (
            f"Whatever the results by task were, these counts cannot tell the two apart ({points}, p at least "
            f"{found.paired_p_best:.2g}).{more}"
        )
    return (
        f"Whether the difference ({points}) is real hangs on results by task that are not shown: p lies between "
        f"{found.paired_p_best:.2g} and {found.paired_p_worst:.2g}."
    )
