"""Tables in every file that people save: layout and encoding of texts, shapes of JSON, types of Parquet."""

import bz2
import datetime as dt
import decimal
import gzip
import json
import lzma
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core import UserFileError
from harness.store import import_table, load_task_table, read_outcomes

PLAIN = "contender,task,passed\na,t1,1\na,t2,0\n"
ROWS = [("a", "t1", True), ("a", "t2", False)]
RECORDS = [{"contender": c, "task": t, "passed": p} for c, t, p in ROWS]


def read(path: Path, mapping: dict[str, str] | None = None) -> list[tuple[object, ...]]:
    import_table(path, path.parent / "r", mapping, overwrite=True)
    return [(r["contender"], r["task"], r["passed"]) for r in read_outcomes(path.parent / "r").to_pylist()]


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        "| contender | task | passed |\n|:---|---|---:|\n| a | t1 | 1 |\n| a | t2 | 0 |\n",
        "sep=;\n" + PLAIN.replace(",", ";"),
        'contender;task;passed;"cost, usd"\na;t1;1;0,5\na;t2;0;0,5\n',
        "\ufeff" + PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\n\n" + PLAIN.replace("a,t2", "\na,t2"),
        "# made by a tool, 2026\n" + PLAIN,
        PLAIN.replace("a,t2", "# a remark, with commas, and more\na,t2"),
        "#" + PLAIN,
        "Results of Monday,,\n,,\n" + PLAIN,
        PLAIN.replace("1\n", "1,\n").replace("0\n", "0,,\n"),
        PLAIN + ",,\n",
        PLAIN.replace("a,t2", "contender,task,passed\na,t2"),
        ",contender,task,passed\n0,a,t1,1\n1,a,t2,0\n",
        "Contender, TASK ,Passed?\na,t1,1\na,t2,0\n",
        'contender, task, passed, why\na, "t1", 1, "two\nlines, and a comma"\na, t2, 0, "5"" wide"\n',
    ],
)
def test_layouts_of_text(tmp_path: Path, data: str) -> None:
    (tmp_path / "t.csv").write_bytes(data.encode())
    assert read(tmp_path / "t.csv") == ROWS


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.tsv", PLAIN.encode()),
        ("t.csv", PLAIN.encode("utf-16")),
        ("t.txt", PLAIN.replace(",", "\t").encode("utf-32")),
        ("T.CSV", PLAIN.encode()),
        ("t.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)),
        ("t.csv", gzip.compress(PLAIN.encode(), mtime=0)),
        ("t.csv.bz2", bz2.compress(PLAIN.encode())),
        ("t.tsv.xz", lzma.compress(PLAIN.encode())),
        ("t.jsonl.gz", gzip.compress("\n".join(map(json.dumps, RECORDS)).encode(), mtime=0)),
        ("t.json", json.dumps(RECORDS).encode()),
        ("t.json", ("\ufeff" + json.dumps(RECORDS, indent=1)).encode()),
        ("t.json", "\n\n".join(map(json.dumps, RECORDS)).encode()),
        ("t.jsonl", json.dumps(RECORDS).encode()),
        ("t.json", json.dumps({"version": 2, "results": RECORDS}).encode()),
        ("t.json", json.dumps({"data": {"rows": RECORDS}}, indent=1).encode()),
        ("t.json", json.dumps({"columns": list(RECORDS[0]), "index": [0, 1], "data": ROWS}).encode()),
        ("t.json", json.dumps({"contender": ["a", "a"], "task": ["t1", "t2"], "passed": [1, 0]}).encode()),
        *(("t.json", pd.DataFrame(RECORDS).to_json(orient=o).encode()) for o in ("columns", "index", "table", "split")),
    ],
)
def test_kinds_of_file(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert read(tmp_path / name) == ROWS


def test_zstd(tmp_path: Path) -> None:
    with pa.output_stream(str(tmp_path / "t.csv.zst"), compression="zstd") as file:
        file.write(PLAIN.encode())
    assert read(tmp_path / "t.csv.zst") == ROWS


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("t.csv", b"\n# c\n" + PLAIN.encode() + b"\na,t3,zz\n", "line 7, passed: found 'zz'"),
        ("t.csv", b'contender,task,passed,why\na,t,1,"x\ny\nz"\na,u,zz,\n', "line 5, passed: found 'zz'"),
        ("t.csv", b"contender,task,passed\ra,t,1\ra,u,zz\r", "line 3, passed: found 'zz'"),
        (
            "t.csv",
            b"contender,task,passed\na,t,1\na\xe9,u,1\n",
            "line 3: not UTF-8: found the byte 0xe9 at character 2",
        ),
        ("t.csv", PLAIN.encode("utf-16-le"), "line 1: found a zero byte"),
        ("t.csv", PLAIN.encode() + b"a,t3,1,5\n", "line 4: found 4 cells where the header has 3 columns"),
        ("t.csv", PLAIN.encode() + b"a,t3", "line 4: the file ends within the row"),
        (
            "t.csv",
            b'contender,task,passed\na,t,1\na,"u,1\n',
            "line 3: not a readable table: a cell begins with a quote",
        ),
        ("t.csv", b'contender,task,passed\na,"t"u,1\n', "line 2: not a readable table: a quoted cell goes on"),
        ("t.csv", PLAIN.encode() + b"task,contender,passed\nt3,a,1\n", "line 4: the header is there again"),
        ("t.csv", b"a,t,1\n", "line 1: there is no column contender and no column task; found a, t, 1"),
        ("t.csv", b"contender task passed\na t 1\n", "part the columns with commas"),
        ("t.csv", json.dumps(RECORDS).encode(), "line 1: this looks like JSON"),
        ("t.csv", b"PK\x03\x04", "a zip archive or a spreadsheet"),
        ("t.csv", gzip.compress(PLAIN.encode() * 999, mtime=0)[:50], "not a whole gzip file: it is cut off"),
        ("t.jsonl", b'{"contender":"a","task":"t","passed":1}\n\n{oops}\n', "line 3: not valid JSON at column 2"),
        ("t.jsonl", b'{"contender":"a","task":"t","passed":1}\n5\n', "line 2: found 5, needed one JSON object"),
        ("t.jsonl", b'{"task":"t","passed":1,"passed":0}\n', "line 1: the key 'passed' is given twice"),
        (
            "t.json",
            b'[{"contender":"a","task":"t","passed":[true]}]',
            "row 1, passed: found a list or a record: [True]",
        ),
        ("t.json", b"[" * 100_000, "nested too deeply"),
        ("t.json", b'"x"', "needed: a list of objects"),
        ("t.json", b'[{"contender":"a","task":"t","score":Infinity}]', "row 1, score: found inf"),
        ("t.parquet", b"PAR1xxxxPAR1", "not a Parquet file: it is cut off or damaged"),
    ],
)
def test_what_cannot_be_read_is_named_by_the_line_of_an_editor(
    tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserFileError) as caught:
        import_table(tmp_path / name, tmp_path / "r")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r").exists()


