"""The page of tasks: what is found and shown is what the tables and other commands say; others' texts are text."""

import csv
import html
import io
import json
import re
from types import SimpleNamespace
from urllib.parse import parse_qs

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from app_page import bodies, drawn, table, texts
from streamlit.testing.v1 import AppTest

from harness.analysis.task_views import LONGEST
from harness.cli.entry import main
from harness.core import UNKNOWN
from harness.report.choice_tables import plain_threshold
from harness.report.html_parts import html_table
from harness.report.pages import open_task, tasks
from harness.report.pages.loading import evidence_of, plain_index
from harness.report.pages.task_names import label_of, labels, meant, places_of
from harness.report.task_tables import (
    FAILED,
    LOST,
    MIXED,
    PARTIAL,
    PASSED,
    attempts_table,
    confidence_text,
    result_cell,
    score_text,
)
from harness.store import (
    PARTLY,
    InputSearch,
    Outcomes,
    TaskCell,
    attempt_of,
    count_results,
    import_table,
    keep_metadata,
    matching_rows,
    parse_mapping,
)

HOSTILE = '<img src=x onerror=alert(1)>![x](http://e.example) :red[a]\u202e"'
KEY = "sk-abcdefghij0123456789"


@pytest.fixture
def conversations(make_report):
    """A hybrid and a plain contender at two tasks, with transcripts and calls."""
    rows = [
        {"contender": "hybrid", "task": "one", "status": "failed", "cause": "wrong", "attempt_id": "h1",
         "label_true": "cat", "label_predicted": "dog", "served_by": "big"},
        {"contender": "plain", "task": "one", "status": "passed", "attempt_id": "p1", "label_true": "cat",
         "label_predicted": "cat"},
        {"contender": "hybrid", "task": "two", "status": "errored", "cause": "network", "attempt_id": "h2"},
        {"contender": "plain", "task": "two", "status": "skipped", "attempt_id": "p2"},
    ]  # fmt: skip
    folder = make_report([{"suite": "s", **row} for row in rows], {"complete": True})
    outcomes = pq.read_table(folder / "outcomes.parquet")
    outcomes = outcomes.append_column("escalated", pa.array([True, None, None, None], pa.bool_()))
    pq.write_table(outcomes, folder / "outcomes.parquet")

    def said(question, *answers):
        return json.dumps([{"role": "user", "content": question},
                           *({"role": "assistant", "content": answer} for answer in answers)])  # fmt: skip

    replies = [{"request": "r1", "reply": {"text": "first guess"}}, {"request": "r2", "reply": {"text": "dog"}}]
    kept = [
        {"attempt_id": "h1", "messages": said("which animal purrs?", f"dog {HOSTILE} {KEY}"),
         "reason": "expected cat, found dog", "replies": json.dumps(replies)},
        {"attempt_id": "p1", "messages": said("which animal purrs?", "c" * (LONGEST + 5)), "reason": "", "replies": ""},
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(kept), folder / "transcripts.parquet")
    calls = [
        {"attempt_id": "h1", "role": "worker", "model": "small", "adapter": None, "input_tokens": 1234,
         "cached_input_tokens": 56, "output_tokens": 7, "reasoning_tokens": 0, "cost_usd": 0.0123, "latency_s": 0.5,
         "retries": 2, "request_digest": "r1", "error": None},
        {"attempt_id": "h1", "role": "expert", "model": HOSTILE, "adapter": "abcdef0123456789", "input_tokens": 99,
         "cached_input_tokens": None, "output_tokens": 3, "reasoning_tokens": 11, "cost_usd": 0.25, "latency_s": 2.0,
         "retries": 0, "request_digest": "r2", "error": None},
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(calls), folder / "calls.parquet")
    return folder


def many(names="AB", tasks_=60):
    return [{"contender": name, "task": f"t{i:02}", "status": "failed" if (i + len(name)) % 3 == 0 else "passed",
             "suite": "s"} for name in names for i in range(tasks_)]  # fmt: skip


def short(folder, name):
    index = plain_index(evidence_of(folder))
    return places_of(evidence_of(folder)).names[index.task_names.to_pylist().index(name)]


# ------------------------------------------------------------------------------------------------------ what is found


