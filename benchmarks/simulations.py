"""Populations whose truth is known, and what the program says of samples of them: one sample, one `Outcome`.

`coverage.py` counts the outcomes of many samples; the tests hold some of them to their bounds. What can be enumerated
is (`exact`). Each maker gives a function of a random generator, which draws a sample and hands it to ``harness.stats``
as the program does.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.core import Comparison, Estimate
from harness.stats.sequential import anytime_interval

Array = NDArray[Any]
Rng = np.random.Generator
Outcome = tuple[float, bool]  # how much of what was claimed is false (of one claim 0 or 1), and whether it was warned
One = Callable[[Rng], Outcome]

Z = NormalDist().inv_cdf(0.975)
SLACK = 1e-12  # a limit this near the truth holds it: limits come out of iterations
ICC = 0.3  # correlation of two trials of a task, and of two tasks of a cluster
LARGEST = 500  # tasks in a cluster at most
RESAMPLES = 999  # of tests and intervals that draw; fewer than the program's, which keeps p valid


@dataclass(frozen=True, slots=True)
class Share:
    """How often something happened: of so many runs, or exactly (no runs)."""

    value: float
    runs: int = 0
    spread: float | None = None  # standard deviation of one run's share, where a run makes several claims

    @property
    def error(self) -> float:
        """The Monte Carlo standard error; 0 of an enumeration. Of no hits at all it is not 0: half a hit is added."""
        if self.runs == 0:
            return 0.0
        share = (self.value * self.runs + 0.5) / (self.runs + 1.0)
        spread = math.sqrt(share * (1.0 - share)) if self.spread is None else self.spread
        return spread / math.sqrt(self.runs)


def counted(hits: "Sequence[float] | Array") -> Share:
    x = np.asarray(hits, dtype=np.float64)
    return Share(float(x.mean()), len(x), None if np.all((x == 0.0) | (x == 1.0)) else float(x.std()))


@dataclass(frozen=True, slots=True)
class Tally:
    """Many outcomes: claims that are false, those of them that no warning came with, samples that were warned of."""

    false: Share
    silent: Share
    warned: float


def tally(one: One, runs: int, seed: int) -> Tally:
    rng = np.random.default_rng(seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.array([one(rng) for _ in range(runs)], dtype=np.float64)
    return Tally(counted(found[:, 0]), counted(found[:, 0] * (1.0 - found[:, 1])), float(found[:, 1].mean()))


def enumerated(false: float) -> Tally:
    return Tally(Share(false), Share(false), 0.0)


def holds(low: float | None, high: float | None, truth: float) -> bool:
    """Whether an interval holds the truth; a missing limit is an open end."""
    return (low is None or low <= truth + SLACK) and (high is None or high >= truth - SLACK)


def missed(found: Estimate | Comparison, truth: float) -> float:
    return float(not holds(found.low, found.high, truth))


# ------------------------------------------------------------------------------------------------------ what is warned


def few_units(sizes: Array) -> bool:
    """What is said of clusters: they count as fewer than 10, or as fewer than half of their number."""
    return stats.kish_units(sizes) < max(10.0, len(sizes) / 2.0)


# ----------------------------------------------------------------------------------------- one trial a task, enumerated


def wald_rate(k: float, n: float) -> tuple[float, float]:
    """The textbook interval, which the program never uses."""
    half = Z * math.sqrt(k / n * (1 - k / n) / n)
    return k / n - half, k / n + half


def binomial(n: int, p: float) -> Array:
    """P(0), ..., P(n)."""
    from scipy.stats import binom

    return np.asarray(binom.pmf(np.arange(n + 1), n, p))


Interval = Callable[[float, float], tuple[float, float]]


def rate_coverage(n: int, p: float, interval: Interval = stats.wilson_interval) -> float:
    """The exact coverage of an interval of one rate at n tasks and a true rate p."""
    return float(sum(w for k, w in enumerate(binomial(n, p)) if holds(*interval(k, n), p)))


def mean_miss(n: int, p: float, interval: Interval = stats.wilson_interval) -> float:
    """How often it misses over rates within .05 of p: at one rate this goes up and down by whole counts."""
    return 1.0 - float(np.mean([rate_coverage(n, q, interval) for q in np.linspace(p - 0.05, p + 0.05, 41)]))


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


def paired_miss(
    n: int, discordant: float, delta: float, interval: Callable[..., tuple[float, float]] = stats.tango_interval
) -> float:
    """How often an interval of a paired difference misses it."""
    found = [(holds(*interval(b, c, n), delta), w) for b, c, w in tables(n, discordant, delta)]
    return sum(w for held, w in found if not held) / sum(w for _, w in found)


def mcnemar_level(n: int, discordant: float, form: str = "mid-p") -> float:
    """How often a form of McNemar's test ("exact", "mid-p", "asymptotic") rejects where nothing differs."""
    chances = enumerate(binomial(n, discordant))
    return float(sum(outer * _rejected(m, form) for m, outer in chances if outer > 1e-12))


