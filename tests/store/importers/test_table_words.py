"""Words for right and wrong, numbers as people write them, and statuses: what they are read as."""

import math
from pathlib import Path

import pytest

from harness.core import UsageError, UserFileError
from harness.store import Reading, import_table, parse_scales, parse_units, read_outcomes


def column(tmp_path: Path, name: str, cells: list[str], **reading: object) -> list[dict[str, object]]:
    """The rows of a table with one column of our own and these cells, each quoted."""
    passed = "" if name in {"passed", "score", "status"} else ",1"
    head = "contender,task" + (",passed" if passed else "") + f",{name}\n"
    rows = "".join(f'a,t{place}{passed},"{cell}"\n' for place, cell in enumerate(cells))
    (tmp_path / "t.csv").write_text(head + rows, encoding="utf-8")
    import_table(tmp_path / "t.csv", tmp_path / "r", reading=Reading(**reading), overwrite=True)
    return read_outcomes(tmp_path / "r").to_pylist()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("correct", "incorrect"),
        ("RIGHT", "Wrong"),
        ("Y", "N"),
        ("t", "f"),
        ("C", "I"),
        ("P", "F"),
        ("success", "failure"),
        ("resolved", "Not_Resolved"),
        ("ok", "error"),
        ("1.00", "0.00"),
        ("1e0", "0e0"),
        ("1,0", "0,0"),
        (".TRUE.", "FALSE."),
        ("**Passed**", "[FAIL]"),
        (" pass ", "\u200bfail"),
    ],
)
def test_words_for_right_and_wrong(tmp_path: Path, right: str, wrong: str) -> None:
    assert [row["passed"] for row in column(tmp_path, "passed", [right, wrong, right, "NaN"])] == [
        True,
        False,
        True,
        None,
    ]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (
            ["✅", "❌"],
            "line 2, passed: found '✅'; say what each word means, with --true=WORD or --false=WORD: ✅, ❌",
        ),
        (["1", "-1"], "line 3, passed: found '-1'; say what it means: --true=-1 or --false=-1"),
        (["pass", "error"], "map the column to status: --map status=passed"),
        (["pass", "timeout"], "map the column to status: --map status=passed"),
        (["C", "P"], "found 'C'"),  # P is partial where C is correct
        (["Y", "F"], "found 'Y'"),
        (["P", "P"], "found 'P'"),
        (["1", "2"], "--map score=passed --scale score=0..100"),
        (["3/5"], "write counts in two columns, passes and trials"),
        (["85%"], "map a fraction to score: --map score=passed"),
    ],
)
def test_words_that_could_mean_either_are_refused_with_advice(tmp_path: Path, cells: list[str], says: str) -> None:
    with pytest.raises(UserFileError) as caught:
        column(tmp_path, "passed", cells)
    assert says in str(caught.value)


def test_a_scale_without_an_end_is_none() -> None:
    with pytest.raises(UsageError, match="write the lowest and the highest value"):
        parse_scales([f"score=0..{'9' * 400}"])


def test_the_user_names_words_and_they_come_first(tmp_path: Path) -> None:
    assert [r["passed"] for r in column(tmp_path, "passed", ["✅", "❌"], true=("✅",), false=("❌",))] == [True, False]
    assert [r["passed"] for r in column(tmp_path, "passed", ["1", "-1", ""], false=("-1", ""))] == [True, False, False]
    assert [r["passed"] for r in column(tmp_path, "passed", ["no", "yes"], true=("NO",), false=("yes",))] == [
        True,
        False,
    ]
    with pytest.raises(UsageError, match="both name 'x'"):
        Reading(true=("X",), false=("x",))


def test_what_was_taken_for_a_pass_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("contender,task,passed\na,t,Correct\na,u,wrong\na,v,wrong\n")
    done = import_table(tmp_path / "t.csv", tmp_path / "r")
    assert done.notes == ("passed: read 'Correct' (1 row) as a pass and 'wrong' (2 rows) as a failure",)


