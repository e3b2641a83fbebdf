"""The other population: exactly this suite, with no claim about other tasks. Only the noise of the trials remains.

An interval of this kind is far narrower than one for tasks like these, and answers a smaller question: what would the
same tasks give on another day? It needs at least two trials of every task.
"""

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.tails import two_sided_z
from harness.stats.units import same_length, vector

Side = tuple[ArrayLike, ArrayLike, ArrayLike]
"""For each task: the sum of its values, the number of its graded trials, the sum of its squared values."""

METHOD = "exactly this suite: trial noise only, normal"


def this_suite_rate(sums: ArrayLike, counts: ArrayLike, squares: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean of the tasks' means, with an interval for these very tasks.

    ``Var = (1 / n^2) sum_i s_i^2 / K_i`` with the unbiased variance ``s_i^2`` within task i (the second term of Miller
    2024, section 2, alone), and normal limits cut to [0, 1].

    ``squares`` has each task's sum of squared values, for 0/1 values the same as ``sums``; tasks without trials are
    dropped.

    Returns:
        The rate; without limits, and with ``why``, where a task was tried once or where no two trials disagree.
    """
    return _estimate(_noise((sums, counts, squares)), (0.0, 1.0), level)


def this_suite_difference(a: Side, b: Side, level: float = 0.95) -> Estimate:
    """The difference of two such rates on the tasks that both have; the variances add, since trials are independent."""
    a_counts, b_counts = vector(a[1], "counts"), vector(b[1], "counts")
    same_length(a=a_counts, b=b_counts)
    common = (a_counts > 0) & (b_counts > 0)
    of_a, of_b = (_noise((vector(s, "sums")[common], n[common], vector(q, "squares")[common]))
                  for (s, _, q), n in ((a, a_counts), (b, b_counts)))  # fmt: skip
    mean = None if of_a[0] is None or of_b[0] is None else of_a[0] - of_b[0]
    noise = (mean, of_a[1] + of_b[1], of_a[2], of_a[3] + of_b[3], of_a[4] or of_b[4])
    return _estimate(noise, (-1.0, 1.0), level)


def _noise(side: Side) -> tuple[float | None, float, int, int, str | None]:
    """Mean of task means, its variance from trials alone, tasks, trials, and why there is no variance."""
    total, n, squared = vector(side[0], "sums"), vector(side[1], "counts"), vector(side[2], "squares")
    same_length(sums=total, counts=n, squares=squared)
    kept = n > 0
    total, n, squared = total[kept], n[kept], squared[kept]
    tasks, trials = len(n), int(n.sum())
    if tasks == 0:
        return None, 0.0, 0, 0, "no graded attempts"
    mean = float((total / n).mean())
    if n.min() < 2:
        once = int((n < 2).sum())
        return mean, 0.0, tasks, trials, f"{once} of {tasks} tasks were tried once: their trial noise cannot be seen"
    within = np.maximum(squared - total**2 / n, 0.0) / (n - 1)
    return mean, float((within / n).sum()) / tasks**2, tasks, trials, None


def _estimate(
    noise: tuple[float | None, float, int, int, str | None], ends: tuple[float, float], level: float
) -> Estimate:
    mean, variance, tasks, trials, why = noise
    if mean is not None and why is None and variance == 0.0:
        why = "no two trials of a task disagree: the noise is too small to be seen"
    if mean is None or why is not None:
        return Estimate(value=mean, level=level, n_tasks=tasks, n_trials=trials, method=METHOD, why=why)
    half = two_sided_z(level) * variance**0.5
    low, high = max(ends[0], mean - half), min(ends[1], mean + half)
    return Estimate(value=mean, low=low, high=high, level=level, n_tasks=tasks, n_trials=trials, method=METHOD)
