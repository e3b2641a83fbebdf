"""A model folder's weights without one of them being read: their files and digest, names and shapes.

A safetensors file is an 8-byte little-endian length, that many bytes of JSON, then the data (safetensors, "Format").
"""

import hashlib
import json
import struct
from math import prod
from pathlib import Path
from typing import Any

from harness.core import UserFileError
from harness.userfile import read_text

Shapes = dict[str, tuple[int, ...]]  # tensor names and their shapes

_LONGEST_HEADER = 100_000_000  # the format's own bound
_BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16}
_BITS |= {"I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8}
_BITS |= {"C64": 64, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}
_digests: dict[tuple[str, int, int], str] = {}


def base_digest(base: Path) -> str:
    """``sha256:`` and the SHA-256 of ``model.safetensors``; of shards, that of what ``sha256sum`` prints for them.

    A file is hashed once a process, by its size and time of change. Raises UserFileError: as `weight_files`.
    """
    sums = []
    for file in weight_files(base):
        status = file.stat()
        key = (str(file.resolve()), status.st_size, status.st_mtime_ns)
        if key not in _digests:
            with file.open("rb") as stream:
                _digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        sums.append((_digests[key], file.name))
    listing = "".join(f"{digest}  {name}\n" for digest, name in sums)
    return f"sha256:{sums[0][0] if len(sums) == 1 else hashlib.sha256(listing.encode()).hexdigest()}"


def base_shapes(base: Path) -> Shapes:
    """The shapes of a base model's tensors. Raises UserFileError: there are no weights, or a file is broken."""
    return {name: shape for file in weight_files(base) for name, shape in tensor_shapes(file).items()}


def weight_files(base: Path) -> list[Path]:
    """The safetensors files of a model folder, by name: one, or the shards of its index. Raises UserFileError."""
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
        advice = "copy the model again"
        raise UserFileError(index, "not an index of shards", field="weight_map", advice=advice) from None
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        problem = f"{len(missing)} of {len(files)} shards are missing: {', '.join(missing[:3])}"
        raise UserFileError(index, problem, advice="fetch them")
    return files


def tensor_shapes(path: Path) -> Shapes:
    """The tensors of a safetensors file, each wholly within the file. Raises UserFileError: missing, broken or cut."""
    again = "save the weights again"
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if start == b"version ":
                advice = "fetch them with `git lfs pull`"
                raise UserFileError(path, "this is a Git LFS pointer, not the weights", advice=advice)
            if not 2 <= length <= min(size - 8, _LONGEST_HEADER):
                raise UserFileError(path, f"not a safetensors file ({size} bytes)", advice=again)
            header = json.loads(file.read(length))
    except FileNotFoundError:
        raise UserFileError(path, "there is no such file") from None
    except OSError as error:
        raise UserFileError(path, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise UserFileError(path, "not a safetensors file: its header is no JSON", advice=again) from None
    if not isinstance(header, dict):
        raise UserFileError(path, "not a safetensors file: its header is no mapping", advice=again)
    notes = header.pop("__metadata__", {})
    if not (isinstance(notes, dict) and all(isinstance(value, str) for value in notes.values())):
        raise UserFileError(path, "found no texts by name", field="__metadata__", advice=again)
    return _shapes_in(header, size - 8 - length, path)


def _shapes_in(header: dict[str, Any], data: int, path: Path) -> Shapes:
    """Names and shapes, every tensor lying wholly within the ``data`` bytes that follow the header."""
    shapes, spans = Shapes(), []
    for name, entry in header.items():
        try:
            shape = tuple(int(n) for n in entry["shape"])
            begin, end = (int(n) for n in entry["data_offsets"])
            bits = _BITS[entry["dtype"]]
        except (KeyError, TypeError, ValueError):
            raise UserFileError(path, "its header describes this tensor wrongly", field=name) from None
        if not 0 <= begin <= end <= data:
            problem = f"cut short: the data end at byte {data}, this tensor at {end}"
            raise UserFileError(path, problem, field=name, advice="copy it again")
        if (end - begin) * 8 != prod(shape) * bits:
            raise UserFileError(path, f"{end - begin} bytes do not hold the shape {list(shape)}", field=name)
        shapes[name] = shape
        spans.append((begin, end))
    at = 0
    for begin, end in [*sorted(spans), (data, data)]:  # the format allows no gaps, so that nothing hides in one
        if begin != at:
            problem = f"at byte {min(at, begin)} of its data, bytes belong to no tensor or to two"
            raise UserFileError(path, problem, advice="copy it again")
        at = end
    return shapes
