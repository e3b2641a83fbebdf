"""What became of each option, advised or not, and why: one list."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness import core
from harness.analysis import ALONE, ContenderScore, Scoreboard
from harness.core import Estimate, dollars, points
from harness.report.choice_tables import MISSING
from harness.verdict import BELOW, Advice, Option

ADVISED, LEADS, LOST, OPEN, LEFT_OUT = "advised", "leads", "lost", "open", "left out"
"""It is advised; it passes most, without an advice; it lost; that is open; it was not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What became of one option, and why."""

    contender: str
    type: str  # ``OWN``, ``RENT`` or ``MIX``; ``unknown``, or empty where there is no advice
    setup: str
    outcome: str  # `ADVISED`, `LEADS`, `LOST`, `OPEN` or `LEFT_OUT`
    pass_rate: Estimate
    cost_usd: float | None  # of a task, with its part of all that is paid by the month where the volume is known
    why: str


def standings(view: Scoreboard, advice: Advice | None) -> Iterator[Standing]:
    """The option that is advised, those that lost or are open, and those that could not be judged."""
    scores = {c.name: c for c in view.shown if c.control is None}
    judged = set[str]()
    leader = next((c.name for c in view.ranked if c.name in scores and c.pass_rate.value is not None), None)
    found, volume = [], advice.economics["tasks_per_month"] if advice is not None else None
    for o in advice.options if advice is not None else ():
        if o.contender in view.controls:
            continue
        judged |= {o.contender, *o.members}
        score = scores.get(o.contender)
        outcome, why = _of_option(advice, o) if advice is not None else ("", "")
        why = "; ".join(filter(None, (why, _doubted(view, o))))
        if advice is not None and advice.advised is None and o.contender == leader:
            outcome, why = LEADS, _leads(view)
        found.append(
            Standing(
                contender=o.contender,
                type=o.kind,
                setup=score.setup if score else "",
                outcome=outcome,
                pass_rate=o.pass_rate,
                cost_usd=cost.value if (cost := _told_cost(advice, o, score)) else None,
                why=why,
            )
        )
    for c in (c for c in scores.values() if c.name not in judged):
        outcome, why = _of_score(view, c, leader, judged=bool(judged))
        found.append(
            Standing(contender=c.name, type="", setup=c.setup, outcome=outcome, pass_rate=c.pass_rate,
                     cost_usd=None if volume else c.cost_per_task_usd.value, why=why)
        )  # fmt: skip
    order = [ADVISED, LEADS, OPEN, LOST, LEFT_OUT]
    return iter(sorted(found, key=lambda one: (order.index(one.outcome), -(one.pass_rate.value or 0.0))))


def _doubted(view: Scoreboard, o: Option) -> str:
    """What else the page says of an option, where that seems to be another thing: two questions have two bars."""
    best = view.best
    if best is None or o.contender == best.name or o.contender not in best.unbeaten:
        return ""
    doubt = best.doubts.get(o.contender, "")
    if o.quality == BELOW:  # of the margin, one-sided
        over, why = (", over all pairs,", "") if doubt in {"", ALONE} else ("", f" ({doubt})")
        return f"that is one-sided at 5%; two-sided{over} it is not shown to pass less than {best.name}{why}"
    return doubt


def _told_cost(advice: Advice | None, o: Option, score: ContenderScore | None) -> Estimate | None:
    """A task's part of the bill where the volume is known, else the cost of the task alone."""
    if advice is not None and advice.economics["tasks_per_month"]:
        return cost_each(advice, o)
    return score.cost_per_task_usd if score else None


