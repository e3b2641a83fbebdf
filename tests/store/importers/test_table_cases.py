"""Kinds of table that were met in public result files, each through the command that a user would type."""

from pathlib import Path

import pytest

from harness.cli import main
from harness.store import load_task_table

CASES = Path(__file__).parents[4] / "shared" / "cases" / "tables"
RIGHT = {"m-a": [1, 0, 1, 1, 0, 1], "m-b": [0, 0, 1, 1, 0, 0]}
"""What the rows of nearly every case say."""

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here"),
]


def bring(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    code = main(["import", "table", str(CASES / name), str(tmp_path / "r"), *options])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def means(tmp_path: Path) -> dict[str, list[float]]:
    table = load_task_table(tmp_path / "r", "all")
    order = sorted(range(len(table.tasks)), key=lambda place: table.tasks[place])
    return {name: (table.sums / table.counts)[place][order].tolist() for place, name in enumerate(table.contenders)}


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("bool_correct.csv", [], "'correct' (6 rows) as a pass and 'incorrect' (6 rows) as a failure"),
        ("bool_Correct.csv", [], "'CORRECT' (6 rows) as a pass"),
        ("bool_rightwrong.csv", [], "'right' (6 rows) as a pass"),
        ("bool_yn.csv", [], "'Y' (6 rows) as a pass"),
        ("bool_tf.csv", [], "'T' (6 rows) as a pass"),
        ("bool_success.csv", [], "'success' (6 rows) as a pass"),
        ("bool_resolved.csv", [], "'unresolved' (6 rows) as a failure"),
        ("bool_ok.csv", [], "'error' (6 rows) as a failure"),
        ("bool_float.csv", [], "'1.00' (6 rows) as a pass"),
        ("bool_sci.csv", [], "'1e0' (6 rows) as a pass"),
        ("bool_truefalsedot.csv", [], "'.TRUE.' (6 rows) as a pass"),
        ("bool_emoji.csv", ["--true", "✅", "--false", "❌"], "'✅' (6 rows) as a pass"),
        ("bool_minus1.csv", ["--false=-1"], "'-1' (6 rows) as a failure"),
        ("header_newline.csv", ["--map", "task=task\n(id)"], "--map cost_usd=cost"),
        ("header_caps.csv", [], "the column 'Task' was taken for task"),
        ("comments.csv", [], "12 outcomes"),
        ("blank_first.csv", [], "12 outcomes"),
        ("trailing_comma.csv", [], "12 outcomes"),
        ("tab.csv", [], "12 outcomes"),
        ("comma.tsv", [], "12 outcomes"),
        ("semicolon_comma_header.csv", [], "'0,5' was read as 0.5"),
        ("thousands.csv", [], "'1,234' was read as 1234"),
        ("money.csv", [], "'$0.003' was read as 0.003"),
        ("ms.csv", [], "'850ms' was read as 0.85"),
        ("ms.csv", ["--unit", "latency_s=ms"], "'850ms' was read as 0.85"),
        ("wide.csv", ["--wide"], "2 columns were read as contenders"),
        ("status_words.csv", [], "'timeout' (6 rows) as failed (too_slow)"),
        ("utf16.csv", [], "12 outcomes"),
        ("rows.json", [], "12 outcomes"),
    ],
)
def test_is_read(name: str, options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = bring(name, tmp_path, capsys, *options)
    assert code == 0
    assert says in shown
    assert means(tmp_path) == RIGHT


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        (
            "bool_emoji.csv",
            [],
            "line 2, passed: found '✅'; say what each word means, with --true=WORD or --false=WORD",
        ),
        ("bool_minus1.csv", [], "line 3, passed: found '-1'; say what it means: --true=-1 or --false=-1"),
        ("header_newline.csv", [], "line 1: there is no column task; found contender, task (id), passed, cost"),
        ("header_common.csv", [], "--map contender=model --map task=question_id --map passed=correct"),
        ("nan_contender.csv", [], "line 14: the contender is empty: found 'nan'"),
        ("nan_task.csv", [], "line 14: the task is empty: found 'NaN'"),
        ("total_row.csv", [], "line 14: the task is empty"),
        ("score100.csv", [], "line 2, score: found 85; scores lie between 0 and 1"),
        ("score100.csv", [], "--scale score=0..100"),
        ("likert.csv", [], "--scale score=0..5"),
        ("likert.csv", ["--scale", "score=3..5"], "line 3, score: found 2; needed: a number from 3 to 5"),
        ("wide.csv", [], "add --wide if each other column is a contender"),
        ("cp1252.csv", [], "line 2: not UTF-8: found the byte 0xe9"),
        ("list_passed.parquet", [], "row 1, passed: found a list or a record: [True]"),
    ],
)
def test_is_refused(
    name: str, options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = bring(name, tmp_path, capsys, *options)
    assert code == 2
    assert says in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_a_named_index_gives_the_clusters_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cl_index.parquet", "cl_cols.parquet"):
        assert bring(name, tmp_path, capsys, "--overwrite")[0] == 0
        assert main(["show", str(tmp_path / "r")]) == 0
        assert capsys.readouterr().out.count("60.0% [42.3, 75.4]") == 2


def test_scales_give_the_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bring("score100.csv", tmp_path, capsys, "--scale", "score=0..100")
    assert means(tmp_path)["m-a"] == [0.85, 0.15, 0.85, 0.85, 0.15, 0.85]
    bring("likert.csv", tmp_path, capsys, "--scale", "score=1..5", "--overwrite")
    assert means(tmp_path)["m-b"] == [0.25, 0.25, 1, 1, 0.25, 0.25]


def test_doubts_are_said_with_their_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "(line 14 repeats line 2)" in bring("exact_dups.csv", tmp_path, capsys)[1]
    assert "12 of them are the same" in bring("exact_dups2.csv", tmp_path, capsys, "--overwrite")[1]
    assert "line 14 has fewer cells than the header" in bring("ragged_short.csv", tmp_path, capsys, "--overwrite")[1]
    assert "such as '0.0' as '0'" in bring("floatid.csv", tmp_path, capsys, "--overwrite")[1]
    assert "2 rows with neither passed nor a score" in bring("passed_missing.csv", tmp_path, capsys, "--overwrite")[1]
    shown = bring("status_both.csv", tmp_path, capsys, "--overwrite")[1]
    assert "'error' (2 rows) as errored" in shown
    assert "2 rows errored, skipped or ungraded by the status: the result in the row was left out" in shown
    assert load_task_table(tmp_path / "r").errored.sum() == 2
    assert "10 attempts" in bring("pt.csv", tmp_path, capsys, "--overwrite")[1]
