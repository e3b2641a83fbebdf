"""Tasks: every task and attempt, found by what is known of it, with all that was asked, called and answered."""

import math
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from harness.core import EvidenceError, OwnbenchError, Redactor
from harness.report.fragments import html_code, html_lines, html_text
from harness.report.pages.choices import choose
from harness.report.pages.evidence import Evidence, keeps_conversations, scoreboard_for
from harness.report.pages.parts import columns, download, html, loud, section, title
from harness.report.pages.task_state import (
    ask,
    attempt_of_row,
    first_page,
    label_of,
    labels,
    places_of,
    plain_index,
    position_of,
)
from harness.report.task_pieces import (
    attempts_html,
    calls_html,
    conversation_html,
    facts_html,
    reason_html,
    replies_html,
    tasks_html,
)
from harness.report.task_view import AttemptView, attempts_csv, search_note, shown_text, task_page
from harness.report.text import plural, visible
from harness.store import (
    AttemptRow,
    InputSearch,
    TaskFilter,
    TaskIndex,
    attempts_of,
    input_text,
    message_text,
    read_transcript,
    search_inputs,
)

if TYPE_CHECKING:
    from harness.report.pages.shell import Shown

A_PAGE = 25
MOST_SAVED = 10_000
"""Attempts of a CSV file."""
MOST_ATTEMPTS = 300
"""Rows of the table of a task's attempts."""
FIRST_LOOK, NEXT_LOOK = 0.3, 3.0
"""Seconds for which the inputs are searched at once, and each time that the reader asks for more."""


def page(shown: "Shown") -> None:
    """Search, the tasks found, and the one that is open."""
    title("Tasks", "What each contender made of each task: what was asked and answered, every call, the grader's word.")
    evidence = shown.evidence
    index = plain_index(evidence)
    if not index.rows:
        st.info("This report has no attempts.")
        return
    with suppress(OwnbenchError):  # tasks are shown even where there is nothing to rate
        warning = scoreboard_for(evidence).warning
        if warning:
            loud(warning)
    text, inputs = _text(index, evidence)
    wanted = replace(ask(index, evidence), text=text)
    if inputs is not None:
        html(f"<p>{html_text(search_note(inputs))}</p>")
    flipped = wanted.flipped
    if flipped is None or flipped[0] != flipped[1]:
        _found(index, evidence, wanted, inputs)
    _opened(index, evidence)


def _text(index: TaskIndex, evidence: Evidence) -> tuple[str, InputSearch | None]:
    """The text looked for, and what a search of the tasks' inputs for it has found."""
    left, right = columns([2, 1])
    with left:
        text = st.text_input("Text in the name, suite, domain, labels or cause", key="q", bind="query-params",
                             max_chars=200, on_change=first_page) or ""  # fmt: skip
    if not keeps_conversations(evidence):
        return text, None
    with right:
        st.space("small")
        also = st.checkbox("Look in what was asked too", key="asked", bind="query-params", on_change=first_page)
    return text, _searched(index, evidence, text) if also and text else None


def _searched(index: TaskIndex, evidence: Evidence, text: str) -> InputSearch:
    """What a search of the inputs has found, as far as the reader let it go."""
    what = (evidence.folder, evidence.stamp, text)
    kept, so_far = st.session_state.get("inputs searched", (None, None))
    found = so_far if kept == what else search_inputs(index, text, seconds=FIRST_LOOK)
    if found.next is not None and st.button("Search on", key="search-on"):
        found = search_inputs(index, text, found, seconds=NEXT_LOOK)
    st.session_state["inputs searched"] = (what, found)
    return found


# --------------------------------------------------------------------------------------------------------- the tasks


def _found(index: TaskIndex, evidence: Evidence, wanted: TaskFilter, inputs: InputSearch | None) -> None:
    """A page of the tasks that are as asked for, and the choice of one of them."""
    number = st.session_state.get("at")
    number = number if isinstance(number, int) else _written_page()
    found = task_page(index, wanted, offset=A_PAGE * (number - 1), limit=A_PAGE, inputs=inputs)
    pages = math.ceil(found.total / A_PAGE)
    if number > pages:
        number = 1
        found = task_page(index, wanted, limit=A_PAGE, inputs=inputs)
    html(f"<p>{html_text(found.sentence)}</p>")
    if found.rows:
        html(tasks_html(found))
        left, right = columns([2, 1])
        with left:
            if pages > 1:
                st.pagination(pages, key="at", bind="query-params", max_visible_pages=5)
        with right:
            _save(index, evidence, replace(wanted, inputs=None if inputs is None else inputs.tasks), found.attempts)
    places = places_of(evidence)
    st.selectbox(
        "Open a task of this page, or one whose short name you have",
        [label_of(index, places, row.position) for row in found.rows],
        index=None, key="task", bind="query-params", accept_new_options=True, placeholder="no task is open",
    )  # fmt: skip


def _save(index: TaskIndex, evidence: Evidence, wanted: TaskFilter, attempts: int) -> None:
    which = "These attempts" if attempts <= MOST_SAVED else f"The first {MOST_SAVED:,} of these attempts"
    name = f"{file_name(evidence.name)}-attempts.csv"
    download(f"{which} (CSV)", lambda: attempts_csv(index, wanted, MOST_SAVED)[0], name)


