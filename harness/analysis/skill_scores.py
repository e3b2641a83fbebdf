"""Skills: what was shown, opened and gained, the alarms, how they go with tuning, and what the figures rest on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.analysis.designs import Design, factorial
from harness.analysis.general import apart_note, work_of
from harness.analysis.loading import Evidence, Floats, Ints, load_evidence, progress_of
from harness.analysis.pairs import OF_THE_ROWS, CommonTasks, adjusted, compared, unit_note, unit_of
from harness.analysis.skill_attempts import Given, SkillAttempts, deliveries, given, names_any, squares
from harness.analysis.views import DomainSpread, missing_why, priced, warned
from harness.core import Comparison, Estimate, EvidenceError, Manifest, UsageError, as_json, listed, plural
from harness.stats import clustered_mean, clustered_rate, compare
from harness.store import TaskTable, load_skill_use


@dataclass(frozen=True, slots=True, kw_only=True)
class SkilledContender:
    """One contender that was given skills. Attempts are graded attempts, as in the scoreboard."""

    name: str
    kind: str
    model: str | None
    arm: str | None  # ``flat``, ``progressive`` or ``placebo``; ``None`` where the manifest is silent
    why: str | None  # why the arm is not known
    bare: str | None  # the contender of the same model and adapter without skills
    placebo: str | None  # the same but for a placebo in place of each skill
    n_tasks: int
    n_trials: int
    unrecorded: int  # ended before any answer by a fault of its own: in the pass rate, and not in the shares below
    pass_rate: Estimate
    cost_per_task_usd: Estimate
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
    n_read: int | None  # attempts that read a file of it, and that ran a script of it; ``None``: the rows do not say
    n_run: int | None
    passed_shown: Estimate
    passed_opened: Estimate
    passed_unopened: Estimate  # shown and not opened; against ``passed_opened`` this is no effect: the model chooses
    beside: tuple[str, ...]  # skills in every prompt that held this one: what is said of one is said of all of them
    lift: Comparison | None  # against the bare counterpart, on the tasks at which the skill was shown
    why: str | None  # why there is no lift of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """A contender with skills minus one without them."""

    contender: str
    against: str
    control: str  # ``bare`` or ``placebo``: what the other was shown in place of the skills
    comparison: Comparison | None
    spread: DomainSpread | None  # between domains, where there are several; `harness.report.pair_of` has each of them
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


CLOSED = ("flat", "placebo", "self", "forced")  # arms in which the whole text is there, and there is nothing to open
NOTHING_TO_OPEN = "the text is in the prompt: there is nothing to open"
NOT_SAID = "the rows do not say what was {}"


def skills(source: Path | Evidence, *, split: str | None = None, level: float = 0.95) -> Skills:
    """What contenders were shown, what they opened and what it added; as in `pair`, which tests a lift's domains."""
    whole, manifest = load_evidence(source, split)
    table, general = work_of((whole, manifest))
    use = load_skill_use(table) if has_skills(table, manifest) else None  # then no row names one, and none is read
    known = given(manifest)
    every = [SkillAttempts(table, use, name, known.get(name), level) for name in table.contenders if use]
    graded = {name for name, counts in zip(table.contenders, table.counts, strict=True) if counts.any()}
    present = [one for one in known.values() if one.name in graded]  # only such a one can be compared with
    with_skills = [(one, _contender(one, present)) for one in every if table.trials[one.index].any() and _skilled(one)]
    contenders = tuple(of for _, of in with_skills)
    scores = [_score(one, of, skill) for one, of in with_skills for skill in one.skills]
    p_values = adjusted([s.lift.p_value if s.lift else None for s in scores])  # all lifts of single skills: one family
    scores = [s if s.lift is None else replace(s, lift=replace(s.lift, p_adjusted=p))
              for s, p in zip(scores, p_values, strict=True)]  # fmt: skip
    lifts, pairs = _between(table, contenders, deliveries(present), level)
    none = "no contender was given skills"
    reasons = {} if contenders else {"contenders": none}
    if not lifts:
        reasons["lifts"] = "; ".join(dict.fromkeys(map(_no_bare, contenders))) or none
    if not pairs:
        reasons["deliveries"] = "no two contenders are one model, once with flat and once with progressive delivery"
    designs: tuple[Design, ...] = ()
    try:  # tuned x skilled, for the cells that differ in nothing else; else for the one contender of each kind
        those = [{"both": square["both"]} for square in squares(present)]  # the others follow, and it is said who could
        designs = tuple(factorial((table, manifest), named, level=level) for named in those or [{}])
    except (EvidenceError, UsageError) as error:
        reasons["designs"] = str(error).removeprefix(f"{table.report}: ")
    view = Skills(
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
        alarms=_alarms(every, with_skills, scores),
        warning=progress_of(table, manifest).warning,
        notes=(),
    )
    armed = {one.name for one in known.values() if one.arm is not None and one.name in table.contenders}
    hybrids = [one.name for one in (manifest.contenders if manifest else ())
               if one.worker and one.expert and armed & {one.worker, one.expert}]  # fmt: skip
    return replace(view, notes=(*apart_note(general), *_notes(view, table, hybrids)))


