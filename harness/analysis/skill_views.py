"""What the page of skills shows: what was shown, opened and gained, as records that are then only formatted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.analysis.designs import Design
from harness.analysis.views import DomainSpread, missing_why
from harness.core import Comparison, Estimate, as_json


@dataclass(frozen=True, slots=True, kw_only=True)
class SkilledContender:
    """One contender that was given skills. Attempts are graded attempts, as in the scoreboard."""

    name: str
    kind: str
    model: str | None
    arm: str | None
    """How its skills are delivered: ``flat``, ``progressive`` or ``placebo``; ``None`` where the manifest is silent."""
    why: str | None
    """Why the arm is not known."""
    bare: str | None
    """The contender of the same model and adapter without skills."""
    placebo: str | None
    """The same but for a placebo in place of each skill."""
    n_tasks: int
    n_trials: int
    unrecorded: int
    """Attempts that ended before any answer, in a fault of the contender's own: what they were shown is not known.
    They are in the pass rate, and not in the shares below."""
    pass_rate: Estimate
    shown: Estimate
    """Share of attempts to which at least one skill was shown."""
    opened: Estimate
    """Share of attempts that opened at least one."""
    opened_skills: Estimate
    """How many skills an attempt opened in the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillScore:
    """One skill in the hands of one contender."""

    skill: str
    contender: str
    arm: str | None
    suites: tuple[str, ...]
    """Where it was shown."""
    n_shown: int | None
    """Attempts that were shown it; ``None`` where the rows do not say."""
    n_opened: int | None
    """Attempts that opened it; ``None`` where nothing can be opened, or the rows do not say."""
    passed_shown: Estimate
    passed_opened: Estimate
    passed_unopened: Estimate
    """Where it was shown and not opened. Against ``passed_opened`` this is no effect: the model chooses."""
    beside: tuple[str, ...]
    """Skills that stood in every prompt in which this one stood: what is said of one is said of all of them."""
    lift: Comparison | None
    """Against the bare counterpart, on the tasks at which the skill was shown."""
    why: str | None
    """Why there is no lift of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """A contender with skills minus one without them."""

    contender: str
    against: str
    control: str
    """``bare`` or ``placebo``: what the other was shown in place of the skills."""
    comparison: Comparison | None
    spread: DomainSpread | None
    """How it differs between domains, where there are several; `harness.report.pair_of` has each of them."""
    why: str | None
    """Why they cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPair:
    """Progressive minus flat, of one model and adapter."""

    progressive: str
    flat: str
    same_skills: bool
    """Whether both have the very same skills; else the one's are among the other's."""
    comparison: Comparison | None
    spread: DomainSpread | None
    """As in `Lift`."""
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skills:
    """What the page of skills shows. A part that cannot be had is empty, its reason in ``reasons``."""

    report: str
    split: str
    level: float
    unit: str
    """What is resampled: ``task``, or ``cluster`` where tasks share a source."""
    contenders: tuple[SkilledContender, ...]
    skills: tuple[SkillScore, ...]
    lifts: tuple[Lift, ...]
    deliveries: tuple[DeliveryPair, ...]
    designs: tuple[Design, ...]
    """Tuned x skilled, once for each contender that is both."""
    reasons: Mapping[str, str]
    """Of ``contenders``, ``lifts``, ``deliveries`` and ``designs``, why a part is empty."""
    alarms: tuple[str, ...]
    """What must be said loudly: skills that did not arrive, and baselines that were shown some."""
    warning: str | None
    """The loud line over a run that is not done."""
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; a null comparison has its reason under ``why`` next to it."""
        record: dict[str, Any] = as_json(self)
        for part, key in (("skills", "lift"), ("lifts", "comparison"), ("deliveries", "comparison")):
            for written, one in zip(record[part], getattr(self, part), strict=True):
                if written[key] is not None:
                    written[key]["why"] = missing_why(getattr(one, key))
        record["designs"] = [design.as_json() for design in self.designs]
        warning = record.pop("warning")
        record["notes"] = [*([warning] if warning else []), *record["notes"]]
        return record
