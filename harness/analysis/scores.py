"""The scoreboard of one report, computed from its outcomes or read again from ``statistics.json``."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from harness import stats
from harness.analysis.loading import Evidence, Mask, load_evidence, progress_of
from harness.analysis.pairs import compared, unit_of
from harness.analysis.scoreboard_notes import ALL_PAIRS, apart_text, notes_of
from harness.analysis.views import ContenderScore, DomainScore, Repeat, Scoreboard
from harness.core import Estimate, EvidenceError, UserFileError
from harness.store import TaskTable, evidence_digest, load_settings, read_manifest, split_used

MOST_RESAMPLES, RESAMPLED_TASKS = 1_999, 5_000_000
"""Resamples of the front, and tasks drawn in all of them together: fewer resamples of many tasks."""
MOST_REPEATS = 8  # the largest k of pass@k and pass^k that is shown
SAME = 0.01  # contenders whose tasks differ by no more than this share of them count as measured on the same ones


def scoreboard(source: Path | Evidence, *, split: str | None = None, level: float = 0.95) -> Scoreboard:
    """Every figure of a report, computed from its outcomes; arguments and errors as in `pair`."""
    table, manifest = load_evidence(source, split)
    reference, doubt = reference_of(table)
    controls = {one.name: one.control for one in (manifest.contenders if manifest else ()) if one.control}
    fronts = _pareto(table, [name for name in table.contenders if name not in controls])
    apart, of_rest = _apart(table)
    names = table.contenders
    against = reference or next((name for name in names if name not in apart), names[0])
    pairs = [(name, against) for name in names if name != against]  # the first ranked, where there is no reference
    if reference is None and len(names) <= ALL_PAIRS:
        pairs = list(combinations(names, 2))
    found = compared(table, pairs, level)
    tried = table.trials > table.skipped
    tasks = tried.any(axis=0)
    view = Scoreboard(
        report=manifest.report if manifest and manifest.report else table.report.resolve().name,
        contenders=tuple(
            _score(table, name, level, front=fronts.get(name), control=controls.get(name), apart=name in apart)
            for name in names
        ),
        comparisons=tuple(comparison for comparison, _ in found),
        heterogeneity=tuple(spread for _, spread in found if spread is not None),
        reference=reference,
        level=level,
        split=table.split,
        unit=unit_of(table),
        n_tasks=int(tasks.sum()),
        n_units=len(set(table.clusters[tasks].tolist())),
        **asdict(progress_of(table, manifest)),
        apart=apart_text(apart, of_rest, int(tried.any(axis=1).sum())),
        notes=(),
    )
    return replace(view, notes=notes_of(view, table, manifest, doubt))


def _score(
    table: TaskTable, name: str, level: float, *, front: float | None, control: str | None, apart: bool
) -> ContenderScore:
    """Latencies and labels are of attempts: trials of a task, and tasks of a cluster, are one unit."""
    i = table.index(name)
    whole = _domain_score(table, i, "", np.ones(len(table.tasks), dtype=bool), level)
    rows, (true, predicted, labelled) = table.attempts_of(name), table.labels(name)
    latencies, clusters = rows.numbers("latency_s"), table.clusters[rows.tasks]
    p50, p95 = (stats.latency_quantile(latencies, q, clusters, level) for q in (0.5, 0.95))
    f1 = stats.macro_f1(true, predicted, table.clusters[labelled], level=level) if true else None
    present, counts, sums = table.trials[i] > 0, table.counts[i], table.sums[i]
    kept = counts > 0
    costs, passes = (of[kept] / counts[kept] for of in (table.cost_sums[i], sums))
    per_pass = stats.fieller_ratio(costs, passes, table.clusters[kept], level)  # of means, never a mean of ratios
    most = int(counts.max(initial=0)) if (sums % 1 == 0).all() else 0
    tries, over = (sums, counts), (table.clusters, level)
    return ContenderScore(
        name=name,
        kind=table.kinds[i],
        pass_rate=whole.pass_rate,
        pass_rate_this_suite=stats.this_suite_rate(sums, counts, table.squares[i], level),
        repeats=tuple(
            Repeat(k=k, pass_at_k=stats.pass_at_k(*tries, k, *over), pass_hat_k=stats.pass_hat_k(*tries, k, *over))
            for k in range(1, min(most, MOST_REPEATS) + 1 if most > 1 else 1)
        ),
        cost_per_task_usd=whole.cost_per_task_usd,
        cost_per_pass_usd=_priced(replace(per_pass, n_trials=int(counts.sum()))),
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
        pareto_probability=front,
        control=control,
        apart=apart,
    )


def _domain_score(table: TaskTable, i: int, domain: str, mask: Mask, level: float) -> DomainScore:
    counts, clusters = table.counts[i, mask], table.clusters[mask]
    return DomainScore(
        domain=domain,
        n_tasks=int((counts > 0).sum()),
        n_trials=int(counts.sum()),
        pass_rate=stats.clustered_rate(table.sums[i, mask], counts, clusters, level),
        cost_per_task_usd=_priced(stats.clustered_mean(table.cost_sums[i, mask], counts, clusters, level)),
        **{name: int(getattr(table, name)[i, mask].sum()) for name in ("errored", "ungraded", "skipped")},
    )


def _priced(cost: Estimate) -> Estimate:
    """A mean of costs has no end below zero."""
    return cost if cost.low is None or cost.low >= 0 else replace(cost, low=0.0)


def _pareto(table: TaskTable, names: Sequence[str]) -> dict[str, float]:
    """Each option's probability to be on the front of cost and pass rate, over tasks whose costs all of them have."""
    rows = [i for i in map(table.index, names) if (table.cost_known[i] > 0).any()]
    if len(rows) < 2:
        return {}
    counts, sums, costs = table.counts[rows], table.sums[rows], table.cost_sums[rows]
    common = ((counts > 0) & ~np.isnan(costs)).all(axis=0)
    if not common.any():
        return {}
    resamples = min(MOST_RESAMPLES, max(200, RESAMPLED_TASKS // int(common.sum())))
    passes, prices = ((what[:, common] / counts[:, common]).T for what in (sums, costs))
    found = stats.pareto_probability(passes, prices, table.clusters[common], resamples=resamples)
    return {table.contenders[i]: float(p) for i, p in zip(rows, found, strict=True)}


def _apart(table: TaskTable) -> tuple[dict[str, tuple[int, int]], int]:
    """Who did not meet the tasks that most met, with how many tasks of its own and of these; and how many these are."""
    tried = table.trials > table.skipped
    sets: dict[bytes, list[int]] = {}
    for i, row in enumerate(tried):
        if row.any():
            sets.setdefault(row.tobytes(), []).append(i)
    if len(sets) < 2:
        return {}, 0
    most = max(sets.values(), key=lambda same: (len(same), int(tried[same[0]].sum())))
    rest = tried[most[0]]
    others = [i for same in sets.values() for i in same if (tried[i] != rest).sum() > SAME * rest.sum()]
    found = {table.contenders[i]: (int(tried[i].sum()), int((tried[i] & rest).sum())) for i in sorted(others)}
    return found, int(rest.sum())


def reference_of(table: TaskTable) -> tuple[str | None, list[str]]:
    """The contender that the experiment names to compare with, where it can be had, and what was doubtful."""
    try:
        named = load_settings(table.report).reference
    except UserFileError as error:
        return None, [f"the experiment's reference could not be read: {error}"]
    if named is not None and named not in table.contenders:
        return None, [f"the experiment's reference {named!r} has no outcomes"]
    return named, []


def statistics_text(view: Scoreboard, evidence: str) -> str:
    """What ``statistics.json`` holds: the scoreboard, and the digest of the evidence that it was computed from."""
    return json.dumps(view.as_json() | {"evidence": evidence}, indent=2, allow_nan=False) + "\n"


def read_statistics(report: Path, *, split: str | None = None, level: float = 0.95) -> Scoreboard | None:
    """What ``statistics.json`` holds, if it is of this evidence, split, level and version; else ``None``."""
    from pydantic import TypeAdapter

    try:
        text = (report / "statistics.json").read_bytes()
        record = json.loads(text)
        if not isinstance(record, dict) or record.pop("evidence", None) != evidence_digest(report):
            return None
        view = TypeAdapter(Scoreboard).validate_json(text, strict=True)
        manifest = read_manifest(report)
        name = manifest.report if manifest and manifest.report else report.resolve().name
        if (view.report, view.split, view.level) != (name, split_used(report, split), level):
            return None
    except (OSError, ValueError, EvidenceError, RecursionError):
        return None
    return view if view.as_json() == record else None  # a file of another make has other fields
