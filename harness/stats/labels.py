"""Label tasks: the mean of the labels' F1 with an interval."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.bootstrap import Matrix, resampled_sums, with_percentiles
from harness.stats.proportion import wilson_interval
from harness.stats.tails import two_sided_z
from harness.stats.units import Codes, Vector, cluster_codes

_LABELS_AT_ONCE = 64


def macro_f1(
    true: Sequence[str],
    predicted: Sequence[str | None],
    clusters: ArrayLike | None = None,
    *,
    labels: Sequence[str] | None = None,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2_000,
) -> Estimate:
    """The plain mean of the labels' F1, with a percentile bootstrap over clusters.

    A label that occurs neither as true nor as predicted is left out (of each resample too); one that is predicted but
    never true counts as 0. Resamples are weights times confusion sums. Where every answer is right no resample
    differs: the lower limit is then Wilson's for as many clusters. The percentile interval leans low with rare labels,
    and is widened where needed to hold the estimate.

    One entry an attempt; None is an answer that held no label. An answer outside ``labels`` (by default all that occur)
    is a miss for its true label and counts in no label's precision. Clusters are of attempts: their task, or its
    source.
    """
    two_sided_z(level)
    n = len(true)
    names = _label_set(true, predicted, labels)
    if n == 0:
        return Estimate(value=None, level=level, method="none", why="no graded attempts")
    place = {name: i for i, name in enumerate(names)}
    rows, columns = _places(true, predicted, place)
    codes, groups = cluster_codes(clusters, n)
    size = len(names)
    hits, said, there = (
        np.bincount(places, minlength=size + 1)[:size] for places in (rows[rows == columns], columns, rows)
    )
    value = float(np.nanmean(_f1(hits, said, there)))
    method = f"bootstrap of {groups} clusters, {resamples} resamples, seed {seed}"
    blank = Estimate(value=value, level=level, n_tasks=groups, n_trials=n, method=method)
    if np.all(rows == columns):
        low, _ = wilson_interval(groups, groups, level)
        return replace(blank, low=low, high=1.0, method=f"Wilson on {groups} clusters, no error seen")
    if groups < 2:
        return replace(blank, why="one cluster cannot be resampled")
    drawn = _resampled_means(rows, columns, codes, (groups, size), (resamples, seed))
    return with_percentiles(blank, drawn)


def _resampled_means(
    rows: Codes, columns: Codes, codes: Codes, shape: tuple[int, int], draw: tuple[int, int]
) -> Vector:
    """The macro-F1 of each resample, a block of labels at a time so that many labels need little memory."""
    (groups, size), (resamples, seed) = shape, draw
    total, present = np.zeros(resamples), np.zeros(resamples)
    for first in range(0, size, _LABELS_AT_ONCE):
        width = min(_LABELS_AT_ONCE, size - first)
        sums = np.zeros((3, groups, width))
        for layer, places in ((0, np.where(rows == columns, rows, -1)), (1, columns), (2, rows)):
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


def _label_set(true: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str] | None) -> tuple[str, ...]:
    if len(true) != len(predicted):
        raise ValueError(f"one prediction a true label is needed: {len(true)} and {len(predicted)}")
    if labels is None:
        return tuple(sorted({*true, *(name for name in predicted if name is not None)}))
    names = tuple(dict.fromkeys(labels))
    strange = sorted(set(true) - set(names))
    if strange:
        raise ValueError(f"a true label is not in the set of labels: {strange[0]!r}")
    return names


def _places(true: Sequence[str], predicted: Sequence[str | None], place: dict[str, int]) -> tuple[Codes, Codes]:
    """Rows and columns in the confusion table; an answer outside the set falls in the last column."""
    outside = len(place)
    rows = np.asarray([place[name] for name in true], dtype=np.intp)
    columns = [outside if name is None else place.get(name, outside) for name in predicted]
    return rows, np.asarray(columns, dtype=np.intp)
