"""What the page of skills says in sentences: alarms, and what its figures rest on."""

from collections.abc import Mapping, Sequence

from harness.analysis.common_tasks import OF_THE_ROWS, unit_note
from harness.analysis.skill_attempts import SkillAttempts
from harness.analysis.skill_views import DeliveryPair, Lift, SkilledContender, SkillScore
from harness.core import listed, plural

CLOSED = ("flat", "placebo")
"""Arms in which the whole text stands in the prompt, and there is nothing to open."""
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
