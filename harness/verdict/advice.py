"""Own, rent or mix: which is the cheapest at the required quality, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis import load_note, stopped_before_tables
from harness.core import Decision, Estimate, EvidenceError, Manifest, UsageError, as_json, dollars, listed
from harness.stats import percentile_limits
from harness.store import TaskTable, load_task_table, read_manifest
from harness.verdict.advice_inputs import AdviceInputs, AdviceSettings, advice_inputs_of
from harness.verdict.arrays import Floats, Mask
from harness.verdict.break_even import break_even_volume, own_and_rent
from harness.verdict.conditions import Condition, Forgetting, frequency, sovereignty, supply_risk
from harness.verdict.economics import GPU_HOUR, RATE, Assumptions, Bill, load_assumptions, monthly
from harness.verdict.flips import FlipPoint, flips
from harness.verdict.option_rates import OptionFigures, at_quality, by_kind, cheapest
from harness.verdict.options import OWN, Candidate, kind_word
from harness.verdict.reasons import Findings, Option, reasons

SHOWN = 5
"""Names that a sentence lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What ``ownbench advise`` says."""

    advice: Decision
    reasons: tuple[str, ...]
    break_even_tasks_per_month: Estimate
    break_even_of: tuple[str, str] | None
    """The owned option and the rented one that the break-even volume compares."""
    options: tuple[Option, ...]
    conditions: tuple[Condition, ...]
    flips_at: tuple[FlipPoint, ...]
    probabilities: Mapping[str, float]
    """Of each kind: that its cheapest option is the cheapest of all at the required quality."""
    missing: tuple[str, ...]
    """Inputs that the advice waits for."""
    forgetting: tuple[Forgetting, ...]
    economics: Mapping[str, Any]
    """The inputs as they were used, with the horizon in months and the share that each may be off."""
    margin: float
    n_tasks: int
    unit: str
    warning: str | None
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        record: dict[str, Any] = as_json(self)
        return record


def advise(
    report: Path,
    assumptions: Assumptions | None = None,
    settings: AdviceSettings | None = None,
    split: str | None = None,
) -> Advice:
    """Advice for one report; nothing is written.

    Args:
        report: the report's folder.
        assumptions: the economics; by default those of the report's experiment.
        settings: margin, level and what the user knows.
        split: ``test``, ``dev`` or ``all``; by default the test rows where the report has any, else all.

    Raises:
        UsageError: no such report, contender or suite; a setting out of range.
        UserFileError: the block ``economics`` is wrong.
        EvidenceError: no outcomes, broken ones, or no task that all options share.
    """
    chosen = (settings or AdviceSettings()).checked()
    if not report.is_dir():
        what = "is a file, a report is a folder" if report.exists() else "there is no such report"
        raise UsageError(f"{report}: {what}")
    if not (report / "outcomes.parquet").is_file() and any(report.glob("attempts*.jsonl")):
        raise EvidenceError(stopped_before_tables(report))
    table = load_task_table(report, split)
    return advise_of(table, read_manifest(report), assumptions, chosen)


def advise_of(
    table: TaskTable,
    manifest: Manifest | None = None,
    assumptions: Assumptions | None = None,
    settings: AdviceSettings | None = None,
) -> Advice:
    """The same from a table that is loaded already, best with its attempts."""
    return advise_at(advice_inputs_of(table, manifest, settings), assumptions or load_assumptions(table.report))


def advise_at(inputs: AdviceInputs, assumptions: Assumptions) -> Advice:
    """The same on inputs that are at hand already: another what-if then takes a moment.

    Another price of a machine's hour (``gpu_hour_usd``) moves the part of every cost that is paid by the hour; an
    option whose cost cannot be parted has no known cost then.
    """
    settings, price, names = inputs.settings, assumptions.machine, inputs.names
    for name, _ in price[1] if isinstance(price[1], tuple) else ():
        if name not in inputs.described.contenders:
            inputs.table.index(name)  # a contender of the report, or an error that names the nearest
    table, figures = inputs.at_machine(price)
    ranking = _rank(figures, assumptions, settings)
    options = _options(inputs, figures, assumptions, ranking)
    pair = own_and_rent(figures, ranking.bills, settings.margin)
    even = break_even_volume(table, figures, assumptions, pair, settings.level)
    said = None if pair is None else (names[pair[0]], names[pair[1]])
    warning = _incomplete(table, inputs.manifest)
    decided = reasons(
        Findings(
            options=options,
            probabilities=ranking.kinds,
            sure_kinds=ranking.sure_kinds,
            assumptions=assumptions,
            margin=settings.margin,
            forgetting=inputs.forgetting(),
            warning=warning,
            draws=len(figures.drawn_rates),
        )
    )
    n, groups = int(figures.shared.sum()), len(np.unique(table.clusters[figures.shared]))
    unit = "task" if groups == n else f"cluster, {groups:,} of them"
    return Advice(
        advice=decided.advice,
        reasons=decided.reasons,
        break_even_tasks_per_month=even,
        break_even_of=said,
        options=tuple(sorted(options, key=_order)),
        conditions=(
            *inputs.about_tasks(names[int(np.argmax(ranking.probabilities))]),
            frequency(assumptions, even, said, inputs.about_pair(pair, price) if pair else ()),
            sovereignty(assumptions),
            supply_risk(assumptions),
        ),
        flips_at=_flips(inputs, figures, assumptions),
        probabilities={kind_word(kind): p for kind, p in ranking.kinds.items()},
        missing=decided.missing,
        forgetting=inputs.forgetting(),
        economics={
            **assumptions.amounts,
            "data_must_stay_inside": assumptions.data_must_stay_inside,
            "months": assumptions.months,
            "spread": assumptions.spread,
            GPU_HOUR: price[0],
            RATE: dict(price[1]) if isinstance(price[1], tuple) else price[1],
        },
        margin=settings.margin,
        n_tasks=n,
        unit=unit.partition(",")[0],
        warning=warning,
        notes=(
            f"split: {table.split}; on the {n:,} tasks that every option has; the unit is the {unit}",
            *figures.notes,
            *_notes(inputs, assumptions),
        ),
    )


# ------------------------------------------------------------------------------------------------------------- ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranking:
    bills: tuple[Bill, ...]
    drawn: Floats
    """Monthly dollars, shape (resamples, options); lower bounds where a bill is not whole."""
    allowed: Mask
    best: int
    """The option that passes most, of those allowed; of equals the cheapest."""
    probabilities: Floats
    """Of being the cheapest at the required quality; where bills are not whole, of the lower bounds."""
    kinds: Mapping[Decision | None, float]
    sure_kinds: Mapping[Decision | None, float]
    """The same from options with whole bills only: lower bounds, whatever is lacking."""


def _rank(figures: OptionFigures, assumptions: Assumptions, settings: AdviceSettings) -> _Ranking:
    """Every option's monthly bill, at the given amounts and drawn, and how often each is the cheapest good one."""
    allowed = _allowed(figures.candidates, stay=bool(assumptions.data_must_stay_inside))
    n, months = len(figures.drawn_rates), assumptions.months
    point, ranges = assumptions.known, assumptions.drawn(n, settings.seed)
    bills, drawn = [], []
    for i, candidate in enumerate(figures.candidates):
        bills.append(monthly(point, candidate.setup, figures.cost(i), float(figures.api[i]), months))
        some = monthly(ranges, candidate.setup, figures.drawn_cost(i), figures.drawn_api[:, i], months).usd
        drawn.append(np.broadcast_to(np.asarray(some, dtype=np.float64), n))
    table = np.stack(drawn, axis=1)
    good = at_quality(figures.drawn_rates, allowed, settings.margin)
    p = cheapest(table, good)
    rates = np.where(allowed, figures.rates, -np.inf)
    top = [i for i in range(len(rates)) if rates[i] >= rates.max() - 1e-12]
    return _Ranking(
        bills=tuple(bills),
        drawn=table,
        allowed=allowed,
        best=min(top, key=lambda i: float(bills[i].usd)),
        probabilities=p,
        kinds=by_kind(figures.candidates, p),
        sure_kinds=_sure(figures.candidates, table, good, np.array([not bill.lacking for bill in bills])),
    )


