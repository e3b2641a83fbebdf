"""Figures that no attempt can have: refused where a table is brought, unknown and told where one is on disk."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis import scoreboard
from harness.core import UserFileError
from harness.store import import_table, load_task_table
from harness.verdict import list_reports

WHOLE = {"input_tokens": pa.int64(), "started_at": pa.timestamp("us", tz="UTC")}


def report(folder: Path, name: str, values: list[Any]) -> Path:
    """A report of one contender with this column, written as somebody else's program would."""
    rows = [{"contender": "a", "task": f"t{i}", "trial": 0, "status": "passed", "passed": True} for i in range(4)]
    table = pa.Table.from_pylist(rows).append_column(name, pa.array(values, WHOLE.get(name, pa.float64())))
    folder.mkdir(exist_ok=True)
    pq.write_table(table, folder / "outcomes.parquet")
    return folder


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("cost_usd", [1e308, -1.0], [0.5, 1e6]),
        ("cost_usd", [float("inf"), 1e200], [0.0, 2.0]),
        ("latency_s", [1e20, -2.0], [0.1, 3600.0]),
        ("input_tokens", [2**62, -1], [7, 10**12]),
        ("started_at", [2**62, -(2**62)], [0, 1_700_000_000_000_000]),
        ("confidence", [1e308, -0.5], [0.0, 1.0]),
        ("score", [7.0, -1e300], [0.0, 1.0]),
    ],
)
def test_what_no_attempt_can_have_is_unknown_and_told(tmp_path: Path, name: str, wrong: list[Any], right: list[Any]):
    table = load_task_table(report(tmp_path / "r", name, [*wrong, *right]))
    times = 1e6 if name == "started_at" else 1.0
    found = table.outcomes.numbers_at(name)
    np.testing.assert_array_equal(found, [np.nan, np.nan, right[0] / times, right[1] / times])
    (flag,) = [one for one in table.flags if one.kind == "range"]
    assert flag.count == 2
    assert flag.text.startswith(f"{name}: 2 rows hold figures ")
    assert scoreboard(tmp_path / "r").notes  # a warning of numpy would be an error here


def test_a_report_without_such_figures_has_no_such_flag(tmp_path: Path) -> None:
    table = load_task_table(report(tmp_path / "r", "cost_usd", [0.1, None, float("nan"), 1e6]))
    assert "range" not in {one.kind for one in table.flags}
    assert table.cost_known.tolist() == [[1, 0, 0, 1]]


def test_the_list_of_reports_counts_only_what_an_attempt_can_cost(tmp_path: Path) -> None:
    report(tmp_path / "r", "cost_usd", [1e308, 1e308, 0.25, 0.5])
    (line,) = list_reports([tmp_path / "r"]).reports
    assert (line.spent_usd, line.spent_whole) == (0.75, False)
    assert line.best is not None
    assert line.best.pass_rate.value == 1.0


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("cost_usd", "1e308", "found 1e+308; needed: a number of dollars from 0 to 1,000,000 for one attempt"),
        ("cost_usd", "$2,000,000.00", "found 2000000; needed: a number of dollars from 0 to 1,000,000"),
        ("judge_usd", "1e12", "or say the column's unit, as in --unit judge_usd=cents"),
        ("latency_s", "1700000000", "number of seconds from 0 to 31,536,000 for one attempt; correct it, or say the c"),
        ("latency_s", "1e20", "as in --unit latency_s=ms"),
        ("input_tokens", "2000000000000", "found 2e+12; needed: a whole number from 0 to 1,000,000,000,000"),
        ("retries", "3000000000", "needed: a whole number from 0 to 2,147,483,647"),
        ("cost_usd", "-3", "found -3; needed: a number of dollars from 0 to 1,000,000"),
    ],
)
def test_an_import_refuses_it_with_line_and_column(tmp_path: Path, column: str, cell: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(f'contender,task,passed,{column}\na,t1,1,1\na,t2,1,"{cell}"\n')
    with pytest.raises(UserFileError) as caught:
        import_table(tmp_path / "t.csv", tmp_path / "r")
    assert f"t.csv: line 3, {column}: found " in str(caught.value)
    assert said in str(caught.value)
    assert not (tmp_path / "r").exists()
