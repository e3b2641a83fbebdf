"""What docs/coverage.md shows: each interval that the program prints, in populations with a known truth."""

from functools import partial

import figures
import simulations as sim
from coverage_errors import ERRORS
from coverage_table import Part, Row

from harness import stats

PAGE = "coverage.md"
TASKS = ("30", "100", "500")
CLUSTERS = (30, 50, 200)
SIZES = (30, 100, 500)
FEW = "clusters count for few"
DEAR = "the dearest tasks, or how skewed costs are"
OF = {"five": "clusters of 5", "zipf": "clusters like zipf 1.8", "pareto": "clusters like Pareto 1.2"}


def decimal(share: float) -> str:
    """.05 for 0.05."""
    return f"{share:g}".removeprefix("0") or "0"


def rates() -> tuple[Row, ...]:
    rows = [
        Row(name=f"rate about {decimal(p)}, one trial", cells=tuple(1.0 - sim.mean_coverage(n, p) for n in SIZES))
        for p in (0.1, 0.5, 0.9)
    ]
    for p in (0.7, 0.9):
        cells = tuple(sim.rate(n, p, trials=3) for n in SIZES)
        rows.append(Row(name=f"rate {decimal(p)}, three trials", cells=cells, share=2))
    rows += [
        Row(
            name="the same, trials taken for tasks",
            cells=tuple(sim.naive_rate(n, 0.9, 3) for n in SIZES),
            used=False,
        ),
        Row(name="rate of these very tasks, three trials", cells=tuple(sim.this_suite(n, 3) for n in SIZES)),
    ]
    for name, all_of_them in (("pass^3", True), ("pass@3", False)):
        cells = tuple(sim.repeated(n, 3, 5, all_of_them=all_of_them) for n in SIZES)
        rows.append(Row(name=f"{name} of five trials, rate .7", cells=cells))
    for many in (5, 10, 25):
        cells = tuple(sim.best_of(n, many, 0.0) for n in SIZES)
        rows.append(Row(name=f"the best of {many}, all .6", cells=cells, share=0.5))
    rows.append(
        Row(name="the best of 10, .6 with spread .05", cells=tuple(sim.best_of(n, 10, 0.05) for n in SIZES), share=0.5)
    )
    return tuple(rows)


def clusters() -> tuple[Row, ...]:
    rows = []
    for kind, name in OF.items():
        for p in (0.7, 0.9):
            cells = tuple(sim.rate(groups, p, kind) for groups in CLUSTERS)
            rows.append(Row(name=f"rate {decimal(p)}, {name}", cells=cells, says=FEW))
    for kind, name in OF.items():
        for a, b in ((0.7, 0.7), (0.9, 0.9), (0.95, 0.85)):
            cells = tuple(sim.difference(groups, a, b, kind, (1, 1)) for groups in CLUSTERS)
            rows.append(
                Row(name=f"difference of {decimal(a)} and {decimal(b)}, {name}", cells=cells, says=FEW, share=0.5)
            )
    for kind, name in OF.items():
        cells = tuple(sim.difference(groups, 0.7, 0.7, kind, (1, 10)) for groups in CLUSTERS)
        rows.append(Row(name=f"the same of .7, 1 trial and 10, {name}", cells=cells, says=FEW, share=0.25))
    for kind, name in list(OF.items())[1:]:
        cells = tuple(figures.cost(groups, 1.0, per_pass=True, kind=kind) for groups in CLUSTERS)
        rows.append(Row(name=f"cost per pass, sigma 1, {name}", cells=cells, says=f"{FEW}, or {DEAR}"))
    return tuple(rows)


