"""How far two raters agree beyond chance, and a judge's scores put right by people's labels on a random few tasks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.bootstrap import with_percentiles
from harness.stats.tails import two_sided_z
from harness.stats.units import Counts, Vector, same_length, vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two raters on the same tasks."""

    table: Counts  # rows the first rater's categories, columns the second's: always to be shown
    observed: float
    kappa: Estimate
    alpha: Estimate
    ac1: Estimate


def rater_table(first: Sequence[str], second: Sequence[str]) -> tuple[tuple[str, ...], Counts]:
    """The categories that occur, sorted, and how often each pair of them was given."""
    if len(first) != len(second):
        raise ValueError(f"both raters must rate the same tasks: {len(first)} and {len(second)}")
    names = tuple(sorted({*first, *second}))
    place = {name: i for i, name in enumerate(names)}
    table = np.zeros((len(names), len(names)), dtype=np.int64)
    for one, two in zip(first, second, strict=True):
        table[place[one], place[two]] += 1
    return names, table


def agreement(table: ArrayLike, level: float = 0.95, *, seed: int = 0, resamples: int = 2_000) -> Agreement:
    """Cohen's kappa, Krippendorff's alpha (nominal) and Gwet's AC1 of two raters.

    kappa = (po - pe) / (1 - pe), pe from both raters' own shares (Cohen 1960), with the standard error of Fleiss, Cohen
    & Everitt 1969; alpha with pe from pairs drawn from the pooled shares without replacement (Krippendorff 1970); AC1
    with ``pe = sum q (1 - q) / (Q - 1)``, q the pooled shares (Gwet 2008). With one category rare, kappa and alpha fall
    to nothing at near-perfect agreement, and AC1 does not: hence the table. alpha and AC1 have bootstrap intervals,
    drawn from the table.

    ``table`` holds square counts, rows the first rater's categories, columns the second's.

    Returns:
        Each figure; None with ``why`` where only one category was ever used.
    """
    counts = np.asarray(table)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or np.any(counts < 0) or counts.sum() == 0:
        raise ValueError("agreement needs a square table of counts, not all 0")
    z = two_sided_z(level)
    n = int(counts.sum())
    one = counts.astype(np.float64)[None] / n
    kappa = float(_kappa(one)[0])
    half = z * _kappa_error(one[0]) / math.sqrt(n) if math.isfinite(kappa) else math.nan
    drawn = np.random.default_rng(seed).multinomial(n, one[0].ravel(), size=resamples).reshape(-1, *counts.shape) / n
    how = f"bootstrap of the table, seed {seed}"
    kappa_known = _known(kappa, n, level, "Cohen's kappa, Fleiss-Cohen-Everitt")
    if kappa_known.value is not None:
        kappa_known = replace(kappa_known, low=kappa - half, high=min(1.0, kappa + half))
    alpha, ac1 = float(_alpha(one, n)[0]), float(_ac1(one)[0])
    return Agreement(
        table=counts.astype(np.int64),
        observed=float(np.trace(one[0])),
        kappa=kappa_known,
        alpha=_drawn(_known(alpha, n, level, f"Krippendorff's alpha, {how}"), _alpha(drawn, n)),
        ac1=_drawn(_known(ac1, n, level, f"Gwet's AC1, {how}"), _ac1(drawn)),
    )


def _known(value: float, n: int, level: float, method: str) -> Estimate:
    found = Estimate(value=value, level=level, n_tasks=n, n_trials=n, method=method)
    only_one = "only one category was used, so chance agreement is certain"
    return found if math.isfinite(value) else replace(found, value=None, why=only_one)


def _drawn(found: Estimate, drawn: Vector) -> Estimate:
    return found if found.value is None else with_percentiles(found, drawn)


def _beyond(observed: Vector, chance: Vector) -> Vector:
    left = 1.0 - chance
    return np.where(left > 1e-12, (observed - chance) / np.where(left > 1e-12, left, 1.0), np.nan)


def _kappa(p: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Vector:
    return _beyond(_diagonal(p), (p.sum(axis=2) * p.sum(axis=1)).sum(axis=1))


def _alpha(p: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", n: int) -> Vector:
    pooled = (p.sum(axis=1) + p.sum(axis=2)) * n
    values = 2.0 * n
    chance = (pooled * (pooled - 1.0)).sum(axis=1) / (values * (values - 1.0))
    return _beyond(_diagonal(p), chance)


def _ac1(p: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Vector:
    pooled = (p.sum(axis=1) + p.sum(axis=2)) / 2.0
    return _beyond(_diagonal(p), (pooled * (1.0 - pooled)).sum(axis=1) / max(1, p.shape[1] - 1))


def _diagonal(p: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Vector:
    return np.asarray(np.trace(p, axis1=1, axis2=2), dtype=np.float64)


def _kappa_error(p: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    """sqrt(n) times the standard error of kappa off the null (Fleiss, Cohen & Everitt 1969, eq. 13)."""
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    po, pe = float(np.trace(p)), float(rows @ columns)
    kappa = (po - pe) / (1.0 - pe)
    agree = float((np.diag(p) * (1.0 - (rows + columns) * (1.0 - kappa)) ** 2).sum())
    apart = p * (columns[:, None] + rows[None, :]) ** 2
    off = (1.0 - kappa) ** 2 * float(apart.sum() - np.trace(apart))
    return math.sqrt(max(0.0, agree + off - (kappa - pe * (1.0 - kappa)) ** 2)) / (1.0 - pe)


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
