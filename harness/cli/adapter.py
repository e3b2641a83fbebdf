"""``ownbench adapter``: what an adapter is, whether it fits its base, data to train one, and training."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.common import FLAG, JSON, OUTSIDE, REPORT, SEED_TYPE, Arguments, answer, arg
from harness.cli.export import EXPORT, write_export
from harness.core import OwnbenchError, UsageError, as_json, dollars, plural, visible

if TYPE_CHECKING:
    from harness.train import TrainingProgress

ADAPTER = (
    arg("adapter ADAPTER", "the folder that PEFT wrote", type=Path),
    arg("--base MODEL", "the base model's folder, to check against", type=Path),
    JSON,
)
DATA = (
    REPORT,
    arg("--from CONTENDER", "whose answers teach: those that passed", dest="contender", required=True),
    arg("folder DIR", "the folder to make", type=Path),
    arg("--licence TEXT", "under which these answers may be used; terms of a provider may forbid training on them"),
    arg("--rejected CONTENDER", "whose failed answers preferences reject (default: anybody's)"),
    arg("--dev", "attempts on dev tasks teach too, which are then spent", **FLAG),
    arg("--note TEXT", "a word for the card", default=""),
    OUTSIDE,
    JSON,
    "Attempts on test tasks are never taken. To record attempts on train tasks, write split: train in an experiment.",
    "ownbench adapter data reports/teach --from skilled data/mine --licence CC0-1.0",
)
TRAIN = (
    arg("recipe RECIPE", "a YAML file: what is trained, on what, and how", type=Path),
    arg("--out DIR", "the folder to make (default: adapters/NAME, by the recipe's name)", type=Path),
    arg("--overwrite", "replace what stands there", **FLAG),
    arg("--examples N,N", "a learning curve: an adapter for each number of examples and for all, judged side by side"),
    arg(
        "--report REPORT", "a new folder to leave an experiment in that judges it; of --examples the report", type=Path
    ),
    arg("--seed N", "another seed than the recipe's: a replicate, for another --out", type=SEED_TYPE),
    arg("--job FILE", "write a Job for Kubernetes that trains, and train nothing", type=Path),
    arg("--quiet", "no progress", **FLAG),
    JSON,
    "A training that was stopped or killed goes on from its last checkpoint by the same command.",
    "ownbench adapter train adapters/recipes/sft-tiny.yaml --out adapters/mine",
)
ACTIONS: dict[str, tuple[str, Arguments]] = {
    "check": ("whether an adapter fits its base", ADAPTER),
    "data": ("training data out of a report's attempts", DATA),
    "export": ("what serves an adapter: command line, containers, model card", EXPORT),
    "show": ("what an adapter is", ADAPTER),
    "train": ("an adapter, or a whole model, by a recipe", TRAIN),
}
ARGUMENTS: dict[str, Arguments] = {
    "adapter": (ACTIONS, "ownbench adapter check adapters/ticket-routing --base adapters/base/worker"),
}


class StoppedTrainingError(OwnbenchError):
    """A training was stopped; its checkpoints are kept."""

    exit_code = 4


def run_adapter(args: argparse.Namespace) -> int:
    """Does what was asked; 0."""
    ways = {"data": _data, "export": write_export, "train": _train}
    return ways.get(args.action, _facts)(args)


def _data(args: argparse.Namespace) -> int:
    """Writes training data and its card, and says what is in them."""
    from harness.train import report_data, write_report_data

    licence = (args.licence or "").strip()
    if not licence:
        problem = "--licence is missing: under which licence may these answers be used?"
        raise UsageError(f"{problem} the terms of {args.contender}'s models say; such as --licence CC0-1.0")
    how = {"rejected": args.rejected, "dev": args.dev, "allow_outside": args.allow_outside}
    data = report_data(args.report, args.contender, **how)
    card = write_report_data(data, args.folder, licence=licence, note=args.note)
    told = ", ".join(f"{n:,} {status}" for status, n in card["attempts"].items())
    pairs = f"{plural(card['preferences'], 'pair')} of a passed and a failed answer in preferences.jsonl"
    many = f"{plural(card['examples'], 'example')} of {plural(card['tasks'], 'task')} in sft.jsonl"
    lines = [
        f"wrote {visible(str(args.folder))}: {many}",
        f"  attempts of {args.contender}: {told}",
        f"  {pairs if card['preferences'] else 'no preferences: no task has a passed and a failed answer'}",
        f"  licence: {visible(licence)} (card.yaml)",
    ]
    return answer(args, {"folder": str(args.folder), "card": card}, lines)


def _facts(args: argparse.Namespace) -> int:
    """Prints the adapter's facts, after checking it where asked."""
    from importlib.util import find_spec

    from harness.adapter import base_digest, check_adapter, load_adapter

    adapter, base = load_adapter(args.adapter), args.base
    notes, said = list(adapter.warnings), "well formed; give --base MODEL to check the fit"
    if args.action == "check" and base is not None:
        if all(map(find_spec, ("torch", "transformers", "peft"))):
            from harness.model import fit_of

            notes += fit_of(args.adapter, base).notes
            said = "fits its base"
        else:
            check_adapter(adapter, base)
            said = "fits its base by names and shapes; with ownbench[local] every tensor is checked as a run does"
    found = {} if base is None else {"base": {"path": str(base), "base_digest": base_digest(base)}}
    lines = [
        f"{adapter.name}: LoRA of rank {adapter.rank}, {adapter.parameters:,} numbers",
        f"digest: {adapter.digest}",
        f"base: {adapter.base_model} {adapter.base_digest or '(digest not stated)'}",
        *(f"base_digest: {one['base_digest']} (of {base})" for one in found.values()),
        *(f"  {key}: {value}" for key, value in adapter.card.items()),
        *(f"warning: {warning}" for warning in notes),
        *([said] if args.action == "check" else []),
    ]
    return answer(args, as_json(adapter) | {"warnings": notes} | found, lines)


