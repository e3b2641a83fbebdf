"""What docs/error-rates.md shows: how often each test and verdict of the program claims what is not so."""

from collections.abc import Callable, Iterable
from functools import partial

import advising
import early
import false_claims as claims
import gating
import numpy as np
import sequences
import simulations as sim
from coverage_table import Batch, Cell, Exact, Part, Row
from sequences import MARGIN
from simulations import RESAMPLES, Array, Share, Tally, counted

from harness import stats
from harness.core import Decision
from harness.verdict import Policy, gate_tests

TASKS, CLUSTERS = (30, 100, 500), (30, 50, 200)
ON_TASKS, ON_CLUSTERS = (tuple(map(str, sizes)) for sizes in (TASKS, CLUSTERS))
FEW = "few clusters"
KINDS = {"five": "of 5", "zipf": "zipf", "pareto": "Pareto"}


def decimal(share: float) -> str:
    """.05 for 0.05."""
    return f"{share:g}".removeprefix("0") or "0"


def errs(name: str, cells: Iterable[Cell | None], *, says: str = "", used: bool = True, share: float = 1.0) -> Row:
    """False claims of a test at 5%."""
    return Row(name=name, cells=tuple(cells), test=True, says=says, used=used, share=share)


def tests() -> tuple[Row, ...]:
    """Of two contenders, and of the designs."""

    def mcnemar(psi: float, form: str) -> list[Exact]:
        return [Exact(partial(sim.mcnemar_level, n, psi, form)) for n in TASKS]

    rows = [errs(f"McNemar mid-p, {decimal(psi)} discordant", mcnemar(psi, "mid-p")) for psi in (0.05, 0.2)]
    worst = tuple(Exact(partial(sim.worst_midp, n)) for n in TASKS)
    rows += [
        Row(name="McNemar mid-p, at the worst share", cells=worst, words="at most 6"),
        errs("McNemar exact, .2 discordant", mcnemar(0.2, "exact")),
        errs("asymptotic, .2 discordant", mcnemar(0.2, "asymptotic"), used=False),
        errs("Fisher, two suites", (claims.unpaired(n) for n in TASKS)),
    ]
    for world in ("equal", "skewed", "steady"):
        rows.append(errs(f"sign flip, three trials, {world}", (claims.compared(n, world) for n in TASKS), share=0.5))
    rows.append(errs("t test, three trials, skewed", (claims.t_test(n, "skewed") for n in TASKS), used=False))
    for rate, trials in ((0.95, (1, 10)), (0.6, (1, 10)), (0.6, (2, 10))):
        for alike, name in ((1.0, "alike"), (0.0, "unlike")):
            cells = (claims.unequal(n, rate, trials, alike) for n in TASKS)
            rows.append(errs(f"{trials[0]} and {trials[1]} trials, {decimal(rate)}, {name}", cells, share=0.25))
    for effect, name in ((0, "main effect"), (1, "interaction")):
        rows.append(errs(f"factorial, {name}", (claims.factorial(n, effect) for n in TASKS), share=0.2))
    for trials, many in ((1, "one trial"), (3, "three trials")):
        cells = (claims.domains_differ(n, 6, trials) for n in TASKS)
        rows.append(errs(f"do 6 domains differ, {many}", cells, share=0.2))
    for test, name in (("trend", "trend"), ("calls", "calls of the run")):
        cells = (claims.over_domains(n, test) for n in TASKS)
        rows.append(errs(f"{name}, 6 domains one after another", cells, share=0.5))
    return tuple(rows)


def on_clusters() -> tuple[Row, ...]:
    """The same where tasks share sources."""
    tried = (
        ("sign flip", lambda g, kind: claims.compared(g, "mixed", kind), 0.5),
        ("1 and 10 trials", lambda g, kind: claims.unequal(g, 0.7, (1, 10), 0.5, kind), 0.2),
        ("interaction", lambda g, kind: claims.factorial(g, 1, kind), 0.2),
        ("trend", claims.trend, 0.2),
        ("calls of the run", lambda g, kind: claims.between_runs(g, 4, kind), 0.2),
    )
    return tuple(
        errs(f"{name}, {of}", (make(groups, kind) for groups in CLUSTERS), says=FEW, share=share)
        for kind, of in KINDS.items()
        for name, make, share in tried
    )


MANY = (5, 10, 25)


def one_claim(make: Callable[[int, int], Share]) -> Batch:
    """The share of false claims, given the number of runs and a seed. The program warns of none of them."""

    def counted(runs: int, seed: int) -> Tally:
        share = make(runs, seed)
        return Tally(share, share, 0.0)

    return Batch(counted)


