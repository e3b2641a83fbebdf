"""Own, rent or mix: which is the cheapest at the required quality, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis import load_evidence, load_note, progress_of, shared_sources, uncalibrated
from harness.core import Decision, Estimate, as_json, cost_words, dollars, listed
from harness.stats import percentile_limits
from harness.verdict import advice_inputs, conditions
from harness.verdict.advice_inputs import AdviceInputs, AdviceSettings, advice_inputs_of
from harness.verdict.advice_reasons import Findings, Option, headline, reasons
from harness.verdict.conditions import Condition, Forgetting
from harness.verdict.economics import GPU_HOUR, PERIODS, RATE, SAID, Assumptions, load_assumptions
from harness.verdict.endings import MOVING, ending_notes
from harness.verdict.flipping import FlipPoint, flips_of
from harness.verdict.licences import MAY, Sale, sale_of, worst
from harness.verdict.options import BELOW, UNKNOWN, OptionFigures
from harness.verdict.ranking import Ranked, rank_options
from harness.verdict.recipes import is_twin

SHOWN = 5  # names that a sentence lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What ``ownbench advise`` says."""

    advice: Decision
    advised: str | None  # the option that is advised; ``None`` where none is
    sentence: str | None  # the advice in a sentence or two, the option's name in backticks; ``None`` without one
    reasons: tuple[str, ...]
    break_even_tasks_per_month: Estimate
    break_even_of: tuple[str, str] | None  # the advised option and its cheapest rival of another kind; first pays off
    options: tuple[Option, ...]
    conditions: tuple[Condition, ...]
    flips_at: tuple[FlipPoint, ...]
    probabilities: Mapping[str, float]  # of each kind, that it holds the cheapest bill of those not shown to miss it
    missing: tuple[str, ...]  # inputs that the advice waits for
    forgetting: tuple[Forgetting, ...]
    sale: Sale  # whether the result may be sold
    economics: Mapping[str, Any]  # as used, with the horizon in months and the share that each may be off
    margin: float
    n_tasks: int
    unit: str
    warning: str | None
    notes: tuple[str, ...]

    @property
    def alone(self) -> str | None:
        """The only option of sufficient quality, of those that may be chosen; ``None`` where there are several."""
        good = [o.contender for o in self.options if o.allowed and o.quality != BELOW]
        return good[0] if len(good) == 1 and len(self.options) > 1 else None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dict(as_json(self))


def advise(
    report: Path,
    assumptions: Assumptions | None = None,
    settings: AdviceSettings | None = None,
    split: str | None = None,
) -> Advice:
    """Advice for one report, by default with the economics of its experiment; nothing is written.

    Raises UsageError: no such report, contender or suite; EvidenceError: no task that all options share.
    """
    table, manifest = load_evidence(report, split, apart=True)
    return advise_at(advice_inputs_of(table, manifest, settings), assumptions or load_assumptions(table.report))


