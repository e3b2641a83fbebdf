"""The journal keeps what was written, whatever happens to its writer."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from store_records import call, outcome, reply

from harness.core import Cause, Status, StorageError, Usage, UsageError
from harness.store import Journal, read_calls_journal, read_journal
from harness.store.lines import lines_of

HOSTILE = ["\x00", "\ud800 lone", "a\nb\r\nc\u2028d", '"}{\\', "\x7f\x1b[31m", "日本語 🎉", "x" * 100_000]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "tool_calls": [{"id": "1"}]}]
    failed = outcome(1, status=Status.FAILED, cause=Cause.WRONG, passed=False, score=0.0, cost_usd=None)
    with Journal(tmp_path / "new" / "report") as journal:
        journal.append_call(call(0), reply(0))
        journal.append_call(call(1, error="timeout: slow", cost=call().cost, latency_s=None), None)
        journal.append_attempt(outcome(0), messages, "as expected", ["rq0"])
        journal.append_attempt(failed)
    held = read_journal(tmp_path / "new" / "report")
    assert held.torn == 0
    assert dict(held.attempts) == {o.attempt_id: o for o in (outcome(0), failed)}
    assert dict(held.replies) == {"rq0": reply(0)}
    transcript = held.transcript(outcome(0).attempt_id)
    assert (list(transcript.messages), transcript.reason, transcript.requests) == (messages, "as expected", ("rq0",))
    assert transcript.replies == {"rq0": reply(0)}
    assert list(read_calls_journal(tmp_path / "new" / "report")) == [
        call(0),
        call(1, error="timeout: slow", latency_s=None),
    ]


def test_an_empty_report_holds_nothing(tmp_path: Path) -> None:
    held = read_journal(tmp_path)
    assert (dict(held.attempts), dict(held.replies), held.torn) == ({}, {}, 0)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_survive(tmp_path: Path, text: str) -> None:
    with Journal(tmp_path) as journal:
        journal.append_call(call(0), reply(0, text=text))
        journal.append_attempt(
            outcome(0, label_predicted=text), [{"role": "user", "content": text, "x": {text: 1}}], text
        )
        journal.append_attempt(outcome(1))
    held = read_journal(tmp_path)
    assert held.torn == 0
    assert held.replies["rq0"].text == text
    assert held.attempts[outcome(0).attempt_id].label_predicted == text
    assert held.transcript(outcome(0).attempt_id).messages == ({"role": "user", "content": text, "x": {text: 1}},)
    assert len(held.attempts) == 2


def test_an_answer_of_ten_megabytes(tmp_path: Path) -> None:
    text = "long\x00\ud800" * 1_700_000
    with Journal(tmp_path) as journal:
        journal.append_call(call(0), reply(0, text=text))
    assert read_journal(tmp_path).replies["rq0"].text == text


def test_values_without_a_json_form_become_null_or_text(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append_attempt(
            outcome(0, score=float("nan"), cost_usd=float("inf")), [{"role": "user", "content": object(), 3: {1, 2}}]
        )
    held = read_journal(tmp_path)
    assert held.attempts[outcome(0).attempt_id].score is None
    assert held.attempts[outcome(0).attempt_id].cost_usd is None
    assert "object object" in held.transcript(outcome(0).attempt_id).messages[0]["content"]


text = st.text(st.characters(), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text,
    st.none() | st.floats(0, 1),
    st.none() | st.booleans(),
    st.lists(text, max_size=3),
    st.dictionaries(text, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    st.none() | st.integers(0, 10**12),
    st.datetimes(timezones=st.just(UTC)),
)
def test_any_record_survives(tmp_path, word, score, escalated, names, signals, tokens, when) -> None:
    folder = tmp_path / str(time.monotonic_ns())
    one = outcome(
        0, task=word, score=score, escalated=escalated, skills_used=tuple(names), input_tokens=tokens, started_at=when
    )
    answer = reply(0, text=word, signals=signals, usage=Usage(input=tokens, output=None))
    with Journal(folder) as journal:
        journal.append_attempt(one, [{"role": "user", "content": word}], word, names)
        journal.append_call(call(0, request_digest=word), answer)
    held = read_journal(folder)
    assert held.attempts == {one.attempt_id: one}
    assert dict(held.replies) == {word: answer}
    assert held.transcript(one.attempt_id).requests == tuple(names)


def test_an_attempt_tried_again_counts_once_with_its_last_outcome(tmp_path: Path) -> None:
    errored = outcome(0, status=Status.ERRORED, cause=Cause.NETWORK, passed=None, score=None)
    with Journal(tmp_path) as journal:
        journal.append_attempt(errored, reason="first")
        journal.append_attempt(outcome(0), reason="second")
    held = read_journal(tmp_path)
    assert list(held.attempts.values()) == [outcome(0)]
    assert held.transcript(outcome(0).attempt_id).reason == "second"


def test_between_workers_the_later_start_counts(tmp_path: Path) -> None:
    later = outcome(0, started_at=outcome().started_at + timedelta(seconds=1))
    errored = outcome(0, status=Status.ERRORED, passed=None)
    with Journal(tmp_path) as main, Journal(tmp_path, "w1") as first, Journal(tmp_path, "w2") as second:
        main.append_attempt(later)
        first.append_attempt(errored)
        second.append_attempt(outcome(5))
        second.append_call(call(5), reply(5))
    held = read_journal(tmp_path)
    assert held.attempts[outcome(0).attempt_id] == later
    assert held.attempts[outcome(5).attempt_id] == outcome(5)
    assert dict(held.replies) == {"rq5": reply(5)}


@pytest.mark.parametrize("cut", [1, 2, 50, 200])
def test_a_torn_last_line_is_cut_off_and_the_rest_stands(tmp_path: Path, cut: int) -> None:
    with Journal(tmp_path) as journal:
        for number in range(3):
            journal.append_attempt(outcome(number), [{"role": "user", "content": "x" * 100_000}])
    path = tmp_path / "attempts.jsonl"
    os.truncate(path, path.stat().st_size - cut)
    held = read_journal(tmp_path)
    complete = cut == 1  # only the end of the line is gone: nothing is lost
    assert (len(held.attempts), held.torn) == ((3, 0) if complete else (2, 1))
    with Journal(tmp_path) as journal:
        journal.append_attempt(outcome(7))
    held = read_journal(tmp_path)
    assert (len(held.attempts), held.torn) == ((4, 0) if complete else (3, 0))
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_a_damaged_line_in_the_middle_is_counted_and_passed_over(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for number in range(3):
            journal.append_attempt(outcome(number))
            journal.append_call(call(number), reply(number))
    for name in ("attempts.jsonl", "calls.jsonl"):
        lines = (tmp_path / name).read_bytes().splitlines(keepends=True)
        lines[1] = b"\x00" * 20 + b"\n"
        (tmp_path / name).write_bytes(b"".join([*lines, b"[1]\n", b'{"outcome": {"status": "won"}}\n']))
    held = read_journal(tmp_path)
    assert len(held.attempts) == len(held.replies) == 2
    assert held.torn == 6


def test_fields_of_a_newer_version_are_passed_over(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append_attempt(outcome(0))
        journal.append_call(call(0), reply(0))
    for name in ("attempts.jsonl", "calls.jsonl"):
        line = json.loads((tmp_path / name).read_text())
        for part in (*line.values(), line):
            if isinstance(part, dict):
                part["of_tomorrow"] = {"x": 1}
                if isinstance(part.get("usage"), dict):
                    part["usage"]["of_tomorrow"] = 1
        (tmp_path / name).write_text(json.dumps(line) + "\n")
    held = read_journal(tmp_path)
    assert dict(held.attempts) == {outcome(0).attempt_id: outcome(0)}
    assert dict(held.replies) == {"rq0": reply(0)}
    assert list(read_calls_journal(tmp_path)) == [call(0)]


def test_a_second_run_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        with pytest.raises(UsageError, match=f"process {os.getpid()}"):
            Journal(tmp_path)
        with Journal(tmp_path, "w1"), pytest.raises(UsageError, match="another run"):
            Journal(tmp_path, "w1")
        journal.append_attempt(outcome(0))
    with Journal(tmp_path):
        pass
    journal.close()
    with pytest.raises(ValueError, match="closed"):
        journal.append_attempt(outcome(0))


def test_a_run_waits_for_the_workers_of_one_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Journal(tmp_path, "w1")
    ending = threading.Timer(0.3, worker.close)
    ending.start()
    with Journal(tmp_path):
        assert not ending.is_alive() or worker._closing.is_set()
    monkeypatch.setattr("harness.store.journal.WORKERS_END_S", 0.1)
    with Journal(tmp_path, "w2"), pytest.raises(UsageError, match=f"process {os.getpid()}"):
        Journal(tmp_path)
    with Journal(tmp_path):
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        Journal(tmp_path / "file" / "report")
    with pytest.raises(UsageError, match="cannot be named"):
        Journal(tmp_path, "../w")


WRITER = """
import os, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from store_records import call, outcome, reply
from harness.store import Journal

