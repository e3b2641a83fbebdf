"""``statistics.json``: the scoreboard as it was written, and read again as long as it is of the evidence there is."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from harness.analysis.views import Scoreboard
from harness.core import EvidenceError
from harness.store import evidence_digest, read_manifest, split_used

FILE = "statistics.json"
_BESIDE = frozenset({"evidence", "why"})
"""Keys of the file that are no fields: of what it was computed, and a comparison's reason for a null."""


def statistics_text(view: Scoreboard, evidence: str) -> str:
    """What ``statistics.json`` holds: the scoreboard, and the digest of the evidence that it was computed from."""
    return json.dumps(view.as_json() | {"evidence": evidence}, indent=2, allow_nan=False) + "\n"


def read_statistics(report: Path, *, split: str | None = None, level: float = 0.95) -> Scoreboard | None:
    """The scoreboard that ``statistics.json`` holds, without a look at the outcomes but for their digest.

    Args:
        report: the report's folder.
        split: as in `scoreboard`.
        level: as in `scoreboard`.

    Returns:
        Exactly what `scoreboard` would compute. ``None`` where there is no such file, or it is of other evidence, of
        another split or level, or written by another version of this program whose scoreboard had other fields.
    """
    try:
        record = json.loads((report / FILE).read_text(encoding="utf-8"))
        if not isinstance(record, dict) or record.get("evidence") != evidence_digest(report):
            return None
        view = _read(Scoreboard, record)
        manifest = read_manifest(report)
        name = manifest.report if manifest and manifest.report else report.resolve().name
        if (view.report, view.split, view.level) != (name, split_used(report, split), level):
            return None
    except (OSError, ValueError, TypeError, KeyError, EvidenceError, RecursionError):
        return None
    return typing.cast("Scoreboard", view)


def _read(kind: Any, value: Any) -> Any:
    """The value as a thing of this type, the inverse of `harness.core.as_json` for the records of a scoreboard.

    Raises:
        TypeError: it is none.
        KeyError: a field is missing.
    """
    if dataclasses.is_dataclass(kind):
        return _record(kind, value)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {Union, types.UnionType}:
        if value is None and type(None) in arguments:
            return None
        (only,) = (a for a in arguments if a is not type(None))
        return _read(only, value)
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError(f"a list is needed, found {value!r}")
        if arguments[1:] == (...,):
            return tuple(_read(arguments[0], one) for one in value)
        return tuple(_read(one, part) for one, part in zip(arguments, value, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return value  # a whole number is written as such and is equal
    if type(value) is not kind:
        raise TypeError(f"{kind} is needed, found {value!r}")
    return value


def _record(kind: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"an object is needed, found {value!r}")
    hints = typing.get_type_hints(kind)
    names = {field.name for field in dataclasses.fields(kind)}
    beside = set(value) - names
    if beside - _BESIDE:
        raise KeyError(f"unknown keys: {', '.join(sorted(beside))}")
    return kind(**{name: _read(hints[name], value[name]) for name in names})
