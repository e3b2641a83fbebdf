"""The header of a safetensors file: names, types and shapes, without a weight being read.

The format is an 8-byte little-endian length, that many bytes of JSON, then the data (safetensors, "Format").
"""

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

from harness.core import UserFileError

Shapes = dict[str, tuple[int, ...]]  # tensor names and their shapes

_LONGEST_HEADER = 100_000_000  # the format's own bound
_BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16}
_BITS |= {"I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8}
_BITS |= {"C64": 64, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}


def tensor_shapes(path: Path) -> Shapes:
    """The tensors that a safetensors file holds.

    Raises:
        UserFileError: the file is missing, no safetensors file, or cut short.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if start == b"version ":
                problem = "this is a Git LFS pointer, not the weights"
                raise UserFileError(path, problem, advice="fetch them with `git lfs pull`")
            if not 2 <= length <= min(size - 8, _LONGEST_HEADER):
                raise UserFileError(path, f"not a safetensors file ({size} bytes)", advice="save the weights again")
            header = json.loads(file.read(length))
    except FileNotFoundError:
        raise UserFileError(path, "there is no such file") from None
    except OSError as error:
        raise UserFileError(path, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise UserFileError(path, "not a safetensors file: its header is no JSON", advice="save it again") from None
    if not isinstance(header, dict):
        raise UserFileError(path, "not a safetensors file: its header is no mapping", advice="save it again")
    notes = header.pop("__metadata__", {})
    if not (isinstance(notes, dict) and all(isinstance(value, str) for value in notes.values())):
        raise UserFileError(path, "found no texts by name", field="__metadata__", advice="save it again")
    return _shapes_in(header, size - 8 - length, path)


def _shapes_in(header: dict[str, Any], data: int, path: Path) -> Shapes:
    """Names and shapes, every tensor lying wholly within the ``data`` bytes that follow the header."""
    shapes: Shapes = {}
    spans: list[tuple[int, int]] = []
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
