"""From figures to a word and its reasons: what is advised, or what stands in the way of advice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core import Decision, Estimate, dollars, percent
from harness.verdict.conditions import NO, YES, Forgetting
from harness.verdict.economics import MEANINGS, Assumptions
from harness.verdict.option_rates import BELOW, BEST, SHOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One contender that can be chosen."""

    contender: str
    kind: str
    """``OWN``, ``RENT``, ``MIX``, or ``unknown`` where nothing on record says."""
    because: str
    pass_rate: Estimate
    cost_per_pass_usd: Estimate
    """Of the tasks alone; what is paid once or by the month is in ``monthly_usd``."""
    monthly_usd: Estimate
    fixed_usd: float | None
    """Of the month's bill what is paid whatever the volume; None where an input is lacking."""
    fixed_parts_usd: Mapping[str, float]
    """The same by the input that it comes from."""
    tasks_usd: float | None
    """What the month's tasks cost: their number times the cost of a task."""
    outages_usd: float | None
    """What outages of an API are expected to lose in a month; with the two others it adds up to ``monthly_usd``."""
    probability_cheapest: float | None
    """Of being the cheapest of those of the required quality; None where its bill is not whole."""
    quality: str
    """``best``, ``shown`` to be within the margin of it, ``open``, or ``below``: shown not to be."""
    allowed: bool
    """False where the data must stay inside and it needs an API."""
    lacking: tuple[str, ...]
    """Inputs that its bill still needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the decision is taken on."""

    options: Sequence[Option]
    probabilities: Mapping[Decision | None, float]
    """Of each kind; where bills are not whole, as if what is lacking cost nothing."""
    sure_kinds: Mapping[Decision | None, float]
    """The same from whole bills alone: it can only grow by what is lacking."""
    assumptions: Assumptions
    margin: float
    sure: float
    forgetting: Sequence[Forgetting]
    warning: str | None
    draws: int
    """Redraws of the tasks and the amounts that the probabilities are shares of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The word, its reasons, and the inputs that it waits for."""

    advice: Decision
    reasons: tuple[str, ...]
    missing: tuple[str, ...]


def reasons(found: Findings) -> Decided:
    """The advice. Every obstacle is named, not only the first."""
    allowed = [o for o in found.options if o.allowed]
    if not allowed:
        why = "The data must stay inside, and no OWN option was tried: try one."
        return Decided(advice=Decision.UNDECIDED, reasons=(why,), missing=())
    if found.assumptions["tasks_per_month"] == 0:
        why = "With 0 tasks a month there is nothing to do, and so nothing to advise: say how many tasks come."
        return Decided(advice=Decision.UNDECIDED, reasons=(why,), missing=())
    kind = max(found.probabilities, key=lambda k: found.probabilities[k])
    lead = _lead(allowed, kind)
    missing = _missing(found, allowed, kind)
    obstacles = [
        *([f"{found.warning}: no advice on a part of the evidence."] if found.warning else []),
        *_unknown_kinds(found, allowed),
        *_one_kind(found.options),
        *[_asked_for(name, allowed) for name in missing],
        *_unsure(found, kind, missing),
        *_unshown(found, lead, missing),
        *_forgotten(found, lead, kind),
    ]
    if obstacles or kind is None:
        return Decided(
            advice=Decision.UNDECIDED, reasons=(*obstacles, *_rivals(found, allowed, None)), missing=tuple(missing)
        )
    return Decided(
        advice=kind,
        reasons=(_headline(found, lead, kind), *_rivals(found, allowed, kind), *_unchecked(found, lead, kind)),
        missing=(),
    )


def _lead(allowed: Sequence[Option], kind: Decision | None) -> Option:
    """The option of that kind that is the likeliest to be the cheapest, or else the best."""
    word = "unknown" if kind is None else kind.value
    own = [o for o in allowed if o.kind == word] or list(allowed)
    return max(own, key=lambda o: (o.probability_cheapest or 0.0, o.pass_rate.value or 0.0))


# ------------------------------------------------------------------------------------------------------------ obstacles


def _missing(found: Findings, allowed: Sequence[Option], kind: Decision | None) -> list[str]:
    """Inputs without which nothing can be said: what is lacking counts only where it could change the word."""
    needed = []
    if found.assumptions["tasks_per_month"] is None or found.sure_kinds.get(kind, 0.0) < found.sure:
        rivals = [o for o in allowed if o.quality != BELOW]
        needed = [name for o in rivals for name in o.lacking]
        if any(o.kind == "unknown" for o in rivals):  # what it is made of is unknown: any amount may be needed
            needed += [name for name, value in found.assumptions.amounts.items() if value is None]
    if found.assumptions["tasks_per_month"] is None:
        needed.insert(0, "tasks_per_month")
    outside = any(o.kind != Decision.OWN.value for o in found.options)
    if found.assumptions.data_must_stay_inside is None and outside and (kind != Decision.OWN or needed):
        needed.append("data_must_stay_inside")
    return list(dict.fromkeys(needed))


def _asked_for(name: str, allowed: Sequence[Option]) -> str:
    if name == "cost_usd":
        which = ", ".join(o.contender for o in allowed if name in o.lacking)
        return f"Unknown: what a task costs with {which}. Give its model a price, or map a column of costs."
    return f"Missing: {name}, {MEANINGS[name]}."


