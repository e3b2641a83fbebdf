"""Arrow tables of what a journal's lines hold."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import Call
from harness.store.columns import CALL_PLACES, CALLS, SIGNALS, arrow_type, schema
from harness.store.lines import record_from
from harness.store.places import json_of

if TYPE_CHECKING:
    import pyarrow as pa


def read_lines(lines: Sequence[bytes], columns: Mapping[str, str]) -> "pa.Table | None":
    """The columns of JSON objects, a dot in whose name leads into one; ``None`` where Arrow cannot read them."""
    import pyarrow as pa
    import pyarrow.json as pj  # what it reads is left as it is: pyarrow.compute takes twice the time of all else here

    kinds: dict[str, Any] = {}
    for place, word in columns.items():
        within, _, name = place.rpartition(".")
        if within:
            kinds.setdefault(within, []).append((name, arrow_type(word)))
        else:
            kinds[name] = arrow_type(word)
    wanted = pa.schema([(n, pa.struct(k) if isinstance(k, list) else k) for n, k in kinds.items()])
    text = b"\n".join(lines)
    if b"\\ud" in text:  # half of a surrogate pair, perhaps
        return None
    try:
        read = pj.read_json(
            pa.BufferReader(text),
            read_options=pj.ReadOptions(
                use_threads=len(lines) > 5_000, block_size=max(1 << 22, 2 * max(map(len, lines)))
            ),
            parse_options=pj.ParseOptions(explicit_schema=wanted, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowException:
        return None
    return read.flatten().select([*columns])


def calls_table(rows: Sequence[tuple[bytes, str]], *, whole: bool) -> "pa.Table":
    """The rows of calls, each with the id of its attempt; ``whole``: each has all fields that it has now."""
    lines, ids = zip(*rows, strict=True)
    places = dict(CALL_PLACES) | {f"signals.{name}": "float64" for name in SIGNALS}
    read = read_lines(lines, places) if whole else None
    if read is None:
        values, calls = attrgetter(*CALL_PLACES), [record_from(Call, json_of(line)) for line in lines]
        read = table_of(CALLS, [(*values(call), *map(call.signals.get, SIGNALS)) for call in calls])
    own = dict(zip(CALLS, read.columns, strict=True))
    return table(CALLS, own | {"attempt_id": texts_array(ids)})


def bytes_array(texts: Sequence[bytes]) -> "pa.Array":
    """An Arrow array of texts that are UTF-8 already."""
    import pyarrow as pa

    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))


def texts_array(texts: Sequence[str | None]) -> Any:
    """An Arrow array of texts, made so that pandas is not imported for it."""
    import pyarrow as pa

    for encodable in (False, True):
        builder = pa.lib.StringBuilder()
        try:
            builder.append_values([_encodable(text) for text in texts] if encodable else texts)
            break
        except UnicodeEncodeError:
            continue
    return builder.finish()


def table(columns: Mapping[str, str], own: Mapping[str, Any]) -> "pa.Table":
    """A table of these columns, in their order."""
    import pyarrow as pa

    return pa.table([own[name] for name in columns], schema=schema(columns))


def table_of(columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> "pa.Table":
    """Rows as a table."""
    import pyarrow as pa

    arrays = []
    for place, word in enumerate(columns.values()):
        values = [row[place] for row in rows]
        try:
            arrays.append(pa.array(values, arrow_type(word)))
        except UnicodeEncodeError:  # Parquet text is UTF-8: what has no such form, a lone surrogate, becomes its escape
            arrays.append(pa.array([_encodable(value) for value in values], arrow_type(word)))
    return pa.table(arrays, schema=schema(columns))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return [_encodable(part) for part in value] if isinstance(value, (tuple, list)) else value
