"""The digest of a table's rows is that of its rows one by one, as earlier locks were made."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core import digest_json
from harness.verdict import row_digests
from harness.verdict.row_digests import rows_digests

TEXTS = ["", "plain", 'quo"te', "back\\slash", "new\nline", "tab\t", "\x00\x1f\x7f", "Ünï 漢字 🙂", "\u2028", None]
COLUMNS = {
    "text": pa.array(TEXTS),
    "large": pa.array(TEXTS, pa.large_string()),
    "coded": pa.array(TEXTS).dictionary_encode(),
    "clean": pa.array(["a", "b", None, "d", "e", "f", "g", "h", "i", "j"]),
    "number": pa.array([0.0, -0.0, 1.0, 1e-7, 1e22, 0.1, 123456789.123, 5e-324, 1.7976931348623157e308, 3.0]),
    "some": pa.array([0.0, -0.0, None, 1e-5, 1e16, 0.5, None, 2.0, 1.5, 0.25]),
    "narrow": pa.array([0.1] * 10, pa.float32()),
    "count": pa.array([1, -2, None, 2**62, 0, 5, 6, 7, 8, 9]),
    "trial": pa.array(range(10), pa.int32()),
    "passed": pa.array([True, False, None] * 3 + [True]),
    "nothing": pa.nulls(10),
    "skills": pa.array([[], ["a"], ["b", 'q"'], None, ["a"], ["é"], [], [None], ["a", "b"], ["x"]]),
    "when": pa.array([datetime(2026, 1, day + 1, 1, 2, 3, day * 1000, tzinfo=UTC) for day in range(10)]),
    "nested": pa.array([{"b": 1, "a": [0.0]}, None] * 5),
    "ключ \"'": pa.array(["v"] * 10),
}


def one_by_one(table):
    return sorted(digest_json(row, default=str) for row in table.to_pylist())


def column_by_column(table):
    return sorted(map(row_digests.digest_text, row_digests._texts(table)))


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_kind(name):
    table = pa.table({name: COLUMNS[name]})
    assert column_by_column(table) == one_by_one(table)


def test_all_of_them_in_chunks_and_none():
    table = pa.table(COLUMNS)
    assert column_by_column(table) == one_by_one(table)
    assert column_by_column(pa.concat_tables([table.slice(3), table.slice(0, 3)])) == one_by_one(table)
    assert column_by_column(table.slice(0, 0)) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text() | st.none(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())))
def test_whatever_the_rows_hold(rows):
    texts, numbers, flags = (list(part) for part in zip(*rows, strict=True)) if rows else ([], [], [])
    try:
        table = pa.table({"t": pa.array(texts, pa.string()), "n": pa.array(numbers, pa.float64()), "f": flags})
    except UnicodeEncodeError:  # a lone surrogate is no text of a table
        return
    assert column_by_column(table) == one_by_one(table)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused_as_ever(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        column_by_column(pa.table({"n": [1.0, value]}))


def test_the_digests_of_a_report(tmp_path):
    names = ["a", "b", "a"]
    kept = {"contender": names, "task": ["t1", "t1", "t2"], "status": ["passed", "failed", "errored"]}
    pq.write_table(
        pa.table(kept | {"trial": pa.array([0, 0, 0], pa.int32())} | {"passed": [True, False, None]}),
        tmp_path / "outcomes.parquet",
    )
    found = rows_digests(tmp_path, ("a", "b", "nobody"))
    table = row_digests.read_outcomes(tmp_path).drop_columns(list(row_digests.LATER)).to_pylist()
    for name in ("a", "b", "nobody"):
        rows = sorted(digest_json(row, default=str) for row in table if row["contender"] == name)
        assert found[name] == digest_json(rows)


def test_columns_of_later_versions_that_say_nothing_change_no_digest():
    table = pa.table({"task": ["a", "b"]})
    silent = table.append_column("skills_run", pa.nulls(2, pa.list_(pa.string())))
    assert column_by_column(silent) == column_by_column(table)
    telling = table.append_column("skills_run", pa.array([["x"], None]))
    assert column_by_column(telling) != column_by_column(table)