def _train(args: argparse.Namespace) -> int:
    """Trains, and says what was made."""
    if args.examples is not None:
        from harness.cli.learning import curve_of_examples

        return curve_of_examples(args, line)
    if args.job is not None:
        if args.report is not None:
            raise UsageError("--report judges what is trained here, and --job trains elsewhere; leave one out")
        return _write_job(args)
    from harness.adapter import load_adapter
    from harness.cli.running import display
    from harness.train import prepare, prove, train

    course = prepare(args.recipe, args.out, overwrite=args.overwrite, seed=args.seed)
    proof = prove(course, args.report) if args.report is not None and course.first else None
    recipe, quiet = course.recipe, args.quiet or args.json or not course.first
    if not quiet:
        taught = plural(len(course.taught.rows), "row")
        about = f"{course.out}: {recipe.pipeline} on {recipe.base}, {taught}, {plural(course.steps, 'step')}"
        sys.stderr.write(f"{visible(about)}, on the {course.device}\n")
    try:
        with display(quiet=quiet, words=line) as tell:
            made = train(course, tell)
    except KeyboardInterrupt:
        raise StoppedTrainingError(
            f"{course.out}: stopped; the same command goes on from the last checkpoint"
        ) from None
    if not course.first:
        return 0
    found = {"adapter": str(course.out), "name": recipe.name, "steps": course.steps, **course.taught.card, **made}
    if recipe.method == "lora":
        found |= {"digest": load_adapter(course.out).digest}
    cost = "at a cost that is not known" if made["training_usd"] is None else dollars(made["training_usd"])
    lines = [f"{course.out}: {recipe.sentence}"]
    lines += [f"digest: {found['digest']}"] if "digest" in found else []
    loss = f"loss {made['first_loss']:g} to {made['final_loss']:g}, " if "final_loss" in made else ""
    lines += [f"{loss}{made['cpu_seconds']:g} CPU seconds, {cost}"]
    if proof is not None:
        written = proof.write(course.out)
        found |= {"experiment": str(written)}
        lines += [f"{written}: judges it", *(f"  left out: {one}" for one in proof.missing)]
        lines += [f"next: ownbench run {args.report}"]
    return answer(args, found, lines)


def _write_job(args: argparse.Namespace) -> int:
    """Writes the manifest, and says what it takes for granted."""
    from harness.cluster import QUEUE_LABEL, write_manifest
    from harness.train import cluster_training, read_recipe

    document = cluster_training(args.recipe, args.out, overwrite=args.overwrite, seed=args.seed)
    write_manifest(args.job, document)
    job, queue = read_recipe(args.recipe).job, document["metadata"]["labels"][QUEUE_LABEL]
    lines = [
        f"wrote {args.job}: the {document['kind']} {document['metadata']['name']}, for the queue {queue}",
        f"  image: {job.image}, with this program and its extra tune",
        f"  volume: the claim {job.claim}, a copy of this folder, mounted at {job.at}",
        f"next: kubectl create -f {shlex.quote(str(args.job))}",
    ]
    return answer(args, {"job": str(args.job), "manifest": document}, lines)


def line(progress: "TrainingProgress") -> str:
    """A moment of a training in one line: steps, loss, rate, time left, money."""
    from harness.cli.running import time_left

    parts = [progress.phase]
    if progress.step:
        parts = [f"{progress.phase}: step {progress.step:,}/{progress.steps:,}"]
        parts += [f"{name} {value:.4f}" for name, value in (("loss", progress.loss), ("reward", progress.reward))
                  if value is not None]  # fmt: skip
        parts += [f"{progress.tokens_per_s:,.0f} tokens/s"] if progress.tokens_per_s else []
        parts += [time_left(progress.remaining_s)] if progress.remaining_s else []
        parts += [f"${progress.usd:.4f}"] if progress.usd is not None else []
    return " | ".join(parts)
