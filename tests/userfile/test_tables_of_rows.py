"""A table means what the same lines of JSON mean, whatever it was saved as."""

import csv
import gzip
import io
import json
from datetime import date
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core import UserFileError
from harness.userfile import table_rows

ROWS = [
    {"id": "007", "input": 'He said "hi",\nthen left; twice', "reference": "caf\u00e9"},
    {"id": "8", "input": "no more"},
]


def read(path, **how):
    return [row for _, row in table_rows(path, **how)]


def as_csv(rows, delimiter=",", end="\r\n"):
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "input", "reference"], delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_as_people_save_it(tmp_path, encoding, delimiter):
    path = tmp_path / "t.csv"
    path.write_bytes(as_csv(ROWS, delimiter).encode(encoding))
    assert read(path) == ROWS
    assert [where for where, _ in table_rows(path)] == ["line 2", "line 4"]


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_kind_of_file_gives_the_same_rows(tmp_path, ending, packed):
    data = {
        ".jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
        ".json": json.dumps(ROWS).encode(),
        ".csv": as_csv(ROWS).encode(),
        ".tsv": as_csv(ROWS, "\t").encode(),
    }
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "x")
        data[ending] = (tmp_path / "x").read_bytes()
    path = tmp_path / ("t" + ending + (".gz" if packed else ""))
    path.write_bytes(gzip.compress(data[ending]) if packed else data[ending])
    assert read(path) == ROWS


def test_a_tsv_whose_quotation_marks_are_nothing_but_signs(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text('input\treference\n"open\t5" pipe\nb\tc\n')
    assert read(path) == [{"input": '"open', "reference": '5" pipe'}, {"input": "b", "reference": "c"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "a": 1,\n}', "at line 3, column 1: needed: a key in double quotes"),
        ("[{'a': 1}]", "at column 3: needed: a key in double quotes"),
        ('{"a": tru}', "at column 7: needed: a value"),
        ("[1 2]", "at column 4: needed: a comma"),
        ('{"a" 1}', "at column 6: needed: a colon after the key"),
        ('["a', "at column 2: this text has no closing quotation mark"),
        ('["\\q"]', "a backslash that begins nothing known; double it"),
        ("[1", "at column 3: it ends too early"),
        (" ", "it is empty"),
    ],
)
def test_what_is_wrong_in_json_is_said_in_plain_words(tmp_path, text, said):
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(UserFileError) as error:
        read(path)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.csv.gz", b"hello", "not a whole gzip file: it does not begin as one"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "not a whole gzip file: it is cut off"),
        ("t.parquet", b"hello", "not a Parquet file: it does not begin as one"),
        ("t.parquet", b"PAR1hello there", "not a Parquet file: it is cut off or damaged"),
    ],
)
def test_a_file_that_is_not_what_its_ending_says_is_refused_in_plain_words(tmp_path, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserFileError, match=said):
        read(path)


@pytest.mark.parametrize(
    ("name", "text", "row"),
    [
        ("t.csv", 'a;"b, c"\n1;0,5\n2;0,7\n', {"a": "1", "b, c": "0,5"}),
        ("t.tsv", "a\tb, c, d\n1\tx, y, z\n", {"a": "1", "b, c, d": "x, y, z"}),
        ("t.tsv", "a,b\n1,2\n", {"a": "1", "b": "2"}),
        ("t.csv", "a,b\n# Heading,1\na,b\n", {"a": "# Heading", "b": "1"}),
    ],
)
def test_the_mark_between_cells_is_that_of_the_header(tmp_path, name, text, row):
    path = tmp_path / name
    path.write_text(text)
    assert read(path)[0] == row


def test_an_index_and_blank_lines_are_passed_over(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("sep=;\n;input;reference\n0;a;b\n;;\n\n1;c;\n")
    assert read(path) == [{"input": "a", "reference": "b"}, {"input": "c"}]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "t.csv",
            "a,b\n1,2,3\n",
            "line 2: found 3 cells where the header has 2 columns (a, b); quote a cell that holds a comma",
        ),
        (
            "t.csv",
            'a,b\n1,2\n"open,3\n',
            "line 3: not a readable table: a cell begins with a quote that is never closed",
        ),
        ("t.csv", 'a,b\n"x" y,2\n', "line 2: not a readable table: a quoted cell goes on after its closing quote"),
        ("t.csv", "a,b,a\n1,2,3\n", "the column 'a' is there twice; rename one"),
        ("t.csv", "", "the file is empty"),
        ("t.json", '{"data": [1]}', "the rows are not a list; add field: data"),
        ("t.json", "[1]", "row 1: found 1, needed one JSON object"),
        ("t.xlsx", "x", "cannot tell what kind of table this is; give a file that ends in .jsonl, .json, .csv"),
        ("t.csv.gz", "no gzip", "not a whole gzip file"),
    ],
)
def test_what_is_wrong_in_a_table_is_named_with_its_line(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserFileError) as error:
        read(path)
    assert said in str(error.value)


