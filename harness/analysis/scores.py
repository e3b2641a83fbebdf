"""The scoreboard of one report, computed from its outcomes or read again from ``statistics.json``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness import stats
from harness.analysis.action_counts import action_counts
from harness.analysis.common_sets import ranked_table
from harness.analysis.found import found_notes, found_of, misled, unopened
from harness.analysis.general import apart_note, is_work, work_of
from harness.analysis.leading import confirmed, leading, over_all_pairs
from harness.analysis.loading import Evidence, Floats, Ints, Mask, load_evidence, progress_of
from harness.analysis.pairs import CommonTasks, compared, seed_notes, unit_of
from harness.analysis.role_costs import role_costs
from harness.analysis.scoreboard_cautions import cautions_of, kin_notes, labels_told
from harness.analysis.scoreboard_notes import ALL_PAIRS, apart_text, notes_of, timed_of
from harness.analysis.views import ContenderScore, DomainScore, Repeat, Scoreboard, SeedSpread, priced
from harness.core import Estimate, EvidenceError, UserFileError, listed, plural
from harness.store import (
    TaskTable,
    described,
    evidence_digest,
    load_settings,
    load_task_table,
    read_manifest,
    split_used,
)

MOST_RESAMPLES, RESAMPLED_TASKS = 1_999, 5_000_000
"""Resamples of the front, and tasks drawn in all of them together: fewer resamples of many tasks."""
UNBOUNDED = (0.0, float("inf"))  # of what cannot be less than nothing
MOST_REPEATS = 8  # the largest k of pass@k and pass^k that is shown


def scoreboard(
    source: Path | Evidence, *, split: str | None = None, level: float = 0.95, reference: str | None = None
) -> Scoreboard:
    """Every figure of a report, computed from its outcomes; arguments and errors as in `pair`.

    Contenders are ranked on the tasks that `ranked_tasks` finds; whoever has more is ranked on these. ``reference``
    stands for the experiment's.
    """
    whole, manifest = load_evidence(source, split)
    table, general = work_of((whole, manifest))
    own, doubt = reference_of(table.report, table.contenders)
    named = own if reference is None else table.contenders[table.index(reference)]
    if named != own:
        doubt = [f"all are compared with {named}, as was asked: p holds if it was named before figures were seen"]
    controls = {one.name: one.control for one in (manifest.contenders if manifest else ()) if one.control}
    setups = {one.name: one.setup for one in (manifest.contenders if manifest else ())}
    seeds = {name: plural(len(of), "seed") for name, of in table.seeds.items()}
    tried: Mask = table.trials > table.skipped
    common, held, ranked = ranked_table(table)
    names, together = table.contenders, {name for name, one in zip(table.contenders, held, strict=True) if one}
    apart = {
        name: (int(row.sum()), int((row & common).sum()))
        for name, row in zip(names, tried, strict=True)
        if name not in together and row.any()
    }
    fronts = _pareto(ranked, [name for name in names if name not in controls])
    places = [np.flatnonzero(ranked.domains == code) for code in range(len(ranked.domain_names))]
    scores = {
        name: _score(
            ranked, name, level, places, front=fronts.get(name), control=controls.get(name), apart=name in apart
        )
        for name in names
    }
    each = _seed_scores(ranked, level, general) if seeds else {}
    scores = {name: _with_general(one, whole, general, level) for name, one in scores.items()}
    scores = {
        name: replace(one, setup=", ".join(filter(None, (setups.get(name, one.kind), seeds.get(name)))),
                      seeds=each.get(name))
        for name, one in scores.items()
    }  # fmt: skip
    rates = {name: scores[name].pass_rate for name in names if name in together and name not in controls}
    rates = {name: rate for name, rate in rates.items() if rate.value is not None}
    lead = leading(ranked, rates, level)
    leader = lead.best.name if lead.best else next((name for name in names if name in together), names[0])
    against = named or leader
    compared_with = [(name, against) for name in names if name != against]
    if few := named is None and len(names) <= ALL_PAIRS:
        compared_with = list(combinations(names, 2))
    found = compared((CommonTasks(ranked if {a, b} <= together else table, a, b) for a, b in compared_with), level)
    if named is None and not few:  # whom all are compared with lies in the data: only all pairs together hold
        found = [(over_all_pairs(one, lead, len(names)), spread) for one, spread in found]
    best = confirmed(lead, ranked, [one for one, _ in found], level)
    tasks = (ranked.trials > ranked.skipped).any(axis=0)
    view = Scoreboard(
        report=manifest.report if manifest and manifest.report else table.report.resolve().name,
        contenders=tuple(scores.values()),
        comparisons=tuple(comparison for comparison, _ in found),
        heterogeneity=tuple(spread for _, spread in found if spread is not None),
        reference=named,
        level=level,
        split=table.split,
        unit=unit_of(table),
        n_tasks=_tasks_in(ranked),
        n_units=len(set(table.clusters[tasks].tolist())),
        **asdict(progress_of(table, manifest)),
        best=best,
        apart=apart_text(apart, int(common.sum()), int(tried.any(axis=1).sum())),
        cautions=(),
        notes=(),
        roles=role_costs(ranked, manifest),
        actions=action_counts(ranked),
        found=found_of(table, manifest, level),
        uncalibrated_judges=manifest.uncalibrated_judges if manifest else (),
        timed=tuple(timed_of(table, names)),
    )
    closed = (*unopened(table, manifest), *misled(table, view.found))
    view = replace(view, cautions=(*cautions_of(view, ranked, manifest), *closed))
    more = [
        f"{name} {n:,}" for name, row in zip(names, tried & ~common & held[:, None], strict=True) if (n := row.sum())
    ]
    if more:
        doubt = [*doubt, f"tasks beyond the {int(common.sum()):,} that are ranked, left out here: {listed(more, 5)}"]
    doubt = [*doubt, *seed_notes(table, table.seeds)]
    doubt = [*doubt, *apart_note(general), *kin_notes(manifest, described(table.report, manifest))]
    return replace(view, notes=notes_of(view, table, manifest, [*found_notes(view.found), *doubt]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RateOf:
    """One contender of a report, and how often it passes."""

    contender: str
    pass_rate: Estimate  # as the scoreboard has it
    control: bool  # a yardstick, and no option to choose


class Rated(NamedTuple):
    """The pass rates of a report's scoreboard, and nothing else of it."""

    n_tasks: int  # that the scoreboard is of
    rates: tuple[RateOf, ...]  # highest first


