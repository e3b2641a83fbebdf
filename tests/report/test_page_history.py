"""The page of verdicts: every figure is that of ``verdict.json``, and what is missing or broken is said."""

import json
import os
import time
from datetime import UTC, datetime
from importlib import import_module

import altair as alt
import pytest
from app_page import bodies, drawn, table, texts

from harness.core import points, points_interval
from harness.report import write_gate
from harness.report.difference_figures import MOST, verdict_figure
from harness.report.vega import DAY, NIGHT, PAPER, png, vega_lite
from harness.store import Journal, import_table
from harness.verdict import gate, set_baseline
from harness.verdict.report_history import entry_of, in_order, under_way

DONE = {"complete": True, "planned": 200, "done": 200}
HOSTILE = '<img src=x onerror=alert(1)>![x](http://e.example) `"\u202e'


def history(folders):
    return in_order([under_way(entry_of(folder)) for folder in folders])


@pytest.fixture
def gated(make_report, paired_rows):
    """Two reports with a verdict each; the first was given earlier."""
    folders = [
        make_report(paired_rows(*numbers), manifest=DONE, name=name)
        for name, numbers in (("first", (70, 20, 4, 6)), ("second", (70, 4, 20, 6)))
    ]
    for place, folder in enumerate(folders):
        write_gate(gate(folder, folder, baseline_contender="A", candidate_contender="B"), folder, {})
        os.utime(folder / "verdict.json", (1_700_000_000 + 86_400 * place,) * 2)
    return folders


def record(folder):
    return json.loads((folder / "verdict.json").read_text())


def test_every_figure_is_that_of_the_stored_verdict(gated):
    page = drawn("history", *gated)
    head, *rows = table(page, "verdicts")
    for number, (folder, row) in enumerate(zip(gated, rows, strict=True), 1):
        stored, shown = record(folder), dict(zip(head, row, strict=True))
        compared = stored["comparison"]
        assert shown["verdict"] == f"{number}. {folder.name}"
        assert shown["decision"] == stored["decision"]
        assert (shown["baseline"].split()[0], shown["candidate"].split()[0]) == ("A", "B")
        assert shown["difference, points"] == points(compared["delta"])
        assert shown["interval"] == points_interval(compared["low"], compared["high"])
        assert shown["margin"] == f"{100 * stored['policy']['margin']:g}"
        assert shown["tasks"] == f"{compared['n_tasks']}"
    assert [row[2] for row in rows] == ["BLOCK", "SHIP"]
    assert rows[0][1] == "2023-11-14 22:13 UTC"


def test_the_chosen_verdict_is_told_with_every_reason(gated):
    latest = drawn("history", *gated)
    assert '<span class="word good">SHIP</span>' in " ".join(bodies(latest))
    page = drawn("history", *gated, verdict="first, 2023-11-14 22:13 UTC")
    assert '<span class="word bad">BLOCK</span>' in " ".join(bodies(page))
    stored = record(gated[0])
    assert stored["sentence"].replace("`", "") in " ".join(texts(page).split()).replace(" ;", ";").replace(" :", ":")
    words = {True: "holds", False: "FAILS", None: "UNKNOWN"}
    shown = (words[r["holds"]] if r["checked"] else "not checked" for r in stored["reasons"])
    wanted = [[r["rule"], word, r["text"]] for r, word in zip(stored["reasons"], shown, strict=True)]
    rules = table(page, "facts rules")[1:]
    assert [[row[0].split()[-1], *row[1:]] for row in rules] == wanted != []
    assert rules[0][0].split() == ["both", "runs", "are", "done", "complete"]
    assert {"FAILS", "not checked"} <= {row[1] for row in wanted}  # the baseline is not locked


def test_without_a_verdict_the_page_says_how_to_get_one(make_report, paired_rows):
    page = drawn("history", make_report(paired_rows(7, 2, 1, 1)))
    assert "No verdict is stored" in page.info[0].value
    assert [block.value.split()[:2] for block in page.code] == [["ownbench", "gate"], ["ownbench", "baseline"]]


def test_a_lock_says_whether_it_stands(gated, make_report, paired_rows):
    set_baseline(gated[0], "A")
    assert table(drawn("history", *gated), "baselines")[1][:4] == [
        "first",
        "A",
        "yes",
        "as it was locked; anchor: A of first",
    ]
    time.sleep(0.01)
    make_report(paired_rows(60, 20, 4, 6), manifest=DONE, name="first")
    _, row = table(drawn("history", *gated), "baselines")
    assert row[:3] == ["first", "A", "NO"]
    assert "changed since it was locked" in row[3]


