"""Tries the rule of ``ownbench run --until-decided`` where the truth is known: how often it errs, how soon it stops.

    python benchmarks/early.py [--write] [--data FOLDER]

Everything is seeded: a second run prints the same table. ``--write`` puts it into docs/early-stopping.md, between its
markers; it wants real outcomes (routerbench_mini.parquet, routellm_mmlu_gsm8k.parquet) in FOLDER.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import table
from numpy.typing import NDArray
from simulations import Share, counted

from harness.analysis import PairedOutcomes
from harness.core import Decision
from harness.verdict import Decided, Evidence, Policy, StoppingRule, stratified_order

Array = NDArray[Any]
Make = Callable[[np.random.Generator], PairedOutcomes]
PAGE = Path(__file__).resolve().parents[1] / "docs" / "early-stopping.md"
BEGIN, END = "<!-- early:begin -->", "<!-- early:end -->"
RUNS, FEWER = 1_000, 60
"""Simulations of a row; of the largest real table."""
DISCORDANT, MARGIN, TASKS, PASSES = 0.2, 0.05, 600, 0.75
ALONE = np.arange(TASKS)
WRONG = 0.06
"""A false verdict at a level of 5% fails above this."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of many runs."""

    decided: tuple[Decided, ...]

    def share(self, decision: Decision) -> Share:
        """How often it came to this."""
        return counted([one.decision is decision for one in self.decided])

    @property
    def tasks(self) -> Array:
        """Tasks looked at, a run."""
        return np.array([len(one.rows) for one in self.decided])


def tried(make: Make, policy: Policy, runs: int, seed: int, *, ordered: bool = False) -> Tried:
    """The rule on so many sets of outcomes; each in its own order by blocks, unless they come in a random one."""
    rng = np.random.default_rng(seed)
    return Tried(tuple(once(make(rng), policy, run, ordered=ordered) for run in range(runs)))


def once(out: PairedOutcomes, policy: Policy, seed: int, *, ordered: bool) -> Decided:
    n = len(out.domains)
    names = [out.domain_names[code] for code in out.domains.tolist()]
    keys = [("s", f"{i:06}") for i in range(n)]
    units = [(i,) for i in range(n)] if ordered else stratified_order(keys, names, out.clusters.tolist(), seed)
    nothing = np.zeros(n)
    evidence = Evidence(
        outcomes=out,
        cost=(nothing, nothing),
        seconds=(nothing, nothing),
        made=np.ones(n),
        lost=nothing,
        done=np.ones(n, dtype=bool),
    )
    found = StoppingRule(units, evidence, policy).advance()
    assert found is not None  # noqa: S101 - all is done
    return found


# ----------------------------------------------------------------------------------------------------- where truth is


def one_trial(delta: float, domains: int) -> Make:
    """600 tasks of one trial, a task lost with (discordant - delta) / 2; the domains take turns and are alike.

    The baseline passes three of four.
    """
    return lambda rng: outcomes(*pair_of_trials(rng, np.full(TASKS, delta)), np.arange(TASKS) % domains, ALONE)