@pytest.mark.parametrize(
    ("name", "cells", "values"),
    [
        ("cost_usd", ["$0.0012", "US$ 2", "3 USD", "$1e-4", "5"], [0.0012, 2, 3, 1e-4, 5]),
        ("cost_usd", ["$1,234.50", "1,234"], [1234.5, 1234]),
        ("cost_usd", ["0,0012", "1.234,5", "1,234"], [0.0012, 1234.5, 1.234]),
        ("cost_usd", ["5¢", "12 cents", "NA", "null", ""], [0.05, 0.12, None, None, None]),
        ("cost_usd", ["1 234.5", "1\u00a0000"], [1234.5, 1000]),
        (
            "latency_s",
            ["850ms", "1.5 s", "2 min", "1h", "1m30s", "00:01:30", "40 µs"],
            [0.85, 1.5, 120, 3600, 90, 90, 4e-5],
        ),
        ("input_tokens", ["1,234", "1,234,567", "12", "7.0", "1e3"], [1234, 1234567, 12, 7, 1000]),
        ("confidence", ["85%", "100 %", "0,5%"], [0.85, 1, 0.005]),
    ],
)
def test_numbers_as_people_write_them(tmp_path: Path, name: str, cells: list[str], values: list[float | None]) -> None:
    found = [row[name] for row in column(tmp_path, name, cells)]
    assert found == [v if v is None else pytest.approx(v, rel=1e-12) for v in values]


@pytest.mark.parametrize(
    ("name", "cells", "says"),
    [
        ("cost_usd", ["1,234"], "line 2, cost_usd: found '1,234'; a comma here may mark thousands or decimals"),
        ("cost_usd", ["0,5", "1.5"], "line 3, cost_usd: found '1.5'; other cells of the column have a decimal comma"),
        ("cost_usd", ["0,5", "1,234.5"], "commas before thousands and commas before decimals"),
        ("cost_usd", ["0,0012 €"], "costs are in US dollars"),
        ("cost_usd", ["(0.5)"], "found '(0.5)'"),
        ("cost_usd", ["5¢", "0.5"], "line 3, cost_usd: found '0.5' in a column where other cells name their unit"),
        ("latency_s", ["850ms", "2"], "--unit latency_s=UNIT"),
        ("latency_s", ["01:30"], "needed: a number of seconds, or a number and its unit"),
        ("latency_s", ["3 foo"], "found '3 foo'"),
        ("input_tokens", ["1.5k"], "found '1.5k'"),
        ("input_tokens", ["1e30"], "found 1e+30"),
        ("calls", ["3000000000"], "from 0 to 2,147,483,647"),
        ("score", ["85"], "scores lie between 0 and 1: give the lowest and the highest that can be reached"),
        ("score", ["150%"], "needed: a share from 0% to 100%"),
        ("score", ["85%", "0.5"], "found '0.5' in a column where other cells name their unit, such as '85%'"),
    ],
)
def test_numbers_that_could_mean_two_things_are_refused(tmp_path: Path, name: str, cells: list[str], says: str) -> None:
    with pytest.raises(UserFileError) as caught:
        column(tmp_path, name, cells)
    assert says in str(caught.value)


def test_scales_and_units(tmp_path: Path) -> None:
    scores = column(tmp_path, "score", ["85", "100", "0", "40%"], scales=parse_scales(["score=0..100"]))
    assert [(r["score"], r["passed"]) for r in scores] == [(0.85, None), (1, True), (0, False), (0.4, None)]
    assert [r["score"] for r in column(tmp_path, "score", ["5", "1", "3"], scales=parse_scales(["score=1..5"]))] == [
        1,
        0,
        0.5,
    ]
    with pytest.raises(UserFileError, match=r"line 3, score: found 0; needed: a number from 1 to 5"):
        column(tmp_path, "score", ["5", "0"], scales={"score": (1, 5)})
    times = column(tmp_path, "latency_s", ["850", "2 s"], units=parse_units(["latency_s=MS"]))
    assert [r["latency_s"] for r in times] == [0.85, 2]
    assert [r["cost_usd"] for r in column(tmp_path, "cost_usd", ["12", "$3"], units={"cost_usd": "cents"})] == [0.12, 3]


@pytest.mark.parametrize("pair", ["score", "score=", "score=0-100", "score=5..1", "passed=0..5", "scor=0..5"])
def test_scales_that_are_none(pair: str) -> None:
    with pytest.raises(UsageError, match="--scale"):
        Reading(scales=parse_scales([pair]))


@pytest.mark.parametrize("pair", ["latency_s", "latency_s=", "latency_s=fortnight", "latency=ms", "cost_usd=eur"])
def test_units_that_are_none(pair: str) -> None:
    with pytest.raises(UsageError, match="--unit"):
        Reading(units=parse_units([pair]))


