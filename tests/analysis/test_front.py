"""The probability of being on the front of cost and pass rate."""

import pytest

from harness.analysis import scoreboard
from harness.store import import_table


def made(tmp_path, rows):
    text = "contender,task,passed,cost_usd\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows)
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "t.csv").write_text(text)
    import_table(tmp_path / "t.csv", tmp_path / "r")
    return {c.name: c.pareto_probability for c in scoreboard(tmp_path / "r").contenders}


def test_who_is_worse_and_dearer_is_never_on_it(tmp_path):
    rows = [("cheap", i, int(i % 2), 1.0) for i in range(40)]
    rows += [("good", i, 1, 5.0) for i in range(40)]
    rows += [("bad", i, 0, 6.0) for i in range(40)]
    assert made(tmp_path, rows) == {"cheap": 1.0, "good": 1.0, "bad": 0.0}


def test_two_alike_in_cost_share_it_as_chance_decides(tmp_path):
    """The dearer of two with 20 wins each is on the front where it is ahead: about half of the resamples."""
    rows = [("x", i, int(i < 20), 1.0) for i in range(40)]
    rows += [("y", i, int(i >= 20), 1.1) for i in range(40)]
    found = made(tmp_path, rows)
    assert found["x"] == 1.0
    assert found["y"] == pytest.approx(0.5, abs=0.1)  # ties, of one in eight, go to the cheaper


def test_without_costs_there_is_no_front(tmp_path):
    assert made(tmp_path, [(who, i, i % 2, "") for who in "ab" for i in range(4)]) == {"a": None, "b": None}


def test_who_has_tasks_of_unknown_cost_is_left_out_and_changes_nothing_for_others(tmp_path):
    """The front is of all tasks, and not of those whose costs happen to be known."""
    rows = [("cheap", i, int(i >= 4), 1.0) for i in range(40)]
    rows += [("dear", i, int(i < 36), 2.0) for i in range(40)]
    alone = made(tmp_path / "alone", rows)
    rows += [("partly", i, 1, "" if i < 4 else 1.5) for i in range(40)]
    found = made(tmp_path / "three", rows)
    assert found == alone | {"partly": None}
    said = " ".join(scoreboard(tmp_path / "three" / "r").notes)
    assert "without partly, whose cost is not known at every task: cheap >99%" in said
