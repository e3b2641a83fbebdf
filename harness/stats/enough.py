"""How little is enough: the smallest of several sizes that is shown to be as good as the largest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.stats.comparison import paired_error
from harness.stats.noninferiority import NonInferiority, non_inferiority
from harness.stats.tails import normal_quantile
from harness.stats.units import Clusters, Contender


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """The sizes below the largest, each against it, and what may be claimed of them together."""

    tests: tuple[NonInferiority, ...]  # in rising order of size, each by itself
    missed: tuple[bool, ...]  # which are shown to lie more than the margin below the largest
    claimed: tuple[bool, ...]  # which may be claimed: with all above them they hold
    tasks_needed: float | None  # that would tell of the first one that may not be; ``None`` where it is told

    @property
    def smallest(self) -> int | None:
        """The place of the smallest size that is enough; ``None``: none below the largest is shown to be."""
        return self.claimed.index(True) if any(self.claimed) else None

    @property
    def stopped_at(self) -> int | None:
        """The place of the size at which the claims stop; ``None``: all of them hold."""
        return next((i for i in reversed(range(len(self.tests))) if not self.claimed[i]), None)


def smallest_enough(
    sizes: Sequence[Contender], largest: Contender, margin: float, clusters: Clusters = None, *,
    alpha: float = 0.05, power: float = 0.8,
) -> Enough:  # fmt: skip
    """Which ``sizes``, in rising order, are not worse than the ``largest`` by the ``margin``.

    They are tested in a fixed sequence, from the largest down, each by `non_inferiority` at ``alpha``, up to the first
    that is not shown (Maurer, Hothorn & Lehmacher 1995, a closed test): the chance of claiming any size that misses
    the margin is at most ``alpha``, whatever the shape of the curve and however many sizes there are. A size beyond
    one that is not shown is not claimed, however good it looks. That a size misses the margin is shown by the same
    test of the other direction.
    """
    tests = tuple(non_inferiority(size, largest, margin, clusters, alpha=alpha) for size in sizes)
    misses = tuple(_misses(size, largest, margin, clusters, alpha) for size in sizes)
    claimed, goes_on = [False] * len(tests), True
    for place in reversed(range(len(tests))):
        goes_on = goes_on and tests[place].holds
        claimed[place] = goes_on
    found = Enough(tests=tests, missed=misses, claimed=tuple(claimed), tasks_needed=None)
    at = found.stopped_at
    if at is None or misses[at]:
        return found
    error, n = paired_error(sizes[at], largest, clusters), tests[at].n_tasks
    if not error or not n:
        return found
    reach = normal_quantile(1.0 - alpha) + normal_quantile(power)
    needed = math.ceil(n * (reach * error / margin) ** 2)  # were the two equally good
    return Enough(tests=tests, missed=misses, claimed=tuple(claimed), tasks_needed=needed)


def _misses(size: Contender, largest: Contender, margin: float, clusters: Clusters, alpha: float) -> bool:
    """Whether the largest is shown to pass more by over the margin."""
    (a, n), (b, m) = size, largest
    flipped = non_inferiority((b, m), (a, n), 1e-9, clusters, alpha=alpha)
    return flipped.low is not None and flipped.low > margin
