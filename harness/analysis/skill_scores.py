"""Skills: what was shown and opened, what they add for each contender and arm, and how they go with tuning."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis.common_tasks import unit_of
from harness.analysis.designs import Design, factorial
from harness.analysis.loading import Evidence, evidence_of
from harness.analysis.pairs import adjusted, compared
from harness.analysis.progress import progress_of
from harness.analysis.skill_arms import bare_of, deliveries, given, parts_of_hybrids, placebo_of, squares
from harness.analysis.skill_attempts import SkillAttempts, names_a_skill, nothing_used
from harness.analysis.skill_views import (
    CLOSED,
    NOTHING_TO_OPEN,
    DeliveryPair,
    Lift,
    SkilledContender,
    Skills,
    SkillScore,
    alarms_of,
    no_bare,
    notes_of,
)
from harness.core import Comparison, EvidenceError, Manifest, UsageError
from harness.stats import clustered_rate, compare
from harness.store import TaskTable, load_skill_use

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def skills(source: Path | Evidence, *, split: str | None = None, level: float = 0.95) -> Skills:
    """What a report's contenders were shown, what they opened, and what it added; arguments and errors as in `pair`.

    No domain is tested here: of one lift, ask `pair`.
    """
    table, manifest = evidence_of(source, split)
    use = load_skill_use(table) if has_skills(table, manifest) else nothing_used(table)
    known = given(manifest)
    every = {
        name: SkillAttempts(table=table, use=use, name=name, given=known.get(name), level=level)
        for name in table.contenders
    }
    with_skills = [one for i, one in enumerate(every.values()) if table.trials[i].any() and _has_skills(one)]
    contenders = tuple(_contender(one, every) for one in with_skills)
    scores = [_score(one, of, skill) for one, of in zip(with_skills, contenders, strict=True) for skill in one.skills]
    p_values = adjusted([s.lift.p_value if s.lift else None for s in scores])  # all lifts of single skills: one family
    scores = [s if s.lift is None else replace(s, lift=replace(s.lift, p_adjusted=p))
              for s, p in zip(scores, p_values, strict=True)]  # fmt: skip
    lifts, pairs = _between(table, contenders, deliveries(known, _present(every)), level)
    none = "no contender was given skills"
    reasons = {} if contenders else {"contenders": none}
    if not lifts:
        reasons["lifts"] = "; ".join(dict.fromkeys(no_bare(of) for of in contenders)) or none
    if not pairs:
        reasons["deliveries"] = "no two contenders are one model, once with flat and once with progressive delivery"
    designs: tuple[Design, ...] = ()
    try:  # tuned x skilled, for the cells that differ in nothing else; else for the one contender of each kind
        cells = squares(known, _present(every)) or [{}]
        designs = tuple(factorial((table, manifest), named, level=level) for named in cells)
    except (EvidenceError, UsageError) as error:
        reasons["designs"] = str(error).removeprefix(f"{table.report}: ")
    return Skills(
        report=manifest.report if manifest and manifest.report else table.report.resolve().name,
        split=table.split,
        level=level,
        unit=unit_of(table),
        contenders=contenders,
        skills=tuple(scores),
        lifts=lifts,
        deliveries=pairs,
        designs=designs,
        reasons=reasons,
        alarms=alarms_of(every, contenders, scores),
        warning=progress_of(table, manifest).warning,
        notes=notes_of(every, (contenders, scores, lifts, pairs), parts_of_hybrids(manifest)),
    )


def has_skills(table: TaskTable, manifest: Manifest | None = None) -> bool:
    """Whether a contender was given skills, or a row may name one: told at once, without a look at the rows."""
    given_some = any(one.arm is not None for one in given(manifest).values())
    return given_some or bool({"skilled", "both"} & set(table.kinds)) or names_a_skill(table)


def _has_skills(one: SkillAttempts) -> bool:
    """Whether the contender was given skills; without a manifest, whether its kind or rows say so. Not hybrids."""
    if one.given is not None:
        return one.given.arm is not None
    kind = one.table.kinds[one.index]
    return kind in {"skilled", "both"} or (kind != "hybrid" and bool(one.seen))


def _present(every: Mapping[str, SkillAttempts]) -> tuple[str, ...]:
    """Contenders with a graded attempt: only such a one can be compared with."""
    return tuple(name for name, one in every.items() if one.table.counts[one.index].any())


def _contender(one: SkillAttempts, every: Mapping[str, SkillAttempts]) -> SkilledContender:
    table, i, of = one.table, one.index, one.given
    known = {name: other.given for name, other in every.items() if other.given is not None}
    arm = of.arm if of else None
    shown, opened = one.recorded["shown"], () if arm in CLOSED else one.recorded["opened"]
    unopened_why = NOTHING_TO_OPEN if arm in CLOSED else NOT_SAID.format("opened")
    return SkilledContender(
        name=one.name,
        kind=table.kinds[i],
        model=of.model if of else None,
        arm=arm,
        why=None if arm else NO_ARM,
        bare=bare_of(of, known, _present(every)) if of else None,
        placebo=placebo_of(of, known, _present(every)) if of else None,
        n_tasks=int((table.counts[i] > 0).sum()),
        n_trials=int(table.counts[i].sum()),
        unrecorded=int(one.at_tasks(one.silent)[2].sum()),
        pass_rate=clustered_rate(table.sums[i], table.counts[i], table.clusters, one.level),
        shown=one.share({p: float(bool(one.shown[p])) for p in shown}, NOT_SAID.format("shown")),
        opened=one.share({p: float(bool(one.opened[p])) for p in opened}, unopened_why),
        opened_skills=one.share({p: float(len(one.opened[p])) for p in opened}, unopened_why, mean=True),
    )


NOTHING = {"comparison": None, "spread": None, "why": "they have no graded task in common"}
NOT_SAID = "the rows do not say what was {}"
NO_ARM = "the manifest does not say how its skills were delivered"
EVERYWHERE = "shown at every task: its lift is the contender's own"


def _score(one: SkillAttempts, of: SkilledContender, skill: str) -> SkillScore:
    """One skill in the hands of one contender."""
    recorded, closed = one.recorded, of.arm in CLOSED
    shown = {p for p in recorded["shown"] if skill in one.shown[p]}
    opened = set() if closed else {p for p in recorded["opened"] if skill in one.opened[p]}
    unopened = set() if closed else (shown & recorded["opened"]) - opened
    told = bool(recorded["shown"])
    can_open = not closed and bool(recorded["opened"])
    no_opening = NOTHING_TO_OPEN if closed else NOT_SAID.format("opened")
    values, _, numbers = one.at_tasks(shown)
    openings = one.at_tasks({p for p in recorded["opened"] if skill in one.opened[p]})[2]
    lift, why = _lift_of_skill(one, of, values, numbers)
    together = [set(one.shown[p]) for p in shown]
    places = (numbers if told else openings).nonzero()[0].tolist()
    return SkillScore(
        skill=skill,
        contender=one.name,
        arm=of.arm,
        suites=tuple(dict.fromkeys(one.table.suites[place] for place in places)),
        n_shown=int(numbers.sum()) if told else None,
        n_opened=int(openings.sum()) if can_open else None,
        passed_shown=one.pass_rate(shown, "it was never shown" if told else NOT_SAID.format("shown")),
        passed_opened=one.pass_rate(opened, "it was never opened" if can_open else no_opening),
        passed_unopened=one.pass_rate(unopened, "it was never shown without being opened" if can_open else no_opening),
        beside=tuple(sorted(set.intersection(*together) - {skill})) if together else (),
        lift=lift,
        why=why,
    )


def _lift_of_skill(
    one: SkillAttempts, of: SkilledContender, values: "Floats", numbers: "Ints"
) -> tuple[Comparison | None, str | None]:
    """The attempts that were shown a skill minus the bare counterpart on the same tasks, or why that cannot be had."""
    table = one.table
    if of.arm == "placebo":
        return None, "a placebo is about something else: it represents no skill of its own"
    if of.bare is None:
        return None, no_bare(of)
    if not numbers.any():
        return None, "it was never shown"
    if (numbers >= table.counts[one.index]).all():
        return None, EVERYWHERE
    i = table.index(of.bare)
    found = compare(values, numbers, table.sums[i], table.counts[i], table.clusters,
                    a_name=of.name, b_name=of.bare, level=one.level)  # fmt: skip
    return (found, None) if found.delta is not None else (None, f"{of.bare} has no graded attempt at these tasks")


def _between(
    table: TaskTable, contenders: Sequence[SkilledContender], pairs: Sequence[tuple[str, str, bool]], level: float
) -> tuple[tuple[Lift, ...], tuple[DeliveryPair, ...]]:
    """The comparisons of whole contenders, adjusted as one family."""
    lifts = [(of.name, against, control) for of in contenders
             for control, against in (("bare", of.bare), ("placebo", of.placebo)) if against is not None]  # fmt: skip
    found = [compared(table, a, b, level) for a, b in [*(x[:2] for x in lifts), *(x[:2] for x in pairs)]]
    p_values = adjusted([c.p_value for c, _ in found])
    facts: list[dict[str, Any]] = [
        {"comparison": replace(c, p_adjusted=p), "spread": spread, "why": None} if c.delta is not None else NOTHING
        for (c, spread), p in zip(found, p_values, strict=True)
    ]
    told = iter(facts)
    return (
        tuple(Lift(contender=a, against=b, control=control, **next(told)) for a, b, control in lifts),
        tuple(DeliveryPair(progressive=a, flat=b, same_skills=same, **next(told)) for a, b, same in pairs),
    )
