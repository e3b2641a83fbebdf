"""JSON as users write it, no key twice: one text, or rows: a list, one object a line, or a table inside."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.core import UserFileError, nearest
from harness.userfile.bounded import MAX_FILE, read_lines

MAX_JSON = 100_000_000  # characters of a file that is held as a whole; JSON lines are read one at a time
MAX_DEPTH = 100  # levels of lists and mappings in a file
MAX_PARTS = 2_000_000  # lists and mappings in one text: an empty one takes thirty times the memory of its two signs
_KEYS = ("results", "rows", "records", "data", "samples", "outcomes", "items")
_SPACE = " \t\n\r"
_SAID = {
    "Expecting property name": "needed: a key in double quotes",
    "Expecting value": "needed: a value",
    "Expecting ','": "needed: a comma",
    "Expecting ':'": "needed: a colon after the key",
    "Illegal trailing comma": "a comma too many",
    "Extra data": "more follows where the value ends",
    "Unterminated string": "this text has no closing quotation mark",
    "Invalid control character": "a line break or a control sign inside a text",
    "Invalid \\": "a backslash that begins nothing known; double it",
}

Table = Callable[[Any], list[Any] | None]  # the rows in the value that a whole file holds; None where it holds none


class KeyTwiceError(Exception):
    """A key that an object has twice; the argument."""


def distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, as ``json`` asks for it. Raises KeyTwiceError: a key is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise KeyTwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=distinct_keys)


def json_value(text: str, path: Path, *, field: str = "") -> Any:
    """The value of ``text``, at ``field``. Raises UserFileError: not JSON, a key given twice, or nested too deeply."""
    parts = text.count("[") + text.count("{")
    problem, advice = f"holds more than {MAX_PARTS:,} lists and mappings", ""
    try:
        if parts <= MAX_PARTS:
            text = text.rstrip(_SPACE)
            value, end = _DECODER.raw_decode(text, len(text) - len(text.lstrip(_SPACE)))
            if end < len(text):
                raise json.JSONDecodeError("Extra data", text, len(text) - len(text[end:].lstrip(_SPACE)))
            if parts > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
                raise RecursionError
            return value
    except json.JSONDecodeError as error:
        line = "" if field or error.lineno == 1 else f"line {error.lineno}, "
        said = next((words for start, words in _SAID.items() if error.msg.startswith(start)), error.msg)
        if error.pos >= len(error.doc):
            said = "it ends too early" if error.doc.strip() else "it is empty"
        problem = f"not valid JSON at {line}column {error.colno}: {said}"
        advice = "one JSON object a line" if field else ""
    except KeyTwiceError as error:
        problem, advice = f"the key {error.args[0]!r} is given twice", "keep one of the two"
    except RecursionError:
        problem, advice = "nested too deeply", f"at most {MAX_DEPTH} levels are read"
    except ValueError:
        problem, advice = "a number is too long", "write it as text"
    raise UserFileError(path, problem, field=field, advice=advice)


def is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and mappings are nested in more than so many levels."""
    level = [value]
    for _ in range(levels):
        within = (whole.values() if isinstance(whole, dict) else whole for whole in level)
        level = [
            part for parts in within if isinstance(parts, Iterable) for part in parts if isinstance(part, dict | list)
        ]
        if not level:
            return False
    return True


