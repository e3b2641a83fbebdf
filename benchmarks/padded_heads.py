"""A twin of a Llama model, and of its LoRA adapters, whose attention heads are wider and which answers the same.

vLLM's attention on a CPU knows heads of 32, 64, … places; those of the demo's models have 24. The heads are padded with
zeros, queries scaled by the root of the ratio, since attention divides by the root of a head's width, and the rotary
embedding kept to the old places (``partial_rotary_factor``), which vLLM reads and transformers' Llama does not: so the
twin is for vLLM, and is compared with the model itself.
"""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WIDTH = 32


def twin(base: Path, adapters: Sequence[Path], out: Path) -> tuple[Path, list[Path]]:
    """Writes the twins of a base and of its adapters into ``out``; their folders."""
    config: dict[str, Any] = json.loads((base / "config.json").read_text())
    width, heads, of_keys = config["head_dim"], config["num_attention_heads"], config["num_key_value_heads"]
    folder = out / base.name
    shutil.copytree(base, folder)
    _pad_file(base / "model.safetensors", folder / "model.safetensors", (width, heads, of_keys))
    rotary = {**config["rope_parameters"], "partial_rotary_factor": width / WIDTH}
    (folder / "config.json").write_text(json.dumps({**config, "head_dim": WIDTH, "rope_parameters": rotary}))
    folders = []
    for adapter in adapters:
        folders.append(out / adapter.name)
        shutil.copytree(adapter, folders[-1], ignore=shutil.ignore_patterns("card.yaml"))  # its base is another now
        names = "adapter_model.safetensors"
        _pad_file(adapter / names, folders[-1] / names, (width, heads, of_keys))
    return folder, folders


def _pad_file(source: Path, target: Path, shape: tuple[int, int, int]) -> None:
    from safetensors.torch import load_file, save_file

    padded = {name: _padded(name, weight, shape) for name, weight in load_file(str(source)).items()}
    save_file(padded, str(target), metadata={"format": "pt"})


def _padded(name: str, weight: Any, shape: tuple[int, int, int]) -> Any:
    """One weight, or one half of what an adapter adds to it: its outgoing side is B's, its incoming side A's."""
    width, heads, of_keys = shape
    out, into = "lora_A" not in name, "lora_B" not in name
    if "q_proj" in name and out:
        return _rows(weight, heads, width) * math.sqrt(WIDTH / width)
    if ("k_proj" in name or "v_proj" in name) and out:
        return _rows(weight, of_keys, width)
    if "o_proj" in name and into:
        return _rows(weight.T.contiguous(), heads, width).T.contiguous()
    return weight


def _rows(weight: Any, heads: int, width: int) -> Any:
    """(heads * width, x) as (heads * WIDTH, x), zeros below each head's rows."""
    from torch.nn.functional import pad

    apart = weight.reshape(heads, width, -1)
    return pad(apart, (0, 0, 0, WIDTH - width)).reshape(heads * WIDTH, -1).contiguous()
