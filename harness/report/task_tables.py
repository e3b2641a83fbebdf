"""Tasks and attempts as tables and texts: what each contender made of a task, an attempt's facts and calls."""

import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from harness.analysis import AttemptView, ShownText, TaskList
from harness.core import UNKNOWN, dollars, moment, plural, seconds, visible
from harness.report.blocks import Cell, Row, Table, table
from harness.report.html_parts import html_lines, html_table, html_text
from harness.store import PARTLY, AttemptRow, Outcomes, TaskCell

PASSED, FAILED, LOST = "rgb(174,214,241)", "rgb(248,203,167)", "rgb(214,214,214)"
MIXED, PARTIAL = "rgb(250,236,170)", "rgb(226,205,233)"
"""Grounds of a result's cell; its word stands on it, and black is read well on all of them."""
MOST_CONTENDERS = 20  # columns of the table of tasks; the reader turns to the others

_RESULTS = {
    "passed": ("the answer was right", PASSED),
    PARTLY: ("the answer earned a part of the full score; every rate counts that part", PARTIAL),
    "failed": ("the contender's own fault: a wrong or malformed answer, its turns or its time spent", FAILED),
    "ungraded": ("there is an answer, and the grader could not judge it; it is in no rate", LOST),
    "errored": ("the instrument's fault, not the contender's; it is in no rate", LOST),
    "skipped": ("not finished", ""),
}
STATUSES = tuple(_RESULTS)


def result_cell(cell: TaskCell) -> Cell:
    """What a contender made of a task: a word on its colour."""
    counts = (cell.errored, "errored"), (cell.ungraded, "ungraded"), (cell.skipped, "not finished")
    lost, gone = [f"{count:,} {word}" for count, word in counts if count], cell.errored + cell.ungraded
    under = ("escalated" if cell.graded == 1 else f"{cell.escalated:,} escalated") if cell.escalated else ""
    words = f"{visible(cell.contender, 80)}: {cell.passed:,} of {plural(cell.graded, f'graded {cell.each}')} passed"
    if cell.partly and cell.score is not None:
        words += f", {cell.partly:,} partly; {score_text(cell.score)} of the full score, which the rates count"
    words += "".join(f", {part}" for part in lost)
    if gone:
        words += f"; errored or ungraded {cell.each}s are the instrument's, and in no rate"
    if not cell.graded:
        only = gone + cell.skipped == 1
        text = next(word for count, word in counts if count) if only else ", ".join(lost) or UNKNOWN
        return Cell(text, words if lost else "this contender has no attempt at it", under, LOST if gone else "")
    text = f"{cell.passed:,} of {cell.graded:,} passed" + (f", {cell.partly:,} partly" if cell.partly else "")
    if cell.graded == 1:
        text = result_text(PARTLY, cell.score) if cell.partly else "passed" if cell.passed else "failed"
    ground = PARTIAL if cell.partly else MIXED if cell.passed else FAILED
    return Cell(", ".join([text, *lost]), words, under, PASSED if cell.passed == cell.graded else ground)


def tasks_table(found: TaskList, links: Sequence[str], names: Sequence[str]) -> Table:
    """One row a task, a column for each of the contenders ``names``; ``links`` are what opens each of the tasks."""
    suites = len({row.suite for row in found.rows}) > 1
    rows = []
    for row, texts, link in zip(found.rows, found.table, links, strict=True):
        of = (texts["suite"] if suites else "", texts["domain"])
        under = ", ".join(dict.fromkeys(t for t in of if t and not texts["task"].startswith(t)))
        rows.append([Cell(texts["task"], under=under, link=link),
                     *(result_cell(cell) for cell in row.cells if cell.contender in names)])  # fmt: skip
    columns = ["task", *(visible(name, 60) for name in names)]
    return table("What each contender made of each task", columns, rows, kind="results")


def lists_html(counts: Mapping[str, int], links: Mapping[str, str]) -> str:
    """How many tasks there are of each kind, each with a link to them where there are any."""
    parts = []
    for words, count in counts.items():
        said = f"{html_text(words)}: {count:,}"
        parts.append(f'<a href="{html.escape(links[words])}" target="_self">{said}</a>' if count else said)
    return f'<p class="lists">Tasks at which contenders agree or not: {" · ".join(parts)}</p>'


def names_table(index: Outcomes, tasks: Sequence[int], links: Sequence[str]) -> Table:
    """Some tasks by their names, each with what opens it."""
    rows: list[Row] = [
        [Cell(visible(index.task_names[task].as_py(), 120), link=link),
         *(visible(word or UNKNOWN, 80) for word in (index.suite[task], index.domain[task]))]
        for task, link in zip(tasks, links, strict=True)
    ]  # fmt: skip
    return table("Tasks of this name", ["task", "suite", "domain"], rows, left=3, kind="named")


