"""Own, rent or mix: which is the cheapest at the required quality, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis import load_evidence, load_note
from harness.core import Decision, Estimate, as_json, dollars, listed
from harness.stats import percentile_limits
from harness.verdict import advice_inputs, conditions
from harness.verdict.advice_inputs import AdviceInputs, AdviceSettings, FlipPoint, advice_inputs_of
from harness.verdict.arrays import Mask
from harness.verdict.conditions import Condition, Findings, Forgetting, Option, reasons
from harness.verdict.economics import GPU_HOUR, RATE, Assumptions, load_assumptions, monthly
from harness.verdict.options import OWN, UNKNOWN, OptionFigures, at_quality, quality

SHOWN = 5  # names that a sentence lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What ``ownbench advise`` says."""

    advice: Decision
    reasons: tuple[str, ...]
    break_even_tasks_per_month: Estimate
    break_even_of: tuple[str, str] | None  # the owned option and the rented one that the break-even volume compares
    options: tuple[Option, ...]
    conditions: tuple[Condition, ...]
    flips_at: tuple[FlipPoint, ...]
    probabilities: Mapping[str, float]  # of each kind, that it holds the cheapest of the required quality
    missing: tuple[str, ...]  # inputs that the advice waits for
    forgetting: tuple[Forgetting, ...]
    economics: Mapping[str, Any]  # as used, with the horizon in months and the share that each may be off
    margin: float
    n_tasks: int
    unit: str
    warning: str | None
    notes: tuple[str, ...]

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
    table, manifest = load_evidence(report, split)
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
    forgotten = inputs.once(("forget", margin), lambda: conditions.forgetting(table, known, inputs.general, margin))
    done = not table.skipped.any() and (inputs.manifest is None or inputs.manifest.complete)
    stopped = f" ({inputs.manifest.stopped_because})" if inputs.manifest and inputs.manifest.stopped_because else ""
    warning = None if done else f"INCOMPLETE: the run is not done{stopped}"
    ranked = _rank(figures, assumptions, settings)
    options = _options(inputs, figures, assumptions, ranked)
    found = replace(ranked, options=options, forgetting=forgotten, warning=warning)
    pair = advice_inputs.own_and_rent(figures, found.usd[0].tolist(), margin)
    even = advice_inputs.break_even_volume(figures, assumptions, pair, settings.level)
    said = None if pair is None else (names[pair[0]], names[pair[1]])
    word, why, missing = reasons(found)
    lead, evidence = names[int(np.argmax(found.probabilities))], []
    if pair is not None:
        evidence = inputs.once(("pair", pair, price), lambda: conditions.pair_evidence(table, figures, pair))
    n, groups = len(figures.clusters), len(np.unique(figures.clusters))
    unit = "the unit is the task" if groups == n else f"the unit is the cluster, {groups:,} of them"
    tasks = f"split: {table.split}; on the {n:,} tasks that every option has; {unit}"
    used = {name: getattr(assumptions, name) for name in ("data_must_stay_inside", "months", "spread")}
    return Advice(
        advice=word,
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
        flips_at=_flips(inputs, figures, assumptions),
        probabilities=found.kinds,
        missing=missing,
        forgetting=forgotten,
        economics={**assumptions.amounts, **used, GPU_HOUR: price[0], RATE: stated},
        margin=margin,
        n_tasks=n,
        unit="task" if groups == n else "cluster",
        warning=warning,
        notes=(tasks, *figures.notes, *_notes(inputs, assumptions)),
    )


def _rank(figures: OptionFigures, assumptions: Assumptions, settings: AdviceSettings) -> Findings:
    """Every option's monthly bill, at the given amounts and drawn, and how often each is the cheapest good one."""
    amounts = assumptions.drawn(len(figures.rates) - 1, settings.seed)
    each = zip(figures.candidates, figures.costs.T, figures.api.T, strict=True)
    bills = tuple(monthly(amounts, option, cost, api, assumptions.months) for option, cost, api in each)
    usd = np.stack([np.broadcast_to(bill.usd, len(figures.rates)) for bill in bills], axis=1)
    allowed = _allowed(figures, stay=bool(assumptions.data_must_stay_inside))
    good = at_quality(figures.rates[1:], allowed, settings.margin)
    asked = np.where(good, usd[1:], np.inf)
    least = asked.min(axis=1, keepdims=True)
    first = np.isfinite(asked) & (asked <= least + 1e-12 * np.abs(least))
    p = (first / np.maximum(first.sum(axis=1, keepdims=True), 1)).mean(axis=0)  # ties share
    whole = np.array([not bill.lacking for bill in bills])
    kinds, sure = {}, {}
    for kind in dict.fromkeys(c.kind for c in figures.candidates):
        here = np.array([c.kind == kind for c in figures.candidates])
        wins = (good & here & whole & (usd[1:] <= least)).any(axis=1)
        kinds[kind] = float(sum(p[here].tolist()))
        sure[kind] = float((wins | (good.any(axis=1) & ~(good & ~here).any(axis=1))).mean())
    rates = np.where(allowed, figures.rates[0], -np.inf)
    top = np.flatnonzero(rates >= rates.max() - 1e-12).tolist()
    best = min(top, key=lambda i: float(usd[0, i]))
    return Findings(
        bills=bills,
        usd=usd,
        may=allowed,
        best=best,
        probabilities=p,
        kinds=kinds,
        sure_kinds=sure,
        assumptions=assumptions,
        margin=settings.margin,
    )


