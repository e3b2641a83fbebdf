"""Which task is meant: by the short name that stands in an address, by its name, or by a part of that."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from harness import store
from harness.core import plural, visible
from harness.report.pages.choices import href
from harness.report.pages.loading import Evidence, plain_index, remembered
from harness.report.vega import told_apart
from harness.store import Outcomes

MOST_NAMED = 20  # tasks that are offered where several are meant
LISTS = {"who": "Contenders", "suite": "Suites", "domain": "Domains", "status": "Result", "cause": "Cause",
         "label": "Label expected", "given": "Label given", "meta": "Metadata"}  # fmt: skip
"""The filters that take several words, by their keys in the address."""
KEPT = ("shown", "q", "asked", "said", *LISTS, "escalated", "agree", "order", "flipped", "a", "b", "at", "wp", "left",
        "right", "against")  # fmt: skip
"""Choices that a link to a task keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The tasks of a report by a short name that holds in every version of the file."""

    of: Mapping[str, int]  # short name to position
    names: Sequence[str]  # of each position its short name
    alone: Set[str]  # names of tasks that one task alone has


def places_of(evidence: Evidence) -> Places:
    """All tasks by their short names."""
    return _places(replace(evidence, split=None))


@remembered(2)
def _places(evidence: Evidence) -> Places:
    index = plain_index(evidence)
    digests = [*index.suite_digest.every, None]
    tasks, names = index.task_names.to_pylist(), []
    of_suite = (digests[code] for code in index.suite_digest.codes.tolist())
    for place, (suite, digest, name) in enumerate(zip(of_suite, index.task_digests.to_pylist(), tasks, strict=True)):
        names.append(short_name(suite or index.suite[place] or "", digest or name))
    alone = frozenset(name for name, count in Counter(tasks).items() if count == 1)
    return Places(of={name: place for place, name in enumerate(names)}, names=names, alone=alone)


def short_name(suite: str, task: str) -> str:
    """What the address calls a task: of the digests of suite and task, or their names where there are none."""
    return hashlib.sha256(f"{suite}\n{task}".encode("utf-8", "replace")).hexdigest()[:12]


def links_to(evidence: Evidence, positions: Sequence[int]) -> list[str]:
    """What opens each of these tasks, and keeps what is asked for."""
    names = places_of(evidence).names
    return [href("Tasks", keep=KEPT, task=names[position]) for position in positions]


def label_of(index: Outcomes, places: Places, position: int) -> str:
    """What a list calls a task: its name, and its short name where that alone does not tell it from the others."""
    name = index.task_names[position].as_py()
    plain = visible(name, 80)
    return plain if plain == name and name in places.alone else f"{plain} ({places.names[position]})"


def labels(names: Sequence[str]) -> dict[str, str]:
    """Each name as a list offers it, unlike every other."""
    return dict(zip(names, told_apart(names, 120), strict=True))


def meant(index: Outcomes, places: Places, text: str, split: str | None = None) -> tuple[tuple[int, ...], str]:
    """The tasks that a text means, `MOST_NAMED` at most, those of the part shown first; and how they were found."""
    text = text.encode("utf-8", "replace").decode().strip()  # no file holds half of a surrogate pair
    short = re.fullmatch(r"(?:.*\()?([0-9a-f]{12})\)?", text, re.DOTALL)
    if short and short[1] in places.of:
        return (places.of[short[1]],), ""
    if not text:
        return (), "No name was given."
    shown = store.tasks_in(index, split)
    for what, found in _ways(index, text):
        if found.any():
            tasks = (found & shown if (found & shown).any() else found).nonzero()[0].tolist()
            said = f"One task has {what}: it is open below."
            if len(tasks) > 1:
                more = f", the first {MOST_NAMED}" if len(tasks) > MOST_NAMED else ""
                said = f"{plural(len(tasks), 'task')} have {what}{more}. Choose one."
            return tuple(tasks[:MOST_NAMED]), said
    return (), "No task has this name, or this in its name."


def _ways(index: Outcomes, text: str) -> Iterator[tuple[str, Any]]:
    """Which tasks have a text as their name, by one reading after another."""
    import numpy as np
    import pyarrow.compute as pc

    names = index.task_names
    yield "this name", np.asarray(pc.equal(names, text))
    yield "this name, but for capital letters", np.asarray(pc.equal(pc.utf8_lower(names), text.lower()))
    yield "this in the name", np.asarray(pc.match_substring(names, text, ignore_case=True))
    if "\\" in text:  # as it is shown: with escapes for what cannot be seen
        yield "this in the name", np.array([text in visible(name) for name in names.to_pylist()], dtype=bool)
