"""The one place where two contenders are compared: which test, which interval, and what may be said.

=====================================================  =================================  =====================
evidence                                               test                               interval
=====================================================  =================================  =====================
one 0/1 trial a task, every task by itself             McNemar mid-p (exact p beside)     Tango
several trials, fractional scores, or shared clusters  sign-flip on cluster sums          the test inverted
unequal numbers of trials                              trials shuffled within each task   mean and its SE times
                                                                                          the quantile of |T|
unequal numbers of trials, or means of them, with      Tango's score on t                 the test inverted
fractional scores
=====================================================  =================================  =====================

Never a t test, which is too eager on few tasks, and never Wald's interval, which has no width when no task differs.
Where few clusters differ at all the interval is Tango's on their number. Tango's may disagree with the test near the
level: the sentence then says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Comparison, Estimate, disagreement, p_equation, plural, points
from harness.stats.clustered import clusters_named, cr3
from harness.stats.permutation import Tested, flip_test, shuffle_test, shuffled_error
from harness.stats.score import score_test
from harness.stats.seeds import over_seeds
from harness.stats.signflip import on_lattice
from harness.stats.tables import mcnemar_exact, mcnemar_midp, smallest_difference, tango_interval
from harness.stats.tails import t_quantile, two_sided_z
from harness.stats.units import (
    Clusters,
    Codes,
    Contender,
    Flags,
    Vector,
    cluster_codes,
    is_binary,
    kish_units,
    sum_by,
    vectors,
)


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
    unequal: tuple[Contender, Contender] | None  # passes and trials of both, where 0/1 trials are not equally many
    skewed: bool  # with fractions: unequal trials, or yes or no beside fractions, as one trial beside a mean of ten

    @property
    def sums(self) -> Vector:
        """Of each cluster the sum of its differences."""
        return sum_by(self.codes, self.differences, self.clusters)


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
    if not kept.all():
        sums_a, count_a, sums_b, count_b = (values[kept] for values in (sums_a, count_a, sums_b, count_b))
    trials, once = int(count_a.sum() + count_b.sum()), bool(np.all(count_a == 1) and np.all(count_b == 1))
    a, b = (sums_a, sums_b) if once else (sums_a / count_a, sums_b / count_b)
    uneven = not once and bool(np.any(count_a != count_b))
    yes_or_no = once and is_binary(a) and is_binary(b)
    whole = [yes_or_no or bool(np.all(sums == np.rint(sums))) for sums in (sums_a, sums_b)]
    single, sides = yes_or_no and groups == len(a), ((sums_a, count_a), (sums_b, count_b))
    return Pairs(a=a, b=b, differences=a - b, codes=codes, clusters=groups, kept=kept, trials=trials, single=single,
                 unequal=sides if uneven and all(whole) else None,
                 skewed=(uneven and not all(whole)) or whole[0] != whole[1])  # fmt: skip


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
    power: float | None = 0.8,
    seeds: Sequence[tuple[float, int]] = (),
    seed: int = 0,
    resamples: int = 9_999,
) -> Comparison:
    """Compares two contenders on the tasks that both have graded trials at; the module's table says how.

    The difference is the mean over tasks of (mean of a - mean of b), whatever the clusters. McNemar's case takes the
    mid-p (Fagerland et al. 2013) and Tango's interval (1998); all else `flip_test` on cluster sums, or `shuffle_test`
    where the trials are unequal. Where fewer than 10 clusters and fewer than half differ at all Tango's interval counts
    clusters. ``wins`` to ``both_failed`` count tasks, passed where the mean is above one half.
    ``smallest_difference`` is what as many tasks, differing as much, show with ``power``, None where the test cannot
    reach 1 - ``level`` on so few. ``a_errored`` and ``b_errored`` are each task's attempts that the instrument failed;
    with either given ``bounds`` is filled. ``seeds`` are variances between training seeds (`over_seeds`), each with
    their number. The sentence tests at 1 - ``level``. Without a common task figures are None.
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
        return replace(found, sentence=_sentence(found, 0, 1.0, "task"))
    found = replace(found, delta=float(d.mean()), wins=wins, losses=losses)
    alpha, how = 1.0 - level, "Tango"
    if pairs.single:
        low, high = tango_interval(wins, losses, n, level)
        units, least = wins + losses, 0.5 ** (wins + losses)
        visible = None if power is None else smallest_difference(n, units / n, power=power, alpha=alpha)
        method, p = "McNemar mid-p", mcnemar_midp(wins, losses)
        p_exact: float | None = mcnemar_exact(wins, losses)
    else:
        test, how = difference_test(pairs, level, seed=seed, resamples=resamples)
        low, high = test.low, test.high
        units, least = test.units, test.smallest_p
        visible = None if power is None else _visible(pairs, test, power, alpha)
        p, p_exact = test.p_value, test.p_value if test.exact else None
        method = test.method if pairs.clusters == n else f"{test.method}, {pairs.clusters} clusters"
    found = replace(found, low=low, high=high, interval_method=how, p_value=p, p_exact=p_exact, test=method)
    found = over_seeds(replace(found, smallest_difference=visible), seeds)
    return replace(found, sentence=_sentence(found, units, least, "task" if pairs.clusters == n else "cluster"))


