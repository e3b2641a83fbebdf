"""Looking before the end: e-processes after every task, O'Brien-Fleming's bounds at a few planned looks."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.tails import crossing, normal_tail
from harness.stats.units import Codes, Matrix, Vector, vector, vectors

BETS = np.linspace(0.02, 0.98, 25)  # of 25 gamblers, as shares of what they have where the margin is 0
_NODES = 160  # of the integral over what goes on
SLOPE, SLOPE_WEIGHT = 0.4, 10.0  # what is supposed of an adjuster's slope before any unit, and for how many it counts


def non_inferiority_e_value(wins: int, losses: int, ties: int, margin: float) -> float:
    """Evidence against "the difference is at most -margin", from counts alone, at any time.

    ``mean_j prod_i (1 + lam_j (D_i + m))`` over 25 bets lam_j = linspace(.02, .98) / (1 - m), D_i in {-1, 0, 1}
    (Waudby-Smith & Ramdas 2024). Act when it reaches 1 / alpha. Tasks come in an order fixed before any was seen.
    """
    if min(wins, losses, ties) < 0 or not 0.0 <= margin < 1.0:
        raise ValueError(f"counts cannot be negative, margin must lie in [0, 1): {wins}, {losses}, {ties}, {margin}")
    bets = BETS / (1.0 - margin)
    won, lost, tied = (np.log1p(bets * (value + margin)) for value in (1.0, -1.0, 0.0))
    logs = wins * won + losses * lost + ties * tied
    top = float(logs.max())
    log = top + math.log(float(np.exp(logs - top).mean()))
    return math.exp(log) if log < 700.0 else math.inf


def harm_e_value(wins: int, losses: int, ties: int = 0) -> float:
    """Evidence against "the candidate is no worse": `non_inferiority_e_value` of the losses with margin 0."""
    return non_inferiority_e_value(losses, wins, ties, 0.0)


class BettingProcess:
    """Evidence against "the mean is at most -margin", value by value, for values anywhere in [-1, 1].

    The mean of 25 gamblers' fortunes ``prod_i (1 + lam_j (D_i + m))``, bets as in `non_inferiority_e_value`
    (Waudby-Smith & Ramdas 2024): at most 1 in the mean under the hypothesis whenever it is looked at, if values come
    independently and in an order fixed before any was seen. For harm give losses as positive values and no margin.
    """

    def __init__(self, margin: float = 0.0) -> None:
        """Nothing seen yet: the evidence is 1. ``margin`` lies from 0 to below 1."""
        if not 0.0 <= margin < 1.0:
            raise ValueError(f"margin must lie in [0, 1), not {margin}")
        self.margin, self._bets, self._logs = margin, BETS / (1.0 - margin), np.zeros(len(BETS))

    def after_each(self, values: ArrayLike, drag: ArrayLike | None = None) -> Vector:
        """The evidence after each of these further values; act when it reaches 1 / alpha. ``drag`` as `adjusted`."""
        d = vector(values, "values")
        if len(d) == 0:
            return np.zeros(0)
        if not np.all(np.abs(d) <= 1.0 + 1e-9):  # a nan fails too
            raise ValueError("every value must lie in [-1, 1]")
        # Wins, losses and ties come by the thousand: a logarithm for each different value, not for each value.
        different, place = np.unique(np.clip(d, -1.0, 1.0), return_inverse=True)
        steps = np.log1p(self._bets * (different[:, None] + self.margin))
        logs = self._logs + np.cumsum(steps[place], axis=0)
        self._logs = logs[-1]
        return fortune(logs if drag is None else logs - 0.5 * np.outer(vector(drag, "drag"), self._bets**2))


def fortune(logs: Matrix) -> Vector:
    """The mean of the gamblers' fortunes, of their logarithms."""
    top = logs.max(axis=1)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(top + np.log(np.exp(logs - top[:, None]).mean(axis=1))), dtype=np.float64)


