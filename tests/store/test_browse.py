"""Finding tasks and attempts: hand-made tables whose answers can be read off, and the comparison's own flips."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.analysis import pair, scoreboard
from harness.core import EvidenceError, UsageError, attempt_id
from harness.store import (
    PARTLY,
    Outcomes,
    TaskFilter,
    attempt_of,
    attempts_of,
    count_results,
    find_tasks,
    matching_rows,
    message_text,
    read_attempt_calls,
    read_inputs,
    read_outcome,
    search_inputs,
    words_found,
)
from harness.store.browse import attempt_rows
from harness.store.browse_records import input_text
from harness.store.columns import CALLS
from harness.store.outcomes import RESULTS
from harness.store.words import Words

TYPES = {"trial": pa.int32(), "passed": pa.bool_(), "escalated": pa.bool_(), "score": pa.float64(),
         "cost_usd": pa.float64(), "latency_s": pa.float64(), "confidence": pa.float64(),
         "skills_shown": pa.list_(pa.string()), "output_tokens": pa.int64()}  # fmt: skip


def row(contender, task, status="passed", **more):
    passed = {"passed": True, "failed": False}.get(status)
    name = f"t{task}" if isinstance(task, int) else task
    trial = more.get("trial", 0)
    return {"contender": contender, "task": name, "task_digest": f"td {name}", "suite": "s", "suite_digest": "sd",
            "domain": "d", "split": "test", "trial": trial, "status": status, "cause": None, "passed": passed,
            "attempt_id": attempt_id(contender, name, trial)} | more  # fmt: skip


def write(folder: Path, rows, name="outcomes.parquet", types=TYPES, **options):
    folder.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(key for one in rows for key in one))
    columns = {key: pa.array([one.get(key) for one in rows], types.get(key, pa.string())) for key in names}
    pq.write_table(pa.table(columns), folder / name, **options)
    return folder


def write_transcripts(folder, messages_by_id, **options):
    rows = [{"attempt_id": key, "messages": m if isinstance(m, str) else json.dumps(m), "reason": "", "replies": "[]"}
            for key, m in messages_by_id.items()]  # fmt: skip
    write(folder, rows, "transcripts.parquet", **options)


@pytest.fixture
def index(tmp_path):
    rows = [
        row("A", 0, domain="mail", label_true="Hardware", label_predicted="Hardware", cost_usd=0.5),
        row("A", 1, "failed", domain="mail", cause="wrong", label_true="x", label_predicted="Zürich"),
        row("A", 2, "errored", domain="shop", cause="network", split="dev"),
        row("B", 0, "failed", domain="mail", cause="malformed", escalated=True),
        row("B", 1, domain="mail", escalated=False),
        row("B", 2, "skipped", domain="shop", split="dev"),
        row("A", "Ünique.task", domain="shop", split=None),
    ]
    return Outcomes(write(tmp_path / "r", rows))


def attempts(index, **asked):
    return attempt_rows(index, matching_rows(index, TaskFilter(**asked)))


def names(page):
    return [one.task for one in page.rows]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["t0", "t1", "t2", "Ünique.task"]),
        ({"contenders": ["B"]}, ["t0", "t1", "t2"]),
        ({"statuses": ["failed"]}, ["t0", "t1"]),
        ({"statuses": ["failed"], "contenders": ["A"]}, ["t1"]),
        ({"causes": ["wrong", "network"]}, ["t1", "t2"]),
        ({"causes": ["wrong"], "contenders": ["B"]}, []),
        ({"domains": ["shop"]}, ["t2", "Ünique.task"]),
        ({"split": "dev"}, ["t2"]),
        ({"split": "test"}, ["t0", "t1", "Ünique.task"]),
        ({"escalated": True}, ["t0"]),
        ({"escalated": False}, ["t1"]),
        ({"text": "T1"}, ["t1"]),
        ({"text": "ÜNIQUE."}, ["Ünique.task"]),
        ({"text": "."}, ["Ünique.task"]),
        ({"text": "SHO"}, ["t2", "Ünique.task"]),
        ({"text": "hardw"}, ["t0"]),
        ({"text": "zür"}, ["t1"]),
        ({"text": "malform"}, ["t0"]),
        ({"text": "nowhere"}, []),
        ({"text": "\ud800"}, []),
        ({"text": "(["}, []),
        ({"text": "nowhere", "inputs": (2,)}, ["t2"]),
        ({"flipped": ("A", "B", "gained")}, ["t0"]),
        ({"flipped": ("A", "B", "lost")}, ["t1"]),
        ({"flipped": ("A", "B", "either"), "text": "t0"}, ["t0"]),
    ],
)
def test_what_is_asked_for_is_found(index, asked, found):
    page = find_tasks(index, TaskFilter(**asked))
    assert names(page) == found
    assert page.total == len(found)
    assert page.attempts == len(attempts(index, **asked))
    assert {one.task for one in attempts(index, **asked)} == set(found)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"contenders": ["C"]}, "no contender 'C'"),
        ({"domains": ["mial"]}, "mail"),
        ({"causes": ["budget"]}, "no cause"),
        ({"split": "train"}, "no split 'train'"),
        ({"flipped": ("A", "C", "lost")}, "no contender 'C'"),
        ({"flipped": ("A", "B", "up")}, "lost, gained, either"),
    ],
)
def test_what_the_report_does_not_have_is_named(index, asked, problem):
    with pytest.raises(UsageError, match=problem):
        find_tasks(index, TaskFilter(**asked))


def test_pages_lie_side_by_side(index):
    pages = [names(find_tasks(index, offset=start, limit=3)) for start in (0, 3, 6)]
    assert pages == [["t0", "t1", "t2"], ["Ünique.task"], []]
    with pytest.raises(UsageError, match="less than 0"):
        find_tasks(index, offset=-1)


def test_cells_count_what_became_of_the_trials(tmp_path):
    rows = [row("A", 0, s, trial=k) for k, s in enumerate(["passed", "failed", "errored", "ungraded", "skipped"])]
    rows += [row("A", 0, "passed", trial=0), row("B", 0, "passed", score=0.25, passed=None)]
    index = Outcomes(write(tmp_path, rows))
    (found,) = find_tasks(index).rows
    a, b = found.cells
    assert (a.contender, a.passed, a.graded, a.errored, a.ungraded, a.skipped) == ("A", 1, 2, 1, 1, 1)
    assert (b.passed, b.partly, b.graded, b.score) == (0, 1, 1, 0.25)
    assert (a.partly, a.score) == (0, 0.5)
    assert [one.repeated for one in attempts_of(index, found.key) if one.contender == "A"] == [
        False,
        True,
        False,
        False,
        False,
        False,
    ]
    (only,) = find_tasks(index, TaskFilter(contenders=("B",))).rows
    assert [cell.contender for cell in only.cells] == ["B"]


@pytest.fixture
def partial(tmp_path):
    """Scores in the place of passes; what is known to have passed or not counts so, whatever its score."""
    rows = [
        row("A", 0, "failed", passed=None, score=0.42, cause="partial"),
        row("A", 1, "passed", passed=None, score=0.75, split="dev"),
        row("A", 2, "failed", passed=None, score=0.0),
        row("A", 3, "passed", passed=None, score=1.0),
        row("A", 4, "failed", passed=False, score=0.5),
        row("A", 5, "passed", passed=True, score=0.5),
        row("A", 6, "failed", passed=None, score=None),
        row("A", 7, "errored", score=0.5),
    ]
    return write(tmp_path / "p", rows)


def test_what_passed_in_part_is_neither_passed_nor_failed(partial):
    index = Outcomes(partial)
    of = {word: names(find_tasks(index, TaskFilter(statuses=[word]))) for word in (*RESULTS[:2], PARTLY)}
    assert of == {"passed": ["t3", "t5"], "failed": ["t2", "t4", "t6"], PARTLY: ["t0", "t1"]}
    assert [(one.status, one.result) for one in attempts(index, statuses=[PARTLY])] == [
        ("failed", PARTLY),
        ("passed", PARTLY),
    ]
    cells = [one.cells[0] for one in find_tasks(index).rows]
    assert [(c.passed, c.partly, c.graded) for c in cells[:2]] == [(0, 1, 1)] * 2
    # the rate of the statistics is the mean of the cells' scores
    (score,) = scoreboard(partial, split="all").contenders
    graded = [c.score for c in cells if c.score is not None]
    assert sum(graded) / len(graded) == pytest.approx(score.pass_rate.value) == pytest.approx((0.42 + 0.75 + 2) / 7)


def test_results_are_counted_as_they_are_filtered(partial):
    index = Outcomes(partial)
    counts = count_results(partial)["A"]
    assert counts == {word: len(attempts(index, statuses=[word])) for word in RESULTS}
    assert counts == {"passed": 2, "failed": 3, "ungraded": 0, "errored": 1, "skipped": 0, PARTLY: 2}


def test_a_filter_offers_what_the_part_of_the_suites_has(partial, index):
    assert words_found(Outcomes(partial), "dev")["result"] == (PARTLY,)
    assert words_found(index, "dev") == {"suite": ("s",), "domain": ("shop",), "result": ("errored", "skipped"),
                                         "cause": ("network",), "label_true": (), "label_predicted": ()}  # fmt: skip
    assert words_found(index, "test")["cause"] == ("wrong", "malformed")


def test_an_attempt_is_known_by_its_id_and_its_unknowns_stay_unknown(index):
    wanted = attempt_id("A", "t1", 0)
    found = attempt_of(index, wanted)
    assert (found.row, found.attempt_id, found.status, found.cause, found.passed) == (
        1,
        wanted,
        "failed",
        "wrong",
        False,
    )
    assert (found.cost_usd, found.score, found.escalated) == (None, None, None)
    assert attempt_of(index, attempt_id("A", "t0", 0)).cost_usd == 0.5
    for stranger in ("0" * 32, wanted.upper(), "", "\ud800", "x"):
        with pytest.raises(EvidenceError, match="no attempt"):
            attempt_of(index, stranger)


def test_ids_of_another_make_are_kept_as_they_are(tmp_path):
    ids = ["AB" * 16, "second", None]
    index = Outcomes(write(tmp_path, [row("A", k, attempt_id=one) for k, one in enumerate(ids)]))
    assert [one.attempt_id for one in attempts(index)] == ids
    assert attempt_of(index, "second").task == "t1"
    assert attempt_of(index, "AB" * 16).task == "t0"


def test_a_task_is_its_suites_and_its_own_identity(tmp_path):
    rows = [
        row("A", 0),
        row("A", 0, suite_digest="other", suite="s2"),
        row("A", 0, suite_digest=None, task_digest=None),
    ]
    index = Outcomes(write(tmp_path, rows))
    keys = [one.key for one in find_tasks(index).rows]
    assert keys == [("sd", "td t0"), ("other", "td t0"), ("s", "t0")]
    assert [len(attempts_of(index, key)) for key in keys] == [1, 1, 1]
    for key in (("sd", "t0"), ("", ""), ("sd", "\ud800")):
        with pytest.raises(EvidenceError, match="no task"):
            attempts_of(index, key)


def test_a_table_of_the_least_columns_has_an_index(tmp_path):
    rows = [{"contender": "A", "task": "t", "trial": 0, "status": "passed", "passed": True}]
    index = Outcomes(write(tmp_path, rows))
    (found,) = attempts(index)
    assert (found.attempt_id, found.suite, found.domain, found.cause) == (None, None, None, None)
    assert find_tasks(index, TaskFilter(text="t", split="test")).total == 1
    assert read_outcome(index, 0)["started_at"] is None


def test_a_table_without_rows_has_an_index(tmp_path):
    rows = [row("A", 0)]
    write(tmp_path, rows)
    path = tmp_path / "outcomes.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    index = Outcomes(tmp_path)
    assert find_tasks(index).total == len(attempts(index)) == 0
    assert index.contenders == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"contender": None}, "a row has no contender"),
        ({"status": None, "passed": None}, "a row has no status"),
        ({"status": "pased", "passed": None}, "did you mean passed|passed"),
        ({"task": "", "task_digest": None}, "neither a task nor a task_digest"),
    ],
)
def test_rows_that_cannot_be_understood_are_refused(tmp_path, change, problem):
    with pytest.raises(EvidenceError, match=problem):
        Outcomes(write(tmp_path, [row("A", 0), row("A", 1) | change]))


def test_a_missing_and_a_broken_table_are_named(tmp_path):
    with pytest.raises(EvidenceError, match=r"outcomes.parquet: missing"):
        Outcomes(tmp_path)
    write(tmp_path, [row("A", k) for k in range(2_000)], use_dictionary=False, compression=None)
    path = tmp_path / "outcomes.parquet"
    data = bytearray(path.read_bytes())
    data[4:200] = bytes(196)
    path.write_bytes(data)
    with pytest.raises(EvidenceError, match="damaged"):
        Outcomes(tmp_path)


def test_an_index_is_small(tmp_path):
    """Ids are 16 bytes, numbers 8, and a word no more than the bytes that tell it from the others."""
    rows = [row(c, t, trial=k, cost_usd=0.1 * t) for c in "AB" for t in range(500) for k in range(3)]
    index = Outcomes(write(tmp_path, rows))
    assert index.rows == 3_000
    of_tasks = 500 * (2 * (4 + 10) + 12)
    assert len(attempts(index)) == index.rows  # with every column that a page of attempts shows
    assert held(vars(index)) < 3_000 * (16 + 8 + 6 + 2 + 1 + 1 + 1 + 1 + 1) + of_tasks


def held(value):
    """Bytes of the arrays in it."""
    if isinstance(value, dict):
        return sum(map(held, value.values()))
    if isinstance(value, Words):
        return held(value.codes) + held(value.names)
    return getattr(value, "nbytes", 0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_flips_are_those_of_the_comparison(tmp_path, data):
    statuses = st.sampled_from(["passed", "failed", "errored", "skipped"])
    rows = []
    for contender, task in itertools.product("AB", range(6)):
        for trial in data.draw(st.lists(st.integers(0, 3), max_size=4)):
            more = {"trial": trial, "split": data.draw(st.sampled_from(["test", "dev", None]))}
            if data.draw(st.booleans()):
                more |= {"passed": None, "score": data.draw(st.sampled_from([None, 0.0, 0.5, 1.0]))}
            rows.append(row(contender, task, data.draw(statuses), **more))
    rows += [row("A", 99), row("B", 99)]  # there is always something to compare
    report = write(tmp_path, rows)
    index = Outcomes(report)
    split = data.draw(st.sampled_from(["test", "all"]))
    flips = pair(report, "A", "B", split=split).flips
    for direction in ("lost", "gained"):
        found = find_tasks(index, TaskFilter(flipped=("A", "B", direction), split=split), limit=99)
        assert sorted(names(found)) == sorted(f.task for f in flips if f.direction == direction)


# ------------------------------------------------------------------------------------------------ behind an attempt


def test_one_outcome_is_read_whole_from_its_own_row_group(tmp_path):
    rows = [row("A", k, skills_shown=["x", str(k)], output_tokens=k) for k in range(10)]
    index = Outcomes(write(tmp_path, rows, row_group_size=3))
    for k in (0, 2, 3, 9):
        found = read_outcome(index, k)
        assert (found["task"], found["skills_shown"], found["output_tokens"]) == (f"t{k}", ["x", str(k)], k)
        assert found["attempt_id"] == rows[k]["attempt_id"]
        assert found["served_by"] is None
    write(tmp_path, [row("B", 0)])
    for k in (0, 5):
        with pytest.raises(EvidenceError, match="changed while it was read"):
            read_outcome(index, k)


def test_the_calls_of_an_attempt_are_found_wherever_they_stand(tmp_path):
    types = {"retries": pa.int32(), "output_tokens": pa.int64()}
    rows = [{"attempt_id": f"a{k % 4}", "role": "answer", "model": f"m{k}", "retries": k} for k in range(11)]
    write(tmp_path, rows, "calls.parquet", types, row_group_size=3)
    found = read_attempt_calls(tmp_path, "a1")
    assert [one["model"] for one in found] == ["m1", "m5", "m9"]
    assert [one["retries"] for one in found] == [1, 5, 9]
    assert set(found[0]) == set(CALLS)
    assert found[0]["cost_usd"] is None
    assert read_attempt_calls(tmp_path, "no such") == ()
    assert read_attempt_calls(tmp_path / "elsewhere", "a1") is None
    (tmp_path / "calls.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(EvidenceError, match=r"calls.parquet"):
        read_attempt_calls(tmp_path, "a1")


def conversation(text, answer="ok"):
    return [{"role": "system", "content": "system words"}, {"role": "user", "content": text},
            {"role": "assistant", "content": answer}, {"role": "user", "content": "later words"}]  # fmt: skip


def test_the_inputs_of_some_tasks_are_read_wherever_they_stand(tmp_path):
    rows = [row(c, k, "errored" if (c, k) == ("A", 7) else "failed") for c in "AB" for k in range(9)]
    index = Outcomes(write(tmp_path, rows))
    kept = {one["attempt_id"]: conversation(f"{one['contender']} is asked {one['task']}") for one in rows}
    del kept[rows[3]["attempt_id"]]
    kept[rows[4]["attempt_id"]] = "{no json"
    write_transcripts(tmp_path, kept, row_group_size=2)
    # of each task the first attempt that was graded
    assert read_inputs(index, [8, 0, 7]) == {0: "A is asked t0", 7: "B is asked t7", 8: "A is asked t8"}
    assert read_inputs(index, [3, 4, 5]) == {5: "A is asked t5"}
    assert read_inputs(index, []) == {}
    (tmp_path / "transcripts.parquet").unlink()
    assert read_inputs(index, [0]) == {}


@pytest.fixture
def searchable(tmp_path):
    """Six tasks of two contenders, two conversations a row group."""
    texts = ['The "red" lamp', "ÉTÉ in Zürich", "a\nbreak and \\slash/", "plain", "", "red Lamp"]
    rows = [row(c, k) for c in "AB" for k in range(6)]
    index = Outcomes(write(tmp_path, rows))
    write_transcripts(tmp_path, {one["attempt_id"]: conversation(texts[int(one["task"][1:])], "answer words")
                                 for one in rows}, row_group_size=2)  # fmt: skip
    return index


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        ("lamp", (0, 5)),
        ('"RED" l', (0,)),
        ("été", (1,)),
        ("ü", (1,)),
        ("A\nbreak", (2,)),
        ("\\slash/", (2,)),
        (".", ()),
        ("user", ()),
        ("content", ()),
        ("system words", ()),
        ("answer words", ()),
        ("later", ()),
        ("\ud800", ()),
    ],
)
def test_inputs_are_searched_and_nothing_else_of_the_conversation(searchable, text, tasks):
    found = search_inputs(searchable, text)
    assert (found.tasks, found.searched, found.of, found.next) == (tasks, 6, 6, None)


def test_a_search_says_how_far_it_came_and_goes_on_from_there(searchable, monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr("harness.store.browse_records.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    found, part = [], None
    while part is None or part.next is not None:
        part = search_inputs(searchable, "lamp", part, seconds=1.5)
        found.append((part.tasks, part.searched, part.next))
    assert found == [((0,), 4, 2), ((0, 5), 6, 4), ((0, 5), 6, None)]
    assert search_inputs(searchable, "lamp", part) is part


def test_a_search_is_of_the_tasks_of_its_part(tmp_path):
    rows = [row(c, k, split="dev" if k < 2 else "test") for c in "AB" for k in range(6)]
    index = Outcomes(write(tmp_path, rows))
    write_transcripts(tmp_path, {one["attempt_id"]: conversation("lamp") for one in rows}, row_group_size=2)
    for split, tasks in (("test", (2, 3, 4, 5)), ("dev", (0, 1)), ("all", tuple(range(6)))):
        found = search_inputs(index, "lamp", split=split)
        assert (found.tasks, found.searched, found.of) == (tasks, len(tasks), len(tasks))


def test_a_search_without_transcripts_says_why(tmp_path):
    index = Outcomes(write(tmp_path, [row("A", 0)]))
    assert "no transcripts" in search_inputs(index, "x").why


def test_broken_conversations_match_nothing(tmp_path):
    rows = [row("A", k) for k in range(6)]
    index = Outcomes(write(tmp_path, rows))
    texts = ["no json x", "5", '{"x": 1}', "[" * 100_000 + "x", '[1, null, "x", {"role": 5, "content": "x"}]', None]
    write_transcripts(tmp_path, dict(zip([one["attempt_id"] for one in rows], texts, strict=True)))
    assert search_inputs(index, "x").tasks == ()


def test_messages_of_every_shape_are_text():
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "x"}}]
    call = {"id": "1", "type": "function", "function": {"name": "open", "arguments": '{"a": 1}'}}
    assert message_text({"role": "user", "content": parts}).splitlines()[0] == "look"
    assert message_text({"role": "assistant", "content": None, "tool_calls": [call]}) == 'open({"a": 1})'
    assert message_text({"tool_calls": [{"name": "open", "arguments": {"é": 1}}]}) == 'open({"é": 1})'
    assert message_text({"content": {"k": 1}}) == '{"k": 1}'
    assert [message_text(m) for m in (None, 5, "x", {})] == ["null", "5", '"x"', ""]
    assert input_text([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]) == "a\nb"


@pytest.mark.shared
def test_an_imported_table_can_be_browsed(tmp_path):
    from harness.store import import_table, parse_mapping

    found = [up.parent / "shared" / "data" for up in Path(__file__).resolve().parents]
    data = next((folder for folder in found if folder.is_dir()), None)
    if data is None:
        pytest.skip("no shared data beside the checkout")
    import pandas as pd

    source = data / "routerbench_mini.parquet"
    mapping = parse_mapping(["contender=system", "task=task_id"])
    import_table(source, tmp_path / "r", mapping)
    frame = pd.read_parquet(source)
    index = Outcomes(tmp_path / "r")
    assert find_tasks(index).total == frame.task_id.nunique()
    for name, of in frame.groupby("system"):
        assert len(attempts(index, contenders=(name,), statuses=("passed",))) == int(of.passed.sum())


def test_words_at_some_rows_are_those_of_the_whole_column(tmp_path):
    """Of a column only the row groups are read that hold the rows asked for."""
    rows = [row("A", k % 7, trial=k, cause=None if k % 3 else f"c{k % 5}") for k in range(40)]
    file = Outcomes(write(tmp_path, rows, row_group_size=6))
    for name in ("cause", "task", "split", "label_true"):
        whole = file.words(name)
        for places in ([0], [39], [5, 6, 7, 30], [38, 2, 2], [], list(range(40))):
            at = file.words_at(name, np.array(places, dtype=np.int64))
            assert [at[i] for i in range(len(places))] == [whole[k] for k in places]


U, A = (lambda text: {"role": "user", "content": text}), (lambda text: {"role": "assistant", "content": text})


@pytest.mark.parametrize(
    ("messages", "replies", "asked"),
    [
        ([U("hi"), A("yes")], ["yes"], "hi"),
        ([U("hi"), A("yes")], [], "hi"),
        ([U("a"), A("yes"), U("b"), A("yes")], ["yes"], "user: a\n\nassistant: yes\n\nuser: b"),
        ([U("a"), A("no"), U("b"), A("w"), U("a"), A("no"), U("b"), A("e")], ["w", "e"],
         "user: a\n\nassistant: no\n\nuser: b"),
        ([U("a"), A("OPEN x"), {"role": "tool", "content": "the skill"}, U("a"), A("yes")], ["OPEN x", "yes"], "a"),
        ([U("a"), A("what was said"), U("b"), A("yes")], ["not on record as it was"], "a"),
        ([U("a"), U("b")], [], "a\nb"),
        (["no message", 3], ["yes"], ""),
    ],
)  # fmt: skip
def test_what_was_asked_ends_before_the_contenders_own_first_answer(messages, replies, asked):
    assert input_text(messages, replies) == asked
