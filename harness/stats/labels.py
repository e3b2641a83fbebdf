"""Labels: the mean of their F1, how far two raters agree beyond chance, and a judge put right by people's labels."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.core import Estimate
from harness.stats.bootstrap import expanded, resampled_sums, with_percentiles
from harness.stats.tables import wilson_interval
from harness.stats.tails import two_sided_z
from harness.stats.units import Clusters, Codes, Counts, Matrix, Vector, cluster_codes, vector, vectors

_LABELS_AT_ONCE = 64
RARE, FEWEST = 0.02, 5  # the share, and the number, of attempts below which a label is rare
LABELLED = 100  # tasks that people labelled, below which the normal interval is too narrow


def macro_f1(
    true: Sequence[str],
    predicted: Sequence[str | None],
    clusters: Clusters = None,
    *,
    labels: Sequence[str] | None = None,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2_000,
) -> Estimate:
    """The plain mean of the labels' F1, with an `expanded` percentile bootstrap over clusters that holds the estimate.

    One entry an attempt; None is an answer without a label. One outside ``labels`` (by default all that occur) is a
    miss for its true label and counts in no label's precision. A label that does not occur is left out (of each
    resample too); one predicted but never true counts as 0. Where every answer is right the lower limit is Wilson's for
    as many clusters. The interval leans low with `rare_labels`. Clusters are of attempts: their task, or its source.
    """
    two_sided_z(level)
    n = len(true)
    if n != len(predicted):
        raise ValueError(f"one prediction a true label is needed: {n} and {len(predicted)}")
    names = sorted({*true, *(name for name in predicted if name is not None)}) if labels is None else labels
    place = {name: i for i, name in enumerate(dict.fromkeys(names))}
    if strange := sorted(set(true) - set(place)):
        raise ValueError(f"a true label is not in the set of labels: {strange[0]!r}")
    if n == 0:
        return Estimate(value=None, level=level, method="none", why="no graded attempts")
    size = len(place)  # the column of what is outside the set
    rows = np.asarray([place[name] for name in true], dtype=np.intp)
    columns = np.asarray([size if name is None else place.get(name, size) for name in predicted], dtype=np.intp)
    codes, groups = cluster_codes(clusters, n)
    counted = (np.bincount(places, minlength=size + 1)[:size] for places in (rows[rows == columns], columns, rows))
    method = f"bootstrap of {groups} clusters, {resamples} resamples, seed {seed}"
    value = float(np.nanmean(_f1(*counted)))
    found = Estimate(value=value, level=level, n_tasks=groups, n_trials=n, method=method)
    if np.all(rows == columns):
        low, _ = wilson_interval(groups, groups, level)
        return replace(found, low=low, high=1.0, method=f"Wilson on {groups} clusters, no error seen")
    if groups < 2:
        return replace(found, why="one cluster cannot be resampled")
    drawn = _resampled_means(rows, columns, codes, (groups, size), (resamples, seed))
    return with_percentiles(found, drawn, expanded(level, groups))


def rare_labels(seen: Mapping[str, int]) -> tuple[str, ...]:
    """Labels, sorted, that under 2% of the tasks or fewer than 5 have: macro-F1's interval is not to be trusted."""
    return tuple(sorted(name for name, n in seen.items() if n < max(FEWEST, RARE * sum(seen.values()))))


def _resampled_means(
    rows: Codes, columns: Codes, codes: Codes, shape: tuple[int, int], draw: tuple[int, int]
) -> Vector:
    """The macro-F1 of each resample, a block of labels at a time so that many labels need little memory."""
    (groups, size), (resamples, seed) = shape, draw
    total, present = np.zeros(resamples), np.zeros(resamples)
    for first in range(0, size, _LABELS_AT_ONCE):
        width = min(_LABELS_AT_ONCE, size - first)
        sums = np.zeros((3, groups, width))
        for layer, places in enumerate((np.where(rows == columns, rows, -1), columns, rows)):
            here = (places >= first) & (places < first + width)
            np.add.at(sums[layer], (codes[here], places[here] - first), 1.0)
        drawn = resampled_sums(np.concatenate(list(sums), axis=1), resamples, seed)
        scores = _f1(drawn[:, :width], drawn[:, width : 2 * width], drawn[:, 2 * width :])
        total += np.nansum(scores, axis=1)
        present += np.isfinite(scores).sum(axis=1)
    return np.where(present > 0, total / np.maximum(present, 1.0), np.nan)


def _f1(hits: ArrayLike, predicted: ArrayLike, true: ArrayLike) -> Matrix:
    bottom = np.asarray(predicted, dtype=np.float64) + np.asarray(true, dtype=np.float64)
    return np.where(bottom > 0, 2.0 * np.asarray(hits) / np.where(bottom > 0, bottom, 1.0), np.nan)


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
    np.add.at(table, ([place[name] for name in first], [place[name] for name in second]), 1)
    return names, table


