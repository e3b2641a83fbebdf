"""What docs/coverage.md shows: each interval that the program prints, in populations with a known truth."""

from functools import partial

import false_claims as claims
import figures
import improving
import simulations as sim
from coverage_errors import CLUSTERS, ERRORS, FEW, KINDS, ON_CLUSTERS, ON_TASKS, TASKS, decimal, errs
from coverage_table import Exact, Part, Row

DEAR = "dear tail, skewed costs"
LABELS = {
    "2 labels": (0.7, 0.3),
    "5 labels, one of 5%": (0.4, 0.25, 0.2, 0.1, 0.05),
    "4 labels, one of 1%": (0.5, 0.3, 0.19, 0.01),
    "10 labels": (0.1,) * 10,
}


def rates() -> tuple[Row, ...]:
    """Of one contender, and of the best of several."""
    rows = [
        Row(name=f"rate about {decimal(p)}, one trial", cells=tuple(Exact(partial(sim.mean_miss, n, p)) for n in TASKS))
        for p in (0.1, 0.5, 0.9)
    ]
    for p in (0.7, 0.9):
        cells = tuple(sim.rate(n, p, trials=3) for n in TASKS)
        rows += [Row(name=f"rate {decimal(p)}, three trials", cells=cells)]
    cells = tuple(sim.naive_rate(n, 0.9, 3) for n in TASKS)
    rows.append(Row(name="that, as if trials were tasks", cells=cells, used=False))
    rows.append(Row(name="rate of these very tasks, three trials", cells=tuple(sim.this_suite(n, 3) for n in TASKS)))
    for name, every in (("pass^3", True), ("pass@3", False)):
        cells = tuple(sim.repeated(n, 3, 5, all_of_them=every) for n in TASKS)
        rows.append(Row(name=f"{name} of five trials", cells=cells))
    for many, spread in ((5, 0.0), (10, 0.0), (25, 0.0), (10, 0.05)):
        name = f"the best of {many}, " + (f"which spread by {decimal(spread)}" if spread else "all equal")
        rows.append(Row(name=name, cells=tuple(sim.best_of(n, many, spread) for n in TASKS), share=0.5))
    return tuple(rows)


def differences() -> tuple[Row, ...]:
    """Of two contenders on tasks of their own."""
    rows = []
    for psi, delta in ((0.05, 0.0), (0.05, 0.05), (0.2, 0.0), (0.2, 0.05)):
        name = f"one trial, {decimal(psi)} discordant, {decimal(delta)} apart"
        rows.append(Row(name=name, cells=tuple(Exact(partial(sim.paired_miss, n, psi, delta)) for n in TASKS)))
    cells = tuple(Exact(partial(sim.paired_miss, n, 0.05, 0.05, sim.wald_difference)) for n in TASKS)
    rows.append(Row(name="Wald's of the second", cells=cells, used=False))
    for a, b in ((0.7, 0.7), (0.9, 0.9), (0.95, 0.85)):
        cells = tuple(sim.difference(n, a, b) for n in TASKS)
        rows.append(Row(name=f"three trials, {decimal(a)} and {decimal(b)}", cells=cells, share=0.5))
    for world in ("skewed", "steady"):
        cells = tuple(sim.in_world(n, world) for n in TASKS)
        rows.append(Row(name=f"three trials, {world}", cells=cells, share=0.5))
    for a, b, trials in ((0.95, 0.95, (1, 10)), (0.6, 0.6, (2, 10)), (0.8, 0.6, (1, 10))):
        cells = tuple(sim.difference(n, a, b, trials=trials) for n in TASKS)
        rows.append(
            Row(name=f"{trials[0]} and {trials[1]} trials, {decimal(a)} and {decimal(b)}", cells=cells, share=0.25)
        )
    for change in (0.0, 0.2):
        cells = tuple(sim.drifting(n, change) for n in TASKS)
        rows.append(Row(name=f"change of {decimal(change)} over the run", cells=cells, share=0.2))
    return (
        *rows,
        Row(name="at ten looks, anytime", cells=tuple(sim.any_time(n, 0.05) for n in TASKS), share=0.2),
        Row(name="normalised gain of .375", cells=tuple(figures.gain(n) for n in TASKS)),
        Row(name="tasks that got worse, excess", cells=tuple(figures.worse_tasks(n, 3) for n in TASKS)),
    )


