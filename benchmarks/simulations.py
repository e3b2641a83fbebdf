"""How often intervals hold the truth and tests cry wolf: by enumeration where that is cheap, else by simulation.

Each function makes data from a population whose truth is known, hands them to ``harness.stats`` as the program does,
and counts. `coverage.py` prints the figures, the tests hold some of them to their bounds.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.core import Estimate

Array = NDArray[Any]
Z = NormalDist().inv_cdf(0.975)
SLACK = 1e-12
"""A limit this near the truth holds it: limits come out of iterations."""
SIZES = np.array([1, 1, 2, 3, 8])
"""Tasks in a cluster: one of these, each as likely."""


@dataclass(frozen=True, slots=True)
class Share:
    """How often something happened: of so many runs, or exactly (no runs)."""

    value: float
    runs: int = 0

    @property
    def error(self) -> float:
        """The Monte Carlo standard error; 0 of an enumeration. Of no hits at all it is not 0: half a hit is added."""
        if self.runs == 0:
            return 0.0
        share = (self.value * self.runs + 0.5) / (self.runs + 1.0)
        return math.sqrt(share * (1.0 - share) / self.runs)


def counted(hits: "list[bool] | Array") -> Share:
    return Share(float(np.mean(hits)), len(hits))


def holds(low: float | None, high: float | None, truth: float) -> bool:
    """Whether an interval holds the truth; a missing limit is an open end."""
    return (low is None or low <= truth + SLACK) and (high is None or high >= truth - SLACK)


def covers(found: Estimate, truth: float) -> bool:
    return found.value is not None and holds(found.low, found.high, truth)


# ------------------------------------------------------------------------------------------------- one rate, enumerated


def wald_rate(k: float, n: float) -> tuple[float, float]:
    """The textbook interval, which the program never uses."""
    half = Z * math.sqrt(k / n * (1 - k / n) / n)
    return k / n - half, k / n + half


RATE_INTERVALS: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "Wilson": stats.wilson_interval,
    "Jeffreys": stats.jeffreys_interval,
    "Clopper-Pearson": stats.clopper_pearson_interval,
    "Wald": wald_rate,
}


def rate_coverage(n: int, p: float) -> dict[str, Share]:
    """The exact coverage of each interval of one rate at n tasks and a true rate p."""
    chance = binomial(n, p)
    return {
        name: Share(float(sum(w for k, w in enumerate(chance) if holds(*interval(k, n), p))))
        for name, interval in RATE_INTERVALS.items()
    }


def binomial(n: int, p: float) -> Array:
    """P(0), ..., P(n)."""
    from scipy.stats import binom

    return np.asarray(binom.pmf(np.arange(n + 1), n, p))


# ----------------------------------------------------------------------------------------------- paired, enumerated


def wald_difference(b: float, c: float, n: float) -> tuple[float, float]:
    """Wald's interval of a paired difference, which the program never uses."""
    delta = (b - c) / n
    half = Z * math.sqrt(((b + c) / n - delta**2) / n)
    return delta - half, delta + half


def tables(n: int, discordant: float, delta: float) -> Iterator[tuple[int, int, float]]:
    """(b, c, chance) of every paired table that is not absurdly rare; b + c ~ Bin(n, discordant)."""
    win = (1.0 + delta / discordant) / 2.0
    for m, outer in enumerate(binomial(n, discordant)):
        if outer > 1e-9:
            for b, inner in enumerate(binomial(m, win)):
                if outer * inner > 1e-9:
                    yield b, m - b, float(outer * inner)


def paired_coverage(n: int, discordant: float, delta: float) -> dict[str, Share]:
    """The exact coverage of each interval of a paired difference."""
    hits = {"Tango": 0.0, "Wald": 0.0}
    seen = 0.0
    for b, c, chance in tables(n, discordant, delta):
        seen += chance
        for name, interval in (("Tango", stats.tango_interval), ("Wald", wald_difference)):
            hits[name] += chance * holds(*interval(b, c, n), delta)
    return {name: Share(hit / seen) for name, hit in hits.items()}


