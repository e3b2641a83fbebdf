"""What differs between two contenders, from the manifests of their reports."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.core import Manifest
from harness.verdict.evidence import Side
from harness.verdict.words import clean

_SHOWN = 12
"""Characters of a digest that a change shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not the same."""

    what: str
    """``model``, ``revision``, ``adapter``, ``skills``, ``delivery``, ``prompt`` and so on; of a hybrid's parts with
    ``worker`` or ``expert`` before it."""
    baseline: str | None
    """``None`` where there is none."""
    candidate: str | None


def changes(baseline: Side, candidate: Side) -> tuple[Change, ...]:
    """Every difference that the manifests tell of; where they tell of none and yet the digests differ, just that."""
    ours = _described(baseline.manifest, baseline.contender)
    theirs = _described(candidate.manifest, candidate.contender)
    ours |= _of_the_suites(baseline)
    theirs |= _of_the_suites(candidate)
    found = [
        Change(what=what, baseline=_text(ours.get(what)), candidate=_text(theirs.get(what)))
        for what in dict.fromkeys((*ours, *theirs))
        if ours.get(what) != theirs.get(what)
    ]
    digests = [side.table.contender_digests[side.index] for side in (baseline, candidate)]
    if not found and digests[0] != digests[1]:
        found = [Change(what="contender", baseline=_short(digests[0]), candidate=_short(digests[1]))]
    return tuple(found)


def _described(manifest: Manifest | None, name: str, depth: int = 3) -> dict[str, Any]:
    """A contender as words to values; ``{}`` beyond its name where the manifest says nothing."""
    entry = _entry(manifest.contenders, name) if manifest else None
    found: dict[str, Any] = {"name": name}
    if manifest is None or entry is None:
        return found
    found["kind"] = entry.get("kind")
    parts = entry.get("parts")
    if not isinstance(parts, Mapping):
        return found
    given = parts.get("written")
    written: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    model = parts.get("model")
    if isinstance(model, Mapping):
        found |= _model(manifest, model)
    for what, key in (("adapter", "adapters"), ("skills", "skills")):
        if parts.get(key):
            found[what] = _named(written, what, parts[key])
    if parts.get("delivery"):
        found["delivery"] = parts["delivery"]
    if "worker" in parts and depth:
        for part in ("worker", "expert"):
            below = _described(manifest, str(parts.get(part)), depth - 1)
            found |= {f"{part} {what}": value for what, value in below.items() if what != "name"}
        found["escalate"] = written.get("escalate")
        found["thresholds"] = {
            suite: choice.get("threshold") for suite, choice in manifest.thresholds.get(name, {}).items()
        }
    return found


def _model(manifest: Manifest, model: Mapping[str, Any]) -> dict[str, Any]:
    name = str(model.get("name"))
    found: dict[str, Any] = {
        "model": {key: model[key] for key in ("name", "backend", "model") if model.get(key)},
        "revision": model.get("revision"),
        "weights": _short(model.get("digest")),
        "chat template": _short(model.get("template_digest")),
        "sampling": model.get("sampling"),
        "price": manifest.prices.get(name),
    }
    return {what: value for what, value in found.items() if value not in (None, "", {})}


def _named(written: Mapping[str, Any], what: str, digests: Any) -> Any:
    """As the experiment wrote it, with the digest of what stood there."""
    value = written.get(what)
    return {"digests": _shortened(digests)} if value is None else {"written": value, "digests": _shortened(digests)}


def _of_the_suites(side: Side) -> dict[str, Any]:
    """The prompt templates and the versions of the suites."""
    found: dict[str, Any] = {}
    for name, suite in side.suites.items():
        if suite.get("prompt_digest"):
            found[f"prompt of {name}"] = _short(suite["prompt_digest"])
        if suite.get("version"):
            found[f"version of {name}"] = suite["version"]
    return found


def _entry(entries: tuple[Mapping[str, Any], ...], name: str) -> Mapping[str, Any] | None:
    return next((e for e in entries if e.get("name") == name), None)


def _short(digest: Any) -> str | None:
    return str(digest)[:_SHOWN] if digest else None


def _shortened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shortened(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shortened(below) for below in value]
    return value[:_SHOWN] if isinstance(value, str) and len(value) == 32 else value


def _text(value: Any) -> str | None:
    if value in (None, "", {}, []):
        return None
    return clean(value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False))