def _sure(found: Sequence[Candidate], usd: Floats, good: Mask, whole: Mask) -> Mapping[Decision | None, float]:
    """How often a kind wins whatever is lacking: by a whole bill, or because no other kind is good."""
    least = np.where(good, usd, np.inf).min(axis=1, keepdims=True)
    sure = {}
    for kind in {c.kind for c in found}:
        of_kind = np.array([c.kind == kind for c in found])
        wins = (good & of_kind & whole & (usd <= least)).any(axis=1)
        sure[kind] = float((wins | (good.any(axis=1) & ~(good & ~of_kind).any(axis=1))).mean())
    return sure


def _allowed(found: Sequence[Candidate], *, stay: bool) -> Mask:
    """Which options may be chosen at all; where none may, all are shown, and nothing is advised."""
    return np.array([not stay or c.kind == OWN for c in found], dtype=bool)


def _flips(inputs: AdviceInputs, figures: OptionFigures, assumptions: Assumptions) -> tuple[FlipPoint, ...]:
    """What would change the kind that is the cheapest of the required quality, by the point estimates."""
    if not assumptions["tasks_per_month"]:
        return ()
    price, rates = assumptions.machine
    hour = inputs.machine.hour_on_record if price is None else price

    def lead(amounts: dict[str, float], stay: bool, margin: float) -> Decision | None:  # noqa: FBT001
        allowed = _allowed(figures.candidates, stay=stay)
        if not allowed.any():
            return None
        asked = amounts.get(GPU_HOUR, hour)
        costs = figures.costs if asked is None or asked == hour else inputs.costs_at((asked, rates))
        usd = np.full(len(costs), np.inf)
        for i in np.flatnonzero(at_quality(figures.rates, allowed, margin)):
            cost = None if np.isnan(costs[i]) else float(costs[i])
            setup = figures.candidates[i].setup
            usd[i] = monthly(amounts, setup, cost, float(figures.api[i]), assumptions.months).usd
        return figures.candidates[int(np.argmin(usd))].kind

    return flips(lead, assumptions, inputs.settings.margin, None if inputs.machine.why else hour)


