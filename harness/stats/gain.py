"""How much of what was left to gain was gained."""

from dataclasses import replace

from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.comparison import pair_tasks
from harness.stats.money import fieller_ratio


def normalised_gain(
    a: tuple[ArrayLike, ArrayLike],
    b: tuple[ArrayLike, ArrayLike],
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """The share of b's failures that a makes good, net of what it breaks: ``(rate_a - rate_b) / (1 - rate_b)``.

    Hake 1998, as a ratio of means over the common tasks with Fieller's interval. It compares gains from different
    starting points, and overstates them near the ceiling: read it beside the plain difference. Unbounded, with ``why``,
    where b fails too seldom.

    ``a`` and ``b`` are (sums, counts), as in `compare`.
    """
    pairs = pair_tasks(*a, *b, clusters)
    found = fieller_ratio(pairs.differences, 1.0 - pairs.b, pairs.codes, level)
    if found.value is None:
        return replace(found, why="no common task" if len(pairs.a) == 0 else "nothing was left to gain")
    if found.low is None and found.why is not None and found.why.startswith("too few"):
        return replace(found, why="too few failures to bound the gain", n_trials=pairs.trials)
    return replace(found, n_trials=pairs.trials)
