"""Own, rent or mix: which is the cheapest at the required quality, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis import stopped_before_tables
from harness.core import Decision, Estimate, EvidenceError, Manifest, UsageError, as_json, dollars
from harness.stats import percentile_limits
from harness.store import TaskTable, load_task_table, read_manifest
from harness.verdict.advice_inputs import AdviceInputs, AdviceSettings, advice_inputs_of
from harness.verdict.break_even import break_even_volume, own_and_rent
from harness.verdict.conditions import Condition, Forgetting, frequency, sovereignty, supply_risk
from harness.verdict.economics import (
    GPU_HOUR,
    RATE,
    Assumptions,
    Bill,
    fixed_parts,
    load_assumptions,
    monthly,
    outage_loss,
)
from harness.verdict.flips import FlipPoint, flips
from harness.verdict.option_rates import OptionFigures, at_quality, by_kind, cheapest
from harness.verdict.options import OWN, Candidate
from harness.verdict.reasons import Findings, Option, reasons
from harness.verdict.stated_rates import rate_notes

if TYPE_CHECKING:
    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

SURE = 0.8
"""The probability from which a kind of option is advised."""


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
    table, manifest = _evidence(report, split)
    return advise_of(table, manifest, assumptions, chosen)


def advise_of(
    table: TaskTable,
    manifest: Manifest | None = None,
    assumptions: Assumptions | None = None,
    settings: AdviceSettings | None = None,
) -> Advice:
    """The same from a table that is loaded already, best with its attempts."""
    return advise_at(advice_inputs_of(table, manifest, settings), assumptions or load_assumptions(table.report))


def advise_at(inputs: AdviceInputs, assumptions: Assumptions) -> Advice:
    """The same on inputs that are laid already: another what-if then takes a moment.

    Another price of a machine's hour (``gpu_hour_usd``) moves the part of every cost that is paid by the hour;
    an option whose cost cannot be parted has no known cost then.
    """
    settings = inputs.settings
    machine = (assumptions.gpu_hour_usd, assumptions.tasks_per_gpu_hour)
    for name, _ in assumptions.tasks_per_gpu_hour if isinstance(assumptions.tasks_per_gpu_hour, tuple) else ():
        if name not in inputs.described.contenders:
            inputs.table.index(name)  # a contender of the report, or an error that names the nearest
    table, figures = inputs.at_hour(*machine)
    ranking = _rank(figures, assumptions, settings)
    qualities = inputs.quality(ranking.best)
    pair = own_and_rent(figures, ranking.bills, settings.margin)
    even = break_even_volume(table, figures, assumptions, pair, settings.level)
    forgot = inputs.forgetting()
    names = inputs.names
    options = _options(inputs, assumptions, ranking, qualities)
    said = None if pair is None else (names[pair[0]], names[pair[1]])
    warning = _incomplete(table, inputs.manifest)
    decided = reasons(
        Findings(
            options=options,
            probabilities=ranking.kinds,
            sure_kinds=ranking.sure_kinds,
            assumptions=assumptions,
            margin=settings.margin,
            sure=SURE,
            forgetting=forgot,
            warning=warning,
            draws=len(figures.drawn_rates),
        )
    )
    conditions = (
        *inputs.about_tasks(names[int(np.argmax(ranking.probabilities))]),
        frequency(assumptions, even, said, inputs.about_pair(pair, *machine)),
        sovereignty(assumptions),
        supply_risk(assumptions),
    )
    n = int(figures.shared.sum())
    groups = len(np.unique(table.clusters[figures.shared]))
    return Advice(
        advice=decided.advice,
        reasons=decided.reasons,
        break_even_tasks_per_month=even,
        break_even_of=said,
        options=tuple(sorted(options, key=_order)),
        conditions=conditions,
        flips_at=_flips(inputs, figures, assumptions),
        probabilities={_word(kind): p for kind, p in ranking.kinds.items()},
        missing=decided.missing,
        forgetting=forgot,
        economics={
            **assumptions.amounts,
            "data_must_stay_inside": assumptions.data_must_stay_inside,
            "months": assumptions.months,
            "spread": assumptions.spread,
            GPU_HOUR: assumptions.gpu_hour_usd,
            RATE: dict(rate) if isinstance(rate := assumptions.tasks_per_gpu_hour, tuple) else rate,
        },
        margin=settings.margin,
        n_tasks=n,
        unit="task" if groups == n else "cluster",
        warning=warning,
        notes=(
            f"split: {table.split}; on the {n:,} tasks that every option has; the unit is the "
            + ("task" if groups == n else f"cluster, {groups:,} of them"),
            *figures.notes,
            *_notes(inputs, assumptions),
        ),
    )


# ------------------------------------------------------------------------------------------------------------- ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranking:
    bills: tuple[Bill, ...]
    drawn: "Floats"
    """Monthly dollars, shape (resamples, options); lower bounds where a bill is not whole."""
    allowed: "Mask"
    best: int
    """The option that passes most, of those allowed; of equals the cheapest."""
    probabilities: "Floats"
    """Of being the cheapest at the required quality; where bills are not whole, of the lower bounds."""
    kinds: Mapping[Decision | None, float]
    sure_kinds: Mapping[Decision | None, float]
    """The same from options with whole bills only: lower bounds, whatever is lacking."""
    good: "Floats"
    """How often each option is of the required quality."""


def _rank(figures: OptionFigures, assumptions: Assumptions, settings: AdviceSettings) -> _Ranking:
    """Every option's monthly bill, at the given amounts and drawn, and how often each is the cheapest good one."""
    allowed = _allowed(figures.candidates, stay=bool(assumptions.data_must_stay_inside))
    point = {k: v for k, v in assumptions.amounts.items() if v is not None}
    ranges = assumptions.drawn(len(figures.drawn_rates), settings.seed)
    bills, drawn = [], []
    for i, candidate in enumerate(figures.candidates):
        cost = figures.cost(i)
        bills.append(monthly(point, candidate.setup, cost, float(figures.api[i]), assumptions.months))
        costs = None if cost is None else figures.drawn_costs[:, i]
        some = monthly(ranges, candidate.setup, costs, figures.drawn_api[:, i], assumptions.months).usd
        drawn.append(np.broadcast_to(np.asarray(some, dtype=np.float64), len(figures.drawn_rates)))
    table = np.stack(drawn, axis=1)
    good = at_quality(figures.drawn_rates, allowed, settings.margin)
    p = cheapest(table, good)
    whole = np.array([not bill.lacking for bill in bills])
    return _Ranking(
        bills=tuple(bills),
        drawn=table,
        allowed=allowed,
        best=_best(figures, bills, allowed),
        probabilities=p,
        kinds=by_kind(figures.candidates, p),
        sure_kinds=_sure(figures.candidates, table, good, whole),
        good=np.asarray(good.mean(axis=0), dtype=np.float64),
    )


