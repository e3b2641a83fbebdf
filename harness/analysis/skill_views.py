"""What the page of skills shows: what was shown, opened and gained, the alarms, and what the figures rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.common_tasks import OF_THE_ROWS, unit_note
from harness.analysis.designs import Design
from harness.analysis.skill_attempts import SkillAttempts
from harness.analysis.views import DomainSpread, missing_why, warned
from harness.core import Comparison, Estimate, as_json, listed, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class SkilledContender:
    """One contender that was given skills. Attempts are graded attempts, as in the scoreboard."""

    name: str
    kind: str
    model: str | None
    arm: str | None
    """How its skills are delivered: ``flat``, ``progressive`` or ``placebo``; ``None`` where the manifest is silent."""
    why: str | None  # why the arm is not known
    bare: str | None  # the contender of the same model and adapter without skills
    placebo: str | None  # the same but for a placebo in place of each skill
    n_tasks: int
    n_trials: int
    unrecorded: int
    """Attempts that ended before any answer, in a fault of the contender's own: what they were shown is not known.
    They are in the pass rate, and not in the shares below."""
    pass_rate: Estimate
    shown: Estimate  # share of attempts to which at least one skill was shown
    opened: Estimate  # share of attempts that opened at least one
    opened_skills: Estimate  # how many skills an attempt opened in the mean


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillScore:
    """One skill in the hands of one contender."""

    skill: str
    contender: str
    arm: str | None
    suites: tuple[str, ...]  # where it was shown
    n_shown: int | None  # attempts that were shown it; ``None`` where the rows do not say
    n_opened: int | None  # attempts that opened it; ``None`` where nothing can be opened, or the rows do not say
    passed_shown: Estimate
    passed_opened: Estimate
    passed_unopened: Estimate
    """Where it was shown and not opened. Against ``passed_opened`` this is no effect: the model chooses."""
    beside: tuple[str, ...]
    """Skills that stood in every prompt in which this one stood: what is said of one is said of all of them."""
    lift: Comparison | None  # against the bare counterpart, on the tasks at which the skill was shown
    why: str | None  # why there is no lift of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """A contender with skills minus one without them."""

    contender: str
    against: str
    control: str  # ``bare`` or ``placebo``: what the other was shown in place of the skills
    comparison: Comparison | None
    spread: DomainSpread | None
    """How it differs between domains, where there are several; `harness.report.pair_of` has each of them."""
    why: str | None  # why they cannot be compared


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPair:
    """Progressive minus flat, of one model and adapter."""

    progressive: str
    flat: str
    same_skills: bool  # whether both have the very same skills; else the one's are among the other's
    comparison: Comparison | None
    spread: DomainSpread | None  # as in `Lift`
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skills:
    """What the page of skills shows. A part that cannot be had is empty, its reason in ``reasons``."""

    report: str
    split: str
    level: float
    unit: str  # what is resampled: ``task``, or ``cluster`` where tasks share a source
    contenders: tuple[SkilledContender, ...]
    skills: tuple[SkillScore, ...]
    lifts: tuple[Lift, ...]
    deliveries: tuple[DeliveryPair, ...]
    designs: tuple[Design, ...]  # tuned x skilled, once for each contender that is both
    reasons: Mapping[str, str]  # of ``contenders``, ``lifts``, ``deliveries`` and ``designs``, why a part is empty
    alarms: tuple[str, ...]  # what must be said loudly: skills that did not arrive, and baselines that were shown some
    warning: str | None  # the loud line over a run that is not done
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; a null comparison has its reason under ``why`` next to it."""
        record: dict[str, Any] = as_json(self)
        for part, key in (("skills", "lift"), ("lifts", "comparison"), ("deliveries", "comparison")):
            for written, one in zip(record[part], getattr(self, part), strict=True):
                if written[key] is not None:
                    written[key]["why"] = missing_why(getattr(one, key))
        record["designs"] = [design.as_json() for design in self.designs]
        return warned(record)


CLOSED = ("flat", "placebo")  # arms in which the whole text stands in the prompt, and there is nothing to open
NOTHING_TO_OPEN = "the text is in the prompt: there is nothing to open"


def no_bare(of: SkilledContender) -> str:
    """Why a contender has no lift."""
    if of.arm is None:
        return "without a manifest that tells models, nobody is known to be its bare counterpart"
    return "no contender is the same model and adapter without skills"


