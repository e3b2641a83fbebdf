"""What a terminal and a pipe see."""

import io
import re

import pytest
from rich.cells import cell_len

from harness.analysis import pair, scoreboard
from harness.report import print_view


def shown(printer, view):
    out = io.StringIO()
    printer(view, out)
    return out.getvalue()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def report(make_report, paired_rows):
    rows = paired_rows(20, 9, 14, 7, domains=("north", "south"), cost_usd=0.25, latency_s=1.5)
    return make_report(rows, experiment="reference: B\n")


def test_a_pipe_gets_plain_whole_lines(report):
    text = shown(print_view, scoreboard(report))
    lines = text.splitlines()
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in lines)
    header = next(line for line in lines if line.startswith("contender"))
    for word in ("pass rate", "tasks", "per 1,000 tasks", "per 1,000 passes", "p50", "p95", "errored"):
        assert word in header
    row = next(line for line in lines if line.startswith("B "))
    assert "68.0% [54.2, 79.2]" in row  # 34 of 50, Wilson
    assert "$250.00 (no spread seen)" in row
    assert "1.50 s" in row
    assert any(line.startswith("north") for line in lines)
    assert any(line.startswith("- split:") for line in lines)


def test_a_comparison_leads_with_its_sentence_and_ends_its_flips_at_ten(report):
    text = shown(print_view, pair(report, "A", "B"))
    lines = text.splitlines()
    assert lines[0].startswith("No significant difference between `A` and `B`: ")
    assert "only the first passed   9" in text
    assert "only the second passed  14" in text
    assert "14 lost, 9 gained" in text
    assert sum(line.startswith(("lost ", "gained ")) for line in lines) == 10
    assert "and 13 more" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(report, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    for printer, view in ((print_view, scoreboard(report)), (print_view, pair(report, "A", "B"))):
        out = Terminal()
        printer(view, out)
        text = out.getvalue()
        assert all(cell_len(line.replace("\x1b[1m", "").replace("\x1b[0m", "")) <= width for line in text.splitlines())
        if width >= 60:
            assert "68.0% [54.2, 79.2]" in text or printer is print_view


def test_no_color_means_none(report, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    manifest_view = scoreboard(report)
    coloured = Terminal()
    print_view(manifest_view, coloured)
    assert "\x1b[" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    print_view(manifest_view, plain)
    assert "\x1b[3" not in plain.getvalue()  # bold may stay, colours may not


def test_hostile_names_reach_no_terminal(make_report):
    names = ["\x1b[31mred", "[bold]x[/bold]", "\u202egnp", "a\rb", ":smile:", "x" * 300]
    rows = [
        {"contender": n, "task": f"\x1b]0;t\x07{i}", "domain": f"\x9bd{i % 2}",
         "status": "passed" if (i + k) % 2 else "failed"}
        for k, n in enumerate(names)
        for i in range(6)
    ]  # fmt: skip
    report = make_report(rows, manifest={"report": "\x1b[2J", "complete": False, "stopped_because": "\x1b[1m"})
    text = shown(print_view, scoreboard(report)) + shown(print_view, pair(report, names[0], names[1]))
    assert not any(c in text for c in "\x1b\x07\x9b\u202e\r")
    for word in ("\\x1b[31mred", "[bold]x[/bold]", "\\u202egnp", ":smile:"):
        assert word in text


def test_an_unfinished_run_is_said_first(make_report):
    manifest = {"planned": 10, "done": 4, "complete": False, "stopped_because": "the budget is spent"}
    report = make_report([{"contender": "A", "task": f"t{i}"} for i in range(4)], manifest=manifest)
    second = shown(print_view, scoreboard(report)).splitlines()[1]
    assert second.startswith("INCOMPLETE: 4 of 10 planned attempts are done (the budget is spent)")
    both = [{"contender": n, "task": "x"} for n in "AB"]
    pairing = pair(make_report(both, manifest=manifest, name="both"), "A", "B")
    assert shown(print_view, pairing).startswith("INCOMPLETE: 4 of 10")
    assert pairing.as_json()["notes"][0].startswith("INCOMPLETE")


def test_ungraded_and_skipped_have_columns_only_where_there_are_any(make_report, report):
    assert "skipped" not in shown(print_view, scoreboard(report))
    some = make_report(
        [{"contender": "A", "task": "x"}, {"contender": "A", "task": "y", "status": "skipped"}], name="some"
    )
    assert "skipped" in shown(print_view, scoreboard(some))


def test_contenders_without_rows_in_the_split_are_named_and_have_no_row(make_report):
    rows = [{"contender": n, "task": f"t{i}", "split": "dev" if i < 4 else "test"} for n in "AB" for i in range(8)]
    rows += [{"contender": "late", "task": f"t{i}", "split": "test"} for i in range(4, 8)]
    report = make_report(rows, experiment="reference: A\n")
    text = shown(print_view, scoreboard(report, split="dev"))
    assert "- without any attempt in this split, and left out of the tables: late" in text
    assert not [line for line in text.splitlines() if line.startswith("late")]
    assert "late  " in shown(print_view, scoreboard(report, split="test"))


def test_the_least_important_columns_go_where_there_is_no_room(report, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    wide, narrow = {}, {}
    for width, found in ((200, wide), (130, narrow)):
        monkeypatch.setenv("COLUMNS", str(width))
        out = Terminal()
        print_view(scoreboard(report), out)
        found["text"] = re.sub(r"\x1b\[\d+m", "", out.getvalue())
        found["header"] = next(line for line in found["text"].splitlines() if line.startswith("contender"))
    assert "attempts" in wide["header"]
    assert "left out for want of width" not in wide["text"]
    assert "attempts" not in narrow["header"]
    assert "errored" in narrow["header"]  # in the same table still
    assert "left out for want of width: attempts" in narrow["text"]


@pytest.mark.parametrize(("basis", "told"), [("gpu_time", True), ("tokens", False)])
def test_what_the_interval_of_a_machines_cost_does_not_cover_stands_under_the_table(make_report, basis, told):
    """Both share the front in every resample; that is of these tasks, and never 1.00."""
    rows = [
        {
            "contender": name,
            "task": f"t{i}",
            "status": "passed" if i < n else "failed",
            "cost_usd": usd + 0.01 * i,
            "cost_basis": basis,
        }
        for name, n, usd in (("own", 10, 0.01), ("rent", 40, 5.0))
        for i in range(40)
    ]
    text = shown(print_view, scoreboard(make_report(rows)))
    assert ("\nWhere machine time is in a cost, its interval covers tasks, not the machine's load.\n" in text) is told
    load = ", at the machine's load in this run" if told else ""
    assert f"share of joint resamples of the tasks{load}: own >99%, rent >99%" in text
