"""What a server says of the models that it serves: which there are, on which base an adapter is, and from which folder.

vLLM loads an adapter of another base without a word. Where the server is on this machine, the folders that it names
can be held against each other.
"""

import asyncio
import filecmp
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.adapter import WEIGHTS, Adapter, check_adapter, load_adapter
from harness.core import ModelError, ModelSpec, UsageError, UserFileError
from harness.model.connection import CutError, NoConnectionError, NotHttpError
from harness.model.entry import is_loopback
from harness.model.http import Connections
from harness.model.wire import MISSHAPEN
from harness.userfile import read_text

_LISTING_S = 20.0
_OTHERWISE = ("quantization_config", "text_config")  # tensors of such models have other names or shapes in their files

_PUBLIC = re.compile(r"[\w.-]+/([\w.-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One model of a server, as it lists it."""

    parent: str | None = None  # of an adapter, the name of its base
    root: str | None = None  # vLLM: the folder or the public name that it was loaded from


async def listing(connections: Connections, url: str, headers: Mapping[str, str]) -> dict[str, Listed]:
    """The models that a server lists; empty where it has no list that can be read."""
    try:
        async with asyncio.timeout(_LISTING_S), connections.ask(url, None, headers) as answer:
            rows = json.loads(await answer.body())["data"] if answer.status == 200 else []
        return {str(row["id"]): Listed(parent=_text(row.get("parent")), root=_text(row.get("root"))) for row in rows}
    except (NoConnectionError, CutError, NotHttpError, OSError, TimeoutError, ModelError, *MISSHAPEN):
        return {}


def check_listed(spec: ModelSpec, adapters: Sequence[Path], listed: Mapping[str, Listed]) -> tuple[str, ...]:
    """What is doubtful in what a server lists.

    Raises UsageError: it lists an adapter under another base, or serves another adapter, or another base than it fits.
    Reads the weights of a base whose digest an adapter's card states, where the server names a folder of this machine.
    """
    return tuple(f"model {spec.name}: {note}" for path in adapters for note in _notes(spec, path, listed) if listed)


def _notes(spec: ModelSpec, path: Path, listed: Mapping[str, Listed]) -> Iterator[str]:
    label, base, own = f"the adapter {path.name}", listed.get(spec.model, Listed()), listed.get(path.name)
    if own is None:
        yield f"the server does not list {label} among its models"
        return
    if own.parent is not None and not _is_base(own.parent, spec.model, listed):
        problem = f"the server lists {label} as one of {own.parent!r}, and not of {spec.model!r}"
        advice = f"write {own.parent!r} as the model, or serve the adapter on {spec.model!r}"
        raise UsageError(f"model {spec.name!r}: {problem}; {advice}")
    adapter = load_adapter(path)
    if (served := _folder(spec, own.root, WEIGHTS)) is not None and _other(served / WEIGHTS, path / WEIGHTS):
        problem = f"as {label} the server serves {served}, whose weights are not those of {path}"
        raise UsageError(f"model {spec.name!r}: {problem}; have the server load {path}, or name that folder")
    if (folder := _folder(spec, base.root, "config.json")) is not None:
        if (why := _misfit(adapter, folder)) is not None:
            problem = f"{label} does not fit the base that the server serves ({why})"
            advice = f"serve it on {adapter.base_model or 'the base it was trained on'}, or train it on this one"
            raise UsageError(f"model {spec.name!r}: {problem}; {advice}")
    elif _differ(base.root or "", adapter.base_model):
        yield f"{label} was trained on {adapter.base_model}, and the server's base is {base.root}"


def _is_base(parent: str, model: str, listed: Mapping[str, Listed]) -> bool:
    """Whether a parent's name is the model's, or another name of what is loaded under the model's."""
    root = listed.get(model, Listed()).root
    return parent == model or (root is not None and root in {parent, listed.get(parent, Listed()).root})


def _folder(spec: ModelSpec, root: str | None, file: str) -> Path | None:
    """The folder that a server on this machine loaded something from, as far as it is seen from here."""
    if root is None or not is_loopback(spec.base_url or "") or not Path(root).is_absolute():
        return None
    try:
        return Path(root) if (Path(root) / file).is_file() else None
    except OSError:
        return None


def _misfit(adapter: Adapter, base: Path) -> str | None:
    """Why an adapter is none of the base in this folder; ``None`` also where the folder cannot tell."""
    try:
        if not any(f'"{key}"' in read_text(base / "config.json") for key in _OTHERWISE):
            check_adapter(adapter, base)
    except UserFileError as error:
        return error.problem if Path(error.path).is_relative_to(adapter.path) else None
    return None


def _other(some: Path, others: Path) -> bool:
    try:
        return not filecmp.cmp(some, others, shallow=False)
    except OSError:
        return False


def _differ(one: str, other: str) -> bool:
    """Whether these are public names, owner/name, of two models; mirrors have one name under several owners."""
    found, wanted = _PUBLIC.fullmatch(one), _PUBLIC.fullmatch(other)
    return bool(found and wanted and found[1].lower() != wanted[1].lower())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
