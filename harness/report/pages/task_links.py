"""Links to the tasks behind a figure: what the page Tasks is asked for stands in them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from urllib.parse import quote_plus, urlencode

from harness.report import blocks
from harness.report.blocks import Cell, Table, linked
from harness.report.pages.choices import href

FLIPPED = "only one of the two passed"  # as the page Tasks calls what flipped either way

FIRST = {"slowest first": "latency_s", "most expensive first": "cost_usd", "most input tokens first": "input_tokens",
         "most cached input tokens first": "cached_input_tokens", "most output tokens first": "output_tokens",
         "most reasoning tokens first": "reasoning_tokens"}  # fmt: skip
"""What that page calls its orders by an amount, and the amounts."""


def tasks_href(**asked: str) -> str:
    """A link to the tasks that are asked for so, by keys of that page's address."""
    return href("Tasks", keep=("shown",), **asked)


def tasks_links(*keys: str) -> Callable[..., str]:
    """Makes such links from the values of these keys, for the hundreds of cells of a table."""
    start = tasks_href()

    def link(*values: str) -> str:
        return start + "".join(f"&{key}={quote_plus(value)}" for key, value in zip(keys, values, strict=True))

    return link


def tasks_in_report(report: str, **asked: str) -> str:
    """The same in another report than the one that is shown, by what the side bar calls it."""
    return "?" + urlencode([("page", "Tasks"), ("report", report), *asked.items()])


def tasks_table(title: str, names: Sequence[str], link: Callable[[str], str]) -> Table:
    """Names of tasks, each of which opens by what ``link`` makes of it."""
    rows = ([Cell(name, code=True, link=link(name))] for name in names)
    return blocks.table(title, [blocks.Column("task", left=True)], rows)


def behind_contenders(table: Table, names: Collection[str], **where: str) -> Table:
    """A table of contenders, each of which leads to what it failed; one of another name, as of one seed, has no tasks.

    ``where`` says of which of several reports.
    """
    return linked(table, lambda row: _failures(row[0].text, where) if row[0].text in names else "")


def _failures(contender: str, where: Mapping[str, str]) -> str:
    return tasks_href(**where, who=contender, status="failed")


def behind_pairs(table: Table, names: Collection[str], **where: str) -> Table:
    """A table of comparisons, contender and other first, each of which leads to what only one of the two passed."""

    def link(row: Sequence[Cell]) -> str:
        a, b = (cell.text for cell in row[:2])
        return tasks_href(**where, flipped=FLIPPED, a=a, b=b) if {a, b} <= {*names} else ""

    return linked(table, link)


def behind_domains(table: Table, a: str, b: str) -> Table:
    """A table of domains, each of which leads to its tasks that only one of two contenders passed."""
    link = tasks_links("domain", "flipped", "a", "b")
    return linked(table, lambda row: link(row[0].text, FLIPPED, a, b))