class Adjuster:
    """Takes out of differences what the baseline's own outcome says of them, known for all units beforehand.

    Where the baseline passed, the candidate can only lose: ``d + beta (b - bbar)`` has the mean of d and less variance
    (a control variate; Cochran 1977, section 7). The slope beta is that of the units before, drawn to `SLOPE` as by
    `SLOPE_WEIGHT` of them. That ``bbar`` is of a suite and not of all tasks like these costs the evidence a drag: for
    a bet of lam, ``lam^2 / 2`` times the variance of ``sum(beta) bbar``.
    """

    def __init__(self, covariates: ArrayLike) -> None:
        """Of every unit of the suite, seen or not, what is known: centred, between -1 and 1."""
        known = vector(covariates, "covariates")
        self._variance = float(known.var()) if len(known) else 0.0
        self._of_mean = self._variance / max(1, len(known))
        self._products = self._squares = self._slopes = 0.0

    def after_each(self, values: ArrayLike, covariates: ArrayLike) -> tuple[Vector, Vector]:
        """The adjusted value of each further unit, and the drag of all so far."""
        d, c = vectors(values=values, covariates=covariates)
        prior = SLOPE_WEIGHT * self._variance
        squares = self._squares + np.cumsum(c * c)
        products = self._products + np.cumsum(d * c)
        before = np.concatenate([[self._products], products[:-1]]), np.concatenate([[self._squares], squares[:-1]])
        slope = np.clip((SLOPE * prior - before[0]) / np.maximum(prior + before[1], 1e-12), 0.0, 1.0)
        slopes = self._slopes + np.cumsum(slope)
        if len(d):
            self._products, self._squares, self._slopes = products[-1], squares[-1], slopes[-1]
        return np.clip(d + slope * c, -1.0, 1.0), slopes**2 * self._of_mean


def anytime_interval(values: ArrayLike, level: float = 0.95, drag: ArrayLike | None = None) -> tuple[float, float]:
    """Limits of the mean of values in [-1, 1] that hold whenever they are looked at: the betting process turned around.

    A mean is left out once the evidence against it, from either side, has reached ``2 / (1 - level)`` (Waudby-Smith &
    Ramdas 2024). Values come independently, in an order fixed before any was seen; ``drag`` as `Adjuster` gives it.
    """
    d = vector(values, "values")
    if not np.all(np.abs(d) <= 1.0 + 1e-9):
        raise ValueError("every value must lie in [-1, 1]")
    different, place = np.unique(np.clip(d, -1.0, 1.0), return_inverse=True)
    cost = None if drag is None else vector(drag, "drag")
    low, high = (_anytime_low(sign * different, place, cost, level) for sign in (1.0, -1.0))
    return low, -high


def _anytime_low(values: Vector, place: Codes, drag: Vector | None, level: float) -> float:
    """The largest mean that was refuted from below; -1 where none was."""

    def refuted(mean: float) -> bool:
        """Whether "the mean is at most this" has had that much against it."""
        bets = BETS / (1.0 + max(mean, 0.0))  # below 0 larger ones would do, but for what the drag costs them
        logs = np.cumsum(np.log1p(bets * (values[:, None] - mean))[place], axis=0)
        logs = logs if drag is None else logs - 0.5 * np.outer(drag, bets**2)
        return bool(len(logs) and fortune(logs).max() >= 2.0 / (1.0 - level) * (1.0 - 1e-12))

    ends = (-1.0 + 1e-9, 1.0 - 1e-9)
    if not refuted(ends[0]):
        return -1.0
    return crossing(lambda mean: not refuted(mean), *ends)[0]