def _allowed(figures: OptionFigures, *, stay: bool) -> Mask:
    """Which options may be chosen at all; where none may, all are shown, and nothing is advised."""
    return np.array([not stay or c.kind == OWN for c in figures.candidates], dtype=bool)


def _flips(inputs: AdviceInputs, figures: OptionFigures, assumptions: Assumptions) -> tuple[FlipPoint, ...]:
    """What would change the kind that is the cheapest of the required quality, by the point estimates."""
    if not assumptions["tasks_per_month"]:
        return ()
    (price, rates), recorded, months = assumptions.machine, inputs.figures, assumptions.months
    hour = inputs.machine.hour_on_record if price is None else price

    def lead(amounts: dict[str, float], stay: bool, margin: float) -> str | None:  # noqa: FBT001
        allowed, asked, costs = _allowed(figures, stay=stay), amounts.get(GPU_HOUR, hour), figures.costs[0]
        if not allowed.any():
            return None
        if asked is not None and asked != hour:
            costs = inputs.priced(recorded.costs[0], recorded.machine[0], (asked, rates))
        good = np.flatnonzero(at_quality(figures.rates[0], allowed, margin)).tolist()
        usd = {i: monthly(amounts, figures.candidates[i], costs[i], figures.api[0, i], months).usd for i in good}
        kind = figures.candidates[min(good, key=lambda i: float(usd[i]))].kind
        return None if kind == UNKNOWN else kind

    return advice_inputs.flips(lead, assumptions, inputs.settings.margin, None if inputs.machine.why else hour)


def _options(
    inputs: AdviceInputs, figures: OptionFigures, assumptions: Assumptions, ranking: Findings
) -> tuple[Option, ...]:
    found, settings, n = [], inputs.settings, len(figures.clusters)
    per_pass, best, margin = inputs.per_pass(assumptions.machine), ranking.best, settings.margin
    qualities = inputs.once(("quality", best, margin), lambda: quality(inputs.figures, best, margin))
    how = f"{len(ranking.usd) - 1} draws of tasks and of the economics within their ranges, seed {settings.seed}"
    for i, (option, bill) in enumerate(zip(figures.candidates, ranking.bills, strict=True)):
        (rate, cost), usd, allowed = per_pass[i], ranking.usd[:, i], bool(ranking.may[i])
        level, trials = settings.level, int(figures.counts[i].sum())
        told = Estimate(value=None, level=level, n_tasks=n, n_trials=trials, method="none")
        if bill.lacking:
            month = replace(told, why=f"it needs {', '.join(bill.lacking)}")
        else:
            low, high = percentile_limits(usd[1:], settings.level) or (None, None)
            month = replace(told, value=float(usd[0]), low=low, high=high, method=how)
        found.append(
            Option(
                contender=option.contender,
                kind=option.kind,
                because=option.because,
                pass_rate=rate,
                cost_per_pass_usd=cost,
                monthly_usd=month,
                fixed_usd=None if bill.lacking else _first(sum(bill.fixed.values(), 0.0)),
                fixed_parts_usd={} if bill.lacking else {name: _first(part) for name, part in bill.fixed.items()},
                tasks_usd=None if bill.lacking else _first(bill.tasks),
                outages_usd=None if bill.lacking else _first(bill.outages),
                probability_cheapest=None if bill.lacking else float(ranking.probabilities[i]),
                quality=qualities[i] if allowed else "not allowed",
                allowed=allowed,
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
    off = f"each amount triangular within {spread} of its value" if assumptions.spread else "amounts taken as exact"
    notes = [f"money spent once is spread over {assumptions.months:g} months; {off}, independent of the others"]
    if hour is not None:
        notes.append(f"an hour of a machine costs {dollars(hour)} instead of what is on record, taken as exact")
        unknown = [name for name in inputs.names if name in why]
        notes += [f"at another price of the hour the cost of {name} is unknown: {why[name]}" for name in unknown]
    rates, stated = assumptions.tasks_per_gpu_hour, inputs.stated(assumptions.machine)
    same: dict[tuple[float, float], list[str]] = {}
    for name, usd in stated.items():
        same.setdefault((float(inputs.rate_of(name, rates) or 0.0), usd), []).append(name)
    notes += [
        f"cost of {listed(names, SHOWN)}: {dollars(rate * usd)} an hour for a stated {rate:,.10g} tasks an hour "
        f"({RATE}), {dollars(usd)} a task, in place of the machine's measured time"
        for (rate, usd), names in same.items()
    ]
    measured = load_note(inputs.table, [name for name in inputs.names if name not in stated])
    notes += [f"{note} ({RATE} states another load)" for note in measured]
    for name, rate in rates if isinstance(rates, tuple) else ():
        if name in inputs.names and name not in stated:
            unused = why.get(name, "it pays no machine by the hour")
            notes.append(f"the {rate:,.10g} tasks an hour of {name} are not used: {unused}")
    for what, left in (
        ("no options, since they only measure", inputs.controls),
        ("not the work, only a check for forgetting", inputs.general),
    ):
        notes += [f"{what}: {', '.join(map(str, left))}"] if left else []
    return [*notes, *inputs.table.notes]
