"""Where the noise comes from: domains, tasks, or trials; and so whether to add tasks or trials."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.core import Estimate
from harness.stats.comparison import pair_tasks
from harness.stats.tails import chi2_quantile, two_sided_z
from harness.stats.units import Codes, Vector, same_length, sum_by, vector

Side = tuple[ArrayLike, ArrayLike]  # (sums, counts), one of each a task, of 0/1 trials


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Variances of a pass rate, or of a difference of two, from each source; None with ``why`` where not to be had."""

    domain: Estimate
    task: Estimate  # between tasks of a domain, beyond what trial noise explains
    trial: Estimate  # of one trial (for a difference: of one trial of each contender)
    icc: float | None  # share of the variance within domains that lies between tasks
    advice: str


def variance_components(
    a: Side, b: Side | None = None, domains: ArrayLike | None = None, level: float = 0.95
) -> VarianceComponents:
    """Nested random effects (trial in task in domain) by the method of moments (Searle, Casella & McCulloch 1992).

    With b, the figure is the difference a - b on common tasks. Task means y have variance task + h trial, h the mean of
    1/K; the trial part is pooled within tasks, the task part is the spread of y within domains less h trial, the domain
    part the spread of domain means less what tasks explain, over the adjusted tasks a domain. A negative component is
    shown as 0. Intervals by Williams 1962, and chi-squared for the trial: normal-theory, rough for 0/1 values.

    ``a`` and ``b`` are (sums, counts), ``domains`` a name for each task, None for one domain.
    """
    two_sided_z(level)
    if b is None:
        total, n = vector(a[0], "sums"), vector(a[1], "counts")
        same_length(sums=total, counts=n)
        kept = n > 0
        y, parts = total[kept] / n[kept], [(total[kept], n[kept])]
    else:
        pairs = pair_tasks(*a, *b)
        kept, y = pairs.kept, pairs.differences
        parts = [(vector(s, "sums")[kept], vector(c, "counts")[kept]) for s, c in (a, b)]
    tasks = len(y)
    names = np.zeros(tasks) if domains is None else np.asarray(domains)[kept]
    _, where = np.unique(names, return_inverse=True)
    codes: Codes = where.astype(np.intp)
    groups = int(codes.max()) + 1 if tasks else 0
    trials = int(sum(c.sum() for _, c in parts))
    blank = Estimate(value=None, level=level, n_tasks=tasks, n_trials=trials, method="method of moments")
    trial, noise, df_trial = _trial_noise(parts)
    trial_estimate = replace(blank, why="each task was tried once, so trial noise cannot be told from tasks")
    if trial is not None:
        tail = (1.0 - level) / 2.0
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
    both = (task.value or 0.0) + (trial or 0.0)
    icc = (task.value or 0.0) / both if trial is not None and both > 0.0 else None
    advice = _advice(task.value or 0.0, trial, noise)
    return VarianceComponents(domain=domain, task=task, trial=trial_estimate, icc=icc, advice=advice)


def _trial_noise(parts: "list[tuple[Vector, Vector]]") -> tuple[float | None, float, int]:
    """The variance of one trial summed over contenders, what it adds to a task's mean, and its degrees of freedom."""
    total, noise, df = 0.0, 0.0, 0
    for sums, counts in parts:
        free = int(counts.sum()) - len(counts)
        if free < 1:
            return None, 0.0, 0
        one = float((sums - sums**2 / counts).sum()) / free
        total += one
        noise += one * float(np.mean(1.0 / counts))
        df += free
    return total, noise, df


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
    endless = 1.0 - (task / (task + noise)) ** 0.5
    twice = 1.0 - ((task + noise / 2.0) / (task + noise)) ** 0.5
    if endless < 0.10:
        return f"Add tasks: even endless trials of these would narrow the interval by only {100 * endless:.0f}%."
    return (
        f"Twice the trials would narrow the interval by {100 * twice:.0f}%, twice the tasks by 29%; "
        f"endless trials by {100 * endless:.0f}%."
    )
