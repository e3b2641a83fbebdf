"""What contenders and models are: owned, rented or mixed, controls or options.

A model paid by the hour of a machine is owned, one paid by the token is rented. Where no price says so the backend
does: a model in this process or behind a loopback address is owned, one behind any other address is rented.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.core import (
    ContenderRecord,
    Decision,
    Described,
    Manifest,
    ModelRecord,
    Price,
    UserFileError,
    is_this_machine,
)
from harness.userfile import read_yaml

FILE = "experiment.yaml"
CONTROLS = frozenset({"always", "never", "random", "oracle"})
Sourcing = tuple[Decision | None, str]


def described(report: Path, manifest: Manifest | None) -> Described:
    """What is on record: from the manifest, and of what it does not tell from the experiment's file."""
    recorded = {one.name: one for one in manifest.contenders} if manifest else {}
    models = {one.name: one for one in manifest.models} if manifest else {}
    known = {name: one for name, one in recorded.items() if one.model or one.worker}
    if known and len(known) == len(recorded):
        return Described(contenders=known, models=models)
    there = described_there(report)
    models |= {name: _model_there(name, entry) for name, entry in there["models"].items() if name not in models}
    others = [ContenderRecord(name=n, **as_asked(e)) for n, e in there["contenders"].items() if n not in known]
    return Described(contenders=known | {c.name: c for c in sourced(others, known, models)}, models=models)


def experiment_file(report: Path) -> Path:
    """Where the experiment of a report stands."""
    return report if report.suffix in {".yaml", ".yml"} and not report.is_dir() else report / FILE


def as_asked(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a `ContenderRecord` out of a contender's entry in an experiment."""
    words = {key: str(entry[key]) for key in ("model", "worker", "expert") if entry.get(key) is not None}
    escalate = entry.get("escalate")
    found: dict[str, Any] = {
        **words,
        **{key: entry[key] for key in ("adapter", "skills", "prompt", "response_format") if entry.get(key) is not None},
        "delivery": str(entry.get("delivery") or ""),
        "escalate": dict(escalate) if isinstance(escalate, Mapping) else None,
    }
    signal = ContenderRecord(name="", **found).signal
    return found | {"control": signal if signal in CONTROLS else "placebo" if found["delivery"] == "placebo" else None}


def sourced(
    contenders: Iterable[ContenderRecord], others: Mapping[str, ContenderRecord], models: Mapping[str, ModelRecord]
) -> tuple[ContenderRecord, ...]:
    """The same contenders, each with how its models are had; ``others`` may be parts of them."""
    here = tuple(contenders)
    known = Described(contenders={**others, **{one.name: one for one in here}}, models=models)
    found = []
    for one in here:
        kind, why = None, ""
        if one.model or one.worker:
            parts = {model.name: model for model in known.models_of(one.name)}
            kinds = {model.sourcing for model in parts.values()}
            kind = None if None in kinds else Decision.MIX if len(kinds) > 1 else next(iter(kinds))
            why = "; ".join(f"{name} {model.sourcing_why or _NOTHING}" for name, model in parts.items())
        found.append(replace(one, sourcing=kind, sourcing_why=why))
    return tuple(found)


_NOTHING = "has no price and no backend on record"
OWNED = {"transformers": True, "vllm": True, "litellm": False}
"""What is known of backends where they cannot be asked: in manifests written before, and beside imported outcomes."""


def model_sourcing(price: Price | None, backend: str, base_url: str | None, *, owned: bool | None = None) -> Sourcing:
    """How a model is had, and why that is said; ``owned`` is what its backend says of itself."""
    if price is not None and price.gpu_hour is not None:
        return Decision.OWN, "is paid by the hour of a machine"
    if price is not None and (price.input is not None or price.output is not None):
        return Decision.RENT, "is paid by the token"
    owned = OWNED.get(backend) if owned is None else owned
    if owned is not None:
        return (Decision.OWN, f"runs on this machine ({backend})") if owned else (Decision.RENT, "is a provider's")
    if base_url:
        host = urlsplit(base_url).hostname
        here = bool(host) and is_this_machine(host)
        return (Decision.OWN, "is served on this machine") if here else (Decision.RENT, "is served elsewhere")
    return None, _NOTHING


def _model_there(name: str, entry: Mapping[str, Any]) -> ModelRecord:
    price = entry["price"] if isinstance(entry.get("price"), Mapping) else {}
    paid = Price(
        gpu_hour=entry.get("gpu_hour_usd"),
        input=price.get("input_usd_per_million"),
        output=price.get("output_usd_per_million"),
    )
    backend, address = str(entry.get("backend") or ""), entry.get("base_url")
    kind, why = model_sourcing(paid, backend, str(address) if address else None)
    return ModelRecord(name=name, backend=backend, price=paid, sourcing=kind, sourcing_why=why)


def described_there(report: Path) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """The blocks ``contenders`` and ``models`` of the experiment's file, unchecked; empty where it cannot be read."""
    path = experiment_file(report)
    try:
        value = read_yaml(path) if path.is_file() else {}
    except UserFileError:
        value = {}
    found = {}
    for key in ("contenders", "models"):
        block = value.get(key)
        entries = block.items() if isinstance(block, Mapping) else ()
        found[key] = {str(name): entry for name, entry in entries if isinstance(entry, Mapping)}
    return found
