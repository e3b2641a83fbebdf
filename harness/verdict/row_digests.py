"""Digests of outcome rows: what `digest_json` makes of each row, column by column, so that a million take seconds."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import digest_json, digest_text
from harness.store import read_outcomes

if TYPE_CHECKING:
    import pyarrow as pa

_HOW: dict[str, Any] = {"sort_keys": True, "ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
_ESCAPED = r'["\\\x00-\x1f]'  # what JSON writes otherwise in a string

LATER = (
    "skills_opened",
    "skills_read",
    "skills_run",
)  # rows that say nothing of these have the digest from before them


def rows_digests(report: Path, names: Sequence[str]) -> dict[str, str]:
    """Of each contender one digest of all its outcome rows, whatever their order in the file."""
    import pyarrow.compute as pc

    table = read_outcomes(report)
    of_each = {name: table.filter(pc.equal(table["contender"], name)) for name in names}
    return {name: digest_json(sorted(map(digest_text, _texts(rows)))) for name, rows in of_each.items()}


def _texts(table: "pa.Table") -> list[str]:
    """Each row as JSON, keys in order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not table.num_rows:
        return []
    parts: list[Any] = ["{"]  # texts of every row, and arrays with a text for each
    silent = {name for name in LATER if name in table.column_names and table[name].null_count == table.num_rows}
    for number, name in enumerate(sorted({*table.column_names} - silent)):
        parts[-1] += f"{',' if number else ''}{json.dumps(name, ensure_ascii=False)}:"
        if table[name].null_count == table.num_rows:
            parts[-1] += "null"
        else:
            parts += [_values(table[name]), ""]
    parts[-1] += "}"
    texts = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in (*parts, "")]
    joined = pc.binary_join_element_wise(*texts)
    return [joined.as_py()] * table.num_rows if isinstance(joined, pa.Scalar) else list(joined.to_pylist())


def _values(column: "pa.ChunkedArray") -> "pa.Array":
    """The JSON text of each value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text, kind = pa.large_string(), column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return pc.fill_null(column.cast(text), "null").combine_chunks()
    if pa.types.is_floating(kind):
        numbers = column.to_pylist()
        if all(number is None or math.isfinite(number) for number in numbers):
            return pa.array(("null" if number is None else float.__repr__(number) for number in numbers), text)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = column.cast(text)
        if not pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py():
            quote = pa.scalar('"', text)
            quoted = pc.binary_join_element_wise(quote, column, quote, pa.scalar("", text))
            return pc.fill_null(quoted, "null").combine_chunks()
    known: dict[Any, str] = {}  # few values are many rows'
    return pa.array((_text(value, known) for value in column.to_pylist()), text)


def _text(value: Any, known: dict[Any, str]) -> str:
    key = tuple(value) if isinstance(value, list) and all(isinstance(part, str) for part in value) else value
    if isinstance(key, (list, dict, float)):  # no keys of a mapping, or equal and not alike, as 0.0 and -0.0
        return json.dumps(value, default=str, **_HOW)
    if (found := known.get(key)) is None:
        found = known[key] = json.dumps(value, default=str, **_HOW)
    return found
