"""The one place where two contenders are compared: which test, which interval, and what may be said.

=====================================================  =================================  =====================
evidence                                               test                               interval
=====================================================  =================================  =====================
one 0/1 trial a task, every task by itself             McNemar mid-p (exact p beside)     Tango
several trials, fractional scores, or shared clusters  sign-flip on cluster sums          CR1/t over clusters
=====================================================  =================================  =====================

Never a t test, which is too eager on few tasks, and never Wald's interval, which has no width when no task differs.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Comparison, Estimate, p_equation, plural, points
from harness.stats.clustered import TOO_FEW_CLUSTERS, cr1
from harness.stats.signflip import sign_flip_test
from harness.stats.tables import mcnemar_exact, mcnemar_midp, tango_interval, tasks_for_difference, visible_difference
from harness.stats.tails import normal_quantile, two_sided_t, two_sided_z
from harness.stats.units import Clusters, Codes, Contender, Flags, Vector, cluster_codes, is_binary, sum_by, vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Two contenders on the tasks that both have graded trials at; one entry a task."""

    a: Vector  # mean graded value of the first contender
    b: Vector
    differences: Vector  # first minus second
    codes: Codes
    clusters: int
    kept: Flags  # which of the tasks given are common
    trials: int  # graded attempts behind the comparison, of both contenders
    single: bool  # one 0/1 trial a task and contender, and no two tasks in one cluster: McNemar's case
    sums: Vector  # of each cluster the sum of its differences


def pair_tasks(
    a_sums: ArrayLike, a_counts: ArrayLike, b_sums: ArrayLike, b_counts: ArrayLike, clusters: Clusters = None
) -> Pairs:
    """The common tasks of two contenders; the four arrays and the clusters list the same tasks in the same order."""
    sums_a, count_a, sums_b, count_b = vectors(a_sums=a_sums, a_counts=a_counts, b_sums=b_sums, b_counts=b_counts)
    for sums, counts in ((sums_a, count_a), (sums_b, count_b)):
        if np.any(sums < 0) or np.any(sums > counts + 1e-9):
            raise ValueError("each task's sum must lie between 0 and its number of trials")
    kept = (count_a > 0) & (count_b > 0)
    codes, groups = cluster_codes(clusters, len(kept), kept)
    count_a, count_b = count_a[kept], count_b[kept]
    a, b = sums_a[kept] / count_a, sums_b[kept] / count_b
    once = bool(np.all(count_a == 1) and np.all(count_b == 1)) and is_binary(a) and is_binary(b)
    d, trials, single = a - b, int(count_a.sum() + count_b.sum()), once and groups == len(a)
    sums = sum_by(codes, d, groups)
    return Pairs(
        a=a, b=b, differences=d, codes=codes, clusters=groups, kept=kept, trials=trials, single=single, sums=sums
    )


def compare(
    a_sums: ArrayLike,
    a_counts: ArrayLike,
    b_sums: ArrayLike,
    b_counts: ArrayLike,
    clusters: Clusters = None,
    *,
    a_name: str = "a",
    b_name: str = "b",
    level: float = 0.95,
    a_errored: ArrayLike | None = None,
    b_errored: ArrayLike | None = None,
    power: float = 0.8,
    seed: int = 0,
    resamples: int = 9_999,
) -> Comparison:
    """Compares two contenders on the tasks that both have graded trials at; the module's table says how.

    The difference is the mean over tasks of (mean of a - mean of b). McNemar's case takes the mid-p (Fagerland et al.
    2013) and Tango's interval (1998); all else the sign-flip test on cluster sums and the CR1/t interval with G - 1 df,
    or Tango's on clusters where fewer than 10 and fewer than half differ at all, or all by the same. ``wins`` to
    ``both_failed`` count tasks, passed where the mean is above one half. ``tasks_needed`` is Connor's number (or the
    normal one) at the difference seen and ``power``. With ``a_errored`` or ``b_errored``, each task's attempts that the
    instrument failed, ``bounds`` is filled. The sentence tests at 1 - ``level``. Without a common task figures are
    None.
    """
    two_sided_z(level)
    pairs = pair_tasks(a_sums, a_counts, b_sums, b_counts, clusters)
    n, d = len(pairs.a), pairs.differences
    errored, bounds = _worst_and_best((a_sums, a_counts, a_errored), (b_sums, b_counts, b_errored))
    passed_a, passed_b = pairs.a > 0.5, pairs.b > 0.5  # of an even number of trials half is no majority
    wins, losses = int((passed_a & ~passed_b).sum()), int((~passed_a & passed_b).sum())
    both, neither = int((passed_a & passed_b).sum()), int((~passed_a & ~passed_b).sum())
    found = Comparison(
        a=a_name, b=b_name, n_tasks=n, n_trials=pairs.trials, delta=None, low=None, high=None, level=level
    )
    found = replace(found, both_passed=both, both_failed=neither, errored=errored, bounds=bounds)
    if n == 0:
        return replace(found, sentence=_sentence(found, 0, 1.0, "task", None))
    found = replace(found, delta=float(d.mean()), wins=wins, losses=losses)
    alpha, needed, visible = 1.0 - level, None, None
    if pairs.single:
        low, high = tango_interval(wins, losses, n, level)
        units, least = wins + losses, 0.5 ** (wins + losses)
        if units:
            visible = visible_difference(n, units / n, power=power, alpha=alpha)
        if wins != losses:
            needed = math.ceil(tasks_for_difference((wins - losses) / n, units / n, power=power, alpha=alpha) - 1e-9)
        how, method, p = "Tango", "McNemar mid-p", mcnemar_midp(wins, losses)
        p_exact: float | None = mcnemar_exact(wins, losses)
    else:
        test = sign_flip_test(pairs.sums, seed=seed, resamples=resamples)
        low, high, how = difference_interval(d, pairs.codes, pairs.clusters, level)
        units, least = test.units, test.smallest_p
        needed, visible = _normal_number(d, pairs.codes, power, alpha)
        p, p_exact = test.p_value, test.p_value if test.exact else None
        method = test.method if pairs.clusters == n else f"{test.method}, {pairs.clusters} clusters"
    found = replace(found, low=low, high=high, interval_method=how, p_value=p, p_exact=p_exact, test=method)
    if needed is not None and units and least > alpha:  # no test can reach alpha on so few units, whatever n says
        needed = max(needed, math.ceil(n * math.ceil(1.0 - math.log2(alpha)) / units))
    unit = "task" if pairs.clusters == n else "group of tasks"
    return replace(found, tasks_needed=needed, sentence=_sentence(found, units, least, unit, visible))


