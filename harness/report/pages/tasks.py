"""Tasks: every task and attempt, found by what is known of it; one that is open stands above the list.

What is asked for stands in the address, with tasks by a short name of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from html import escape
from typing import Protocol, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from harness import store
from harness.analysis import (
    TaskList,
    agreement,
    answers_note,
    attempts_csv,
    attempts_jsonl,
    progress_of,
    search_note,
    task_page,
)
from harness.core import OwnbenchError, listed, visible
from harness.report import task_tables as tables
from harness.report.blocks import Table, Way, sorted_whole
from harness.report.pages import loading
from harness.report.pages.choices import choose, complaints, href, is_asked, paged, sought, ticked, turned, written
from harness.report.pages.label_table import confusion
from harness.report.pages.loading import Evidence, Shown, plain_index, remembered
from harness.report.pages.open_task import Found, open_task
from harness.report.pages.parts import download, file_name, html, loud, section, show, title, write
from harness.report.pages.task_links import FIRST, tasks_href
from harness.report.pages.task_names import KEPT, LISTS, labels, links_to
from harness.store import (
    AMOUNTS,
    BY_RESULT,
    AnswerSearch,
    InputSearch,
    Outcomes,
    TaskFilter,
    search_answers,
    search_inputs,
)

A_PAGE = 25
MOST_WORDS = 3  # of what is asked for in the name of a file
ANY = "any"
SIDES = ("only the second passed", "only the first passed", "only one of the two passed")
WAYS = dict(zip(store.FLIPS, SIDES, strict=True))
AGREED = {ANY: "", "all failed": "all failed", "all passed": "all passed", "they differ": "differ"}
UP, DOWN = "by name, A to Z", "by name, Z to A"
ORDERS = {"as in the report": "", "where they differ most": "differ", UP: "name", DOWN: "-name", **FIRST}
MOST_OPTIONS = 300  # names that a filter offers; the text finds the others
MOST_SAVED, MOST_TEXTS = 10_000, 10_000  # attempts of a file, without texts and with them
FIRST_LOOK, NEXT_LOOK = 0.3, 3.0
"""Seconds for which texts are searched at once, and each time that the reader asks for more."""


def page(shown: Shown) -> None:
    """The task that is open, search and filter, and the tasks found."""
    top, below = st.container(), st.container()
    evidence = shown.evidence
    try:
        index = plain_index(evidence)
    except OwnbenchError:
        title("Tasks")
        raise
    if not index.rows:
        title("Tasks")
        st.info("This report has no attempts.")
        return
    with below:
        head = st.container()
        _lists(evidence)
        wanted, inputs = _wanted(index, evidence)
        confusion(evidence)
        counted, picker = st.container(), st.container()
        found = _found(index, evidence, wanted, inputs, counted)
    with top:
        opened = open_task(index, evidence, Found(wanted=wanted or TaskFilter(), tasks=found), picker=picker)
    with head:
        if opened:
            section("The tasks found")
        else:
            title("Tasks", "What each contender made of each task; a click on a task shows all answers to it.")
        with suppress(OwnbenchError):  # tasks are shown even where there is nothing to rate
            loud(progress_of(*loading.table_of(evidence)).warning)


def _lists(evidence: Evidence) -> None:
    """Links to the tasks that all contenders fail, that all pass, and at which they differ, the most apart first."""
    with suppress(OwnbenchError):  # where nothing is graded there are none
        counts = dict(zip(list(AGREED)[1:], _agreement(evidence).values(), strict=True))
        if sum(counts.values()) and len(loading.table_of(evidence)[0].contenders) > 1:
            more = {"they differ": {"order": "where they differ most"}}
            links = {words: tasks_href(agree=words, **more.get(words, {})) for words in counts}
            html(tables.lists_html(counts, links))


@remembered(8)
def _agreement(evidence: Evidence) -> Mapping[str, int]:
    return agreement(loading.table_of(evidence)[0])


def _wanted(index: Outcomes, evidence: Evidence) -> tuple[TaskFilter | None, InputSearch | None]:
    """What the reader asks for, drawn as widgets, with the texts searched as far as the reader let it go.

    ``None`` in place of a filter where nothing can be as asked for.
    """
    left, right = st.columns([2, 1])
    label = "Text in the name, suite, domain, labels or cause"
    text, also, said = written(label, "q", max_chars=200, at=left), False, False
    if evidence.keeps_conversations:
        with right:
            also = ticked("Look in what was asked too", "asked")
            said = ticked("Look in answers and reasons too", "said")
    inputs = answers = None
    if text and also:
        inputs = _looked("inputs", (evidence, text), _inputs_search(index, evidence, text))
        write(search_note(inputs))
    if text and said:
        answers = _looked("answers", (evidence, text), _answer_search(index, text))
        write(answers_note(answers))
    rows = None if answers is None else answers.rows
    asked = _asked(index, evidence)
    return asked and replace(asked, text=text, answers=rows), inputs


class _Partly(Protocol):
    @property
    def next(self) -> int | None: ...


S = TypeVar("S", bound=_Partly)


def _inputs_search(
    index: Outcomes, evidence: Evidence, text: str
) -> Callable[[InputSearch | None, float], InputSearch]:
    return lambda so_far, seconds: search_inputs(index, text, so_far, split=evidence.split, seconds=seconds)


def _answer_search(index: Outcomes, text: str) -> Callable[[AnswerSearch | None, float], AnswerSearch]:
    return lambda so_far, seconds: search_answers(index, text, so_far, seconds=seconds)


def _looked(what: str, of: object, search: Callable[[S | None, float], S]) -> S:
    """What a search has found, as far as the reader let it go."""
    kept, so_far = st.session_state.get(f"{what} searched", (None, None))
    found = so_far if kept == of and so_far is not None else search(None, FIRST_LOOK)
    key = "search-on" if what == "inputs" else f"search-{what}"
    if found.next is not None and st.button(f"Search on in the {what}", key=key):
        found = search(found, NEXT_LOOK)
    st.session_state[f"{what} searched"] = (of, found)
    return found


def _asked(index: Outcomes, evidence: Evidence) -> TaskFilter | None:
    """The filter that the reader made, drawn as widgets, but for the text; it offers what is in the part shown.

    ``None`` where something is asked for that is not here, so that no task can be found.
    """
    there = _there(evidence)
    results = tuple(result for result in tables.STATUSES if result in there["result"])
    offered = {**there, "who": index.contenders, "status": results, "label": there["label_true"],
               "given": there["label_predicted"], "meta": _metadata(evidence)}  # fmt: skip
    with st.expander("Filter and order"):
        asked = [key for key in LISTS if len(offered[key]) >= (1 if key in {"cause", "meta"} else 2) or is_asked(key)]
        chosen: dict[str, Sequence[str]] = dict.fromkeys(LISTS, ())
        gone: dict[str, Sequence[str]] = {}
        places = st.columns(3)
        for number, key in enumerate(asked):
            names, label = offered[key], LISTS[key]
            if len(names) > MOST_OPTIONS:
                label = f"{label} (the first {MOST_OPTIONS} of {len(names):,})"
            chosen[key], gone[key] = sought(label, names, key, most=MOST_OPTIONS, at=places[number % 3])
        escalated = None
        if (index.escalated >= 0).any() or is_asked("escalated"):
            words = {ANY: None, "escalated": True, "not escalated": False}
            escalated = words[choose("Escalation", list(words), "escalated", aloud=False, at=places[len(asked) % 3])]
        one, two, _ = st.columns(3)
        agreement, several_there = "", len(index.contenders) > 1
        if several_there or is_asked("agree"):
            agreement = AGREED[choose("Of these contenders", list(AGREED), "agree", short=True, aloud=False, at=one)]
        orders = _orders(index)
        order = choose("Order", list(orders), "order", short=True, aloud=False, at=two)
        flipped = _flipped(index.contenders)
    possible = _is_here(gone, chosen, ("escalated", "agree", "flipped", *(("a", "b") if flipped else ())))
    set_ = {LISTS[key]: listed([visible(name, 60) for name in words], 4) for key, words in chosen.items() if words}
    set_ |= {"Escalated": "yes" if escalated else "no"} if escalated is not None else {}
    set_ |= {"Of these contenders": agreement} if agreement else {}
    set_ |= {"Order": order} if orders[order] else {}
    set_ |= {"Flipped": f"{flipped[0]} against {flipped[1]}, {WAYS[flipped[2]]}"} if flipped else {}
    write("; ".join(f"{what}: {said}" for what, said in set_.items()))
    if not possible:
        return None
    return TaskFilter(contenders=chosen["who"], split=evidence.split, suites=chosen["suite"], domains=chosen["domain"],
                      statuses=chosen["status"], causes=chosen["cause"], labels=chosen["label"], given=chosen["given"],
                      metadata=chosen["meta"],
                      escalated=escalated, flipped=flipped, agreement=agreement,
                      first=orders[order])  # fmt: skip


def _is_here(gone: Mapping[str, Sequence[str]], chosen: Mapping[str, Sequence[str]], singly: Sequence[str]) -> bool:
    """Whether tasks can be as the address asks; what of it is not here is said, with a link that leaves it out."""
    said = [f"The address asks for {key}={listed([visible(word, 80) for word in words], 4)}, which is not here."
            for key, words in gone.items() if words]  # fmt: skip
    without = [key for key, words in gone.items() if words and not chosen[key]]
    without += [key for key in singly if complaints(key)]
    write(*said, *complaints(*singly, instead=False), *complaints("order"), kind="loud")
    if without:
        link = href("Tasks", keep=[key for key in KEPT if key not in {*without, "at"}])
        html(f'<p>So no task is shown. <a href="{escape(link)}" target="_self">Show tasks without this filter</a></p>')
    return not without


def _orders(index: Outcomes) -> dict[str, str]:
    """The orders of this report's tasks as they are called, those by the results of a contender last."""
    several_there = len(index.contenders) > 1
    plain = {words: name for words, name in ORDERS.items()
             if (index.holds(name) if name in AMOUNTS else several_there or name != "differ")}  # fmt: skip
    return plain | {words: order for order, words in _by_result(index).items()}