RIVALS = (1, 4, 10)


def advice() -> tuple[Row, ...]:
    """`advise` names a kind of option that it should not."""
    own, rent, mix = advising.OWN, advising.RENT, advising.MIX

    def said(options: advising.Options, n: int, *wrong: str) -> Batch:
        def share(runs: int, seed: int) -> Share:
            found = advising.words(options, n, runs, seed)
            return Share(sum(found[word].value for word in wrong), runs)

        return one_claim(share)

    rows = []
    for n in (100, 500):
        cells = (said([(own, 0.7, 0.001), *[(rent, 0.7, 0.002)] * k], n, "RENT", "MIX") for k in RIVALS)
        rows.append(errs(f"a kind twice as dear as its equal, {n} tasks", cells, share=0.15))
    for n in (100, 500):
        cells = (said([*[(mix, 0.78, 0.001)] * k, (rent, 0.8, 0.002)], n, "MIX", "OWN") for k in RIVALS)
        rows.append(errs(f"MIX exactly at the margin, {n} tasks", cells, share=0.15))
    return tuple(rows)


def gate() -> tuple[Row, ...]:
    """The gate's verdict as a whole."""

    def of(make: Callable[[gating.Design, int, int], Share]) -> list[Batch]:
        return [one_claim(partial(make, design)) for design in gating.DESIGNS]

    def equals(design: gating.Design, runs: int, seed: int) -> Share:
        rng, policy = np.random.default_rng(seed), Policy(margin=gating.MARGIN)
        pairs = (gating.paired(design, *gating.drawn(design, (gating.RATE,) * 2, rng)) for _ in range(runs))
        return counted([gate_tests(pair, policy, resamples=RESAMPLES).blocks for pair in pairs])

    def tries(design: gating.Design, runs: int, seed: int, number: int | None) -> Share:
        return gating.shipped_of_tries(design, number, runs, seed)

    def lost(design: gating.Design, runs: int, seed: int, *, too: bool) -> Share:
        return gating.shipped_with_losses(design, runs, seed, counted_too=too)

    def past(design: gating.Design, runs: int, seed: int, *, anchored: bool) -> Share:
        return gating.shipped_past_the_anchor(design, 5, runs, seed, anchored=anchored)

    return (
        errs("BLOCK of equals", of(equals)),
        errs("SHIP at the margin in any of 20 tries, `tries: 20`", of(partial(tries, number=20)), share=0.25),
        errs("the same without `tries`", of(partial(tries, number=None)), used=False, share=0.25),
        errs("SHIP where 2% are lost that failed", of(partial(lost, too=True))),
        errs("the same, lost ones left out", of(partial(lost, too=False)), used=False),
        errs("SHIP 5 points below the anchor, 1 below the baseline", of(partial(past, anchored=True))),
        errs("the same without an anchor", of(partial(past, anchored=False)), used=False),
    )


def until_decided() -> tuple[Row, ...]:
    """Verdicts of the rule of ``--until-decided``."""

    def said(make: early.Make, decision: Decision) -> Batch:
        return one_claim(lambda runs, seed: early.tried(make, Policy(margin=MARGIN), runs, seed).share(decision))

    def of(delta: float, decision: Decision) -> list[Batch]:
        three = (early.three_trials(delta, shared=shared) for shared in (False, True))
        return [said(make, decision) for make in (early.one_trial(delta, 1), early.one_trial(delta, 6), *three)]

    trend = said(early.trend_in_the_file(), Decision.BLOCK)
    return (
        errs("SHIP at the margin", of(-MARGIN, Decision.SHIP), share=0.25),
        errs("BLOCK of equals", of(0.0, Decision.BLOCK), share=0.25),
        errs("BLOCK, -20 in the first fifth of the file, mean 0", (trend, None, None, None), share=0.5),
    )


def looks() -> tuple[Row, ...]:
    """Looking before the end."""
    bounds, one = stats.obrien_fleming_bounds(5), stats.obrien_fleming_bounds(1)[0]

    def of(delta: float, crossed: Callable[[Array, Array], tuple[Array, ...] | Array]) -> Batch:
        def share(runs: int, seed: int) -> Share:
            found = crossed(*sequences.paths(delta, runs, seed))
            return sequences.stopped(*(found if isinstance(found, tuple) else (found,))).share

        return one_claim(share)

    def at(every: int, limits: tuple[float, ...] | float) -> Batch:
        return of(-MARGIN, lambda wins, losses: sequences.looks_at(wins, losses, every, limits))

    every = sequences.TASKS // 5
    return (
        errs("harm e-process after every task, equal", [of(0.0, sequences.harm_process)], share=2),
        errs("margin e-process after every task", [of(-MARGIN, sequences.pass_process)], share=2),
        errs("O'Brien and Fleming's five looks", [at(every, bounds)], share=2),
        errs("looking every 10 tasks at a test for one look", [at(10, one)], used=False, share=2),
    )


