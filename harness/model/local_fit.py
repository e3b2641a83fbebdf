"""Whether an adapter goes into its base whole: file, configuration and model, held against each other by tensor.

PEFT itself says which tensors a configuration makes, on a skeleton of the base that has shapes and no weights. So
nothing large is loaded, and what is found here is what a run would find.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.adapter import WEIGHTS, Adapter, Shapes, check_adapter, load_adapter, tensor_shapes
from harness.core import UserFileError
from harness.model.local_checks import quiet, unloadable
from harness.model.local_prompt import Prompts

_PREFIX = "base_model.model."
_NAME = "adapter0"  # in a skeleton; PEFT forbids names that its own prefixes hold
_PLACES = ("", ".modules_to_save", ".original_module", ".base_layer")
"""Where the whole matrix of a module may stand in a file: PEFT writes embeddings under up to three names."""
_EMBEDDINGS = "save it again with save_embedding_layers=True"
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How an adapter is put into its base."""

    adapter: Adapter
    prompts: Prompts | None
    """Its own tokenizer or chat template; ``None`` where it has none that says anything else than the base's."""
    rows: int | None  # tokens of its embedding, where those are not as many as the base's
    alone: bool  # whether it changes the base's own weights, so that it needs a copy of the base
    notes: tuple[str, ...]  # what a reader of its results must know, a sentence each


def fit_adapter(path: Path, base: Path, prompts: Prompts) -> Fit:
    """Returns when all of the adapter in the folder ``path`` goes into the base, of which ``prompts`` are.

    Raises:
        UserFileError: it is broken or belongs to another base; tensors are missing, unexpected, misshapen or not
            finite, counted and named; or its tokenizer does not go with its embedding.
    """
    adapter = load_adapter(path)
    check_adapter(adapter, base)
    with quiet():
        held = tensor_shapes(path / WEIGHTS)
        skeleton = _skeleton(base)
        ends = _embeddings(skeleton)
        known = int(skeleton.get_input_embeddings().weight.shape[0])
        rows = _rows(held, ends) or known
        resized = rows if rows != known else None
        own = prompts.of_adapter(path, adapter.tokenizer_files)
        if resized:
            if own is None or own.tokenizer is prompts.tokenizer:
                raise UserFileError(
                    path,
                    f"its embedding has {rows:,} tokens, the base's {known:,}, and no tokenizer says which they are",
                    advice="save the tokenizer that it was trained with into its folder",
                )
            skeleton.resize_token_embeddings(rows, mean_resizing=False)
        if own is not None:
            _check_tokens(own, prompts, rows, path)
        peft = inject(skeleton, adapter, _NAME, empty=True)
        _check_tensors(adapter, held, peft, ends, resized=bool(resized))
        _check_values(adapter)
    config = peft.peft_config[_NAME]
    whole = any(_whole(held, module) for module in ends if not _is_copied(peft, module))
    notes = (*_ignored(adapter, config), *_told(adapter, own, resized))
    alone = bool(resized) or whole or config.bias != "none"
    return Fit(adapter=adapter, prompts=own, rows=resized, alone=alone, notes=notes)


def inject(model: Any, adapter: Adapter, name: str, *, empty: bool = False) -> Any:
    """The PEFT model around ``model``, with room for the adapter; ``model`` may be one already. Loads no weight.

    Raises:
        UserFileError: PEFT cannot make what the configuration names.
    """
    from peft import LoraConfig, PeftModel

    place = adapter.path / "adapter_config.json"
    try:
        known = {f.name for f in fields(LoraConfig)}
        written = json.loads(place.read_text(encoding="utf-8"))
        config = LoraConfig(**{key: value for key, value in written.items() if key in known and key != "auto_mapping"})
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
        advice = "use the base it was trained on, or save it again"
        raise UserFileError(place, problem, field="target_modules", advice=advice) from None


