"""Samples in which nothing is to be found, and whether a test of the program claims something at 5% all the same."""

import numpy as np
from simulations import (
    ICC,
    RESAMPLES,
    One,
    Outcome,
    Rng,
    beta_quantile,
    few_units,
    rates,
    sample,
    sizes_of,
    two_rates,
)

from harness import stats

LEVEL = 0.05


def compared(groups: int, world: str, kind: str = "one", trials: int = 3) -> One:
    """The p of `compare` in a world whose means are equal."""

    def one(rng: Rng) -> Outcome:
        drawn = sample(rng, rates(rng, groups, world), kind, (trials, trials))
        p = drawn.compared().p_value
        return float(p is not None and p <= LEVEL), few_units(drawn.sizes)

    return one


def unequal(n: int, rate: float, trials: tuple[int, int], alike: float, kind: str = "one") -> One:
    """The p of `compare` where one has more trials; on the share ``alike`` of the units both have the same rate."""

    def one(rng: Rng) -> Outcome:
        drawn = sample(rng, two_rates(rng, n, rate, rate, alike), kind, trials)
        p = drawn.compared().p_value
        return float(p is not None and p <= LEVEL), few_units(drawn.sizes)

    return one


def t_test(groups: int, world: str, kind: str = "one", trials: int = 3) -> One:
    """The t test on the same samples, which the program does not use."""
    from scipy.special import stdtr

    def one(rng: Rng) -> Outcome:
        drawn = sample(rng, rates(rng, groups, world), kind, (trials, trials))
        d = (drawn.a - drawn.b) / trials
        error, df = stats.cr3(d, drawn.codes)
        return float(bool(error) and 2.0 * float(stdtr(df, -abs(d.mean()) / error)) <= LEVEL), False

    return one


def margin(groups: int, world: str, loss: float, kind: str = "one", at: float = 0.05) -> One:
    """`non_inferiority` with three trials a task passes a candidate that truly loses ``loss``.

    "equal" and "skewed" are those of `WORLDS` with the loss taken off; in "lost" a few units lose every pass.
    """

    def one(rng: Rng) -> Outcome:
        first, second = rates(rng, groups, "skewed" if world == "skewed" else "equal")
        # The rates have mean .7, and those that lose a share of it stay within [0, 1].
        if world == "skewed":
            first = first - loss
        elif world == "lost":
            first = np.where(rng.random(groups) < loss / 0.7, 0.0, second)
        else:
            first = second * (1.0 - loss / 0.7)
        drawn = sample(rng, (first, second), kind, (3, 3))
        codes = None if kind == "one" else drawn.codes
        found = stats.non_inferiority((drawn.a, drawn.a_trials), (drawn.b, drawn.b_trials), at, codes)
        return float(found.holds), few_units(drawn.sizes)

    return one


def harm(groups: int, world: str, kind: str = "one") -> One:
    """`harm_test` of an equal candidate."""

    def one(rng: Rng) -> Outcome:
        drawn = sample(rng, rates(rng, groups, world), kind, (3, 3))
        sides = (drawn.a, drawn.a_trials), (drawn.b, drawn.b_trials)
        return float(stats.harm_test(*sides, drawn.codes, resamples=RESAMPLES).p_value <= LEVEL), few_units(drawn.sizes)

    return one


# ------------------------------------------------------------------------------------------------------------ families


def sorted_equals(n: int, many: int, kind: str = "one") -> One:
    """Any adjusted p below .05 among contenders that are equal at .6, sorted by their rates as a scoreboard does."""

    def one(rng: Rng) -> Outcome:
        sizes = sizes_of(rng, n, kind)
        codes = np.repeat(np.arange(n), sizes)
        tasks = len(codes)
        hard, own = beta_quantile(0.6, rng.random(n))[codes], rng.random((tasks, many))
        means = (own < hard[:, None]).astype(float)
        means = means[:, np.argsort(-means.mean(axis=0), kind="stable")]
        found = stats.rank(means, None if kind == "one" else codes, resamples=RESAMPLES)
        return float((found.p_adjusted <= LEVEL).any()), few_units(sizes)

    return one