def mcnemar_levels(n: int, discordant: float, level: float = 0.05) -> dict[str, Share]:
    """How often each form of McNemar's test rejects where nothing differs; exact."""
    found = dict.fromkeys(("exact", "mid-p", "asymptotic"), 0.0)
    for m, outer in enumerate(binomial(n, discordant)):
        if outer > 1e-12:
            for name, share in _rejected(m, level).items():
                found[name] += float(outer) * share
    return {name: Share(value) for name, value in found.items()}


@cache
def _rejected(m: int, level: float) -> dict[str, float]:
    """The share of outcomes of m discordant tasks that each test rejects, under the null."""
    wins, chance = np.arange(m + 1), binomial(m, 0.5)
    p = {
        "exact": stats.mcnemar_all(wins, m - wins, mid=False),
        "mid-p": stats.mcnemar_all(wins, m - wins),
        "asymptotic": np.array([math.erfc(abs(2 * b - m) / math.sqrt(2.0 * m)) if m else 1.0 for b in wins.tolist()]),
    }
    return {name: float(chance[values <= level].sum()) for name, values in p.items()}


def worst_midp(n: int) -> Share:
    """The highest level of the mid-p test at n tasks over all shares of discordant tasks from .01 to 1."""
    return max((mcnemar_levels(n, share / 100)["mid-p"] for share in range(1, 101)), key=lambda s: s.value)


def non_inferiority_level(n: int, discordant: float, margin: float) -> Share:
    """How often a candidate exactly at the margin is passed, at a one-sided 5%; exact."""
    found = [(w, stats.non_inferiority_counts(b, c, n, margin).holds) for b, c, w in tables(n, discordant, -margin)]
    return Share(sum(w for w, passed in found if passed) / sum(w for w, _ in found))


# ----------------------------------------------------------------------------------------------- one rate, clusters


def clustered_coverage(groups: int, rate: float, icc: float, runs: int, seed: int, *, shared: bool) -> dict[str, Share]:
    """Coverage of `clustered_rate` with three trials a task, and of Wilson's interval on trials as if all were tasks.

    Every pair of trials of a task (``shared``: of a cluster of tasks, of unequal size) has the correlation ``icc``:
    rates are Beta(rate s, (1 - rate) s) with s = 1/icc - 1.
    """
    rng = np.random.default_rng(seed)
    strength = 1.0 / icc - 1.0
    ours, naive = [], []
    for _ in range(runs):
        codes, trials = np.arange(groups), 3
        if shared:
            codes = np.repeat(codes, rng.choice(SIZES, groups))
        p = rng.beta(rate * strength, (1.0 - rate) * strength, groups)[codes]
        sums, counts = rng.binomial(trials, p).astype(float), np.full(len(codes), float(trials))
        ours.append(covers(stats.clustered_rate(sums, counts, codes), rate))
        naive.append(holds(*stats.wilson_interval(sums.sum(), counts.sum()), rate))
    return {"program": counted(ours), "naive": counted(naive)}


# ------------------------------------------------------------------------------------------------- two contenders

WORLDS = {
    "equal": "both have the same rate on each task, and the rates vary",
    "mixed": "on half of the clusters each has a rate of its own; the means are equal",
    "gain": "as mixed, but the first passes .05 more on average",
    "skewed": "the first gains .05 on nine clusters of ten and loses .45 on the tenth; the means are equal",
    "steady": "rates are 0 or 1 and each contender has its own on a fifth of the clusters, so few differ",
}
TRUTH = {"gain": 0.05}
"""The true difference in a world; 0 where it is not named."""


def rates(rng: np.random.Generator, groups: int, world: str) -> tuple[Array, Array]:
    """The true pass rates of both contenders on each cluster."""
    if world == "skewed":
        second = 0.5 + 0.4 * rng.beta(1.0, 1.0, groups)
        return second + np.where(rng.random(groups) < 0.1, -0.45, 0.05), second
    if world == "steady":
        first, second = (rng.random((2, groups)) < 0.7).astype(float)
        return np.where(rng.random(groups) < 0.2, first, second), second
    second = rng.beta(1.05, 0.45, groups)  # mean .7, ICC .4
    if world == "equal":
        return second, second
    own = 0.7 + 2.0 * TRUTH.get(world, 0.0)
    fresh = rng.beta(1.5 * own, 1.5 * (1.0 - own), groups)
    return np.where(rng.random(groups) < 0.5, fresh, second), second


