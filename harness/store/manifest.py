"""The manifest of a report: what it was made from, without saying who made it or where."""

import dataclasses
import functools
import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import (
    EvidenceError,
    Manifest,
    SuiteRecord,
    as_json,
    digest_json,
    keeping,
    write_atomic,
)
from harness.store.columns import OUTCOMES_FILE
from harness.store.sourcing import as_asked, described_there, experiment_file, model_sourcing, sourced

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FILE = "manifest.json"
_REMEDY = "restore it, or delete it: ownbench run writes it again from the journal"
_PACKAGES = ("ownbench", "numpy", "pyarrow", "torch", "transformers", "peft", "litellm", "vllm", "datasets")


def write_manifest(report: Path, manifest: Manifest) -> None:
    """Writes ``manifest.json`` whole, or leaves the old one. Raises StorageError: it cannot be written."""
    with keeping(report / FILE):
        write_atomic(report / FILE, json.dumps(as_json(manifest), indent=2) + "\n")


def read_manifest(report: Path) -> Manifest | None:
    """The report's manifest, ``None`` where it has none; fields of a newer version are passed over.

    Raises EvidenceError: the file is no manifest.
    """
    from pydantic import ValidationError

    if (value := _json(report / FILE)) is None:
        return None
    before = value.get("schema", 1) == 1
    try:
        manifest = _adapter().validate_python(_upgraded(value) if before else value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise EvidenceError(f"{report / FILE}: not a manifest: {where}: {first['msg']}; {_REMEDY}") from None
    return _described_before(manifest, report) if before else manifest


def locked_parts(report: Path) -> tuple[str, dict[str, str]] | None:
    """Digests of what ``manifest.json``, as it stands, says of the suites and of each contender; ``None`` without one.

    A contender's price and thresholds are in its digest. Raises EvidenceError: the file is no manifest.
    """
    value = _json(report / FILE)
    if value is None:
        return None
    prices, thresholds = value.get("prices") or {}, value.get("thresholds") or {}
    found = {}
    for entry in value.get("contenders") or ():
        model = ((entry.get("parts") or {}).get("model") or {}).get("name")
        price = {name: paid for name, paid in prices.items() if name == model}
        found[str(entry.get("name"))] = digest_json([[entry], thresholds.get(entry.get("name")), price])
    return digest_json(value.get("suites") or []), found


def evidence_digest(report: Path) -> str:
    """32 hex digits over the outcomes, the manifest and the experiment, where they are: what figures are computed from.

    Calls and transcripts are not in it: of the judging only a sweep of a call's signal looks at calls. About a
    twentieth of a second for a million outcomes. Raises EvidenceError: a file cannot be read.
    """
    found = {}
    for path in (report / OUTCOMES_FILE, report / FILE, experiment_file(report)):
        try:
            with path.open("rb") as stream:
                found[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise EvidenceError(f"{path}: cannot be read: {error.strerror or error}") from None
    return digest_json(found)


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise EvidenceError(f"{path}: not a readable manifest: {error}; {_REMEDY}") from None
    if not isinstance(value, dict):
        raise EvidenceError(f"{path}: not a manifest: it holds no JSON object; {_REMEDY}")
    return value


@functools.cache
def _adapter() -> "TypeAdapter[Manifest]":
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)


# ----------------------------------------------------------------------------------------- manifests written before


def _upgraded(value: Mapping[str, Any]) -> dict[str, Any]:
    """The first version's words in the places of today; what is of another make is left for the check to name."""

    def contender(entry: dict[str, Any]) -> dict[str, Any]:
        parts = _mapping(entry.get("parts"))
        told = {"model": _mapping(parts.get("model")).get("name"), **{k: parts.get(k) for k in ("worker", "expert")}}
        others = {key: word for key, word in parts.items() if key != "written"}
        return {**entry, **as_asked(told | _mapping(parts.get("written"))), "parts": others}

    def suite(entry: dict[str, Any]) -> dict[str, Any]:
        known = {f.name for f in dataclasses.fields(SuiteRecord)}
        return {**entry, "origin": {key: word for key, word in entry.items() if key not in known}}

    found = dict(value)
    for key, upgraded in (("contenders", contender), ("suites", suite)):
        if isinstance(value.get(key), list):
            found[key] = [upgraded(entry) if isinstance(entry, dict) else entry for entry in value[key]]
    return found


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _described_before(manifest: Manifest, report: Path) -> Manifest:
    """With what the first version did not keep: how models are had, which may lie in an address of the experiment."""
    models = []
    for model in manifest.models:
        backend = model.recorded_backend or model.backend
        kind, why = model_sourcing(model.price, backend, None)
        if kind is None and backend == "openai":
            address = described_there(report)["models"].get(model.name, {}).get("base_url")
            kind, why = model_sourcing(model.price, backend, str(address) if address else None)
        models.append(dataclasses.replace(model, sourcing=kind, sourcing_why=why))
    contenders = sourced(manifest.contenders, {}, {model.name: model for model in models})
    return dataclasses.replace(manifest, models=tuple(models), contenders=contenders)


# ------------------------------------------------------------------------------------------------- what ran, and where


def installed_versions() -> dict[str, str]:
    """The versions of Python and of the packages that can change a result, where they are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def this_machine() -> dict[str, str | int | None]:
    """What kind of machine this is; never its name, its user or a place on it."""
    found: dict[str, str | int | None] = {"os": platform.system(), "architecture": platform.machine()}
    found["cpus"] = os.cpu_count()
    torch = sys.modules.get("torch")  # where it is loaded already: loading it takes seconds
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = str(torch.cuda.get_device_name(0))
    return found