def _best(figures: OptionFigures, bills: Sequence[Bill], allowed: "Mask") -> int:
    rates = np.where(allowed, figures.rates, -np.inf)
    top = [i for i in range(len(rates)) if rates[i] >= rates.max() - 1e-12]
    return min(top, key=lambda i: float(bills[i].usd))


def _sure(found: Sequence[Candidate], usd: "Floats", good: "Mask", whole: "Mask") -> Mapping[Decision | None, float]:
    """How often a kind wins whatever is lacking: by a whole bill, or because no other kind is good."""
    least = np.where(good, usd, np.inf).min(axis=1, keepdims=True)
    sure = {}
    for kind in {c.kind for c in found}:
        of_kind = np.array([c.kind == kind for c in found])
        wins = (good & of_kind & whole & (usd <= least)).any(axis=1)
        sure[kind] = float((wins | (good.any(axis=1) & ~(good & ~of_kind).any(axis=1))).mean())
    return sure


def _allowed(found: Sequence[Candidate], *, stay: bool) -> "Mask":
    """Which options may be chosen at all; where none may, all are shown, and nothing is advised."""
    return np.array([not stay or c.kind == OWN for c in found], dtype=bool)


def _flips(inputs: AdviceInputs, figures: OptionFigures, assumptions: Assumptions) -> tuple[FlipPoint, ...]:
    """What would change the kind that is the cheapest of the required quality, by the point estimates."""
    if not assumptions["tasks_per_month"]:
        return ()
    hour = inputs.machine.hour_on_record if assumptions.gpu_hour_usd is None else assumptions.gpu_hour_usd

    def lead(amounts: dict[str, float], stay: bool, margin: float) -> Decision | None:  # noqa: FBT001
        allowed = _allowed(figures.candidates, stay=stay)
        if not allowed.any():
            return None
        good = at_quality(figures.rates, allowed, margin)
        moved = amounts.get(GPU_HOUR, hour)
        same = moved is None or moved == hour
        costs = figures.costs if same else inputs.costs_at(moved, assumptions.tasks_per_gpu_hour)
        usd = np.full(len(costs), np.inf)
        for i in np.flatnonzero(good):
            cost = None if np.isnan(costs[i]) else float(costs[i])
            setup = figures.candidates[i].setup
            usd[i] = monthly(amounts, setup, cost, float(figures.api[i]), assumptions.months).usd
        return figures.candidates[int(np.argmin(usd))].kind

    return flips(lead, assumptions, inputs.settings.margin, None if inputs.machine.why else hour)