def rates_of(source: Path | Evidence, *, split: str | None = None, level: float = 0.95) -> Rated:
    """The pass rates of a report as its scoreboard has them, and on how many tasks that is; errors as `scoreboard`."""
    whole, manifest = load_evidence(source, split)
    table, _ = work_of((whole, manifest))
    controls = {one.name for one in (manifest.contenders if manifest else ()) if one.control}
    ranked = ranked_table(table)[2]
    found = []
    for i, name in enumerate(ranked.contenders):
        seeds = ranked.by_seed(name) if name in ranked.seeds else None
        rate = _domain_score(ranked, i, ("", slice(None)), level, seeds).pass_rate
        found.append(RateOf(contender=name, pass_rate=rate, control=name in controls))
    ordered = sorted(found, key=lambda one: -1.0 if one.pass_rate.value is None else one.pass_rate.value)[::-1]
    return Rated(_tasks_in(ranked), tuple(ordered))


def pass_rates(source: Path | Evidence, *, split: str | None = None, level: float = 0.95) -> tuple[RateOf, ...]:
    """The rates of `rates_of` alone."""
    return rates_of(source, split=split, level=level).rates


def _tasks_in(ranked: TaskTable) -> int:
    return int((ranked.trials > ranked.skipped).any(axis=0).sum())


def _with_general(one: ContenderScore, whole: TaskTable, general: Sequence[str], level: float) -> ContenderScore:
    """The same with the domains of suites that are no work, after the others."""
    if not general:
        return one
    i, outside = whole.index(one.name), ~is_work(whole, general)
    seeds, named = whole.by_seed(one.name) if one.name in whole.seeds else None, {d.domain for d in one.domains}
    found = []
    for code in sorted(set(whole.domains[outside & (whole.trials_of(i) > 0)].tolist())):
        here, domain = np.flatnonzero(outside & (whole.domains == code)), whole.domain_names[code]
        called = f"{domain} ({listed(general, 5)})" if domain in named else domain
        found.append(replace(_domain_score(whole, i, (called, here), level, seeds), general=True))
    return replace(one, domains=(*one.domains, *found))


