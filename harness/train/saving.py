"""A trained adapter's folder in canonical form, the same bytes for the same training: configuration, weights, card.

No pickle, no tokenizer, no path of this machine. It is written aside and takes its place whole.
"""

import datetime as dt
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.adapter import WEIGHTS, check_adapter, load_adapter, tokenizer_files
from harness.core import replacing_folder, write_atomic
from harness.train.course import Course
from harness.train.progress import DivergedError

ADAPTER = "default"  # what PEFT and TRL call the one that is trained
CONFIG, CARD = "adapter_config.json", "card.yaml"


def save(course: Course, model: Any, metrics: Mapping[str, Any], spent: Mapping[str, float | None]) -> None:
    """Writes the folder. Raises DivergedError: the training came to no numbers."""
    with replacing_folder(course.out) as folder:
        if course.recipe.method == "full":
            _save_whole(course, model, folder)
        else:
            _save_lora(course, model, folder)
        digest = load_adapter(folder).digest if course.recipe.method == "lora" else None
        write_atomic(folder / CARD, _card(course, digest, metrics, spent))
        if course.recipe.method == "lora":
            check_adapter(load_adapter(folder), course.base)


def _save_lora(course: Course, model: Any, folder: Path) -> None:
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    state = get_peft_model_state_dict(model, adapter_name=ADAPTER, save_embedding_layers=False)
    save_file(_finite(state, course), folder / WEIGHTS, metadata={"format": "pt"})
    config = {key: _sorted(value) for key, value in model.peft_config[ADAPTER].to_dict().items()}
    config |= {"base_model_name_or_path": course.base.resolve().name, "inference_mode": True}
    write_atomic(folder / CONFIG, json.dumps(config, indent=2, sort_keys=True) + "\n")


def _save_whole(course: Course, model: Any, folder: Path) -> None:
    """A model's folder: the base's own files, with the trained weights."""
    import torch

    dtype = getattr(torch, course.recipe.save_dtype)
    _finite(dict(model.named_parameters()), course)
    save_model(model.to(dtype), course.base, folder)


def save_model(model: Any, base: Path, folder: Path) -> None:
    """A whole model with its base's tokenizer and chat template; its configuration names no place."""
    model.save_pretrained(folder)
    for file in (*tokenizer_files(base), base / "generation_config.json"):
        if file.is_file():
            place = folder / file.relative_to(base)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    write_atomic(folder / "config.json", json.dumps(config, indent=2, sort_keys=True) + "\n")


def _finite(state: Mapping[str, Any], course: Course) -> dict[str, Any]:
    """The tensors by name, as they are saved. Raises DivergedError: a number is none."""
    import torch

    if broken := [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]:
        raise DivergedError(f"{course.file}: the training came to no numbers ({broken[0]}); lower learning_rate")
    dtype = getattr(torch, course.recipe.save_dtype)
    return {name: state[name].detach().to("cpu", dtype).contiguous() for name in sorted(state)}


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, (set, frozenset)) else value


def _card(course: Course, digest: str | None, metrics: Mapping[str, Any], spent: Mapping[str, float | None]) -> str:
    import yaml

    recipe, base = course.recipe, Path(course.recipe.base)
    told = {
        "digest": digest,
        "base_model": base.name if base.is_absolute() else recipe.base,
        "base_digest": course.base_digest,
        "recipe": recipe.sentence,
        **course.taught.card,
        "seed": recipe.seed,
        **spent,
        "metrics": dict(metrics),
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "licence": recipe.licence,
        "base_licence": recipe.base_licence,
        "note": recipe.note,
    }
    kept = {key: value for key, value in told.items() if value is not None}
    return yaml.safe_dump(kept, sort_keys=False, width=110, allow_unicode=True)
