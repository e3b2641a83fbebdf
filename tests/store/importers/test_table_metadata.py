"""Columns that tell of tasks: kept beside an imported table, so that its tasks are found by them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.cli import main
from harness.store import Outcomes, TaskFilter, find_tasks, metadata_found

TABLE = """model,id,ok,level,year,note
a,t1,1,hard,2024,x
b,t1,0,hard,2024,y
a,t2,1,easy,,x
b,t2,1,easy,,x
a,t3,0,hard,2025,
"""
MAP = ["--map", "contender=model", "--map", "task=id", "--map", "passed=ok"]


@pytest.fixture
def brought(tmp_path):
    def make(*options, text=TABLE, name="rows.csv"):
        (tmp_path / name).write_text(text)
        return main(["import", "table", str(tmp_path / name), str(tmp_path / "r"), *MAP, *options])

    return make


def named(report, *pairs):
    index = Outcomes(report)
    names = index.task_names.to_pylist()
    return [names[place] for place in find_tasks(index, TaskFilter(metadata=pairs)).found.tolist()]


def test_tasks_are_found_by_the_columns_that_were_asked_for(brought, tmp_path, capsys):
    assert brought("--metadata", "level,year") == 0
    assert "columns left out: note" in capsys.readouterr().out
    report = tmp_path / "r"
    assert metadata_found(Outcomes(report)) == {"level=easy": 1, "level=hard": 2, "year=2024": 1, "year=2025": 1}
    assert named(report, "level=hard") == ["t1", "t3"]
    assert named(report, "level=hard", "year=2024") == ["t1"]
    assert main(["show", str(report), "--failures", "--metadata", "year=2025", "--json"]) == 0
    assert [one["task"] for one in json.loads(capsys.readouterr().out)["tasks"]] == ["t3"]


def test_a_task_with_several_values_is_found_by_each_and_a_later_import_replaces_all(brought, tmp_path, capsys):
    assert brought("--metadata", "note", "--metadata", "level") == 0
    assert "metadata 'note': 1 task with several values" in capsys.readouterr().out
    assert named(tmp_path / "r", "note=y") == ["t1"]
    assert brought("--overwrite") == 0
    assert not (tmp_path / "r" / "metadata.json").exists()


def test_a_column_that_is_mapped_too_serves_both(brought, tmp_path):
    assert brought("--map", "domain=level", "--metadata", "level") == 0
    index = Outcomes(tmp_path / "r")
    assert set(index.domain.every) == {"hard", "easy"}
    assert metadata_found(index) == {"level=easy": 1, "level=hard": 2}


def test_what_is_no_column_or_tells_of_attempts_is_refused_and_nothing_is_written(brought, tmp_path, capsys):
    assert brought("--metadata", "lvel") == 2
    assert "there is no column 'lvel', which --metadata names" in (err := capsys.readouterr().err)
    assert "did you mean 'level'" in err
    rows = "".join(f"a,t1,1,hard,{n},x\n" for n in range(30))
    assert brought("--metadata", "year", text=f"model,id,ok,level,year,note\n{rows}") == 2
    assert "more than 20 values of 'year'" in (err := capsys.readouterr().err)
    assert err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_lists_and_numbers_of_parquet_and_rows_of_several_trials(tmp_path):
    rows = {"contender": ["a", "a"], "task": ["t1", "t2"], "passes": [1, 2], "trials": [2, 2],
            "tags": [["x", "y"], []], "year": [2024.0, None], "new": [True, False]}  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet")
    told = ["--metadata", "tags", "--metadata", "year,new"]
    assert main(["import", "table", str(tmp_path / "rows.parquet"), str(tmp_path / "r"), *told]) == 0
    found = metadata_found(Outcomes(tmp_path / "r"))
    assert found == {"new=false": 1, "new=true": 1, "tags=x": 1, "tags=y": 1, "year=2024": 1}


def test_a_wide_table_keeps_them_too(tmp_path):
    (tmp_path / "wide.csv").write_text("question,level,a,b\nq1,hard,pass,fail\nq2,easy,pass,pass\n")
    told = ["--wide", "--map", "task=question", "--metadata", "level"]
    assert main(["import", "table", str(tmp_path / "wide.csv"), str(tmp_path / "r"), *told]) == 0
    assert named(tmp_path / "r", "level=hard") == ["q1"]
    assert Outcomes(tmp_path / "r").contenders == ("a", "b")