def _seed_scores(ranked: TaskTable, level: float, general: Sequence[str]) -> dict[str, SeedSpread]:
    """By contender with training seeds each of these by itself, on the tasks that their mean is of."""
    whole = load_task_table(ranked.report, ranked.split)
    seen = ranked.trials > 0
    here = {seed: seen[ranked.index(name)] for name, group in ranked.seeds.items() for seed in group}
    out = ~np.array([here.get(name, np.ones(len(whole.tasks), dtype=bool)) for name in whole.contenders])
    apart = whole.without(out)
    places = [np.flatnonzero(apart.domains == code) for code in range(len(apart.domain_names))]
    found = {}
    for name, names in ranked.seeds.items():
        sums, counts = ranked.by_seed(name)
        one = stats.replicates(sums, counts)
        known = one.known.tolist()
        found[name] = SeedSpread(
            number=len(names),
            n_tasks=int((counts[(counts > 0).any(axis=1)] > 0).all(axis=0).sum()) if counts.any() else 0,
            lowest=min(known, default=None),
            highest=max(known, default=None),
            sd=float(np.std(known, ddof=1)) if len(known) > 1 else None,
            each=tuple(
                _with_general(
                    _score(apart, seed, level, places, front=None, control=None, apart=False), whole, general, level
                )
                for seed in names
            ),
        )
    return found


def _score(
    table: TaskTable,
    name: str,
    level: float,
    places: Sequence[Ints],
    *,
    front: float | None,
    control: str | None,
    apart: bool,
) -> ContenderScore:
    """``places`` are the tasks of each domain.

    Latencies and labels are of attempts: trials of a task, and tasks of a cluster, are one unit.
    """
    i = table.index(name)
    seeds = table.by_seed(name) if name in table.seeds else None
    whole = _domain_score(table, i, ("", slice(None)), level, seeds)
    rows, (true, predicted, labelled) = table.attempts_of(name), table.labels(name)
    latencies, clusters = rows.numbers("latency_s"), table.clusters[rows.tasks]
    p50, p95 = (stats.latency_quantile(latencies, q, clusters, level) for q in (0.5, 0.95))
    if seeds:
        p50, p95 = (_over_seeds(table, name, one, latencies, q) for one, q in ((p50, 0.5), (p95, 0.95)))
    f1 = stats.macro_f1(true, predicted, table.clusters[labelled], level=level) if true else None
    present, counts, sums = table.trials_of(i) > 0, table.counts[i], table.sums[i]
    kept = counts > 0
    costs, passes = (of[kept] / counts[kept] for of in (table.cost_sums[i], sums))
    per_pass = stats.fieller_ratio(costs, passes, table.clusters[kept], level)  # of means, never a mean of ratios
    if seeds:
        between = stats.of_ratio(table.by_seed(name, "cost_usd")[0], *seeds)
        per_pass = stats.widened(per_pass, *between, within=UNBOUNDED)
    most = int(counts.max(initial=0)) if (sums % 1 == 0).all() else 0
    tries, over = (sums, counts), (table.clusters, level)
    this_suite = stats.this_suite_rate(sums, counts, table.squares[i], level)
    if seeds:  # its trials are no draws of one and the same
        most, why = 0, "its trials are those of several training seeds"
        this_suite = Estimate(value=this_suite.value, level=level, method="none", why=why)
    return ContenderScore(
        name=name,
        kind=table.kinds[i],
        pass_rate=whole.pass_rate,
        pass_rate_this_suite=this_suite,
        repeats=tuple(
            Repeat(k=k, pass_at_k=stats.pass_at_k(*tries, k, *over), pass_hat_k=stats.pass_hat_k(*tries, k, *over))
            for k in range(1, min(most, MOST_REPEATS) + 1 if most > 1 else 1)
        ),
        cost_per_task_usd=whole.cost_per_task_usd,
        cost_per_pass_usd=priced(replace(per_pass, n_trials=int(counts.sum()))),
        macro_f1=f1,
        macro_f1_why=(labels_told(table, name) or None) if f1 else "no task of this contender has a label",
        latency_p50_s=p50.value,
        latency_p95_s=p95.value,
        latency_why=p50.why if p50.value is None else None,
        latency_p50=p50,
        latency_p95=p95,
        **{name: getattr(whole, name) for name in ("n_tasks", "n_trials", "errored", "ungraded", "skipped")},
        domains=tuple(
            _domain_score(table, i, (domain, here), level, seeds)
            for domain, here in zip(table.domain_names, places, strict=True)
            if present[here].any()
        ),
        pareto_probability=front,
        control=control,
        apart=apart,
    )


