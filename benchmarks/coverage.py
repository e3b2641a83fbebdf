"""Checks that intervals hold the truth as often as they say and that tests err no more often than they say.

    python benchmarks/coverage.py [--write] [--parts rate paired ...]

Everything is seeded: a second run prints the same page. ``--write`` puts it into docs/coverage.md, between its markers.
"""

import argparse
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import sequences
import simulations
from measure import table
from sequences import Stopped
from simulations import Share

from harness import stats

PAGE = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"
BEGIN, END = "<!-- coverage:begin -->", "<!-- coverage:end -->"
LOWEST, HIGHEST = 0.93, 0.06
"""A 95% interval fails below the one, a 5% test above the other."""
RUNS = 4_000


@dataclass
class Part:
    """One table in the making, with a tally of the program's own figures that fail."""

    title: str
    about: str
    then: str
    """What the program warns of or does instead."""
    head: Sequence[str] = ()
    rows: list[list[str]] = field(default_factory=list)
    looked_at: int = 0
    failing: list[tuple[float, str]] = field(default_factory=list)
    """How far beyond its bound, and the figure in words."""

    def coverage(self, share: Share, where: str | None) -> str:
        """A cell; ``where`` names the case for the tally, None keeps a figure out that the program does not use."""
        return self._cell(share, LOWEST - share.value, where)

    def level(self, share: Share, where: str | None) -> str:
        """A cell with the rate of false claims of a test at 5%."""
        return self._cell(share, share.value - HIGHEST, where)

    def _cell(self, share: Share, beyond: float, where: str | None) -> str:
        if where is not None:
            self.looked_at += 1
            if beyond > 0.0:
                self.failing.append((beyond, f"{where}: {100 * share.value:.1f}"))
        text = percent(share)
        return f"**{text}**" if beyond > 0.0 else text

    def text(self) -> str:
        """The part as Markdown."""
        lines = [f"## {self.title}", "", *wrapped(self.about), "", table(self.head, self.rows), ""]
        return "\n".join([*lines, *wrapped(f"{self.verdict()} {self.then}".strip()), ""])

    def verdict(self) -> str:
        """How many of the program's own figures fail, and the three worst."""
        if not self.looked_at:
            return ""
        if not self.failing:
            return f"Fails: none of the program's {self.looked_at} figures."
        worst = "; ".join(name for _, name in sorted(self.failing, reverse=True)[:3])
        among = "" if len(self.failing) <= 3 else "worst "
        return f"Fails: {len(self.failing)} of the program's {self.looked_at} figures; {among}{worst}."


def percent(share: Share) -> str:
    """94.8 where exact, 94.8 ± 0.3 where simulated."""
    value = f"{100 * share.value:.1f}"
    return value if share.runs == 0 else f"{value} ± {100 * share.error:.1f}"


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)


# ------------------------------------------------------------------------------------------------------------ the parts


def rate(_: int) -> Part:
    """One pass rate, one trial a task."""
    part = Part(
        "One pass rate, one trial a task",
        "Coverage of 95% intervals, by enumeration of all counts. Columns: tasks, and the true rate. The program "
        "prints Wilson's; Jeffreys' and Clopper-Pearson's are in `harness.stats`; Wald's is what is not used.",
        "A count cannot cover 95% at every rate: Wilson's and Jeffreys' do on average over rates, and the program "
        "warns of nothing here. Clopper-Pearson's never fails and is wider.",
    )
    cases = [(n, p) for n in (30, 100, 500) for p in (0.05, 0.2, 0.5, 0.9)]
    part.head = ["interval", *(f"{n}: {short(p)}" for n, p in cases)]
    found = [simulations.rate_coverage(n, p) for n, p in cases]
    for name in simulations.RATE_INTERVALS:
        named = name != "Wald"
        part.rows.append(
            [
                name if named else "Wald (not used)",
                *(
                    part.coverage(cell[name], f"{name}, {n} tasks, rate {short(p)}" if named else None)
                    for cell, (n, p) in zip(found, cases, strict=True)
                ),
            ]
        )
    return part


