"""Skills: what was shown and opened, what they add for each contender and arm, and how they go with tuning."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.designs import Design, factorial_of
from harness.analysis.pairs import adjusted, compared
from harness.analysis.progress import load_evidence, progress_of
from harness.analysis.skill_arms import bare_of, deliveries, given, parts_of_hybrids, placebo_of, squares
from harness.analysis.skill_notes import alarms_of, no_bare, notes_of, reasons_of
from harness.analysis.skill_rates import (
    CLOSED,
    EVERYWHERE,
    NO_ARM,
    NOT_SAID,
    NOTHING_TO_OPEN,
    SkillEvidence,
    names_a_skill,
    nothing_used,
)
from harness.analysis.skill_views import DeliveryPair, Lift, SkilledContender, Skills, SkillScore
from harness.analysis.views import DomainSpread
from harness.core import Comparison, Estimate, EvidenceError, Manifest, UsageError
from harness.stats import clustered_mean, clustered_rate, compare
from harness.store import TaskTable, load_skill_use

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def skills(report: Path, *, split: str | None = None, level: float = 0.95) -> Skills:
    """What a report's contenders were shown, what they opened, and what it added.

    Args:
        report: the report's folder.
        split: ``test``, ``dev`` or ``all``; by default the test rows where the report has any, else all.
        level: confidence of the intervals.

    Raises:
        UsageError: no such folder or split.
        EvidenceError: no outcomes, or broken ones.
    """
    table, manifest = load_evidence(report, split)
    return skills_of(table, manifest, level=level)


def skills_of(table: TaskTable, manifest: Manifest | None = None, *, level: float = 0.95) -> Skills:
    """The same from a table that is loaded already; only what was shown and opened is still read.

    No domain is tested here: of one lift, ask `harness.report.pair_of`.
    """
    use = load_skill_use(table) if has_skills(table, manifest) else nothing_used(table)
    one = SkillEvidence(table=table, use=use, given=given(manifest), hybrids=parts_of_hybrids(manifest), level=level)
    contenders = tuple(_contender(one, name) for name in one.skilled)
    scores = _adjusted_scores([_score(one, c, name) for c in contenders for name in one.names_of(c.name)])
    lifts, pairs = _adjusted_family(_lifts(one, contenders), _deliveries(one))
    designs, no_design = _designs(one, manifest)
    units = len(set(table.clusters.tolist()))
    return Skills(
        report=manifest.report if manifest and manifest.report else table.report.resolve().name,
        split=table.split,
        level=level,
        unit="task" if units == len(table.tasks) else "cluster",
        contenders=contenders,
        skills=scores,
        lifts=lifts,
        deliveries=pairs,
        designs=designs,
        reasons=reasons_of(contenders, lifts, pairs, no_design),
        alarms=alarms_of(one, contenders, scores),
        warning=progress_of(table, manifest).warning,
        notes=notes_of(one, contenders, scores, lifts, pairs),
    )


def has_skills(table: TaskTable, manifest: Manifest | None = None) -> bool:
    """Whether a contender was given skills, or a row may name one: told at once, without a look at the rows."""
    given_some = any(one.arm is not None for one in given(manifest).values())
    return given_some or bool({"skilled", "both"} & set(table.kinds)) or names_a_skill(table)


# ------------------------------------------------------------------------------------------------------- one contender


def _contender(one: SkillEvidence, name: str) -> SkilledContender:
    table = one.table
    i, of = table.index(name), one.given.get(name)
    recorded, arm = one.recorded(name), of.arm if of else None
    open_why = NOTHING_TO_OPEN if arm in CLOSED else None
    _, _, silent = one.patterns(name, lambda p: 0.0 if p in one.unrecorded(name) else None)

    def share(word: str, weigh: Callable[[int], float], why: str | None, *, mean: bool = False) -> Estimate:
        if why or not recorded[word]:
            return one.lacking(why or f"{NOT_SAID} what was {word}")
        _, weights, numbers = one.patterns(name, lambda p: weigh(p) if p in recorded[word] else None)
        return (clustered_mean if mean else clustered_rate)(weights, numbers, table.clusters, one.level)

    return SkilledContender(
        name=name,
        kind=table.kinds[i],
        model=of.model if of else None,
        arm=arm,
        why=None if arm else NO_ARM,
        bare=bare_of(of, one.given, one.present) if of else None,
        placebo=placebo_of(of, one.given, one.present) if of else None,
        n_tasks=int((table.counts[i] > 0).sum()),
        n_trials=int(table.counts[i].sum()),
        unrecorded=int(silent.sum()),
        pass_rate=clustered_rate(table.sums[i], table.counts[i], table.clusters, one.level),
        shown=share("shown", lambda p: float(bool(one.shown(p))), None),
        opened=share("opened", lambda p: float(bool(one.opened(p))), open_why),
        opened_skills=share("opened", lambda p: float(len(one.opened(p))), open_why, mean=True),
    )


# ----------------------------------------------------------------------------------------------------------- one skill


def _score(one: SkillEvidence, of: SkilledContender, skill: str) -> SkillScore:
    name, table = of.name, one.table
    recorded = one.recorded(name)
    shown = {p for p in recorded["shown"] if skill in one.shown(p)}
    opened = {p for p in recorded["opened"] if skill in one.opened(p)}
    unopened = (shown & recorded["opened"]) - opened
    can_open = of.arm not in CLOSED and bool(recorded["opened"])
    no_opening = NOTHING_TO_OPEN if of.arm in CLOSED else f"{NOT_SAID} what was opened"
    values, _, numbers = one.patterns(name, lambda p: 0.0 if p in shown else None)
    _, _, openings = one.patterns(name, lambda p: 0.0 if p in opened else None)
    lift, why = _lift_of_skill(one, of, values, numbers)
    together = [set(one.shown(p)) for p in shown]
    beside = sorted(set.intersection(*together) - {skill}) if together else []
    return SkillScore(
        skill=skill,
        contender=name,
        arm=of.arm,
        suites=_suites(table, numbers if recorded["shown"] else openings),
        n_shown=int(numbers.sum()) if recorded["shown"] else None,
        n_opened=int(openings.sum()) if can_open else None,
        passed_shown=one.rate(name, shown, "it was never shown" if recorded["shown"] else f"{NOT_SAID} what was shown"),
        passed_opened=one.rate(name, opened if can_open else (), "it was never opened" if can_open else no_opening),
        passed_unopened=one.rate(
            name, unopened if can_open else (), "it was never shown without being opened" if can_open else no_opening
        ),
        beside=tuple(beside),
        lift=lift,
        why=why,
    )


def _lift_of_skill(
    one: SkillEvidence, of: SkilledContender, values: "Floats", numbers: "Ints"
) -> tuple[Comparison | None, str | None]:
    """The attempts that were shown a skill less the bare counterpart on the same tasks, or why that cannot be had."""
    table = one.table
    if of.arm == "placebo":
        return None, "a placebo is about something else: it stands for no skill of its own"
    if of.bare is None:
        return None, no_bare(of)
    if not numbers.any():
        return None, "it was never shown"
    if (numbers >= table.counts[table.index(of.name)]).all():
        return None, EVERYWHERE
    i = table.index(of.bare)
    found = compare(values, numbers, table.sums[i], table.counts[i], table.clusters,
                    a_name=of.name, b_name=of.bare, level=one.level)  # fmt: skip
    return (found, None) if found.delta is not None else (None, f"{of.bare} has no graded attempt at these tasks")


def _adjusted_scores(scores: Sequence[SkillScore]) -> tuple[SkillScore, ...]:
    """All lifts of single skills are one family."""
    p_values = adjusted([s.lift.p_value if s.lift else None for s in scores])
    return tuple(
        replace(s, lift=replace(s.lift, p_adjusted=p)) if s.lift else s for s, p in zip(scores, p_values, strict=True)
    )


def _suites(table: TaskTable, numbers: "Ints") -> tuple[str, ...]:
    import numpy as np

    return tuple(dict.fromkeys(table.suites[place] for place in np.flatnonzero(numbers).tolist()))


# --------------------------------------------------------------------------------------------------- between contenders


def _lifts(one: SkillEvidence, contenders: Sequence[SkilledContender]) -> list[Lift]:
    found = []
    for of in contenders:
        for control, against in (("bare", of.bare), ("placebo", of.placebo)):
            if against is not None:
                c, spread, why = _paired(one, of.name, against)
                found.append(Lift(contender=of.name, against=against, control=control, comparison=c, spread=spread,
                                  why=why))  # fmt: skip
    return found


def _deliveries(one: SkillEvidence) -> list[DeliveryPair]:
    found = []
    for progressive, flat, same in deliveries(one.given, one.present):
        c, spread, why = _paired(one, progressive.name, flat.name)
        found.append(DeliveryPair(progressive=progressive.name, flat=flat.name, same_skills=same, comparison=c,
                                  spread=spread, why=why))  # fmt: skip
    return found


def _paired(one: SkillEvidence, a: str, b: str) -> tuple[Comparison | None, DomainSpread | None, str | None]:
    found, spread = compared(one.table, a, b, one.level)
    return (None, None, "they have no graded task in common") if found.delta is None else (found, spread, None)


def _adjusted_family(
    lifts: Sequence[Lift], pairs: Sequence[DeliveryPair]
) -> tuple[tuple[Lift, ...], tuple[DeliveryPair, ...]]:
    """All comparisons of whole contenders are one family."""
    family = [*(lift.comparison for lift in lifts), *(pair.comparison for pair in pairs)]
    p_values = adjusted([c.p_value if c else None for c in family])
    corrected = [c and replace(c, p_adjusted=p) for c, p in zip(family, p_values, strict=True)]
    return (
        tuple(replace(x, comparison=c) for x, c in zip(lifts, corrected, strict=False)),
        tuple(replace(x, comparison=c) for x, c in zip(pairs, corrected[len(lifts) :], strict=True)),
    )


def _designs(one: SkillEvidence, manifest: Manifest | None) -> tuple[tuple[Design, ...], str | None]:
    """Tuned x skilled, for the cells that differ in nothing else; else for the one contender of each kind."""
    cells = squares(one.given, one.present) or [{}]
    try:
        return tuple(factorial_of(one.table, manifest, named, level=one.level) for named in cells), None
    except (EvidenceError, UsageError) as error:
        return (), str(error).removeprefix(f"{one.table.report}: ")