def _sentence(found: Comparison, units: int, smallest_p: float, unit: str, visible: float | None) -> str:
    """What the comparison shows, or why it shows nothing and what it could have shown, for a manager."""
    # ``units`` (each a ``unit``) have a difference other than 0, and ``smallest_p`` is the least p that so many can
    # give; ``visible`` is the smallest difference that these tasks show in four of five tries, where it is known.
    a, b, tasks = f"`{found.a}`", f"`{found.b}`", plural(found.n_tasks, "task")
    if found.delta is None or found.p_value is None:
        return f"{a} and {b} share no graded task."
    alpha = 1.0 - found.level
    low, high = ("", "") if found.low is None else (points(found.low, 1), points(found.high, 1))
    if found.p_value <= alpha:
        more = "more" if found.delta > 0 else "fewer"
        size = f"{points(found.delta, 1)} points{f' [{low}, {high}]' if low else ''} on {tasks}"
        return f"{a} passes {more} tasks than {b}: {size}, {p_equation(found.p_value)}."
    possible = f"; differences from {low} to {high} points remain possible" if low else ""
    if units == 0:
        return f"{a} and {b} do equally well on every one of {tasks}{possible}."
    if smallest_p > alpha:
        several = unit.replace("group ", "groups ") if unit != "task" else "tasks"
        number = f"1 {unit} differs" if units == 1 else f"{units:,} {several} differ"
        return f"Only {number} between {a} and {b}: no test can reach {100 * alpha:g}% on so few."
    if found.delta == 0.0:
        return f"{a} and {b} pass equally often on {tasks}{possible}."
    ahead, behind = (a, b) if found.delta > 0 else (b, a)
    size = f"{points(abs(found.delta), 1).lstrip('+')} points"
    these = f"this {tasks[2:]}" if found.n_tasks == 1 else f"these {tasks}"
    limit = f" on {tasks}" if visible is None else f"; {these} can show {points(visible, 1).lstrip('+')} or more"
    return f"No significant difference between {ahead} and {behind} ({size}{limit})."


def difference_interval(d: Vector, codes: Codes, groups: int, level: float) -> tuple[float, float, str]:
    """The interval of a mean difference over clusters, within [-1, 1], and the name of its method."""
    delta, error = float(d.mean()), trusted_cr1(d, codes, groups)
    if error is None:
        gained, lost, size = gained_and_lost(d, codes, groups)
        low, high = tango_interval(gained, lost, size, level)
        return min(low, delta), max(high, delta), f"Tango on {clusters_named(groups, size)}"
    half = two_sided_t(level, groups - 1) * error
    few = "only " if groups <= TOO_FEW_CLUSTERS else ""  # 92% instead of 95% where differences are skewed
    return max(-1.0, delta - half), min(1.0, delta + half), f"CR1/t, {few}{groups} clusters"


def clusters_named(groups: int, units: float) -> str:
    """How many clusters, and as how many of equal size they count."""
    word = f"{groups} cluster{'s' if groups > 1 else ''}"
    return word if units > groups - 0.05 else f"{word} that count as {units:.1f}"


def trusted_cr1(d: Vector, codes: Codes, groups: int) -> float | None:
    """CR1; None where it rests on too few: fewer than 10 clusters, and fewer than half, differ at all, or all alike."""
    error, differing = cr1(d, codes), int((np.abs(sum_by(codes, d, groups)) > 1e-12).sum())
    seldom = differing < 10 and 2 * differing < groups
    return None if error is None or error <= 1e-12 or seldom else error