@cache
def _rejected(m: int, form: str) -> float:
    """The share of outcomes of m discordant tasks that a test rejects at 5%."""
    wins = np.arange(m + 1)
    if form == "asymptotic":
        p = np.array([math.erfc(abs(2 * b - m) / math.sqrt(2.0 * m)) if m else 1.0 for b in wins.tolist()])
    else:
        p = stats.mcnemar_all(wins, m - wins, mid=form == "mid-p")
    return float(binomial(m, 0.5)[p <= 0.05].sum())


def worst_midp(n: int) -> float:
    """The highest level of the mid-p test at n tasks over all shares of discordant tasks from .01 to 1."""
    return max(mcnemar_level(n, share / 100) for share in range(1, 101))


def non_inferiority_level(n: int, discordant: float, margin: float) -> float:
    """How often a candidate exactly at the margin is passed, at a one-sided 5%; exact."""
    found = [(w, stats.non_inferiority_counts(b, c, n, margin).holds) for b, c, w in tables(n, discordant, -margin)]
    return sum(w for w, passed in found if passed) / sum(w for w, _ in found)


# ------------------------------------------------------------------------------------------------------- populations


def sizes_of(rng: Rng, groups: int, kind: str) -> Array:
    """Tasks of each cluster: one, five, few (1, 1, 2, 3 or 8), or as long-tailed distributions have them."""
    if kind == "few":
        return rng.choice([1, 1, 2, 3, 8], groups)
    if kind == "zipf":
        return np.minimum(rng.zipf(1.8, groups), LARGEST)
    if kind == "pareto":
        return np.minimum(np.floor(rng.pareto(1.2, groups) + 1.0), LARGEST).astype(int)
    return np.full(groups, {"one": 1, "five": 5}[kind])


def beta_quantile(rate: float, u: Array, icc: float = ICC) -> Array:
    """Rates of units around their mean, at the places u of their distribution."""
    from scipy.special import betaincinv

    strength = 1.0 / icc - 1.0
    return np.asarray(betaincinv(rate * strength, (1.0 - rate) * strength, u))


def two_rates(rng: Rng, groups: int, a: float, b: float, alike: float = 0.5) -> tuple[Array, Array]:
    """Rates of two contenders on each unit: equally easy for both on a share of the units, else unrelated."""
    u, v = rng.random((2, groups))
    return beta_quantile(a, u), beta_quantile(b, np.where(rng.random(groups) < alike, u, v))


WORLDS = {
    "equal": "both have the same rate on each unit, and the rates vary",
    "mixed": "on half of the units each has a rate of its own; the means are equal",
    "gain": "as mixed, but the first passes .05 more on average",
    "skewed": "the first gains .05 on nine units of ten and loses .45 on the tenth; the means are equal",
    "steady": "rates are 0 or 1 and each contender has its own on a fifth of the units, so few differ",
}
TRUTH = {"gain": 0.05}  # the true difference in a world; 0 where it is not named


def rates(rng: Rng, groups: int, world: str) -> tuple[Array, Array]:
    """The true pass rates of both contenders on each unit; the second's mean is .7."""
    if world == "skewed":
        second = 0.5 + 0.4 * rng.beta(1.0, 1.0, groups)
        return second + np.where(rng.random(groups) < 0.1, -0.45, 0.05), second
    if world == "steady":
        first, second = (rng.random((2, groups)) < 0.7).astype(float)
        return np.where(rng.random(groups) < 0.2, first, second), second
    second = beta_quantile(0.7, rng.random(groups), 0.4)
    if world == "equal":
        return second, second
    fresh = beta_quantile(0.7 + 2.0 * TRUTH.get(world, 0.0), rng.random(groups), 0.4)
    return np.where(rng.random(groups) < 0.5, fresh, second), second


@dataclass(frozen=True, slots=True)
class Sample:
    """Two contenders on the same tasks: sums of passes, trials, and codes of clusters."""

    a: Array
    b: Array
    a_trials: Array
    b_trials: Array
    codes: Array
    sizes: Array  # tasks of each cluster

    def compared(self) -> Comparison:
        """As the program compares them."""
        clusters = None if len(self.sizes) == len(self.codes) else self.codes
        return stats.compare(self.a, self.a_trials, self.b, self.b_trials, clusters, resamples=RESAMPLES)


def sample(rng: Rng, of: tuple[Array, Array], kind: str, trials: tuple[int, int]) -> Sample:
    """Trials of two contenders whose rates on each unit are given."""
    sizes = sizes_of(rng, len(of[0]), kind)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    a, b = (rng.binomial(k, np.clip(p, 0.0, 1.0)[codes]).astype(float) for k, p in zip(trials, of, strict=True))
    return Sample(a, b, *(np.full(len(codes), float(k)) for k in trials), codes, sizes)