def test_a_field_names_where_the_rows_of_a_json_file_stand(tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"version": 1, "data": {"rows": ROWS}}))
    assert read(path, field="data.rows") == ROWS
    with pytest.raises(UserFileError, match=r"there is no 'data\.row' in it; did you mean 'data\.rows'\?"):
        read(path, field="data.row")
    with pytest.raises(UserFileError, match=r"the rows are not a list; add field: data\.rows$"):
        read(path)
    with pytest.raises(UserFileError, match=r"data: the rows are not a list; add field: data\.rows$"):
        read(path, field="data")
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))  # JSON lines under that ending
    assert read(path) == ROWS


def test_nulls_that_parquet_adds_are_absent_at_every_depth(tmp_path):
    rows = [
        {
            "id": "a",
            "input": [{"role": "user", "content": "q"}, {"role": "tool", "content": "r", "name": "n"}],
            "reference": {"total": 1, "lines": [{"price": 2.5}, {"price": 3.0, "note": "x"}]},
            "metadata": {"k": "v"},
            "grader": {"name": "json", "ignore": ["note"]},
            "files": ["f.txt"],
        },
        {
            "id": "b",
            "input": [{"role": "user", "content": "q"}],
            "reference": {"other": {"deep": True}},
            "metadata": {},
        },
    ]
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert read(path) == rows


def test_a_whole_number_stays_one_in_a_column_with_missing_values(tmp_path):
    frame = pd.DataFrame(
        {
            "whole": [7, None, 8],  # floats for pandas, since one is missing
            "float": [7.0, 8.0, 9.0],
            "mixed": [7.0, None, 8.5],
            "kept": pd.array([7, None, 8], dtype="Int64"),
        },
        index=["x", "y", "z"],
    )
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    first, second, _ = [repr(row) for row in read(path)]
    assert first == "{'whole': 7, 'float': 7.0, 'mixed': 7.0, 'kept': 7}"
    assert second == "{'float': 8.0}"


def test_a_range_that_is_the_named_index_is_a_column(tmp_path):
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"q": ["a", "b", "c"]}, index=pd.RangeIndex(10, 40, 10, name="Nr"))
    frame.to_parquet(path)
    assert "Nr" not in pq.read_schema(path).names  # only the notes hold it
    assert read(path) == [{"q": "a", "Nr": 10}, {"q": "b", "Nr": 20}, {"q": "c", "Nr": 30}]
    pq.write_table(pq.read_table(path).slice(1), path)  # the notes are of another table
    assert read(path) == [{"q": "b"}, {"q": "c"}]
    frame.rename_axis(None).to_parquet(path)
    assert read(path)[0] == {"q": "a"}


def test_dates_decimals_maps_and_bytes_are_what_json_has_for_them(tmp_path):
    table = pa.table(
        {
            "day": [date(2026, 1, 31)],
            "money": pa.array([Decimal("7.50")], pa.decimal128(10, 2)),
            "count": pa.array([Decimal(7)], pa.decimal128(10, 0)),
            "map": pa.array([[("a", 1), ("b", None)]], pa.map_(pa.string(), pa.int64())),
            "bytes": pa.array([b"text"], pa.binary()),
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    expected = {"day": "2026-01-31", "money": 7.5, "count": 7, "map": {"a": 1}, "bytes": "text"}
    assert [repr(row) for row in read(path)] == [repr(expected)]


def test_a_parquet_file_that_unfolds_without_end_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": pa.array([0] * 2_000_000)}), path)
    with pytest.raises(UserFileError, match=r"the table has 2,000,000 rows, .*at most 1,000,000 rows"):
        read(path)
    pq.write_table(pa.table({"x": ["y" * 100_000] * 9_000}), path, compression="zstd")
    with pytest.raises(UserFileError, match=r"the table unfolds to more than 512 MB"):
        read(path)
