"""Domains: two contenders compared in each, whether their effects differ, and where the noise comes from.

Each domain's true effect is drawn around a common mean with variance tau^2. Below about 50 tasks each, raw ranks of
domains are mostly noise: shrunk effects stand beside them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Comparison, Estimate
from harness.stats.clustered import cr3
from harness.stats.comparison import Pairs, compare, gained_and_lost, pair_tasks, seldom_differs
from harness.stats.signflip import LISTED, Alternative, max_t_sign_flip
from harness.stats.tails import chi2_quantile, crossing, two_sided_t, two_sided_z
from harness.stats.units import (
    Clusters,
    Codes,
    Contender,
    Counts,
    Matrix,
    Vector,
    cluster_codes,
    distinct_values,
    sum_by,
    vector,
    vectors,
)

MANY_CELLS = 1_000_000  # of different sums and domains, up to which it is counted how many clusters are alike
MOST_TAU = 0.5  # standard deviation of domains' true differences that is thought possible


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainComparison:
    """One domain's comparison, its variance, and what is left of its effect after shrinking."""

    domain: str
    comparison: Comparison  # ``p_adjusted`` holds the family-wise error over all domains
    variance: float
    shrunk: Estimate
    below_zero: float  # the chance that the true difference is below 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    """How much the domains' true effects differ."""

    q: float
    df: int
    p_value: float | None
    i2: float | None  # share of the spread that chance does not explain, 0 to 1
    tau2: Estimate  # variance of the true effects; tau^2 = 0 is not certainty, so the upper end is there to be shown
    mean: Estimate
    prediction: tuple[float, float] | None  # where another domain's true effect would lie; None with fewer than three
    shrunk: tuple[Estimate, ...]  # one a domain, in the order given
    below_zero: tuple[float, ...]  # one a domain: the chance that its true effect is below 0
    expected_below_zero: float


def compare_domains(
    a: Contender,
    b: Contender,
    domains: ArrayLike,
    clusters: Clusters = None,
    *,
    level: float = 0.95,
    resamples: int = 9_999,
) -> tuple[tuple[DomainComparison, ...], Heterogeneity | None]:
    """`compare` in each domain with common tasks, sorted by name; and whether they differ (None without any).

    p values are adjusted over domains by step-down max-T sign flips (Westfall & Young 1993), two-sided.
    """
    pairs = pair_tasks(*a, *b, clusters)
    names, codes, adjusted = by_domain(pairs, domains, "two-sided", seed=0, resamples=resamples)
    if not names:
        return (), None
    sides = [np.asarray(part, dtype=np.float64)[pairs.kept] for part in (*a, *b)]
    found, variances = [], []
    for k, p in enumerate(adjusted.tolist()):
        here = codes == k
        one = compare(*(x[here] for x in (*sides, pairs.codes)), level=level, power=None, resamples=resamples)
        found.append(replace(one, p_adjusted=max(1.0 if one.p_value is None else one.p_value, p)))
        single = one.test == "McNemar mid-p"
        variances.append(domain_variance(pairs.differences[here], pairs.codes[here], single=single))
    whole = heterogeneity([one.delta or 0.0 for one in found], variances, level)
    rows = zip(names, found, variances, whole.shrunk, whole.below_zero, strict=True)
    return tuple(
        DomainComparison(domain=str(name), comparison=one, variance=v, shrunk=shrunk, below_zero=below)
        for name, one, v, shrunk, below in rows
    ), whole


def by_domain(
    pairs: Pairs, domains: ArrayLike, alternative: Alternative, *, seed: int, resamples: int
) -> tuple[list[Any], Codes, Vector]:
    """The domains of the common tasks, sorted; of each task a place among them; each one's p by max-T sign flips."""
    names, codes = distinct_values(np.asarray(domains)[pairs.kept])
    if not len(names):
        return [], codes, np.ones(0)
    table, times = _sums_by_domain(pairs, codes, len(names), resamples)
    p = max_t_sign_flip(table, alternative, seed=seed, resamples=resamples, times=times)
    return names.tolist(), codes, p


