"""LoRA adapters on the worker, one a domain, and two broken twins of one of them.

The prompts carry no skill: an adapter has to learn the rules from the examples.
"""

import datetime as dt
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from batches import IGNORED, Encoder, padded
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

BASE = "adapters/base/worker"
Change = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How an adapter is trained."""

    rate: float = 2e-3
    epochs: float = 8
    rank: int = 8
    batch: int = 48
    seed: int = 0

    def __str__(self) -> str:
        """One line for the card."""
        return (
            f"LoRA r={self.rank} alpha={2 * self.rank} all-linear, AdamW lr {self.rate}, {self.epochs:g} epochs, "
            f"batch {self.batch}, loss on completions, general examples mixed in"
        )


SETTING = Setting()


def digest(path: Path) -> str:
    """``sha256:`` and the file's digest."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def tune(root: Path, name: str, setting: Setting = SETTING, folder: Path | None = None) -> None:
    """Trains the adapter of one domain from its lines, and writes it with its card."""
    torch.set_num_threads(1)
    torch.manual_seed(setting.seed)
    folder = folder or root / "adapters" / name
    lines = root / "adapters" / "recipe" / "train" / f"{name}.jsonl"
    encoder = Encoder(PreTrainedTokenizerFast.from_pretrained(root / BASE))
    examples = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    rows = [encoder.row([("user", x["prompt"]), ("assistant", x["completion"])]) for x in examples]
    model = LlamaForCausalLM.from_pretrained(root / BASE, dtype=torch.float32)
    model = get_peft_model(
        model,
        LoraConfig(r=setting.rank, lora_alpha=2 * setting.rank, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    body, head = model.base_model.model.model, model.base_model.model.lm_head
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=setting.rate, weight_decay=0.01)
    r, steps, order = random.Random(setting.seed), int(len(rows) * setting.epochs / setting.batch), []
    wall, cpu = time.time(), time.process_time()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = setting.rate * min(1, (step + 1) / 20) * max(0.02, 1 - step / steps)
        if len(order) < setting.batch:
            order = r.sample(rows, len(rows))
        batch, order = order[: setting.batch], order[setting.batch :]
        inputs, targets = padded(batch, encoder.special("<|pad|>"))
        wanted = targets[:, 1:] != IGNORED
        states = body(input_ids=inputs[:, :-1]).last_hidden_state
        loss = cross_entropy(head(states[wanted]).float(), targets[:, 1:][wanted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    model.save_pretrained(folder)
    _finish(folder)
    card = {
        "base_model": BASE,
        "base_digest": digest(root / BASE / "model.safetensors"),
        "recipe": str(setting),
        "training_data": lines.relative_to(root).as_posix(),
        "training_digest": digest(lines),
        "examples": len(rows),
        "seed": setting.seed,
        "gpu_seconds": 0,
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "training_usd": 0.0,
        "metrics": {"final_loss": round(loss.item(), 4)},
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "licence": "CC0-1.0",
        "note": "synthetic data; trained on one CPU thread, so it cost no GPU time",
    }
    _write_card(folder, card)
    print(f"tuned {name}: {steps} steps, {time.time() - wall:.0f} s, loss {loss.item():.4f}", flush=True)


def shuffled(root: Path, name: str, seed: int = 0) -> Path:
    """``NAME-damaged``: the values of every matrix shuffled, a regression that nothing can miss."""
    g = torch.Generator().manual_seed(seed)

    def shuffle(w: torch.Tensor) -> torch.Tensor:
        return w.flatten()[torch.randperm(w.numel(), generator=g)].view_as(w).contiguous()

    return _twin(root, name, "damaged", shuffle, "planted regression: the values of every matrix were shuffled")


def worn(root: Path, name: str, severity: float, seed: int = 0) -> Path:
    """``NAME-worn``: noise of ``severity`` standard deviations on every matrix, a regression near the margin."""
    g = torch.Generator().manual_seed(seed)

    def wear(w: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(w.shape, generator=g)
        return (w.float() + severity * w.float().std() * noise).half()

    note = f"planted regression: noise of {severity:g} standard deviations on every matrix; the severity chosen on dev"
    return _twin(root, name, "worn", wear, note)


def _twin(root: Path, name: str, kind: str, change: Change, note: str) -> Path:
    """A copy of an adapter with other weights and another note."""
    source, folder = root / "adapters" / name, root / "adapters" / f"{name}-{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: change(v) for k, v in sorted(load_file(source / "adapter_model.safetensors").items())}
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = (source / "adapter_config.json").read_text(encoding="utf-8")
    (folder / "adapter_config.json").write_text(config, encoding="utf-8")
    card = yaml.safe_load((source / "card.yaml").read_text(encoding="utf-8"))
    _write_card(folder, card | {"note": note})
    return folder


def _finish(folder: Path) -> None:
    """fp16 weights and a neutral base path; the model card that PEFT adds is left out, ``card.yaml`` is ours."""
    weights = folder / "adapter_model.safetensors"
    save_file({k: v.half() for k, v in load_file(weights).items()}, weights, metadata={"format": "pt"})
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = BASE
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)


def _write_card(folder: Path, card: dict[str, object]) -> None:
    (folder / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False, width=110), encoding="utf-8")


if __name__ == "__main__":
    for domain in sys.argv[2:]:
        tune(Path(sys.argv[1]), domain)
