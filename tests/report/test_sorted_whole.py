"""A table that shows a page of its rows is sorted as a whole: a head leads to all rows in that order."""

import html
import re
from urllib.parse import parse_qs

import pytest
from app_page import bodies, drawn, table

from harness.core import UsageError
from harness.report.blocks import Way, sorted_whole
from harness.report.blocks import table as a_table
from harness.report.html_parts import html_table
from harness.report.pages.tasks import A_PAGE
from harness.store import Outcomes, TaskFilter, find_tasks

TASKS = 70


@pytest.fixture
def many(make_report):
    """Names out of order, and of ``b`` the last task of the file alone failed."""
    return make_report([
        {"contender": name, "task": f"T{(9 * t) % TASKS}", "suite": "s", "domain": f"d{t % 30}",
         "status": "failed" if name == "b" and t == TASKS - 1 else "passed"}
        for name in ("a", "b") for t in range(TASKS)
    ])  # fmt: skip


def heads(test, kind):
    """Of each head of a table where it leads to and how its column is sorted."""
    body = html.unescape(next(body for body in bodies(test) if f'<table class="{kind}">' in body))
    found = re.findall(r'<th scope="col"([^>]*)>.*?(?:<a class="sort" href="\?([^"]*)"[^>]*></a>)?</th>', body)
    return [({key: of[0] for key, of in parse_qs(to).items()}, sort) for sort, to in found]


def test_heads_of_a_page_of_tasks_sort_all_of_them(many):
    test = drawn("tasks", many)
    (body,) = (body for body in bodies(test) if '<table class="results">' in body)
    assert 'type="radio"' not in body, "no head sorts a page alone"
    (by_name, sorted_), *by_result = heads(test, "results")
    assert sorted_ == ""
    found = drawn("tasks", many, **by_name)
    first = [row[0].split()[0] for row in table(found, "results")[1:]]
    assert first == [f"T{n}" for n in range(A_PAGE)]
    assert "ascending" in heads(found, "results")[0][1]
    back = drawn("tasks", many, **heads(found, "results")[0][0])
    assert table(back, "results")[1][0].startswith(f"T{TASKS - 1}")
    failures = drawn("tasks", many, **by_result[1][0])
    assert table(failures, "results")[1][2].startswith("failed"), "the one failure of the last page is the first of all"


def test_a_table_that_shows_all_its_rows_sorts_in_the_browser(make_report):
    few = make_report([{"contender": "a", "task": f"t{t}", "status": "passed"} for t in range(A_PAGE)])
    test = drawn("tasks", few)
    assert any('type="radio"' in body for body in bodies(test) if '<table class="results">' in body)
    assert heads(test, "results")[0][0] == {}


def test_tasks_stand_in_the_order_asked_for(many):
    index = Outcomes(many)

    def names(first):
        return [row.task for row in find_tasks(index, TaskFilter(first=first), limit=TASKS).rows]

    assert names("name") == [f"T{n}" for n in range(TASKS)]
    assert names("-name") == names("name")[::-1]
    last = f"T{(9 * (TASKS - 1)) % TASKS}"
    assert names("failed:b")[0] == names("passed:b")[-1] == last
    assert sorted(names("passed:a")) == sorted(names(""))
    with pytest.raises(UsageError, match="unknown order 'best'; use one of differ, name, -name, passed:CONTENDER"):
        names("best")


def test_a_link_of_a_head_is_one_of_ours_and_nothing_else_in_it_is_live():
    plain = a_table("t", ["<i>", "b"], [["1", "2"], ["3", "4"]])
    ways = [[Way("x", "?page=Tasks&order=%3Cb%3E", '"><script>', down=True), Way("y", "javascript:alert(1)", "z")], []]
    drawn_ = html_table(sorted_whole(plain, ways, "y"))
    assert 'aria-sort="ascending"' in drawn_
    assert "<script" not in drawn_
    assert drawn_.count('<a class="sort"') == 1
    assert "<a " not in html_table(sorted_whole(plain, ways, "x"))  # the other way leads out of the page
    assert 'type="radio"' not in drawn_
