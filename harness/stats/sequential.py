"""Looking before the end: e-processes after every task, O'Brien-Fleming's bounds at a few planned looks."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.tails import normal_tail
from harness.stats.units import Vector, vector

_GRID = np.linspace(0.02, 0.98, 25)


def non_inferiority_e_value(wins: int, losses: int, ties: int, margin: float) -> float:
    """Evidence against "the difference is at most -margin", from counts alone, at any time.

    ``mean_j prod_i (1 + lam_j (D_i + m))`` over 25 bets lam_j = linspace(.02, .98) / (1 - m), D_i in {-1, 0, 1}
    (Waudby-Smith & Ramdas 2024). Act when it reaches 1 / alpha. Tasks come in an order fixed before any was seen.
    """
    if min(wins, losses, ties) < 0 or not 0.0 <= margin < 1.0:
        raise ValueError(f"counts cannot be negative, margin must lie in [0, 1): {wins}, {losses}, {ties}, {margin}")
    bets = _GRID / (1.0 - margin)
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
        self.margin, self._bets, self._logs = margin, _GRID / (1.0 - margin), np.zeros(len(_GRID))

    def after_each(self, values: ArrayLike) -> Vector:
        """The evidence after each of these further values; act when it reaches 1 / alpha."""
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
        top = logs.max(axis=1)
        found = top + np.log(np.exp(logs - top[:, None]).mean(axis=1))
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(found), dtype=np.float64)


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
