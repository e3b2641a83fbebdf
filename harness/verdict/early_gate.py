"""A run that was stopped early, before the gate: the same rule once more over the recorded rows, in the same order.

What the manifest says was decided is never taken for granted: only the plan is read from it.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.analysis import Pairs, early_command, seconds_of
from harness.core import plural
from harness.verdict.early import Evidence
from harness.verdict.early_plan import differing, plan_early
from harness.verdict.rules import Policy, Reason, Replayed


def replayed(pairs: Pairs, policy: Policy, baseline: Path, source: Path | None = None) -> Replayed | None:
    """Judges a candidate that was run until it was decided; ``None`` where it was not. ``source`` is the policy's file."""
    side, manifest = pairs.candidate, pairs.candidate.manifest
    digest = side.table.contender_digests[side.index]
    recorded = manifest.early_records.get(digest) if manifest else None
    if manifest is None or recorded is None:
        return None
    seed = recorded.get("seed")
    plan = plan_early(
        contender=(side.contender, digest),
        baseline=(baseline, pairs.baseline.contender),
        policy=policy,
        seed=seed if isinstance(seed, int) else manifest.seed,
        keys=[pairs.baseline.key(i) for i in pairs.baseline_rows.tolist()],
        outcomes=pairs.outcomes,
    )
    if not plan.keys:
        return None  # other checks say that nothing is common
    rule = plan.rule(_evidence(pairs, latency=policy.max_latency_ratio is not None))
    if other := differing(recorded, plan.record(rule)):
        left = bool(side.table.skipped[side.index].any())
        then = "all attempts are made and judged as one"
        if left:
            then = "judge it by that one, or make all attempts: ownbench run without --until-decided"
        text = f"the run was to be stopped by another rule than this: {other}; {then}"
        return Replayed(reason=Reason(rule="early", holds=not left, text=text))
    decided = rule.advance()
    looked = {
        "decision": decided.decision.value if decided else None,
        "looked_at": rule.looked_at,
        "planned": len(plan.keys),
        "look": decided.look if decided else None,
        "looks": list(rule.looks),
    }
    if decided is None:
        text = f"{rule.looked_at:,} of {plural(len(plan.keys), 'task')} are done in their order, and decide nothing yet"
        command = early_command(side.table.report, recorded, baseline=baseline, policy=source)
        reason = Reason(rule="early", holds=False, text=f"{text}; {command} goes on")
        return Replayed(reason=reason, looked=looked)
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
    costs = [one.table.cost_sums[one.index][at] for one, at in sides]
    seconds = [seconds_of(one)[at] if latency else np.zeros(len(at)) for one, at in sides]
    skipped = side.table.skipped[side.index][rows]
    return Evidence(
        outcomes=pairs.outcomes,
        cost=(costs[0], costs[1]),
        seconds=(seconds[0], seconds[1]),
        made=(side.table.trials[side.index][rows] - skipped).astype(np.float64),
        lost=side.lost[rows],
        done=skipped == 0,
    )
