"""A course taken: the base loaded, trained by TRL from the last checkpoint on, and saved."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.adapter import load_adapter
from harness.core import OwnbenchError, UsageError, write_atomic
from harness.model import ends_of, load_weights, put_on, quiet
from harness.train.course import Course
from harness.train.progress import DivergedError, Listener, Spent, TrainingProgress, teller
from harness.train.recipe import LoraEntry
from harness.train.rows import Row
from harness.train.saving import ADAPTER, save
from harness.train.trainers import trainer_of

_WHOLE = "whole"  # a file in a checkpoint that was written to its end


def train(course: Course, tell: Listener) -> dict[str, Any]:
    """Trains and saves; what a card says of it comes back. Goes on from the last checkpoint of the same course.

    Raises UsageError: another process trains it, it does not fit into memory, or the training fails.
    """
    _settings()
    with _workplace(course) as work:
        spent = Spent(file=work / "spent.json", gpus=course.world if course.device == "cuda" else 0,
                      hour_usd=course.recipe.gpu_hour_usd)  # fmt: skip
        tell(TrainingProgress(phase="loading TRL and the base"))
        try:
            with quiet(), _silent():
                trainer, resumed = _built(course, work, spent, tell)
                trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
                model = trainer.accelerator.unwrap_model(trainer.model)
                trainer.accelerator.wait_for_everyone()
        except OwnbenchError:
            raise
        except Exception as error:  # a trainer lets through whatever goes wrong in it
            raise _failure(course, error) from error
        metrics = _metrics(trainer.state.log_history)
        if course.first:
            tell(TrainingProgress(phase="saving", step=course.steps, steps=course.steps))
            spent.keep()
            with quiet():
                save(course, model, metrics, spent.card())
    return {**metrics, **spent.card()}


def _built(course: Course, work: Path, spent: Spent, tell: Listener) -> tuple[Any, Path | None]:
    """The trainer, and the checkpoint that it goes on from."""
    import torch
    from transformers import set_seed
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    recipe = course.recipe
    if course.device == "cpu":
        torch.set_num_threads(recipe.threads)
    set_seed(recipe.seed)
    model, lora = _model(course)
    a_step = sum(map(_length, course.taught.rows)) / len(course.taught.rows) * recipe.batch
    callbacks = [_marker(), teller(spent, course.steps, a_step, tell)] if course.first else [_marker()]
    trainer = trainer_of(course, work, callbacks, model=model, lora=lora, teacher=_teacher(course))
    for noisy in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(noisy)
    return trainer, _last_checkpoint(work)


def _length(row: Row) -> int:
    """Tokens that a row has the model read, those that it writes itself left out."""
    pair = len(row.get("chosen_ids", ())) + len(row.get("rejected_ids", ()))
    return len(row.get("input_ids", ())) + len(row.get("prompt_ids", ())) * (2 if pair else 1) + pair


def _model(course: Course) -> tuple[Any, Any]:
    """The base ready to be trained, and the LoRA that the trainer puts on it, if any."""
    import torch
    from peft import LoraConfig
    from transformers import GenerationConfig

    recipe, how = course.recipe, dict[str, Any]()
    dtype = recipe.dtype or ("float32" if course.device == "cpu" else "bfloat16")
    if recipe.quantize == "4bit":
        from transformers import BitsAndBytesConfig

        how["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, dtype),
        )
        how["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    model = load_weights(course.base, dtype, how=how)
    ends = ends_of(model, course.prompts.tokenizer, course.base)
    pad = course.prompts.tokenizer.pad_token_id
    # the model's own sampling settings are left out, as they are at evaluation
    model.generation_config = GenerationConfig(
        eos_token_id=sorted(ends), pad_token_id=min(ends) if pad is None else pad
    )
    if course.start is not None:
        model = put_on(model, course.start, course.base, ADAPTER)
        if recipe.method == "full":
            return model.merge_and_unload(), None
        model.peft_config[ADAPTER].inference_mode = False
        model.set_adapter(ADAPTER)
        return model, None
    if recipe.method == "full":
        return model, None
    lora = recipe.lora or LoraEntry()
    return model, LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        task_type="CAUSAL_LM",
        **_placed(lora, model),
    )


def _placed(lora: LoraEntry, model: Any) -> dict[str, Any]:
    """On which modules, and from which layer on; PEFT takes layers only with modules that are named."""
    if lora.first_layer is None:
        return {"target_modules": lora.target}
    import torch

    target = lora.target
    if target == "all-linear":
        linear = (name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear))
        target = sorted({name.rpartition(".")[2] for name in linear if re.search(r"\.\d+\.", name)})
    layers = range(lora.first_layer, model.config.get_text_config().num_hidden_layers)
    return {"target_modules": [target] if isinstance(target, str) else target, "layers_to_transform": [*layers]}


def _teacher(course: Course) -> Any:
    """The teacher's weights; those of an adapter are its base's with it merged in."""
    if course.teacher is None:
        return None
    dtype = course.recipe.dtype or ("float32" if course.device == "cpu" else "bfloat16")
    if not (course.teacher / "adapter_config.json").is_file():
        return load_weights(course.teacher, dtype)
    load_adapter(course.teacher)
    return put_on(load_weights(course.base, dtype), course.teacher, course.base, ADAPTER).merge_and_unload()


# -------------------------------------------------------------------------------------------------------- checkpoints


@contextlib.contextmanager
def _workplace(course: Course) -> Iterator[Path]:
    """The folder of checkpoints next to the result; kept where there is something to go on from."""
    out = course.out.absolute()
    work = out.parent / f".{out.name}.training"
    if not course.first:  # the first process keeps it
        yield work
        return
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"{course.out}: another process trains it; wait for it, or give another --out") from None
        known = work / "course.json"
        with contextlib.suppress(OSError, ValueError):
            if json.loads(known.read_text("utf-8")) != course.digest:
                for old in work.iterdir():  # of another recipe, data or base
                    shutil.rmtree(old) if old.is_dir() else old.unlink()
        write_atomic(known, json.dumps(course.digest))
        kept = False
        try:
            yield work
        except DivergedError:
            raise
        except BaseException:
            kept = _last_checkpoint(work) is not None
            raise
        finally:
            if not kept:
                shutil.rmtree(work, ignore_errors=True)


def _marker() -> Any:
    """A callback that marks each checkpoint once it is whole."""
    from transformers import TrainerCallback

    class Marker(TrainerCallback):  # type: ignore[misc]
        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            if state.is_world_process_zero:
                (Path(args.output_dir) / f"checkpoint-{state.global_step}" / _WHOLE).touch()

    return Marker()


def _last_checkpoint(work: Path) -> Path | None:
    """The last whole checkpoint."""
    whole = [mark.parent for mark in work.glob(f"checkpoint-*/{_WHOLE}")]
    return max(whole, key=lambda folder: int(folder.name.rpartition("-")[2]), default=None)


# -------------------------------------------------------------------------------------------------------------- noise


def _settings() -> None:
    """Nothing is fetched and nothing is sent; set before the packages are imported."""
    told = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    told |= {"TRL_EXPERIMENTAL_SILENCE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "WANDB_DISABLED": "true"}
    for name, value in told.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The packages that train write nothing to standard output, which is the command's."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _failure(course: Course, error: Exception) -> UsageError:
    said = " ".join(str(error).split())
    if "out of memory" in said.lower() or "not enough memory" in said.lower():
        return UsageError(f"{course.file}: it does not fit into memory; write a smaller micro_batch, or quantize: 4bit")
    return UsageError(f"{course.file}: training failed ({type(error).__name__}: {said[:300]})")


def _metrics(history: list[dict[str, Any]]) -> dict[str, Any]:
    """First and last loss, and of ``grpo`` the rewards."""
    found: dict[str, Any] = {}
    for key in ("loss", "reward"):
        told = [entry[key] for entry in history if key in entry]
        if told:
            found |= {f"first_{key}": round(told[0], 4), f"final_{key}": round(told[-1], 4)}
    return found
