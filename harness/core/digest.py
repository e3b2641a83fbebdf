"""Content digests: the identity of tasks, suites, contenders and attempts.

Same content, same digest, on any machine.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

LENGTH = 32
"""Hex digits kept of a SHA-256: 128 bits, enough for any number of attempts, short enough to read in a table."""


def digest_bytes(data: bytes) -> str:
    """The first 32 hex digits of the SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()[:LENGTH]


def digest_text(text: str) -> str:
    """The digest of ``text`` as UTF-8; lone surrogates are kept distinct."""
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def digest_json(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """The digest of a JSON value, whatever the order of its keys; ``default`` gives the JSON form of what has none.

    Raises TypeError: something has no form in JSON. ValueError: the value holds NaN or an infinity.
    """
    text = json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=default
    )
    return digest_text(text)


def digest_folder(folder: Path, *, files: Iterable[Path] | None = None) -> str:
    """The digest of a folder's relative file names and contents, links and caches left out.

    ``files`` names the files instead; links among them count by what they lead to, as in a cache of downloads.
    """
    chosen = sorted(folder.rglob("*")) if files is None else sorted(files)
    parts = [
        [path.relative_to(folder).as_posix(), digest_bytes(path.read_bytes())]
        for path in chosen
        if path.is_file() and (files is not None or not path.is_symlink()) and "__pycache__" not in path.parts
    ]
    return digest_json(parts)


def attempt_id(contender: str, task: str, trial: int) -> str:
    """The identity of an attempt: what is asked of whom, and which try it is; no name is in it.

    Resume is a set difference on it, sharding a partition.
    """
    if (contender + task).isalnum():  # as all digests: what `digest_json` would make of it, sooner
        return digest_text(f'["{contender}","{task}",{trial}]')
    return digest_json([contender, task, trial])
