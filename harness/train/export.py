"""An adapter as what serves it: its files, a card, the server's command line, a compose file, and manifests.

Nothing in the folder names a place of this machine or holds a key, and the same call writes the same bytes.
"""

import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

from harness.adapter import CARD, WEIGHTS, Adapter, base_digest, base_shapes, check_adapter, load_adapter
from harness.cluster import (
    ADAPTERS,
    KEY,
    MODELS,
    ServedModel,
    compose_file,
    is_image,
    manifest_text,
    secret_of,
    served_model,
)
from harness.core import UsageError, UserFileError, install_line, replacing_folder, write_atomic
from harness.experiment import resolve
from harness.model import SERVE, VLLM_VERSION, Serving, fit_of, load_weights, longest_of, put_on, quiet, serving_of
from harness.train.model_card import Exported, Measured, model_card, without_paths
from harness.train.saving import CONFIG, save_model

IMAGE = f"vllm/vllm-openai:v{VLLM_VERSION}"
MERGED = "merged"
_NAME = r"[A-Za-z0-9][\w.-]*"
_MOST_GPUS = 64
_MERGING = ("torch", "transformers", "peft")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How an adapter is exported."""

    base: Path | None = None  # where not given, what its card names
    image: str = IMAGE
    dtype: str | None = None  # where not given, the base's own
    max_model_len: int | None = None  # where not given, what the base reads
    gpus: int = 1
    merged: bool = False


def export_adapter(path: Path, out: Path, how: ExportOptions, measured: Measured | None = None) -> dict[str, Any]:
    """Writes the folder, whole or not at all; what is in it comes back.

    Raises UserFileError and UsageError: the adapter or its base is another than its card says, vLLM does not apply it,
    or something stands in the way.
    """
    if out.exists():
        raise UsageError(f"{out}: exists already; give another --out")
    adapter, base, notes = _checked(path, how)
    _check_options(how, longest_of(base))
    serving = serving_of(base, {adapter.name: path}, dtype=how.dtype, max_model_len=how.max_model_len)
    if how.merged:
        _check_room(base, out)
    files = _texts(adapter, serving, how)
    with _written(out), replacing_folder(out) as folder:
        _copy(adapter, folder)
        for name, text in files.items():
            write_atomic(folder / name, text)
        (folder / "serve.sh").chmod(0o755)
        if how.merged:
            _merge(adapter, base, folder / MERGED, how.dtype)
        digests = {f"`{WEIGHTS}`": f"sha256:{hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()}"}
        digests |= {
            "the adapter (ownbench)": load_adapter(folder).digest,
            f"the base {serving.name}": base_digest(base),
        }
        command = shlex.join([*SERVE, *serving.arguments(f"{MODELS}/{serving.name}", [f"{ADAPTERS}/{adapter.name}"])])
        told = Exported(
            name=adapter.name,
            base=serving.name,
            card=without_paths(dict(adapter.card)),
            digests=digests,
            command=command,
            merged=shlex.join([*SERVE, MERGED, "--served-model-name", adapter.name]) if how.merged else None,
            notes=notes,
        )
        write_atomic(folder / "README.md", model_card(told, measured))
        made = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return {"folder": str(out), "name": adapter.name, "files": made, "command": command, "notes": [*notes]}


def _checked(path: Path, how: ExportOptions) -> tuple[Adapter, Path, tuple[str, ...]]:
    """The adapter, its base, and what a reader must know of the two. Raises UserFileError: they do not belong."""
    adapter = load_adapter(path)
    if not re.fullmatch(_NAME, adapter.name):
        problem = f"an adapter is asked for by its folder's name, and {adapter.name!r} is none for a server"
        raise UserFileError(path, problem, advice="rename it; take letters, digits, -, _ and .")
    told = adapter.card.get("digest")
    if told is not None and told != adapter.digest:
        problem = f"found {told}, and the files are {adapter.digest}: they were changed since the card was written"
        raise UserFileError(path / CARD, problem, field="digest", advice="copy the adapter again, or train it again")
    base = how.base or _base_of(adapter)
    if all(map(find_spec, _MERGING)):
        fit = fit_of(path, base)
        if fit.alone or fit.prompts is not None:
            own = "changes the base's own weights" if fit.alone else "brings its own tokenizer or chat template"
            raise UserFileError(path, f"the adapter {own}, which no server applies", advice="take a plain LoRA")
        return adapter, base, fit.notes
    if how.merged:
        raise UsageError(f"--merged needs the packages {', '.join(_MERGING)}; {install_line('local')}")
    check_adapter(adapter, base)
    return adapter, base, ()


def _check_options(how: ExportOptions, longest: int | None) -> None:
    """Returns where a server can be started so. Raises UsageError."""
    if how.max_model_len is not None and not 0 < how.max_model_len <= (longest or how.max_model_len):
        reads = f"from 1 to {longest:,}, which is what the base reads" if longest else "from 1"
        raise UsageError(f"--max-model-len is {how.max_model_len:,}; give a number {reads}")
    if not 1 <= how.gpus <= _MOST_GPUS:
        raise UsageError(f"--gpus is {how.gpus}; give a number from 1 to {_MOST_GPUS}")
    if not is_image(how.image) or not re.search(r"@sha256:[0-9a-f]{64}$|:(?!latest$)[\w.-]+$", how.image):
        raise UsageError(f"--image is {how.image!r}, which names no version; write REPOSITORY:VERSION, as {IMAGE}")


@contextmanager
def _written(out: Path) -> Iterator[None]:
    """What the system says while files are written, in one line: raises a UsageError."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}; give another --out") from None