# -------------------------------------------------------------------------------------------------------------- options


def _options(
    inputs: AdviceInputs, assumptions: Assumptions, ranking: _Ranking, qualities: Sequence[str]
) -> tuple[Option, ...]:
    found = []
    rates, per_pass = inputs.rates(), inputs.costs_per_pass(assumptions.gpu_hour_usd, assumptions.tasks_per_gpu_hour)
    tasks = int(inputs.figures.shared.sum())
    amounts = {name: value for name, value in assumptions.amounts.items() if value is not None}
    for i, candidate in enumerate(inputs.figures.candidates):
        bill = ranking.bills[i]
        parts = {} if bill.lacking else fixed_parts(amounts, candidate.setup, assumptions.months)
        fixed = None if bill.lacking else sum(parts.values())
        lost = outage_loss(amounts, float(inputs.figures.api[i]))
        found.append(
            Option(
                contender=candidate.contender,
                kind=_word(candidate.kind),
                because=candidate.because,
                pass_rate=rates[i],
                cost_per_pass_usd=per_pass[i],
                monthly_usd=_monthly(bill, ranking.drawn[:, i], inputs.trials(i), tasks, inputs.settings),
                fixed_usd=fixed,
                fixed_parts_usd=parts,
                tasks_usd=None if fixed is None else max(0.0, float(bill.usd) - fixed - lost),
                outages_usd=None if fixed is None else lost,
                probability_cheapest=None if bill.lacking else float(ranking.probabilities[i]),
                quality=qualities[i] if ranking.allowed[i] else "not allowed",
                allowed=bool(ranking.allowed[i]),
                lacking=bill.lacking,
            )
        )
    return tuple(found)


def _monthly(bill: Bill, drawn: "Floats", trials: int, tasks: int, settings: AdviceSettings) -> Estimate:
    told = Estimate(value=None, level=settings.level, n_tasks=tasks, n_trials=trials)
    if bill.lacking:
        return replace(told, method="none", why=f"it needs {', '.join(bill.lacking)}")
    limits = percentile_limits(drawn, settings.level) or (None, None)
    method = f"{len(drawn)} draws of tasks and of the economics within their ranges, seed {settings.seed}"
    return replace(told, value=float(bill.usd), low=limits[0], high=limits[1], method=method)


def _order(option: Option) -> tuple[bool, float, float]:
    p = option.probability_cheapest
    return not option.allowed, -(p if p is not None else -1.0), -(option.pass_rate.value or 0.0)


def _word(kind: Decision | None) -> str:
    return "unknown" if kind is None else kind.value


# ------------------------------------------------------------------------------------------------------------- evidence


def _evidence(report: Path, split: str | None) -> tuple[TaskTable, Manifest | None]:
    if not report.is_dir():
        what = "is a file, a report is a folder" if report.exists() else "there is no such report"
        raise UsageError(f"{report}: {what}")
    if not (report / "outcomes.parquet").is_file() and any(report.glob("attempts*.jsonl")):
        raise EvidenceError(stopped_before_tables(report))
    return load_task_table(report, split, attempts=True), read_manifest(report)


def _incomplete(table: TaskTable, manifest: Manifest | None) -> str | None:
    skipped = int(table.skipped.sum())
    if skipped or (manifest is not None and not manifest.complete):
        because = f" ({manifest.stopped_because})" if manifest and manifest.stopped_because else ""
        return f"INCOMPLETE: the run is not done{because}"
    return None


def _notes(inputs: AdviceInputs, assumptions: Assumptions) -> list[str]:
    notes = []
    off = (
        f"each amount triangular within {100 * assumptions.spread:g}% of its value"
        if assumptions.spread
        else "amounts taken as exact"
    )
    notes.append(f"money spent once is spread over {assumptions.months:g} months; {off}, independent of the others")
    if assumptions.gpu_hour_usd is not None:
        notes.append(
            f"an hour of a machine costs {dollars(assumptions.gpu_hour_usd)} instead of what is on record, exact"
        )
        notes += [f"at another price of the hour the cost of {name} is unknown: {why}"
                  for name, why in inputs.machine.why.items() if name in inputs.names]  # fmt: skip
    notes += rate_notes(inputs, assumptions)
    if inputs.controls:
        notes.append(f"no options, since they only measure: {', '.join(inputs.controls)}")
    if inputs.general:
        notes.append(f"not the work, only a check for forgetting: {', '.join(str(g) for g in inputs.general)}")
    return [*notes, *inputs.table.notes]
