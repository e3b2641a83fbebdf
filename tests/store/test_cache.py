"""The answer cache gives back what was kept, under its key alone, whatever happens to its file and its writers."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from store_records import reply

from harness.core import ToolCall, Usage, UserFileError
from harness.store import AnswerCache
from harness.store import cache as cache_module

KEY, OTHER = b"k" * 32, b"o" * 32
HOSTILE = ["\x00", "\ud800 lone", "a\nb\r\nc\u2028d", "日本語 🎉", "x" * 1_000_000]


def listing(folder):
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.iterdir())}


def kept(path, *replies):
    with AnswerCache(path) as cache:
        for number, one in enumerate(replies or [reply()]):
            cache.put(KEY if number == 0 else bytes([number]) * 32, one)
    return path


def refusal(path, **how):
    with pytest.raises(UserFileError) as caught:
        AnswerCache(path, **how)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    assert caught.value.advice
    return text


def test_all_of_a_reply_comes_back(tmp_path):
    whole = reply(
        text="",
        tool_calls=(ToolCall(id="1", name="t", arguments=None, raw="{not json"),),
        finish_reason="length",
        reasoning="because",
        kept={"thinking_blocks": [{"a": 1}]},
        refusal="no",
        signals={"logprob_mean": -0.25, "p:A": 0.1},
        usage=Usage(input=1, output=2, gpu_seconds=0.125, source="provider"),
        latency_s=1.5,
        ttft_s=0.25,
        model_version="m-1",
    )
    path = kept(tmp_path / "new" / "answers", whole)
    for read_only in (False, True):
        with AnswerCache(path, read_only=read_only) as cache:
            assert cache.get(KEY) == whole
            assert cache.get(OTHER) is None
    assert [p.name for p in path.parent.iterdir()] == ["answers"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_come_back(tmp_path, text):
    with AnswerCache(kept(tmp_path / "a", reply(text=text))) as cache:
        assert cache.get(KEY) == reply(text=text)


def test_the_last_one_counts_and_what_is_taken_out_is_gone(tmp_path):
    path = tmp_path / "a"
    with AnswerCache(path) as cache:
        cache.put(KEY, reply(1))
        cache.put(KEY, reply(2))
        cache.put(OTHER, reply(3))
        cache.forget(OTHER)
    with AnswerCache(path) as cache:
        assert cache.get(KEY) == reply(2)
        assert cache.get(OTHER) is None


def test_it_may_be_opened_in_one_thread_and_used_in_another(tmp_path):
    with AnswerCache(kept(tmp_path / "a")) as cache, ThreadPoolExecutor(1) as other:
        assert other.submit(cache.get, KEY).result() == reply()
        other.submit(cache.put, OTHER, reply(2)).result()
    with AnswerCache(tmp_path / "a") as cache:
        assert cache.get(OTHER) == reply(2)


def test_what_another_process_keeps_is_found_while_both_are_at_work(tmp_path):
    with AnswerCache(tmp_path / "a") as one, AnswerCache(tmp_path / "a") as other:
        one.put(KEY, reply())
        until = time.monotonic() + 10
        while other.get(KEY) is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert other.get(KEY) == reply()


WRITER = """
    import sys, time
    from pathlib import Path
    from harness.core import Reply
    from harness.store import AnswerCache
    start, count, pause = (float(a) for a in sys.argv[2:5])
    cache = AnswerCache(Path(sys.argv[1]))
    print("open", flush=True)
    for n in range(int(start), int(start + count)):
        cache.put(n.to_bytes(32, "big"), Reply(text=str(n) * 50))
        time.sleep(pause)
    cache.close()
    """


def writer(path, start, count, pause=0.0):
    code = textwrap.dedent(WRITER)
    return subprocess.Popen(
        [sys.executable, "-c", code, path, str(start), str(count), str(pause)], stdout=subprocess.PIPE
    )


def test_processes_that_begin_at_once_share_one_file(tmp_path):
    processes = [writer(tmp_path / "a", 1_000 * n, 300) for n in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    for process in processes:
        process.stdout.close()
    with AnswerCache(tmp_path / "a") as cache:
        for number in (1_000 * n + k for n in range(3) for k in range(300)):
            assert cache.get(number.to_bytes(32, "big")).text == str(number) * 50


def test_a_kill_at_any_instant_leaves_a_cache(tmp_path):
    path = tmp_path / "a"
    for number in range(4):
        process = writer(path, number * 1_000_000, 1_000_000, 1e-5)
        if number:  # the first one is killed while it makes the file, or soon after
            process.stdout.readline()
        time.sleep(0.15 * number)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with AnswerCache(path) as cache:
            assert not number or cache.get((number * 1_000_000).to_bytes(32, "big")).text == str(number * 10**6) * 50
            with sqlite3.connect(path) as check:
                assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            check.close()
            assert cache.damaged == 0


# ------------------------------------------------------------------------------------------------------------ read only


def test_reading_alone_leaves_no_trace(tmp_path):
    path = kept(tmp_path / "a")
    before = listing(tmp_path)
    with AnswerCache(path, read_only=True) as cache:
        assert cache.get(KEY) == reply()
        cache.put(OTHER, reply(2))
        cache.forget(KEY)
        assert listing(tmp_path) == before
    assert listing(tmp_path) == before
    with AnswerCache(path, read_only=True) as cache:
        assert cache.get(OTHER) is None


def test_reading_alone_makes_no_file(tmp_path):
    path = tmp_path / "none" / "a"
    with AnswerCache(path, read_only=True) as cache:
        assert cache.get(KEY) is None
        assert not cache.is_there
        assert not path.parent.exists()
        kept(path)  # somebody makes it meanwhile
        assert cache.get(KEY) == reply()
        assert cache.is_there


def test_who_only_reads_sees_what_a_writer_adds_before_and_after_it_ends(tmp_path):
    path = kept(tmp_path / "a")
    with AnswerCache(path, read_only=True) as cache:
        for number in range(1, 4):
            key = bytes([number]) * 32
            with AnswerCache(path) as other:
                other.put(key, reply(number))
                until = time.monotonic() + 10
                while cache.get(key) is None:
                    assert time.monotonic() < until
                    time.sleep(0.01)
            assert cache.get(key) == reply(number)
        assert not cache.problem
    kept(path)  # SQLite's files beside it go with the last writer that finds nobody reading
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


# ------------------------------------------------------------------------------------------------ what it does not take


def sqlite_file(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


@pytest.mark.parametrize("read_only", [False, True])
def test_what_is_no_answer_cache_is_refused_and_left_alone(tmp_path, read_only):
    (tmp_path / "text").write_text("# notes of mine\n" * 100)
    (tmp_path / "short").write_bytes(b"SQLite")
    sqlite_file(tmp_path / "foreign", "CREATE TABLE bookmarks (url)", "INSERT INTO bookmarks VALUES ('x')")
    sqlite_file(tmp_path / "tool", "CREATE TABLE answers (key, reply, digest)", "PRAGMA application_id=7")
    before = listing(tmp_path)
    for name in before:
        assert "is no answer cache, or a damaged one; name another file" in refusal(
            tmp_path / name, read_only=read_only
        )
    assert listing(tmp_path) == before


@pytest.mark.parametrize("read_only", [False, True])
def test_another_version_is_refused(tmp_path, read_only):
    for number in (0, 2, 99):
        path = sqlite_file(kept(tmp_path / f"a{number}"), f"PRAGMA user_version={number}")
        assert f"another version of ownbench (format {number}, this one reads 1)" in refusal(path, read_only=read_only)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_cut_or_overwritten_is_refused(tmp_path, read_only):
    replies = [reply(n, text="x" * 3_000) for n in range(50)]
    whole = kept(tmp_path / "a", *replies).read_bytes()
    cut, overwritten = tmp_path / "cut", tmp_path / "overwritten"
    for end in (150, 5_000, len(whole) // 2, len(whole) - 4_096):
        cut.write_bytes(whole[:end])
        assert "damaged" in refusal(cut, read_only=read_only)
    overwritten.write_bytes(whole[:4_096] + b"\x5a" * 20_000 + whole[24_096:])
    assert "damaged" in refusal(overwritten, read_only=read_only)


def test_an_answer_that_is_not_what_was_written_is_not_given(tmp_path):
    path = kept(tmp_path / "a", reply(text="the truth, once"), reply(5))
    path.write_bytes(path.read_bytes().replace(b"the truth, once", b"a lie, for once"))
    with AnswerCache(path) as cache:
        assert cache.get(KEY) is None
        assert cache.get(bytes([1]) * 32) == reply(5)
        assert cache.damaged == 1


def test_an_empty_file_becomes_a_cache(tmp_path):
    (tmp_path / "a").touch()
    with AnswerCache(tmp_path / "a", read_only=True) as cache:
        assert cache.get(KEY) is None
    with AnswerCache(kept(tmp_path / "a")) as cache:
        assert cache.get(KEY) == reply()


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "is a folder; name a file in it" in refusal(tmp_path)
    assert "is no file" in refusal(tmp_path / "pipe")


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    assert "Not a directory" in refusal(tmp_path / "file" / "a")
    assert refusal(Path("/proc/none/a"))
    assert "too long" in refusal(tmp_path / ("x" * 300))


# ----------------------------------------------------------------------------------------------------- while it is used


def test_a_file_that_goes_ends_its_use_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    with AnswerCache(path) as cache:
        path.unlink()
        cache.put(KEY, reply())
    assert cache.problem == "was deleted or moved"


def test_a_disk_that_fills_ends_its_use_and_nothing_else(tmp_path, monkeypatch):
    path = kept(tmp_path / "a")
    with AnswerCache(path) as cache:
        cache._writer.execute("PRAGMA max_page_count=4")
        for number in range(100):
            cache.put(bytes([number]) * 32, reply(text="x" * 5_000))
    assert cache.problem == "cannot be written: the disk is full"
    with AnswerCache(path) as cache:
        assert cache.get(KEY) == reply()


def test_a_writer_that_holds_it_is_waited_for_and_then_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "PATIENCE_S", 0.1)
    path = kept(tmp_path / "a")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "is held by another process; wait for it" in refusal(path)
    with AnswerCache(path, read_only=True) as cache:  # who only reads need not wait
        assert cache.get(KEY) == reply()
    other.execute("ROLLBACK")
    other.close()
