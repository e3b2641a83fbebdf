"""Does a contender know when it is right? By one number a task, larger is surer, ties are ties; 0 or 1 for right."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.tables import wilson_interval
from harness.stats.tails import two_sided_z
from harness.stats.units import Flags, Vector, is_binary, sum_by, vectors

Kind = Literal["mass", "width"]
ROUGH = 0.2  # standard errors of an AUROC's logit above which its normal interval is too narrow


def auroc(confidence: ArrayLike, correct: ArrayLike, level: float = 0.95) -> Estimate:
    """The chance that a task answered rightly has the higher confidence, ties counting half, with DeLong's interval.

    DeLong, DeLong & Clarke-Pearson 1988, by midranks (Sun & Xu 2014); normal, cut at 0 and 1. On few answers, and near
    the ends, it is too narrow, and ``method`` says so (simulated: docs/coverage.md).
    """
    z = two_sided_z(level)
    score, right = _checked(confidence, correct)
    n, pos, neg = len(score), score[right], score[~right]
    m, k = len(pos), len(neg)
    found = Estimate(value=None, level=level, n_tasks=n, n_trials=n, method="DeLong")
    if m == 0 or k == 0:
        return replace(found, why="all answers are right, or all wrong" if n else "no answers")
    ranks = _midranks(score)
    above = (ranks[right] - _midranks(pos)) / k
    below = 1.0 - (ranks[~right] - _midranks(neg)) / m
    value = float(above.mean())
    if m < 2 or k < 2:
        return replace(found, value=value, why="one right or one wrong answer leaves the spread unknown")
    error = math.sqrt(float(above.var(ddof=1)) / m + float(below.var(ddof=1)) / k)
    rough = error > ROUGH * value * (1.0 - value) or error == 0.0
    found = replace(found, value=value, low=max(0.0, value - z * error), high=min(1.0, value + z * error))
    return replace(found, method="DeLong, too narrow on so few answers") if rough else found


def brier_score(confidence: ArrayLike, correct: ArrayLike) -> float:
    """The mean squared distance between confidence (a probability) and outcome (Brier 1950); 0 is perfect."""
    p, right = _checked(confidence, correct)
    return float(np.mean((p - right) ** 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Tasks of like confidence: what was said, and what came true."""

    low: float
    high: float  # the least and the greatest confidence in the bin
    n: int
    confidence: float
    rate: Estimate


def reliability_bins(
    confidence: ArrayLike, correct: ArrayLike, bins: int = 10, kind: Kind = "mass", level: float = 0.95
) -> tuple[Bin, ...]:
    """Tasks sorted into bins by confidence, with Wilson's interval on each bin's pass rate; empty bins are left out.

    "mass": edges at the quantiles of confidence, so that no bin is nearly empty; tasks tied in confidence stay
    together, which can leave fewer bins. "width": equal parts of [0, 1]. Each bin holds its upper edge.
    """
    p, right = _checked(confidence, correct)
    if bins < 1:
        raise ValueError(f"at least one bin is needed, not {bins}")
    if len(p) == 0:
        return ()
    edges = np.linspace(0.0, 1.0, bins + 1)
    edges = edges if kind == "width" else np.quantile(p, edges)
    place = np.searchsorted(edges[1:-1], p, side="left")
    found = []
    for k in np.unique(place).tolist():
        said, hits = p[place == k], int(right[place == k].sum())
        n, (low, high) = len(said), wilson_interval(hits, len(said), level)
        seen = Estimate(value=hits / n, low=low, high=high, level=level, n_tasks=n, n_trials=n, method="Wilson")
        ends = {"low": float(said.min()), "high": float(said.max())}
        found.append(Bin(**ends, n=n, confidence=float(said.mean()), rate=seen))
    return tuple(found)


def expected_calibration_error(
    confidence: ArrayLike, correct: ArrayLike, bins: int = 10, kind: Kind = "mass"
) -> float | None:
    """Mean gap of confidence and pass rate over bins (Naeini et al. 2015); chance alone opens gaps. None of none."""
    found = reliability_bins(confidence, correct, bins, kind)
    total = sum(one.n for one in found)
    gaps = math.fsum(one.n * abs(one.confidence - (one.rate.value or 0.0)) for one in found)
    return gaps / total if total else None


def isotonic_fit(confidence: ArrayLike, outcome: ArrayLike) -> Callable[[ArrayLike], Vector]:
    """The best non-decreasing curve of outcome on confidence (Ayer et al. 1955), linear between knots, flat beyond."""
    from scipy.optimize import isotonic_regression

    x, y = vectors(confidence=confidence, outcome=outcome)
    if len(x) == 0:
        raise ValueError("an isotonic fit needs at least one task")
    knots, codes = np.unique(x, return_inverse=True)
    weight = np.bincount(codes).astype(np.float64)
    means = sum_by(codes.astype(np.intp), y, len(knots)) / weight
    fitted = isotonic_regression(means, weights=weight).x
    return lambda said: np.interp(np.asarray(said, dtype=np.float64), knots, fitted)


def _midranks(x: Vector) -> Vector:
    _, codes, counts = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2.0)[codes], dtype=np.float64)


def _checked(confidence: ArrayLike, correct: ArrayLike) -> tuple[Vector, Flags]:
    p, right = vectors(confidence=confidence, correct=correct)
    if not is_binary(right) or not np.all(np.isfinite(p)):
        raise ValueError("correct must be 0 or 1 and confidence a number for every task")
    return p, right == 1.0