journal = Journal(Path(sys.argv[1]))
number = 0
while True:
    journal.append_call(call(number), reply(number, text="x" * (number % 5000)))
    journal.append_attempt(outcome(number), [{"role": "user", "content": "y" * 20_000}], "", [f"rq{number}"])
    os.write(1, b".")
    number += 1
"""


@pytest.mark.parametrize("after", [5, 300])
def test_kill_9_loses_nothing_that_was_written(tmp_path: Path, after: int) -> None:
    here = Path(__file__)
    paths = [str(here.parent), str(here.parents[2])]
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, *paths], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        done = len(os.read(writer.stdout.fileno(), 1))
        while done < after:
            done += len(os.read(writer.stdout.fileno(), 4096))
        with pytest.raises(UsageError, match=f"process {writer.pid}"):
            Journal(tmp_path)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        done += len(writer.stdout.read())
    held = read_journal(tmp_path)
    assert len(held.attempts) in {done, done + 1}
    assert held.torn <= 2
    for number in range(done):
        assert held.attempts[outcome(number).attempt_id] == outcome(number)
        assert len(held.replies[f"rq{number}"].text) == number % 5000
    with Journal(tmp_path) as journal:  # the lock went with the process
        journal.append_attempt(outcome(10**6))
    held = read_journal(tmp_path)
    assert held.torn == 0
    assert outcome(10**6).attempt_id in held.attempts


def test_lines_of_many_threads_stay_whole(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:

        def work(start: int) -> None:
            for number in range(start, start + 50):
                journal.append_attempt(outcome(number), [{"role": "user", "content": "z" * 5000}])

        threads = [threading.Thread(target=work, args=(n * 50,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    held = read_journal(tmp_path)
    assert (len(held.attempts), held.torn) == (400, 0)


@pytest.mark.parametrize("cut", [40, -1])  # in its midst, or before its end only
def test_a_line_that_is_half_written_while_it_is_read_is_read_whole_the_next_time(tmp_path: Path, cut: int) -> None:
    with Journal(tmp_path) as journal:
        journal.append_attempt(outcome(0))
        journal.append_attempt(outcome(1))
    path = tmp_path / "attempts.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:cut])
    lines = lines_of(path)
    assert next(lines)[2] is not None
    start, length, value = next(lines)
    assert (start, length, value is None) == (len(first), len(second[:cut]), cut != -1)
    with path.open("ab") as file:
        file.write(second[cut:])
    assert list(lines) == []
    read = list(lines_of(path, start + (0 if value is None else length)))
    assert [line[2] for line in read] == ([json.loads(second)] if value is None else [])


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path) as journal:
        journal.append_attempt(outcome(0))
        real, calls = os.write, []

        def full(handle: int, data: bytes) -> int:
            calls.append(handle)
            if len(calls) > 1:
                raise OSError(28, "No space left on device")
            return real(handle, data[:100])

        monkeypatch.setattr(os, "write", full)
        for _ in range(2):  # the second would fit; after what did not it would be half of the truth
            with pytest.raises(StorageError, match=r"attempts\.jsonl: cannot be written: No space"):
                journal.append_attempt(outcome(1))
            monkeypatch.undo()
        with pytest.raises(StorageError, match="No space"):
            journal.check()
    with Journal(tmp_path) as journal:
        journal.append_attempt(outcome(2))
    held = read_journal(tmp_path)
    assert (len(held.attempts), held.torn) == (2, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("cost_usd", "much"), ("trial", 0.5), ("task", 3), ("passed", 1), ("task", None), ("calls", True)],
)
def test_a_line_whose_values_are_of_another_kind_is_not_read(tmp_path: Path, name: str, value: object) -> None:
    with Journal(tmp_path) as journal:
        journal.append_attempt(outcome(0))
        journal.append_attempt(outcome(1))
    path = tmp_path / "attempts.jsonl"
    first, second = map(json.loads, path.read_text().splitlines())
    second["outcome"][name] = value
    path.write_text(json.dumps(first) + "\n" + json.dumps(second) + "\n")
    held = read_journal(tmp_path)
    assert (list(held.attempts), held.torn) == ([outcome(0).attempt_id], 1)


def test_what_is_written_reaches_the_disk_in_about_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = threading.Event()
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (real(handle), synced.set()))
    with Journal(tmp_path) as journal:
        journal.append_attempt(outcome(0))
        assert synced.wait(5)


def test_ten_thousand_attempts_take_under_a_second(tmp_path: Path) -> None:
    many = [replace(outcome(n), trial=1) for n in range(10_000)]
    messages = [{"role": "user", "content": "q" * 300}, {"role": "assistant", "content": "a" * 300}]
    with Journal(tmp_path) as journal:
        start = time.process_time()
        for one in many:
            journal.append_attempt(one, messages, "as expected", ["0" * 32])
        spent = time.process_time() - start
    assert spent < 1.0
