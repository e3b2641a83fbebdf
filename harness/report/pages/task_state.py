"""What the page of tasks is asked for: choices that stand in the address, and tasks by a short name of their own."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from harness.analysis import AttemptView, attempt_view
from harness.core import plural, visible
from harness.report.pages.choices import choose, several
from harness.report.pages.loading import Evidence, index_of, remembered
from harness.report.pages.parts import columns
from harness.report.task_tables import STATUSES
from harness.report.vega import told_apart
from harness.store import FLIPS, AttemptRow, Outcomes, TaskFilter, tasks_in, words_found

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

MOST_OPTIONS = 300
"""Names that a filter offers; the text finds the others."""
LISTS = {"who": "Contenders", "suite": "Suites", "domain": "Domains", "status": "Result", "cause": "Cause"}
"""The filters that take several words, by their keys in the address."""
WAYS = dict(zip(FLIPS, ("only the second passed", "only the first passed", "only one of the two passed"), strict=True))
ANY = "any"
_ID = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The tasks of a report by a short name that holds in every version of the file."""

    of: Mapping[str, int]
    """Short name to position; of several tasks with one short name none, which one in millions of reports has."""
    names: Sequence[str]
    """Of each position its short name."""
    alone: Set[str]
    """Names of tasks that one task alone has."""


def plain_index(evidence: Evidence) -> Outcomes:
    """The index, which is the same whatever part of the suites is shown."""
    return index_of(replace(evidence, split=None))


def places_of(evidence: Evidence) -> Places:
    """All tasks by their short names."""
    return _places(replace(evidence, split=None))


@remembered(2)
def _places(evidence: Evidence) -> Places:
    index = index_of(evidence)
    suites = [digest or index.suite[place] or "" for place, digest in enumerate(_column(index))]
    tasks = zip(index.task_digests.to_pylist(), index.task_names.to_pylist(), strict=True)
    names = [short_name(suite, digest or name) for suite, (digest, name) in zip(suites, tasks, strict=True)]
    found = {name: place for place, name in enumerate(names)}
    if len(found) < len(names):
        for name in [n for n in found if names.count(n) > 1]:
            del found[name]
    counts = Counter(index.task_names.to_pylist())
    alone = frozenset(name for name, count in counts.items() if count == 1)
    return Places(of=found, names=names, alone=alone)


def short_name(suite: str, task: str) -> str:
    """What the address calls a task: of the digests of suite and task, or their names where there are none."""
    return hashlib.sha256(f"{suite}\n{task}".encode("utf-8", "replace")).hexdigest()[:_ID]


def _column(index: Outcomes) -> list[str | None]:
    every = [*index.suite_digest.every, None]
    return [every[code] for code in index.suite_digest.codes.tolist()]


@remembered(64)
def attempt_of_row(evidence: Evidence, attempt: AttemptRow) -> AttemptView:
    """One attempt with all that is kept of it."""
    return attempt_view(plain_index(evidence), attempt)


def label_of(index: Outcomes, places: Places, position: int) -> str:
    """What a list calls a task: its name, and its short name where that alone does not tell it from the others."""
    name = index.task_names[position].as_py()
    plain = visible(name, 80)
    return plain if plain == name and name in places.alone else f"{plain} ({places.names[position]})"


def labels(names: Sequence[str]) -> dict[str, str]:
    """Each name as a list offers it, unlike every other."""
    return dict(zip(names, told_apart(names, 120), strict=True))


# ----------------------------------------------------------------------------------------------------------- filters


def ask(index: Outcomes, evidence: Evidence) -> TaskFilter:
    """The filter that the reader made, drawn as widgets, but for the text; it offers what is in the part shown."""
    there = _there(evidence)
    offered = {
        "who": index.contenders,
        "suite": there["suite"],
        "domain": there["domain"],
        "status": [result for result in STATUSES if result in there["result"]],
        "cause": there["cause"],
    }
    active = any(st.query_params.get(key, ANY) != ANY for key in (*LISTS, "escalated", "flipped"))
    with st.expander("Filter", expanded=active):
        asked = [key for key in LISTS if len(offered[key]) >= (1 if key == "cause" else 2)]
        chosen: dict[str, tuple[str, ...]] = dict.fromkeys(LISTS, ())
        places = columns(3)
        for number, key in enumerate(asked):
            with places[number % 3]:
                chosen[key] = _several(LISTS[key], offered[key], key)
        with places[len(asked) % 3]:
            escalated = _escalated(index)
        flipped = _flipped(index)
    return TaskFilter(contenders=chosen["who"], split=evidence.split, suites=chosen["suite"], domains=chosen["domain"],
                      statuses=chosen["status"], causes=chosen["cause"], escalated=escalated,
                      flipped=flipped)  # fmt: skip


@remembered(8)
def _there(evidence: Evidence) -> Mapping[str, tuple[str, ...]]:
    return words_found(plain_index(evidence), evidence.split)


def _several(label: str, names: Sequence[str], key: str) -> tuple[str, ...]:
    shown = labels(names[:MOST_OPTIONS])
    if len(names) > MOST_OPTIONS:
        label = f"{label} (the first {MOST_OPTIONS} of {len(names):,})"
    return tuple(several(label, list(shown), key, words=shown.__getitem__, placeholder="all"))


def _escalated(index: Outcomes) -> bool | None:
    if not (index.escalated >= 0).any():
        return None
    words = {ANY: None, "escalated": True, "not escalated": False}
    return words[choose("Escalation", list(words), "escalated")]


def _flipped(index: Outcomes) -> tuple[str, str, str] | None:
    names = index.contenders
    if len(names) < 2:
        return None
    one, two, three = columns(3)
    with one:
        said = choose("Flipped between two contenders", [ANY, *WAYS.values()], "flipped")
    if said == ANY:
        return None
    shown = labels(names)
    with two:
        a = choose("The first", names, "a", words=lambda name: shown[name])
    with three:
        b = choose("The second", names, "b", index=1, words=lambda name: shown[name])
    if a == b:
        st.info("The same contender stands on both sides, so that no task flipped. Choose two different ones.")
    return a, b, next(way for way, words in WAYS.items() if words == said)


# --------------------------------------------------------------------------------------------- which task is meant

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