def beaten(n: int, many: int) -> One:
    """The best contender, .03 above the others, is said to be beaten."""

    def one(rng: Rng) -> Outcome:
        u = np.where(rng.random((n, many)) < 0.5, rng.random(n)[:, None], rng.random((n, many)))
        means = (u < np.where(np.arange(many) == 0, 0.63, 0.6)).astype(float)
        return float(not stats.rank(means, resamples=RESAMPLES).unbeaten[0]), False

    return one


def family(each: int, trials: int, better: int, what: str, *, many: int, kind: str = "one") -> One:
    """Any false claim over many domains: by max-T, or of harm (which asks for .05 below 0 too).

    In ``better`` domains the candidate truly passes .2 more; claims there are no errors, but of harm.
    """
    names = np.array([f"{k:02d}" for k in range(many)])

    def one(rng: Rng) -> Outcome:
        sizes = np.concatenate([sizes_of(rng, each, kind) for _ in names])
        codes = np.repeat(np.arange(len(sizes)), sizes)
        index = np.repeat(np.repeat(np.arange(many), each), sizes)
        second = 0.8 * beta_quantile(0.7, rng.random(len(sizes)), 0.4)[codes]
        first = np.where(index < better, second + 0.2, second)
        a, b = (rng.binomial(trials, p).astype(float) for p in (first, second))
        n = np.full(len(index), float(trials))
        if what == "harm":
            harmed = stats.harmed_domains((a, n), (b, n), names[index], 0.05, codes, resamples=RESAMPLES)
            return float(any(found.harmed for found in harmed)), False
        found, _ = stats.compare_domains((a, n), (b, n), names[index], codes, resamples=RESAMPLES)
        p = [one.comparison.p_adjusted for one in found][better:]
        return float(any(one is not None and one <= LEVEL for one in p)), False

    return one


def lifts(n: int, many: int) -> One:
    """Any lift of skills that do nothing: each shown at every fourth task, all adjusted as one family (Holm)."""

    def one(rng: Rng) -> Outcome:
        hard = beta_quantile(0.6, rng.random(n))
        bare, skilled = ((rng.random(n) < hard).astype(float) for _ in range(2))
        ones, p = np.ones(n), []
        for _ in range(many):
            shown = rng.random(n) < 0.25
            found = stats.compare(skilled[shown], ones[shown], bare[shown], ones[shown])
            p.append(1.0 if found.p_value is None else found.p_value)
        return float(bool((stats.holm(p) <= LEVEL).any())), False

    return one


def factorial(groups: int, effect: int, kind: str = "one") -> One:
    """One effect of a 2 x 2 design: the first factor where the second adds .1, or the interaction where both add."""

    def one(rng: Rng) -> Outcome:
        sizes = sizes_of(rng, groups, kind)
        codes = np.repeat(np.arange(groups), sizes)
        hard = 0.8 * beta_quantile(0.6, rng.random(groups))[codes]
        adds = (0.0, 0.0, 0.1, 0.1) if effect == 0 else (0.0, 0.1, 0.1, 0.2)
        ones = np.ones(len(codes))
        four = [((rng.random(len(codes)) < hard + add).astype(float), ones) for add in adds]
        found = stats.factorial(*four, None if kind == "one" else codes)
        assert found is not None  # noqa: S101 - they share all tasks
        return float((found.first if effect == 0 else found.interaction).p_value <= LEVEL), few_units(sizes)

    return one


# ----------------------------------------------------------------------------------------- time, and what else has a p


def trend(groups: int, kind: str = "one") -> One:
    """The p of `trend` where the difference does not change."""

    def one(rng: Rng) -> Outcome:
        sizes = sizes_of(rng, groups, kind)
        codes = np.repeat(np.arange(groups), sizes)
        rate, other = two_rates(rng, groups, 0.7, 0.7)
        d = rng.binomial(1, rate[codes]) - rng.binomial(1, other[codes])
        return float(stats.trend(d, np.arange(len(d)), codes).p_value <= LEVEL), few_units(sizes)

    return one