def _written_page() -> int:
    """The page that the address says, before its widget is drawn."""
    written = st.query_params.get("at", "1")
    return int(written) if re.fullmatch("[1-9][0-9]{0,6}", written) else 1


def file_name(text: str) -> str:
    """A part of a file's name, of nothing but letters, digits and the like."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:80].strip("._") or "report"


# ------------------------------------------------------------------------------------------------------ one task open


def _opened(index: TaskIndex, evidence: Evidence) -> None:
    said = st.session_state.get("task")
    if not said:
        return
    position = position_of(places_of(evidence), said)
    if position is None:
        html(f"<p>There is no task {html_code(said)} in this report.</p>")
        return
    key = index.key_of(position)
    attempts = [one for one in attempts_of(index, key) if evidence.split in {None, "all", one.split or "test"}]
    section("The task that is open")
    where = [("suite", index.suite[position]), ("domain", index.domain[position])]
    words = "".join(f", {what} {html_code(name)}" for what, name in where if name)
    html(f'<p class="lead">{html_code(index.task_names[position].as_py(), 200)}{words}</p>')
    if not attempts:
        st.info("No attempt at it is in the part of the suites that is shown.")
        return
    html(attempts_html(attempts[:MOST_ATTEMPTS]))
    if len(attempts) > MOST_ATTEMPTS:
        st.caption(f"The first {MOST_ATTEMPTS} of {plural(len(attempts), 'attempt')}.")
    _chosen(index, evidence, attempts)


def _chosen(index: TaskIndex, evidence: Evidence, attempts: list[AttemptRow]) -> None:
    """An attempt, or two beside one another, as the reader says."""
    shown = labels(list(dict.fromkeys(one.contender for one in attempts)))
    trials = [f"{trial}" for trial in sorted({one.trial for one in attempts})]
    one, two, three = columns(3)
    with one:
        left = choose("Attempt of", list(shown), "left", words=lambda name: shown[name])
    with two:
        right = st.selectbox("Beside it", [name for name in shown if name != left], index=None, key="right",
                             format_func=lambda name: shown.get(name, visible(name)), placeholder="nobody",
                             bind="query-params", disabled=len(shown) < 2)  # fmt: skip
    with three:
        trial = choose("Trial", trials, "trial") if len(trials) > 1 else trials[0]
    names = [left] if right is None or right == left else [left, right]
    views = [_view(evidence, attempts, name, int(trial)) for name in names]
    if len(views) == 1:
        _attempt(index, views[0], names[0], shown)
        return
    _question(index, evidence, views)
    for place, name, view in zip(columns(2), names, views, strict=True):
        with place:
            _attempt(index, view, name, shown)


def _view(evidence: Evidence, attempts: list[AttemptRow], contender: str, trial: int) -> AttemptView | None:
    of = [one for one in attempts if (one.contender, one.trial) == (contender, trial)]
    return attempt_of_row(evidence, of[0]) if of else None


def _question(index: TaskIndex, evidence: Evidence, views: list[AttemptView | None]) -> None:
    """What was asked, once for both."""
    for view in views:
        if view is not None and view.messages is not None and view.attempt.attempt_id is not None:
            text = input_text(read_transcript(evidence.folder, view.attempt.attempt_id,
                                              near=view.attempt.row / index.rows).messages)  # fmt: skip
            if text:
                asked = shown_text(text)
                html(f'<p class="said">what was asked</p>{html_lines(asked.text)}')
                if asked.note:
                    html(f"<p>{html_text(asked.note)}.</p>")
                return


def _attempt(index: TaskIndex, view: AttemptView | None, name: str, shown: dict[str, str]) -> None:
    html(f"<h3>{html_text(shown[name])}</h3>")
    if view is None:
        st.info("This contender has no such trial at this task.")
        return
    html(facts_html(view))
    html("<h4>The grader's reason</h4>" + reason_html(view))
    html("<h4>The conversation</h4>" + conversation_html(view))
    if view.messages is not None:
        stem = file_name(f"{name}-{view.attempt.attempt_id}")
        download("The whole conversation (text)", lambda: whole_text(index, view.attempt), f"{stem}.txt", "text/plain")
    html("<h4>Calls</h4>" + calls_html(view))
    replies = replies_html(view)
    if replies:
        number = sum(call.reply is not None for call in view.calls or ())
        with st.expander("What the call answered" if number == 1 else f"What each of {number} calls answered"):
            html(replies)


def whole_text(index: TaskIndex, attempt: AttemptRow) -> bytes:
    """An attempt's conversation in full, without keys, with what cannot be seen as escapes."""
    if attempt.attempt_id is None:
        raise EvidenceError(f"{index.report}: the outcome has no attempt_id")
    found = read_transcript(index.report, attempt.attempt_id, near=attempt.row / index.rows)
    redact = Redactor()
    parts = []
    for message in found.messages:
        role = message.get("role") if isinstance(message, dict) else None
        parts.append(f"--- {visible(str(role or 'unknown'), 80)}\n{visible(redact(message_text(message)), lines=True)}")
    if found.reason:
        parts.append(f"--- the grader's reason\n{visible(redact(found.reason), lines=True)}")
    return ("\n\n".join(parts) + "\n").encode("utf-8", "backslashreplace")
