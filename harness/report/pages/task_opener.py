"""Which task a reader means who types something: its short name, its name, or a part of that."""

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.core import plural, visible
from harness.report.pages.task_state import Places
from harness.store import Outcomes, tasks_in

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

MOST_NAMED = 20
"""Tasks that are offered where several are meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """The tasks that may be meant."""

    tasks: tuple[int, ...]
    """Positions in the index, `MOST_NAMED` at most; one alone is the one to open."""
    said: str
    """How they were found, a sentence; empty where the task was given by what the page calls it."""


def meant(index: Outcomes, places: Places, text: str, split: str | None = None) -> Meant:
    """The tasks that a text means: those of which it is the short name, else the name, else a part of the name.

    Tasks of the part of the suites that is shown go before others.
    """
    text = text.encode("utf-8", "replace").decode().strip()  # no file holds half of a surrogate pair
    short = re.fullmatch(r"(?:.*\()?([0-9a-f]{12})\)?", text, re.DOTALL)
    if short and short[1] in places.of:
        return Meant(tasks=(places.of[short[1]],), said="")
    if not text:
        return Meant(tasks=(), said="No name was given.")
    shown = tasks_in(index, split)
    ways: tuple[tuple[str, Callable[[], Array]], ...] = (
        ("this name", partial(_equal, index, text)),
        ("this name, but for capital letters", partial(_equal, index, text, any_case=True)),
        ("this in the name", partial(_holding, index, text)),
        ("this in the name", partial(_looking, index, text)),
    )
    for what, find in ways:
        found = find()
        found = found[shown[found]] if shown[found].any() else found
        if len(found):
            return Meant(tasks=tuple(found[:MOST_NAMED].tolist()), said=_said(len(found), what))
    return Meant(tasks=(), said="No task has this name, or this in its name.")


def _said(count: int, what: str) -> str:
    if count == 1:
        return f"One task has {what}: it is open below."
    more = f", of which these are the first {MOST_NAMED}" if count > MOST_NAMED else ""
    return f"{plural(count, 'task')} have {what}{more}. Choose one."


def _equal(index: Outcomes, text: str, *, any_case: bool = False) -> "Array":
    import numpy as np
    import pyarrow.compute as pc

    names, wanted = (pc.utf8_lower(index.task_names), text.lower()) if any_case else (index.task_names, text)
    return np.flatnonzero(np.asarray(pc.equal(names, wanted)))


def _holding(index: Outcomes, text: str) -> "Array":
    import numpy as np
    import pyarrow.compute as pc

    return np.flatnonzero(np.asarray(pc.match_substring(index.task_names, text, ignore_case=True)))


def _looking(index: Outcomes, text: str) -> "Array":
    """Those whose name is shown so: with escapes for what cannot be seen."""
    import numpy as np

    names = index.task_names.to_pylist() if "\\" in text else []
    return np.array([place for place, name in enumerate(names) if text in visible(name)], dtype=np.int64)
