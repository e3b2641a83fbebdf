"""What the page of skills says in sentences: alarms, reasons, and what its figures rest on."""

from collections.abc import Sequence

from harness.analysis.common_tasks import OF_THE_ROWS
from harness.analysis.skill_rates import CLOSED, NOTHING_TO_OPEN, SkillEvidence
from harness.analysis.skill_views import DeliveryPair, Lift, SkilledContender, SkillScore
from harness.core import listed, plural


def no_bare(of: SkilledContender) -> str:
    """Why a contender has no lift."""
    if of.arm is None:
        return "without a manifest that tells models, nobody is known to be its bare counterpart"
    return "no contender is the same model and adapter without skills"


def alarms_of(
    one: SkillEvidence, contenders: Sequence[SkilledContender], scores: Sequence[SkillScore]
) -> tuple[str, ...]:
    """What must be said loudly: skills that were given and did not arrive, and baselines that were shown some."""
    found = []
    for of in contenders:
        given, shown = _delivered(one, of.name)
        attempts = plural(given, "attempt")
        if given and not shown:
            found.append(f"{of.name} was given skills ({of.arm}), and none of its {attempts} was shown any: what was "
                         "measured is not a contender with skills")  # fmt: skip
            continue
        if shown < given:
            found.append(f"{of.name}: {given - shown:,} of {attempts} were shown no skill, although skills were given")
        if shown and of.arm not in CLOSED and of.opened.value == 0:
            found.append(f"{of.name} opened no skill in any of {attempts}: what was measured is the catalogue alone")
        if shown:
            never = [s.skill for s in scores if s.contender == of.name and s.n_shown == 0]
            found += [f"{of.name} was given {listed(never)}, which no attempt was shown"] if never else []
    for name, of_bare in one.given.items():
        if of_bare.arm is None and name in one.table.contenders and (names := one.seen(name)):
            found.append(
                f"{name} has no skills, and yet its attempts record {listed(names)}: it is no bare counterpart"
            )
    return tuple(found)


def _delivered(one: SkillEvidence, name: str) -> tuple[int, int]:
    """Attempts at suites for which the contender has skills, as far as they are recorded, and those shown one."""
    of = one.given.get(name)
    if of is None:
        return 0, 0
    recorded = one.recorded(name)["shown"]
    _, shown, numbers = one.patterns(name, lambda p: float(bool(one.shown(p))) if p in recorded else None)
    expected: list[int] = [place for place, suite in enumerate(one.table.suites) if of.skills.get(suite)]
    return int(numbers[expected].sum()), round(float(shown[expected].sum()))


def reasons_of(
    contenders: Sequence[SkilledContender],
    lifts: Sequence[Lift],
    pairs: Sequence[DeliveryPair],
    no_design: str | None,
) -> dict[str, str]:
    """Why a part of the page is empty."""
    found = {}
    if not contenders:
        found["contenders"] = "no contender was given skills"
    if not lifts:
        why = dict.fromkeys(no_bare(of) for of in contenders)
        found["lifts"] = "; ".join(why) or "no contender was given skills"
    if not pairs:
        found["deliveries"] = "no two contenders are one model, once with flat and once with progressive delivery"
    if no_design is not None:
        found["designs"] = no_design
    return found


def notes_of(
    one: SkillEvidence,
    contenders: Sequence[SkilledContender],
    scores: Sequence[SkillScore],
    lifts: Sequence[Lift],
    pairs: Sequence[DeliveryPair],
) -> tuple[str, ...]:
    """What the figures rest on."""
    table = one.table
    notes = [f"split: {table.split}; attempts are graded attempts: those that errored or could not be graded are out"]
    units = len(set(table.clusters.tolist()))
    over = "task" if units == len(table.tasks) else f"cluster, {units:,} of them"
    notes.append(f"intervals ({100 * one.level:g}%) are over tasks like these: the unit is the {over}")
    notes += [f"{of.name}: {plural(of.unrecorded, 'attempt')} ended before any answer and record no skill"
              for of in contenders if of.unrecorded]  # fmt: skip
    if any(s.n_opened for s in scores):
        notes.append("pass rates where a skill was opened and where it was not show no effect of the skill: the model "
                     "chooses when to open it, and the tasks are others; the lift is the effect")  # fmt: skip
    closed = [of.name for of in contenders if of.arm in CLOSED]
    if closed:
        notes.append(f"{listed(closed)}: {NOTHING_TO_OPEN}")
    if any(of.arm == "placebo" for of in contenders):
        notes.append("a placebo bears the name of the skill whose text was shown, not of the one that it stands for")
    notes += [f"{of.name}: {of.why}" for of in contenders if of.why]
    notes += [f"{of.name}: {no_bare(of)}" for of in contenders if of.bare is None and of.arm is not None]
    if any(s.lift for s in scores):
        notes.append("the lift of a skill is on the tasks whose prompts held it; what stood beside it is in it too")
    compared = [*(lift.comparison for lift in lifts), *(pair.comparison for pair in pairs)]
    family = [c for c in compared if c and c.p_value is not None]
    single = sum(s.lift is not None and s.lift.p_value is not None for s in scores)
    if len(family) > 1 or single > 1:
        notes.append(f"p adjusted (Holm 1979) holds for the {plural(len(family), 'comparison')} of contenders "
                     f"together, and apart from them for the {plural(single, 'lift')} of single skills")  # fmt: skip
    for pair in pairs:
        if not pair.same_skills:
            notes.append(f"{pair.progressive} and {pair.flat} differ in their skills too, the one's are among the "
                         "other's: their difference holds that of finding the right one")  # fmt: skip
    hybrids = [name for name, parts in one.hybrids.items() if any(_skilled(one, part) for part in parts)]
    if hybrids:
        notes.append(f"left out: {listed(hybrids)}; a hybrid's skills are those of its worker or its expert")
    return (*notes, *(flag.text for flag in table.flags if flag.kind in OF_THE_ROWS))


def _skilled(one: SkillEvidence, name: str) -> bool:
    part = one.given.get(name)
    return part is not None and part.arm is not None
