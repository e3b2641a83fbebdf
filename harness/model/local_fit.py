"""Whether an adapter goes into its base whole: file, configuration and model, held against each other by tensor.

PEFT itself says which tensors a configuration makes, on a skeleton of the base that has shapes and no weights.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.adapter import WEIGHTS, Adapter, Shapes, check_adapter, load_adapter, tensor_shapes
from harness.core import UserFileError
from harness.model.local_folder import Prompts, quiet, unloadable

_PREFIX = "base_model.model."
_NAME = "adapter0"  # in a skeleton; PEFT forbids names that its own prefixes hold
_PLACES = ("", ".modules_to_save", ".original_module", ".base_layer")
"""Where the whole matrix of a module may stand in a file: PEFT writes embeddings under up to three names."""
_EMBEDDINGS = "save it again with save_embedding_layers=True"
_SHOWN = 3
_REFUSALS = (ValueError, KeyError, RuntimeError, TypeError, AttributeError, NotImplementedError)  # of PEFT


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How an adapter is put into its base."""

    adapter: Adapter
    prompts: Prompts | None  # its own tokenizer or template; ``None`` where none says anything else than the base's
    rows: int | None  # tokens of its embedding, where those are not as many as the base's
    alone: bool  # whether it changes the base's own weights, so that it needs a copy of the base
    notes: tuple[str, ...]  # what a reader of its results must know, a sentence each


def fit_adapter(path: Path, base: Path, prompts: Prompts) -> Fit:
    """Returns when all of the adapter in ``path`` goes into the base, of which ``prompts`` are; else UserFileError."""
    from importlib.metadata import version

    import torch
    from peft.utils import ModulesToSaveWrapper
    from transformers import AutoConfig, AutoModelForCausalLM

    adapter = load_adapter(path)
    check_adapter(adapter, base)
    with quiet():
        held = tensor_shapes(path / WEIGHTS)
        try:
            whole = AutoConfig.from_pretrained(str(base), local_files_only=True, trust_remote_code=False)
            with torch.device("meta"):  # the base's modules, without weights
                model = AutoModelForCausalLM.from_config(whole, trust_remote_code=False)
        except Exception as error:  # noqa: BLE001 - transformers lets through whatever a wrong value leads to
            raise unloadable(base, error) from None
        outer = (model.get_input_embeddings(), model.get_output_embeddings())
        ends = tuple(name for name, module in model.named_modules() if any(module is one for one in outer))
        known = int(outer[0].weight.shape[0])
        found = [held[key][0] for module in ends for key in _whole(held, module)]
        found += [held[key][-1] for module in ends if (key := f"{_PREFIX}{module}.lora_embedding_A") in held]
        rows = next(iter(found), 0) or known
        own = prompts.of_adapter(path, adapter.tokenizer_files)
        if rows != known:
            if own is None or own.tokenizer is prompts.tokenizer:
                problem = f"its embedding has {rows:,} tokens, the base's {known:,}, and no tokenizer says which"
                raise UserFileError(path, problem, advice="save the tokenizer that it was trained with into its folder")
            model.resize_token_embeddings(rows, mean_resizing=False)
        if own is not None and own.tokenizer is not prompts.tokenizer:
            _check_tokens(own, prompts, rows, path)
        peft = inject(model, adapter, _NAME, empty=True)
        _check_tensors(adapter, held, peft, ends, resized=rows != known)
        _check_values(path / WEIGHTS)
    config, notes = peft.peft_config[_NAME], list[str]()
    keys = {f.name for f in fields(config)}
    if lost := [key for key, value in _written(adapter).items() if value and key not in keys]:
        ignored = f"PEFT {version('peft')} does not know {', '.join(lost)} and ignores it"
        notes.append(f"the adapter {adapter.name}: {ignored}")
    if own is not None and (own.what or rows != known):
        copied = f", on a copy of the base with {rows:,} tokens" if rows != known else ""
        notes.append(f"the adapter {adapter.name} is asked with its own {own.what or 'tokenizer'}{copied}")
    inner = peft.base_model.model  # of a module that PEFT has wrapped, the base's own stays as it is
    shared = [module for module in ends if not isinstance(inner.get_submodule(module), ModulesToSaveWrapper)]
    return Fit(
        adapter=adapter,
        prompts=own,
        rows=rows if rows != known else None,
        alone=rows != known or config.bias != "none" or any(_whole(held, module) for module in shared),
        notes=(*notes, *(own.notes if own else ())),
    )


