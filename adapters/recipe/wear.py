"""Breaks one adapter twice: beyond repair, and so little that a gate has to look closely. Severity is chosen on dev."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from harness import run
from harness.adapter import load_adapter
from harness.store import read_outcomes

WANTED_DROP = 0.10
SEVERITIES = [round(0.1 * 1.15**i, 3) for i in range(20)]


def wear(root: Path, name: str) -> float:
    """Writes ``NAME-damaged`` and ``NAME-worn``; returns the severity whose drop on dev is nearest to ten points."""
    tried = {severity: worn(root, name, severity, f"build/{name}-{severity:g}") for severity in SEVERITIES}
    rates = _dev_rates(root, name, {"intact": f"adapters/{name}"} | {f"s{s:g}": path for s, path in tried.items()})
    drops = {severity: rates["intact"] - rates[f"s{severity:g}"] for severity in SEVERITIES}
    chosen = min(drops, key=lambda severity: (abs(drops[severity] - WANTED_DROP), severity))
    worn(root, name, chosen, f"adapters/{name}-worn")
    shuffled(root, name, f"adapters/{name}-damaged")
    lost, before = 100 * drops[chosen], 100 * rates["intact"]
    print(f"worn: severity {chosen}, {before:.1f}% on dev without it, {before - lost:.1f}% with it", flush=True)
    return chosen


def shuffled(root: Path, name: str, out: str, seed: int = 0) -> str:
    """The values of every matrix shuffled, a regression that nothing can miss."""
    g = torch.Generator().manual_seed(seed)

    def shuffle(w: Tensor) -> Tensor:
        return w.flatten()[torch.randperm(w.numel(), generator=g)].view_as(w).contiguous()

    return _twin(root, name, out, shuffle, "planted regression: the values of every matrix were shuffled")


def worn(root: Path, name: str, severity: float, out: str, seed: int = 0) -> str:
    """Noise of ``severity`` standard deviations on every matrix, a regression near the margin."""
    g = torch.Generator().manual_seed(seed)

    def wear_one(w: Tensor) -> Tensor:
        noise = torch.randn(w.shape, generator=g)
        return (w.float() + severity * w.float().std() * noise).half()

    note = f"planted regression: noise of {severity:g} standard deviations on every matrix; the severity chosen on dev"
    return _twin(root, name, out, wear_one, note)


def _twin(root: Path, name: str, out: str, change: Callable[[Tensor], Tensor], note: str) -> str:
    """A copy of an adapter with other weights and another note."""
    source, folder = root / "adapters" / name, root / out
    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: change(v) for k, v in sorted(load_file(source / "adapter_model.safetensors").items())}
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_model.safetensors").chmod(0o644)
    config = (source / "adapter_config.json").read_text(encoding="utf-8")
    (folder / "adapter_config.json").write_text(config, encoding="utf-8")
    card = yaml.safe_load((source / "card.yaml").read_text(encoding="utf-8")) | {"note": note}
    (folder / "card.yaml").unlink(missing_ok=True)
    card["digest"] = load_adapter(folder).digest
    (folder / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False, width=110), encoding="utf-8")
    return out


def _dev_rates(root: Path, name: str, adapters: dict[str, str]) -> dict[str, float]:
    """Pass rates on the dev tasks, by a run of ownbench."""
    folder = root / "build" / "worn"
    folder.mkdir(parents=True, exist_ok=True)
    experiment = {
        "name": "worn",
        "suites": [{"path": f"../../suites/{name}", "split": "dev"}],
        "models": {
            "worker": {
                "backend": "transformers",
                "path": "../../adapters/base/worker",
                "sampling": {"temperature": 0, "max_tokens": 48},
            }
        },
        "contenders": {one: {"model": "worker", "adapter": {name: f"../../{path}"}} for one, path in adapters.items()},
        "reference": "intact",
        "limits": {"concurrency": 64},
    }
    (folder / "experiment.yaml").write_text(json.dumps(experiment), encoding="utf-8")
    run(folder)
    frame = read_outcomes(folder).to_pandas()
    return {str(one): float(part["passed"].mean()) for one, part in frame.groupby("contender")}