def families() -> tuple[Row, ...]:
    """Any false claim among several."""
    rows = [errs(f"any pair of sorted equals, {n} tasks", (claims.sorted_equals(n, k) for k in MANY), share=0.5)
            for n in TASKS]  # fmt: skip
    for kind, of in list(KINDS.items())[:2]:
        cells = (claims.sorted_equals(50, k, kind) for k in MANY)
        rows.append(errs(f"any pair, 50 clusters {of}", cells, says=FEW, share=0.25))
    rows += [
        errs("the best is beaten, 100 tasks", (claims.beaten(100, k) for k in MANY), share=0.5),
        errs("any lift of skills, 200 tasks", (claims.lifts(200, k) for k in MANY), share=0.5),
    ]
    for what, name in (("max-T", "any domain"), ("harm", "any domain harmed")):
        for trials, better, more in ((1, 0, ""), (3, 0, ", three trials"), (1, 3, ", three gain .2")):
            cells = (claims.family(40, trials, better, what, many=k) for k in MANY)
            rows.append(errs(f"{name}, 40 tasks each{more}", cells, share=0.2))
    return tuple(rows)


def margins() -> tuple[Row, ...]:
    """SHIP at the margin, BLOCK of equals, by the tests alone."""
    rows = []
    for psi in (0.05, 0.2):
        cells = (Exact(partial(sim.non_inferiority_level, n, psi, MARGIN)) for n in TASKS)
        rows.append(errs(f"at the margin, one trial, {decimal(psi)} discordant", cells))
    for world in ("equal", "skewed", "lost"):
        cells = (claims.margin(n, world, MARGIN) for n in TASKS)
        rows.append(errs(f"at the margin, three trials, {world}", cells))
    for kind in ("five", "few"):
        cells = (claims.margin(n, "lost", MARGIN, kind) for n in TASKS)
        rows.append(errs(f"at the margin, lost, clusters {'of 5' if kind == 'five' else 'of 1 to 8'}", cells))
    rows.append(errs("harm of an equal candidate", (claims.harm(n, "equal") for n in TASKS), share=0.5))
    return tuple(rows)


_part = partial(Part, page="error-rates.md")
ERRORS: dict[str, Part] = {
    "tests": _part(
        title="Tests",
        about="Tasks. One trial: exact. 1 and 10 trials: of one contender and of the other, at a rate; alike: the "
        "same tasks are hard for both. Factorial: the other factor adds .1.",
        sizes=ON_TASKS,
        rows=tests,
    ),
    "clustered-tests": _part(
        title="Tests on clusters", about="Clusters, as on the other page.", sizes=ON_CLUSTERS, rows=on_clusters
    ),
    "families": _part(
        title="Any of several",
        about="Contenders, skills or domains. Contenders are sorted by their rates, as in `show`, and all compared.",
        sizes=tuple(map(str, MANY)),
        rows=families,
    ),
    "margins": _part(
        title="The margin",
        about="Tasks or clusters. A candidate that truly loses the margin, .05, is passed. Lost: all is lost on one "
        "unit of 14; skewed: much is lost on a tenth.",
        sizes=ON_TASKS,
        rows=margins,
    ),
    "advice": _part(
        title="Advice",
        about="RENT options, or MIX options. OWN costs half of what RENT does, at the same rate; or MIX is 2 points "
        "below RENT, the margin, and costs half. By `benchmarks/advising.py`.",
        sizes=tuple(map(str, RIVALS)),
        rows=advice,
    ),
    "gate": _part(
        title="The gate as a whole",
        about="By `benchmarks/gating.py`, at a margin of 5 points.",
        sizes=("600 tasks", "300, 5 trials", "clusters of 4"),
        rows=gate,
    ),
    "until-decided": _part(
        title="Until decided",
        about="600 tasks, a margin of 5 points, by `benchmarks/early.py`. After how many tasks it stops: "
        "[early stopping](early-stopping.md).",
        sizes=("one trial", "6 domains", "three trials", "200 clusters"),
        rows=until_decided,
    ),
    "looks": _part(
        title="Looking before the end",
        about="600 tasks, .2 discordant; all but the first at the margin, .05.",
        sizes=("claims",),
        rows=looks,
    ),
}