# --------------------------------------------------------------------------------------- intervals of pass rates


def rate(groups: int, truth: float, kind: str = "one", trials: int = 1) -> One:
    """`clustered_rate` where two trials of a task, or two tasks of a cluster, are correlated by .3."""

    def one(rng: Rng) -> Outcome:
        sizes = sizes_of(rng, groups, kind)
        codes = np.repeat(np.arange(groups), sizes)
        sums = rng.binomial(trials, beta_quantile(truth, rng.random(groups))[codes])
        found = stats.clustered_rate(sums, np.full(len(codes), trials), codes)
        return missed(found, truth), few_units(sizes)

    return one


def naive_rate(groups: int, truth: float, trials: int) -> One:
    """Wilson's interval on trials as if each were a task, which the program never prints."""

    def one(rng: Rng) -> Outcome:
        passed = rng.binomial(trials, beta_quantile(truth, rng.random(groups))).sum()
        return float(not holds(*stats.wilson_interval(float(passed), groups * trials), truth)), False

    return one


def repeated(n: int, k: int, trials: int, *, all_of_them: bool) -> One:
    """pass^k or pass@k of tasks whose rates are Beta with mean .7."""
    strength = 1.0 / ICC - 1.0
    good = (0.7 if all_of_them else 0.3) * strength
    hit = math.prod((good + i) / (strength + i) for i in range(k))
    truth, figure = (hit, stats.pass_hat_k) if all_of_them else (1.0 - hit, stats.pass_at_k)

    def one(rng: Rng) -> Outcome:
        passes = rng.binomial(trials, beta_quantile(0.7, rng.random(n)))
        return missed(figure(passes, np.full(n, trials), k), truth), False

    return one


def this_suite(n: int, trials: int) -> One:
    """`this_suite_rate`: the tasks stay the same, only trials are new."""
    given = beta_quantile(0.7, (np.arange(n) + 0.5) / n)

    def one(rng: Rng) -> Outcome:
        sums = rng.binomial(trials, given)
        return missed(stats.this_suite_rate(sums, np.full(n, trials), sums), float(given.mean())), False

    return one


def best_of(n: int, many: int, spread: float) -> One:
    """The interval of the highest of several rates, of the contender that the sample happens to put first."""

    def one(rng: Rng) -> Outcome:
        truths = np.clip(0.6 + spread * rng.standard_normal(many), 0.05, 0.95)
        shared, own = rng.random(n), rng.random((n, many))
        u = np.where(rng.random((n, many)) < 0.5, shared[:, None], own)  # half of the tasks are as hard for all
        means = (u < truths).astype(float)
        ranked = stats.rank(means, resamples=19)
        place = int(means.mean(axis=0).argmax())
        found = stats.best_of(means, stats.clustered_rate(means[:, place], np.ones(n)), ranked.factor)
        return missed(found.interval, float(truths[found.place])), False

    return one


# --------------------------------------------------------------------------------------- intervals of differences


def difference(groups: int, a: float, b: float, kind: str = "one", trials: tuple[int, int] = (3, 3)) -> One:
    """`compare` where rates of units vary, and half of the units are equally hard for both."""

    def one(rng: Rng) -> Outcome:
        drawn = sample(rng, two_rates(rng, groups, a, b), kind, trials)
        return missed(drawn.compared(), a - b), few_units(drawn.sizes)

    return one


def in_world(groups: int, world: str, kind: str = "one", trials: int = 3) -> One:
    """`compare` in one of the `WORLDS`: its interval."""

    def one(rng: Rng) -> Outcome:
        drawn = sample(rng, rates(rng, groups, world), kind, (trials, trials))
        return missed(drawn.compared(), TRUTH.get(world, 0.0)), few_units(drawn.sizes)

    return one


def any_time(n: int, delta: float, discordant: float = 0.2) -> One:
    """`anytime_interval` looked at after every tenth of the tasks: false where it fails at any look."""

    def one(rng: Rng) -> Outcome:
        u = rng.random(n)
        d = (u < (discordant + delta) / 2.0).astype(float) - (u > 1.0 - (discordant - delta) / 2.0)
        looks = (anytime_interval(d[:stop]) for stop in np.linspace(n / 10, n, 10).astype(int).tolist())
        return float(not all(holds(*limits, delta) for limits in looks)), False

    return one


def drifting(n: int, change: float) -> One:
    """The change of a difference over the run, by `trend`."""

    def one(rng: Rng) -> Outcome:
        place = np.linspace(-0.5, 0.5, n)
        u = rng.random(n)
        d = (u < 0.15 + change * place / 2.0).astype(float) - (u > 0.85 + change * place / 2.0)
        return missed(stats.trend(d, np.arange(n)).change, change), False

    return one
