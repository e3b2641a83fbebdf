"""When a run has shown enough to stop: harm after any task, by an e-process; SHIP at O'Brien and Fleming's bounds.

Only the longest finished stretch of a fixed order is looked at: which attempts end first may depend on their answers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from harness.analysis import PairedOutcomes
from harness.core import Decision, p_equation, points, seeded
from harness.stats import BettingProcess, DomainHarm, Harm, fieller_ratio, non_inferiority, obrien_fleming_bounds
from harness.verdict.arrays import Floats, Ints, Mask
from harness.verdict.gate_statistics import LOOKS, Decided, GateTests, critical_tests
from harness.verdict.policy import Policy
from harness.verdict.rules import in_words

Key = tuple[str, str]  # a task: the digests of its suite and of itself, or their names where there are none
Units = tuple[tuple[int, ...], ...]  # positions of tasks, a tuple for each cluster
_SMALLEST = 1e-12  # levels below this are lifted to it: intervals at 1 - 1e-17 cannot be had in floating point


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Both contenders at all planned tasks, one entry a task; the candidate's arrays may be filled while it runs."""

    outcomes: PairedOutcomes
    cost: tuple[Floats, Floats]  # dollars over the graded trials, candidate first; NaN where one is unknown
    seconds: tuple[Floats, Floats]
    made: Floats  # the candidate's finished attempts
    lost: Floats  # of these, those that the instrument failed
    done: Mask  # tasks of which every planned attempt is finished


def stratified_order(keys: Sequence[Key], domains: Sequence[str], clusters: Sequence[int], seed: int) -> Units:
    """The units in the order in which they are tried: random, and every stretch holds the domains in proportion.

    The units of a domain are shuffled, and each takes a random place within its share of the whole: the third of 10
    lies somewhere in the third tenth. The order depends on nothing else than these.
    """
    members: dict[int, list[int]] = {}
    for position, cluster in enumerate(clusters):
        members.setdefault(int(cluster), []).append(position)
    units = sorted((sorted(unit, key=lambda i: keys[i]) for unit in members.values()), key=lambda unit: keys[unit[0]])
    chance = seeded("until decided", seed)
    queues: dict[str, list[tuple[float, list[int]]]] = {}
    for unit in units:
        named = Counter(domains[i] for i in unit)
        queues.setdefault(min(named, key=lambda name: (-named[name], name)), []).append((chance.random(), unit))
    placed: list[tuple[float, list[int]]] = []
    for name in sorted(queues):
        total, before = sum(len(unit) for _, unit in queues[name]), 0
        for _, unit in sorted(queues[name]):
            placed.append(((before + chance.random() * len(unit)) / total, unit))
            before += len(unit)
    return tuple(tuple(unit) for _, unit in sorted(placed))


