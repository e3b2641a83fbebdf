"""Tasks: every task and attempt, found by what is known of it, with all that was asked, called and answered."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

import streamlit as st

from harness import store
from harness.analysis import AttemptView, TaskList, attempts_csv, search_note, shown_text, task_page
from harness.core import EvidenceError, OwnbenchError, Redactor, plural, visible
from harness.report import task_tables as tables
from harness.report.html_parts import html_code, html_text
from harness.report.pages.choices import choose, choose_or_none, href, ticked, turned, written
from harness.report.pages.loading import Evidence, Shown, keeps_conversations, plain_index, scoreboard_for
from harness.report.pages.parts import download, file_name, html, loud, paragraph, section, show, title
from harness.report.pages.task_state import LISTS, Places, ask, attempt_of_row, label_of, labels, meant, places_of
from harness.store import AttemptRow, InputSearch, Outcomes, TaskFilter, attempts_of, message_text, search_inputs

A_PAGE = 25
KEPT = ("shown", "q", "asked", *LISTS, "escalated", "flipped", "a", "b", "at", "left", "right")
"""Choices that a link to a task keeps."""
MOST_SAVED = 10_000  # attempts of a CSV file
MOST_ATTEMPTS = 300  # rows of the table of a task's attempts
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
    text, inputs = _text(index, evidence)
    wanted = replace(ask(index, evidence), text=text)
    if inputs is not None:
        paragraph(search_note(inputs))
    opened = st.container()
    found = _found(index, evidence, wanted, inputs)
    with opened:
        _opened(index, evidence, [] if found is None else [row.position for row in found.rows])


def _text(index: Outcomes, evidence: Evidence) -> tuple[str, InputSearch | None]:
    left, right = st.columns([2, 1])
    text = written("Text in the name, suite, domain, labels or cause", "q", max_chars=200, at=left)
    if not keeps_conversations(evidence):
        return text, None
    with right:
        st.space("small")
        also = ticked("Look in what was asked too", "asked")
    return text, _searched(index, evidence, text) if also and text else None


def _searched(index: Outcomes, evidence: Evidence, text: str) -> InputSearch:
    """What a search of the inputs has found, as far as the reader let it go."""
    what = (evidence, text)
    kept, so_far = st.session_state.get("inputs searched", (None, None))
    found = so_far if kept == what else search_inputs(index, text, split=evidence.split, seconds=FIRST_LOOK)
    if found.next is not None and st.button("Search on", key="search-on"):
        found = search_inputs(index, text, found, split=evidence.split, seconds=NEXT_LOOK)
    st.session_state["inputs searched"] = (what, found)
    return found


def _found(index: Outcomes, evidence: Evidence, wanted: TaskFilter, inputs: InputSearch | None) -> TaskList | None:
    """A page of the tasks that are as asked for; ``None`` where what is asked for cannot be."""
    if wanted.flipped is not None and wanted.flipped[0] == wanted.flipped[1]:
        return None
    said, rows = st.container(), st.container()
    found = task_page(index, wanted, limit=A_PAGE, inputs=inputs)
    left, right = st.columns([2, 1])
    number = turned(-(-found.total // A_PAGE), "at", of=wanted, at=left)
    if number > 1:
        found = task_page(index, wanted, offset=A_PAGE * (number - 1), limit=A_PAGE, inputs=inputs)
    with said:
        paragraph(found.sentence)
    if found.rows:
        with rows:
            show(tables.tasks_table(found, _links(evidence, [row.position for row in found.rows])))
        every = found.attempts <= MOST_SAVED
        which = "These attempts" if every else f"The first {MOST_SAVED:,} of these attempts"
        saved = replace(wanted, inputs=None if inputs is None else inputs.tasks)
        name = f"{file_name(evidence.name)}-attempts.csv"
        with right:
            download(f"{which} (CSV)", lambda: attempts_csv(index, saved, MOST_SAVED)[0], name)
    return found


def _links(evidence: Evidence, positions: Sequence[int]) -> list[str]:
    """What opens each of these tasks, and keeps what is asked for."""
    names = places_of(evidence).names
    return [href("Tasks", keep=KEPT, task=names[position]) for position in positions]


def _opened(index: Outcomes, evidence: Evidence, page_of: list[int]) -> None:
    places = places_of(evidence)
    asked = _opener(index, places, page_of)
    if not asked:
        return
    found = meant(index, places, asked, evidence.split)
    if not found.tasks:
        html(f"<p>There is no task {html_code(asked)} in this report. {html_text(found.said)}</p>")
        return
    if found.said:
        html(f"<p>{html_code(asked)}: {html_text(found.said)}</p>")
    if len(found.tasks) > 1:
        show(tables.names_table(index, found.tasks, _links(evidence, found.tasks)))
        return
    _task(index, evidence, found.tasks[0])
    section("The tasks found")


def _opener(index: Outcomes, places: Places, page_of: list[int]) -> str:
    """What the reader says to open: a task's short name, or any text; empty where nothing."""
    said = (st.session_state["task"] if "task" in st.session_state else st.query_params.get("task")) or ""
    shown = dict.fromkeys([*([places.of[said]] if said in places.of else []), *page_of])
    words = {places.names[place]: label_of(index, places, place) for place in shown}
    return choose_or_none(
        "Open a task: choose one of this page, or type a name or a part of one", list(words), "task",
        words=lambda name: words.get(name, name), accept_new_options=True, placeholder="no task is open",
    )  # fmt: skip


def _task(index: Outcomes, evidence: Evidence, position: int) -> None:
    key = index.key_of(position)
    attempts = [one for one in attempts_of(index, key) if evidence.split in {None, "all", one.split or "test"}]
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
    _chosen(index, evidence, attempts)


def _chosen(index: Outcomes, evidence: Evidence, attempts: list[AttemptRow]) -> None:
    """An attempt, or two beside one another, as the reader says."""
    shown = labels(list(dict.fromkeys(one.contender for one in attempts)))
    trials = [f"{trial}" for trial in sorted({one.trial for one in attempts})]
    one, two, three = st.columns(3)
    left = choose("Attempt of", list(shown), "left", words=shown.__getitem__, at=one)
    others = [name for name in shown if name != left]
    right = choose_or_none("Compare with", others, "right", words=shown.__getitem__, placeholder="none",
                           disabled=not others, at=two)  # fmt: skip
    trial = choose("Trial", trials, "trial", at=three) if len(trials) > 1 else trials[0]
    views = {}
    for name in dict.fromkeys((left, right or left)):
        of = [one for one in attempts if (one.contender, one.trial) == (name, int(trial))]
        views[name] = attempt_of_row(evidence, of[0]) if of else None
    if len(views) == 1:
        _attempt(index, views[left], left, shown)
        return
    _question(index, views.values())
    for place, (name, view) in zip(st.columns(2), views.items(), strict=True):
        with place:
            _attempt(index, view, name, shown)


def _question(index: Outcomes, views: Iterable[AttemptView | None]) -> None:
    """What was asked of the first whose conversation is kept."""
    for view in views:
        if view is not None and view.messages is not None:
            text = store.input_text(_transcript(index, view.attempt).messages)
            if text:
                html(tables.text_html("what was asked", shown_text(text)))
                return


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
        download("The whole conversation (text)", lambda: whole_text(index, view.attempt), f"{stem}.txt", "text/plain")
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