def differences() -> tuple[Row, ...]:
    rows = [
        Row(
            name=f"one trial, {decimal(psi)} discordant, difference {decimal(delta)}",
            cells=tuple(1.0 - sim.paired_coverage(n, psi, delta) for n in SIZES),
        )
        for psi, delta in ((0.05, 0.0), (0.05, 0.05), (0.2, 0.0), (0.2, 0.05))
    ]
    rows.append(
        Row(
            name="Wald's of the second",
            cells=tuple(1.0 - sim.paired_coverage(n, 0.05, 0.05, sim.wald_difference) for n in SIZES),
            used=False,
        )
    )
    for a, b in ((0.7, 0.7), (0.9, 0.9), (0.95, 0.85)):
        cells = tuple(sim.difference(n, a, b) for n in SIZES)
        rows.append(Row(name=f"three trials, {decimal(a)} and {decimal(b)}", cells=cells, share=0.5))
    for world in ("skewed", "steady"):
        cells = tuple(sim.in_world(n, world) for n in SIZES)
        rows.append(Row(name=f"three trials, {world}", cells=cells, share=0.5))
    for a, b, trials in ((0.95, 0.95, (1, 10)), (0.6, 0.6, (1, 10)), (0.6, 0.6, (2, 10)), (0.8, 0.6, (1, 10))):
        cells = tuple(sim.difference(n, a, b, trials=trials) for n in SIZES)
        name = f"{trials[0]} trials and {trials[1]}, {decimal(a)} and {decimal(b)}"
        rows.append(Row(name=name.replace("1 trials", "1 trial"), cells=cells, share=0.25))
    for change in (0.0, 0.2):
        cells = tuple(sim.drifting(n, change) for n in SIZES)
        rows.append(Row(name=f"change over the run of {decimal(change)}", cells=cells, share=0.25))
    rows += [
        Row(name="difference at ten looks, anytime", cells=tuple(sim.any_time(n, 0.05) for n in SIZES), share=0.25),
        Row(name="normalised gain of .375", cells=tuple(figures.gain(n) for n in SIZES)),
        Row(name="tasks that got worse, excess", cells=tuple(figures.worse_tasks(n, 3) for n in SIZES), share=0.5),
    ]
    return tuple(rows)


BY_DOMAIN = ((6, 30), (6, 100), (12, 30), (12, 100))


def domains() -> tuple[Row, ...]:
    rows = []
    for what, name in (("shrunk", "shrunk difference"), ("prediction", "difference in another domain")):
        for tau in (0.0, 0.03, 0.1):
            cells = tuple(figures.domains(each, many, tau, what) for many, each in BY_DOMAIN)
            rows.append(Row(name=f"{name}, tau {decimal(tau)}", cells=cells, share=0.4))
    cells = tuple(figures.domains(each, many, 0.05, "mean") for many, each in BY_DOMAIN)
    rows.append(Row(name="mean over domains, tau .05", cells=cells, share=0.4))
    cells = tuple(figures.domains(each, many, 0.05, "worse") for many, each in BY_DOMAIN)
    words = "said of so many that are not"
    rows.append(Row(name="worse with a chance of 95%, tau .05", cells=cells, words=words, share=0.4))
    return tuple(rows)


def money() -> tuple[Row, ...]:
    rows = []
    for sigma in (0.5, 1.0, 1.5, 2.0):
        for per_pass in (False, True):
            cells = tuple(figures.cost(n, sigma, per_pass=per_pass) for n in SIZES)
            rows.append(Row(name=f"cost per {'pass' if per_pass else 'task'}, sigma {sigma:g}", cells=cells, says=DEAR))
    return tuple(rows)


def others() -> tuple[Row, ...]:
    labels = {
        "2 labels": (0.7, 0.3),
        "5 labels, one of 5%": (0.4, 0.25, 0.2, 0.1, 0.05),
        "4 labels, one of 1%": (0.5, 0.3, 0.19, 0.01),
        "10 labels": (0.1,) * 10,
    }
    rows = [
        Row(
            name=f"macro-F1, {name}",
            cells=tuple(figures.macro_f1(n, shares) for n in SIZES),
            says="rare labels",
            share=0.5,
        )
        for name, shares in labels.items()
    ]
    for quantile, name in ((0.5, "median latency"), (0.95, "95th percentile of latency")):
        for trials, many in ((1, "one trial"), (3, "three trials")):
            cells = tuple(figures.latency(n, quantile, trials) for n in SIZES)
            rows.append(Row(name=f"{name}, {many}", cells=cells, says="too few values"))
    for truth in (0.6, 0.75, 0.95):
        cells = tuple(figures.area(n, truth) for n in SIZES)
        rows.append(Row(name=f"AUROC of {decimal(truth)}", cells=cells, says="too narrow"))
    rows.append(Row(name="a judge put right by n labels", cells=tuple(figures.judged(n) for n in SIZES)))
    return tuple(rows)


_part = partial(Part, page=PAGE)
PARTS: dict[str, Part] = {
    "rates": _part(title="Rates", about="TODO", sizes=TASKS, rows=rates),
    "differences": _part(title="Differences", about="TODO", sizes=TASKS, rows=differences),
    "clusters": _part(title="Clusters", about="TODO", sizes=tuple(map(str, CLUSTERS)), rows=clusters),
    "domains": _part(
        title="Domains", about="TODO", sizes=tuple(f"{many} of {each}" for many, each in BY_DOMAIN), rows=domains
    ),
    "money": _part(title="Costs", about="TODO", sizes=TASKS, rows=money),
    "others": _part(title="Labels, latencies, confidence", about="TODO", sizes=TASKS, rows=others),
    **ERRORS,
}
