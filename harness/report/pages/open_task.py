"""One task on one screen: question, expected answer and every contender's answer, then attempts in full."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from harness import store
from harness.analysis import AttemptView, TaskList, attempt_view, shown_text
from harness.core import EvidenceError, OwnbenchError, Redactor, plural, visible
from harness.report import answer_rows as answers
from harness.report import task_tables as tables
from harness.report.html_parts import html_code, html_text
from harness.report.pages.choices import choose, choose_or_none, href
from harness.report.pages.loading import Evidence, plain_index, remembered
from harness.report.pages.parts import download, file_name, html, section, show, write
from harness.report.pages.task_names import KEPT, label_of, labels, links_to, meant, places_of
from harness.store import Answered, AttemptRow, Outcomes, TaskFilter, attempts_of, message_text

MOST_ATTEMPTS = 300  # rows of the table of a task's attempts
EXPECTED, NOTHING = "expected", "nothing"  # what answers are compared with, but for those of contenders: ``=NAME``


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The tasks among which the open one stands."""

    wanted: TaskFilter
    tasks: TaskList | None = None

    @property
    def first(self) -> tuple[str, ...]:
        """The contenders that were asked for: they stand above the others, in this order."""
        _, _, in_order_of = self.wanted.first.partition(":")
        asked = tuple(self.wanted.contenders) or (self.wanted.flipped or ())[:2]
        return asked or ((in_order_of,) if in_order_of else ())


def open_task(index: Outcomes, evidence: Evidence, found: Found, *, picker: "st.delta_generator.DeltaGenerator") -> int:
    """Draws the task that the reader says, by its short name or any text, or those that may be meant; how many."""
    places = places_of(evidence)
    said = (st.session_state["task"] if "task" in st.session_state else st.query_params.get("task")) or ""
    page_of = [] if found.tasks is None else [row.position for row in found.tasks.rows]
    offered = dict.fromkeys([*([places.of[said]] if said in places.of else []), *page_of])
    words = {places.names[place]: label_of(index, places, place) for place in offered}
    label, none = "Open a task: choose one of this page, or type a name or a part of one", "no task is open"
    asked = choose_or_none(label, words, "task", accept_new_options=True, placeholder=none, at=picker)
    if not asked:
        return 0
    tasks, how = meant(index, places, asked, evidence.split)
    if not tasks:
        html(f"<p>There is no task {html_code(asked)} in this report. {html_text(how)}</p>")
        return 0
    if len(tasks) > 1:
        html(f"<p>{html_code(asked)}: {html_text(how)}</p>")
        show(tables.names_table(index, tasks, links_to(evidence, tasks)))
        return 0
    _task(index, evidence, tasks[0], found)
    if how:
        html(f"<p>{html_code(asked)}: {html_text(how)}</p>")
    return 1


def _task(index: Outcomes, evidence: Evidence, position: int, found: Found) -> None:
    every = attempts_of(index, index.key_of(position))
    attempts = [one for one in every if evidence.split in {None, "all", one.split or "test"}]
    suite, domain = index.suite[position], index.domain[position]
    where = [("suite and domain", suite)] if suite == domain else [("suite", suite), ("domain", domain)]
    words = "".join(f", {what} {html_code(name)}" for what, name in where if name)
    among = np.array([], dtype=np.int64) if found.tasks is None else found.tasks.found
    at = int(np.append(np.flatnonzero(among == position), -1)[0])
    words += f"; {at + 1:,} of the {plural(len(among), 'task')} found" if at >= 0 else "; not among the tasks found"
    html(f'<h1 class="task">{html_code(index.task_names[position].as_py(), 200)}<small>{words}</small></h1>')
    left, right = st.columns(2)
    beside = [int(among[one]) if at >= 0 and 0 <= one < len(among) else None for one in (at - 1, at + 1)]
    _turning(evidence, beside, left)
    if not attempts:
        st.info("No attempt at it is in the part of the suites that is shown; the side bar chooses another.")
        return
    here = [one for one in attempts if not one.repeated][:MOST_ATTEMPTS]
    try:
        said, why = _said(evidence, tuple(one.row for one in here)), ""
    except OwnbenchError as error:  # what the outcomes say is shown without it
        said, why = {}, f"Answers are not shown: {error}"
    _answers(here, said, found.first, right)
    write(why)
    section("Attempts in full")
    _in_full(index, evidence, attempts, found.first)
    section("Every attempt")
    show(tables.attempts_table(attempts[:MOST_ATTEMPTS]))
    if len(attempts) > MOST_ATTEMPTS:
        st.caption(f"The first {MOST_ATTEMPTS} of {plural(len(attempts), 'attempt')}.")


@remembered(64)
def _said(evidence: Evidence, rows: tuple[int, ...]) -> Mapping[int, Answered]:
    return store.read_answers(plain_index(evidence), rows)


def _turning(evidence: Evidence, beside: Sequence[int | None], place: "st.delta_generator.DeltaGenerator") -> None:
    """Buttons to the previous and the next of the tasks found, by keys too, and back to the list."""
    names, row = places_of(evidence).names, place.container(horizontal=True)
    for label, key, task in zip(("Previous", "Next"), "kj", beside, strict=True):
        name = None if task is None else names[task]
        row.button(label, key=f"turn-{key}", shortcut=key, disabled=name is None, on_click=_open, args=(name,))
    row.button("List", key="turn-list", shortcut="Esc", on_click=_open, args=(None,))


def _open(task: str | None) -> None:
    st.session_state["task"] = task


