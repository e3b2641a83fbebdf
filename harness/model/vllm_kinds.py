"""Which kind of value each option of vLLM's engine takes, read from the source of the installed vLLM, not imported.

A value of another kind would be refused by the engine a minute later, in the words of whatever stumbles over it.
"""

import ast
import importlib.util
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from harness.core import nearest

_MOST = 10**15  # no count of tokens, requests or bytes is larger
_FROM_ONE = (
    *("max_loras", "max_cpu_loras", "max_model_len", "max_num_seqs", "max_num_active_seqs", "max_num_batched_tokens"),
    *("max_num_scheduled_tokens", "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "nnodes"),
    *("prefill_context_parallel_size", "decode_context_parallel_size", "max_parallel_loading_workers", "block_size"),
    *("mamba_block_size", "num_gpu_blocks_override", "stream_interval", "prefill_schedule_interval"),
    *("safetensors_prefetch_num_threads", "safetensors_prefetch_block_size", "renderer_num_workers"),
    *("distributed_timeout_seconds", "cpu_distributed_timeout_seconds", "offload_num_in_group"),
)
_FROM_ZERO = (
    *("data_parallel_rank", "data_parallel_start_rank", "data_parallel_size_local", "node_rank", "ubatch_size"),
    *("long_prefill_token_threshold", "max_num_queued_reqs", "max_num_queued_tokens", "offload_group_size"),
    *("offload_prefetch_step", "shutdown_timeout", "max_cudagraph_capture_size"),
)
WHOLE = {
    **dict.fromkeys(_FROM_ONE, (1, _MOST)),
    **dict.fromkeys(_FROM_ZERO, (0, _MOST)),
    "seed": (0, 2**32 - 1),
    "kv_cache_memory_bytes": (1 << 20, _MOST),
    "master_port": (1, 65535),
    "data_parallel_rpc_port": (1, 65535),
}
"""Options that are whole numbers, with the least and the most that each can be, in any version of vLLM."""
_NUMBERS = {
    "gpu_memory_utilization": (0.01, 1),
    "watermark": (0, 0.99),
    **dict.fromkeys(
        ("cpu_offload_gb", "kv_offloading_size", "mm_processor_cache_gb", "mm_ipc_gpu_memory_gb"), (0, _MOST)
    ),
}  # likewise, and not whole
_NEEDED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a finite number",
    "str": "a text",
    "list": "a list",
    "dict": "a mapping",
}
_LONGEST = 12  # values that are listed; of more, the nearest is named


def wrong_value(name: str, value: Any) -> str | None:
    """What is wrong with the value of an engine option; ``None`` where nothing is, or where only vLLM can tell."""
    kind = engine_kinds().get(name, "")
    if value is None and "None" in _parts(kind)[0]:
        return None
    if name in WHOLE or name in _NUMBERS:
        least, most = WHOLE.get(name) or _NUMBERS[name]
        fits = type(value) is int or (name in _NUMBERS and type(value) is float)
        if not fits or not least <= value <= most:  # which NaN is not either
            ends = f" to {most:,}" if most < _MOST or fits else ""
            needed = f"{'a whole' if name in WHOLE else 'a finite'} number from {least:,}{ends}"
            return f"found {'no value' if value is None else repr(value)}, needed {needed}"
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return f"found {value}, needed {_in_words(kind) or 'a finite number'}"
    return _wrong_kind(value, kind)


@cache
def engine_kinds() -> dict[str, str]:
    """By name, the type that the installed vLLM's source states for each option; empty where there is no vLLM.

    Importing them takes 15 seconds, reading them 20 milliseconds.
    """
    kinds = dict[str, str]()
    with suppress(OSError, SyntaxError, AttributeError, TypeError, ValueError):
        for part in ast.parse((_package() / "engine" / "arg_utils.py").read_text(encoding="utf-8")).body:
            if isinstance(part, ast.ClassDef) and part.name in {"EngineArgs", "AsyncEngineArgs"}:
                for one in part.body:
                    if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                        kinds[one.target.id] = ast.unparse(one.annotation)
    return {name: kind for name, kind in kinds.items() if not name.startswith("_")}