def test_the_attempts_found_are_as_many_as_the_scoreboard_has(make_report, paired_rows, capsys):
    folder = make_report(paired_rows(40, 9, 5, 6))
    assert main(["show", str(folder), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    for contender in record["contenders"]:
        passes = round(contender["pass_rate"]["value"] * contender["n_tasks"])
        page = drawn("tasks", folder, who=contender["name"], status="passed")
        assert f"of {passes} tasks; {passes} attempts at them" in texts(page)


@pytest.mark.parametrize(("way", "direction"), [(tasks.WAYS[d], d) for d in ("lost", "gained")])
def test_the_flips_found_are_those_of_the_comparison(make_report, paired_rows, capsys, way, direction):
    folder = make_report(paired_rows(10, 4, 7, 3))
    assert main(["compare", str(folder), "A", "B", "--json"]) == 0
    flips = json.loads(capsys.readouterr().out)["flips"]
    _, *rows = table(drawn("tasks", folder, flipped=way, a="A", b="B"), "results")
    wanted = [flip["task"] for flip in flips if flip["direction"] == direction]
    assert sorted(row[0].split()[0] for row in rows) == sorted(wanted) != []
    assert {tuple(row[1:]) for row in rows} == {("failed", "passed") if direction == "lost" else ("passed", "failed")}


def test_the_same_contender_on_both_sides_is_told(make_report, paired_rows):
    page = drawn("tasks", make_report(paired_rows(2, 1, 1, 1)), flipped=tasks.WAYS["either"], a="A", b="A")
    assert "Choose two different ones" in page.info[0].value


@pytest.mark.parametrize(
    ("numbers", "text", "ground"),
    [
        ((1, 1, 0, 0), "passed", PASSED),
        ((0, 1, 0, 0), "failed", FAILED),
        ((2, 3, 0, 0), "2 of 3 passed", MIXED),
        ((3, 3, 1, 0), "3 of 3 passed, 1 errored", PASSED),
        ((0, 2, 0, 1), "0 of 2 passed, 1 not finished", FAILED),
        ((0, 0, 1, 0), "errored", LOST),
        ((0, 0, 2, 1), "2 errored, 1 not finished", LOST),
        ((0, 0, 0, 1), "not finished", ""),
        ((0, 0, 0, 0), "-", ""),
        ((0, 1, 0, 0, 1, 0.42), "partly passed, 0.42", PARTIAL),
        ((1, 3, 0, 0, 1, 0.5), "1 of 3 passed, 1 partly", PARTIAL),
        ((0, 2, 1, 0, 2, 0.5), "0 of 2 passed, 2 partly, 1 errored", PARTIAL),
    ],
)
def test_a_result_is_a_word_on_its_colour(numbers, text, ground):
    passed, graded, errored, skipped, partly, score = (*numbers, 0, None)[:6]
    cell = result_cell(
        TaskCell(contender="A", passed=passed, partly=partly, graded=graded, score=score, errored=errored, ungraded=0,
                 skipped=skipped, escalated=0)
    )  # fmt: skip
    assert (cell.text, cell.ground) == (text, ground)


@pytest.fixture
def partial(make_report):
    """One contender at six tasks: two passed in part, as an imported table of scores has them."""
    scores = [0.42, 0.9996, 0.0, 1.0, None, None]
    statuses = ["failed", "failed", "failed", "passed", "errored", "failed"]
    rows = [{"contender": "A", "task": f"t{i}", "status": status, "suite": "s", "attempt_id": f"a{i}"}
            for i, status in enumerate(statuses)]  # fmt: skip
    folder = make_report(rows)
    whole = pq.read_table(folder / "outcomes.parquet").drop_columns("passed")
    whole = whole.append_column("passed", pa.nulls(6, pa.bool_())).append_column("score", pa.array(scores))
    pq.write_table(whole, folder / "outcomes.parquet")
    return folder


def test_what_passed_in_part_is_shown_with_its_score_found_and_saved(partial):
    words = [row[1] for row in table(drawn("tasks", partial), "results")[1:]]
    assert words == ["partly passed, 0.42", "partly passed, 0.9996", "failed", "passed", "errored", "failed"]
    counts = count_results(partial)["A"]
    for result in (PARTLY, "failed", "passed"):
        assert f"of {counts[result]} task" in texts(drawn("tasks", partial, status=result))
    page = drawn("tasks", partial, task="t0", status=PARTLY)
    assert page.multiselect(key="status").options == ["passed", PARTLY, "failed", "errored"]
    assert table(page, "attempts square")[1][2] == table(page, "facts")[1][1] == "partly passed, 0.42"
    index = plain_index(evidence_of(partial))
    data, _ = tasks.attempts_csv(index, tasks.TaskFilter(statuses=(PARTLY,)))
    saved = [(row["status"], row["result"], row["score"]) for row in csv.DictReader(io.StringIO(data.decode()))]
    assert saved == [("failed", PARTLY, "0.42"), ("failed", PARTLY, "0.9996")]


@pytest.mark.shared
def test_the_partial_scores_of_real_data_are_so_many(shared_data, tmp_path):
    import pandas as pd

    source = shared_data / "livecodebench.parquet"
    import_table(source, tmp_path / "r", parse_mapping(["contender=system", "task=task_id"]))
    score = pd.read_parquet(source, columns=["score"]).score
    index = Outcomes(tmp_path / "r")
    found = {
        word: len(matching_rows(index, tasks.TaskFilter(statuses=(word,)))) for word in ("passed", PARTLY, "failed")
    }
    assert found == {"passed": (score == 1).sum(), PARTLY: ((score > 0) & (score < 1)).sum(),
                     "failed": (score == 0).sum()}  # fmt: skip


def test_no_part_reads_as_all_or_nothing():
    assert [score_text(score) for score in (0.42, 1 / 3, 0.9999, 0.00001)] == ["0.42", "0.333", "0.9999", "1e-05"]


def test_a_page_holds_25_tasks_and_stands_in_the_address(make_report):
    folder = make_report(many())
    assert "1 to 25 of 60 tasks" in texts(drawn("tasks", folder))
    page = drawn("tasks", folder, at="3")
    assert "51 to 60 of 60 tasks" in texts(page)
    assert [row[0].split()[0] for row in table(page, "results")[1:]] == [f"t{i}" for i in range(50, 60)]
    for beyond in ("4", "0", "-1", "x", "9" * 30):
        assert "1 to 25 of 60 tasks" in texts(drawn("tasks", folder, at=beyond))


def test_another_filter_starts_on_its_first_page(make_report):
    page = drawn("tasks", make_report(many()), at="2")
    assert "26 to 50 of 60 tasks" in texts(page)
    page.multiselect(key="status").select("failed").run()
    assert re.search(r" 1 to 20 of 20 tasks", texts(page))


def test_the_part_that_is_shown_holds_for_tasks_and_attempts(make_report):
    rows = [{"contender": "A", "task": f"{split}{i}", "split": split, "status": "passed", "suite": "s"}
            for split in ("dev", "test") for i in range(3)]  # fmt: skip
    folder = make_report(rows)

    def script(report):
        from pathlib import Path

        from harness.report.pages.loading import Shown, evidence_of
        from harness.report.pages.tasks import page
        from harness.report.vega import DAY

        page(Shown(chosen=(evidence_of(Path(report), "dev"),), theme=DAY))

    page = AppTest.from_function(script, args=(str(folder),), default_timeout=60)
    page.query_params["task"] = short(folder, "test1")
    page.run()
    assert not page.exception
    assert [row[0].split()[0] for row in table(page, "results")[1:]] == ["dev0", "dev1", "dev2"]
    assert page.info[0].value.startswith("No attempt at it is in the part of the suites that is shown")
    assert "1 to 3 of 3 tasks in the dev part of the suites; 3 attempts at them" in texts(page)
    assert plain_index(evidence_of(folder, "test")) is plain_index(evidence_of(folder, "dev"))


def test_counts_and_filters_are_of_the_part_that_is_shown(make_report):
    rows = [{"contender": "A", "task": f"{split}{i}", "split": split, "status": status, "suite": "s", "domain": split,
             "attempt_id": f"{split}{i}"} for split, status in (("dev", "errored"), ("test", "passed"))
            for i in range(3)]  # fmt: skip
    folder = make_report(rows)
    said = json.dumps([{"role": "user", "content": "lamp"}])
    kept = [{"attempt_id": row["attempt_id"], "messages": said, "reason": "", "replies": ""} for row in rows]
    pq.write_table(pa.Table.from_pylist(kept), folder / "transcripts.parquet")

    def script(report):
        from pathlib import Path

        from harness.report.pages.loading import Shown, evidence_of
        from harness.report.pages.tasks import page
        from harness.report.vega import DAY

        page(Shown(chosen=(evidence_of(Path(report), "test"),), theme=DAY))

    page = AppTest.from_function(script, args=(str(folder),), default_timeout=60)
    page.query_params["q"], page.query_params["asked"] = "lamp", "yes"
    page.run()
    assert not page.exception
    assert "The inputs of 3 tasks were searched." in texts(page)
    assert "1 to 3 of 3 tasks in the test part" in texts(page)
    assert {box.key for box in page.multiselect} == set()  # one suite, one domain, one result: nothing to choose


def test_nothing_found_says_so(make_report):
    page = drawn("tasks", make_report(many()), q="nowhere \u202e")
    assert "No task is as asked for." in texts(page)
    assert page.selectbox(key="task").options == []


def test_inputs_are_searched_when_asked_and_the_note_says_how_many(conversations, monkeypatch):
    assert "No task is as asked for." in texts(drawn("tasks", conversations, q="purrs"))
    page = drawn("tasks", conversations, q="PURRS", asked="yes")
    assert "The inputs of 1 task were searched; of 1 there is no transcript." in texts(page)
    assert [row[0].split()[0] for row in table(page, "results")[1:]] == ["one"]

    def slow(index, text, so_far=None, *, split=None, seconds):
        found = InputSearch(tasks=(), searched=0, of=2, next=1)
        return found if so_far is None else InputSearch(tasks=(0,), searched=2, of=2, next=None)

    monkeypatch.setattr(tasks, "search_inputs", slow)
    page = drawn("tasks", conversations, q="purr", asked="yes")
    assert "Of 2 tasks the inputs of 0 were searched so far." in texts(page)
    page.button(key="search-on").click().run()
    assert "The inputs of 2 tasks were searched." in texts(page)
    assert [row[0].split()[0] for row in table(page, "results")[1:]] == ["one"]


def test_a_run_that_is_not_done_is_told(make_report):
    stopped = {"complete": False, "planned": 500, "done": 120, "stopped_because": "budget"}
    page = drawn("tasks", make_report(many(), manifest=stopped))
    (said,) = [body for body in bodies(page) if 'class="loud"' in body]
    assert "120 of 500" in said
    assert "1 to 25 of 60 tasks" in texts(page)


def test_a_search_of_inputs_is_not_offered_where_none_were_kept(make_report):
    page = drawn("tasks", make_report(many()))
    assert [box.label for box in page.checkbox] == []


# --------------------------------------------------------------------------------------------------- one that is open


def test_an_open_task_shows_what_the_tables_hold(conversations):
    page = drawn("tasks", conversations, task=short(conversations, "one"), left="hybrid")
    said = texts(page)
    facts = {row[0]: row[1] for row in table(page, "facts")}
    assert facts["result"] == "failed"
    assert (facts["label expected"], facts["label given"]) == ("cat", "dog")
    assert facts["escalation"] == "Escalated; big answered."
    assert "expected cat, found dog" in said
    assert "which animal purrs?" in said
    assert "first guess" in said
    assert KEY not in " ".join(bodies(page))
    head, *rows = table(page, "calls")
    calls = pq.read_table(conversations / "calls.parquet").to_pylist()
    names = {"input": "input_tokens", "cached input": "cached_input_tokens", "output": "output_tokens",
             "reasoning": "reasoning_tokens", "retries": "retries"}  # fmt: skip
    for call, row in zip(calls, rows, strict=True):
        shown = dict(zip(head, row, strict=True))
        for word, name in names.items():
            assert shown[word] == ("-" if call[name] is None else f"{call[name]:,}")
    assert [row[head.index("cost")] for row in rows] == ["$0.0123", "$0.250"]
    assert [row[head.index("latency")] for row in rows] == ["500 ms", "2.00 s"]
    assert [row[0] for row in rows] == ["1. worker", "2. expert"]


def test_two_stand_side_by_side_and_the_question_once_above(conversations):
    page = drawn("tasks", conversations, task=short(conversations, "one"), left="plain", right="hybrid")
    assert [body for body in bodies(page) if "<h3>" in body] == ["<h3>plain</h3>", "<h3>hybrid</h3>"]
    assert sum('<table class="facts">' in body for body in bodies(page)) == 2
    assert sum("<h2>Question</h2>" in body for body in bodies(page)) == 1
    assert len(page.get("download_button")) == 5


def test_a_long_answer_is_cut_and_is_whole_in_the_download(conversations):
    page = drawn("tasks", conversations, task=short(conversations, "one"), left="plain")
    assert f"the start of {LONGEST + 5:,} characters; the whole is in the download" in texts(page)
    index = Outcomes(conversations)
    assert open_task.whole_text(index, attempt_of(index, "p1")).count(b"c") >= LONGEST + 5
    whole = open_task.whole_text(index, attempt_of(index, "h1")).decode()
    assert "which animal purrs?" in whole
    assert "[secret]" in whole
    assert KEY not in whole
    assert "\\u202e" in whole
    assert "\u202e" not in whole


def test_what_is_missing_is_said_and_no_error(conversations, make_report):
    opened = drawn("tasks", conversations, task=short(conversations, "two"), left="plain")
    assert "No explanation from the grader: it was not finished." in texts(opened)
    (conversations / "transcripts.parquet").write_bytes(b"PAR1 broken")
    (conversations / "calls.parquet").unlink()
    broken = texts(drawn("tasks", conversations, task=short(conversations, "one"), left="hybrid"))
    assert "not a readable Parquet file" in broken
    assert "the report holds no calls" in broken
    bare = make_report(many(tasks_=2), name="bare")
    said = texts(drawn("tasks", bare, task=short(bare, "t01")))
    assert "no attempt_id" in said


def test_a_task_is_named_alike_in_every_order_of_the_file(make_report):
    rows = many()
    first = make_report(rows, name="first")
    again = make_report(rows[::-1], name="again")
    assert short(first, "t07") == short(again, "t07")
    assert label_of(plain_index(evidence_of(first)), places_of(evidence_of(first)), 7) == "t07"
    for label in ("t07", f"t07 ({short(first, 't07')})", short(first, "t07")):
        for folder, place in ((first, 7), (again, 59 - 7)):
            index, places = plain_index(evidence_of(folder)), places_of(evidence_of(folder))
            assert meant(index, places, label)[0] == (place,)
    assert len(set(places_of(evidence_of(first)).names)) == 60
    assert drawn("tasks", again, task=label).selectbox(key="task").value == label


def test_an_address_of_no_task_says_so_as_text(make_report):
    page = drawn("tasks", make_report(many()), task=HOSTILE)
    assert "There is no task" in texts(page)
    assert all("<img" not in body for body in bodies(page))


@pytest.fixture
def named(make_report):
    rows = [{"contender": "A", "task": name, "suite": suite, "suite_digest": suite, "status": "passed"}
            for suite, name in [("mail", "alpha"), ("shop", "alpha"), ("mail", "beta-1"), ("mail", "beta-12"),
                                ("mail", "Gamma"), ("mail", "odd\u202e")]]  # fmt: skip
    return make_report(rows)


@pytest.mark.parametrize(
    ("typed", "opened", "said"),
    [
        ("beta-1", "beta-1", "One task has this name"),
        (" gamma ", "Gamma", "One task has this name, but for capital letters"),
        ("TA-12", "beta-12", "One task has this in the name"),
        ("odd\\u202e", "odd\\u202e", "One task has this in the name"),
        ("alpha", ["alpha mail", "alpha shop"], "2 tasks have this name"),
        ("bet", ["beta-1 mail", "beta-12 mail"], "2 tasks have this in the name"),
        ("delta", None, "There is no task"),
        (" ", None, "There is no task"),
    ],
)
def test_a_task_is_opened_by_what_people_call_it(named, typed, opened, said):
    page = drawn("tasks", named, task=typed)
    assert said in " ".join(texts(page).split())
    lead = [body for body in bodies(page) if 'class="task"' in body]
    if isinstance(opened, str):
        assert f'<h1 class="task"><code>{opened}</code>' in lead[0]
        return
    assert lead == []
    if opened:
        assert [f"{row[0]} {row[1]}" for row in table(page, "named")[1:]] == opened


def test_of_tasks_of_one_name_that_of_the_part_shown_is_meant(make_report):
    rows = [{"contender": "A", "task": f"{split}-x", "suite": "s", "split": split, "status": "passed"}
            for split in ("dev", "test")]  # fmt: skip
    folder = make_report(rows)
    index, places = plain_index(evidence_of(folder)), places_of(evidence_of(folder))
    assert meant(index, places, "-x", "test")[0] == (1,)
    assert meant(index, places, "\ud800")[0] == ()
    assert len(meant(index, places, "-x", "all")[0]) == 2


def links(page):
    return [html.unescape(link) for body in bodies(page) for link in re.findall(r'<a href="([^"]*)"', body)]


def test_a_row_leads_to_its_task_and_keeps_what_was_asked(make_report):
    folder = make_report(many())
    found = [link for link in links(drawn("tasks", folder, who="A", status="failed", q="t")) if "task=" in link]
    assert len(found) == 20
    asked = parse_qs(found[3][1:])
    name = table(drawn("tasks", folder, who="A", status="failed", q="t"), "results")[4][0].split()[0]
    assert asked == {
        "page": ["Tasks"],
        "q": ["t"],
        "who": ["A"],
        "status": ["failed"],
        "task": [short(folder, name)],
    } | {"flipped": ["any"]}
    page = drawn("tasks", folder, **{key: values[0] for key, values in asked.items() if key != "page"})
    assert f'<h1 class="task"><code>{name}</code>' in " ".join(bodies(page))
    assert "1 to 20 of 20 tasks" in texts(page)
    assert page.selectbox(key="task").options[0] == name


def test_a_link_is_of_our_own_making_whatever_a_task_is_called(make_report):
    names = ['"><script>alert(1)</script>', "javascript:alert(1)", "//e.example/?task=x", "?page=Money", "\u202eexe"]
    folder = make_report([{"contender": "A", "task": name, "suite": "s", "status": "failed"} for name in names])
    for page in (drawn("tasks", folder), drawn("tasks", folder, task="e")):
        found = links(page)
        assert len(found) >= 5
        assert all(re.fullmatch(r"\?page=Tasks(&[a-z]+=[a-z]+)*&task=[0-9a-f]{12}", link) for link in found)
        assert not any("<script" in body or "\u202e" in body for body in bodies(page))


def test_a_trial_is_chosen_where_there_are_several(make_report):
    rows = [{"contender": "A", "task": "t", "trial": k, "suite": "s", "status": "passed" if k else "failed"}
            for k in range(3)]  # fmt: skip
    folder = make_report(rows)
    task = short(folder, "t")
    assert table(drawn("tasks", folder, task=task), "facts")[1] == ["result", "failed"]
    page = drawn("tasks", folder, task=task, trial="2")
    assert table(page, "facts")[1] == ["result", "passed"]
    assert table(page, "results")[1][1] == "2 of 3 passed"


# ---------------------------------------------------------------------------------------------------- texts of others


def test_hostile_names_reach_no_place_where_they_are_rendered(make_report):
    rows = [{"contender": f"{HOSTILE}{c}", "task": f"{HOSTILE}{t}", "domain": f"{HOSTILE}d{t}", "suite": HOSTILE,
             "status": "failed", "cause": f"{HOSTILE}{t}", "label_true": HOSTILE, "label_predicted": HOSTILE}
            for c in range(2) for t in range(3)]  # fmt: skip
    folder = make_report(rows)
    task = places_of(evidence_of(folder)).names[0]
    page = drawn("tasks", folder, task=task, right=f"{HOSTILE}1")
    assert len(table(page, "attempts square")) == 3
    assert all("<img" not in body and "\u202e" not in body for body in bodies(page))
    rendered = [*page.caption, *page.markdown, *page.info, *page.title, *page.header]
    assert not any("e.example" in element.value for element in rendered)
    widgets = [*page.selectbox, *page.multiselect, *page.text_input, *page.expander]
    assert not any("e.example" in widget.label for widget in widgets)
    options = [option for box in (*page.selectbox, *page.multiselect) for option in box.options]
    assert any("e.example" in option for option in options)
    assert not any("\u202e" in option for option in options)


def test_names_that_look_alike_are_told_apart():
    assert labels(["a\u200b", "a\\u200b", "a"]) == {"a\u200b": "a\\u200b", "a\\u200b": "a\\u200b (2)", "a": "a"}


def test_the_file_holds_the_attempts_found(make_report, monkeypatch):
    folder = make_report(many())
    monkeypatch.setattr(tasks, "MOST_SAVED", 10)
    page = drawn("tasks", folder)
    (button,) = page.get("download_button")
    assert button.proto.label == "The first 10 of these attempts (CSV)"
    index = plain_index(evidence_of(folder))
    data, note = tasks.attempts_csv(index, tasks.TaskFilter(contenders=("A",)), 10)
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert [row["task"] for row in rows] == [f"t{i:02}" for i in range(10)]
    assert note == "The first 10 of 60 attempts."


def test_a_confidence_has_the_digits_that_tell_it_from_a_threshold():
    point = SimpleNamespace(threshold=0.9993378939522466)
    assert confidence_text(0.9992526712671452) == "0.999253"
    assert plain_threshold(point) == "0.999338"
    row = SimpleNamespace(contender="hybrid", trial=0, result="passed", score=1.0, cause=None, label_true=None,
                          label_predicted=None, confidence=0.9992526712671452, escalated=True, cost_usd=None,
                          latency_s=None, seed=None)  # fmt: skip
    assert ">0.999253<" in html_table(attempts_table([row]))
    assert confidence_text(0.99999991) == "0.99999991"
    shown = [confidence_text(value) for value in (None, 1.0, 0.5, 0.0, -3.25, 1e-7, float("nan"))]
    assert shown == [UNKNOWN, "1", "0.5", "0", "-3.25", "0.0000001", "nan"]


def test_lists_of_tasks_are_as_long_as_they_say_and_one_click_away(make_report):
    rows = [{"contender": name, "task": f"t{i:02}", "status": status, "suite": "s"}
            for i in range(12) for name, status in zip("ABC", ("passed" if i < 5 else "failed",
            "passed" if i < 7 else "failed", "errored" if i == 11 else "passed" if i < 4 else "failed"),
            strict=True)]  # fmt: skip
    folder = make_report(rows)
    (said,) = [body for body in bodies(drawn("tasks", folder)) if 'class="lists"' in body]
    assert re.findall(r">([a-z ]+: \d+)<", said) == ["all failed: 5", "all passed: 4", "they differ: 3"]
    for link, count in zip(re.findall(r'href="([^"]*)"', said), (5, 4, 3), strict=True):
        asked = {key: values[0] for key, values in parse_qs(html.unescape(link)[1:]).items() if key != "page"}
        assert f"of {count} tasks; {3 * count} attempts" in texts(drawn("tasks", folder, **asked))


def test_the_slowest_and_the_most_expensive_stand_first(make_report):
    rows = [{"contender": name, "task": f"t{i}", "status": "passed", "suite": "s", "latency_s": 1.0 + (7 * i) % 5,
             "cost_usd": None if i == 2 else 0.1 * i * (1 + 10 * (name == "B" and i == 1))}
            for i in range(5) for name in "AB"]  # fmt: skip
    folder = make_report(rows)

    def order(**asked):
        return "".join(row[0].split()[0][1:] for row in table(drawn("tasks", folder, **asked), "results")[1:])

    assert order() == "01234"
    assert order(order="slowest first") == "24130"
    assert order(order="most expensive first") == "14302"  # what is not known comes last
    assert order(order="most expensive first", who="A") == "43102"
    page = drawn("tasks", folder)
    assert "most output tokens first" not in page.selectbox(key="order").options


def test_contenders_are_turned_to_a_page_at_a_time(make_report):
    folder = make_report(many([f"c{i:02}" for i in range(45)], tasks_=2))
    seen = [name for page in "123" for name in table(drawn("tasks", folder, wp=page), "results")[0][1:]]
    assert seen == [f"c{i:02}" for i in range(45)]
    assert "Contenders 21 to 40 of 45" in texts(drawn("tasks", folder, wp="2"))


def test_tasks_are_filtered_by_their_metadata_and_the_address_says_so(make_report):
    rows = [{**row, "task_digest": f"d-{row['task']}"} for row in many(tasks_=6)]
    folder = make_report(rows)
    keep_metadata(folder, [(f"d-t{i:02}", {"level": "hard" if i % 2 else HOSTILE}) for i in range(6)])
    page = drawn("tasks", folder, meta="level=hard", who="A")
    assert "1 to 3 of 3 tasks; 3 attempts" in texts(page)
    assert "Metadata: level=hard" in texts(page)
    assert parse_qs(links(page)[-1][1:])["meta"] == ["level=hard"]
    assert "1 to 6 of 6 tasks" in texts(page.multiselect(key="meta").set_value([]).run())
    said = " ".join(bodies(drawn("tasks", folder, meta="level=none")))
    assert "meta=level=none, which is not here" in said
    assert "<img" not in said


def test_a_link_may_name_what_a_long_list_does_not_offer(make_report, monkeypatch):
    monkeypatch.setattr(tasks, "MOST_OPTIONS", 3)
    rows = [{"contender": "A", "task": f"t{i}", "domain": f"d{i}", "status": "failed"} for i in range(9)]
    page = drawn("tasks", make_report(rows), domain="d7")
    assert "1 to 1 of 1 task" in texts(page)
    assert page.multiselect(key="domain").options == ["d0", "d1", "d2", "d7"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"who": "nobody", "status": "failed"}, "who=nobody"), ({"domain": "x"}, "domain=x"),
     ({"meta": "k=v"}, "meta=k=v"), ({"agree": "perhaps"}, "agree=perhaps"),
     ({"escalated": "perhaps"}, "escalated=perhaps"),
     ({"flipped": tasks.SIDES[0], "a": "nobody", "b": "B"}, "a=nobody")],
)  # fmt: skip
def test_what_is_asked_for_and_is_not_here_finds_no_task_and_says_so(make_report, asked, said):
    page = drawn("tasks", make_report(many(tasks_=4)), **asked)
    assert f"The address asks for {said}, which is not here. " in texts(page) + " "
    assert "Shown instead" not in texts(page)
    assert "So no task is shown." in texts(page)
    assert not any('<table class="results">' in body for body in bodies(page))
    assert not page.get("download_button")
    out = parse_qs(html.unescape(re.search(r'href="([^"]*)"[^>]*>Show tasks without', " ".join(bodies(page)))[1])[1:])
    assert not {said.split("=")[0]} & {*out}
    assert {"status", "b"} & {*out} == {"status", "b"} & {*asked}


