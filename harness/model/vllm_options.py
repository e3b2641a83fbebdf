"""What an experiment may say of vLLM's engine, and which adapters the engine takes; vLLM is not imported for it."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.adapter import Adapter
from harness.core import ModelError, ModelSpec, UserFileError, nearest
from harness.model.local_choose import sampling_of
from harness.model.local_folder import wrong_tools
from harness.model.vllm_kinds import engine_kinds, wrong_value
from harness.userfile import read_text

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # the values of ``max_lora_rank`` that vLLM has
HOTTEST = 2  # the highest temperature that it takes
_OURS = {
    *("model", "model_weights", "tokenizer", "tokenizer_mode", "skip_tokenizer_init", "served_model_name"),
    *("hf_config_path", "config_format", "runner", "convert", "load_format", "revision", "code_revision"),
    *("tokenizer_revision", "trust_remote_code", "hf_token", "enable_lora", "default_mm_loras"),
    *("lora_target_modules", "generation_config", "override_generation_config", "logprobs_mode", "max_logprobs"),
    *("disable_log_stats", "enable_log_requests", "logging_config", "log_level", "log_config_file"),
    *("use_tqdm_on_load", "otlp_traces_endpoint", "collect_detailed_traces", "worker_cls", "worker_extension_cls"),
}
"""Options that say which model answers, how it is asked, and who learns of it: that is the experiment's to say."""
OWN = {"reasoning", "tools"}  # of this program, and next to ``options``
_LEFT_OUT = {
    "use_dora": "DoRA",
    "lora_bias": "biases of LoRA",
    "modules_to_save": "whole modules",
    "trainable_token_indices": "rows of the embedding",
}
_MERGE = "use backend: transformers, or merge it into its base (merge_and_unload) and give that as a model of its own"


def wrong_option(spec: ModelSpec) -> tuple[str, str] | None:
    """The first setting that cannot be, and what is wrong with it; names are looked up where vLLM is installed."""
    known = engine_options()
    for name, value in spec.options.items():
        field = f"options.{name}"
        if name in OWN:
            continue
        if not name.strip():
            return "options", "found an empty name; write the name of one of vLLM's engine arguments, or take it out"
        if name in _OURS:
            return field, "this is set by the backend itself; take it out"
        if known and name not in known:
            return field, f"vLLM's engine has no such option; {nearest(name, known - _OURS)}"
        if unfit := wrong_value(name, value):
            return field, unfit
        if name == "max_lora_rank" and (type(value) is not int or value not in RANKS):
            return field, f"found {value!r}, needed one of {', '.join(map(str, RANKS))}"
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            return field, f"found {value!r}, which JSON has no form for; quote it"
    if wrong := wrong_tools(spec) or _wrong_size(spec):
        return wrong
    try:
        heat = sampling_of(spec.sampling)["temperature"]
    except ModelError as error:
        return "sampling", str(error).removeprefix("sampling: ")
    return ("sampling", f"temperature is {heat}, and vLLM takes 0 to {HOTTEST}") if heat > HOTTEST else None


def _wrong_size(spec: ModelSpec) -> tuple[str, str] | None:
    """An option that the model's own configuration rules out."""
    shares, heads = spec.options.get("tensor_parallel_size", 1), _number_in(Path(spec.model), "num_attention_heads")
    if heads is not None and heads % shares:
        return (
            "options.tensor_parallel_size",
            f"found {shares}, which does not divide the model's {heads} attention heads",
        )
    length, most = spec.options.get("max_model_len"), longest_of(Path(spec.model))
    if length is not None and most is not None and length > most:
        return "options.max_model_len", f"found {length:,}, and the model reads {most:,} tokens at most"
    return None


def check_rank(spec: ModelSpec, adapter: Adapter) -> None:
    """Returns where vLLM applies the whole of an adapter within the experiment's rank; else raises UserFileError."""
    path = adapter.path / "adapter_config.json"
    config = json.loads(read_text(path))
    for key, what in _LEFT_OUT.items():
        if config.get(key):
            raise UserFileError(path, f"vLLM does not apply {what}", field=key, advice=_MERGE)
    if (bias := config.get("bias", "none")) != "none":
        raise UserFileError(path, f"found {bias!r}, and vLLM does not apply biases", field="bias", advice=_MERGE)
    rank, most = rank_of(adapter), spec.options.get("max_lora_rank", RANKS[-1])
    if rank > most:
        problem = f"its rank is {rank}, and models.{spec.name}.options.max_lora_rank is {most}"
        advice = "leave max_lora_rank out" if rank <= RANKS[-1] else "use backend: transformers"
        if "max_lora_rank" not in spec.options:
            problem = f"its rank is {rank}, and vLLM takes {most} at most"
        raise UserFileError(path, problem, field="r", advice=advice)


def rank_of(adapter: Adapter) -> int:
    """The largest rank of an adapter's matrices."""
    pattern = json.loads(read_text(adapter.path / "adapter_config.json")).get("rank_pattern") or {}
    return max(adapter.rank, *pattern.values()) if pattern else adapter.rank


def rank_for(adapters: Iterable[Adapter]) -> int:
    """The smallest ``max_lora_rank`` that holds them all."""
    needed = max(map(rank_of, adapters), default=1)
    return min(rank for rank in RANKS if rank >= needed)


def engine_options() -> frozenset[str]:
    """The names that the engine of the installed vLLM takes; empty where there is none."""
    return frozenset(engine_kinds())


def longest_of(folder: Path) -> int | None:
    """The tokens that a model's configuration says it reads."""
    return _number_in(folder, "max_position_embeddings")


def _number_in(folder: Path, key: str) -> int | None:
    """What a model's configuration says, of its text part where it has several; ``None`` where it says nothing."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        number = config.get(key) or config["text_config"][key]
        return number if type(number) is int else None
    return None
