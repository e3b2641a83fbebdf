"""Do domains differ in their effect, and how far should each domain's own number be believed?

A random-effects view: each domain's true effect is drawn around a common mean with variance tau^2, and is seen with its
own error. Raw ranks of domains are mostly noise below about 50 tasks each; shrunk effects stand beside them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.tails import chi2_quantile, chi2_tail, crossing, normal_tail, t_quantile, two_sided_t, two_sided_z
from harness.stats.units import Vector, same_length, vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    """How much the domains' true effects differ."""

    q: float
    df: int
    p_value: float | None
    i2: float | None  # share of the spread that chance does not explain, 0 to 1
    tau2: Estimate  # variance of the true effects; tau^2 = 0 is not certainty, so the upper end is there to be shown
    mean: Estimate
    prediction: tuple[float, float] | None
    """Where the true effect of another domain would lie; None with fewer than three domains."""
    shrunk: tuple[Estimate, ...]  # one a domain, in the order given
    below_zero: tuple[float, ...]  # one a domain: the chance that its true effect is below 0
    expected_below_zero: float


def heterogeneity(effects: ArrayLike, variances: ArrayLike, level: float = 0.95) -> Heterogeneity:
    """Cochran's Q, I^2, tau^2 with its interval, the mean, the prediction interval, and each domain's shrunk effect.

    ``Q = sum (d_k - dbar)^2 / v_k`` on K - 1 df (Cochran 1954); ``I^2 = max(0, (Q - df) / Q)`` (Higgins & Thompson
    2002); tau^2 solves ``Q(tau^2) = K - 1`` (Paule & Mandel 1982), its interval profiles the same Q (Viechtbauer 2007);
    the mean's variance is that of Hartung & Knapp 2001 and Sidik & Jonkman 2002, never below the plain one (Jackson et
    al. 2017), with t on K - 1; prediction on K - 2 (Higgins, Thompson & Spiegelhalter 2009); shrinkage ``theta_k = mu +
    B_k (d_k - mu)``, ``B_k = tau^2 / (tau^2 + v_k)``, variance ``B_k v_k + (1 - B_k)^2 Var(mu)``. The v_k are taken as
    known: with few tasks in a domain that is a stretch.

    ``effects`` are d_k; ``variances`` are v_k, squared standard errors.
    """
    z = two_sided_z(level)
    d, v = vector(effects, "effects"), vector(variances, "variances")
    count = same_length(effects=d, variances=v)
    if count == 0 or not np.all(v > 0.0) or not np.all(np.isfinite(v)):
        raise ValueError("every domain needs a variance above 0; see `domain_variance`")
    df = count - 1
    q = _q(d, v, 0.0)
    tau2, tau_low, tau_high = _paule_mandel(d, v), None, None
    if df:
        tail = (1.0 - level) / 2.0
        tau_low = _solve(lambda t: _q(d, v, t) - chi2_quantile(1.0 - tail, df))
        tau_high = _solve(lambda t: _q(d, v, t) - chi2_quantile(tail, df))
    weights = 1.0 / (v + tau2)
    mu = float(weights @ d / weights.sum())
    inflation = max(1.0, float(weights @ (d - mu) ** 2) / df) if df else 1.0
    mu_variance = inflation / float(weights.sum())
    half = (two_sided_t(level, df) if df else z) * math.sqrt(mu_variance)
    prediction = None
    if count >= 3:
        reach = t_quantile(0.5 + level / 2.0, count - 2) * math.sqrt(tau2 + mu_variance)
        prediction = (mu - reach, mu + reach)
    trust = tau2 / (tau2 + v)
    theta = mu + trust * (d - mu)
    error = np.sqrt(trust * v + (1.0 - trust) ** 2 * mu_variance)
    below = tuple(normal_tail(value / spread) for value, spread in zip(theta.tolist(), error.tolist(), strict=True))
    one = "one domain says nothing about differences between domains"
    unknown = Estimate(value=None, level=level, method="Paule-Mandel, Q-profile", why=one)
    return Heterogeneity(
        q=q,
        df=df,
        p_value=chi2_tail(q, df) if df else None,
        i2=(max(0.0, (q - df) / q) if q > 0.0 else 0.0) if df else None,
        tau2=replace(unknown, value=tau2, low=tau_low, high=tau_high, why=None) if df else unknown,
        mean=Estimate(value=mu, low=mu - half, high=mu + half, level=level, method="random effects, HKSJ"),
        prediction=prediction,
        shrunk=tuple(
            Estimate(value=t, low=t - z * s, high=t + z * s, level=level, method="empirical Bayes")
            for t, s in zip(theta.tolist(), error.tolist(), strict=True)
        ),
        below_zero=below,
        expected_below_zero=math.fsum(below),
    )


def _q(d: Vector, v: Vector, tau2: float) -> float:
    """The generalised Q, which falls as tau^2 grows."""
    w = 1.0 / (v + tau2)
    return float(w @ (d - w @ d / w.sum()) ** 2)


def _paule_mandel(d: Vector, v: Vector) -> float:
    return _solve(lambda t: _q(d, v, t) - (len(d) - 1)) if len(d) > 1 else 0.0


def _solve(falling: Callable[[float], float]) -> float:
    """Where a falling function crosses 0, or 0 where it starts below."""
    if falling(0.0) <= 0.0:
        return 0.0
    high = 1e-6
    while falling(high) > 0.0:
        high *= 4.0
    return crossing(lambda t: falling(t) <= 0.0, 0.0, high)[1]
