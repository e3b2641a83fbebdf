"""How often a candidate was tried against its baseline, and what that does to the error rate of the gate."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis import Pairs, Side
from harness.core import listed
from harness.verdict.arrays import Floats, Ints
from harness.verdict.policy import Policy
from harness.verdict.verdict_log import LOG, read_log

UNTESTED = {"power", "tries"}  # keys of a policy that move no decision, or whose effect is told of anyway


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A key of the policy that is no longer as it was at an earlier verdict on the same candidate."""

    key: str
    before: Any
    now: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """One verdict among those on the same candidate against the same baseline."""

    number: int  # which try it is, from 1; the same outcomes judged again are the same try
    allowed: int | None  # of the policy
    level: float  # at which this one is tested
    false_ship: float  # the chance, at most, that a candidate at the margin ships in this try or in one before
    changed: tuple[PolicyChange, ...]
    candidate: str  # the contender's digest
    baseline: str  # likewise; of imported outcomes, which do not tell what they are of, that of the outcomes
    evidence: str  # the digest of the outcomes of both
    kept: bool  # whether the baseline's folder can keep this verdict
    damage: str  # what of its log cannot be read: tries may be missing from the count

    @property
    def fault(self) -> bool:
        """Whether the policy allows no such try, or it cannot be counted."""
        return self.allowed is not None and (self.number > self.allowed or not self.kept or bool(self.damage))

    def overspent(self, alpha: float) -> bool:
        """Whether a false SHIP is likelier than the policy says."""
        return self.false_ship > alpha * (1.0 + 1e-9) or bool(self.changed or self.damage)

    def text(self, alpha: float) -> str:
        """In one line; ``alpha`` is what all tries together may spend."""
        of, most, level = f" of {self.allowed}" if self.allowed else "", f"{100 * alpha:g}%", f"{100 * self.level:.3g}%"
        said = f"try {self.number}{of} of this candidate against this baseline, at {level}"
        if self.allowed and not self.kept:
            return f"{said}: the baseline's {LOG} cannot be written, so that no try could be counted"
        if self.allowed and self.damage:
            return f"{said}: {self._damaged}, so that no try could be counted"
        if self.allowed and self.number > self.allowed:
            said = f"try {self.number} of this candidate against this baseline"
            return f"{said}: the policy allows {self.allowed}, and no further one can ship"
        if self.false_ship > alpha * (1.0 + 1e-9):
            spends = "earlier tries spent more" if self.allowed else "tries: N in gate.yaml divides the level among N"
            risk = f"{100 * self.false_ship:.2g}%"
            said += f": the chance of a false SHIP at the margin is up to {risk} by now, not {most}; {spends}"
        elif self.allowed:
            said += f": a false SHIP at the margin at most {most} of the time in all {self.allowed}"
        if self.changed:
            parts = [f"{one.key} {_shown(one.before)} then, {_shown(one.now)} now" for one in self.changed]
            said += f"; the policy changed after a verdict on this candidate ({listed(parts, 3)}): rules that are "
            said += f"chosen with a result in view do not keep to {most}"
        said += f"; {self._damaged}: earlier tries may be missing from the count" if self.damage else ""
        return said if self.kept else f"{said}; the baseline's {LOG} cannot be written: this verdict is not counted"

    @property
    def _damaged(self) -> str:
        return f"the baseline's {self.damage}; restore it (each candidate's report keeps its own verdicts)"


def tries_of(pairs: Pairs, policy: Policy, baseline: Path) -> Tries:
    """Which try of the candidate this is, by the log of the baseline's folder."""
    order = _order(pairs)
    ours, theirs = (
        _digest(order, *side)
        for side in ((pairs.candidate, pairs.candidate_rows), (pairs.baseline, pairs.baseline_rows))
    )
    candidate, against = _named(pairs.candidate), _named(pairs.baseline)
    if pairs.baseline.table.kinds[pairs.baseline.index] == "imported":
        against = theirs
    evidence = hashlib.sha256(f"{ours} {theirs}".encode()).hexdigest()[:32]
    level = policy.of_one_try().alpha
    levels: dict[str, float] = {}
    now, changed = policy.model_dump(mode="json", exclude=UNTESTED), dict[str, PolicyChange]()
    lines, damage = read_log(baseline)
    for line in lines:
        told, then = (one if isinstance(one := line.get(name), Mapping) else {} for name in ("tries", "policy"))
        about = told.get("candidate"), told.get("baseline")
        at, of = told.get("level"), told.get("evidence")
        if line.get("decision") == "INVALID" or about != (candidate, against):
            continue
        if isinstance(at, int | float) and isinstance(of, str):
            levels[of] = max(levels.get(of, 0.0), min(1.0, max(0.0, float(at))))
            changed |= {
                key: PolicyChange(key=key, before=then[key], now=value)
                for key, value in now.items()
                if key in then and then[key] != value
            }
    number = list(levels).index(evidence) + 1 if evidence in levels else len(levels) + 1
    spent = list(levels.values())[: number - 1]
    return Tries(
        number=number,
        allowed=policy.tries,
        level=level,
        false_ship=1.0 - prod(1.0 - one for one in (*spent, max(level, levels.get(evidence, 0.0)))),
        changed=tuple(changed.values()),
        candidate=candidate,
        baseline=against,
        evidence=evidence,
        kept=os.access(baseline, os.W_OK),
        damage=damage,
    )


def _named(side: Side) -> str:
    return side.table.contender_digests[side.index] or side.contender


def _order(pairs: Pairs) -> tuple[Ints, str]:
    """The tasks in the order of their identities, and a digest of these: rows may stand in any order in a file."""
    keys = pairs.baseline.table.keys.at(pairs.baseline_rows)
    order = keys.sorted()
    found = hashlib.sha256()
    for part in keys.at(order).content:
        found.update(part)
    return order, found.hexdigest()


def _digest(order: tuple[Ints, str], side: Side, rows: Ints) -> str:
    """Of a side's outcomes at these tasks: passes, graded trials, and trials that were lost."""
    places, table, i = rows[order[0]], side.table, side.index
    found = hashlib.sha256(order[1].encode())
    parts: tuple[Floats | Ints, ...] = (table.sums[i], table.counts[i], side.lost)
    for values in parts:
        found.update(np.round(values[places], 9).astype("<f8").tobytes())
    return found.hexdigest()[:32]


def _shown(value: Any) -> str:
    return "none" if value in (None, [], {}) else str(value)[:80]
