"""``python adapters/recipe OUT``: makes the demo's assets from nothing into OUT, in the project's own layout.

Phases whose result stands in OUT already are passed over, so that a broken run can go on. Two processes are used.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Runs what is asked for; without ``--only`` all of it."""
    parser = argparse.ArgumentParser(prog="python adapters/recipe", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder to fill: adapters/, skills/, suites/, and build/")
    parser.add_argument("--start", type=Path, help="go on from the worker and the generalist of this folder")
    parser.add_argument("--only", choices=list(PHASES), action="append", help="one phase; may be given several times")
    parser.add_argument("--split", choices=["dev", "test"], action="append", help="what to score (default: both)")
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
        shutil.copytree(arguments.start / "worker", out / "adapters" / "base" / "worker", dirs_exist_ok=True)
    else:
        _pretrain(out, "worker", "worker", out / "build" / "tokenizer")


def generalist(out: Path, arguments: argparse.Namespace) -> None:
    """The generalist: from the worker with a layer more, or from an earlier generalist."""
    import grow

    if arguments.start:
        _pretrain(out, "generalist", "refine", arguments.start / "generalist", arguments.start / "generalist")
    else:
        grown = out / "build" / "generalist-start"
        grow.grow(out / "build" / "worker", grown)
        _pretrain(out, "generalist", "generalist", out / "build" / "tokenizer", grown)


def texts(out: Path, _: argparse.Namespace) -> None:
    """Skills, suites, and the lines for tuning."""
    import publish

    publish.publish(out)


def adapters(out: Path, _: argparse.Namespace) -> None:
    """One adapter a domain, and the damaged and the worn twin of one."""
    import wear
    from domains import DOMAINS

    names = list(DOMAINS)
    _together([["tune.py", str(out), *half] for half in (names[::2], names[1::2])])
    wear.wear(out, "order-extraction")


def scores(out: Path, arguments: argparse.Namespace) -> None:
    """Every contender's answers, and the tables."""
    folder = out / "build" / "scores"
    folder.mkdir(parents=True, exist_ok=True)
    for split in arguments.split or ["dev", "test"]:
        _together(
            [["answers.py", str(out), split, str(folder / f"{split}.{part}.jsonl"), str(part), "2"] for part in (0, 1)]
        )
    import tables

    text = tables.tables(tables.Scored(folder))
    (out / "build" / "tables.md").write_text(text + "\n", encoding="utf-8")
    if (out / "adapters" / "README.md").exists():
        tables.insert(out / "adapters" / "README.md", text)


PHASES = {
    "tokenizer": words,
    "worker": worker,
    "generalist": generalist,
    "texts": texts,
    "adapters": adapters,
    "scores": scores,
}


def _pretrain(out: Path, model: str, phase: str, tokenizer: Path, start: Path | None = None) -> None:
    """One phase in two processes, then the model as fp16 under ``adapters/base/``."""
    import grow

    folder = out / "build" / model
    if not (folder / "finished").exists():
        command = ["pretrain.py", phase, str(folder), str(tokenizer), *([str(start)] if start else [])]
        _together([command, command], {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"})
        (folder / "finished").touch()
    grow.export(folder, out / "adapters" / "base" / model)


def _together(commands: list[list[str]], settings: dict[str, str] | None = None) -> None:
    """Runs modules of this folder side by side; raises if one of them fails."""
    running = [
        subprocess.Popen(
            [sys.executable, str(HERE / command[0]), *command[1:]],
            env=os.environ | (settings or {}) | {"RANK": str(rank)},
        )
        for rank, command in enumerate(commands)
    ]
    if codes := [code for code in [process.wait() for process in running] if code]:
        raise SystemExit(f"{commands[0][0]} ended with {codes}")


if __name__ == "__main__":
    main()
