"""The statistics of the gate on arrays alone: is the candidate shown to hold, or shown to harm?

The level of BLOCK is split between the overall test and the family of domains, so that the gate as a whole blocks an
equal candidate at most alpha of the time. SHIP needs every proof at once, so it ships a candidate at the margin at most
alpha of the time.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis import PairedOutcomes
from harness.stats import (
    DomainHarm,
    Harm,
    NonInferiority,
    cr1,
    harm_test,
    harmed_domains,
    kish_units,
    non_inferiority,
    non_inferiority_tasks,
    tasks_for_difference,
)
from harness.verdict.policy import Policy

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTests:
    """What the outcomes show under a policy."""

    overall: NonInferiority
    harm: Harm
    harm_level: float
    """What the overall test of harm may spend: alpha, or half of it beside a family of domains."""
    domains: tuple[DomainHarm, ...]
    """Those that may block, by name."""
    critical: tuple[tuple[str, NonInferiority], ...]
    """Each critical domain at its own margin."""

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


def gate_tests(outcomes: PairedOutcomes, policy: Policy, *, seed: int = 0, resamples: int = 9_999) -> GateTests:
    """Tests the candidate against the baseline overall, in the family of domains, and in each critical domain.

    Args:
        outcomes: both contenders at the same tasks.
        policy: margins, level, critical and exempt domains.
        seed: seeds the sign patterns of the family, where not all are looked at.
        resamples: how many; lowered where tasks are so many that this would take minutes.
    """
    import numpy as np

    overall = non_inferiority(
        outcomes.candidate, outcomes.baseline, policy.margin, outcomes.clusters, alpha=policy.alpha
    )
    exempt = [outcomes.domain_names.index(n) for n in policy.exempt_domains if n in outcomes.domain_names]
    gated = outcomes.at(outcomes.common & ~np.isin(outcomes.domains, exempt))
    names = sorted({outcomes.domain_names[code] for code in gated.domains.tolist()})
    family: tuple[DomainHarm, ...] = ()
    # One domain alone is the overall question again: nothing is split for it.
    if names and len({*outcomes.domains[outcomes.common].tolist()}) > 1:
        family = harmed_domains(
            gated.candidate,
            gated.baseline,
            np.array(gated.domain_names, dtype=object)[gated.domains].astype(str),
            {name: policy.critical_domains.get(name, policy.margin) for name in names},
            gated.clusters,
            alpha=policy.alpha / 2.0,
            seed=seed,
            resamples=min(resamples, max(999, _SIGNS // max(1, len(gated.domains)))),
        )
    critical = []
    for name, margin in policy.critical_domains.items():
        here = outcomes.of_domain(name)
        critical.append(
            (name, non_inferiority(here.candidate, here.baseline, margin, here.clusters, alpha=policy.alpha))
        )
    return GateTests(
        overall=overall,
        harm=harm_test(outcomes.candidate, outcomes.baseline, outcomes.clusters, seed=seed, resamples=resamples),
        harm_level=policy.alpha / 2.0 if family else policy.alpha,
        domains=family,
        critical=tuple(critical),
    )


_SIGNS = 100_000_000
_NONE_DIFFER = 1e-12


def tasks_to_decide(outcomes: PairedOutcomes, margin: float, policy: Policy, harm_level: float) -> int | None:
    """Tasks that would settle the question, were the difference seen the true one; always more than there are.

    Above minus the margin it is settled by showing that it holds, at or below it by showing harm. The share of tasks
    that differ is the one seen, or with trials and clusters what their standard error comes to.

    Returns:
        ``None`` where there is no common task to judge by.
    """
    import numpy as np

    common = outcomes.at(outcomes.common)
    n = len(common.domains)
    if n == 0:
        return None
    d = common.candidate[0] / common.candidate[1] - common.baseline[0] / common.baseline[1]
    delta, error = float(d.mean()), cr1(d, common.clusters)
    spread = float(np.abs(d).mean()) if _single(common) or error is None else n * error * error + delta * delta
    psi = min(1.0, max(spread, abs(delta), _NONE_DIFFER))
    if delta > -margin:
        needed = non_inferiority_tasks(margin, psi, delta, power=policy.power, alpha=policy.alpha)
        needed = max(needed, _least(common, margin, policy))
    else:
        needed = tasks_for_difference(delta, psi, power=policy.power, alpha=min(0.999, 2.0 * harm_level))
    return max(n + 1, math.ceil(needed - 1e-9))


def _least(common: PairedOutcomes, margin: float, policy: Policy) -> float:
    """Tasks that the test asks for even where none differs: its number of units, each of so many tasks."""
    from statistics import NormalDist

    import numpy as np

    square = NormalDist().inv_cdf(1.0 - policy.alpha) ** 2
    units = square * (1.0 - margin) / margin
    if _single(common):
        return units
    # The solution of (G - 1) margin / (1 - margin) = t^2, with t^2 = z^2 (1 + (z^2 + 1) / 2(G - 1)) on G - 1 df.
    sizes = np.unique(common.clusters, return_counts=True)[1]
    return (units + (square + 3.0) / 2.0) * len(common.clusters) / kish_units(sizes)


def _single(common: PairedOutcomes) -> bool:
    """One 0/1 trial a task, each task by itself: the table of pairs is all there is."""
    import numpy as np

    (sums, counts), (other_sums, other_counts) = common.candidate, common.baseline
    once = bool(np.all(counts == 1) and np.all(other_counts == 1))
    return once and len(np.unique(common.clusters)) == len(counts) and bool(np.isin([*sums, *other_sums], (0, 1)).all())


def tasks_if_equal(outcomes: PairedOutcomes, margin: float, policy: Policy) -> int | None:
    """Tasks that would show that the margin holds, were the two truly equal."""
    import numpy as np

    common = outcomes.at(outcomes.common)
    n = len(common.domains)
    if n == 0:
        return None
    d = common.candidate[0] / common.candidate[1] - common.baseline[0] / common.baseline[1]
    psi = min(1.0, max(float(np.square(d).mean()), _NONE_DIFFER))
    needed = non_inferiority_tasks(margin, psi, 0.0, power=policy.power, alpha=policy.alpha)
    return math.ceil(max(needed, _least(common, margin, policy)) - 1e-9)
