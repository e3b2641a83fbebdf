"""From figures to a word: which kind of option is advised, with its reasons, or every obstacle by its name."""

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness import core
from harness.core import Decision, Estimate, dollars, percent
from harness.verdict.arrays import Floats
from harness.verdict.conditions import NO, YES, Forgetting
from harness.verdict.economics import MEANINGS, Assumptions, Bill
from harness.verdict.endings import MOVING
from harness.verdict.licences import MAY, NON_COMMERCIAL, Licence, in_words
from harness.verdict.options import BELOW, BEST, MIX, OPEN, OWN, RENT, SHOWN, UNKNOWN, Quality

SAY_KINDS = "with ownbench advise (--own, --rent, --mix)"  # where a terminal or a file says so
SURE = 0.8  # the probability from which a kind of option is advised


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One contender that can be chosen."""

    contender: str
    seeds: tuple[str, ...]  # the contenders, where it is one recipe trained with several seeds
    kind: str  # ``OWN``, ``RENT``, ``MIX``, or ``unknown`` where nothing on record says
    because: str
    pass_rate: Estimate
    cost_per_pass_usd: Estimate  # of the tasks alone; what is paid once or by the month is in ``monthly_usd``
    monthly_usd: Estimate
    fixed_usd: float | None  # of the month's bill what is paid whatever the volume; None where an input is lacking
    fixed_parts_usd: Mapping[str, float]  # the same by the input that it comes from
    tasks_usd: float | None  # what the month's tasks cost: their number times the cost of a task
    outages_usd: float | None  # what outages of an API are expected to lose; the three add up to ``monthly_usd``
    probability_cheapest: float | None  # of those not shown to miss the quality; None: no tasks, or no whole bill
    quality: str  # ``best`` (passes most) or ``shown`` to be within the margin of the best, ``open``, ``below``
    to_best: Estimate  # its pass rate less the best of the others; the interval holds for all options together
    allowed: bool  # false where the data must stay inside and it needs an API
    ended: tuple[str, ...]  # its models that could be had until a day that has passed
    licences: tuple[Licence, ...]  # of the models, bases and data that it rests on
    may_be_sold: str  # by these, as they are commonly read: ``yes``, ``no`` or ``unknown``
    lacking: tuple[str, ...]  # inputs that its bill still needs

    @property
    def members(self) -> tuple[str, ...]:
        """The contenders that it is."""
        return self.seeds or (self.contender,)

    @property
    def passes(self) -> float:
        """Its pass rate as a number."""
        return self.pass_rate.value or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """How often each option is the cheapest at the required quality, and what else the decision is taken on."""

    options: Sequence[Option] = ()
    bills: tuple[Bill, ...]
    usd: Floats  # monthly dollars by option, as they are and then resampled; lower bounds where a bill is not whole
    quality: Quality  # of the options, decided once; the draws are of bills
    probabilities: Floats  # of being the cheapest of those not shown to miss it; of lower bounds where not whole
    kinds: Mapping[str, float]  # the same of each kind, by its cheapest option
    sure_kinds: Mapping[str, float]  # the same whatever is lacking: by a whole bill, or as no other kind is good
    settled: Mapping[str, float]  # that no other kind can hold the cheapest good one, whoever open turns out good
    firsts: Mapping[str, int]  # of each kind the cheapest option that is not shown to miss the quality
    leads: Mapping[str, int]  # of each kind the option that would be advised: the cheapest shown to have it, else that
    assumptions: Assumptions
    margin: float
    forgetting: Sequence[Forgetting] = ()
    warning: str | None = None
    ends_on: Mapping[str, dt.date] = field(default_factory=dict)  # by model its last day, where one is on record
    tuned: frozenset[str] = frozenset()  # options with a part that somebody trained
    general: Sequence[str] = ()  # suites that only show forgetting
    ends: bool = False  # whether a model of an option ends within the horizon

    @property
    def allowed(self) -> list[Option]:
        """The options that may be chosen."""
        return [o for o in self.options if o.allowed]

    @property
    def points(self) -> str:
        """The margin, in words."""
        return f"{100 * self.margin:g} point" + ("" if self.margin == 0.01 else "s")

    @property
    def barred(self) -> bool:
        """Whether some options may not be chosen, for the data must stay inside."""
        return len(self.allowed) < len(self.options)

    @property
    def best(self) -> str:
        """Whom the margin is reckoned from, in words."""
        return "the best pass rate" + (" of the options that may be chosen" if self.barred else "")

    @property
    def kind(self) -> str:
        """The kind that the word is about: the likeliest to hold the cheapest option."""
        return max(self.kinds, key=lambda k: self.kinds[k])

    def lead(self, kind: str) -> Option:
        """The option of that kind that would be advised, or else its best."""
        if kind in self.leads:
            return self.options[self.leads[kind]]
        here = [o for o in self.allowed if o.kind == kind] or self.allowed
        return max(here, key=lambda o: o.passes)


def reasons(found: Findings) -> tuple[Decision, tuple[str, ...], tuple[str, ...]]:
    """The advice, its reasons, and the inputs that it waits for. Every obstacle is named, not only the first."""
    if not found.allowed:
        return Decision.UNDECIDED, ("The data must stay inside, and no OWN option was tried: try one.",), ()
    if found.assumptions["tasks_per_month"] == 0:
        none = "With 0 tasks a month there is nothing to do, and so nothing to advise: say how many tasks come."
        return Decision.UNDECIDED, (none,), ()
    kind = found.kind
    missing = tuple(_missing(found, kind))
    obstacles = tuple(_obstacles(found, kind, missing))
    if obstacles or kind == UNKNOWN:
        return Decision.UNDECIDED, (*obstacles, *_ended(found), *_rivals(found, UNKNOWN)), missing
    why = [headline(found, kind), *_ended(found), *_same_kind(found, kind), *_rivals(found, kind)]
    if kind == OWN and found.lead(kind).contender in found.tuned:  # what the word still hangs on
        checked = [one for one in found.forgetting if one.tuned in found.lead(kind).members]
        lacks = "no general suite is in the report"
        if found.general:
            lacks = f"{found.lead(kind).contender} and its base did not both answer {core.listed(found.general, 5)}"
        why += [] if checked else [f"Forgetting is not checked: {lacks}. Run one before you own."]
        for one in checked[:1]:
            open_ = "Whether tuning made it forget is open"
            why.append(f"{'Nothing is forgotten beyond the margin' if one.answer == NO else open_}: {one.evidence}.")
    may, sold = found.lead(kind).may_be_sold, found.assumptions.result_is_sold
    if may == MAY[NON_COMMERCIAL] or (sold and may == UNKNOWN):
        why.append(f"{_terms(found.lead(kind))}: ask before anybody pays for the result.")
    return Decision(kind), tuple(why), ()


def _ended(found: Findings) -> Iterator[str]:
    """Each model of an option that may be chosen, where the last day on which it could be had has passed."""
    for model in dict.fromkeys(model for o in found.allowed for model in o.ended):
        who = core.listed([o.contender for o in found.allowed if model in o.ended], 5)
        yield f"{model} can no longer be had ({found.ends_on[model]} has passed): {who} must move to another model now."


def _missing(found: Findings, kind: str) -> list[str]:
    """Inputs without which nothing can be said: what is lacking counts only where it could change the word."""
    needed, amounts = [], found.assumptions
    if amounts["tasks_per_month"] is None or found.sure_kinds.get(kind, 0.0) < SURE:
        rivals = [o for o in found.allowed if o.quality != BELOW]
        needed = [name for o in rivals for name in o.lacking]
        if any(o.kind == UNKNOWN for o in rivals):  # its parts are unknown: any amount may be needed
            known = (name for name, value in amounts.amounts.items() if value is None)
            needed += [name for name in known if name != MOVING or found.ends]
    if amounts["tasks_per_month"] is None:
        needed.insert(0, "tasks_per_month")
    outside = any(o.kind != OWN for o in found.options)
    if amounts.data_must_stay_inside is None and outside and (kind != OWN or needed):
        needed.append("data_must_stay_inside")
    return list(dict.fromkeys(needed))


def _obstacles(found: Findings, kind: str, missing: Sequence[str]) -> Iterator[str]:
    lead, kinds = found.lead(kind), {o.kind for o in found.options}
    unknown = ", ".join(o.contender for o in found.allowed if o.kind == UNKNOWN and o.quality != BELOW)
    no_volume = found.assumptions["tasks_per_month"] is None
    if found.warning:
        yield f"{found.warning}: no advice on a part of the evidence."
    if unknown and (no_volume or found.kinds.get(UNKNOWN, 0.0) > 1.0 - SURE):
        yield f"Nothing on record says whether {unknown} would be OWN, RENT or MIX: say it {SAY_KINDS}."
    if len(kinds) == 1 and UNKNOWN not in kinds:
        yield f"Only {kinds.pop()} options were tried: there is nothing to weigh them against."
    for name in missing:
        if name == "cost_usd":
            which = ", ".join(o.contender for o in found.allowed if name in o.lacking)
            remedy = "Give its model a price, or map a column of costs"
            usage = "where it has a price, some calls came without their usage (calls.parquet, cost_usd)"
            yield f"Unknown: what a task costs with {which}. {remedy}; {usage}."
        else:
            yield f"Missing: `{name}`, {MEANINGS[name]}."
    if not missing and kind != UNKNOWN and min(found.kinds[kind], found.settled[kind]) < SURE:
        yield _unsettled(found, kind)
    for one in found.forgetting:
        if kind == OWN and one.answer == YES and one.tuned in lead.members:
            yield f"Tuning made {one.tuned} forget: {one.evidence}."
    if found.assumptions.result_is_sold and lead.may_be_sold == MAY[NON_COMMERCIAL]:
        yield f"The result is sold, and {_terms(lead)}: ask, or take another base or other data."


def _terms(option: Option) -> str:
    """That its licences are commonly read as forbidding a sale, or that they are not known."""
    if option.may_be_sold == MAY[NON_COMMERCIAL]:
        forbidding = in_words([one for one in option.licences if one.terms == NON_COMMERCIAL])
        return f"{option.contender} rests on a licence commonly read as non-commercial ({forbidding})"
    unknown = in_words([one for one in option.licences if one.terms == UNKNOWN])
    return f"Whether what comes of {option.contender} may be sold is not known ({unknown})"


def _unsettled(found: Findings, kind: str) -> str:
    """Why no kind is advised: the bills are too close, or too little is shown of who is good enough."""
    if found.kinds[kind] < SURE:
        ranked = sorted(found.kinds.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{k} {100 * p:.0f}%" for k, p in ranked)
        return f"No kind is the cheapest at the required quality in {100 * SURE:g}% of simulations: {shares}."
    place = found.firsts[kind]
    one, tasks = found.options[place], float(found.quality.tasks[place])
    told = f"{one.contender} is likely the cheapest, but its {percent(one.passes)} are not shown to lie within"
    more = "more tasks, or a wider margin, would tell"
    if one.to_best.n_tasks < tasks < math.inf:
        many = core.number(float(f"{tasks:.2g}"))
        more = f"about {many} tasks would tell, if all pass equally often; so would a wider margin"
    return f"{told} {found.points} of the best option, nor to miss it: {more}."


def headline(found: Findings, kind: str, mark: str = "") -> str:
    """The advice in a sentence or two; the option's name stands between two ``mark``.

    What it costs holds all that is in its bill, with the range of the simulations.
    """
    lead, volume = found.lead(kind), found.assumptions["tasks_per_month"] or 0.0
    start = f"{kind.capitalize()}: {mark}{lead.contender}{mark} passes {core.percent_interval(lead.pass_rate)}"
    inside = f"The data must stay inside, so only {kind} options may be chosen."
    usd = lead.monthly_usd.value
    if usd is not None and not lead.lacking:
        times, of = core.many_of(*(o.tasks_usd / volume for o in found.options if o.tasks_usd is not None and volume))
        all_in = lead.monthly_usd.of_many(times / volume) if volume else lead.monthly_usd
        whole = dollars(all_in.value) if core.no_width(all_in.low, all_in.high) else core.dollars_interval(all_in)
        each = f"{whole} per {of} tasks all in, or " if volume else ""
        bill = f"costs {each}{dollars(usd)} a month for {core.number(volume)}"
        return f"{start} and {bill}. {inside if found.barred else _cheapest(found, kind, mark)}"
    within, often = f"within {found.points} of the best pass rate", _often(found, kind)
    why = f"Only {kind} options {'may lie' if lead.quality == OPEN else 'are'} {within} ({often}), so this holds "
    why += "whatever they cost"
    if found.barred:
        why = inside.removesuffix(".")
    elif any(o.kind == kind and not o.lacking for o in found.allowed):
        why = f"Whatever the missing amounts, no other kind of option {within} is cheaper ({often})"
    return f"{start}. {why}. Its bill is not known: it waits for {_keys(lead.lacking)}."


def _keys(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _often(found: Findings, kind: str) -> str:
    """In how many simulations no other kind can hold the cheapest option of sufficient quality."""
    share, draws = found.settled[kind], len(found.usd) - 1
    return f"all {draws:,} simulations" if share * draws > draws - 0.5 else _share(share)


def _share(share: float) -> str:
    return "over 99% of simulations" if share >= 0.995 else f"{100 * share:.0f}% of simulations"


def _cheapest(found: Findings, kind: str, mark: str) -> str:
    """Why it is this option: it alone is good enough, or it is the cheapest of those that are or may be.

    "Nothing is cheaper" is said of whatever is shown to hold the quality, and in that share of simulations also of what
    is not shown to miss it. It is about the kind; of its own kind another may be cheaper in some simulations.
    """
    lead, within = found.lead(kind), f"within {found.points} of the best pass rate"
    rivals = [o for o in found.allowed if o.quality != BELOW and o is not lead]
    if not rivals:
        return f"It alone is of sufficient quality: every other option is shown to lie more than {found.points} below."
    kinds = list(dict.fromkeys(o.kind for o in rivals if o.kind != kind))
    p = (lead.probability_cheapest or 0.0) / (found.kinds[kind] or 1.0)
    own = _share(p) if p < 1.0 - 1e-9 else "all simulations"
    if not kinds and lead.quality == OPEN:
        return (
            f"Only {kind} options may lie {within}; which of them does is open, and {mark}{lead.contender}{mark} is "
            f"the cheapest of them in {own}."
        )
    cheaper = _cheaper_open(found, kind)
    if not kinds:
        most = "; a cheaper one is open" if cheaper else f", and of them it is the cheapest in {own}"
        return f"Only {kind} options are of sufficient quality{most}."
    what = f"No {' or '.join(kinds)} option" if any(o.kind == kind for o in rivals) else "Nothing"
    more = "" if what == "Nothing" or cheaper else f"; of the {kind} options it is the cheapest in {own}"
    return f"{what} {within} is cheaper ({_often(found, kind)}){more}."


def _cheaper_open(found: Findings, kind: str) -> list[str]:
    """Options of this kind that cost less than the one advised, and are not shown to be good enough, nor to miss it."""
    usd = found.lead(kind).monthly_usd.value
    here = (o for o in found.allowed if o.kind == kind and o.quality == OPEN and usd is not None)
    return [o.contender for o in here if (o.monthly_usd.value or usd or 0.0) < (usd or 0.0)]


def _same_kind(found: Findings, kind: str) -> Iterator[str]:
    """What is not settled within the kind that is advised: who of it."""
    cheaper = _cheaper_open(found, kind)
    if cheaper and found.lead(kind).quality != OPEN:
        yield f"Cheaper, and not shown to be good enough nor to miss it: {core.listed(cheaper, 5)}."


def _rivals(found: Findings, kind: str) -> Iterator[str]:
    """One sentence for each other kind: its likeliest option."""
    below = f"shown to be more than {found.points} below the best"
    most = "no option that may be chosen passes more" if found.barred else "no option passes more"
    held = {BEST: most, SHOWN: "shown to hold the required quality", BELOW: below}
    for other in (OWN, RENT, MIX):
        here = [o for o in found.options if o.kind == other]
        if other == kind or not here:
            continue
        one = found.lead(other)
        usd = one.monthly_usd.value
        bill = f", its bill waits for {_keys(one.lacking)}" if usd is None else f", {dollars(usd)} a month"
        how = held.get(one.quality, "not shown to hold the required quality, nor to miss it")
        may, out = f"{one.contender} passes {percent(one.passes)}{bill}; {how}", "ruled out, the data must stay inside"
        yield f"{other}: {may if any(o.allowed for o in here) else out}."