def clusters(runs: int) -> Part:
    """One pass rate, trials and clusters."""
    part = Part(
        "One pass rate, three trials or clusters",
        "Coverage of `clustered_rate`, and of Wilson's interval on trials as if each were a task (naive, not used). "
        "ICC is the correlation of two trials of a task, or of a cluster of 1, 1, 2, 3 or 8 tasks. Two true rates.",
        "Below 10 clusters the method says so; below 30, and where a failure (or a pass) stands in fewer than 10 of "
        "them, it is Wilson's on an effective n and names how many, else CR1/t.",
    )
    part.head = ["clusters, ICC"]
    for where in ("tasks", "clusters"):
        part.head = [*part.head, *(f"{where}, {short(p)}{naive}" for p in (0.7, 0.95) for naive in ("", " naive"))]
    for groups in (10, 30, 100):
        for icc in (0.2, 0.6):
            row = [f"{groups}, {short(icc)}"]
            for shared in (False, True):
                for p in (0.7, 0.95):
                    found = simulations.clustered_coverage(groups, p, icc, 2 * runs, 11, shared=shared)
                    what = f"{groups} {'clusters' if shared else 'tasks'}, ICC {short(icc)}, rate {short(p)}"
                    row += [part.coverage(found["program"], what), part.coverage(found["naive"], None)]
            part.rows.append(row)
    return part


def paired(_: int) -> Part:
    """Two contenders, one trial a task: intervals."""
    part = Part(
        "A paired difference, one trial a task",
        "Coverage of 95% intervals, by enumeration of all tables. Columns: tasks, discordant share, true difference.",
        "The program prints Tango's.",
    )
    cases = [(n, psi, delta) for n in (30, 100, 500) for psi in (0.05, 0.2) for delta in (0.0, 0.05)]
    part.head = ["interval", *(f"{n}: {short(psi)}, {short(delta)}" for n, psi, delta in cases)]
    found = [simulations.paired_coverage(*case) for case in cases]
    for name in found[0]:
        named = name != "Wald"
        cells = [
            part.coverage(
                cell[name],
                f"{name}, {n} tasks, discordant {short(psi)}, difference {short(delta)}" if named else None,
            )
            for cell, (n, psi, delta) in zip(found, cases, strict=True)
        ]
        part.rows.append([name if named else "Wald (not used)", *cells])
    return part


def single_tests(_: int) -> Part:
    """Two contenders, one trial a task: tests."""
    part = Part(
        "Tests, one trial a task",
        "False claims at 5%, by enumeration; and how often non-inferiority passes a candidate exactly at a margin of "
        ".05, at one-sided 5%. Columns: tasks, discordant share; worst over all shares from .01 to 1.",
        "The program decides by mid-p, which may err a little above 5%, and prints the exact p next to it.",
    )
    sizes, shares = (30, 100, 500), (0.05, 0.2)
    part.head = ["test", *(f"{n}: {short(psi)}" for n in sizes for psi in shares), *(f"{n}: worst" for n in sizes)]
    found = {(n, psi): simulations.mcnemar_levels(n, psi) for n in sizes for psi in shares}
    for key, name in (("mid-p", "McNemar mid-p"), ("exact", "McNemar exact"), ("asymptotic", "asymptotic (not used)")):
        row = [name]
        for n, psi in found:
            used = f"{name}, {n} tasks, discordant {short(psi)}" if key != "asymptotic" else None
            row.append(part.level(found[n, psi][key], used))
        if key == "mid-p":
            row += [part.level(simulations.worst_midp(n), f"{name} at worst, {n} tasks") for n in sizes]
        part.rows.append(row + [""] * (1 + len(found) + len(sizes) - len(row)))
    row = ["non-inferiority"]
    for n, psi in found:
        passed = simulations.non_inferiority_level(n, psi, 0.05)
        row.append(part.level(passed, f"margin, {n} tasks, discordant {short(psi)}"))
    part.rows.append(row + [""] * len(sizes))
    return part


DESIGNS = [
    *(("one trial", n, 1, False) for n in (30, 100, 300)),
    *(("three trials", n, 3, False) for n in (30, 100, 300)),
    *(("clusters", n, 3, True) for n in (5, 10, 30, 100)),
]


