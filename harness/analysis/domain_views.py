"""What ``ownbench domains`` shows: one record, computed once and then only formatted."""

from dataclasses import dataclass, replace
from typing import Any

from harness.analysis.views import DomainDifference
from harness.core import Comparison, Estimate, as_json
from harness.stats import Heterogeneity, VarianceComponents

LIKELY = 0.9
"""A domain has regressed where its true difference is below 0 with more than this chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorseTasks:
    """Tasks at which a passes a smaller share of its trials than b, next to what chance alone makes of them."""

    observed: int
    expected_null: float
    """How many would look worse if nothing had changed."""
    sd_null: float
    excess: Estimate
    confirmed: tuple[str, ...]
    """Those that survive Benjamini-Hochberg at ``rate``."""
    again: tuple[str, ...]
    """All that look worse, surest first: those to try again with fresh trials."""
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """What ``ownbench domains`` shows. A figure that cannot be had is ``None``, its reason in ``reasons``."""

    a: str
    b: str | None
    """``None`` where the report has one contender: then only its own variance can be had."""
    n_tasks: int
    n_trials: int
    level: float
    unit: str
    comparison: Comparison | None
    spread: Heterogeneity | None
    """``None`` with fewer than two domains."""
    domains: tuple[DomainDifference, ...]
    worse: WorseTasks | None
    variance: VarianceComponents | None
    gain: Estimate
    """Share of b's failures that a makes good (Hake 1998); its value ``None`` where nothing was gained."""
    reasons: dict[str, str]
    warning: str | None
    notes: tuple[str, ...]

    @property
    def mean(self) -> Estimate:
        """Of the true differences of domains like these: random effects, surer ones weighing more; within [-1, 1]."""
        if self.spread is None:
            return self._missing("mean")
        found = self.spread.mean
        low, high = (None if end is None else min(1.0, max(-1.0, end)) for end in (found.low, found.high))
        return replace(found, low=low, high=high, n_tasks=self.n_tasks, n_trials=self.n_trials)

    @property
    def tau2(self) -> Estimate:
        """The variance of the domains' true differences."""
        if self.spread is None:
            return self._missing("tau2")
        return replace(self.spread.tau2, n_tasks=self.n_tasks, n_trials=self.n_trials)

    @property
    def prediction(self) -> tuple[float, float] | None:
        """Where the true difference in another domain would lie; ``None`` with fewer than three domains."""
        if self.spread is None or self.spread.prediction is None:
            return None
        low, high = self.spread.prediction
        return max(-1.0, low), min(1.0, high)

    @property
    def regressed(self) -> tuple[DomainDifference, ...]:
        """The domains whose true difference is likely to be below 0, the likeliest first."""
        found = [d for d in self.domains if d.below_zero is not None and d.below_zero > LIKELY]
        return tuple(sorted(found, key=lambda d: -(d.below_zero or 0.0)))

    @property
    def variance_shares(self) -> dict[str, float] | None:
        """The known ones of the components ``domain``, ``task`` and ``trial`` as shares of their sum.

        ``None`` where there are none, or nothing varies.
        """
        if self.variance is None:
            return None
        parts = {name: getattr(self.variance, name).value for name in ("domain", "task", "trial")}
        whole = sum(value for value in parts.values() if value is not None)
        return {name: value / whole for name, value in parts.items() if value is not None} if whole > 0 else None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; a null has its reason under ``why`` next to it."""
        found = {name: as_json(getattr(self, name)) for name in ("a", "b", "n_tasks", "n_trials", "level")}
        found |= {name: getattr(self.spread, name, None) for name in ("q", "df", "p_value", "i2")}
        found |= {name: as_json(getattr(self, name)) for name in ("tau2", "mean", "prediction")}
        worse = ("observed", "expected_null", "sd_null", "excess", "confirmed", "again")
        return found | {
            "expected_below_zero": getattr(self.spread, "expected_below_zero", None),
            "domains": as_json(self.domains),
            "regressed": [d.domain for d in self.regressed],
            "worse": {name: as_json(getattr(self.worse, name, None)) for name in worse}
            | {"why": None if self.worse else self.reasons.get("worse")},
            "variance": self._variance_json(),
            "gain": as_json(self.gain),
            "sentence": self.comparison.sentence if self.comparison else None,
            "notes": [*([self.warning] if self.warning else []), *self.notes],
            "why": "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items()) or None,
        }

    def _missing(self, name: str) -> Estimate:
        reason = self.reasons.get(name) or self.reasons.get("q")
        return Estimate(value=None, level=self.level, n_tasks=self.n_tasks, n_trials=self.n_trials, why=reason)

    def _variance_json(self) -> dict[str, Any]:
        variance = self.variance
        if variance is None:
            record: dict[str, Any] = dict.fromkeys(("domain", "task", "trial", "icc", "intervals", "advice"))
            return record | {"why": self.reasons.get("variance")}
        parts = {"domain": variance.domain, "task": variance.task, "trial": variance.trial}
        reasons = [f"{name}: {part.why}" for name, part in parts.items() if part.why]
        if variance.icc is None and variance.trial.value is not None:
            reasons.append("icc: nothing varies within domains")
        return {
            **{name: part.value for name, part in parts.items()},
            "icc": variance.icc,
            "intervals": {name: as_json((part.low, part.high)) for name, part in parts.items()},
            "advice": variance.advice,
            "why": "; ".join(reasons) or None,
        }