# -------------------------------------------------------------------------------------------------------------- options


def _options(
    inputs: AdviceInputs, figures: OptionFigures, assumptions: Assumptions, ranking: _Ranking
) -> tuple[Option, ...]:
    found, settings = [], inputs.settings
    rates, per_pass = inputs.rates(), inputs.costs_per_pass(assumptions.machine)
    qualities = inputs.quality(ranking.best)
    for i, (candidate, bill) in enumerate(zip(figures.candidates, ranking.bills, strict=True)):
        whole = not bill.lacking
        month = Estimate(value=None, level=settings.level, n_tasks=int(figures.shared.sum()), n_trials=inputs.trials(i))
        if whole:
            low, high = percentile_limits(ranking.drawn[:, i], settings.level) or (None, None)
            draws = f"{len(ranking.drawn)} draws of tasks and of the economics within their ranges"
            how = f"{draws}, seed {settings.seed}"
            month = replace(month, value=float(bill.usd), low=low, high=high, method=how)
        else:
            month = replace(month, method="none", why=f"it needs {', '.join(bill.lacking)}")
        found.append(
            Option(
                contender=candidate.contender,
                kind=candidate.word,
                because=candidate.because,
                pass_rate=rates[i],
                cost_per_pass_usd=per_pass[i],
                monthly_usd=month,
                fixed_usd=bill.fixed_usd if whole else None,
                fixed_parts_usd=bill.fixed if whole else {},
                tasks_usd=bill.tasks if whole else None,
                outages_usd=bill.outages if whole else None,
                probability_cheapest=float(ranking.probabilities[i]) if whole else None,
                quality=qualities[i] if ranking.allowed[i] else "not allowed",
                allowed=bool(ranking.allowed[i]),
                lacking=bill.lacking,
            )
        )
    return tuple(found)


def _order(option: Option) -> tuple[bool, float, float]:
    p = option.probability_cheapest
    return not option.allowed, -(p if p is not None else -1.0), -(option.pass_rate.value or 0.0)


# --------------------------------------------------------------------------------------------------------------- notes


def _incomplete(table: TaskTable, manifest: Manifest | None) -> str | None:
    if not table.skipped.any() and (manifest is None or manifest.complete):
        return None
    because = f" ({manifest.stopped_because})" if manifest and manifest.stopped_because else ""
    return f"INCOMPLETE: the run is not done{because}"


def _notes(inputs: AdviceInputs, assumptions: Assumptions) -> list[str]:
    hour, why, spread = assumptions.gpu_hour_usd, inputs.machine.why, f"{100 * assumptions.spread:g}%"
    off = f"each amount triangular within {spread} of its value" if assumptions.spread else "amounts taken as exact"
    notes = [f"money spent once is spread over {assumptions.months:g} months; {off}, independent of the others"]
    if hour is not None:
        notes.append(f"an hour of a machine costs {dollars(hour)} instead of what is on record, taken as exact")
        unknown = [name for name in inputs.names if name in why]
        notes += [f"at another price of the hour the cost of {name} is unknown: {why[name]}" for name in unknown]
    notes += _rate_notes(inputs, assumptions)
    if inputs.controls:
        notes.append(f"no options, since they only measure: {', '.join(inputs.controls)}")
    if inputs.general:
        notes.append(f"not the work, only a check for forgetting: {', '.join(str(g) for g in inputs.general)}")
    return [*notes, *inputs.table.notes]


def _rate_notes(inputs: AdviceInputs, assumptions: Assumptions) -> list[str]:
    """Which options' machines are reckoned by a stated rate, which by the run's load, and what is stated in vain."""
    rates, stated = assumptions.tasks_per_gpu_hour, inputs.stated(assumptions.machine)
    same: dict[tuple[float, float], list[str]] = {}
    for name, usd in stated.items():
        same.setdefault((float(inputs.rate_of(name, rates) or 0.0), usd), []).append(name)
    notes = [
        f"cost of {listed(names, SHOWN)}: {dollars(rate * usd)} an hour for a stated {rate:,.10g} tasks an hour "
        f"({RATE}), {dollars(usd)} a task, in place of the machine's measured time"
        for (rate, usd), names in same.items()
    ]
    measured = load_note(inputs.table, [name for name in inputs.names if name not in stated])
    notes += [f"{note} ({RATE} states another load)" for note in measured]
    for name, rate in rates if isinstance(rates, tuple) else ():
        if name in inputs.names and name not in stated:
            why = inputs.machine.why.get(name, "it pays no machine by the hour")
            notes.append(f"the {rate:,.10g} tasks an hour of {name} are not used: {why}")
    return notes