def test_a_column_whose_name_tells_another_unit_is_not_taken_for_seconds(tmp_path: Path) -> None:
    for theirs in ("latency_ms", "latencyMs", "elapsed (ms)"):
        (tmp_path / "t.csv").write_text(f"contender,task,passed,{theirs}\na,t,1,850\n")
        with pytest.raises(UsageError, match=r"add --unit latency_s=ms"):
            import_table(tmp_path / "t.csv", tmp_path / "r", {"latency_s": theirs})
    import_table(tmp_path / "t.csv", tmp_path / "r", {"latency_s": theirs}, reading=Reading(units={"latency_s": "ms"}))
    assert read_outcomes(tmp_path / "r")["latency_s"].to_pylist() == [0.85]


def test_a_column_whose_name_says_percent_is_not_taken_for_a_share(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("contender,task,Score (%)\na,t,0.85\n")
    with pytest.raises(UserFileError, match=r"line 2, Score \(%\) \(score\): found 0\.85; the name says percent"):
        import_table(tmp_path / "t.csv", tmp_path / "r")
    for scale, value in (((0, 100), 0.0085), ((0, 1), 0.85)):
        import_table(tmp_path / "t.csv", tmp_path / "r", reading=Reading(scales={"score": scale}), overwrite=True)
        assert read_outcomes(tmp_path / "r")["score"].to_pylist() == [value]


def test_statuses_of_others(tmp_path: Path) -> None:
    cells = [
        "success",
        "timeout",
        "error",
        "rate_limit",
        "Max Turns",
        "not run",
        "grader error",
        "completed",
        "resolved",
    ]
    assert [(r["status"], r["cause"]) for r in column(tmp_path, "status", cells)] == [
        ("passed", None),
        ("failed", "too_slow"),
        ("errored", None),
        ("errored", "rate_limit"),
        ("failed", "turns"),
        ("skipped", None),
        ("ungraded", "grader"),
        ("ungraded", None),
        ("passed", None),
    ]


def test_a_status_beside_a_result(tmp_path: Path) -> None:
    head = "contender,task,status,passed\n"
    (tmp_path / "t.csv").write_text(head + "a,t,ok,0\na,u,ok,\na,v,timeout,1\na,w,timeout,\na,x,error,1\n")
    done = import_table(tmp_path / "t.csv", tmp_path / "r")
    assert [(r["status"], r["passed"]) for r in read_outcomes(tmp_path / "r").to_pylist()] == [
        ("failed", False),  # the call came back; the answer was wrong
        ("ungraded", None),
        ("passed", True),
        ("failed", False),
        ("errored", None),
    ]
    assert "1 row passed although the status is that of a limit: passed was kept" in done.notes
    assert "1 row errored, skipped or ungraded by the status: the result in the row was left out" in done.notes
    for row in ("a,t,passed,0\n", "a,t,FAIL,1\n"):
        (tmp_path / "t.csv").write_text(head + row)
        with pytest.raises(UserFileError, match=r"line 2, passed: .* contradict each other"):
            import_table(tmp_path / "t.csv", tmp_path / "x")


def test_nothing_is_written_in_many_ways(tmp_path: Path) -> None:
    cells = ["", "NaN", "null", "None", "NA", "#N/A", "<NA>", " "]
    assert all(row["cost_usd"] is None for row in column(tmp_path, "cost_usd", cells))
    for word in ("contender", "task"):
        row = {"contender": "a", "task": "t"} | {word: "NaN"}
        (tmp_path / "t.csv").write_text(f"contender,task,passed\na,t,1\n{row['contender']},{row['task']},1\n")
        with pytest.raises(UserFileError, match=f"line 3: the {word} is empty: found 'NaN'"):
            import_table(tmp_path / "t.csv", tmp_path / "x")


def test_none_is_a_label(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("contender,task,passed,label_true,label_predicted\na,t,1,none,None\na,u,0,x,\n")
    import_table(tmp_path / "t.csv", tmp_path / "r")
    rows = read_outcomes(tmp_path / "r").to_pylist()
    assert [(r["label_true"], r["label_predicted"]) for r in rows] == [("none", "None"), ("x", None)]


def test_times_since_1970_and_times_that_cannot_be_read(tmp_path: Path) -> None:
    cells = ["2026-01-02T03:04:05+01:00", "1767225600", "1767225600000", "02/03/2026"]
    seconds = [r["started_at"] and r["started_at"].timestamp() for r in column(tmp_path, "started_at", cells)]
    assert seconds == [1767319445, 1767225600, 1767225600, None]
    assert not math.isnan(seconds[0])