def test_of_several_that_are_asked_for_those_that_are_here_are_shown(make_report):
    page = drawn("tasks", make_report(many(tasks_=4)), who=["B", "nobody"])
    assert "who=nobody, which is not here." in texts(page)
    assert table(page, "results")[0] == ["task", "B"]
    page.multiselect(key="who").set_value(["B"]).run()
    assert "which is not here" not in texts(page)


def test_where_nothing_escalated_a_link_to_what_did_finds_nothing(make_report):
    assert "No task is as asked for." in texts(drawn("tasks", make_report(many("A", 4)), escalated="escalated"))


@pytest.mark.parametrize(
    ("asked", "opened"),
    [({"flipped": "only the second passed", "a": "B", "b": "A"}, "B"), ({"who": "B"}, "B"), ({}, "A"),
     ({"order": "failed by B first"}, "B"), ({"who": "B", "left": "A"}, "A")],
)  # fmt: skip
def test_the_attempt_in_full_is_of_the_contender_that_the_link_is_about(make_report, asked, opened):
    rows = [{"contender": name, "task": f"t{i}", "status": "failed" if name == "B" else "passed", "suite": "s"}
            for i in range(3) for name in "AB"]  # fmt: skip
    folder = make_report(rows)
    page = drawn("tasks", folder, task=short(folder, "t1"), **asked)
    assert page.selectbox(key="left").value == opened
