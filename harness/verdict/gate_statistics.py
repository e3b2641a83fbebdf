"""The statistics of the gate on arrays alone: is the candidate shown to hold, or shown to harm?

The level of BLOCK is split between the overall test and the family of domains, so that an equal candidate is blocked at
most alpha of the time. SHIP needs every proof at once, so a candidate at the margin ships at most alpha of the time.
"""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Annotated, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from harness import stats
from harness.analysis import PairedOutcomes, distinct
from harness.core import Decision, plural
from harness.stats import DomainHarm, Harm, NonInferiority, non_inferiority, non_inferiority_tasks
from harness.userfile import Strict
from harness.verdict.arrays import Floats, Ints

_SIGNS = 100_000_000
_NONE_DIFFER = 1e-12
LOOKS = 10  # of a run that may stop early

Margin = Annotated[float, Field(strict=True, gt=0.0, le=1.0, allow_inf_nan=False)]


class Limits(Strict):
    """What of a policy the tests of the pass rates need."""

    margin: Margin = 0.02  # the largest drop of the pass rate that is acceptable, as a fraction
    alpha: Annotated[float, Field(strict=True, ge=0.0001, lt=0.5, allow_inf_nan=False)] = 0.05
    """How often a candidate at the margin may ship, and how often an equal one may be blocked."""
    power: Annotated[float, Field(strict=True, gt=0.0, lt=1.0, allow_inf_nan=False)] = 0.8
    """The chance of a decision behind the number of tasks that would be needed."""
    critical_domains: dict[str, Margin] = Field(default_factory=dict)  # must be shown to hold a margin of their own
    exempt_domains: tuple[str, ...] = ()  # cannot block by themselves; their tasks stay in the overall difference

    @field_validator("exempt_domains")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]!r} is listed twice; take one out")
        return names

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if both := sorted(set(self.critical_domains) & set(self.exempt_domains)):
            raise ValueError(f"{both[0]!r} is critical and exempt; it can be only one of them")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTests:
    """What the outcomes show under a policy."""

    overall: NonInferiority
    harm: Harm
    harm_level: float  # what the test of harm may spend: alpha, or half of it where there is a family of domains too
    domains: tuple[DomainHarm, ...]  # those that may block, by name
    critical: tuple[tuple[str, NonInferiority], ...]  # each critical domain at its own margin

    @property
    def harmed(self) -> tuple[DomainHarm, ...]:
        """The domains that are shown to be harmed."""
        return tuple(one for one in self.domains if one.harmed)

    @property
    def harmed_overall(self) -> bool:
        """Not non-inferior, and shown to be worse."""
        return not self.overall.holds and self.harm.p_value <= self.harm_level

    @property
    def blocks(self) -> bool:
        """Harm is shown, overall or in a domain."""
        return self.harmed_overall or bool(self.harmed)

    @property
    def proves(self) -> bool:
        """Everything that SHIP needs of the pass rates is shown."""
        return self.overall.holds and not self.blocks and all(found.holds for _, found in self.critical)