def fill(peft: Any, adapter: Adapter, name: str) -> None:
    """Reads the adapter's weights into the model, and looks whether each of them is there.

    Raises:
        UserFileError: PEFT refused them, or left some out.
    """
    import torch
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors.torch import load_file

    file = adapter.path / WEIGHTS
    # what PEFT keeps of the base under original_module is not the adapter's, and would overwrite the base's own
    held = {key: tensor for key, tensor in load_file(str(file)).items() if ".original_module." not in key}
    try:
        unused = set(set_peft_model_state_dict(peft, held, adapter_name=name).unexpected_keys)
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        raise UserFileError(file, f"PEFT refuses its weights ({' '.join(str(error).split())[:200]})") from None
    there = peft.state_dict() | get_peft_model_state_dict(peft, adapter_name=name, save_embedding_layers=False)
    lost = []
    for key, tensor in held.items():
        put = there.get(key)
        if put is None:
            if key in unused and not _is_double(held, key):
                lost.append(key)
        elif not torch.equal(put.cpu(), tensor.to(put.dtype)):
            lost.append(key)
    if lost:
        raise UserFileError(file, f"{len(lost)} of {len(held)} tensors did not reach the model ({_named(lost)})")


def _skeleton(base: Path) -> Any:
    """The base's modules, without weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(base), local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 - transformers lets through whatever a wrong value leads to
        raise unloadable(base, error) from None


def _embeddings(model: Any) -> tuple[str, ...]:
    """The names of the modules in which tokens come in and go out."""
    chosen = (model.get_input_embeddings(), model.get_output_embeddings())
    return tuple(name for name, module in model.named_modules() if any(module is one for one in chosen))


def _rows(held: Shapes, ends: Collection[str]) -> int | None:
    """Tokens of the embedding that a file holds whole, or holds low-rank matrices of."""
    whole = [held[key][0] for module in ends for key in _whole(held, module)]
    low = [held[key][-1] for module in ends if (key := f"{_PREFIX}{module}.lora_embedding_A") in held]
    return next(iter(whole + low), None)


def _whole(held: Collection[str], module: str) -> list[str]:
    """The tensors of a file that are the whole matrix of a module."""
    return [name for place in _PLACES if (name := f"{_PREFIX}{module}{place}.weight") in held]


def _is_copied(peft: Any, module: str) -> bool:
    """Whether PEFT keeps a copy of the module for the adapter, so that the base's own stays as it is."""
    from peft.utils import ModulesToSaveWrapper

    return isinstance(peft.base_model.model.get_submodule(module), ModulesToSaveWrapper)


def _is_double(held: Mapping[str, Any], key: str) -> bool:
    """Whether a tensor that PEFT does not read is the very one that it reads under the module's plain name."""
    plain = key.replace(".modules_to_save.", ".")
    return plain != key and plain in held and bool((held[plain] == held[key]).all())


def _check_tensors(adapter: Adapter, held: Shapes, peft: Any, ends: Collection[str], *, resized: bool) -> None:
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
    total = len(wanted)
    several = (
        (missing, f"the {total} tensors that its configuration names are missing"),
        (foreign, f"its {len(held)} tensors are unexpected and would not be used"),
    )
    parts = [f"{len(keys)} of {said} ({_named(keys)})" for keys, said in several if keys]
    if misshapen:
        first = misshapen[0]
        parts.append(f"{len(misshapen)} of the {total} tensors have another shape than its configuration says")
        parts[-1] += f" ({_short(first)} is {list(held[first])}, not {list(wanted[first])})"
    if parts:
        raise UserFileError(adapter.path / WEIGHTS, ", and ".join(parts), advice=_advice(missing, foreign, misshapen))
    untied = not getattr(peft.base_model.model.config.get_text_config(), "tie_word_embeddings", False)
    needed = [module for module in ends if untied or module == ends[0]]  # type: ignore[index]
    lacking = [module for module in needed if resized and not _whole(held, module)]
    if lacking:
        problem = f"the base has other tokens than it was trained with, and it lacks the rows of {', '.join(lacking)}"
        raise UserFileError(adapter.path / WEIGHTS, problem, advice=_EMBEDDINGS)