def _unknown_kinds(found: Findings, allowed: Sequence[Option]) -> list[str]:
    which = [o.contender for o in allowed if o.kind == "unknown" and o.quality != BELOW]
    matters = found.assumptions["tasks_per_month"] is None or found.probabilities.get(None, 0.0) > 1.0 - found.sure
    if not which or not matters:
        return []
    return [
        f"Nothing on record says whether {', '.join(which)} would be OWN, RENT or MIX: say it (--own, --rent, --mix)."
    ]


def _one_kind(options: Sequence[Option]) -> list[str]:
    kinds = {o.kind for o in options}
    if len(kinds) > 1 or "unknown" in kinds:
        return []
    return [f"Only {kinds.pop()} options were tried: there is nothing to weigh them against."]


def _unsure(found: Findings, kind: Decision | None, missing: Sequence[str]) -> list[str]:
    if missing or kind is None or found.probabilities[kind] >= found.sure:
        return []
    ranked = sorted(found.probabilities.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{'unknown' if k is None else k.value} {100 * p:.0f}" for k, p in ranked)
    text = (
        f"No kind is the cheapest at the required quality in {100 * found.sure:g} of 100 redraws of the tasks and the "
        f"amounts: {listed}."
    )
    return [text]


def _unshown(found: Findings, lead: Option, missing: Sequence[str]) -> list[str]:
    if missing or lead.quality in {BEST, SHOWN}:
        return []
    rate = percent(lead.pass_rate.value or 0.0)
    text = (
        f"{lead.contender} is the likeliest to be the cheapest, but its {rate} are not shown to lie within "
        f"{_points(found.margin)} of the best option: more tasks, or a wider margin, would tell."
    )
    return [text]


def _forgotten(found: Findings, lead: Option, kind: Decision | None) -> list[str]:
    if kind != Decision.OWN:
        return []
    return [
        f"Tuning made {one.tuned} forget: {one.evidence}."
        for one in found.forgetting
        if one.answer == YES and one.tuned == lead.contender
    ]


# -------------------------------------------------------------------------------------------------------------- reasons


def _headline(found: Findings, lead: Option, kind: Decision) -> str:
    volume = found.assumptions["tasks_per_month"] or 0.0
    if lead.lacking:
        return _whatever(found, lead, kind)
    bill = (
        "" if lead.monthly_usd.value is None else f", {dollars(lead.monthly_usd.value)} a month for {volume:,.0f} tasks"
    )
    a = "an" if kind == Decision.OWN else "a"
    return (
        f"{_often(found.probabilities[kind], found.draws)} of the tasks and the amounts {a} {kind.value} option is the "
        f"cheapest of those within {_points(found.margin)} of the best pass rate; it is {lead.contender}{bill}."
    )


def _whatever(found: Findings, lead: Option, kind: Decision) -> str:
    """Why a kind is advised although the bill of its option is not known: what the evidence says of any bill."""
    a = "an" if kind == Decision.OWN else "a"
    often = f"{_often(found.sure_kinds[kind], found.draws)} of the tasks and the amounts"
    held = f"within {_points(found.margin)} of the best pass rate"
    if any(o.kind == kind.value and o.allowed and not o.lacking for o in found.options):
        why = f"{often} {a} {kind.value} option is the cheapest of those {held}, whatever the amounts that are lacking"
    else:
        why = f"{often} only {kind.value} options are {held}, so the word holds whatever they cost"
    return f"{why}; it is {lead.contender}, whose bill is not known: it waits for {', '.join(lead.lacking)}."


def _often(share: float, draws: int) -> str:
    if share * draws > draws - 0.5:
        return f"In all {draws:,} redraws"
    return "In over 99 of 100 redraws" if share >= 0.995 else f"In {100 * share:.0f} of 100 redraws"


def _rivals(found: Findings, allowed: Sequence[Option], kind: Decision | None) -> list[str]:
    """One sentence for each other kind: how its likeliest option stands."""
    sentences = []
    top = next((o for o in allowed if o.quality == BEST), None)
    for other in (Decision.OWN, Decision.RENT, Decision.MIX):
        here = [o for o in found.options if o.kind == other.value]
        if other == kind or not here:
            continue
        if not any(o.allowed for o in here):
            sentences.append(f"{other.value}: ruled out, the data must stay inside.")
            continue
        one = _lead([o for o in here if o.allowed], other)
        rate = percent(one.pass_rate.value or 0.0)
        bill = (
            ", its bill not known" if one.monthly_usd.value is None else f", {dollars(one.monthly_usd.value)} a month"
        )
        held = {
            BEST: "the best pass rate",
            SHOWN: "shown to hold the required quality",
            BELOW: f"shown to be more than {_points(found.margin)} below {top.contender if top else 'the best'}",
        }.get(one.quality, "not shown to hold the required quality, nor to miss it")
        sentences.append(f"{other.value}: {one.contender} passes {rate}{bill}; {held}.")
    return sentences


def _unchecked(found: Findings, lead: Option, kind: Decision) -> list[str]:
    """What the word OWN still hangs on."""
    if kind != Decision.OWN:
        return []
    checked = [one for one in found.forgetting if one.tuned == lead.contender]
    if not checked:
        return ["Forgetting is not checked: no general suite is in the report. Run one before you own."]
    if checked[0].answer == NO:
        return [f"Nothing is forgotten beyond the margin: {checked[0].evidence}."]
    return [f"Whether tuning made it forget is open: {checked[0].evidence}."]


def _points(margin: float) -> str:
    return f"{100 * margin:g} point" + ("" if margin == 0.01 else "s")