def attempts_table(attempts: Sequence[AttemptRow]) -> Table:
    """Every attempt at one task, a row each."""
    rows: list[Row] = [
        [Cell(visible(one.contender, 60), code=True), one.seed or f"{one.trial}", _status_cell(one.result, one.score),
         *(visible(text or UNKNOWN, 80) for text in (one.cause, one.label_true, one.label_predicted)),
         confidence_text(one.confidence), _yes_or_no(one.escalated), dollars(one.cost_usd), seconds(one.latency_s)]
        for one in attempts
    ]  # fmt: skip
    tries = " or ".join(word for word, of in (("trial", False), ("seed", True))
                        if any((one.seed is not None) == of for one in attempts))  # fmt: skip
    columns = ["contender", tries or "trial", "result", "cause", "expected", "given", "confidence", "escalated", "cost",
               "latency"]  # fmt: skip
    found = table("Every attempt at this task", columns, rows, left=6, kind="attempts square")
    return found.without_empty(["expected", "given"])


def _status_cell(result: str, score: float | None) -> Cell:
    hover, ground = _RESULTS.get(result, ("", ""))
    return Cell(result_text(result, score), hover, ground=ground)


def result_ground(result: str) -> str:
    """The ground of a result's cell."""
    return _RESULTS.get(result, ("", ""))[1]


def result_text(result: str, score: float | None) -> str:
    """``passed``, ``partly passed, 0.42``; a score that says something else than the word stands behind it."""
    text = "not finished" if result == "skipped" else result
    if score is None or score in {0.0, 1.0}:
        return text
    return f"{text}, {score_text(score)}" if result == PARTLY else f"{text} (score {score_text(score)})"


def score_text(score: float) -> str:
    """Three digits, or as many as keep a part from reading as all or nothing."""
    text = f"{score:.3g}"
    return f"{score:.6g}" if text in {"0", "1"} else text


def confidence_text(value: float | None) -> str:
    """Six digits without a power of ten, as thresholds have; all of them where six would read as certain."""
    if value is None or not math.isfinite(value):
        return UNKNOWN if value is None else f"{value}"
    text = f"{value:.6g}"
    return format(Decimal(repr(value) if text == "1" and value != 1.0 else text), "f")


def _yes_or_no(value: object) -> str:
    return UNKNOWN if value is None else "yes" if value else "no"


def facts_table(view: AttemptView) -> Table:
    """What is recorded of an attempt, unknown figures left out; a figure that people may ask after says so."""
    fields = view.fields
    labels = fields["label_true"] is not None or fields["label_predicted"] is not None
    basis = "" if fields["cost_basis"] in {None, "", "none"} else f"from {fields['cost_basis']}"
    kinds = [kind for kind in ("input", "cached_input", "output", "reasoning") if fields[f"{kind}_tokens"] is not None]
    tokens = ", ".join(f"{fields[f'{kind}_tokens']:,} {kind.replace('_', ' ')}" for kind in kinds)
    shown, used = fields["skills_shown"] or "", fields["skills_used"] or ""
    told = {"skills opened": "skills_opened", "skills of which a file was read": "skills_read",
            "skills of which a script was run": "skills_run"}  # fmt: skip
    ways = [(what, (fields[name] or "none") if fields[name] is not None and (shown or used) else None)
            for what, name in told.items()]  # fmt: skip
    if fields["skills_opened"] is None:  # of an earlier version, which did not tell them apart
        ways = [("skills opened", (used or "none") if shown or used else None)]
    begun, known = fields["started_at"], fields["attempt_id"] or ""
    short = f"{known[:8]}…" if re.fullmatch("[0-9a-f]{32}", known) else known
    every: list[tuple[str, Cell | str | None]] = [
        ("result", _status_cell(view.attempt.result, view.attempt.score)),
        ("cause", fields["cause"]),
        ("label expected", (fields["label_true"] or UNKNOWN) if labels else None),
        ("label given", (fields["label_predicted"] or UNKNOWN) if labels else None),
        ("escalation", view.escalation),
        ("confidence", None if fields["confidence"] is None else confidence_text(fields["confidence"])),
        ("cost", Cell(dollars(fields["cost_usd"]), under=basis)),
        ("judge's cost", dollars(fields["judge_usd"]) if fields["judge_usd"] else None),
        ("latency", seconds(fields["latency_s"])),
        ("tokens", tokens),
        *((what, None if fields[what] is None else f"{fields[what]:,}") for what in ("calls", "retries")),
        ("skills shown", shown if shown or used else None),
        *ways,
        ("begun", moment(begun) if isinstance(begun, datetime) else None),
        ("attempt", Cell(short, known if short != known else "", code=True) if known else None),
        ("repeated", "the same contender, task and trial came before: this row is in no rate"
         if view.attempt.repeated else None),
    ]  # fmt: skip
    rows: list[Row] = [(what, cell) for what, cell in every if cell is not None and (cell or what == "skills shown")]
    title = f"What is recorded of this attempt of {visible(view.attempt.contender, 80)}"
    return table(title, ["what", ""], rows, left=2, kind="facts")  # narrow: no label