def _sums_by_domain(pairs: Pairs, codes: Codes, size: int, resamples: int) -> tuple[Matrix, Counts | None]:
    """The sums of the clusters, a row each and a column a domain; of many that are alike one row, and how many."""
    home = np.zeros(pairs.clusters, dtype=np.int64)
    home[pairs.codes] = codes
    sums = pairs.sums
    if np.count_nonzero(sums) * resamples > LISTED and (home[pairs.codes] == codes).all():
        values, places = distinct_values(sums)
        if len(values) * size <= MANY_CELLS:
            counts = np.bincount(places * size + home, minlength=len(values) * size)
            cells = np.flatnonzero(counts)
            table = np.zeros((len(cells), size))
            table[np.arange(len(cells)), cells % size] = values[cells // size]
            return table, counts[cells]
    flat = np.bincount(pairs.codes * size + codes, weights=pairs.differences, minlength=pairs.clusters * size)
    return flat.astype(np.float64).reshape(pairs.clusters, size), None


def domain_variance(differences: Vector, clusters: Clusters = None, *, single: bool = False) -> float:
    """The squared standard error of a domain's mean difference, never 0: CR3 squared.

    One 0/1 trial a task: from b + 1/2, c + 1/2 and n + 1 (the last also in the divisor), so that a domain without
    discordant tasks keeps a variance; the same on the sums of cluster means where few clusters differ.
    """
    codes, groups = cluster_codes(clusters, len(differences))
    error, _ = cr3(differences, codes)
    if not single and error is not None and error > 1e-12 and not seldom_differs(differences, codes, groups):
        return error * error
    gained, lost, units = gained_and_lost(differences, codes, groups)
    win, loss = (gained + 0.5) / (units + 1.0), (lost + 0.5) / (units + 1.0)
    return (win + loss - (win - loss) ** 2) / (units + 1.0)


def heterogeneity(effects: ArrayLike, variances: ArrayLike, level: float = 0.95) -> Heterogeneity:
    """Cochran's Q, I^2, tau^2 with its interval, the mean, the prediction interval, and each domain's shrunk effect.

    ``Q = sum (d_k - dbar)^2 / v_k`` on K - 1 df (Cochran 1954); ``I^2 = max(0, (Q - df) / Q)`` (Higgins & Thompson
    2002); tau^2 solves ``Q(tau^2) = K - 1`` (Paule & Mandel 1982), its interval profiles the same Q (Viechtbauer 2007);
    the mean's variance is that of Hartung & Knapp 2001 and Sidik & Jonkman 2002, never below the plain one (Jackson et
    al. 2017), with t on K - 1. Shrunk effects, the chances below 0 and the prediction interval integrate tau out
    (`posterior`), so that a spread that is not well known widens them. The v_k, squared standard errors of the effects
    d_k, are taken as known: with few tasks in a domain that is a stretch.
    """
    z = two_sided_z(level)
    d, v = vectors(effects=effects, variances=variances)
    if len(d) == 0 or not np.all(v > 0.0) or not np.all(np.isfinite(v)):
        raise ValueError("every domain needs a variance above 0; see `domain_variance`")
    df = len(d) - 1

    def q(tau2: float) -> float:
        """The generalised Q, which falls as tau^2 grows."""
        w = 1.0 / (v + tau2)
        return float(w @ (d - w @ d / w.sum()) ** 2)

    def solved(to: float) -> float:
        """The tau^2 at which Q comes down to this, or 0 where it starts below."""
        if q(0.0) <= to:
            return 0.0
        high = 1e-6
        while q(high) > to:
            high *= 4.0
        return crossing(lambda tau2: q(tau2) <= to, 0.0, high)[1]

    whole, tau2, p_value, i2 = q(0.0), 0.0, None, None
    why = "one domain says nothing about differences between domains"
    tau = Estimate(value=None, level=level, method="Paule-Mandel, Q-profile", why=why)
    if df:
        from scipy.special import chdtrc

        p_value = float(chdtrc(df, whole)) if whole > 0.0 else 1.0
        i2 = max(0.0, (whole - df) / whole) if whole > 0.0 else 0.0
        tail = (1.0 - level) / 2.0
        low, tau2, high = map(solved, (chi2_quantile(1.0 - tail, df), df, chi2_quantile(tail, df)))
        tau = replace(tau, value=tau2, low=low, high=high, why=None)
    weights = 1.0 / (v + tau2)
    mu = float(weights @ d / weights.sum())
    inflation = max(1.0, float(weights @ (d - mu) ** 2) / df) if df else 1.0
    mu_variance = inflation / float(weights.sum())
    half = (two_sided_t(level, df) if df else z) * math.sqrt(mu_variance)
    weight, center, variance = posterior(d, v)
    tail = (1.0 - level) / 2.0
    lows, highs = (mixture_quantile(weight, center, variance, q) for q in (tail, 1.0 - tail))
    middles = (weight @ center).tolist()
    below = _mixture_below(weight, center, variance, 0.0)[:-1].tolist()
    return Heterogeneity(
        q=whole,
        df=df,
        p_value=p_value,
        i2=i2,
        tau2=tau,
        mean=Estimate(value=mu, low=mu - half, high=mu + half, level=level, method="random effects, HKSJ"),
        prediction=(lows[-1], highs[-1]) if df > 1 else None,
        shrunk=tuple(
            Estimate(value=value, low=low, high=high, level=level, method="random effects, tau integrated out")
            for value, low, high in zip(middles[:-1], lows, highs, strict=False)
        ),
        below_zero=tuple(below),
        expected_below_zero=math.fsum(below),
    )


def posterior(d: Vector, v: Vector) -> tuple[Vector, Matrix, Matrix]:
    """The weight of each tau of a grid, and given it the mean and variance of each domain's effect and of another's.

    Uniform priors for tau on [0, 1/2] and for the mean (Rubin 1981; Gelman 2006). A plugged-in tau would take one that
    is often estimated as 0 for certain.
    """
    tau2 = np.linspace(0.0, MOST_TAU, 401) ** 2
    total = v + tau2[:, None]
    precision = (1.0 / total).sum(axis=1)
    mu = (d / total).sum(axis=1) / precision
    fit = -0.5 * (np.log(total).sum(axis=1) + np.log(precision) + ((d - mu[:, None]) ** 2 / total).sum(axis=1))
    weight = np.exp(fit - fit.max())
    pull = v / total  # how far an effect is drawn to the mean
    center = np.column_stack([pull * mu[:, None] + (1.0 - pull) * d, mu])
    spread = np.column_stack([(1.0 - pull) * v + pull**2 / precision[:, None], tau2 + 1.0 / precision])
    return weight / weight.sum(), center, spread


def _mixture_below(weight: Vector, center: Matrix, variance: Matrix, at: ArrayLike) -> Vector:
    """P(effect < at) of each column."""
    from scipy.special import ndtr

    return np.asarray(weight @ ndtr((np.asarray(at) - center) / np.sqrt(variance)), dtype=np.float64)


def mixture_quantile(weight: Vector, center: Matrix, variance: Matrix, q: float) -> list[float]:
    """The quantile of each column, by Newton's method; by halving where that leads out of what is left."""
    from scipy.special import ndtr

    heavy = weight > 1e-14 * weight.max()
    weight, center, sd = weight[heavy], center[heavy], np.sqrt(variance[heavy])
    low, high = (center - 9.0 * sd).min(axis=0), (center + 9.0 * sd).max(axis=0)
    x = 0.5 * (low + high)
    for _ in range(100):
        z = (x - center) / sd
        away, slope = weight @ ndtr(z) - q, weight @ (np.exp(-0.5 * z * z) / sd) / math.sqrt(2.0 * math.pi)
        low, high = np.where(away < 0.0, x, low), np.where(away < 0.0, high, x)
        following = x - away / np.maximum(slope, 1e-300)
        following = np.where((following > low) & (following < high), following, 0.5 * (low + high))
        if np.abs(following - x).max() <= 1e-14:
            break
        x = following
    found: list[float] = x.tolist()
    return found


def _solve(falling: Callable[[float], float], to: float) -> float:
    """Where a falling function comes down to ``to``, or 0 where it starts below."""
    if falling(0.0) - to <= 0.0:
        return 0.0
    high = 1e-6
    while falling(high) - to > 0.0:
        high *= 4.0
    return crossing(lambda t: falling(t) - to <= 0.0, 0.0, high)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Variances of a pass rate, or of a difference of two, from each source; None with ``why`` where not to be had."""

    domain: Estimate
    task: Estimate  # between tasks of a domain, beyond what trial noise explains
    trial: Estimate  # of one trial (for a difference: of one trial of each contender)
    icc: float | None  # share of the variance within domains that lies between tasks
    advice: str


def variance_components(
    a: Contender, b: Contender | None = None, domains: ArrayLike | None = None, level: float = 0.95
) -> VarianceComponents:
    """Nested random effects (trial in task in domain) by the method of moments (Searle, Casella & McCulloch 1992).

    Of 0/1 trials; with b, of the difference a - b on common tasks. Task means y have variance task + h trial, h the
    mean of 1/K; the trial part is pooled within tasks, the task part is the spread of y within domains minus h trial,
    the domain part the spread of domain means minus what tasks explain, over the adjusted tasks a domain. A negative
    one is shown as 0. Intervals by Williams 1962, and chi-squared for the trial: normal-theory, rough for 0/1 values.
    """
    two_sided_z(level)
    if b is None:
        total, n = vectors(sums=a[0], counts=a[1])
        kept = n > 0
        y, parts = total[kept] / n[kept], [(total[kept], n[kept])]
    else:
        pairs = pair_tasks(*a, *b)
        kept, y = pairs.kept, pairs.differences
        parts = [(vector(s, "sums")[kept], vector(c, "counts")[kept]) for s, c in (a, b)]
    tasks = len(y)
    names = np.zeros(tasks) if domains is None else np.asarray(domains)[kept]
    found, where = np.unique(names, return_inverse=True)
    codes: Codes = where.astype(np.intp)
    groups, trials = len(found), int(sum(c.sum() for _, c in parts))
    blank = Estimate(value=None, level=level, n_tasks=tasks, n_trials=trials, method="method of moments")
    # The variance of one trial summed over contenders, what it adds to a task's mean, and its degrees of freedom.
    free = [int(counts.sum()) - len(counts) for _, counts in parts]
    trial, noise, df_trial = None, 0.0, 0
    trial_estimate = replace(blank, why="each task was tried once, so trial noise cannot be told from tasks")
    if min(free) > 0:
        ones = [float((sums - sums**2 / counts).sum()) / df for (sums, counts), df in zip(parts, free, strict=True)]
        noise = sum(one * float(np.mean(1.0 / counts)) for one, (_, counts) in zip(ones, parts, strict=True))
        trial, df_trial, tail = sum(ones), sum(free), (1.0 - level) / 2.0
        low, high = (df_trial * trial / chi2_quantile(q, df_trial) for q in (1.0 - tail, tail))
        trial_estimate = replace(blank, value=trial, low=low, high=high)
    if tasks - groups < 1:
        lacking = replace(blank, why="a domain needs two tasks")
        few = "Too few tasks to say."
        return VarianceComponents(domain=lacking, task=lacking, trial=trial_estimate, icc=None, advice=few)
    sizes = np.bincount(codes, minlength=groups).astype(np.float64)
    means = sum_by(codes, y, groups) / sizes
    within = float(((y - means[codes]) ** 2).sum()) / (tasks - groups)
    task = _component((within, tasks - groups), (noise, df_trial), 1.0, blank)
    if trial is None:
        task = replace(task, why="each task was tried once: trial noise is included")
    domain = replace(blank, why="one domain")
    if groups > 1:
        between = float((sizes * (means - y.mean()) ** 2).sum()) / (groups - 1)
        adjusted = (tasks - float((sizes**2).sum()) / tasks) / (groups - 1)
        domain = _component((between, groups - 1), (within, tasks - groups), adjusted, blank)
    part = task.value or 0.0
    icc = part / (part + trial) if trial is not None and part + trial > 0.0 else None
    advice = _advice(part, trial, noise)
    return VarianceComponents(domain=domain, task=task, trial=trial_estimate, icc=icc, advice=advice)


def _component(upper: tuple[float, int], lower: tuple[float, int], size: float, blank: Estimate) -> Estimate:
    """(MS1 - MS2) / size, cut at 0, with the interval of Williams 1962."""
    from scipy.special import fdtri

    (ms1, df1), (ms2, df2) = upper, lower
    tail = (1.0 - blank.level) / 2.0
    limits = []
    for q in (1.0 - tail, tail):
        part = ms2 * float(fdtri(df1, df2, q)) if df2 > 0 else 0.0
        limits.append(max(0.0, df1 * (ms1 - part) / (size * chi2_quantile(q, df1))))
    value = max(0.0, (ms1 - ms2) / size)
    return replace(blank, value=value, low=min(limits[0], value), high=max(limits[1], value))


def _advice(task: float, trial: float | None, noise: float) -> str:
    """Whether more trials of the same tasks could narrow an interval that new tasks would narrow anyway."""
    if trial is None:
        return "Try some tasks more than once: with one trial each, task and trial noise cannot be told apart."
    if task + noise <= 0.0:
        return "Nothing varies: neither tasks nor trials would change the interval much."
    endless, twice = (f"{100 * (1.0 - (left / (task + noise)) ** 0.5):.0f}%" for left in (task, task + noise / 2.0))
    if 1.0 - (task / (task + noise)) ** 0.5 < 0.10:
        return f"Add tasks: even endless trials of these would narrow the interval by only {endless}."
    more = f"Twice the trials would narrow the interval by {twice}, twice the tasks by 29%"
    return f"{more}; endless trials by {endless}."