def _sentence(found: Comparison, units: int, smallest_p: float, unit: str) -> str:
    """What the comparison shows, or why it shows nothing and what it could have shown, for a manager."""
    # ``units`` (each a ``unit``) have a difference other than 0; ``smallest_p`` is the least p that so many can give.
    a, b, tasks = f"`{found.a}`", f"`{found.b}`", plural(found.n_tasks, "task")
    if found.delta is None or found.p_value is None:
        return f"{a} and {b} share no graded task."
    alpha, low, high = 1.0 - found.level, points(found.low, 1), points(found.high, 1)
    apart = disagreement(found.p_value, found.low, found.high, alpha, found.interval_method)
    apart = f"; {apart}" if apart else ""
    size = f"{points(found.delta, 1)} points [{low}, {high}] on {tasks}"
    if found.p_value <= alpha:
        more = "more" if found.delta > 0 else "fewer"
        if apart:
            return f"Whether {a} passes {more} tasks than {b} is not settled: {size}{apart}."
        return f"{a} passes {more} tasks than {b}: {size}, {p_equation(found.p_value)}{apart}."
    these, least = f"this {tasks[2:]}" if found.n_tasks == 1 else f"these {tasks}", found.smallest_difference
    visible = "no difference at all" if least is None else f"{points(least, 1).lstrip('+')} points or more"
    limit = f"{these} can show {visible}"
    if units == 0 or found.delta == 0.0:
        alike = "do equally well on every one of" if units == 0 else "pass equally often on"
        possible = f"differences from {low} to {high} points remain possible"
        return f"{a} and {b} {alike} {tasks}; {possible}; {limit}."
    if smallest_p > alpha:
        number = f"{plural(units, unit)} {'differs' if units == 1 else 'differ'}"
        few = f"Only {number} between {a} and {b}: the test cannot reach {100 * alpha:g}% on so few"
        return f"{few}{apart}{'' if least is None else f'; {limit}'}."
    tested = "" if apart else f", {p_equation(found.p_value)}"  # what disagrees names its p
    shows = limit.replace(these, "these tasks").replace(" points or", " or")
    return f"No significant difference between {a} and {b}: {size}{tested}; {shows}{apart}."


def difference_test(pairs: Pairs, level: float, *, seed: int, resamples: int) -> tuple[Tested, str]:
    """The test of a mean difference over clusters, with its interval, and the name of the interval's method."""
    if (sides := pairs.unequal) is not None:
        found = shuffle_test(*sides, pairs.codes, level, seed=seed, resamples=resamples)
        counted = _counted(pairs.differences, pairs.codes, pairs.clusters, found, level)
        return counted or (found, "quantile of |T| over the shuffles")
    sizes = sum_by(pairs.codes, np.ones(len(pairs.codes)), pairs.clusters)
    if pairs.skewed:
        how = f"score inverted, {clusters_named(pairs.clusters, kish_units(sizes))}"
        return score_test(pairs.sums, sizes, level), how
    return mean_test(pairs.differences, pairs.codes, sizes, level, seed=seed, resamples=resamples)


def mean_test(
    d: Vector, codes: Codes, sizes: Vector, level: float, *, seed: int = 0, resamples: int = 9_999
) -> tuple[Tested, str]:
    """The sign-flip test of a mean within [-1, 1] and its inversion; where few clusters differ Tango's interval."""
    groups = len(sizes)
    found = flip_test(sum_by(codes, d, groups), sizes, level, seed=seed, resamples=resamples)
    named = clusters_named(groups, kish_units(sizes))
    return _counted(d, codes, groups, found, level) or (found, f"sign-flip inverted, {named}")


def _counted(d: Vector, codes: Codes, groups: int, found: Tested, level: float) -> tuple[Tested, str] | None:
    """The same test with Tango's interval on the number of clusters, where what they differ by says too little."""
    error, _ = cr3(d, codes)
    if error is not None and error > 1e-12 and not seldom_differs(d, codes, groups):
        return None
    gained, lost, size = gained_and_lost(d, codes, groups)
    low, high = tango_interval(gained, lost, size, level)
    low, high = min(low, float(d.mean())), max(high, float(d.mean()))
    named = clusters_named(groups, size)
    if size < groups - 0.05:  # another number than Kish's, which is said elsewhere
        named = f"{size:.1f} clusters as large as the largest of {groups}"
    return replace(found, low=low, high=high), f"Tango on {named}"