def _over_seeds(table: TaskTable, name: str, found: Estimate, latencies: Floats, quantile: float) -> Estimate:
    """A quantile of latencies with how far those of its training seeds lie apart."""
    place, known = table.seed_places(name), ~np.isnan(latencies)
    each = [latencies[known & (place == k)] for k in range(len(table.seeds[name]))]
    between = stats.of_values([np.quantile(of, quantile) if len(of) else np.nan for of in each])
    return stats.widened(found, *between, within=UNBOUNDED)


def _domain_score(
    table: TaskTable, i: int, where: tuple[str, Ints | slice], level: float, seeds: tuple[Floats, Ints] | None
) -> DomainScore:
    domain, here = where
    counts, clusters = table.counts[i, here], table.clusters[here]
    rate = stats.clustered_rate(table.sums[i, here], counts, clusters, level)
    if seeds:
        rate = stats.widened(rate, *stats.replicates(*(of[:, here] for of in seeds)).variance)
    cost = stats.clustered_mean(table.cost_sums[i, here], counts, clusters, level)
    if seeds:
        spent, tried = (of[:, here] for of in table.by_seed(table.contenders[i], "cost_usd"))
        cost = stats.widened(cost, *stats.replicates(spent, tried).variance, within=UNBOUNDED)
    return DomainScore(
        domain=domain,
        n_tasks=int((counts > 0).sum()),
        n_trials=int(counts.sum()),
        pass_rate=rate,
        cost_per_task_usd=priced(cost),
        errored=int(table.errored[i, here].sum()),
        ungraded=int(table.ungraded[i, here].sum()),
        skipped=int(table.skipped[i, here].sum()),
    )


def _pareto(table: TaskTable, names: Sequence[str]) -> dict[str, float]:
    """The probability of each option whose cost is known to be on the front of cost and pass rate, on common tasks."""
    graded = [i for i in map(table.index, names) if (table.counts[i] > 0).any()]
    rows = [i for i in graded if not np.isnan(table.cost_sums[i, table.counts[i] > 0]).any()]
    if len(rows) < 2:
        return {}
    counts, sums, costs = table.counts[rows], table.sums[rows], table.cost_sums[rows]
    common = (counts > 0).all(axis=0)
    if not common.any():
        return {}
    resamples = min(MOST_RESAMPLES, max(200, RESAMPLED_TASKS // int(common.sum())))
    passes, prices = ((what[:, common] / counts[:, common]).T for what in (sums, costs))
    found = stats.pareto_probability(passes, prices, table.clusters[common], resamples=resamples)
    return {table.contenders[i]: float(p) for i, p in zip(rows, found, strict=True)}


def reference_of(report: Path, names: Sequence[str]) -> tuple[str | None, list[str]]:
    """The one of a report's contenders that the experiment names to compare with, and what was doubtful."""
    try:
        named = load_settings(report).reference
    except UserFileError as error:
        return None, [f"the experiment's reference could not be read: {error}"]
    if named is not None and named not in names:
        return None, [f"the experiment's reference {named!r} has no outcomes"]
    return named, []


def statistics_text(view: Scoreboard, evidence: str, opening: Mapping[str, Any] | None = None) -> str:
    """What ``statistics.json`` holds: the scoreboard, what is said of it first, and the digest of the evidence."""
    said = {} if opening is None else {"opening": opening}
    return json.dumps(view.as_json() | said | {"evidence": evidence}, indent=2, allow_nan=False) + "\n"


def read_statistics(report: Path, *, split: str | None = None, level: float = 0.95) -> Scoreboard | None:
    """What ``statistics.json`` holds, if it is of this evidence, split, level, version and the experiment's reference.

    Else ``None``.
    """
    from pydantic import TypeAdapter

    try:
        text = (report / "statistics.json").read_bytes()
        record = json.loads(text)
        if not isinstance(record, dict) or record.pop("evidence", None) != evidence_digest(report):
            return None
        record.pop("opening", None)  # it rests on the economics too, which are no evidence
        view = TypeAdapter(Scoreboard).validate_json(text, strict=True)
        manifest = read_manifest(report)
        name = manifest.report if manifest and manifest.report else report.resolve().name
        reference, _ = reference_of(report, [c.name for c in view.contenders])
        asked = name, split_used(report, split), level, reference
        if (view.report, view.split, view.level, view.reference) != asked:
            return None
    except (OSError, ValueError, EvidenceError, RecursionError):
        return None
    return view if view.as_json() == record else None  # a file of another make has other fields
