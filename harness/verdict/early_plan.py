"""What a run that may stop early is bound to from its first attempt: the rule, the baseline, the tasks, their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis import PairedOutcomes
from harness.core import digest_json, listed
from harness.verdict.baseline import rows_digest
from harness.verdict.early import Evidence, Key, StoppingRule, stratified_order
from harness.verdict.rules import Policy

VERSION = 1
"""Of the rule: evidence gathered under another one is not judged by this."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyPlan:
    """All that is settled before the first attempt."""

    contender: str
    contender_digest: str
    baseline: Mapping[str, str]
    """``report``, ``contender``, and ``rows``, the digest of that contender's outcomes."""
    policy: Policy
    seed: int
    keys: tuple[Key, ...]
    units: tuple[tuple[int, ...], ...]
    """Positions in ``keys``, in the order in which they are tried."""

    def rule(self, evidence: Evidence) -> StoppingRule:
        """The rule over evidence whose tasks are those of ``keys``."""
        return StoppingRule(self.units, evidence, self.policy)

    def record(self, rule: StoppingRule) -> dict[str, Any]:
        """As the manifest keeps it, with what the rule has come to so far."""
        decided = rule.decided
        return {
            "version": VERSION,
            "contender": self.contender,
            "contender_digest": self.contender_digest,
            "baseline": dict(self.baseline),
            "policy": self.policy.decisive,
            "seed": self.seed,
            "order": digest_json([[self.keys[i] for i in unit] for unit in self.units]),
            "tasks": len(self.keys),
            "looks": list(rule.looks),
            "looked_at": rule.looked_at,
            "decision": decided.decision.value if decided else None,
            "because": stop_line(decided.text) if decided else None,
        }


def plan_early(
    *,
    contender: tuple[str, str],
    baseline: tuple[Path, str],
    policy: Policy,
    seed: int,
    keys: Sequence[Key],
    outcomes: PairedOutcomes,
) -> EarlyPlan:
    """The plan for these tasks.

    Args:
        contender: name and digest of the candidate.
        baseline: the report and the contender of it.
        policy: what decides.
        seed: orders the tasks.
        keys: the tasks that both have.
        outcomes: their domains and clusters, in the same order; no outcome is looked at.
    """
    report, name = baseline
    domains = [outcomes.domain_names[code] for code in outcomes.domains.tolist()]
    return EarlyPlan(
        contender=contender[0],
        contender_digest=contender[1],
        baseline={"report": report.resolve().name, "contender": name, "rows": rows_digest(report, name)},
        policy=policy,
        seed=seed,
        keys=tuple(keys),
        units=stratified_order(keys, domains, outcomes.clusters.tolist(), seed),
    )


def stop_line(text: str) -> str:
    """Why a run ended that was decided, as its manifest says it."""
    return f"decided, {text}"


def differing(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What two records were not bound to alike, in words; empty where they are the same rule on the same tasks.

    The baseline is told by its outcomes: a report may be moved. What can be said in a line is said as then and now.
    """
    found: list[str] = []
    for key, word in _WORDS.items():
        was, is_ = recorded.get(key), now.get(key)
        if was == is_ or (key == "baseline" and _mapping(was).get("rows") == _mapping(is_).get("rows")):
            continue
        if key == "baseline":
            was_of, is_of = (_whose(one) for one in (was, is_))
            same = f"{is_of}, whose outcomes have changed"
            found.append(f"{word} ({same if was_of == is_of else f'{was_of} then, {is_of} now'})")
        elif key == "policy" and isinstance(was, Mapping) and isinstance(is_, Mapping):
            names = [name for name in {**was, **is_} if was.get(name) != is_.get(name)]
            parts = [f"{name} {was.get(name)} then, {is_.get(name)} now" for name in names]
            found.append(f"{word} ({listed(parts, 5)})")
        elif key in {"seed", "tasks"}:
            found.append(f"{word} ({was} then, {is_} now)")
        elif key != "looks" or not found:  # of other tasks they are others
            found.append(word)
    return listed(found, 5)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _whose(baseline: Any) -> str:
    one = _mapping(baseline)
    return f"{one.get('contender')} of {one.get('report')}" if one else "none"