def gained_and_lost(d: Vector, codes: Codes, groups: int) -> tuple[float, float, float]:
    """Sums of the difference by cluster, apart by sign, and the number of units: wins, losses and n of Tango's table.

    (gained - lost) / units is the mean difference itself. The units are N over the largest cluster's size: with ``|S_g|
    <= m_g`` the table's variance ``sum |S_g| max(m) / N^2`` is then never below the true ``sum S_g^2 / N^2``.
    """
    sums = sum_by(codes, d, groups)
    units = len(d) / float(np.bincount(codes, minlength=groups).max())
    scale = units / len(d)
    return float(np.maximum(sums, 0.0).sum()) * scale, float(np.maximum(-sums, 0.0).sum()) * scale, units


def _normal_number(d: Vector, codes: Codes, power: float, alpha: float) -> tuple[int | None, float | None]:
    """Tasks that would show the mean difference at its present standard error, and what these tasks can show."""
    delta, error = float(d.mean()), cr1(d, codes)
    if abs(delta) <= 1e-12 or error is None:
        return None, None
    visible = (normal_quantile(1.0 - alpha / 2.0) + normal_quantile(power)) * error
    # The sign-flip test cannot reach alpha on fewer units than the first of these, even when all agree.
    needed = max(math.ceil(1.0 - math.log2(alpha)), math.ceil((visible / delta) ** 2 * len(d) - 1e-9))
    return needed, visible if 0.0 < visible <= 1.0 else None


_Side = tuple[ArrayLike, ArrayLike, ArrayLike | None]


def _worst_and_best(a: _Side, b: _Side) -> tuple[int, tuple[float, float] | None]:
    """Errored attempts, and the difference with all of them counted against a and then for a."""
    # A task that only errored attempts speak for counts here too: the bounds are to guard against leaving it out.
    if a[2] is None and b[2] is None:
        return 0, None
    none = np.zeros(len(np.asarray(a[0])))
    (sums_a, count_a, errored_a), (sums_b, count_b, errored_b) = (
        vectors(sums=s, counts=c, errored=none if e is None else e) for s, c, e in (a, b)
    )
    total_a, total_b = count_a + errored_a, count_b + errored_b
    here = (total_a > 0) & (total_b > 0)
    number = int(errored_a.sum() + errored_b.sum())
    if not here.any():
        return number, None
    worst = sums_a[here] / total_a[here] - (sums_b + errored_b)[here] / total_b[here]
    best = (sums_a + errored_a)[here] / total_a[here] - sums_b[here] / total_b[here]
    return number, (float(worst.mean()), float(best.mean()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect of the design, as a difference of pass rates."""

    estimate: Estimate
    p_value: float
    test: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Factorial:
    """A 2 x 2 design on the tasks that all four contenders have graded trials at."""

    first: Effect  # mean effect of the first factor: with and without the second
    second: Effect
    interaction: Effect  # what both together add beyond the sum of each alone; below 0 they overlap
    n_tasks: int


def factorial(
    neither: Contender,
    first: Contender,
    second: Contender,
    both: Contender,
    clusters: Clusters = None,
    *,
    level: float = 0.95,
) -> Factorial | None:
    """The two main effects and the interaction, each a contrast within tasks (Fisher 1935; Yates 1937).

    With cell means m a task: first = ((m11 - m01) + (m10 - m00)) / 2, second likewise, interaction = m11 - m10 - m01 +
    m00; sign flips on cluster sums and CR1/t intervals, see `compare`. None where the four share no task.
    """
    four = (neither, first, second, both)
    cells = [vectors(sums=sums, counts=counts, neither=neither[0])[:2] for sums, counts in four]
    kept = np.all([counts > 0 for _, counts in cells], axis=0)
    if not kept.any():
        return None
    codes, groups = cluster_codes(clusters, len(kept), kept)
    off, one, two, all_ = (sums[kept] / counts[kept] for sums, counts in cells)
    tasks, trials = int(kept.sum()), int(sum(counts[kept].sum() for _, counts in cells))
    blank = Estimate(value=None, level=level, n_tasks=tasks, n_trials=trials)

    def effect(values: Vector, scale: float = 1.0) -> Effect:
        """From task values within [-1, 1], reported times ``scale``."""
        low, high, how = difference_interval(values, codes, groups, level)
        test = sign_flip_test(sum_by(codes, values, groups))
        estimate = replace(blank, value=scale * float(values.mean()), low=scale * low, high=scale * high, method=how)
        return Effect(estimate=estimate, p_value=test.p_value, test=test.method)

    main, other = (effect(((all_ - without) + (only - off)) / 2.0) for only, without in ((one, two), (two, one)))
    more = effect((all_ - one - two + off) / 2.0, 2.0)
    return Factorial(first=main, second=other, interaction=more, n_tasks=tasks)
