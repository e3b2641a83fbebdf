"""When a run has shown enough to stop: harm after any task, by an e-process; SHIP at ten looks that share the level.

Both are adjusted by the baseline's outcomes, which are known for all tasks beforehand. Only the longest finished
stretch of a fixed order is looked at: which attempts end first may depend on their answers.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from harness.analysis import PairedOutcomes
from harness.core import Decision, Estimate, listed, p_equation, plural, points
from harness.stats import (
    AdjustedScore,
    DomainHarm,
    ErrorSpending,
    Harm,
    NonInferiority,
    anytime_interval,
    fieller_ratio,
    known_mean,
    non_inferiority,
    trend,
)
from harness.verdict.arrays import Floats, Ints, Mask
from harness.verdict.futility import HOPELESS, Course, chance_of_a_verdict
from harness.verdict.gate_statistics import LOOKS, Decided, Drift, GateTests, StillHeld, critical_tests, still_held
from harness.verdict.policy import Policy
from harness.verdict.rules import in_words
from harness.verdict.tracks import Question, Track

_SMALLEST = 1e-12  # levels below this are lifted to it: intervals at 1 - 1e-17 cannot be had in floating point
_SURE = 0.998  # two-sided: a ratio beyond its limit at this level is taken to stay there
TREND_P = 0.002  # a difference that changes on the way, by a test at this level, is not judged before all is run


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Both contenders at all planned tasks, one entry a task; the candidate's arrays may be filled while it runs."""

    outcomes: PairedOutcomes
    cost: tuple[Floats, Floats]  # dollars over the graded trials, candidate first; NaN where one is unknown
    seconds: tuple[Floats, Floats]
    made: Floats  # the candidate's finished attempts
    lost: Floats  # of these, those that the instrument failed
    done: Mask  # tasks of which every planned attempt is finished
    baseline_lost: Floats | None = None  # attempts of the baseline that the instrument failed; ``None``: none
    anchor: tuple[Floats, Floats, Floats] | None = None  # the anchor's sums, counts and lost attempts


