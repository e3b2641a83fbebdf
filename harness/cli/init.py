"""``ownbench init``: a small working experiment to edit."""

import argparse
import os
import sys
from pathlib import Path

from harness.cli.output import plain
from harness.core import UsageError, write_atomic

TEMPLATE = Path(__file__).parent / "template"
"""What is written, name for name; the two files of models stand in ``experiment.yaml``, one or the other."""
EMBEDDED = ("adapters/base/worker", "adapters/base/generalist")
"""The demo's models, used where the new experiment stands below a checkout that has them."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    given = "a folder to make; files that exist are never replaced"
    parser.add_argument("folder", type=Path, metavar="DIR", help=given)
    parser.epilog = "example: ownbench init reports/mine"


def run(args: argparse.Namespace) -> int:
    """Writes the files, and says what to do next."""
    folder: Path = args.folder
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: this is a file; name a folder to make")
    above = folder.resolve().parents
    embedded = any(all((p / part / "config.json").is_file() for part in EMBEDDED) for p in above)
    texts = {p.relative_to(TEMPLATE).as_posix(): p.read_text("utf-8") for p in TEMPLATE.rglob("*") if p.is_file()}
    models = {where: texts.pop(f"models-{where}.yaml") for where in ("local", "served")}
    whole = texts["experiment.yaml"].replace("@MODELS@", models["local" if embedded else "served"])
    texts["experiment.yaml"] = whole.replace("@NAME@", folder.resolve().name)
    standing = [name for name in sorted(texts) if (folder / name).exists()]
    if standing:
        raise UsageError(f"{folder}: {standing[0]} stands there already; name another folder, or move it away")
    if not os.access(next(p for p in (folder, *above) if p.is_dir()), os.W_OK):
        raise UsageError(f"{folder}: cannot be written")
    for name, text in texts.items():
        write_atomic(folder / name, text)
    shown, tasks = plain(str(folder)), len(texts["suites/example/tasks.jsonl"].splitlines())
    sys.stdout.write(
        f"wrote {shown}: experiment.yaml, a suite of {tasks} tasks, and a skill\n"
        f"next: ownbench check {shown}, then ownbench run {shown}\n"
    )
    if not embedded:
        server = "start any OpenAI-compatible server, or edit models"
        sys.stdout.write(f"its models are served at 127.0.0.1:8000: {server}\n")
    return 0
