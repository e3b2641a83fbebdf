"""How often the advice errs, and how often it decides: outcomes of a known truth, handed to `harness.verdict`.

    python benchmarks/advising.py [--runs N] [--only WORDS]

Options find the same tasks hard (half of the variance of a latent difficulty is shared), and cost the same each task.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from simulations import Array, Share

from harness.core import Decision
from harness.store import load_task_table
from harness.verdict import AdviceInputs, AdviceSettings, advice_inputs_of, advise_at, load_assumptions

SHARED = 0.5
VOLUME = {"tasks_per_month": "100000", "data_must_stay_inside": "false"}
ZERO = ("value_per_task_usd", "training_usd", "labelling_usd", "skill_authoring_usd", "hosting_usd_per_month",
        "outage_days_per_year")  # fmt: skip
Options = Sequence[tuple[Decision, float, float]]
"""Of each its kind, its true rate, and dollars a task."""
OWN, RENT, MIX = Decision.OWN, Decision.RENT, Decision.MIX


def outcomes(rng: np.random.Generator, rates: Sequence[float], n: int) -> Array:
    """Passes, a row an option."""
    from scipy.special import ndtri

    z = rng.standard_normal((1, n)) * SHARED**0.5 + rng.standard_normal((len(rates), n)) * (1.0 - SHARED) ** 0.5
    return (z < ndtri(np.array(rates))[:, None]).astype(np.float64)


def grounds(folder: Path, options: Options, n: int, margin: float) -> AdviceInputs:
    """What advice on such a report rests on; the outcomes are put in later."""
    names = [f"o{i:02}" for i in range(len(options))]
    rows = [{"contender": name, "task": f"t{t}", "passed": True, "status": "passed", "trial": 0, "suite": "s",
             "domain": "d", "cost_usd": usd, "cost_basis": "none"}
            for name, (_, _, usd) in zip(names, options, strict=True) for t in range(n)]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "outcomes.parquet")
    kinds = {
        kind: [name for name, one in zip(names, options, strict=True) if one[0] == kind] for kind in (OWN, RENT, MIX)
    }
    settings = AdviceSettings(kinds={kind: found for kind, found in kinds.items() if found}, margin=margin)
    return advice_inputs_of(load_task_table(folder), None, settings)


def words(options: Options, n: int, runs: int, seed: int, margin: float = 0.02) -> Mapping[str, Share]:
    """How often each word is said of such a report."""
    rng, said = np.random.default_rng(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        inputs = grounds(Path(folder), options, n, margin)
        assumptions = load_assumptions(Path(folder), VOLUME | dict.fromkeys(ZERO, "0"))
        for _ in range(runs):
            passed, old = outcomes(rng, [rate for _, rate, _ in options], n), inputs.figures
            rates = np.tile(passed.mean(axis=1), (len(old.rates), 1))
            figures = replace(old, sums=passed, rates=rates)
            said[advise_at(replace(inputs, figures=figures, kept={}), assumptions).advice.value] += 1
    return {word: Share(said[word] / runs, runs) for word in ("OWN", "RENT", "MIX", "UNDECIDED")}


def cases() -> Iterator[tuple[str, Options, int]]:
    """Named truths and tasks: of the first two sorts RENT and MIX are wrong; the others show how often it decides."""
    for n in (100, 500, 1000):
        for k in (1, 4, 10):
            yield f"equal, OWN at half the price, {k} RENT", [(OWN, 0.7, 0.001), *[(RENT, 0.7, 0.002)] * k], n
            yield f"{k} MIX 2 points below and cheap, one RENT", [*[(MIX, 0.78, 0.001)] * k, (RENT, 0.8, 0.002)], n
    for gap, n in ((0.08, 500), (0.0, 5000)):
        for k in (1, 4, 10):
            better = f"OWN cheaper and {100 * gap:g} points better than {k} RENT"
            yield better, [(OWN, 0.7 + gap, 0.001), *[(RENT, 0.7, 0.002)] * k], n
    for gap, n in ((0.08, 500), (0.15, 500), (0.05, 5000)):
        yield f"RENT dearer and {100 * gap:g} points better than OWN", [(OWN, 0.7, 0.001), (RENT, 0.7 + gap, 0.002)], n


def main() -> None:
    """Prints one line a case; ``--only WORDS`` those whose names hold them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    for number, (name, options, n) in enumerate(cases()):
        told = f"{name}, {n} tasks"
        if args.only in told:
            found = words(options, n, args.runs, seed=number)
            shares = ", ".join(f"{word} {100 * share.value:.1f}%" for word, share in found.items())
            print(f"{told}: {shares}", flush=True)


if __name__ == "__main__":
    main()