def _by_result(index: Outcomes) -> dict[str, str]:
    """The orders by a contender's results, and what they are called."""
    shown = labels(index.contenders)
    return {f"{way}:{name}": f"{way} by {shown[name]} first" for name in index.contenders for way in BY_RESULT}


def _sorted_whole(index: Outcomes, found: Table, names: Sequence[str], now: str) -> Table:
    """A page of tasks whose heads sort all tasks found, and not those of the page alone."""
    kept = [key for key in KEPT if key not in {"order", "at"}]

    def way(order: str, words: str, said: str, *, down: bool = False) -> Way:
        return Way(order, href("Tasks", keep=kept, order=words), said, down)

    ways = [[way("name", UP, "from A to Z"), way("-name", DOWN, "from Z to A", down=True)]]
    called = _by_result(index)
    for first, then in ((f"failed:{name}", f"passed:{name}") for name in names):
        ways.append([way(first, called[first], "failures first"), way(then, called[then], "passes first", down=True)])
    return sorted_whole(found, ways, now)


@remembered(8)
def _there(evidence: Evidence) -> Mapping[str, tuple[str, ...]]:
    return store.words_found(plain_index(evidence), evidence.split)


@remembered(8)
def _metadata(evidence: Evidence) -> tuple[str, ...]:
    return tuple(store.metadata_found(plain_index(evidence)))