def agreement(table: ArrayLike, level: float = 0.95, *, seed: int = 0, resamples: int = 2_000) -> Agreement:
    """Cohen's kappa, Krippendorff's alpha (nominal) and Gwet's AC1 of two raters, from a square table of counts.

    kappa = (po - pe) / (1 - pe), pe from both raters' own shares (Cohen 1960), standard error of Fleiss, Cohen &
    Everitt 1969; alpha with pe from pairs drawn from the pooled shares without replacement (Krippendorff 1970); AC1
    with ``pe = sum q (1 - q) / (Q - 1)``, q the pooled shares (Gwet 2008). With one category rare, kappa and alpha fall
    to nothing at near-perfect agreement, AC1 does not: hence the table, which the bootstrap intervals of alpha and AC1
    are drawn from. None with ``why`` where only one category was ever used.
    """
    counts = np.asarray(table)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or np.any(counts < 0) or counts.sum() == 0:
        raise ValueError("agreement needs a square table of counts, not all 0")
    z, n = two_sided_z(level), int(counts.sum())
    one = counts.astype(np.float64)[None] / n
    drawn = np.random.default_rng(seed).multinomial(n, one[0].ravel(), size=resamples).reshape(-1, *counts.shape) / n

    def of_own(p: NDArray[np.float64]) -> Vector:
        return np.asarray((p.sum(axis=2) * p.sum(axis=1)).sum(axis=1))

    def of_pairs(p: NDArray[np.float64]) -> Vector:
        pooled = (p.sum(axis=1) + p.sum(axis=2)) * n
        return np.asarray((pooled * (pooled - 1.0)).sum(axis=1) / (2.0 * n * (2.0 * n - 1.0)))

    def of_pooled(p: NDArray[np.float64]) -> Vector:
        pooled = (p.sum(axis=1) + p.sum(axis=2)) / 2.0
        return np.asarray((pooled * (1.0 - pooled)).sum(axis=1) / max(1, p.shape[1] - 1))

    def found(name: str, chance: Callable[[NDArray[np.float64]], Vector], *, resampled: bool = True) -> Estimate:
        told = Estimate(value=float(_beyond(one, chance)[0]), level=level, n_tasks=n, n_trials=n, method=name)
        if not math.isfinite(told.value or 0.0):
            return replace(told, value=None, why="only one category was used, so chance agreement is certain")
        return with_percentiles(told, _beyond(drawn, chance)) if resampled else told

    kappa = found("Cohen's kappa, Fleiss-Cohen-Everitt", of_own, resampled=False)
    if kappa.value is not None:
        half = z * _kappa_error(one[0]) / math.sqrt(n)
        kappa = replace(kappa, low=kappa.value - half, high=min(1.0, kappa.value + half))
    how = f"bootstrap of the table, seed {seed}"
    alpha = found(f"Krippendorff's alpha, {how}", of_pairs)
    ac1 = found(f"Gwet's AC1, {how}", of_pooled)
    observed = float(np.trace(one[0]))
    return Agreement(table=counts.astype(np.int64), observed=observed, kappa=kappa, alpha=alpha, ac1=ac1)


def _beyond(p: NDArray[np.float64], chance: Callable[[NDArray[np.float64]], Vector]) -> Vector:
    """Agreement beyond chance, one value a table of shares."""
    expected, observed = chance(p), np.trace(p, axis1=1, axis2=2)
    left = 1.0 - expected
    return np.where(left > 1e-12, (observed - expected) / np.where(left > 1e-12, left, 1.0), np.nan)


def _kappa_error(p: NDArray[np.float64]) -> float:
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

    ``theta = lam mean(f_unl) + mean(Y - lam f_lab)``, ``Var = lam^2 var(f_unl) / N + var(Y - lam f) / n``; tuned ``lam
    = cov(Y, f) / ((1 + n/N) var f)``, var f over all tasks, cut to [0, 1] (Angelopoulos, Duchi & Zrnic 2023), is
    ``weight``; 0 leaves the judge out. The n labelled tasks, which ``n_tasks`` counts, are a random subset; the normal
    interval is too narrow on fewer than 100, and ``method`` says so. For a paired comparison pass differences. None,
    with ``why``, without any label.
    """
    z = two_sided_z(level)
    (y, f), other = vectors(labels=labels, judged=judged_labelled), vector(judged_unlabelled, "judged")
    n, many = len(y), len(other)
    if n == 0:
        return Estimate(value=None, level=level, method="PPI++", why="no task was labelled by a person")
    lam = 0.0 if many == 0 else weight
    if lam is None:
        spread = float(np.concatenate([f, other]).var())
        shared = float(((y - y.mean()) * (f - f.mean())).mean())
        lam = min(1.0, max(0.0, shared / ((1.0 + n / many) * spread))) if spread > 0.0 else 0.0
    value = (lam * float(other.mean()) if many else 0.0) + float((y - lam * f).mean())
    variance = (lam * lam * float(other.var()) / many if many else 0.0) + float((y - lam * f).var()) / n
    half = z * math.sqrt(variance)
    how = f"PPI++, judge's weight {lam:.2f}, {n} labelled and {many} judged tasks"
    how += ", too few labels" if n < LABELLED else ""
    return Estimate(value=value, low=value - half, high=value + half, level=level, n_tasks=n, n_trials=n, method=how)
