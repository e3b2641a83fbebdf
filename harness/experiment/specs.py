"""From what an experiment says of a model to its spec: where it is, what it costs, and what identifies its answers."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.core import ModelSpec, UserFileError, nearest
from harness.cost import book_price, lacking
from harness.experiment.reading import resolve
from harness.model import BACKENDS, ModelEntry, identified
from harness.store import experiment_file, read_manifest


def model_spec(name: str, entry: ModelEntry, report: Path) -> ModelSpec:
    """The model as the experiment names it, with the digest of whatever can change its answers."""
    backend, given = BACKENDS[entry.backend], dict(entry)
    if backend.instead:
        problem, _, advice = backend.instead.partition("; ")
        raise UserFileError(experiment_file(report), problem, field=f"models.{name}.backend", advice=advice)
    if backend.recorded:
        return _replayed(name, entry, report)
    model = entry.model or ""
    if "path" in given:
        model = str(resolve(report, given["path"] or model, field=f"models.{name}.path"))
    spec = ModelSpec(
        name=name,
        backend=entry.backend,
        model=model,
        revision=entry.revision or "",
        sampling=entry.sampling,
        base_url=given.get("base_url"),
        api_key_env=given.get("api_key_env"),
        price=entry.own_price() or (book_price(model) if backend.booked else None),
        options=entry.options,
    )
    if (wrong := backend.wrong_setting(spec)) is not None:
        raise UserFileError(experiment_file(report), wrong[1], field=f"models.{name}.{wrong[0]}")
    return identified(spec)


def told_apart(specs: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    """The specs; models that are alike but for their servers may be two, and are known by their names too."""
    servers: dict[str, set[str | None]] = {}
    for spec in specs.values():
        servers.setdefault(spec.digest, set()).add(spec.base_url)
    return {n: replace(spec, apart=n) if len(servers[spec.digest]) > 1 else spec for n, spec in specs.items()}


def no_cost(path: Path, spec: ModelSpec) -> UserFileError:
    """A budget in dollars that could not be kept."""
    keys = [f"{name}_usd_per_million" for name in lacking(spec.price)]
    said = "no price" if spec.price is None else f"its price has no {keys[0]}"
    backend = BACKENDS[spec.backend]
    book = f", and the price book has none of {spec.model}" if backend.booked and spec.price is None else ""
    problem = f"the budget is in dollars, and what a call of this model costs can never be known: {said}{book}"
    advice = "gpu_hour_usd" if backend.owned else f"price with {' and '.join(keys)}, or gpu_hour_usd"
    return UserFileError(path, problem, field=f"models.{spec.name}", advice=f"add {advice}; or take the budget out")


def _replayed(name: str, entry: ModelEntry, report: Path) -> ModelSpec:
    """A recorded model: it takes the recorded identity, so that its requests are those that were recorded."""
    field, written = f"models.{name}.report", str(dict(entry)["report"])
    source, wanted = resolve(report, written, field=field), entry.model or name
    manifest = read_manifest(source)
    recorded = {} if manifest is None else {m.name: m for m in manifest.models}
    if wanted not in recorded:
        problem = f"the report {written} holds no answers of a model named {wanted!r}"
        raise UserFileError(experiment_file(report), problem, field=field, advice=nearest(wanted, recorded))
    model = recorded[wanted]
    options = {
        "report": str(source),
        "capabilities": list(model.capabilities),
        "recorded_backend": model.recorded_backend or model.backend,
    }
    return ModelSpec(
        name=name,
        backend=entry.backend,
        model=wanted,
        revision=model.revision,
        sampling=model.sampling,
        template_digest=model.template_digest,
        price=entry.own_price() or model.price,
        options=entry.options | options,
        digest=model.digest,
        apart=model.apart,
    )