def has_skills(table: TaskTable, manifest: Manifest | None = None) -> bool:
    """Whether a contender was given skills, or a row may name one: told at once, without a look at the rows."""
    given_some = any(one.arm is not None for one in given(manifest).values())
    return given_some or bool({"skilled", "both"} & set(table.kinds)) or names_any(table)


def _skilled(one: SkillAttempts) -> bool:
    """Whether the contender was given skills; without a manifest, whether its kind or rows say so. Not hybrids."""
    if one.given is not None:
        return one.given.arm is not None
    kind = one.table.kinds[one.index]
    return kind in {"skilled", "both"} or (kind != "hybrid" and bool(one.seen))


def _contender(one: SkillAttempts, present: Sequence[Given]) -> SkilledContender:
    table, i, of = one.table, one.index, one.given
    arm = of.arm if of else None
    shown, opened = one.recorded["shown"], () if arm in CLOSED else one.recorded["opened"]
    unopened_why = NOTHING_TO_OPEN if arm in CLOSED else NOT_SAID.format("opened")
    return SkilledContender(
        name=one.name,
        kind=table.kinds[i],
        model=of.model if of else None,
        arm=arm,
        why=None if arm else "the manifest does not say how its skills were delivered",
        bare=of.bare_among(present) if of else None,
        placebo=of.placebo_among(present) if of else None,
        n_tasks=int((table.counts[i] > 0).sum()),
        n_trials=int(table.counts[i].sum()),
        unrecorded=int(one.at_tasks(one.silent)[2].sum()),
        pass_rate=clustered_rate(table.sums[i], table.counts[i], table.clusters, one.level),
        cost_per_task_usd=priced(clustered_mean(table.cost_sums[i], table.counts[i], table.clusters, one.level)),
        shown=one.share({p: float(bool(one.shown[p])) for p in shown}, NOT_SAID.format("shown")),
        opened=one.share({p: float(bool(one.opened[p])) for p in opened}, unopened_why),
        opened_skills=one.share({p: float(len(one.opened[p])) for p in opened}, unopened_why, mean=True),
    )