def _package() -> Path:
    found = importlib.util.find_spec("vllm")
    return Path(str(found and found.origin)).parent


def _wrong_kind(value: Any, kind: str) -> str | None:
    """Looks at the parts of a union; one that is none of Python's own types may take anything."""
    taken, choices = _parts(kind)
    if "" in taken or not kind:
        return None
    if value is None:
        return None if "None" in taken else f"found no value, needed {_in_words(kind)}, or leave it out"
    if value == "" and {"None", "str"} <= taken:
        return "found an empty text; leave it out"
    own = {bool: "bool", int: "int", float: "float", str: "str", list: "list", dict: "dict"}.get(type(value), "")
    if (
        own in taken
        or (own == "int" and "float" in taken)
        or any(value == one and type(value) is type(one) for one in choices)
    ):
        return None
    if choices and isinstance(value, str):
        many = len(choices) > _LONGEST
        return f"found {value!r}, " + (nearest(value, choices) if many else f"needed {_in_words(kind)}")
    return f"found {value!r}, needed {_in_words(kind)}"


def _in_words(kind: str) -> str:
    taken, choices = _parts(kind)
    words = [needed for own, needed in _NEEDED.items() if own in taken]
    if choices:
        words.append("one of " + ", ".join(map(str, choices)))
    return " or ".join(words)


def _parts(kind: str) -> tuple[set[str], list[Any]]:
    """Python's own types in an annotation, ``""`` for what may take any of them, and the values that it lists."""
    taken, choices = set[str](), list[Any]()
    with suppress(SyntaxError):
        for node in _alternatives(ast.parse(kind or "_", mode="eval").body):
            named = node.value if isinstance(node, ast.Subscript) else node
            name = named.id if isinstance(named, ast.Name) else ""
            listed = _listed(node) if name == "Literal" else values_of(name)
            if listed:
                choices += listed
            elif isinstance(node, ast.Constant):
                taken.add("None" if node.value is None else "")
            elif name.endswith(("Config", "ConfigArgs", "Overrides")):
                taken.add("dict")
            elif name in {*_NEEDED, "QuantizationMethods"}:
                taken.add(name if name in _NEEDED else "str")
            elif name != "type" and not isinstance(node, ast.Attribute):  # a class, or torch's dtype: no file holds one
                taken.add("")
    return taken, choices


def _alternatives(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from (*_alternatives(node.left), *_alternatives(node.right))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):  # an annotation that is quoted
        yield from _alternatives(ast.parse(node.value, mode="eval").body)
    else:
        yield node


def _listed(node: ast.expr) -> list[Any]:
    """The values of ``Literal[...]``, with those of the names in it; none where one is not known."""
    inner = node.slice if isinstance(node, ast.Subscript) else node
    values = list[Any]()
    for one in inner.elts if isinstance(inner, ast.Tuple) else [inner]:
        found = [one.value] if isinstance(one, ast.Constant) else values_of(one.id) if isinstance(one, ast.Name) else []
        if not found:
            return []
        values += found
    return values


@cache
def values_of(name: str) -> list[Any]:
    """The values of a name that vLLM's configuration gives to a ``Literal``; none where it is something else."""
    if not name[:1].isupper():
        return []
    sign = re.compile(
        rf"^{re.escape(name)}(?:: TypeAlias)? = (Literal\[(?:[^\n]*|\n.*?^)\])$", re.MULTILINE | re.DOTALL
    )
    for file in sorted((_package() / "config").glob("*.py")):
        with suppress(OSError, SyntaxError, ValueError):
            if found := sign.search(file.read_text(encoding="utf-8")):
                return _listed(ast.parse(found[1], mode="eval").body)
    return []