def _flipped(names: Sequence[str]) -> tuple[str, str, str] | None:
    if len(names) < 2 and not is_asked("flipped"):
        return None
    one, two, three = st.columns(3)
    said = choose("Flipped between two contenders", [ANY, *SIDES], "flipped", aloud=False, at=one)
    if said == ANY:
        return None
    shown = labels(names)
    a = choose("The first", shown, "a", aloud=False, at=two)
    b = choose("The second", shown, "b", index=1, aloud=False, at=three)
    if a == b:
        st.info("The same contender is on both sides, so no task flipped. Choose two different ones.")
    return a, b, next(way for way, words in WAYS.items() if words == said)


def _found(
    index: Outcomes, evidence: Evidence, wanted: TaskFilter | None, inputs: InputSearch | None, counted: DeltaGenerator
) -> TaskList | None:
    """A page of the tasks that are as asked for; ``None`` where what is asked for cannot be.

    How many there are, and the buttons that save them, stand in ``counted``: to save them nobody has to scroll.
    """
    if wanted is None:
        return None
    if wanted.flipped is not None and wanted.flipped[0] == wanted.flipped[1]:
        return None
    above = st.container()
    found = task_page(index, wanted, limit=A_PAGE, inputs=inputs)
    number = turned(-(-found.total // A_PAGE), "at", of=wanted)
    if number > 1:
        found = task_page(index, wanted, offset=A_PAGE * (number - 1), limit=A_PAGE, inputs=inputs)
    with counted:
        write(found.sentence)
        if found.rows:
            searched = replace(wanted, inputs=None if inputs is None else inputs.tasks)
            _saved(index, evidence, searched, found)
    with above:
        names, which = paged(found.contenders, tables.MOST_CONTENDERS, "wp", "Contenders")
        write(which)
        shown = tables.tasks_table(found, links_to(evidence, [row.position for row in found.rows]), names)
        show(_sorted_whole(index, shown, names, wanted.first) if found.total > A_PAGE else shown)
    return found


def words_of(wanted: TaskFilter) -> list[str]:
    """What is asked for, in words that a file's name has room for."""
    flipped = "-".join((*wanted.flipped[:2], "flips")) if wanted.flipped else ""
    escalated = {None: "", True: "escalated", False: "not-escalated"}[wanted.escalated]
    of_tasks = (*wanted.suites, *wanted.domains, *wanted.labels, *wanted.given, *wanted.metadata)
    said = [*wanted.contenders, *wanted.statuses, *wanted.causes, *of_tasks, escalated, wanted.agreement, flipped]
    words = [word[:24] for word in (*said, wanted.text) if word]
    part = wanted.split or "test"
    more = ["and-more"] if len(words) > MOST_WORDS else []
    return [*([] if part == "test" else [part]), *words[:MOST_WORDS], *more]


def _saved(index: Outcomes, evidence: Evidence, wanted: TaskFilter, found: TaskList) -> None:
    """The attempts found as files: what is known of them, and with texts where these were kept."""
    at = st.container(horizontal=True, gap="xsmall")
    stem = f"{file_name('-'.join([evidence.name, *words_of(wanted)]))}-attempts"
    which = "These" if found.attempts <= MOST_SAVED else f"The first {MOST_SAVED:,} of these"
    download(f"{which} attempts (CSV)", lambda: attempts_csv(index, wanted, MOST_SAVED)[0], f"{stem}.csv", at=at)
    if not evidence.keeps_conversations:
        return
    which = "With texts" if found.attempts <= MOST_TEXTS else f"The first {MOST_TEXTS:,} with texts"
    texts = f"{stem}-with-texts"
    download(f"{which} (CSV)", lambda: attempts_csv(index, wanted, MOST_TEXTS, texts=True)[0], f"{texts}.csv", at=at)
    download(f"{which} (JSONL)", lambda: attempts_jsonl(index, wanted, MOST_TEXTS), f"{texts}.jsonl", at=at)