def clusters() -> tuple[Row, ...]:
    """Of tasks that share sources."""
    rows = []
    for kind, of in KINDS.items():
        for p in (0.7, 0.9):
            cells = tuple(sim.rate(groups, p, kind) for groups in CLUSTERS)
            rows.append(Row(name=f"rate {decimal(p)}, {of}", cells=cells, says=FEW))
        for a, b in ((0.7, 0.7), (0.9, 0.9), (0.95, 0.85)):
            cells = tuple(sim.difference(groups, a, b, kind, (1, 1)) for groups in CLUSTERS)
            rows.append(Row(name=f"{decimal(a)} less {decimal(b)}, {of}", cells=cells, says=FEW, share=0.5))
        cells = tuple(sim.difference(groups, 0.7, 0.7, kind, (1, 10)) for groups in CLUSTERS)
        rows.append(Row(name=f".7 less .7, 1 and 10 trials, {of}", cells=cells, says=FEW, share=0.2))
    cells = tuple(figures.cost(groups, 0.5, per_pass=True, kind="zipf") for groups in CLUSTERS)
    return (*rows, Row(name="cost per pass, sigma .5, zipf", cells=cells, says=f"{FEW}; {DEAR}"))


BY_DOMAIN = ((6, 30), (6, 100), (12, 30), (12, 100))


def domains() -> tuple[Row, ...]:
    """Of differences in several domains."""
    rows = []
    for what, name in (("shrunk", "shrunk difference"), ("prediction", "another domain's")):
        for tau in (0.0, 0.03, 0.1):
            cells = tuple(figures.domains(each, many, tau, what) for many, each in BY_DOMAIN)
            rows.append(Row(name=f"{name}, tau {decimal(tau)}", cells=cells, share=0.25))
    cells = tuple(figures.domains(each, many, 0.05, "mean") for many, each in BY_DOMAIN)
    rows.append(Row(name="mean over domains, tau .05", cells=cells, share=0.25))
    cells = tuple(figures.domains(each, many, 0.05, "worse") for many, each in BY_DOMAIN)
    rows.append(Row(name="falsely P(worse) > 95%, tau .05", cells=cells, words="at most 5", share=0.25))
    return tuple(rows)


def money() -> tuple[Row, ...]:
    """Of means and ratios of skewed costs."""
    rows = []
    for sigma in (0.5, 1.0, 1.5, 2.0):
        for per_pass in (False, True):
            cells = tuple(figures.cost(n, sigma, per_pass=per_pass) for n in TASKS)
            name = f"cost per {'pass' if per_pass else 'task'}, sigma {decimal(sigma)}"
            rows.append(Row(name=name, cells=cells, says=DEAR))
    return tuple(rows)


def others() -> tuple[Row, ...]:
    """Of labels, seconds, confidences and judges."""
    rows = []
    for name, shares in LABELS.items():
        cells = tuple(figures.macro_f1(n, shares) for n in TASKS)
        rows.append(Row(name=f"macro-F1, {name}", cells=cells, says="rare labels"))
    for quantile, name in ((0.5, "median"), (0.95, "95th percentile")):
        for trials, many in ((1, "one trial"), (3, "three trials")):
            cells = tuple(figures.latency(n, quantile, trials) for n in TASKS)
            rows.append(Row(name=f"{name} of latency, {many}", cells=cells))
    for truth in (0.6, 0.75, 0.95):
        cells = tuple(figures.area(n, truth) for n in TASKS)
        rows.append(Row(name=f"AUROC of {decimal(truth)}", cells=cells, says="few answers"))
    cells = tuple(figures.judged(n) for n in TASKS)
    rows.append(Row(name="pass rate by a judge, n labelled", cells=cells, says="few labels"))
    return tuple(rows)