class ErrorSpending:
    """Critical z values at looks as they come, at ``alpha t^2`` spent by the information time t (Lan & DeMets 1983).

    One-sided; the power family of Kim & DeMets (1987) by numerical integration (Armitage, McPherson & Rowe 1969).
    """

    def __init__(self, alpha: float = 0.05) -> None:
        if not 0.0 < alpha < 0.5:
            raise ValueError(f"alpha must lie in (0, .5), not {alpha}")
        self.alpha, self._time = alpha, 0.0
        self._nodes, self._mass = np.zeros(1), np.ones(1)  # what goes on: where it is, and how much is there

    def bound(self, time: float) -> float:
        """The bound of the next look; infinite where nothing was added since the last one."""
        from scipy.optimize import brentq
        from scipy.special import ndtr

        before, self._time = self._time, max(self._time, min(time, 1.0))
        step, spent = self._time - before, self.alpha * (self._time**2 - before**2)
        if step <= 1e-9:
            return math.inf
        root = math.sqrt(step)

        def excess(edge: float) -> float:
            return float(self._mass @ ndtr((self._nodes - edge) / root)) - spent

        edge = float(brentq(excess, -9.0, 9.0, xtol=1e-10))
        unit, weight = _legendre(_NODES)
        half = 0.5 * (edge + 8.0 * math.sqrt(self._time))
        nodes = edge - half + half * unit
        density = np.exp(-0.5 * ((nodes[None, :] - self._nodes[:, None]) / root) ** 2) / (math.sqrt(2 * math.pi) * root)
        self._nodes, self._mass = nodes, (self._mass @ density) * (half * weight)
        return edge / math.sqrt(self._time)


@lru_cache(maxsize=4)
def _legendre(nodes: int) -> tuple[Vector, Vector]:
    unit, weight = np.polynomial.legendre.leggauss(nodes)
    return np.asarray(unit, dtype=np.float64), np.asarray(weight, dtype=np.float64)


@lru_cache(maxsize=64)
def obrien_fleming_bounds(looks: int, alpha: float = 0.05, *, two_sided: bool = False) -> tuple[float, ...]:
    """Critical z values at equally spaced looks, ``C sqrt(K / k)``, that hold the level over all looks together.

    O'Brien & Fleming 1979; C by recursive numerical integration (Armitage, McPherson & Rowe 1969), as tabulated in
    Jennison & Turnbull 2000, table 2.3.
    """
    from scipy.optimize import brentq

    if looks < 1 or not 0.0 < alpha < 0.5:
        raise ValueError(f"at least one look and an alpha in (0, .5) are needed, not {looks} and {alpha}")
    shape = [math.sqrt(looks / k) for k in range(1, looks + 1)]

    def excess(constant: float) -> float:
        return crossing_probability([constant * s for s in shape], two_sided=two_sided) - alpha

    constant = float(brentq(excess, 0.05, 8.0, xtol=1e-10))
    return tuple(constant * s for s in shape)


def crossing_probability(bounds: Sequence[float], drift: float = 0.0, *, two_sided: bool = False) -> float:
    """The chance that z crosses its bound at some of K equally spaced looks; ``drift`` is the mean of the last z."""
    from scipy.special import ndtr

    looks = len(bounds)
    step = drift / math.sqrt(looks)
    edges = [bound * math.sqrt(k) for k, bound in enumerate(bounds, start=1)]
    reach = 9.0 * math.sqrt(looks) + abs(step) * looks
    unit, unit_weight = (np.asarray(x, dtype=np.float64) for x in np.polynomial.legendre.leggauss(30 + 15 * looks))

    def laid(edge: float) -> tuple[Vector, Vector]:
        """Nodes and weights of the integral over what goes on below the edge."""
        low = -edge if two_sided else -reach
        half = 0.5 * (edge - low)
        return 0.5 * (low + edge) + half * unit, half * unit_weight

    def density(x: Vector) -> Vector:
        return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)

    crossed = normal_tail(edges[0] - step) + (normal_tail(edges[0] + step) if two_sided else 0.0)
    nodes, weights = laid(edges[0])
    mass = density(nodes - step) * weights
    for edge in edges[1:]:
        crossed += float(mass @ ndtr(-(edge - step - nodes)))
        if two_sided:
            crossed += float(mass @ ndtr(-(edge + step + nodes)))
        following, weights = laid(edge)
        mass = (mass @ density(following[None, :] - nodes[:, None] - step)) * weights
        nodes = following
    return crossed
