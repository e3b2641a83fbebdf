"""When a run has shown enough to stop: a rule over tasks in an order that was fixed before any was tried.

Harm may stop it after any task, by an e-process. SHIP may at five looks, at O'Brien and Fleming's bounds. Only the
longest stretch of the order that is finished is looked at: which attempts end first may depend on their answers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from harness.analysis import PairedOutcomes
from harness.core import Decision, p_equation, plural, points, seeded
from harness.stats import BettingProcess, DomainHarm, Harm, fieller_ratio, non_inferiority, obrien_fleming_bounds
from harness.verdict.gate_statistics import GateTests
from harness.verdict.policy import Policy, in_words

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

Key = tuple[str, str]
"""A task: the digests of its suite and of itself, or their names where there are none."""
LOOKS = 5
_SMALLEST = 1e-12
"""Levels below this are lifted to it: intervals at 1 - 1e-17 cannot be had in floating point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Both contenders at all planned tasks, one entry a task; the candidate's arrays may be filled while it runs."""

    outcomes: PairedOutcomes
    cost: "tuple[Floats, Floats]"
    """Dollars over the graded trials, candidate first; NaN where one is unknown."""
    seconds: "tuple[Floats, Floats]"
    made: "Floats"
    """The candidate's finished attempts."""
    lost: "Floats"
    """Of these, those that the instrument failed."""
    done: "Mask"
    """Tasks of which every planned attempt is finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the rule came to, and on what."""

    decision: Decision
    """INCONCLUSIVE where all tasks were looked at and nothing was shown; INVALID where too many attempts were lost."""
    rows: "Ints"
    """The tasks looked at, positions in the evidence, in their order."""
    planned: int
    look: int | None
    """Which look it was, from 1; ``None`` where harm stopped it between looks."""
    of_look: int
    """Whose level it is: this look's, or the next one's."""
    alpha: float
    """That one-sided level."""
    tests: GateTests
    """On those tasks: proofs at ``alpha``, harm by p values that hold at any time."""
    why: str

    @property
    def harmed_overall(self) -> bool:
        """As by `GateTests`; but between two looks a drop that the margin allows stops nothing."""
        delta, margin = self.tests.harm.delta, self.tests.overall.margin
        allowed = self.look is None and delta is not None and delta >= -margin
        return self.tests.harmed_overall and not allowed

    @property
    def text(self) -> str:
        """In one line."""
        return f"{self.decision.value} after {len(self.rows):,} of {plural(self.planned, 'task')}: {self.why}"