def improved() -> tuple[Row, ...]:
    """Of the loop that improves a skill."""
    worlds: dict[str, dict[str, bool | int | float]] = {
        "noise": {},
        "answers of the tasks shown": {"memorises": True},
        "those, clusters of 3": {"memorises": True, "cluster": 3},
        "those, with a good edit among them": {"memorises": True, "gain": 0.3},
    }
    rows = [
        errs(f"falsely accepted: {name}", (improving.falsely(dev_tasks=n, **world) for n in TASKS), share=0.25)
        for name, world in worlds.items()
    ]
    for gain in (0.1, 0.2, 0.3):
        cells = tuple(improving.planted(dev_tasks=n, gain=gain) for n in TASKS)
        name = f"accepted: an edit that adds {decimal(gain)}"
        rows.append(Row(name=name, cells=cells, words="power", share=0.25))
    rows.append(errs("falsely enough: any of 4 numbers of examples", (claims.any_size_claimed(n) for n in TASKS)))
    return tuple(rows)


_part = partial(Part, page="coverage.md")
PARTS: dict[str, Part] = {
    "rates": _part(
        title="Rates",
        about="Tasks. One trial: Wilson's interval, exact, its mean over rates within .05 (at one rate whole counts "
        "make it go up and down, 93 to 97). Trials of a task have a correlation of .3; the best has as many "
        "rivals.",
        sizes=ON_TASKS,
        rows=rates,
    ),
    "differences": _part(
        title="Differences",
        about="Tasks. One trial: Tango's interval, exact. Trials: half of the tasks are as hard for both, the others "
        "unrelated. Skewed: one gains .05 on nine tasks of ten and loses .45 on the tenth. Steady: rates are 0 or"
        " 1.",
        sizes=ON_TASKS,
        rows=differences,
    ),
    "clusters": _part(
        title="Clusters",
        about="Clusters of one trial a task, correlated by .3: of five tasks each, or of sizes like zipf 1.8 and Pareto"
        " 1.2, cut at 500. These count for few (Kish below 10, or below half of their number): so `show` and "
        "`compare` warn.",
        sizes=ON_CLUSTERS,
        rows=clusters,
    ),
    "domains": Part(
        page="domains.md",
        title="How far it is right",
        about="Domains and tasks in each, one trial, .3 discordant; true differences are normal around 0 with the "
        "standard deviation tau, which is integrated out.",
        sizes=tuple(f"{many} of {each}" for many, each in BY_DOMAIN),
        rows=domains,
    ),
    "money": _part(
        title="Costs",
        about="Tasks. Costs are log-normal, failed tasks cost half as much again, 60% pass. Warned where the dearest 1%"
        " hold over a fifth, or tasks are fewer than 25 times the squared skewness (Cochran 1977).",
        sizes=ON_TASKS,
        rows=money,
    ),
    "others": _part(
        title="Labels, latencies, confidence",
        about="Tasks. Warned of labels that under 2% of the tasks have, or fewer than 5; of an AUROC on few answers; of"
        " few labelled tasks. A latency without a limit holds the truth for want of one, and says so.",
        sizes=ON_TASKS,
        rows=others,
    ),
    "improving": _part(
        title="Improving skills",
        about="Dev tasks. How often a loop of ten tries ([skill improve](skill-improve.md)) accepts an edit that helps "
        "nobody, and how often one that was planted at the third. How often a [learning curve](learning-curve.md) "
        "calls a number of examples enough that misses all of them by the margin, .05.",
        sizes=ON_TASKS,
        rows=improved,
    ),
    **ERRORS,
}
