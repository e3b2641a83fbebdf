"""What the page of tasks shows: tasks, one attempt, and rows as a file; all visible, cut and without keys."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import store
from harness.core import Cause, EvidenceError, Redactor, as_json, listed, plural, visible
from harness.store import AnswerSearch, AttemptRow, InputSearch, Outcomes, TaskFilter, TaskRow, Transcript

LONGEST = 20_000  # characters of one text that are shown
TOGETHER = 400_000  # characters of a conversation that are shown, over all its messages
MOST = 200  # messages, and calls, of one attempt that are shown
UNNAMED = "the outcome has no attempt_id, so nothing else can be found that belongs to it"
_NAME = 300
_MARGIN = 400  # characters beyond the cut that are looked at for keys, so that none is cut in two and passes

_STARTS = "=+-@\t\r\n|＝＋－＠"  # of a formula; the wide forms are read as the narrow ones by some
_REDACT = Redactor()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownText:
    """A text as it may be shown."""

    text: str
    length: int  # characters of the whole
    cut: bool

    @property
    def note(self) -> str | None:
        """What is said of a text that was cut."""
        return f"the start of {plural(self.length, 'character')}" if self.cut else None


def shown_text(text: str, limit: int = LONGEST) -> ShownText:
    """``text`` made visible, with its line breaks, and cut at ``limit`` characters."""
    start = visible(_REDACT(text[: limit + _MARGIN]), lines=True)
    cut = len(text) > limit or len(start) > limit
    return ShownText(text=start[:limit] if cut else start, length=len(text), cut=cut)


CELLS = ("task", "suite", "domain", "split")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskList:
    """A page of tasks."""

    sentence: str  # which of how many
    contenders: tuple[str, ...]  # whose results the rows show, as they are named in the report
    rows: tuple[TaskRow, ...]  # the tasks as they are; not to be shown without `visible`
    table: tuple[Mapping[str, str], ...]  # what they are called, as visible texts: of `CELLS`
    found: NDArray[Any]  # the positions of all tasks that were found, in their order
    total: int  # how many these are
    attempts: int  # how many attempts of the tasks found, on every page, are as asked for


def task_page(
    index: Outcomes, wanted: TaskFilter, *, offset: int = 0, limit: int = 50, inputs: InputSearch | None = None
) -> TaskList:
    """The tasks asked for, from the ``offset``-th on; ``inputs``: what a search found. Raises as `find_tasks`."""
    wanted = wanted if inputs is None else replace(wanted, inputs=inputs.tasks)
    found = store.find_tasks(index, wanted, offset=offset, limit=limit)
    if not found.total:
        sentence = "No task is as asked for."
    elif not found.rows:
        sentence = f"There are {plural(found.total, 'task')}; the page lies behind the last."
    else:
        which = f"{offset + 1:,} to {offset + len(found.rows):,} of {plural(found.total, 'task')}"
        part = f" in the {wanted.split} part of the suites" if wanted.split not in {None, "all"} else ""
        sentence = f"{which}{part}; {plural(found.attempts, 'attempt')} at them as asked for."
    return TaskList(
        sentence=sentence,
        contenders=tuple(dict.fromkeys(wanted.contenders)) or index.contenders,
        rows=found.rows,
        table=tuple({name: _name(getattr(row, name)) or "" for name in CELLS} for row in found.rows),
        found=found.found,
        total=found.total,
        attempts=found.attempts,
    )


def attempts_csv(
    index: Outcomes, wanted: TaskFilter, most: int = 100_000, *, texts: bool = False
) -> tuple[bytes, str | None]:
    """The attempts that are as asked for as a CSV file, and a sentence where only the first ``most`` are in it.

    With ``texts`` what was asked, expected and answered and the grader's reason stand with each, where they were kept.
    """
    columns, total = _attempts(index, wanted, most, texts=texts)
    note = f"The first {most:,} of {plural(total, 'attempt')}." if total > most else None
    return safe_csv(_by_row(columns), list(columns)), note


def attempts_jsonl(index: Outcomes, wanted: TaskFilter, most: int = 100_000) -> bytes:
    """The same with texts, a JSON object a line."""
    columns, _ = _attempts(index, wanted, most, texts=True)
    lines = (json.dumps(as_json(row), ensure_ascii=False, allow_nan=False) for row in _by_row(columns))
    return "".join(f"{_REDACT(line)}\n" for line in lines).encode("utf-8", "backslashreplace")


TEXTS = ("asked", "expected", "answer", "reason")
_MOST_ASKED = 2  # failures of a task whose reasons are read for what was expected, beside those of the file
_FOUND = re.compile(r"expected (?P<whole>'(?:[^']*)'|\"(?:[^\"]*)\"|[^\s,'\"=]+), found ")
_CUT = 70  # characters from which a grader's reason may have shortened what it expected


def expected_in(reason: str) -> str | None:
    """The expected answer, where a grader's reason says it as a whole."""
    said = _FOUND.match(reason)
    whole = said["whole"].strip("'\"") if said else None
    return None if whole is None or (len(whole) > _CUT and "…" in whole) else whole