def contenders(
    rng: np.random.Generator, groups: int, world: str, trials: int, *, shared: bool
) -> tuple[Array, Array, Array, Array]:
    """(sums of the first, sums of the second, trials, cluster codes), one entry a task."""
    first, second = rates(rng, groups, world)
    codes = np.arange(groups)
    if shared:
        codes = np.repeat(codes, rng.choice(SIZES, groups))
    counts = np.full(len(codes), float(trials))
    a, b = (rng.binomial(trials, np.clip(p, 0.0, 1.0)[codes]).astype(float) for p in (first, second))
    return a, b, counts, codes


def compared(groups: int, world: str, trials: int, runs: int, seed: int, *, shared: bool) -> dict[str, Share]:
    """`compare` from end to end: how often its interval holds the truth, and how often its p is at most .05.

    Beside them the t test on the same clusters, which the program does not use for p.
    """
    from scipy.special import stdtr

    rng = np.random.default_rng(seed)
    truth = TRUTH.get(world, 0.0)
    held, rejected, by_t = [], [], []
    for _ in range(runs):
        a, b, counts, codes = contenders(rng, groups, world, trials, shared=shared)
        found = stats.compare(a, counts, b, counts, codes if shared else None)
        held.append(holds(found.low, found.high, truth))
        rejected.append(found.p_value is not None and found.p_value <= 0.05)
        d = (a - b) / counts
        error, df = stats.cr3(d, codes)
        by_t.append(bool(error) and 2.0 * float(stdtr(df, -abs(d.mean()) / error)) <= 0.05)
    return {"coverage": counted(held), "level": counted(rejected), "t": counted(by_t)}


def clustered_gate(
    groups: int, margin: float, runs: int, seed: int, *, world: str, shared: bool = True, loss: float | None = None
) -> Share:
    """How often `non_inferiority` passes a candidate, with three trials a task.

    Args:
        groups: Tasks, or clusters of tasks.
        margin: What it is tested at.
        runs: Simulations.
        seed: Their seed.
        world: "equal" and "skewed" as in `WORLDS`, but less the loss; "lost": equal, but a few units lose every pass.
        shared: Units are clusters of 1, 1, 2, 3 or 8 tasks.
        loss: What the candidate truly loses; by default the margin, and then to pass is an error.
    """
    rng = np.random.default_rng(seed)
    loss = margin if loss is None else loss
    passed = []
    for _ in range(runs):
        first, second = rates(rng, groups, "skewed" if world == "skewed" else "equal")
        # The rates have mean .7, and those that lose a share of it stay within [0, 1].
        if world == "skewed":
            first = first - loss
        elif world == "lost":
            first = np.where(rng.random(groups) < loss / 0.7, 0.0, second)
        else:
            first = second * (1.0 - loss / 0.7)
        codes = np.repeat(np.arange(groups), rng.choice(SIZES, groups)) if shared else np.arange(groups)
        counts = np.full(len(codes), 3.0)
        a, b = (rng.binomial(3, np.clip(p, 0.0, 1.0)[codes]).astype(float) for p in (first, second))
        passed.append(stats.non_inferiority((a, counts), (b, counts), margin, codes).holds)
    return counted(passed)


