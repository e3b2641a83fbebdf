"""How good a signal is by itself: its ranking, its calibration, and the share of the gap that it closes."""

from dataclasses import replace

import numpy as np

from harness.core import Estimate
from harness.stats import (
    ESCALATED,
    NO_INTERVALS,
    PASS,
    Replayer,
    auroc,
    brier_score,
    expected_calibration_error,
    isotonic_fit,
    reliability_bins,
    replay_estimate,
)
from harness.verdict.sweep_records import Calibration
from harness.verdict.sweep_rows import Matrix, Rows, Vector

FOLDS = 5
_NOT_BINARY = "some scores lie between 0 and 1; this needs answers that pass or fail"


def ranking(replayer: Replayer, rows: Rows, level: float) -> Estimate:
    """The chance that an attempt which the worker passed has the higher confidence (AUROC), ties counting half.

    DeLong's interval where every attempt is a unit of its own; else a bootstrap of clusters.
    """
    attempts = len(rows.tasks)
    told = Estimate(value=None, level=level, n_tasks=rows.n_tasks, n_trials=attempts, method="none")
    if not np.isin(rows.worker, (0.0, 1.0)).all():
        return replace(told, why=_NOT_BINARY)
    if rows.groups == attempts:
        return auroc(rows.confidence, rows.worker, level)
    right, wrong = ((x * rows.weight)[replayer.order] for x in (rows.worker, 1.0 - rows.worker))
    if not right.any() or not wrong.any():
        return replace(told, why="all answers are right, or all wrong")
    value = float(replayer.concordance(right, wrong, whole=True)[0])
    how = f"bootstrap of {rows.groups:,} clusters, {replayer.resamples:,} resamples, seed {replayer.seed}"
    return replay_estimate(value, replayer.concordance(right, wrong), replace(told, method=how))


def calibration(rows: Rows, seed: int, level: float) -> Calibration:
    """Reliability in ten bins of equal mass, calibration error, and Brier scores as it is and calibrated."""
    right = rows.worker
    if not np.isin(right, (0.0, 1.0)).all():
        return Calibration(why=_NOT_BINARY)
    if rows.confidence.min() < 0.0 or rows.confidence.max() > 1.0:
        return Calibration(why="the signal does not lie between 0 and 1, so it is no chance of passing")
    rate = float(right.mean())
    fitted = _isotonic(rows, seed)
    return Calibration(
        bins=reliability_bins(rows.confidence, right, level=level),
        ece=expected_calibration_error(rows.confidence, right),
        brier=brier_score(rows.confidence, right),
        brier_isotonic=None if fitted is None else brier_score(fitted, right),
        brier_constant=rate * (1.0 - rate),
    )


def gap_area(exact: Matrix, drawn: "np.ndarray", told: Estimate) -> Estimate:
    """APGR: the share of the gap between worker and expert recovered, averaged over all shares escalated.

    The area under (pass - never) / (always - never) against the share escalated, straight between thresholds (Ong et
    al. 2024, who average ten points); random escalation has one half. None where the gap is not significant.
    """
    if not len(drawn):
        return replace(told, method="none", why=NO_INTERVALS)
    gap = drawn[:, -1, PASS] - drawn[:, 0, PASS]
    tail = (1.0 - told.level) / 2.0
    low, high = np.quantile(gap, [tail, 1.0 - tail])
    if not (low > 0.0 or high < 0.0):
        return replace(told, method="none", why="there is no significant gap between worker and expert")
    if high < 0.0:
        return replace(told, method="none", why="the expert passes less than the worker: there is no gap to recover")
    with np.errstate(invalid="ignore", divide="ignore"):
        areas = _area(drawn)
    return replay_estimate(float(_area(exact[None])[0]), areas, told)


def cpt(exact: Matrix) -> dict[str, float | None]:
    """The least share escalated that recovers 50% and 80% of the gap, straight between thresholds (Ong et al. 2024)."""
    gap = exact[-1, PASS] - exact[0, PASS]
    recovered, share = (exact[:, PASS] - exact[0, PASS]) / gap, exact[:, ESCALATED]
    found: dict[str, float | None] = {}
    for part in (0.5, 0.8):
        k = int(np.argmax(recovered >= part - 1e-12))
        rise = recovered[k] - recovered[k - 1]
        inside = (part - recovered[k - 1]) / rise if rise > 0.0 else 1.0
        found[f"{part:.0%}"] = float(share[k - 1] + inside * (share[k] - share[k - 1]))
    return found


def _area(figures: "np.ndarray") -> Vector:
    passed, share = figures[..., PASS], figures[..., ESCALATED]
    area = np.trapezoid(passed - passed[:, :1], share, axis=1)
    return np.asarray(area / (passed[:, -1] - passed[:, 0]))


def _isotonic(rows: Rows, seed: int) -> Vector | None:
    """Each attempt's pass rate by an isotonic fit on the other folds; clusters stay in one fold."""
    if rows.groups < 2:
        return None
    fold = (np.random.default_rng(seed).permutation(rows.groups) % min(FOLDS, rows.groups))[rows.clusters]
    fitted = np.empty(len(fold))
    for k in range(int(fold.max()) + 1):
        out = fold == k
        fitted[out] = isotonic_fit(rows.confidence[~out], rows.worker[~out])(rows.confidence[out])
    return fitted
