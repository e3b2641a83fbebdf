"""The weights of a model's folder, and an adapter put into them: for whoever answers with them, and for training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core import UserFileError
from harness.model.local_folder import quiet, unloadable


def load_weights(folder: Path, dtype: str, *, rows: int | None = None, how: Mapping[str, Any] | None = None) -> Any:
    """The language model in a folder, whole; ``dtype`` may be ``auto``. Raises UserFileError: it cannot be loaded.

    ``rows`` are the tokens of a copy's embedding; ``how`` is what else transformers is told.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                str(folder),
                dtype=dtype if dtype == "auto" else getattr(torch, dtype),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # so that they are told, and refused below
                output_loading_info=True,
                **how or {},
            )
            model, told_of = loaded
            if rows is not None:
                model.resize_token_embeddings(rows, mean_resizing=False)
    except Exception as error:  # noqa: BLE001 - transformers lets through whatever a wrong value leads to
        raise unloadable(folder, error) from None
    if misshapen := sorted(told_of["mismatched_keys"]):
        key, found, meant = misshapen[0]
        problem = f"{len(misshapen)} of the tensors in its weights have another shape than it says"
        problem += f" ({key} is {list(found)}, not {list(meant)})"
        raise UserFileError(folder / "config.json", problem, advice="take both from one model")
    if missing := sorted(told_of["missing_keys"]):
        problem = f"{len(missing)} of the model's tensors are missing in its files ({', '.join(missing[:3])})"
        raise UserFileError(folder, problem, advice="copy the model again")
    return model


def find_device(wanted: str | None, place: Path | str, field: str) -> str:
    """The device that is wanted, or a GPU where there is one. Raises UserFileError: this machine has no such device."""
    import torch

    device = wanted or ("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = device.partition(":")
    there = 1 if kind == "cpu" else getattr(torch, kind).device_count()
    if int(number or 0) >= there:
        problem, advice = f"torch finds no {kind} on this machine", "write device: cpu, or leave it out"
        if there:
            problem, advice = f"this machine has {there} of them, counted from 0", f"write {kind}:{there - 1} at most"
        raise UserFileError(place, f"found {device}, and {problem}", field=field, advice=advice)
    return device


def ends_of(model: Any, tokenizer: Any, folder: Path) -> frozenset[int]:
    """The tokens that end an answer. Raises UserFileError: neither model nor tokenizer names one."""
    told = model.generation_config.eos_token_id
    end = told if told is not None else tokenizer.eos_token_id
    if end is None:
        raise UserFileError(folder / "generation_config.json", "names no eos_token_id", advice="add it")
    return frozenset([end] if isinstance(end, int) else end)