def test_runs_tell_how_far_they_came(make_report, paired_rows):
    short = {"complete": False, "planned": 1_000, "done": 22, "stopped_because": "budget"}
    page = drawn("history", make_report(paired_rows(7, 2, 1, 1), manifest=short))
    head, row = table(page, "runs")
    shown = dict(zip(head, row, strict=True))
    assert shown["run"].split() == ["not", "done", "22", "of", "1,000", "attempts", "made;", "stopped:", "budget"]
    assert (shown["contenders"], shown["passed"], shown["failed"]) == ("2", "17", "5")


def test_runs_count_each_part_and_tell_what_passed_in_part(tmp_path):
    (tmp_path / "t.csv").write_text("contender,task,score,split\nA,1,0.25,test\nA,2,0,test\nA,3,0.75,dev\n")
    import_table(tmp_path / "t.csv", tmp_path / "r")
    head, row = table(drawn("history", tmp_path / "r"), "runs")
    shown = dict(zip(head, row, strict=True))
    assert shown["attempts"].split(maxsplit=1) == ["3", "2 of test and 1 of dev"]
    assert (shown["partly passed"], shown["failed"]) == ("2", "1")


def test_a_run_is_under_way_until_its_process_ends_though_no_file_changes(make_report, paired_rows):
    folder = make_report(paired_rows(7, 2, 1, 1), manifest={"complete": False, "planned": 90, "done": 22})
    assert "not done" in table(drawn("history", folder), "runs")[1][1]
    with Journal(folder):
        assert "running now" in table(drawn("history", folder), "runs")[1][1]
    assert "not done" in table(drawn("history", folder), "runs")[1][1]


def test_some_hundred_reports_are_read_once(tmp_path, monkeypatch):
    page, read = import_module("harness.report.pages.history"), []
    monkeypatch.setattr(page, "entry_of", lambda folder: read.append(folder) or entry_of(folder))
    folders = [tmp_path / f"r{number:03}" for number in range(300)]
    for folder in folders:
        folder.mkdir()
    drawn("history", *folders)
    drawn("history", *folders)
    assert read == folders


def test_an_earlier_verdict_of_the_same_report_can_be_read(gated):
    folder = gated[0]
    for day, (a, b) in enumerate((("A", "B"), ("B", "A")), 1):
        view = gate(folder, folder, baseline_contender=a, candidate_contender=b)
        write_gate(view, folder, {}, at=datetime(2026, 1, day, tzinfo=UTC))
    assert '<span class="word good">SHIP</span>' in " ".join(bodies(drawn("history", folder)))
    page = drawn("history", folder, verdict="first, 2026-01-01 00:00 UTC")
    assert '<span class="word bad">BLOCK</span>' in " ".join(bodies(page))
    assert [row[1] for row in table(page, "verdicts")[1:]] == ["2026-01-01 00:00 UTC", "2026-01-02 00:00 UTC"]


def test_a_broken_file_is_told_and_the_rest_is_shown(gated):
    (gated[0] / "verdict.json").write_text("{")
    page = drawn("history", *gated)
    assert "1 file could not be read" in texts(page)
    assert "not a readable verdict" in texts(page)
    assert len(table(page, "verdicts")) == 2
    (gated[0] / "outcomes.parquet").write_bytes(b"PAR1")
    assert "2 files could not be read" in texts(drawn("history", *gated))


def test_what_differs_is_what_the_gate_says_of_the_same_two(make_report, paired_rows):
    parts = {"delivery": ["flat", "0123"], "skills": {"s": [["s", "ab" * 16], ["t", "cd" * 16]]}}
    contenders = [{"name": "A", "kind": "model", "parts": {}},
                  {"name": "B", "kind": "skilled", "parts": parts}]  # fmt: skip
    rows = paired_rows(70, 4, 20, 6)
    folder = make_report(rows, manifest=DONE | {"contenders": contenders})
    view = gate(folder, folder, baseline_contender="A", candidate_contender="B")
    page = drawn("history", folder)
    wanted = [[c.what, c.baseline or "-", c.candidate or "-"] for c in view.changed]
    assert table(page, "facts")[1:] == wanted != []
    assert [row[0] for row in wanted] == ["name", "kind", "skills", "delivery", "delivery wrapper"]
    assert wanted[2][2] == "s abababababab, t cdcdcdcdcdcd"  # what is called as its suite is, once
    same = drawn("history", folder, before="B", after="B")
    assert any("Choose two different ones" in one.value for one in same.info)


