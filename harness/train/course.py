"""What a recipe comes to: all that it names found and checked, and what is taught as tokens, before TRL is imported."""

import importlib.util
import json
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.adapter import base_digest, check_adapter, load_adapter
from harness.core import Suite, Task, UsageError, UserFileError, digest_json, install_line, plural
from harness.experiment import resolve
from harness.grade import grader
from harness.model import Prompts, find_device, local_digests, prompts_of, quiet
from harness.suite import load_suite
from harness.train.examples import Example, Preference, read_examples, read_preferences, suite_examples
from harness.train.recipe import BARE, Recipe, read_recipe
from harness.train.rows import Encoder, Row, read_texts

PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets")
_LENGTH = 512  # tokens of a packed row, where neither recipe nor base says less
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
    rows: tuple[Row, ...]
    data: Mapping[str, Any]  # for the card: source, digest, how many, and where they come from
    tasks: Mapping[str, Task] = field(default_factory=dict)  # of ``grpo``: by id, what is graded
    world: int = 1  # processes that train together
    first: bool = True  # whether this is the process that writes

    @property
    def steps(self) -> int:
        """Updates of the weights."""
        if self.recipe.steps is not None:
            return self.recipe.steps
        n = len(self.rows) * (self.recipe.answers if self.recipe.pipeline == "grpo" else 1)
        return max(1, round((self.recipe.epochs or 1) * -(-n // self.recipe.batch)))

    @property
    def digest(self) -> str:
        """Of all that decides the bytes of the result, as far as it is known; by it checkpoints are known again."""
        from importlib.metadata import version

        told = self.recipe.model_dump(exclude={"name", "licence", "note", "gpu_hour_usd", "checkpoint_steps"})
        parts = [load_adapter(path).digest for path in (self.start,) if path is not None]
        if self.teacher is not None:
            parts.append(_teacher_digest(self.teacher))
        packages = [f"{name} {version(name)}" for name in PACKAGES]
        return digest_json([told, *local_digests(self.base), *parts, self.rows, packages, self.device, self.world])


def prepare(file: Path, out: Path | None = None, *, overwrite: bool = False) -> Course:
    """The course of a recipe. Writes nothing. Raises UserFileError and UsageError: what is wrong, in one line."""
    recipe = read_recipe(file)
    out = out or Path("adapters") / recipe.name
    if out.exists() and not overwrite:
        raise UsageError(f"{out}: exists already; give another --out, or replace it with --overwrite")
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise UsageError(f"training needs the package {missing[0]}; {install_line('tune')}")
    base = resolve(file, recipe.base, field="base")
    prompts = prompts_of(base, field="base")
    world = int(os.environ.get(_WORLD, "1"))
    device = _device(recipe, file, world)
    start = None if recipe.start in {None, BARE} else resolve(file, str(recipe.start), field="start")
    if start is not None:
        check_adapter(load_adapter(start), base)
    teacher = None if recipe.teacher is None else resolve(file, recipe.teacher, field="teacher")
    if teacher is not None:
        _check_teacher(teacher, base, prompts, file)
    encoder = Encoder(prompts=prompts, ends=_ends(base, prompts), room=_room(base))
    with quiet():  # of prompts that are too long we say more ourselves
        rows, data, tasks = _taught(recipe, file, encoder)
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
        rows=rows,
        data=data,
        tasks=tasks,
        world=world,
        first=os.environ.get(_RANK, "0") == "0",
    )


# ------------------------------------------------------------------------------------------------------ what is taught


def _taught(recipe: Recipe, file: Path, encoder: Encoder) -> tuple[tuple[Row, ...], dict[str, Any], dict[str, Task]]:
    """The rows, what the card says of them, and the tasks of ``grpo`` by their ids."""
    if recipe.pipeline == "grpo":
        return _questions(recipe, file, encoder)
    taught: Sequence[Example | Preference] = _read(recipe, file)
    general = _general(recipe, file, len(taught))
    if recipe.pipeline == "cpt":
        length = min(recipe.length or _LENGTH, encoder.room or recipe.length or _LENGTH)
        rows = encoder.packed([one.completion for one in taught if isinstance(one, Example)], length, recipe.seed)
        if not rows:
            raise UserFileError(file, "its text has no two tokens", field="data", advice="give more text")
    else:
        rows = [
            encoder.preference(one) if isinstance(one, Preference) else encoder.example(one)
            for one in (*taught, *general)
        ]
    said = [[one.prompt, *((one.chosen, one.rejected) if isinstance(one, Preference) else (one.completion,))]
            for one in (*taught, *general)]  # fmt: skip
    data = {"training_data": _source(recipe), "training_digest": digest_json(said), "examples": len(said)}
    if general:
        data["general_examples"] = len(general)
    return tuple(rows), data, {}


def _read(recipe: Recipe, file: Path) -> Sequence[Example | Preference]:
    data = recipe.data
    if data is None:  # the recipe was refused
        raise UserFileError(file, "this key is missing", field="data")
    preferences = recipe.pipeline == "dpo"
    if data.file is not None:
        place = resolve(file, data.file, field="data.file")
        if recipe.pipeline == "cpt":
            return read_texts(place)
        return read_preferences(place) if preferences else read_examples(place)
    if data.suite is not None:
        if preferences or recipe.pipeline == "cpt":
            needs = "pairs of answers" if preferences else "texts"
            raise UserFileError(file, f"{recipe.pipeline} needs {needs}", field="data.suite", advice="write data.file")
        return suite_examples(_suite(file, data.suite, data.split, "data"), "train")
    raise UserFileError(file, "a report is not read here yet", field="data.report", advice="ownbench adapter data")


def _suite(file: Path, text: str, split: str | None, field: str) -> Suite:
    """A suite whose train tasks are taken. Raises UserFileError: another split is asked for."""
    if split not in {None, "train"}:
        what = {"test": "test tasks judge", "dev": "dev tasks choose"}.get(str(split), "only train tasks teach")
        problem = f"found {split!r}: {what} and are never trained on"
        raise UserFileError(file, problem, field=f"{field}.split", advice="write split: train")
    return load_suite(resolve(file, text, field=f"{field}.suite"))


def _general(recipe: Recipe, file: Path, n: int) -> Sequence[Example]:
    """So many general examples that they are their share of all, drawn by the seed; over again where they are few."""
    mix = recipe.mix
    if mix is None:
        return ()
    if mix.file is not None:
        among = read_examples(resolve(file, mix.file, field="mix.file"))
    else:
        among = suite_examples(_suite(file, str(mix.suite), None, "mix"), "train")
    wanted, chance, drawn = round(n * mix.share / (1 - mix.share)), random.Random(recipe.seed), list[Example]()  # noqa: S311
    while len(drawn) < wanted:
        drawn += chance.sample(among, min(len(among), wanted - len(drawn)))
    return drawn


def _questions(recipe: Recipe, file: Path, encoder: Encoder) -> tuple[tuple[Row, ...], dict[str, Any], dict[str, Task]]:
    """Of ``grpo``: the train tasks of the suite whose grader is the reward."""
    data = recipe.data
    if data is not None and (data.suite is None or data.suite != recipe.reward):
        problem = "grpo draws answers to the train tasks of the suite that rewards them"
        raise UserFileError(
            file, problem, field="data", advice=f"write data: {{suite: {recipe.reward}}}, or leave it out"
        )
    suite = _suite(file, str(recipe.reward), None if data is None else data.split, "data")
    tasks = [task for task in suite.tasks if task.split == "train"]
    if not tasks:
        problem = f"suite {suite.name}: no task has the split 'train'"
        raise UserFileError(file, problem, field="reward", advice="mark those that teach with it")
    for task in tasks:
        by = grader(task.grader, field=f"suite {suite.name}: task {task.id}: grader")
        if by.models or by.judges or task.tools:
            what = "has tools" if task.tools else "is graded by a model"
            problem = f"suite {suite.name}: task {task.id} {what}, and grpo rewards one answer by a rule or a program"
            raise UserFileError(file, problem, field="reward")
    most = recipe.max_new_tokens or MAX_NEW
    asked = {task.id: suite.prompt.of(task) for task in tasks}
    rows = tuple(
        {"prompt": [dict(message) for message in said], "task": name,
         "prompt_ids": encoder.prompt(said, f"{suite.name} {name}", most)}
        for name, said in asked.items()
    )  # fmt: skip
    digest = digest_json([[*said] for said in asked.values()])
    data_card = {"training_data": str(recipe.reward), "training_digest": digest, "examples": len(tasks)}
    return rows, data_card, {task.id: task for task in tasks}


MAX_NEW = 64  # tokens of an answer that is drawn in training, where the recipe does not say


def _source(recipe: Recipe) -> str:
    data = recipe.data
    if data is None:
        return str(recipe.reward)
    if data.report is not None:
        return f"{data.report}, answers of {data.contender}"
    return str(data.file or f"{data.suite}, train")


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
