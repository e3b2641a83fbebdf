"""From figures to a word and its reasons: what is advised, or what stands in the way of advice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.core import Decision, Estimate, dollars, number, percent
from harness.verdict.conditions import NO, YES, Forgetting
from harness.verdict.economics import MEANINGS, Assumptions
from harness.verdict.options import BELOW, BEST, MIX, OWN, RENT, SHOWN, UNKNOWN

SURE = 0.8  # the probability from which a kind of option is advised


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One contender that can be chosen."""

    contender: str
    kind: str  # ``OWN``, ``RENT``, ``MIX``, or ``unknown`` where nothing on record says
    because: str
    pass_rate: Estimate
    cost_per_pass_usd: Estimate  # of the tasks alone; what is paid once or by the month is in ``monthly_usd``
    monthly_usd: Estimate
    fixed_usd: float | None  # of the month's bill what is paid whatever the volume; None where an input is lacking
    fixed_parts_usd: Mapping[str, float]  # the same by the input that it comes from
    tasks_usd: float | None  # what the month's tasks cost: their number times the cost of a task
    outages_usd: float | None  # what outages of an API are expected to lose; the three add up to ``monthly_usd``
    probability_cheapest: float | None  # of those of the required quality; None where its bill is not whole
    quality: str  # ``best``, ``shown`` to be within the margin of it, ``open``, or ``below``: shown not to be
    allowed: bool  # false where the data must stay inside and it needs an API
    lacking: tuple[str, ...]  # inputs that its bill still needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the decision is taken on."""

    options: Sequence[Option]
    draws: int
    kinds: Mapping[str, float]  # how often each holds the cheapest; where bills are not whole, by their lower bounds
    sure_kinds: Mapping[str, float]
    """How often a kind wins whatever is lacking: by a whole bill, or because no other kind is good."""
    assumptions: Assumptions
    margin: float
    forgetting: Sequence[Forgetting]
    warning: str | None

    @property
    def allowed(self) -> list[Option]:
        """The options that may be chosen."""
        return [o for o in self.options if o.allowed]

    @property
    def points(self) -> str:
        """The margin, in words."""
        return f"{100 * self.margin:g} point" + ("" if self.margin == 0.01 else "s")

    def lead(self, kind: str) -> Option:
        """The option of that kind that is the likeliest to be the cheapest, or else the best."""
        own = [o for o in self.allowed if o.kind == kind] or self.allowed
        return max(own, key=lambda o: (o.probability_cheapest or 0.0, o.pass_rate.value or 0.0))


def reasons(found: Findings) -> tuple[Decision, tuple[str, ...], tuple[str, ...]]:
    """The advice, its reasons, and the inputs that it waits for. Every obstacle is named, not only the first."""
    if not found.allowed:
        return Decision.UNDECIDED, ("The data must stay inside, and no OWN option was tried: try one.",), ()
    if found.assumptions["tasks_per_month"] == 0:
        none = "With 0 tasks a month there is nothing to do, and so nothing to advise: say how many tasks come."
        return Decision.UNDECIDED, (none,), ()
    kind = max(found.kinds, key=lambda k: found.kinds[k])
    missing = tuple(_missing(found, kind))
    obstacles = tuple(_obstacles(found, kind, missing))
    if obstacles or kind == UNKNOWN:
        return Decision.UNDECIDED, (*obstacles, *_rivals(found, UNKNOWN)), missing
    why = [_headline(found, kind), *_rivals(found, kind)]
    if kind == OWN:  # what the word still hangs on
        checked = next((one for one in found.forgetting if one.tuned == found.lead(kind).contender), None)
        if checked is None:
            why.append("Forgetting is not checked: no general suite is in the report. Run one before you own.")
        else:
            nothing = "Nothing is forgotten beyond the margin"
            said = nothing if checked.answer == NO else "Whether tuning made it forget is open"
            why.append(f"{said}: {checked.evidence}.")
    return Decision(kind), tuple(why), ()


def _missing(found: Findings, kind: str) -> list[str]:
    """Inputs without which nothing can be said: what is lacking counts only where it could change the word."""
    needed, amounts = [], found.assumptions
    if amounts["tasks_per_month"] is None or found.sure_kinds.get(kind, 0.0) < SURE:
        rivals = [o for o in found.allowed if o.quality != BELOW]
        needed = [name for o in rivals for name in o.lacking]
        if any(o.kind == UNKNOWN for o in rivals):  # its parts are unknown: any amount may be needed
            needed += [name for name, value in amounts.amounts.items() if value is None]
    if amounts["tasks_per_month"] is None:
        needed.insert(0, "tasks_per_month")
    outside = any(o.kind != OWN for o in found.options)
    if amounts.data_must_stay_inside is None and outside and (kind != OWN or needed):
        needed.append("data_must_stay_inside")
    return list(dict.fromkeys(needed))