def test_two_reports_can_be_held_against_each_other(gated):
    first, second = gated
    page = drawn("history", first, second, **{"from": "first", "to": "second", "before": "A", "after": "A"})
    assert [box.value for box in page.selectbox if box.key in {"from", "to"}] == ["first", "second"]
    assert "No difference on record." in texts(page)


def test_hostile_texts_of_a_verdict_are_text(gated):
    stored = record(gated[0])
    stored |= {"sentence": HOSTILE, "baseline": HOSTILE, "candidate": HOSTILE, "baseline_report": HOSTILE,
               "reasons": [{"rule": HOSTILE, "holds": None, "text": HOSTILE}],
               "changed": [{"what": HOSTILE, "baseline": HOSTILE, "candidate": None}]}  # fmt: skip
    (gated[0] / "verdict.json").write_text(json.dumps(stored))
    page = drawn("history", *gated, verdict="first, 2023-11-14 22:13 UTC")
    assert texts(page).count("![x](http://e.example)") >= 8
    assert all("<img" not in body and "\u202e" not in body for body in bodies(page))
    rendered = [*page.caption, *page.markdown, *page.info, *page.header]
    assert not any("e.example" in element.value for element in rendered)


# ---------------------------------------------------------------------------------------------------------- the figure


def values(figure):
    return vega_lite(figure)["data"]["values"]


def test_the_figure_draws_each_difference_in_points(gated):
    figure = verdict_figure(history(gated).verdicts)
    for folder, row in zip(gated, values(figure), strict=True):
        compared = record(folder)["comparison"]
        assert row["value"] == pytest.approx(100 * compared["delta"])
        assert (row["low"], row["high"]) == (
            pytest.approx(100 * compared["low"]),
            pytest.approx(100 * compared["high"]),
        )
        assert row["margin"] == pytest.approx(-2)
    assert [row["decision"] for row in values(figure)] == ["BLOCK", "SHIP"]
    assert "1 BLOCK -16.00" in figure.words


@pytest.mark.parametrize("look", [PAPER, DAY, NIGHT])
def test_the_figure_is_drawn_on_every_ground(gated, look):
    figure = verdict_figure(history(gated).verdicts, look)
    assert png(figure).startswith(b"\x89PNG")
    alt.LayerChart.from_dict(vega_lite(figure), validate=True)


def test_a_verdict_without_a_difference_is_told_and_not_drawn(gated):
    stored = record(gated[0])
    (gated[0] / "verdict.json").write_text(json.dumps(stored | {"decision": "INVALID", "comparison": None}))
    figure = verdict_figure(sorted(history(gated).verdicts, key=lambda entry: entry.name))
    assert [row["number"] for row in values(figure)] == ["2"]
    assert figure.notes[-1] == "Without a difference, and not drawn: 1"
    assert verdict_figure(history(gated[:1]).verdicts) is None
    assert "None of them has a difference" in drawn("history", gated[0]).caption[1].value


def test_only_the_latest_of_many_are_drawn(gated):
    entries = [history(gated).entries[0]] * (MOST + 3)
    figure = verdict_figure(entries)
    assert next(row["number"] for row in values(figure)) == "4"
    assert figure.notes[-1] == f"The latest {MOST} of {MOST + 3} verdicts"


def test_of_several_chosen_reports_theirs_are_listed_and_of_one_all(gated):
    first, second = gated

    def listed(*chosen, **asked):
        page = drawn("history", *chosen, every=gated, **asked)
        box = [one for one in page.selectbox if one.key == "of"]
        return [row[0] for row in table(page, "verdicts")[1:]], [row[0] for row in table(page, "runs")[1:]], box

    verdicts, runs, (box,) = listed(second)
    assert (verdicts, sorted(runs)) == (["1. first", "2. second"], ["first", "second"])
    assert (box.value, box.options[1]) == ("all", "only the report chosen in the side bar")
    assert listed(second, of="chosen")[:2] == (["1. second"], ["second"])
    assert listed(first, second)[2] == []  # nothing else is there
