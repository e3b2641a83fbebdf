"""Wide tables, columns that others name, rows that sum up others, and names in two spellings."""

from pathlib import Path

import pandas as pd
import pytest

from harness.core import UserFileError
from harness.store import ImportSummary, Reading, import_table, load_task_table, read_outcomes


def bring(tmp_path: Path, text: str, mapping: dict[str, str] | None = None, **reading: object) -> ImportSummary:
    (tmp_path / "t.csv").write_text(text)
    return import_table(tmp_path / "t.csv", tmp_path / "r", mapping, reading=Reading(**reading), overwrite=True)


def means(tmp_path: Path) -> dict[str, list[float]]:
    table = load_task_table(tmp_path / "r", "all")
    return {name: (table.sums / table.counts)[place].tolist() for place, name in enumerate(table.contenders)}


def test_each_column_of_a_wide_table_is_a_contender(tmp_path: Path) -> None:
    text = "id,question,domain,m-a,m-b,average\n1,What?,d,1,0,0.5\n2,Who?,e,0,1,0.5\n"
    done = bring(tmp_path, text, {"task": "id"}, wide=True)
    assert means(tmp_path) == {"m-a": [1, 0], "m-b": [0, 1]}
    assert done.left_out == ("question", "average")
    assert done.notes[0] == "--wide: 2 columns were read as contenders, their cells as passed"
    assert load_task_table(tmp_path / "r").domain_names == ("d", "e")


def test_a_wide_table_may_hold_scores_words_or_tasks_as_columns(tmp_path: Path) -> None:
    bring(tmp_path, "task,a,b\n1,0.5,1\n2,0,0.25\n", wide=True)
    assert means(tmp_path) == {"a": [0.5, 0], "b": [1, 0.25]}
    bring(tmp_path, "task,a,b\n1,50,100\n2,0,25\n", wide=True, scales={"score": (0, 100)})
    assert means(tmp_path) == {"a": [0.5, 0], "b": [1, 0.25]}
    bring(tmp_path, "task,a,b\n1,✓,✗\n2,✗,✗\n", wide=True, true=("✓",), false=("✗",))
    assert means(tmp_path) == {"a": [1, 0], "b": [0, 0]}
    assert bring(tmp_path, "task,a,a_cost,b\n1,1,0.5,0\n", wide=True).left_out == ("a_cost",)
    bring(tmp_path, "Unnamed: 0,contender,q1,q2\n0,a,C,I\n1,b,I,I\n", wide=True)
    assert means(tmp_path) == {"a": [1, 0], "b": [0, 0]}
    frame = pd.DataFrame({"task": ["t", "u"], "a": [True, False], "b": [1.0, 0.0]}).set_index("task")
    frame.to_parquet(tmp_path / "t.parquet")
    import_table(tmp_path / "t.parquet", tmp_path / "r", reading=Reading(wide=True), overwrite=True)
    assert means(tmp_path) == {"a": [1, 0], "b": [1, 0]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,0\n", "line 1: --wide: there is no column task"),
        (",a,b\nt,1,0\n", "--map task='Unnamed: 0'"),
        ("contender,task,passed\na,t,1\n", "--wide: there is a column passed"),
        ("task,a,b\nt,50,100\n", "line 2, a (score): found 50; scores lie between 0 and 1"),
        ("task,a,b\nt,pass,0.5\n", "line 2, b (passed): found '0.5'; each column must hold words"),
        ("task,a,b\nt,✓,✗\n", "--wide: no column holds results; found a, b"),
        (
            "task,a,b\nt,1,0\nu,1,1\nTotal,57,60\n",
            "line 4, a (score): found 57; if the row sums up others, delete it",
        ),
    ],
)
def test_what_is_no_wide_table(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UserFileError) as caught:
        bring(tmp_path, text, wide=True)
    assert says in str(caught.value)