def _obstacles(found: Findings, kind: str, missing: Sequence[str]) -> Iterator[str]:
    """What stands in the way of advice, a sentence each."""
    lead, kinds = found.lead(kind), {o.kind for o in found.options}
    unknown = ", ".join(o.contender for o in found.allowed if o.kind == UNKNOWN and o.quality != BELOW)
    no_volume = found.assumptions["tasks_per_month"] is None
    if found.warning:
        yield f"{found.warning}: no advice on a part of the evidence."
    if unknown and (no_volume or found.kinds.get(UNKNOWN, 0.0) > 1.0 - SURE):
        yield f"Nothing on record says whether {unknown} would be OWN, RENT or MIX: say it (--own, --rent, --mix)."
    if len(kinds) == 1 and UNKNOWN not in kinds:
        yield f"Only {kinds.pop()} options were tried: there is nothing to weigh them against."
    for name in missing:
        if name == "cost_usd":
            which = ", ".join(o.contender for o in found.allowed if name in o.lacking)
            yield f"Unknown: what a task costs with {which}. Give its model a price, or map a column of costs."
        else:
            yield f"Missing: {name}, {MEANINGS[name]}."
    if not missing and kind != UNKNOWN and found.kinds[kind] < SURE:
        ranked = sorted(found.kinds.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{k} {100 * p:.0f}%" for k, p in ranked)
        yield f"No kind is the cheapest at the required quality in {100 * SURE:g}% of simulations: {shares}."
    if not missing and lead.quality not in {BEST, SHOWN}:
        yield (
            f"{lead.contender} is the likeliest to be the cheapest, but its {percent(lead.pass_rate.value or 0.0)} are "
            f"not shown to lie within {found.points} of the best option: more tasks, or a wider margin, would tell."
        )
    for one in found.forgetting:
        if kind == OWN and one.answer == YES and one.tuned == lead.contender:
            yield f"Tuning made {one.tuned} forget: {one.evidence}."


def _headline(found: Findings, kind: str) -> str:
    lead, volume = found.lead(kind), found.assumptions["tasks_per_month"] or 0.0
    rate, within = f"passes {percent(lead.pass_rate.value or 0.0)}", f"within {found.points} of the best pass rate"
    share = found.sure_kinds[kind] if lead.lacking else found.kinds[kind]
    often = "over 99% of simulations" if share >= 0.995 else f"{100 * share:.0f}% of simulations"
    if share * found.draws > found.draws - 0.5:
        often = f"all {found.draws:,} simulations"
    if not lead.lacking:
        bill = f" and costs {dollars(lead.monthly_usd.value)} a month for {number(volume)} tasks"
        return f"{kind}: {lead.contender} {rate}{bill}. No other kind of option {within} is cheaper ({often})."
    if any(o.kind == kind and not o.lacking for o in found.allowed):
        why = f"Whatever the missing amounts, no other kind of option {within} is cheaper ({often})"
    else:
        why = f"Only {kind} options are {within} ({often}), so this holds whatever they cost"
    needs = ", ".join(lead.lacking)
    return f"{kind}: {lead.contender} {rate}. {why}. Its bill is not known: it waits for {needs}."


def _rivals(found: Findings, kind: str) -> Iterator[str]:
    """One sentence for each other kind: its likeliest option."""
    top = next((o.contender for o in found.allowed if o.quality == BEST), "the best")
    held = {
        BEST: "the best pass rate",
        SHOWN: "shown to hold the required quality",
        BELOW: f"shown to be more than {found.points} below {top}",
    }
    for other in (OWN, RENT, MIX):
        here = [o for o in found.options if o.kind == other]
        if other == kind or not here:
            continue
        if not any(o.allowed for o in here):
            yield f"{other}: ruled out, the data must stay inside."
            continue
        one = found.lead(other)
        usd = one.monthly_usd.value
        bill = ", its bill not known" if usd is None else f", {dollars(usd)} a month"
        how = held.get(one.quality, "not shown to hold the required quality, nor to miss it")
        yield f"{other}: {one.contender} passes {percent(one.pass_rate.value or 0.0)}{bill}; {how}."