class StoppingRule:
    """Looks at evidence as it comes, and says once what it shows. The same evidence always gives the same answer."""

    def __init__(self, units: Sequence[Sequence[int]], evidence: Evidence, policy: Policy) -> None:
        """``units`` are positions in the evidence, in the order fixed beforehand; all planned tasks are in them."""
        self.evidence, self.policy = evidence, policy
        self.decided: Decided | None = None
        self._units = [list(unit) for unit in units]
        self._rows = np.array([i for unit in units for i in unit], dtype=np.int64)
        self._unit_of = np.repeat(np.arange(len(units)), [len(unit) for unit in units])
        self._ends = np.cumsum([len(unit) for unit in units])  # tasks up to the end of each unit
        shares = [-(-len(self._rows) * (k + 1) // LOOKS) for k in range(LOOKS)]
        self._look_units = [int(np.searchsorted(self._ends, share)) for share in shares]  # a look is taken after each
        self._questions = self._asked()
        self._known = known_mean(evidence.outcomes.at(self._rows).baseline, evidence.outcomes.clusters[self._rows])
        self._tracks = [Track(one) for one in self._questions]
        self._seen = self._look = 0  # units looked at, and looks taken
        self._spending, plain = ErrorSpending(policy.alpha), ErrorSpending(policy.alpha)
        # What is not adjusted knows as much as there are tasks.
        self._levels = [_level(plain.bound(count / len(self._rows))) for count in self.looks]
        self.unsteady: str | None = None  # the difference changed on the way: nothing is decided before all is run

    @property
    def looked_at(self) -> int:
        """Tasks in the stretch that is finished, or in the one that decided."""
        if self.decided is not None:
            return len(self.decided.rows)
        return int(self._ends[self._seen - 1]) if self._seen else 0

    @property
    def looks(self) -> tuple[int, ...]:
        """After how many tasks SHIP is asked for; where tasks share a source, after the unit that reaches so many."""
        return tuple(int(self._ends[unit]) for unit in self._look_units)

    def advance(self) -> Decided | None:
        """What the evidence shows, looked at task after task in their order; ``None`` as long as it goes on."""
        while self.decided is None and self._seen < len(self._units):
            start = ready = self._seen
            end = self._look_units[self._look] + 1
            while ready < end and all(self.evidence.done[i] for i in self._units[ready]):
                ready += 1
            if ready == start:
                return None
            upto, ends, self._seen = self._rows[: self._ends[ready - 1]], self._ends[start:ready] - 1, ready
            tried, lost = (np.cumsum(counts[upto])[ends] for counts in (self.evidence.made, self.evidence.lost))
            harms = self._feed(self._tracks, start, ready, lost <= self.policy.max_errored * tried)
            found_harm = [unit for unit in harms if unit is not None]  # where few enough attempts were lost
            if found_harm and self._steady(min(found_harm) + 1):
                self.decided = self._found(min(found_harm) + 1, None)
            elif ready == end:
                while self._look < LOOKS and self._look_units[self._look] < ready:  # several where tasks are very few
                    self._look += 1
                found = self._found(ready, self._look)
                if self._look == LOOKS or (found.decision is Decision.SHIP and self._steady(ready)):
                    self.decided = found
                elif found.decision is Decision.INCONCLUSIVE and (left := self._hopeless(ready)):
                    self.decided = _since_anchor(replace(found, why=f"{left}; {found.why}"))
                if self.decided is not None and self.unsteady:
                    self.decided = replace(self.decided, why=f"{self.decided.why}; all was run: {self.unsteady}")
        return self.decided

    def interval(self) -> tuple[float, float, float] | None:
        """Limits of the difference that hold wherever it is stopped, and their level: the test of harm inverted."""
        if self.decided is None:
            return None
        whole = Track(self._questions[0])
        self._feed([whole], 0, int(np.searchsorted(self._ends, len(self.decided.rows))) + 1, None)
        level = 1.0 - 2.0 * whole.of.level
        return *anytime_interval(np.concatenate(whole.seen), level, np.concatenate(whole.drags)), level

    def _steady(self, units: int) -> bool:
        """Whether the difference is not shown to have changed up to here; once it has, no early decision is taken."""
        if self.unsteady is None and units < len(self._units):
            d, _, judged = self._differences(0, units)
            at = self._unit_of[: self._ends[units - 1]][judged]
            found = trend(d[judged], at, at, seed=None)
            if found.p_value <= TREND_P and found.change.value is not None:
                tasks = plural(int(self._ends[units - 1]), "task")
                self.unsteady = (
                    f"the difference changed by {points(found.change.value)} points within the first {tasks} "
                    f"({p_equation(found.p_value)})"
                )
        return self.unsteady is None or units == len(self._units)

    def _hopeless(self, units: int) -> str | None:
        """Why to stop without a verdict after these units: hardly any can come within those that are left."""
        if self.unsteady is not None or not self._tracks[0].judged:
            return None
        ends = self._look_units[self._look :]
        whole, *family = (
            Course(
                values=np.concatenate([np.zeros(0), *one.seen]),
                drag=float(one.drags[-1][-1]) if one.drags else 0.0,
                peak=one.peak,
                needed=one.of.times / one.of.level,
                margin=one.of.margin if one.of.domain else -math.inf,
                ends=np.cumsum(one.of.present)[ends].astype(np.float64),
            )
            for one in self._tracks
        )
        bounds = [-NormalDist().inv_cdf(level) for level in self._levels[self._look :]]
        if never := self._never(self._rows[: self._ends[units - 1]]):
            bounds = [math.inf] * len(bounds)
        chance = chance_of_a_verdict(whole, family, self.policy.margin, bounds, self._look)
        left = plural(len(self._rows) - int(self._ends[units - 1]), "task")
        why = f", for {listed([in_words(rule) for rule in never], 5)} is out of reach" if never else ""
        said = f"the {left} left have a chance of {100 * chance:.1g}% to decide it{why}"
        return said if chance < HOPELESS else None

    def _never(self, rows: Ints) -> list[str]:
        """The conditions of SHIP that are out of reach: too few tasks, or well beyond a limit of cost or latency."""
        few = ["minimum_tasks"] if len(self._rows) < self.policy.minimum_tasks else []
        return few + [rule for rule, allowed, one in self._ratios(rows, _SURE) if (one.low or 0.0) > allowed]

    def _asked(self) -> list[Question]:
        """One of the whole, one of each domain that may block; the level is split as in `gate_tests`."""
        out, policy = self.evidence.outcomes, self.policy
        present = sorted({out.domain_names[code] for code in out.domains[self._rows].tolist()})
        gated = [name for name in present if name not in policy.exempt_domains] if len(present) > 1 else []
        level = policy.alpha / 2.0 if gated else policy.alpha
        margins = {name: policy.critical_domains.get(name, policy.margin) for name in gated}
        whole = self._question(None, policy.margin, level, 1)
        return [whole, *(self._question(name, margin, level, len(gated)) for name, margin in margins.items())]

    def _question(self, domain: str | None, margin: float, level: float, times: int) -> Question:
        out, rows = self.evidence.outcomes, self._rows
        here = np.ones(len(rows), dtype=bool) if domain is None else out.domains[rows] == out.domain_names.index(domain)
        sums, counts = (values[rows] for values in out.baseline)
        has = here & (counts > 0)
        values = np.where(has, sums / np.maximum(counts, 1.0), 0.0)
        sizes, known = (np.bincount(self._unit_of, weights=w, minlength=len(self._units)) for w in (here, has))
        means = np.bincount(self._unit_of, weights=values, minlength=len(self._units))[sizes > 0] / sizes[sizes > 0]
        share = known[sizes > 0] / sizes[sizes > 0]  # of a unit, the tasks that the baseline has an outcome of
        centre = float(means.sum() / share.sum()) if share.any() else 0.0
        centred, units = np.where(has, values - centre, 0.0), means - centre * share
        return Question(
            domain=domain,
            margin=margin,
            level=level,
            times=times,
            here=here,
            known=centred,
            units=units,
            present=sizes > 0,
        )

    def _differences(self, start: int, end: int) -> tuple[Floats, slice, Mask]:
        """Of the tasks of some units: the difference, 0 where it cannot be judged; their places; which are judged."""
        out = self.evidence.outcomes
        where = slice(0 if start == 0 else int(self._ends[start - 1]), int(self._ends[end - 1]))
        rows = self._rows[where]
        (a, n), (b, m) = ((sums[rows], counts[rows]) for sums, counts in (out.candidate, out.baseline))
        judged = (n > 0) & (m > 0)
        return np.where(judged, a / np.where(judged, n, 1.0) - b / np.where(judged, m, 1.0), 0.0), where, judged

    def _feed(self, tracks: Sequence[Track], start: int, end: int, fit: Mask | None) -> list[int | None]:
        d, where, judged = self._differences(start, end)
        units, found = self._unit_of[where], []
        for track in tracks:
            here, known = track.of.here[where], np.where(judged, track.of.known[where], 0.0)
            found.append(track.feed(units[here], np.stack([d, known])[:, here], judged[here], fit, start))
        return found

    def _overall(self, units: int, rows: Ints, look: int | None, plain: float) -> NonInferiority:
        """The margin's test on the first units, at the level of its look."""
        margin, out, alpha = self.policy.margin, self.evidence.outcomes.at(rows), plain
        if look is not None:
            score = AdjustedScore(out.candidate, out.baseline, out.clusters, self._known)
            time = 1.0 if units == len(self._units) else score.information(margin)
            alpha = _level(self._spending.bound(time))
        return self._proof(self.evidence.outcomes, rows, margin, alpha)

    def _proof(self, whole: PairedOutcomes, rows: Ints, margin: float, alpha: float) -> NonInferiority:
        """The margin's test on some tasks: adjusted, but on all of them as the gate has it without looks."""
        out = whole.at(rows)
        if len(rows) == len(self._rows):
            return non_inferiority(out.candidate, out.baseline, margin, out.clusters, alpha=alpha)
        known = known_mean(whole.at(self._rows).baseline, whole.clusters[self._rows])
        return AdjustedScore(out.candidate, out.baseline, out.clusters, known).test(margin, alpha)

    def _lost_as_failed(self, of: PairedOutcomes, theirs: Floats) -> PairedOutcomes:
        """The outcomes with the attempts that the instrument lost counted as failed, on both sides."""
        (a, n), (b, m) = of.candidate, of.baseline
        return replace(of, candidate=(a, n + self.evidence.lost), baseline=(b, m + theirs))

    def _failed(self, rows: Ints, proven: float, alpha: float) -> StillHeld | None:
        """What of the proofs is left with lost attempts counted as failed; ``None`` where none was lost."""
        one, none = self.evidence, np.zeros(len(self.evidence.lost))
        theirs = none if one.baseline_lost is None else one.baseline_lost
        if not (one.lost[rows].any() or theirs[rows].any()):
            return None
        out = self._lost_as_failed(one.outcomes, theirs)
        overall = self._proof(out, rows, self.policy.margin, proven)
        return still_held(out.at(rows), self.policy.model_copy(update={"alpha": alpha}), overall)

    def _drift(self, rows: Ints, alpha: float) -> Drift | None:
        """What was lost since the anchor."""
        if self.evidence.anchor is None:
            return None
        sums, counts, lost = self.evidence.anchor
        since, margin = replace(self.evidence.outcomes, baseline=(sums, counts)), self.policy.anchor_margin
        graded, failed = (
            self._proof(out, rows, margin or self.policy.margin, alpha)
            for out in (since, self._lost_as_failed(since, lost))
        )
        return Drift(graded=graded, failed=failed)

    def _found(self, units: int, look: int | None) -> Decided:
        """What the first units show: at a look, or where harm was met between two."""
        rows = self._rows[: self._ends[units - 1]]
        of_look = min(self._look + 1, LOOKS) if look is None else look
        alpha = self._levels[of_look - 1]
        out = self.evidence.outcomes.at(rows)
        whole, *family = tracks = [Track(one) for one in self._questions]
        self._feed(tracks, 0, units, None)
        delta, p = whole.total / whole.judged if whole.judged else None, min(1.0, 1.0 / whole.peak)
        tests = GateTests(
            overall=self._overall(units, rows, look, alpha),
            harm=Harm(delta=delta, p_value=p, n_tasks=whole.judged, method="betting e-process, at any time"),
            harm_level=whole.of.level,
            domains=tuple(
                DomainHarm(
                    domain=str(one.of.domain),
                    delta=one.total / one.judged,
                    p_adjusted=min(1.0, one.of.times / one.peak),
                    margin=one.of.margin,
                    n_tasks=one.judged,
                    harmed=bool(one.shown(one.peak, one.total, one.judged)),
                )
                for one in family
                if one.judged
            ),
            critical=critical_tests(out, self.policy, alpha),
        )
        found = Decided(
            decision=Decision.INCONCLUSIVE,
            rows=rows,
            planned=len(self._rows),
            look=look,
            of_look=of_look,
            alpha=alpha,
            tests=tests,
            why="",
            failed=self._failed(rows, tests.overall.alpha, alpha),
            drift=self._drift(rows, tests.overall.alpha),
        )
        if float(self.evidence.lost[rows].sum()) > self.policy.max_errored * float(self.evidence.made[rows].sum()):
            return replace(found, decision=Decision.INVALID, why="the instrument lost too many attempts")
        if look is None or (look == LOOKS and tests.blocks):
            worst = [f"{one.domain} is harmed ({points(one.delta)} points)" for one in tests.harmed]
            if found.harmed_overall:
                worst.insert(0, f"shown to be worse ({points(delta)} points, {p_equation(p)})")
            return replace(found, decision=Decision.BLOCK, why=", ".join(worst))
        open_ = self._open(found)
        if tests.proves and not open_:
            why = f"every rule of the policy holds at look {look} of {LOOKS}"
            return replace(found, decision=Decision.SHIP, why=why)
        shown = "no harm is shown" if tests.overall.holds else "neither harm nor safety is shown"
        found = replace(found, why=f"{shown}; still open: {', '.join(map(in_words, open_))}")
        return _since_anchor(found) if look == LOOKS else found

    def _open(self, one: Decided) -> list[str]:
        """What SHIP still lacks, as rules of the gate."""
        judged = int(self.evidence.outcomes.at(one.rows).common.sum())
        open_ = [] if one.tests.overall.holds else ["non_inferior"]
        open_ += ["lost"] if one.failed and not one.failed.holds else []
        open_ += ["anchor_margin"] if one.drift and not one.drift.holds else []
        open_ += [f"critical:{name}" for name, found in one.tests.critical if not found.holds]
        open_ += ["minimum_tasks"] if judged < self.policy.minimum_tasks else []
        for rule, allowed, found in self._ratios(one.rows, 1.0 - 2.0 * one.alpha):
            open_ += [rule] if found.high is None or found.high > allowed else []
        return open_

    def _ratios(self, rows: Ints, level: float) -> Iterator[tuple[str, float, Estimate]]:
        """The ratios that have a limit: the rule, the limit, and the ratio on some tasks."""
        out = self.evidence.outcomes.at(rows)
        keep, ours, theirs = out.common, out.candidate[1], out.baseline[1]
        for rule, allowed, (first, second) in (
            ("cost", self.policy.max_cost_ratio, self.evidence.cost),
            ("latency", self.policy.max_latency_ratio, self.evidence.seconds),
        ):
            if allowed is not None:
                means = (first[rows][keep] / ours[keep], second[rows][keep] / theirs[keep])
                yield rule, allowed, fieller_ratio(*means, out.clusters[keep], level)


def _since_anchor(found: Decided) -> Decided:
    """Where nothing else is decided: BLOCK, if more than its margin is shown to be lost since the anchor."""
    if found.drift is None or not found.drift.shown:
        return found
    lost = f"shown to have lost more than its margin since the anchor ({points(found.drift.graded.delta)} points)"
    return replace(found, decision=Decision.BLOCK, why=lost)


def _level(bound: float) -> float:
    return max(_SMALLEST, NormalDist().cdf(-bound))
