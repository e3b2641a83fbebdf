"""``metadata.json``: what tasks say of themselves in ``metadata``, by their digests, to find them by it."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.core import UsageError, nearest, write_atomic
from harness.store.manifest import experiment_file
from harness.store.outcomes import Outcomes
from harness.store.words import Array

FILE = "metadata.json"
LONGEST = 200  # characters of a value; a longer one is a text of the task, and nothing to find it by


def keep_metadata(
    report: Path, found: Iterable[tuple[str, Mapping[str, Any]]], redact: Callable[[str], str] = str
) -> None:
    """Adds what tasks say, by their digests; texts of their own, tables and what is longer than a name are left out."""
    kept = dict(_read(report / FILE))
    new = {digest: said for digest, given in found if digest not in kept and (said := _short(given, redact))}
    if new:
        write_atomic(report / FILE, json.dumps(kept | new, ensure_ascii=False) + "\n")


def _short(given: Mapping[str, Any], redact: Callable[[str], str]) -> dict[str, Any]:
    return {
        redact(key): [redact(one) if isinstance(one, str) else one for one in _each(value)]
        for key, value in given.items()
        if all(isinstance(one, (str, int, float)) and len(str(one)) <= LONGEST for one in _each(value)) and value != []
    }


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def read_metadata(report: Path) -> Mapping[str, tuple[str, ...]]:
    """Of each task that says any, by its digest, ``KEY=VALUE`` texts; nothing where none is kept or it is broken."""
    path = report / FILE
    try:
        state = path.stat()
    except OSError:
        return {}
    return _pairs(path, (state.st_mtime_ns, state.st_size))


def metadata_found(index: Outcomes) -> Mapping[str, int]:
    """Every ``KEY=VALUE`` of the tasks' metadata and how many tasks have it; by key, the keys of few values first."""
    said = read_metadata(index.report)
    counts = Counter(pair for digest in index.task_digests.to_pylist() for pair in said.get(digest, ()))
    values = Counter(pair.partition("=")[0] for pair in counts)
    order = sorted(counts, key=lambda pair: (values[pair.partition("=")[0]], pair))
    return {pair: counts[pair] for pair in order}


def tasks_with_metadata(index: Outcomes, pairs: Sequence[str]) -> Array:
    """Of each task whether it has, of each key that is named, one of the values. Raises UsageError: no task has one."""
    said, known = read_metadata(index.report), metadata_found(index)
    if unknown := next((pair for pair in pairs if pair not in known), None):
        run = experiment_file(index.report).is_file()
        remedy = "start ownbench run again to keep it" if run else "import the table again with --metadata COLUMN"
        advice = nearest(unknown, list(known)) if known else f"no metadata is kept in this report, {remedy}"
        raise UsageError(f"{index.report}: no task has the metadata {unknown!r}; {advice}")
    asked: dict[str, set[str]] = {}
    for pair in pairs:
        asked.setdefault(pair.partition("=")[0], set()).add(pair)
    each = (said.get(digest, ()) for digest in index.task_digests.to_pylist())
    return np.array([all(not one.isdisjoint(has) for one in asked.values()) for has in each], dtype=bool)


@lru_cache(maxsize=4)
def _pairs(path: Path, _: tuple[int, int]) -> Mapping[str, tuple[str, ...]]:
    return {digest: tuple(_said(given)) for digest, given in _read(path).items() if isinstance(given, dict)}


def _said(given: Mapping[str, Any]) -> Iterator[str]:
    for key, value in given.items():
        for one in _each(value):
            if isinstance(one, (str, int, float)):
                yield f"{key}={json.dumps(one) if isinstance(one, bool) else one}"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