def _score(one: SkillAttempts, of: SkilledContender, skill: str) -> SkillScore:
    """One skill in the hands of one contender."""
    recorded, closed = one.recorded, of.arm in CLOSED
    shown = {p for p in recorded["shown"] if skill in one.shown[p]}
    openings = {p for p in recorded["opened"] if skill in one.opened[p]}
    opened = set() if closed else openings
    unopened = set() if closed else (shown & recorded["opened"]) - opened
    told, can_open = bool(recorded["shown"]), not closed and bool(recorded["opened"])
    no_opening = NOTHING_TO_OPEN if closed else NOT_SAID.format("opened")
    values, _, numbers = one.at_tasks(shown)
    at_openings = one.at_tasks(openings)[2]
    lift, why = _lift_of_skill(one, of, values, numbers)
    together = [set(one.shown[p]) for p in shown]
    places = (numbers if told else at_openings).nonzero()[0].tolist()
    return SkillScore(
        skill=skill,
        contender=one.name,
        arm=of.arm,
        suites=tuple(dict.fromkeys(one.table.suites[place] for place in places)),
        n_shown=int(numbers.sum()) if told else None,
        n_opened=int(at_openings.sum()) if can_open else None,
        n_read=_told(one.use.read[one.index], skill),
        n_run=_told(one.use.run[one.index], skill),
        passed_shown=one.pass_rate(shown, "it was never shown" if told else NOT_SAID.format("shown")),
        passed_opened=one.pass_rate(opened, "it was never opened" if can_open else no_opening),
        passed_unopened=one.pass_rate(unopened, "it was never shown without being opened" if can_open else no_opening),
        beside=tuple(sorted(set.intersection(*together) - {skill})) if together else (),
        lift=lift,
        why=why,
    )


def _told(counts: Mapping[str, int] | None, skill: str) -> int | None:
    return None if counts is None else counts.get(skill, 0)


def _lift_of_skill(
    one: SkillAttempts, of: SkilledContender, values: Floats, numbers: Ints
) -> tuple[Comparison | None, str | None]:
    """The attempts that were shown a skill minus the bare counterpart on the same tasks, or why that cannot be had."""
    table = one.table
    if of.arm == "placebo":
        return None, "a placebo is about something else: it represents no skill of its own"
    if of.bare is None:
        return None, _no_bare(of)
    if not numbers.any():
        return None, "it was never shown"
    if (numbers >= table.counts[one.index]).all():
        return None, "shown at every task: its lift is the contender's own"
    i = table.index(of.bare)
    found = compare(values, numbers, table.sums[i], table.counts[i], table.clusters,
                    a_name=of.name, b_name=of.bare, level=one.level)  # fmt: skip
    return (found, None) if found.delta is not None else (None, f"{of.bare} has no graded attempt at these tasks")


def _no_bare(of: SkilledContender) -> str:
    """Why a contender has no lift."""
    if of.arm is None:
        return "without a manifest that tells models, nobody is known to be its bare counterpart"
    return "no contender is the same model and adapter without skills"


def _between(
    table: TaskTable, contenders: Sequence[SkilledContender], pairs: Sequence[tuple[str, str, bool]], level: float
) -> tuple[tuple[Lift, ...], tuple[DeliveryPair, ...]]:
    """The comparisons of whole contenders, adjusted as one family."""
    lifts = [(of.name, against, control) for of in contenders
             for control, against in (("bare", of.bare), ("placebo", of.placebo)) if against is not None]  # fmt: skip
    found = compared((CommonTasks(table, a, b) for a, b, _ in (*lifts, *pairs)), level)
    nothing = {"comparison": None, "spread": None, "why": "they have no graded task in common"}
    told: Iterator[dict[str, Any]] = (
        nothing if c.delta is None else {"comparison": c, "spread": spread, "why": None} for c, spread in found
    )
    return (
        tuple(Lift(contender=a, against=b, control=control, **next(told)) for a, b, control in lifts),
        tuple(DeliveryPair(progressive=a, flat=b, same_skills=same, **next(told)) for a, b, same in pairs),
    )


