"""Pass rates over reports, and one report after another: the figures are those of the commands."""

import html
import os

import pytest
from app_page import bodies, drawn, texts

from harness.analysis import two_reports
from harness.core import percent_interval, points, points_interval
from harness.report.pages.trends import MOST
from harness.report.trend_figures import DRAWN, trend_figure, trends_table
from harness.report.vega import DAY, png, vega_lite
from harness.store import Journal
from harness.verdict import rates_in, trends_of

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def weeks(make_report):
    """Four reports of two contenders, with other tasks from the third on; a third contender is in one alone."""
    folders = []
    for week in range(4):
        rows = [
            {"contender": name, "task": f"t{week // 2}-{t}", "suite": "s", "split": "test", "domain": "d",
             "status": "passed" if t < passes + 3 * week else "failed"}
            for name, passes in (("tuned", 30), ("skilled", 20), *([("lone", 5)] if week == 2 else []))
            for t in range(50)
        ]  # fmt: skip
        told = [{"name": name, "kind": "model", "digest": f"{name}{week}", "parts": {"model": {"name": f"m{week}"}}}
                for name in ("tuned", "skilled")]  # fmt: skip
        manifest = {"created_at": f"2026-0{week + 1}-01T00:00:00+00:00", "complete": True, "contenders": told,
                    "suites": [{"name": "s", "digest": f"{week // 2}"}]}  # fmt: skip
        folder = make_report(rows, manifest, name=f"week-{week}")
        os.utime(folder / "outcomes.parquet", (1_700_000_000 + week,) * 2)
        folders.append(folder)
    return folders


def test_every_point_is_what_the_command_says(weeks):
    found = trends_of(map(rates_in, weeks))
    assert [*found.contenders] == ["skilled", "tuned"], "what is in one report alone has no trend"
    chart = vega_lite(trend_figure(found, DAY))
    rows = {(row["name"], row["report"]): row for row in chart["data"]["values"]}
    for name, seen in found.contenders.items():
        for point in seen:
            row, rate = rows[name, point.report], point.rate.pass_rate
            assert (row["value"], row["low"], row["high"]) == (100 * rate.value, 100 * rate.low, 100 * rate.high)
    assert len({row["part"] for row in rows.values()}) == 4, "each line ends where the tasks are other ones"
    assert png(trend_figure(found, DAY), 1).startswith(b"\x89PNG")
    page = drawn("history", *weeks)
    assert "Pass rates over reports" in texts(page)
    words = texts(page)
    for name, seen in found.contenders.items():
        for point in seen:
            assert percent_interval(point.rate.pass_rate) in words, (name, point.report)
    cells = [cell.text for row in trends_table(found).rows for cell in row]
    others = [cell for cell in cells if "shares 0 of its 50 tasks with the report before" in cell]
    assert len(others) == 2


def test_two_reports_are_laid_one_over_the_other_as_the_command_does(weeks):
    page = drawn("history", *weeks)
    found, words = two_reports(weeks[2], weeks[3]), texts(page)
    assert found.sentence in words
    for one in found.contenders:
        c = one.pairing.comparison
        assert points(c.delta) in words
        assert points_interval(c.low, c.high) in words
    sent = html.unescape(" ".join(bodies(page)))
    for one in found.contenders:
        assert one.pairing.flips
        for flip in one.pairing.flips:
            link = f"?page=Tasks&report=week-3&task={flip.task}&left={one.contender}"
            assert f'href="{link}"' in sent
    assert "t1-38" in texts(drawn("tasks", weeks[3], task="t1-38", left="tuned"))
    assert "m2" in words
    assert "m3" in words
    other = drawn("history", *weeks, older="week-0", newer="week-1")
    assert two_reports(weeks[0], weeks[1]).sentence in texts(other)


def test_one_contender_is_chosen_and_one_report_alone_has_no_trend(weeks):
    found = trends_of(map(rates_in, weeks))
    lone = drawn("history", *weeks, trend="skilled")
    rate = found.contenders["tuned"][0].rate.pass_rate
    assert percent_interval(rate) not in texts(lone)
    one = drawn("history", weeks[0])
    assert any("No contender is in two of the reports" in info.value for info in one.info)


def test_of_many_contenders_and_reports_a_part_is_drawn_and_said(make_report):
    names = [f"{HOSTILE}{n}" for n in range(DRAWN + 2)]
    folders = []
    for n in range(2):
        rows = [{"contender": name, "task": f"t{t}", "status": "passed" if t % 2 else "failed"}
                for name in names for t in range(4)]  # fmt: skip
        folders.append(make_report(rows, {"complete": True}, name=f"r{n}"))
    found = trends_of(map(rates_in, folders))
    drawing = trend_figure(found, DAY)
    assert len({row["name"] for row in drawing.chart["data"]["values"]}) == DRAWN
    assert any(f"The first {DRAWN} of {len(names)}" in note for note in drawing.notes)
    assert "<img" not in "".join(bodies(drawn("history", *folders)))
    assert MOST >= 20


def test_a_report_whose_run_is_at_work_is_named_as_left_out(weeks):
    with Journal(weeks[1]):
        page = drawn("history", *weeks)
    assert any("Left out, as still running: week-1" in caption.value for caption in page.caption)