def _answers(
    here: Sequence[AttemptRow],
    said: Mapping[int, Answered],
    first: Sequence[str],
    place: "st.delta_generator.DeltaGenerator",
) -> None:
    """The question, what was expected, and each answer held against that or against another contender's."""
    expected = answers.expected_of(here, said)
    last_first = here[::-1]  # of several trials the first counts
    texts = {one.contender: said[one.row].answer if one.row in said else one.label_predicted or ""
             for one in last_first}  # fmt: skip
    texts = {one.contender: texts[one.contender] for one in here}
    passed = next((texts[one.contender] for one in here if one.result == "passed" and texts[one.contender]), None)
    asked = next((one.asked for one in said.values() if one.asked), None)
    html(answers.question_html(asked, expected, passed))
    options, against = {NOTHING: "Differences: not marked"}, dict[str, str | None]({NOTHING: None})
    if (known := expected if expected is not None else passed) is not None:
        what = "the expected answer" if expected is not None else "the answer that passed"
        options = {EXPECTED: f"Differences from {what}", **options}
        against[EXPECTED] = known
    for name, words in labels(list(dict.fromkeys(texts))).items():
        options[f"={name}"], against[f"={name}"] = f"Differences from {words}", texts[name]
    choice = choose("Mark differences from", options, "against", at=place, label_visibility="collapsed", short=True)
    rows = answers.answer_rows(here, said, first)
    base = against[choice]
    html(answers.answers_html(rows, None if base is None else shown_text(base, answers.COMPARED).text, _link))


def _link(attempt: AttemptRow) -> str:
    """What opens an attempt under the answers."""
    task = st.session_state.get("task") or ""
    more = {"trial": f"{attempt.trial}"} if attempt.trial else {}
    return href("Tasks", keep=[key for key in KEPT if key != "left"], task=task, left=attempt.contender, **more)


def _in_full(index: Outcomes, evidence: Evidence, attempts: Sequence[AttemptRow], first: Sequence[str]) -> None:
    """An attempt, or two beside one another, as the reader says."""
    there = dict.fromkeys(one.contender for one in attempts)
    shown = labels(list(dict.fromkeys((*(name for name in first if name in there), *there))))
    every = sorted({one.trial for one in attempts})
    one, two, three = st.columns([2, 2, 1])
    left = choose("Attempt of", shown, "left", of=tuple(first), short=True, at=one)
    others = {name: words for name, words in shown.items() if name != left}
    right = choose_or_none("Compare with", others, "right", placeholder="none", disabled=not others, at=two)
    own = {one.trial: one for one in attempts if one.contender == left}
    trials = {f"{one}": own[one].seed or f"{one}" if one in own else f"{one}" for one in every}
    what = "Seed" if any(one.seed for one in own.values()) else "Trial"
    trial = choose(what, trials, "trial", at=three) if len(trials) > 1 else f"{every[0]}"
    views: dict[str, AttemptView | None] = {}
    for name in dict.fromkeys((left, right or left)):
        of = [one for one in attempts if (one.contender, one.trial) == (name, int(trial))]
        views[name] = _attempt_of(evidence, of[0]) if of else None
    for place, (name, view) in zip(st.columns(len(views)), views.items(), strict=True):
        with place:
            _attempt(index, view, name, shown)


@remembered(64)
def _attempt_of(evidence: Evidence, attempt: AttemptRow) -> AttemptView:
    return attempt_view(plain_index(evidence), attempt)


def _attempt(index: Outcomes, view: AttemptView | None, name: str, shown: dict[str, str]) -> None:
    html(f"<h3>{html_text(shown[name])}</h3>")
    if view is None:
        st.info("This contender has no such trial or seed at this task.")
        return
    html("<h4>The conversation</h4>" + tables.conversation_html(view))
    if view.messages is not None:
        stem = file_name(f"{name}-{view.attempt.attempt_id}")
        download("The whole conversation (text)", lambda: whole_text(index, view.attempt), f"{stem}.txt")
    html("<h4>What is recorded</h4>")
    show(tables.facts_table(view))
    html("<h4>The grader's reason</h4>" + tables.reason_html(view))
    _actions(index, view)
    html("<h4>Calls</h4>" + tables.calls_html(view))
    replies = tables.replies_of(view)
    if replies:
        number = len(replies)
        with st.expander("What the call answered" if number == 1 else f"What each of {number} calls answered"):
            html("".join(replies))


def _actions(index: Outcomes, view: AttemptView) -> None:
    actions, why = None, None
    try:
        if view.attempt.attempt_id is not None:
            actions = store.read_attempt_actions(index.report, view.attempt.attempt_id)
    except EvidenceError as error:
        why = str(error)
    if drawn := tables.actions_html(actions, why):
        html("<h4>Actions</h4>" + drawn)


def whole_text(index: Outcomes, attempt: AttemptRow) -> bytes:
    """An attempt's conversation in full, without keys, with what cannot be seen as escapes."""
    if attempt.attempt_id is None:
        raise EvidenceError(f"{index.report}: the outcome has no attempt_id")
    found = store.read_transcript(index.report, attempt.attempt_id, near=attempt.row / index.rows)
    said = [(one.get("role") if isinstance(one, dict) else None, message_text(one)) for one in found.messages]
    said += [("the grader's reason", found.reason)] if found.reason else []
    redact = Redactor()
    parts = [f"--- {visible(str(who or 'unknown'), 80)}\n{visible(redact(text), lines=True)}" for who, text in said]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "backslashreplace")
