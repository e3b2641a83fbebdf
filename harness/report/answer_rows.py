"""A task on one screen: what was asked, what was expected, and each answer with its grade and the grader's reason."""

import html
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.analysis import ShownText, expected_in, shown_text
from harness.core import UNKNOWN, plural
from harness.report.html_parts import html_code, html_lines, html_text
from harness.report.task_tables import result_ground, result_text
from harness.report.word_diff import GAP, LESS, MORE, SAME, telling, word_diff
from harness.store import Answered, AttemptRow

LONG, COMPARED = 2_000, 24_000  # characters of an answer that a row shows, and of one that is compared
QUESTION = 4_000


DENSITY = {10: " dense", 6: " close"}
"""Rows from which on each is lower, so that a screen has them all; a row that is clicked is as high as it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One answer, and who gave it: attempts whose answer, result and reason are the same share a row."""

    attempts: tuple[AttemptRow, ...]
    answer: ShownText | None  # ``None`` where none is on record
    reason: str
    tools: tuple[int, ...] = ()  # of each attempt whose transcript is there, how often a tool answered


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
        before = rows.get(key)
        rows[key] = AnswerRow(
            attempts=(*(before.attempts if before else ()), one),
            answer=None if text is None else shown_text(text, COMPARED),
            reason=reason,
            tools=(*(before.tools if before else ()), *([] if said is None else [said.tools])),
        )
    return list(rows.values())


def expected_of(attempts: Sequence[AttemptRow], answers: Mapping[int, Answered]) -> str | None:
    """What the graders expected, as far as the report says it: the label, or what a reason says as a whole."""
    if labels := [one.label_true for one in attempts if one.label_true]:
        return labels[0]
    for said in answers.values():
        if (found := expected_in(said.reason)) is not None:
            return found
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
    look = next((word for least, word in DENSITY.items() if len(rows) >= least), "")
    hint = '<p class="legend">Click an answer or a reason to see all of it.</p>' if look else ""
    head = "".join(f'<th scope="col">{word}</th>' for word in ("contender", "result", "answer", "the grader's reason"))
    return (
        '<div class="wide" role="group" tabindex="0" aria-label="Answers">'
        f'<table class="answers{look}"><caption>Each contender\'s answer with its grade and the reason</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{hint}"
    )


def _row(row: AnswerRow, tries: Mapping[str, int], against: str | None, link: Callable[[AttemptRow], str]) -> str:
    one, of = row.attempts[0], dict[str, list[AttemptRow]]()
    for attempt in row.attempts:
        of.setdefault(attempt.contender, []).append(attempt)
    names = ", ".join(_name(name, link(same[0])) + _trials(same, tries[name]) for name, same in of.items())
    day = result_ground(one.result)
    ground = f' style="--day:{day}"' if day else ""
    cause = f"<small>{html_text(one.cause, 80)}</small>" if one.cause else ""
    cause += f"<small>{_tools(row.tools)}</small>" if any(row.tools) else ""
    result = html_text(result_text(one.result, one.score))
    reason = html_text(shown_text(row.reason, LONG).text) if row.reason else UNKNOWN
    return (
        f'<tr><th scope="row"><div class="names" title="{html_text(", ".join(of), 600)}">{names}</div></th>'
        f'<td data-label="result"{ground}>{result}{cause}</td>'
        f'<td data-label="answer"><div class="answer" tabindex="0">{_answer(row.answer, against)}</div></td>'
        f'<td data-label="the grader\'s reason"><div class="answer" tabindex="0">{reason}</div></td></tr>'
    )


def _tools(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,} to {high:,} tool calls" if low < high else plural(high, "tool call")


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
    pieces = None if against is None else word_diff(answer.text, against)
    if pieces is None or all(kind == SAME for _, kind in pieces):
        shown = answer if len(answer.text) <= LONG else replace(answer, text=answer.text[:LONG], cut=True)
        note = f"<small>{html_text(shown.note)}</small>" if shown.note else ""
        return (html.escape(shown.text) or "(empty)") + note
    said = "".join(f"<{_TAGS[kind]}>{html.escape(piece)}</{_TAGS[kind].split()[0]}>" if kind in _TAGS
                   else html.escape(piece) for piece, kind in telling(pieces))  # fmt: skip
    return said + (f"<small>compared: {html_text(answer.note)}</small>" if answer.note else "")


_TAGS = {MORE: "ins", LESS: "del", GAP: 'i class="gap"'}