def compared(runs: int) -> Part:
    """`compare` from end to end, and non-inferiority on clusters."""
    part = Part(
        "`compare` from end to end, and the margin",
        "Coverage; false claims at 5% of its p and of a t test (not used); passes of `non_inferiority`, at one-sided "
        "5%, at a true loss of the margin, .05, and at none. Clusters hold 1, 1, 2, 3 or 8 tasks of three trials. "
        "Equal: the same rate on each task. Gain: on half the units each has its own, .05 apart on average. Skewed: "
        "the first gains .05 on nine units of ten, loses .45 on the tenth. Steady: rates are 0 or 1. Lost: all is lost "
        "on one unit of 14.",
        "Where fewer than ten units, and fewer than half, differ, Tango's interval on units replaces CR1/t; of few "
        "heavy losers it does not warn. The margin's test allows for losers not seen: at .05 it needs 55 units, "
        "unequal ones more.",
    )
    worlds = ("equal", "gain", "skewed", "steady")
    null = ("equal", "skewed", "steady")
    part.head = ["units", *worlds, *(f"p, {w}" for w in null), "t, equal", "t, skewed"]
    part.head += ["margin, equal", "skewed", "lost", "no loss, equal", "skewed"]
    for name, n, trials, shared in DESIGNS:
        found = {world: simulations.compared(n, world, trials, runs, 13, shared=shared) for world in worlds}
        case = f"{n} {name}" if shared else f"{n} tasks, {name}"
        row = [f"{n}, {name}"]
        row += [part.coverage(found[world]["coverage"], f"interval, {case}, {world}") for world in worlds]
        row += [part.level(found[world]["level"], f"p, {case}, {world}") for world in null]
        row += [part.level(found[world]["t"], None) for world in ("equal", "skewed")]
        for world, loss in (("equal", 0.05), ("skewed", 0.05), ("lost", 0.05), ("equal", 0.0), ("skewed", 0.0)):
            if trials == 1:  # Tango's test is enumerated above
                row.append("")
                continue
            passed = simulations.clustered_gate(n, 0.05, 2 * runs, 17, world=world, shared=shared, loss=loss)
            row.append(part.level(passed, f"margin, {case}, {world}") if loss else percent(passed))
        part.rows.append(row)
    return part


