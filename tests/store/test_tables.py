"""The journal compacted into Parquet, read again by others and by us."""

import os
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from store_records import call, outcome, reply

from harness.core import Cause, EvidenceError, Outcome, Role, Status, StorageError
from harness.store import (
    OUTCOMES,
    Journal,
    compact,
    load_task_table,
    read_calls,
    read_outcomes,
    read_transcript,
    recorded_replies,
)

CONTRACT = """
    report suite suite_digest contender contender_kind contender_digest task task_digest domain cluster split
    trial status cause passed score label_true label_predicted confidence escalated served_by skills_shown skills_used
    cost_usd judge_usd cost_basis latency_s input_tokens cached_input_tokens output_tokens reasoning_tokens
    calls retries started_at attempt_id prompt_digest grader_digest run
    skills_named documents_shown documents_named skills_opened skills_read skills_run graded_at
""".split()  # noqa: SIM905 - reads as the table that it copies
"""The columns of formats.md, in their order."""


def skipped(number: int, **changes: object) -> Outcome:
    fields = {"status": Status.SKIPPED, "cause": Cause.BUDGET, "passed": None, "score": None, "started_at": None}
    return outcome(number, **(fields | {"cost_usd": None, "skills_shown": ()} | changes))


def journaled(report: Path, numbers: list[int]) -> Path:
    with Journal(report) as journal:
        for n in numbers:
            journal.append_call(call(n), reply(n))
            journal.append_attempt(outcome(n), [{"role": "user", "content": f"q{n}"}], f"why {n}", [f"rq{n}"])
    return report


def test_the_columns_are_those_of_the_contract(tmp_path: Path) -> None:
    compact(journaled(tmp_path, [0]), [skipped(0)])
    table = pq.read_table(tmp_path / "outcomes.parquet")
    assert table.column_names == CONTRACT == list(OUTCOMES)
    kinds = {
        "trial": pa.int32(),
        "passed": pa.bool_(),
        "score": pa.float64(),
        "calls": pa.int32(),
        "input_tokens": pa.int64(),
        "skills_used": pa.list_(pa.string()),
        "started_at": pa.timestamp("us", tz="UTC"),
        "task": pa.string(),
    }
    assert {name: table.schema.field(name).type for name in kinds} == kinds
    codecs = {
        pq.ParquetFile(tmp_path / f"{name}.parquet").metadata.row_group(0).column(0).compression
        for name in ("outcomes", "calls", "transcripts")
    }
    assert codecs == {"ZSTD"}


def test_rows_stand_in_the_order_of_the_plan(tmp_path: Path) -> None:
    report = journaled(tmp_path, [3, 1, 9, 0])
    assert compact(report, [skipped(n) for n in range(4)]) == (1, 0)  # left out, torn
    table = read_outcomes(report).to_pylist()
    assert [row["task"] for row in table] == ["t0", "t1", "t2", "t3"]
    assert [row["status"] for row in table] == ["passed", "passed", "skipped", "passed"]
    assert (table[2]["cause"], table[2]["passed"], table[2]["cost_usd"]) == ("budget", None, None)
    assert table[0]["started_at"] == datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    assert table[0]["skills_shown"] == ["a", "b"]
    assert read_calls(report)["request_digest"].to_pylist() == ["rq0", "rq1", "rq3"]
    assert pq.read_table(report / "transcripts.parquet")["attempt_id"].to_pylist() == [
        outcome(n).attempt_id for n in (0, 1, 3)
    ]
    assert sorted(p.name for p in report.iterdir()) == [
        *("attempts.jsonl", "calls.jsonl", "calls.parquet", "outcomes.parquet", "transcripts.parquet")
    ]


def test_a_call_s_row(tmp_path: Path) -> None:
    report = journaled(tmp_path, [0])
    with Journal(report) as journal:
        journal.append_call(call(0, role=Role.JUDGE, request_digest="j", error="provider: 500", signals={}), None)
    compact(report, [skipped(0)])
    first, second = read_calls(report).to_pylist()
    assert (first["input_tokens"], first["output_tokens"], first["usage_source"]) == (10, 3, "provider")
    assert (first["cost_usd"], first["price_date"], first["cost_basis"]) == (0.25, "2026-01-01", "tokens")
    assert (first["logprob_mean"], first["logprob_min"], first["margin"]) == (-0.25, None, 0.5)
    assert (second["role"], second["error"], second["margin"]) == ("judge", "provider: 500", None)


def test_names_follow_the_plan(tmp_path: Path) -> None:
    compact(journaled(tmp_path, [0]), [skipped(0, contender="renamed", domain="other", split="test")])
    row = read_outcomes(tmp_path).to_pylist()[0]
    assert (row["contender"], row["domain"], row["split"], row["status"]) == ("renamed", "other", "test", "passed")


def test_a_plan_that_nothing_was_done_for(tmp_path: Path) -> None:
    compact(tmp_path / "new", [skipped(0), skipped(1)])
    assert read_outcomes(tmp_path / "new")["status"].to_pylist() == ["skipped", "skipped"]
    assert read_outcomes(tmp_path / "new").num_rows == 2
    assert read_calls(tmp_path / "new").num_rows == 0
    with pytest.raises(EvidenceError, match="no transcript"):
        read_transcript(tmp_path / "new", outcome(0).attempt_id)


def test_transcripts_are_read_by_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.store.compacting.GROUP_ROWS", 3)
    report = journaled(tmp_path, list(range(10)))
    compact(report, [skipped(n) for n in range(10)])
    assert pq.ParquetFile(report / "transcripts.parquet").num_row_groups == 4
    for n in (0, 5, 9):
        found = read_transcript(report, outcome(n).attempt_id)
        assert (found.messages, found.reason) == (({"role": "user", "content": f"q{n}"},), f"why {n}")
        assert found.replies == {f"rq{n}": reply(n)}
    with pytest.raises(EvidenceError, match="no transcript"):
        read_transcript(report, "nothing")