def _attempts(index: Outcomes, wanted: TaskFilter, most: int, *, texts: bool) -> tuple[dict[str, list[Any]], int]:
    """The columns of the first attempts that are as asked for, and how many such attempts there are."""
    rows = store.matching_rows(index, wanted)
    columns = store.attempt_columns(index, rows[:most])
    places = columns.pop("row")  # a place in a file that the reader of this one does not have
    if texts:
        found = store.read_answers(index, places)
        columns |= {name: [getattr(found.get(row), name, None) for row in places] for name in TEXTS}
        columns["expected"] = _expected(index, rows[:most], found)
    return columns, len(rows)


def _expected(index: Outcomes, rows: NDArray[Any], found: Mapping[int, store.Answered]) -> list[str | None]:
    """Of each row what its grader expected: its label, or what a reason at the same task says as a whole."""
    labels, known = index.words("label_true").texts(rows).to_pylist(), dict[int, str]()

    def learn(said: Mapping[int, store.Answered]) -> None:
        for row, one in said.items():
            if text := expected_in(one.reason):
                known.setdefault(int(index.task[row]), text)

    learn(found)
    tasks = index.task[rows].tolist()
    left = list({task for task, label in zip(tasks, labels, strict=True) if label is None} - {*known})
    cause = index.words("cause")
    if left and Cause.WRONG in cause.every:
        wrong = np.isin(index.task, left) & (cause.codes == cause.every.index(Cause.WRONG))
        wrong[rows] = False
        others = np.flatnonzero(wrong)
        others = others[np.argsort(index.task[others], kind="stable")]
        of = index.task[others]
        learn(store.read_answers(index, others[np.arange(len(of)) - np.searchsorted(of, of) < _MOST_ASKED].tolist()))
    return [label or known.get(task) for task, label in zip(tasks, labels, strict=True)]


def _by_row(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, one, strict=True)) for one in zip(*columns.values(), strict=True)]


def answers_note(search: AnswerSearch) -> str:
    """How far answers and reasons were searched, as a sentence."""
    if search.why is not None:
        return f"{search.why}."
    if search.next is not None:
        return f"Of {plural(search.of, 'attempt')} the answers and reasons of {search.searched:,} were searched so far."
    return f"The answers and reasons of {plural(search.searched, 'attempt')} were searched."


def search_note(search: InputSearch) -> str:
    """How far the inputs of the tasks that are shown were searched, as a sentence."""
    if search.why is not None:
        return f"{search.why}."
    if search.next is not None:
        return f"Of {plural(search.of, 'task')} the inputs of {search.searched:,} were searched so far."
    unread = search.of - search.searched
    rest = f"; of {unread:,} there is no transcript" if unread > 0 else ""
    return f"The inputs of {plural(search.searched, 'task')} were searched{rest}."


