"""Tuned x skilled: does the adapter help, do the skills help, and do they help each other?"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.comparison import difference_interval
from harness.stats.signflip import sign_flip_test
from harness.stats.units import Vector, cluster_codes, same_length, sum_by, vector

Cell = tuple[ArrayLike, ArrayLike]  # (sums, counts), one of each a task


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect of the design, as a difference of pass rates."""

    estimate: Estimate
    p_value: float
    test: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Factorial:
    """A 2 x 2 design on the tasks that all four contenders have graded trials at."""

    first: Effect  # mean effect of the first factor: with and without the second
    second: Effect
    interaction: Effect  # what both together add beyond the sum of each alone; below 0 they overlap
    n_tasks: int


def factorial(
    neither: Cell,
    first: Cell,
    second: Cell,
    both: Cell,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 9_999,
) -> Factorial | None:
    """The two main effects and the interaction, each a contrast within tasks (Fisher 1935; Yates 1937).

    With cell means m a task: first = ((m11 - m01) + (m10 - m00)) / 2, second likewise, interaction = m11 - m10 - m01 +
    m00. Each is tested by sign flips on cluster sums and has the CR1/t interval (see `compare`). An interaction needs
    about four times the tasks of a main effect of the same size.

    The four are (sums, counts): m00, m10 with the first factor only, m01 with the second only, m11.

    Returns:
        The three effects; None where the four share no task.
    """
    cells = [(vector(sums, "sums"), vector(counts, "counts")) for sums, counts in (neither, first, second, both)]
    n = len(cells[0][0])
    for sums, counts in cells:
        same_length(sums=sums, counts=counts, neither=cells[0][0])
    kept = np.all([counts > 0 for _, counts in cells], axis=0)
    if not kept.any():
        return None
    codes, groups = cluster_codes(None if clusters is None else cluster_codes(clusters, n)[0][kept], int(kept.sum()))
    none, one, two, all_ = (sums[kept] / counts[kept] for sums, counts in cells)
    trials = int(sum(counts[kept].sum() for _, counts in cells))

    blank = Estimate(value=None, level=level, n_tasks=int(kept.sum()), n_trials=trials)

    def effect(values: Vector, scale: float = 1.0) -> Effect:
        """From task values within [-1, 1], reported times ``scale``."""
        low, high, how = difference_interval(values, codes, groups, level)
        test = sign_flip_test(sum_by(codes, values, groups), seed=seed, resamples=resamples)
        estimate = replace(blank, value=scale * float(values.mean()), low=scale * low, high=scale * high, method=how)
        return Effect(estimate=estimate, p_value=test.p_value, test=test.method)

    return Factorial(
        first=effect(((all_ - two) + (one - none)) / 2.0),
        second=effect(((all_ - one) + (two - none)) / 2.0),
        interaction=effect((all_ - one - two + none) / 2.0, 2.0),
        n_tasks=int(kept.sum()),
    )
