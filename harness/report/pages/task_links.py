"""Links to the tasks behind a figure: what the page Tasks is asked for stands in them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from harness.report.blocks import Cell, Table
from harness.report.pages.choices import href


def tasks_href(**asked: str) -> str:
    """A link to the tasks that are asked for so, by keys of that page's address."""
    return href("Tasks", keep=("shown",), **asked)


def tasks_in_report(report: str, **asked: str) -> str:
    """The same in another report than the one that is shown, by what the side bar calls it."""
    return "?" + urlencode([("page", "Tasks"), ("report", report), *asked.items()])


def linked(table: Table, link: Callable[[Sequence[Cell]], str]) -> Table:
    """A table whose rows' first cells lead somewhere; an empty link leaves one as it is."""
    rows = []
    for row in table.rows:
        to = link(row)
        rows.append((replace(row[0], link=to), *row[1:]) if to else row)
    return replace(table, rows=tuple(rows))


def behind_domains(table: Table, a: str, b: str) -> Table:
    """A table of domains, each of which leads to its tasks that only one of two contenders passed."""
    return linked(
        table,
        lambda row: tasks_href(domain=row[0].text, flipped="only one of the two passed", a=a, b=b),
    )