def test_a_file_that_unpacks_to_an_endless_line_is_refused_early(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.csv.gz", "wb", 1) as file:
        for _ in range(40):
            file.write(b"x" * 1_000_000)
    with pytest.raises(UserFileError, match=r"line 1: the line has more than 16 MB"):
        import_table(tmp_path / "t.csv.gz", tmp_path / "r")


def test_lines_that_are_short_or_left_out_are_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("A title\n" + PLAIN + "a,t3\n# end\n" + PLAIN)
    notes = import_table(tmp_path / "t.csv", tmp_path / "r").notes
    assert notes[0] == "the header was found on line 2; what is above it was left out"
    assert "line 5 has fewer cells than the header: the missing ones were taken as empty" in notes
    assert "line 6 begins with # and was left out as a comment" in notes
    assert "line 7 is the header again and was left out" in notes
    repeats = next(note for note in notes if "repeat a contender" in note)
    assert "(line 8 repeats line 3)" in repeats
    assert "2 of them are the same in every column" in repeats


def test_one_record_that_holds_a_list_is_one_row(tmp_path: Path) -> None:
    record = {**RECORDS[0], "messages": [{"role": "user"}]}
    for text in (json.dumps(record), json.dumps(record, indent=1)):
        (tmp_path / "t.json").write_text(text)
        assert read(tmp_path / "t.json") == ROWS[:1]


def test_a_hash_in_an_identifier_is_no_comment(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("task,contender,passed\n#12,a,1\n#13,a,0\n")
    assert read(tmp_path / "t.csv") == [("a", "#12", True), ("a", "#13", False)]


def test_fields_of_records_are_columns(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps([{"contender": "a", "task": 1, "m": {"ok": True, "x": {"y": 1}}}]))
    assert read(tmp_path / "t.json", {"passed": "m.ok"}) == [("a", "1", True)]
    pq.write_table(pa.table({"contender": ["a"], "task": [1], "m": [{"ok": True}]}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet", {"passed": "m.ok"}) == [("a", "1", True)]
    with pytest.raises(UserFileError, match=r"found contender, task, m\.ok"):
        import_table(tmp_path / "t.parquet", tmp_path / "x")


@pytest.mark.parametrize("index", ["task", ["contender", "task"], "passed"])
def test_a_named_index_of_a_parquet_file_is_a_column(tmp_path: Path, index: str | list[str]) -> None:
    pd.DataFrame(RECORDS).set_index(index).to_parquet(tmp_path / "T.PARQUET")
    assert read(tmp_path / "T.PARQUET") == ROWS


def test_a_range_that_is_the_named_index_is_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame(RECORDS).drop(columns="task")
    frame.index = pd.RangeIndex(len(frame), name="task")
    frame.to_parquet(tmp_path / "t.parquet")
    assert [row[1] for row in read(tmp_path / "t.parquet")] == ["0", "1"]


def test_clusters_in_the_index_widen_the_intervals_as_in_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"contender": "a", "task": range(8), "passed": [1, 1, 0, 0] * 2, "cluster": list("aabbccdd")})
    frame.set_index("cluster").to_parquet(tmp_path / "t.parquet")
    read(tmp_path / "t.parquet")
    assert load_task_table(tmp_path / "r").clusters.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"task": pa.array([1, 2]).dictionary_encode()}, ["1", "2"]),
        ({"task": pa.array([2**60 + 1, 2])}, [str(2**60 + 1), "2"]),
        ({"task": pa.array([1.0, 2.0])}, ["1", "2"]),
        ({"task": pa.array(["x", "y"], pa.large_string())}, ["x", "y"]),
        ({"task": pa.array([b"x", b"y"])}, ["x", "y"]),
        ({"task": pa.array([dt.date(2026, 1, 1), dt.date(2026, 1, 2)])}, ["2026-01-01", "2026-01-02"]),
        ({"task": pa.array([decimal.Decimal("1.00"), decimal.Decimal("2.00")])}, ["1", "2"]),
    ],
)
def test_types_of_names_in_parquet(tmp_path: Path, columns: dict[str, pa.Array], wanted: list[str]) -> None:
    pq.write_table(pa.table({"contender": ["a", "a"], "passed": [1, 0], **columns}), tmp_path / "t.parquet")
    assert [row[1] for row in read(tmp_path / "t.parquet")] == wanted


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (pa.array(["pass", None]).dictionary_encode(), [True, None]),
        (pa.array([1.0, float("nan")]), [True, None]),
        (pa.array([1, None], pa.uint8()), [True, None]),
        (pa.array([decimal.Decimal("1.0"), decimal.Decimal("0.0")]), [True, False]),
        (pa.array([True, None]), [True, None]),
    ],
)
def test_types_of_results_in_parquet(tmp_path: Path, values: pa.Array, wanted: list[bool | None]) -> None:
    pq.write_table(pa.table({"contender": ["a", "a"], "task": ["x", "y"], "passed": values}), tmp_path / "t.parquet")
    assert [row[2] for row in read(tmp_path / "t.parquet")] == wanted


