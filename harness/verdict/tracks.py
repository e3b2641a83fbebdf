"""Evidence of harm on its way, overall and in each domain, for a run that may stop early."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.stats import Adjuster, BettingProcess
from harness.verdict.arrays import Floats, Ints, Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Where harm is looked for, and what of the baseline's outcomes is known there."""

    domain: str | None
    margin: float
    level: float
    times: int  # domains: their p values are adjusted for the number of them (Bonferroni)
    here: Mask  # which tasks it is of
    known: Floats  # of each task the baseline's mean, centred; 0 where it has none
    units: Floats  # of each of its units the mean of those
    present: Mask  # which units it is of


@dataclass(slots=True)
class Track:
    """The evidence of harm, overall or in one domain, from unit to unit.

    A unit's value is the mean difference of its tasks, adjusted by the baseline's outcomes. Harm is shown where the
    evidence has reached ``times / level`` at any moment (Ville 1939) and the difference over tasks lies below minus the
    margin.
    """

    of: Question
    process: BettingProcess = field(default_factory=BettingProcess)
    adjuster: Adjuster = field(init=False)
    peak: float = 1.0
    total: float = 0.0  # of the differences of the tasks judged
    judged: int = 0
    seen: list[Floats] = field(default_factory=list)  # the adjusted values of the units
    drags: list[Floats] = field(default_factory=list)  # of the evidence after each, as `Adjuster` says

    def __post_init__(self) -> None:
        self.adjuster = Adjuster(self.of.units)

    def shown(self, peak: Any, total: Any, judged: Any) -> Any:  # numbers, or arrays of them
        """Whether such evidence shows harm; the p value is one-sided and holds whenever it is looked at."""
        enough = np.minimum(1.0, self.of.times / peak) <= self.of.level
        return enough & (total < -self.of.margin * judged - 1e-9)

    def feed(self, units: Ints, values: Floats, judged: Mask, fit: Mask | None, start: int) -> int | None:
        """Takes in further tasks; the first of their units after which harm is shown, where ``fit[unit - start]``."""
        if len(units) == 0:
            return None
        names, codes = np.unique(units, return_inverse=True)
        sums, known, counts = (np.bincount(codes, weights=w) for w in (*values, judged))
        # The size is that of all planned tasks, judged or not: it is known before the bet.
        sizes = np.bincount(codes)
        adjusted, drag = self.adjuster.after_each(sums / sizes, known / sizes)
        self.seen.append(adjusted)
        self.drags.append(drag)
        path = np.maximum.accumulate(np.maximum(self.process.after_each(-adjusted, drag), self.peak))
        total, number = self.total + np.cumsum(sums), self.judged + np.cumsum(counts)
        shown = self.shown(path, total, number) & (True if fit is None else fit[names - start])
        self.peak, self.total, self.judged = float(path[-1]), float(total[-1]), int(number[-1])
        return int(names[shown.argmax()]) if shown.any() else None