def families(runs: int) -> Part:
    """Twenty domains at once."""
    part = Part(
        "Twenty domains at once",
        "Any false claim over all 20, at 5% family-wise; harm also asks for an estimate below a margin of .05. In the "
        "last row ten domains truly gain .2, and claims there are no errors.",
        "The report takes max-T.",
    )
    part.head = ["tasks in each, trials", "Holm", "max-T", "harmed_domains"]
    for each, trials, better in ((15, 1, 0), (50, 1, 0), (15, 3, 0), (50, 1, 10)):
        found = simulations.family(each, trials, better, runs=runs // 2, seed=19)
        name = f"{each}, {trials}" + (f"; {better} gain" if better else "")
        part.rows.append([name, *(part.level(found[k], f"{k}, {name}") for k in part.head[1:])])
    return part


STATED = {
    "harm, -.12": (None, 93.0),
    "pass, +.05": (None, 152.0),
    "OBF, 0": (0.841, 441.0),
    "fixed, 0": (0.853, 600.0),
    "peeking, -.05": (0.269, None),
}
"""What this project was planned with: the share of runs with that verdict, the tasks they took; of 2,000 runs."""
STATED_RUNS = 2_000


def sequential(runs: int) -> Part:
    """Looking before the end."""
    part = Part(
        "Looking before the end",
        f"Discordant share {short(sequences.DISCORDANT)}, margin {short(sequences.MARGIN)}, at most {sequences.TASKS} "
        "tasks. Stated: what the rules were chosen by, of 2,000 runs; it agrees within three standard errors.",
        "`ownbench run --until-decided` joins the harm e-process and the five looks: [how it fares as a whole]"
        "(early-stopping.md). Peeking fails, and it does not peek.",
    )
    part.head = ["rule", "difference", "verdict", "in %", "tasks", "stated", ""]

    def drawn(delta: float) -> tuple[simulations.Array, simulations.Array]:
        return sequences.paths(delta, 3 * runs, 23)

    bounds = stats.obrien_fleming_bounds(5)
    one = stats.obrien_fleming_bounds(1)[0]

    def add(name: str, delta: float, verdict: str, found: Stopped, *, stated: str = "", ours: bool = True) -> None:
        false = (verdict == "pass" and delta <= -sequences.MARGIN) or (verdict != "pass" and delta == 0.0)
        share = part.level(found.share, f"{name} at {delta:+.2f}" if ours else None) if false else percent(found.share)
        cells = ["", ""] if not stated else _beside(found, *STATED[stated])
        part.rows.append([name, signed(delta), verdict, share, f"{found.tasks:.0f} ± {found.tasks_error:.1f}", *cells])

    add("harm e-process, after every task", 0.0, "block", sequences.stopped(sequences.harm_process(*drawn(0.0))))
    found = sequences.stopped(sequences.harm_process(*drawn(-0.12)))
    add("harm e-process, after every task", -0.12, "block", found, stated="harm, -.12")
    for delta, stated in ((-0.05, ""), (0.05, "pass, +.05")):
        found = sequences.stopped(sequences.pass_process(*drawn(delta)))
        add("margin e-process, after every task", delta, "pass", found, stated=stated)
    for delta, stated in ((-0.05, ""), (0.0, "OBF, 0")):
        found = sequences.stopped(*sequences.looks_at(*drawn(delta), sequences.TASKS // 5, bounds))
        add("O'Brien-Fleming, 5 looks", delta, "pass", found, stated=stated)
    found = sequences.stopped(*sequences.looks_at(*drawn(0.0), sequences.TASKS, one))
    add("one look at the end", 0.0, "pass", found, stated="fixed, 0")
    for every, stated in ((10, "peeking, -.05"), (1, "")):
        found = sequences.stopped(*sequences.looks_at(*drawn(-0.05), every, one))
        often = f"after every {every} tasks" if every > 1 else "after every task"
        add(f"peeking {often} (not used)", -0.05, "pass", found, stated=stated, ours=False)
    return part


def _beside(found: Stopped, share: float | None, tasks: float | None) -> list[str]:
    """The figure stated, and whether ours agrees with it."""
    said, agree = [], True
    if share is not None:
        said.append(f"{100 * share:.1f}%")
        error = (found.share.error**2 + share * (1.0 - share) / STATED_RUNS) ** 0.5
        agree = abs(found.share.value - share) <= 3.0 * error
    if tasks is not None:
        said.append(f"{tasks:.0f} tasks")
        error = found.tasks_error * (1.0 + found.share.runs / STATED_RUNS) ** 0.5
        agree = agree and abs(found.tasks - tasks) <= max(3.0 * error, 0.5)
    return [", ".join(said), "agrees" if agree else "**differs**"]


def other_intervals(runs: int) -> Part:
    """Money, time, labels, judges."""
    part = Part(
        "Money, time, labels and judges",
        "Coverage at a small and a larger number of tasks (labelled tasks for PPI++, of 1,000). Open: intervals that "
        "lack a limit, which counts as holding. Costs are log-normal (sigma 1), the rarest of five labels has 5%.",
        "The scoreboard says *unbounded* where passes are too few, and why a latency has no limit; of dear tails and "
        "of rare labels it warns of nothing. AUROC and PPI++ stand in no report yet.",
    )
    part.head = ["figure", "tasks", "coverage", "open", "tasks", "coverage", "open"]
    figures: list[tuple[str, Callable[[int], tuple[Share, Share]], tuple[int, int]]] = [
        ("cost per pass, Fieller", lambda n: simulations.cost_per_pass(n, runs, 29), (30, 200)),
        ("macro F1, bootstrap", lambda n: simulations.macro_f1(n, runs // 2, 31), (50, 300)),
        ("median latency", lambda n: simulations.latency(n, 0.5, runs, 37), (50, 400)),
        ("95th percentile of latency", lambda n: simulations.latency(n, 0.95, runs, 41), (50, 400)),
        ("AUROC of .75, DeLong", lambda n: simulations.area(n, 0.75, runs, 43), (50, 300)),
        ("AUROC of .95, DeLong", lambda n: simulations.area(n, 0.95, runs, 47), (50, 300)),
        ("pass rate by PPI++", lambda n: simulations.judged(n, runs, 53), (30, 200)),
    ]
    for name, simulate, sizes in figures:
        row = [name]
        for n in sizes:
            held, opened = simulate(n)
            row += [str(n), part.coverage(held, f"{name}, {n}"), f"{100 * opened.value:.1f}"]
        part.rows.append(row)
    return part


def short(share: float) -> str:
    """.05 for 0.05."""
    return f"{share:g}".removeprefix("0") or "0"


def signed(share: float) -> str:
    return "0" if share == 0.0 else f"{share:+.2f}".replace("0.", ".").replace("-", "−")


PARTS: dict[str, Callable[[int], Part]] = {
    "rate": rate,
    "clusters": clusters,
    "paired": paired,
    "single-tests": single_tests,
    "compare": compared,
    "families": families,
    "sequential": sequential,
    "others": other_intervals,
}


def page_with(body: str, page: str) -> str:
    """The page with the part between its markers replaced.

    Raises:
        SystemExit: the page lacks its markers.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise SystemExit(f"{PAGE}: needs {BEGIN} and {END}, each once")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{body}\n{END}{tail}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", action="store_true", help="write the tables into docs/coverage.md too")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to check")
    parser.add_argument(
        "--runs", type=int, default=RUNS, help="simulations of a figure; some take half, twice or three times as many"
    )
    args = parser.parse_args()
    if args.write and (args.parts != list(PARTS) or args.runs != RUNS):
        parser.error("--write wants every part at the usual number of runs")
    pieces = []
    for name in args.parts:
        started = time.process_time()
        with np.errstate(divide="ignore", invalid="ignore"):
            pieces.append(PARTS[name](args.runs).text())
        print(f"{name}: {time.process_time() - started:.1f} s of one core", file=sys.stderr)
        print(pieces[-1])
    if args.write:
        PAGE.write_text(page_with("\n".join(pieces), PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