def stratified_order(
    keys: Sequence[Key], domains: Sequence[str], clusters: Sequence[int], seed: int
) -> tuple[tuple[int, ...], ...]:
    """The units in the order in which they are tried: random, and every stretch holds the domains in proportion.

    A unit is the tasks of one cluster. Those of a domain are shuffled, and each takes a random place within its share
    of the whole: the third of 10 lies somewhere in the third tenth. The order depends on nothing else than these.

    Args:
        keys: of each task.
        domains: of each task, a name.
        clusters: of each task, a code.
        seed: the experiment's.

    Returns:
        Positions in ``keys``, by unit.
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


class Rule:
    """Looks at evidence as it comes, and says once what it shows. The same evidence always gives the same answer."""

    def __init__(self, units: Sequence[Sequence[int]], evidence: Evidence, policy: Policy) -> None:
        """``units`` are positions in the evidence, in the order fixed beforehand; all planned tasks are in them."""
        import numpy as np

        self.evidence, self.policy = evidence, policy
        self.decided: Decided | None = None
        self._units = [list(unit) for unit in units]
        self._rows = np.array([i for unit in units for i in unit], dtype=np.int64)
        self._unit_of = np.repeat(np.arange(len(units)), [len(unit) for unit in units])
        self._ends = np.cumsum([len(unit) for unit in units])
        """Tasks up to the end of each unit."""
        self._tracks = self._new_tracks()
        self._seen = 0
        """Units looked at."""
        bounds = obrien_fleming_bounds(LOOKS, policy.alpha)
        self._levels = [max(_SMALLEST, NormalDist().cdf(-bound)) for bound in bounds]
        self._look = 0

    @property
    def looked_at(self) -> int:
        """Tasks in the stretch that is finished, or in the one that decided."""
        if self.decided is not None:
            return len(self.decided.rows)
        return int(self._ends[self._seen - 1]) if self._seen else 0

    @property
    def looks(self) -> tuple[int, ...]:
        """After how many tasks SHIP is asked for; where tasks share a source, after the unit that reaches so many."""
        return tuple(int(self._ends[self._unit_of_look(k)]) for k in range(LOOKS))

    def advance(self) -> Decided | None:
        """What the evidence shows, looked at task after task in their order; ``None`` as long as it goes on."""
        while self.decided is None and self._seen < len(self._units):
            end = self._unit_of_look(self._look) + 1
            ready = self._seen
            while ready < end and all(self.evidence.done[i] for i in self._units[ready]):
                ready += 1
            if ready == self._seen:
                return None
            harmed = self._first_harm(self._seen, ready)
            self._seen = ready
            if harmed is not None:
                self.decided = self._found(harmed + 1, None)
            elif ready == end:
                self._take_look()
        return self.decided

    def _unit_of_look(self, k: int) -> int:
        """The unit after which the k-th look is taken, from 0."""
        import numpy as np

        wanted = -(-int(self._ends[-1]) * (k + 1) // LOOKS)
        return int(np.searchsorted(self._ends, wanted))

    def _take_look(self) -> None:
        """At each look at which the unit's end has arrived: several at once where tasks are very few."""
        found = None
        while self._look < LOOKS and self._unit_of_look(self._look) < self._seen:
            self._look += 1
            found = self._found(self._seen, self._look)
        if found is not None and (found.decision is Decision.SHIP or self._look == LOOKS):
            self.decided = found

    # ------------------------------------------------------------------------------------------------------- harm

    def _new_tracks(self) -> "list[_Track]":
        """One of the whole, one of each domain that may block; the level is split as in `gate_tests`."""
        out, policy = self.evidence.outcomes, self.policy
        present = sorted({out.domain_names[code] for code in out.domains[self._rows].tolist()})
        gated = [name for name in present if name not in policy.exempt_domains] if len(present) > 1 else []
        level = policy.alpha / 2.0 if gated else policy.alpha
        family = [_Track(n, policy.critical_domains.get(n, policy.margin), level, len(gated)) for n in gated]
        return [_Track(None, policy.margin, level, 1), *family]

    def _first_harm(self, start: int, end: int) -> int | None:
        """The first unit of a stretch after which harm is shown."""
        import numpy as np

        rows, units, d, judged = self._stretch(start, end)
        made, lost = self.evidence.made, self.evidence.lost
        upto = self._rows[: self._ends[end - 1]]
        tried, failed = (
            np.cumsum(made[upto])[self._ends[start:end] - 1],
            np.cumsum(lost[upto])[self._ends[start:end] - 1],
        )
        fit = failed <= self.policy.max_errored * tried  # as long as it is not, the evidence cannot be judged
        firsts = [
            first
            for track in self._tracks
            if (first := track.feed(*track.own(self.evidence.outcomes, rows, units, d, judged), fit, start)) is not None
        ]
        return min(firsts, default=None)

    def _stretch(self, start: int, end: int) -> "tuple[Ints, Ints, Floats, Mask]":
        """Of the tasks of some units: rows, units, differences (0 where not judged), and which are judged."""
        import numpy as np

        where = slice(0 if start == 0 else int(self._ends[start - 1]), int(self._ends[end - 1]))
        rows, units = self._rows[where], self._unit_of[where]
        (a, n), (b, m) = (
            (sums[rows], counts[rows])
            for sums, counts in (self.evidence.outcomes.candidate, self.evidence.outcomes.baseline)
        )
        judged = (n > 0) & (m > 0)
        d = np.where(judged, a / np.where(judged, n, 1.0) - b / np.where(judged, m, 1.0), 0.0)
        return rows, units, d, judged

    # ---------------------------------------------------------------------------------------------------- looking

    def _found(self, units: int, look: int | None) -> Decided:
        """What the first units show: at a look, or where harm was met between two."""
        rows = self._rows[: self._ends[units - 1]]
        of_look = min(self._look + 1, LOOKS) if look is None else look
        alpha = self._levels[of_look - 1]
        tests = self._weighed(units, alpha)
        fit = float(self.evidence.lost[rows].sum()) <= self.policy.max_errored * float(self.evidence.made[rows].sum())
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
        if not fit:
            return replace(found, decision=Decision.INVALID, why="the instrument lost too many attempts")
        if look is None or (look == LOOKS and tests.blocks):
            return replace(found, decision=Decision.BLOCK, why=_harm(found))
        open_ = [*self._open(tests), *self._beyond(rows, alpha)]
        if tests.proves and not open_:
            why = f"every rule of the policy holds at look {look} of {LOOKS}"
            return replace(found, decision=Decision.SHIP, why=why)
        shown = "no harm is shown" if tests.overall.holds else "neither harm nor safety is shown"
        return replace(found, why=f"{shown}; still open: {', '.join(map(in_words, open_))}")

    def _weighed(self, units: int, alpha: float) -> GateTests:
        tracks = self._new_tracks()
        rows, codes, d, judged = self._stretch(0, units)
        for track in tracks:
            track.feed(*track.own(self.evidence.outcomes, rows, codes, d, judged), None, 0)
        out = at(self.evidence.outcomes, rows)
        overall = non_inferiority(out.candidate, out.baseline, self.policy.margin, out.clusters, alpha=alpha)
        critical = []
        for name, margin in self.policy.critical_domains.items():
            here = out.of_domain(name)
            critical.append((name, non_inferiority(here.candidate, here.baseline, margin, here.clusters, alpha=alpha)))
        whole, *family = tracks
        return GateTests(
            overall=overall,
            harm=Harm(
                delta=whole.delta, p_value=whole.p_value, n_tasks=whole.judged, method="betting e-process, at any time"
            ),
            harm_level=whole.level,
            domains=tuple(track.as_harm() for track in family if track.judged),
            critical=tuple(critical),
        )

    def _open(self, tests: GateTests) -> list[str]:
        """What of the pass rates is not shown, by the names of the gate's rules."""
        overall = [] if tests.overall.holds else ["non_inferior"]
        return overall + [f"critical:{name}" for name, found in tests.critical if not found.holds]

    def _beyond(self, rows: "Ints", alpha: float) -> list[str]:
        """Likewise: too few tasks, cost and latency that are not shown to be within their limits."""
        out = at(self.evidence.outcomes, rows)
        found_open = ["minimum_tasks"] if int(out.common.sum()) < self.policy.minimum_tasks else []
        for rule, allowed, (first, second) in (
            ("cost", self.policy.max_cost_ratio, self.evidence.cost),
            ("latency", self.policy.max_latency_ratio, self.evidence.seconds),
        ):
            if allowed is not None:
                keep, ours, theirs = out.common, out.candidate[1], out.baseline[1]
                found = fieller_ratio(
                    first[rows][keep] / ours[keep],
                    second[rows][keep] / theirs[keep],
                    out.clusters[keep],
                    1.0 - 2.0 * alpha,
                )
                if found.high is None or found.high > allowed:
                    found_open.append(rule)
        return found_open