def seldom_differs(d: Vector, codes: Codes, groups: int) -> bool:
    """Whether fewer than 10 clusters, and fewer than half, differ at all: then too little is seen of the losses."""
    differing = int((np.abs(sum_by(codes, d, groups)) > 1e-12).sum())
    return differing < 10 and 2 * differing < groups


def gained_and_lost(d: Vector, codes: Codes, groups: int) -> tuple[float, float, float]:
    """Sums of the difference by cluster, apart by sign, and the number of units: wins, losses and n of Tango's table.

    (gained - lost) / units is the mean difference itself. The units are N over the largest cluster's size: with ``|S_g|
    <= m_g`` the table's variance ``sum |S_g| max(m) / N^2`` is then never below the true ``sum S_g^2 / N^2``.
    """
    sums = sum_by(codes, d, groups)
    units = len(d) / float(np.bincount(codes, minlength=groups).max())
    scale = units / len(d)
    return float(np.maximum(sums, 0.0).sum()) * scale, float(np.maximum(-sums, 0.0).sum()) * scale, units


def _visible(pairs: Pairs, test: Tested, power: float, alpha: float) -> float | None:
    """The smallest mean difference that as many tasks and clusters show, by their standard error and t."""
    d, codes, groups = pairs.differences, pairs.codes, pairs.clusters
    error, df = cr3(d, codes)
    if error is None or 0.5 ** (groups - 1) > alpha:  # not even where all clusters agree
        return None
    reach, more = t_quantile(1.0 - alpha / 2.0, df), t_quantile(power, df)
    sizes = np.abs(pairs.sums)
    differing = sizes[sizes > 1e-12]
    if pairs.skewed:  # the spread seen is not to be trusted: the interval's longer arm
        found = max(float(d.mean()) - test.low, test.high - float(d.mean())) * (1.0 + more / reach)
    elif error <= 1e-12 or seldom_differs(d, codes, groups):
        # Of the clusters how many more must differ one way, each by as much as those do that differ now.
        one = 1.0 if len(differing) == 0 else min(1.0, float(differing.mean()) * groups / len(d))
        found = one * (smallest_difference(groups, len(differing) / groups, power=power, alpha=alpha, mid=False) or 2.0)
    else:
        found, steps = (reach + more) * _error(pairs), on_lattice(differing)
        if steps is not None and pairs.unequal is None:  # p falls in steps: half of one on the way
            found += float(differing[0] / steps[0]) / len(d)
    return found if found <= 1.0 else None


def paired_error(a: Contender, b: Contender, clusters: Clusters = None) -> float | None:
    """The standard error of the mean difference on common tasks: CR3, with unequal trials no less than theirs alone.

    None of a single cluster. One trial that happens to pass everywhere shows no spread of its own.
    """
    pairs = pair_tasks(*a, *b, clusters)
    return None if pairs.clusters < 2 else _error(pairs)


def _error(pairs: Pairs) -> float:
    error = cr3(pairs.differences, pairs.codes)[0] or 0.0
    return error if pairs.unequal is None else max(error, shuffled_error(*pairs.unequal))


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

    With cell means m a task, m10 with the first factor only: first = ((m11 - m01) + (m10 - m00)) / 2, second likewise,
    interaction = m11 - m10 - m01 + m00. Each has `mean_test`. An interaction needs about four times the tasks of a main
    effect of the same size. None where the four share no task.
    """
    four = (neither, first, second, both)
    cells = [vectors(sums=sums, counts=counts, neither=neither[0])[:2] for sums, counts in four]
    kept = np.all([counts > 0 for _, counts in cells], axis=0)
    if not kept.any():
        return None
    codes, groups = cluster_codes(clusters, len(kept), kept)
    sizes = sum_by(codes, np.ones(len(codes)), groups)
    off, one, two, all_ = (sums[kept] / counts[kept] for sums, counts in cells)
    tasks, trials = int(kept.sum()), int(sum(counts[kept].sum() for _, counts in cells))
    blank = Estimate(value=None, level=level, n_tasks=tasks, n_trials=trials)

    def effect(values: Vector, scale: float = 1.0) -> Effect:
        """From task values within [-1, 1], reported times ``scale``."""
        test, how = mean_test(values, codes, sizes, level)
        low, high = scale * test.low, scale * test.high
        estimate = replace(blank, value=scale * float(values.mean()), low=low, high=high, method=how)
        return Effect(estimate=estimate, p_value=test.p_value, test=test.method)

    main, other = (effect(((all_ - without) + (only - off)) / 2.0) for only, without in ((one, two), (two, one)))
    more = effect((all_ - one - two + off) / 2.0, 2.0)
    return Factorial(first=main, second=other, interaction=more, n_tasks=tasks)