def json_rows(path: Path, table: Table, *, most: int = MAX_FILE) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each row is (``line 3``, or ``row 3`` of a list), and the row. Raises UserFileError: no JSON, no rows."""
    lines = read_lines(path, most=most, longest=min(most, MAX_JSON))
    first = next((line for line in lines if line[1].strip()), None)
    if first is None:
        raise UserFileError(path, "not valid JSON: it is empty")
    start, value = f"line {first[0]}", _object_in(first[1], path, f"line {first[0]}")
    rows: Iterable[tuple[str, Any]]
    if value is not None:
        rest = ((f"line {number}", text) for number, text in lines if text.strip())
        second = next(rest, None)
        found = table(value) if second is None else None
        more = rest if second is None else itertools.chain([second], rest)
        read = ((where, json_value(text, path, field=where)) for where, text in more)
        rows = itertools.chain([(start, value)], read)
    else:
        parts, size = ["\n" * (first[0] - 1), first[1]], len(first[1])
        for _, text in lines:
            parts.append(text)
            size += len(text)
            if size > MAX_JSON:
                problem = f"larger than {MAX_JSON:,} characters"
                raise UserFileError(path, problem, advice="save it as JSON lines or Parquet")
        whole = json_value("".join(parts), path)
        found = table(whole)
        if found is None:
            what = f"an object with {', '.join(list(whole)[:8])}" if isinstance(whole, dict) else "one value"
            advice = "needed: a list of objects, one object a line, or a list under one key"
            raise UserFileError(path, f"found {what}", advice=advice)
    for where, row in rows if found is None else ((f"row {number}", row) for number, row in enumerate(found, 1)):
        if not isinstance(row, dict):
            problem = f"found {json.dumps(row, ensure_ascii=False)[:40]}, needed one JSON object"
            raise UserFileError(path, problem, field=where, advice="one object a row")
        yield where, row


def _object_in(line: str, path: Path, where: str) -> dict[str, Any] | None:
    """The object that a line holds; None where it holds something else, or a part of one."""
    if not line.strip().startswith("{") or not line.strip().endswith("}"):
        return None
    try:
        return dict(json_value(line, path, field=where))
    except UserFileError as error:
        if error.problem.startswith("not valid JSON"):
            return None
        raise


def rows_under(path: Path, field: str | None) -> Table:
    """The rows are the whole value, or the list under the key ``field`` (``a.b`` for one inside another)."""

    def table(whole: Any) -> list[Any] | None:
        value = whole
        for key in field.split(".") if field else ():
            if not isinstance(value, dict) or key not in value:
                advice = nearest(str(field), [*_lists_in(whole)])
                raise UserFileError(path, f"there is no {field!r} in it", field="field", advice=advice)
            value = value[key]
        if isinstance(value, list):
            return value
        found = next(iter(_lists_in(value, f"{field}." if field else "")), None)
        advice = f"add field: {found}" if found else "needed: [{…}, {…}], one object a row"
        raise UserFileError(path, "the rows are not a list", field=field or "", advice=advice)

    return table


def _lists_in(value: Any, before: str = "", levels: int = 4) -> Iterable[str]:
    """Where a value has lists, as ``a.b``: those of a level before those inside."""
    below = [(f"{before}{key}", part) for key, part in value.items()] if isinstance(value, dict) else []
    yield from (name for name, part in below if isinstance(part, list))
    for name, part in below[:100] if levels > 1 else ():
        yield from _lists_in(part, f"{name}.", levels - 1)


def rows_anywhere(knows: Callable[[str], bool]) -> Table:
    """The rows are where their names are known: a list, a table by columns or by rows, or one of these under a key."""

    def table(whole: Any) -> list[Any] | None:
        rows = whole if isinstance(whole, list) else _rows_in(whole, knows)
        is_row = rows is None and isinstance(whole, dict) and sum(knows(name) for name, _ in flattened(whole)) > 1
        return [whole] if is_row else rows

    return table


def flattened(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Names and values of a row; a field of an object inside is ``outer.inner``."""
    for name, value in row.items():
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{before}{name}.")
        else:
            yield before + name, value


def _rows_in(whole: Any, knows: Callable[[str], bool]) -> list[Any] | None:
    if not isinstance(whole, dict):
        return None
    if sum(knows(name) for name, value in whole.items() if not isinstance(value, list | dict)) > 1:
        return None  # one row, whatever lists it holds
    names, data = whole.get("columns"), whole.get("data")
    if isinstance(names, list) and isinstance(data, list) and _lists_of(names, str):
        fits = [isinstance(row, list) and len(row) == len(names) for row in data]
        return [dict(zip(names, row, strict=True)) if fit else row for row, fit in zip(data, fits, strict=True)]
    found = {key: value for key, value in whole.items() if _lists_of(value, dict)}
    key = next((name for name in _KEYS if name in found), next(iter(found)) if len(found) == 1 else None)
    if key is not None:
        return list(found[key])
    inside = (_rows_in(whole[name], knows) for name in _KEYS if isinstance(whole.get(name), dict))
    rows = next((rows for rows in inside if rows is not None), None)
    return _in_columns(whole, knows) if rows is None else rows


def _in_columns(whole: dict[str, Any], knows: Callable[[str], bool]) -> list[Any] | None:
    """The rows of a table that is written by columns, or by rows under their names."""
    columns = list(whole.values())
    known = any(knows(name) for name in whole)
    if known and len(columns) > 1 and _lists_of(columns, list):
        even = len({len(column) for column in columns}) == 1
        return [dict(zip(whole, row, strict=True)) for row in zip(*columns, strict=True)] if even else None
    if not _lists_of(columns, dict):
        return None
    if known:
        rows = list(dict.fromkeys(row for column in columns for row in column))
        return [{name: whole[name].get(row) for name in whole} for row in rows]
    if all(any(knows(name) for name in row) for row in columns):
        return [{"index": name, **row} for name, row in whole.items()]
    return None


def _lists_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, kind) for part in value)
