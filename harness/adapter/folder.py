"""One adapter's folder: what PEFT wrote, and the card beside it."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from harness.adapter.tensors import tensor_shapes
from harness.core import UserFileError, as_json, digest_folder
from harness.userfile import Strict, parse, read_text, read_yaml

CONFIG, WEIGHTS, CARD = "adapter_config.json", "adapter_model.safetensors", "card.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter, as its files describe it. No weight was loaded."""

    name: str
    """The folder's name."""
    path: Path
    base_model: str
    """What the card says that it was trained on; without a card, what PEFT wrote."""
    base_digest: str | None
    """Of that base's weights, from the card; ``None`` where the card does not say."""
    rank: int
    target_modules: tuple[str, ...]
    """Names of the base's modules that it changes, or one regular expression."""
    digest: str
    """Of its configuration and weights: everything of it that can change an answer."""
    parameters: int
    """Numbers in its matrices."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """The card's keys that were given, as JSON values."""
    warnings: tuple[str, ...] = ()
    """What is missing and would be good to have, a sentence each."""


class _Card(Strict):
    """``card.yaml``: where an adapter comes from. Every key may be left out."""

    base_model: str | None = None
    base_digest: str | None = None
    recipe: str | None = None
    training_data: str | None = None
    training_digest: str | None = None
    examples: int | None = None
    seed: int | None = None
    gpu_seconds: float | None = None
    cpu_seconds: float | None = None
    training_usd: float | None = None
    metrics: dict[str, Any] | None = None
    date: dt.date | str | None = None
    licence: str | None = None
    note: str | None = None


def load_adapter(path: Path | str) -> Adapter:
    """The adapter in the folder ``path``: its configuration, its card, and the header of its weights.

    Raises:
        UserFileError: a file is missing or broken, the weights are a pickle, the adapter is no LoRA, or the card has a
            key that is not known.
    """
    path = Path(path)
    if not path.is_dir():
        beside = sorted(p.parent.name for p in path.parent.glob(f"*/{CONFIG}")) if path.parent.is_dir() else []
        advice = f"beside it are: {', '.join(beside[:20])}" if beside else "give the folder that PEFT wrote"
        raise UserFileError(path, "there is no such adapter folder", advice=advice)
    config = _config(path / CONFIG)
    weights = path / WEIGHTS
    if not weights.is_file():
        pickles = [file.name for file in (path / "adapter_model.bin", path / "adapter_model.pt") if file.is_file()]
        if pickles:
            raise UserFileError(
                path / pickles[0],
                f"found pickled weights, needed {WEIGHTS}",
                advice="a pickle can run code and is never read: save with safe_serialization=True",
            )
        raise UserFileError(path, f"{WEIGHTS} is missing", advice="give the folder that PEFT wrote")
    shapes = tensor_shapes(weights)
    card, warnings = _card(path / CARD)
    targets = config["target_modules"]
    return Adapter(
        name=path.resolve().name,
        path=path,
        base_model=str(card.get("base_model") or config.get("base_model_name_or_path") or ""),
        base_digest=card.get("base_digest"),
        rank=config["r"],
        target_modules=(targets,) if isinstance(targets, str) else tuple(sorted(targets)),
        digest=digest_folder(path, files=[path / CONFIG, weights]),
        parameters=sum(prod(shape) for shape in shapes.values()),
        card=card,
        warnings=warnings,
    )


def _config(path: Path) -> dict[str, Any]:
    """PEFT's configuration, with the keys that are needed here."""
    try:
        config = json.loads(read_text(path))
    except ValueError:
        raise UserFileError(path, "not valid JSON", advice="save the adapter again") from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        found = repr(config.get("peft_type")) if isinstance(config, dict) else "no mapping"
        raise UserFileError(path, f"found {found}, needed 'LORA'", field="peft_type", advice="only LoRA is supported")
    if type(config.get("r")) is not int or config["r"] < 1:
        raise UserFileError(path, f"found {config.get('r')!r}, needed a rank of at least 1", field="r")
    targets = config.get("target_modules")
    if not targets or not (isinstance(targets, str) or all(isinstance(t, str) for t in targets)):
        raise UserFileError(
            path, f"found {targets!r}, needed names of modules", field="target_modules", advice="save the adapter again"
        )
    return config


def _card(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The card's given keys, and what to say about what it lacks."""
    if not path.is_file():
        return {}, (f"{path.parent.name} has no {CARD}: its base, training data and cost are unknown",)
    card = parse(_Card, read_yaml(path), path)
    given: dict[str, Any] = as_json({k: _plain(v) for k, v in card.model_dump(exclude_none=True).items()})
    if "base_digest" in given:
        return given, ()
    return given, (f"{path.parent.name}: its card names no base_digest, so a changed base would go unnoticed",)


def _plain(value: Any) -> Any:
    """YAML reads a day without quotes as a date; the card keeps its ISO form."""
    return value.isoformat() if isinstance(value, dt.date) else value