def advise_at(inputs: AdviceInputs, assumptions: Assumptions) -> Advice:
    """The same on inputs that are at hand already: another what-if then takes a moment."""
    settings, price, names, table = inputs.settings, assumptions.machine, inputs.names, inputs.table
    stated = dict(price[1]) if isinstance(price[1], tuple) else price[1]
    margin, known = settings.margin, inputs.described.contenders
    for name in stated if isinstance(stated, dict) else ():
        if name not in known:
            table.index(name)  # a contender of the report, or an error that names the nearest
    figures = inputs.at_machine(price)
    forgotten = inputs.once(
        ("forget", margin), lambda: conditions.forgetting(table, inputs.described, inputs.general, margin)
    )
    run = progress_of(table, inputs.manifest)
    stopped = f" ({run.stopped_because})" if run.stopped_because else ""
    warning = f"{run.word}: the run is not done{stopped}" if run.word else None
    ranked = _ranked(inputs, figures, assumptions)
    options = _options(inputs, figures, assumptions, ranked)
    ends = any(assumptions.horizon.holds(one) for option in figures.candidates for one in option.endings)
    last = {one.model: one.until for option in figures.candidates for one in option.endings}
    found = replace(ranked, options=options, forgetting=forgotten, warning=warning, ends=ends, ends_on=last)
    found = replace(found, tuned=frozenset(c.contender for c in figures.candidates if c.tuned), general=inputs.general)
    able = found.quality.shown(margin), found.quality.possible(margin)
    first = found.leads.get(found.kind, int(np.argmax(figures.rates[0])))
    stay = bool(assumptions.data_must_stay_inside)
    pair = advice_inputs.break_even_pair(figures, found.usd[0].tolist(), first, able, stay=stay)
    even = advice_inputs.break_even_volume(figures, assumptions, pair, settings.level)
    said = None if isinstance(pair, str) else (names[pair[0]], names[pair[1]])
    word, why, missing = reasons(found)
    lead, evidence = figures.candidates[first].members[0], []
    if not isinstance(pair, str):
        evidence = inputs.once(("pair", pair, price), lambda: conditions.pair_evidence(table, figures, pair))
    n, groups = len(figures.clusters), len(np.unique(figures.clusters))
    unit = "the unit is the task" if groups == n else f"the unit is the cluster, {groups:,} of them"
    tasks = f"split: {table.split}; on the {n:,} tasks that every option has; {unit}"
    used = {name: getattr(assumptions, name) for name in (*SAID, "months", "spread", *PERIODS)}
    return Advice(
        advice=word,
        advised=None if word is Decision.UNDECIDED else found.lead(found.kind).contender,
        sentence=None if word is Decision.UNDECIDED else headline(found, found.kind, "`"),
        reasons=why,
        break_even_tasks_per_month=even,
        break_even_of=said,
        options=tuple(
            sorted(options, key=lambda o: (not o.allowed, bool(o.lacking), -(o.probability_cheapest or 0.0), -o.passes))
        ),
        conditions=(
            *inputs.once(("tasks", lead), lambda: conditions.about_tasks(table, inputs.manifest, lead, inputs.work)),
            conditions.frequency(assumptions, even, said, evidence),
            *conditions.from_the_user(assumptions),
        ),
        flips_at=flips_of(inputs, found),
        probabilities={} if assumptions["tasks_per_month"] == 0 else found.kinds,
        missing=missing,
        forgetting=forgotten,
        sale=sale_of({o.contender: o.licences for o in options}, names[first]),
        economics={**assumptions.amounts, **used, "from": str(assumptions.today), GPU_HOUR: price[0], RATE: stated},
        margin=margin,
        n_tasks=n,
        unit="task" if groups == n else "cluster",
        warning=warning,
        notes=(tasks, *figures.notes, *_notes(inputs, assumptions)),
    )


def _ranked(inputs: AdviceInputs, figures: OptionFigures, assumptions: Assumptions) -> Findings:
    """The options by their bills, as they are known best and drawn."""
    bills = inputs.drawn_bills(assumptions)
    usd = np.stack([np.broadcast_to(bill.usd, len(figures.rates)) for bill in bills], axis=1)
    quality = inputs.quality(stay=bool(assumptions.data_must_stay_inside))
    return rank_options(Ranked(figures.candidates, bills, usd), quality, inputs.settings.margin, assumptions)


def _options(
    inputs: AdviceInputs, figures: OptionFigures, assumptions: Assumptions, ranking: Findings
) -> tuple[Option, ...]:
    found, settings, n = [], inputs.settings, len(figures.clusters)
    per_pass, standing = inputs.per_pass(assumptions.machine), ranking.quality
    words, idle = standing.words(settings.margin), assumptions["tasks_per_month"] == 0
    how = f"{len(ranking.usd) - 1} draws of tasks, prices and the economics within their ranges, seed {settings.seed}"
    for i, (option, bill) in enumerate(zip(figures.candidates, ranking.bills, strict=True)):
        (rate, cost), usd, allowed = per_pass[i], ranking.usd[:, i], bool(standing.allowed[i])
        level, trials = settings.level, int(figures.counts[i].sum())
        told = Estimate(value=None, level=level, n_tasks=n, n_trials=trials, method="none")
        needs = "it is not known to be owned" if option.kind == UNKNOWN else "it needs an API"
        gap = replace(told, why=f"the data must stay inside, and {needs}")
        if allowed:
            others = np.delete(np.where(standing.allowed, standing.rates, -np.inf), i).max(initial=-np.inf)
            gap = replace(told, why="no other option may be chosen" if len(words) > 1 else "there is no other option")
            if np.isfinite(others):
                how_far = "comparisons with the best, whoever it is, one-sided at 5%"
                seen, low_end, high_end = (float(x[i]) for x in (standing.rates - others, standing.low, standing.high))
                gap = replace(told, value=seen, low=low_end, high=high_end, method=how_far, level=0.9)
        if bill.lacking:
            month = replace(told, why=f"it needs {', '.join(bill.lacking)}")
        else:
            low, high = percentile_limits(usd[1:], settings.level) or (None, None)
            month = replace(told, value=float(usd[0]), low=low, high=high, method=how)
        found.append(
            Option(
                contender=option.contender,
                seeds=option.members if len(option.members) > 1 else (),
                kind=option.kind,
                because=option.because,
                pass_rate=rate,
                cost_per_pass_usd=cost,
                monthly_usd=month,
                fixed_usd=None if bill.lacking else _first(sum(bill.fixed.values(), 0.0)),
                fixed_parts_usd={} if bill.lacking else {name: _first(part) for name, part in bill.fixed.items()},
                tasks_usd=None if bill.lacking else _first(bill.tasks),
                outages_usd=None if bill.lacking else _first(bill.outages),
                probability_cheapest=None if bill.lacking or idle else float(ranking.probabilities[i]),
                quality=words[i] if allowed else "not allowed",
                to_best=gap,
                allowed=allowed,
                ended=tuple(one.model for one in option.endings if one.until < assumptions.today),
                licences=option.licences,
                may_be_sold=MAY[worst(option.licences)],
                lacking=bill.lacking,
            )
        )
    return tuple(found)


