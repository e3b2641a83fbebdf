"""How a sweep is asked for: what a threshold is chosen for, and which signal it looks at."""

import math
from dataclasses import dataclass

from harness.core import UsageError
from harness.stats import Objective
from harness.verdict.sweep_rows import NO_SIGNAL, SIGNALS

OBJECTIVES = {"utility": "cost_weight", "pass": "max_cost", "cost": "min_pass"}
"""What a threshold is chosen for, and the number that it needs; ``pass`` does without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepGoal:
    """What a threshold is chosen for."""

    name: str = "pass"
    """A key of `OBJECTIVES`."""
    cost_weight: float | None = None
    max_cost: float | None = None
    min_pass: float | None = None

    @property
    def needs_cost(self) -> bool:
        """Whether it cannot do without known costs."""
        return self.name != "pass" or self.max_cost is not None

    @property
    def objective(self) -> Objective:
        """As the choosing takes it; without a bound on the cost the bound is infinite."""
        if self.name == "pass":
            return Objective(max_cost=math.inf if self.max_cost is None else self.max_cost)
        return Objective(cost_weight=self.cost_weight, min_pass=self.min_pass)

    def checked(self) -> "SweepGoal":
        """Itself.

        Raises:
            UsageError: an unknown objective, a number missing or one of another objective.
        """
        if self.name not in OBJECTIVES:
            raise UsageError(f"unknown objective {self.name!r}; use one of {', '.join(OBJECTIVES)}")
        for name, key in OBJECTIVES.items():
            given = getattr(self, key)
            option = "--" + key.replace("_", "-")
            if given is None and name == self.name != "pass":
                raise UsageError(f"the objective {name} needs {option}")
            if given is not None and name != self.name:
                raise UsageError(f"{option} belongs to --objective {name}, not to {self.name}")
            if given is not None and not (math.isfinite(given) and given >= 0.0):
                raise UsageError(f"{option} is a number from 0, found {given}")
        if self.min_pass is not None and self.min_pass > 1.0:
            raise UsageError(f"--min-pass is a share from 0 to 1, found {self.min_pass}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """How a sweep is asked for; the words are those of `sweep`."""

    signal: str = "confidence"
    confidence_from: str | None = None
    live: str | None = None
    level: float = 0.95
    seed: int = 0
    intervals: bool = True
    """Without them every figure comes at once and alone, and nothing is said against the controls."""

    def checked(self) -> "SweepSettings":
        """Itself.

        Raises:
            UsageError: the signal is none.
        """
        if self.signal == NO_SIGNAL:
            raise UsageError(f"a sweep needs a signal; use one of {', '.join(SIGNALS)}")
        return self
