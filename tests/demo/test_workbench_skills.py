"""The scripts of the workbench's skills, each at what it is for and at what it has to refuse."""

import gzip
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SKILLS = Path(__file__).resolve().parents[2] / "skills" / "workbench"


def script(name, *arguments, at, code=0):
    path = next(SKILLS.glob(f"*/scripts/{name}"))
    command = [sys.executable, "-B", path, *map(str, arguments)]
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tables = load(SKILLS / "table-cleaning" / "scripts" / "tables.py")


@pytest.mark.parametrize(
    ("text", "sign", "number"),
    [
        ("1.234,50", ",", "1234.50"),
        ("1,234.50", ".", "1234.50"),
        ("(12,50)", ",", "-12.50"),
        ("12,50-", ",", "-12.50"),
        ("\u221212,50 \u20ac", ",", "-12.50"),
        ("USD 7", ".", "7"),
        ("1\u00a0234,5", ",", "1234.5"),
        ("1'234.5", ".", "1234.5"),
    ],
)
def test_numbers_are_read_as_people_write_them(text, sign, number):
    assert tables.number(text, sign) == number


@pytest.mark.parametrize("text", ["", "twelve", "12 pieces", "1,2,3"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"is no number|decimal sign"):
        tables.number(text, ",")


def test_a_sign_and_an_order_need_a_proof():
    assert [tables.decimal_sign(v) for v in (["1,234"], ["1,23"], ["1.234,5"], ["1,5", "1.5"], ["0,125"])] == [
        "", ",", ",", "mixed", ",",
    ]  # fmt: skip
    orders = (["01/02/2025"], ["13/02/2025"], ["02/13/2025"], ["13/02/2025", "02/13/2025"], ["2025-01-02"])
    assert [tables.date_order(values) for values in orders] == ["ambiguous", "dmy", "mdy", "mixed", "ymd"]
    assert tables.date("45292") == "2024-01-01"
    assert tables.date("3 March 25", "dmy") == tables.date("Mar 3, 2025", "dmy") == "2025-03-03"
    assert tables.date("03/04/99", "mdy") == "1999-03-04"
    with pytest.raises(ValueError, match=r"must be in 1\.\.12"):
        tables.date("13/13/2025", "dmy")


def test_a_table_is_converted_only_without_guessing(tmp_path):
    (tmp_path / "a.csv").write_bytes("Nr;Ort;Tag;Wert\n007;Köln\u00a0 Süd;13.02.2025;1.234,50\n".encode("cp1252"))
    (tmp_path / "b.csv").write_text("Nr,Ort,Tag,Wert\n007,Bonn,2025-02-14,n/a\n008,Bonn,2025-02-15,3.5\n", "utf-8-sig")
    wanted = ["--number", "Wert", "--date", "Tag", "--key", "Nr", "--last", "--sort", "Nr"]
    said = script("convert.py", "out.csv", "a.csv", "b.csv", *wanted, at=tmp_path).stderr
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines == ["Nr,Ort,Tag,Wert", "007,Bonn,2025-02-14,", "008,Bonn,2025-02-15,3.5"]
    assert "a.csv: cp1252, delimiter ';'; Wert: ,; Tag: dmy" in said
    assert "1 rows with a key that was there already left out" in said
    (tmp_path / "c.csv").write_text("Nr;Tag\n1;01/02/2025\n")
    done = script("convert.py", "none.csv", "c.csv", "--date", "Tag", at=tmp_path, code=1)
    assert "c.csv line 2, Tag: '01/02/2025': its order is ambiguous" in done.stderr
    assert not (tmp_path / "none.csv").exists()
    script("convert.py", "given.csv", "c.csv", "--date", "Tag:mdy", at=tmp_path)
    assert "2025-01-02" in (tmp_path / "given.csv").read_text()
    profile = script("profile.py", "a.csv", "b.csv", at=tmp_path).stdout
    assert "leading zeros: an identifier, keep it as text" in profile
    assert "blank as 'n/a' x1" in profile


def test_logs_of_all_formats_are_one_timeline(tmp_path):
    (tmp_path / "a.log.1").write_text(
        "2025-03-01 10:00:00,5 ERROR one\n  more\nlast of it: 1\n2025-03-01 10:00:02 two\n"
    )
    (tmp_path / "a.log").write_text("2025-03-01 10:00:02 two\n2025-03-01 10:00:04 three\n")
    (tmp_path / "p.log.gz").write_bytes(
        gzip.compress(b'1.2.3.4 - - [01/Mar/2025:12:00:01 +0200] "GET / HTTP/1.1" 200 1\n')
    )
    (tmp_path / "s.log").write_text(
        "Mar  1 11:00:03 host sshd: message repeated 2 times: [ Failed]\nFeb 30 11:00:00 no such day\n"
    )
    (tmp_path / "j.jsonl").write_text('{"ts": 1740823205123, "level": "warn"}\n{"ts": "2025-03-01T10:00:06Z"}\n')
    files = ("a.log.1", "a.log", "p.log.gz", "s.log", "j.jsonl")
    done = script("timeline.py", *files, "--zone", "s.log=+01:00", "--year", 2025, at=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["time"][11:] for event in events] == [
        "10:00:00.500Z", "10:00:01.000Z", "10:00:02.000Z", "10:00:03.000Z", "10:00:03.000Z", "10:00:04.000Z",
        "10:00:05.123Z", "10:00:06.000Z",
    ]  # fmt: skip
    assert events[0]["more"] == ["  more", "last of it: 1"]
    assert events[3]["text"] == "host sshd: Failed"
    assert (events[6]["level"], events[6]["fields"]["level"]) == ("WARN", "warn")
    assert "1 lines repeated from the file before left out" in done.stderr


def test_a_year_that_ends_in_a_syslog_begins_the_next(tmp_path):
    (tmp_path / "s").write_text("Dec 31 23:59:59 h a\nJan  1 00:00:01 h b\n")
    times = [
        json.loads(line)["time"] for line in script("timeline.py", "s", "--year", 2024, at=tmp_path).stdout.splitlines()
    ]
    assert times == ["2024-12-31T23:59:59.000Z", "2025-01-01T00:00:01.000Z"]


def test_groups_know_the_root_of_a_trace_and_percentiles_by_rank(tmp_path):
    chain = ["Traceback (most recent call last):", '  File "x", line 1', "db.Lost: gone"]
    chain += ["", "During handling of the above:", "ValueError: 2"]
    java = ["java.lang.A: x", "\tat B", "Caused by: java.io.C: y"]
    events = [{"text": "ERROR a", "more": chain}, {"text": "ERROR b", "more": java}]
    events += [{"text": f"GET /a took {n}{unit}"} for n, unit in ((1, "s"), (5, "ms"), (2500, "us"))]
    (tmp_path / "e").write_text("".join(json.dumps(event) + "\n" for event in events))
    found = [json.loads(line) for line in script("groups.py", "e", "--json", at=tmp_path).stdout.splitlines()]
    assert {"root db.Lost", "root java.io.C"} <= {one["group"] for one in found}
    timed = ("groups.py", "e", "--by", r"GET (\S+)", "--value", r"(\d+)(us|ms|s)$", "--json")
    (one,) = [json.loads(line) for line in script(*timed, at=tmp_path).stdout.splitlines()]
    assert (one["count"], one["p50"], one["p95"], one["max"]) == (3, 5, 1000, 1000)


def test_a_window_is_open_at_its_end(tmp_path):
    times = {"a": (0, 30, 59), "b": (0, 30, 60)}
    lines = [
        {"time": f"2025-01-01T00:{s // 60:02}:{s % 60:02}.000Z", "text": f"no {k}"} for k, t in times.items() for s in t
    ]
    (tmp_path / "e").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = script("windows.py", "e", "--match", "no", "--by", r"no (\w)", "--count", 3, "--seconds", 60, at=tmp_path)
    assert [json.loads(line)["key"] for line in done.stdout.splitlines()] == ["a"]


def test_edges_flag_state_mutation_and_what_does_not_end(tmp_path):
    (tmp_path / "m.py").write_text(
        "def keep(x, seen=[]):\n    seen.append(x)\n    return list(seen)\n\n"
        "def order(x):\n    x.sort()\n    return x\n\n"
        "def loop(x):\n    while x == 0:\n        pass\n    return 1 / x\n"
    )
    assert "DIFFERS WHEN CALLED AGAIN" in script("edges.py", "m.py", "keep", '["a"]', at=tmp_path).stdout
    assert "CHANGES ITS ARGUMENT" in script("edges.py", "m.py", "order", "[[2, 1]]", at=tmp_path).stdout
    assert "loop(0) -> NOT DONE" in script("edges.py", "m.py", "loop", "[1]", at=tmp_path).stdout
    assert script("edges.py", "m.py", "none", "[1]", at=tmp_path, code=1).stderr.count("\n") == 1


def test_uses_finds_siblings_and_runtests_tells_in_short(tmp_path):
    (tmp_path / "a.py").write_text("def half(x):\n    total = x // 2\n    return total\n")
    (tmp_path / "b.py").write_text("from a import half\n\ndef third(y):\n    part = y // 3\n    return half(part)\n")
    (tmp_path / "broken.py").write_text("def (")
    said = script("uses.py", "half", ".", at=tmp_path).stdout
    assert "./a.py:1: defined" in said
    assert "./b.py:5: used" in said
    assert "broken.py: left out" in said
    assert "./b.py:4: same form" in script("uses.py", "--same", "a.py:2", ".", at=tmp_path).stdout
    (tmp_path / "test_a.py").write_text(
        "import unittest\nfrom a import half\n\ndef test_plain():\n    assert half(4) == 2\n\n"
        "class T(unittest.TestCase):\n    def test_odd(self):\n        self.assertEqual(half(5), 3)\n"
    )
    (tmp_path / "test_loop.py").write_text("while True:\n    pass\n")
    said = script("runtests.py", ".", "--timeout", 1, at=tmp_path, code=1).stdout
    assert "./test_a.py: RAN 2 failed 1" in said
    assert "AssertionError: 2 != 3" in said
    assert "./test_loop.py: not done after 1 s" in said


def test_a_patch_whose_lines_moved_is_applied_and_the_rest_told(tmp_path):
    (tmp_path / "a.txt").write_text("new\nnew\nnew\nnew\none\n  two\nthree\nfour\n")
    (tmp_path / "p").write_text(
        "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n@@ -9,2 +9,2 @@\n nine\n-ten\n+10\n"
    )
    done = script("apply_patch.py", "p", at=tmp_path, code=1)
    assert "a.txt hunk 1: applied at line 5" in done.stdout
    assert "a.txt hunk 2: fits nowhere\n    - ten\n    + 10" in done.stdout
    assert (tmp_path / "a.txt").read_text() == "new\nnew\nnew\nnew\none\n2\nthree\nfour\n"
    assert "a.txt hunk 1: is there already" in script("apply_patch.py", "p", at=tmp_path, code=1).stdout
