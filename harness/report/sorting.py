"""By what the rows of a table are sorted: figures as the amounts that they write, words as people sort them."""

import re
from collections.abc import Sequence

from harness.core import NO_PASSES, UNKNOWN
from harness.report.blocks import Cell

Key = tuple[float, ...] | tuple[tuple[bool, float, str], ...]

_FIGURE = re.compile(
    r"(?P<bound>[<>]?) ?(?P<sign>[-+]?)\$?(?P<digits>[\d,]*\.?\d+(?:e[-+]?\d+)?)"
    r" ?(?P<unit>%|ms|s|points|thousand|million|billion|trillion|quadrillion)?(?: \(.*\))?"
)
_UNITS = {"ms": 1e-3, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "quadrillion": 1e15}
_NONE = {"", UNKNOWN, NO_PASSES}
_WORDS = 0.5  # share of a column's known cells that are figures, from which on it is one of figures


def ranks(rows: Sequence[Sequence[Cell]]) -> list[dict[int, int]]:
    """Of each row its rank in each column, from 0; what is unknown has none, and stands last either way.

    Equal texts have the same rank, so that sorting by another column before is kept.
    """
    found: list[dict[int, int]] = [{} for _ in rows]
    for column in range(len(rows[0]) if rows else 0):
        keys = _keys([row[column].text for row in rows])
        order = {key: rank for rank, key in enumerate(sorted({key for key in keys if key is not None}))}
        for of, key in zip(found, keys, strict=True):
            if key is not None:
                of[column] = order[key]
    return found


def is_figures(texts: Sequence[str]) -> bool:
    """Whether a column holds figures: the first sorting of it is then from the highest down."""
    known = [text for text in texts if text not in _NONE]
    return bool(known) and sum(_amount(text) is not None for text in known) >= _WORDS * len(known)


def _keys(texts: Sequence[str]) -> list[Key | None]:
    if is_figures(texts):
        amounts = (_amount(text) for text in texts)
        return [None if amount is None else (amount,) for amount in amounts]
    return [natural(text) if text not in _NONE else None for text in texts]


def _amount(text: str) -> float | None:
    """What a figure says, the lower end of an interval; ``<0.0001`` lies a hair below, ``>99.9%`` above."""
    found = _FIGURE.fullmatch(text.removeprefix("[").split(", ")[0] if text.startswith("[") else text)
    if found is None:
        return None
    size = float(found["digits"].replace(",", "")) * _UNITS.get(found["unit"] or "", 1.0)
    value = -size if found["sign"] == "-" else size
    return value + {"<": -1e-9, ">": 1e-9}.get(found["bound"], 0.0)


def natural(text: str) -> tuple[tuple[bool, float, str], ...]:
    """Words whatever the case of their letters, numbers in them by their size: ``t9`` before ``t10``."""
    parts = re.split(r"(\d{1,15})", text.casefold())
    return tuple((False, float(part), "") if place % 2 else (True, 0.0, part) for place, part in enumerate(parts))