def test_durations_and_columns_of_two_levels(tmp_path: Path) -> None:
    lasted = pa.array([dt.timedelta(seconds=1.5)])
    pq.write_table(
        pa.table({"contender": ["a"], "task": ["x"], "passed": [1], "latency_s": lasted}), tmp_path / "t.parquet"
    )
    read(tmp_path / "t.parquet")
    assert read_outcomes(tmp_path / "r")["latency_s"].to_pylist() == [1.5]
    frame = pd.DataFrame(
        [["a", "x", True]], columns=pd.MultiIndex.from_tuples([("contender", ""), ("task", ""), ("m", "ok")])
    )
    frame.to_parquet(tmp_path / "m.parquet")
    assert read(tmp_path / "m.parquet", {"passed": "m.ok"}) == [("a", "x", True)]


def test_a_column_given_twice_is_refused_where_it_is_ours(tmp_path: Path) -> None:
    table = pa.table([["a"], ["t"], [1], [0]], names=["contender", "task", "passed", "passed"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(UserFileError, match="'passed' is there twice"):
        import_table(tmp_path / "t.parquet", tmp_path / "x")
    (tmp_path / "t.csv").write_text("contender,task,passed,x,x\na,t,1,2,3\n")
    assert read(tmp_path / "t.csv") == [("a", "t", True)]
    (tmp_path / "t.csv").write_text("contender,task,Passed,PASSED\na,t,1,0\n")
    with pytest.raises(UserFileError, match="could both be passed; name one: --map passed=Passed"):
        import_table(tmp_path / "t.csv", tmp_path / "x")
