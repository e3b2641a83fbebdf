"""What a run that may stop early is bound to from its first attempt: the rule, the baseline, the tasks, their order.

And what its recorded rows come to before the gate, by that same rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis import PairedOutcomes, Pairs, early_command, seconds_of
from harness.core import digest_json, listed, plural
from harness.verdict.baseline import rows_digests
from harness.verdict.early import Evidence, Key, StoppingRule, Units, stratified_order
from harness.verdict.rules import Policy, Reason, Replayed

VERSION = 1  # of the rule: evidence gathered under another one is not judged by this
_WORDS = {
    "version": "the rule itself",
    "contender_digest": "the candidate",
    "baseline": "the baseline",
    "policy": "the policy",
    "seed": "the seed",
    "tasks": "the number of tasks",
    "order": "the tasks or their order",
    "looks": "the looks",
}


def plan_early(
    contender: tuple[str, str],
    baseline: tuple[Path, str],
    policy: Policy,
    seed: int,
    *,
    keys: Sequence[Key],
    outcomes: PairedOutcomes,
) -> tuple[dict[str, Any], Units]:
    """What is settled before the first attempt at the tasks that both have, as the manifest keeps it, and their order.

    Of a candidate (name, digest) and a baseline (report, contender); of the outcomes only domains and clusters are
    looked at, in the order of the keys.
    """
    report, name = baseline
    domains = [outcomes.domain_names[code] for code in outcomes.domains.tolist()]
    units = stratified_order(keys, domains, outcomes.clusters.tolist(), seed)
    plan = {
        "version": VERSION,
        "contender": contender[0],
        "contender_digest": contender[1],
        "baseline": {"report": report.resolve().name, "contender": name, "rows": rows_digests(report, (name,))[name]},
        "policy": policy.model_dump(mode="json", exclude={"power"}),  # what can change a decision
        "seed": seed,
        "order": digest_json([[keys[i] for i in unit] for unit in units]),
        "tasks": len(keys),
    }
    return plan, units


def early_record(plan: Mapping[str, Any], rule: StoppingRule) -> dict[str, Any]:
    """The plan with what the rule has come to so far."""
    decided = rule.decided
    return {
        **plan,
        "looks": list(rule.looks),
        "looked_at": rule.looked_at,
        "decision": decided.decision.value if decided else None,
        "because": f"decided, {decided.text}" if decided else None,
    }


def replayed(pairs: Pairs, policy: Policy, baseline: Path, source: Path | None) -> Replayed:
    """Judges a candidate that was run until it was decided: its plan's rule goes once more over the recorded rows.

    What the manifest says was decided is never taken for granted. ``source`` is the policy's file.
    """
    side, manifest = pairs.candidate, pairs.candidate.manifest
    digest = side.table.contender_digests[side.index]
    recorded = manifest.early_records.get(digest) if manifest else None
    keys = [pairs.baseline.key(i) for i in pairs.baseline_rows.tolist()]
    if manifest is None or recorded is None or not keys:  # other checks say that nothing is common
        return Replayed()
    seed = recorded["seed"] if isinstance(recorded.get("seed"), int) else manifest.seed
    against, latency = (baseline, pairs.baseline.contender), policy.max_latency_ratio is not None
    plan, units = plan_early((side.contender, digest), against, policy, seed, keys=keys, outcomes=pairs.outcomes)
    rule = StoppingRule(units, _evidence(pairs, latency=latency), policy)
    if other := differing(recorded, early_record(plan, rule)):
        left = bool(side.table.skipped[side.index].any())
        now = "judge it by that one, or make all attempts: ownbench run without --until-decided"
        then = now if left else "all attempts are made and judged as one"
        text = f"the run was to be stopped by another rule than this: {other}; {then}"
        return Replayed(reason=Reason(rule="early", holds=not left, text=text))
    decided = rule.advance()
    looked = {
        "decision": decided.decision.value if decided else None,
        "looked_at": rule.looked_at,
        "planned": len(keys),
        "look": decided.look if decided else None,
        "looks": list(rule.looks),
    }
    if decided is None:
        text = f"{rule.looked_at:,} of {plural(len(keys), 'task')} are done in their order, and decide nothing yet"
        command = early_command(side.table.report, recorded, baseline=baseline, policy=source)
        return Replayed(reason=Reason(rule="early", holds=False, text=f"{text}; {command} goes on"), looked=looked)
    stretch = replace(
        pairs,
        candidate_rows=pairs.candidate_rows[decided.rows],
        baseline_rows=pairs.baseline_rows[decided.rows],
        outcomes=pairs.outcomes.at(decided.rows),
    )
    early = "early, " if len(decided.rows) < decided.planned else ""
    where = "between two looks" if decided.look is None else f"at look {decided.look} of {decided.looks}"
    text = (
        f"decided {early}after {len(decided.rows):,} of {plural(decided.planned, 'task')}: {decided.decision.value} "
        f"{where}. Levels are those of a run that is looked at on its way; the difference, its 95% interval and its p "
        "are of one look, not corrected for it"
    )
    return Replayed(reason=Reason(rule="early", holds=True, text=text), decided=decided, stretch=stretch, looked=looked)


def _evidence(pairs: Pairs, *, latency: bool) -> Evidence:
    side, rows = pairs.candidate, pairs.candidate_rows
    sides = ((side, rows), (pairs.baseline, pairs.baseline_rows))
    our_cost, their_cost = (one.table.cost_sums[one.index][at] for one, at in sides)
    ours, theirs = (seconds_of(one)[at] if latency else np.zeros(len(at)) for one, at in sides)
    skipped = side.table.skipped[side.index][rows]
    return Evidence(
        outcomes=pairs.outcomes,
        cost=(our_cost, their_cost),
        seconds=(ours, theirs),
        made=(side.table.trials[side.index][rows] - skipped).astype(np.float64),
        lost=side.lost[rows],
        done=skipped == 0,
    )


def differing(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What two records were not bound to alike, in words; empty where they are the same rule on the same tasks.

    The baseline is told by its outcomes: a report may be moved. What can be said in a line is said as then and now.
    """
    found: list[str] = []
    for key, word in _WORDS.items():
        was, is_, said = recorded.get(key), now.get(key), ""
        old, new = (value if isinstance(value, Mapping) else {} for value in (was, is_))
        if was == is_ or (key == "baseline" and old.get("rows") == new.get("rows")):
            continue
        if key == "baseline":
            was_of, is_of = (f"{one.get('contender')} of {one.get('report')}" if one else "none" for one in (old, new))
            said = f"{is_of}, whose outcomes have changed" if was_of == is_of else f"{was_of} then, {is_of} now"
        elif key == "policy" and isinstance(was, Mapping):
            names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
            said = listed([f"{name} {old.get(name)} then, {new.get(name)} now" for name in names], 5)
        elif key in {"seed", "tasks"}:
            said = f"{was} then, {is_} now"
        elif key == "looks" and found:  # of other tasks they are others
            continue
        found.append(f"{word} ({said})" if said else word)
    return listed(found, 5)
