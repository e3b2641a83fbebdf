"""One task on one screen: every answer once, with who gave it, its grade, and how it differs from what was expected."""

import html
import json
import re
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from app_page import bodies, drawn, texts

from harness import store
from harness.analysis import expected_in, shown_text
from harness.report.answer_rows import AnswerRow, answers_html, expected_of
from harness.report.pages import history, tasks
from harness.report.pages.loading import evidence_of, plain_index
from harness.report.pages.task_names import places_of
from harness.report.word_diff import GAP, LESS, MORE, SAME, telling, word_diff
from harness.store import AGREEMENTS, Outcomes, TaskFilter, find_tasks, read_answers, search_answers
from harness.verdict import Reason

HOSTILE = "<script>alert(1)</script><img src=x>**[b](http://e.example)**"


@pytest.mark.parametrize(
    ("text", "against", "pieces"),
    [
        ("the red bowl", "the red bowl", [("the red bowl", SAME)]),
        ("the red bowl", "the blue bowl", [("the ", SAME), ("blue", LESS), ("red", MORE), (" bowl", SAME)]),
        ("a  b", "a\nb", [("a  b", SAME)]),
        ("", "yes", [("yes", LESS)]),
        ("yes", "", [("yes", MORE)]),
        ("", "", []),
    ],
)
def test_words_that_differ_are_told_apart(text, against, pieces):
    assert list(word_diff(text, against)) == pieces


def test_a_diff_gives_back_the_text_and_is_not_made_of_long_ones():
    text, against = "one, two; three four", "one three  four five"
    pieces = word_diff(text, against)
    assert "".join(piece for piece, kind in pieces if kind != LESS) == text
    assert word_diff("a " * 5_000, "b") is None


def test_of_a_long_text_what_differs_is_told_and_the_rest_counted():
    words = [f"w{n}" for n in range(600)]
    other = [*words[:300], "changed", *words[301:]]
    pieces = telling(word_diff(" ".join(other), " ".join(words)))
    assert [kind for _, kind in pieces] == [GAP, SAME, LESS, MORE, SAME, GAP]
    assert [piece.strip() for piece, _ in pieces] == [
        "[297 words the same]", "w297 w298 w299", "w300", "changed", "w301 w302 w303", "[296 words the same]"
    ]  # fmt: skip
    assert telling([("the same " * 300, SAME)]) == [("the same " * 300, SAME)]
    assert telling(word_diff("the red bowl", "the blue bowl")) == list(word_diff("the red bowl", "the blue bowl"))


@pytest.mark.parametrize("sep", [" ", "\n", ". "])
def test_a_diff_of_long_texts_gives_them_back(sep):
    text, against = (sep.join(f"w{n % (7 + k)}-{n // 9}" for n in range(1_500)) for k in (0, 1))
    pieces = word_diff(text, against)
    assert "".join(piece for piece, kind in pieces if kind != LESS) == text


def test_a_long_answer_is_compared_and_many_answers_fit_a_screen():
    def row(n, answer):
        attempt = SimpleNamespace(contender=f"c{n}", result="failed", score=None, cause="wrong", named="trial 0")
        return AnswerRow(attempts=(attempt,), answer=shown_text(answer), reason="", tools=(n,))

    words = " ".join(f"word{n}" for n in range(900))
    drawn_ = answers_html([row(n, words.replace("word450", f"<b>{n}")) for n in range(10)], words, lambda _: "")
    assert 'class="answers dense"' in drawn_
    assert "Click an answer" in drawn_
    assert drawn_.count("<del>") == 10
    assert "words the same" in drawn_
    assert "<b>" not in drawn_
    assert "9 tool calls" in drawn_
    few = answers_html([row(0, "yes")], "yes", lambda _: "")
    assert 'class="answers"' in few
    assert "Click" not in few
    assert "tool call" not in few


@pytest.fixture
def answered(make_report):
    """Three contenders at three tasks, in two trials each, with transcripts."""
    say = {"A": ("cat", "passed"), "B": ("dog", "failed"), "C": ("dog", "failed")}
    rows, transcripts = [], []
    for task in ("one", "two", "three"):
        for name, (said, status) in say.items():
            for trial in (0, 1):
                answer = said if task == "one" else HOSTILE if task == "two" else "cow"
                result = status if task == "one" else "failed" if task == "two" else "passed"
                known = f"{task}-{name}-{trial}"
                rows.append({"contender": name, "task": task, "trial": trial, "status": result, "suite": "s",
                             "attempt_id": known, "domain": "d", "cause": "wrong" if result == "failed" else None,
                             "label_true": {"one": "cat"}.get(task), "label_predicted": answer if task == "one" else
                             None})  # fmt: skip
                messages = [{"role": "user", "content": f"which animal, {task}?"}, {"role": "assistant",
                                                                                     "content": answer}]  # fmt: skip
                reason = f"expected 'cat', found {answer!r}" if result == "failed" else ""
                transcripts.append({"attempt_id": known, "messages": json.dumps(messages), "reason": reason,
                                    "replies": "{}"})  # fmt: skip
    folder = make_report(rows)
    pq.write_table(pa.Table.from_pylist(transcripts), folder / "transcripts.parquet", row_group_size=4)
    return folder


