"""The page of tasks over reports made by hand: hostile texts, long ones, and files that are missing or broken."""

import csv
import io
import json
import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis.task_views import (
    LONGEST,
    MOST,
    TOGETHER,
    attempt_view,
    attempts_csv,
    safe_csv,
    search_note,
    shown_text,
    task_page,
)
from harness.core import EvidenceError
from harness.store import InputSearch, Outcomes, TaskFilter, attempt_of, attempts_of, search_inputs

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202egnp.exe =cmd \x9b |![x](http://e.example)"
KEY = "sk-abcdefghij0123456789"


def outcomes(*more):
    rows = [
        {"contender": "hybrid", "task": "t0", "status": "failed", "cause": "wrong", "attempt_id": "h0"},
        {"contender": "plain", "task": "t0", "status": "passed", "attempt_id": "p0"},
        {"contender": "hybrid", "task": "t1", "status": "skipped", "attempt_id": "h1"},
        {"contender": "plain", "task": "t1", "status": "passed", "trial": 1, "attempt_id": "p1"},
        *more,
    ]
    return [{"suite": "s", "task_digest": f"td {one['task']}", "cause": None, **one} for one in rows]


def write_table(path, rows, **types):
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name) for row in rows], types.get(name, pa.string())) for name in names}
    pq.write_table(pa.table(columns), path)


def write_transcripts(report, rows):
    full = [
        {"reason": "", "replies": "[]"} | row | {"messages": row["messages"] if isinstance(row["messages"], str)
                                                 else json.dumps(row["messages"])}
        for row in rows
    ]  # fmt: skip
    write_table(report / "transcripts.parquet", full)


def write_calls(report, rows):
    write_table(report / "calls.parquet", rows, cost_usd=pa.float64(), latency_s=pa.float64(), output_tokens=pa.int64())


def asked(text, answer="ok"):
    return [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]


@pytest.fixture
def report(make_report):
    folder = make_report(outcomes())
    replies = [{"request": "r1", "reply": {"text": "first try"}}, {"request": "r2", "reply": {"text": HOSTILE}}]
    write_transcripts(
        folder,
        [
            {"attempt_id": "h0", "messages": asked(f"where? {HOSTILE}", f"a\r\nb {KEY}"),
             "reason": "expected a, found b\x1b", "replies": json.dumps(replies)},
            {"attempt_id": "p0", "messages": asked("where?")},
        ],
    )  # fmt: skip
    write_calls(
        folder,
        [
            {"attempt_id": "h0", "role": "worker", "model": "small", "request_digest": "r1", "output_tokens": 2,
             "cost_usd": 0.001, "latency_s": 0.5},
            {"attempt_id": "h0", "role": "expert", "model": "big\u202e", "request_digest": "r2", "error": HOSTILE},
            {"attempt_id": "p0", "role": "answer", "model": "small", "request_digest": "r3"},
        ],
    )  # fmt: skip
    return folder


def no_hidden(text):
    return all(c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text)


def test_an_attempt_is_shown_with_its_conversation_calls_and_reason(report):
    view = attempt_view(Outcomes(report), "h0")
    assert [m.role for m in view.messages] == ["user", "assistant"]
    assert view.messages[0].text.text.startswith("where? <script>alert(1)</script>\\x1b[31m\\u202egnp.exe")
    assert view.messages[1].text.text == "a\nb [secret]"
    assert view.reason.text == "expected a, found b\\x1b"
    assert (view.reason_why, view.messages_why, view.calls_why, view.left_out) == (None, None, None, 0)
    first, second = view.calls
    assert (first.role, first.fields["output_tokens"], first.fields["cost_usd"]) == ("worker", 2, 0.001)
    assert first.reply.text == "first try"
    assert (second.model, second.fields["cost_usd"]) == ("big\\u202e", None)
    assert no_hidden(second.fields["error"])
    assert no_hidden(second.reply.text)


@pytest.mark.parametrize(
    ("escalated", "served", "sentence"),
    [
        (True, "big\x1b", "Escalated; big\\x1b answered."),
        (False, None, "Not escalated."),
        (None, "small", "Nothing is recorded about escalation; small answered."),
    ],
)
def test_whether_it_was_escalated_is_a_sentence(make_report, escalated, served, sentence):
    folder = make_report(outcomes())
    table = pq.read_table(folder / "outcomes.parquet")
    table = table.append_column("escalated", pa.array([escalated] * 4, pa.bool_()))
    pq.write_table(table.append_column("served_by", pa.array([served] * 4, pa.string())), folder / "outcomes.parquet")
    assert attempt_view(Outcomes(folder), "h0").escalation == sentence


def test_the_reason_that_was_not_given_and_the_calls_that_were_not_kept_say_so(report):
    view = attempt_view(Outcomes(report), "p0")
    assert (view.reason, view.reason_why) == (None, "the grader gave no reason")
    (call,) = view.calls
    assert call.reply is None
    (report / "calls.parquet").unlink()
    view = attempt_view(Outcomes(report), "p0")
    assert (view.calls, view.calls_why) == (None, "the report holds no calls")


def test_an_imported_report_has_outcomes_alone(make_report):
    index = Outcomes(make_report(outcomes()))
    view = attempt_view(index, "p0")
    assert view.messages is None
    assert view.reason is None
    assert "holds no transcripts" in view.messages_why == view.reason_why
    assert view.fields["status"] == "passed"
    assert attempt_view(index, "h1").messages_why == "it was not finished"


