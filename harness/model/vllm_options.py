"""What an experiment may say of vLLM's engine, and which adapters the engine takes; vLLM is not imported for it."""

import ast
import importlib.util
import json
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from harness.adapter import Adapter
from harness.core import ModelError, ModelSpec, UserFileError, nearest
from harness.model.local_choose import sampling_of
from harness.model.local_folder import wrong_tools
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
_WHOLE = ("max_loras", "max_lora_rank", "max_model_len")  # options that are looked at before vLLM is
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
        if name in _OURS:
            return field, "this is set by the backend itself; take it out"
        if known and name not in known:
            return field, f"vLLM's engine has no such option; {nearest(name, known - _OURS)}"
        if name in _WHOLE and (type(value) is not int or value < 1):
            return field, f"found {value!r}, needed a whole number from 1"
        if name == "max_lora_rank" and value not in RANKS:
            return field, f"found {value}, needed one of {', '.join(map(str, RANKS))}"
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            return field, f"found {value!r}, which JSON has no form for; quote it"
    if wrong := wrong_tools(spec):
        return wrong
    length, most = spec.options.get("max_model_len"), longest_of(Path(spec.model))
    if length is not None and most is not None and length > most:
        return "options.max_model_len", f"found {length:,}, and the model reads {most:,} tokens at most"
    try:
        heat = sampling_of(spec.sampling)["temperature"]
    except ModelError as error:
        return "sampling", str(error).removeprefix("sampling: ")
    return ("sampling", f"temperature is {heat}, and vLLM takes 0 to {HOTTEST}") if heat > HOTTEST else None


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


@cache
def engine_options() -> frozenset[str]:
    """The names that the engine of the installed vLLM takes, read from its source; empty where there is none.

    Importing them takes 15 seconds, reading them 20 milliseconds.
    """
    found = importlib.util.find_spec("vllm")
    names = set[str]()
    with suppress(OSError, SyntaxError, AttributeError, TypeError):
        source = Path(str(found and found.origin)).parent / "engine" / "arg_utils.py"
        for part in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(part, ast.ClassDef) and part.name in {"EngineArgs", "AsyncEngineArgs"}:
                fields = [one.target for one in part.body if isinstance(one, ast.AnnAssign)]
                names |= {one.id for one in fields if isinstance(one, ast.Name) and not one.id.startswith("_")}
    return frozenset(names)


def longest_of(folder: Path) -> int | None:
    """The tokens that a model's configuration says it reads."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        length = config.get("max_position_embeddings") or config["text_config"]["max_position_embeddings"]
        return length if type(length) is int else None
    return None
