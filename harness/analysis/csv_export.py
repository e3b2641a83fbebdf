"""Rows as a CSV file that is safe to open in a spreadsheet: nobody else's text becomes a formula."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from numbers import Number
from typing import Any

from harness.core import Redactor

_STARTS = "=+-@\t\r\n|＝＋－＠"  # the wide forms are read as the narrow ones by some
_REDACT = Redactor()


def safe_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """The rows as CSV in UTF-8 with a header (RFC 4180); by default with every column that any row has.

    A text that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection"), names of
    columns too. ``None`` and NaN are empty. A list is written with semicolons between its parts.
    """
    every = rows if isinstance(rows, Sequence) else list(rows)
    names = list(dict.fromkeys(name for row in every for name in row)) if columns is None else list(columns)
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([_text(str(name)) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in every)
    return written.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if type(value) is str:  # first, since most are
        return _text(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Number):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return _text("; ".join(map(str, value)) if isinstance(value, (list, tuple, set, frozenset)) else str(value))


@lru_cache(maxsize=1 << 16)
def _text(text: str) -> str:
    shown = _REDACT(text)
    # Blanks and what is not seen at all are passed over by some before they look for a formula.
    start = next((c for c in shown if c in _STARTS or (c.isprintable() and not c.isspace())), "")
    return f"'{shown}" if start and start in _STARTS else shown