def _first(amounts: Any) -> float:
    """What is known best: the first of an array, or the number itself."""
    return float(np.ravel(amounts)[0])


def _notes(inputs: AdviceInputs, assumptions: Assumptions) -> list[str]:
    """Terms, prices, what is left out, which machines are reckoned by a stated rate and what is stated in vain."""
    hour, why, spread = assumptions.gpu_hour_usd, inputs.machine.why, f"{100 * assumptions.spread:g}%"
    off = f"each amount and each price (a machine's hour, tokens, other costs) triangular within {spread} of its value"
    off = f"{off}, independent of the others" if assumptions.spread else "amounts and prices taken as exact"
    again = {name: getattr(assumptions, name) for name in PERIODS}
    what_again = (("retrain_months", "training is paid"), ("reauthor_months", "skill authoring"))
    upkeep = [
        f"{what} again every {again[name]:g} months" if again[name] else f"{what} once ({name} is not given)"
        for name, what in what_again
    ]
    notes = [
        f"money spent once is spread over {assumptions.months:g} months; {off}",
        f"upkeep: {listed(upkeep, SHOWN)}",
        "who is of the required quality is decided once, for all options together, and not drawn",
    ]
    if hour is not None:
        notes.append(f"an hour of a machine costs {dollars(hour)} instead of what is on record")
        unknown = [name for name in inputs.members if name in why]
        notes += [f"at another price of the hour the cost of {name} is unknown: {why[name]}" for name in unknown]
    rates, stated = assumptions.tasks_per_gpu_hour, inputs.stated(assumptions.machine)
    same: dict[tuple[float, float], list[str]] = {}
    for name, usd in stated.items():
        same.setdefault((float(inputs.rate_of(name, rates) or 0.0), usd), []).append(name)
    notes += [
        f"cost of {listed(names, SHOWN)}: {dollars(rate * usd)} an hour for a stated {rate:,.10g} tasks an hour "
        f"({RATE}), {cost_words(usd)}, in place of the machine's measured time"
        for (rate, usd), names in same.items()
    ]
    measured = load_note(inputs.table, [name for name in inputs.members if name not in stated])
    notes += [f"{note} ({RATE} states another load)" for note in measured]
    for name, rate in rates if isinstance(rates, tuple) else ():
        if name in inputs.members and name not in stated:
            unused = why.get(name, "it pays no machine by the hour")
            notes.append(f"the {rate:,.10g} tasks an hour of {name} are not used: {unused}")
    ends = [(c.contender, c.endings) for c in inputs.figures.candidates]
    notes += ending_notes(ends, assumptions.horizon, stated=MOVING in assumptions.known)
    if "training_usd" not in assumptions.known:
        cards = [c for c in inputs.figures.candidates if c.tuned and c.training_usd is not None]
        said = listed([f"{c.contender} {dollars(c.training_usd or 0.0)}" for c in cards], SHOWN)
        notes += [f"training costs what the cards say: {said} (training_usd states another amount)"] if cards else []
    notes += [
        f"{c.contender} is one recipe trained with several seeds, {listed(c.members, SHOWN)}: its rate is their mean, "
        "and how far they lie apart enters the interval and the quality"
        for c in inputs.figures.candidates
        if len(c.members) > 1
    ]
    twins = [n for n, one in inputs.described.contenders.items() if n in inputs.controls and is_twin(one)]
    for what, left in (
        ("no options, since they only measure", [name for name in inputs.controls if name not in twins]),
        ("A/A twins, which show the noise of a run and are no options of their own", twins),
        ("not the work, only a check for forgetting", inputs.general),
    ):
        notes += [f"{what}: {', '.join(map(str, left))}"] if left else []
    notes += [*shared_sources(inputs.table, inputs.manifest, inputs.members), *uncalibrated(inputs.manifest)]
    return [*notes, *inputs.table.notes]
