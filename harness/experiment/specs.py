"""From what an experiment says of a model to its spec: where it is, what it costs, and what identifies its answers."""

from pathlib import Path
from typing import Any

from harness.core import ModelSpec, Price, UserFileError, nearest
from harness.cost import book_price, lacking
from harness.model import identified, wrong_setting
from harness.store import ModelEntry, experiment_file, read_manifest, resolve


def model_spec(name: str, entry: ModelEntry, report: Path) -> ModelSpec:
    """The model as the experiment names it, with the digest of whatever can change its answers."""
    options: dict[str, Any] = dict(entry.options)
    _refuse_keys(name, entry, report)
    if entry.backend == "replay":
        return _replayed(name, entry, report, options)
    if entry.backend == "vllm":
        problem = "vLLM is called through its own OpenAI-compatible server"
        advice = "start `vllm serve`, then write backend: openai and its base_url"
        raise UserFileError(experiment_file(report), problem, field=f"models.{name}.backend", advice=advice)
    model = entry.model or ""
    if entry.path is not None or entry.backend in {"transformers", "vllm"}:
        model = str(resolve(report, entry.path or model, field=f"models.{name}.path"))
    spec = ModelSpec(
        name=name,
        backend=entry.backend,
        model=model,
        revision=entry.revision or "",
        sampling=entry.sampling,
        base_url=entry.base_url,
        api_key_env=entry.api_key_env,
        price=_price(entry),
        options=options,
    )
    if spec.backend == "transformers" and (wrong := wrong_setting(spec)) is not None:
        raise UserFileError(experiment_file(report), wrong[1], field=f"models.{name}.{wrong[0]}")
    return identified(spec)


_SERVED = ("base_url", "api_key_env", "tools")
_TAKES: dict[str, tuple[str, ...]] = {
    "openai": (*_SERVED, "stream"),
    "litellm": _SERVED,
    "transformers": ("path", "batch_size", "threads", "device", "dtype"),
}
_OWN = {key for keys in _TAKES.values() for key in keys} | {"report"}
"""Keys that only some backends take."""


def _refuse_keys(name: str, entry: ModelEntry, report: Path) -> None:
    """Refuses what the backend would pass over; a replay may keep what was said of the model that it repeats."""
    taken = _TAKES.get(entry.backend, tuple(_OWN))
    for key in type(entry).model_fields:
        if key in _OWN and key not in taken and getattr(entry, key) not in (None, False):
            others = ", ".join(backend for backend in [*_TAKES, "replay"] if key in _TAKES.get(backend, ("report",)))
            problem = f"the backend {entry.backend} takes no {key}, which is for {others}"
            raise UserFileError(experiment_file(report), problem, field=f"models.{name}.{key}", advice="take it out")


def no_cost(path: Path, spec: ModelSpec) -> UserFileError:
    """A budget in dollars that could not be kept."""
    keys = [f"{name}_usd_per_million" for name in lacking(spec.price)]
    said = "no price" if spec.price is None else f"its price has no {keys[0]}"
    book = f", and the price book has none of {spec.model}" if spec.backend == "litellm" and spec.price is None else ""
    problem = f"the budget is in dollars, and what a call of this model costs can never be known: {said}{book}"
    advice = (
        "gpu_hour_usd"
        if spec.backend in {"transformers", "vllm"}
        else f"price with {' and '.join(keys)}, or gpu_hour_usd"
    )
    return UserFileError(path, problem, field=f"models.{spec.name}", advice=f"add {advice}; or take the budget out")


def _price(entry: ModelEntry) -> Price | None:
    """The experiment's own price first, else the price book's."""
    own = entry.own_price()
    if own is not None or entry.backend not in {"litellm", "openai"} or entry.model is None:
        return own
    return book_price(entry.model) if entry.backend == "litellm" else None


def _replayed(name: str, entry: ModelEntry, report: Path, options: dict[str, Any]) -> ModelSpec:
    """A recorded model: it takes the recorded identity, so that its requests are those that were recorded."""
    field = f"models.{name}.report"
    source = resolve(report, entry.report or "", field=field)
    manifest = read_manifest(source)
    recorded = {} if manifest is None else {m.name: m for m in manifest.models}
    wanted = entry.model or name
    if wanted not in recorded:
        problem = f"the report {entry.report} holds no answers of a model named {wanted!r}"
        raise UserFileError(experiment_file(report), problem, field=field, advice=nearest(wanted, recorded))
    model = recorded[wanted]
    return ModelSpec(
        name=name,
        backend="replay",
        model=wanted,
        revision=model.revision,
        sampling=model.sampling,
        template_digest=model.template_digest,
        price=entry.own_price() or model.price,
        options=options
        | {
            "report": str(source),
            "capabilities": list(model.capabilities),
            "recorded_backend": model.recorded_backend or model.backend,
        },
        digest=model.digest,
    )