def test_rows_without_an_id_say_what_that_means(make_report):
    rows = [{k: v for k, v in row.items() if k != "attempt_id"} for row in outcomes()]
    index = Outcomes(make_report(rows))
    view = attempt_view(index, attempts_of(index, ("s", "td t0"))[0])
    assert "no attempt_id" in view.messages_why


@pytest.mark.parametrize("name", ["transcripts.parquet", "calls.parquet"])
@pytest.mark.parametrize("content", [b"", b"PAR1 no table PAR1", None])
def test_a_broken_file_is_told_of_and_the_rest_is_shown(report, name, content):
    path = report / name
    data = bytearray(path.read_bytes())
    data[4:120] = b"\xff" * 116  # the pages, not the footer
    path.write_bytes(bytes(data) if content is None else content)
    view = attempt_view(Outcomes(report), "h0")
    why, other = (view.messages_why, view.calls) if name.startswith("t") else (view.calls_why, view.messages)
    assert name in why
    assert other is not None
    assert view.fields["cause"] == "wrong"


@pytest.mark.parametrize("messages", ["5", "null x", '{"a": 1}', "[" * 100_000, '[1, null, {"role": 7}]'])
def test_conversations_that_are_none_raise_nothing(report, messages):
    write_transcripts(report, [{"attempt_id": "h0", "messages": messages, "replies": "7"}])
    view = attempt_view(Outcomes(report), "h0")
    assert view.messages is None
    assert "transcripts.parquet" in view.messages_why
    write_transcripts(report, [{"attempt_id": "h0", "messages": messages}])
    attempt_view(Outcomes(report), "h0")


def test_long_texts_are_cut_and_their_length_is_said(report):
    answer = "é\x1b" * 500_000
    many = [{"role": "user", "content": "x" * LONGEST} for _ in range(MOST + 7)]
    write_transcripts(report, [{"attempt_id": "h0", "messages": asked("x", answer)},
                               {"attempt_id": "p0", "messages": many}])  # fmt: skip
    index = Outcomes(report)
    shown = attempt_view(index, "h0").messages[1].text
    assert (len(shown.text), shown.length, shown.cut) == (LONGEST, 1_000_000, True)
    assert shown.note == "the start of 1,000,000 characters"
    view = attempt_view(index, "p0")
    assert (len(view.messages), view.left_out) == (MOST, 7)
    assert sum(len(m.text.text) for m in view.messages) == TOGETHER


def test_a_text_that_fits_is_not_cut_and_a_key_at_the_edge_does_not_pass():
    assert shown_text("a" * 50, 50).cut is False
    assert shown_text("a" * 51, 50).text == "a" * 50
    assert "abcdef" not in shown_text("x " * 20 + KEY, 50).text
    assert shown_text("", 0) == shown_text("")


def test_an_index_that_is_old_is_told_of(report, make_report):
    index = Outcomes(report)
    attempt = attempt_of(index, "h0")
    make_report(list(reversed(outcomes())))
    with pytest.raises(EvidenceError, match="changed while it was read"):
        attempt_view(index, attempt)


def test_a_page_of_tasks_is_made_of_visible_texts(make_report):
    odd = {"contender": f"c{HOSTILE}", "task": f"t{HOSTILE}{KEY}", "status": "errored", "domain": "d\u202e",
           "suite": "\x1b", "attempt_id": "x"}  # fmt: skip
    index = Outcomes(make_report(outcomes(odd, {**odd, "contender": "task", "attempt_id": "y"})))
    page = task_page(index, TaskFilter())
    assert page.sentence == "1 to 3 of 3 tasks; 6 attempts at them as asked for."
    last = page.table[2]
    assert all(no_hidden(name) and no_hidden(text) for name, text in last.items())
    assert "abcdefghij" not in last["task"]
    assert page.rows[2].task == f"t{HOSTILE}{KEY}"
    assert task_page(index, TaskFilter(text="nowhere")).sentence == "No task is as asked for."
    assert "behind the last" in task_page(index, TaskFilter(), offset=50).sentence


def test_what_the_inputs_say_counts_and_how_far_they_were_searched_is_said(report):
    index = Outcomes(report)
    found = search_inputs(index, "WHERE?")
    page = task_page(index, TaskFilter(text="WHERE?"), inputs=found)
    assert [row["task"] for row in page.table] == ["t0"]
    assert search_note(found) == "The inputs of 1 task were searched; of 1 there is no transcript."
    part = InputSearch(tasks=(), searched=2_000, of=27_778, next=3)
    assert search_note(part) == "Of 27,778 tasks the inputs of 2,000 were searched so far."


def test_the_download_holds_what_was_asked_for(make_report):
    formula = {"contender": "plain", "task": "=1+1", "status": "failed", "attempt_id": "-x"}
    index = Outcomes(make_report(outcomes(formula)))
    data, note = attempts_csv(index, TaskFilter(contenders=("plain",)))
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert note is None
    assert [row["task"] for row in rows] == ["t0", "t1", "'=1+1"]
    assert (rows[2]["attempt_id"], rows[2]["passed"]) == ("'-x", "false")
    assert safe_csv([{"a": -0.5}]) == b"a\r\n-0.5\r\n"  # a number is no formula
    data, note = attempts_csv(index, TaskFilter(), most=2)
    assert note == "The first 2 of 5 attempts."
    assert data.count(b"\r\n") == 3