def at(outcomes: PairedOutcomes, rows: "Ints") -> PairedOutcomes:
    """The outcomes at some positions, in that order."""
    return replace(
        outcomes,
        candidate=(outcomes.candidate[0][rows], outcomes.candidate[1][rows]),
        baseline=(outcomes.baseline[0][rows], outcomes.baseline[1][rows]),
        domains=outcomes.domains[rows],
        clusters=outcomes.clusters[rows],
    )


class _Track:
    """The evidence of harm, overall or in one domain, from unit to unit.

    A unit's value is the mean difference of its tasks, so that no more is bet on a large unit than can be lost on it;
    the hypothesis is that no unit loses on average, as that of the gate's sign flips. Harm is shown where the evidence
    has reached ``times / level`` at any moment (Ville 1939) and the difference over tasks lies below minus the margin:
    a drop that the margin allows stops nothing.
    """

    def __init__(self, domain: str | None, margin: float, level: float, times: int) -> None:
        self.domain, self.margin, self.level = domain, margin, level
        self.judged = 0
        self._times = times
        self._process, self._peak, self._sum = BettingProcess(), 1.0, 0.0

    @property
    def delta(self) -> float | None:
        """The mean difference of the tasks judged."""
        return self._sum / self.judged if self.judged else None

    @property
    def p_value(self) -> float:
        """One-sided; adjusted for the number of domains (Bonferroni); holds at whatever moment it is looked at."""
        return min(1.0, self._times / self._peak)

    def as_harm(self) -> DomainHarm:
        """As the gate's test of a family would say it."""
        delta = self.delta or 0.0
        return DomainHarm(
            domain=str(self.domain),
            delta=delta,
            p_adjusted=self.p_value,
            margin=self.margin,
            n_tasks=self.judged,
            harmed=self.p_value <= self.level and _below(self._sum, self.judged, self.margin),
        )

    def own(
        self, outcomes: PairedOutcomes, rows: "Ints", units: "Ints", d: "Floats", judged: "Mask"
    ) -> "tuple[Ints, Floats, Mask]":
        """Of these tasks the units, differences and marks of those that it follows."""
        if self.domain is None:
            return units, d, judged
        here = outcomes.domains[rows] == outcomes.domain_names.index(self.domain)
        return units[here], d[here], judged[here]

    def feed(self, units: "Ints", d: "Floats", judged: "Mask", fit: "Mask | None", start: int) -> int | None:
        """Takes in further tasks; the first of their units after which harm is shown, where ``fit[unit - start]``."""
        import numpy as np

        if len(units) == 0:
            return None
        names, codes = np.unique(units, return_inverse=True)
        sums, counts = np.bincount(codes, weights=d), np.bincount(codes, weights=judged)
        # The size is that of all planned tasks, judged or not: it is known before the bet.
        path = np.maximum.accumulate(np.maximum(self._process.after_each(-sums / np.bincount(codes)), self._peak))
        total, number = self._sum + np.cumsum(sums), self.judged + np.cumsum(counts)
        shown = (np.minimum(1.0, self._times / path) <= self.level) & _below(total, number, self.margin)
        if fit is not None:
            shown &= fit[names - start]
        self._peak, self._sum, self.judged = float(path[-1]), float(total[-1]), int(number[-1])
        return int(names[shown.argmax()]) if shown.any() else None


def _below(total: Any, number: Any, margin: float) -> Any:  # numbers, or arrays of them
    """Whether the mean difference lies below minus the margin."""
    return total < -margin * number - 1e-9


def _harm(found: Decided) -> str:
    harm = found.tests.harm
    worst = [f"{one.domain} is harmed ({points(one.delta)} points)" for one in found.tests.harmed]
    if found.harmed_overall:
        worst.insert(0, f"shown to be worse ({points(harm.delta)} points, {p_equation(harm.p_value)})")
    return ", ".join(worst)
