"""Who can be chosen, and whether choosing them is to own, to rent or to mix.

A model paid by the hour of a machine is owned, one paid by the token is rented. Where no price says so the backend
does: a model in this process or behind a loopback address is owned, one behind any other address is rented.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.analysis import cost_bases
from harness.core import Decision, Manifest, UsageError, UserFileError
from harness.store import TaskTable, experiment_file
from harness.userfile import read_yaml
from harness.verdict.economics import Setup

CONTROLS = frozenset({"always", "never", "random", "oracle"})
OWN, RENT, MIX = Decision.OWN, Decision.RENT, Decision.MIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One contender that can be chosen."""

    contender: str
    kind: Decision | None
    """None where nothing says whether it is owned or rented."""
    because: str
    setup: Setup
    escalates: bool
    """Only the tasks that it escalates need the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What the evidence says of its contenders and models."""

    contenders: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]


def written_in(report: Path, manifest: Manifest | None) -> Written:
    """From the manifest, and from the experiment's file what the manifest does not hold (addresses of servers)."""
    contenders: dict[str, Mapping[str, Any]] = {}
    models: dict[str, dict[str, Any]] = {}
    for contender in manifest.contenders if manifest else ():
        found = (contender.get("parts") or {}).get("written")
        if isinstance(found, Mapping):
            contenders[str(contender.get("name"))] = found
    for model in manifest.models if manifest else ():
        models[str(model.get("name"))] = dict(model)
    for name, entry in _block(report, "contenders").items():
        contenders.setdefault(name, entry)
    for name, entry in _block(report, "models").items():
        model = models.setdefault(name, {"backend": entry.get("backend"), "price": _price(entry)})
        model["base_url"] = entry.get("base_url")
    return Written(contenders=contenders, models=models)


