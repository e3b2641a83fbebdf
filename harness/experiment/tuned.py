"""Tuned models that are called as models of their own: what the experiment and a card say of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from harness.adapter import CARD, base_digest, licences_of, load_card, training_of
from harness.core import ModelSpec, Tuned, UserFileError, digest_json
from harness.experiment.reading import resolve, without_places
from harness.model import ALONE, ModelEntry, backend_of, is_alike

_STATED = (re.compile(r"(?:^|/)ft:([^:/]+)"), re.compile(r":custom-model/([^/]+)"))
"""Where a name says what its model was tuned from: OpenAI's ``ft:BASE:…``, a custom model of Bedrock."""


def tuned_of(entry: ModelEntry, spec: ModelSpec, report: Path) -> Tuned | None:
    """What is known of the model's tuning; ``None`` where it is no tuned one.

    Raises UserFileError: the card is missing or wrong, or is that of another model.
    """
    if entry.tuned is None:
        if spec.tuned is not None:  # as it was recorded
            return spec.tuned
        return Tuned() if backend_of(spec).tunes(spec) else None
    place = resolve(report, entry.tuned, field=f"models.{spec.name}.tuned")
    card = load_card(place := place / CARD if place.is_dir() else place)
    named, base = _stated(spec.model), str(card.get("base_model") or "")
    if named and base and not is_alike(named, base):
        problem = f"the card is of a model tuned from {base!r}, and {spec.model!r} of {spec.name} from {named!r}"
        raise UserFileError(place, problem, field="base_model", advice="give that model's own card")
    tunes = backend_of(spec).tunes(spec)
    if backend_of(spec).named and base == spec.model and not tunes:
        problem = f"{spec.model!r} of the model {spec.name} is the base that the card names, not what was tuned from it"
        raise UserFileError(place, problem, field="base_model", advice="name the tuned model, or take tuned out")
    folder = Path(spec.model)
    if not backend_of(spec).named and folder.is_dir() and card.get("base_digest") == base_digest(folder):
        problem = f"{folder} of the model {spec.name} has the weights of the base itself"
        advice = "name the folder of the tuned model, or give the card's adapter as adapter of a contender"
        raise UserFileError(place, problem, field="base_digest", advice=advice)
    return Tuned(
        card=without_places(entry.tuned),
        digest=digest_json(card),
        base_model=base or named,
        training=training_of(card),
        training_usd=card.get("training_usd"),
        licences=licences_of(card),
    )


def with_bases(specs: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    """The same specs; each tuned one says which of the others it was tuned from."""
    bare = [spec for spec in specs.values() if spec.tuned is None]

    def based(spec: ModelSpec) -> ModelSpec:
        if spec.tuned is None:
            return spec
        here = (one for one in bare if _asked(one) == _asked(spec))  # llama.cpp's base is asked without its adapter
        if spec.tuned.base_model:
            here = (one for one in bare if _asked(one) == _asked(spec) or is_alike(one.model, spec.tuned.base_model))
        return replace(spec, tuned=replace(spec.tuned, of=next((one.name for one in here), "")))

    return {name: based(spec) for name, spec in specs.items()}


def is_looked_at(spec: ModelSpec) -> bool:
    """Whether a model is tuned and served under a name of its own, so that it may be the base that answers."""
    backend = backend_of(spec)
    return spec.tuned is not None and backend.remote and not backend.recorded and not backend.tunes(spec)


def base_beside(spec: ModelSpec, specs: Mapping[str, ModelSpec]) -> ModelSpec | None:
    """The model that a served one was tuned from, where it is asked at the same address."""
    if spec.tuned is None or not is_looked_at(spec):
        return None
    base, here = spec.tuned.base_model, [one for one in specs.values() if one.tuned is None and _at(one) == _at(spec)]
    named = [one for one in here if one.name == spec.tuned.of or (base and is_alike(one.model, base))]
    return next(iter(named), None)


def _at(spec: ModelSpec) -> tuple[str, ...]:
    """Where a model is asked: by its address, else by the provider that its name begins with."""
    provider, slash, _ = spec.model.partition("/")
    return spec.backend, spec.base_url or "", "" if spec.base_url else provider if slash else "openai"


def tuned_notes(specs: Mapping[str, ModelSpec]) -> Iterator[str]:
    """Tuned models of which no card says what they cost."""
    add = "add tuned: adapters/NAME/card.yaml"
    for name, spec in specs.items():
        tuned = spec.tuned
        if is_looked_at(spec) and base_beside(spec, specs) is None:
            yield f"model {name}: {ALONE}"
        if tuned is None and _stated(spec.model) and backend_of(spec).named:
            yield f"model {name}: {spec.model} is a tuned model, and without a card it counts as a bare one; {add}"
        elif tuned is not None and not tuned.card:
            yield f"model {name}: it is asked with an adapter, and without a card its training cost is unknown; {add}"
        elif tuned is not None and tuned.training_usd is None:
            yield f"model {name}: its card ({tuned.card}) has no training_usd: its training cost is unknown"


def _stated(model: str) -> str:
    """What a name says that its model was tuned from; empty where it says nothing."""
    return next((match[1] for pattern in _STATED if (match := pattern.search(model))), "")


def _asked(spec: ModelSpec) -> list[object]:
    """All that is asked of a server but its adapters."""
    sampling = {key: value for key, value in spec.sampling.items() if key != "lora"}
    return [spec.backend, spec.base_url, spec.model, spec.revision, sampling]
