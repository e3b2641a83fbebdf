"""Tasks: every task and attempt, found by what is known of it, with all that was asked, called and answered.

What is asked for stands in the address, with tasks by a short name of their own.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from harness import store
from harness.analysis import AttemptView, TaskList, attempt_view, attempts_csv, search_note, shown_text, task_page
from harness.core import EvidenceError, OwnbenchError, Redactor, plural, visible
from harness.report import task_tables as tables
from harness.report.html_parts import html_code, html_text
from harness.report.pages.choices import choose, choose_or_none, href, several, ticked, turned, written
from harness.report.pages.loading import Evidence, Shown, plain_index, remembered, scoreboard_for
from harness.report.pages.parts import download, file_name, html, loud, section, show, title, write
from harness.report.vega import told_apart
from harness.store import AttemptRow, InputSearch, Outcomes, TaskFilter, attempts_of, message_text, search_inputs

A_PAGE = 25
LISTS = {"who": "Contenders", "suite": "Suites", "domain": "Domains", "status": "Result", "cause": "Cause"}
"""The filters that take several words, by their keys in the address."""
KEPT = ("shown", "q", "asked", *LISTS, "escalated", "flipped", "a", "b", "at", "left", "right")
"""Choices that a link to a task keeps."""
ANY = "any"
SIDES = ("only the second passed", "only the first passed", "only one of the two passed")
WAYS = dict(zip(store.FLIPS, SIDES, strict=True))
MOST_OPTIONS = 300  # names that a filter offers; the text finds the others
MOST_SAVED = 10_000  # attempts of a CSV file
MOST_ATTEMPTS = 300  # rows of the table of a task's attempts
MOST_NAMED = 20  # tasks that are offered where several are meant
FIRST_LOOK, NEXT_LOOK = 0.3, 3.0
"""Seconds for which the inputs are searched at once, and each time that the reader asks for more."""


def page(shown: Shown) -> None:
    """Search, the task that is open, and the tasks found."""
    title("Tasks", "What each contender made of each task: what was asked and answered, every call, the grader's word.")
    evidence = shown.evidence
    index = plain_index(evidence)
    if not index.rows:
        st.info("This report has no attempts.")
        return
    with suppress(OwnbenchError):  # tasks are shown even where there is nothing to rate
        loud(scoreboard_for(evidence).warning)
    left, right = st.columns([2, 1])
    text, also = written("Text in the name, suite, domain, labels or cause", "q", max_chars=200, at=left), False
    if evidence.keeps_conversations:
        with right:
            st.space("small")
            also = ticked("Look in what was asked too", "asked")
    inputs = _searched(index, evidence, text) if also and text else None
    wanted = replace(_asked(index, evidence), text=text)
    if inputs is not None:
        write(search_note(inputs))
    opened = st.container()
    found = _found(index, evidence, wanted, inputs)
    with opened:
        _opened(index, evidence, [] if found is None else [row.position for row in found.rows])


def _searched(index: Outcomes, evidence: Evidence, text: str) -> InputSearch:
    """What a search of the inputs has found, as far as the reader let it go."""
    what = (evidence, text)
    kept, so_far = st.session_state.get("inputs searched", (None, None))
    found = so_far if kept == what else search_inputs(index, text, split=evidence.split, seconds=FIRST_LOOK)
    if found.next is not None and st.button("Search on", key="search-on"):
        found = search_inputs(index, text, found, split=evidence.split, seconds=NEXT_LOOK)
    st.session_state["inputs searched"] = (what, found)
    return found


def _asked(index: Outcomes, evidence: Evidence) -> TaskFilter:
    """The filter that the reader made, drawn as widgets, but for the text; it offers what is in the part shown."""
    there = _there(evidence)
    results = tuple(result for result in tables.STATUSES if result in there["result"])
    offered = {**there, "who": index.contenders, "status": results}
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
            chosen[key] = tuple(several(label, shown, key, placeholder="all", at=at))
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
    return store.words_found(plain_index(evidence), evidence.split)


def _flipped(names: Sequence[str]) -> tuple[str, str, str] | None:
    if len(names) < 2:
        return None
    one, two, three = st.columns(3)
    said = choose("Flipped between two contenders", [ANY, *SIDES], "flipped", at=one)
    if said == ANY:
        return None
    shown = labels(names)
    a = choose("The first", shown, "a", at=two)
    b = choose("The second", shown, "b", index=1, at=three)
    if a == b:
        st.info("The same contender is on both sides, so no task flipped. Choose two different ones.")
    return a, b, next(way for way, words in WAYS.items() if words == said)


def _found(index: Outcomes, evidence: Evidence, wanted: TaskFilter, inputs: InputSearch | None) -> TaskList | None:
    """A page of the tasks that are as asked for; ``None`` where what is asked for cannot be."""
    if wanted.flipped is not None and wanted.flipped[0] == wanted.flipped[1]:
        return None
    above = st.container()
    found = task_page(index, wanted, limit=A_PAGE, inputs=inputs)
    left, right = st.columns([2, 1])
    number = turned(-(-found.total // A_PAGE), "at", of=wanted, at=left)
    if number > 1:
        found = task_page(index, wanted, offset=A_PAGE * (number - 1), limit=A_PAGE, inputs=inputs)
    with above:
        write(found.sentence)
        show(tables.tasks_table(found, _links(evidence, [row.position for row in found.rows])))
    if found.rows:
        which = "These" if found.attempts <= MOST_SAVED else f"The first {MOST_SAVED:,} of these"
        saved = replace(wanted, inputs=None if inputs is None else inputs.tasks)
        name = f"{file_name(evidence.name)}-attempts.csv"
        download(f"{which} attempts (CSV)", lambda: attempts_csv(index, saved, MOST_SAVED)[0], name, at=right)
    return found


def _links(evidence: Evidence, positions: Sequence[int]) -> list[str]:
    """What opens each of these tasks, and keeps what is asked for."""
    names = places_of(evidence).names
    return [href("Tasks", keep=KEPT, task=names[position]) for position in positions]


# ------------------------------------------------------------------------------------------------ which task is meant


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


# ------------------------------------------------------------------------------------------------------ the task open


def _opened(index: Outcomes, evidence: Evidence, page_of: list[int]) -> None:
    """The task that the reader says, by its short name or any text; or those that may be meant."""
    places = places_of(evidence)
    said = (st.session_state["task"] if "task" in st.session_state else st.query_params.get("task")) or ""
    offered = dict.fromkeys([*([places.of[said]] if said in places.of else []), *page_of])
    words = {places.names[place]: label_of(index, places, place) for place in offered}
    label, none = "Open a task: choose one of this page, or type a name or a part of one", "no task is open"
    asked = choose_or_none(label, words, "task", accept_new_options=True, placeholder=none)
    if not asked:
        return
    tasks, how = meant(index, places, asked, evidence.split)
    if not tasks:
        html(f"<p>There is no task {html_code(asked)} in this report. {html_text(how)}</p>")
        return
    if how:
        html(f"<p>{html_code(asked)}: {html_text(how)}</p>")
    if len(tasks) > 1:
        show(tables.names_table(index, tasks, _links(evidence, tasks)))
        return
    _task(index, evidence, tasks[0])
    section("The tasks found")


def _task(index: Outcomes, evidence: Evidence, position: int) -> None:
    every = attempts_of(index, index.key_of(position))
    attempts = [one for one in every if evidence.split in {None, "all", one.split or "test"}]
    section("The task")
    suite, domain = index.suite[position], index.domain[position]
    where = [("suite and domain", suite)] if suite == domain else [("suite", suite), ("domain", domain)]
    words = "".join(f", {what} {html_code(name)}" for what, name in where if name)
    html(f'<p class="lead">{html_code(index.task_names[position].as_py(), 200)}{words}</p>')
    if not attempts:
        st.info("No attempt at it is in the part of the suites that is shown; the side bar chooses another.")
        return
    show(tables.attempts_table(attempts[:MOST_ATTEMPTS]))
    if len(attempts) > MOST_ATTEMPTS:
        st.caption(f"The first {MOST_ATTEMPTS} of {plural(len(attempts), 'attempt')}.")
    # An attempt, or two beside one another, as the reader says.
    shown = labels(list(dict.fromkeys(one.contender for one in attempts)))
    trials = [f"{trial}" for trial in sorted({one.trial for one in attempts})]
    one, two, three = st.columns(3)
    left = choose("Attempt of", shown, "left", at=one)
    others = {name: words for name, words in shown.items() if name != left}
    right = choose_or_none("Compare with", others, "right", placeholder="none", disabled=not others, at=two)
    trial = choose("Trial", trials, "trial", at=three) if len(trials) > 1 else trials[0]
    views: dict[str, AttemptView | None] = {}
    for name in dict.fromkeys((left, right or left)):
        of = [one for one in attempts if (one.contender, one.trial) == (name, int(trial))]
        views[name] = _attempt_of(evidence, of[0]) if of else None
    if len(views) == 1:
        _attempt(index, views[left], left, shown)
        return
    kept = (view.attempt for view in views.values() if view is not None and view.messages is not None)
    asked = (store.input_text(_transcript(index, attempt).messages) for attempt in kept)
    if text := next(filter(None, asked), None):  # what was asked stands above both, once
        html(tables.text_html("what was asked", shown_text(text)))
    for place, (name, view) in zip(st.columns(2), views.items(), strict=True):
        with place:
            _attempt(index, view, name, shown)


@remembered(64)
def _attempt_of(evidence: Evidence, attempt: AttemptRow) -> AttemptView:
    return attempt_view(plain_index(evidence), attempt)


def _attempt(index: Outcomes, view: AttemptView | None, name: str, shown: dict[str, str]) -> None:
    html(f"<h3>{html_text(shown[name])}</h3>")
    if view is None:
        st.info("This contender has no such trial at this task.")
        return
    show(tables.facts_table(view))
    html("<h4>The grader's reason</h4>" + tables.reason_html(view))
    html("<h4>The conversation</h4>" + tables.conversation_html(view))
    if view.messages is not None:
        stem = file_name(f"{name}-{view.attempt.attempt_id}")
        download("The whole conversation (text)", lambda: whole_text(index, view.attempt), f"{stem}.txt")
    html("<h4>Calls</h4>" + tables.calls_html(view))
    replies = tables.replies_of(view)
    if replies:
        number = len(replies)
        with st.expander("What the call answered" if number == 1 else f"What each of {number} calls answered"):
            html("".join(replies))


def _transcript(index: Outcomes, attempt: AttemptRow) -> store.Transcript:
    if attempt.attempt_id is None:
        raise EvidenceError(f"{index.report}: the outcome has no attempt_id")
    return store.read_transcript(index.report, attempt.attempt_id, near=attempt.row / index.rows)


def whole_text(index: Outcomes, attempt: AttemptRow) -> bytes:
    """An attempt's conversation in full, without keys, with what cannot be seen as escapes."""
    found = _transcript(index, attempt)
    said = [(one.get("role") if isinstance(one, dict) else None, message_text(one)) for one in found.messages]
    said += [("the grader's reason", found.reason)] if found.reason else []
    redact = Redactor()
    parts = [f"--- {visible(str(who or 'unknown'), 80)}\n{visible(redact(text), lines=True)}" for who, text in said]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "backslashreplace")
