"""Samples of domains, costs, labels, latencies and confidences, and whether the program's intervals hold the truth."""

import math
from statistics import NormalDist

import numpy as np
from simulations import ICC, One, Outcome, Rng, beta_quantile, few_units, holds, missed, sizes_of

from harness import stats

DISCORDANT = 0.3


# ------------------------------------------------------------------------------------------------------------ domains


def domains(each: int, many: int, tau: float, what: str, trials: int = 1) -> One:
    """Domains whose true differences are normal around 0 with the standard deviation tau; of each a few tasks.

    ``what``: "shrunk", the share of domains whose interval fails; "prediction", that of a further domain; "mean";
    "worse", the share of domains said to be worse with a chance of 95% that are not.
    """
    names = np.repeat(np.arange(many), each)

    def one(rng: Rng) -> Outcome:
        true = np.clip(tau * rng.standard_normal(many + 1), -0.25, 0.25)
        u = rng.random((trials, len(names)))
        win, loss = ((DISCORDANT + sign * true[names]) / 2.0 for sign in (1.0, -1.0))
        a, b = (u < win).sum(axis=0).astype(float), (u > 1.0 - loss).sum(axis=0).astype(float)
        d = (a - b) / trials
        effects, variances = zip(
            *((d[names == k].mean(), stats.domain_variance(d[names == k], single=trials == 1)) for k in range(many)),
            strict=True,
        )
        spread = stats.heterogeneity(effects, variances)
        if what == "prediction":
            low, high = spread.prediction or (None, None)
            return float(not holds(low, high, float(true[-1]))), False
        if what == "mean":
            return missed(spread.mean, 0.0), False
        if what == "worse":
            return sum(
                t >= 0.0 for below, t in zip(spread.below_zero, true, strict=False) if below >= 0.95
            ) / many, False
        return float(np.mean([missed(one, float(t)) for one, t in zip(spread.shrunk, true, strict=False)])), False

    return one


def gain(n: int) -> One:
    """The normalised gain: .6 before, .75 after, half of the tasks equally hard for both."""

    def one(rng: Rng) -> Outcome:
        u, v = rng.random((2, n))
        a, b = u < 0.75, np.where(rng.random(n) < 0.5, u, v) < 0.6
        ones = np.ones(n)
        return missed(stats.normalised_gain((a.astype(float), ones), (b.astype(float), ones)), 0.375), False

    return one


# --------------------------------------------------------------------------------------------------------------- money


def cost(groups: int, sigma: float, *, per_pass: bool, kind: str = "one") -> One:
    """Cost per task (`clustered_mean`) or per pass (Fieller): log-normal costs, failed tasks cost half as much again.

    60% pass. In clusters half of the variance of the logarithm is the cluster's.
    """
    truth = math.exp(sigma**2 / 2.0) * 1.2 / (0.6 if per_pass else 1.0)

    def one(rng: Rng) -> Outcome:
        sizes = sizes_of(rng, groups, kind)
        codes = np.repeat(np.arange(groups), sizes)
        own, shared = rng.standard_normal(len(codes)), rng.standard_normal(groups)[codes]
        passed = rng.random(len(codes)) < 0.6
        if kind != "one":
            passed = rng.random(len(codes)) < beta_quantile(0.6, rng.random(groups))[codes]
            own = (own + shared) / math.sqrt(2.0)
        paid = np.exp(sigma * own) * np.where(passed, 1.0, 1.5)
        if per_pass:
            found = stats.fieller_ratio(paid, passed.astype(float), codes)
        else:
            found = stats.clustered_mean(paid, np.ones(len(paid)), codes)
        return missed(found, truth), few_units(sizes) or stats.heavy_tail(paid) is not None or stats.skewed_costs(
            paid, codes
        ) is not None

    return one


# --------------------------------------------------------------------------------------------------- labels, confidence


def macro_f1(n: int, shares: tuple[float, ...]) -> One:
    """Macro-F1 of labels with these shares: right 80% of the time, else any other label."""
    many = len(shares)
    off = 0.2 / (many - 1)
    joint = np.array(shares)[:, None] * ((0.8 - off) * np.eye(many) + off)
    truth = float(np.mean(2.0 * np.diag(joint) / (joint.sum(axis=0) + joint.sum(axis=1))))
    names = np.array([f"{i}" for i in range(many)])

    def one(rng: Rng) -> Outcome:
        drawn = rng.choice(many * many, n, p=joint.ravel())
        true, said = names[drawn // many].tolist(), names[drawn % many].tolist()
        found = stats.macro_f1(true, said, labels=names.tolist(), resamples=499)
        return missed(found, truth), bool(stats.rare_labels({name: true.count(name) for name in names.tolist()}))

    return one


def latency(n: int, quantile: float, trials: int = 1) -> One:
    """A quantile of log-normal latencies (sigma .8); of several trials a task half of the variance is the task's."""
    truth = math.exp(0.8 * NormalDist().inv_cdf(quantile))
    codes = np.repeat(np.arange(n), trials)

    def one(rng: Rng) -> Outcome:
        own, shared = rng.standard_normal(n * trials), rng.standard_normal(n)[codes]
        z = own if trials == 1 else (own + shared) / math.sqrt(2.0)
        found = stats.latency_quantile(np.exp(0.8 * z), quantile, codes)
        return missed(found, truth), found.low is None or found.high is None

    return one


def area(n: int, truth: float) -> One:
    """DeLong: 70% right, confidence normal in both groups and so far apart that the AUROC is ``truth``."""
    apart = math.sqrt(2.0) * NormalDist().inv_cdf(truth)

    def one(rng: Rng) -> Outcome:
        right = rng.random(n) < 0.7
        found = stats.auroc(rng.normal(0.0, 1.0, n) + apart * right, right.astype(float))
        return missed(found, truth), found.low is None or "too narrow" in found.method

    return one


def judged(n: int) -> One:
    """PPI++: n labelled of 1,000 judged tasks; 60% are good, and called so 85% of the time, the others 25%."""

    def one(rng: Rng) -> Outcome:
        good = rng.random(1_000) < 0.6
        said = (rng.random(1_000) < np.where(good, 0.85, 0.25)).astype(float)
        found = stats.ppi_mean(good[:n].astype(float), said[:n], said[n:])
        return missed(found, 0.6), "too few" in found.method

    return one


def worse_tasks(n: int, trials: int) -> One:
    """The excess of tasks that got worse: none did."""

    def one(rng: Rng) -> Outcome:
        p = beta_quantile(0.7, rng.random(n), ICC)
        a, b = (rng.binomial(trials, p) for _ in range(2))
        tried = np.full(n, trials)
        return missed(stats.tasks_worse((a, tried), (b, tried), resamples=499).excess, 0.0), False

    return one
