"""Whether a verdict can still come within the tasks that are left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats import BETS, fortune
from harness.verdict.arrays import Floats, Mask

HOPELESS = 0.05  # below this chance of a verdict a run is stopped
_FUTURES = 400
_BETS = BETS[::4]  # enough of them to see where it goes
_STEPS = 4  # between two looks, at which harm is looked for
_BORROWED = 20.0  # units of the whole, for how many they count in what is expected of a domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The evidence of harm on its way, overall or in one domain."""

    values: Floats  # the adjusted difference of each unit seen
    drag: float  # of the evidence so far, as `Adjuster` says
    peak: float  # the most evidence so far
    needed: float  # evidence at which harm is shown
    margin: float  # it counts where the difference lies below minus this
    ends: Floats  # units that it will have at each further look


def chance_of_a_verdict(
    whole: Course, family: Sequence[Course], margin: float, bounds: Sequence[float], look: int
) -> float:
    """The chance that a further look ships, or that harm is shown, if what comes is like what was seen.

    By simulation: the mean of what comes is drawn as far as what was seen leaves it open. ``bounds`` are the critical
    z values of the further looks, infinite where SHIP is out of reach anyway. Domains' chances are added up
    (Bonferroni), so that hope is never underrated, and only where the whole has less than `HOPELESS`.
    """
    chance = np.random.default_rng(look)
    mean, spread = _moments(whole)
    paths = _futures(whole, mean, spread, len(whole.values), chance)
    shown = _harmed(whole, *paths)  # overall it blocks at the last look however large the difference is
    deviation = math.sqrt(max(float(spread[-1, -1]), 1e-12))
    at_looks = paths[1][:, _STEPS - 1 :: _STEPS] / whole.ends
    z = (at_looks + margin) * np.sqrt(whole.ends) / deviation
    ships = (z > np.asarray(bounds)).any(axis=1)
    total = float((shown | ships).mean())
    for one in family if total < HOPELESS else ():
        n = len(one.values)
        if n and one.ends[-1] > n:
            own = (n * _moments(one)[0] + _BORROWED * mean) / (n + _BORROWED)
            total += float(_harmed(one, *_futures(one, own, spread, n + _BORROWED, chance)).mean())
    return min(1.0, total)


def _moments(course: Course) -> tuple[Floats, Floats]:
    """Mean and covariance of what a unit adds: to the logarithm of each bet, and to the sum of differences."""
    values = np.concatenate([course.values, [-1.0, 1.0]])  # what was not seen yet may come: one loss and one win more
    added = np.column_stack([np.log1p(-_BETS * values[:, None]), values])
    return added.mean(axis=0), np.cov(added, rowvar=False)


def _futures(
    course: Course, mean: Floats, spread: Floats, weight: float, chance: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Of each future and step the bets' logarithms, and the sum of differences; and the units at each step."""
    n = float(len(course.values))
    before = np.concatenate([[n], course.ends[:-1]])
    steps = np.concatenate([np.linspace(a, b, _STEPS + 1)[1:] for a, b in zip(before, course.ends, strict=True)])
    added = np.diff(steps, prepend=n)
    values, vectors = np.linalg.eigh(spread)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    means = mean + chance.standard_normal((_FUTURES, len(mean))) @ root.T / math.sqrt(max(weight, 1.0))
    noise = chance.standard_normal((_FUTURES, len(steps), len(mean))) @ root.T
    moved = np.cumsum(means[:, None, :] * added[:, None] + noise * np.sqrt(added)[:, None], axis=1)
    moved += np.concatenate([np.log1p(-_BETS * course.values[:, None]).sum(axis=0), [course.values.sum()]])
    return moved[..., :-1], moved[..., -1], steps


def _harmed(course: Course, logs: Floats, sums: Floats, steps: Floats) -> Mask:
    """Whether harm is shown at some step of each future."""
    drag = course.drag * (steps / max(1.0, len(course.values))) ** 2
    evidence = fortune((logs - 0.5 * drag[:, None] * _BETS**2).reshape(-1, len(_BETS))).reshape(sums.shape)
    enough = (evidence >= course.needed) | (course.peak >= course.needed)
    return np.asarray((enough & (sums < -course.margin * steps)).any(axis=1), dtype=bool)
