"""What the rules of the gate judge by: both sides, the policy, and what is computed from them once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from harness.analysis import PairedOutcomes, Pairs, Side, pair_sides
from harness.core import Comparison
from harness.stats import compare, non_inferiority
from harness.verdict import gate_statistics
from harness.verdict.baseline import Anchor
from harness.verdict.gate_statistics import LOOKS, Decided, Drift, GateTests, StillHeld
from harness.verdict.policy import Policy
from harness.verdict.tries import Tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule of the gate and what became of it."""

    rule: str
    holds: bool | None  # ``None`` where there is no evidence to say; missing evidence never ships
    text: str
    checked: bool = True  # whether there was something to check; a rule without that blocks nothing, and shows nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the rows of a candidate come to that was run until decided, under the rule that its run began with."""

    reason: Reason | None = None  # the rule ``early``; ``None`` where the run had no rule of an early stop
    decided: Decided | None = None  # ``None`` where the evidence is judged as that of any run
    stretch: Pairs | None = None  # both sides at the tasks that were looked at; the others need not have been tried
    looked: Mapping[str, Any] | None = None  # how far, for the verdict's record; ``None``: this rule is not the run's


@dataclass(frozen=True, kw_only=True)  # without slots: what is computed once is kept in it
class GateEvidence:
    """What the rules of the gate judge by."""

    pairs: Pairs  # both sides at all tasks that both have
    policy: Policy  # at the level of one try
    alpha: float  # what all tries together may spend
    unlocked: tuple[str, ...] | None  # what has changed of a locked baseline; ``None`` where nothing is locked
    approval: Mapping[str, Any] | None = None  # who set the baseline in spite of a verdict
    anchor: Anchor | None = None  # ``None`` where the baseline is not locked, or another contender of it is meant
    tries: Tries
    early: Replayed

    @property
    def sides(self) -> tuple[tuple[str, Side], ...]:
        """Both with what they are called."""
        return ("baseline", self.pairs.baseline), ("candidate", self.pairs.candidate)

    @property
    def judged(self) -> Pairs:
        """Both sides at the tasks that are judged."""
        return self.early.stretch or self.pairs

    @cached_property
    def compared(self) -> Comparison | None:
        """The two at the tasks that are judged, candidate minus baseline; ``None`` where they share none."""
        found, out = self._comparison(self.judged.outcomes, *self.judged.lost), self.judged.outcomes
        if found is None:
            return None
        ungraded = self.judged.ungraded
        found = replace(found, errored=found.errored - ungraded, ungraded=ungraded)
        uneven = bool((out.candidate[1] != out.baseline[1])[out.common].any())
        return replace(found, **self.judged.counted) if uneven else found

    def _comparison(self, out: PairedOutcomes, *lost: Any) -> Comparison | None:
        a, b = self.pairs.candidate.contender, self.pairs.baseline.contender
        a, b = (a, b) if a != b else (f"{a} (candidate)", f"{b} (baseline)")
        if not out.common.any():
            return None
        a_lost, b_lost = lost or (None, None)
        sides = (*out.candidate, *out.baseline, out.clusters)
        return compare(*sides, a_name=a, b_name=b, a_errored=a_lost, b_errored=b_lost)

    @cached_property
    def tests(self) -> GateTests:
        """What the outcomes show. Checks do without it: they say whether there is anything to test."""
        one = self.early.decided
        return one.tests if one else gate_statistics.gate_tests(self.pairs.outcomes, self.policy)

    @cached_property
    def failed(self) -> tuple[Comparison, StillHeld] | None:
        """The same with the attempts that the instrument lost counted as failed; ``None`` where it lost none."""
        if not any(lost.any() for lost in self.judged.lost):
            return None
        out = self.judged.lost_as_failed
        found, one = self._comparison(out), self.early.decided
        held = (one.failed if one else None) or gate_statistics.still_held(out, self.looked)
        return (found, held) if found else None

    @cached_property
    def since_anchor(self) -> Pairs | None:
        """Candidate and anchor at the tasks that are judged; ``None`` too where that asks no more than the baseline."""
        if self.anchor is None or self.anchor.fault:
            return None
        if self.anchor.side is None:  # the baseline itself
            return self.judged if (self.policy.anchor_margin or 1.0) < self.policy.margin else None
        pairs = pair_sides(self.pairs.candidate, self.anchor.side)
        stretch = self.early.stretch
        return pairs if stretch is None else pairs.at(np.isin(pairs.candidate_rows, stretch.candidate_rows))

    @cached_property
    def drift(self) -> Drift | None:
        """What has been lost since the anchor; ``None`` where there is none."""
        if (pairs := self.since_anchor) is None:
            return None
        if self.early.decided:
            return self.early.decided.drift
        margin, alpha = self.policy.anchor_margin or self.policy.margin, self.policy.alpha
        graded, failed = (
            non_inferiority(out.candidate, out.baseline, margin, out.clusters, alpha=alpha)
            for out in (pairs.outcomes, pairs.lost_as_failed)
        )
        return Drift(graded=graded, failed=failed)

    @property
    def looked(self) -> Policy:
        """The policy at the level at which something has to be proven: of an early stop that of the look."""
        one = self.early.decided
        return self.policy.model_copy(update={"alpha": one.alpha}) if one else self.policy

    def sure(self, alpha: float) -> str:
        """How sure a one-sided limit at this level is; of an early stop, by which look's level."""
        one = self.early.decided
        return f"level of look {one.of_look} of {LOOKS}, {100 * alpha:.2g}%" if one else f"{100 * (1 - alpha):.4g}%"
