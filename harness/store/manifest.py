"""The manifest of a report: what it was made from, without saying who made it or where."""

import dataclasses
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from harness.core import EvidenceError, Manifest, as_json, keeping, write_atomic

FILE = "manifest.json"
_REMEDY = "restore it, or delete it: ownbench run writes it anew from the journal"
_PACKAGES = ("ownbench", "numpy", "pyarrow", "torch", "transformers", "peft", "litellm", "vllm", "datasets")
_LISTS = tuple(f.name for f in dataclasses.fields(Manifest) if isinstance(f.default, tuple))


def write_manifest(report: Path, manifest: Manifest) -> None:
    """Writes ``manifest.json`` whole, or leaves the old one.

    Raises:
        StorageError: it cannot be written.
    """
    with keeping(report / FILE):
        write_atomic(report / FILE, json.dumps(as_json(manifest), indent=2) + "\n")


def read_manifest(report: Path) -> Manifest | None:
    """The report's manifest, ``None`` where it has none; fields of a newer version are passed over.

    Raises:
        EvidenceError: the file is no manifest.
    """
    path = report / FILE
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path}: not a readable manifest: {error}; {_REMEDY}") from None
    names = {f.name for f in dataclasses.fields(Manifest)}
    try:
        known = {name: given for name, given in value.items() if name in names}
        known |= {name: tuple(known[name]) for name in _LISTS if name in known}
        return Manifest(**known)
    except (AttributeError, TypeError) as error:
        raise EvidenceError(f"{path}: not a manifest: {error}; {_REMEDY}") from None


def installed_versions() -> dict[str, str]:
    """The versions of Python and of the packages that can change a result, where they are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def this_machine() -> dict[str, str | int | None]:
    """What kind of machine this is; never its name, its user or a place on it.

    The accelerator is named only where torch is loaded already: loading it takes seconds.
    """
    found: dict[str, str | int | None] = {
        "os": platform.system(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
    }
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = str(torch.cuda.get_device_name(0))
    return found
