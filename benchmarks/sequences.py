"""What happens to those who look before the end: e-processes, O'Brien-Fleming's looks, peeking at a fixed-size test.

Tasks come one by one; a task is won with the chance (discordant + delta) / 2 and lost with (discordant - delta) / 2.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from simulations import Share, counted

from harness import stats

Array = NDArray[Any]
DISCORDANT, MARGIN, TASKS, ALPHA = 0.2, 0.05, 600, 0.05


@dataclass(frozen=True, slots=True)
class Stopped:
    """How many runs were stopped with a verdict, and after how many tasks."""

    share: Share
    tasks: float
    """Mean number of tasks; a run without a verdict took all of them."""
    tasks_error: float


def paths(delta: float, runs: int, seed: int) -> tuple[Array, Array]:
    """Wins and losses of the candidate after 1, 2, ..., 600 tasks: two arrays of shape (runs, 600)."""
    drawn = np.random.default_rng(seed).random((runs, TASKS))
    win, loss = (DISCORDANT + delta) / 2.0, (DISCORDANT - delta) / 2.0
    return np.cumsum(drawn < win, axis=1, dtype=np.int32), np.cumsum(drawn > 1.0 - loss, axis=1, dtype=np.int32)


def stopped(crossed: Array, looks: Array | None = None) -> Stopped:
    """From (runs, looks) booleans to the verdicts; ``looks`` are the tasks at each look, by default 1, 2, ..."""
    at = np.arange(1, crossed.shape[1] + 1) if looks is None else looks
    ever = crossed.any(axis=1)
    taken = np.where(ever, at[crossed.argmax(axis=1)], TASKS)
    return Stopped(counted(ever), float(taken.mean()), float(taken.std() / math.sqrt(len(taken))))


def harm_process(wins: Array, losses: Array) -> Array:
    """Whether the program's `harm_e_value` calls for a block, after every task."""
    return _looked_up(stats.harm_e_value, wins, losses) >= 1.0 / ALPHA


def _looked_up(e_value: Any, wins: Array, losses: Array) -> Array:
    """The program's e-value of each pair of counts that occurs, each computed once."""
    width = int(losses.max()) + 1
    pairs, place = np.unique(wins * width + losses, return_inverse=True)
    values = np.array([e_value(int(pair // width), int(pair % width)) for pair in pairs])
    return np.asarray(values[place].reshape(wins.shape))


def pass_process(wins: Array, losses: Array) -> Array:
    """Whether the e-process for non-inferiority calls for a pass, after every task.

    Logarithms of all bets at once, since a million calls would take minutes; the program's own function is asked at
    every stop and at the task before it, and must agree.
    """
    ties = np.arange(1, TASKS + 1) - wins - losses
    total = np.zeros(wins.shape)
    bets = np.linspace(0.02, 0.98, 25) / (1.0 - MARGIN)
    for bet in bets:
        up, down, tie = (math.log1p(bet * (step + MARGIN)) for step in (1.0, -1.0, 0.0))
        total += np.exp(wins * up + losses * down + ties * tie)
    crossed = np.asarray(total / len(bets) >= 1.0 / ALPHA)
    for run in np.flatnonzero(crossed.any(axis=1)):
        stop = int(crossed[run].argmax())
        for place, expected in ((stop, True), (stop - 1, False)):
            if place >= 0:
                counts = int(wins[run, place]), int(losses[run, place]), int(ties[run, place])
                if (stats.non_inferiority_e_value(*counts, MARGIN) >= 1.0 / ALPHA) is not expected:
                    raise AssertionError(f"the fast e-process and the program's differ at {counts}")
    return crossed


@cache
def margin_z(wins: int, losses: int, tasks: int) -> float:
    return stats.tango_z(wins, losses, tasks, -MARGIN)


def looks_at(wins: Array, losses: Array, every: int, bounds: "tuple[float, ...] | float") -> tuple[Array, Array]:
    """Whether Tango's Z at the margin exceeds its bound at each look, and the tasks at those looks."""
    at = np.arange(every, TASKS + 1, every)
    limits = np.broadcast_to(bounds, at.shape)
    z = np.array(
        [[margin_z(int(w[n - 1]), int(c[n - 1]), int(n)) for n in at] for w, c in zip(wins, losses, strict=True)]
    )
    return z > limits, at