@dataclass(frozen=True, slots=True, kw_only=True)
class StillHeld:
    """What SHIP needs of the pass rates, asked of the same outcomes counted otherwise."""

    overall: NonInferiority
    critical: tuple[tuple[str, NonInferiority], ...]
    harmed: tuple[DomainHarm, ...]

    @property
    def holds(self) -> bool:
        """All of it is shown."""
        return self.overall.holds and not self.harmed and all(found.holds for _, found in self.critical)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The candidate against the anchor, at the anchor's margin."""

    graded: NonInferiority
    failed: NonInferiority  # with the attempts that the instrument lost counted as failed, on both sides

    @property
    def holds(self) -> bool:
        """Shown to lie within the margin, whatever became of the lost attempts."""
        return self.graded.holds and self.failed.holds

    @property
    def shown(self) -> bool:
        """Shown to have dropped by more than the margin: the same test the other way round."""
        return self.graded.n_tasks > 0 and self.graded.p_value >= 1.0 - self.graded.alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the rule of an early stop came to, and on what."""

    decision: Decision  # INCONCLUSIVE: nothing was shown by all tasks; INVALID: too many attempts were lost
    rows: Ints  # the tasks looked at, positions in the evidence, in their order
    planned: int
    look: int | None  # which look it was, from 1; ``None`` where harm stopped it between looks
    of_look: int  # whose level it is: this look's, or the next one's
    alpha: float  # that one-sided level
    tests: GateTests  # on those tasks: proofs at ``alpha``, harm by p values that hold at any time
    why: str
    failed: StillHeld | None = None  # with lost attempts counted as failed; ``None`` where none was lost
    drift: Drift | None = None  # what was lost since the anchor; ``None`` where there is none

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


def critical_tests(outcomes: PairedOutcomes, limits: Limits, alpha: float) -> tuple[tuple[str, NonInferiority], ...]:
    """Each critical domain by name, tested at its own margin."""
    here = ((name, margin, outcomes.of_domain(name)) for name, margin in limits.critical_domains.items())
    return tuple((n, non_inferiority(o.candidate, o.baseline, m, o.clusters, alpha=alpha)) for n, m, o in here)


def gate_tests(outcomes: PairedOutcomes, limits: Limits, *, seed: int = 0, resamples: int = 9_999) -> GateTests:
    """Tests the candidate against the baseline overall, in the family of domains, and in each critical domain."""
    sides = (outcomes.candidate, outcomes.baseline)
    family = _family(outcomes, limits, seed=seed, resamples=resamples)
    return GateTests(
        overall=non_inferiority(*sides, limits.margin, outcomes.clusters, alpha=limits.alpha),
        harm=stats.harm_test(*sides, outcomes.clusters, seed=seed, resamples=resamples),
        harm_level=limits.alpha / 2.0 if family else limits.alpha,
        domains=family,
        critical=critical_tests(outcomes, limits, limits.alpha),
    )


def still_held(outcomes: PairedOutcomes, limits: Limits, overall: NonInferiority | None = None) -> StillHeld:
    """Whether SHIP is shown by these outcomes too; domains are tested where one lies below its margin at all.

    ``overall`` is the test of the margin where it is not that of one look.
    """
    out, margins = outcomes.at(outcomes.common), _margins(outcomes, limits)
    sums, sizes = (np.bincount(out.domains, weights=w, minlength=len(margins)) for w in (_differences(out), None))
    low = bool(np.any(sums < -margins * sizes))
    return StillHeld(
        overall=overall
        or non_inferiority(out.candidate, out.baseline, limits.margin, out.clusters, alpha=limits.alpha),
        critical=critical_tests(out, limits, limits.alpha),
        harmed=tuple(one for one in _family(out, limits) if one.harmed) if low else (),
    )


def _margins(outcomes: PairedOutcomes, limits: Limits) -> Floats:
    """Of each domain by its code; no drop of an exempt one is too large."""
    exempt, own = limits.exempt_domains, limits.critical_domains
    return np.array([2.0 if n in exempt else own.get(n, limits.margin) for n in outcomes.domain_names])


def _family(
    outcomes: PairedOutcomes, limits: Limits, *, seed: int = 0, resamples: int = 9_999
) -> tuple[DomainHarm, ...]:
    exempt = [outcomes.domain_names.index(n) for n in limits.exempt_domains if n in outcomes.domain_names]
    gated = outcomes.at(outcomes.common & ~np.isin(outcomes.domains, exempt))
    # One domain alone is the overall question again: nothing is split for it.
    if not len(gated.domains) or np.count_nonzero(np.bincount(outcomes.domains[outcomes.common])) < 2:
        return ()
    names = sorted(gated.domain_names)
    place = {name: number for number, name in enumerate(names)}
    found = stats.harmed_domains(
        gated.candidate,
        gated.baseline,
        np.array([place[name] for name in gated.domain_names])[gated.domains],
        {number: limits.critical_domains.get(name, limits.margin) for name, number in place.items()},
        gated.clusters,
        alpha=limits.alpha / 2.0,
        seed=seed,
        resamples=min(resamples, max(999, _SIGNS // len(gated.domains))),  # more would take minutes
    )
    return tuple(replace(one, domain=names[int(one.domain)]) for one in found)


def tasks_to_decide(outcomes: PairedOutcomes, margin: float, limits: Limits, harm_level: float) -> int | None:
    """Tasks that would settle the question, were the difference seen the true one; always more than there are.

    Above minus the margin it is settled by showing that it holds, at or below it by showing harm. None: no common task.
    """
    common = outcomes.at(outcomes.common)
    n = len(common.domains)
    if n == 0:
        return None
    delta = float(_differences(common).mean())
    if delta > -margin:
        needed = max(_enough(common, margin, delta, limits), _least(common, margin, limits))
    else:
        needed = _tasks(common, delta, power=limits.power, alpha=min(0.999, 2.0 * harm_level))
    return max(n + 1, math.ceil(needed - 1e-9))


def tasks_if_equal(outcomes: PairedOutcomes, margin: float, limits: Limits) -> int | None:
    """Tasks that would show that the margin holds, were the two truly equal."""
    common = outcomes.at(outcomes.common)
    if len(common.domains) == 0:
        return None
    return max(1, math.ceil(max(_enough(common, margin, 0.0, limits), _least(common, margin, limits)) - 1e-9))


def fewest_tasks(outcomes: PairedOutcomes, margin: float, limits: Limits) -> int | None:
    """Tasks that it takes to show that the margin holds even if the two differ at none."""
    common = outcomes.at(outcomes.common)
    return max(1, math.ceil(_least(common, margin, limits) - 1e-9)) if len(common.domains) else None


def _enough(common: PairedOutcomes, margin: float, delta: float, limits: Limits) -> float:
    """Tasks that show the margin at a true difference: Nam's number, or that of the tasks' own variance."""
    if _single(common):
        psi = max(float(np.abs(_differences(common)).mean()), abs(delta), _NONE_DIFFER)
        return non_inferiority_tasks(margin, psi, delta, power=limits.power, alpha=limits.alpha)
    return _tasks(common, margin + delta, power=limits.power, alpha=2.0 * limits.alpha)


def _tasks(common: PairedOutcomes, shown: float, *, power: float, alpha: float) -> float:
    """Tasks that show a mean this far away, two-sided: Connor's number, or that of the tasks' own variance."""
    d = _differences(common)
    error = None if _single(common) else stats.cr3(d, common.clusters)[0]
    if error is None:
        shown = max(-1.0, min(1.0, shown))  # with a margin added it may lie beyond what a difference can be
        psi = max(float(np.abs(d).mean()), abs(shown), _NONE_DIFFER)
        return stats.tasks_for_difference(shown, psi, power=power, alpha=alpha)
    # Of a task among others of its cluster: what they share counts in it.
    return stats.tasks_for_mean(shown, len(d) * error * error, power=power, alpha=alpha)


def _differences(common: PairedOutcomes) -> Floats:
    return common.candidate[0] / common.candidate[1] - common.baseline[0] / common.baseline[1]


def _least(common: PairedOutcomes, margin: float, limits: Limits) -> float:
    """Tasks that the test asks for even where none differs: its number of units, each of so many tasks."""
    square = NormalDist().inv_cdf(1.0 - limits.alpha) ** 2
    units = square * (1.0 - margin) / margin
    if _single(common):
        return units
    # The solution of (G - 1) margin / (1 - margin) = t^2, with t^2 = z^2 (1 + (z^2 + 1) / 2(G - 1)) on G - 1 df.
    sizes = np.unique(common.clusters, return_counts=True)[1]
    return (units + (square + 3.0) / 2.0) * len(common.clusters) / stats.kish_units(sizes)


def _single(common: PairedOutcomes) -> bool:
    """One 0/1 trial a task, each task by itself: the table of pairs is all there is."""
    (sums, counts), (other_sums, other_counts) = common.candidate, common.baseline
    once = bool(np.all(counts == 1) and np.all(other_counts == 1))
    alone = once and distinct(common.clusters) == len(counts)
    return alone and stats.is_binary(sums) and stats.is_binary(other_sums)