def test_transcripts_before_the_tables_come_from_the_journal(tmp_path: Path) -> None:
    report = journaled(tmp_path, [0])
    assert read_transcript(report, outcome(0).attempt_id).reason == "why 0"
    with pytest.raises(EvidenceError, match="no transcript"):
        read_transcript(report, "nothing")


def test_a_report_can_be_replayed_with_and_without_its_journal(tmp_path: Path) -> None:
    report = journaled(tmp_path, [0, 1])
    expected = {"rq0": reply(0), "rq1": reply(1)}
    assert dict(recorded_replies(report)) == expected
    compact(report, [skipped(0), skipped(1)])
    for name in ("attempts.jsonl", "calls.jsonl"):
        (report / name).unlink()
    assert dict(recorded_replies(report)) == expected
    with pytest.raises(EvidenceError, match="missing"):
        recorded_replies(tmp_path / "other")


@pytest.mark.parametrize("text", ["\x00", "\ud800 lone", "a\nb\r", "日本語 🎉", "x" * 10_000_000, ""])
def test_hostile_texts_survive_parquet(tmp_path: Path, text: str) -> None:
    with Journal(tmp_path) as journal:
        journal.append_call(call(0, error=text), reply(0, text=text))
        journal.append_attempt(
            outcome(0, label_predicted=text, skills_used=(text,)), [{"role": "user", "content": text}], text, ["rq0"]
        )
    compact(tmp_path, [skipped(0)])
    found = read_transcript(tmp_path, outcome(0).attempt_id)
    assert found.messages == ({"role": "user", "content": text},)
    assert found.replies["rq0"].text == text
    row = read_outcomes(tmp_path).to_pylist()[0]
    shown = text.replace("\ud800", "\\ud800")
    assert (row["label_predicted"], row["skills_used"]) == (shown, [shown])
    assert found.reason == read_calls(tmp_path)["error"][0].as_py() == shown


def test_a_failed_write_leaves_the_old_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = journaled(tmp_path, [0])
    compact(report, [skipped(0)])
    before = {p.name: p.read_bytes() for p in report.iterdir()}
    calls = []

    def failing(handle: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # a journal of another test keeps its own files
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StorageError, match=r"calls\.parquet: cannot be written: No space"):
        compact(report, [skipped(0), skipped(1)])
    assert {p.name: p.read_bytes() for p in report.iterdir()} == before


values = st.fixed_dictionaries(
    {
        "status": st.sampled_from([Status.PASSED, Status.FAILED, Status.ERRORED]),
        "score": st.none() | st.floats(0, 1),
        "confidence": st.none() | st.floats(0, 1),
        "escalated": st.none() | st.booleans(),
        "cost_usd": st.none() | st.floats(0, 1e6),
        "input_tokens": st.none() | st.integers(0, 10**12),
        "label_true": st.none() | st.text(max_size=8),
        "skills_used": st.lists(st.text(max_size=5), max_size=3).map(tuple),
        "started_at": st.none() | st.datetimes(timezones=st.just(UTC)),
    }
)


@settings(max_examples=25, deadline=None)
@given(st.lists(values, min_size=1, max_size=5))
def test_outcomes_come_back_as_they_were(changes: list[dict]) -> None:
    made = [outcome(n, **change) for n, change in enumerate(changes)]
    with tempfile.TemporaryDirectory() as folder:
        with Journal(Path(folder)) as journal:
            for one in made:
                journal.append_attempt(one)
        compact(Path(folder), [skipped(n) for n in range(len(made))])
        for row, one in zip(read_outcomes(Path(folder)).to_pylist(), made, strict=True):
            row |= {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
            assert Outcome(**row) == one


def test_chosen_columns_and_missing_ones(tmp_path: Path) -> None:
    frame = pd.DataFrame({"contender": ["a"], "task": ["t"], "trial": [0], "status": ["passed"], "passed": [True]})
    frame.to_parquet(tmp_path / "outcomes.parquet")
    table = read_outcomes(tmp_path, ["passed", "cost_usd", "contender"])
    assert table.to_pylist() == [{"passed": True, "cost_usd": None, "contender": "a"}]
    assert read_outcomes(tmp_path).column_names == CONTRACT
    with pytest.raises(EvidenceError, match="did you mean 'cost_usd'"):
        read_outcomes(tmp_path, ["cost_us"])
    frame.drop(columns="status").to_parquet(tmp_path / "outcomes.parquet")
    with pytest.raises(EvidenceError, match="the column status is missing"):
        read_outcomes(tmp_path)
    frame.assign(score="high").to_parquet(tmp_path / "outcomes.parquet")
    with pytest.raises(EvidenceError, match="the column score holds"):
        read_outcomes(tmp_path)
    (tmp_path / "outcomes.parquet").write_bytes(b"PAR1")
    with pytest.raises(EvidenceError, match="not a readable Parquet"):
        read_outcomes(tmp_path)


def test_a_compacted_run_is_reduced(tmp_path: Path) -> None:
    compact(journaled(tmp_path, [0, 1]), [skipped(n) for n in range(3)])
    table = load_task_table(tmp_path)
    assert table.sums.tolist() == [[1, 1, 0]]
    assert table.skipped.tolist() == [[0, 0, 1]]
    assert table.kinds == ("model",)
    assert "run is incomplete" in " ".join(table.notes)
