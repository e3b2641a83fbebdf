"""What the page of tasks is asked for: choices that stand in the address, and tasks by a short name of their own."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from harness.analysis import AttemptView, attempt_view
from harness.core import plural, visible
from harness.report.pages.choices import choose, several
from harness.report.pages.loading import Evidence, plain_index, remembered
from harness.report.task_tables import STATUSES
from harness.report.vega import told_apart
from harness.store import FLIPS, AttemptRow, Outcomes, TaskFilter, tasks_in, words_found

MOST_OPTIONS = 300  # names that a filter offers; the text finds the others
LISTS = {"who": "Contenders", "suite": "Suites", "domain": "Domains", "status": "Result", "cause": "Cause"}
"""The filters that take several words, by their keys in the address."""
WAYS = dict(zip(FLIPS, ("only the second passed", "only the first passed", "only one of the two passed"), strict=True))
ANY = "any"


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
        places = st.columns(3)
        for number, key in enumerate(asked):
            names, label = offered[key], LISTS[key]
            if len(names) > MOST_OPTIONS:
                label = f"{label} (the first {MOST_OPTIONS} of {len(names):,})"
            shown, at = labels(names[:MOST_OPTIONS]), places[number % 3]
            chosen[key] = tuple(several(label, list(shown), key, words=shown.__getitem__, placeholder="all", at=at))
        escalated = None
        if (index.escalated >= 0).any():
            words = {ANY: None, "escalated": True, "not escalated": False}
            escalated = words[choose("Escalation", list(words), "escalated", at=places[len(asked) % 3])]
        flipped = _flipped(index.contenders)
    return TaskFilter(contenders=chosen["who"], split=evidence.split, suites=chosen["suite"], domains=chosen["domain"],
                      statuses=chosen["status"], causes=chosen["cause"], escalated=escalated,
                      flipped=flipped)  # fmt: skip


@remembered(8)
def _there(evidence: Evidence) -> Mapping[str, tuple[str, ...]]:
    return words_found(plain_index(evidence), evidence.split)


def _flipped(names: Sequence[str]) -> tuple[str, str, str] | None:
    if len(names) < 2:
        return None
    one, two, three = st.columns(3)
    said = choose("Flipped between two contenders", [ANY, *WAYS.values()], "flipped", at=one)
    if said == ANY:
        return None
    shown = labels(names)
    a = choose("The first", names, "a", words=shown.__getitem__, at=two)
    b = choose("The second", names, "b", index=1, words=shown.__getitem__, at=three)
    if a == b:
        st.info("The same contender stands on both sides, so that no task flipped. Choose two different ones.")
    return a, b, next(way for way, words in WAYS.items() if words == said)


MOST_NAMED = 20  # tasks that are offered where several are meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """The tasks that may be meant."""

    tasks: tuple[int, ...]  # positions in the index, `MOST_NAMED` at most; one alone is the one to open
    said: str  # how they were found, a sentence; empty where the task was given by what the page calls it


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
    for what, found in _ways(index, text):
        if found.any():
            tasks = (found & shown if (found & shown).any() else found).nonzero()[0].tolist()
            said = f"One task has {what}: it is open below."
            if len(tasks) > 1:
                more = f", of which these are the first {MOST_NAMED}" if len(tasks) > MOST_NAMED else ""
                said = f"{plural(len(tasks), 'task')} have {what}{more}. Choose one."
            return Meant(tasks=tuple(tasks[:MOST_NAMED]), said=said)
    return Meant(tasks=(), said="No task has this name, or this in its name.")


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