def alarms_of(
    every: Mapping[str, SkillAttempts], contenders: Sequence[SkilledContender], scores: Sequence[SkillScore]
) -> tuple[str, ...]:
    """What must be said loudly: skills that were given and did not arrive, and baselines that were shown some."""
    found = []
    for of in contenders:
        given, shown = _delivered(every[of.name])
        attempts = plural(given, "attempt")
        if given and not shown:
            found.append(f"{of.name} was given skills ({of.arm}), and none of its {attempts} was shown any: what was "
                         "measured is not a contender with skills")  # fmt: skip
            continue
        if shown < given:
            found.append(f"{of.name}: {given - shown:,} of {attempts} were shown no skill, although skills were given")
        if shown and of.arm not in CLOSED and of.opened.value == 0:
            found.append(f"{of.name} opened no skill in any of {attempts}: what was measured is the catalogue alone")
        never = [s.skill for s in scores if s.contender == of.name and s.n_shown == 0]
        if shown and never:
            found.append(f"{of.name} was given {listed(never)}, which no attempt was shown")
    for name, one in every.items():
        if one.given is not None and one.given.arm is None and one.seen:
            found.append(f"{name} has no skills, and yet its attempts record {listed(one.seen)}: it is no bare "
                         "counterpart")  # fmt: skip
    return tuple(found)


def _delivered(one: SkillAttempts) -> tuple[int, int]:
    """Attempts at suites for which the contender has skills, as far as they are recorded, and those shown one."""
    if one.given is None:
        return 0, 0
    _, shown, numbers = one.at_tasks({p: float(bool(one.shown[p])) for p in one.recorded["shown"]})
    expected = [place for place, suite in enumerate(one.table.suites) if one.given.skills.get(suite)]
    return int(numbers[expected].sum()), round(float(shown[expected].sum()))


def notes_of(
    every: Mapping[str, SkillAttempts],
    found: tuple[Sequence[SkilledContender], Sequence[SkillScore], Sequence[Lift], Sequence[DeliveryPair]],
    hybrids: Mapping[str, Sequence[str]],
) -> tuple[str, ...]:
    """What the figures rest on."""
    contenders, scores, lifts, pairs = found
    one = next(iter(every.values()))
    table = one.table
    notes = [f"split: {table.split}; attempts are graded attempts: those that errored or could not be graded are out",
             unit_note(len(set(table.clusters.tolist())), len(table.tasks), one.level)]  # fmt: skip
    notes += [f"{of.name}: {plural(of.unrecorded, 'attempt')} ended before any answer and record no skill"
              for of in contenders if of.unrecorded]  # fmt: skip
    if any(s.n_opened for s in scores):
        notes.append("pass rates where a skill was opened and where it was not show no effect of the skill: the model "
                     "chooses when to open it, and the tasks differ; the lift is the effect")  # fmt: skip
    closed = [of.name for of in contenders if of.arm in CLOSED]
    if closed:
        notes.append(f"{listed(closed)}: {NOTHING_TO_OPEN}")
    if any(of.arm == "placebo" for of in contenders):
        notes.append("a placebo has the name of the skill whose text was shown, not of the one that it replaces")
    notes += [f"{of.name}: {of.why}" for of in contenders if of.why]
    notes += [f"{of.name}: {no_bare(of)}" for of in contenders if of.bare is None and of.arm is not None]
    if any(s.lift for s in scores):
        notes.append("the lift of a skill is on the tasks whose prompts held it; skills shown with it are in it too")
    compared = [*(lift.comparison for lift in lifts), *(pair.comparison for pair in pairs)]
    family = sum(c is not None and c.p_value is not None for c in compared)
    single = sum(s.lift is not None and s.lift.p_value is not None for s in scores)
    if family > 1 or single > 1:
        notes.append(f"p adjusted (Holm 1979) holds for the {plural(family, 'comparison')} of contenders "
                     f"together, and apart from them for the {plural(single, 'lift')} of single skills")  # fmt: skip
    notes += [f"{pair.progressive} and {pair.flat} differ in their skills too, the one's are among the other's: their "
              "difference holds that of finding the right one" for pair in pairs if not pair.same_skills]  # fmt: skip
    given = {name: one.given for name, one in every.items()}
    with_skills = {name for name, of in given.items() if of is not None and of.arm is not None}
    mixed = [name for name, parts in hybrids.items() if with_skills & set(parts)]
    if mixed:
        notes.append(f"left out: {listed(mixed)}; a hybrid's skills are those of its worker or its expert")
    return (*notes, *(flag.text for flag in table.flags if flag.kind in OF_THE_ROWS))
