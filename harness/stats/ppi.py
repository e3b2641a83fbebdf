"""A judge's scores on many tasks, put right by people's labels on a random few."""

import math

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.tails import two_sided_z
from harness.stats.units import Vector, same_length, vector


def ppi_mean(
    labels: ArrayLike,
    judged_labelled: ArrayLike,
    judged_unlabelled: ArrayLike,
    weight: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """The mean of the true labels, using the judge only as far as it agrees with people (PPI++).

    ``theta = lam mean(f_unl) + mean(Y - lam f_lab)``, ``Var = lam^2 var(f_unl) / N + var(Y - lam f) / n``; tuned
    ``lam = cov(Y, f) / ((1 + n/N) var f)``, var f over all tasks, cut to [0, 1] (Angelopoulos, Duchi & Zrnic 2023).
    lam = 0 leaves the judge out. The labelled tasks must be a random subset; the interval is normal and wants some 30.
    For a paired comparison pass differences for all three.

    ``labels`` is Y on the labelled tasks, ``judged_labelled`` f on the same, ``judged_unlabelled`` f on the others;
    ``weight`` is lam, tuned where None.

    Returns:
        The estimate; ``n_tasks`` counts the labelled tasks. None, with ``why``, without any label.

    Raises:
        ValueError: The arrays do not match.
    """
    z = two_sided_z(level)
    y, f, other = vector(labels, "labels"), vector(judged_labelled, "judged"), vector(judged_unlabelled, "judged")
    n, many = same_length(labels=y, judged=f), len(other)
    if n == 0:
        return Estimate(value=None, level=level, method="PPI++", why="no task was labelled by a person")
    lam = 0.0 if many == 0 else _tuned(y, f, other) if weight is None else weight
    value = (lam * float(other.mean()) if many else 0.0) + float((y - lam * f).mean())
    variance = (lam * lam * float(other.var()) / many if many else 0.0) + float((y - lam * f).var()) / n
    half = z * math.sqrt(variance)
    how = f"PPI++, judge's weight {lam:.2f}, {n} labelled and {many} judged tasks"
    return Estimate(value=value, low=value - half, high=value + half, level=level, n_tasks=n, n_trials=n, method=how)


def _tuned(y: Vector, f: Vector, other: Vector) -> float:
    spread = float(np.concatenate([f, other]).var())
    if spread <= 0.0:
        return 0.0
    shared = float(((y - y.mean()) * (f - f.mean())).mean())
    return min(1.0, max(0.0, shared / ((1.0 + len(f) / len(other)) * spread)))