def between_runs(groups: int, calls: int, kind: str = "one") -> One:
    """The p of `run_effect` where calls of the run do not differ; tasks are done in order."""

    def one(rng: Rng) -> Outcome:
        sizes = sizes_of(rng, groups, kind)
        codes = np.repeat(np.arange(groups), sizes)
        rate, other = two_rates(rng, groups, 0.7, 0.7)
        d = rng.binomial(1, rate[codes]) - rng.binomial(1, other[codes])
        call = (np.cumsum(sizes) - sizes) * calls // len(d)  # a cluster is of the call that has its first task
        p, _ = stats.run_effect(np.bincount(codes, weights=d) / sizes, call)
        return float(p <= LEVEL), few_units(sizes)

    return one


def over_domains(n: int, test: str, many: int = 6) -> One:
    """The p of `trend`, or of `run_effect` over 4 calls, where domains asked one after another differ by themselves."""

    def one(rng: Rng) -> Outcome:
        domain, at = np.arange(n) * many // n, np.arange(n)
        mean = np.linspace(-0.2, 0.2, many)[domain]
        noise = rng.choice([-1.0, 0.0, 1.0], n, p=[0.15, 0.7, 0.15])
        d = np.where(rng.random(n) < np.abs(mean), np.sign(mean), noise)
        if test == "trend":
            return float(stats.trend(d, at, strata=domain).p_value <= LEVEL), False
        return float(stats.run_effect(d, at * 4 // n, strata=domain)[0] <= LEVEL), False

    return one


def domains_differ(each: int, many: int, trials: int = 1) -> One:
    """Cochran's Q where the difference is .05 in every domain."""
    names = np.repeat(np.arange(many), each)

    def one(rng: Rng) -> Outcome:
        u = rng.random((trials, len(names)))
        a, b = ((u < 0.175).sum(axis=0).astype(float), (u > 1.0 - 0.125).sum(axis=0).astype(float))
        ones = np.full(len(names), float(trials))
        _, spread = stats.compare_domains((a, ones), (b, ones), names, resamples=99)
        return float(spread is not None and spread.p_value is not None and spread.p_value <= LEVEL), False

    return one


def confirmed_worse(n: int, trials: int) -> One:
    """Any task confirmed to be worse (Benjamini-Hochberg at 10%) where both contenders have the same rates."""

    def one(rng: Rng) -> Outcome:
        p = beta_quantile(0.7, rng.random(n), ICC)
        a, b = (rng.binomial(trials, p) for _ in range(2))
        tried = np.full(n, trials)
        return float(bool(stats.tasks_worse((a, tried), (b, tried), resamples=19).confirmed)), False

    return one


def unpaired(n: int) -> One:
    """Fisher's exact test of two independent rates (`audit`)."""

    def one(rng: Rng) -> Outcome:
        a, b = rng.binomial(n, 0.7, size=2).tolist()
        return float(stats.fisher_exact(a, n, b, n) <= LEVEL), False

    return one


CURVE_MARGIN, CURVE_SIZES, CURVE_RATE = 0.05, 4, 0.9


def any_size_claimed(n: int) -> One:
    """A learning curve claims a number of examples, where each truly misses all examples by the margin.

    Each size fails what all examples fail, and of the rest what it draws by itself; below them is one that holds, which
    may not be claimed without these.
    """

    def one(rng: Rng) -> Outcome:
        whole = rng.random(n) < CURVE_RATE
        sizes = [whole & (rng.random(n) >= CURVE_MARGIN / CURVE_RATE) for _ in range(CURVE_SIZES)]
        sides = [(passed.astype(np.float64), np.ones(n)) for passed in (whole, *sizes, whole)]
        return float(any(stats.smallest_enough(sides[:-1], sides[-1], CURVE_MARGIN).claimed)), False

    return one
