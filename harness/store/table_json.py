"""Tables in JSON: a list of records, JSON lines, a table in columns, or one of these under a key."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.core import UserFileError
from harness.store.table_file import Loaded, Wanted, text_lines

LARGEST = 100_000_000
"""Characters of a file that has to be read as a whole; JSON lines are read one at a time."""
_KEYS = ("results", "rows", "records", "data", "samples", "outcomes", "items")
_SHAPES = "needed: a list of records, one record a line, or records under one key"


def load_json(path: Path, wanted: Wanted) -> Loaded:
    """The wanted columns of a JSON file; a field of a record within a record is the column ``outer.inner``.

    Raises:
        UserFileError: the file is broken, or has another shape; names the line or the record.
    """
    lines = text_lines(path, LARGEST)
    first = next((line for line in enumerate(lines, 1) if line[1].strip()), None)
    if first is None:
        raise UserFileError(path, "not a readable table: it is empty")
    number, line = first
    if line.lstrip().startswith("{") and _is_whole(line):
        rest = ((place, text) for place, text in enumerate(lines, number + 1) if text.strip())
        second = next(rest, None)
        if second is not None or not _table(json.loads(line), wanted):
            return _columns(path, wanted, _line_by_line(path, first, second, rest), "line")
    parts, size = ["\n" * (number - 1), line], len(line)
    for text in lines:
        parts.append(text)
        size += len(text)
        if size > LARGEST:
            raise UserFileError(path, f"larger than {LARGEST:,} characters", advice="save it as JSON lines or Parquet")
    whole = _parsed(path, "".join(parts), 1)
    records = whole if isinstance(whole, list) else _table(whole, wanted)
    if records is None and isinstance(whole, dict) and sum(wanted.knows(name) for name, _ in _flat(whole, "")) > 1:
        records = [whole]
    if records is None:
        keys = f"found an object with {', '.join(list(whole)[:8])}" if isinstance(whole, dict) else "found one value"
        raise UserFileError(path, keys, advice=_SHAPES)
    return _columns(path, wanted, enumerate(records, 1), "record")


def _line_by_line(
    path: Path, first: tuple[int, str], second: tuple[int, str] | None, rest: Iterator[tuple[int, str]]
) -> Iterator[tuple[int, Any]]:
    yield first[0], _parsed(path, first[1], first[0])
    if second is not None:
        yield second[0], _parsed(path, second[1], second[0])
    for number, text in rest:
        yield number, _parsed(path, text, number)


def _is_whole(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _parsed(path: Path, text: str, line: int) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        problem, where = f"not JSON at character {error.colno}", f"line {line + error.lineno - 1}"
        raise UserFileError(
            path, problem, field=where, advice="write one record a line, or a list of records"
        ) from None
    except _TwiceError as error:
        raise UserFileError(
            path, f"{error} is there twice in a record", field=f"line {line}", advice="keep one"
        ) from None
    except (ValueError, RecursionError):
        problem = "not JSON that can be read: nested too deep, or a number too long"
        raise UserFileError(path, problem, field=f"line {line}") from None


def _constant(word: str) -> str | None:
    """NaN is nothing; an infinity is refused where a number is needed."""
    return None if word == "NaN" else word


class _TwiceError(Exception):
    """A key that a record has twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(repr(next(name for name in names if names.count(name) > 1)))
    return found


def _table(whole: Any, wanted: Wanted) -> list[Any] | None:
    """The records of an object that holds a table; ``None`` where it holds none, or several could be meant."""
    if not isinstance(whole, dict):
        return None
    if sum(wanted.knows(name) for name, value in whole.items() if not isinstance(value, list | dict)) > 1:
        return None  # one record, whatever lists it holds
    names, data = whole.get("columns"), whole.get("data")
    if isinstance(names, list) and _lists_of(names, str) and isinstance(data, list):
        fit = [isinstance(row, list) and len(row) == len(names) for row in data]
        return [dict(zip(names, row, strict=True)) if fits else row for row, fits in zip(data, fit, strict=True)]
    found = {key: value for key, value in whole.items() if _lists_of(value, dict)}
    key = next((name for name in _KEYS if name in found), next(iter(found)) if len(found) == 1 else None)
    if key is not None:
        return list(found[key])
    inside = next((_table(whole[name], wanted) for name in _KEYS if isinstance(whole.get(name), dict)), None)
    return inside if inside is not None else _in_columns(whole, wanted)


def _in_columns(whole: dict[str, Any], wanted: Wanted) -> list[Any] | None:
    """The records of a table that is written by columns, or by rows under their names."""
    columns = list(whole.values())
    known = any(wanted.knows(name) for name in whole)
    if known and len(columns) > 1 and all(isinstance(column, list) for column in columns):
        if len({len(column) for column in columns}) > 1:
            return None
        return [dict(zip(whole, row, strict=True)) for row in zip(*columns, strict=True)]
    if not columns or not all(isinstance(column, dict) for column in columns):
        return None
    if known:
        rows = list(dict.fromkeys(row for column in columns for row in column))
        return [{name: whole[name].get(row) for name in whole} for row in rows]
    if all(any(wanted.knows(name) for name in record) for record in columns):
        return [{"index": name, **record} for name, record in whole.items()]
    return None


def _lists_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, kind) for part in value)


def _columns(path: Path, wanted: Wanted, records: Iterator[tuple[int, Any]], place: str) -> Loaded:
    import numpy as np
    import pandas as pd

    seen: dict[str, bool] = {}
    columns: dict[str, list[Any]] = {}
    lines: list[int] = []
    for number, record in records:
        if not isinstance(record, dict):
            problem = f"found {_shown(record)} where a record is needed"
            raise UserFileError(path, problem, field=f"{place} {number}", advice=_SHAPES)
        for name, value in _flat(record, ""):
            if name not in seen:
                seen[name] = wanted.keeps(name)
            if seen[name]:
                cells = columns.setdefault(name, [])
                if len(cells) > len(lines):
                    raise UserFileError(path, f"{name!r} is there twice", field=f"{place} {number}", advice="keep one")
                cells.extend([None] * (len(lines) - len(cells)))
                cells.append(_cell(value))
        lines.append(number)
    for cells in columns.values():
        cells.extend([None] * (len(lines) - len(cells)))
    frame = pd.DataFrame({name: _series(cells) for name, cells in columns.items()}, index=pd.RangeIndex(len(lines)))
    return Loaded(names=tuple(seen), frame=frame, lines=np.array(lines, dtype=np.int64), place=place)


def _flat(record: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _cell(value: Any) -> Any:
    """A text for what a text can hold, so that the cells are read as those of a CSV are."""
    if isinstance(value, bool | int | float):
        return repr(value)
    return value


def _series(cells: list[Any]) -> Any:
    import pandas as pd

    if any(isinstance(cell, list | dict) for cell in cells):
        return pd.Series(cells, dtype=object)
    return pd.Series(cells, dtype="str")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:40]
