"""What a run that may stop early is bound to, as its manifest keeps it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis import PairedOutcomes, Side
from harness.core import digest_json, listed
from harness.verdict.arrays import Floats, Ints
from harness.verdict.baseline import Anchor
from harness.verdict.drawing import Key, Units, stratified_order
from harness.verdict.early import StoppingRule
from harness.verdict.policy import Policy
from harness.verdict.row_digests import rows_digests

VERSION = 3  # of the rule: evidence gathered under another one is not judged by this
_WORDS = {
    "version": "the rule itself",
    "contender_digest": "the candidate",
    "baseline": "the baseline",
    "anchor": "the anchor",
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
    anchor: Anchor | None,
    keys: Sequence[Key],
    outcomes: PairedOutcomes,
) -> tuple[dict[str, Any], Units]:
    """What is settled before the first attempt, as the manifest keeps it, and the order of the tasks that both have.

    Of a candidate (name, digest) and a baseline (report, contender); of the outcomes only domains and clusters count.
    """
    report, name = baseline
    domains = [outcomes.domain_names[code] for code in outcomes.domains.tolist()]
    units = stratified_order(keys, domains, outcomes.clusters.tolist(), seed)
    plan = {
        "version": VERSION,
        "contender": contender[0],
        "contender_digest": contender[1],
        "baseline": {"report": report.resolve().name, "contender": name, "rows": rows_digests(report, (name,))[name]},
        "anchor": anchor.rows if _asks_more(anchor, policy) and anchor else None,
        "policy": policy.model_dump(mode="json", exclude={"power", "tries"}),  # what can change a decision
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
        "interval": None
        if (ends := rule.interval()) is None
        else dict(zip(("low", "high", "level"), ends, strict=True)),
    }


def differing(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What two records were not bound to alike, in words. The baseline is told by its outcomes: it may be moved."""
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


def _asks_more(anchor: Anchor | None, policy: Policy) -> bool:
    """Whether an anchor asks anything that the baseline does not ask."""
    if anchor is None or anchor.fault:
        return False
    return anchor.side is not None or (policy.anchor_margin or 1.0) < policy.margin


def at_anchor(
    anchor: Anchor | None, baseline: Side, rows: Ints, policy: Policy
) -> tuple[Floats, Floats, Floats] | None:
    """The anchor's sums, counts and lost attempts at some tasks of the baseline; 0 where it has none."""
    if anchor is None or not _asks_more(anchor, policy):
        return None
    side, keys = anchor.side or baseline, baseline.table.keys
    there = side.keys
    at = np.array([there.get(keys[i], -1) for i in rows.tolist()], dtype=np.int64)
    sums, counts, lost = (
        np.where(at < 0, 0.0, of[at]) for of in (side.table.sums[side.index], side.table.counts[side.index], side.lost)
    )
    return sums, counts, lost