@dataclass(slots=True, kw_only=True)
class _Track:
    """The evidence of harm, overall or in one domain, from unit to unit.

    A unit's value is the mean difference of its tasks. Harm is shown where the evidence has reached ``times / level``
    at any moment (Ville 1939) and the difference over tasks lies below minus the margin.
    """

    domain: str | None
    margin: float
    level: float
    times: int  # domains: their p values are adjusted for the number of them (Bonferroni)
    process: BettingProcess = field(default_factory=BettingProcess)
    peak: float = 1.0
    total: float = 0.0  # of the differences of the tasks judged
    judged: int = 0

    def shown(self, peak: Any, total: Any, judged: Any) -> Any:  # numbers, or arrays of them
        """Whether such evidence shows harm; the p value is one-sided and holds whenever it is looked at."""
        return (np.minimum(1.0, self.times / peak) <= self.level) & (total < -self.margin * judged - 1e-9)

    def feed(self, units: Ints, d: Floats, judged: Mask, fit: Mask | None, start: int) -> int | None:
        """Takes in further tasks; the first of their units after which harm is shown, where ``fit[unit - start]``."""
        if len(units) == 0:
            return None
        names, codes = np.unique(units, return_inverse=True)
        sums, counts = np.bincount(codes, weights=d), np.bincount(codes, weights=judged)
        # The size is that of all planned tasks, judged or not: it is known before the bet.
        path = np.maximum.accumulate(np.maximum(self.process.after_each(-sums / np.bincount(codes)), self.peak))
        total, number = self.total + np.cumsum(sums), self.judged + np.cumsum(counts)
        shown = self.shown(path, total, number) & (True if fit is None else fit[names - start])
        self.peak, self.total, self.judged = float(path[-1]), float(total[-1]), int(number[-1])
        return int(names[shown.argmax()]) if shown.any() else None


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
        self._tracks = self._new_tracks()
        self._seen = self._look = 0  # units looked at, and looks taken
        bounds = obrien_fleming_bounds(LOOKS, policy.alpha)
        self._levels = [max(_SMALLEST, NormalDist().cdf(-bound)) for bound in bounds]

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
            if found_harm := [unit for unit in harms if unit is not None]:  # where few enough attempts were lost
                self.decided = self._found(min(found_harm) + 1, None)
            elif ready == end:
                while self._look < LOOKS and self._look_units[self._look] < ready:  # several where tasks are very few
                    self._look += 1
                found = self._found(ready, self._look)
                if found.decision is Decision.SHIP or self._look == LOOKS:
                    self.decided = found
        return self.decided

    def _new_tracks(self) -> list[_Track]:
        """One of the whole, one of each domain that may block; the level is split as in `gate_tests`."""
        out, policy = self.evidence.outcomes, self.policy
        present = sorted({out.domain_names[code] for code in out.domains[self._rows].tolist()})
        gated = [name for name in present if name not in policy.exempt_domains] if len(present) > 1 else []
        level = policy.alpha / 2.0 if gated else policy.alpha
        whole, many = _Track(domain=None, margin=policy.margin, level=level, times=1), len(gated)
        margins = {name: policy.critical_domains.get(name, policy.margin) for name in gated}
        return [whole, *(_Track(domain=name, margin=m, level=level, times=many) for name, m in margins.items())]

    def _feed(self, tracks: Sequence[_Track], start: int, end: int, fit: Mask | None) -> list[int | None]:
        out = self.evidence.outcomes
        where = slice(0 if start == 0 else int(self._ends[start - 1]), int(self._ends[end - 1]))
        rows, units = self._rows[where], self._unit_of[where]
        (a, n), (b, m) = ((sums[rows], counts[rows]) for sums, counts in (out.candidate, out.baseline))
        judged = (n > 0) & (m > 0)
        d = np.where(judged, a / np.where(judged, n, 1.0) - b / np.where(judged, m, 1.0), 0.0)
        found = []
        for track in tracks:
            code = None if track.domain is None else out.domain_names.index(track.domain)
            here = slice(None) if code is None else out.domains[rows] == code
            found.append(track.feed(units[here], d[here], judged[here], fit, start))
        return found

    def _found(self, units: int, look: int | None) -> Decided:
        """What the first units show: at a look, or where harm was met between two."""
        rows = self._rows[: self._ends[units - 1]]
        of_look = min(self._look + 1, LOOKS) if look is None else look
        alpha = self._levels[of_look - 1]
        out = self.evidence.outcomes.at(rows)
        whole, *family = tracks = self._new_tracks()
        self._feed(tracks, 0, units, None)
        delta, p = whole.total / whole.judged if whole.judged else None, min(1.0, 1.0 / whole.peak)
        tests = GateTests(
            overall=non_inferiority(out.candidate, out.baseline, self.policy.margin, out.clusters, alpha=alpha),
            harm=Harm(delta=delta, p_value=p, n_tasks=whole.judged, method="betting e-process, at any time"),
            harm_level=whole.level,
            domains=tuple(
                DomainHarm(
                    domain=str(one.domain),
                    delta=one.total / one.judged,
                    p_adjusted=min(1.0, one.times / one.peak),
                    margin=one.margin,
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
        )
        if float(self.evidence.lost[rows].sum()) > self.policy.max_errored * float(self.evidence.made[rows].sum()):
            return replace(found, decision=Decision.INVALID, why="the instrument lost too many attempts")
        if look is None or (look == LOOKS and tests.blocks):
            worst = [f"{one.domain} is harmed ({points(one.delta)} points)" for one in tests.harmed]
            if found.harmed_overall:
                worst.insert(0, f"shown to be worse ({points(delta)} points, {p_equation(p)})")
            return replace(found, decision=Decision.BLOCK, why=", ".join(worst))
        open_ = self._open(tests, rows, alpha)
        if tests.proves and not open_:
            why = f"every rule of the policy holds at look {look} of {LOOKS}"
            return replace(found, decision=Decision.SHIP, why=why)
        shown = "no harm is shown" if tests.overall.holds else "neither harm nor safety is shown"
        return replace(found, why=f"{shown}; still open: {', '.join(map(in_words, open_))}")

    def _open(self, tests: GateTests, rows: Ints, alpha: float) -> list[str]:
        out = self.evidence.outcomes.at(rows)
        policy, keep, ours, theirs = self.policy, out.common, out.candidate[1], out.baseline[1]
        found_open = [] if tests.overall.holds else ["non_inferior"]
        found_open += [f"critical:{name}" for name, found in tests.critical if not found.holds]
        found_open += ["minimum_tasks"] if int(keep.sum()) < policy.minimum_tasks else []
        ratios = (
            ("cost", policy.max_cost_ratio, self.evidence.cost),
            ("latency", policy.max_latency_ratio, self.evidence.seconds),
        )
        for rule, allowed, (first, second) in ratios:
            if allowed is not None:
                means = (first[rows][keep] / ours[keep], second[rows][keep] / theirs[keep])
                found = fieller_ratio(*means, out.clusters[keep], 1.0 - 2.0 * alpha)
                found_open += [rule] if found.high is None or found.high > allowed else []
        return found_open
