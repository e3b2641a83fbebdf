"""Tables that people work with: sorted by mouse and by keys, paged, each row a link to what lies behind it."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.report import write_report

CONTENDERS, TASKS = 24, 19
SEEN = """table => [...table.tBodies[0].rows].filter(row => row.getBoundingClientRect().height)
    .map(row => [row.getBoundingClientRect().top, row.cells[0].innerText])
    .sort((a, b) => a[0] - b[0]).map(row => row[1].split('\\n')[0])"""
"""What the rows of a table are called, from the top down as they are seen."""


@pytest.fixture(scope="module")
def few_report(tmp_path_factory):
    """Later contenders pass less and cost more."""
    report = tmp_path_factory.mktemp("reports") / "few"
    report.mkdir()
    rows = []
    for c in range(CONTENDERS):
        for d in range(TASKS):
            passed = (7 * c + 3 * d) % 24 >= c
            rows.append({"contender": f"c{c:02}", "task": f"t{d:03}", "domain": "d", "trial": 0, "suite": "s",
                         "split": "test", "passed": passed, "status": "passed" if passed else "failed",
                         "cost_usd": 0.001 * (c + 1), "latency_s": 0.05 * (c + 1)})  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), report / "outcomes.parquet")
    (report / "experiment.yaml").write_text("reference: c00\n")
    write_report(report)
    return report


@pytest.fixture(scope="module")
def few(serve, few_report):
    return serve(few_report)


def by_cost(names, table):
    """Clicks the head of the costs twice, and says what stands on top each time."""
    head = table.locator("thead th", has_text=re.compile("cost per .* tasks"))
    tops = []
    for _ in range(2):
        head.click()
        tops.append(table.evaluate(SEEN)[:2])
    assert tops == [names[:-3:-1], names[:2]]
    return head


def test_a_table_is_sorted_by_mouse_and_by_keys(few, visit):
    tab = visit(few).go("?page=Answer")
    table = tab.page.locator("table.scores")
    names = [f"c{c:02}" for c in range(CONTENDERS)]
    head = by_cost(names, table)
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("input:checked").press("ArrowLeft")
    assert head.get_attribute("aria-sort") == "descending"
    assert table.evaluate(SEEN)[0] == names[-1]
    first = table.locator("thead th").first
    first.locator("input").first.press("Space")
    assert table.evaluate(SEEN) == names[:15]  # of the sorted rows the first, the rest folded away
    assert [one.get_attribute("aria-sort") for one in (head, first)] == [None, "ascending"]
    tab.check()


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}])
def test_the_file_sorts_without_a_script(chromium, few_report, options):
    context = chromium.new_context(offline=True, java_script_enabled=True, **options)
    tab = context.new_page()
    tab.goto((few_report / "report.html").as_uri())
    assert "script-src" not in tab.content()
    assert tab.locator("script").count() == 0
    table = tab.locator("table.scores")
    assert len(table.evaluate(SEEN)) == 15
    by_cost([f"c{c:02}" for c in range(24)], table)
    left = "cells => cells.map(cell => Math.round(cell.getBoundingClientRect().right))"
    assert len(table.evaluate(SEEN)) == 24
    columns = [table.locator(f"tr > :nth-child({column})").evaluate_all(left) for column in (1, 4)]
    assert [len(set(column)) for column in columns] == [1, 1]  # cells stand under their heads
    context.close()


def test_a_row_of_the_file_leads_to_the_tasks_that_failed(chromium, few_report):
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.goto((few_report / "report.html").as_uri())
    row = tab.locator("table.scores tbody tr").filter(has=tab.get_by_text("c05", exact=True))
    row.locator("a").click()
    part = tab.locator("details:has(> summary:has-text('c05')):has-text('Those first')")
    assert part.get_attribute("open") is not None
    box = part.bounding_box()
    assert -50 <= box["y"] < 800
    failed = [f"t{d:03}" for d in range(TASKS) if (35 + 3 * d) % 24 < 5]
    assert f"{len(failed)} tasks failed" in part.inner_text()
    assert all(name in part.inner_text() for name in failed)
    context.close()


def test_on_a_phone_the_columns_are_a_line_of_buttons(chromium, few_report):
    context = chromium.new_context(offline=True, viewport={"width": 390, "height": 844})
    tab = context.new_page()
    tab.goto((few_report / "report.html").as_uri())
    table = tab.locator("table.scores")
    by_cost([f"c{c:02}" for c in range(24)], table)
    assert tab.evaluate("() => document.documentElement.scrollWidth") == 390
    context.close()