def _is_converted(adapter: Adapter, peft: Any) -> bool:
    """Whether PEFT reads the file whole under other names, as it does for models whose layers were fused since."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    weights = load_file(str(adapter.path / WEIGHTS))
    try:
        result = set_peft_model_state_dict(peft, weights, adapter_name=_NAME, low_cpu_mem_usage=True)
    except (ValueError, KeyError, RuntimeError, TypeError, AttributeError, NotImplementedError):
        return False
    return not result.unexpected_keys and not any(_NAME in key for key in result.missing_keys)


def _advice(missing: list[str], foreign: list[str], misshapen: list[str]) -> str:
    if misshapen:
        return "its r, rank_pattern or base is another than it was trained with: correct that, or save it again"
    if any("_orig_mod." in key or "module." in key.removeprefix(_PREFIX).partition("model.")[0] for key in foreign):
        return "it was saved from a compiled or wrapped model: save the model inside"
    if foreign and all("magnitude" in key for key in foreign):
        return "it was trained with DoRA: set use_dora to true"
    if foreign and not missing:
        return "name in its configuration what was trained, or save it again"
    return "save it again, with PEFT's save_pretrained"


def _check_values(adapter: Adapter) -> None:
    """Every number is finite, and not all that they add is nothing."""
    import torch
    from safetensors import safe_open

    broken, idle, other = [], True, False
    with safe_open(str(adapter.path / WEIGHTS), "pt") as file:
        for key in file.keys():  # noqa: SIM118 - no mapping
            tensor = file.get_tensor(key)
            if not torch.isfinite(tensor.float()).all():
                broken.append(key)
            if ".lora_B" in key or ".lora_embedding_B" in key:
                idle = idle and not tensor.float().any()
            other = other or not any(f".lora_{side}" in key for side in ("A", "B", "embedding_A", "embedding_B"))
    file_name = adapter.path / WEIGHTS
    if broken:
        problem = f"{len(broken)} tensors hold NaN or infinity ({_named(broken)})"
        raise UserFileError(file_name, problem, advice="its training failed: train it again")
    if idle and not other:
        problem = "all its lora_B matrices are zero, so that the model answers as without it"
        raise UserFileError(file_name, problem, advice="it was never trained: train or save it again")


def _check_tokens(own: Prompts, prompts: Prompts, rows: int, path: Path) -> None:
    """Its tokenizer counts the base's tokens as the base does, and has no more of them than the embedding."""
    if own.tokenizer is prompts.tokenizer:
        return
    theirs, mine = prompts.tokenizer.get_vocab(), own.tokenizer.get_vocab()
    moved = [token for token, number in mine.items() if theirs.get(token, number) != number]
    if moved:
        problem = f"{len(moved):,} of its {len(mine):,} tokens have another number than in the base's tokenizer"
        raise UserFileError(path, problem, field="tokenizer", advice="put the tokenizer there that it was trained with")
    beyond = [token for token, number in mine.items() if number >= rows and token != own.tokenizer.pad_token]
    if beyond and any(token not in theirs for token in beyond):
        problem = f"{len(beyond)} tokens of its tokenizer have no row in the embedding ({', '.join(beyond[:_SHOWN])})"
        raise UserFileError(path, problem, field="tokenizer", advice=_EMBEDDINGS)


def _ignored(adapter: Adapter, config: Any) -> list[str]:
    """Keys of the configuration that PEFT does not know and passes over, where they say something."""
    from importlib.metadata import version

    known = {f.name for f in fields(config)}
    written = json.loads((adapter.path / "adapter_config.json").read_text(encoding="utf-8"))
    lost = [key for key, value in written.items() if value and key not in known]
    said = f"the adapter {adapter.name}: PEFT {version('peft')} does not know {', '.join(lost)} and ignores it"
    return [said] if lost else []


def _told(adapter: Adapter, own: Prompts | None, rows: int | None) -> list[str]:
    if own is None:
        return []
    said = f"the adapter {adapter.name} is asked with its own {own.what or 'tokenizer'}"
    said += f", on a copy of the base with {rows:,} tokens" if rows else ""
    return [*([said] if own.what or rows else []), *own.notes]


def _named(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(map(_short, keys[:_SHOWN])) + more


def _short(key: str) -> str:
    return key.removeprefix(_PREFIX)