def _name(text: str | None) -> str | None:
    return None if text is None else visible(_REDACT(text[: 2 * _NAME]), _NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message of a conversation."""

    role: str
    text: ShownText


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """One call made for an attempt. ``None`` is unknown."""

    role: str
    model: str
    fields: Mapping[str, Any]  # the columns of the call table by name, texts visible
    reply: ShownText | None  # what the model answered, where the reply was kept


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One attempt with all that is kept of it. What cannot be had is ``None``, and its ``…_why`` says why."""

    attempt: AttemptRow  # the outcome as it is; not to be shown without `visible`
    fields: Mapping[str, Any]  # the columns of the outcome table by name, texts visible
    escalation: str  # whether it was escalated and who answered, as a sentence
    reason: ShownText | None  # the grader's
    reason_why: str | None
    messages: tuple[MessageView, ...] | None
    messages_why: str | None
    left_out: int  # messages behind those that are shown
    calls: tuple[CallView, ...] | None
    calls_why: str | None
    calls_left_out: int


def attempt_view(index: Outcomes, attempt: AttemptRow | str) -> AttemptView:
    """One attempt, as found or by its attempt_id; what is broken is told in it. Raises EvidenceError: there is none."""
    if isinstance(attempt, str):
        attempt = store.attempt_of(index, attempt)
    transcript, why = _transcript(index, attempt)
    columns = {name: _value(value) for name, value in store.read_outcome(index, attempt.row).items()}
    messages = None if transcript is None else _messages(transcript)
    calls, calls_why = _calls(index, attempt, transcript, expected=columns["calls"])
    reason = shown_text(transcript.reason) if transcript is not None and transcript.reason else None
    by = f"; {columns['served_by']} answered" if columns["served_by"] else ""
    escalated = {None: "Nothing is recorded about escalation", True: "Escalated", False: "Not escalated"}
    return AttemptView(
        attempt=attempt,
        fields=columns,
        escalation=f"{escalated[columns['escalated']]}{by}.",
        reason=reason,
        reason_why=None if reason is not None else why or "the grader gave no reason",
        messages=messages,
        messages_why=why,
        left_out=max(0, len(transcript.messages) - MOST) if transcript is not None else 0,
        calls=None if calls is None else calls[:MOST],
        calls_why=calls_why,
        calls_left_out=max(0, len(calls or ()) - MOST),
    )


def _transcript(index: Outcomes, attempt: AttemptRow) -> tuple[Transcript | None, str | None]:
    """The conversation, or why there is none."""
    if attempt.attempt_id is None:
        return None, UNNAMED
    if attempt.status == "skipped":
        return None, "it was not finished"
    try:
        return store.read_transcript(index.report, attempt.attempt_id, near=attempt.row / index.rows), None
    except EvidenceError as error:
        there = any(index.report.glob("transcripts.parquet")) or any(index.report.glob("attempts*.jsonl"))
        return None, visible(_REDACT(str(error))) if there else store.NO_TRANSCRIPTS


def _messages(transcript: Transcript) -> tuple[MessageView, ...]:
    found: list[MessageView] = []
    left = TOGETHER
    for message in transcript.messages[:MOST]:
        role = message.get("role") if isinstance(message, Mapping) else None
        text = shown_text(store.message_text(message), min(LONGEST, max(left, 0)))
        left -= len(text.text)
        found.append(MessageView(role=_name(role if isinstance(role, str) else None) or "unknown", text=text))
    return tuple(found)


def _calls(
    index: Outcomes, attempt: AttemptRow, transcript: Transcript | None, *, expected: int | None
) -> tuple[tuple[CallView, ...] | None, str | None]:
    """The calls, or why there are none."""
    if attempt.attempt_id is None:
        return None, UNNAMED
    try:
        place = attempt.row / index.rows
        calls = store.read_attempt_calls(index.report, attempt.attempt_id, near=place, expected=expected)
    except EvidenceError as error:
        return None, visible(_REDACT(str(error)))
    if calls is None:
        return None, "the report holds no calls"
    replies = transcript.replies if transcript is not None else {}
    found = []
    for call in calls:
        text = getattr(replies.get(call["request_digest"] or ""), "text", None)
        role, model = (_name(call[name]) or "unknown" for name in ("role", "model"))
        fields = {name: _value(value) for name, value in call.items()}
        reply = shown_text(text) if isinstance(text, str) else None
        found.append(CallView(role=role, model=model, fields=fields, reply=reply))
    return tuple(found), None


def _value(value: Any) -> Any:
    """A cell: texts visible, lists as one text, everything else as it is."""
    if isinstance(value, str):
        return _name(value)
    return listed([_name(part) or "" for part in value if isinstance(part, str)]) if isinstance(value, list) else value


def safe_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """The rows as CSV in UTF-8 with a header (RFC 4180); by default with every column that any row has.

    A text that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection"), names of
    columns too. ``None`` and NaN are empty. A list is written with semicolons between its parts.
    """
    every = rows if isinstance(rows, Sequence) else list(rows)
    names = list(dict.fromkeys(name for row in every for name in row)) if columns is None else list(columns)
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([_text(str(name)) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in every)
    return written.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if type(value) is str:  # first, since most are
        return _text(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Number):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return _text("; ".join(map(str, value)) if isinstance(value, (list, tuple, set, frozenset)) else str(value))


@lru_cache(maxsize=1 << 16)
def _text(text: str) -> str:
    shown = _REDACT(text)
    # Blanks and what is not seen at all are passed over by some before they look for a formula.
    start = next((c for c in shown if c in _STARTS or (c.isprintable() and not c.isspace())), "")
    return f"'{shown}" if start and start in _STARTS else shown