def _base_of(adapter: Adapter) -> Path:
    advice = "give its folder with --base"
    try:
        return resolve(adapter.path / CARD, adapter.base_model, field="base_model")
    except UserFileError:
        problem = f"there is no {adapter.base_model}" if adapter.base_model else "it names no base"
        raise UserFileError(adapter.path / CARD, problem, field="base_model", advice=advice) from None


def _check_room(base: Path, out: Path) -> None:
    """Returns where the disk has room for the merged weights, four bytes a number. Raises UsageError."""
    needed = 4 * sum(prod(shape) for shape in base_shapes(base).values())
    there = next(folder for folder in out.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(there).free
    if free < needed + (64 << 20):
        raise UsageError(f"{out}: merged weights take {needed >> 20:,} MB, and {free >> 20:,} MB are free; make room")


# ---------------------------------------------------------------------------------------------------------- the files


def _texts(adapter: Adapter, serving: Serving, how: ExportOptions) -> dict[str, str]:
    """The files of text, by name, but for the card."""
    import yaml

    more = ["--tensor-parallel-size", str(how.gpus)] if how.gpus > 1 else []
    within = [f"{ADAPTERS}/{adapter.name}"]
    served = ServedModel(
        name=adapter.name,
        base=serving.name,
        image=how.image,
        command=SERVE,
        arguments=serving.arguments(f"{MODELS}/{serving.name}", within, host="0.0.0.0", more=more),  # noqa: S104
        gpus=how.gpus,
    )
    secret = secret_of(adapter.name)
    cluster = [
        f"The claim models holds the base as {serving.name}, the claim adapters this folder as {adapter.name}.",
        "The key comes from a Secret, which is not here; read makes it without writing it down:",
        f'  read -rs KEY && kubectl create secret generic {secret} --from-literal=api-key="$KEY"',
    ]
    container = [f"BASE is the folder of {serving.name}, {KEY} the key that those who ask have to give."]
    return {
        "serve.sh": _script(adapter, serving, more),
        "compose.yaml": _commented(container) + yaml.safe_dump(compose_file(served), sort_keys=False, width=1_000),
        "kubernetes.yaml": _commented(cluster) + manifest_text(Path("kubernetes.yaml"), served_model(served)),
    }


def _commented(lines: Sequence[str]) -> str:
    return "".join(f"# {line}\n" for line in ("Written by ownbench.", *lines))


def _script(adapter: Adapter, serving: Serving, more: Sequence[str]) -> str:
    """A shell script that starts the server with this folder as the adapter."""
    words = [*SERVE, *serving.arguments("@BASE@", ["@HERE@"], more=more)]
    command = " ".join(map(shlex.quote, words)).replace("@BASE@", '"$BASE"').replace("@HERE@", '"$PWD"')
    return "\n".join([
        "#!/bin/sh",
        f"# vLLM's server with the adapter {adapter.name}. Written by ownbench.",
        "set -eu",
        'cd "$(dirname "$0")"',
        f': "${{BASE:?set the folder of the base model {serving.name}}}"',
        f': "${{{KEY}:?set a key that those who ask have to give}}"',
        "export HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1",
        f"exec {command}",
        "",
    ])  # fmt: skip


def _copy(adapter: Adapter, folder: Path) -> None:
    """The adapter's own files, without places of this machine."""
    import yaml

    shutil.copyfile(adapter.path / WEIGHTS, folder / WEIGHTS)
    config = without_paths(json.loads((adapter.path / CONFIG).read_text(encoding="utf-8")))
    write_atomic(folder / CONFIG, json.dumps(config, indent=2, sort_keys=True) + "\n")
    if adapter.card:
        card = without_paths({**adapter.card, "digest": load_adapter(folder).digest})
        write_atomic(folder / CARD, yaml.safe_dump(card, sort_keys=False, width=110, allow_unicode=True))


def _merge(adapter: Adapter, base: Path, folder: Path, dtype: str | None) -> None:
    """Base and adapter as one model, in the precision in which a run on this machine would ask them."""
    import torch

    precision = dtype or ("auto" if torch.cuda.is_available() else "float32")
    with quiet():
        model = put_on(load_weights(base, precision), adapter.path, base, "default").merge_and_unload()
        save_model(model, base, folder)