def _alarms(
    every: Sequence[SkillAttempts], skilled: Sequence[tuple[SkillAttempts, SkilledContender]], scores: list[SkillScore]
) -> tuple[str, ...]:
    """What must be said loudly: skills that were given and did not arrive, and baselines that were shown some."""
    found = []
    for one, of in skilled:
        given, shown = 0, 0  # attempts at suites for which it has skills, as far as recorded, and those shown one
        if one.given is not None:
            _, with_one, numbers = one.at_tasks({p: float(bool(one.shown[p])) for p in one.recorded["shown"]})
            expected = [place for place, suite in enumerate(one.table.suites) if one.given.skills.get(suite)]
            given, shown = int(numbers[expected].sum()), round(float(with_one[expected].sum()))
        attempts = plural(given, "attempt")
        if given and not shown:
            none = f"{of.name} was given skills ({of.arm}), and none of its {attempts} was shown any"
            found.append(f"{none}: what was measured is not a contender with skills")
            continue
        if shown < given:
            found.append(f"{of.name}: {given - shown:,} of {attempts} were shown no skill, although skills were given")
        if shown and of.arm not in CLOSED and of.opened.value == 0:
            found.append(f"{of.name} opened no skill in any of {attempts}: what was measured is the catalogue alone")
        never = [s.skill for s in scores if s.contender == of.name and s.n_shown == 0]
        if shown and never:
            found.append(f"{of.name} was given {listed(never)}, which no attempt was shown")
    for one in every:
        if one.given is not None and one.given.arm is None and one.seen:
            what = f"{one.name} has no skills, and yet its attempts record {listed(one.seen)}"
            found.append(f"{what}: it is no bare counterpart")
    return tuple(found)


def _notes(view: Skills, table: TaskTable, hybrids: Sequence[str]) -> tuple[str, ...]:
    """What the figures rest on."""
    contenders, lifts = view.contenders, [score.lift for score in view.skills if score.lift]
    notes = [f"split: {table.split}; attempts are graded attempts: those that errored or could not be graded are out"]
    met = table.clusters[(table.trials > 0).any(axis=0)].tolist()
    notes.append(unit_note(len(set(met)), len(met), view.level))
    silent = [(of.name, plural(of.unrecorded, "attempt")) for of in contenders if of.unrecorded]
    notes += [f"{name}: {attempts} ended before any answer and record no skill" for name, attempts in silent]
    if any(score.n_opened for score in view.skills):
        why = "the model chooses when to open it, and the tasks differ; the lift is the effect"
        notes.append(f"pass rates where a skill was opened and where it was not show no effect of the skill: {why}")
    if closed := [of.name for of in contenders if of.arm in CLOSED]:
        notes.append(f"{listed(closed)}: {NOTHING_TO_OPEN}")
    if any(of.arm == "placebo" for of in contenders):
        notes.append("a placebo has the name of the skill whose text was shown, not of the one that it replaces")
    notes += [f"{of.name}: {of.why}" for of in contenders if of.why]
    notes += [f"{of.name}: {_no_bare(of)}" for of in contenders if of.bare is None and of.arm is not None]
    if lifts:
        notes.append("the lift of a skill is on the tasks whose prompts held it; skills shown with it are in it too")
    every: tuple[Lift | DeliveryPair, ...] = (*view.lifts, *view.deliveries)
    family = sum(one.comparison is not None and one.comparison.p_value is not None for one in every)
    single = sum(lift.p_value is not None for lift in lifts)
    if family > 1 or single > 1:
        apart = f"together, and apart from them for the {plural(single, 'lift')} of single skills"
        notes.append(f"p adjusted (Holm 1979) holds for the {plural(family, 'comparison')} of contenders {apart}")
    among = "the one's are among the other's: their difference holds that of finding the right one"
    unlike = [pair for pair in view.deliveries if not pair.same_skills]
    notes += [f"{pair.progressive} and {pair.flat} differ in their skills too, {among}" for pair in unlike]
    if hybrids:
        notes.append(f"left out: {listed(hybrids)}; a hybrid's skills are those of its worker or its expert")
    return (*notes, *(flag.text for flag in table.flags if flag.kind in OF_THE_ROWS))