def text_html(who: str, text: ShownText) -> str:
    """A text under the name of who said it, and how long the whole is where it was cut."""
    note = f"<p>{html_text(text.note)}; the whole is in the download.</p>" if text.note else ""
    said = html_lines(text.text) if text.text else "<p>(empty)</p>"
    return f'<p class="said">{html_text(who, 80)}</p>{said}{note}'


def reason_html(view: AttemptView) -> str:
    """The grader's reason, or why there is none."""
    if view.reason is None:
        return f"<p>No explanation from the grader: {html_text(view.reason_why or 'not kept')}.</p>"
    return text_html("the grader", view.reason)


def conversation_html(view: AttemptView) -> str:
    """Every message as it was sent, or why there is none."""
    if view.messages is None:
        return f"<p>Not available: {html_text(view.messages_why or 'not kept')}.</p>"
    more = f"<p>{plural(view.left_out, 'message')} more; all are in the download.</p>" if view.left_out else ""
    return "".join(text_html(one.role, one.text) for one in view.messages) + more


def replies_of(view: AttemptView) -> list[str]:
    """What each call answered, where its reply was kept."""
    calls = enumerate(view.calls or (), 1)
    return [text_html(f"{place}. {call.role}", call.reply) for place, call in calls if call.reply is not None]


_COUNT: Callable[[Any], str] = "{:,}".format
_COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("input_tokens", "input", _COUNT), ("cached_input_tokens", "cached input", _COUNT),
    ("cache_write_tokens", "cache write", _COUNT), ("output_tokens", "output", _COUNT),
    ("reasoning_tokens", "reasoning", _COUNT), ("gpu_seconds", "GPU time", seconds), ("cost_usd", "cost", dollars),
    ("price_date", "price of", str), ("latency_s", "latency", seconds), ("ttft_s", "first token", seconds),
    ("retries", "retries", _COUNT), ("cache_hit", "on record", _yes_or_no), ("from_cache", "from cache", _yes_or_no),
    ("finish_reason", "ended by", str), ("error", "error", str),
)  # fmt: skip
"""Columns of the call table, how they are headed and how a value is written."""


def calls_html(view: AttemptView) -> str:
    """Every call that was made for the attempt, in their order; columns of which nothing is known are left out."""
    if view.calls is None:
        return f"<p>Not available: {html_text(view.calls_why or 'not kept')}.</p>"
    if not view.calls:
        return "<p>No call was recorded for it.</p>"
    rows: list[Row] = []
    for place, call in enumerate(view.calls, 1):
        adapter = call.fields["adapter"] or ""
        model = Cell(call.model, f"adapter {adapter}" if adapter else "", f"adapter {adapter[:12]}" if adapter else "")
        values = [(call.fields.get(name), write) for name, _, write in _COLUMNS]
        figures = [UNKNOWN if value in {None, ""} else write(value) for value, write in values]
        rows.append([f"{place}. {call.role}", model, *figures])
    notes = [f"{plural(view.calls_left_out, 'call')} more."] if view.calls_left_out else []
    tokens = [name for name, *_ in _COLUMNS if name.endswith("tokens")]
    if any(call.fields.get(name) is not None for call in view.calls for name in tokens):
        notes.append("No token is in two classes: cached input is no part of input, reasoning none of output.")
    columns = ["call", "model", *(head for _, head, _ in _COLUMNS)]
    found = table("Calls made for this attempt", columns, rows, left=2, kind="calls", notes=notes)
    return html_table(found.without_empty(columns[2:]))


def actions_html(actions: Sequence[Mapping[str, Any]] | None, why: str | None) -> str:
    """What was done in the attempt's box, in order; nothing where the report has no actions."""
    if why:
        return f"<p>Not available: {html_text(why)}.</p>"
    if not actions:
        return ""
    rows: list[Row] = []
    for place, one in enumerate(actions, 1):
        known = {name: value for name, value in one.items() if value is not None and name not in _TOLD}
        what = ", ".join(f"{name} {visible(str(value), 300)}" for name, value in known.items())
        came = "refused" if one.get("allowed") is False else one.get("cause") or ""
        code = one.get("exit_code")
        ended = visible(str(came), 80) or (UNKNOWN if code is None else f"exit {code}")
        rows.append([f"{place}", Cell(visible(str(one.get("tool") or UNKNOWN), 60), code=True), ended, what])
    return html_table(table("Actions of this attempt", ["action", "tool", "ended", "what"], rows, left=4, kind="facts"))


_TOLD = {"attempt_id", "tool", "allowed", "cause", "exit_code", "started_at", "attempt_started_at"}