def short(folder, name):
    evidence = evidence_of(folder)
    return places_of(evidence).names[plain_index(evidence).task_names.to_pylist().index(name)]


def answers(page):
    (body,) = [body for body in bodies(page) if '<table class="answers">' in body]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)[1:]
    return [[html.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
            for row in rows]  # fmt: skip


def test_each_answer_stands_once_with_all_who_gave_it(answered):
    page = drawn("tasks", answered, task=short(answered, "one"))
    assert answers(page) == [["A", "passed", "cat", "-"],
                             ["B, C", "failedwrong", "catdog", "expected 'cat', found 'dog'"]]  # fmt: skip
    (body,) = [body for body in bodies(page) if '<table class="answers">' in body]
    assert "<del>cat</del><ins>dog</ins>" in body
    said = texts(page)
    assert "which animal, one?" in said
    assert said.index("Question") < said.index("Expected answer") < said.index("the grader's reason")


def test_answers_are_held_against_another_contender_or_nothing(answered):
    task = short(answered, "one")
    (body,) = [b for b in bodies(drawn("tasks", answered, task=task, against="=B")) if '<table class="answers">' in b]
    assert "<del>dog</del><ins>cat</ins>" in body
    plain = drawn("tasks", answered, task=task, against="nothing")
    assert not any("<ins>" in body for body in bodies(plain))


def test_contenders_that_are_asked_for_stand_first(answered):
    assert answers(drawn("tasks", answered, task=short(answered, "one"), who="B"))[0][0].startswith("B")


def test_an_answer_is_text_whatever_is_in_it(answered):
    page = drawn("tasks", answered, task=short(answered, "two"))
    assert "alert(1)" in texts(page)
    assert not any("<script" in body or "<img" in body for body in bodies(page))


def test_next_and_previous_turn_within_what_is_asked_for(answered):
    page = drawn("tasks", answered, task=short(answered, "one"), status="failed")
    assert "1 of the 2 tasks found" in " ".join(texts(page).split())
    assert page.button(key="turn-k").disabled
    page.button(key="turn-j").click().run()
    assert '<h1 class="task"><code>two</code>' in " ".join(bodies(page))
    assert page.button(key="turn-j").disabled
    page.button(key="turn-list").click().run()
    assert not any('<h1 class="task">' in body for body in bodies(page))


def test_what_was_expected_is_the_label_or_what_a_reason_says(answered):
    index = Outcomes(answered)
    every = {name: store.attempts_of(index, index.key_of(place)) for place, name in enumerate(("one", "two", "three"))}
    found = {name: expected_of(rows, read_answers(index, [one.row for one in rows])) for name, rows in every.items()}
    assert found == {"one": "cat", "two": "cat", "three": None}
    assert "not on record; one that passed" in texts(drawn("tasks", answered, task=short(answered, "three")))


def test_tasks_are_found_by_how_contenders_fared(answered):
    index = Outcomes(answered)
    names = index.task_names.to_pylist()
    found = {way: [names[place] for place in find_tasks(index, TaskFilter(agreement=way)).found] for way in AGREEMENTS}
    assert found == {"all failed": ["two"], "all passed": ["three"], "differ": ["one"]}
    assert [names[p] for p in find_tasks(index, TaskFilter(first="differ")).found] == ["one", "two", "three"]
    only = find_tasks(index, TaskFilter(contenders=("B", "C"), agreement="all failed")).found
    assert [names[place] for place in only] == ["one", "two"]
    assert find_tasks(index, TaskFilter(given=("dog",))).attempts == 4


def test_answers_and_reasons_are_searched_and_the_search_goes_on(answered):
    index = Outcomes(answered)
    found = search_answers(index, "FOUND 'dog'", seconds=9)
    assert [index.contender[row] for row in found.rows] == ["B", "B", "C", "C"]
    first = search_answers(index, "cow", seconds=0)
    assert (first.searched, first.next) == (4, 1)
    while first.next is not None:
        first = search_answers(index, "cow", first, seconds=0)
    assert (len(first.rows), first.searched) == (6, 18)
    assert search_answers(index, "which animal", seconds=9).rows == ()  # a question is no answer
    page = drawn("tasks", answered, q="cow", said="yes")
    assert "1 to 1 of 1 task" in texts(page)


def test_the_files_hold_the_texts_of_what_is_asked_for(answered):
    index = plain_index(evidence_of(answered))
    wanted = TaskFilter(contenders=("B",), statuses=("failed",))
    lines = [json.loads(line) for line in tasks.attempts_jsonl(index, wanted).decode().splitlines()]
    assert [(one["task"], one["trial"]) for one in lines] == [("one", 0), ("one", 1), ("two", 0), ("two", 1)]
    assert lines[0]["answer"] == "dog"
    assert lines[0]["reason"] == "expected 'cat', found 'dog'"
    assert lines[2]["asked"] == "which animal, two?"
    assert tasks.attempts_csv(index, wanted, texts=True)[0].splitlines()[0].endswith(b"asked,expected,answer,reason")


def test_the_files_hold_what_was_expected_where_that_is_on_record(answered):
    index = plain_index(evidence_of(answered))

    def expected(**asked):
        lines = tasks.attempts_jsonl(index, TaskFilter(**asked)).decode().splitlines()
        return {(one["task"], one["expected"]) for one in map(json.loads, lines)}

    assert expected() == {("one", "cat"), ("two", "cat"), ("three", None)}
    assert expected(contenders=("A",)) == expected()  # A passed, so it is what others' reasons say


@pytest.mark.parametrize(
    ("reason", "said"),
    [("expected 'V7 L6', found 'L6 L6'", "V7 L6"), ("expected NOINFO, found REFUTE", "NOINFO"), ("malformed", None),
     ("name: expected 'a', found 'b'", None), (f"expected '{'a' * 60} … {'b' * 15}', found 'c'", None)],
)  # fmt: skip
def test_a_reason_says_what_was_expected_only_as_a_whole(reason, said):
    assert expected_in(reason) == said


def test_a_file_is_called_by_what_was_asked_for():
    assert tasks.words_of(TaskFilter(split="test")) == []
    assert tasks.words_of(TaskFilter(contenders=("tuned",), statuses=("failed",))) == ["tuned", "failed"]
    assert tasks.words_of(TaskFilter(flipped=("a", "b", "lost"), split="dev")) == ["dev", "a-b-flips"]
    many = TaskFilter(contenders=("a", "b", "c"), domains=("d",))
    assert tasks.words_of(many) == ["a", "b", "c", "and-more"]


def test_broken_transcripts_are_told_and_the_rest_is_shown(answered):
    (answered / "transcripts.parquet").write_bytes(b"PAR1 broken")
    page = drawn("tasks", answered, task=short(answered, "one"))
    assert "Answers are not shown" in texts(page)
    assert answers(page)[0][:3] == ["A", "passed", "cat"]


def test_a_table_of_labels_counts_each_pair_and_leads_to_its_tasks(answered):
    page = drawn("tasks", answered, cm="B")
    (body,) = [body for body in bodies(page) if "Labels expected" in body]
    cells = re.findall(r"<td[^>]*>.*?</td>", body)
    assert [re.sub(r"<[^>]*>", "", cell) for cell in cells] == ["2"]
    link = html.unescape(re.search(r'href="([^"]*)"', cells[0])[1])
    assert "who=B&suite=s&label=cat&given=dog" in link
    assert "1 to 1 of 1 task" in texts(drawn("tasks", answered, who="B", suite="s", label="cat", given="dog"))


def test_a_failed_rule_leads_to_the_tasks_behind_it():
    v = SimpleNamespace(candidate="B", baseline="A", candidate_report="r", baseline_report="r")
    lost = history._behind(v, "r", Reason(rule="critical:shop", holds=False, text=""))
    assert lost == "?page=Tasks&report=r&flipped=only+the+second+passed&a=B&b=A&domain=shop"
    v.baseline_report = "main"
    failed = history._behind(v, "r", Reason(rule="non_inferior", holds=False, text=""))
    assert failed == "?page=Tasks&report=r&who=B&status=failed"
    assert history._behind(v, "r", Reason(rule="non_inferior", holds=True, text="")) == ""
    assert history._behind(v, "r", Reason(rule="tries", holds=False, text="")) == ""


def test_many_domains_are_turned_a_page_at_a_time_those_that_differ_most_first(make_report):
    rows = [{"contender": c, "task": f"{d}-{k}", "domain": f"d{d:03}", "suite": "s",
             "status": "failed" if c == "B" and d == 97 else "passed"}
            for d in range(230) for k in range(2) for c in "AB"]  # fmt: skip
    folder = make_report(rows)
    page = drawn("by_domain", folder)
    heat = next(body for body in bodies(page) if '<table class="heat">' in body)
    names = re.findall(r'<th scope="row"[^>]*><?[^<]*>?(?:<code>)?(d\d+)', heat)
    assert (names[0], len(names)) == ("d097", 200)
    assert "page=Tasks" in heat
    assert "domain=d097" in heat
    last = next(body for body in bodies(drawn("by_domain", folder, dp="2")) if '<table class="heat">' in body)
    assert "d229" in last