def pair_of_trials(rng: np.random.Generator, delta: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Candidate and baseline at each task, once; ``delta`` is the candidate's difference there."""
    lost, won = (DISCORDANT - delta) / 2 / PASSES, (DISCORDANT + delta) / 2 / (1 - PASSES)
    passed, u, ones = rng.random(len(delta)) < PASSES, rng.random(len(delta)), np.ones(len(delta))
    return (np.where(passed, u >= lost, u < won).astype(float), ones), (passed.astype(float), ones)


def trend_in_the_file(first: float = -0.2) -> Make:
    """The first fifth of the tasks, in the order of their file, are lost by so much; the mean over all is 0."""
    delta = np.where(np.arange(TASKS) < TASKS // 5, first, -first / 4)
    return lambda rng: outcomes(*pair_of_trials(rng, delta), np.zeros(TASKS, dtype=int), ALONE)


def false_verdicts(runs: int, seed: int = 61) -> dict[str, Share]:
    """How often the rule errs at a margin of 5 points, one trial of 600 tasks: what docs/coverage.md tells of it."""
    policy, block = Policy(margin=MARGIN), Decision.BLOCK
    return {
        "SHIP at the margin": tried(one_trial(-MARGIN, 1), policy, runs, seed).share(Decision.SHIP),
        "BLOCK of equals": tried(one_trial(0.0, 1), policy, runs, seed).share(block),
        "BLOCK of equals, 6 domains": tried(one_trial(0.0, 6), policy, runs, seed).share(block),
        "BLOCK, -20 in the first fifth, mean 0": tried(trend_in_the_file(), policy, runs, seed).share(block),
    }


def three_trials(delta: float, *, shared: bool) -> Make:
    """600 tasks of three trials; each task, or each source of 1, 1, 2, 3 or 8 tasks, has its own rate (ICC .4)."""
    clusters = np.repeat(np.arange(200), np.tile([1, 1, 2, 3, 8], 40)) if shared else np.arange(TASKS)

    def make(rng: np.random.Generator) -> PairedOutcomes:
        rate = rng.beta(0.75 * 1.5, 0.25 * 1.5, int(clusters.max()) + 1)[clusters]  # 1 / (1 + 1.5) = .4, mean .75
        ours = np.clip(rate + delta, 0.0, 1.0) if delta > 0 else rate * (1.0 + delta / 0.75)
        n = np.full(len(clusters), 3.0)
        draw = [rng.binomial(3, p).astype(float) for p in (ours, rate)]
        return outcomes((draw[0], n), (draw[1], n), np.arange(len(clusters)) % 1, clusters)

    return make


def outcomes(
    candidate: tuple[Array, Array], baseline: tuple[Array, Array], domains: Array, clusters: Array
) -> PairedOutcomes:
    names = tuple(f"d{k}" for k in range(int(domains.max()) + 1))
    sides = {"candidate": candidate, "baseline": baseline}
    return PairedOutcomes(**sides, domains=domains, domain_names=names, clusters=clusters)


def real(first: Array, second: Array, domains: Array, drop: float) -> Make:
    """Two systems' outcomes swapped at random, task by task, and then passes of the candidate lost at random."""
    ones = np.ones(len(first))

    def make(rng: np.random.Generator) -> PairedOutcomes:
        swap = rng.random(len(first)) < 0.5
        ours, theirs = np.where(swap, second, first), np.where(swap, first, second)
        kept = rng.random(len(first)) >= drop / ours.mean()
        return outcomes((ours * kept, ones), (theirs, ones), domains, np.arange(len(first)))

    return make


def read(folder: Path, file: str, source: str, systems: tuple[str, str]) -> tuple[Array, Array, Array]:
    """Both systems' outcomes on their common tasks, and the tasks' domains as codes."""
    import pandas as pd

    frame = pd.read_parquet(folder / file, columns=["source", "system", "task_id", "domain", "passed"])
    frame = frame[frame.source == source]
    wide = frame.pivot_table(index=["task_id", "domain"], columns="system", values="passed")[list(systems)].dropna()
    domains = np.unique(wide.index.get_level_values("domain"), return_inverse=True)[1]
    return wide[systems[0]].to_numpy(float), wide[systems[1]].to_numpy(float), domains


# ------------------------------------------------------------------------------------------------------------ tables


HEAD = ["outcomes", "difference", "SHIP", "BLOCK", "undecided", "tasks", "half within", "of"]


def row(name: str, delta: float, found: Tried, margin: float, planned: int) -> list[str]:
    """Percentages, false verdicts in bold where they are too many; the mean number of tasks and its median."""
    ship, block = found.share(Decision.SHIP), found.share(Decision.BLOCK)
    cells = []
    for share, wrong in ((ship, delta <= -margin), (block, delta == 0.0)):
        text = f"{100 * share.value:.1f}" + (f" ± {100 * share.error:.1f}" if wrong else "")
        cells.append(f"**{text}**" if wrong and share.value > WRONG else text)
    undecided = 100 * found.share(Decision.INCONCLUSIVE).value
    tasks = found.tasks
    return [
        name,
        f"{100 * delta:+.0f}".replace("-", "−") if delta else "0",
        *cells,
        f"{undecided:.1f}",
        f"{tasks.mean():,.0f} ± {tasks.std() / math.sqrt(len(tasks)):.0f}",
        f"{np.median(tasks):,.0f}",
        f"{planned:,}",
    ]


def simulated(runs: int) -> list[list[str]]:
    policy, rows = Policy(margin=MARGIN), []
    for domains in (1, 6):
        name = "one trial" if domains == 1 else f"one trial, {domains} domains"
        for delta in (-0.12, -MARGIN, 0.0, 0.05):
            found = tried(one_trial(delta, domains), policy, runs if domains == 1 else runs // 2, 61, ordered=True)
            rows.append(row(name, delta, found, MARGIN, TASKS))
    for shared, name in ((False, "three trials"), (True, "three trials, 200 sources")):
        for delta in (-0.12, -MARGIN, 0.0):
            make = three_trials(delta, shared=shared)
            rows.append(row(name, delta, tried(make, policy, runs // 2, 67), MARGIN, 600))
    found = tried(trend_in_the_file(), policy, runs, 73)
    rows.append(row("one trial, −20 in the first fifth of the file", 0.0, found, MARGIN, TASKS))
    return rows


REAL = (
    ("routerbench-mini, 9 domains", "routerbench_mini.parquet", "routerbench_mini_v5", ("always_strong", "reflection")),
    ("MMLU by RouteLLM, 57 domains", "routellm_mmlu_gsm8k.parquet", "routellm_mmlu",
     ("gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1")),
)  # fmt: skip
MARGINS = (0.05, 0.02)
DROPS = ((0.12, 0.05, 0.0), (0.05, 0.02, 0.0))


def of_real(folder: Path, runs: int) -> list[list[str]]:
    rows = []
    for (name, file, source, systems), margin, drops in zip(REAL, MARGINS, DROPS, strict=True):
        first, second, domains = read(folder, file, source, systems)
        times = runs // 2 if len(first) < 1_000 else FEWER * runs // RUNS
        for drop in drops:
            found = tried(real(first, second, domains, drop), Policy(margin=margin), max(1, times), 71)
            rows.append(row(name, -drop, found, margin, len(first)))
    return rows


def page_with(body: str, page: str) -> str:
    """The page with the part between its markers replaced.

    Raises:
        SystemExit: the page lacks its markers.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise SystemExit(f"{PAGE}: needs {BEGIN} and {END}, each once")
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n\n{body}\n\n{END}{rest.split(END)[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", action="store_true", help="write the table into docs/early-stopping.md too")
    parser.add_argument("--data", type=Path, help="a folder with real outcomes")
    parser.add_argument("--runs", type=int, default=RUNS, help="simulations of a row; some take fewer")
    args = parser.parse_args()
    if args.write and (args.runs != RUNS or args.data is None):
        parser.error("--write wants the usual number of runs, and --data")
    started = time.process_time()
    rows = simulated(args.runs) + (of_real(args.data, args.runs) if args.data else [])
    body = table(HEAD, rows)
    print(body)
    print(f"{time.process_time() - started:.0f} s of one core", file=sys.stderr)
    if args.write:
        PAGE.write_text(page_with(body, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