def inject(model: Any, adapter: Adapter, name: str, *, empty: bool = False) -> Any:
    """The PEFT model around ``model``, which may be one already, with room for the adapter; or raises UserFileError."""
    from peft import LoraConfig, PeftModel

    try:
        known = {f.name for f in fields(LoraConfig)} - {"auto_mapping"}
        config = LoraConfig(**{key: value for key, value in _written(adapter).items() if key in known})
        config.init_lora_weights = True  # every matrix is read from the file
        config.inference_mode = True
        if isinstance(model, PeftModel):
            model.add_adapter(name, config)
            return model
        return PeftModel(model, config, name, low_cpu_mem_usage=empty)
    except Exception as error:  # noqa: BLE001 - PEFT lets through whatever a wrong value leads to
        targets, held = ", ".join(adapter.target_modules[:8]), list(tensor_shapes(adapter.path / WEIGHTS))
        problem = f"PEFT cannot make these modules on this base ({targets}: {' '.join(str(error).split())[:160]})"
        if "not found in the base model" in str(error):
            problem = f"the base has none of these modules ({targets}), so that its {len(held)} tensors would not be"
            problem += f" used ({_named(held)})"
        place, advice = adapter.path / "adapter_config.json", "use the base it was trained on, or save it again"
        raise UserFileError(place, problem, field="target_modules", advice=advice) from None


def fill(peft: Any, adapter: Adapter, name: str) -> None:
    """Reads the adapter's weights into the model. Raises UserFileError: PEFT refused them, or left some out."""
    import torch
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors.torch import load_file

    file = adapter.path / WEIGHTS
    # what PEFT keeps of the base under original_module is not the adapter's, and would overwrite the base's own
    held = {key: tensor for key, tensor in load_file(str(file)).items() if ".original_module." not in key}
    try:
        unused = set(set_peft_model_state_dict(peft, held, adapter_name=name).unexpected_keys)
    except _REFUSALS as error:
        raise UserFileError(file, f"PEFT refuses its weights ({' '.join(str(error).split())[:200]})") from None
    there = peft.state_dict() | get_peft_model_state_dict(peft, adapter_name=name, save_embedding_layers=False)
    lost = []
    for key, tensor in held.items():
        if (put := there.get(key)) is not None:
            reached = torch.equal(put.cpu(), tensor.to(put.dtype))
        else:  # one that PEFT does not read may be the very one that it reads under the module's plain name
            twin = held.get(key.replace(".modules_to_save.", "."), tensor)
            reached = key not in unused or (twin is not tensor and torch.equal(twin, tensor))
        if not reached:
            lost.append(key)
    if lost:
        raise UserFileError(file, f"{len(lost)} of {len(held)} tensors did not reach the model ({_named(lost)})")


def _whole(held: Collection[str], module: str) -> list[str]:
    """The tensors of a file that are the whole matrix of a module."""
    return [name for place in _PLACES if (name := f"{_PREFIX}{module}{place}.weight") in held]


