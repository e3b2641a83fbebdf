"""The scoreboard: every contender's figures and the comparisons between them, from the evidence of one report."""

from collections.abc import Container, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.common_tasks import unit_note, unit_of
from harness.analysis.costs import cost_notes
from harness.analysis.loading import Evidence, evidence_of
from harness.analysis.missing import missing_lines
from harness.analysis.pairs import adjusted, compared
from harness.analysis.progress import early_ends, progress_of
from harness.analysis.views import ContenderScore, DomainScore, DomainSpread, Repeat, Scoreboard
from harness.core import Comparison, Estimate, Manifest, UserFileError, listed, percent_interval, plural
from harness.stats import (
    clustered_mean,
    clustered_rate,
    fieller_ratio,
    latency_quantile,
    macro_f1,
    pareto_probability,
    pass_at_k,
    pass_hat_k,
    this_suite_rate,
)
from harness.store import TaskTable, load_settings

if TYPE_CHECKING:
    import numpy as np

    Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

MOST_RESAMPLES, RESAMPLED_TASKS = 1_999, 5_000_000
"""Resamples of the front, and tasks drawn in all of them together: fewer resamples of many tasks."""
MOST_REPEATS = 8  # the largest k of pass@k and pass^k that is shown
ALL_PAIRS = 4  # up to so many contenders are all compared with one another where the experiment names no reference


def scoreboard(source: Path | Evidence, *, split: str | None = None, level: float = 0.95) -> Scoreboard:
    """Every figure of a report, computed from its outcomes; arguments and errors as in `pair`."""
    table, manifest = evidence_of(source, split)
    reference, doubt = reference_of(table)
    controls = _controls(manifest)
    fronts = _pareto(table, [name for name in table.contenders if name not in controls])
    apart, of_rest = _apart(table)
    contenders = tuple(
        replace(
            _score(table, name, level),
            control=controls.get(name),
            pareto_probability=fronts.get(name),
            apart=name in apart,
        )
        for name in table.contenders
    )
    comparisons, spreads = _comparisons(table, reference, level, apart)
    tried = (table.trials > table.skipped).any(axis=0)
    progress = progress_of(table, manifest)
    view = Scoreboard(
        report=manifest.report if manifest and manifest.report else table.report.resolve().name,
        contenders=contenders,
        comparisons=comparisons,
        heterogeneity=spreads,
        reference=reference,
        level=level,
        split=table.split,
        unit=unit_of(table),
        n_tasks=int(tried.sum()),
        n_units=len(set(table.clusters[tried].tolist())),
        **{name: getattr(progress, name) for name in ("planned", "done", "complete", "stopped_because", "warning")},
        apart=_apart_text(apart, of_rest, int((table.trials > table.skipped).any(axis=1).sum())),
        notes=(),
    )
    decided = [end.note for end in early_ends(table, manifest) if end.note]
    notes = (*_notes(view, table), *cost_notes(table), *decided, *doubt, *table.notes, *_manifest_notes(manifest))
    return replace(view, notes=tuple(dict.fromkeys(notes)))


def _score(table: TaskTable, name: str, level: float) -> ContenderScore:
    """Latencies and labels are of attempts: trials of a task, and tasks of a cluster, are one unit."""
    import numpy as np

    i = table.index(name)
    whole = _domain_score(table, i, "", np.ones(len(table.tasks), dtype=bool), level)
    rows, (true, predicted, labelled) = table.attempts_of(name), table.labels(name)
    p50, p95 = (latency_quantile(rows.numbers("latency_s"), q, table.clusters[rows.tasks], level) for q in (0.5, 0.95))
    f1: Estimate | None = None
    if true:
        f1 = macro_f1(true, predicted, table.clusters[labelled], level=level)
    present = table.trials[i] > 0
    return ContenderScore(
        name=name,
        kind=table.kinds[i],
        pass_rate=whole.pass_rate,
        pass_rate_this_suite=this_suite_rate(table.sums[i], table.counts[i], table.squares[i], level),
        repeats=_repeats(table, i, level),
        cost_per_task_usd=whole.cost_per_task_usd,
        cost_per_pass_usd=_cost_per_pass(table, i, level),
        macro_f1=f1,
        macro_f1_why=None if f1 else "no task of this contender has a label",
        latency_p50_s=p50.value,
        latency_p95_s=p95.value,
        latency_why=p50.why if p50.value is None else None,
        latency_p50=p50,
        latency_p95=p95,
        **{name: getattr(whole, name) for name in ("n_tasks", "n_trials", "errored", "ungraded", "skipped")},
        domains=tuple(
            _domain_score(table, i, domain, mask, level)
            for code, domain in enumerate(table.domain_names)
            if (present & (mask := table.domains == code)).any()
        ),
    )


