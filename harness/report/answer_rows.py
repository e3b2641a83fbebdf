"""A task on one screen: what was asked, what was expected, and each answer with its grade and the grader's reason."""

import html
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis import ShownText, shown_text
from harness.core import UNKNOWN
from harness.report.html_parts import html_code, html_lines, html_text
from harness.report.task_tables import result_ground, result_text
from harness.report.word_diff import LESS, MORE, word_diff
from harness.store import Answered, AttemptRow

LONG = 2_000  # characters of an answer that a row shows
QUESTION = 4_000
_FOUND = re.compile(r"^expected (?P<whole>'(?:[^']*)'|\"(?:[^\"]*)\"|[^\s,'\"=]+), found ")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One answer, and who gave it: attempts whose answer, result and reason are the same share a row."""

    attempts: tuple[AttemptRow, ...]
    answer: ShownText | None  # ``None`` where none is on record
    reason: str


def answer_rows(
    attempts: Sequence[AttemptRow], answers: Mapping[int, Answered], first: Sequence[str] = ()
) -> list[AnswerRow]:
    """The answers of some attempts, those of the contenders in ``first`` above the rest."""
    order = {name: place for place, name in enumerate(first)}
    rows: dict[tuple[object, ...], AnswerRow] = {}
    for one in sorted(attempts, key=lambda one: order.get(one.contender, len(order))):
        said = answers.get(one.row)
        text = said.answer if said is not None else one.label_predicted
        reason = said.reason if said is not None else ""
        key = (text, one.result, one.score, one.cause, reason)
        rows[key] = AnswerRow(
            attempts=(*(rows[key].attempts if key in rows else ()), one),
            answer=None if text is None else shown_text(text, LONG),
            reason=reason,
        )
    return list(rows.values())


def expected_of(attempts: Sequence[AttemptRow], answers: Mapping[int, Answered]) -> str | None:
    """What the graders expected, as far as the report says it: the label, or what a reason says as a whole."""
    if labels := [one.label_true for one in attempts if one.label_true]:
        return labels[0]
    for said in answers.values():
        if found := _FOUND.match(said.reason):
            return found["whole"].strip("'\"")
    return None


def question_html(asked: str | None, expected: str | None, passed: str | None) -> str:
    """The question and the expected answer beside one another; where none is on record, an answer that passed."""
    question = html_lines(shown_text(asked, QUESTION).text) if asked else "<p>Not on record.</p>"
    if asked and len(asked) > QUESTION:
        question += f"<p>{html_text(shown_text(asked, QUESTION).note or '')}; the whole is in the download.</p>"
    head, text = "Expected answer", expected
    if expected is None and passed is not None:
        head, text = "Expected answer: not on record; one that passed", passed
    answer = html_lines(shown_text(text, QUESTION).text) if text else "<p>Not on record.</p>"
    return (
        f'<div class="asked"><div><h2>Question</h2>{question}</div><div><h2>{html_text(head)}</h2>{answer}</div></div>'
    )


def answers_html(rows: Sequence[AnswerRow], against: str | None, link: Callable[[AttemptRow], str]) -> str:
    """One row an answer; what it has that ``against`` lacks is marked, and what it lacks is struck through."""
    tries = Counter(one.contender for row in rows for one in row.attempts)
    body = "".join(_row(row, tries, against, link) for row in rows)
    head = "".join(f'<th scope="col">{word}</th>' for word in ("contender", "result", "answer", "the grader's reason"))
    return (
        '<div class="wide" role="group" tabindex="0" aria-label="Answers">'
        '<table class="answers"><caption>Each contender\'s answer with its grade and the reason</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: AnswerRow, tries: Mapping[str, int], against: str | None, link: Callable[[AttemptRow], str]) -> str:
    one, of = row.attempts[0], dict[str, list[AttemptRow]]()
    for attempt in row.attempts:
        of.setdefault(attempt.contender, []).append(attempt)
    names = ", ".join(_name(name, link(same[0])) + _trials(same, tries[name]) for name, same in of.items())
    day = result_ground(one.result)
    ground = f' style="--day:{day}"' if day else ""
    cause = f"<small>{html_text(one.cause, 80)}</small>" if one.cause else ""
    result = html_text(result_text(one.result, one.score))
    reason = html_text(shown_text(row.reason, LONG).text) if row.reason else UNKNOWN
    return (
        f'<tr><th scope="row">{names}</th><td data-label="result"{ground}>{result}{cause}</td>'
        f'<td data-label="answer"><div class="answer" tabindex="0">{_answer(row.answer, against)}</div></td>'
        f'<td data-label="the grader\'s reason"><div class="answer" tabindex="0">{reason}</div></td></tr>'
    )


def _name(name: str, link: str) -> str:
    text = html_code(name)
    return f'<a href="{html.escape(link)}" target="_self" style="color:inherit">{text}</a>' if link else text


def _trials(same: Sequence[AttemptRow], of: int) -> str:
    """Which of a contender's trials, or seeds, gave an answer, where not all did."""
    if len(same) == of:
        return ""
    word, first = same[0].named.split(" ", 1)
    each = [first, *(one.named.split(" ", 1)[1] for one in same[1:])]
    return html_text(f" ({word}{'s' * (len(same) > 1)} {', '.join(each)})")


def _answer(answer: ShownText | None, against: str | None) -> str:
    if answer is None:
        return UNKNOWN
    note = f"<small>{html_text(answer.note)}</small>" if answer.note else ""
    pieces = None if against is None or answer.cut else word_diff(answer.text, against)
    if pieces is None:
        return (html.escape(answer.text) or "(empty)") + note
    tags = {MORE: "ins", LESS: "del"}
    return "".join(
        f"<{tags[kind]}>{html.escape(piece)}</{tags[kind]}>" if kind in tags else html.escape(piece)
        for piece, kind in pieces
    )