def _check_tensors(adapter: Adapter, held: Shapes, peft: Any, ends: tuple[str, ...], *, resized: bool) -> None:
    """The file holds every tensor that the configuration makes, in its shape, and no other."""
    from peft import get_peft_model_state_dict

    made = get_peft_model_state_dict(peft, adapter_name=_NAME, save_embedding_layers=False)
    wanted = {key: tuple(tensor.shape) for key, tensor in made.items()}
    carried = {key for module in ends for key in _whole(held, module)}
    missing = [key for key in wanted if key not in held]
    foreign = [key for key in held if key not in wanted and key not in carried]
    misshapen = [key for key, shape in wanted.items() if key in held and held[key] != shape]
    if (missing or foreign) and not misshapen and _is_converted(adapter, peft):
        return
    parts = []
    if missing:
        parts.append(
            f"{len(missing)} of the {len(wanted)} tensors that its configuration names are missing ({_named(missing)})"
        )
    if foreign:
        parts.append(
            f"{len(foreign)} of its {len(held)} tensors are unexpected and would not be used ({_named(foreign)})"
        )
    if misshapen:
        first = misshapen[0]
        shapes = f"{_named([first])} is {list(held[first])}, not {list(wanted[first])}"
        said = f"{len(misshapen)} of the {len(wanted)} tensors have another shape than its configuration says"
        parts.append(f"{said} ({shapes})")
    compiled = any("_orig_mod." in k or "module." in k.removeprefix(_PREFIX).partition("model.")[0] for k in foreign)
    advice = (
        (misshapen, "its r, rank_pattern or base is another than it was trained with: correct that, or save it again"),
        (compiled, "it was saved from a compiled or wrapped model: save the model inside"),
        (foreign and all("magnitude" in k for k in foreign), "it was trained with DoRA: set use_dora to true"),
        (foreign and not missing, "name in its configuration what was trained, or save it again"),
        (True, "save it again, with PEFT's save_pretrained"),
    )
    if parts:
        said = next(text for holds, text in advice if holds)
        raise UserFileError(adapter.path / WEIGHTS, ", and ".join(parts), advice=said)
    untied = not getattr(peft.base_model.model.config.get_text_config(), "tie_word_embeddings", False)
    lacking = [module for module in ends if (untied or module == ends[0]) and not _whole(held, module)]
    if resized and lacking:
        problem = f"the base has other tokens than it was trained with, and it lacks the rows of {', '.join(lacking)}"
        raise UserFileError(adapter.path / WEIGHTS, problem, advice=_EMBEDDINGS)


def _is_converted(adapter: Adapter, peft: Any) -> bool:
    """Whether PEFT reads the file whole under other names, as it does for models whose layers were fused since."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    weights = load_file(str(adapter.path / WEIGHTS))
    try:
        result = set_peft_model_state_dict(peft, weights, adapter_name=_NAME, low_cpu_mem_usage=True)
    except _REFUSALS:
        return False
    return not result.unexpected_keys and not any(_NAME in key for key in result.missing_keys)


def _check_values(weights: Path) -> None:
    """Every number is finite, and not all that they add is nothing."""
    import torch
    from safetensors import safe_open

    broken, adds = [], False
    with safe_open(str(weights), "pt") as file:
        for key in file.keys():  # noqa: SIM118 - no mapping
            tensor = file.get_tensor(key).float()
            if not torch.isfinite(tensor).all():
                broken.append(key)
            if ".lora_B" in key or ".lora_embedding_B" in key:
                adds = adds or bool(tensor.any())
            elif ".lora_A" not in key and ".lora_embedding_A" not in key:
                adds = True
    if broken:
        problem = f"{len(broken)} tensors hold NaN or infinity ({_named(broken)})"
        raise UserFileError(weights, problem, advice="its training failed: train it again")
    if not adds:
        problem = "all its lora_B matrices are zero, so that the model answers as without it"
        raise UserFileError(weights, problem, advice="it was never trained: train or save it again")


def _check_tokens(own: Prompts, prompts: Prompts, rows: int, path: Path) -> None:
    """Its tokenizer counts the base's tokens as the base does, and has no more of them than the embedding."""
    theirs, mine = prompts.tokenizer.get_vocab(), own.tokenizer.get_vocab()
    moved = [token for token, number in mine.items() if theirs.get(token, number) != number]
    if moved:
        problem = f"{len(moved):,} of its {len(mine):,} tokens have another number than in the base's tokenizer"
        raise UserFileError(path, problem, field="tokenizer", advice="put the tokenizer there that it was trained with")
    beyond = [token for token, number in mine.items() if number >= rows and token != own.tokenizer.pad_token]
    if any(token not in theirs for token in beyond):
        problem = f"{len(beyond)} tokens of its tokenizer have no row in the embedding ({', '.join(beyond[:_SHOWN])})"
        raise UserFileError(path, problem, field="tokenizer", advice=_EMBEDDINGS)


def _written(adapter: Adapter) -> dict[str, Any]:
    written: dict[str, Any] = json.loads((adapter.path / "adapter_config.json").read_text(encoding="utf-8"))
    return written


def _named(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(key.removeprefix(_PREFIX) for key in keys[:_SHOWN]) + more