def family(each: int, trials: int, better: int, *, runs: int, seed: int, resamples: int = 499) -> dict[str, Share]:
    """Family-wise error over 20 domains: any false claim of Holm's, of max-T's, or of harm (margin .05).

    Args:
        each: Tasks in a domain.
        trials: Trials of a task.
        better: Domains in which the candidate truly passes .2 more; claims there are no errors, but of harm.
        runs: Simulations.
        seed: Their seed.
        resamples: Sign patterns of max-T; fewer than the program's, which keeps its p valid.
    """
    rng = np.random.default_rng(seed)
    domains = np.repeat([f"{k:02d}" for k in range(20)], each)
    index = np.repeat(np.arange(20), each)
    found: dict[str, list[bool]] = {"Holm": [], "max-T": [], "harmed_domains": []}
    for _ in range(runs):
        second = 0.8 * rng.beta(1.05, 0.45, len(index))
        first = np.where(index < better, second + 0.2, second)
        a, b = (rng.binomial(trials, p).astype(float) for p in (first, second))
        d = (a - b) / trials
        null = np.arange(20) >= better
        table = np.where(index[:, None] == np.arange(20), d[:, None], 0.0)
        if trials == 1:
            p = stats.mcnemar_all((table > 0).sum(axis=0), (table < 0).sum(axis=0))
        else:
            p = np.array([stats.sign_flip_test(d[index == k]).p_value for k in range(20)])
        found["Holm"].append(bool(np.any(stats.holm(p)[null] <= 0.05)))
        adjusted = stats.max_t_sign_flip(table, seed=seed, resamples=resamples)
        found["max-T"].append(bool(np.any(adjusted[null] <= 0.05)))
        n = np.full(len(index), float(trials))
        harmed = stats.harmed_domains((a, n), (b, n), domains, 0.05, seed=seed, resamples=resamples)
        found["harmed_domains"].append(any(h.harmed for h in harmed))
    return {name: counted(hits) for name, hits in found.items()}


# ------------------------------------------------------------------------------- money, time, labels and judges


def bounded(found: list[Estimate], truth: float) -> tuple[Share, Share]:
    """The coverage, and the share of intervals with an open end, which hold the truth for want of a limit."""
    return (
        counted([covers(one, truth) for one in found]),
        counted([one.low is None or one.high is None for one in found]),
    )


def cost_per_pass(n: int, runs: int, seed: int) -> tuple[Share, Share]:
    """Fieller: 60% pass; costs are log-normal (sigma 1) and failed tasks cost half as much again."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        passed = rng.random(n) < 0.6
        cost = rng.lognormal(0.0, 1.0, n) * np.where(passed, 1.0, 1.5)
        found.append(stats.fieller_ratio(cost, passed.astype(float)))
    return bounded(found, math.exp(0.5) * (0.6 + 0.4 * 1.5) / 0.6)


def macro_f1(n: int, runs: int, seed: int) -> tuple[Share, Share]:
    """The bootstrap of macro-F1: five labels, the rarest 5%; right 80% of the time, else any other label."""
    rng = np.random.default_rng(seed)
    share = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
    joint = share[:, None] * (0.8 * np.eye(5) + 0.05 * (1.0 - np.eye(5)))
    truth = float(np.mean(2.0 * np.diag(joint) / (joint.sum(axis=0) + joint.sum(axis=1))))
    names, found = np.array(list("abcde")), []
    for _ in range(runs):
        drawn = rng.choice(25, n, p=joint.ravel())
        true, said = names[drawn // 5].tolist(), names[drawn % 5].tolist()
        found.append(stats.macro_f1(true, said, labels=names.tolist(), resamples=999))
    return bounded(found, truth)


def latency(n: int, quantile: float, runs: int, seed: int) -> tuple[Share, Share]:
    """A quantile of log-normal latencies (sigma .8), one a task."""
    rng = np.random.default_rng(seed)
    truth = math.exp(0.8 * NormalDist().inv_cdf(quantile))
    return bounded([stats.latency_quantile(rng.lognormal(0.0, 0.8, n), quantile) for _ in range(runs)], truth)


def area(n: int, truth: float, runs: int, seed: int) -> tuple[Share, Share]:
    """DeLong: 70% right, confidence normal in both groups and so far apart that the AUROC is ``truth``."""
    rng = np.random.default_rng(seed)
    apart = math.sqrt(2.0) * NormalDist().inv_cdf(truth)
    found = []
    for _ in range(runs):
        right = rng.random(n) < 0.7
        found.append(stats.auroc(rng.normal(0.0, 1.0, n) + apart * right, right.astype(float)))
    return bounded(found, truth)


def judged(n: int, runs: int, seed: int) -> tuple[Share, Share]:
    """PPI++: n labelled of 1,000 judged tasks; 60% are good, and called so 85% of the time, the others 25%."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        good = rng.random(1_000) < 0.6
        said = (rng.random(1_000) < np.where(good, 0.85, 0.25)).astype(float)
        found.append(stats.ppi_mean(good[:n].astype(float), said[:n], said[n:]))
    return bounded(found, 0.6)
