"""What a recipe comes to: all that it names found and checked, and what is taught as tokens, before TRL is imported."""

import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.adapter import base_digest, check_adapter, load_adapter
from harness.core import UsageError, UserFileError, digest_json, install_line, plural
from harness.experiment import resolve
from harness.model import Prompts, find_device, local_digests, prompts_of, quiet
from harness.train.recipe import BARE, Recipe, read_recipe
from harness.train.rows import Encoder
from harness.train.taught import Taught, teach

PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets")
_WORLD, _RANK = "WORLD_SIZE", "RANK"  # what `accelerate launch` tells each of its processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A training that can begin."""

    recipe: Recipe
    file: Path  # the recipe's
    out: Path
    base: Path
    base_digest: str
    prompts: Prompts
    ends: frozenset[int]  # tokens that end an answer
    start: Path | None  # the adapter that training goes on from
    teacher: Path | None
    device: str
    taught: Taught
    world: int = 1  # processes that train together
    first: bool = True  # whether this is the process that writes

    @property
    def steps(self) -> int:
        """Updates of the weights."""
        if self.recipe.steps is not None:
            return self.recipe.steps
        n = len(self.taught.rows) * (self.recipe.answers if self.recipe.pipeline == "grpo" else 1)
        return max(1, round((self.recipe.epochs or 1) * -(-n // self.recipe.batch)))

    @property
    def digest(self) -> str:
        """Of all that decides the bytes of the result, as far as it is known; by it checkpoints are known again."""
        from importlib.metadata import version

        told = self.recipe.model_dump(exclude={*_SAID, "gpu_hour_usd", "checkpoint_steps", "compare", "curve", "job"})
        parts = [load_adapter(path).digest for path in (self.start,) if path is not None]
        if self.teacher is not None:
            parts.append(_teacher_digest(self.teacher))
        packages = [f"{name} {version(name)}" for name in PACKAGES]
        return digest_json(
            [told, *local_digests(self.base), *parts, self.taught.rows, packages, self.device, self.world]
        )


_SAID = {"name", "licence", "base_licence", "data_licence", "note"}  # what changes no weight


def prepare(
    file: Path,
    out: Path | None = None,
    *,
    overwrite: bool = False,
    seed: int | None = None,
    examples: int | None = None,
    steps: int | None = None,
    elsewhere: str | None = None,
) -> Course:
    """The course of a recipe, with another ``seed`` where one is given. Writes nothing.

    ``examples`` and ``steps`` are how many of its examples, and how long, where they are others than the recipe's.
    ``elsewhere`` is the kind of device where it is taken on another machine: this one needs neither that nor TRL.
    Raises UserFileError and UsageError: what is wrong, in one line.
    """
    recipe = read_recipe(file)
    if seed is not None:
        if not 0 <= seed < 2**32:
            raise UsageError(f"--seed: found {seed}, needed 0 to {2**32 - 1}")
        recipe = recipe.model_copy(update={"seed": seed})
    if steps is not None:
        recipe = recipe.model_copy(update={"steps": steps, "epochs": None})
    out = out or Path("adapters") / recipe.name
    if out.exists() and not overwrite:
        raise UsageError(f"{out}: exists already; give another --out, or replace it with --overwrite")
    needed = PACKAGES if elsewhere is None else ("torch", "transformers")
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise UsageError(f"training needs the package {missing[0]}; {install_line('tune')}")
    base = resolve(file, recipe.base, field="base")
    prompts = prompts_of(base, field="base")
    _check_layer(recipe, base, file)
    world = int(os.environ.get(_WORLD, "1"))
    device = _device(recipe, file, world) if elsewhere is None else elsewhere
    start = None if recipe.start in {None, BARE} else resolve(file, str(recipe.start), field="start")
    if start is not None:
        check_adapter(load_adapter(start), base)
    teacher = None if recipe.teacher is None else resolve(file, recipe.teacher, field="teacher")
    if teacher is not None:
        _check_teacher(teacher, base, prompts, file)
    encoder = Encoder(prompts=prompts, ends=_ends(base, prompts), room=_room(base))
    with quiet():  # of prompts that are too long we say more ourselves
        taught = teach(recipe, file, base, encoder, examples)
    return Course(
        recipe=recipe,
        file=file,
        out=out,
        base=base,
        base_digest=base_digest(base),
        prompts=prompts,
        ends=encoder.ends,
        start=start,
        teacher=teacher,
        device=device,
        taught=taught,
        world=world,
        first=os.environ.get(_RANK, "0") == "0",
    )


# ---------------------------------------------------------------------------------------------------- base and device


def _device(recipe: Recipe, file: Path, world: int) -> str:
    """``cpu`` or ``cuda``. Raises UserFileError: this machine has no such device, or does not hold 4-bit weights."""
    device = find_device(recipe.device, file, "device")
    kind, _, number = device.partition(":")
    if recipe.batch % (world * (recipe.micro_batch or 1)):
        problem = f"found {recipe.batch}, no multiple of {plural(world, 'process')}"
        problem += f" with {recipe.micro_batch} rows each" if recipe.micro_batch else ""
        raise UserFileError(file, problem, field="batch", advice="change one of them")
    if recipe.quantize == "4bit":
        if kind != "cuda":
            problem = "4-bit weights (QLoRA) need an NVIDIA GPU, and training is on the CPU"
            raise UserFileError(file, problem, field="quantize", advice="write quantize: none")
        if importlib.util.find_spec("bitsandbytes") is None:
            problem = "4-bit weights need the package bitsandbytes"
            raise UserFileError(file, problem, field="quantize", advice="pip install bitsandbytes")
    if kind == "cuda" and world == 1:  # one process trains on one GPU, and the trainer takes all that it sees
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = (
            seen[int(number or 0)] if int(number or 0) < len(seen) and seen[0] else number or "0"
        )
    return kind


def _config(base: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((base / "config.json").read_text(encoding="utf-8"))
    return found


def _room(base: Path) -> int | None:
    config = _config(base)
    found = config.get("max_position_embeddings", config.get("text_config", {}).get("max_position_embeddings"))
    return found if isinstance(found, int) else None


def _ends(base: Path, prompts: Prompts) -> frozenset[int]:
    """As the backend reads them: of generation_config.json, else of config.json, else of the tokenizer."""
    for name in ("generation_config.json", "config.json"):
        if (path := base / name).is_file():
            told = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
            if told is not None:
                return frozenset([told] if isinstance(told, int) else told)
    if prompts.tokenizer.eos_token_id is None:
        raise UserFileError(base / "generation_config.json", "names no eos_token_id", advice="add it")
    return frozenset([int(prompts.tokenizer.eos_token_id)])


def _check_layer(recipe: Recipe, base: Path, file: Path) -> None:
    """Raises UserFileError: the base ends before the first layer that is to be trained."""
    first, config = recipe.lora.first_layer if recipe.lora else None, _config(base)
    layers = config.get("num_hidden_layers", config.get("text_config", {}).get("num_hidden_layers"))
    if first is not None and isinstance(layers, int) and first >= layers:
        problem = f"found {first}, and the base has {plural(layers, 'layer')}, counted from 0"
        raise UserFileError(file, problem, field="lora.first_layer", advice=f"write a number below {layers}")


def _check_teacher(teacher: Path, base: Path, prompts: Prompts, file: Path) -> None:
    """Returns where the teacher counts tokens as the base does. Raises UserFileError."""
    if (teacher / "adapter_config.json").is_file():
        check_adapter(load_adapter(teacher), base)
        return
    theirs = prompts_of(teacher, field="teacher").tokenizer
    sizes = [_config(folder).get("vocab_size") for folder in (base, teacher)]
    if theirs.get_vocab() != prompts.tokenizer.get_vocab() or sizes[0] != sizes[1]:
        problem = f"{teacher} has another vocabulary than {base}, and gkd compares them token by token"
        advice = "take a teacher of the same family, or distil its answers: pipeline: distil"
        raise UserFileError(file, problem, field="teacher", advice=advice)


def _teacher_digest(teacher: Path) -> str:
    if (teacher / "adapter_config.json").is_file():
        return load_adapter(teacher).digest
    return local_digests(teacher)[0]
