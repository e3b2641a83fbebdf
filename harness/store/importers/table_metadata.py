"""Columns of a user's table that tell of its tasks: what ``metadata.json`` keeps, to find tasks by it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import UserFileError, nearest, plural
from harness.store.importers.table_cells import Source
from harness.store.task_metadata import FILE, LONGEST, keep_metadata
from harness.userfile import Loaded, tidy

if TYPE_CHECKING:
    import pandas as pd

BEFORE = "metadata "  # our name of such a column is this and the file's
_MOST = 20  # different values of one task


def metadata_columns(path: Path, loaded: Loaded, asked: Sequence[str]) -> dict[str, str]:
    """Our name and the file's of each column asked for, also of several with commas between. Raises UserFileError."""
    by_look = {tidy(name): name for name in reversed(loaded.names)}
    found: dict[str, str] = {}
    for one in asked:
        whole = one in loaded.names or tidy(one) in by_look
        for name in [one] if whole else filter(None, map(str.strip, one.split(","))):
            there = name if name in loaded.names else by_look.get(tidy(name))
            if there is None:
                problem = f"there is no column {name!r}, which --metadata names"
                advice = nearest(name, filter(None, loaded.names))
                raise UserFileError(path, problem, field=loaded.header, advice=advice)
            found[f"{BEFORE}{there}"] = there
    return found


def metadata_of(source: Source, digests: "pd.Series[Any]") -> dict[str, dict[str, Any]]:
    """What the rows of each task say, by its digest; ``digests`` has those of all rows.

    Raises UserFileError: a task has more than 20 values of one column.
    """
    found: dict[str, dict[str, Any]] = {}
    for column in [str(name) for name in source.frame.columns if str(name).startswith(BEFORE)]:
        _add(found, source, column, digests)
    return found


def replace_metadata(report: Path, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes it in place of an earlier import's."""
    (report / FILE).unlink(missing_ok=True)
    keep_metadata(report, found.items())


def _add(found: dict[str, dict[str, Any]], source: Source, column: str, digests: "pd.Series[Any]") -> None:
    said: dict[str, list[Any]] = {}
    key, long = column.removeprefix(BEFORE), 0
    for row, (digest, value) in enumerate(zip(digests.tolist(), source.frame[column].tolist(), strict=True)):
        values = said.setdefault(digest, [])
        for one in _values(value):
            long += len(str(one)) > LONGEST
            if one not in values and len(str(one)) <= LONGEST:
                values.append(one)
        if len(values) > _MOST:
            problem = f"a task has more than {_MOST} values of {key!r}"
            raise source.fault(row, problem, f"it tells of attempts, not of tasks: leave out --metadata {key}")
    several = sum(len(values) > 1 for values in said.values())
    if several:
        source.notes.append(f"metadata {key!r}: {plural(several, 'task')} with several values, found by each of them")
    if long:
        source.notes.append(f"metadata {key!r}: {plural(long, 'value')} of more than {LONGEST} characters left out")
    for digest, values in said.items():
        if values:
            found.setdefault(digest, {})[key] = values[0] if len(values) == 1 else values


def _values(value: Any) -> Iterator[Any]:
    """Of a cell its value, or those of its list; nothing of an empty one, and whole numbers as such."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _values(one)
    elif isinstance(value, str):
        if text := value.strip():
            yield text
    elif isinstance(value, float):
        if value == value:  # noqa: PLR0124 — NaN is not
            yield int(value) if value.is_integer() else value
    elif isinstance(value, (bool, int)):
        yield value
    elif value is not None and not isinstance(value, Mapping) and str(value) not in {"NaT", "<NA>"}:
        yield str(value)
