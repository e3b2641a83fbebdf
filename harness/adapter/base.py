"""A base model's folder: its weight files, their digest, and the shapes of their tensors."""

import hashlib
import json
from pathlib import Path

from harness.adapter.tensors import Shapes, tensor_shapes
from harness.core import UserFileError
from harness.userfile import read_text

_digests: dict[tuple[str, int, int], str] = {}


def base_digest(base: Path) -> str:
    """What a model folder's weights are: ``sha256:`` and 64 hex digits.

    For one file it is the SHA-256 of ``model.safetensors``. For a model in shards it is that of the listing which
    ``sha256sum`` prints for the shards in the order of their names. Hashed once a process for each file, its size and
    its time of change.

    Raises:
        UserFileError: there are no safetensors weights in the folder.
    """
    files = weight_files(base)
    if len(files) == 1:
        return "sha256:" + _sha256(files[0])
    listing = "".join(f"{_sha256(file)}  {file.name}\n" for file in files)
    return "sha256:" + hashlib.sha256(listing.encode()).hexdigest()


def base_shapes(base: Path) -> Shapes:
    """The shapes of a base model's tensors, from the headers of its weight files.

    Raises:
        UserFileError: there are no weights, or a file is broken.
    """
    return {name: shape for file in weight_files(base) for name, shape in tensor_shapes(file).items()}


def weight_files(base: Path) -> list[Path]:
    """The safetensors files of a model folder, by name: one, or the shards that its index lists.

    Raises:
        UserFileError: the folder or a shard is missing, or the weights are in another format.
    """
    give = "give the folder of a model's weights"
    if not base.is_dir():
        raise UserFileError(base, "there is no such folder", advice=give)
    single, index = base / "model.safetensors", base / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        if (base / "adapter_config.json").is_file():
            raise UserFileError(base, "this is an adapter, not a base", advice="give the folder of its base model")
        if any(base.glob("*.bin")) or any(base.glob("*.pt")):
            advice = "a pickle can run code and is never read: convert it to safetensors"
            raise UserFileError(base, "found pickled weights (.bin or .pt), needed model.safetensors", advice=advice)
        raise UserFileError(base, "holds no model.safetensors", advice=give)
    try:
        files = [base / name for name in sorted(set(json.loads(read_text(index))["weight_map"].values()))]
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        problem, advice = "not an index of shards", "copy the model again"
        raise UserFileError(index, problem, field="weight_map", advice=advice) from None
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        problem = f"{len(missing)} of {len(files)} shards are missing: {', '.join(missing[:3])}"
        raise UserFileError(index, problem, advice="fetch them")
    return files


def _sha256(file: Path) -> str:
    status = file.stat()
    key = (str(file.resolve()), status.st_size, status.st_mtime_ns)
    if key not in _digests:
        with file.open("rb") as stream:
            _digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    return _digests[key]
