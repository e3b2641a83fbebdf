"""What docs/error-rates.md shows: how often each test and verdict of the program claims what is not so."""

from functools import partial

import false_claims as claims
import sequences
import simulations as sim
from coverage_table import Part, Row

PAGE = "error-rates.md"
TASKS = ("30", "100", "500")
SIZES = (30, 100, 500)
CLUSTERS = (30, 50, 200)
FEW = "clusters count for few"


def row(name: str, cells: object, **more: object) -> Row:
    return Row(name=name, cells=tuple(cells), test=True, **more)  # type: ignore[arg-type]


def tests() -> tuple[Row, ...]:
    exact = {psi: [sim.mcnemar_levels(n, psi) for n in SIZES] for psi in (0.05, 0.2)}
    rows = [
        *(row(f"McNemar mid-p, {psi:g} discordant", [f["mid-p"] for f in found]) for psi, found in exact.items()),
        row("McNemar mid-p, at the worst share", [sim.worst_midp(n) for n in SIZES], words="up to 6 by whole counts"),
        row("McNemar exact, 0.2 discordant", [f["exact"] for f in exact[0.2]]),
        row("asymptotic, 0.2 discordant", [f["asymptotic"] for f in exact[0.2]], used=False),
        row("Fisher, rates of .7", [claims.unpaired(n) for n in SIZES]),
    ]
    for world in ("equal", "skewed", "steady"):
        rows.append(row(f"sign flip, three trials, {world}", [claims.compared(n, world) for n in SIZES], share=0.5))
    rows.append(row("t test, three trials, skewed", [claims.t_test(n, "skewed") for n in SIZES], used=False))
    for rate, trials in ((0.95, (1, 10)), (0.6, (1, 10)), (0.6, (2, 10))):
        for alike, name in ((1.0, "the same tasks hard"), (0.0, "other tasks hard")):
            cells = [claims.unequal(n, rate, trials, alike) for n in SIZES]
            rows.append(row(f"shuffle, {trials[0]} and {trials[1]} trials, {rate:g}, {name}", cells, share=0.5))
    for effect, name in ((0, "main effect"), (1, "interaction")):
        rows.append(row(f"factorial, {name}", [claims.factorial(n, effect) for n in SIZES], share=0.25))
    for trials in (1, 3):
        cells = [claims.domains_differ(n, 6, trials) for n in SIZES]
        rows.append(row(f"do 6 domains differ (Q), {trials} trials", cells, share=0.25))
    return tuple(rows)


def on_clusters() -> tuple[Row, ...]:
    rows = []
    for kind in ("five", "zipf", "pareto"):
        rows += [
            row(f"sign flip, {kind}", [claims.compared(g, "mixed", kind) for g in CLUSTERS], says=FEW, share=0.5),
            row(f"shuffle, 1 and 10, {kind}", [claims.unequal(g, 0.7, (1, 10), 0.5, kind) for g in CLUSTERS], says=FEW,
                share=0.25),
            row(f"harm, {kind}", [claims.harm(g, "mixed", kind) for g in CLUSTERS], says=FEW, share=0.5),
            row(f"interaction, {kind}", [claims.factorial(g, 1, kind) for g in CLUSTERS], says=FEW, share=0.25),
            row(f"trend, {kind}", [claims.trend(g, kind) for g in CLUSTERS], says=FEW, share=0.1),
            row(f"run effect, 4 calls, {kind}", [claims.between_runs(g, 4, kind) for g in CLUSTERS], says=FEW, share=0.1),
        ]  # fmt: skip
    return tuple(rows)


def ranking() -> tuple[Row, ...]:
    many = (5, 10, 25)
    rows = []
    for n in SIZES:
        rows.append(row(f"any adjusted p, {n} tasks", [claims.sorted_equals(n, k) for k in many], share=0.5))
    for kind in ("five", "zipf"):
        rows.append(
            row(f"any adjusted p, 50 {kind}", [claims.sorted_equals(50, k, kind) for k in many], says=FEW, share=0.25)
        )
    rows.append(row("the best is beaten, 100 tasks", [claims.beaten(100, k) for k in many], share=0.5))
    rows.append(row("any lift of so many skills, 200 tasks", [claims.lifts(200, k) for k in many], share=0.5))
    return tuple(rows)


def families() -> tuple[Row, ...]:
    designs = ((15, 1, 0), (50, 1, 0), (15, 3, 0), (50, 1, 10))
    rows = [row(f"any domain, {what}", [claims.family(*design, what) for design in designs], share=0.1)
            for what in ("max-T", "harm")]  # fmt: skip
    return tuple(rows)


def margins() -> tuple[Row, ...]:
    rows = [row(f"SHIP at the margin, one trial, {psi:g} discordant",
                [sim.non_inferiority_level(n, psi, 0.05) for n in SIZES]) for psi in (0.05, 0.2)]  # fmt: skip
    for world in ("equal", "skewed", "lost"):
        rows.append(row(f"SHIP at the margin, three trials, {world}", [claims.margin(n, world, 0.05) for n in SIZES]))
    for kind in ("five", "few"):
        rows.append(row(f"SHIP at the margin, clusters of {kind}, lost",
                        [claims.margin(n, "lost", 0.05, kind) for n in SIZES]))  # fmt: skip
    rows.append(row("harm of an equal candidate, three trials", [claims.harm(n, "equal") for n in SIZES], share=0.5))
    return tuple(rows)


def time() -> tuple[Row, ...]:
    return (
        row("trend of the difference", [claims.trend(n) for n in SIZES], share=0.25),
        row("run effect, 4 calls", [claims.between_runs(n, 4) for n in SIZES], share=0.25),
    )


_part = partial(Part, page=PAGE)
ERRORS: dict[str, Part] = {
    "tests": _part(title="Tests", about="TODO", sizes=TASKS, rows=tests),
    "clustered-tests": _part(title="Tests on clusters", about="TODO", sizes=tuple(map(str, CLUSTERS)), rows=on_clusters),
    "ranking": _part(title="Ranked together", about="TODO", sizes=("5", "10", "25"), rows=ranking),
    "families": _part(title="Twenty domains", about="TODO", sizes=("15", "50", "15, three trials", "50, ten gain"),
                      rows=families),
    "margins": _part(title="The margin", about="TODO", sizes=TASKS, rows=margins),
    "time": _part(title="Time", about="TODO", sizes=TASKS, rows=time),
}  # fmt: skip