def candidates(
    table: TaskTable,
    written: Written,
    said: Mapping[Decision, Sequence[str]] | None = None,
    without: Sequence[str] = (),
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Every contender that can be chosen, and those left out because they only measure.

    Args:
        table: the outcomes.
        written: what is known of contenders and models.
        said: contenders that the user calls owned, rented or mixed; it goes before every rule.
        without: contenders that the user leaves out.

    Raises:
        UsageError: a contender that the report does not have, or one said to be two things.
    """
    user: dict[str, Decision] = {}
    for kind, names in (said or {}).items():
        for name in names:
            table.index(name)
            if user.setdefault(name, kind) != kind:
                raise UsageError(f"{name} is said to be {user[name]} and {kind}; say one")
    for name in without:
        table.index(name)
        if name in user:
            raise UsageError(f"{name} is said to be {user[name]} and is left out; say one")
    bases = cost_bases(table)
    chosen, controls = [], []
    for name in table.contenders:
        if name in without or (name not in user and is_control(written.contenders.get(name, {}))):
            controls.append(name)
        else:
            chosen.append(_candidate(name, written, user.get(name), bases.get(name, frozenset())))
    return tuple(chosen), tuple(controls)


def is_control(entry: Mapping[str, Any]) -> bool:
    """Whether it decides without looking, looks into the answers, or is shown a skill about something else."""
    signal = str((entry.get("escalate") or {}).get("signal", "")).partition(":")[0]
    return signal in CONTROLS or entry.get("delivery") == "placebo"


def _candidate(name: str, written: Written, said: Decision | None, bases: frozenset[str]) -> Candidate:
    entry = written.contenders.get(name)
    if entry is None:
        kind, because = (said, "as you said") if said else _of_bases(bases)
        # Nothing is known of its parts: whatever may have been paid for such an option is asked for.
        setup = Setup(hosted=kind in {OWN, MIX}, tuned=kind in {OWN, MIX}, skilled=kind in {RENT, MIX})
        return Candidate(contender=name, kind=kind, because=because, setup=setup, escalates=kind == MIX)
    parts = _parts(name, written.contenders)
    kinds = {model: _of_model(written.models.get(model, {})) for model in dict.fromkeys(p[0] for p in parts)}
    kind, because = _together(kinds)
    first = _of_model(written.models.get(parts[0][0], {}))[0]
    kind, because = (said, "as you said") if said else (kind, because)
    setup = Setup(
        hosted=kind in {OWN, MIX},
        tuned=any(entry.get("adapter") is not None for _, entry in parts),
        skilled=any(entry.get("skills") is not None and entry.get("delivery") != "none" for _, entry in parts),
    )
    return Candidate(
        contender=name, kind=kind, because=because, setup=setup, escalates=kind == MIX and first in {OWN, None}
    )


def models_of(name: str, written: Written) -> tuple[str, ...]:
    """The models that a contender calls, each once; empty where nothing is on record of it."""
    if name not in written.contenders:
        return ()
    return tuple(dict.fromkeys(model for model, _ in _parts(name, written.contenders)))


def is_owned(name: str, written: Written) -> bool:
    """Whether a contender is known to call owned models and no others."""
    models = models_of(name, written)
    return bool(models) and all(_of_model(written.models.get(model, {}))[0] == OWN for model in models)


def _parts(name: str, contenders: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """The models that a contender calls, the first to be called first, each with the entry that names it."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    waiting, seen = [name], set()
    while waiting:
        here = waiting.pop(0)
        entry = contenders.get(here, {})
        if entry.get("worker") is not None and here not in seen:
            waiting[:0] = [str(entry.get("worker")), str(entry.get("expert"))]
        else:
            found.append((str(entry.get("model")), entry))
        seen.add(here)
    return found


def _together(kinds: Mapping[str, tuple[Decision | None, str]]) -> tuple[Decision | None, str]:
    found = {kind for kind, _ in kinds.values()}
    because = "; ".join(f"{model} {why}" for model, (_, why) in kinds.items())
    if None in found:
        return None, because
    return (MIX if len(found) > 1 else next(iter(found))), because


def _of_model(model: Mapping[str, Any]) -> tuple[Decision | None, str]:
    price = model.get("price") or {}
    if price.get("gpu_hour") is not None:
        return OWN, "is paid by the hour of a machine"
    if price.get("input") is not None or price.get("output") is not None:
        return RENT, "is paid by the token"
    backend = model.get("recorded_backend") or model.get("backend")
    if backend in {"transformers", "vllm"}:
        return OWN, f"runs on this machine ({backend})"
    if backend == "litellm":
        return RENT, "is a provider's"
    if backend == "openai" and model.get("base_url"):
        here = _is_loopback(urlsplit(str(model["base_url"])).hostname or "")
        return (OWN, "is served on this machine") if here else (RENT, "is served elsewhere")
    return None, "has no price and no backend on record"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name: nobody is asked what it stands for
        return False


def _of_bases(bases: frozenset[str]) -> tuple[Decision | None, str]:
    """From how its attempts were billed, where nothing is known of its parts."""
    if bases == {"gpu_time"}:
        return OWN, "its attempts were billed by machine time"
    if bases == {"tokens"}:
        return RENT, "its attempts were billed by tokens"
    if bases & {"gpu_time", "mixed"} and bases <= {"gpu_time", "tokens", "mixed"}:
        return MIX, "its attempts were billed by machine time and by tokens"
    return None, "nothing on record says whether it is owned or rented"


def _block(report: Path, key: str) -> dict[str, Mapping[str, Any]]:
    path = experiment_file(report)
    try:
        block = read_yaml(path).get(key) if path.is_file() else None
    except UserFileError:
        return {}
    entries = block if isinstance(block, Mapping) else {}
    return {str(name): entry for name, entry in entries.items() if isinstance(entry, Mapping)}


def _price(entry: Mapping[str, Any]) -> dict[str, Any]:
    price = entry.get("price") if isinstance(entry.get("price"), Mapping) else {}
    return {
        "gpu_hour": entry.get("gpu_hour_usd"),
        "input": price.get("input_usd_per_million") if price else None,
        "output": price.get("output_usd_per_million") if price else None,
    }
