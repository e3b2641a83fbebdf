"""``python adapters/recipe OUT``: makes the demo's assets from nothing into OUT, in the project's own layout.

Phases whose result stands in OUT already are passed over, so that a broken run can go on. Two processes are used.
"""

import argparse
import os
import shutil
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SEEDS = (0, 1, 2)


def main() -> None:
    """Runs what is asked for; without ``--only`` all of it."""
    parser = argparse.ArgumentParser(prog="python adapters/recipe", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder to fill: adapters/, skills/, suites/, and build/")
    parser.add_argument("--start", type=Path, help="go on from the worker and the generalist of this folder")
    parser.add_argument("--only", choices=list(PHASES), action="append", help="one phase; may be given several times")
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    for name in arguments.only or PHASES:
        print(f"== {name}", flush=True)
        PHASES[name](arguments.out, arguments)


def words(out: Path, arguments: argparse.Namespace) -> None:
    """The tokenizer; models that are gone on from bring their own."""
    import tokens

    if not arguments.start and not (out / "build" / "tokenizer" / "tokenizer.json").exists():
        tokens.build(out / "build" / "tokenizer")


def worker(out: Path, arguments: argparse.Namespace) -> None:
    """The worker: from random weights, or taken as it is."""
    if arguments.start:
        _export(arguments.start / "worker", out, "worker")
    else:
        _pretrain(out, "worker", "worker", out / "build" / "tokenizer")


def generalist(out: Path, arguments: argparse.Namespace) -> None:
    """The generalist: from the worker with a layer more, or from an earlier generalist."""
    import grow
    import widen

    if arguments.start:
        wide = out / "build" / "generalist-start"
        widen.widen(arguments.start / "generalist", wide)
        _pretrain(out, "generalist", "refine", wide, wide)
    else:
        grown = out / "build" / "generalist-start"
        grow.grow(out / "build" / "worker", grown)
        _pretrain(out, "generalist", "generalist", out / "build" / "tokenizer", grown)


def texts(out: Path, _: argparse.Namespace) -> None:
    """Skills, and suites with the train tasks that the adapters are tuned on."""
    import publish

    publish.publish(out)


def adapters(out: Path, _: argparse.Namespace) -> None:
    """Adapters by ``ownbench adapter train``: three seeds a domain, and the damaged and the worn twin of one."""
    import wear
    from domains import DOMAINS

    if out.resolve() != ROOT:
        shutil.copytree(ROOT / "adapters" / "recipes", out / "adapters" / "recipes", dirs_exist_ok=True)
    wanted = [(name, seed, out / "adapters" / name_of(name, seed)) for seed in SEEDS for name in DOMAINS]
    train = [sys.executable, "-m", "harness", "adapter", "train", "--quiet"]
    commands = [
        [*train, f"adapters/recipes/{name}.yaml", "--seed", str(seed), "--out", str(folder.relative_to(out))]
        for name, seed, folder in wanted
        if not folder.exists()
    ]
    for pair in zip_longest(commands[::2], commands[1::2]):
        _together([command for command in pair if command], {"PYTHONPATH": str(ROOT), "RANK": "0"}, out)
    wear.wear(out, "order-extraction")


def name_of(domain: str, seed: int) -> str:
    """The folder of an adapter: the first seed has the domain's name."""
    return f"{domain}-s{seed}" if seed else domain


PHASES = {
    "tokenizer": words,
    "worker": worker,
    "generalist": generalist,
    "texts": texts,
    "adapters": adapters,
}


def _pretrain(out: Path, model: str, phase: str, tokenizer: Path, start: Path | None = None) -> None:
    """One phase in two processes, then the model as fp16 under ``adapters/base/``."""
    folder = out / "build" / model
    if not (folder / "finished").exists():
        command = ["pretrain.py", phase, str(folder), str(tokenizer), *([str(start)] if start else [])]
        _together([command, command], {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"})
        (folder / "finished").touch()
    _export(folder, out, model)


def _export(source: Path, out: Path, model: str) -> None:
    """A model with heads of 32 places, as fp16 under ``adapters/base/``."""
    import grow
    import widen

    widen.widen(source, out / "build" / f"{model}-wide")
    grow.export(out / "build" / f"{model}-wide", out / "adapters" / "base" / model)


def _together(commands: list[list[str]], settings: dict[str, str] | None = None, folder: Path | None = None) -> None:
    """Runs commands side by side, a module of this folder or another; raises if one of them fails."""
    running = [
        subprocess.Popen(
            command if command[0] == sys.executable else [sys.executable, str(HERE / command[0]), *command[1:]],
            env=os.environ | {"RANK": str(rank)} | (settings or {}),
            cwd=folder,
        )
        for rank, command in enumerate(commands)
    ]
    if codes := [code for code in [process.wait() for process in running] if code]:
        raise SystemExit(f"{' '.join(commands[0][:5])} ended with {codes}")


if __name__ == "__main__":
    main()
