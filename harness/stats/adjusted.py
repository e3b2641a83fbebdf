"""Non-inferiority on a part of a suite of which the baseline's outcomes are known as a whole."""

import math
from dataclasses import dataclass

import numpy as np

from harness.stats.clustered import clusters_named
from harness.stats.comparison import pair_tasks
from harness.stats.noninferiority import NonInferiority
from harness.stats.score import score_z
from harness.stats.tails import normal_quantile, normal_tail, t_quantile
from harness.stats.units import Clusters, Contender, cluster_codes, kish_units, sum_by, vectors

STEEPEST = 0.7  # slope of an adjustment; a steeper one leaves residuals of few rare wins, which are far from normal


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMean:
    """The baseline's mean over all tasks of a suite."""

    mean: float
    variance: float  # of that mean, were the suite drawn anew: over clusters
    tasks: int


def known_mean(baseline: Contender, clusters: Clusters = None) -> KnownMean:
    """Of the baseline's tasks that have an outcome."""
    sums, counts = vectors(sums=baseline[0], counts=baseline[1])
    has = counts > 0
    values, n = sums[has] / counts[has], int(has.sum())
    if n == 0:
        return KnownMean(mean=0.0, variance=0.0, tasks=0)
    codes, groups = cluster_codes(None if clusters is None else np.asarray(clusters)[has], n)
    apart = sum_by(codes, values - values.mean(), groups)
    return KnownMean(mean=float(values.mean()), variance=float(apart @ apart) / n**2, tasks=n)


class AdjustedScore:
    """Tango's score for the difference on some tasks, adjusted to the suite's mean of the baseline.

    ``d + beta (b - bbar)`` in place of d: two-phase sampling with a regression estimator (Cochran 1977, chapter 12).
    Its variance is that of the residuals in the tasks seen, by `score_z`, and that of ``beta bbar`` in the whole suite.
    """

    def __init__(self, candidate: Contender, baseline: Contender, clusters: Clusters, known: KnownMean) -> None:
        pairs = pair_tasks(*candidate, *baseline, clusters)
        self.tasks, self.units, self._single, self._known = len(pairs.a), pairs.clusters, pairs.single, known
        self._sizes = sum_by(pairs.codes, np.ones(self.tasks), self.units)
        about = sum_by(pairs.codes, pairs.b - known.mean, self.units)
        apart = pairs.sums - (float(pairs.differences.mean()) if self.tasks else 0.0) * self._sizes
        square = float(about @ about)
        full = max(0.0, -float(apart @ about) / square) if square > 0.0 else 0.0
        slope = min(STEEPEST, full)
        self._sums = np.clip(pairs.sums + slope * about, -self._sizes, self._sizes)
        self._between = slope * (2.0 * full - slope) * known.variance
        self.delta = float(self._sums.sum()) / self.tasks if self.tasks else None

    def information(self, margin: float) -> float:
        """The share of the information that all tasks of the suite would hold."""
        share = self.tasks / max(self.tasks, self._known.tasks, 1)
        rest = self._rest(-margin)
        return share if rest is None else (rest * share + self._between) / (rest + self._between)

    def z(self, delta: float) -> float:
        """Large where the true difference lies above ``delta``."""
        rest, away = self._rest(delta), (self.delta or 0.0) - delta
        if rest is None:
            return 0.0
        error = math.sqrt(rest + self._between)
        if error == 0.0:
            return math.copysign(math.inf, away)
        z = away / error
        if z <= 1.0:
            return z
        return max(1.0, z - self._skewness(delta) / error**3 * (z * z - 1.0) / 6.0)

    def _skewness(self, delta: float) -> float:
        """The third moment of the mean of the residuals, were ``delta`` the truth, where it is skewed to the right."""
        u = (self._sums - delta * self._sizes) / float(self._sizes.mean())
        third = float(((u - u.mean()) ** 3).mean())
        return max(0.0, third) / self.units**2

    def test(self, margin: float, alpha: float) -> NonInferiority:
        """As `non_inferiority`."""
        from scipy.optimize import brentq
        from scipy.special import stdtr

        z, low, p = -math.inf, None, 1.0
        if self.units > 1 and self.delta is not None:
            t = self.z(-margin)
            p = normal_tail(t) if self._single else float(stdtr(self.units - 1, -t))
            z = t if self._single else -normal_quantile(p) if 0.0 < p < 1.0 else math.copysign(math.inf, t)
            wanted = -normal_quantile(alpha) if self._single else t_quantile(1.0 - alpha, self.units - 1)
            low = -1.0
            if self.delta > -1.0 + 1e-9 and self.z(-1.0) > wanted:
                low = float(brentq(lambda at: min(self.z(at), 2 * wanted) - wanted, -1.0, self.delta, xtol=1e-12))
        on = "" if self._single else f" on {clusters_named(self.units, kish_units(self._sizes))}"
        method = f"score test{on}, adjusted by the baseline's outcomes"
        return NonInferiority(delta=self.delta, margin=margin, p_value=p, z=z, low=low, alpha=alpha, holds=p < alpha,
                              n_tasks=self.tasks, method=method)  # fmt: skip

    def _rest(self, delta: float) -> float | None:
        """The variance of the mean of the residuals, were ``delta`` the truth; None at the difference seen."""
        away = (self.delta or 0.0) - delta
        z = score_z(self._sums, self._sizes, delta) if self.units > 1 else 0.0
        return None if abs(away) <= 1e-12 or z == 0.0 else 0.0 if math.isinf(z) else (away / z) ** 2
