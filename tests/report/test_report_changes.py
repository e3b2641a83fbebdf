"""What is said of two reports: each change once, whoever it is of."""

from harness.analysis import Change, ContenderChange, TwoReports
from harness.report.blocks import Text
from harness.report.report_changes import blocks


def said(**changed):
    """The texts on two reports whose contenders changed so."""
    contenders = [
        ContenderChange(contender=name, changes=tuple(changes), pairing=None, before=None, after=None, why=None)
        for name, changes in changed.items()
    ]
    of = {"only_first": (), "only_second": (), "suites": (), "notes": (), "warning": None}
    view = TwoReports(first="a", second="b", sentence="", contenders=tuple(contenders), level=0.95, **of)
    return [line for block in blocks(view) if isinstance(block, Text) for line in block.lines]


def prompt(what="prompt of s", diff=("-old", "+new")):
    return Change(what=what, baseline="1f", candidate="2f", diff=diff)


def test_a_change_of_a_hybrids_parts_is_said_with_that_of_the_others():
    hybrid = [prompt("worker prompt of s"), prompt("expert prompt of s"), prompt(diff=())]
    lines = said(skilled=[prompt()], hybrid=hybrid)
    assert "prompt of s (all): 1f -> 2f" in lines
    assert lines.count("  +new") == 1


def test_of_parts_alone_they_are_named():
    skills = Change(what="skills s", baseline="1", candidate="2")
    expert = Change(what="expert skills s", baseline="1", candidate="2")
    lines = said(
        hybrid=[expert], skilled=[skills], led=[prompt("worker 2 prompt of s"), prompt("worker 3 prompt of s")]
    )
    assert "skills s (expert of hybrid and skilled): 1 -> 2" in lines
    assert "prompt of s (worker 2 and worker 3 of led): 1f -> 2f" in lines


def test_another_part_is_no_part_of_what_changed():
    lines = said(
        led=[Change(what="worker 1", baseline="x", candidate="y"), Change(what="worker", baseline="v", candidate="w")]
    )
    assert "worker 1 (led): x -> y" in lines
    assert "worker (led): v -> w" in lines