def test_the_mappings_that_would_help_are_in_the_advice(tmp_path: Path) -> None:
    with pytest.raises(UserFileError) as caught:
        bring(tmp_path, "Model,TASK_ID,Correct\na,t,1\n")
    assert str(caught.value).endswith("map them: --map contender=Model --map task=TASK_ID --map passed=Correct")
    with pytest.raises(UserFileError, match=r"--map task='task \(id\)'"):
        bring(tmp_path, 'contender,"task\n(id)",passed\na,t,1\n')
    for theirs in ("task (id)", "task\n(id)"):
        bring(tmp_path, 'contender,"task\n(id)",passed\na,t,1\n', {"task": theirs})
    with pytest.raises(UserFileError, match="add --wide if each other column is a contender"):
        bring(tmp_path, "task,m-a,m-b\nt,1,0\n")


def test_what_was_taken_by_its_looks_and_what_was_left_out_is_said(tmp_path: Path) -> None:
    done = bring(
        tmp_path, "Contender,Task,passed,Cost (USD),latency_ms,error\na,t,1,2,850,\na,u,0,3,900,RateLimitError\n"
    )
    assert "the column 'Cost (USD)' was taken for cost_usd" in done.notes
    assert "columns that look like ours were left out; to take them in: --map latency_s=latency_ms" in done.notes
    assert any("'error' was left out and is filled in 1 of 2 rows" in note for note in done.notes)
    assert read_outcomes(tmp_path / "r")["cost_usd"].to_pylist() == [2, 3]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("contender,task,passed\na,t,1\nTotal,all,1\n", "line 3: the contender 'Total' looks like a row that sums up"),
        ("contender,task,passed\na,t,1\nTotal,,\n", "line 3: the task is empty"),
        (
            "contender,task,score\na,t,1\na,u,0\na,Average,0.5\n",
            "line 4: the task 'Average' looks like a row that sums up",
        ),
        ("contender,task,score\na,t,.3\na,u,.9\na,mean,.6\n", "line 4: the task 'mean' looks like a row that sums up"),
    ],
)
def test_rows_that_sum_up_others_are_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UserFileError) as caught:
        bring(tmp_path, text)
    assert says in str(caught.value)


def test_a_task_may_be_called_sum(tmp_path: Path) -> None:
    done = bring(tmp_path, "contender,task,passed\na,sort,1\na,sum,0\na,max,1\n")
    assert means(tmp_path) == {"a": [1, 0, 1]}
    assert any("'sum' was taken for a task" in note for note in done.notes)


def test_names_in_two_spellings_are_said(tmp_path: Path) -> None:
    done = bring(tmp_path, "contender,task,passed\nm-a,Q1,1\nm-a ,Q2,0\nM_A,q1,1\n")
    assert done.contenders == ("m-a", "M_A")
    assert "the contenders 'm-a' and 'm-a ' differ in space only and were read as one, 'm-a'" in done.notes
    assert any(note.startswith("the contenders 'm-a' and 'M_A' differ in their spelling only") for note in done.notes)
    assert any(note.startswith("the tasks 'Q1' and 'q1' differ in their spelling only") for note in done.notes)


def test_numbers_as_names(tmp_path: Path) -> None:
    done = bring(tmp_path, "contender,task,passed\na,1.0,1\na,2.0,0\nb,1,1\nb,2,1\n")
    assert means(tmp_path) == {"a": [1, 0], "b": [1, 1]}
    assert done.notes == ("task: whole numbers were read without their decimal point, such as '1.0' as '1'",)
    bring(tmp_path, "contender,task,passed\na,1.0,1\na,1.5,0\na,007,1\n")
    assert read_outcomes(tmp_path / "r")["task"].to_pylist() == ["1.0", "1.5", "007"]
    done = bring(tmp_path, "contender,task,passed\na,1.23457E+15,1\n")
    assert "spreadsheet has shortened" in done.notes[0]


def test_trials_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(UserFileError, match=r"line 2: found 5,000,000,000 trials"):
        bring(tmp_path, "contender,task,passes,trials\na,t,1,5000000000\n")
    with pytest.raises(UserFileError, match=r"line 2: passes or trials are empty"):
        bring(tmp_path, "contender,task,passes,trials\na,t,,5\n")