def _of_option(advice: Advice, o: Option) -> tuple[str, str]:
    """What became of an option of the advice, and why."""
    lead = option_of(advice, advice.advised) if advice.advised else None
    within = f"within {margin_words(advice)} of the best"
    mine, best = o.monthly_usd.value, lead.monthly_usd.value if lead else None
    if lead is not None and o.contender == lead.contender:
        if o.quality == "open":
            return ADVISED, f"the cheapest that may lie {within}; whether it does is open"
        alone = not any(one.quality != "below" and one.allowed for one in advice.options if one is not o)
        return ADVISED, f"the only option {within}" if alone else f"the cheapest option shown to lie {within}"
    if not o.allowed:
        return LOST, "it needs an API, and the data must stay inside"
    far = o.to_best
    if o.quality == "below":
        gap = "further" if far.value is None else f"{points(far.value, 1).lstrip('+-')} points"
        return LOST, f"{gap} below the best, shown to be more than the {100 * advice.margin:.3g} allowed"
    lacking = f"its bill waits for: {', '.join(MISSING.get(name, name) for name in o.lacking)}" if o.lacking else ""
    dearer = _dearer(o, lead)
    if o.quality == "open":
        cheaper = mine is not None and best is not None and mine < best
        return OPEN if cheaper or lead is None or lacking else LOST, "; ".join(
            filter(None, (f"neither shown to lie {within}, nor to miss that", dearer, lacking))
        )
    if lead is None or lacking:
        return OPEN, "; ".join(filter(None, (f"shown to lie {within}", lacking)))
    return LOST, f"{within}, but {dearer or 'not the cheapest in enough simulations'}"


def _dearer(o: Option, lead: Option | None) -> str:
    """How much more an option costs than the one advised, or how much less."""
    mine, best = o.monthly_usd.value, lead.monthly_usd.value if lead else None
    if mine is None or best is None or lead is None:
        return ""
    times = f" ({mine / best:.3g} times)" if best > 0 and mine > 1.05 * best else ""
    what = "more" if mine >= best else "less"
    return f"costs {dollars(abs(mine - best))} a month {what} than {lead.contender}{times}"


def margin_words(advice: Advice) -> str:
    """The margin of quality, ``2 points``."""
    return f"{100 * advice.margin:.3g} point" + "s" * (advice.margin != 0.01)


def _of_score(view: Scoreboard, c: ContenderScore, leader: str | None, *, judged: bool) -> tuple[str, str]:
    """What became of a contender that is in no advice."""
    if c.pass_rate.value is None:
        return LEFT_OUT, c.pass_rate.why or "nothing of it was graded"
    if c.apart:
        return LEFT_OUT, "measured on other tasks than the rest"
    if judged:
        return LEFT_OUT, "it lacks graded attempts at tasks that the others share"
    if c.name == leader:
        return LEADS, _leads(view)
    if view.best is None or c.name in view.best.unbeaten:
        doubt = view.best.doubts.get(c.name) if view.best is not None else None
        return OPEN, "not shown to pass less than the best" + (f" ({doubt})" if doubt else "")
    return LOST, "shown to pass less than the best"


def _leads(view: Scoreboard) -> str:
    others = len(view.best.unbeaten) - 1 if view.best is not None else 0
    many = f"; {others:,} other{'s' * (others > 1)} not shown to pass less" if others > 0 else ""
    return f"the highest pass rate{many}"


def differing_rates(view: Scoreboard, advice: Advice | None) -> Iterator[str]:
    """Why pass rates of the advice are not those of the scoreboard, where they are not."""
    scores = {c.name: c.pass_rate for c in view.contenders}
    texts = [(o, scores[o.contender]) for o in (advice.options if advice else ()) if o.contender in scores]
    other = [o for o, rate in texts if core.percent_interval(o.pass_rate) != core.percent_interval(rate)]
    if other and advice is not None:
        tasks = core.plural(advice.n_tasks, "task")
        which = core.listed([o.contender for o in other], 5)
        yield (
            f"The advice rests on the {tasks} that every option has a graded attempt at, without suites that only "
            f"check for forgetting; the scoreboard on all of its tasks. Pass rates that differ so: {which}."
        )


def option_of(advice: Advice | None, name: str) -> Option | None:
    """The option of this name, or that has a contender of this name among its seeds."""
    options = advice.options if advice is not None else ()
    return next((o for o in options if name == o.contender or name in o.seeds), None)


def cost_each(advice: Advice | None, option: Option | None) -> Estimate | None:
    """A task's part of an option's monthly bill, with its range; ``None`` without a bill or a number of tasks."""
    volume = advice.economics["tasks_per_month"] if advice is not None else None
    month = option.monthly_usd if option is not None else None
    return month.of_many(1.0 / volume) if volume and month is not None and month.value is not None else None
