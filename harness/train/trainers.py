"""The trainer of each pipeline, as TRL has it, on rows that are tokens already."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from harness.train.course import Course
from harness.train.rows import Row
from harness.train.taught import MAX_NEW


def trainer_of(course: Course, work: Path, callbacks: Sequence[Any], *, model: Any, lora: Any, teacher: Any) -> Any:
    """The trainer of a course; its checkpoints go to ``work``. Without ``lora`` the model is trained as it is."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    if course.device == "cpu":
        _score_answers_alone()
    make = {"dpo": _dpo, "grpo": _grpo, "gkd": _gkd}.get(course.recipe.pipeline, _sft)
    how = {"model": model, "peft_config": lora, "processing_class": course.prompts.tokenizer, "callbacks": [*callbacks]}
    if teacher is not None:
        how["teacher_model"] = teacher
    how["train_dataset"] = Dataset.from_list(
        [_marked(row) if teacher is not None else row for row in course.taught.rows]
    )
    return make(course, _arguments(course, work), how)


def _score_answers_alone() -> None:
    """Without a GPU, TRL has the head score every token, and leaves those of the prompts out of the loss afterwards.

    That is for devices that compile for each shape. On a CPU the head of a large vocabulary takes more than half of a
    step so, for the same weights, bit by bit.
    """
    from trl.trainer import utils

    utils._use_triton = lambda _: True  # noqa: SLF001 - there, it decides on nothing but which tokens are scored


def _arguments(course: Course, work: Path) -> dict[str, Any]:
    """What all trainers are told."""
    recipe = course.recipe
    each = recipe.micro_batch or recipe.batch // course.world
    return {
        "output_dir": str(work),
        "max_steps": course.steps,
        "per_device_train_batch_size": each,
        "gradient_accumulation_steps": recipe.batch // (each * course.world),
        "learning_rate": recipe.rate,
        "lr_scheduler_type": "constant_with_warmup" if recipe.schedule == "constant" else recipe.schedule,
        "warmup_steps": round(recipe.warmup * course.steps),
        "weight_decay": recipe.weight_decay,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "use_cpu": course.device == "cpu",
        "bf16": False,  # weights are of the recipe's dtype, and nothing is cast on the way
        "gradient_checkpointing": False,
        "report_to": [],
        "logging_steps": max(1, min(10, course.steps // 50)),
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": recipe.checkpoint_steps,
        "save_total_limit": 2,
        "disable_tqdm": True,
    }


def _sft(course: Course, told: dict[str, Any], how: dict[str, Any]) -> Any:  # noqa: ARG001 - one form for all
    from trl import SFTConfig, SFTTrainer

    return SFTTrainer(args=SFTConfig(**told, max_length=None, loss_type="nll"), **how)


def _dpo(course: Course, told: dict[str, Any], how: dict[str, Any]) -> Any:
    from trl import DPOConfig, DPOTrainer

    class Pairs(DPOTrainer):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset  # it is tokens already

    beta = 0.1 if course.recipe.beta is None else course.recipe.beta
    if how["peft_config"] is None and course.recipe.method == "full":
        how["ref_model"] = deepcopy(how["model"])
    return Pairs(args=DPOConfig(**told, beta=beta, max_length=None), **how)


def _grpo(course: Course, told: dict[str, Any], how: dict[str, Any]) -> Any:
    from trl import GRPOConfig, GRPOTrainer

    from harness.train.reward import reward_of

    recipe = course.recipe
    asked = {row["task"]: row["prompt_ids"] for row in course.taught.rows}
    by_text = {str(row["prompt"]): row["task"] for row in course.taught.rows}

    class Answers(GRPOTrainer):  # type: ignore[misc]
        def _tokenize_prompts(self, prompts: Any) -> Any:
            return [list(asked[by_text[str(prompt)]]) for prompt in prompts], None, {}

    args = GRPOConfig(
        **told,
        num_generations=recipe.answers,
        max_completion_length=recipe.max_new_tokens or MAX_NEW,
        temperature=recipe.temperature or 1.0,
        beta=recipe.beta or 0.0,
    )
    return Answers(args=args, reward_funcs=reward_of(course), **how)


def _gkd(course: Course, told: dict[str, Any], how: dict[str, Any]) -> Any:
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    recipe = course.recipe
    args = GKDConfig(
        **told,
        lmbda=0.5 if recipe.on_policy is None else recipe.on_policy,
        beta=0.5 if recipe.beta is None else recipe.beta,
        temperature=recipe.temperature or 1.0,
        max_new_tokens=recipe.max_new_tokens or MAX_NEW,
        max_length=None,
    )
    return GKDTrainer(args=args, **how)


def _marked(row: Row) -> Row:
    """As the collator of ``gkd`` takes it: the mask says where the answer begins, and the prompt's text is not read."""
    mask = [int(label != -100) for label in row["labels"]]
    return {"input_ids": row["input_ids"], "completion_mask": mask, "prompt": ""}
