"""A training as a job for a cluster: the recipe is checked here, and taken there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.cluster import training_job
from harness.core import UserFileError, plural
from harness.experiment import resolve
from harness.train.course import prepare
from harness.train.recipe import BARE, Recipe, read_recipe


def cluster_training(
    file: Path, out: Path | None = None, *, overwrite: bool = False, seed: int | None = None
) -> dict[str, Any]:
    """The manifest of a Job, or a RayJob, that trains by a recipe. Writes nothing.

    All that it names has to be in the working folder, of which the volume holds a copy. Raises UserFileError and
    UsageError: what is wrong in the recipe, or not there.
    """
    recipe = read_recipe(file)
    gpus = _gpus(recipe, file)
    course = prepare(file, out, overwrite=overwrite, seed=seed, elsewhere="cuda" if gpus else "cpu")
    taught = [("", str(file)), ("out", str(course.out))]
    for field, text in (*_named(recipe), *taught):
        _check_within(file, field, text, recipe.job.at)
    rows = (recipe.micro_batch or 1) * max(1, gpus)
    if recipe.batch % rows:
        each = f"{plural(gpus, 'GPU')} with {plural(recipe.micro_batch or 1, 'row')} each"
        problem = f"found {recipe.batch}, no multiple of {each}"
        raise UserFileError(file, problem, field="batch", advice="change it, or job.gpus")
    start = ["ownbench"]
    if gpus > 1:
        start = ["accelerate", "launch", "--num_processes", str(gpus), "-m", "harness"]
    command = [*start, "adapter", "train", str(file), "--out", str(course.out), *(["--overwrite"] * overwrite)]
    command += [] if seed is None else ["--seed", str(seed)]
    job = recipe.job.model_copy(update={"gpus": gpus})
    return training_job(recipe.name, job, command, threads=recipe.threads)


def _gpus(recipe: Recipe, file: Path) -> int:
    """GPUs of the pod. Raises UserFileError: as many cannot be."""
    on_cpu, gpus = recipe.device == "cpu", recipe.job.gpus
    if gpus is None:
        return 0 if on_cpu else 1
    if gpus and on_cpu:
        raise UserFileError(file, f"found {gpus}, with device: cpu", field="job.gpus", advice="take one of them out")
    if not gpus and (recipe.device or recipe.quantize == "4bit"):
        needs = "quantize: 4bit" if recipe.quantize == "4bit" else f"device: {recipe.device}"
        raise UserFileError(file, f"found 0, and {needs} needs one", field="job.gpus", advice="write job: {gpus: 1}")
    return gpus


def _named(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """The recipe's keys that name a file or a folder, and what they name."""
    told: dict[str, Any] = {"base": recipe.base, "start": recipe.start, "teacher": recipe.teacher}
    told |= {"reward": recipe.reward}
    for key, entry in (("data", recipe.data), ("mix", recipe.mix)):
        told |= {f"{key}.{name}": getattr(entry, name, None) for name in ("suite", "file", "report")}
    prompt = getattr(recipe.data, "prompt", None)
    told |= {f"data.prompt.{role}": text for role, text in prompt.items()} if isinstance(prompt, dict) else {}
    told |= {"data.prompt": prompt} if isinstance(prompt, str) else {}
    yield from ((key, text) for key, text in told.items() if text is not None and (key, text) != ("start", BARE))


def _check_within(file: Path, field: str, text: str, at: str) -> None:
    """Returns where a path means the same in the volume. Raises UserFileError: it is only on this machine."""
    here = Path.cwd().resolve()
    if text.startswith(("/", "~")) and not Path(text).is_relative_to(at):
        advice = f"the volume at {at} holds this folder; write a path within it, such as {Path(text).name}"
        raise UserFileError(file, f"{text} is a place of this machine only", field=field, advice=advice)
    place = Path(text) if field in {"", "out"} else resolve(file, text, field=field)
    if not place.resolve().is_relative_to(here):
        problem = f"{text} is outside {here}, of which the volume holds a copy"
        raise UserFileError(file, problem, field=field, advice="move it there, or call from a folder that holds both")