def _pareto(table: TaskTable, names: Sequence[str]) -> dict[str, float]:
    """Each option's probability to be on the front of cost and pass rate, over tasks whose costs all of them have."""
    import numpy as np

    rows = [i for i in map(table.index, names) if (table.cost_known[i] > 0).any()]
    if len(rows) < 2:
        return {}
    counts, sums, costs = table.counts[rows], table.sums[rows], table.cost_sums[rows]
    common = ((counts > 0) & ~np.isnan(costs)).all(axis=0)
    if not common.any():
        return {}
    resamples = min(MOST_RESAMPLES, max(200, RESAMPLED_TASKS // int(common.sum())))
    passes, prices = ((what[:, common] / counts[:, common]).T for what in (sums, costs))
    found = pareto_probability(passes, prices, table.clusters[common], resamples=resamples)
    return {table.contenders[i]: float(p) for i, p in zip(rows, found, strict=True)}


def _repeats(table: TaskTable, i: int, level: float) -> tuple[Repeat, ...]:
    """pass@k and pass^k as far as the trials reach."""
    passes, trials = table.sums[i], table.counts[i]
    most = int(trials.max()) if trials.size else 0
    if most < 2 or (passes % 1 != 0).any():
        return ()

    def repeat(k: int) -> Repeat:
        one, every = (of(passes, trials, k, table.clusters, level) for of in (pass_at_k, pass_hat_k))
        return Repeat(k=k, pass_at_k=one, pass_hat_k=every)

    return tuple(map(repeat, range(1, min(most, MOST_REPEATS) + 1)))


def _domain_score(table: TaskTable, i: int, domain: str, mask: "Mask", level: float) -> DomainScore:
    counts, clusters = table.counts[i, mask], table.clusters[mask]
    return DomainScore(
        domain=domain,
        n_tasks=int((counts > 0).sum()),
        n_trials=int(counts.sum()),
        pass_rate=clustered_rate(table.sums[i, mask], counts, clusters, level),
        cost_per_task_usd=_priced(clustered_mean(table.cost_sums[i, mask], counts, clusters, level)),
        **{name: int(getattr(table, name)[i, mask].sum()) for name in ("errored", "ungraded", "skipped")},
    )


def _priced(cost: Estimate) -> Estimate:
    """A mean of costs has no end below zero."""
    return cost if cost.low is None or cost.low >= 0 else replace(cost, low=0.0)


def _cost_per_pass(table: TaskTable, i: int, level: float) -> Estimate:
    """All that was spent for each pass: a ratio of means, never a mean of ratios; Fieller's limits (1954)."""
    counts = table.counts[i]
    kept = counts > 0
    costs, passes = (sums[kept] / counts[kept] for sums in (table.cost_sums[i], table.sums[i]))
    ratio = fieller_ratio(costs, passes, table.clusters[kept], level)
    return _priced(replace(ratio, n_trials=int(counts.sum())))


SAME = 0.01  # contenders whose tasks differ by no more than this share of them count as measured on the same ones


def _apart(table: TaskTable) -> tuple[dict[str, tuple[int, int]], int]:
    """Contenders that did not meet the tasks that most of them met, and how many tasks those are.

    By name on how many tasks each was measured, and how many of these the rest have too.
    """
    import numpy as np

    tried = table.trials > table.skipped
    sets: dict[bytes, list[int]] = {}
    for i in np.flatnonzero(tried.any(axis=1)).tolist():
        sets.setdefault(tried[i].tobytes(), []).append(i)
    if len(sets) < 2:
        return {}, 0
    most = max(sets.values(), key=lambda same: (len(same), int(tried[same[0]].sum())))
    rest = tried[most[0]]
    others = [i for same in sets.values() for i in same if (tried[i] != rest).sum() > SAME * rest.sum()]
    found = {table.contenders[i]: (int(tried[i].sum()), int((tried[i] & rest).sum())) for i in sorted(others)}
    return found, int(rest.sum())


def _apart_text(apart: dict[str, tuple[int, int]], tasks: int, measured: int) -> str:
    if not apart:
        return ""
    shown = list(apart.items())[:5]
    who = [f"{name} on {plural(n, 'task')}, {both:,} of them among those" for name, (n, both) in shown]
    more = f"; and {len(apart) - 5} more" if len(apart) > 5 else ""
    return (
        f"NOT THE SAME TASKS: the ranking covers {measured - len(apart):,} of {plural(measured, 'contender')}, those "
        f"measured on the same {plural(tasks, 'task')}. The others come after them, unranked: {'; '.join(who)}{more}. "
        "Their pass rates cannot be compared with the rest; the paired differences take only the tasks that both have."
    )


def reference_of(table: TaskTable) -> tuple[str | None, list[str]]:
    """The contender that the experiment names to compare with, where it can be had, and what was doubtful."""
    try:
        named = load_settings(table.report).reference
    except UserFileError as error:
        return None, [f"the experiment's reference could not be read: {error}"]
    if named is not None and named not in table.contenders:
        return None, [f"the experiment's reference {named!r} has no outcomes"]
    return named, []


def _comparisons(
    table: TaskTable, reference: str | None, level: float, apart: Container[str] = ()
) -> tuple[tuple[Comparison, ...], tuple[DomainSpread, ...]]:
    """Each contender against the reference; without one all pairs of a few, else each against the first ranked."""
    names = table.contenders
    if reference is None and len(names) <= ALL_PAIRS:
        pairs = list(combinations(names, 2))
    else:
        first = next((name for name in names if name not in apart), names[0])
        against = first if reference is None else reference
        pairs = [(name, against) for name in names if name != against]
    found = [compared(table, a, b, level) for a, b in pairs]
    p_values = adjusted([c.p_value for c, _ in found])
    comparisons = tuple(replace(c, p_adjusted=p) for (c, _), p in zip(found, p_values, strict=True))
    return comparisons, tuple(spread for _, spread in found if spread is not None)


def _notes(view: Scoreboard, table: TaskTable) -> list[str]:
    """What the figures rest on and what is not known, in sentences."""
    notes = [f"split: {view.split}"]
    if view.absent:
        names = [c.name for c in view.contenders if c.name in view.absent]
        notes.append(f"without any attempt in this split, and left out of the tables: {listed(names, 5)}")
    notes.append(unit_note(view.n_units, view.n_tasks, view.level))
    if table.counts.size and table.counts.max() > 1:
        most = f"up to {table.counts.max()} trials a task"
        notes.append(f"{most}: they enter as the task's mean and are no tasks of their own")
        rates = [(c.name, c.pass_rate_this_suite) for c in view.contenders]
        notes += [f"{name} on exactly this suite (trial noise only): {percent_interval(rate)}"
                  for name, rate in rates if rate is not None and rate.low is not None]  # fmt: skip
    if view.reference is None and view.comparisons:
        first = view.comparisons[0].b
        how = "all pairs are compared" if len(view.contenders) <= ALL_PAIRS else f"all are compared with {first}"
        notes.append(f"the experiment names no reference: {how}")
    if view.n_adjusted > 1:
        notes.append(f"p adjusted holds for all {view.n_adjusted} comparisons together (Holm 1979)")
    fronts = [(c.name, c.pareto_probability) for c in view.contenders if c.pareto_probability is not None]
    if fronts:
        shown = ", ".join(f"{name} {p:.2f}" for name, p in sorted(fronts, key=lambda f: -f[1]) if p >= 0.005)
        notes.append(f"Pareto-optimal (nobody as good is cheaper), share of joint resamples of the tasks: {shown}")
    notes += missing_lines(view.shown, missing=False)
    if any(c.errored or c.ungraded for c in view.contenders):
        notes.append("costs and latencies are of graded attempts; what errored attempts cost is not in them")
    return notes


def _manifest_notes(manifest: Manifest | None) -> list[str]:
    """What the run itself has to say, and the thresholds that it chose."""
    if manifest is None:
        return []
    notes = list(manifest.notes)
    for name, by_suite in manifest.thresholds.items():
        for suite, choice in by_suite.items():
            if choice.get("threshold") is not None:
                number, tasks = choice["threshold"], choice.get("tasks")
                shown = "nothing escalates" if number <= 0 else "all escalates" if number > 1 else f"{number:.6g}"
                notes.append(f"threshold of {name} on {suite}: {shown}, chosen on {plural(tasks or 0, 'dev task')}")
    return notes


def _controls(manifest: Manifest | None) -> dict[str, str]:
    """Contenders that decide without looking, look into the answers, or are shown a skill about something else."""
    return {one.name: one.control for one in (manifest.contenders if manifest else ()) if one.control}
